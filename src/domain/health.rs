//! State and statistics -> findings, each with a remedy.

use super::State;

/// From good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Healthy,
    /// Answers are right; something wants attention.
    Warning,
    /// Answers may have been wrong, or commands are refused.
    Critical,
}

impl Level {
    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was measured.
    pub value: u64,
    /// What the value may be, where there is a limit.
    pub limit: Option<u64>,
    /// What the value says.
    pub meaning: &'static str,
    /// What to do; empty when nothing is to be done.
    pub remedy: &'static str,
}

/// Runs all checks.
pub fn examine(state: &State, deferred: u64) -> Vec<Finding> {
    let counter = |check, value: u64, level, meaning, bad, remedy| match value {
        0 => Finding { check, level: Level::Healthy, value, limit: None, meaning, remedy: "" },
        _ => Finding { check, level, value, limit: None, meaning: bad, remedy },
    };
    let unindexed = match state.index.incomplete && !state.memory.is_full() {
        true => state.index.expected.saturating_sub(state.index.scanned).max(1),
        false => 0,
    };
    vec![
        counter(
            "index",
            unindexed,
            Level::Warning,
            "every live key is known",
            "not every live key is known yet; events and purges with patterns scan the keyspace",
            "wait; INFO inval shows the progress",
        ),
        index_memory(state),
        counter(
            "drift_missed",
            state.drift.missed,
            Level::Critical,
            "no live key was ever unknown",
            "live keys were unknown until a verifying pass found them; purges before may have missed them",
            "report it with the server's version and what other modules are loaded",
        ),
        counter(
            "drift_dead",
            state.drift.dead + state.stats.dead_names,
            Level::Warning,
            "no known key was ever dead",
            "known keys were gone without a word; they are forgotten now",
            "look for a module that deletes keys without notifications (Redis 7.0)",
        ),
        counter(
            "deferred",
            deferred,
            Level::Warning,
            "no change had to wait",
            "changes came while the state was in use; they were taken in late",
            "report it",
        ),
        counter(
            "copies_forgotten",
            state.travel.forgotten,
            Level::Warning,
            "no copy lost its tags",
            "more copies were queued in transactions than are kept; the oldest came without tags",
            "queue fewer COPY commands in one transaction",
        ),
        counter(
            "warm_queue",
            state.stats.warm_refused,
            Level::Warning,
            "every warm entry was written",
            "entries of the warm queue could not be written",
            "see that inval:warm:high, inval:warm:medium and inval:warm:low are streams: TYPE inval:warm:high",
        ),
    ]
}

/// Bytes of the index, and what comes of a limit that is reached.
fn index_memory(state: &State) -> Finding {
    let (held, max) = (state.index_bytes(), state.memory.max());
    let (level, meaning, remedy) = match (state.memory.is_full(), state.memory.refuses_tags()) {
        (false, false) => (Level::Healthy, "the index has the memory that it needs", ""),
        (true, false) => (
            Level::Warning,
            "keys are not indexed for want of memory; events and purges with patterns scan the keyspace",
            "raise inval.max-index-memory, or narrow inval.fence",
        ),
        (_, true) => (
            Level::Critical,
            "the index has no memory left: TAG.SET and TAG.ADD are refused, and new keys are not indexed",
            "raise inval.max-index-memory, or narrow inval.fence",
        ),
    };
    let limit = (max != 0).then_some(max as u64);
    Finding { check: "index_memory", level, value: held as u64, limit, meaning, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_found_and_has_a_remedy() {
        let mut state = State::default();
        assert!(
            examine(&state, 0)
                .iter()
                .all(|finding| finding.level == Level::Healthy && finding.remedy.is_empty())
        );
        state.index.incomplete = true;
        state.drift.missed = 1;
        state.stats.dead_names = 2;
        state.travel.forgotten = 3;
        state.stats.warm_refused = 4;
        let findings = examine(&state, 5);
        assert!(
            findings
                .iter()
                .filter(|finding| finding.check != "index_memory")
                .all(|finding| finding.level > Level::Healthy && !finding.remedy.is_empty())
        );
        assert_eq!(
            findings.iter().map(|finding| finding.value).collect::<Vec<_>>(),
            [1, 0, 1, 2, 5, 3, 4]
        );
        assert_eq!(findings.iter().map(|finding| finding.level).max(), Some(Level::Critical));
    }
}
