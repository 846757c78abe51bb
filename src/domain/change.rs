//! What happened to a key, in the server's words and in ours, and how the state takes it.

use super::State;
use super::name::{Db, OWN_PREFIX};

/// One change of the keyspace of one database, as a notification tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key appeared, or took the place of one of its name.
    Created,
    /// A key was loaded from a snapshot.
    Loaded,
    /// A key was deleted by name or lost its last element.
    Deleted,
    /// A key's time was up.
    Expired,
    /// Memory was short.
    Evicted,
    /// The key was taken out of its database, by whatever means; what comes of it is told next,
    /// or never (modules delete without a word).
    Unlinked,
    /// The key is the copy of another; it takes the tags of those it may be a copy of.
    Copied,
    /// The key left for another name or database; its tags wait for the arrival.
    Left,
    /// The key came from another name or database; it takes the tags that wait.
    Arrived,
}

impl Change {
    /// Reads the event of a keyspace notification (Redis `src/notify.c` and its callers);
    /// `None` for events that change neither names nor tags.
    pub fn from_event(event: &[u8]) -> Option<Self> {
        Some(match event {
            b"new" => Self::Created,
            b"loaded" => Self::Loaded,
            b"del" => Self::Deleted,
            b"expired" => Self::Expired,
            b"evicted" => Self::Evicted,
            b"copy_to" => Self::Copied,
            b"rename_from" | b"move_from" => Self::Left,
            b"rename_to" | b"move_to" => Self::Arrived,
            _ => return None,
        })
    }
}

impl State {
    /// Takes a change of the keyspace in.
    pub fn notice(&mut self, change: Change, db: Db, name: &[u8]) {
        if change == Change::Loaded {
            return self.loaded(db, name);
        }
        if let Some(deletion) = &mut self.deletion {
            let is_deletion = matches!(change, Change::Deleted | Change::Unlinked);
            if is_deletion && deletion.takes(db, name) {
                return;
            }
        }
        self.settle();
        if name.starts_with(OWN_PREFIX) {
            return self.notice_own(change, db, name);
        }
        match change {
            Change::Created => {
                if self.fence.allows(name) && self.admits(db, name) {
                    self.database_mut(db).created(name);
                    self.mark(db, name);
                }
            }
            // Returned above.
            Change::Loaded => {}
            Change::Deleted | Change::Evicted => self.removed(db, name),
            Change::Expired => {
                if let Some(deletion) = &mut self.deletion {
                    deletion.expired(name);
                }
                self.removed(db, name);
            }
            Change::Unlinked => {
                let tags = self.tags_of(db, name);
                self.travel.unlinked = Some((db, name.into(), tags));
                self.removed(db, name);
            }
            Change::Left => {
                let unlinked = self.travel.unlinked.take();
                self.travel.under_way = match unlinked {
                    Some((at, key, tags)) if at == db && *key == *name => tags,
                    _ => self.tags_of(db, name),
                };
                self.removed(db, name);
            }
            Change::Arrived => {
                let tags = std::mem::take(&mut self.travel.under_way);
                self.put(db, name, &tags);
            }
            Change::Copied => {
                let tags = self.tags_of_copy(db, name);
                self.put(db, name, &tags);
            }
        }
    }

    pub(super) fn notice_own(&mut self, change: Change, db: Db, name: &[u8]) {
        match change {
            Change::Created | Change::Loaded | Change::Arrived | Change::Copied => {
                self.own.insert((db, name.into()));
            }
            Change::Deleted
            | Change::Evicted
            | Change::Expired
            | Change::Unlinked
            | Change::Left => {
                self.own.remove(&(db, name.into()));
                self.travel.under_way.clear();
            }
        }
    }

    /// The tags of a key; none when it is not known.
    pub fn tags_of(&self, db: Db, name: &[u8]) -> Vec<Vec<u8>> {
        self.databases.get(&db).map(|database| database.tags_of(name)).unwrap_or_default()
    }

    /// The tags of all keys that this one may be a copy of.
    fn tags_of_copy(&mut self, db: Db, name: &[u8]) -> Vec<Vec<u8>> {
        if let Some((_, _, tags)) =
            self.travel.carried.take_if(|(at, key, _)| *at == db && **key == *name)
        {
            return tags;
        }
        let mut tags = vec![];
        for (from, source) in self.travel.sources_of(db, name) {
            let databases: Vec<Db> = match from {
                Some(from) => vec![from],
                None => self.databases.keys().copied().collect(),
            };
            for from in databases.into_iter().filter(|from| (*from, &*source) != (db, name)) {
                tags.extend(self.tags_of(from, &source));
            }
        }
        tags
    }

    /// A key is there with these tags and no others.
    fn put(&mut self, db: Db, name: &[u8], tags: &[Vec<u8>]) {
        // Nobody can be told that tags are refused here: they are kept.
        if self.fence.allows(name) && (!tags.is_empty() || self.admits(db, name)) {
            let database = self.database_mut(db);
            database.seen(name);
            database.set_tags(name, tags.iter().map(Vec::as_slice));
            self.mark(db, name);
        }
    }

    /// A key was found to be there; says whether it was not known.
    pub fn seen(&mut self, db: Db, name: &[u8]) -> bool {
        if name.starts_with(OWN_PREFIX) {
            self.own.insert((db, name.into()));
        }
        self.fence.allows(name) && self.admits(db, name) && self.keep(db, name)
    }

    /// Knows a live key that has tags or will have, whatever memory is left; says whether it
    /// was not known.
    pub fn keep(&mut self, db: Db, name: &[u8]) -> bool {
        let new = self.fence.allows(name) && self.database_mut(db).seen(name);
        self.mark(db, name);
        new
    }

    pub(super) fn removed(&mut self, db: Db, name: &[u8]) {
        let Some(database) = self.databases.get_mut(&db) else { return };
        database.removed(name);
        if database.keys.is_empty() {
            self.databases.remove(&db);
        }
    }

    /// All keys of one database, or of all, are gone.
    pub fn flushed(&mut self, db: Option<Db>) {
        match db {
            Some(db) => {
                self.databases.remove(&db);
                self.own.retain(|(of, _)| *of != db);
            }
            None => {
                self.memory.reopen();
                self.databases.clear();
                self.own.clear();
            }
        }
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, first: Db, second: Db) {
        let (a, b) = (self.databases.remove(&first), self.databases.remove(&second));
        self.databases.extend(a.map(|database| (second, database)));
        self.databases.extend(b.map(|database| (first, database)));
        let other = |db: Db| match db {
            db if db == first => second,
            db if db == second => first,
            db => db,
        };
        self.own =
            std::mem::take(&mut self.own).into_iter().map(|(db, name)| (other(db), name)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(state: &mut State, db: Db, name: &[u8], tag: &[u8]) {
        state.notice(Change::Created, db, name);
        state.database_mut(db).set_tags(name, [tag].into_iter()).unwrap();
    }

    fn tags(state: &State, db: Db, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let database = state.database(db)?;
        database.keys.find(name)?;
        Some(database.tags_of(name))
    }

    #[test]
    fn tags_follow_rename_and_move() {
        let (mut state, a, b) = (State::default(), Db(0), Db(3));
        tagged(&mut state, a, b"src", b"t");
        tagged(&mut state, a, b"dst", b"old");
        // What RENAME onto an existing key tells, in the server's order.
        for (event, name) in
            [(&b"new"[..], &b"dst"[..]), (b"rename_from", b"src"), (b"rename_to", b"dst")]
        {
            state.notice(Change::from_event(event).unwrap(), a, name);
        }
        assert_eq!(tags(&state, a, b"src"), None);
        assert_eq!(tags(&state, a, b"dst"), Some(vec![b"t".to_vec()]));
        for (event, db) in [(&b"new"[..], b), (b"move_from", a), (b"move_to", b)] {
            state.notice(Change::from_event(event).unwrap(), db, b"dst");
        }
        assert_eq!(tags(&state, b, b"dst"), Some(vec![b"t".to_vec()]));
        assert!(state.database(a).is_none());
        assert_eq!(state.check(), Ok(()));
    }

    #[test]
    fn flush_swap_and_the_last_key_leave_nothing() {
        let mut state = State::default();
        tagged(&mut state, Db(0), b"a", b"t");
        tagged(&mut state, Db(1), b"b", b"t");
        state.swapped(Db(0), Db(1));
        assert_eq!(tags(&state, Db(1), b"a"), Some(vec![b"t".to_vec()]));
        state.swapped(Db(1), Db(7));
        assert_eq!(tags(&state, Db(7), b"a"), Some(vec![b"t".to_vec()]));
        assert_eq!(state.sizes(), (2, 2, 2));
        state.flushed(Some(Db(7)));
        assert_eq!(state.sizes(), (1, 1, 1));
        state.notice(Change::Expired, Db(0), b"b");
        assert_eq!(state.sizes(), (0, 0, 0));
        tagged(&mut state, Db(2), b"c", b"t");
        state.flushed(None);
        assert_eq!(state.sizes(), (0, 0, 0));
    }

    #[test]
    fn other_events_change_nothing() {
        for event in ["set", "expire", "lpop", "hdel", "restore", "keymiss", "\u{e9}"] {
            assert_eq!(Change::from_event(event.as_bytes()), None, "{event}");
        }
    }
}
