//! A row of statistics, and the distribution of times in it.

use hdrhistogram::Histogram;

use crate::domain::outcome::{Count, Outcome};

/// Longest time a histogram tells apart, in microseconds; longer ones count as this.
pub const MICROS_MAX: u64 = 60_000_000;

/// Decimal digits a histogram keeps: two cost 1 KB up to a quarter of a millisecond, and half a KB
/// for each doubling beyond.
const DIGITS: u8 = 2;

/// Times in microseconds; takes no memory before the first.
#[derive(Clone, Debug, Default)]
pub struct Times {
    histogram: Option<Histogram<u32>>,
    sum: u64,
}

impl Times {
    /// Counts one time; in percentiles one below a microsecond counts as one.
    pub fn record(&mut self, micros: u64) {
        self.sum += micros;
        if self.histogram.is_none() {
            // A number of digits that the library takes. It grows with what it is told.
            self.histogram = Histogram::new(DIGITS).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            // It may be as large as it has to.
            let _ = histogram.record(micros.clamp(1, MICROS_MAX));
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// The time that `percent` of all did not exceed; 0 before the first.
    pub fn percentile(&self, percent: f64) -> u64 {
        self.histogram
            .as_ref()
            .map_or(0, |histogram| histogram.value_at_percentile(percent).min(histogram.max()))
    }

    /// The longest time.
    pub fn max(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::max)
    }

    /// The mean time.
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// All of them together.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many did not exceed each of these times, which grow.
    pub fn up_to(&self, bounds: &[u64]) -> Vec<u64> {
        let Some(histogram) = &self.histogram else { return vec![0; bounds.len()] };
        let mut from = 0;
        let mut sum = 0;
        let up_to = |bound: &u64| {
            sum += histogram.count_between(from, *bound);
            // What is equivalent to a bound was counted with it.
            from = histogram.next_non_equivalent(*bound);
            sum
        };
        bounds.iter().map(up_to).collect()
    }

    /// Adds the times of another.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        match (&mut self.histogram, &other.histogram) {
            (_, None) => {}
            (Some(sum), Some(other)) => drop(sum.add(other)),
            (none, Some(other)) => *none = Some(other.clone()),
        }
    }

    /// The times that came after `before`, which was a copy of this one.
    pub fn since(&self, before: &Self) -> Self {
        let mut times = self.clone();
        if let (Some(now), Some(then)) = (&mut times.histogram, &before.histogram) {
            if now.subtract(then).is_err() {
                return self.clone();
            }
            times.sum = times.sum.saturating_sub(before.sum);
        }
        times
    }
}

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
    /// Time to find the keys. A rule's row counts the whole event's.
    pub resolve: Times,
    /// Time to check, delete and queue them. A rule's row counts the whole event's.
    pub delete: Times,
    /// Both together.
    pub both: Times,
}

impl Row {
    /// Counts a run. `waits`: it is not over, for something is collected.
    pub(super) fn record(&mut self, count: Count, outcome: &Outcome, now_ms: u64, waits: bool) {
        self.count(count, now_ms, waits);
        self.resolve.record(outcome.resolve_micros);
        self.delete.record(outcome.delete_micros);
        self.both.record(outcome.resolve_micros + outcome.delete_micros);
    }

    /// Counts a run without its times.
    pub(super) fn count(&mut self, count: Count, now_ms: u64, waits: bool) {
        self.runs += 1;
        self.wasted += u64::from(count.matched == 0 && !waits);
        self.keys.add(count);
        self.last_ms = now_ms;
    }

    /// Adds another row.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.wasted += other.wasted;
        self.failures += other.failures;
        self.keys.add(other.keys);
        self.refused += other.refused;
        self.last_ms = self.last_ms.max(other.last_ms);
        self.resolve.add(&other.resolve);
        self.delete.add(&other.delete);
        self.both.add(&other.both);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) <= expected / 50 + 1
    }

    #[test]
    fn times_are_a_distribution() {
        let mut times = Times::default();
        assert_eq!((times.percentile(99.0), times.max()), (0, 0));
        for micros in 0..1000 {
            times.record(micros);
        }
        times.record(u64::MAX);
        assert!(close(times.percentile(50.0), 500), "{}", times.percentile(50.0));
        assert!(close(times.percentile(95.0), 950));
        assert!(close(times.max(), MICROS_MAX));
        assert_eq!(times.count(), 1001);
    }

    proptest! {
        #[test]
        fn a_difference_and_a_sum_are_what_a_list_says(
            first in prop::collection::vec(1u64..200, 0..50),
            then in prop::collection::vec(1u64..200, 0..50),
        ) {
            let mut times = Times::default();
            first.iter().for_each(|micros| times.record(*micros));
            let before = times.clone();
            then.iter().for_each(|micros| times.record(*micros));
            let since = times.since(&before);
            prop_assert_eq!(since.count(), then.len() as u64);
            let bounds = [10, 50, 100, 1000];
            let naive = |list: &[u64]| {
                bounds.map(|bound| list.iter().filter(|micros| **micros <= bound).count() as u64)
            };
            prop_assert_eq!(since.up_to(&bounds), naive(&then));
            let mut sum = before;
            sum.add(&since);
            prop_assert_eq!(sum.up_to(&bounds), times.up_to(&bounds));
            let all: Vec<u64> = first.iter().chain(&then).copied().collect();
            prop_assert_eq!(times.up_to(&bounds), naive(&all));
            prop_assert_eq!(times.max(), all.iter().copied().max().unwrap_or(0));
        }
    }
}
