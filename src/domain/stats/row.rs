//! A row of statistics.

use super::times::{Few, Times};
use crate::domain::outcome::{Count, Outcome};
use crate::domain::recent::Recent;

/// A row of statistics: a rule, an event, a target, or all.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How often it ran.
    pub runs: u64,
    /// Runs that matched no key.
    pub wasted: u64,
    /// Runs that were given up: no permission, a bound, or the server refused.
    pub failures: u64,
    /// What became of the keys.
    pub keys: Count,
    /// Keys that were named outside the fence.
    pub refused: u64,
    /// When it last ran, in milliseconds since 1970; 0 for never.
    pub last_ms: u64,
    /// How often it ran over the last minutes.
    pub recent: Recent,
    /// Time to find the keys. A rule's row counts the whole event's.
    pub resolve: Times,
    /// Time to check, delete and queue them. A rule's row counts the whole event's.
    pub delete: Times,
    /// Both together.
    pub both: Times,
}

/// Runs, counted together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub runs: u64,
    pub wasted: u64,
    pub keys: Count,
}

/// The times of such runs: to find the keys, to delete them, and both together.
#[derive(Debug, Default)]
pub(super) struct Spans {
    resolve: Few,
    delete: Few,
    both: Few,
}

impl Spans {
    /// Those of a run, in microseconds.
    pub(super) fn push(&mut self, (resolve, delete): (u32, u32)) {
        self.resolve.push(resolve);
        self.delete.push(delete);
        self.both.push(resolve + delete);
    }
}

impl Sum {
    pub(super) fn add_run(&mut self, keys: Count) {
        self.runs += 1;
        self.wasted += u64::from(keys.matched == 0);
        self.keys.add(keys);
    }
}

impl Row {
    /// Counts runs, the last of them at `last_ms`.
    pub(super) fn add_runs(&mut self, sum: &Sum, times: &Spans, last_ms: u64) {
        self.runs += sum.runs;
        self.wasted += sum.wasted;
        self.recent.add(last_ms, sum.runs, sum.wasted);
        self.keys.add(sum.keys);
        self.last_ms = self.last_ms.max(last_ms);
        self.resolve.record_few(&times.resolve);
        self.delete.record_few(&times.delete);
        self.both.record_few(&times.both);
    }

    /// Counts a run. `waits`: it is not over, for something is collected.
    pub(super) fn record(&mut self, count: Count, outcome: &Outcome, now_ms: u64, waits: bool) {
        self.count(count, now_ms, waits);
        self.resolve.record(outcome.resolve_micros);
        self.delete.record(outcome.delete_micros);
        self.both.record(outcome.resolve_micros + outcome.delete_micros);
    }

    /// Counts a run without its times.
    pub(super) fn count(&mut self, count: Count, now_ms: u64, waits: bool) {
        let is_wasted = count.matched == 0 && !waits;
        self.runs += 1;
        self.wasted += u64::from(is_wasted);
        self.recent.add(now_ms, 1, u64::from(is_wasted));
        self.keys.add(count);
        self.last_ms = self.last_ms.max(now_ms);
    }

    /// Adds another row.
    pub fn add(&mut self, other: &Self) {
        self.add_counts(other);
        self.resolve.add(&other.resolve, 1);
        self.delete.add(&other.delete, 1);
        self.both.add(&other.both, 1);
    }

    /// Adds another row, but for the times.
    pub fn add_counts(&mut self, other: &Self) {
        self.runs += other.runs;
        self.wasted += other.wasted;
        self.failures += other.failures;
        self.keys.add(other.keys);
        self.refused += other.refused;
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}
