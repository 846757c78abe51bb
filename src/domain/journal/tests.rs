//! The journal is read as it was written, and bounded.

use proptest::prelude::*;

use super::*;
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::payload::Payload;
use crate::domain::plan::build;
use crate::domain::request::Request;
use crate::domain::rule_document::parse_one;

fn caller(user: &str) -> Caller {
    Caller { user: user.to_owned(), client: 7 }
}

/// Notes a plan as the state does, as if what waits were counted.
fn note(journal: &mut Journal, facts: &Facts, plan: &Plan, outcome: &Outcome) {
    if journal.is_full() {
        if journal.must_be_counted() {
            journal.counted();
        }
        journal.make_room();
    }
    let waits = facts.to_count.is_some();
    if !(waits && journal.note_short(plan, outcome, &caller("ann"), facts.at_ms)) {
        journal.note(facts, &caller("ann"), plan, outcome);
    }
}

/// A plan of an event whose rule deletes `a:*` and marks `b`, and what became of it.
fn planned() -> (Plan, Outcome) {
    let mut state = State::default();
    for key in ["a:1", "a:2", "b"] {
        state.told(Change::Created, Db(3), key.as_bytes());
    }
    for (name, json) in [
        ("first", r#"{"eventType":"e","cacheKeys":["none","a:*"]}"#),
        ("soft", r#"{"eventType":"e","cacheKeys":["b"],"soft":1000}"#),
    ] {
        state.rules.set(parse_one(json.as_bytes(), Some(name)).unwrap());
    }
    let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
    let plan = build(&mut state, Db(3), request).unwrap();
    let mut outcome = Outcome::of(&plan);
    outcome.count(&plan, 0, |count| count.deleted += 1);
    outcome.count(&plan, 1, |count| count.absent += 1);
    outcome.was_absent(&plan, 1);
    outcome.count(&plan, 2, |count| count.marked += 1);
    (outcome.resolve_micros, outcome.delete_micros) = (300, 70_000);
    (plan, outcome)
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let (plan, outcome) = planned();
    let mut journal = Journal::default();
    let facts = Facts::of(&plan, &outcome, 1_700_000_000_123);
    note(&mut journal, &facts, &plan, &outcome);
    journal.log(&Facts { failure: "no", ..facts }, &Caller::default());
    let [second, first] = &journal.last(9)[..] else { panic!() };
    let expected = Entry {
        id: 1,
        at_ms: 1_700_000_000_123,
        db: Db(3),
        kind: Kind::Event,
        what: "e".to_owned(),
        rules: vec!["first".to_owned(), "soft".to_owned()],
        by: "ann".to_owned(),
        client: 7,
        count: Count { matched: 3, deleted: 1, marked: 1, absent: 1, warmed: 0 },
        refused: 0,
        resolve_micros: 300,
        delete_micros: 70_000,
        failure: String::new(),
    };
    assert_eq!(*first, expected);
    assert_eq!((second.id, second.by.as_str(), second.failure.as_str()), (2, "", "no"));
    assert_eq!(journal.last(1).len(), 1);
    journal.clear_log();
    assert_eq!((journal.log_len(), journal.last(9).len()), (0, 0));
}

#[test]
fn a_key_is_told_why_it_went() {
    let (plan, outcome) = planned();
    let mut journal = Journal::default();
    for at_ms in [5, 6] {
        note(&mut journal, &Facts::of(&plan, &outcome, at_ms), &plan, &outcome);
    }
    let why = |journal: &mut Journal, db, key: &[u8]| -> Vec<(u64, String, Vec<u8>, bool)> {
        let causes = journal.why(Db(db), key, 9).into_iter();
        causes.map(|of| (of.entry.at_ms, of.rule.unwrap(), of.text, of.is_marked)).collect()
    };
    let gone = |at| (at, "first".to_owned(), b"a:*".to_vec(), false);
    assert_eq!(why(&mut journal, 3, b"a:1"), [gone(6), gone(5)]);
    let marked = |at| (at, "soft".to_owned(), b"b".to_vec(), true);
    assert_eq!(why(&mut journal, 3, b"b"), [marked(6), marked(5)]);
    // It was not there, or is another database's.
    assert_eq!(why(&mut journal, 3, b"a:2"), []);
    assert_eq!(why(&mut journal, 0, b"a:1"), []);
    assert_eq!((journal.keys_known(), journal.why(Db(3), b"b", 1).len()), (4, 1));
}

#[test]
fn keys_of_any_length_are_found() {
    for lengths in [&[1, 127][..], &[1, 127, 128, 255], &[127, 300, 40_000]] {
        let mut state = State::default();
        let keys: Vec<String> = lengths.iter().map(|len| "k".repeat(*len)).collect();
        keys.iter().for_each(|key| state.told(Change::Created, Db(0), key.as_bytes()));
        state.set_rule(parse_one(br#"{"eventType":"e","cacheKeys":["k*"]}"#, Some("r")).unwrap());
        let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        let mut outcome = Outcome::of(&plan);
        (0..plan.names.len()).for_each(|at| outcome.count(&plan, at, |count| count.deleted += 1));
        for to_count in [None, Some(outcome.per_target.as_slice())] {
            let mut journal = Journal::default();
            let facts = Facts { to_count, ..Facts::of(&plan, &outcome, 1) };
            note(&mut journal, &facts, &plan, &outcome);
            for key in &keys {
                assert_eq!(journal.why(Db(0), key.as_bytes(), 9).len(), 1, "{lengths:?}");
            }
            assert_eq!(journal.why(Db(0), b"kk", 9), []);
        }
    }
}

/// What a run that waits came to, with what it is of.
fn waiting(journal: &Journal) -> Vec<(u64, Vec<u8>, Vec<u16>)> {
    let mut waiting = vec![];
    journal.each_waiting(|run, _| {
        let mut figures = vec![0; run.figures.len()];
        run.figures.write(&mut figures);
        waiting.push((run.at_ms, run.kind.bytes().to_vec(), figures));
    });
    waiting
}

/// Numbers of rules; of the first three two share a place.
const NUMBERS: [u64; 4] = [7, 7 + PLACES as u64, 7 + 2 * PLACES as u64, 8];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_kind_that_is_known_reads_as_one_that_is_written(
        steps in prop::collection::vec(
            (0usize..NUMBERS.len(), prop_oneof![9 => 1usize..5, 1 => 20usize..60], 0u8..120),
            1..300,
        ),
        why_keys in prop_oneof![1 => Just(0), 5 => 1u64..400],
    ) {
        let mut state = State::default();
        // Long names, so that blocks are soon full; every other one is too long for the short form.
        let key = |at: usize| format!("{at}:{}", "k".repeat(if at.is_multiple_of(2) { 900 } else { 250 }));
        (0..60).for_each(|at| state.told(Change::Created, Db(0), key(at).as_bytes()));
        for (at, targets) in [(0, ""), (1, ""), (2, r#","tags":["t"]"#), (3, "")] {
            let json = format!(r#"{{"eventType":"e{at}","cacheKeys":["{{at}}:*"]{targets}}}"#);
            state.set_rule(parse_one(json.as_bytes(), Some(&format!("r{at}"))).unwrap());
        }
        let mut journals = [Journal::default(), Journal::default()];
        let limits = |why_keys| JournalLimits { why_keys, ..JournalLimits::default() };
        journals.iter_mut().for_each(|journal| journal.set_limits(limits(why_keys)));
        for (at_ms, (rule, at, what)) in (0..).zip(steps) {
            if what < 2 {
                for journal in &mut journals {
                    journal.counted();
                    journal.set_limits(limits(why_keys / 2 + u64::from(what) * why_keys));
                }
            }
            let entity = if (2..12).contains(&what) { r#","entityType":"user""# } else { "" };
            let payload = format!(r#"{{"at":{at}{entity}}}"#);
            let payload = Payload::parse(payload.as_bytes()).unwrap();
            let request = Request::for_event(&state, &format!("e{rule}"), &payload).unwrap();
            let mut plan = build(&mut state, Db(0), request).unwrap();
            let mut outcome = Outcome::of(&plan);
            (0..plan.names.len()).for_each(|at| outcome.count(&plan, at, |count| count.deleted += 1));
            for (journal, number) in journals.iter_mut().zip([Some(NUMBERS[rule]), None]) {
                plan.rules[0].number = number;
                let facts = Facts::of(&plan, &outcome, at_ms);
                let to_count = (what != 12).then_some(&*outcome.per_target);
                let facts = Facts { to_count, ..facts };
                note(journal, &facts, &plan, &outcome);
            }
            let [known, written] = &journals;
            prop_assert_eq!(known.last(200), written.last(200));
        }
        let [known, written] = &journals;
        for at in 0..60 {
            let key = key(at);
            prop_assert_eq!(known.why(Db(0), key.as_bytes(), 99), written.why(Db(0), key.as_bytes(), 99));
        }
        // They are counted at other times, for blocks are full later.
        let (known, written) = (waiting(known), waiting(written));
        let last = known.len().min(written.len());
        prop_assert_eq!(&known[known.len() - last..], &written[written.len() - last..]);
    }
}

#[test]
fn of_a_usual_run_that_is_too_wide_the_last_keys_are_kept() {
    let mut state = State::default();
    for key in ["a:1", "a:2", "a:3"] {
        state.told(Change::Created, Db(0), key.as_bytes());
    }
    state.set_rule(parse_one(br#"{"eventType":"e","cacheKeys":["a:*"]}"#, Some("r")).unwrap());
    state.set_journal_limits(JournalLimits { why_keys: 2, ..JournalLimits::default() });
    let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
    let plan = build(&mut state, Db(0), request).unwrap();
    let mut outcome = Outcome::of(&plan);
    (0..3).for_each(|at| outcome.count(&plan, at, |count| count.deleted += 1));
    for at_ms in 0..9 {
        state.note(&plan, &outcome, &caller("ann"), None, at_ms);
    }
    let known = ["a:1", "a:2", "a:3"].map(|key| state.journal.why(Db(0), key.as_bytes(), 9).len());
    assert_eq!((known, state.journal.keys_known()), ([0, 1, 1], 2));
}

#[test]
fn both_rings_are_bounded() {
    let (plan, outcome) = planned();
    let limits = JournalLimits { slower_than_micros: Some(70_300), log_len: 2, why_keys: 3 };
    let mut journal = Journal::default();
    journal.set_limits(limits);
    let facts = Facts::of(&plan, &outcome, 0);
    for at_ms in 0..9 {
        note(&mut journal, &Facts { at_ms, ..facts }, &plan, &outcome);
        let fast = Facts { at_ms: 100, delete_micros: 69_999, ..facts };
        journal.log(&fast, &caller("ann"));
    }
    let times: Vec<u64> = journal.last(9).iter().map(|entry| entry.at_ms).collect();
    assert_eq!((times, journal.last(1)[0].id), (vec![8, 7], 9));
    assert_eq!(journal.keys_known(), 2);
    // Of a wide plan the last keys are kept.
    journal.set_limits(JournalLimits { why_keys: 1, ..limits });
    note(&mut journal, &facts, &plan, &outcome);
    assert_eq!((journal.why(Db(3), b"a:1", 9).len(), journal.why(Db(3), b"b", 9).len()), (0, 1));
    assert_eq!(journal.keys_known(), 1);
    journal.set_limits(JournalLimits { slower_than_micros: None, log_len: 2, why_keys: 0 });
    assert_eq!(journal.keys_known(), 0);
    journal.clear_log();
    note(&mut journal, &facts, &plan, &outcome);
    assert_eq!((journal.log_len(), journal.keys_known()), (0, 0));
    assert_eq!(journal.why(Db(3), b"b", 9), []);
    journal.set_limits(limits);
    assert_eq!((journal.why(Db(3), b"b", 9), journal.keys_known()), (vec![], 0));
}

#[test]
fn what_is_logged_outlives_what_is_known_of_keys() {
    let (plan, outcome) = planned();
    let limits = JournalLimits { slower_than_micros: Some(100), log_len: 3, why_keys: 10 };
    let mut journal = Journal::default();
    journal.set_limits(limits);
    let facts = Facts::of(&plan, &outcome, 0);
    let slow = |at_ms| Facts { at_ms, ..facts };
    let times = |journal: &Journal| -> Vec<(u64, u64)> {
        journal.last(9).iter().map(|entry| (entry.at_ms, entry.id)).collect()
    };
    for at_ms in 1..=4 {
        note(&mut journal, &slow(at_ms), &plan, &outcome);
    }
    journal.log(&slow(5), &caller("ann"));
    let first = journal.last(9);
    for at_ms in 0..10_000 {
        let fast = Facts { at_ms, resolve_micros: 0, delete_micros: 0, ..facts };
        note(&mut journal, &fast, &plan, &outcome);
    }
    assert_eq!(journal.last(9), first);
    assert_eq!((times(&journal), journal.keys_known()), (vec![(5, 5), (4, 4), (3, 3)], 10));
    note(&mut journal, &slow(6), &plan, &outcome);
    journal.set_limits(JournalLimits { why_keys: 0, ..limits });
    note(&mut journal, &slow(7), &plan, &outcome);
    assert_eq!((times(&journal), journal.keys_known()), (vec![(7, 7), (6, 6), (5, 5)], 0));
    journal.set_limits(JournalLimits { log_len: 1, ..limits });
    assert_eq!(times(&journal), [(7, 7)]);
    // Of what is in both places there is one.
    journal.set_limits(limits);
    for at_ms in 8..10 {
        note(&mut journal, &slow(at_ms), &plan, &outcome);
    }
    (0..3).for_each(|_| journal.set_limits(limits));
    assert_eq!((times(&journal), journal.log_len()), (vec![(9, 9), (8, 8), (7, 7)], 3));
}

#[test]
fn what_was_asked_for_is_one_line_however_much_it_is() {
    let mut state = State::default();
    let mut journal = Journal::default();
    let mut what = |request: Request| {
        let plan = build(&mut state, Db(0), request).unwrap();
        journal.log(&Facts::of(&plan, &Outcome::of(&plan), 0), &caller(""));
        let entry = journal.last(1).remove(0);
        (entry.kind, entry.what)
    };
    let tag = |at: usize| crate::domain::rule::Resolved::Tag(format!("t{at}\n").into_bytes());
    let purge = what(Request::for_purge(vec![tag(1)], None));
    assert_eq!(purge, (Kind::Purge, "tag t1\\n".to_owned()));
    let (_, many) = what(Request::for_purge((0..12).map(tag).collect(), None));
    assert!(many.ends_with("tag t9\\n, and 2 more"), "{many}");
    let events = ["a", "b"]
        .map(|name| crate::domain::request::Event::of(name.to_owned(), Payload::default()));
    let state = State::default();
    let request = Request::for_events(&state, events.into(), crate::domain::request::Collect::No);
    assert_eq!(what(request.unwrap()), (Kind::Event, "a, b".to_owned()));
}
