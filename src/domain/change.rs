//! What happened to a key, in the server's words and in ours, and how the state takes it.

use super::State;
use super::arrivals::Arrival;
use super::database::Gone;
use super::doomed::{JobSlot, NO_RULE};
use super::name::{Db, OWN_PREFIX};
use super::tokens::Refusal;
use super::travel::Luggage;

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
    /// The whole value of a key was written anew: by SET, or by a command that stores a result.
    Overwritten,
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

    /// Reads the events of commands that put a whole new value in place of one that is there,
    /// whatever its type (the callers of `setKey` in Redis `src`). Of a new key they tell too,
    /// after `new`.
    pub fn from_overwrite(event: &[u8]) -> Option<Self> {
        let overwrites: [&[u8]; 10] = [
            b"set",
            b"sortstore",
            b"sinterstore",
            b"sunionstore",
            b"sdiffstore",
            b"zrangestore",
            b"zinterstore",
            b"zunionstore",
            b"zdiffstore",
            b"geosearchstore",
        ];
        let georadius = event == b"georadiusstore";
        (georadius || overwrites.contains(&event)).then_some(Self::Overwritten)
    }

    /// Whether somebody wrote the key: a whole value is there that was not.
    fn brings_a_value(self) -> bool {
        matches!(self, Self::Created | Self::Overwritten | Self::Arrived | Self::Copied)
    }
}

impl State {
    /// Takes a change of the keyspace in.
    pub fn notice(&mut self, change: Change, db: Db, name: &[u8]) {
        if !self.tokens.is_empty() {
            self.void_token(change, db, name);
        }
        if !self.warming.is_empty() && change.brings_a_value() {
            self.warming.arrived(db, name);
        }
        // Of what we delete nothing may be known again before all of it is forgotten.
        let arrival = match change {
            Change::Loaded => Some(Arrival::Loaded),
            Change::Created if self.deletion.is_none() => Some(Arrival::Created),
            _ => None,
        };
        if let Some(how) = arrival.filter(|_| !name.starts_with(OWN_PREFIX)) {
            return self.arrives(how, db, name);
        }
        if let Some(deletion) = &mut self.deletion {
            let is_deletion = matches!(change, Change::Deleted | Change::Unlinked);
            if is_deletion && deletion.takes(db, name) {
                return;
            }
        }
        self.settle();
        if !self.evidence.is_empty() {
            self.evidence.notice(change, db, name);
        }
        if name.starts_with(OWN_PREFIX) {
            return self.notice_own(change, db, name);
        }
        match change {
            Change::Created => self.arrived(Arrival::Created, db, None, name),
            // Returned above.
            Change::Loaded => {}
            Change::Deleted => {
                let gone = self.removed(db, name);
                self.credit(gone);
            }
            Change::Evicted => {
                self.removed(db, name);
            }
            Change::Expired => {
                if let Some(deletion) = &mut self.deletion {
                    deletion.expired(name);
                }
                self.removed(db, name);
            }
            Change::Unlinked => {
                let luggage = self.luggage_of(db, name);
                self.travel.unlinked = Some((db, name.into(), luggage));
                let gone = self.removed(db, name);
                self.credit(gone);
            }
            Change::Left => {
                let unlinked = self.travel.unlinked.take();
                self.travel.under_way = match unlinked {
                    Some((at, key, luggage)) if at == db && *key == *name => luggage,
                    _ => self.luggage_of(db, name),
                };
                self.removed(db, name);
            }
            Change::Arrived => {
                let luggage = std::mem::take(&mut self.travel.under_way);
                self.put(db, name, &luggage);
            }
            Change::Copied => {
                let luggage = self.luggage_of_copy(db, name);
                if let Some(job) = luggage.job.filter(|_| self.fence.allows(name)) {
                    self.jobs.grow(job);
                }
                self.put(db, name, &luggage);
            }
            Change::Overwritten => {
                if let Some(database) = self.databases.get_mut(&db) {
                    database.overwritten(name);
                }
            }
        }
    }

    /// Whoever computes the key's value has not seen this. Keys that we delete ourselves were
    /// void when that was asked for; one that expires is no staler than it was.
    fn void_token(&mut self, change: Change, db: Db, name: &[u8]) {
        let why = match change {
            _ if change.brings_a_value() => Refusal::Written,
            Change::Deleted | Change::Unlinked | Change::Left if self.deletion.is_none() => {
                Refusal::Deleted
            }
            _ => return,
        };
        self.tokens.void(db, name, why);
    }

    /// A key that a job had marked went while we delete: the job has deleted it.
    pub(super) fn credit(&mut self, gone: Option<Gone>) {
        if self.deletion.is_some()
            && let Some(job) = gone.and_then(|gone| gone.job)
        {
            self.jobs.credit(job);
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
                self.travel.under_way = Luggage::default();
            }
            Change::Overwritten => {}
        }
    }

    /// The tags of a key; none when it is not known.
    pub fn tags_of(&self, db: Db, name: &[u8]) -> Vec<Vec<u8>> {
        self.databases.get(&db).map(|database| database.tags_of(name)).unwrap_or_default()
    }

    /// What a key takes along to another name.
    fn luggage_of(&self, db: Db, name: &[u8]) -> Luggage {
        let fresh = self.freshness_of(db, name);
        Luggage { tags: self.tags_of(db, name), job: self.job_of(db, name), fresh }
    }

    /// The job that is about to delete a key.
    pub fn job_of(&self, db: Db, name: &[u8]) -> Option<JobSlot> {
        let database = self.databases.get(&db).filter(|database| database.doomed.is_any())?;
        database.keys.doom_of(database.keys.find(name)?)
    }

    /// The tags of all keys that this one may be a copy of, and a job that deletes one of them:
    /// a stale value must not escape into its copy.
    fn luggage_of_copy(&mut self, db: Db, name: &[u8]) -> Luggage {
        let carried = self.travel.carried.take_if(|(at, key, _)| *at == db && **key == *name);
        let job = self.travel.carried_job.take_if(|(at, key, _)| *at == db && **key == *name);
        let fresh = self.travel.carried_fresh.take_if(|(at, key, _)| *at == db && **key == *name);
        if carried.is_some() || job.is_some() || fresh.is_some() {
            return Luggage {
                tags: carried.map(|(_, _, tags)| tags).unwrap_or_default(),
                job: job.map(|(_, _, job)| job),
                fresh: fresh.map(|(_, _, fresh)| fresh),
            };
        }
        let mut luggage = Luggage::default();
        for (from, source) in self.travel.sources_of(db, name) {
            let databases: Vec<Db> = match from {
                Some(from) => vec![from],
                None => self.databases.keys().copied().collect(),
            };
            for from in databases.into_iter().filter(|from| (*from, &*source) != (db, name)) {
                luggage.tags.extend(self.tags_of(from, &source));
                luggage.job = luggage.job.or_else(|| self.job_of(from, &source));
                let fresh = [luggage.fresh, self.freshness_of(from, &source)];
                luggage.fresh = fresh.into_iter().flatten().min_by_key(|of| of.stale_from_ms);
            }
        }
        luggage
    }

    /// A key is there with these tags and no others; a job that was about to delete it under
    /// another name deletes it under this one.
    fn put(&mut self, db: Db, name: &[u8], luggage: &Luggage) {
        let job = luggage.job.filter(|job| self.jobs.has(*job));
        // Nobody can be told that tags are refused here, or that a job is: they are kept.
        let must = !luggage.tags.is_empty() || job.is_some() || luggage.fresh.is_some();
        if self.fence.allows(name) && (must || self.admits(db, name)) {
            let (database, standing) = self.database_and_standing(db);
            database.seen(name, standing);
            database.set_tags(name, luggage.tags.iter().map(Vec::as_slice));
            if let Some(id) = database.keys.find(name) {
                database.fresh.set(id, luggage.fresh);
                database.spare(id);
                if let Some(job) = job {
                    database.doom(id, job, NO_RULE);
                }
            }
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
        let new = self.fence.allows(name) && {
            let (database, standing) = self.database_and_standing(db);
            database.seen(name, standing)
        };
        self.mark(db, name);
        new
    }

    pub(super) fn removed(&mut self, db: Db, name: &[u8]) -> Option<Gone> {
        let database = self.databases.get_mut(&db)?;
        let gone = database.removed(name);
        if database.keys.is_empty() {
            self.databases.remove(&db);
        }
        gone
    }
}

#[cfg(test)]
impl State {
    /// Takes a change in at once.
    pub(crate) fn told(&mut self, change: Change, db: Db, name: &[u8]) {
        self.notice(change, db, name);
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(state: &mut State, db: Db, name: &[u8], tag: &[u8]) {
        state.told(Change::Created, db, name);
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
            state.told(Change::from_event(event).unwrap(), a, name);
        }
        assert_eq!(tags(&state, a, b"src"), None);
        assert_eq!(tags(&state, a, b"dst"), Some(vec![b"t".to_vec()]));
        for (event, db) in [(&b"new"[..], b), (b"move_from", a), (b"move_to", b)] {
            state.told(Change::from_event(event).unwrap(), db, b"dst");
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
        state.told(Change::Expired, Db(0), b"b");
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
        for event in ["new", "append", "incrby", "setrange", "setbit", "hset", "pfadd", "spop"] {
            assert_eq!(Change::from_overwrite(event.as_bytes()), None, "{event}");
        }
    }
}
