//! Configuration: `inval.*` at run time, from files and arguments; and what INFO and the two
//! protocols show.
#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what its rows share"
)]

#[path = "config/file_server.rs"]
mod file_server;
mod support;

use file_server::FileServer;
use redis::Value;
use support::{Client, Server, eventually, field, int, text, texts};

fn get(client: &mut Client, name: &str) -> String {
    text(field(&client.run(&format!("CONFIG GET inval.{name}")), &format!("inval.{name}")))
}

const NAMES: [&str; 4] = ["warm-maxlen", "index-slice-us", "check-interval", "fence"];

/// All values, in the order of their names.
fn values(client: &mut Client) -> [String; 4] {
    NAMES.map(|name| get(client, name))
}

fn set(client: &mut Client, name: &str, value: &str) -> Result<Value, String> {
    client.call(&[b"CONFIG", b"SET", format!("inval.{name}").as_bytes(), value.as_bytes()])
}

fn index(client: &mut Client) {
    eventually("the index is complete", || client.info("index_complete") == 1);
}

#[test]
fn values_are_read_set_and_bounded() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(values(&mut client), ["10000", "500", "60", ""]);
    let of_warming = ["warm-delay", "warm-hot", "warm-timeout"].map(|name| get(&mut client, name));
    assert_eq!(of_warming, ["100", "60000", "60000"]);
    let of_events = ["batch-size", "batch-timeout", "dedupe-window", "dedupe-max", "publish-names"]
        .map(|name| get(&mut client, name));
    assert_eq!(of_events, ["10", "5000", "300000", "100000", "100"]);
    let of_sources = ["source-slice-us", "dead-maxlen"].map(|name| get(&mut client, name));
    assert_eq!(of_sources, ["1000", "10000"]);
    let bounds = |min, max| format!("argument must be between {min} and {max} inclusive");
    let rows: [(&str, &[&str], &[&str], String); 14] = [
        ("warm-maxlen", &["0", "10000000", "7"], &["-1", "10000001"], bounds(0, 10_000_000)),
        ("warm-delay", &["0", "3600000", "7"], &["-1", "3600001"], bounds(0, 3_600_000)),
        ("warm-hot", &["1000", "86400000"], &["999", "86400001"], bounds(1000, 86_400_000)),
        ("warm-timeout", &["1", "86400000"], &["0", "86400001"], bounds(1, 86_400_000)),
        ("batch-size", &["1", "10000"], &["0", "10001"], bounds(1, 10_000)),
        ("batch-timeout", &["1", "3600000"], &["0", "3600001"], bounds(1, 3_600_000)),
        ("dedupe-window", &["0", "604800000"], &["-1", "604800001"], bounds(0, 604_800_000)),
        ("dedupe-max", &["0", "100000000"], &["-1", "100000001"], bounds(0, 100_000_000)),
        ("publish-names", &["-1", "100000"], &["-2", "100001"], bounds(-1, 100_000)),
        ("source-slice-us", &["50", "1000000"], &["49", "1000001"], bounds(50, 1_000_000)),
        ("dead-maxlen", &["1", "10000000"], &["0", "10000001"], bounds(1, 10_000_000)),
        ("index-slice-us", &["50", "1000000", "700"], &["49", "1000001"], bounds(50, 1_000_000)),
        ("check-interval", &["0", "86400", "8"], &["-1", "86401"], bounds(0, 86_400)),
        (
            "fence",
            &["", "a:", "a: b?:*  c:[12]"],
            &["a[", "a: b[^"],
            "inval.fence entry '*': unclosed '['".to_owned(),
        ),
    ];
    for (name, good, bad, why) in rows {
        for value in good {
            set(&mut client, name, value).unwrap();
            assert_eq!(get(&mut client, name), *value);
        }
        let last = good.last().unwrap();
        for value in bad {
            let error = set(&mut client, name, value).unwrap_err();
            let argument = format!("(possibly related to argument 'inval.{name}') - ");
            let why = why.replace('*', value.split(' ').next_back().unwrap());
            assert!(error.contains(&argument) && error.contains(&why), "{value}: {error}");
            assert_eq!(get(&mut client, name), *last);
        }
    }
    for value in ["x", "", "1.5", "1mb"] {
        let error = set(&mut client, "warm-maxlen", value).unwrap_err();
        assert!(error.contains("couldn't be parsed into an integer"), "{value}: {error}");
    }
    assert!(client.error("CONFIG SET inval.nope 1").contains("Unknown option"));
    assert_eq!(values(&mut client), ["7", "700", "8", "a: b?:*  c:[12]"]);
}

#[test]
fn arguments_are_defaults_and_the_file_goes_before_them() {
    let arguments = "loadmodule @ warm-maxlen 5 fence a: Index-Slice-Us 60 check-interval 9";
    for (lines, expected) in [
        ("", ["5", "60", "9", "a:"]),
        ("inval.warm-maxlen 6\ninval.fence \"b: c:\"", ["6", "60", "9", "b: c:"]),
        (
            "inval.warm-maxlen 0\ninval.index-slice-us 50\ninval.check-interval 0\ninval.fence \"\"",
            ["0", "50", "0", ""],
        ),
    ] {
        for lines in [format!("{arguments}\n{lines}"), format!("{lines}\n{arguments}")] {
            let mut server = FileServer::new(&lines);
            let mut client = server.start().unwrap();
            assert_eq!(values(&mut client), expected, "{lines}");
        }
    }
    for (line, logged) in [
        ("inval.warm-maxlen 10000001", "inval.warm-maxlen"),
        ("inval.warm-maxlen x", "inval.warm-maxlen"),
        ("inval.fence a[", "inval.fence"),
        ("inval.nope 1", "aborting"),
    ] {
        let mut server = FileServer::new(&format!("loadmodule @\n{line}"));
        let Err(log) = server.start().map(drop) else { panic!("{line}: started") };
        assert!(log.contains(logged), "{line}: {log}");
    }
}

#[test]
fn a_rewritten_file_keeps_the_values() {
    let mut server =
        FileServer::new("loadmodule @ warm-maxlen 5 fence a:\ninval.index-slice-us 60");
    let mut client = server.start().unwrap();
    for expected in [
        ["5", "60", "60", "a:"],
        ["7", "70", "0", "a: \u{e9}'\\\"# b:[12]*"],
        ["0", "500", "86400", ""],
        ["10000", "50", "1", "a:"],
    ] {
        for (name, value) in NAMES.iter().zip(expected) {
            set(&mut client, name, value).unwrap();
        }
        client.run("CONFIG REWRITE");
        client = server.start().unwrap();
        assert_eq!(values(&mut client), expected);
        // Once more, from the file that was rewritten.
        client.run("CONFIG REWRITE");
        client = server.start().unwrap();
        assert_eq!(values(&mut client), expected);
    }
    let file = server.file();
    assert_eq!(file.matches("loadmodule ").count(), 1, "{file}");
}

#[test]
fn a_narrower_fence_forgets_and_refuses_and_a_wider_one_finds_again() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "a:2", "b:1", "b:2"]);
    for key in ["a:1", "a:2", "b:1", "b:2"] {
        client.run(&format!("TAG.SET {key} t {key}"));
    }
    client.run("INVAL.RULE ADD r ON e KEYS 2 a:1 b:1");
    client.run("CONFIG SET inval.fence a:");
    index(&mut client);
    assert_eq!((client.info("keys"), client.info("tags"), client.info("tagged")), (2, 3, 4));
    assert_eq!(client.sorted("TAG.KEYS t"), ["a:1", "a:2"]);
    assert_eq!(client.sorted("TAG.LIST"), ["a:1", "a:2", "t"]);
    assert_eq!(texts(&client.run("TAG.GET b:1")), [""; 0]);
    for command in ["TAG.SET", "TAG.ADD", "TAG.REM"] {
        assert_eq!(
            client.error(&format!("{command} b:1 t")),
            "ERR key 'b:1' is outside inval.fence 'a:'; widen it with CONFIG SET inval.fence"
        );
    }
    for (line, deleted, refused) in [
        ("INVAL.PURGE KEYS 2 b:1 b:none", 0, 2),
        ("INVAL.PURGE KEYS 2 a:1 b:1 DRYRUN", 0, 1),
        ("INVAL.PURGE GLOB b:*", 0, 0),
        ("INVAL.PURGE TAGS 1 b:1", 0, 0),
        ("INVAL.EVENT e", 1, 1),
        ("INVAL.EVENT none '{\"affectedCaches\":[\"b:2\",\"b:*\"]}'", 0, 1),
        ("INVAL.PURGE GLOB *", 1, 0),
    ] {
        let reply = client.run(line);
        assert_eq!((int(&reply, "deleted"), int(&reply, "refused")), (deleted, refused), "{line}");
    }
    assert_eq!(int(&client.run("INVAL.EXPLAIN PURGE KEYS 1 b:1"), "refused"), 1);
    // Dry runs are not counted.
    assert_eq!((client.info("keys_refused"), client.info("keys")), (4, 0));
    assert_eq!(client.keys(), ["b:1", "b:2"]);

    // A bad one changes nothing; a wider one lets the keys in again, without their tags.
    assert!(set(&mut client, "fence", "b: a[").is_err());
    assert_eq!((get(&mut client, "fence"), client.info("keys")), ("a:".to_owned(), 0));
    client.run("CONFIG SET inval.fence 'a: b:'");
    index(&mut client);
    assert_eq!((client.info("keys"), client.info("tags")), (2, 0));
    assert_eq!(client.int("TAG.SET b:1 t"), 1);
    let reply = client.run("INVAL.PURGE GLOB *");
    assert_eq!((int(&reply, "deleted"), int(&reply, "refused")), (2, 0));
    client.assert_sound();
}

#[test]
fn a_fence_from_the_start_keeps_keys_out() {
    let server = Server::with_args(&["fence", "a: *:x"]);
    let mut client = server.client();
    client.set_all(&["a:1", "b:1", "b:x"]);
    assert_eq!(client.info("keys"), 2);
    assert_eq!(int(&client.run("INVAL.PURGE GLOB *"), "deleted"), 2);
    assert_eq!(client.keys(), ["b:1"]);
    // A key that is renamed into the fence is let in, and out of it forgotten.
    client.run("RENAME b:1 a:1");
    assert_eq!(client.int("TAG.SET a:1 t"), 1);
    client.run("RENAME a:1 b:1");
    assert_eq!((client.info("keys"), client.info("tags")), (0, 0));
}

/// The walk that looks for keys after a change has passed some of them by then.
#[test]
fn a_fence_that_widens_during_the_walk_misses_no_key() {
    let keys = 200_000;
    let server = Server::start();
    let mut client = server.client();
    let fill = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'b:' .. i, 'v') end";
    client.run(&format!("EVAL \"{fill}\" 0 {keys}"));
    assert_eq!(client.info("keys"), keys);
    client.run("CONFIG SET inval.index-slice-us 50");
    client.run("CONFIG SET inval.fence a:");
    eventually("the walk is on its way", || {
        if client.info("index_complete") == 1 {
            // It was too fast for us: once more.
            client.run("CONFIG SET inval.fence b:");
            index(&mut client);
            client.run("CONFIG SET inval.fence a:");
        }
        (1000..keys).contains(&client.info("index_scanned"))
    });
    client.run("CONFIG SET inval.fence ''");
    client.run("CONFIG SET inval.index-slice-us 1000000");
    index(&mut client);
    assert_eq!(client.info("keys"), keys);
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX b:"), "deleted"), keys);
}

/// The server takes all values or none; it asks for the fence first and puts the old one back.
#[test]
fn a_refused_change_of_two_values_forgets_no_tag() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "b:1"]);
    client.run("TAG.SET a:1 t");
    client.run("TAG.SET b:1 t");
    client.error("CONFIG SET inval.fence a: inval.warm-maxlen 10000001");
    index(&mut client);
    assert_eq!(get(&mut client, "fence"), "");
    assert_eq!(client.sorted("TAG.KEYS t"), ["a:1", "b:1"]);
}

#[test]
fn the_warm_queue_is_as_long_as_it_may_be_and_no_longer() {
    let server = Server::with_args(&["warm-maxlen", "150"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM");
    let mut event = |max: Option<i64>, count: i64| {
        if let Some(max) = max {
            client.run(&format!("CONFIG SET inval.warm-maxlen {max}"));
        }
        for at in 0..count {
            client.set_all(&[&format!("k:{at}")]);
        }
        let reply = client.run("INVAL.EVENT e");
        assert_eq!(int(&reply, "deleted"), count);
        (int(&reply, "warmed"), client.int("XLEN inval:warm:medium"))
    };
    assert_eq!(event(None, 200), (200, 150));
    assert_eq!(event(Some(3), 2), (2, 3));
    assert_eq!(event(Some(0), 10), (0, 3));
    assert_eq!(event(Some(1000), 10), (10, 13));
}

#[test]
fn info_holds_plain_numbers() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "a:2"]);
    client.run("TAG.SET a:1 t");
    client.run("INVAL.RULE ADD r ON e KEYS 1 a:* WARM");
    client.run("INVAL.EVENT e");
    client.error("INVAL.PURGE NOPE x");
    let info = text(&client.run("INFO inval"));
    let (mut sections, mut fields) = (vec![], vec![]);
    for line in info.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(section) => sections.push(section.to_owned()),
            None => {
                let (name, value) = line.split_once(':').unwrap();
                assert!(name.starts_with("inval_"), "{line}");
                assert!(value.parse::<u64>().is_ok(), "{line}");
                fields.push(name.to_owned());
            }
        }
    }
    assert_eq!(sections, ["inval_stats", "inval_index", "inval_health"]);
    assert!(fields.len() > 20, "{fields:?}");
    for (name, value) in [("keys_deleted", 2), ("keys_warmed", 2), ("errors", 1), ("rules", 1)] {
        assert_eq!(client.info(name), value, "{name}");
    }
    for section in ["everything", "modules"] {
        let info = text(&client.run(&format!("INFO {section}")));
        for name in &fields {
            assert_eq!(info.matches(&format!("\n{name}:")).count(), 1, "{section}: {name}");
        }
    }
}

/// A RESP2 reply with its pairs made into maps, wherever the RESP3 reply has a map.
fn like(resp2: &Value, resp3: &Value) -> Value {
    match (resp2, resp3) {
        (Value::Array(flat), Value::Map(fields)) => {
            assert_eq!(flat.len(), 2 * fields.len(), "{resp2:?}");
            let pair = |(pair, (_, value)): (&[Value], &(Value, Value))| {
                (pair[0].clone(), like(&pair[1], value))
            };
            Value::Map(flat.chunks(2).zip(fields).map(pair).collect())
        }
        (Value::Array(items), Value::Array(others)) => {
            Value::Array(items.iter().zip(others).map(|(item, other)| like(item, other)).collect())
        }
        (Value::BulkString(text), Value::Double(_)) => {
            Value::Double(String::from_utf8_lossy(text).parse().unwrap())
        }
        _ => resp2.clone(),
    }
}

/// The measured times are never the same twice.
fn without_times(value: &Value) -> Value {
    let Value::Map(fields) = value else { return value.clone() };
    let fields = fields.iter().filter(|(name, _)| text(name) != "micros");
    Value::Map(fields.map(|(name, value)| (name.clone(), without_times(value))).collect())
}

#[test]
fn maps_are_flat_lists_in_the_old_protocol() {
    let server = Server::start();
    let (mut new, mut old) = (server.client(), server.resp2_client());
    new.set_all(&["a:1", "a:2"]);
    new.run("INVAL.RULE ADD r ON e KEYS 2 a:* b TAGS 1 t");
    new.run("INVAL.CLASS SET c MATCH c TTL 5 EARLY 0.5");
    new.run("INVAL.EVENT e");
    new.set_all(&["a:1", "a:2"]);
    for line in [
        "INVAL.EVENT e DRYRUN KEYS",
        "INVAL.PURGE GLOB a:* LIMIT 1 DRYRUN",
        "INVAL.EXPLAIN EVENT e",
        "INVAL.RULE GET r",
        "INVAL.RULE LIST",
        "INVAL.CLASS GET c",
        "INVAL.CLASS LIST",
        "INVAL.STATS totals index cache rules events patterns classes",
        "INVAL.STATS totals",
    ] {
        let (resp3, resp2) = (new.run(line), old.run(line));
        let shown = format!("{resp3:?}");
        assert!(shown.contains("map("), "{line}: {shown}");
        assert!(!format!("{resp2:?}").contains("map("), "{line}: {resp2:?}");
        assert_eq!(without_times(&like(&resp2, &resp3)), without_times(&resp3), "{line}");
    }
    let reply = old.run("INVAL.EVENT e KEYS");
    let Value::Array(flat) = &reply else { panic!("{reply:?}") };
    let names: Vec<_> = flat.chunks(2).map(|pair| text(&pair[0])).collect();
    assert_eq!(names.join(" "), "rules matched deleted marked absent warmed refused micros keys");
    assert_eq!((int(&reply, "deleted"), texts(field(&reply, "keys")).len()), (2, 2));
    assert_eq!(
        (new.run("INVAL.RULE GET no"), old.run("INVAL.RULE GET no")),
        (Value::Nil, Value::Nil)
    );
}
