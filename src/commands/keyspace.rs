//! The port: what commands need of a server, in our words.

use std::ops::Range;

use crate::domain::batches::BatchLimits;
use crate::domain::journal::Caller;
use crate::domain::name::{Db, NameList};
use crate::domain::rule::Priority;
use crate::domain::source::{Entry, EntryId};
use crate::domain::waiting::Waiter;
use crate::domain::windows::ServerFigures;

/// A server, seen from inside one command of one client.
pub trait Keyspace {
    /// The client's selected database.
    fn db(&self) -> Db;

    /// Selects a database.
    fn select(&mut self, db: Db);

    /// Whether a live key has this name. Asking may delete an expired key.
    fn exists(&mut self, name: &[u8]) -> bool;

    /// Deletes these names of the list, as UNLINK does, here and on replicas. Gives the number
    /// that were there.
    ///
    /// # Errors
    /// Why the server refused, in its words.
    fn unlink(&mut self, names: &NameList, range: Range<usize>) -> Result<u64, String>;

    /// The string that a live key holds.
    ///
    /// # Errors
    /// It holds something else; in the server's words.
    fn get(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, String>;

    /// Makes a key hold a string, here and on replicas, until a time in milliseconds since 1970
    /// or for ever.
    ///
    /// # Errors
    /// Why the server refused, in its words.
    fn set(&mut self, name: &[u8], value: &[u8], until_ms: Option<u64>) -> Result<(), String>;

    /// Has a key die at a time in milliseconds since 1970 at the latest, here and on replicas;
    /// false when it is not there.
    ///
    /// # Errors
    /// Why the server refused, in its words.
    fn shorten_life(&mut self, name: &[u8], until_ms: u64) -> Result<bool, String>;

    /// It is known how fresh values are: has the server tell of those that are written anew.
    fn hear_overwrites(&mut self);

    /// A number that nobody can guess, for a fill token. From here on deletions of keys that are
    /// not there are heard, too.
    fn new_token(&mut self) -> u64;

    /// Any number, each as likely; nothing secret depends on it.
    fn random(&mut self) -> u64;

    /// Milliseconds that a fill token lives.
    fn token_ttl_ms(&self) -> u64;

    /// Has the client wait for its reply, for so many milliseconds at most; gives its number.
    /// `None` where nobody may wait: in a transaction or a script.
    fn wait(&mut self, ms: u64) -> Option<Waiter>;

    /// Shows every key name of the database, live or just expired, some perhaps twice.
    fn scan(&mut self, visit: &mut dyn FnMut(&[u8]));

    /// Shows every key name of every database, as [`Keyspace::scan`] does.
    fn scan_all(&mut self, visit: &mut dyn FnMut(Db, &[u8]));

    /// The first of the names that the caller may not delete.
    fn first_denied(&mut self, names: &NameList) -> Option<Denied>;

    /// Whether the caller may delete any key, so that [`Keyspace::first_denied`] need not be
    /// asked. No means only that it must be.
    fn may_delete_all(&mut self) -> bool;

    /// Who asks.
    fn caller(&mut self) -> Caller;

    /// Writes a line about an invalidation down, where the configuration says.
    fn log_line(&mut self, line: &str);

    /// An invalidation took so many milliseconds: tells the server's latency monitor.
    fn sample_latency(&mut self, ms: u64);

    /// Whether a key was touched within so many milliseconds, by whatever the server knows of
    /// that. Asking touches nothing, and may delete an expired key.
    fn is_hot(&mut self, name: &[u8], within_ms: u64) -> bool;

    /// Appends to the warm queue of the entry's priority.
    ///
    /// # Errors
    /// Why the server refused, in its words.
    fn warm(&mut self, entry: &WarmEntry) -> Result<(), String>;

    /// What the configuration says of warming.
    fn warm_settings(&self) -> WarmSettings;

    /// Entries in the warm queue of a priority; 0 for one that is no stream.
    fn warm_length(&mut self, priority: Priority) -> u64;

    /// The entries of a stream after one, in order, no more than `most`; none without a stream.
    ///
    /// # Errors
    /// The key is no stream; in the server's words.
    fn read_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: usize,
    ) -> Result<Vec<Entry>, String>;

    /// How many entries a stream has after one, up to `most`, and when the first of them was
    /// added, in milliseconds since 1970.
    ///
    /// # Errors
    /// The key is no stream; in the server's words.
    fn count_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: u64,
    ) -> Result<(u64, u64), String>;

    /// The id that a stream gave last; `None` without a stream.
    ///
    /// # Errors
    /// The key is no stream; in the server's words.
    fn last_entry(&mut self, stream: &[u8]) -> Result<Option<EntryId>, String>;

    /// Appends an entry to the stream of those that cannot be taken, here and on replicas.
    ///
    /// # Errors
    /// Why the server refused, in its words.
    fn bury(&mut self, stream: &[u8], fields: &[(&[u8], &[u8])]) -> Result<(), String>;

    /// There may be entries of sources now: has the server take them.
    fn begin_sources(&mut self);

    /// Sends a message to whoever listens to a channel.
    fn publish(&mut self, channel: &[u8], message: &[u8]);

    /// There may be events that rules have collected: has the server carry them out in time.
    fn begin_batches(&mut self);

    /// How events are collected, remembered and published.
    fn event_limits(&self) -> EventLimits;

    /// Sends a command to replicas and the append-only file.
    fn replicate(&mut self, words: &[&[u8]]);

    /// Sends the command that is running to replicas and the append-only file, as it came.
    fn replicate_as_it_came(&mut self);

    /// Whether this server may write of its own accord now: it is a primary, has loaded its
    /// data, and has not paused its clients.
    fn may_write(&self) -> bool;

    /// There may be jobs now: has the server run their slices, and tell of values that are
    /// written anew, which it need not before the first job.
    fn begin_slices(&mut self);

    /// Most keys of a plan that is carried out while the server waits.
    fn sync_max_keys(&self) -> u64;

    /// Whether the command comes from the primary or the append-only file: what it says has
    /// been decided, and is obeyed.
    fn is_obeying(&self) -> bool;

    /// What the server itself has counted.
    fn figures(&mut self) -> ServerFigures;

    /// Microseconds of a clock that only goes forward.
    fn monotonic_micros(&self) -> u64;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

/// See [`Keyspace::event_limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// How rules collect events that do not say.
    pub batch: BatchLimits,
    /// Milliseconds for which the id of an event is known.
    pub dedupe_window_ms: u64,
    /// Most ids, and most entities, that are known.
    pub dedupe_max: usize,
    /// Most names in a list of a message; `None`: nothing is published.
    pub publish_names: Option<usize>,
}

/// How long a value lives, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long from now.
    In(u64),
    /// Until then, since 1970.
    At(u64),
}

impl Expiry {
    /// When it ends, in milliseconds since 1970.
    pub fn until_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::In(ms) => now_ms.saturating_add(ms),
            Self::At(ms) => ms,
        }
    }
}

/// Who may not delete what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The caller.
    pub user: String,
    /// Position in the list.
    pub at: usize,
}

/// A deleted key that somebody should compute again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmEntry<'a> {
    /// The key's name.
    pub key: &'a [u8],
    /// The rule that asks.
    pub rule: &'a str,
    /// The event that happened.
    pub event: &'a str,
    /// Which queue.
    pub priority: Priority,
    /// Milliseconds since 1970 before which no worker should begin.
    pub due_ms: u64,
    /// The event's payload, as it was sent.
    pub payload: &'a [u8],
}

/// What the configuration says of warming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmSettings {
    /// Most entries of each queue; 0 switches warming off.
    pub max_entries: u64,
    /// Milliseconds before which no worker should begin, where a rule says nothing.
    pub delay_ms: u64,
    /// Milliseconds in which a key must have been touched to count as hot.
    pub hot_ms: u64,
    /// Milliseconds after which a value that did not come back counts as failed.
    pub timeout_ms: u64,
}
