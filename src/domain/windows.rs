//! Rates over the last minute, five minutes and hour, and since the start: differences of counters
//! that only grow. What happens costs nothing here; somebody looks at the counters once a second.

use std::collections::VecDeque;
use std::sync::Arc;

use super::stats::Times;

/// The windows by name, with their length and the time between two looks, in milliseconds: sixty
/// looks each.
const WINDOWS: [(&str, u64, u64); 3] =
    [("1m", 60_000, 1000), ("5m", 300_000, 5000), ("1h", 3_600_000, 60_000)];

/// The name of the window that has no end.
const SINCE_START: &str = "start";

/// What happened up to a moment. Every number only grows until [`Windows::reset`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Look-ups that found a key, as the server counts them.
    pub hits: u64,
    /// Look-ups that found none, likewise.
    pub misses: u64,
    /// Keys that the server evicted for want of memory.
    pub evicted: u64,
    /// Requests that were carried out: events, purges and what was collected.
    pub invalidations: u64,
    /// Events that somebody told.
    pub events: u64,
    /// Purges.
    pub purges: u64,
    /// Invalidations that matched no key.
    pub wasted: u64,
    /// Invalidations that were given up.
    pub failures: u64,
    /// Keys that they deleted.
    pub keys_deleted: u64,
    /// Keys that they marked as stale.
    pub keys_marked: u64,
    /// Keys that they queued for warming.
    pub keys_warmed: u64,
    /// Microseconds that they took, each from its start to its end.
    pub run_micros: u64,
    /// Microseconds that the server was held up by them.
    pub busy_micros: u64,
}

impl Totals {
    /// What came after `before`.
    fn since(self, before: Self) -> Self {
        let of = |of: fn(&Self) -> u64| of(&self).saturating_sub(of(&before));
        Self {
            hits: of(|totals| totals.hits),
            misses: of(|totals| totals.misses),
            evicted: of(|totals| totals.evicted),
            invalidations: of(|totals| totals.invalidations),
            events: of(|totals| totals.events),
            purges: of(|totals| totals.purges),
            wasted: of(|totals| totals.wasted),
            failures: of(|totals| totals.failures),
            keys_deleted: of(|totals| totals.keys_deleted),
            keys_marked: of(|totals| totals.keys_marked),
            keys_warmed: of(|totals| totals.keys_warmed),
            run_micros: of(|totals| totals.run_micros),
            busy_micros: of(|totals| totals.busy_micros),
        }
    }
}

/// What the server itself has counted since its start, or since somebody reset it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerFigures {
    /// Look-ups that found a key.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Keys that were evicted.
    pub evicted: u64,
}

/// One look at the counters.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// When, in milliseconds of a clock that only goes forward.
    at_ms: u64,
    totals: Totals,
    /// The time of each invalidation.
    times: Arc<Times>,
}

#[derive(Clone, Debug, Default)]
struct Ring {
    /// The oldest first; the first is the last one that is as old as the window is long, once
    /// there is one.
    looks: VecDeque<Look>,
}

impl Ring {
    fn take(&mut self, look: &Look, span_ms: u64, step_ms: u64) {
        let is_due = |last: &Look| look.at_ms.saturating_sub(last.at_ms) >= step_ms;
        if self.looks.back().is_none_or(is_due) {
            self.looks.push_back(look.clone());
        }
        let is_old = |look_then: &Look| look.at_ms.saturating_sub(look_then.at_ms) >= span_ms;
        while self.looks.get(1).is_some_and(is_old) {
            self.looks.pop_front();
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    rings: [Ring; WINDOWS.len()],
    /// When counting began.
    start: Option<Look>,
    /// What the server had counted when it was asked last: it may begin anew.
    server: Option<ServerFigures>,
    /// What of that came since counting began.
    counted: ServerFigures,
}

/// What happened in a window.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// `1m`, `5m`, `1h` or `start`.
    pub window: &'static str,
    /// How long it is, in milliseconds: shorter than its name when counting began later.
    pub ms: u64,
    /// What happened.
    pub totals: Totals,
    /// The time of each invalidation.
    pub times: Times,
}

impl Rates {
    /// Of all look-ups, how many found a key; `None` when there was none.
    pub fn hit_rate(&self) -> Option<f64> {
        ratio(self.totals.hits, self.totals.hits + self.totals.misses)
    }

    /// The share of the server's time that invalidations took.
    pub fn overhead(&self) -> f64 {
        ratio(self.totals.busy_micros, self.ms * 1000).unwrap_or(0.0).min(1.0)
    }

    /// Hit rate x (1 - overhead).
    pub fn efficiency(&self) -> Option<f64> {
        self.hit_rate().map(|rate| rate * (1.0 - self.overhead()))
    }

    /// The mean time of an invalidation, in microseconds; `None` when there was none.
    pub fn mean_micros(&self) -> Option<f64> {
        ratio(self.totals.run_micros, self.totals.invalidations)
    }

    /// The time that 99 of 100 invalidations did not exceed, in microseconds.
    pub fn p99_micros(&self) -> Option<u64> {
        (self.times.count() > 0).then(|| self.times.percentile(99.0))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Windows {
    /// Takes in what the server has counted, and gives what of it came since counting began.
    pub fn server(&mut self, now: ServerFigures) -> ServerFigures {
        // Whoever resets the server's counters takes nothing from ours.
        let came = |now: u64, last: u64| if now < last { now } else { now - last };
        if let Some(last) = self.server {
            self.counted.hits += came(now.hits, last.hits);
            self.counted.misses += came(now.misses, last.misses);
            self.counted.evicted += came(now.evicted, last.evicted);
        }
        self.server = Some(now);
        self.counted
    }

    /// Makes a look of the counters as they are.
    pub fn look(&self, now_ms: u64, totals: Totals, times: &Times) -> Look {
        let last = self.rings.first().and_then(|ring| ring.looks.back());
        // Of what did not change there is one copy.
        let same = last.filter(|last| last.times.count() == times.count());
        let times = same.map_or_else(|| Arc::new(times.clone()), |last| Arc::clone(&last.times));
        Look { at_ms: now_ms, totals, times }
    }

    /// Keeps a look, about once a second.
    pub fn keep(&mut self, look: &Look) {
        self.start.get_or_insert_with(|| look.clone());
        for (ring, (_, span_ms, step_ms)) in self.rings.iter_mut().zip(WINDOWS) {
            ring.take(look, span_ms, step_ms);
        }
    }

    /// What happened in each window up to a look, the shortest first.
    pub fn rates(&self, now: &Look) -> Vec<Rates> {
        let rings = self.rings.iter().zip(WINDOWS);
        let bases = rings.map(|(ring, (name, ..))| (name, ring.looks.front()));
        let all = bases.chain([(SINCE_START, self.start.as_ref())]);
        let rates = |(window, base): (&'static str, Option<&Look>)| {
            let base = base.unwrap_or(now);
            Rates {
                window,
                ms: now.at_ms.saturating_sub(base.at_ms),
                totals: now.totals.since(base.totals),
                times: now.times.since(&base.times),
            }
        };
        all.map(rates).collect()
    }

    /// Counting begins anew; what the server has counted so far is known.
    pub fn reset(&mut self) {
        *self = Self { server: self.server, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_holds_what_a_list_of_all_says(
            steps in prop::collection::vec((1u64..4000, 0u64..5, 1u64..300), 1..400)
        ) {
            let (mut windows, mut totals, mut times) =
                (Windows::default(), Totals::default(), Times::default());
            let (mut now, mut all) = (7_000_000, vec![]);
            windows.keep(&windows.look(now, totals, &times));
            for (pause, count, micros) in steps {
                now += pause;
                for _ in 0..count {
                    totals.invalidations += 1;
                    totals.run_micros += micros;
                    times.record(micros);
                }
                all.push((now, count, count * micros));
                let look = windows.look(now, totals, &times);
                windows.keep(&look);
                for rates in windows.rates(&look) {
                    let since = now - rates.ms;
                    let came = all.iter().filter(|(at, ..)| *at > since);
                    let (count, sum) =
                        came.fold((0, 0), |(count, sum), (_, c, s)| (count + c, sum + s));
                    prop_assert_eq!(rates.totals.invalidations, count);
                    prop_assert_eq!(rates.totals.run_micros, sum);
                    prop_assert_eq!(rates.times.count(), count);
                    let (span, step) = WINDOWS
                        .iter()
                        .find(|(name, ..)| *name == rates.window)
                        .map_or((u64::MAX / 2, 0), |(_, span, step)| (*span, *step));
                    // As long as its name says, and one step and one pause more at most.
                    prop_assert!(rates.ms <= span + step + 4000);
                    prop_assert!(rates.ms >= span.min(now - 7_000_000));
                }
            }
        }
    }

    #[test]
    fn rates_are_ratios_and_none_of_nothing() {
        let totals = Totals {
            hits: 90,
            misses: 10,
            busy_micros: 250_000,
            run_micros: 300,
            invalidations: 3,
            ..Totals::default()
        };
        let rates = Rates { ms: 1000, totals, ..Rates::default() };
        assert_eq!((rates.hit_rate(), rates.overhead()), (Some(0.9), 0.25));
        assert_eq!((rates.efficiency(), rates.mean_micros()), (Some(0.675), Some(100.0)));
        let nothing = Rates::default();
        assert_eq!((nothing.hit_rate(), nothing.efficiency()), (None, None));
        assert_eq!(
            (nothing.mean_micros(), nothing.p99_micros(), nothing.overhead()),
            (None, None, 0.0)
        );
    }

    #[test]
    fn what_the_server_counts_goes_on_when_it_is_reset() {
        let mut windows = Windows::default();
        let figures = |hits| ServerFigures { hits, misses: 2 * hits, evicted: 0 };
        // What was before we came is not ours.
        assert_eq!(windows.server(figures(100)).hits, 0);
        assert_eq!(windows.server(figures(130)).hits, 30);
        assert_eq!(windows.server(figures(5)), figures(35));
        windows.reset();
        assert_eq!(windows.server(figures(6)), figures(1));
    }
}
