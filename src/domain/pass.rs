//! Verifying passes: is every live key known, and does every known key live?
//!
//! A pass looks at the whole keyspace in slices while keys come and go. What is seen or changed
//! during the pass is marked; a known key without a mark at the end is suspect, and the server
//! is asked for it. A live key that the pass finds unknown was missed: the index is mended, and
//! the drift is counted and told.

use std::collections::BTreeMap;

use super::State;
use super::key_table::KeyId;
use super::name::Db;

/// What passes found so far. All 0 but `passes` unless a change of the keyspace went unseen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Passes that were finished.
    pub passes: u64,
    /// Live keys that were not known.
    pub missed: u64,
    /// Known keys that did not live.
    pub dead: u64,
}

/// A pass under way: by database and key id, whether the key was marked.
#[derive(Debug, Default)]
pub struct Pass {
    marks: BTreeMap<Db, Vec<u64>>,
}

impl Pass {
    fn mark(&mut self, db: Db, id: KeyId) {
        let words = self.marks.entry(db).or_default();
        let at = (id >> 6) as usize;
        if words.len() <= at {
            words.resize(at + 1, 0);
        }
        if let Some(word) = words.get_mut(at) {
            *word |= 1 << (id & 63);
        }
    }

    fn is_marked(&self, db: Db, id: KeyId) -> bool {
        let word = self.marks.get(&db).and_then(|words| words.get((id >> 6) as usize));
        word.is_some_and(|word| word & (1 << (id & 63)) != 0)
    }
}

impl State {
    /// Marks a live key for the pass under way.
    pub(super) fn mark(&mut self, db: Db, name: &[u8]) {
        if let Some(pass) = &mut self.pass
            && let Some(id) = self.databases.get(&db).and_then(|database| database.keys.find(name))
        {
            pass.mark(db, id);
        }
    }

    /// Starts a pass.
    pub fn begin_pass(&mut self) {
        self.pass = Some(Pass::default());
    }

    /// The pass came by a live key. The first one, over keys from before the module, expects to
    /// find unknown ones.
    pub fn pass_saw(&mut self, db: Db, name: &[u8]) {
        if self.seen(db, name) && !self.index.incomplete {
            self.drift.missed += 1;
        }
    }

    /// The pass is over: the known keys that were not marked, for the server to be asked.
    pub fn end_pass(&mut self) -> Vec<(Db, Vec<u8>)> {
        let Some(pass) = self.pass.take() else { return vec![] };
        self.drift.passes += 1;
        let unmarked = |(db, database): (&Db, &super::database::Database)| {
            let unseen = database.keys.iter().filter(|(id, _)| !pass.is_marked(*db, *id));
            unseen.map(|(_, name)| (*db, name.to_vec())).collect::<Vec<_>>()
        };
        self.databases.iter().flat_map(unmarked).collect()
    }

    /// A known key does not live.
    pub fn forget_dead(&mut self, db: Db, name: &[u8]) {
        self.drift.dead += 1;
        self.removed(db, name);
    }

    /// How many keys the server should count in a database; `None` when some are left out on
    /// purpose: by a fence, or for want of memory.
    pub fn expected_size(&self, db: Db) -> Option<u64> {
        if !self.fence.source().is_empty() || self.memory.is_full() {
            return None;
        }
        let own = self.own.iter().filter(|(of, _)| *of == db).count();
        Some((self.databases.get(&db).map_or(0, |database| database.keys.len()) + own) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;

    #[test]
    fn a_pass_finds_what_was_missed_and_what_is_dead() {
        let mut state = State::default();
        for name in ["lives", "dead", "renamed"] {
            state.told(Change::Created, Db(0), name.as_bytes());
        }
        state.begin_pass();
        state.pass_saw(Db(0), b"lives");
        state.pass_saw(Db(0), b"missed");
        state.pass_saw(Db(0), b"inval:warm");
        state.told(Change::Created, Db(3), b"new meanwhile");
        state.told(Change::Left, Db(0), b"renamed");
        state.told(Change::Arrived, Db(0), b"renamed to");
        assert_eq!(state.end_pass(), [(Db(0), b"dead".to_vec())]);
        state.forget_dead(Db(0), b"dead");
        assert_eq!(state.drift, Drift { passes: 1, missed: 1, dead: 1 });
        assert_eq!(state.sizes().0, 4);
        assert_eq!((state.expected_size(Db(0)), state.expected_size(Db(3))), (Some(4), Some(1)));
        assert_eq!(state.expected_size(Db(9)), Some(0));
        state.begin_pass();
        for name in ["lives", "missed", "renamed to"] {
            state.pass_saw(Db(0), name.as_bytes());
        }
        state.pass_saw(Db(3), b"new meanwhile");
        assert_eq!(state.end_pass(), []);
        assert_eq!(state.drift, Drift { passes: 2, missed: 1, dead: 1 });
        state.set_fence(crate::domain::fence::Fence::parse("l").unwrap());
        assert_eq!(state.expected_size(Db(0)), None);
    }
}
