//! How a rule collects events.

use super::error::{Error, Result};

/// How the events of a rule are collected; what is not said is the server's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Different events that are carried out together at the latest.
    pub size: Option<u64>,
    /// Milliseconds that an event waits at the longest.
    pub timeout_ms: Option<u64>,
}

/// Most different events that a rule may collect.
pub const BATCH_SIZE_MAX: u64 = 10_000;

/// Longest time that an event may wait, in milliseconds: an hour.
pub const BATCH_TIMEOUT_MAX_MS: u64 = 3_600_000;

impl Batch {
    /// Refuses what is no size and no time.
    ///
    /// # Errors
    /// One of them is 0 or too large.
    pub fn check(self) -> Result<Self> {
        let figures = [
            ("batchSize", self.size, "events", BATCH_SIZE_MAX),
            ("batchTimeout", self.timeout_ms, "milliseconds", BATCH_TIMEOUT_MAX_MS),
        ];
        for (what, value, unit, most) in figures {
            if let Some(value) = value.filter(|value| !(1..=most).contains(value)) {
                let found = value.to_string();
                return Err(Error::BadFigure { what, found, unit, range: (1, most) });
            }
        }
        Ok(self)
    }
}
