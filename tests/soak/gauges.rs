//! What a server weighs, in one look.

use std::fmt;

use super::support::{Client, text};

/// One look at a server.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Keys the module knows, over all databases.
    pub keys: u64,
    /// (key, tag) pairs.
    pub edges: u64,
    /// What the module says that its index holds.
    pub index: u64,
    /// What the server counts as used; the module's memory is in it.
    pub used: u64,
    /// Bytes the allocator gave out.
    pub allocated: u64,
    /// Bytes of pages the allocator gave from.
    pub active: u64,
    /// Bytes the process holds.
    pub resident: u64,
}

impl Sample {
    /// Reads all in one command, so that the figures are of one moment.
    pub fn of(client: &mut Client) -> Self {
        let info = text(&client.run("INFO everything"));
        let read = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.trim().parse().ok())
        };
        let field = |name: &str| read(name).unwrap_or_else(|| panic!("no {name} in INFO"));
        Self {
            keys: field("inval_keys"),
            edges: field("inval_tagged"),
            index: field("inval_index_bytes"),
            used: field("used_memory"),
            // Another allocator than jemalloc tells no such figures.
            allocated: read("allocator_allocated").unwrap_or(0),
            active: read("allocator_active").unwrap_or(0),
            resident: field("used_memory_rss"),
        }
    }

    /// Bytes in use for each key, beyond what the server used without keys.
    pub fn bytes_per_key(&self, empty: &Self) -> f64 {
        self.used.saturating_sub(empty.used) as f64 / self.keys.max(1) as f64
    }

    /// Bytes of the index for each key.
    pub fn index_bytes_per_key(&self) -> f64 {
        self.index as f64 / self.keys.max(1) as f64
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { keys, edges, index, used, allocated, active, resident } = self;
        let bytes = [index, used, allocated, active, resident].map(|bytes| *bytes as f64 / 1e6);
        let [index, used, allocated, active, resident] = bytes;
        write!(f, "{keys} keys, {edges} edges; MB: {index:.2} index, {used:.2} used, ")?;
        write!(f, "{allocated:.2} allocated, {active:.2} active, {resident:.2} resident")
    }
}

/// The middle of a figure.
pub fn median(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    let mut all: Vec<f64> = samples.iter().map(figure).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// How much larger `now` is than `then`, in percent.
pub fn growth_percent(then: f64, now: f64) -> f64 {
    (now / then - 1.0) * 100.0
}
