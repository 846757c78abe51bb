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
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Bound;

use super::database::TagExpression;
use super::name::{Db, Shown};
use super::pattern::Pattern;
use super::rule::Resolved;

/// Most tokens at a time, some 200 bytes each: a thousand misses a second, computed for a
/// minute each. Beyond, the oldest is void.
pub const TOKENS_MAX: usize = 60_000;

/// Most tags remembered as purged. Beyond, all tokens are void, and none is remembered.
const TAGS_MAX: usize = 100_000;

/// Most other tag expressions remembered, likewise: each is held against every fill with tags.
const EXPRESSIONS_MAX: usize = 1000;

/// The right to store one value. Unguessable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

/// A key of a database. The name comes first: patterns and deletions look for beginnings.
type Name = (Box<[u8]>, Db);

/// Counts invalidations: what is younger has seen more of them.
type Moment = u64;

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
    /// Milliseconds of the clock that only goes forward.
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
    /// When each tag was purged last.
    tags: HashMap<(Db, Vec<u8>), Moment>,
    /// When each other tag expression was purged last.
    expressions: Vec<(Db, TagExpression, Moment)>,
    /// Keys that open transactions may be about to delete, and whether there were too many.
    queued: HashSet<Box<[u8]>>,
    is_queue_full: bool,
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
    /// Whether no token lives: then nothing needs to be told.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are, void ones included until their time is up.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Asks for the token of a key. `token` is a number that nobody can guess.
    pub fn ask(&mut self, db: Db, key: &[u8], token: Token, now_ms: u64, ttl_ms: u64) -> Asked {
        self.forget_dead(now_ms);
        let name = (Box::from(key), db);
        if let Some(entry) = self.entries.get(&name)
            && entry.void.is_none()
            && entry.dies_ms > now_ms
        {
            return Asked::Busy;
        }
        let dies_ms = now_ms.saturating_add(ttl_ms);
        let entry = Entry { token, since: self.now, dies_ms, void: None };
        self.order.push_back((name.clone(), token));
        self.entries.insert(name, entry);
        while self.entries.len() > TOKENS_MAX {
            self.forget_first();
        }
        Asked::Given(token)
    }

    /// Takes a token: whether the fill that brings these tags may be stored. It is good once.
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
    ) -> Result<(), Refusal> {
        self.forget_dead(now_ms);
        let name = (Box::from(key), db);
        let entry = self.entries.get(&name).filter(|entry| entry.token == token);
        let entry = entry.filter(|entry| entry.dies_ms > now_ms).ok_or(Refusal::Unknown)?;
        let refusal = entry.void.clone().or_else(|| self.purged_since(db, tags, entry.since));
        self.entries.remove(&name);
        self.forget_if_empty();
        refusal.map_or(Ok(()), Err)
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
        if !self.is_empty()
            && let Some(entry) = self.entries.get_mut(&(Box::from(key), db))
        {
            entry.void.get_or_insert(why);
        }
    }

    /// All keys of a database are gone; of all databases when none is named.
    pub fn flushed(&mut self, db: Option<Db>) {
        let of = |(_, at): &&Name| db.is_none_or(|db| *at == db);
        for (_, entry) in self.entries.iter_mut().filter(|(name, _)| of(name)) {
            entry.void.get_or_insert(Refusal::Deleted);
        }
    }

    /// A client asks to delete a key, of a database that is not known. Of a key that is not
    /// there nothing else is heard.
    pub fn void_anywhere(&mut self, key: &[u8]) {
        for entry in self.onwards(key).take_while(|((name, _), _)| **name == *key) {
            entry.1.void.get_or_insert(Refusal::Deleted);
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

    fn onwards(&mut self, name: &[u8]) -> RangeMut<'_, Name, Entry> {
        self.entries.range_mut((Bound::Included((Box::from(name), Db(0))), Bound::Unbounded))
    }

    fn void_matching(&mut self, db: Db, pattern: &Pattern) {
        let prefix = pattern.literal_prefix();
        let beginning = self.onwards(prefix).take_while(|((name, _), _)| name.starts_with(prefix));
        for ((name, of), entry) in beginning {
            if *of == db && pattern.matches(name) {
                entry.void.get_or_insert(Refusal::Invalidated);
            }
        }
    }

    fn remember(&mut self, db: Db, expression: &TagExpression) {
        let now = self.now;
        if expression.not.is_empty() && (!expression.all || expression.tags.len() == 1) {
            for tag in &expression.tags {
                self.tags.insert((db, tag.clone()), now);
            }
        } else {
            let same = |(of, other, _): &&mut (Db, TagExpression, Moment)| {
                *of == db && other == expression
            };
            match self.expressions.iter_mut().find(same) {
                Some((_, _, moment)) => *moment = now,
                None => self.expressions.push((db, expression.clone(), now)),
            }
        }
        if self.tags.len() > TAGS_MAX || self.expressions.len() > EXPRESSIONS_MAX {
            self.entries.values_mut().for_each(|entry| {
                entry.void.get_or_insert(Refusal::Invalidated);
            });
            self.tags = HashMap::new();
            self.expressions = vec![];
        }
    }

    fn purged_since(&self, db: Db, tags: &[&[u8]], since: Moment) -> Option<Refusal> {
        let purged =
            |tag: &&&[u8]| self.tags.get(&(db, tag.to_vec())).is_some_and(|moment| *moment > since);
        let has = |tag: &Vec<u8>| tags.contains(&tag.as_slice());
        let hit = |expression: &TagExpression| {
            let wanted = match expression.all {
                true => expression.tags.iter().all(has),
                false => expression.tags.iter().any(has),
            };
            wanted && !expression.not.iter().any(has)
        };
        let tag = tags.iter().find(purged).map(|tag| tag.to_vec());
        let by_expression = || {
            let mut later =
                self.expressions.iter().filter(|(of, _, moment)| *of == db && *moment > since);
            let (_, expression, _) = later.find(|(_, expression, _)| hit(expression))?;
            expression.tags.iter().find(|tag| has(tag)).cloned()
        };
        tag.or_else(by_expression).map(Refusal::Tag)
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
        let Some((name, token)) = self.order.pop_front() else { return };
        if self.entries.get(&name).is_some_and(|entry| entry.token == token) {
            self.entries.remove(&name);
        }
        self.forget_if_empty();
    }

    fn forget_if_empty(&mut self) {
        if self.entries.is_empty() {
            *self = Self {
                now: self.now,
                queued: std::mem::take(&mut self.queued),
                is_queue_full: self.is_queue_full,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests;
