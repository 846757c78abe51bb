//! Plans of rules, targets, limits and fences.

use super::*;
use crate::domain::change::Change;
use crate::domain::database::TagExpression;
use crate::domain::pattern::Pattern;
use crate::domain::payload::Payload;
use crate::domain::rule_document::parse_one;

fn build(state: &mut State, db: Db, request: Request) -> Plan {
    super::build(state, db, request).unwrap()
}

fn state_with(names: &[&str]) -> State {
    let mut state = State::default();
    for name in names {
        state.told(Change::Created, Db(0), name.as_bytes());
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
    set(&mut state, r#"{"name":"slow","eventType":"e","cacheKeys":["a:*","c"],"priority":"low"}"#);
    set(
        &mut state,
        r#"{"name":"fast","eventType":"e","patterns":["^a:1$"],"cacheKeys":["a:1"],"priority":"high"}"#,
    );
    let plan = plan_event(&mut state, "e", "{}");
    assert_eq!(names(&plan), ["a:1", "a:2", "c"]);
    assert_eq!(plan.taken_by, [0, 2, 3]);
    assert_eq!(plan.rules[0].name.as_deref(), Some("fast"));
    let seen: Vec<_> =
        plan.targets.iter().map(|t| (t.kind_name(), t.strategy, t.candidates, t.matches)).collect();
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
    assert_eq!(plan.rules, [PlanRule::nameless()]);
    for bad in
        [r#"{"affectedCaches":"x"}"#, r#"{"affectedCaches":[1]}"#, r#"{"affectedCaches":["a["]}"#]
    {
        let payload = Payload::parse(bad.as_bytes()).unwrap();
        assert!(Request::for_event(&state, "e", &payload).is_err(), "{bad}");
    }
}

#[test]
fn a_missing_value_names_the_rule_and_plans_nothing() {
    let mut state = state_with(&["u:1"]);
    set(&mut state, r#"{"name":"r","eventType":"e","cacheKeys":["u:{id}"]}"#);
    let error = Request::for_event(&state, "e", &Payload::default()).unwrap_err();
    assert!(error.to_string().starts_with("rule 'r': 'u:{id}' needs the field 'id'"), "{error}");
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
        build(&mut state, Db(9), Request::for_purge(vec![Resolved::Key(b"a:1".to_vec())], None))
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
    let all = TagExpression { all: true, tags: vec![b"x".to_vec(), b"y".to_vec()], not: vec![] };
    let plan = build(
        &mut state,
        Db(0),
        Request::for_purge(vec![Resolved::Tags(all), Resolved::Tag(b"x".to_vec())], None),
    );
    assert_eq!(names(&plan), ["a", "b"]);
    assert_eq!(plan.targets[0].candidates, 1);
}
