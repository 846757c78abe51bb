//! Until when values are fresh: those that a soft invalidation marked, and those that are kept
//! beyond their time to live.
//!
//! A stale value is there for everybody who reads it plainly; `INVAL.FETCH` says that it is stale
//! and has one reader refresh it. What is not in the table is fresh as long as its key lives.
//!
//! Always true: only live keys are in it. It takes some 20 to 40 bytes a key, and nothing when it
//! is empty.

use hashbrown::HashMap;

use super::State;
use super::key_table::KeyId;
use super::name::Db;

/// How long a value is fresh, and what it takes to compute it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Milliseconds since 1970; 0: it is stale, whatever the clock says.
    pub stale_from_ms: u64,
    /// Milliseconds that computing it took, from the miss to the fill; 0 when not known.
    pub computed_ms: u64,
}

impl Freshness {
    /// Whether the value is stale.
    pub fn is_stale(&self, now_ms: u64) -> bool {
        self.stale_from_ms <= now_ms
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct FreshnessTable(HashMap<KeyId, Freshness>);

impl FreshnessTable {
    /// Whether nothing is known of any key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What is known of a live key.
    pub fn get(&self, id: KeyId) -> Option<Freshness> {
        if self.is_empty() { None } else { self.0.get(&id).copied() }
    }

    /// Sets what is known of a live key.
    pub fn set(&mut self, id: KeyId, freshness: Option<Freshness>) {
        match freshness {
            Some(freshness) => drop(self.0.insert(id, freshness)),
            None => self.remove(id),
        }
    }

    /// The key is gone, or its value is another one.
    pub fn remove(&mut self, id: KeyId) {
        if !self.is_empty() && self.0.remove(&id).is_some() && self.is_empty() {
            self.0 = HashMap::new();
        }
    }

    /// All of it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, Freshness)> {
        self.0.iter().map(|(id, freshness)| (*id, *freshness))
    }

    /// Bytes held from the allocator, about.
    pub fn held_bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

impl State {
    /// Until when the value of a key is fresh, where that is known.
    pub fn freshness_of(&self, db: Db, name: &[u8]) -> Option<Freshness> {
        let database = self.databases.get(&db).filter(|database| !database.fresh.is_empty())?;
        database.fresh.get(database.keys.find(name)?)
    }

    /// Says until when the value of a live key is fresh; knows it from then on.
    pub fn set_freshness(&mut self, db: Db, name: &[u8], freshness: Freshness) {
        self.keep(db, name);
        if let Some(database) = self.databases.get_mut(&db)
            && let Some(id) = database.keys.find(name)
        {
            database.fresh.set(id, Some(freshness));
        }
    }

    /// Of how many keys that is known.
    pub fn freshness_count(&self) -> usize {
        self.databases.values().map(|database| database.fresh.len()).sum()
    }

    /// Whether anything is known of that.
    pub fn has_freshness(&self) -> bool {
        self.databases.values().any(|database| !database.fresh.is_empty())
    }
}
