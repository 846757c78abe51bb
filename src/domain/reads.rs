//! Reads of all commands that look keys up: hits and misses, in total, by database and by class.
//!
//! A look-up is heard of before its command runs, a miss while it runs; what was looked up and
//! not missed are the hits. A miss names its database; of a look-up it is known where the server
//! tells which client asks, and supposed otherwise: its miss then puts it right.

use super::State;
use super::name::Db;

/// Databases whose reads are counted each on their own, from the first on; those of the others
/// are in the total alone.
pub const DATABASES_MAX: usize = 1024;

/// Clients of which it is remembered in which database they read. A power of two.
const CLIENTS_MAX: usize = 256;

/// Keys that were looked up, and those of them that were not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    look_ups: u64,
    /// Keys that were not there.
    pub misses: u64,
}

impl Tally {
    /// Keys that were there.
    pub fn hits(&self) -> u64 {
        self.look_ups.saturating_sub(self.misses)
    }

    /// Of all that were looked up, how many were there; `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits() + self.misses;
        (all > 0).then(|| self.hits() as f64 / all as f64)
    }

    fn add(&mut self, is_hit: bool) {
        self.look_ups += 1;
        self.misses += u64::from(!is_hit);
    }
}

/// Where the keys of a command are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the database that the client has selected.
    Selected(Db),
    /// In the only database that has keys; where there are more, in the only one that has the key.
    Supposed(Option<Db>),
}

impl Default for Place {
    fn default() -> Self {
        Self::Supposed(None)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Reads {
    tracked: bool,
    /// The module's own look-ups that the server counts as hits and misses, for it has no way to
    /// look a key up uncounted. Counted whether reads are or not.
    pub own: Tally,
    /// All reads that were tracked, in whatever database.
    pub all: Tally,
    databases: Vec<Tally>,
    /// Where the last command reads.
    place: Place,
    clients: Clients,
}

impl Reads {
    /// Whether reads are counted.
    pub fn are_tracked(&self) -> bool {
        self.tracked
    }

    /// Begins to count reads, or ends it. While they are not counted, nobody hears what clients
    /// select.
    pub fn track(&mut self, tracked: bool) {
        self.tracked = tracked;
        self.clients = Clients::default();
    }

    /// Sets the counters to nothing.
    pub fn reset(&mut self) {
        self.own = Tally::default();
        self.all = Tally::default();
        self.databases.clear();
    }

    /// The databases that something was read in, and what came of it.
    pub fn databases(&self) -> impl Iterator<Item = (Db, &Tally)> {
        let known = (0..).map(Db).zip(&self.databases);
        known.filter(|(_, tally)| **tally != Tally::default())
    }

    /// Counts a look-up that the module made for itself.
    pub fn looked_up_for_itself(&mut self, is_hit: bool) {
        self.own.add(is_hit);
    }

    /// The database that a client reads in, if it is remembered.
    pub fn database_of(&self, client: u64) -> Option<Db> {
        self.clients.get(client)
    }

    /// Remembers the database that a client has selected.
    pub fn remember(&mut self, client: u64, db: Db) {
        self.clients.set(client, Some(db));
    }

    /// A client may be about to select another.
    pub fn forget(&mut self, client: u64) {
        self.clients.set(client, None);
    }

    #[inline]
    fn database(&mut self, db: Option<Db>) -> Option<&mut Tally> {
        let at = usize::try_from(db?.0).ok()?;
        if at >= self.databases.len() {
            self.make_room(at);
        }
        self.databases.get_mut(at)
    }

    #[cold]
    fn make_room(&mut self, at: usize) {
        if at < DATABASES_MAX {
            self.databases.resize(at + 1, Tally::default());
        }
    }
}

impl State {
    /// A command is about to look keys up, of this client if the server says so; false when it
    /// is not known where that one reads.
    #[inline]
    pub fn reads_of(&mut self, client: Option<u64>) -> bool {
        let place = match client {
            None => Place::Supposed(self.only_database()),
            Some(client) => match self.reads.database_of(client) {
                Some(db) => Place::Selected(db),
                None => return false,
            },
        };
        if place == Place::Supposed(None) {
            // Each key will be looked for.
            self.settle();
        }
        self.reads.place = place;
        true
    }

    /// It looks this one up; gives 1.
    #[inline]
    pub fn reads(&mut self, key: &[u8]) -> u64 {
        let db = self.read_place(key);
        self.reads.all.look_ups += 1;
        if let Some(tally) = self.reads.database(db) {
            tally.look_ups += 1;
        }
        if let Some(db) = db.filter(|_| !self.evidence.is_empty()) {
            self.evidence.read_now(db, key);
        }
        let class = self.classes.of(key);
        self.classes.count(class, |of| of.reads.look_ups += 1);
        1
    }

    /// The key was not there. `is_late`: the command was heard of some time ago, before its
    /// transaction.
    pub fn missed(&mut self, db: Db, key: &[u8], is_late: bool) {
        let read_in = self.read_place(key);
        let is_certain = is_late && matches!(self.reads.place, Place::Selected(_));
        if read_in != Some(db) && !is_certain {
            if let Some(tally) = self.reads.database(read_in) {
                tally.look_ups = tally.look_ups.saturating_sub(1);
            }
            if let Some(tally) = self.reads.database(Some(db)) {
                tally.look_ups += 1;
            }
        }
        self.reads.all.misses += 1;
        if let Some(tally) = self.reads.database(Some(db)) {
            tally.misses += 1;
        }
        let class = self.classes.of(key);
        self.classes.count(class, |of| of.reads.misses += 1);
    }

    /// A fetch has looked the key up, if reads are tracked.
    pub fn fetched(&mut self, db: Db, key: &[u8], is_hit: bool) {
        if !self.reads.tracked {
            return;
        }
        self.reads.all.add(is_hit);
        if let Some(tally) = self.reads.database(Some(db)) {
            tally.add(is_hit);
        }
        let class = self.classes.of(key);
        self.classes.count(class, |of| of.reads.add(is_hit));
    }

    #[inline]
    fn read_place(&self, key: &[u8]) -> Option<Db> {
        match self.reads.place {
            Place::Selected(db) | Place::Supposed(Some(db)) => Some(db),
            Place::Supposed(None) => self.only_database_with(key),
        }
    }

    fn only_database_with(&self, key: &[u8]) -> Option<Db> {
        let mut known = self.databases().filter(|(_, of)| of.keys.find(key).is_some());
        let only = known.next().map(|(db, _)| db);
        only.filter(|_| known.next().is_none())
    }

    #[inline]
    fn only_database(&self) -> Option<Db> {
        let first = self.databases.first_key_value().map(|(db, _)| *db);
        let (first, arriving) = (first.or(self.arriving_in())?, self.arriving_in());
        let is_only = self.databases.len() <= 1 && arriving.is_none_or(|db| db == first);
        is_only.then_some(first)
    }
}

/// The last client that was heard of, for each remainder of their numbers, which go up.
#[derive(Debug, Default)]
struct Clients(Vec<Option<(u64, Db)>>);

impl Clients {
    fn get(&self, client: u64) -> Option<Db> {
        let (known, db) = (*self.0.get(place(client))?)?;
        (known == client).then_some(db)
    }

    fn set(&mut self, client: u64, db: Option<Db>) {
        if self.0.is_empty() {
            self.0.resize(CLIENTS_MAX, None);
        }
        if let Some(slot) = self.0.get_mut(place(client)) {
            *slot = db.map(|db| (client, db));
        }
    }
}

fn place(client: u64) -> usize {
    usize::try_from(client % CLIENTS_MAX as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::class_document::parse_one;

    fn counts(tally: &Tally) -> (u64, u64) {
        (tally.hits(), tally.misses)
    }

    fn databases(state: &State) -> Vec<(u32, (u64, u64))> {
        state.reads.databases().map(|(db, tally)| (db.0, counts(tally))).collect()
    }

    fn class(state: &State, name: &str) -> (u64, u64) {
        counts(&state.classes.get(name).unwrap().1.reads)
    }

    /// The keys `a:1` in database 0, `a:3` and `b:3` in 3; the class `a`.
    fn state() -> State {
        let mut state = State::default();
        state.reads.track(true);
        state.classes.set(parse_one(br#"{"match":["a:*"]}"#, "a").unwrap());
        for (db, name) in [(0, "a:1"), (3, "a:3"), (3, "b:3")] {
            state.told(Change::Created, Db(db), name.as_bytes());
        }
        state
    }

    /// A client that has selected this database is about to read.
    fn reads_in(state: &mut State, db: u32) {
        let client = u64::from(db);
        state.reads.remember(client, Db(db));
        assert!(state.reads_of(Some(client)));
        assert!(!state.reads_of(Some(client + 1)));
    }

    #[test]
    fn hits_are_what_was_looked_up_and_not_missed() {
        let mut state = state();
        reads_in(&mut state, 3);
        state.reads(b"a:3");
        state.reads(b"b:4");
        state.missed(Db(3), b"b:4", false);
        state.fetched(Db(0), b"a:9", false);
        state.fetched(Db(0), b"a:1", true);
        assert_eq!(counts(&state.reads.all), (2, 2));
        assert_eq!(databases(&state), [(0, (1, 1)), (3, (1, 1))]);
        assert_eq!(class(&state, "a"), (2, 1));
        assert_eq!(state.reads.all.hit_rate(), Some(0.5));
        state.reads.reset();
        state.classes.reset_counts();
        assert_eq!((state.reads.all, databases(&state)), (Tally::default(), vec![]));
        assert_eq!((class(&state, "a"), state.reads.all.hit_rate()), ((0, 0), None));
    }

    #[test]
    fn what_is_not_tracked_is_not_counted() {
        let mut state = state();
        state.reads.track(false);
        state.fetched(Db(0), b"a:1", true);
        assert_eq!(state.reads.all, Tally::default());
    }

    #[test]
    fn without_its_client_a_read_is_where_the_key_is_or_where_it_is_missed() {
        let mut state = state();
        let mut read = |key: &[u8], missed_in: Option<u32>| {
            state.reads_of(None);
            state.reads(key);
            if let Some(db) = missed_in {
                state.missed(Db(db), key, false);
            }
        };
        read(b"a:1", None);
        read(b"b:3", None);
        read(b"b:3", Some(1));
        read(b"none", Some(0));
        assert_eq!(databases(&state), [(0, (1, 1)), (1, (0, 1)), (3, (1, 0))]);
        // In two databases: it may be either.
        state.told(Change::Created, Db(0), b"b:3");
        state.reads_of(None);
        state.reads(b"b:3");
        assert_eq!(counts(&state.reads.all), (3, 2));
        assert_eq!(databases(&state), [(0, (1, 1)), (1, (0, 1)), (3, (1, 0))]);
    }

    #[test]
    fn the_only_database_is_where_all_is_read() {
        let mut state = State::default();
        state.told(Change::Created, Db(7), b"k");
        state.reads_of(None);
        state.reads(b"other");
        // The last key goes, as an expired one does when it is read.
        state.told(Change::Deleted, Db(7), b"k");
        state.missed(Db(7), b"other", false);
        assert_eq!(databases(&state), [(7, (0, 1))]);
    }

    #[test]
    fn in_a_transaction_the_last_command_says_nothing_of_the_one_that_missed() {
        let mut state = state();
        reads_in(&mut state, 3);
        state.reads(b"gone");
        reads_in(&mut state, 0);
        state.reads(b"a:1");
        state.missed(Db(3), b"gone", true);
        assert_eq!(databases(&state), [(0, (1, 0)), (3, (0, 1))]);
    }

    #[test]
    fn numbers_of_databases_and_clients_are_bounded() {
        let mut state = state();
        state.fetched(Db(u32::MAX), b"k", true);
        assert_eq!((counts(&state.reads.all), databases(&state)), ((1, 0), vec![]));
        let reads = &mut state.reads;
        (0..=CLIENTS_MAX as u64).for_each(|client| reads.remember(client, Db(2)));
        assert_eq!((reads.database_of(0), reads.database_of(1)), (None, Some(Db(2))));
        reads.forget(1);
        assert_eq!(reads.database_of(1), None);
        assert_eq!(reads.database_of(CLIENTS_MAX as u64), Some(Db(2)));
        assert_eq!(reads.clients.0.len(), CLIENTS_MAX);
    }
}
