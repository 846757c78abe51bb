//! Targets: the keys, patterns and tags that rules and purges name.
//!
//! Those of rules are counted as the rules write them, placeholders and all, so that their number
//! is the operator's and not the clients'; those of purges as they are given.

use hashbrown::HashMap;

use super::families::{Families, Family, FamilyId, Group};
use super::order::{Place, most_placed};
use super::row::Row;
use super::{NAMES_MAX, OTHER, RuleRow, Times};
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::PlanTarget;
use crate::domain::request::Origin;
use crate::domain::rule::{ResolvedKind, Rule, Target};
use crate::domain::rule_table::RuleTable;
use crate::domain::stats::Stats;

/// Upper bounds of the numbers of keys that runs are sorted by; those beyond are the rest.
pub const CLEARED_BOUNDS: [u64; 8] = [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/// What a target came to.
#[derive(Clone, Debug, Default)]
pub struct TargetRow {
    /// Which targets it is summed up with.
    family: FamilyId,
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
    /// Text and figures: numbers of families are given as they come.
    #[cfg(test)]
    pub(super) fn counted(&self, families: &Families) -> (Box<[u8]>, Self) {
        let text = families.get(self.family).map(|of| of.text.clone()).unwrap_or_default();
        (text, Self { family: 0, ..self.clone() })
    }

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
    /// The row of a rule that has not run yet; of one that is gone, no target is counted.
    pub(super) fn of(rule: Option<&Rule>, families: &mut Families) -> Self {
        let mut row = Self::default();
        if let Some(rule) = rule {
            row.follow(rule, families);
        }
        row
    }

    /// The rule is set again. What was counted of other targets than it has now is forgotten.
    pub(super) fn follow(&mut self, rule: &Rule, families: &mut Families) {
        self.domain = families.number(None, rule.domain.as_bytes());
        let family = |target: &Target| {
            families.number(Some(target.kind.into()), target.template.source().as_bytes())
        };
        let written: Vec<FamilyId> = rule.targets.iter().map(family).collect();
        if !self.targets.iter().map(|row| row.family).eq(written.iter().copied()) {
            let new = |family| TargetRow { family, ..TargetRow::default() };
            self.targets = written.into_iter().map(new).collect();
        }
    }

    /// Counts a run of the rule's targets.
    pub(super) fn record_targets<'a>(
        &mut self,
        rules: &RuleTable,
        rule: &str,
        origin: &Origin,
        targets: impl Iterator<Item = (&'a PlanTarget, Count)>,
    ) {
        for (at, (target, count)) in targets.enumerate() {
            // Of a job the targets are not known any more.
            let Some(kind) = target.kind else { continue };
            let place = match origin {
                Origin::Events(_) => Some(at),
                Origin::Collected(_) | Origin::Purge => {
                    rules.get(rule).and_then(|rule| place_of(rule, kind))
                }
            };
            if let Some(row) = place.and_then(|at| self.targets.get_mut(at)) {
                row.record(target.matches == 0, target.is_refused, count);
            }
        }
    }

    /// Counts runs of the target at a position, which was no name outside the fence: whether it
    /// matched nothing, and what became of its keys.
    pub(super) fn record_target(&mut self, at: usize, runs: impl Iterator<Item = (bool, Count)>) {
        if let Some(row) = self.targets.get_mut(at) {
            runs.for_each(|(is_wasted, count)| row.record(is_wasted, false, count));
        }
    }
}

/// The only target of a kind: what was collected of several events is in no order.
fn place_of(rule: &Rule, kind: ResolvedKind) -> Option<usize> {
    let is_of_kind = |at: &usize| rule.targets.get(*at).is_some_and(|t| kind == t.kind.into());
    let mut places = (0..rule.targets.len()).filter(is_of_kind);
    places.next().filter(|_| places.next().is_none())
}

/// What purges named, and the lists that events bring along.
#[derive(Clone, Debug, Default)]
pub struct Purged(HashMap<FamilyId, (TargetRow, Row)>);

impl Purged {
    pub(super) fn record<'a>(
        &mut self,
        families: &mut Families,
        targets: impl Iterator<Item = (&'a PlanTarget, Count)>,
        outcome: &Outcome,
        now_ms: u64,
    ) {
        for (target, count) in targets {
            // A key has no family.
            let kind = target.kind;
            if matches!(kind, None | Some(ResolvedKind::Key)) {
                continue;
            }
            let known = families.find(kind, &target.text);
            let family = match known.filter(|id| self.0.contains_key(id)) {
                Some(id) => id,
                None if self.0.len() < NAMES_MAX => families.number(kind, &target.text),
                None => families.number(kind, OTHER.as_bytes()),
            };
            let new = || (TargetRow { family, ..TargetRow::default() }, Row::default());
            let (of_target, row) = self.0.entry(family).or_insert_with(new);
            of_target.record(target.matches == 0, target.is_refused, count);
            row.record(count, outcome, now_ms, false);
        }
    }
}

/// A target with its figures, those of several rules that write the same together.
#[derive(Clone, Debug)]
pub struct Summed<'a> {
    id: FamilyId,
    /// What it is.
    pub family: &'a Family,
    /// The keys.
    pub target: TargetRow,
    /// The events of the rules that write it, each with its runs; `None` for purges.
    pub events: Vec<(Option<&'a str>, u64)>,
    rows: Vec<&'a Row>,
}

impl<'a> Summed<'a> {
    fn new(id: FamilyId, family: &'a Family) -> Self {
        let (events, rows) = (vec![], vec![]);
        Self { id, family, target: TargetRow::default(), events, rows }
    }

    /// The figures as a row; times are those of the rules' whole events.
    pub fn row(&self) -> Row {
        let mut row = Row::default();
        self.rows.iter().for_each(|part| row.add(part));
        let TargetRow { runs, wasted, keys, refused, .. } = self.target;
        Row { runs, wasted, keys, refused, ..row }
    }

    /// Adds the times of the rules' whole events to others.
    pub fn add_times(&self, both: &mut Times) {
        self.rows.iter().for_each(|row| both.add(&row.both, 1));
    }
}

/// How often targets ran, by family.
#[derive(Debug)]
pub struct TargetRuns(Vec<u64>);

/// The targets that are not shown, together.
#[derive(Clone, Debug, Default)]
pub struct OtherTargets {
    /// The keys.
    pub target: TargetRow,
    /// The times of their invalidations, those of each target.
    pub both: Times,
}

impl Stats {
    /// How often targets ran, for [`Stats::targets`].
    pub fn target_runs(&self) -> TargetRuns {
        let mut runs = vec![0; self.families.end()];
        for (_, targets, _) in self.each_with_targets() {
            for row in targets {
                if let Some(sum) = runs.get_mut(row.family as usize) {
                    *sum += row.runs;
                }
            }
        }
        TargetRuns(runs)
    }

    /// The targets of a group, or all, those that ran most often first, up to `most`.
    pub fn targets<'a>(
        &'a self,
        rules: &'a RuleTable,
        runs: &TargetRuns,
        most: usize,
        group: Option<Group>,
    ) -> Vec<Summed<'a>> {
        let ran = (0..).zip(&runs.0).filter(|(_, runs)| **runs > 0);
        let known = ran.filter_map(|(id, runs)| Some((id, self.families.get(id)?, *runs)));
        let wanted = known.filter(|(_, of, _)| group.is_none() || of.group() == group);
        let placed = wanted.map(|(id, family, runs)| {
            let place = Place { runs, start: family.start };
            (place, (id, family))
        });
        let (order, _) =
            most_placed(placed, most, |(_, family)| (&*family.text, family.kind_name()));
        let mut sums: Vec<Summed> =
            order.into_iter().map(|(id, family)| Summed::new(id, family)).collect();
        // Only what is shown is summed up in full.
        let shown = self.places(&sums);
        for (rule, targets, of) in self.each_with_targets() {
            for row in targets.iter().filter(|row| row.runs > 0) {
                let Some(at) = shown.get(row.family as usize).filter(|at| **at > 0) else {
                    continue;
                };
                let Some(sum) = sums.get_mut(*at as usize - 1) else { continue };
                sum.target.add(row);
                let event = rule.map(|rule| rules.get(rule).map_or("", |rule| rule.event.as_str()));
                sum.events.push((event, row.runs));
                // Twice in one rule is once in its times.
                if !sum.rows.last().is_some_and(|known| std::ptr::eq(*known, of)) {
                    sum.rows.push(of);
                }
            }
        }
        sums
    }

    /// The targets that ran and are not among these; none if there is none.
    pub fn other_targets(&self, shown: &[Summed]) -> Option<OtherTargets> {
        let shown = self.places(shown);
        let mut others = OtherTargets::default();
        let mut last_of = vec![0; self.families.end()];
        for (at, (_, targets, of)) in (1..).zip(self.each_with_targets()) {
            let mut times = 0;
            for row in targets.iter().filter(|row| row.runs > 0) {
                let family = row.family as usize;
                if shown.get(family).is_some_and(|at| *at > 0) {
                    continue;
                }
                others.target.add(row);
                // Twice in one rule is once in its times.
                if let Some(last) = last_of.get_mut(family) {
                    times += u32::from(std::mem::replace(last, at) != at);
                }
            }
            if times > 0 {
                others.both.add(&of.both, times);
            }
        }
        (others.target.runs > 0).then_some(others)
    }

    /// By family the position among these, counted from 1; 0 for the others.
    fn places(&self, shown: &[Summed]) -> Vec<u32> {
        let mut places = vec![0; self.families.end()];
        for (at, of) in (1..).zip(shown) {
            if let Some(slot) = places.get_mut(of.id as usize) {
                *slot = at;
            }
        }
        places
    }

    /// The rules that ran, each with its targets and the row with its times, and under no name
    /// each target of purges.
    fn each_with_targets(&self) -> impl Iterator<Item = (Option<&str>, &[TargetRow], &Row)> {
        let rules = self.rules.iter().map(|(name, of)| (Some(&**name), &*of.targets, &of.row));
        let purged = self.purged.0.values();
        rules.chain(purged.map(|(of, row)| (None, std::slice::from_ref(of), row)))
    }

    /// Forgets the rows of rules that are not kept, and what nobody writes any more.
    pub(in crate::domain) fn keep_rules(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.rules.retain(|name, _| is_kept(name));
        let written = self.rules.values().flat_map(|of| {
            of.targets.iter().map(|row| row.family).chain(std::iter::once(of.domain))
        });
        self.families.keep(written.chain(self.purged.0.keys().copied()));
    }
}
