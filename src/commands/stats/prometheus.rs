//! `INVAL.STATS FORMAT prometheus`: the figures as a page of metrics.

use std::collections::{BTreeMap, HashMap};

use super::page::Page;
use crate::domain::State;
use crate::domain::health::thresholds::Check;
use crate::domain::rule::Priority;
use crate::domain::source::Source;
use crate::domain::stats::families::Group;
use crate::domain::stats::order::most_runs;
use crate::domain::stats::targets::{CLEARED_BOUNDS, Summed, TargetRow};
use crate::domain::stats::{Row, Times};
use crate::domain::windows::Rates;

/// Upper bounds of the buckets of times, in microseconds: from a key by name to what clients notice.
const MICROS_BOUNDS: [u64; 12] =
    [10, 50, 100, 500, 1000, 5000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

const MICROS_PER_SECOND: f64 = 1e6;

/// Stands for what is not shown on its own, so that sums are right.
const REST: &str = "(rest)";

/// What is told beside the state.
pub struct Beside<'a> {
    /// What happened in each window.
    pub rates: &'a [Rates],
    /// Entries of the warm queues.
    pub queues: &'a [(Priority, u64)],
    /// Sources, with the entries that wait and for how many milliseconds.
    pub sources: &'a [(Source, u64, u64)],
    /// Rules and targets that are shown on their own.
    pub rows: usize,
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / MICROS_PER_SECOND
}

/// Writes the page.
pub fn write(state: &State, beside: &Beside) -> String {
    let mut page = Page::default();
    totals(&mut page, state);
    health(&mut page, state);
    windows(&mut page, beside.rates);
    rules(&mut page, state, beside.rows);
    targets(&mut page, state, beside.rows);
    cache(&mut page, state);
    standing(&mut page, state, beside);
    page.into_text()
}

fn totals(page: &mut Page, state: &State) {
    let stats = &state.stats;
    let counters = [
        ("inval_events_total", "Events that were carried out.", stats.events),
        ("inval_purges_total", "Purges that were carried out.", stats.purges),
        ("inval_batches_total", "Collected events that were carried out together.", stats.batches),
        ("inval_events_unmatched_total", "Events that no rule took.", stats.events_unmatched),
        (
            "inval_invalidations_wasted_total",
            "Invalidations that matched no key.",
            stats.all.wasted,
        ),
        ("inval_invalidations_failed_total", "Invalidations given up.", stats.all.failures),
        ("inval_errors_total", "Commands that were refused.", stats.errors),
        ("inval_alerts_total", "Changes of a health check that were told.", state.health.alerts),
    ];
    for (name, help, value) in counters {
        page.single(name, "counter", help, value);
    }
    let name = "inval_duration_seconds";
    page.metric(name, "summary", "Time of all invalidations, by phase.");
    for (phase, times) in [("resolve", &stats.all.resolve), ("delete", &stats.all.delete)] {
        let quantiles = ["0.5", "0.95", "0.99"].into_iter();
        for (quantile, micros) in quantiles.zip(times.percentiles([50.0, 95.0, 99.0])) {
            let labels = [("phase", phase), ("quantile", quantile)];
            page.sample(name, &labels, seconds(micros));
        }
        page.sample("inval_duration_seconds_sum", &[("phase", phase)], seconds(times.sum()));
        page.sample("inval_duration_seconds_count", &[("phase", phase)], times.count());
    }
}

/// What was found last, in numbers from 0 (healthy) to 2 (critical).
fn health(page: &mut Page, state: &State) {
    let (level, _) = state.health.level();
    let name = "inval_health_status";
    page.single(
        name,
        "gauge",
        "0 healthy, 1 warning, 2 critical, when last examined.",
        level as u64,
    );
    let name = "inval_health_check";
    page.metric(name, "gauge", "The same of each check that has thresholds.");
    for check in Check::all() {
        let level = state.health.level_of(check.name()) as u64;
        page.sample(name, &[("check", check.name())], level);
    }
}

fn windows(page: &mut Page, rates: &[Rates]) {
    if let Some(all) = rates.last() {
        page.single("inval_hits_total", "counter", "Look-ups that found a key.", all.totals.hits);
        page.single(
            "inval_misses_total",
            "counter",
            "Look-ups that found none.",
            all.totals.misses,
        );
    }
    type Of = fn(&Rates) -> Option<f64>;
    let gauges: [(&str, &str, Of); 3] = [
        ("inval_hit_rate", "Hits of all look-ups.", Rates::hit_rate),
        ("inval_overhead_ratio", "Share of the server's time.", |rates| Some(rates.overhead())),
        ("inval_efficiency_ratio", "Hit rate x (1 - overhead).", Rates::efficiency),
    ];
    for (name, help, of) in gauges {
        page.metric(name, "gauge", help);
        for rates in rates {
            // There is no rate of nothing.
            if let Some(value) = of(rates) {
                page.sample(name, &[("window", rates.window)], value);
            }
        }
    }
}

fn rules(page: &mut Page, state: &State, most: usize) {
    let all = state.stats.rules.iter().map(|(name, of)| (name, &of.row));
    let (first, rest) = most_runs(all, most, |row| row.runs);
    let mut all: Vec<(&str, &Row)> = first.into_iter().map(|(name, row)| (&**name, row)).collect();
    let mut sum = Row::default();
    rest.iter().for_each(|(_, row)| sum.add_counts(row));
    if !rest.is_empty() {
        all.push((REST, &sum));
    }
    type Of = fn(&Row) -> u64;
    let counters: [(&str, &str, Of); 3] = [
        ("inval_runs_total", "Runs of a rule.", |row| row.runs),
        ("inval_wasted_total", "Runs of a rule that matched no key.", |row| row.wasted),
        ("inval_failures_total", "Runs of a rule that were given up.", |row| row.failures),
    ];
    for (name, help, of) in counters {
        page.metric(name, "counter", help);
        all.iter().for_each(|(rule, row)| page.sample(name, &[("rule", rule)], of(row)));
    }
    page.metric("inval_keys_total", "counter", "What became of the keys of a rule.");
    for (rule, row) in &all {
        let results = [
            ("deleted", row.keys.deleted),
            ("marked", row.keys.marked),
            ("absent", row.keys.absent),
            ("refused", row.refused),
            ("warmed", row.keys.warmed),
        ];
        for (result, count) in results {
            page.sample("inval_keys_total", &[("rule", rule), ("result", result)], count);
        }
    }
}

/// A target as a label: a tag says that it is one.
fn label(of: &Summed) -> String {
    let text = String::from_utf8_lossy(&of.family.text);
    match of.family.group() {
        Some(Group::Keys | Group::Patterns) => text.into_owned(),
        Some(Group::Tags) | None => format!("tag {text}"),
    }
}

/// The targets that share a label.
#[derive(Default)]
struct Labelled {
    label: String,
    /// Keys that were deleted or marked.
    keys: u64,
    /// Runs by how many those were (see [`CLEARED_BOUNDS`]).
    cleared: [u64; CLEARED_BOUNDS.len() + 1],
    /// The times of their invalidations.
    both: Times,
}

impl Labelled {
    fn of(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    fn add(&mut self, of: &TargetRow) {
        self.keys += of.keys.deleted + of.keys.marked;
        self.cleared.iter_mut().zip(of.cleared).for_each(|(sum, c)| *sum += u64::from(c));
    }
}

fn targets(page: &mut Page, state: &State, most: usize) {
    let all = state.stats.targets(&state.rules, &state.stats.target_runs(), most, None);
    let labels: Vec<String> = all.iter().map(label).collect();
    let mut labelled: Vec<Labelled> = vec![];
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (of, label) in all.iter().zip(&labels) {
        // A glob and a regex may be written alike.
        let place = *places.entry(label).or_insert_with(|| {
            labelled.push(Labelled::of(label));
            labelled.len() - 1
        });
        if let Some(sum) = labelled.get_mut(place) {
            sum.add(&of.target);
            of.add_times(&mut sum.both);
        }
    }
    let name = "cache_invalidations_total";
    page.metric(name, "counter", "Runs of a target, by the events of its rules.");
    // By event and label; those of purges under `(purge)`.
    let mut by_event: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (of, label) in all.iter().zip(&labels) {
        for (event, runs) in &of.events {
            *by_event.entry((event.unwrap_or("(purge)"), label)).or_default() += runs;
        }
    }
    for ((event, pattern), runs) in by_event {
        page.sample(name, &[("event_type", event), ("pattern", pattern)], runs);
    }
    if let Some(others) = state.stats.other_targets(&all) {
        let runs = others.target.runs;
        page.sample(name, &[("event_type", REST), ("pattern", REST)], runs);
        let mut sum = Labelled { both: others.both, ..Labelled::of(REST) };
        sum.add(&others.target);
        labelled.push(sum);
    }
    let name = "cache_keys_cleared";
    page.metric(name, "histogram", "Keys that a run of a target deleted or marked.");
    let bounds = CLEARED_BOUNDS.map(|bound| bound.to_string());
    for of in &labelled {
        let mut below = 0;
        let buckets = bounds.iter().zip(of.cleared).map(|(bound, count)| {
            below += count;
            (bound, below)
        });
        let totals = (of.cleared.iter().sum(), of.keys as f64);
        page.histogram(name, ("pattern", &of.label), buckets, totals);
    }
    let name = "cache_invalidation_duration_seconds";
    page.metric(name, "histogram", "Time of the invalidations that a target had a part in.");
    let bounds = MICROS_BOUNDS.map(|bound| seconds(bound).to_string());
    for of in &labelled {
        let buckets = bounds.iter().zip(of.both.up_to(&MICROS_BOUNDS));
        let totals = (of.both.count(), seconds(of.both.sum()));
        page.histogram(name, ("pattern", &of.label), buckets, totals);
    }
}

fn cache(page: &mut Page, state: &State) {
    page.metric("inval_fetch_total", "counter", "Fetches by class and what they found.");
    for (class, counts) in state.classes.iter() {
        let results = [
            ("hit", counts.hits),
            ("stale", counts.stale),
            ("miss", counts.misses),
            ("busy", counts.busy),
        ];
        for (result, count) in results {
            page.sample("inval_fetch_total", &[("class", &class.name), ("result", result)], count);
        }
    }
    page.metric("inval_fills_total", "counter", "Fills by class and what became of them.");
    for (class, counts) in state.classes.iter() {
        for (result, count) in [("stored", counts.fills), ("refused", counts.refused)] {
            page.sample("inval_fills_total", &[("class", &class.name), ("result", result)], count);
        }
    }
    page.metric("inval_warm_total", "counter", "What became of keys that were to be warmed.");
    for (result, count) in state.warming.all.fields() {
        page.sample("inval_warm_total", &[("result", result)], count);
    }
}

fn standing(page: &mut Page, state: &State, beside: &Beside) {
    let (keys, tags, _) = state.sizes();
    let gauges = [
        ("inval_index_keys", "Keys that the module knows.", keys as u64),
        ("inval_index_tags", "Tags that have keys.", tags as u64),
        ("inval_index_bytes", "Memory of the index.", state.index_bytes() as u64),
        ("inval_rules", "Rules.", state.rules.len() as u64),
        ("inval_jobs", "Jobs under way.", state.jobs.len() as u64),
        ("inval_jobs_remaining_keys", "Keys that they will delete.", state.doomed_keys()),
    ];
    for (name, help, value) in gauges {
        page.single(name, "gauge", help, value);
    }
    page.metric("inval_warm_queue_length", "gauge", "Entries of a warm queue.");
    for (priority, length) in beside.queues {
        page.sample("inval_warm_queue_length", &[("priority", priority.as_str())], *length);
    }
    type Of = fn(&(Source, u64, u64)) -> f64;
    let sources: [(&str, &str, &str, Of); 4] = [
        ("inval_source_lag_entries", "gauge", "Entries that wait.", |of| of.1 as f64),
        ("inval_source_lag_seconds", "gauge", "Age of the first.", |of| of.2 as f64 / 1000.0),
        ("inval_source_entries_total", "counter", "Entries taken.", |of| of.0.taken.entries as f64),
        ("inval_source_dead_total", "counter", "Entries that are dead.", |of| {
            of.0.taken.dead as f64
        }),
    ];
    for (name, kind, help, of) in sources {
        page.metric(name, kind, help);
        for source in beside.sources {
            page.sample(name, &[("source", &source.0.name)], of(source));
        }
    }
}
