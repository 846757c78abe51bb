//! How values live: what becomes of some that were filled, to judge the times of classes by.
//!
//! Keys are sampled by the hash of their names: those whose hash is low enough. When the table
//! is full, half of them are let go, and only names with hashes half as high are taken from then
//! on; so every name that is sampled is followed through all its values.
//!
//! Always true: a value that is followed was filled and has not ended, or has expired and was not
//! filled again; no more than [`VALUES_MAX`] are followed; a class keeps the last
//! [`SAMPLES_MAX`] values that ended.

pub mod advice;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;

use super::State;
use super::change::Change;
use super::class_table::ClassId;
use super::name::Db;

/// Most values that are followed at a time, some 150 bytes each.
pub const VALUES_MAX: usize = 4096;

/// Ended values that a class keeps, 48 bytes each: enough for a 95th percentile that moves little.
pub const SAMPLES_MAX: usize = 256;

/// What ended a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An event or a purge deleted it, or marked it as stale.
    Invalidated,
    /// Its time was up.
    Expired,
    /// Memory was short.
    Evicted,
    /// Another value took its place.
    Overwritten,
    /// Another command deleted or renamed its key.
    Deleted,
}

/// A value that ended. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What ended it.
    pub end: End,
    /// From fill to end.
    pub lived_ms: u64,
    /// Its time to live, where it was that of its class.
    pub ttl_ms: Option<u64>,
    /// Reads that found it.
    pub reads: u32,
    /// From fill to the last read; 0 without one.
    pub last_read_ms: u64,
    /// Whether its reads were seen: it came by a token, or all reads are tracked.
    pub is_watched: bool,
    /// Of an expired one: whether the fill that followed soon brought the same value; `None`:
    /// there was none.
    pub came_back: Option<bool>,
}

/// A value that is filled.
#[derive(Clone, Copy, Debug)]
pub struct Filled<'a> {
    /// The name of its class.
    pub class: &'a str,
    /// Its time to live, if that is the class's.
    pub ttl_ms: Option<u64>,
    /// The value.
    pub value: &'a [u8],
    /// Whether its reader asked for it by `INVAL.FETCH`, and will again.
    pub by_token: bool,
}

/// A value that is followed.
#[derive(Clone, Debug)]
struct Value {
    class: Box<str>,
    hash: u64,
    ttl_ms: Option<u64>,
    is_watched: bool,
    filled_ms: u64,
    reads: u32,
    last_read_ms: u64,
    /// The number of its sample, and when that was, once it has expired.
    expired: Option<(u64, u64)>,
}

/// The values of a class that ended.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    list: VecDeque<Sample>,
    /// How many were let go before the first.
    gone: u64,
}

impl Samples {
    /// They, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.list.iter()
    }

    fn push(&mut self, sample: Sample) -> u64 {
        if self.list.len() == SAMPLES_MAX {
            self.list.pop_front();
            self.gone += 1;
        }
        self.list.push_back(sample);
        self.gone + self.list.len() as u64 - 1
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Sample> {
        let at = usize::try_from(number.checked_sub(self.gone)?).ok()?;
        self.list.get_mut(at)
    }
}

type Names = HashMap<Box<[u8]>, Value>;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    databases: BTreeMap<Db, Names>,
    classes: BTreeMap<Box<str>, Samples>,
    count: usize,
    /// Names are taken whose hash has so many zeros at its end.
    zeros: u32,
    hasher: hashbrown::DefaultHashBuilder,
    /// The last time that was heard of, in milliseconds since 1970.
    now_ms: u64,
}

impl Evidence {
    /// Whether no value is followed: then nothing needs to be told.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What is known, by class.
    pub fn classes(&self) -> impl Iterator<Item = (&str, &Samples)> {
        self.classes.iter().map(|(class, samples)| (&**class, samples))
    }

    /// Time has passed, in milliseconds since 1970: what is told without a time was now.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// A value was filled.
    pub fn filled(&mut self, db: Db, key: &[u8], filled: &Filled, now_ms: u64) {
        self.now_ms = now_ms;
        if self.hasher.hash_one(key).trailing_zeros() < self.zeros {
            return;
        }
        let hash = self.hasher.hash_one(filled.value);
        let before = self.take(db, key);
        match before.as_ref().map(|value| (value, value.expired)) {
            Some((value, Some((number, at_ms)))) => {
                let samples = self.classes.get_mut(&value.class);
                let sample = samples.and_then(|samples| samples.get_mut(number));
                // One that came back long after would have expired all the same.
                let soon = |sample: &&mut Sample| now_ms.saturating_sub(at_ms) <= sample.lived_ms;
                if let Some(sample) = sample.filter(soon) {
                    sample.came_back = Some(value.hash == hash);
                }
            }
            Some((value, None)) => {
                self.sample(value, End::Overwritten);
            }
            None => {}
        }
        if self.count >= VALUES_MAX {
            self.let_go();
            if self.hasher.hash_one(key).trailing_zeros() < self.zeros {
                return;
            }
        }
        let value = Value {
            class: filled.class.into(),
            hash,
            ttl_ms: filled.ttl_ms,
            is_watched: filled.by_token,
            filled_ms: now_ms,
            reads: 0,
            last_read_ms: 0,
            expired: None,
        };
        self.databases.entry(db).or_default().insert(key.into(), value);
        self.count += 1;
    }

    /// A read found the value of a key, which may be one that is followed.
    pub fn read(&mut self, db: Db, key: &[u8], now_ms: u64) {
        if self.is_empty() {
            return;
        }
        let value = self.databases.get_mut(&db).and_then(|names| names.get_mut(key));
        if let Some(value) = value.filter(|value| value.expired.is_none()) {
            value.reads = value.reads.saturating_add(1);
            value.last_read_ms = now_ms.saturating_sub(value.filled_ms);
        }
    }

    /// The same, now.
    pub fn read_now(&mut self, db: Db, key: &[u8]) {
        self.read(db, key, self.now_ms);
    }

    /// The value of a key has ended.
    pub fn ended(&mut self, db: Db, key: &[u8], end: End) {
        if self.is_empty() {
            return;
        }
        let names = self.databases.get(&db);
        // Of one that expired it is known that it did.
        if names.and_then(|names| names.get(key)).is_none_or(|value| value.expired.is_some()) {
            return;
        }
        let Some(mut value) = self.take(db, key) else { return };
        let number = self.sample(&value, end);
        // An expired one waits for the next fill, which tells whether it need not have.
        if end == End::Expired {
            value.expired = Some((number, self.now_ms));
            self.databases.entry(db).or_default().insert(key.into(), value);
            self.count += 1;
        }
    }

    /// What happened to a key, if it may end a value that is followed.
    pub(super) fn notice(&mut self, change: Change, db: Db, name: &[u8]) {
        let end = match change {
            Change::Deleted | Change::Unlinked | Change::Left => End::Deleted,
            Change::Expired => End::Expired,
            Change::Evicted => End::Evicted,
            // A fill tells of itself, after this; it is the one that counts.
            Change::Overwritten => End::Overwritten,
            Change::Created | Change::Loaded | Change::Copied | Change::Arrived => return,
        };
        self.ended(db, name, end);
    }

    /// All keys of a database are gone, or of all: that says nothing of their values.
    pub fn flushed(&mut self, db: Option<Db>) {
        match db {
            Some(db) => drop(self.databases.remove(&db)),
            None => self.databases.clear(),
        }
        self.recount();
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, first: Db, second: Db) {
        let (a, b) = (self.databases.remove(&first), self.databases.remove(&second));
        self.databases.extend(a.map(|names| (second, names)));
        self.databases.extend(b.map(|names| (first, names)));
    }

    /// Forgets the values of other classes.
    pub fn keep_classes(&mut self, keep: impl Fn(&str) -> bool) {
        self.classes.retain(|class, _| keep(class));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self { now_ms: self.now_ms, ..Self::default() };
    }

    fn take(&mut self, db: Db, key: &[u8]) -> Option<Value> {
        let value = self.databases.get_mut(&db)?.remove(key)?;
        self.count -= 1;
        Some(value)
    }

    fn sample(&mut self, value: &Value, end: End) -> u64 {
        let lived_ms = self.now_ms.saturating_sub(value.filled_ms);
        let sample = Sample {
            end,
            lived_ms,
            ttl_ms: value.ttl_ms,
            reads: value.reads,
            last_read_ms: value.last_read_ms,
            is_watched: value.is_watched,
            came_back: None,
        };
        self.classes.entry(value.class.clone()).or_default().push(sample)
    }

    /// Lets half of the names go, about.
    fn let_go(&mut self) {
        self.zeros += 1;
        let (hasher, zeros) = (&self.hasher, self.zeros);
        for names in self.databases.values_mut() {
            names.retain(|key, _| hasher.hash_one(&**key).trailing_zeros() >= zeros);
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.databases.retain(|_, names| !names.is_empty());
        self.count = self.databases.values().map(HashMap::len).sum();
        if self.count == 0 {
            self.zeros = 0;
        }
    }
}

impl State {
    /// A value was filled for a class; `ttl_is_its_own`: its time to live is not the class's.
    pub fn note_fill(
        &mut self,
        (db, key, value): (Db, &[u8], &[u8]),
        class: Option<ClassId>,
        (ttl_is_its_own, by_token): (bool, bool),
        now_ms: u64,
    ) {
        let Some(class) = class.and_then(|id| self.classes.class(id)) else { return };
        let ttl_ms = class.ttl_ms.filter(|_| !ttl_is_its_own);
        let filled = Filled { class: &class.name, ttl_ms, value, by_token };
        self.evidence.filled(db, key, &filled, now_ms);
    }
}

#[cfg(test)]
mod tests;
