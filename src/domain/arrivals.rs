//! Keys that appear: of a snapshot or an append-only file, which the server loads one after the
//! other, and those that clients create, one command after the other.
//!
//! Until somebody asks, nobody misses them. So they are taken in some at a time, which is twice
//! as fast as one by one ([`super::burst_trie`]'s `find_together` says why). Whatever else is
//! told, or asked, takes in first what waits; and ten times a second somebody asks.

use smallvec::SmallVec;

use super::State;
use super::burst_trie::Spot;
use super::key_table::TOGETHER;
use super::name::{Db, NameList};

/// Names that go in one by one: to look for so few together costs more than it saves.
const ONE_BY_ONE_MAX: usize = 4;

/// How keys came to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Created, or put in the place of another: without tags.
    #[default]
    Created,
    /// Loaded: what is known of the key stays.
    Loaded,
}

/// Names that wait, of one database, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    how: Arrival,
    db: Db,
    names: NameList,
}

impl State {
    /// The database of the keys that wait, if any does.
    pub(super) fn arriving_in(&self) -> Option<Db> {
        (!self.arrivals.names.is_empty()).then_some(self.arrivals.db)
    }

    /// A key is there.
    pub(super) fn arrives(&mut self, how: Arrival, db: Db, name: &[u8]) {
        if (self.arrivals.how, self.arrivals.db) != (how, db) {
            self.settle_arrivals();
            (self.arrivals.how, self.arrivals.db) = (how, db);
        }
        self.arrivals.names.push(name);
        if self.arrivals.names.len() == TOGETHER {
            self.settle_arrivals();
        }
    }

    /// Takes in what was told and waits. To be called before the databases are looked at.
    pub fn settle(&mut self) {
        self.settle_arrivals();
        self.settle_deletion();
    }

    fn settle_arrivals(&mut self) {
        if self.arrivals.names.is_empty() {
            // Nobody came since the last look: the memory of the list goes back.
            self.arrivals.names = NameList::default();
            return;
        }
        let Arrivals { how, db, mut names } = std::mem::take(&mut self.arrivals);
        let spots = match self.databases.get(&db).filter(|_| names.len() > ONE_BY_ONE_MAX) {
            Some(database) => database.keys.spots(names.iter()),
            None => SmallVec::new(),
        };
        for (at, name) in names.iter().enumerate() {
            self.arrived(how, db, spots.get(at).copied(), name);
        }
        // The memory of the list serves the next names.
        names.truncate(0);
        self.arrivals = Arrivals { how, db, names };
    }

    /// Takes a key in.
    pub(super) fn arrived(&mut self, how: Arrival, db: Db, spot: Option<Spot>, name: &[u8]) {
        if self.fence.allows(name) && self.admits(db, name) {
            let (database, standing) = self.database_and_standing(db);
            match how {
                Arrival::Created => database.created_at(spot, name, standing),
                Arrival::Loaded => {
                    database.seen_at(spot, name, standing);
                }
            }
            self.mark(db, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use proptest::prelude::*;

    /// What is told of a key, in a database; `None` for a tag that is put on it.
    fn told() -> impl Strategy<Value = (Option<Change>, u32, u8)> {
        let change = prop_oneof![
            12 => Just(Some(Change::Created)),
            4 => Just(Some(Change::Loaded)),
            2 => Just(Some(Change::Deleted)),
            1 => Just(Some(Change::Expired)),
            4 => Just(None),
        ];
        (change, 0..2_u32, 0..60_u8)
    }

    fn name(key: u8) -> Vec<u8> {
        // Beginnings of each other, so that names end inside the trie and buckets burst.
        [&b"user:"[..], &vec![b'x'; usize::from(key) / 4], &[key]].concat()
    }

    fn everything(state: &State) -> Vec<(Db, Vec<u8>, Vec<Vec<u8>>)> {
        let mut all: Vec<_> = state
            .databases()
            .flat_map(|(db, database)| {
                let keys = database.keys.iter();
                keys.map(move |(_, name)| (db, name.to_vec(), database.tags_of(name)))
            })
            .collect();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn equals_taking_each_in_at_once(told in prop::collection::vec(told(), 0..600)) {
            let (mut ours, mut naive) = (State::default(), State::default());
            for (change, db, key) in told {
                let name = name(key);
                for (state, at_once) in [(&mut ours, false), (&mut naive, true)] {
                    match change {
                        Some(change) => state.notice(change, Db(db), &name),
                        None => {
                            state.settle();
                            if let Some(database) = state.known_database_mut(Db(db)) {
                                database.set_tags(&name, [&b"t"[..]].into_iter());
                            }
                        }
                    }
                    if at_once {
                        state.settle();
                    }
                }
            }
            ours.settle();
            prop_assert_eq!(ours.check(), Ok(()));
            prop_assert_eq!(everything(&ours), everything(&naive));
        }
    }
}
