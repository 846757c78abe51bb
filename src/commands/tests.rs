//! Whole commands on the fake server.

use super::fake::World;
use super::reply::Reply;
use crate::domain::fence::Fence;

fn set(world: &mut World, name: &str, json: &str) {
    let words: [&[u8]; 4] = [b"INVAL.RULE", b"SET", name.as_bytes(), json.as_bytes()];
    assert_eq!(world.run_words(&words), Ok(Reply::OK));
}

#[test]
fn an_event_deletes_what_its_rules_name_and_nothing_else() {
    let mut world = World::with_keys(&["u:1", "u:1:list", "u:2", "other"]);
    set(&mut world, "r", r#"{"eventType":"user","cacheKeys":["u:{id}","u:{id}:*","gone"]}"#);
    let reply = world.run(r#"inval.event user {"id":1} KEYS"#).unwrap();
    assert_eq!(world.keys(), ["other", "u:2"]);
    assert_eq!((reply.int("rules"), reply.int("matched"), reply.int("deleted")), (1, 2, 2));
    assert_eq!(reply.field("keys").texts(), ["u:1", "u:1:list"]);
    assert!(reply.int("micros") > 0);
    // The effect is replicated by UNLINK itself, the event never.
    assert_eq!(world.fake.replicated.len(), 1);
    assert!(world.fake.replicated[0].starts_with("INVAL.RULE LOAD {"));
}

#[test]
fn a_dry_run_tells_and_deletes_nothing() {
    let mut world = World::with_keys(&["a", "b"]);
    set(&mut world, "r", r#"{"eventType":"e","cacheKeys":["*"],"warmCache":true}"#);
    let reply = world.run("INVAL.EVENT e DRYRUN KEYS").unwrap();
    assert_eq!((reply.int("matched"), reply.int("deleted"), reply.int("dryrun")), (2, 0, 1));
    assert_eq!(reply.field("keys").texts(), ["a", "b"]);
    assert_eq!((world.keys().len(), world.fake.unlinked.len(), world.fake.warmed.len()), (2, 0, 0));
}

#[test]
fn expired_and_dead_names_are_absent_and_not_warmed() {
    let mut world = World::with_keys(&["a", "b", "c", "d"]);
    set(
        &mut world,
        "r",
        r#"{"eventType":"e","cacheKeys":["*"],"warmCache":true,"priority":"high"}"#,
    );
    world.fake.overdue.insert(b"b".to_vec());
    // Gone without a word: what no server should do.
    world.fake.keys.remove(&b"c"[..]);
    let reply = world.run(r#"INVAL.EVENT e {"x":1} KEYS"#).unwrap();
    assert_eq!(
        (reply.int("matched"), reply.int("deleted"), reply.int("absent"), reply.int("warmed")),
        (4, 2, 2, 2)
    );
    assert_eq!(reply.field("keys").texts(), ["a", "d"]);
    assert_eq!(world.fake.warmed, [r#"a r e high {"x":1}"#, r#"d r e high {"x":1}"#]);
    let stats = world.run("INVAL.STATS").unwrap();
    assert_eq!(stats.field("index").int("dead_names"), 1);
    assert_eq!(stats.field("index").int("keys"), 0);
    assert_eq!(stats.field("rules").field("r").int("keys_absent"), 2);
}

#[test]
fn large_plans_go_in_batches() {
    let names: Vec<String> = (0..2500).map(|at| format!("k:{at:04}")).collect();
    let mut world = World::with_keys(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let reply = world.run("INVAL.PURGE PREFIX k:").unwrap();
    assert_eq!(reply.int("deleted"), 2500);
    assert_eq!(world.fake.unlinked.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 500]);
}

#[test]
fn a_caller_who_may_not_delete_one_key_deletes_none() {
    let mut world = World::with_keys(&["a", "b"]);
    world.fake.denied.insert(b"b".to_vec());
    let error = world.run("INVAL.PURGE GLOB *").unwrap_err();
    assert_eq!(
        error,
        "NOPERM user 'bob' may not delete key 'b'; nothing was deleted; grant the key with ACL SETUSER, or narrow the request"
    );
    assert_eq!(world.keys().len(), 2);
    assert_eq!(world.run("INVAL.STATS totals").unwrap().field("totals").int("errors"), 1);
    assert!(world.run("INVAL.PURGE GLOB * DRYRUN").is_err());
}

#[test]
fn a_refusing_server_is_told_truly() {
    let mut world = World::with_keys(&["a"]);
    world.fake.refuses = Some("READONLY");
    let error = world.run("INVAL.PURGE KEYS 1 a").unwrap_err();
    assert!(error.contains("after 0 of 1 keys: READONLY"), "{error}");
    assert_eq!(world.keys(), ["a"]);
}

#[test]
fn purges_take_names_tags_and_patterns() {
    let names = ["a:1", "a:2", "b:1", "b:2", "c"];
    let purge = |line: &str| {
        let mut world = World::with_keys(&names);
        for line in ["TAG.SET a:1 x y", "TAG.SET a:2 x", "TAG.SET b:1 y z"] {
            world.run(line).unwrap();
        }
        let reply = world.run(&format!("INVAL.PURGE {line} KEYS")).unwrap();
        let mut keys = reply.field("keys").texts();
        assert_eq!(reply.int("deleted"), keys.len() as i64);
        keys.sort_unstable();
        keys.join(" ")
    };
    assert_eq!(purge("KEYS 3 a:1 nope c"), "a:1 c");
    assert_eq!(purge("TAGS 2 x z"), "a:1 a:2 b:1");
    assert_eq!(purge("TAGS ANY 1 y NOT 1 z"), "a:1");
    assert_eq!(purge("TAGS ALL 2 x y"), "a:1");
    assert_eq!(purge("GLOB ?:1"), "a:1 b:1");
    assert_eq!(purge("PREFIX b:"), "b:1 b:2");
    assert_eq!(purge("PREFIX *"), "");
    assert_eq!(purge("REGEX ^[ab]:2$"), "a:2 b:2");
    assert_eq!(purge("PREFIX a: LIMIT 1"), "a:1");
}

#[test]
fn a_limit_says_what_is_left() {
    let mut world = World::with_keys(&["a", "b", "c"]);
    let reply = world.run("INVAL.PURGE GLOB * LIMIT 2").unwrap();
    assert_eq!((reply.int("matched"), reply.int("deleted"), reply.int("left_by_limit")), (3, 2, 1));
}

#[test]
fn an_incomplete_index_scans_and_says_so() {
    let mut world = World::with_keys(&[]);
    for name in ["a:1", "a:2", "b"] {
        world.fake.keys.insert(name.as_bytes().to_vec());
    }
    world.shared.with(|state| state.index.incomplete = true);
    let reply = world.run("INVAL.PURGE PREFIX a:").unwrap();
    assert_eq!((reply.int("deleted"), world.fake.scans), (2, 1));
    assert!(
        matches!(reply.field("warning"), Reply::Simple(text) if text.starts_with("index incomplete"))
    );
    assert_eq!(world.run("INVAL.PURGE KEYS 2 b nope").unwrap().int("deleted"), 1);
    assert_eq!(world.run("TAG.SET b x").unwrap(), Reply::Int(0));
    world.fake.keys.insert(b"c".to_vec());
    assert_eq!(world.run("TAG.SET c x").unwrap(), Reply::Int(1));
    assert_eq!(world.fake.scans, 1);
}

#[test]
fn explain_tells_the_way_and_changes_nothing() {
    let mut world = World::with_keys(&["u:1", "u:1:x", "u:2:x"]);
    set(
        &mut world,
        "r",
        r#"{"eventType":"e","cacheKeys":["u:{id}"],"patterns":["^u:.*:x$"],"tags":["t"]}"#,
    );
    for line in [r#"INVAL.EXPLAIN EVENT e {"id":"1"}"#, r#"INVAL.EXPLAIN e {"id":"1"}"#] {
        let reply = world.run(line).unwrap();
        assert_eq!(reply.int("matched"), 3);
        let Reply::Array(targets) = reply.field("targets") else { panic!() };
        let shown: Vec<_> =
            targets.iter().map(|t| (t.int("candidates"), t.int("matches"))).collect();
        assert_eq!(shown, [(1, 1), (3, 2), (0, 0)]);
        assert_eq!(targets[1].field("strategy"), &Reply::text("prefix range"));
    }
    // What rules hold whatever the event keeps its members, for whoever asks.
    while world.shared.with(|state| state.settle_rules() && state.build_some(1)) {}
    for line in [r#"INVAL.EXPLAIN e {"id":"1"}"#, "INVAL.EXPLAIN REGEX ^u:.*:x$"] {
        let reply = world.run(line).unwrap();
        let Reply::Array(targets) = reply.field("targets") else { panic!() };
        let regex = targets.iter().find(|t| t.field("kind") == &Reply::text("regex")).unwrap();
        assert_eq!((regex.int("candidates"), regex.int("matches")), (2, 2));
        assert_eq!(regex.field("strategy"), &Reply::text("standing set"));
    }
    let stats = world.run("INVAL.STATS index").unwrap();
    let stats = ["patterns", "building", "too_broad", "members"]
        .map(|name| stats.field("index").int(&format!("standing_{name}")));
    assert_eq!(stats, [1, 0, 0, 2]);
    assert_eq!(world.run("INVAL.EXPLAIN GLOB *:x").unwrap().int("matched"), 2);
    assert_eq!(world.run("INVAL.EXPLAIN PURGE KEYS 1 u:1").unwrap().int("matched"), 1);
    assert_eq!(world.keys().len(), 3);
}

#[test]
fn tags_are_set_added_removed_and_listed() {
    let mut world = World::with_keys(&["a", "b"]);
    assert_eq!(world.run("TAG.SET a x y x"), Ok(Reply::Int(2)));
    assert_eq!(world.run("TAG.ADD a y z"), Ok(Reply::Int(1)));
    assert_eq!(world.run("TAG.REM a x nope"), Ok(Reply::Int(1)));
    assert_eq!(world.run("TAG.SET nokey x"), Ok(Reply::Int(0)));
    assert_eq!(world.run("TAG.GET a").unwrap().texts(), ["y", "z"]);
    assert_eq!(world.run("TAG.GET nokey").unwrap().texts(), [""; 0]);
    world.run("TAG.SET b y").unwrap();
    assert_eq!(world.run("TAG.CARD y"), Ok(Reply::Int(2)));
    assert_eq!(world.run("TAG.CARD nope"), Ok(Reply::Int(0)));
    assert_eq!(world.run("TAG.LIST").unwrap().texts(), ["y", "z"]);
    assert_eq!(world.run("TAG.LIST MATCH z*").unwrap().texts(), ["z"]);
    assert_eq!(world.run("TAG.KEYS y NOT z").unwrap().texts(), ["b"]);
    assert_eq!(world.run("TAG.KEYS ALL y z").unwrap().texts(), ["a"]);
    let Ok(Reply::Array(page)) = world.run("TAG.KEYS y CURSOR 0 COUNT 1") else { panic!() };
    assert_eq!((page[1].texts().len(), page[0] == Reply::bulk("0")), (1, false));
    // Only what changed something is replicated.
    assert_eq!(
        world.fake.replicated,
        ["TAG.SET a x y x", "TAG.ADD a y z", "TAG.REM a x nope", "TAG.SET b y"]
    );
}

#[test]
fn an_expired_key_is_not_tagged() {
    let mut world = World::with_keys(&["a"]);
    world.fake.overdue.insert(b"a".to_vec());
    assert_eq!(world.run("TAG.SET a x"), Ok(Reply::Int(0)));
    assert_eq!(world.shared.with(|state| state.sizes()), (0, 0, 0));
}

#[test]
fn the_fence_bounds_tags_and_purges() {
    let mut world = World::with_keys(&["a:1", "b:1"]);
    world.shared.with(|state| state.set_fence(Fence::parse("a:").unwrap()));
    let error = world.run("TAG.SET b:1 x").unwrap_err();
    assert_eq!(
        error,
        "ERR key 'b:1' is outside inval.fence 'a:'; widen it with CONFIG SET inval.fence"
    );
    assert!(world.run("TAG.SET inval:warm x").unwrap_err().contains("belongs to the module"));
    assert!(
        world.run("INVAL.PURGE KEYS 1 inval:warm").unwrap_err().contains("belongs to the module")
    );
    let reply = world.run("INVAL.PURGE KEYS 2 a:1 b:1").unwrap();
    assert_eq!((reply.int("deleted"), reply.int("refused")), (1, 1));
    assert_eq!(world.run("INVAL.PURGE GLOB *").unwrap().int("deleted"), 0);
    assert_eq!(world.keys(), ["b:1"]);
}

#[test]
fn a_key_cannot_collect_tags_without_bound() {
    let mut world = World::with_keys(&["a"]);
    let tags: Vec<String> = (0..1000).map(|at| format!("t{at}")).collect();
    assert_eq!(world.run(&format!("TAG.SET a {}", tags.join(" "))), Ok(Reply::Int(1000)));
    let error = world.run("TAG.ADD a t5 one-more").unwrap_err();
    assert_eq!(error, "ERR 1001 tags are more than the limit of 1000; split them up");
    assert_eq!(world.run("TAG.ADD a t5"), Ok(Reply::Int(0)));
}

#[test]
fn rules_are_kept_as_data() {
    let mut world = World::with_keys(&[]);
    let add = "INVAL.RULE ADD r ON order.* KEYS 1 o:{id} PATTERNS 1 ^x$ TAGS 2 t1 t2 PRIORITY HIGH WARM DESC words";
    assert_eq!(world.run(add), Ok(Reply::OK));
    assert_eq!(
        world.run(add).unwrap_err(),
        "ERR rule 'r' exists; change it with INVAL.RULE SET, or delete it first"
    );
    let rule = world.run("INVAL.RULE GET r").unwrap();
    assert_eq!(rule.field("cacheKeys").texts(), ["o:{id}"]);
    assert_eq!(rule.field("tags").texts(), ["t1", "t2"]);
    assert_eq!((rule.int("warmCache"), rule.field("priority")), (1, &Reply::bulk("high")));
    assert_eq!(world.run("INVAL.RULE GET nobody"), Ok(Reply::Null));
    assert_eq!(world.run("INVAL.RULE DISABLE r"), Ok(Reply::Int(1)));
    assert_eq!(world.run("INVAL.RULE DISABLE r"), Ok(Reply::Int(0)));
    assert_eq!(world.run("INVAL.EVENT order.new").unwrap().int("rules"), 0);
    assert_eq!(
        world.run("INVAL.RULE ENABLE r nobody").unwrap_err(),
        "ERR no rule 'nobody'; INVAL.RULE LIST shows their names"
    );
    assert_eq!(world.run("INVAL.EVENT order.new").unwrap().int("rules"), 0);
    let Ok(Reply::Bulk(dump)) = world.run("INVAL.RULE DUMP") else { panic!() };
    assert_eq!(world.run("INVAL.RULE DEL r nobody"), Ok(Reply::Int(1)));
    assert_eq!(world.run_words(&[b"INVAL.RULE", b"LOAD", &dump]), Ok(Reply::Int(1)));
    let Ok(Reply::Array(list)) = world.run("INVAL.RULE LIST order.x") else { panic!() };
    assert_eq!((list.len(), list[0].int("enabled")), (1, 0));
    assert_eq!(
        world.run(r#"INVAL.RULE LOAD [{"eventType":"e","tags":["t"]}] REPLACE"#),
        Ok(Reply::Int(1))
    );
    assert_eq!(world.run("INVAL.RULE GET r"), Ok(Reply::Null));
    assert_eq!(world.fake.replicated.len(), 5);
}

#[test]
fn a_bad_document_changes_nothing_and_names_every_error() {
    let mut world = World::with_keys(&[]);
    set(&mut world, "r", r#"{"eventType":"e","tags":["t"]}"#);
    let load = r#"INVAL.RULE LOAD [{"eventType":"e2","tags":["t"]},{"eventType":"a"},{"tags":["t"]}] REPLACE"#;
    let error = world.run(load).unwrap_err();
    assert!(
        error.contains("rules[1]: rule 'a': no targets") && error.contains(" | rules[2]"),
        "{error}"
    );
    let Ok(Reply::Array(list)) = world.run("INVAL.RULE LIST") else { panic!() };
    assert_eq!((list.len(), list[0].field("name")), (1, &Reply::bulk("r")));
}

#[test]
fn stats_count_and_reset() {
    let mut world = World::with_keys(&["a"]);
    set(&mut world, "r", r#"{"eventType":"e","cacheKeys":["a"]}"#);
    world.run("INVAL.EVENT e").unwrap();
    world.run("INVAL.EVENT nobody-cares").unwrap();
    world.run("INVAL.PURGE KEYS 1 a").unwrap();
    let stats = world.run("INVAL.STATS totals events").unwrap();
    let totals = stats.field("totals");
    assert_eq!(
        (
            totals.int("runs"),
            totals.int("events"),
            totals.int("events_unmatched"),
            totals.int("purges")
        ),
        (3, 2, 1, 1)
    );
    assert_eq!(stats.field("events").field("e").int("keys_deleted"), 1);
    assert!(totals.field("delete_micros").int("max") >= 1);
    assert_eq!(world.run("INVAL.STATS RESET"), Ok(Reply::OK));
    let stats = world.run("INVAL.STATS").unwrap();
    assert_eq!((stats.field("totals").int("runs"), stats.field("index").int("rules")), (0, 1));
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let mut world = World::with_keys(&["a"]);
    let rows = [
        (
            "INVAL.EVENT e {} nonsense",
            "ERR unexpected argument 'nonsense'; usage: INVAL.EVENT <type [json] | RAW json [MAP mapping]> [ID id] [SEQ number BY entity] [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]",
        ),
        (
            "INVAL.EVENT e {\"a\":}",
            "ERR payload is not valid JSON at line 1 column 6: expected value",
        ),
        (
            "INVAL.EVENT e [1]",
            "ERR payload is an array, not a JSON object; send for example '{\"userId\":\"42\"}'",
        ),
        ("INVAL.PURGE", "ERR missing target; usage: INVAL.PURGE <"),
        ("INVAL.PURGE ALL", "ERR the first word is not KEYS, TAGS, GLOB, PREFIX or REGEX; usage:"),
        ("INVAL.PURGE KEYS 2 a", "ERR 2 keys announced, 1 words left; usage:"),
        ("INVAL.PURGE KEYS 0", "ERR 0 keys; usage:"),
        ("INVAL.PURGE KEYS x", "ERR count 'x' is not a whole number"),
        ("INVAL.PURGE GLOB a[", "ERR unclosed '[' at byte 1 of glob 'a['"),
        ("INVAL.PURGE REGEX a(", "ERR regex 'a(': unclosed group"),
        ("INVAL.PURGE GLOB a LIMIT", "ERR missing limit; usage:"),
        ("INVAL.STATS nothing", "ERR unexpected argument 'nothing'; usage: INVAL.STATS"),
        ("INVAL.RULE ADD r e", "ERR missing ON event; usage: INVAL.RULE ADD"),
        ("INVAL.RULE ADD r ON e", "ERR rule 'r': no targets"),
        ("INVAL.RULE SET r {\"eventType\":\"e\",\"tag\":[]}", "ERR bad rule: unknown field `tag`"),
        ("INVAL.RULE SET  {}", "ERR empty rule; give it at least one byte"),
        ("TAG.KEYS NOT x", "ERR missing tag; usage: TAG.KEYS"),
        ("TAG.KEYS x CURSOR 7777777777", "ERR cursor '7777777777' is not one that a reply gave"),
        ("TAG.GET a b", "ERR unexpected argument 'b'; usage: TAG.GET key"),
        ("TAG.HELP me", "ERR unexpected argument 'me'; usage: TAG.HELP"),
    ];
    for (line, expected) in rows {
        let error = world.run(line).unwrap_err();
        assert!(error.starts_with(expected), "{line}: {error}");
    }
    assert_eq!(world.keys(), ["a"]);
}

#[test]
fn help_lists_every_command_of_its_family() {
    let mut world = World::with_keys(&[]);
    let lines = |world: &mut World, name: &str| world.run(name).unwrap().texts();
    let public = super::table::all().filter(|spec| !spec.is_internal()).count();
    assert_eq!(lines(&mut world, "INVAL.HELP").len(), 2 * public);
    assert!(lines(&mut world, "TAG.HELP").iter().step_by(2).all(|line| line.starts_with("TAG.")));
    assert!(lines(&mut world, "INVAL.RULE HELP").contains(&"INVAL.RULE DUMP".to_owned()));
}

#[test]
fn check_tells_the_first_disagreement() {
    let mut world = World::with_keys(&["a", "b"]);
    assert_eq!(world.run("INVAL.CHECK").unwrap().int("keys"), 2);
    world.fake.keys.insert(b"missed".to_vec());
    let error = world.run("INVAL.CHECK").unwrap_err();
    assert!(error.contains("key 'missed' lives and is not indexed"), "{error}");
    world.fake.keys.remove(&b"missed"[..]);
    world.fake.keys.remove(&b"a"[..]);
    let error = world.run("INVAL.CHECK").unwrap_err();
    assert!(error.contains("key 'a' is indexed and does not live"), "{error}");
    assert_eq!(
        world.run("TAG._CARRY a t").unwrap_err(),
        "ERR TAG._CARRY is for replication alone; use TAG.SET"
    );
    assert_eq!(world.run("INVAL.HEALTH").unwrap().field("status"), &Reply::text("healthy"));
}
