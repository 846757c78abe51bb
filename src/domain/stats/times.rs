//! The distribution of times, counted in some ten instructions each: a dozen of them are counted for
//! every event.
//!
//! The layout is that of HDR histograms (Gil Tene, hdrhistogram.org): up to [`EXACT`] each number
//! of microseconds has its own count; beyond, each doubling has [`HALF`] counts of equal width, so
//! that a time is told to within a hundred-and-twenty-eighth of itself.

/// Longest time that is told apart, in microseconds: a minute. Longer ones count as this.
pub const MICROS_MAX: u64 = 60_000_000;

/// Counts of each doubling.
const HALF: u64 = 1 << HALF_BITS;
const HALF_BITS: u32 = 7;

/// Times below have a count each.
const EXACT: u64 = 2 * HALF;

/// Times in microseconds; takes as much memory as the longest asks for: 1 KB up to a quarter of a
/// millisecond, and half a KB for each doubling beyond.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// By [`place`].
    counts: Vec<u32>,
    /// Before this place, and behind that of the longest, all counts are 0.
    first: usize,
    count: u64,
    sum: u64,
    max: u64,
}

/// Where a time is counted.
fn place(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    let shift = micros.ilog2() - HALF_BITS;
    ((u64::from(shift) << HALF_BITS) + (micros >> shift)) as usize
}

/// The longest time that is counted there.
fn longest(place: usize) -> u64 {
    let place = place as u64;
    if place < EXACT {
        return place;
    }
    let shift = (place >> HALF_BITS) - 1;
    let base = place - (shift << HALF_BITS);
    ((base + 1) << shift) - 1
}

/// Most of a [`Few`].
pub(super) const FEW: usize = 64;

/// A few times that are counted in several distributions: where is found out once.
#[derive(Clone, Debug)]
pub(super) struct Few {
    /// By [`place`]; of times in [`u16`] and their sums they are small.
    places: [u16; FEW],
    len: usize,
    sum: u64,
    min: u64,
    max: u64,
}

impl Default for Few {
    fn default() -> Self {
        Self { places: [0; FEW], len: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Few {
    /// Another time, in microseconds; no more than [`FEW`] of them.
    #[inline]
    pub(super) fn push(&mut self, micros: u32) {
        let micros = u64::from(micros);
        if let Some(slot) = self.places.get_mut(self.len) {
            *slot = place(micros) as u16;
            self.len += 1;
            self.sum += micros;
            self.min = self.min.min(micros);
            self.max = self.max.max(micros);
        }
    }
}

impl Times {
    /// Counts a few times.
    pub(super) fn record_few(&mut self, few: &Few) {
        let last = place(few.max);
        if last >= self.counts.len() {
            self.grow(last);
        }
        for at in few.places.get(..few.len).unwrap_or_default() {
            if let Some(count) = self.counts.get_mut(usize::from(*at)) {
                *count = count.saturating_add(1);
            }
        }
        self.starts_at(place(few.min));
        self.count += few.len as u64;
        self.sum += few.sum;
        self.max = self.max.max(few.max);
    }

    /// Counts one time.
    #[inline]
    pub fn record(&mut self, micros: u64) {
        let micros = micros.min(MICROS_MAX);
        let at = place(micros);
        if at >= self.counts.len() {
            self.grow(at);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.starts_at(at);
        self.count += 1;
        self.sum += micros;
        self.max = self.max.max(micros);
    }

    /// The first of times that are about to be counted is at this place.
    fn starts_at(&mut self, first: usize) {
        self.first = if self.count == 0 { first } else { self.first.min(first) };
    }

    /// The counts that may not be 0, in order.
    fn counted(&self) -> &[u32] {
        let end = self.counts.len().min(place(self.max) + 1);
        self.counts.get(self.first..end).unwrap_or_default()
    }

    /// By whole doublings, so that it seldom has to.
    #[cold]
    fn grow(&mut self, at: usize) {
        let len = (at + 1).next_multiple_of(HALF as usize);
        self.counts.resize(len, 0);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together, in microseconds.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The longest time.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean time; 0 before the first.
    pub fn mean(&self) -> f64 {
        match self.count {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// The times that so many percent of all did not exceed, of percentages that grow; 0 before the
    /// first.
    pub fn percentiles<const N: usize>(&self, percents: [f64; N]) -> [u64; N] {
        let mut counts = (self.first..).zip(self.counted());
        let (mut below, mut at) = (0, 0);
        percents.map(|percent| {
            let wanted = (percent / 100.0 * self.count as f64).ceil() as u64;
            while below < wanted.max(1)
                && let Some((place, count)) = counts.next()
            {
                below += u64::from(*count);
                at = place;
            }
            longest(at).min(self.max)
        })
    }

    /// The time that so many percent of all did not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        let [time] = self.percentiles([percent]);
        time
    }

    /// How many did not exceed each of these times, which grow; a time that shares its count with a
    /// bound is not beyond it.
    pub fn up_to(&self, bounds: &[u64]) -> Vec<u64> {
        let (mut rest, mut from, mut sum) = (self.counted(), self.first, 0);
        let up_to = |bound: &u64| {
            let len = (place(*bound) + 1).saturating_sub(from).min(rest.len());
            let (below, others) = rest.split_at(len);
            sum += below.iter().map(|count| u64::from(*count)).sum::<u64>();
            (rest, from) = (others, from + len);
            sum
        };
        bounds.iter().map(up_to).collect()
    }

    /// Adds the times of another, each so often.
    pub fn add(&mut self, other: &Self, times: u32) {
        if other.count == 0 || times == 0 {
            return;
        }
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        let sums = self.counts.iter_mut().skip(other.first);
        for (sum, count) in sums.zip(other.counted()) {
            *sum = sum.saturating_add(count.saturating_mul(times));
        }
        self.starts_at(other.first);
        self.count += other.count * u64::from(times);
        self.sum += other.sum * u64::from(times);
        self.max = self.max.max(other.max);
    }

    /// The times that came after `before`, which was a copy of this one. Their longest is told as
    /// well as any time.
    pub fn since(&self, before: &Self) -> Self {
        let mut times = self.clone();
        for (count, then) in times.counts.iter_mut().zip(&before.counts) {
            *count = count.saturating_sub(*then);
        }
        times.count = self.count.saturating_sub(before.count);
        times.sum = self.sum.saturating_sub(before.sum);
        let last = times.counts.iter().rposition(|count| *count > 0);
        times.max = last.map_or(0, |place| longest(place).min(self.max));
        times
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    fn close(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) <= expected / 127
    }

    /// From microseconds to more than a minute.
    fn micros() -> impl Strategy<Value = u64> {
        (0u32..28).prop_flat_map(|bits| 0u64..1 << bits)
    }

    #[test]
    fn every_time_is_counted_where_it_is_the_longest_or_shorter() {
        let mut times: Vec<u64> = (0..5000).collect();
        times.extend((0..27).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]));
        for time in times.into_iter().filter(|time| *time <= MICROS_MAX) {
            let longest = longest(place(time));
            assert!(longest >= time && close(longest, time), "{time}: {longest}");
            assert_eq!((place(longest), place(longest + 1)), (place(time), place(time) + 1));
        }
        let mut times = Times::default();
        assert_eq!((times.percentile(99.0), times.max(), times.mean()), (0, 0, 0.0));
        times.record(u64::MAX);
        assert_eq!((times.max(), times.percentile(50.0)), (MICROS_MAX, MICROS_MAX));
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_library(all in prop::collection::vec(micros(), 1..300)) {
            let mut times = Times::default();
            let mut oracle = Histogram::<u64>::new_with_bounds(1, 2 * MICROS_MAX, 3).unwrap();
            for time in &all {
                times.record(*time);
                oracle.record((*time).clamp(1, MICROS_MAX)).unwrap();
            }
            let percents = [0.0, 1.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0];
            for (percent, found) in percents.into_iter().zip(times.percentiles(percents)) {
                let expected = oracle.value_at_percentile(percent);
                // It knows no time below 1, and is exact to a thousandth.
                prop_assert!(found.abs_diff(expected) <= 1 + expected / 100, "{percent}: {found} {expected}");
            }
            let mut few = Times::default();
            for all in all.chunks(40) {
                // Few are short.
                let mut some = Few::default();
                all.iter().for_each(|time| some.push((*time).min(1 << 17) as u32));
                few.record_few(&some);
            }
            let mut short = Times::default();
            all.iter().for_each(|time| short.record((*time).min(1 << 17)));
            prop_assert_eq!(format!("{few:?}"), format!("{short:?}"));
            prop_assert_eq!(times.max(), all.iter().copied().max().unwrap().min(MICROS_MAX));
            let sum: u64 = all.iter().map(|time| (*time).min(MICROS_MAX)).sum();
            prop_assert_eq!(times.mean(), sum as f64 / all.len() as f64);
        }

        #[test]
        fn a_difference_and_a_sum_are_what_a_list_says(
            first in prop::collection::vec(micros(), 0..50),
            then in prop::collection::vec(micros(), 0..50),
        ) {
            let mut times = Times::default();
            first.iter().for_each(|time| times.record(*time));
            let before = times.clone();
            then.iter().for_each(|time| times.record(*time));
            let since = times.since(&before);
            let mut alone = Times::default();
            then.iter().for_each(|time| alone.record(*time));
            prop_assert_eq!((since.count(), since.sum()), (alone.count(), alone.sum()));
            prop_assert!(close(since.max(), alone.max()), "{} {}", since.max(), alone.max());
            let bounds = [10, 100, 255, 1000, 10_000_000];
            prop_assert_eq!(since.up_to(&bounds), alone.up_to(&bounds));
            // Of bounds that are the longest of their count a list says the same.
            let exact = bounds.map(|bound| longest(place(bound)));
            let naive = exact.map(|bound| then.iter().filter(|time| **time <= bound).count() as u64);
            prop_assert_eq!(alone.up_to(&exact), naive);
            let mut sum = before;
            sum.add(&alone, 1);
            sum.add(&alone, 0);
            prop_assert_eq!((sum.count(), sum.sum(), sum.max()), (times.count(), times.sum(), times.max()));
            prop_assert_eq!(sum.up_to(&exact), times.up_to(&exact));
            let percents = [0.0, 20.0, 50.0, 99.0];
            prop_assert_eq!(sum.percentiles(percents), times.percentiles(percents));
            let (mut thrice, mut added) = (Times::default(), Times::default());
            (0..3).for_each(|_| then.iter().for_each(|time| thrice.record(*time)));
            added.add(&alone, 3);
            prop_assert_eq!(added.up_to(&exact), thrice.up_to(&exact));
            prop_assert_eq!((added.count(), added.sum()), (thrice.count(), thrice.sum()));
        }
    }
}
