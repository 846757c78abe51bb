//! Fill tokens: the right to store one value, given to the reader that missed it.
//!
//! A reader that missed before an invalidation must not store what it computed after it: the
//! stale value would stay for its whole time to live. So a miss gives a token, at most one per
//! key at a time, and whatever invalidates the key (whether it exists or not) voids the token.
//! These are the leases of Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, 3.2.1;
//! here they are voided by tags, patterns and events too.
//!
//! Tokens are void or good when an invalidation comes, by their keys. The tags that a fill
//! brings are not known then: the purges of tags are remembered while a token lives that is
//! older than they are.
//!
//! Always true: a key has at most one token; nothing is remembered while there is no token.

use std::collections::btree_map::{BTreeMap, RangeMut};
use std::collections::{HashSet, VecDeque};
use std::ops::Bound;

use super::database::TagExpression;
use super::name::{Db, Shown};
use super::pattern::Pattern;
use super::purged_tags::{Moment, PurgedTags};
use super::rule::Resolved;
use super::waiting::{Waiter, Waiting};

/// Most tokens at a time, some 200 bytes each: a thousand misses a second, computed for a
/// minute each. Beyond, the oldest is void.
pub const TOKENS_MAX: usize = 60_000;

/// Used and replaced tokens that may stand in the order of death before it is cleaned; beside as
/// many as live, so that cleaning costs each token a step or two.
const DEAD_MAX: usize = 64;

/// The right to store one value. Unguessable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

/// A key of a database. The name comes first: patterns and deletions look for beginnings.
pub type Name = (Box<[u8]>, Db);

/// Why a fill is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such token: its time is up, it was used, or it is of another server or key.
    Unknown,
    /// The key was invalidated since, by name, tag, pattern or event.
    Invalidated,
    /// The key was deleted since, or its database flushed or swapped.
    Deleted,
    /// Somebody wrote the key since.
    Written,
    /// A tag that the fill brings was purged since.
    Tag(Vec<u8>),
}

/// What asking for a token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The right to fill.
    Given(Token),
    /// Somebody else has it.
    Busy,
}

#[derive(Clone, Debug)]
struct Entry {
    token: Token,
    since: Moment,
    /// When it was given and when it dies, in milliseconds of the clock that only goes forward.
    given_ms: u64,
    dies_ms: u64,
    /// Why it is void; `None` while it is good.
    void: Option<Refusal>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    entries: BTreeMap<Name, Entry>,
    /// In the order given, which is the order of death while the configuration stays.
    order: VecDeque<(Name, Token)>,
    now: Moment,
    /// The tags purged since the oldest token was given.
    purged: PurgedTags,
    /// Keys that open transactions may be about to delete, and whether there were too many.
    queued: HashSet<Box<[u8]>>,
    is_queue_full: bool,
    /// Who waits for whom.
    pub waiting: Waiting,
}

impl Entry {
    fn is_good(&self, now_ms: u64) -> bool {
        self.void.is_none() && self.dies_ms > now_ms
    }
}

/// The tokens of the keys from this name on.
fn onwards<'e>(entries: &'e mut BTreeMap<Name, Entry>, name: &[u8]) -> RangeMut<'e, Name, Entry> {
    entries.range_mut((Bound::Included((Box::from(name), Db(0))), Bound::Unbounded))
}

/// The token of a key is void; the first reason counts. Who waits for it hears of it.
fn spoil(name: &Name, entry: &mut Entry, why: Refusal, waiting: &mut Waiting) {
    if entry.void.is_none() {
        entry.void = Some(why);
        waiting.orphaned(name);
    }
}

impl Refusal {
    /// For the caller: what happened.
    pub fn why(&self) -> String {
        match self {
            Self::Unknown => "no such token: it was used, its time (inval.token-ttl) is up, or another server gave it".to_owned(),
            Self::Invalidated => "the key was invalidated since".to_owned(),
            Self::Deleted => "the key was deleted since".to_owned(),
            Self::Written => "the key was written since".to_owned(),
            Self::Tag(tag) => format!("the tag '{}' was purged since", Shown(tag)),
        }
    }
}

impl Tokens {
    /// Whether no token lives and nobody waits: then nothing needs to be told.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.waiting.is_empty()
    }

    /// How many there are, void ones included until their time is up.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Asks for the token of a key. `token` is a number that nobody can guess.
    pub fn ask(&mut self, db: Db, key: &[u8], token: Token, now_ms: u64, ttl_ms: u64) -> Asked {
        self.forget_dead(now_ms);
        let name = (Box::from(key), db);
        if self.entries.get(&name).is_some_and(|entry| entry.is_good(now_ms)) {
            return Asked::Busy;
        }
        let dies_ms = now_ms.saturating_add(ttl_ms);
        let entry = Entry { token, since: self.now, given_ms: now_ms, dies_ms, void: None };
        self.order.push_back((name.clone(), token));
        self.entries.insert(name, entry);
        if self.order.len() > 2 * self.entries.len() + DEAD_MAX {
            let entries = &self.entries;
            self.order.retain(|(name, token)| {
                entries.get(name).is_some_and(|entry| entry.token == *token)
            });
        }
        while self.entries.len() > TOKENS_MAX {
            self.forget_first();
        }
        Asked::Given(token)
    }

    /// Takes a token: whether the fill that brings these tags may be stored. It is good once.
    /// Gives the milliseconds since it was given. When the value is stored or is not,
    /// [`Tokens::arrived`] or [`Tokens::failed`] is to be told.
    ///
    /// # Errors
    /// Why not.
    pub fn take(
        &mut self,
        db: Db,
        key: &[u8],
        token: Token,
        tags: &[&[u8]],
        now_ms: u64,
    ) -> Result<u64, Refusal> {
        self.forget_dead(now_ms);
        let name = (Box::from(key), db);
        let entry = self.entries.get(&name).filter(|entry| entry.token == token);
        let entry = entry.filter(|entry| entry.dies_ms > now_ms).ok_or(Refusal::Unknown)?;
        let by_tag = || self.purged.since(db, tags, entry.since).map(Refusal::Tag);
        let refusal = entry.void.clone().or_else(by_tag);
        let age_ms = now_ms.saturating_sub(entry.given_ms);
        self.entries.remove(&name);
        self.forget_if_empty();
        match refusal {
            None => Ok(age_ms),
            Some(refusal) => {
                self.waiting.orphaned(&name);
                Err(refusal)
            }
        }
    }

    /// A value was stored: those that wait for it look again.
    pub fn arrived(&mut self, db: Db, key: &[u8]) {
        if !self.waiting.is_empty() {
            self.waiting.arrived(&(Box::from(key), db));
        }
    }

    /// The value for which a token was taken could not be stored.
    pub fn failed(&mut self, db: Db, key: &[u8]) {
        self.waiting.orphaned(&(Box::from(key), db));
    }

    /// Whether this is the key's token, and good.
    pub fn holds(&self, db: Db, key: &[u8], token: Token, now_ms: u64) -> bool {
        let entry = self.entries.get(&(Box::from(key), db));
        entry.is_some_and(|entry| entry.token == token && entry.is_good(now_ms))
    }

    /// Who was given a token went away before hearing of it.
    pub fn give_back(&mut self, token: Token) {
        let of = self.order.iter().rev().find(|(_, other)| *other == token);
        if let Some(name) = of.map(|(name, _)| name.clone()) {
            self.forget(&name, token);
        }
    }

    /// A reader waits for the value that somebody else is about to fill.
    pub fn wait(&mut self, db: Db, key: &[u8], waiter: Waiter) {
        self.waiting.join((Box::from(key), db), waiter);
    }

    /// Where the right to fill is nobody's, the first that waits inherits it. `new_token` is
    /// asked for numbers that nobody can guess.
    pub fn hand_over(&mut self, now_ms: u64, ttl_ms: u64, mut new_token: impl FnMut() -> Token) {
        while let Some(name) = self.waiting.next_orphan() {
            if self.waiting.has(&name) {
                let token = new_token();
                if self.ask(name.1, &name.0, token, now_ms, ttl_ms) == Asked::Given(token) {
                    self.waiting.inherit(&name, token);
                }
            }
        }
    }

    /// Time has passed: tokens may have died that somebody waits for.
    pub fn sweep(&mut self, now_ms: u64) {
        let is_good = |name: &&Name| self.entries.get(name).is_some_and(|e| e.is_good(now_ms));
        let dead: Vec<Name> = self.waiting.names().filter(|name| !is_good(name)).cloned().collect();
        dead.iter().for_each(|name| self.waiting.orphaned(name));
    }

    /// All tokens are void and unknown; those that wait look again.
    pub fn forget_all(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.all_look();
        *self = Self { now: self.now, waiting, ..Self::default() };
    }

    /// A request is carried out: the tokens of all keys that its targets name are void.
    pub fn invalidated<'t>(&mut self, db: Db, targets: impl IntoIterator<Item = &'t Resolved>) {
        if self.is_empty() {
            return;
        }
        self.now += 1;
        for target in targets {
            match target {
                Resolved::Key(key) => self.void(db, key, Refusal::Invalidated),
                Resolved::Pattern(pattern) => self.void_matching(db, pattern),
                Resolved::Tag(tag) => {
                    let (tags, not) = (vec![tag.clone()], vec![]);
                    self.remember(db, &TagExpression { all: false, tags, not });
                }
                Resolved::Tags(expression) => self.remember(db, expression),
            }
        }
    }

    /// Something happened to one key.
    pub fn void(&mut self, db: Db, key: &[u8], why: Refusal) {
        if self.is_empty() {
            return;
        }
        let name = (Box::from(key), db);
        if why == Refusal::Written {
            self.waiting.arrived(&name);
        }
        if let Some(entry) = self.entries.get_mut(&name) {
            spoil(&name, entry, why, &mut self.waiting);
        }
    }

    /// Some keys of a database are invalidated.
    pub fn void_all<'n>(&mut self, db: Db, names: impl Iterator<Item = &'n [u8]>) {
        if !self.is_empty() {
            names.for_each(|name| self.void(db, name, Refusal::Invalidated));
        }
    }

    /// All keys of a database are gone; of all databases when none is named.
    pub fn flushed(&mut self, db: Option<Db>) {
        self.void_every(db, &Refusal::Deleted);
    }

    fn void_every(&mut self, db: Option<Db>, why: &Refusal) {
        let of = |(_, at): &&Name| db.is_none_or(|db| *at == db);
        for (name, entry) in self.entries.iter_mut().filter(|(name, _)| of(name)) {
            spoil(name, entry, why.clone(), &mut self.waiting);
        }
    }

    /// A client asks to delete a key, of a database that is not known. Of a key that is not
    /// there nothing else is heard.
    pub fn void_anywhere(&mut self, key: &[u8]) {
        let of_name = onwards(&mut self.entries, key).take_while(|((name, _), _)| **name == *key);
        for (name, entry) in of_name {
            spoil(name, entry, Refusal::Deleted, &mut self.waiting);
        }
    }

    /// A transaction will delete a key, perhaps. At most `max` are remembered.
    pub fn queue(&mut self, key: &[u8], max: usize) {
        match self.queued.len() < max {
            true => drop(self.queued.insert(key.into())),
            false => self.is_queue_full = true,
        }
    }

    /// A transaction is carried out.
    pub fn void_queued(&mut self) {
        if self.is_queue_full {
            self.flushed(None);
        }
        let queued = std::mem::take(&mut self.queued);
        queued.iter().for_each(|key| self.void_anywhere(key));
        self.queued = queued;
    }

    /// No transaction is open.
    pub fn forget_queued(&mut self) {
        (self.queued, self.is_queue_full) = (HashSet::new(), false);
    }

    fn void_matching(&mut self, db: Db, pattern: &Pattern) {
        let prefix = pattern.literal_prefix();
        let onwards = onwards(&mut self.entries, prefix);
        for (name, entry) in onwards.take_while(|((name, _), _)| name.starts_with(prefix)) {
            if name.1 == db && pattern.matches(&name.0) {
                spoil(name, entry, Refusal::Invalidated, &mut self.waiting);
            }
        }
    }

    fn remember(&mut self, db: Db, expression: &TagExpression) {
        if !self.purged.remember(db, expression, self.now) {
            self.void_every(None, &Refusal::Invalidated);
        }
    }

    fn forget_dead(&mut self, now_ms: u64) {
        while let Some((name, token)) = self.order.front() {
            match self.entries.get(name) {
                Some(entry) if entry.token == *token && entry.dies_ms > now_ms => return,
                _ => self.forget_first(),
            }
        }
    }

    fn forget_first(&mut self) {
        if let Some((name, token)) = self.order.pop_front() {
            self.forget(&name, token);
        }
    }

    /// Forgets a token, unless the key has another one by now.
    fn forget(&mut self, name: &Name, token: Token) {
        if self.entries.get(name).is_some_and(|entry| entry.token == token) {
            self.entries.remove(name);
            self.waiting.orphaned(name);
        }
        self.forget_if_empty();
    }

    fn forget_if_empty(&mut self) {
        if self.entries.is_empty() {
            *self = Self {
                now: self.now,
                queued: std::mem::take(&mut self.queued),
                is_queue_full: self.is_queue_full,
                waiting: std::mem::take(&mut self.waiting),
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests;
