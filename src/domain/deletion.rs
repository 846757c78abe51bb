//! What our own UNLINK deletes, taken in together.
//!
//! The server tells of every key that it deletes, one after the other, in the order of the
//! command. To find each in the index by its name costs more than to delete it. But these names
//! come out of the index: their ids are known. So while we delete, a told name is held against
//! the one that comes next, and the ids that went are forgotten together afterwards.
//!
//! Whatever else is told meanwhile (a key expires, another module writes) comes after what went:
//! then that is forgotten first.

use std::ops::Range;

use super::State;
use super::evidence::End;
use super::key_table::KeyId;
use super::name::{Db, NameList};

/// How many names that are not there the server may pass over before a told name is looked for
/// in the index instead: a few expire between plan and deletion, and seldom many in a row.
const AHEAD: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Deletion {
    db: Db,
    names: NameList,
    ids: Vec<KeyId>,
    /// The position after the last one told.
    next: usize,
    /// Positions that were told and are not forgotten yet.
    gone: Vec<u32>,
    /// Whether the name before `next` was told and nothing else since: a server may tell twice.
    may_repeat: bool,
    /// Names that went by expiry.
    expired: Vec<Box<[u8]>>,
}

impl Deletion {
    /// Whether the change is the deletion of one of our names; notes it.
    pub(super) fn takes(&mut self, db: Db, name: &[u8]) -> bool {
        if db != self.db {
            return false;
        }
        if self.may_repeat && self.names.get(self.next.wrapping_sub(1)) == Some(name) {
            return true;
        }
        let ahead = self.next..self.next.saturating_add(AHEAD);
        let Some(at) = ahead.into_iter().find(|at| self.names.get(*at) == Some(name)) else {
            return false;
        };
        self.gone.push(at as u32);
        self.next = at + 1;
        self.may_repeat = true;
        true
    }

    /// A key went by expiry.
    pub(super) fn expired(&mut self, name: &[u8]) {
        self.expired.push(name.into());
    }
}

impl State {
    /// From here on the names in a range are deleted, in order; `ids` are theirs.
    pub fn begin_deletion(&mut self, db: Db, names: &NameList, ids: &[KeyId], range: Range<usize>) {
        self.deletion = Some(Deletion {
            db,
            names: range.clone().filter_map(|at| names.get(at)).collect(),
            ids: ids.get(range).unwrap_or_default().to_vec(),
            next: 0,
            gone: vec![],
            may_repeat: false,
            expired: vec![],
        });
    }

    /// Forgets what went. Gives the names that expired since [`State::begin_deletion`].
    pub fn end_deletion(&mut self) -> Vec<Box<[u8]>> {
        self.settle_deletion();
        self.deletion.take().map(|deletion| deletion.expired).unwrap_or_default()
    }

    /// Forgets the keys that our deletion took so far.
    pub(super) fn settle_deletion(&mut self) {
        let Some(deletion) = &mut self.deletion else { return };
        deletion.may_repeat = false;
        let gone = std::mem::take(&mut deletion.gone);
        let Some(database) = self.databases.get_mut(&deletion.db).filter(|_| !gone.is_empty())
        else {
            return;
        };
        // Ids are used again: one is ours while it has our name.
        let mut ids = Vec::with_capacity(gone.len());
        for at in gone {
            let name = deletion.names.get(at as usize).unwrap_or_default();
            self.evidence.ended(deletion.db, name, End::Invalidated);
            match deletion.ids.get(at as usize) {
                Some(id) if database.keys.name(*id) == name => ids.push(*id),
                _ => {
                    if let Some(job) = database.removed(name).and_then(|gone| gone.job) {
                        self.jobs.credit(job);
                    }
                }
            }
        }
        database.removed_ids(&ids, |job| self.jobs.credit(job));
        if database.keys.is_empty() {
            self.databases.remove(&deletion.db);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::pattern::Pattern;
    use crate::domain::plan;
    use crate::domain::request::Request;
    use crate::domain::rule::Resolved;
    use proptest::prelude::*;

    const DB: Db = Db(0);

    fn name(key: u8) -> Vec<u8> {
        vec![b'k'; usize::from(key) + 1]
    }

    fn sorted(state: &State) -> Vec<Vec<u8>> {
        let mut names: Vec<_> = state
            .databases()
            .flat_map(|(_, database)| database.keys.iter().map(|(_, name)| name.to_vec()))
            .collect();
        names.sort_unstable();
        names
    }

    #[derive(Clone, Copy, Debug)]
    enum Told {
        Deleted(u8),
        DeletedTwice(u8),
        Expired(u8),
        Created(u8),
    }

    fn told() -> impl Strategy<Value = Told> {
        prop_oneof![
            8 => (0..30_u8).prop_map(Told::Deleted),
            4 => (0..30_u8).prop_map(Told::DeletedTwice),
            1 => (0..30_u8).prop_map(Told::Expired),
            1 => (0..30_u8).prop_map(Told::Created),
        ]
    }

    proptest! {
        #[test]
        fn equals_taking_each_in_at_once(
            live in prop::collection::btree_set(0..30_u8, 0..30),
            told in prop::collection::vec(told(), 0..60),
            in_order: bool,
        ) {
            let (mut ours, mut naive) = (State::default(), State::default());
            for state in [&mut ours, &mut naive] {
                for key in &live {
                    state.told(Change::Created, DB, &name(*key));
                    state.database_mut(DB).set_tags(&name(*key), [&b"t"[..], &[*key % 3]].into_iter());
                }
            }
            let all = vec![Resolved::Pattern(Pattern::Prefix(b"k"[..].into()))];
            let plan = plan::build(&mut ours, DB, Request::for_purge(all, None)).unwrap();
            let mut told = told;
            if in_order {
                let position = |key: u8| plan.names.iter().position(|other| *other == name(key));
                told.sort_by_key(|told| match told {
                    Told::Deleted(key) | Told::DeletedTwice(key) | Told::Expired(key) | Told::Created(key) => position(*key),
                });
            }
            ours.begin_deletion(DB, &plan.names, &plan.ids, 0..plan.names.len());
            for told in told {
                let (change, key, again) = match told {
                    Told::Deleted(key) => (Change::Deleted, key, false),
                    Told::DeletedTwice(key) => (Change::Unlinked, key, true),
                    Told::Expired(key) => (Change::Expired, key, false),
                    Told::Created(key) => (Change::Created, key, false),
                };
                for state in [&mut ours, &mut naive] {
                    state.notice(change, DB, &name(key));
                    if again {
                        state.notice(Change::Deleted, DB, &name(key));
                    }
                }
            }
            ours.end_deletion();
            naive.settle();
            prop_assert_eq!(ours.check(), Ok(()));
            prop_assert_eq!(sorted(&ours), sorted(&naive));
            prop_assert_eq!(ours.sizes(), naive.sizes());
        }
    }

    #[test]
    fn expired_names_are_given_back() {
        let mut state = State::default();
        state.told(Change::Created, DB, b"a");
        let all = vec![Resolved::Pattern(Pattern::Prefix(b""[..].into()))];
        let plan = plan::build(&mut state, DB, Request::for_purge(all, None)).unwrap();
        state.begin_deletion(DB, &plan.names, &plan.ids, 0..1);
        state.notice(Change::Expired, DB, b"a");
        assert_eq!(state.end_deletion(), [b"a"[..].into()]);
        assert_eq!(state.sizes(), (0, 0, 0));
    }
}
