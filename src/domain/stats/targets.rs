//! Targets: the keys, patterns and tags that rules and purges name.
//!
//! Those of rules are counted as the rules write them, placeholders and all, so that their number
//! is the operator's and not the clients'; those of purges as they are given.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashMap;

use super::order::most_runs;
use super::row::Row;
use super::{NAMES_MAX, OTHER, RuleRow, Times};
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::PlanTarget;
use crate::domain::request::Origin;
use crate::domain::rule::Rule;
use crate::domain::rule_table::RuleTable;
use crate::domain::stats::Stats;

/// Upper bounds of the numbers of keys that runs are sorted by; those beyond are the rest.
pub const CLEARED_BOUNDS: [u64; 8] = [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/// What a target came to.
#[derive(Clone, Debug, Default)]
pub struct TargetRow {
    /// How often it ran.
    pub runs: u64,
    /// Runs that matched no key.
    pub wasted: u64,
    /// What became of the keys, of those that no target before it took.
    pub keys: Count,
    /// How often it was a key outside the fence.
    pub refused: u64,
    /// Runs by the number of keys that were deleted or marked; see [`CLEARED_BOUNDS`].
    pub cleared: [u32; CLEARED_BOUNDS.len() + 1],
}

impl TargetRow {
    fn record(&mut self, is_wasted: bool, is_refused: bool, count: Count) {
        self.runs += 1;
        self.wasted += u64::from(is_wasted);
        self.refused += u64::from(is_refused);
        self.keys.add(count);
        let cleared = count.deleted + count.marked;
        let at = CLEARED_BOUNDS.iter().take_while(|bound| cleared > **bound).count();
        if let Some(slot) = self.cleared.get_mut(at) {
            *slot = slot.saturating_add(1);
        }
    }

    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.wasted += other.wasted;
        self.keys.add(other.keys);
        self.refused += other.refused;
        for (sum, part) in self.cleared.iter_mut().zip(other.cleared) {
            *sum = sum.saturating_add(part);
        }
    }
}

impl RuleRow {
    /// Counts a run of the rule's targets.
    pub(super) fn record_targets<'a>(
        &mut self,
        rules: &RuleTable,
        rule: &str,
        origin: &Origin,
        targets: impl Iterator<Item = (&'a PlanTarget, Count)>,
    ) {
        self.check_targets(rules, rule);
        for (at, (target, count)) in targets.enumerate() {
            let place = match origin {
                Origin::Events(_) => Some(at),
                Origin::Collected(_) | Origin::Purge => {
                    rules.get(rule).and_then(|rule| place_of(rule, target.kind))
                }
            };
            // Of a job the targets are not known any more.
            if let Some(row) = place.and_then(|at| self.targets.get_mut(at))
                && !target.kind.is_empty()
            {
                row.record(target.matches == 0, target.is_refused, count);
            }
        }
    }

    /// Counts a run of the target at a position, which was no name outside the fence.
    pub(super) fn record_target(&mut self, at: usize, is_wasted: bool, count: Count) {
        if let Some(row) = self.targets.get_mut(at) {
            row.record(is_wasted, false, count);
        }
    }

    /// What was counted of other targets than the rule's is forgotten.
    pub(super) fn check_targets(&mut self, rules: &RuleTable, rule: &str) {
        if self.round == rules.round() && !self.targets.is_empty() {
            return;
        }
        let Some(rule) = rules.get(rule) else { return };
        self.round = rules.round();
        let mut hasher = DefaultHasher::new();
        for target in &rule.targets {
            (target.kind.as_str(), target.template.source()).hash(&mut hasher);
        }
        let written = hasher.finish();
        if self.written != written {
            self.targets.clear();
        }
        self.written = written;
        self.targets.resize(rule.targets.len(), TargetRow::default());
    }
}

/// The only target of a kind: what was collected of several events is in no order.
fn place_of(rule: &Rule, kind: &str) -> Option<usize> {
    let is_of_kind = |at: &usize| rule.targets.get(*at).is_some_and(|t| t.kind.as_str() == kind);
    let mut places = (0..rule.targets.len()).filter(is_of_kind);
    places.next().filter(|_| places.next().is_none())
}

/// What purges named, and the lists that events bring along.
#[derive(Clone, Debug, Default)]
pub struct Purged(HashMap<Named, (TargetRow, Row)>);

/// Kind and text of a target.
type Named = (&'static str, Box<[u8]>);

impl Purged {
    pub(super) fn record<'a>(
        &mut self,
        targets: impl Iterator<Item = (&'a PlanTarget, Count)>,
        outcome: &Outcome,
        now_ms: u64,
    ) {
        for (target, count) in targets {
            // A key has no family.
            if target.kind == "key" || target.kind.is_empty() {
                continue;
            }
            let mut place = (target.kind, target.text.clone().into_boxed_slice());
            if self.0.len() >= NAMES_MAX && !self.0.contains_key(&place) {
                place.1 = OTHER.as_bytes().into();
            }
            let (of_target, row) = self.0.entry(place).or_default();
            of_target.record(target.matches == 0, target.is_refused, count);
            row.record(count, outcome, now_ms, false);
        }
    }
}

/// A target with its figures, those of several rules that write the same together.
#[derive(Clone, Debug)]
pub struct Summed<'a> {
    /// `key`, `prefix`, `glob`, `regex` or `tag`.
    pub kind: &'static str,
    /// As it is written.
    pub text: &'a [u8],
    /// The keys.
    pub target: TargetRow,
    /// The events of the rules that write it, each with its runs; `None` for purges.
    pub events: Vec<(Option<&'a str>, u64)>,
    rows: Vec<&'a Row>,
}

impl Summed<'_> {
    /// The figures as a row; times are those of the rules' whole events.
    pub fn row(&self) -> Row {
        let mut row = Row::default();
        self.rows.iter().for_each(|part| row.add(part));
        let TargetRow { runs, wasted, keys, refused, .. } = self.target;
        Row { runs, wasted, keys, refused, ..row }
    }

    /// Adds the times of the rules' whole events to others.
    pub fn add_times(&self, both: &mut Times) {
        self.rows.iter().for_each(|row| both.add(&row.both));
    }
}

/// A rule, with its figures once it ran.
pub type Paired<'a> = (&'a Rule, Option<&'a RuleRow>);

impl Stats {
    /// The rules by name, each with its figures: looked up once for all who need them.
    pub fn paired<'a>(&'a self, rules: &'a RuleTable) -> Vec<Paired<'a>> {
        rules.iter().map(|rule| (rule, self.rules.get(rule.name.as_str()))).collect()
    }

    /// The targets of the kinds that are wanted, those that ran most often first, up to `most`.
    pub fn targets<'a>(
        &'a self,
        rules: &[Paired<'a>],
        most: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<Summed<'a>> {
        let mut places: HashMap<(&'static str, &[u8]), usize> =
            HashMap::with_capacity(self.rules.len());
        let (mut runs, mut parts) = (vec![], vec![]);
        self.each_target(rules, &wanted, |kind, text, row, event, of| {
            let place = *places.entry((kind, text)).or_insert_with(|| {
                runs.push(((kind, text), 0));
                runs.len() - 1
            });
            if let Some((_, sum)) = runs.get_mut(place) {
                *sum += row.runs;
            }
            parts.push((place, row, event, of));
        });
        let numbered = runs.into_iter().enumerate();
        let (order, _) = most_runs(numbered, most, |(_, ((kind, text), runs))| (*runs, text, kind));
        // Only what is shown is summed up in full.
        let mut shown: Vec<Option<usize>> = vec![None; places.len()];
        for (at, (place, _)) in order.iter().enumerate() {
            if let Some(slot) = shown.get_mut(*place) {
                *slot = Some(at);
            }
        }
        let mut sums: Vec<Summed> =
            order.iter().map(|(_, ((kind, text), _))| Summed::new(kind, text)).collect();
        for (place, row, event, of) in parts {
            let at = shown.get(place).copied().flatten();
            let Some(sum) = at.and_then(|at| sums.get_mut(at)) else { continue };
            sum.target.add(row);
            sum.events.push((event, row.runs));
            // Twice in one rule is once in its times.
            if !sum.rows.iter().any(|known| std::ptr::eq(*known, of)) {
                sum.rows.push(of);
            }
        }
        sums
    }

    /// Shows each target that ran, once for each rule that writes it: kind, text, figures, the
    /// rule's event, and the row with its times.
    fn each_target<'a>(
        &'a self,
        rules: &[Paired<'a>],
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(&'static str, &'a [u8], &'a TargetRow, Option<&'a str>, &'a Row),
    ) {
        for (rule, of) in rules {
            let Some(of) = *of else { continue };
            for (target, row) in rule.targets.iter().zip(&of.targets) {
                let kind = target.kind.as_str();
                if wanted(kind) && row.runs > 0 {
                    let text = target.template.source().as_bytes();
                    visit(kind, text, row, Some(rule.event.as_str()), &of.row);
                }
            }
        }
        for ((kind, text), (of_target, row)) in &self.purged.0 {
            if wanted(kind) {
                visit(kind, text, of_target, None, row);
            }
        }
    }
}

impl<'a> Summed<'a> {
    fn new(kind: &'static str, text: &'a [u8]) -> Self {
        let (events, rows) = (vec![], vec![]);
        Self { kind, text, target: TargetRow::default(), events, rows }
    }
}
