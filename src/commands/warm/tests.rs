//! What is queued, when it is due, and what becomes of it; on a fake server.

use crate::commands::fake::World;
use crate::commands::reply::Reply;
use crate::domain::change::Change;
use crate::domain::name::Db;

const NOW_MS: u64 = 1_700_000_000_000;

/// A world with these rules, each given as what follows `INVAL.RULE ADD`.
fn world(keys: &[&str], rules: &[&str]) -> World {
    let mut world = World::with_keys(keys);
    rules.iter().for_each(|rule| drop(world.run(&format!("INVAL.RULE ADD {rule}")).unwrap()));
    world
}

/// What the section says, in the order it is shown.
fn counts(world: &mut World) -> [i64; 6] {
    let stats = world.run("INVAL.STATS warm").unwrap();
    let warm = stats.field("warm");
    ["queued", "claimed", "warmed", "failed", "deduplicated", "cold"].map(|name| warm.int(name))
}

fn token(reply: Reply) -> String {
    let Reply::Array(items) = reply else { panic!("{reply:?}") };
    let Some(Reply::Bulk(token)) = items.last() else { panic!("{items:?}") };
    String::from_utf8(token.clone()).unwrap()
}

#[test]
fn a_rule_says_when_its_keys_are_due_or_the_configuration_does() {
    let rules = [
        "a ON e KEYS 1 a WARM DELAY 0 PRIORITY high",
        "b ON e KEYS 1 b WARM",
        "c ON e KEYS 1 c WARM HOT DELAY 3600000 PRIORITY low",
    ];
    let mut world = world(&["a", "b", "c"], &rules);
    world.run("INVAL.EVENT e").unwrap();
    assert_eq!(world.fake.warmed, ["a a e high {}", "b b e medium {}", "c c e low {}"]);
    assert_eq!(world.fake.dues, [NOW_MS, NOW_MS + 100, NOW_MS + 3_600_000]);
    let stats = world.run("INVAL.STATS warm").unwrap();
    let queues = stats.field("warm").field("queues");
    assert_eq!(["high", "medium", "low"].map(|name| queues.int(name)), [1, 1, 1]);
    let rule = world.run("INVAL.RULE GET c").unwrap();
    assert_eq!((rule.int("warmDelay"), rule.int("warmHot")), (3_600_000, 1));
    let rule = world.run("INVAL.RULE GET b").unwrap();
    assert_eq!((rule.field("warmDelay"), rule.int("warmHot")), (&Reply::Null, 0));
}

#[test]
fn only_keys_of_rules_that_ask_for_it_are_looked_at_and_before_they_go() {
    let rules = ["all ON e KEYS 1 a:* WARM", "hot ON e KEYS 1 h:* WARM HOT"];
    let mut world = world(&["a:1", "a:2", "h:1", "h:2", "h:3"], &rules);
    world.fake.cold = [b"a:1".to_vec(), b"h:2".to_vec()].into();
    world.fake.overdue = [b"h:3".to_vec()].into();
    let reply = world.run("INVAL.EVENT e").unwrap();
    assert_eq!(["deleted", "absent", "warmed"].map(|name| reply.int(name)), [4, 1, 3]);
    let asked = [("h:1", true), ("h:2", true), ("h:3", false)];
    assert_eq!(world.fake.asked, asked.map(|(key, there)| (key.to_owned(), there)));
    assert_eq!(counts(&mut world), [3, 0, 0, 0, 0, 1]);
    let stats = world.run("INVAL.STATS warm").unwrap();
    let rules = stats.field("warm").field("rules");
    assert_eq!(["all", "hot"].map(|name| rules.field(name).int("queued")), [2, 1]);
    assert_eq!(rules.field("hot").int("cold"), 1);
    // Nobody is asked where nothing is queued.
    world.fake.warm.max_entries = 0;
    world.create(b"h:1");
    world.run("INVAL.EVENT e").unwrap();
    assert_eq!((world.fake.asked.len(), counts(&mut world)), (3, [3, 0, 1, 0, 0, 1]));
}

#[test]
fn marked_keys_are_asked_for_before_they_are_marked() {
    let mut world = world(&["h:1", "h:2"], &["r ON e KEYS 1 h:* WARM HOT SOFT 1000"]);
    world.fake.cold = [b"h:1".to_vec()].into();
    let reply = world.run("INVAL.EVENT e").unwrap();
    assert_eq!((reply.int("marked"), reply.int("warmed")), (2, 1));
    assert_eq!(world.fake.warmed, ["h:2 r e medium {}"]);
}

#[test]
fn a_key_that_waits_is_not_queued_again_unless_it_is_claimed_or_more_urgent() {
    let rules = [
        "low ON low KEYS 1 k WARM SOFT 1000 PRIORITY low",
        "high ON high KEYS 1 k WARM SOFT 1000 PRIORITY high",
    ];
    let mut world = world(&["k"], &rules);
    let warmed = |world: &mut World, event: &str| {
        world.run(&format!("INVAL.EVENT {event}")).unwrap().int("warmed")
    };
    assert_eq!([warmed(&mut world, "low"), warmed(&mut world, "low")], [1, 0]);
    assert_eq!([warmed(&mut world, "high"), warmed(&mut world, "low")], [1, 0]);
    assert_eq!(counts(&mut world), [2, 0, 0, 0, 2, 0]);
    let first = token(world.run("INVAL.FETCH k").unwrap());
    world.run("INVAL.FETCH k").unwrap();
    assert_eq!(counts(&mut world), [2, 1, 0, 0, 2, 0]);
    // Who computes may have begun too early.
    assert_eq!(warmed(&mut world, "low"), 1);
    let refused = world.run(&format!("INVAL.FILL k old TOKEN {first}")).unwrap();
    assert!(matches!(refused, Reply::Array(items) if items[0] == Reply::text("refused")));
    let second = token(world.run("INVAL.FETCH k").unwrap());
    world.run(&format!("INVAL.FILL k new TOKEN {second}")).unwrap();
    assert_eq!(counts(&mut world), [3, 2, 1, 0, 2, 0]);
    assert!(world.shared.with(|state| state.warming.is_empty()));
    assert_eq!(warmed(&mut world, "low"), 1);
}

#[test]
fn any_value_warms_and_one_that_does_not_come_fails() {
    let mut world = world(&["a", "b", "c", "d"], &["r ON e KEYS 1 * WARM"]);
    world.run("INVAL.EVENT e").unwrap();
    // Without a token somebody computed it all the same.
    world.run("INVAL.FILL a v").unwrap();
    world.create(b"b");
    world.shared.notice(Change::Created, Db(1), b"c");
    assert_eq!(counts(&mut world), [4, 1, 2, 0, 0, 0]);
    world.run("INVAL.STATS RESET").unwrap();
    // The delay, and then the time that a value may take.
    let now_ms = world.fake.micros.get() / 1000;
    world.shared.with(|state| state.warming.sweep(now_ms + 100 + 60_000 - 10));
    assert_eq!(counts(&mut world), [0, 0, 0, 0, 0, 0]);
    world.shared.with(|state| state.warming.sweep(now_ms + 100 + 60_000));
    assert_eq!(counts(&mut world), [0, 0, 0, 2, 0, 0]);
    let stats = world.run("INVAL.STATS warm").unwrap();
    let warm = stats.field("warm");
    assert_eq!((warm.int("waiting"), warm.field("rules").field("r").int("failed")), (0, 2));
}

#[test]
fn the_waiter_that_inherits_a_token_claims_the_key() {
    let mut world = world(&["k"], &["r ON e KEYS 1 k WARM"]);
    // What a job is about to delete is missing for readers, and queued when it goes.
    world.run("INVAL.EVENT e ASYNC").unwrap();
    token(world.run("INVAL.FETCH k").unwrap());
    assert_eq!(world.run("INVAL.FETCH k WAIT 5000").unwrap(), Reply::Later);
    while world.slice(1) {}
    assert_eq!(counts(&mut world), [1, 0, 0, 0, 0, 0]);
    world.run("INVAL.PURGE KEYS 1 k").unwrap();
    assert_eq!(world.told("INVAL.FETCH k WAIT 5000").len(), 1);
    assert_eq!(counts(&mut world), [1, 1, 0, 0, 0, 0]);
}
