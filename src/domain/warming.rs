//! Which deleted keys wait to be computed again, and what became of those that did.
//!
//! The queues themselves are streams of the server. What is kept here is a note per key, so that
//! a key that waits is not queued twice, and so that one can tell how many come back, and when
//! not. It is not saved: after a restart or a change of roles nothing is known to wait, and a key
//! is queued twice at worst.
//!
//! A key is noted from when it is queued until its value comes back, its time is up, or its
//! database is emptied. Once somebody has claimed it, and computes it, it is queued again when it
//! is invalidated again: the value may be computed from what was true before.
//!
//! Always true: a key is noted once; no database without a noted key is kept.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::name::Db;
use super::rule::Priority;

/// Most keys that are noted, some 250 bytes each: three times what the queues keep by default.
/// Beyond, keys are queued and not noted.
pub const NOTED_MAX: usize = 100_000;

/// Most keys whose time is up that one sweep counts: less than a millisecond's work.
pub const SWEEP_MAX: usize = 1000;

/// What became of keys that were to be warmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Put into a queue.
    pub queued: u64,
    /// Somebody was given the token for it, or filled it without one.
    pub claimed: u64,
    /// There is a value again.
    pub warmed: u64,
    /// No value came in time.
    pub failed: u64,
    /// Not queued: it waited already.
    pub deduplicated: u64,
    /// Not queued: nobody had touched it lately.
    pub cold: u64,
}

impl Counts {
    /// Name and number, in the order they are shown.
    pub fn fields(&self) -> [(&'static str, u64); 6] {
        [
            ("queued", self.queued),
            ("claimed", self.claimed),
            ("warmed", self.warmed),
            ("failed", self.failed),
            ("deduplicated", self.deduplicated),
            ("cold", self.cold),
        ]
    }
}

#[derive(Clone, Debug)]
struct Note {
    rule: Arc<str>,
    priority: Priority,
    /// When it has failed, in milliseconds of the clock that only goes forward.
    fails_ms: u64,
    is_claimed: bool,
}

/// The noted keys of one database.
#[derive(Clone, Debug, Default)]
struct Notes {
    keys: HashMap<Arc<[u8]>, Note>,
    by_time: BTreeSet<(u64, Arc<[u8]>)>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Warming {
    databases: BTreeMap<Db, Notes>,
    /// Over all.
    pub all: Counts,
    rules: BTreeMap<Arc<str>, Counts>,
}

impl Warming {
    /// Whether no key is noted: then nothing needs to be told.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// How many keys are noted.
    pub fn len(&self) -> usize {
        self.databases.values().map(|notes| notes.keys.len()).sum()
    }

    /// By rule, what became of its keys.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.rules.iter().map(|(rule, counts)| (&**rule, counts))
    }

    /// Whether a key should be queued: it does not wait yet, or for less, or is claimed.
    pub fn wants(&self, db: Db, key: &[u8], priority: Priority) -> bool {
        let note = self.databases.get(&db).and_then(|notes| notes.keys.get(key));
        note.is_none_or(|note| note.is_claimed || priority < note.priority)
    }

    /// A key was put into the queue of a priority for a rule. It has failed at `fails_ms`.
    pub fn queued(&mut self, db: Db, key: &[u8], rule: &str, priority: Priority, fails_ms: u64) {
        let rule = self.row(rule, |counts| counts.queued += 1);
        let has_room = self.len() < NOTED_MAX;
        let notes = match self.databases.entry(db) {
            std::collections::btree_map::Entry::Occupied(notes) => notes.into_mut(),
            _ if !has_room => return,
            std::collections::btree_map::Entry::Vacant(none) => none.insert(Notes::default()),
        };
        let note = Note { rule, priority, fails_ms, is_claimed: false };
        match notes.keys.entry(key.into()) {
            Entry::Occupied(mut old) => {
                let name = Arc::clone(old.key());
                notes.by_time.remove(&(old.insert(note).fails_ms, Arc::clone(&name)));
                notes.by_time.insert((fails_ms, name));
            }
            Entry::Vacant(new) if has_room => {
                notes.by_time.insert((fails_ms, Arc::clone(new.key())));
                new.insert(note);
            }
            Entry::Vacant(_) => {}
        }
    }

    /// A key of a rule was not queued because it waits already.
    pub fn deduplicated(&mut self, rule: &str) {
        self.row(rule, |counts| counts.deduplicated += 1);
    }

    /// A key of a rule was not queued because nobody had touched it lately.
    pub fn cold(&mut self, rule: &str) {
        self.row(rule, |counts| counts.cold += 1);
    }

    /// Somebody computes the value of a key.
    pub fn claimed(&mut self, db: Db, key: &[u8]) {
        let note = self.databases.get_mut(&db).and_then(|notes| notes.keys.get_mut(key));
        if let Some(note) = note.filter(|note| !note.is_claimed) {
            note.is_claimed = true;
            let rule = Arc::clone(&note.rule);
            self.count(&rule, |counts| counts.claimed += 1);
        }
    }

    /// There is a value under a key.
    pub fn arrived(&mut self, db: Db, key: &[u8]) {
        let Some(notes) = self.databases.get_mut(&db) else { return };
        let Some((name, note)) = notes.keys.remove_entry(key) else { return };
        notes.by_time.remove(&(note.fails_ms, name));
        if notes.keys.is_empty() {
            self.databases.remove(&db);
        }
        self.count(&note.rule, |counts| counts.warmed += 1);
    }

    /// Time has passed: forgets keys whose value did not come, up to [`SWEEP_MAX`] of them.
    pub fn sweep(&mut self, now_ms: u64) {
        let mut failed: Vec<Arc<str>> = vec![];
        for notes in self.databases.values_mut() {
            while failed.len() < SWEEP_MAX
                && let Some((fails_ms, name)) = notes.by_time.pop_first()
            {
                if fails_ms > now_ms {
                    notes.by_time.insert((fails_ms, name));
                    break;
                }
                failed.extend(notes.keys.remove(&name).map(|note| note.rule));
            }
        }
        self.databases.retain(|_, notes| !notes.keys.is_empty());
        failed.iter().for_each(|rule| self.count(rule, |counts| counts.failed += 1));
    }

    /// All keys of a database are gone, and the queues with them; of all when none is named.
    pub fn flushed(&mut self, db: Option<Db>) {
        match db {
            Some(db) => drop(self.databases.remove(&db)),
            None => self.databases.clear(),
        }
    }

    /// Two databases changed places; the queues with them.
    pub fn swapped(&mut self, first: Db, second: Db) {
        let (a, b) = (self.databases.remove(&first), self.databases.remove(&second));
        self.databases.extend(a.map(|notes| (second, notes)));
        self.databases.extend(b.map(|notes| (first, notes)));
    }

    /// Sets all counters to nothing. What waits goes on waiting.
    pub fn reset_counts(&mut self) {
        self.all = Counts::default();
        self.rules.values_mut().for_each(|counts| *counts = Counts::default());
    }

    /// Forgets what the keys of other rules came to.
    pub(super) fn keep_rules(&mut self, keep: impl Fn(&str) -> bool) {
        self.rules.retain(|rule, _| keep(rule));
    }

    /// Counts for a rule that is known, and in total.
    fn count(&mut self, rule: &str, change: impl Fn(&mut Counts)) {
        change(&mut self.all);
        if let Some(counts) = self.rules.get_mut(rule) {
            change(counts);
        }
    }

    /// Counts for a rule, known from now on, and in total; gives the rule's name.
    fn row(&mut self, rule: &str, change: impl Fn(&mut Counts)) -> Arc<str> {
        let name = match self.rules.get_key_value(rule) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(rule),
        };
        self.rules.entry(Arc::clone(&name)).or_default();
        self.count(&name, change);
        name
    }
}

#[cfg(test)]
mod tests;
