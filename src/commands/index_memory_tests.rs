//! Commands while the index has no memory for all names, against a naive model.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use proptest::prelude::*;

use super::fake::World;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::fence::Fence;
use crate::domain::name::Db;
use crate::domain::pattern::Pattern;

/// Keys that there may be: long, so that few fill the index.
const KEYS: u8 = 60;

#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Delete(u8),
    Rename(u8, u8),
    Tag(&'static str, u8, u8),
    Purge(usize, u8),
    Limit(usize),
    CatchUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS;
    let edit = prop::sample::select(vec!["SET", "ADD", "REM"]);
    let limit = prop::sample::select(vec![0, 1, 4000, 10_000, 20_000]);
    let step = prop_oneof![
        8 => key.clone().prop_map(Step::Create),
        2 => key.clone().prop_map(Step::Delete),
        2 => (key.clone(), key.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        4 => (edit, key.clone(), 0..4_u8).prop_map(|(edit, key, tag)| Step::Tag(edit, key, tag)),
        3 => (0..6_usize, key).prop_map(|(kind, key)| Step::Purge(kind, key)),
        1 => limit.prop_map(Step::Limit),
        1 => Just(Step::CatchUp),
    ];
    prop::collection::vec(step, 0..150)
}

fn name(key: u8) -> String {
    format!("{}:{key}:{}", ["a", "b"][usize::from(key % 2)], "x".repeat(200))
}

type Model = BTreeMap<String, BTreeSet<String>>;

/// The words of a purge, and what it must hit.
fn purge(kind: usize, key: u8, model: &Model) -> (String, Vec<String>) {
    let text = match kind {
        0 => "GLOB a:*".to_owned(),
        1 => format!("PREFIX b:{}", key % 7),
        2 => format!("REGEX ^[ab]:.?{}:", key % 10),
        3 => "GLOB *".to_owned(),
        4 => format!("KEYS 2 {} {}", name(key), name(key / 2)),
        _ => format!("TAGS ANY 2 t{} t{}", key % 4, key % 3),
    };
    let words: Vec<&str> = text.split(' ').collect();
    let pattern = match words[0] {
        "GLOB" => Some(Pattern::glob(words[1].as_bytes()).unwrap()),
        "PREFIX" => Some(Pattern::Prefix(words[1].as_bytes().into())),
        "REGEX" => Some(Pattern::regex(words[1].as_bytes()).unwrap()),
        _ => None,
    };
    let hits = |(name, tags): &(&String, &BTreeSet<String>)| match &pattern {
        Some(pattern) => pattern.matches(name.as_bytes()),
        None if kind == 4 => words[2..].contains(&name.as_str()),
        None => words[3..].iter().any(|tag| tags.contains(*tag)),
    };
    (text.clone(), model.iter().filter(hits).map(|(name, _)| name.clone()).collect())
}

fn listed(reply: &Reply) -> Vec<String> {
    let Reply::Array(items) = reply else { panic!("{reply:?} is no list") };
    let text = |item: &Reply| match item {
        Reply::Bulk(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?} is no text"),
    };
    let mut names: Vec<String> = items.iter().map(text).collect();
    names.sort_unstable();
    names
}

/// What the server does some ten times a second.
fn catch_up(state: &mut State, live: &BTreeSet<Vec<u8>>) {
    if state.memory.is_full() && !state.may_catch_up(live.len() as u64) {
        return;
    }
    state.begin_catching_up();
    state.begin_pass();
    live.iter().for_each(|name| state.pass_saw(Db(0), name));
    assert_eq!(state.end_pass(), []);
    state.end_catching_up();
}

fn play(steps: Vec<Step>) {
    let (mut world, mut model) = (World::with_keys(&[]), Model::new());
    for step in steps {
        match step {
            Step::Create(key) => {
                // Over a key that is there, the server says nothing.
                if let Entry::Vacant(entry) = model.entry(name(key)) {
                    world.create(entry.key().as_bytes());
                    entry.insert(BTreeSet::new());
                }
            }
            Step::Delete(key) => {
                world.fake.keys.remove(name(key).as_bytes());
                world.shared.notice(Change::Deleted, Db(0), name(key).as_bytes());
                model.remove(&name(key));
            }
            Step::Rename(from, to) => {
                let (from, to) = (name(from), name(to));
                // Onto itself: the server does nothing, and says nothing.
                if from == to {
                    continue;
                }
                if let Some(tags) = model.remove(&from) {
                    if model.insert(to.clone(), tags).is_some() {
                        world.shared.notice(Change::Deleted, Db(0), to.as_bytes());
                    }
                    world.fake.keys.remove(from.as_bytes());
                    world.fake.keys.insert(to.clone().into());
                    world.shared.notice(Change::Created, Db(0), to.as_bytes());
                    world.shared.notice(Change::Left, Db(0), from.as_bytes());
                    world.shared.notice(Change::Arrived, Db(0), to.as_bytes());
                }
            }
            Step::Tag(edit, key, tag) => {
                let tag = format!("t{tag}");
                let done = world.run(&format!("TAG.{edit} {} {tag}", name(key)));
                match (done, model.get_mut(&name(key))) {
                    (Err(error), Some(_)) if edit != "REM" => {
                        assert!(error.starts_with("ERR no memory to tag key"), "{error}");
                        assert!(world.shared.with(|state| state.memory.max() > 0));
                    }
                    (Ok(Reply::Int(count)), None) => assert_eq!(count, 0),
                    (Ok(Reply::Int(count)), Some(tags)) => {
                        let changes = match edit {
                            "SET" => {
                                tags.clear();
                                tags.insert(tag);
                                true
                            }
                            "ADD" => tags.insert(tag),
                            _ => tags.remove(&tag),
                        };
                        assert_eq!(count, i64::from(changes));
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Purge(kind, key) => {
                let (text, expected) = purge(kind, key, &model);
                let keys = world.shared.with(|state| state.sizes().0);
                let reply = world.run(&format!("INVAL.PURGE {text} DRYRUN KEYS")).unwrap();
                assert_eq!(listed(reply.field("keys")), expected, "{text}");
                // What a request finds is not indexed.
                assert_eq!(world.shared.with(|state| state.sizes().0), keys);
                let reply = world.run(&format!("INVAL.PURGE {text}")).unwrap();
                assert_eq!(reply.field("deleted"), &Reply::count(expected.len()), "{text}");
                expected.iter().for_each(|name| drop(model.remove(name)));
            }
            Step::Limit(max) => world.shared.with(|state| state.set_index_max(max)),
            Step::CatchUp => world.shared.with(|state| catch_up(state, &world.fake.keys)),
        }
        assert_eq!(world.keys(), model.keys().cloned().collect::<Vec<_>>());
        world.run("INVAL.CHECK").unwrap();
        for (key, tags) in &model {
            let tags: Vec<String> = tags.iter().cloned().collect();
            assert_eq!(listed(&world.run(&format!("TAG.GET {key}")).unwrap()), tags);
        }
    }
    // With room for all, all is known again.
    world.shared.with(|state| {
        state.set_index_max(0);
        catch_up(state, &world.fake.keys);
        assert_eq!((state.sizes().0, state.index.incomplete), (model.len(), false));
        assert_eq!((state.drift.missed, state.drift.dead, state.stats.dead_names), (0, 0, 0));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_key_is_missed_and_no_tag_is_lost(steps in steps()) {
        play(steps);
    }
}

#[test]
fn a_scan_stays_inside_the_fence() {
    let mut world = World::with_keys(&["a:1", "a:2", "b:1", "inval:warm"]);
    world.shared.with(|state| {
        state.set_fence(Fence::parse("a:").unwrap());
        state.index.incomplete = true;
    });
    let reply = world.run("INVAL.PURGE GLOB * DRYRUN KEYS").unwrap();
    assert_eq!(listed(reply.field("keys")), ["a:1", "a:2"]);
    assert_eq!(world.run("INVAL.PURGE KEYS 2 b:1 a:1").unwrap().int("deleted"), 1);
    assert_eq!(world.keys(), ["a:2", "b:1", "inval:warm"]);
}
