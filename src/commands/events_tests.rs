//! Events on a fake server: many at once, those that follow, those that are collected, once and in
//! order, and as entries of streams.

use super::fake::World;
use super::reply::Reply;
use super::{batches, sources};
use crate::domain::name::Db;
use crate::domain::source::{Entry, EntryId};

fn field(reply: &Reply, name: &str) -> i64 {
    let Reply::Map(fields) = reply else { panic!("{reply:?}") };
    match fields.iter().find(|(field, _)| **field == *name.as_bytes()) {
        Some((_, Reply::Int(value))) => *value,
        None => -1,
        Some(other) => panic!("{other:?}"),
    }
}

fn rule(world: &mut World, name: &str, json: &str) -> Result<Reply, String> {
    world.run_words(&[b"INVAL.RULE", b"SET", name.as_bytes(), json.as_bytes()])
}

fn event(world: &mut World, words: &[&str]) -> Reply {
    let words: Vec<&[u8]> =
        std::iter::once("INVAL.EVENT").chain(words.iter().copied()).map(str::as_bytes).collect();
    world.run_words(&words).unwrap()
}

#[test]
fn events_follow_from_events_in_one_deletion() {
    let mut world = World::with_keys(&["product:7", "category:3", "search:all", "other"]);
    let emits = r#"{"eventType":"product","cacheKeys":["product:{id}"],
        "emit":[{"event":"category","fields":{"id":"category.id"}},"search"]}"#;
    rule(&mut world, "p", emits).unwrap();
    let category = r#"{"eventType":"category","cacheKeys":["category:{id}"],"emit":["search"]}"#;
    rule(&mut world, "c", category).unwrap();
    rule(&mut world, "s", r#"{"eventType":"search","cacheKeys":["search:*"]}"#).unwrap();
    let payload = r#"{"id":7,"category":{"id":3}}"#;
    let explained = world.run_words(&[b"INVAL.EXPLAIN", b"product", payload.as_bytes()]).unwrap();
    let Reply::Map(fields) = explained else { panic!() };
    let tree = fields.into_iter().find(|(name, _)| **name == *b"tree").unwrap().1;
    let lines = [
        "event product",
        "  rule p (medium): 1 matches",
        "    event category",
        "      rule c (medium): 1 matches",
        "        event search",
        "          rule s (medium): 1 matches",
        "    event search",
        "      rule s (medium): 0 matches",
    ];
    // The same rule for two events: what one takes the other finds again.
    let Reply::Array(told) = tree else { panic!() };
    let told: Vec<String> = told
        .iter()
        .map(|line| match line {
            Reply::Bulk(line) => String::from_utf8(line.clone()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told.len(), lines.len(), "{told:?}");
    let reply = event(&mut world, &["product", payload]);
    assert_eq!((field(&reply, "deleted"), field(&reply, "emitted")), (3, 3));
    assert_eq!(world.keys(), ["other"]);
    assert_eq!(world.fake.unlinked.len(), 1);
    world.shared.with(|state| {
        let stats = &state.stats;
        assert_eq!((stats.events, stats.events_emitted), (1, 3));
        assert_eq!(stats.per_event["category"].keys.deleted, 1);
        assert_eq!(stats.all.runs, 1);
    });
}

#[test]
fn circles_are_refused_when_a_rule_is_set_and_bounded_when_an_event_runs() {
    let mut world = World::with_keys(&["a"]);
    rule(&mut world, "1", r#"{"eventType":"a","emit":["b"]}"#).unwrap();
    let error = rule(&mut world, "2", r#"{"eventType":"b","emit":["a"]}"#).unwrap_err();
    assert!(error.contains("rule '1' -> rule '2' -> rule '1'"), "{error}");
    for at in 0..20 {
        let json = format!(r#"{{"eventType":"e{at}","emit":["e{}"],"tags":["t"]}}"#, at + 1);
        rule(&mut world, &format!("chain{at}"), &json).unwrap();
    }
    assert!(world.run("INVAL.EVENT e5").is_ok());
    let error = world.run("INVAL.EVENT e0").unwrap_err();
    assert!(error.contains("in 16 steps or more"), "{error}");
}

#[test]
fn many_events_are_one_plan_and_equal_ones_count_once() {
    let mut world = World::with_keys(&["u:1", "u:2", "u:3"]);
    rule(&mut world, "u", r#"{"eventType":"u","cacheKeys":["u:{id}"]}"#).unwrap();
    let mut words: Vec<&[u8]> = vec![b"INVAL.BATCH"];
    for id in ["1", "2", "1"] {
        words.extend([&b"u"[..], if id == "1" { b"{\"id\":1}" } else { b"{\"id\":2}" }]);
    }
    let reply = world.run_words(&words).unwrap();
    let fields = ["deleted", "events", "equal"].map(|name| field(&reply, name));
    assert_eq!((fields, world.keys()), ([2, 2, 1], vec!["u:3".to_owned()]));
    let error = world.run("INVAL.BATCH u {\"id\":3} u {").unwrap_err();
    assert!(error.contains("event 2 of the batch: payload is not valid JSON"), "{error}");
    assert!(world.run("INVAL.BATCH u {\"id\":3} u").unwrap_err().contains("missing payload"));
    assert_eq!(world.keys(), ["u:3"]);
}

#[test]
fn an_id_is_carried_out_once_and_a_number_in_order() {
    let mut world = World::with_keys(&["a"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["a"]}"#).unwrap();
    let told = |world: &mut World, words: &[&str]| {
        world.create(b"a");
        let reply = event(world, words);
        ["deleted", "duplicate", "outdated"].map(|name| field(&reply, name))
    };
    let once = ["e", "ID", "x"];
    assert_eq!(told(&mut world, &once), [1, -1, -1]);
    assert_eq!(told(&mut world, &once), [0, 1, -1]);
    world.fake.now_ms += 1001;
    assert_eq!(told(&mut world, &once), [1, -1, -1]);
    let at = |number| ["e", "SEQ", number, "BY", "p:7"];
    assert_eq!(told(&mut world, &at("5")), [1, -1, -1]);
    assert_eq!(told(&mut world, &at("4")), [0, -1, 1]);
    assert_eq!(told(&mut world, &at("5")), [1, -1, -1]);
    // Whoever only asks changes nothing, and what failed may be sent again.
    assert_eq!(told(&mut world, &["e", "DRYRUN", "ID", "y"]), [0, -1, -1]);
    assert_eq!(told(&mut world, &["e", "ID", "y"]), [1, -1, -1]);
    world.fake.denied.insert(b"a".to_vec());
    world.create(b"a");
    assert!(world.run("INVAL.EVENT e ID z").is_err());
    world.fake.denied.clear();
    assert_eq!(told(&mut world, &["e", "ID", "z"]), [1, -1, -1]);
    for bad in ["INVAL.EVENT e SEQ 1", "INVAL.EVENT e SEQ x BY y", "INVAL.EVENT e ID"] {
        assert!(world.run(bad).is_err(), "{bad}");
    }
    let words = "INVAL._RECORD ONCE-SEQ 9 e\0p:7";
    assert!(world.run(words).unwrap_err().contains("for replication alone"));
    world.fake.is_obeying = true;
    world.run(words).unwrap();
    world.fake.is_obeying = false;
    assert_eq!(told(&mut world, &at("8")), [0, -1, 1]);
}

#[test]
fn a_burst_of_equal_events_is_one_deletion() {
    let mut world = World::with_keys(&["list:1", "list:2"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["list:*"],"batched":true}"#).unwrap();
    for _ in 0..10_000 {
        assert_eq!(field(&event(&mut world, &["e"]), "batched"), 1);
    }
    assert_eq!(world.keys().len(), 2);
    world.timer(batches::run_due);
    assert_eq!(world.keys().len(), 2, "not yet");
    world.fake.now_ms += 5000;
    world.timer(batches::run_due);
    assert_eq!((world.keys().len(), world.fake.unlinked.len()), (0, 1));
    let stats = world.shared.with(|state| {
        let row = &state.stats.rules["r"].row;
        (state.stats.events, state.stats.batches, row.runs, row.keys.deleted, row.wasted)
    });
    assert_eq!(stats, (10_000, 1, 1, 2, 0));
}

#[test]
fn what_is_collected_is_carried_out_when_it_is_enough() {
    let mut world = World::with_keys(&["u:1", "u:2", "u:3", "v"]);
    let json = r#"{"eventType":"u","cacheKeys":["u:{id}"],"batched":true,"batchSize":3}"#;
    rule(&mut world, "u", json).unwrap();
    rule(&mut world, "now", r#"{"eventType":"u","cacheKeys":["v"]}"#).unwrap();
    for id in 1..=2 {
        event(&mut world, &["u", &format!("{{\"id\":{id}}}")]);
    }
    assert_eq!(world.keys(), ["u:1", "u:2", "u:3"]);
    // Whoever says how means now.
    let now = event(&mut world, &["u", "{\"id\":2}", "KEYS"]);
    assert_eq!((field(&now, "deleted"), world.keys().len()), (1, 2));
    // So does whoever may not delete everything: others would delete for him.
    world.fake.denied.insert(b"elsewhere".to_vec());
    event(&mut world, &["u", "{\"id\":1}"]);
    world.create(b"u:1");
    world.fake.denied.insert(b"u:3".to_vec());
    assert!(world.run("INVAL.EVENT u {\"id\":3}").unwrap_err().starts_with("NOPERM"));
    world.fake.denied.clear();
    event(&mut world, &["u", "{\"id\":3}"]);
    assert!(world.keys().is_empty(), "{:?}", world.keys());
}

#[test]
fn what_is_collected_goes_with_its_database() {
    let mut world = World::with_keys(&["a"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["a"],"batched":true}"#).unwrap();
    event(&mut world, &["e"]);
    world.shared.with(|state| {
        state.swapped(Db(0), Db(4));
        state.swapped(Db(4), Db(7));
        let places: Vec<_> = state.batches.iter().map(|(place, _)| place.clone()).collect();
        assert_eq!(places, [(Db(7), "r".to_owned())]);
    });
}

#[test]
fn what_is_collected_waits_while_the_server_refuses_and_goes_on() {
    let mut world = World::with_keys(&["a"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["a"],"batched":true}"#).unwrap();
    event(&mut world, &["e"]);
    let due = |world: &mut World| world.shared.with(|state| state.batches.next_due_ms());
    assert!(due(&mut world) > Some(0));
    world.run("INVAL.RULE DEL r").unwrap();
    assert_eq!(due(&mut world), Some(0), "at once");
    world.fake.refuses = Some("OOM");
    world.timer(batches::run_due);
    world.fake.refuses = None;
    world.fake.may_not_write = true;
    world.timer(batches::run_due);
    assert_eq!(world.keys(), ["a"]);
    world.fake.may_not_write = false;
    world.timer(batches::run_due);
    assert!(world.keys().is_empty());
}

fn entry(world: &mut World, stream: &str, fields: &[(&str, &str)]) {
    let entries = world.fake.streams.entry(stream.as_bytes().to_vec()).or_default();
    let id = EntryId { ms: 1000 + entries.len() as u64, seq: 0 };
    let fields =
        fields.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()));
    entries.push(Entry { id, fields: fields.collect() });
}

fn taken(world: &World) -> [u64; 5] {
    world.shared.with(|state| {
        let taken = state.sources.iter().next().unwrap().taken;
        [taken.entries, taken.events, taken.empty, taken.skipped, taken.dead]
    })
}

#[test]
fn entries_of_a_source_are_taken_once_and_bad_ones_are_buried() {
    let mut world = World::with_keys(&["k:1", "k:2", "k:3"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["k:{id}"]}"#).unwrap();
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":1}")]);
    world.run("INVAL.SOURCE ADD new STREAM s FORMAT json").unwrap();
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":2}"), ("id", "x")]);
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":2}"), ("id", "x")]);
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":")]);
    entry(&mut world, "s", &[("event", "e"), ("payload", "{}")]);
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":3}")]);
    world.timer(|server| sources::run(server, u64::MAX / 2));
    assert_eq!(world.keys(), ["k:1"], "what was there before is not taken");
    assert_eq!(taken(&world), [5, 2, 0, 1, 2]);
    assert_eq!(
        world.fake.replicated.last().unwrap(),
        "INVAL._RECORD SOURCE-AT new 1005 0 5 2 0 1 2"
    );
    let dead: Vec<String> = world.fake.streams[&b"s:dead"[..]]
        .iter()
        .map(|entry| {
            let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
            let words = entry.fields.iter().flat_map(|(name, value)| [text(name), text(value)]);
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert!(
        dead[0]
            .starts_with("inval-source new inval-id 1003-0 inval-reason payload is not valid JSON")
    );
    assert!(dead[0].ends_with("event e payload {\"id\":"), "{}", dead[0]);
    assert!(dead[1].contains("rule 'r': "), "{}", dead[1]);
    world.timer(|server| sources::run(server, 1000));
    assert_eq!(taken(&world)[0], 5);
}

#[test]
fn a_stream_that_begins_anew_is_taken_from_its_beginning() {
    let mut world = World::with_keys(&["k:1"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["k:{id}"]}"#).unwrap();
    world.run("INVAL.SOURCE ADD s STREAM s FORMAT json FROM 5000-0").unwrap();
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":1}")]);
    world.timer(|server| sources::run(server, 1000));
    world.timer(|server| sources::run(server, 1000));
    assert!(world.keys().is_empty());
    assert_eq!(taken(&world)[0], 1);
}

#[test]
fn an_entry_that_the_server_refuses_is_tried_again_and_not_for_ever() {
    let mut world = World::with_keys(&["k:1", "k:2"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["k:{id}"]}"#).unwrap();
    world.run("INVAL.SOURCE ADD s STREAM s FORMAT json FROM 0").unwrap();
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":1}")]);
    world.fake.refuses = Some("busy");
    world.timer(|server| sources::run(server, 1000));
    assert_eq!(taken(&world), [0; 5]);
    world.fake.refuses = None;
    world.timer(|server| sources::run(server, 1000));
    assert_eq!((taken(&world), world.keys().len()), ([1, 1, 0, 0, 0], 1));
    entry(&mut world, "s", &[("event", "e"), ("payload", "{\"id\":2}")]);
    world.fake.refuses = Some("busy");
    for _ in 0..101 {
        world.timer(|server| sources::run(server, 1000));
    }
    assert_eq!(taken(&world), [2, 1, 0, 0, 1]);
}

#[test]
fn what_happened_is_published() {
    let mut world = World::with_keys(&["k:1", "k:2", "k:3", "k:4"]);
    rule(&mut world, "r", r#"{"eventType":"e","cacheKeys":["k:*","one"],"tags":["t"]}"#).unwrap();
    event(&mut world, &["e", "DRYRUN"]);
    event(&mut world, &["e"]);
    world.run("INVAL.PURGE TAGS 1 t").unwrap();
    let expected = [
        r#"{"event":"e","db":0,"rules":["r"],"keys":["one"],"patterns":[{"glob":"k:*"}],"tags":["t"],"deleted":4,"marked":0,"names":["k:1","k:2","k:3"],"more":true}"#,
        r#"{"purge":true,"db":0,"rules":[],"keys":[],"patterns":[],"tags":["t"],"deleted":0,"marked":0,"names":[]}"#,
    ];
    assert_eq!(world.fake.published, expected);
}
