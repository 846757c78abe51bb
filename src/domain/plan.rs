//! What an event or a purge would hit, and why. Looking changes nothing.

use std::collections::HashMap;

use super::State;
use super::budget::{Budget, StepsMax};
use super::database::Database;
use super::error::Result;
use super::key_table::{KeyId, TOGETHER};
use super::lookup::{self, Found, Strategy};
use super::name::{Db, NameList};
use super::request::{Origin, PlanRule, Request};
use super::rule::Resolved;
use super::scan::Scan;

/// What one target came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTarget {
    /// Position in [`Plan::rules`].
    pub rule: usize,
    /// `key`, `prefix`, `glob`, `regex` or `tag`.
    pub kind: &'static str,
    /// The name, pattern or tags, values put in.
    pub text: Vec<u8>,
    /// How the keys were found.
    pub strategy: Strategy,
    /// Names or members looked at.
    pub candidates: u64,
    /// Keys that matched, those of earlier targets too.
    pub matches: u64,
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
    /// For each name, its id; none at all after a scan.
    pub ids: Vec<KeyId>,
    /// For each name, the position of the target that took it.
    pub taken_by: Vec<u32>,
    /// For each name, the position of the rule that wants it warmed.
    pub warm_for: Vec<Option<u32>>,
    /// Keys that matched, before the limit.
    pub matched: u64,
    /// Keys named outside the fence: never touched.
    pub refused: u64,
    /// What matching took, in steps (see `inval.pattern-max-steps`).
    pub steps: u64,
}

/// Looks a request up.
///
/// # Errors
/// A pattern takes too many steps.
pub fn build(state: &mut State, db: Db, request: Request) -> Result<Plan> {
    build_with(state, db, request, None)
}

/// The same with what a scan of the server found, for an index that does not know every name.
///
/// # Errors
/// As [`build`].
pub fn build_scanned(state: &mut State, db: Db, request: Request, scan: Scan) -> Result<Plan> {
    build_with(state, db, request, Some(scan))
}

fn build_with(state: &mut State, db: Db, request: Request, mut scan: Option<Scan>) -> Result<Plan> {
    let mixed =
        request.rules.iter().any(|rule| rule.warm) && request.rules.iter().any(|rule| !rule.warm);
    let mut plan = Plan {
        origin: request.origin,
        db,
        rules: request.rules,
        targets: Vec::with_capacity(request.targets.len()),
        names: NameList::default(),
        ids: vec![],
        taken_by: vec![],
        warm_for: vec![],
        matched: 0,
        refused: 0,
        steps: 0,
    };
    let mut budget = Budget::new(state.steps_max);
    let outside =
        |target: &Resolved| matches!(target, Resolved::Key(name) if !state.fence().allows(name));
    plan.refused = request.targets.iter().filter(|(_, target)| outside(target)).count() as u64;

    let mut nothing = Database::default();
    let database = state.known_database_mut(db).unwrap_or(&mut nothing);
    let is_scan = scan.is_some();
    match &mut scan {
        Some(scan) => scan.keys.begin_plan(),
        None => database.keys.begin_plan(),
    }
    let mut positions = HashMap::new();
    for (at, (rule, target)) in request.targets.into_iter().enumerate() {
        let found = match &mut scan {
            Some(scan) => find_scanned(scan, database, at, &target),
            None => lookup::find(database, &target, &mut budget),
        };
        let budget = scan.as_mut().map_or(&mut budget, |scan| &mut scan.budget);
        if let Some(refused) = budget.refused() {
            return Err(refused);
        }
        plan.steps = budget.steps();
        let keys = scan.as_mut().map_or(&mut database.keys, |scan| &mut scan.keys);
        let wants_warm = plan.rules.get(rule).is_some_and(|rule| rule.warm);
        let warm = wants_warm.then_some(rule as u32);
        for (at, id) in found.ids.iter().enumerate() {
            if at % TOGETHER == 0 {
                keys.touch(found.ids.get(at..).unwrap_or_default());
            }
            if keys.take(*id) {
                plan.matched += 1;
                if request.limit.is_some_and(|limit| plan.matched > limit) {
                    continue;
                }
                if mixed {
                    positions.insert(*id, plan.names.len());
                }
                plan.names.push(keys.name(*id));
                if !is_scan {
                    plan.ids.push(*id);
                }
                plan.taken_by.push(plan.targets.len() as u32);
                plan.warm_for.push(warm);
            } else if mixed
                && wants_warm
                && let Some(slot) = positions.get(id).and_then(|at| plan.warm_for.get_mut(*at))
            {
                // An earlier rule took the key and does not warm; this one does.
                *slot = slot.or(warm);
            }
        }
        plan.targets.push(PlanTarget {
            rule,
            kind: target.kind(),
            text: target.text(),
            strategy: found.strategy,
            candidates: found.candidates,
            matches: found.ids.len() as u64,
        });
    }
    Ok(plan)
}

/// The keys of a target, by their ids in the scan. The index knows every key that has tags.
fn find_scanned(scan: &mut Scan, database: &Database, at: usize, target: &Resolved) -> Found {
    if let Resolved::Pattern(_) = target {
        return scan.find(at);
    }
    if let Resolved::Key(name) = target {
        let ids = scan.keys.find(name).into_iter().collect();
        return Found { strategy: Strategy::NameLookup, candidates: 1, ids };
    }
    let found = lookup::find(database, target, &mut Budget::new(StepsMax(0)));
    let names = found.ids.iter().map(|id| database.keys.name(*id));
    let ids = names.filter_map(|name| scan.keys.insert(name)).map(|(id, _)| id).collect();
    Found { ids, ..found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::database::TagExpression;
    use crate::domain::pattern::Pattern;
    use crate::domain::payload::Payload;
    use crate::domain::rule::Priority;
    use crate::domain::rule_document::parse_one;

    fn state_with(names: &[&str]) -> State {
        let mut state = State::default();
        for name in names {
            state.notice(Change::Created, Db(0), name.as_bytes());
        }
        state
    }

    fn set(state: &mut State, json: &str) {
        state.rules.set(parse_one(json.as_bytes(), None).unwrap());
    }

    fn plan_event(state: &mut State, event: &str, payload: &str) -> Plan {
        let payload = Payload::parse(payload.as_bytes()).unwrap();
        let request = Request::for_event(state, event, &payload).unwrap();
        build(state, Db(0), request).unwrap()
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.names.iter().map(|name| std::str::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn a_key_is_planned_once_and_credited_to_the_first_rule() {
        let mut state = state_with(&["a:1", "a:2", "b:1", "c"]);
        set(
            &mut state,
            r#"{"name":"slow","eventType":"e","cacheKeys":["a:*","c"],"priority":"low"}"#,
        );
        set(
            &mut state,
            r#"{"name":"fast","eventType":"e","patterns":["^a:1$"],"cacheKeys":["a:1"],"priority":"high"}"#,
        );
        let plan = plan_event(&mut state, "e", "{}");
        assert_eq!(names(&plan), ["a:1", "a:2", "c"]);
        assert_eq!(plan.taken_by, [0, 2, 3]);
        assert_eq!(plan.rules[0].name.as_deref(), Some("fast"));
        let seen: Vec<_> =
            plan.targets.iter().map(|t| (t.kind, t.strategy, t.candidates, t.matches)).collect();
        assert_eq!(
            seen,
            [
                ("key", Strategy::NameLookup, 1, 1),
                ("regex", Strategy::PrefixRange, 1, 1),
                ("glob", Strategy::PrefixRange, 2, 2),
                ("key", Strategy::NameLookup, 1, 1),
            ]
        );
    }

    #[test]
    fn a_rule_that_warms_is_heard_though_another_took_the_key() {
        let mut state = state_with(&["a", "b"]);
        set(&mut state, r#"{"name":"1","eventType":"e","cacheKeys":["a","b"],"priority":"high"}"#);
        set(&mut state, r#"{"name":"2","eventType":"e","cacheKeys":["b"],"warmCache":true}"#);
        let plan = plan_event(&mut state, "e", "{}");
        assert_eq!(plan.warm_for, [None, Some(1)]);
    }

    #[test]
    fn an_event_may_bring_its_own_list() {
        let mut state = state_with(&["product:1", "search:a:product:1", "search:a:product:2", "x"]);
        let payload = r#"{"affectedCaches":["product:1","search:*:product:1","gone"]}"#;
        let plan = plan_event(&mut state, "product.updated", payload);
        assert_eq!(names(&plan), ["product:1", "search:a:product:1"]);
        assert_eq!(plan.rules, [PlanRule { name: None, priority: Priority::Medium, warm: false }]);
        for bad in [
            r#"{"affectedCaches":"x"}"#,
            r#"{"affectedCaches":[1]}"#,
            r#"{"affectedCaches":["a["]}"#,
        ] {
            let payload = Payload::parse(bad.as_bytes()).unwrap();
            assert!(Request::for_event(&state, "e", &payload).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_value_names_the_rule_and_plans_nothing() {
        let mut state = state_with(&["u:1"]);
        set(&mut state, r#"{"name":"r","eventType":"e","cacheKeys":["u:{id}"]}"#);
        let error = Request::for_event(&state, "e", &Payload::default()).unwrap_err();
        assert!(
            error.to_string().starts_with("rule 'r': 'u:{id}' needs the field 'id'"),
            "{error}"
        );
    }

    #[test]
    fn limits_and_fences_are_counted() {
        let mut state = state_with(&["a:1", "a:2", "a:3"]);
        state.set_fence(crate::domain::fence::Fence::parse("a:").unwrap());
        let targets = vec![
            Resolved::Key(b"b:1".to_vec()),
            Resolved::Key(b"inval:warm".to_vec()),
            Resolved::Pattern(Pattern::Prefix(b"a:"[..].into())),
        ];
        let plan = build(&mut state, Db(0), Request::for_purge(targets, Some(2))).unwrap();
        assert_eq!((names(&plan), plan.matched, plan.refused), (vec!["a:1", "a:2"], 3, 2));
        assert_eq!(
            build(
                &mut state,
                Db(9),
                Request::for_purge(vec![Resolved::Key(b"a:1".to_vec())], None)
            )
            .unwrap()
            .matched,
            0
        );
    }

    #[test]
    fn tags_find_their_members() {
        let mut state = state_with(&["a", "b", "c"]);
        let database = state.database_mut(Db(0));
        database.set_tags(b"a", [&b"x"[..], b"y"].into_iter());
        database.set_tags(b"b", [&b"x"[..]].into_iter());
        let all =
            TagExpression { all: true, tags: vec![b"x".to_vec(), b"y".to_vec()], not: vec![] };
        let plan = build(
            &mut state,
            Db(0),
            Request::for_purge(vec![Resolved::Tags(all), Resolved::Tag(b"x".to_vec())], None),
        )
        .unwrap();
        assert_eq!(names(&plan), ["a", "b"]);
        assert_eq!(plan.targets[0].candidates, 1);
    }
}
