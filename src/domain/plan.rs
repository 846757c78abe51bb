//! What an event or a purge would hit, and why. Looking changes nothing.

use std::collections::HashMap;

use super::State;
use super::budget::{Budget, StepsMax};
use super::database::Database;
use super::error::Result;
use super::fence::Fence;
use super::key_table::{KeyId, KeyTable, TOGETHER};
use super::lookup::{self, Found, Strategy};
use super::name::{Db, NameList};
use super::request::{Origin, PlanRule, Request};
use super::rule::{Resolved, ResolvedKind};
use super::scan::Scan;
use super::standing::Standing;

/// What one target came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTarget {
    /// Position in [`Plan::rules`].
    pub rule: usize,
    /// None for what a job takes.
    pub kind: Option<ResolvedKind>,
    /// The name, pattern or tags, values put in.
    pub text: Vec<u8>,
    /// How the keys were found.
    pub strategy: Strategy,
    /// Names or members looked at.
    pub candidates: u64,
    /// Keys that matched, those of earlier targets too.
    pub matches: u64,
    /// Whether it is a key outside the fence.
    pub is_refused: bool,
}

impl PlanTarget {
    /// `key`, `prefix`, `glob`, `regex` or `tag`; empty for what a job takes.
    pub fn kind_name(&self) -> &'static str {
        self.kind.map_or("", ResolvedKind::as_str)
    }
}

/// Owned: it outlives the look at the state.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who asked.
    pub origin: Origin,
    /// The database looked at.
    pub db: Db,
    /// In order of work.
    pub rules: Vec<PlanRule>,
    /// In order of work.
    pub targets: Vec<PlanTarget>,
    /// Each key once, in order of work.
    pub names: NameList,
    /// For each name, its id; another one after a scan.
    pub ids: Vec<KeyId>,
    /// For each name, the position of the target that took it.
    pub taken_by: Vec<u32>,
    /// For each name, the position of the rule that wants it warmed.
    pub warm_for: Vec<Option<u32>>,
    /// For each name, how long it may be served stale; `None`: it is deleted. Empty when all
    /// are. Those that are deleted come first.
    pub soft_ms: Vec<Option<u64>>,
    /// Keys that matched, before the limit.
    pub matched: u64,
    /// Keys named outside the fence: never touched.
    pub refused: u64,
    /// Matching keys that a job is about to delete anyway; not among those that matched.
    pub doomed: NameList,
    /// For each of these names, its id.
    pub doomed_ids: Vec<KeyId>,
    /// How many they are.
    pub doomed_count: u64,
    /// What matching took, in steps (see `inval.pattern-max-steps`).
    pub steps: u64,
}

impl Plan {
    /// Names that are deleted: the first ones.
    pub fn deletes(&self) -> usize {
        match self.soft_ms.is_empty() {
            true => self.names.len(),
            false => self.soft_ms.partition_point(Option::is_none),
        }
    }

    /// Whether no key is asked to be deleted.
    pub fn is_soft(&self) -> bool {
        self.rules.iter().all(|rule| rule.soft_ms.is_some())
    }

    /// Puts the names that are deleted before those that are marked; otherwise the order stays.
    fn delete_first(&mut self) {
        if self.soft_ms.is_sorted_by_key(Option::is_some) {
            return;
        }
        let mut order: Vec<usize> = (0..self.soft_ms.len()).collect();
        order.sort_by_key(|at| self.soft_ms.get(*at).is_some_and(Option::is_some));
        self.names = order.iter().filter_map(|at| self.names.get(*at)).collect();
        self.ids = in_order(&order, &self.ids);
        self.taken_by = in_order(&order, &self.taken_by);
        self.warm_for = in_order(&order, &self.warm_for);
        self.soft_ms = in_order(&order, &self.soft_ms);
    }
}

fn in_order<T: Clone>(order: &[usize], of: &[T]) -> Vec<T> {
    order.iter().filter_map(|at| of.get(*at).cloned()).collect()
}

/// The same plan as ids, for a job: names are asked for when their turn comes.
#[derive(Clone, Debug, Default)]
pub struct IdPlan {
    /// Each key once, in order of work.
    pub ids: Vec<KeyId>,
    /// Where the ids of one rule end, and its position.
    pub stretches: Vec<(usize, u32)>,
    /// Keys that a later rule than their own wants warmed, which does not.
    pub warm: HashMap<KeyId, u32>,
    /// Keys named outside the fence: never touched.
    pub refused: u64,
}

/// What a target comes by.
enum Pick<'a> {
    /// These come next; some of them, from the first on.
    Ahead(&'a [KeyId]),
    /// A key that no target before took.
    Taken(KeyId),
    /// A key of an earlier target.
    Again(KeyId),
    /// A key that a job is about to delete: for a plan it is gone.
    Doomed(KeyId),
}

/// Looks a request up.
///
/// # Errors
/// A pattern takes too many steps.
pub fn build(state: &mut State, db: Db, mut request: Request) -> Result<Plan> {
    build_up_to(state, db, &mut request, None, u64::MAX)
}

/// Looks a request up, in what a scan of the server found if the index does not know every
/// name; copies no more than `most` names, and counts the others. The plan takes origin and rules of
/// the request over; they stay there when there is none.
///
/// # Errors
/// As [`build`].
pub fn build_up_to(
    state: &mut State,
    db: Db,
    request: &mut Request,
    scan: Option<Scan>,
    most: u64,
) -> Result<Plan> {
    let soft = request.rules.iter().any(|rule| rule.soft_ms.is_some());
    let mixed = soft || is_mixed(&request.rules);
    let limit = request.limit.unwrap_or(u64::MAX).min(most);
    let (mut names, mut ids) = (NameList::default(), vec![]);
    let (mut taken_by, mut warm_for, mut soft_ms) = (vec![], vec![], vec![]);
    let mut positions = HashMap::new();
    let (mut matched, mut doomed, mut doomed_count) = (0, NameList::default(), 0);
    let mut doomed_ids = vec![];
    let refused = count_refused(state, request);
    let budget = Budget::new(if request.any_steps { StepsMax(0) } else { state.steps_max });
    let (mut targets, steps) =
        pick(state, db, request, scan, budget, |keys, target, rule, pick| {
            let rule_soft_ms = request.rules.get(rule).and_then(|rule| rule.soft_ms);
            let wants_warm = request.rules.get(rule).is_some_and(|rule| rule.warm);
            let warm = wants_warm.then_some(rule as u32);
            match pick {
                Pick::Ahead(next) => keys.touch(next),
                Pick::Taken(id) => {
                    matched += 1;
                    if matched > limit {
                        return;
                    }
                    if mixed {
                        positions.insert(id, names.len());
                    }
                    names.push(keys.name(id));
                    ids.push(id);
                    taken_by.push(target);
                    warm_for.push(warm);
                    if soft {
                        soft_ms.push(rule_soft_ms);
                    }
                }
                Pick::Again(id) if mixed => {
                    let at = positions.get(&id).copied().unwrap_or(usize::MAX);
                    // An earlier rule took the key and does not warm; this one does.
                    if let Some(slot) = warm_for.get_mut(at) {
                        *slot = slot.or(warm);
                    }
                    // Of what rules ask for, the most strict is done.
                    if let Some(slot) = soft_ms.get_mut(at) {
                        *slot = slot.and_then(|ms| rule_soft_ms.map(|other| other.min(ms)));
                    }
                }
                Pick::Again(_) => {}
                Pick::Doomed(id) => {
                    doomed_count += 1;
                    if doomed_count <= most {
                        doomed.push(keys.name(id));
                        doomed_ids.push(id);
                    }
                }
            }
        })?;
    if refused > 0 {
        for (target, (_, of)) in targets.iter_mut().zip(&request.targets) {
            target.is_refused = is_outside(state, of);
        }
    }
    let mut plan = Plan {
        origin: std::mem::replace(&mut request.origin, Origin::Purge),
        db,
        rules: std::mem::take(&mut request.rules),
        targets,
        names,
        ids,
        taken_by,
        warm_for,
        soft_ms,
        matched,
        refused,
        doomed,
        doomed_ids,
        doomed_count,
        steps,
    };
    plan.delete_first();
    Ok(plan)
}

/// Looks a request up for a job, in the index alone. `fence` is a bound beside our own.
///
/// # Errors
/// As [`build`].
pub fn ids(
    state: &mut State,
    db: Db,
    request: &Request,
    fence: Option<&Fence>,
    steps_max: StepsMax,
) -> Result<IdPlan> {
    let mixed = is_mixed(&request.rules);
    let mut plan = IdPlan { refused: count_refused(state, request), ..IdPlan::default() };
    pick(state, db, request, None, Budget::new(steps_max), |keys, _, rule, pick| match pick {
        Pick::Taken(id) => {
            if fence.is_some_and(|fence| !fence.allows(keys.name(id))) {
                return;
            }
            plan.ids.push(id);
            let end = plan.ids.len();
            match plan.stretches.last_mut().filter(|(_, last)| *last == rule as u32) {
                Some(stretch) => stretch.0 = end,
                None => plan.stretches.push((end, rule as u32)),
            }
        }
        Pick::Again(id) if mixed && request.rules.get(rule).is_some_and(|rule| rule.warm) => {
            plan.warm.entry(id).or_insert(rule as u32);
        }
        Pick::Ahead(_) | Pick::Again(_) | Pick::Doomed(_) => {}
    })?;
    Ok(plan)
}

fn is_mixed(rules: &[PlanRule]) -> bool {
    rules.iter().any(|rule| rule.warm) && rules.iter().any(|rule| !rule.warm)
}

fn count_refused(state: &State, request: &Request) -> u64 {
    request.targets.iter().filter(|(_, target)| is_outside(state, target)).count() as u64
}

/// Whether a target is a key outside the fence.
fn is_outside(state: &State, target: &Resolved) -> bool {
    matches!(target, Resolved::Key(name) if !state.fence().allows(name))
}

/// Finds the keys of each target; `visit` is told of them with the positions of the target and
/// its rule. Gives the steps that matching took.
fn pick(
    state: &mut State,
    db: Db,
    request: &Request,
    mut scan: Option<Scan>,
    mut budget: Budget,
    mut visit: impl FnMut(&KeyTable, u32, usize, Pick),
) -> Result<(Vec<PlanTarget>, u64)> {
    let (database, standing) = state.known_database_and_standing(db);
    let mut nothing;
    let database = match database {
        Some(database) => database,
        None => {
            nothing = Database::of_no_keys(standing);
            &mut nothing
        }
    };
    match &mut scan {
        Some(scan) => scan.keys.begin_plan(),
        None => database.keys.begin_plan(),
    }
    let mut targets = Vec::with_capacity(request.targets.len());
    for (at, (rule, target)) in request.targets.iter().enumerate() {
        let found = match &mut scan {
            Some(scan) => find_scanned(scan, database, standing, at, target),
            None => lookup::find(database, standing, target, &mut budget),
        };
        let spent = scan.as_mut().map_or(&mut budget, |scan| &mut scan.budget);
        if let Some(refused) = spent.refused() {
            return Err(refused);
        }
        let mut matches = found.ids.len() as u64;
        for (position, id) in found.ids.iter().copied().enumerate() {
            // What a scan found has ids of its own.
            let is_live = match &scan {
                Some(scan) => {
                    let known = database.keys.find(scan.keys.name(id));
                    known.is_none_or(|id| database.is_live(id))
                }
                None => database.is_live(id),
            };
            let keys = scan.as_mut().map_or(&mut database.keys, |scan| &mut scan.keys);
            if position % TOGETHER == 0 {
                let next = found.ids.get(position..).unwrap_or_default();
                visit(keys, at as u32, *rule, Pick::Ahead(next));
            }
            let pick = match (is_live, is_live && keys.take(id)) {
                (true, true) => Pick::Taken(id),
                (true, false) => Pick::Again(id),
                (false, _) => {
                    matches -= 1;
                    Pick::Doomed(id)
                }
            };
            visit(keys, at as u32, *rule, pick);
        }
        targets.push(PlanTarget {
            rule: *rule,
            kind: Some(target.kind()),
            text: target.text(),
            strategy: found.strategy,
            candidates: found.candidates,
            matches,
            is_refused: false,
        });
    }
    let steps = scan.map_or(budget, |scan| scan.budget).steps();
    Ok((targets, steps))
}

/// The keys of a target, by their ids in the scan. The index knows every key that has tags.
fn find_scanned(
    scan: &mut Scan,
    database: &Database,
    standing: &Standing,
    at: usize,
    target: &Resolved,
) -> Found {
    if let Resolved::Pattern(_) = target {
        return scan.find(at);
    }
    if let Resolved::Key(name) = target {
        let ids = scan.keys.find(name).into_iter().collect();
        return Found { strategy: Strategy::NameLookup, candidates: 1, ids };
    }
    let found = lookup::find(database, standing, target, &mut Budget::new(StepsMax(0)));
    let names = found.ids.iter().map(|id| database.keys.name(*id));
    let ids = names.filter_map(|name| scan.keys.insert(name)).map(|(id, _)| id).collect();
    Found { ids, ..found }
}

#[cfg(test)]
mod tests;
