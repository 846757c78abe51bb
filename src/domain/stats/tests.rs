//! What counts where, and what is bounded.

use proptest::prelude::*;

use super::families::Group;
use super::*;
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::fence::Fence;
use crate::domain::journal::{Caller, JournalLimits, PLACES, place_of};
use crate::domain::name::Db;
use crate::domain::pattern::Pattern;
use crate::domain::payload::Payload;
use crate::domain::plan::build;
use crate::domain::request::Request;
use crate::domain::rule::{Resolved, Rule};
use crate::domain::rule_document::parse_one;
use crate::domain::top::Sketch;

fn state_with(rules: &[(&str, &str)], keys: &[&str]) -> State {
    let mut state = State::default();
    keys.iter().for_each(|key| state.told(Change::Created, Db(0), key.as_bytes()));
    for (name, json) in rules {
        state.set_rule(parse_one(json.as_bytes(), Some(name)).unwrap());
    }
    state
}

/// An event that deletes all that it matches.
fn happens(state: &mut State, event: &str, payload: &str, now_ms: u64) {
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    let request = Request::for_event(state, event, &payload).unwrap();
    carry_out(state, request, now_ms);
}

fn carry_out(state: &mut State, request: Request, now_ms: u64) {
    let plan = build(state, Db(0), request).unwrap();
    let mut outcome = Outcome::of(&plan);
    for at in 0..plan.names.len() {
        outcome.count(&plan, at, |count| count.deleted += 1);
    }
    state.record(&plan, &outcome, now_ms);
}

#[test]
fn an_event_counts_for_itself_its_rules_and_the_total() {
    let one = r#"{"eventType":"e","cacheKeys":["a","b"]}"#;
    let two = r#"{"eventType":"e","cacheKeys":["zzz"]}"#;
    let mut state = state_with(&[("one", one), ("two", two)], &["a", "b"]);
    let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
    let plan = build(&mut state, Db(0), request).unwrap();
    let mut outcome = Outcome::of(&plan);
    outcome.count(&plan, 0, |count| count.deleted += 1);
    outcome.count(&plan, 1, |count| count.absent += 1);
    (outcome.resolve_micros, outcome.delete_micros) = (3, 4);

    state.record(&plan, &outcome, 77);
    let stats = &state.stats;
    let all = Count { matched: 2, deleted: 1, absent: 1, ..Count::default() };
    assert_eq!(stats.all.keys, all);
    assert_eq!(stats.per_event["e"].keys, all);
    assert_eq!((stats.rules["one"].row.keys, stats.rules["one"].row.last_ms), (all, 77));
    assert_eq!((stats.rules["two"].row.runs, stats.rules["two"].row.wasted), (1, 1));
    assert_eq!((stats.all.both.sum(), stats.all.both.max(), stats.all.resolve.max()), (7, 7, 3));

    outcome.dry_run = true;
    state.record(&plan, &outcome, 78);
    assert_eq!((state.stats.dry_runs, state.stats.events), (1, 1));
    state.reset_stats();
    assert_eq!((state.stats.events, state.stats.rules.len()), (0, 0));
}

/// Kind, text, runs, wasted and keys deleted of each target that ran.
fn targets(state: &State) -> Vec<(&'static str, String, u64, u64, u64)> {
    let rows = state.stats.targets(&state.rules, &state.stats.target_runs(), usize::MAX, None);
    let mut rows: Vec<_> = rows
        .iter()
        .map(|of| {
            let row = of.row();
            let text = String::from_utf8(of.family.text.to_vec()).unwrap();
            (of.family.kind_name(), text, row.runs, row.wasted, row.keys.deleted)
        })
        .collect();
    rows.sort();
    rows
}

/// All rows in words, by name.
fn rows(state: &State) -> Vec<String> {
    let Stats { all, rules, per_event, entities, events, events_unmatched, families, .. } =
        &state.stats;
    let mut rows = vec![format!("{events} {events_unmatched} {all:?}")];
    rows.extend(rules.iter().map(|(name, of)| {
        let targets: Vec<_> = of.targets.iter().map(|row| row.counted(families)).collect();
        format!("rule {name} {:?} {targets:?}", of.row)
    }));
    rows.extend(per_event.iter().map(|(name, row)| format!("event {name} {row:?}")));
    rows.extend(entities.iter().map(|(name, row)| format!("entity {name} {row:?}")));
    rows.sort();
    rows
}

/// What is ranked, of each kind.
fn ranks(state: &State) -> Vec<Vec<(Vec<u8>, u64)>> {
    let Top { keys, tags, patterns } = &state.stats.top;
    let of = |sketch: &Sketch| {
        sketch.first(usize::MAX).iter().map(|rank| (rank.name.to_vec(), rank.count)).collect()
    };
    [keys, tags, patterns].map(of).to_vec()
}

/// What happens next: an event, how long it took, and after how long a pause; or another thing.
type Step = (u8, (u8, u64), u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let micros = prop_oneof![9 => 0u64..500, 1 => 60_000u64..80_000];
    let pause = prop_oneof![9 => 0u64..50, 1 => 0u64..15_000];
    prop::collection::vec((0u8..40, (0u8..8, micros), pause), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn runs_that_wait_count_as_those_that_do_not(steps in steps()) {
        let rules = [
            ("one", r#"{"eventType":"e","cacheKeys":["u:{id}:*","u:1:a"],"tags":["t"]}"#),
            ("two", r#"{"eventType":"e","cacheKeys":["u:2:*"],"when":"id in (2, 4, 6)"}"#),
            ("else", r#"{"eventType":"e","cacheKeys":["v:*"],"when":"not id in (2, 4, 6)"}"#),
            ("any", r#"{"eventType":"f*","cacheKeys":["v:{id}"]}"#),
            ("soft", r#"{"eventType":"s","cacheKeys":["u:{id}:*"],"soft":500}"#),
        ];
        let rules = rules.map(|(name, json)| (name, parse_one(json.as_bytes(), Some(name)).unwrap()));
        let keys = ["u:1:a", "u:1:b", "u:2:a", "v:1", "v:7"];
        let mut states = [state_with(&[], &keys), state_with(&[], &keys)];
        let mut now_ms = 1_000_000;
        for (what, (id, micros), pause) in steps {
            now_ms += pause;
            for (at, state) in states.iter_mut().enumerate() {
                let (name, rule) = &rules[usize::from(id) % rules.len()];
                match what {
                    // Most rules are there most of the time.
                    0 => drop(state.remove_rule(name)),
                    1..5 => state.set_rule(rule.clone()),
                    5 => state.set_rule(Rule { name: (*name).to_owned(), ..rules[0].1.clone() }),
                    6 => drop(state.settle_rules()),
                    7 => state.catch_up(),
                    _ => {
                        let event = ["e", "e", "f1", "f2", "s", "none"][usize::from(what) % 6];
                        let entity = if id == 3 { r#","entityType":"user""# } else { "" };
                        let payload = format!(r#"{{"id":{id}{entity}}}"#);
                        let payload = Payload::parse(payload.as_bytes()).unwrap();
                        let request = Request::for_event(state, event, &payload).unwrap();
                        let plan = build(state, Db(0), request).unwrap();
                        let mut outcome = Outcome::of(&plan);
                        for key in 0..plan.names.len() {
                            if id == 4 {
                                outcome.was_absent(&plan, key);
                            }
                            outcome.count(&plan, key, |count| match (id, event) {
                                (4, _) => count.absent += 1,
                                (_, "s") => count.marked += 1,
                                _ => count.deleted += 1,
                            });
                        }
                        (outcome.resolve_micros, outcome.delete_micros) = (micros, 2 * micros);
                        match at {
                            0 => {
                                state.record(&plan, &outcome, now_ms);
                                state.stats.top.record_keys(&plan, &outcome);
                            }
                            _ => state.note(&plan, &outcome, &Caller::default(), None, now_ms),
                        }
                    }
                }
            }
        }
        // What waits of a rule that is gone counts for its event alone.
        for state in &mut states {
            state.remove_rule("one");
            state.settle_rules();
            state.catch_up();
        }
        prop_assert_eq!(rows(&states[0]), rows(&states[1]));
        prop_assert_eq!(ranks(&states[0]), ranks(&states[1]));
    }
}

#[test]
fn every_run_is_counted_once_however_little_is_kept_of_them() {
    const RUNS: u64 = 8000;
    let rule = r#"{"eventType":"e","cacheKeys":["k:{id}"],"tags":["t"]}"#;
    for why_keys in [0, 1, 2, 150, 600, 100_000] {
        let mut state = state_with(&[("r", rule)], &["k:1"]);
        let limits = |why_keys| JournalLimits { why_keys, ..JournalLimits::default() };
        state.set_journal_limits(limits(why_keys));
        for at in 0..RUNS {
            if at == RUNS / 2 {
                state.set_journal_limits(limits(why_keys + 1));
            }
            let mut waiting = 0;
            state.journal.each_waiting(|_, _| waiting += 1);
            assert!(waiting < 2000, "they are counted in time");
            // Every fourth matches nothing.
            let payload = if at % 4 == 0 { r#"{"id":2}"# } else { r#"{"id":1}"# };
            let payload = Payload::parse(payload.as_bytes()).unwrap();
            let request = Request::for_event(&state, "e", &payload).unwrap();
            let plan = build(&mut state, Db(0), request).unwrap();
            let mut outcome = Outcome::of(&plan);
            for key in 0..plan.names.len() {
                outcome.count(&plan, key, |count| count.deleted += 1);
            }
            state.note(&plan, &outcome, &Caller::default(), None, at);
        }
        state.catch_up();
        let row = &state.stats.rules["r"].row;
        let deleted = RUNS - RUNS / 4;
        assert_eq!((row.runs, row.wasted, row.keys.deleted), (RUNS, RUNS / 4, deleted));
        assert_eq!(ranks(&state)[0], [(b"k:1".to_vec(), deleted)], "{why_keys}");
        assert_eq!(state.stats.all.both.count(), RUNS);

        let payload = Payload::parse(br#"{"id":1}"#).unwrap();
        let request = Request::for_event(&state, "e", &payload).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        let mut outcome = Outcome::of(&plan);
        outcome.count(&plan, 0, |count| count.deleted += 1);
        state.note(&plan, &outcome, &Caller::default(), None, RUNS);
        state.reset_stats();
        state.catch_up();
        assert_eq!((state.stats.all.runs, ranks(&state)[0].len()), (0, 0));
    }
}

#[test]
fn what_is_noted_in_parts_pushes_out_no_run_that_waits() {
    let mut state = state_with(&[("r", r#"{"eventType":"e","cacheKeys":["k"]}"#)], &["k"]);
    state.set_journal_limits(JournalLimits { why_keys: 1, ..JournalLimits::default() });
    let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
    let plan = build(&mut state, Db(0), request).unwrap();
    let mut outcome = Outcome::of(&plan);
    outcome.count(&plan, 0, |count| count.deleted += 1);
    for at in 0..1000 {
        state.note(&plan, &outcome, &Caller::default(), None, at);
        (0..at % 5).for_each(|_| state.note_part(&plan, &outcome, &Caller::default(), at));
    }
    state.catch_up();
    assert_eq!(state.stats.rules["r"].row.runs, 1000);
}

#[test]
fn rules_whose_numbers_share_a_place_are_told_apart() {
    let rule = |name: &str| format!(r#"{{"eventType":"{name}","cacheKeys":["k:{{id}}"]}}"#);
    let parsed = |name: &str| parse_one(rule(name).as_bytes(), Some(name)).unwrap();
    let mut state = state_with(&[("a", &rule("a"))], &["k:1"]);
    state.set_journal_limits(JournalLimits { why_keys: 1, ..JournalLimits::default() });
    (0..PLACES).for_each(|_| state.set_rule(parsed("b")));
    state.set_rule(parsed("c"));
    let number = |name| state.rules.get(name).map(|rule| place_of(rule.number));
    assert!(number("a") == number("b") && number("a") != number("c"));
    let tell = |state: &mut State, event: &str, times: usize| {
        for _ in 0..times {
            let payload = Payload::parse(br#"{"id":1}"#).unwrap();
            let request = Request::for_event(state, event, &payload).unwrap();
            let plan = build(state, Db(0), request).unwrap();
            let mut outcome = Outcome::of(&plan);
            outcome.count(&plan, 0, |count| count.deleted += 1);
            state.note(&plan, &outcome, &Caller::default(), None, 1);
        }
    };
    // Those of `c` push those of the others out of the ring.
    for (event, times) in [("a", 5), ("b", 5), ("c", 3000), ("b", 7), ("c", 3000), ("a", 9)] {
        tell(&mut state, event, times);
    }
    state.catch_up();
    let runs = |name: &str| (state.stats.rules[name].row.runs, state.stats.per_event[name].runs);
    assert_eq!([runs("a"), runs("b"), runs("c")], [(14, 14), (12, 12), (6000, 6000)]);
}

#[test]
fn a_rule_is_told_apart_from_one_that_it_replaces() {
    let mut state = state_with(&[], &["k:1"]);
    for name in ["a", "b", "a"] {
        let json = format!(r#"{{"eventType":"{name}","cacheKeys":["k:*"]}}"#);
        state.replace_rules([parse_one(json.as_bytes(), Some(name)).unwrap()]);
        let request = Request::for_event(&state, name, &Payload::default()).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        let mut outcome = Outcome::of(&plan);
        outcome.count(&plan, 0, |count| count.deleted += 1);
        state.note(&plan, &outcome, &Caller::default(), None, 1);
        let entry = state.journal.last(1).remove(0);
        assert_eq!((entry.what.as_str(), &entry.rules[..]), (name, &[name.to_owned()][..]));
    }
    state.catch_up();
    let told = |name: &str| state.stats.per_event[name].runs;
    assert_eq!((told("a"), told("b"), state.stats.rules.len()), (2, 1, 1));
    // What the first one did went with it.
    assert_eq!(state.stats.rules["a"].row.runs, 1);
}

#[test]
fn a_target_counts_as_the_rule_writes_it_over_all_rules() {
    let one = r#"{"eventType":"e","cacheKeys":["u:{id}","u:{id}:*"],"tags":["t:{id}"]}"#;
    let two = r#"{"eventType":"f","cacheKeys":["u:{id}:*"]}"#;
    let keys = ["u:1", "u:1:a", "u:1:b", "u:2:c"];
    let mut state = state_with(&[("one", one), ("two", two)], &keys);
    happens(&mut state, "e", r#"{"id":1}"#, 5);
    happens(&mut state, "f", r#"{"id":2}"#, 9);
    happens(&mut state, "f", r#"{"id":3}"#, 9);
    let glob = |runs, wasted, deleted| ("glob", "u:{id}:*".to_owned(), runs, wasted, deleted);
    let key = ("key", "u:{id}".to_owned(), 1, 0, 1);
    let tag = ("tag", "t:{id}".to_owned(), 1, 1, 0);
    assert_eq!(targets(&state), [glob(3, 1, 3), key, tag]);
    let rows =
        state.stats.targets(&state.rules, &state.stats.target_runs(), 1, Some(Group::Patterns));
    let mut events = rows[0].events.clone();
    events.sort_unstable();
    let row = rows[0].row();
    assert_eq!(events, [(Some("e"), 1), (Some("f"), 2)]);
    assert_eq!((row.last_ms, row.resolve.count()), (9, 3));
    assert_eq!(rows[0].target.cleared, [1, 1, 1, 0, 0, 0, 0, 0, 0]);

    // The same rule set again keeps its figures; with other targets it has none.
    state.set_rule(parse_one(two.as_bytes(), Some("two")).unwrap());
    happens(&mut state, "f", r#"{"id":3}"#, 9);
    assert_eq!(targets(&state)[0], glob(4, 2, 3));
    let other = r#"{"eventType":"f","cacheKeys":["v:*"]}"#;
    state.set_rule(parse_one(other.as_bytes(), Some("two")).unwrap());
    happens(&mut state, "f", "{}", 9);
    assert_eq!(targets(&state)[..2], [glob(1, 0, 2), ("glob", "v:*".to_owned(), 1, 1, 0)]);
}

#[test]
fn purges_and_lists_of_events_count_as_they_are_given() {
    let mut state = state_with(&[], &["a:1", "a:2"]);
    let glob = Resolved::Pattern(Pattern::glob(b"a:*").unwrap());
    let tag = Resolved::Tag(b"t".to_vec());
    let key = Resolved::Key(b"a:1".to_vec());
    carry_out(&mut state, Request::for_purge(vec![key, glob, tag], None), 8);
    happens(&mut state, "e", r#"{"affectedCaches":["a:*"]}"#, 9);
    let expected = [("glob", "a:*".to_owned(), 2, 0, 3), ("tag", "t".to_owned(), 1, 1, 0)];
    assert_eq!(targets(&state), expected);
    assert_eq!((state.stats.purges, state.stats.events), (1, 1));
    let top = state.stats.top.patterns.first(9);
    assert_eq!((top.len(), top[0].name, top[0].count), (1, &b"a:*"[..], 2));
    for at in 0..2 * NAMES_MAX {
        let tag = Resolved::Tag(format!("t{at}").into_bytes());
        carry_out(&mut state, Request::for_purge(vec![tag], None), 8);
    }
    let rows = targets(&state);
    assert_eq!(rows.len(), NAMES_MAX + 1);
    assert_eq!(rows[1], ("tag", OTHER.to_owned(), NAMES_MAX as u64 + 2, NAMES_MAX as u64 + 2, 0));
}

#[test]
fn entity_types_failures_and_refused_names_count_where_they_belong() {
    let rule = r#"{"eventType":"e","cacheKeys":["in:{id}","out:{id}"]}"#;
    let mut state = state_with(&[("r", rule)], &["in:1"]);
    state.set_fence(Fence::parse("in:").unwrap());
    happens(&mut state, "e", r#"{"id":1,"entityType":"user"}"#, 1);
    happens(&mut state, "e", r#"{"id":2,"entityType":"user"}"#, 2);
    happens(&mut state, "e", r#"{"id":2,"entityType":7}"#, 3);
    let entity = &state.stats.entities["user"];
    assert_eq!((entity.runs, entity.wasted, entity.keys.deleted), (2, 1, 1));
    assert_eq!((state.stats.entities.len(), state.stats.all.refused), (1, 3));
    assert_eq!(state.stats.rules["r"].row.refused, 3);
    let refused: u64 = state
        .stats
        .targets(&state.rules, &state.stats.target_runs(), usize::MAX, None)
        .iter()
        .map(|of| of.row().refused)
        .sum();
    assert_eq!(refused, 3);

    let payload = Payload::parse(br#"{"id":1}"#).unwrap();
    let request = Request::for_event(&state, "e", &payload).unwrap();
    state.stats.record_failure(&state.rules, request.origin.events(), &request.rules);
    assert_eq!((state.stats.all.failures, state.stats.all.runs), (1, 3));
    assert_eq!((state.stats.per_event["e"].failures, state.stats.rules["r"].row.failures), (1, 1));
}

#[test]
fn what_a_deleted_rule_did_is_forgotten() {
    let rule = r#"{"eventType":"e","tags":["t"]}"#;
    let mut state = state_with(&[("stays", rule), ("goes", rule)], &[]);
    happens(&mut state, "e", "{}", 1);
    state.remove_rule("goes");
    state.settle_rules();
    assert_eq!(state.stats.rules.keys().collect::<Vec<_>>(), [&"stays".into()] as [&RowName; 1]);
    assert_eq!(state.stats.per_event["e"].runs, 1);
}

#[test]
fn event_names_are_bounded() {
    let mut state = State::default();
    for at in 0..NAMES_MAX + 5 {
        happens(&mut state, &format!("e{at}"), "{}", 1);
    }
    assert_eq!(state.stats.per_event.len(), NAMES_MAX + 1);
    let other = &state.stats.per_event[OTHER];
    assert_eq!((other.runs, state.stats.events_unmatched), (5, NAMES_MAX as u64 + 5));
}
