//! Checks of the module's own books: what must be 0 is not.

use super::observed::Sound;
use super::thresholds::Bounds;
use super::{Figure, Finding, Level};

/// A counter that must be 0.
struct Counter {
    check: &'static str,
    value: u64,
    level: Level,
    good: &'static str,
    /// What it says when it is not 0, after the number.
    bad: &'static str,
    remedy: &'static str,
}

impl Counter {
    fn finding(&self) -> Finding {
        let is_good = self.value == 0;
        let bad = || format!("{} {}", self.value, self.bad);
        Finding {
            check: self.check,
            level: if is_good { Level::Healthy } else { self.level },
            value: Some(Figure::Count(self.value)),
            unit: "",
            bounds: Bounds::default(),
            meaning: if is_good { self.good.to_owned() } else { bad() },
            remedy: if is_good { String::new() } else { self.remedy.to_owned() },
        }
    }
}

/// All of them, in the order they are shown.
pub(super) fn findings(sound: &Sound) -> Vec<Finding> {
    let counters = [
        Counter {
            check: "drift_missed",
            value: sound.drift_missed,
            level: Level::Critical,
            good: "no live key was ever unknown",
            bad: "live keys were unknown until a verifying pass found them; purges before may have missed them",
            remedy: "report it with the server's version and what other modules are loaded",
        },
        Counter {
            check: "drift_dead",
            value: sound.drift_dead,
            level: Level::Warning,
            good: "no known key was ever dead",
            bad: "known keys were gone without a word; they are forgotten now",
            remedy: "look for a module that deletes keys without notifications (Redis 7.0): MODULE LIST",
        },
        Counter {
            check: "deferred",
            value: sound.deferred,
            level: Level::Warning,
            good: "no change had to wait",
            bad: "changes came while the state was in use; they were taken in late",
            remedy: "report it",
        },
        Counter {
            check: "copies_forgotten",
            value: sound.copies_forgotten,
            level: Level::Warning,
            good: "no copy lost its tags",
            bad: "copies came without tags: more were queued in transactions than are kept",
            remedy: "queue fewer COPY commands in one transaction",
        },
        Counter {
            check: "warm_refused",
            value: sound.warm_refused,
            level: Level::Warning,
            good: "every warm entry was written",
            bad: "entries of the warm queues could not be written",
            remedy: "see that inval:warm:high, inval:warm:medium and inval:warm:low are streams: TYPE inval:warm:high",
        },
    ];
    let index = Counter {
        check: "index",
        value: sound.unindexed,
        level: Level::Warning,
        good: "every live key is known",
        bad: "keys are not known yet; events and purges with patterns scan the keyspace",
        remedy: "wait; INFO inval shows the progress",
    };
    let mut list = vec![index.finding(), index_memory(sound)];
    list.extend(counters.iter().map(Counter::finding));
    list
}

/// Bytes of the index, and what comes of a limit that is reached.
fn index_memory(sound: &Sound) -> Finding {
    let (held, max) = sound.index_bytes;
    let (level, meaning) = match sound.index_full {
        (false, false) => (Level::Healthy, "the index has the memory that it needs"),
        (true, false) => (
            Level::Warning,
            "keys are not indexed for want of memory; events and purges with patterns scan the keyspace",
        ),
        (_, true) => (
            Level::Critical,
            "the index has no memory left: TAG.SET and TAG.ADD are refused, and new keys are not indexed",
        ),
    };
    let remedy = match level {
        Level::Healthy => String::new(),
        _ => format!(
            "raise the limit: CONFIG SET inval.max-index-memory {}; or narrow inval.fence",
            max.saturating_mul(2)
        ),
    };
    let limits = Bounds { warning: Some(max - max / 10), critical: Some(max) };
    Finding {
        check: "index_memory",
        level,
        value: Some(Figure::Count(held)),
        unit: "bytes",
        bounds: if max == 0 { Bounds::default() } else { limits },
        meaning: meaning.to_owned(),
        remedy,
    }
}
