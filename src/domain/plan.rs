//! What an event or a purge would hit, and why. Looking changes nothing.

use std::collections::HashMap;

use super::State;
use super::database::Database;
use super::fence::Fence;
use super::key_table::{KeyId, KeyTable, TOGETHER};
use super::lookup::{self, Strategy};
use super::name::{Db, NameList};
use super::request::{Origin, PlanRule, Request};
use super::rule::Resolved;

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
    /// For each name, its id.
    pub ids: Vec<KeyId>,
    /// For each name, the position of the target that took it.
    pub taken_by: Vec<u32>,
    /// For each name, the position of the rule that wants it warmed.
    pub warm_for: Vec<Option<u32>>,
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
pub fn build(state: &mut State, db: Db, request: Request) -> Plan {
    build_up_to(state, db, request, u64::MAX)
}

/// Looks a request up; copies no more than `most` names, and counts the others.
pub fn build_up_to(state: &mut State, db: Db, request: Request, most: u64) -> Plan {
    let mixed = is_mixed(&request.rules);
    let limit = request.limit.unwrap_or(u64::MAX).min(most);
    let (mut names, mut ids) = (NameList::default(), vec![]);
    let (mut taken_by, mut warm_for) = (vec![], vec![]);
    let mut positions = HashMap::new();
    let (mut matched, mut doomed, mut doomed_count) = (0, NameList::default(), 0);
    let mut doomed_ids = vec![];
    let refused = count_refused(state, &request);
    let targets = pick(state, db, &request, |keys, target, rule, pick| {
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
            }
            Pick::Again(id) if mixed && wants_warm => {
                // An earlier rule took the key and does not warm; this one does.
                if let Some(slot) = positions.get(&id).and_then(|at| warm_for.get_mut(*at)) {
                    *slot = slot.or(warm);
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
    });
    Plan {
        origin: request.origin,
        db,
        rules: request.rules,
        targets,
        names,
        ids,
        taken_by,
        warm_for,
        matched,
        refused,
        doomed,
        doomed_ids,
        doomed_count,
    }
}

/// Looks a request up for a job. `fence` is a bound beside our own.
pub fn ids(state: &mut State, db: Db, request: &Request, fence: Option<&Fence>) -> IdPlan {
    let mixed = is_mixed(&request.rules);
    let mut plan = IdPlan { refused: count_refused(state, request), ..IdPlan::default() };
    pick(state, db, request, |keys, _, rule, pick| match pick {
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
    });
    plan
}

fn is_mixed(rules: &[PlanRule]) -> bool {
    rules.iter().any(|rule| rule.warm) && rules.iter().any(|rule| !rule.warm)
}

fn count_refused(state: &State, request: &Request) -> u64 {
    let outside =
        |target: &Resolved| matches!(target, Resolved::Key(name) if !state.fence().allows(name));
    request.targets.iter().filter(|(_, target)| outside(target)).count() as u64
}

/// Finds the keys of each target; `visit` is told of them with the positions of the target and
/// its rule.
fn pick(
    state: &mut State,
    db: Db,
    request: &Request,
    mut visit: impl FnMut(&KeyTable, u32, usize, Pick),
) -> Vec<PlanTarget> {
    let (database, standing) = state.known_database_and_standing(db);
    let mut nothing = Database::of_no_keys(standing);
    let database = database.unwrap_or(&mut nothing);
    database.keys.begin_plan();
    let mut targets = Vec::with_capacity(request.targets.len());
    for (rule, target) in &request.targets {
        let found = lookup::find(database, standing, target);
        let at = targets.len() as u32;
        let mut matches = found.ids.len() as u64;
        for (position, id) in found.ids.iter().copied().enumerate() {
            if position % TOGETHER == 0 {
                let next = found.ids.get(position..).unwrap_or_default();
                visit(&database.keys, at, *rule, Pick::Ahead(next));
            }
            let pick = if database.keys.take(id) {
                Pick::Taken(id)
            } else if database.is_live(id) {
                Pick::Again(id)
            } else {
                matches -= 1;
                Pick::Doomed(id)
            };
            visit(&database.keys, at, *rule, pick);
        }
        targets.push(PlanTarget {
            rule: *rule,
            kind: target.kind(),
            text: target.text(),
            strategy: found.strategy,
            candidates: found.candidates,
            matches,
        });
    }
    targets
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
        build(state, Db(0), request)
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
        let plan = build(&mut state, Db(0), Request::for_purge(targets, Some(2)));
        assert_eq!((names(&plan), plan.matched, plan.refused), (vec!["a:1", "a:2"], 3, 2));
        assert_eq!(
            build(
                &mut state,
                Db(9),
                Request::for_purge(vec![Resolved::Key(b"a:1".to_vec())], None)
            )
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
        );
        assert_eq!(names(&plan), ["a", "b"]);
        assert_eq!(plan.targets[0].candidates, 1);
    }
}
