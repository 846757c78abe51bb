//! Runs of events that are not sorted into the rows yet.
//!
//! What an event comes to counts in many places: its own row, those of its rules, of their targets
//! and of its entity type, and the total, each with three distributions of times. They lie far
//! apart, and the memory is what takes the time. So a run is written down here in a few numbers,
//! all runs of an event side by side, and many are sorted in together: when there is no room for
//! another, when the rules or what took the event changed, and before anybody reads.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use super::row::{Spans, Sum};
use super::times::Few;
use super::{NAMES_MAX, Stats, row_of, rule_row};
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::Plan;
use crate::domain::recent;
use crate::domain::request::{Happened, Origin};
use crate::domain::rule_table::RuleTable;

/// Numbers of an event that may wait: 64 runs of a rule with one target.
const NUMBERS_MAX: usize = 320;

/// Targets of an event whose runs wait: with more there is no room for four of them.
const TARGETS_MAX: usize = 15;

/// Of a run: the times to find and to delete, in microseconds.
const TIMES: usize = 2;

/// Of each target of a run: 1 if it matched nothing, keys matched, keys deleted.
const PER_TARGET: usize = 3;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    hasher: DefaultHashBuilder,
    /// By event.
    events: HashTable<Runs>,
    /// Whether any of them has some.
    has_any: bool,
    /// As of which change of the rules they are.
    round: u64,
}

/// A name that lies where it is looked at, unless it is long.
type Name = SmallVec<[u8; 24]>;

/// Runs of an event that were taken by the same rules. All of it lies in one place.
#[derive(Clone, Debug)]
struct Runs {
    event: Name,
    entity: Option<Box<str>>,
    /// In order of work.
    rules: SmallVec<[Name; 1]>,
    /// For each target, the position of its rule.
    targets: SmallVec<[u16; 8]>,
    /// When the last one was, in milliseconds since 1970.
    last_ms: u64,
    /// [`TIMES`] and then [`PER_TARGET`] of each target; run by run.
    numbers: [u16; NUMBERS_MAX],
    /// How many of the numbers there are.
    len: usize,
}

impl Runs {
    fn of(event: &str) -> Self {
        Self {
            event: Name::from_slice(event.as_bytes()),
            entity: None,
            rules: SmallVec::new(),
            targets: SmallVec::new(),
            last_ms: 0,
            numbers: [0; NUMBERS_MAX],
            len: 0,
        }
    }

    /// Whether one more run fits in.
    fn takes(&self, plan: &Plan, event: &Happened, now_ms: u64) -> bool {
        let is_same_rule = |(known, rule): (&Name, &Option<String>)| {
            rule.as_ref().is_some_and(|rule| *rule.as_bytes() == **known)
        };
        self.len > 0
            && self.len + self.run_len() <= NUMBERS_MAX
            && recent::slot(self.last_ms) == recent::slot(now_ms)
            && self.entity == event.entity
            && self.rules.len() == plan.rules.len()
            && self.rules.iter().zip(plan.rules.iter().map(|rule| &rule.name)).all(is_same_rule)
            && self.targets.len() == plan.targets.len()
            && self.targets.iter().zip(&plan.targets).all(|(rule, t)| usize::from(*rule) == t.rule)
    }

    fn run_len(&self) -> usize {
        TIMES + PER_TARGET * self.targets.len()
    }

    fn push(&mut self, plan: &Plan, outcome: &Outcome, now_ms: u64) {
        self.last_ms = now_ms;
        let end = self.len + self.run_len();
        let Some(run) = self.numbers.get_mut(self.len..end) else { return };
        let [resolve, delete, numbers @ ..] = run else { return };
        // They are small: see `waits`.
        (*resolve, *delete) = (outcome.resolve_micros as u16, outcome.delete_micros as u16);
        let targets = plan.targets.iter().zip(&outcome.per_target);
        for (numbers, (target, count)) in numbers.chunks_exact_mut(PER_TARGET).zip(targets) {
            let wasted = u16::from(target.matches == 0);
            numbers.copy_from_slice(&[wasted, count.matched as u16, count.deleted as u16]);
        }
        self.len = end;
    }

    /// The numbers of each run.
    fn each(&self) -> impl Iterator<Item = &[u16]> {
        self.numbers.get(..self.len).unwrap_or_default().chunks_exact(self.run_len())
    }
}

/// The event of a plan that may wait: a usual one with small numbers.
fn waits<'a>(plan: &'a Plan, outcome: &Outcome) -> Option<&'a Happened> {
    let Origin::Events(events) = &plan.origin else { return None };
    let [event] = events.as_slice() else { return None };
    let Count { matched, deleted, marked, absent, warmed } = outcome.total;
    let is_small = |number| number <= u64::from(u16::MAX);
    let is_usual = plan.rules.iter().all(|rule| rule.name.is_some() && !rule.collects)
        && plan.targets.len() <= TARGETS_MAX
        && outcome.refused == 0
        && (marked, warmed, matched) == (0, 0, deleted + absent)
        && [matched, outcome.resolve_micros, outcome.delete_micros].into_iter().all(is_small);
    (event.follows.is_none() && is_usual).then_some(event)
}

impl Pending {
    /// Puts the runs of an event in, or in their place.
    fn put(&mut self, hash: u64, runs: Runs) {
        let Self { hasher, events, .. } = self;
        match events.find_mut(hash, |known| known.event == runs.event) {
            Some(known) => *known = runs,
            None => {
                events.insert_unique(hash, runs, |runs| hasher.hash_one(runs.event.as_slice()));
            }
        }
    }
}

impl Stats {
    /// Writes a run down that is sorted in later; false when it is not one that may wait.
    pub(super) fn defer(
        &mut self,
        rules: &RuleTable,
        plan: &Plan,
        outcome: &Outcome,
        now_ms: u64,
    ) -> bool {
        let Some(event) = waits(plan, outcome) else { return false };
        self.follow(rules);
        let name = event.event.as_bytes();
        let Pending { events, hasher, .. } = &mut self.pending;
        let (hash, is_full) = (hasher.hash_one(name), events.len() >= NAMES_MAX);
        match events.find_mut(hash, |runs| *runs.event == *name) {
            Some(runs) if runs.takes(plan, event, now_ms) => runs.push(plan, outcome, now_ms),
            None if is_full => return false,
            known => {
                let mut runs = known.map_or_else(|| Runs::of(&event.event), |runs| runs.clone());
                self.sort_in(&mut runs);
                self.begin(rules, plan, event, &mut runs);
                runs.push(plan, outcome, now_ms);
                self.pending.put(hash, runs);
            }
        }
        self.pending.has_any = true;
        self.dead_names += outcome.dead_names;
        self.warm_refused += outcome.warm_refused;
        self.top.record_targets(plan, outcome);
        true
    }

    /// Runs of another kind begin.
    fn begin(&mut self, rules: &RuleTable, plan: &Plan, event: &Happened, runs: &mut Runs) {
        runs.entity.clone_from(&event.entity);
        runs.targets = plan.targets.iter().map(|target| target.rule as u16).collect();
        runs.rules.clear();
        for name in plan.rules.iter().filter_map(|rule| rule.name.as_deref()) {
            rule_row(&mut self.rules, name).check_targets(rules, name);
            runs.rules.push(Name::from_slice(name.as_bytes()));
        }
    }

    /// When rules changed, what waits is of the old ones.
    pub(super) fn follow(&mut self, rules: &RuleTable) {
        if self.pending.round != rules.round() {
            self.settle();
            self.pending.round = rules.round();
        }
    }

    /// Sorts in what waits. To be called before the figures are read.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.pending.has_any) {
            return;
        }
        let mut events = std::mem::take(&mut self.pending.events);
        events.iter_mut().for_each(|runs| self.sort_in(runs));
        self.pending.events = events;
    }

    fn sort_in(&mut self, runs: &mut Runs) {
        if runs.len == 0 {
            return;
        }
        let mut all = Sum::default();
        for run in runs.each() {
            let mut keys = Count::default();
            targets_of(run).for_each(|numbers| keys.add(count_of(numbers)));
            all.add_run(keys);
        }
        let time = |run: &[u16], at: usize| run.get(at).copied().map_or(0, u32::from);
        let times = Spans {
            resolve: Few::of(runs.each().map(|run| time(run, 0))),
            delete: Few::of(runs.each().map(|run| time(run, 1))),
            both: Few::of(runs.each().map(|run| time(run, 0) + time(run, 1))),
        };
        let told = all.runs;
        self.events += told;
        self.events_unmatched += if runs.rules.is_empty() { told } else { 0 };
        self.all.add_runs(&all, &times, runs.last_ms);
        row_of(&mut self.per_event, &text(&runs.event)).add_runs(&all, &times, runs.last_ms);
        if let Some(entity) = &runs.entity {
            row_of(&mut self.entities, entity).add_runs(&all, &times, runs.last_ms);
        }
        let mut first = 0;
        for (rule, name) in runs.rules.iter().enumerate() {
            let row = rule_row(&mut self.rules, &text(name));
            let len = runs.targets.iter().filter(|of| usize::from(**of) == rule).count();
            let mut sum = Sum::default();
            for run in runs.each() {
                let mut keys = Count::default();
                for (at, numbers) in targets_of(run).skip(first).take(len).enumerate() {
                    row.record_target(at, numbers.first() == Some(&1), count_of(numbers));
                    keys.add(count_of(numbers));
                }
                sum.add_run(keys);
            }
            row.row.add_runs(&sum, &times, runs.last_ms);
            first += len;
        }
        runs.len = 0;
    }
}

/// Names of events and rules are texts.
fn text(name: &Name) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// The numbers of each target in a run.
fn targets_of(run: &[u16]) -> impl Iterator<Item = &[u16]> {
    run.get(TIMES..).unwrap_or_default().chunks_exact(PER_TARGET)
}

/// The keys of a target in a run.
fn count_of(numbers: &[u16]) -> Count {
    let [_, matched, deleted] = numbers else { return Count::default() };
    let (matched, deleted) = (u64::from(*matched), u64::from(*deleted));
    Count { matched, deleted, absent: matched.saturating_sub(deleted), ..Count::default() }
}
