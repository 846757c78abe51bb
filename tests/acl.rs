//! Who may do what: the module deletes nothing that the user behind the command may not.
#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what its rows share"
)]

mod support;

use redis::Value;
use support::{Client, Server, field, int, text, texts};

const KEYS: [&str; 8] = ["a:1", "a:2", "b:1", "both:1", "c:1", "r:1", "s:1", "w:1"];

/// A server with keys of several owners, and rules and tags over all of them.
fn server() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&KEYS);
    for key in KEYS {
        client.run(&format!("TAG.SET {key} all {key}"));
    }
    client.run("INVAL.RULE ADD all ON all KEYS 1 *:1 WARM");
    client.run("INVAL.RULE ADD own ON own KEYS 1 a:* WARM");
    (server, client)
}

/// A connection of a user with these rights, beside all commands.
fn user(server: &Server, name: &str, rights: &str) -> Client {
    server.client().run(&format!("ACL SETUSER {name} on >secret +@all {rights}"));
    let mut client = server.client();
    client.run(&format!("AUTH {name} secret"));
    client
}

fn denied(name: &str, key: &str) -> String {
    format!(
        "NOPERM user '{name}' may not delete key '{key}'; nothing was deleted; grant the key with ACL SETUSER, or narrow the request"
    )
}

/// Whether the last thing written into the ACL log is about this key of this user.
fn logged(client: &mut Client, name: &str, key: &str) -> bool {
    let Value::Array(entries) = client.run("ACL LOG 1") else { panic!() };
    let is = |entry: &Value, what: &str, expected: &str| text(field(entry, what)) == expected;
    entries.first().is_some_and(|entry| {
        is(entry, "object", key) && is(entry, "username", name) && is(entry, "reason", "key")
    })
}

#[test]
fn one_key_that_a_user_may_not_delete_keeps_all() {
    let (server, mut client) = server();
    let mut bob = user(&server, "bob", "~a:* ~both:* %R~r:* %W~w:*");
    client.run("ACL LOG RESET");
    for (line, key) in [
        ("INVAL.PURGE KEYS 2 a:1 b:1", "b:1"),
        ("INVAL.PURGE KEYS 1 b:1", "b:1"),
        ("INVAL.PURGE TAGS 1 all", "b:1"),
        ("INVAL.PURGE TAGS ALL 2 all c:1", "c:1"),
        ("INVAL.PURGE GLOB *", "b:1"),
        ("INVAL.PURGE GLOB * LIMIT 3", "b:1"),
        ("INVAL.PURGE PREFIX c", "c:1"),
        ("INVAL.PURGE REGEX ^[as]:1$", "s:1"),
        // To read is not to delete.
        ("INVAL.PURGE PREFIX r:", "r:1"),
        ("INVAL.EVENT all", "b:1"),
        ("INVAL.EVENT own '{\"affectedCaches\":[\"a:1\",\"c:*\"]}'", "c:1"),
        // Nor is it to ask what would go.
        ("INVAL.PURGE KEYS 2 a:1 b:1 DRYRUN KEYS", "b:1"),
        ("INVAL.EVENT all DRYRUN", "b:1"),
    ] {
        let errors = client.info("errors");
        assert_eq!(bob.error(line), denied("bob", key), "{line}");
        assert!(logged(&mut client, "bob", key), "{line}: {:?}", client.run("ACL LOG"));
        assert_eq!(client.keys(), KEYS, "{line}");
        assert_eq!(client.info("errors"), errors + 1, "{line}");
        client.run("ACL LOG RESET");
    }
    assert_eq!((client.info("keys_deleted"), client.info("dry_runs")), (0, 0));
    // What he may.
    for (line, gone) in [
        ("INVAL.PURGE PREFIX both:", 1),
        ("INVAL.PURGE KEYS 2 w:1 b:none", 1),
        ("INVAL.PURGE GLOB * LIMIT 1", 1),
        ("INVAL.EVENT own", 1),
        ("INVAL.PURGE GLOB a:*", 0),
    ] {
        assert_eq!(int(&bob.run(line), "deleted"), gone, "{line}");
    }
    assert_eq!(client.keys(), ["b:1", "c:1", "inval:warm:medium", "r:1", "s:1"]);
    assert_eq!(client.run("ACL LOG"), Value::Array(vec![]));
    client.assert_sound();
}

#[test]
fn neither_a_transaction_nor_a_script_is_a_way_around() {
    let (server, mut client) = server();
    let mut bob = user(&server, "bob", "~a:*");
    let scripts = [
        "EVAL \"return redis.call('INVAL.PURGE','KEYS','2','a:1','b:1')\" 0",
        "EVAL \"return redis.pcall('INVAL.EVENT','all')\" 0",
    ];
    for script in scripts {
        client.run("ACL LOG RESET");
        let error = bob.error(script);
        assert!(error.starts_with(&denied("bob", "b:1")), "{script}: {error}");
        assert!(logged(&mut client, "bob", "b:1"), "{script}");
    }
    client.run("ACL LOG RESET");
    bob.run("MULTI");
    bob.run("INVAL.PURGE GLOB *");
    bob.run("SET a:3 v");
    assert_eq!(bob.error("EXEC"), denied("bob", "b:1"));
    assert!(logged(&mut client, "bob", "b:1"));
    client.run("DEL a:3");
    assert_eq!(client.keys(), KEYS);

    let own = "EVAL \"return redis.call('INVAL.PURGE','KEYS','1','a:1')[6]\" 0";
    assert_eq!(bob.int(own), 1);
    bob.run("MULTI");
    bob.run("INVAL.PURGE PREFIX a:");
    let Value::Array(replies) = bob.run("EXEC") else { panic!() };
    assert_eq!(int(&replies[0], "deleted"), 1);
    client.assert_sound();
}

#[test]
fn a_right_given_or_taken_counts_at_once() {
    let (server, mut client) = server();
    let mut bob = user(&server, "bob", "~a:*");
    assert_eq!(bob.error("INVAL.PURGE KEYS 1 c:1"), denied("bob", "c:1"));
    client.run("ACL SETUSER bob (~c:* +inval.purge)");
    assert_eq!(int(&bob.run("INVAL.PURGE KEYS 1 c:1"), "deleted"), 1);
    client.run("ACL SETUSER bob resetkeys");
    assert_eq!(bob.error("INVAL.PURGE KEYS 1 a:1"), denied("bob", "a:1"));
    // Switched off, he keeps his connection and may do as much as with the server's own DEL.
    client.run("ACL SETUSER bob off allkeys");
    assert_eq!(bob.int("DEL s:1"), int(&bob.run("INVAL.PURGE KEYS 1 r:1"), "deleted"));
    // Deleted, he has no connection and no right.
    client.run("ACL SETUSER bob on");
    client.run("ACL DELUSER bob");
    assert!(bob.try_run("INVAL.PURGE GLOB *").is_err());
    assert_eq!(client.keys(), ["a:1", "a:2", "b:1", "both:1", "w:1"]);
    assert_eq!(int(&client.run("INVAL.PURGE GLOB *"), "deleted"), 5);
    client.assert_sound();
}

#[test]
fn the_default_user_may_all_unless_it_is_told_otherwise() {
    let (server, mut client) = server();
    let mut other = server.client();
    assert_eq!(int(&other.run("INVAL.EVENT all"), "deleted"), 7);
    client.set_all(&KEYS);
    client.run("ACL SETUSER default resetkeys ~a:*");
    assert_eq!(other.error("INVAL.PURGE GLOB *"), denied("default", "b:1"));
    assert_eq!(int(&other.run("INVAL.PURGE PREFIX a:"), "deleted"), 2);
    client.run("ACL SETUSER default allkeys");
    client.assert_sound();
}

/// The server's own check, by what the commands say of their keys.
#[test]
fn tags_need_the_right_to_their_key() {
    let (server, mut client) = server();
    let mut bob = user(&server, "bob", "~a:* %R~r:* %W~w:*");
    for (line, may) in [
        ("TAG.SET a:1 x", true),
        ("TAG.GET a:1", true),
        ("TAG.GET r:1", true),
        ("TAG.SET w:1 all w:1", true),
        ("TAG.SET r:1 x", false),
        ("TAG.GET w:1", false),
        ("TAG.SET b:1 x", false),
        ("TAG.ADD b:1 x", false),
        ("TAG.REM b:1 all", false),
        ("TAG.GET b:1", false),
    ] {
        let reply = bob.try_run(line);
        match may {
            true => assert!(reply.is_ok(), "{line}: {reply:?}"),
            false => assert!(reply.unwrap_err().starts_with("NOPERM "), "{line}"),
        }
    }
    let script = "EVAL \"return redis.call('TAG.SET','b:1','x')\" 0";
    assert!(bob.error(script).starts_with("ERR "));
    for key in &KEYS[2..] {
        assert_eq!(client.sorted(&format!("TAG.GET {key}")), ["all", key]);
    }
}

#[test]
fn rules_are_for_those_who_may_change_them() {
    let (server, mut client) = server();
    let dump = text(&client.run("INVAL.RULE DUMP"));
    // Redis 7.0 takes no categories from modules.
    let info = format!("{:?}", client.run("COMMAND INFO tag.get"));
    let rights = match info.contains("@read") {
        true => "~* -@dangerous",
        false => {
            "~* -inval.check -inval.rule +inval.rule|list -inval.class +inval.class|list -inval.map +inval.map|list -inval.source +inval.source|list"
        }
    };
    let mut bob = user(&server, "bob", rights);
    for line in [
        "INVAL.RULE SET r {}",
        "INVAL.RULE ADD r ON e KEYS 1 k",
        "INVAL.RULE LOAD []",
        "INVAL.RULE DEL all",
        "INVAL.RULE ENABLE all",
        "INVAL.RULE DISABLE all",
        "INVAL.CLASS SET c MATCH c",
        "INVAL.CLASS LOAD []",
        "INVAL.CLASS DEL c",
        "INVAL.MAP SET m {}",
        "INVAL.MAP LOAD []",
        "INVAL.MAP DEL m",
        "INVAL.SOURCE ADD s STREAM s FORMAT json",
        "INVAL.SOURCE DEL s",
        "INVAL.CHECK",
    ] {
        assert!(bob.error(line).starts_with("NOPERM "), "{line}");
    }
    assert_eq!(text(&client.run("INVAL.RULE DUMP")), dump);
    for line in ["INVAL.CLASS LIST", "INVAL.SOURCE LIST"] {
        assert_eq!(bob.run(line), Value::Array(vec![]), "{line}");
    }
    let Value::Array(rules) = bob.run("INVAL.RULE LIST") else { panic!() };
    assert_eq!((rules.len(), int(&bob.run("INVAL.EVENT own"), "deleted")), (2, 2));

    let mut eve = user(&server, "eve", "~* -inval.rule|del");
    assert!(eve.error("INVAL.RULE DEL all").starts_with("NOPERM "));
    assert_eq!(eve.int("INVAL.RULE DISABLE all"), 1);
    assert_eq!(client.info("rules"), 2);
}

/// Name, arity, arguments at the top level. Redis counts the name; negative: or more.
const COMMANDS: [(&str, i64, usize); 54] = [
    ("TAG.SET", -3, 2),
    ("TAG.ADD", -3, 2),
    ("TAG.REM", -3, 2),
    ("TAG.GET", 2, 1),
    ("TAG.KEYS", -2, 5),
    ("TAG.CARD", 2, 1),
    ("TAG.LIST", -1, 3),
    ("TAG.HELP", 1, 0),
    ("INVAL.EVENT", -2, 6),
    ("INVAL.BATCH", -3, 3),
    ("INVAL.PURGE", -3, 5),
    ("INVAL.FETCH", -2, 3),
    ("INVAL.FILL", -3, 7),
    ("INVAL.JOBS", -1, 1),
    ("INVAL.EXPLAIN", -2, 1),
    ("INVAL.RULE|SET", 4, 2),
    ("INVAL.RULE|ADD", -5, 13),
    ("INVAL.RULE|GET", 3, 1),
    ("INVAL.RULE|DEL", -3, 1),
    ("INVAL.RULE|LIST", -2, 1),
    ("INVAL.RULE|LOAD", -3, 2),
    ("INVAL.RULE|DUMP", 2, 0),
    ("INVAL.RULE|ENABLE", -3, 1),
    ("INVAL.RULE|DISABLE", -3, 1),
    ("INVAL.RULE|HELP", 2, 0),
    ("INVAL.CLASS|SET", -4, 2),
    ("INVAL.CLASS|GET", 3, 1),
    ("INVAL.CLASS|DEL", -3, 1),
    ("INVAL.CLASS|LIST", 2, 0),
    ("INVAL.CLASS|LOAD", -3, 2),
    ("INVAL.CLASS|DUMP", 2, 0),
    ("INVAL.CLASS|HELP", 2, 0),
    ("INVAL.MAP|SET", 4, 2),
    ("INVAL.MAP|GET", 3, 1),
    ("INVAL.MAP|DEL", -3, 1),
    ("INVAL.MAP|LIST", 2, 0),
    ("INVAL.MAP|LOAD", -3, 2),
    ("INVAL.MAP|DUMP", 2, 0),
    ("INVAL.MAP|TEST", 4, 2),
    ("INVAL.MAP|HELP", 2, 0),
    ("INVAL.SOURCE|ADD", -7, 5),
    ("INVAL.SOURCE|DEL", -3, 1),
    ("INVAL.SOURCE|LIST", 2, 0),
    ("INVAL.SOURCE|HELP", 2, 0),
    ("INVAL.STATS", -1, 4),
    ("INVAL.TOP", -1, 2),
    ("INVAL.WHY", -2, 2),
    ("INVAL.LOG|GET", -2, 1),
    ("INVAL.LOG|LEN", 2, 0),
    ("INVAL.LOG|RESET", 2, 0),
    ("INVAL.LOG|HELP", 2, 0),
    ("INVAL.HEALTH", 1, 0),
    ("INVAL.CHECK", 1, 0),
    ("INVAL.HELP", 1, 0),
];

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        other => panic!("{other:?} is no list"),
    }
}

#[test]
fn the_server_knows_every_command() {
    let (_server, mut client) = server();
    let help = texts(&client.run("INVAL.HELP"));
    assert_eq!(help.len(), 2 * COMMANDS.len(), "{help:?}");
    for (name, arity, arguments) in COMMANDS {
        let usage = name.replace('|', " ");
        let is = |line: &str| line == usage || line.starts_with(&format!("{usage} "));
        let summary = help.chunks(2).find(|pair| is(&pair[0])).unwrap()[1].trim();

        let info = client.run(&format!("COMMAND INFO {name}"));
        let info = items(&items(&info)[0]);
        let full_name = name.to_lowercase();
        assert_eq!((text(&info[0]), &info[1]), (full_name.clone(), &Value::Int(arity)), "{name}");
        let has_key =
            ["TAG.SET", "TAG.ADD", "TAG.REM", "TAG.GET", "INVAL.FETCH", "INVAL.FILL", "INVAL.WHY"]
                .contains(&name);
        assert_eq!(info[3], Value::Int(i64::from(has_key)), "{name}: first key");
        assert_eq!(items(&info[8]).len(), usize::from(has_key), "{name}: key specs");
        let flags = texts(&info[2]);
        assert_ne!(flags.contains(&"write".into()), flags.contains(&"readonly".into()), "{name}");

        let docs = client.run(&format!("COMMAND DOCS {name}"));
        let docs = field(&docs, &full_name);
        assert_eq!(text(field(docs, "summary")), summary, "{name}");
        assert!(!text(field(docs, "complexity")).is_empty(), "{name}");
        assert_eq!(
            (text(field(docs, "module")), text(field(docs, "since"))),
            ("inval".into(), "0.1.0".into())
        );
        let described = match arguments {
            0 => 0,
            _ => items(field(docs, "arguments")).len(),
        };
        assert_eq!(described, arguments, "{name}");
    }
    assert_eq!(texts(&client.run("COMMAND GETKEYS TAG.SET k t u")), ["k"]);
    assert_eq!(texts(&client.run("COMMAND GETKEYS TAG.GET k")), ["k"]);
    let flags = format!("{:?}", client.run("COMMAND GETKEYSANDFLAGS TAG.SET k t"));
    assert!(flags.contains("RW") && flags.contains("update"), "{flags}");
    let flags = format!("{:?}", client.run("COMMAND GETKEYSANDFLAGS TAG.GET k"));
    assert!(flags.contains("RO") && flags.contains("access"), "{flags}");
}

/// As the command's own usage says: the word EVENT may be left out.
#[test]
fn explain_takes_an_event_by_its_name_alone() {
    let (_server, mut client) = server();
    assert_eq!(int(&client.run("INVAL.EXPLAIN own"), "matched"), 2);
}
