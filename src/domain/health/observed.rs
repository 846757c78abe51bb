//! What is judged: every figure that a check looks at, and who stands behind it.
//!
//! `None`, and lists that are empty, mean that there is nothing to judge.

/// Everything that [`super::examine`] looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What must be 0 or false.
    pub sound: Sound,
    /// Reads of the last five minutes.
    pub reads: Option<Reads>,
    /// Why few values may be there, if that was lately.
    pub cold: Option<Cold>,
    /// The class whose fetches find least.
    pub worst_class: Option<ClassReads>,
    /// Keys that the server evicted in the last minute.
    pub evicted: Option<PerMinute>,
    /// Memory of the server.
    pub memory: Option<Memory>,
    /// How long the server was busy before it looked at its clients, in milliseconds: on
    /// average, and at worst.
    pub latency_ms: Option<(f64, f64)>,
    /// Invalidations of the last five minutes.
    pub runs: Runs,
    /// Why the last one failed.
    pub last_failure: Option<String>,
    /// Invalidations of the last minute.
    pub minute: Option<PerMinute>,
    /// What makes most of them.
    pub busiest: Option<Busiest>,
    /// The rule that wastes most of its runs.
    pub wasteful: Option<WastefulRule>,
    /// The rule whose pattern looks at most names.
    pub broad: Option<BroadPattern>,
    /// The widest tag that is known.
    pub widest: Option<WideTag>,
    /// Queues of keys to warm that hold entries.
    pub warm: Vec<WarmQueue>,
    /// Most entries that a warm queue keeps; 0: warming is off.
    pub warm_max: u64,
    /// What rules have collected and is overdue most.
    pub batch: Option<OverdueBatch>,
    /// Sources for which entries wait.
    pub sources: Vec<LaggingSource>,
    /// Streams of entries that nobody could take.
    pub dead: Vec<DeadStream>,
}

/// State of the module's own books.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Keys that the first walk over the keyspace has not seen, about; 0: it is done.
    pub unindexed: u64,
    /// Bytes of the index, and how many it may take; 0 for any number.
    pub index_bytes: (u64, u64),
    /// Whether keys are not indexed, and whether tags are refused, for want of memory.
    pub index_full: (bool, bool),
    /// Live keys that were unknown until a pass found them.
    pub drift_missed: u64,
    /// Known keys that were gone without a word.
    pub drift_dead: u64,
    /// Changes that came while the state was in use.
    pub deferred: u64,
    /// Copies whose tags were lost.
    pub copies_forgotten: u64,
    /// Warm entries that could not be written.
    pub warm_refused: u64,
}

/// Reads of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Those that found a value.
    pub hits: u64,
    /// Those that did not.
    pub misses: u64,
    /// The time they are of.
    pub seconds: u64,
}

/// Why values are not there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Cold {
    /// What emptied the cache.
    pub cause: Emptied,
    /// How long ago.
    pub seconds: u64,
}

/// What emptied the cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Emptied {
    /// The server began with nothing.
    Started,
    /// FLUSHDB, FLUSHALL, a full resync: so many percent of all keys.
    Flushed(f64),
    /// An event or a purge: what, and how many percent of all keys.
    Invalidated(String, f64),
}

/// Fetches of a class since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassReads {
    /// The class.
    pub class: String,
    /// Those that found a value.
    pub hits: u64,
    /// All.
    pub reads: u64,
}

/// How many of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerMinute {
    /// How many.
    pub count: u64,
    /// In what time: a minute, or less after a start.
    pub seconds: u64,
}

/// Memory of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// `maxmemory`, in bytes; never 0.
    pub max: u64,
    /// `maxmemory-policy`.
    pub policy: String,
}

/// Invalidations: events, purges, and what was collected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Runs {
    /// How many.
    pub count: u64,
    /// Of them, how many matched no key.
    pub wasted: u64,
    /// How many failed.
    pub failures: u64,
    /// Mean time in microseconds.
    pub mean_micros: Option<f64>,
    /// The time in microseconds that 99 of 100 stayed below.
    pub p99_micros: Option<u64>,
    /// The share of all time that they took, from 0 to 1.
    pub overhead: f64,
    /// The time they are of.
    pub seconds: u64,
}

/// What makes most of the invalidations of the last minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busiest {
    /// The event, and how often; `None`: purges make most.
    pub event: Option<(String, u64)>,
    /// The rule that ran most often, and how often.
    pub rule: Option<(String, u64)>,
    /// Purges.
    pub purges: u64,
    /// The user behind most of what was logged last.
    pub user: Option<String>,
}

/// A rule that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WastefulRule {
    /// The rule.
    pub rule: String,
    /// The event that it takes.
    pub event: String,
    /// Its runs of the last five minutes.
    pub runs: u64,
    /// Of them, how many matched no key.
    pub wasted: u64,
}

/// A pattern that begins with a wildcard and has no set of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadPattern {
    /// The rule that has it.
    pub rule: String,
    /// The pattern as it is written.
    pub pattern: String,
    /// Names that it looks at each time.
    pub names: u64,
    /// How many rules have one.
    pub rules: u64,
}

/// A tag on many keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideTag {
    /// The tag.
    pub tag: String,
    /// Its database.
    pub db: u32,
    /// Keys that carry it.
    pub keys: u64,
}

/// A queue of keys to warm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmQueue {
    /// The stream.
    pub stream: String,
    /// Its database.
    pub db: u32,
    /// Entries in it.
    pub length: u64,
    /// Whether workers ever read it, as a consumer group.
    pub has_workers: bool,
    /// How long the oldest entry waits that no worker has taken, in milliseconds; `None`: all
    /// are taken.
    pub waits_ms: Option<u64>,
}

/// Events that a rule has collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueBatch {
    /// The rule.
    pub rule: String,
    /// Its database.
    pub db: u32,
    /// Events.
    pub events: u64,
    /// Milliseconds since they should have been carried out.
    pub overdue_ms: u64,
}

/// A source that is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaggingSource {
    /// The source.
    pub source: String,
    /// Entries that wait, as far as they are counted.
    pub entries: u64,
    /// How long the oldest of them waits, in milliseconds.
    pub waits_ms: u64,
}

/// Entries that nobody could take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadStream {
    /// The stream.
    pub stream: String,
    /// Its database.
    pub db: u32,
    /// Entries in it.
    pub entries: u64,
}
