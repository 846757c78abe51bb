//! What happened so far: totals, and per rule and event, with the distribution of times.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::class_table::Counts;
use super::outcome::{Count, Outcome};
use super::plan::Plan;
use super::recent::Recent;
use super::request::{Origin, PlanRule};

/// Event names counted each on their own. Clients choose the names; the rest share one row.
const EVENTS_MAX: usize = 1000;

/// The row that counts events beyond [`EVENTS_MAX`] names.
pub const OTHER_EVENTS: &str = "(other)";

/// Longest time a histogram tells apart, in microseconds; longer ones count as this.
const MICROS_MAX: u64 = 60_000_000;

/// Decimal digits a histogram keeps: two cost some 10 KB each.
const DIGITS: u8 = 2;

/// Times in microseconds; takes no memory before the first.
#[derive(Clone, Debug, Default)]
pub struct Times(Option<Histogram<u32>>);

impl Times {
    /// Counts one time; below a microsecond counts as one.
    pub fn record(&mut self, micros: u64) {
        if self.0.is_none() {
            // The bounds are constants that the library takes.
            self.0 = Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).ok();
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros.clamp(1, MICROS_MAX));
        }
    }

    /// The time that `percent` of all did not exceed; 0 before the first.
    pub fn percentile(&self, percent: f64) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |histogram| histogram.value_at_percentile(percent).min(histogram.max()))
    }

    /// The longest time.
    pub fn max(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::max)
    }

    /// The mean time.
    pub fn mean(&self) -> f64 {
        self.0.as_ref().map_or(0.0, Histogram::mean)
    }
}

/// A row of statistics: a rule, an event, or all.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How often it ran.
    pub runs: u64,
    /// Runs that matched no key.
    pub empty_runs: u64,
    /// What became of the keys.
    pub keys: Count,
    /// When it last ran, in milliseconds since 1970; 0 for never.
    pub last_ms: u64,
    /// How often it ran over the last minutes.
    pub recent: Recent,
    /// Time to find the keys. A rule's row counts the whole event's.
    pub resolve: Times,
    /// Time to check, delete and queue them. A rule's row counts the whole event's.
    pub delete: Times,
}

impl Row {
    /// `waits`: the run is not over, for something is collected.
    fn record(&mut self, count: Count, outcome: &Outcome, now_ms: u64, waits: bool) {
        self.runs += 1;
        let is_wasted = count.matched == 0 && !waits;
        self.empty_runs += u64::from(is_wasted);
        self.recent.add(now_ms, is_wasted);
        self.keys.add(count);
        self.last_ms = now_ms;
        self.resolve.record(outcome.resolve_micros);
        self.delete.record(outcome.delete_micros);
    }
}

/// Counters since the start or the last reset. Dry runs count in `dry_runs` alone.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Events, purges and what was collected together.
    pub all: Row,
    /// Events that somebody told, and that were carried out.
    pub events: u64,
    /// Events that followed from others.
    pub events_emitted: u64,
    /// Times that the events which a rule had collected were carried out.
    pub batches: u64,
    /// Events that no rule took and that brought no list.
    pub events_unmatched: u64,
    /// Purges that were carried out.
    pub purges: u64,
    /// Events and purges that only asked.
    pub dry_runs: u64,
    /// Commands that were refused: bad input, no permission, or the server said no.
    pub errors: u64,
    /// Fetches and fills, of classes and of none.
    pub cache: Counts,
    /// Fetches that waited, whatever they were told then.
    pub fetch_waits: u64,
    /// Keys named outside the fence.
    pub keys_refused: u64,
    /// Warm entries that could not be written.
    pub warm_refused: u64,
    /// Index entries whose key was gone without a word. Not 0: a change went unseen.
    pub dead_names: u64,
    /// By rule name. Rows of rules that are gone go, too (see `State::settle_rules`).
    pub rules: BTreeMap<String, Row>,
    /// By event name.
    pub per_event: BTreeMap<String, Row>,
}

impl Stats {
    /// Writes down what happened to a plan.
    pub fn record(&mut self, plan: &Plan, outcome: &Outcome, now_ms: u64) {
        self.dead_names += outcome.dead_names;
        if outcome.dry_run {
            self.dry_runs += 1;
            return;
        }
        self.keys_refused += outcome.refused;
        self.warm_refused += outcome.warm_refused;
        // What is collected may match yet.
        let waits = |rule: &PlanRule| rule.collects;
        self.all.record(outcome.total, outcome, now_ms, plan.rules.iter().any(waits));
        match &plan.origin {
            Origin::Purge => self.purges += 1,
            Origin::Collected(_) => {
                self.batches += 1;
                self.add_to_events(plan, outcome);
            }
            Origin::Events(events) => {
                let counts = by_event(plan, outcome);
                for (event, of) in events.iter().zip(counts) {
                    let told = event.follows.is_none();
                    self.events += u64::from(told);
                    self.events_emitted += u64::from(!told);
                    self.events_unmatched += u64::from(of.is_none());
                    let (count, waits) = of.unwrap_or_default();
                    self.row_of(&event.event).record(count, outcome, now_ms, waits);
                }
            }
        }
        for (rule, count) in plan.rules.iter().zip(&outcome.per_rule) {
            // What is collected counts when it is carried out.
            if let Some(name) = rule.name.as_ref().filter(|_| !rule.collects) {
                self.rules.entry(name.clone()).or_default().record(*count, outcome, now_ms, false);
            }
        }
    }

    /// Writes down what was marked of an event whose other keys a job deletes: the job counts as
    /// the run.
    pub fn record_part(&mut self, plan: &Plan, outcome: &Outcome) {
        self.keys_refused += outcome.refused;
        self.warm_refused += outcome.warm_refused;
        self.all.keys.add(outcome.total);
        self.add_to_events(plan, outcome);
        for (rule, count) in plan.rules.iter().zip(&outcome.per_rule) {
            if let Some(name) = &rule.name {
                self.rules.entry(name.clone()).or_default().keys.add(*count);
            }
        }
    }

    /// Adds what became of the keys to the rows of the events, which have counted their runs.
    fn add_to_events(&mut self, plan: &Plan, outcome: &Outcome) {
        for (event, of) in plan.origin.events().iter().zip(by_event(plan, outcome)) {
            if let (Some(row), Some((count, _))) = (self.per_event.get_mut(&event.event), of) {
                row.keys.add(count);
            }
        }
    }

    /// The row of an event.
    fn row_of(&mut self, event: &str) -> &mut Row {
        let known = self.per_event.contains_key(event) || self.per_event.len() < EVENTS_MAX;
        self.per_event.entry(if known { event } else { OTHER_EVENTS }.to_owned()).or_default()
    }

    /// Sets all counters to nothing.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What became of the keys of each event of a plan, and whether something of it is collected;
/// `None` when no rule took it.
fn by_event(plan: &Plan, outcome: &Outcome) -> Vec<Option<(Count, bool)>> {
    let mut counts: Vec<Option<(Count, bool)>> = vec![None; plan.origin.events().len()];
    for (rule, count) in plan.rules.iter().zip(&outcome.per_rule) {
        if let Some(slot) = counts.get_mut(rule.event) {
            let (sum, waits) = slot.get_or_insert_default();
            sum.add(*count);
            *waits |= rule.collects;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::State;
    use crate::domain::change::Change;
    use crate::domain::name::Db;
    use crate::domain::payload::Payload;
    use crate::domain::plan::build;
    use crate::domain::request::Request;
    use crate::domain::rule_document::parse_one;

    #[test]
    fn times_are_a_distribution() {
        let mut times = Times::default();
        assert_eq!((times.percentile(99.0), times.max()), (0, 0));
        for micros in 0..1000 {
            times.record(micros);
        }
        times.record(u64::MAX);
        let close = |found: u64, expected: u64| found.abs_diff(expected) <= expected / 50;
        assert!(close(times.percentile(50.0), 500), "{}", times.percentile(50.0));
        assert!(close(times.percentile(95.0), 950));
        assert!(close(times.max(), MICROS_MAX));
    }

    #[test]
    fn an_event_counts_for_itself_its_rules_and_the_total() {
        let mut state = State::default();
        for name in ["a", "b"] {
            state.told(Change::Created, Db(0), name.as_bytes());
        }
        state
            .rules
            .set(parse_one(br#"{"eventType":"e","cacheKeys":["a","b"]}"#, Some("one")).unwrap());
        state
            .rules
            .set(parse_one(br#"{"eventType":"e","cacheKeys":["zzz"]}"#, Some("two")).unwrap());
        let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        let mut outcome = Outcome::of(&plan);
        outcome.count(&plan, 0, |count| count.deleted += 1);
        outcome.count(&plan, 1, |count| count.absent += 1);

        let mut stats = Stats::default();
        stats.record(&plan, &outcome, 77);
        let all = Count { matched: 2, deleted: 1, absent: 1, ..Count::default() };
        assert_eq!(stats.all.keys, all);
        assert_eq!(stats.per_event["e"].keys, all);
        assert_eq!((stats.rules["one"].keys, stats.rules["one"].last_ms), (all, 77));
        assert_eq!((stats.rules["two"].runs, stats.rules["two"].empty_runs), (1, 1));

        outcome.dry_run = true;
        stats.record(&plan, &outcome, 78);
        assert_eq!((stats.dry_runs, stats.events), (1, 1));
        stats.reset();
        assert_eq!((stats.events, stats.rules.len()), (0, 0));
    }

    #[test]
    fn what_a_deleted_rule_did_is_forgotten() {
        let mut state = State::default();
        for name in ["stays", "goes"] {
            state.rules.set(parse_one(br#"{"eventType":"e","tags":["t"]}"#, Some(name)).unwrap());
        }
        let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        state.stats.record(&plan, &Outcome::of(&plan), 1);
        state.rules.remove("goes");
        state.settle_rules();
        assert_eq!(state.stats.rules.keys().collect::<Vec<_>>(), ["stays"]);
        assert_eq!(state.stats.per_event["e"].runs, 1);
    }

    #[test]
    fn event_names_are_bounded() {
        let mut state = State::default();
        let mut stats = Stats::default();
        for at in 0..EVENTS_MAX + 5 {
            let request =
                Request::for_event(&state, &format!("e{at}"), &Payload::default()).unwrap();
            let plan = build(&mut state, Db(0), request).unwrap();
            stats.record(&plan, &Outcome::of(&plan), 1);
        }
        assert_eq!(stats.per_event.len(), EVENTS_MAX + 1);
        assert_eq!(
            (stats.per_event[OTHER_EVENTS].runs, stats.events_unmatched),
            (5, EVENTS_MAX as u64 + 5)
        );
    }
}
