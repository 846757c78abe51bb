//! What happened so far: totals, and per event, rule, target and entity type, with the
//! distribution of times.
//!
//! Of rules, events and entity types each run counts. A target runs when its rule does and takes
//! as long, so that of targets the keys alone are counted (see [`targets`]).

pub mod domains;
pub mod families;
mod note;
pub mod order;
mod pending;
mod row;
pub mod targets;
mod times;

use families::{Families, FamilyId};
use hashbrown::HashMap;
use order::RowName;
use pending::Pending;
use smallvec::SmallVec;

pub use row::Row;
use targets::{Purged, TargetRow};
pub use times::Times;

use super::class_table::Counts;
use super::outcome::{Count, Outcome};
use super::plan::{Plan, PlanTarget};
use super::request::{Happened, Origin, PlanRule};
use super::rule::Rule;
use super::rule_table::RuleTable;
use super::top::Top;

/// Names counted each on their own, of events, of entity types, and of the targets that purges and
/// payloads name. Clients choose them; the rest share one row.
const NAMES_MAX: usize = 1000;

/// The row that counts names beyond [`NAMES_MAX`].
pub const OTHER: &str = "(other)";

/// Rows by name.
pub type Rows = HashMap<RowName, Row>;

/// Rows of rules by name.
pub type RuleRows = HashMap<RowName, RuleRow>;

/// What a rule came to.
#[derive(Clone, Debug, Default)]
pub struct RuleRow {
    /// Its runs.
    pub row: Row,
    /// Those of its targets, in order, as the rule is now.
    targets: Vec<TargetRow>,
    /// The number of its domain.
    domain: FamilyId,
}

/// Counters since the start or the last reset, once
/// [`State::catch_up`](super::State::catch_up) has counted what waits. Dry runs count in `dry_runs`
/// alone.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Events, purges and what was collected together.
    pub all: Row,
    /// Microseconds that the server was held up by them.
    pub busy_micros: u64,
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
    /// Warm entries that could not be written.
    pub warm_refused: u64,
    /// Index entries whose key was gone without a word. Not 0: a change went unseen.
    pub dead_names: u64,
    /// By rule name. Rows of rules that are gone go, too (see `State::settle_rules`).
    pub rules: RuleRows,
    /// By event name.
    pub per_event: Rows,
    /// By the type of what an event is about (see [`super::request::ENTITY_TYPE`]).
    pub entities: Rows,
    /// What purges, and lists that events bring along, named.
    pub purged: Purged,
    /// What all these targets are.
    families: Families,
    /// What was invalidated most often.
    pub top: Top,
    /// Runs that are in none of the rows yet.
    pending: Pending,
}

/// What became of the keys of an event, and whether something of it is collected.
type Part = (Count, bool);

impl Stats {
    pub(super) fn record(
        &mut self,
        rules: &RuleTable,
        plan: &Plan,
        outcome: &Outcome,
        now_ms: u64,
    ) {
        self.dead_names += outcome.dead_names;
        if outcome.dry_run {
            self.dry_runs += 1;
            return;
        }
        self.all.refused += outcome.refused;
        self.warm_refused += outcome.warm_refused;
        // What is collected may match yet.
        let waits = |rule: &PlanRule| rule.collects;
        self.all.record(outcome.total, outcome, now_ms, plan.rules.iter().any(waits));
        let counts = outcome.per_rule(plan);
        match &plan.origin {
            Origin::Purge => self.purges += 1,
            Origin::Collected(_) => {
                self.batches += 1;
                self.add_to_events(plan, outcome, &counts);
            }
            Origin::Events(events) => {
                for (event, of) in events.iter().zip(by_event(plan, outcome, &counts)) {
                    let told = event.follows.is_none();
                    self.events += u64::from(told);
                    self.events_emitted += u64::from(!told);
                    self.events_unmatched += u64::from(of.is_none());
                    let (count, waits) = of.unwrap_or_default();
                    row_of(&mut self.per_event, &event.event).record(count, outcome, now_ms, waits);
                    if let Some(entity) = event.entity.as_deref().filter(|_| told) {
                        row_of(&mut self.entities, entity).record(count, outcome, now_ms, waits);
                    }
                }
            }
        }
        let mut targets = Targets { plan, outcome, at: 0 };
        for (at, (rule, count)) in plan.rules.iter().zip(&counts).enumerate() {
            match &rule.name {
                None => {
                    self.purged.record(&mut self.families, targets.of(at), outcome, now_ms);
                }
                // What is collected counts when it is carried out.
                Some(_) if rule.collects => {}
                Some(name) => {
                    let row = self.rule_row(rules, name);
                    row.row.record(*count, outcome, now_ms, false);
                    row.record_targets(rules, name, &plan.origin, targets.of(at));
                }
            }
        }
        self.record_refused(rules, plan, outcome);
        self.top.record_targets(plan, outcome);
    }

    /// Writes down what was marked of an event whose other keys a job deletes: the job counts as
    /// the run.
    pub fn record_part(&mut self, rules: &RuleTable, plan: &Plan, outcome: &Outcome) {
        self.all.refused += outcome.refused;
        self.warm_refused += outcome.warm_refused;
        self.all.keys.add(outcome.total);
        let counts = outcome.per_rule(plan);
        self.add_to_events(plan, outcome, &counts);
        for (rule, count) in plan.rules.iter().zip(&counts) {
            if let Some(name) = &rule.name {
                self.rule_row(rules, name).row.keys.add(*count);
            }
        }
    }

    /// A request was given up before anything was deleted, or in the middle of it.
    pub fn record_failure(&mut self, rules: &RuleTable, events: &[Happened], of: &[PlanRule]) {
        self.all.failures += 1;
        for event in events {
            row_of(&mut self.per_event, &event.event).failures += 1;
        }
        for name in of.iter().filter_map(|rule| rule.name.as_deref()) {
            self.rule_row(rules, name).row.failures += 1;
        }
    }

    /// Names outside the fence, for the rules that name them.
    fn record_refused(&mut self, rules: &RuleTable, plan: &Plan, outcome: &Outcome) {
        if outcome.refused == 0 {
            return;
        }
        for target in plan.targets.iter().filter(|target| target.is_refused) {
            let rule = plan.rules.get(target.rule).and_then(|rule| rule.name.as_deref());
            if let Some(name) = rule {
                self.rule_row(rules, name).row.refused += 1;
            }
        }
    }

    /// The row of a rule.
    fn rule_row(&mut self, rules: &RuleTable, name: &str) -> &mut RuleRow {
        let Self { rules: rows, families, .. } = self;
        rows.entry_ref(name).or_insert_with(|| RuleRow::of(rules.get(name), families))
    }

    /// Sets a rule in the table, once what waits is counted: its row is that of this one from now
    /// on.
    pub(super) fn set_rule(&mut self, rules: &mut RuleTable, rule: Rule) {
        if let Some(row) = self.rules.get_mut(rule.name.as_str()) {
            row.follow(&rule, &mut self.families);
        }
        rules.set(rule);
    }

    /// Adds what became of the keys to the rows of the events, which have counted their runs.
    fn add_to_events(&mut self, plan: &Plan, outcome: &Outcome, counts: &[Count]) {
        for (event, of) in plan.origin.events().iter().zip(by_event(plan, outcome, counts)) {
            if let (Some(row), Some((count, _))) = (self.per_event.get_mut(&*event.event), of) {
                row.keys.add(count);
            }
        }
    }
}

/// The targets of a plan, rule by rule.
struct Targets<'a> {
    plan: &'a Plan,
    outcome: &'a Outcome,
    at: usize,
}

impl<'a> Targets<'a> {
    /// Those of a rule, with what became of their keys; rules are asked for in order.
    fn of(&mut self, rule: usize) -> impl Iterator<Item = (&'a PlanTarget, Count)> {
        let (targets, counts) = (&self.plan.targets, &self.outcome.per_target);
        let rest = targets.get(self.at..).unwrap_or_default();
        let skipped = rest.iter().take_while(|target| target.rule < rule).count();
        let len = rest.iter().skip(skipped).take_while(|target| target.rule == rule).count();
        let start = self.at + skipped;
        self.at = start + len;
        let counts = counts.get(start..self.at).unwrap_or_default();
        targets.get(start..self.at).unwrap_or_default().iter().zip(counts.iter().copied())
    }
}

/// The row of a name that a client chose.
fn row_of<'a>(rows: &'a mut Rows, name: &str) -> &'a mut Row {
    let is_full = rows.len() >= NAMES_MAX;
    let name = if is_full && !rows.contains_key(name) { OTHER } else { name };
    rows.entry_ref(name).or_default()
}

/// What became of the keys of each event of a plan; `None` when no rule took it.
fn by_event(plan: &Plan, outcome: &Outcome, counts: &[Count]) -> SmallVec<[Option<Part>; 1]> {
    if let [_] = plan.origin.events() {
        let waits = plan.rules.iter().any(|rule| rule.collects);
        let is_taken = !plan.rules.is_empty();
        return SmallVec::from_buf([is_taken.then_some((outcome.total, waits))]);
    }
    let mut parts: SmallVec<[Option<Part>; 1]> =
        plan.origin.events().iter().map(|_| None).collect();
    for (rule, count) in plan.rules.iter().zip(counts) {
        if let Some(slot) = parts.get_mut(rule.event) {
            let (sum, waits) = slot.get_or_insert_default();
            sum.add(*count);
            *waits |= rule.collects;
        }
    }
    parts
}

#[cfg(test)]
mod tests;
