//! What waits, against a list that is searched from end to end; and the bounds.

use proptest::prelude::*;

use super::*;
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::rule_document::parse_one;

const DB: Db = Db(0);

#[derive(Clone, Debug)]
enum Step {
    /// A key is deleted that a rule wants warmed.
    Deleted {
        db: u32,
        key: u8,
        rule: u8,
        priority: Priority,
        lasts_ms: u64,
    },
    Cold(u8),
    Claimed(u32, u8),
    Arrived(u32, u8),
    Passed(u64),
    Flushed(Option<u32>),
    Swapped(u32, u32),
    Reset,
    RuleGone(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (db, key, rule) = (0..3_u32, 0..5_u8, 0..3_u8);
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Medium), Just(Priority::Low)];
    let deleted = (db.clone(), key.clone(), rule.clone(), priority, 1..9_u64).prop_map(
        |(db, key, rule, priority, lasts_ms)| Step::Deleted { db, key, rule, priority, lasts_ms },
    );
    prop_oneof![
        8 => deleted,
        1 => rule.clone().prop_map(Step::Cold),
        3 => (db.clone(), key.clone()).prop_map(|(db, key)| Step::Claimed(db, key)),
        3 => (db.clone(), key).prop_map(|(db, key)| Step::Arrived(db, key)),
        3 => (0..6_u64).prop_map(Step::Passed),
        1 => prop::option::of(db.clone()).prop_map(Step::Flushed),
        1 => (db.clone(), db).prop_map(|(a, b)| Step::Swapped(a, b)),
        1 => Just(Step::Reset),
        1 => rule.prop_map(Step::RuleGone),
    ]
}

#[derive(Clone)]
struct Row {
    db: u32,
    key: u8,
    rule: u8,
    priority: Priority,
    fails_ms: u64,
    claimed: bool,
}

#[derive(Default)]
struct Naive {
    rows: Vec<Row>,
    all: Counts,
    rules: BTreeMap<String, Counts>,
}

fn rule_name(rule: u8) -> String {
    format!("r{rule}")
}

impl Naive {
    fn count(&mut self, rule: u8, makes_row: bool, change: impl Fn(&mut Counts)) {
        change(&mut self.all);
        if makes_row {
            self.rules.entry(rule_name(rule)).or_default();
        }
        self.rules.get_mut(&rule_name(rule)).into_iter().for_each(change);
    }

    fn take(&mut self, is_it: impl Fn(&Row) -> bool) -> Vec<Row> {
        let (taken, kept) = self.rows.iter().cloned().partition(|row| is_it(row));
        self.rows = kept;
        taken
    }
}

proptest! {
    #[test]
    fn equals_a_list_of_what_waits(steps in prop::collection::vec(step(), 0..80)) {
        let (mut ours, mut naive, mut now_ms) = (Warming::default(), Naive::default(), 0);
        for step in steps {
            match step {
                Step::Deleted { db, key, rule, priority, lasts_ms } => {
                    let waits = |row: &Row| (row.db, row.key) == (db, key);
                    let enough = |row: &Row| waits(row) && !row.claimed && row.priority <= priority;
                    let wants = !naive.rows.iter().any(enough);
                    prop_assert_eq!(ours.wants(Db(db), &[key], priority), wants);
                    if wants {
                        let fails_ms = now_ms + lasts_ms;
                        ours.queued(Db(db), &[key], &rule_name(rule), priority, fails_ms);
                        naive.take(waits);
                        naive.rows.push(Row { db, key, rule, priority, fails_ms, claimed: false });
                        naive.count(rule, true, |counts| counts.queued += 1);
                    } else {
                        ours.deduplicated(&rule_name(rule));
                        naive.count(rule, true, |counts| counts.deduplicated += 1);
                    }
                }
                Step::Cold(rule) => {
                    ours.cold(&rule_name(rule));
                    naive.count(rule, true, |counts| counts.cold += 1);
                }
                Step::Claimed(db, key) => {
                    ours.claimed(Db(db), &[key]);
                    for mut row in naive.take(|row| (row.db, row.key) == (db, key)) {
                        if !row.claimed {
                            naive.count(row.rule, false, |counts| counts.claimed += 1);
                        }
                        row.claimed = true;
                        naive.rows.push(row);
                    }
                }
                Step::Arrived(db, key) => {
                    ours.arrived(Db(db), &[key]);
                    for row in naive.take(|row| (row.db, row.key) == (db, key)) {
                        naive.count(row.rule, false, |counts| counts.warmed += 1);
                    }
                }
                Step::Passed(ms) => {
                    now_ms += ms;
                    ours.sweep(now_ms);
                    for row in naive.take(|row| row.fails_ms <= now_ms) {
                        naive.count(row.rule, false, |counts| counts.failed += 1);
                    }
                }
                Step::Flushed(db) => {
                    ours.flushed(db.map(Db));
                    naive.take(|row| db.is_none_or(|db| row.db == db));
                }
                Step::Swapped(a, b) => {
                    ours.swapped(Db(a), Db(b));
                    for row in &mut naive.rows {
                        row.db = if row.db == a { b } else if row.db == b { a } else { row.db };
                    }
                }
                Step::Reset => {
                    ours.reset_counts();
                    naive.all = Counts::default();
                    naive.rules.values_mut().for_each(|row| *row = Counts::default());
                }
                Step::RuleGone(rule) => {
                    ours.keep_rules(|name| name != rule_name(rule));
                    naive.rules.remove(&rule_name(rule));
                }
            }
            prop_assert_eq!((ours.len(), ours.is_empty()), (naive.rows.len(), naive.rows.is_empty()));
            prop_assert_eq!(ours.all, naive.all);
            let rows: Vec<_> = ours.rules().map(|(rule, of)| (rule.to_owned(), *of)).collect();
            prop_assert_eq!(rows, naive.rules.clone().into_iter().collect::<Vec<_>>());
            for notes in ours.databases.values() {
                prop_assert_eq!((notes.keys.len(), notes.keys.is_empty()), (notes.by_time.len(), false));
            }
        }
    }
}

#[test]
fn beyond_the_bound_keys_are_queued_and_not_noted() {
    let mut warming = Warming::default();
    for key in 0..NOTED_MAX + 2 {
        warming.queued(DB, &key.to_le_bytes(), "r", Priority::Medium, 1);
    }
    warming.queued(Db(1), b"k", "r", Priority::Medium, 1);
    assert_eq!((warming.len(), warming.databases.len()), (NOTED_MAX, 1));
    assert_eq!(warming.all.queued, NOTED_MAX as u64 + 3);
    // One that is noted may be noted anew.
    warming.queued(DB, &0_usize.to_le_bytes(), "r", Priority::High, 9);
    assert!(!warming.wants(DB, &0_usize.to_le_bytes(), Priority::Medium));
    // A sweep does so much and no more.
    warming.sweep(1);
    assert_eq!((warming.all.failed, warming.len()), (SWEEP_MAX as u64, NOTED_MAX - SWEEP_MAX));
    for _ in 0..NOTED_MAX / SWEEP_MAX {
        warming.sweep(1);
    }
    assert_eq!((warming.all.failed, warming.len()), (NOTED_MAX as u64 - 1, 1));
}

/// A state in which the key `k` waits.
fn waiting() -> State {
    let mut state = State::default();
    state.warming.queued(DB, b"k", "r", Priority::Medium, 10);
    state
}

#[test]
fn whatever_brings_a_value_warms_and_nothing_else_does() {
    use Change::*;
    for change in [Created, Overwritten, Arrived, Copied] {
        let mut state = waiting();
        state.told(change, Db(1), b"k");
        state.told(change, DB, b"other");
        assert_eq!(state.warming.len(), 1, "{change:?}");
        state.told(change, DB, b"k");
        assert_eq!((state.warming.len(), state.warming.all.warmed), (0, 1), "{change:?}");
    }
    for change in [Deleted, Expired, Evicted, Unlinked, Left] {
        let mut state = waiting();
        state.told(change, DB, b"k");
        assert_eq!((state.warming.len(), state.warming.all.warmed), (1, 0), "{change:?}");
    }
}

#[test]
fn who_empties_a_database_makes_nobody_fail() {
    let mut state = waiting();
    state.swapped(DB, Db(5));
    assert!(!state.warming.wants(Db(5), b"k", Priority::Medium));
    state.flushed(Some(DB));
    assert_eq!(state.warming.len(), 1);
    state.flushed(Some(Db(5)));
    state.warming.sweep(u64::MAX);
    let all = Counts { queued: 1, ..Counts::default() };
    assert_eq!((state.warming.len(), state.warming.all), (0, all));
}

#[test]
fn with_a_rule_its_row_goes_and_its_keys_wait_on() {
    let mut state = State::default();
    for name in ["stays", "goes"] {
        let document = br#"{"eventType":"e","tags":["t"],"warmCache":true}"#;
        state.rules.set(parse_one(document, Some(name)).unwrap());
        state.warming.queued(DB, name.as_bytes(), name, Priority::Medium, 10);
    }
    state.rules.remove("goes");
    state.settle_rules();
    state.told(Change::Created, DB, b"goes");
    assert_eq!(state.warming.rules().map(|(rule, _)| rule).collect::<Vec<_>>(), ["stays"]);
    assert_eq!((state.warming.all.warmed, state.warming.len()), (1, 1));
}
