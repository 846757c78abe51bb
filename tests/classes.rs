//! `INVAL.CLASS` on real servers: set, shown, loaded, replicated, and there after a restart.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;

use redis::Value;
use support::process::fresh_dir;
use support::state::{assert_same, children_are_done};
use support::{Client, Server, field, int, text, texts};

fn dump(client: &mut Client) -> String {
    text(&client.run("INVAL.CLASS DUMP"))
}

/// The names of all classes, in order.
fn names(client: &mut Client) -> String {
    let Value::Array(rows) = client.run("INVAL.CLASS LIST") else { panic!() };
    rows.iter().map(|row| text(field(row, "name"))).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_class_is_set_shown_listed_and_deleted() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.CLASS SET s MATCH s:* 't:[ab]' TTL 300 JITTER 10 GRACE 60000 EARLY 1.5");
    client.run(r#"INVAL.CLASS SET d '{"match":["*"],"description":"all others"}'"#);
    let row = client.run("INVAL.CLASS GET s");
    assert_eq!(texts(field(&row, "match")), ["s:*", "t:[ab]"]);
    let numbers = ["ttl", "jitter", "grace", "hits", "misses", "stale", "busy", "fills", "refused"];
    assert_eq!(numbers.map(|name| int(&row, name)), [300, 10, 60_000, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        (field(&row, "early"), field(&row, "hit_rate")),
        (&Value::Double(1.5), &Value::Double(0.0))
    );
    let other = client.run("INVAL.CLASS GET d");
    assert_eq!((field(&other, "ttl"), field(&other, "early")), (&Value::Nil, &Value::Nil));
    assert_eq!(text(field(&other, "description")), "all others");
    assert_eq!(client.run("INVAL.CLASS LIST"), Value::Array(vec![other, row]));
    assert_eq!((client.run("INVAL.CLASS GET none"), client.info("classes")), (Value::Nil, 2));
    let stats = client.run("INVAL.STATS classes");
    assert_eq!(int(field(field(&stats, "classes"), "s"), "hits"), 0);

    assert_eq!(client.int("INVAL.CLASS DEL none s"), 1);
    assert_eq!(
        dump(&mut client),
        r#"{"classes":[{"name":"d","match":["*"],"description":"all others"}]}"#
    );
    let help = texts(&client.run("INVAL.CLASS HELP"));
    assert_eq!(help.len(), 14);
    assert!(help.iter().step_by(2).all(|line| line.starts_with("INVAL.CLASS ")), "{help:?}");
    client.assert_sound();
}

#[test]
fn a_document_is_taken_whole_or_not_at_all() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.CLASS SET mine MATCH mine");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/classes.json");
    let document = fs::read(path).unwrap();
    assert_eq!(client.call(&[b"INVAL.CLASS", b"LOAD", &document]), Ok(Value::Int(11)));
    assert_eq!(
        names(&mut client),
        "default long medium mine roster-data school-data session-analytics session-detail session-list short user-permissions user-profile"
    );
    assert_eq!(client.call(&[b"INVAL.CLASS", b"LOAD", &document, b"REPLACE"]), Ok(Value::Int(11)));
    assert_eq!(client.info("classes"), 11);
    let before = dump(&mut client);
    for (json, error) in [
        (
            "[{\"name\":\"ok\",\"match\":[\"a\"]},{\"name\":\"x\",\"match\":[]},{\"name\":\"ok\",\"match\":[\"a\"]}]",
            "ERR classes[1]: class 'x': no globs; give at least one in \"match\", such as \"user:*\" | classes[2]: class 'ok' appears twice; give each class its own \"name\"",
        ),
        ("{\"classes\":[],\"rules\":[]}", "ERR bad class: unknown field `rules` beside `classes`"),
        (
            "[{\"name\":\"x\",\"match\":[\"a\"],\"ttl\":0}]",
            "ERR classes[0]: class 'x': ttl '0' is not a whole number of seconds from 1 to 2305843009213693",
        ),
        ("[", "ERR class document is not valid JSON at line 1 column 1: EOF while parsing a list"),
    ] {
        for words in [
            &[&b"INVAL.CLASS"[..], b"LOAD", json.as_bytes()][..],
            &[b"INVAL.CLASS", b"LOAD", json.as_bytes(), b"REPLACE"],
        ] {
            assert_eq!(client.call(words).unwrap_err(), error);
            assert_eq!(dump(&mut client), before);
        }
    }
    // A dump is a document.
    client.run("INVAL.CLASS LOAD [] REPLACE");
    assert_eq!(client.info("classes"), 0);
    client.call(&[b"INVAL.CLASS", b"LOAD", before.as_bytes()]).unwrap();
    assert_eq!(dump(&mut client), before);
    client.assert_sound();
}

/// What each of these ways of setting classes leaves, a replica has too.
#[test]
fn a_replica_has_every_class() {
    let primary = Server::start();
    let mut client = primary.client();
    client.run("INVAL.CLASS SET before MATCH b:* TTL 5");
    let replica = Server::with_args(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    assert_same(&primary, &replica, "a full sync");
    for line in [
        "INVAL.CLASS SET a MATCH a:* TTL 300 EARLY 0.5",
        r#"INVAL.CLASS SET a '{"match":["a"],"jitter":7}'"#,
        r#"INVAL.CLASS LOAD '[{"name":"b","match":["b"]},{"name":"c","match":["c"]}]'"#,
        "INVAL.CLASS DEL b none",
        r#"INVAL.CLASS LOAD '[{"name":"d","match":["d"]}]' REPLACE"#,
    ] {
        client.run(line);
        assert_same(&primary, &replica, line);
    }
    assert_eq!(names(&mut replica.client()), "d");
    assert!(replica.client().error("INVAL.CLASS DEL d").starts_with("READONLY"));
}

const MINE: &str = r#"{"rules":[{"name":"r","eventType":"e","tags":["t"]}],
    "classes":[{"name":"a","match":["a"],"ttl":1},{"name":"b","match":["b"],"ttl":1},
    {"name":"c","match":["c"],"ttl":1}]}"#;

fn saved(client: &mut Client, how: &str) {
    // A rewrite may be under way from the start.
    children_are_done(client);
    client.run(how);
    children_are_done(client);
}

/// As it is with rules: what was changed since stays, unless its file changed too.
#[test]
fn a_restart_takes_what_changed_in_files_and_keeps_all_else() {
    let ways: [(&[&str], &str); 4] = [
        (&["--save", "3600 1"], "SAVE"),
        (&["--appendonly", "yes", "--appendfsync", "always"], "PING"),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
            "PING",
        ),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
            "BGREWRITEAOF",
        ),
    ];
    for (options, save) in ways {
        let what = format!("{options:?} {save}");
        let dir = fresh_dir();
        let file = dir.join("mine.json");
        fs::write(&file, MINE).unwrap();
        let args = [&["rules", dir.to_str().unwrap()], options].concat();
        let mut server = Server::with_args(&args);
        let mut client = server.client();
        assert_eq!(names(&mut client), "a b c", "{what}");
        client.run("INVAL.CLASS SET b MATCH changed");
        client.run("INVAL.CLASS SET other MATCH other GRACE 5");
        client.run("INVAL.CLASS DEL c");
        saved(&mut client, save);
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!((names(&mut client).as_str(), client.info("rules")), ("a b other", 1), "{what}");
        assert_eq!(texts(field(&client.run("INVAL.CLASS GET b"), "match")), ["changed"], "{what}");
        assert_eq!(int(&client.run("INVAL.CLASS GET other"), "grace"), 5, "{what}");
        saved(&mut client, save);
        fs::write(
            &file,
            MINE.replace(r#""a","match":["a"],"ttl":1"#, r#""a","match":["a"],"ttl":2"#),
        )
        .unwrap();
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(names(&mut client), "a b other", "{what}");
        assert_eq!(int(&client.run("INVAL.CLASS GET a"), "ttl"), 2, "{what}");
        assert_eq!(texts(field(&client.run("INVAL.CLASS GET b"), "match")), ["changed"], "{what}");
        client.assert_sound();
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn bad_classes_are_refused_and_change_nothing() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.CLASS SET keep MATCH keep:* TTL 5");
    let before = dump(&mut client);
    let most = "9223372036854775807";
    for (line, error) in [
        (
            "SET c MATCH",
            "missing glob; usage: INVAL.CLASS SET name <json | MATCH glob [glob ...]".to_owned(),
        ),
        (
            "SET c NOPE x",
            "missing MATCH glob, or a JSON object; usage: INVAL.CLASS SET name".to_owned(),
        ),
        ("SET '' MATCH c", "empty class name; give it at least one byte".to_owned()),
        ("SET c MATCH ''", "class 'c': empty glob; give it at least one byte".to_owned()),
        (
            "SET c MATCH 'c['",
            "class 'c': unclosed '[' at byte 1 of glob 'c['; close it with ']', or".to_owned(),
        ),
        ("SET c MATCH \"\\xff\"", "glob '\\xff' is not UTF-8; send it as text".to_owned()),
        ("SET c MATCH c TTL x", format!("ttl 'x' is not a whole number from 0 to {most}")),
        (
            "SET c MATCH c TTL 0",
            "class 'c': ttl '0' is not a whole number of seconds from 1 to 2305843009213693"
                .to_owned(),
        ),
        (
            &format!("SET c MATCH c TTL {most}"),
            format!("class 'c': ttl '{most}' is not a whole number of seconds"),
        ),
        (
            "SET c MATCH c JITTER 101",
            "class 'c': jitter '101' is not a whole number of percent from 0 to 100".to_owned(),
        ),
        (
            &format!("SET c MATCH c GRACE {most}"),
            format!(
                "class 'c': grace '{most}' is not a whole number of milliseconds from 0 to 2305843009213693951"
            ),
        ),
        (
            "SET c MATCH c EARLY 0",
            "early '0' is not a number above 0, of at most 100; 1 is the usual".to_owned(),
        ),
        ("SET c MATCH c EARLY inf", "early 'inf' is not a number above 0".to_owned()),
        (
            "SET c MATCH c DESC a b",
            "unexpected argument 'b'; usage: INVAL.CLASS SET name".to_owned(),
        ),
        (
            "SET c {",
            "class document is not valid JSON at line 1 column 1: EOF while parsing an object"
                .to_owned(),
        ),
        (
            "SET c '{\"name\":\"d\",\"match\":[\"c\"]}'",
            "the document names the class 'd', the command 'c'; leave \"name\" out".to_owned(),
        ),
        (
            "SET c '{\"match\":[\"c\"],\"tl\":5}'",
            "bad class: unknown field `tl`, expected one of `name`, `match`, `ttl`, `jitter`"
                .to_owned(),
        ),
        ("LOAD [] x", "unexpected argument 'x'; usage: INVAL.CLASS LOAD json [REPLACE]".to_owned()),
    ] {
        let found = client.error(&format!("INVAL.CLASS {line}"));
        assert!(found.starts_with(&format!("ERR {error}")), "{line}: {found}");
        assert_eq!(dump(&mut client), before, "{line}");
    }
    let long = "x".repeat(2000);
    for (words, error) in [
        (
            [&b"SET"[..], long.as_bytes(), b"MATCH", b"c"],
            "ERR class name of 2000 bytes is longer than the limit of 512; use a shorter one",
        ),
        (
            [b"SET", b"c", b"MATCH", long.as_bytes()],
            "ERR class 'c': pattern of 2000 bytes is longer than the limit of 1024; use a shorter pattern, or tags",
        ),
    ] {
        let words = [&[&b"INVAL.CLASS"[..]], &words[..]].concat();
        assert_eq!(client.call(&words).unwrap_err(), error);
    }
    let huge = "x".repeat(2 << 20);
    let words: [&[u8]; 7] =
        [b"INVAL.CLASS", b"SET", b"c", b"MATCH", b"c", b"DESC", huge.as_bytes()];
    let error = client.call(&words).unwrap_err();
    assert!(
        error.starts_with("ERR the classes are larger than 1048576 bytes as JSON; "),
        "{error}"
    );
    assert_eq!(dump(&mut client), before);
    client.assert_sound();
}
