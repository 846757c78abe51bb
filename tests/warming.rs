//! Deleted keys wait on streams until a worker computes them again: what is queued, when, and what
//! is told of it.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use redis::Value;
use support::state::{assert_same, children_are_done, in_sync};
use support::{Client, Server, eventually, field, int, text, texts};

/// The fields of all entries of a queue, in order.
fn entries(client: &mut Client, queue: &str) -> Vec<Vec<String>> {
    let line = format!("XRANGE inval:warm:{queue} - +");
    let Value::Array(entries) = client.run(&line) else { panic!() };
    let fields = |entry: &Value| match entry {
        Value::Array(parts) => texts(&parts[1]),
        other => panic!("{other:?}"),
    };
    entries.iter().map(fields).collect()
}

/// A field of an entry.
fn of<'f>(fields: &'f [String], name: &str) -> &'f str {
    &fields.chunks(2).find(|pair| pair[0] == name).unwrap()[1]
}

/// The server's clock, in milliseconds.
fn now_ms(client: &mut Client) -> i64 {
    let time: Vec<i64> = texts(&client.run("TIME")).iter().map(|of| of.parse().unwrap()).collect();
    time[0] * 1000 + time[1] / 1000
}

const COUNTS: [&str; 6] = ["queued", "claimed", "warmed", "failed", "deduplicated", "cold"];

/// What is told, in the order of [`COUNTS`]; `INFO` and the rows of the rules agree.
fn counts(client: &mut Client) -> [i64; 6] {
    let stats = client.run("INVAL.STATS warm");
    let warm = field(&stats, "warm");
    let Value::Map(rules) = field(warm, "rules") else { panic!("{warm:?}") };
    COUNTS.map(|name| {
        let count = int(warm, name);
        assert_eq!(client.info(&format!("warm_{name}")), count, "{name}");
        assert_eq!(rules.iter().map(|(_, row)| int(row, name)).sum::<i64>(), count, "{name}");
        count
    })
}

#[test]
fn each_deleted_key_that_existed_is_queued_once_with_its_reason() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "a:2", "b"]);
    client.run("INVAL.RULE ADD cold ON e KEYS 1 a:1 PRIORITY high");
    client.run("INVAL.RULE ADD hot ON e KEYS 3 a:* a:1 gone WARM PRIORITY low");
    let from = now_ms(&mut client);
    let reply = client.run(r#"INVAL.EVENT e '{"x": 1}'"#);
    let to = now_ms(&mut client);
    assert_eq!((int(&reply, "deleted"), int(&reply, "warmed")), (2, 2));
    let found = entries(&mut client, "low");
    for (fields, key) in found.iter().zip(["a:1", "a:2"]) {
        let due: i64 = of(fields, "due").parse().unwrap();
        assert!((from + 100..=to + 100).contains(&due), "{from} {due} {to}");
        let due = due.to_string();
        let words = ["key", key, "rule", "hot", "event", "e", "priority", "low", "db", "0", "due"];
        let payload = [due.as_str(), "payload", r#"{"x": 1}"#];
        assert_eq!(*fields, words.into_iter().chain(payload).collect::<Vec<_>>());
    }
    client.run("INVAL.EVENT e DRYRUN");
    client.run("INVAL.PURGE KEYS 1 b");
    assert_eq!((found.len(), client.int("XLEN inval:warm:low")), (2, 2));
    assert_eq!(counts(&mut client), [2, 0, 0, 0, 0, 0]);
    client.assert_sound();
}

#[test]
fn each_priority_has_its_queue_and_each_rule_its_delay() {
    let server = Server::with_args(&["warm-delay", "5000"]);
    let mut client = server.client();
    let rules = ["high WARM DELAY 0", "medium WARM", "low WARM DELAY 3600000"];
    for (rule, key) in rules.iter().zip(["h", "m", "l"]) {
        client.set_all(&[key]);
        client.run(&format!("INVAL.RULE ADD {key} ON e KEYS 1 {key} PRIORITY {rule}"));
    }
    let from = now_ms(&mut client);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 3);
    let to = now_ms(&mut client);
    for (queue, key, delay) in [("high", "h", 0), ("medium", "m", 5000), ("low", "l", 3_600_000)] {
        let found = entries(&mut client, queue);
        assert_eq!((found.len(), of(&found[0], "key")), (1, key));
        let due: i64 = of(&found[0], "due").parse().unwrap();
        assert!((from + delay..=to + delay).contains(&due), "{queue}: {from} {due} {to}");
    }
    let stats = client.run("INVAL.STATS warm");
    let queues = field(field(&stats, "warm"), "queues");
    assert_eq!(["high", "medium", "low"].map(|name| int(queues, name)), [1, 1, 1]);
}

#[test]
fn each_queue_is_bounded_and_all_can_be_switched_off() {
    let server = Server::with_args(&["warm-maxlen", "5"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM");
    client.run("INVAL.RULE ADD s ON e KEYS 1 s WARM PRIORITY high");
    let fill = |client: &mut Client| {
        (0..20).for_each(|at| client.set_all(&[&format!("k:{at:02}")]));
    };
    fill(&mut client);
    client.set_all(&["s"]);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 21);
    let kept = entries(&mut client, "medium");
    let kept: Vec<&str> = kept.iter().map(|fields| of(fields, "key")).collect();
    assert_eq!(kept, ["k:15", "k:16", "k:17", "k:18", "k:19"]);
    assert_eq!(client.int("XLEN inval:warm:high"), 1);
    client.run("CONFIG SET inval.warm-maxlen 0");
    fill(&mut client);
    let reply = client.run("INVAL.EVENT e");
    assert_eq!((int(&reply, "deleted"), int(&reply, "warmed")), (20, 0));
    assert_eq!(client.int("XLEN inval:warm:medium"), 5);
}

#[test]
fn the_queues_are_never_indexed_or_purged() {
    let server = Server::start();
    let mut client = server.client();
    client.run("XADD inval:warm:dead * key a");
    for priority in ["high", "medium", "low"] {
        client.set_all(&[priority]);
        client.run(&format!(
            "INVAL.RULE ADD {priority} ON e KEYS 1 {priority} WARM PRIORITY {priority}"
        ));
    }
    client.run("INVAL.EVENT e");
    let own = client.keys();
    assert_eq!(
        own,
        ["high", "low", "medium", "dead"].map(|of| format!("inval:warm:{of}")).sorted()
    );
    for purge in ["GLOB *", "PREFIX inval", "REGEX warm"] {
        assert_eq!(int(&client.run(&format!("INVAL.PURGE {purge}")), "matched"), 0, "{purge}");
    }
    for name in &own {
        assert!(client.error(&format!("TAG.SET {name} t")).contains("belongs to the module"));
    }
    assert_eq!((client.keys(), client.info("keys")), (own, 0));
    client.assert_sound();
}

trait Sorted {
    fn sorted(self) -> Vec<String>;
}

impl<const N: usize> Sorted for [String; N] {
    fn sorted(self) -> Vec<String> {
        let mut all = self.to_vec();
        all.sort();
        all
    }
}

/// Makes copies of the key `model` that were last used so long ago, or so often.
fn put(client: &mut Client, key: &str, used: [&str; 2]) {
    let Value::BulkString(dump) = client.run("DUMP model") else { panic!() };
    let [how, much] = used.map(str::as_bytes);
    client.call(&[b"RESTORE", key.as_bytes(), b"0", &dump, how, much]).unwrap();
}

#[test]
fn of_a_rule_for_hot_keys_those_are_queued_that_were_used_lately() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD hot ON e KEYS 1 k:* WARM HOT");
    client.run("INVAL.RULE ADD all ON e KEYS 1 a WARM");
    client.set_all(&["model", "k:new"]);
    put(&mut client, "k:warm", ["IDLETIME", "50"]);
    put(&mut client, "k:cold", ["IDLETIME", "61"]);
    put(&mut client, "a", ["IDLETIME", "1000"]);
    // To look, and look again, uses nothing.
    client.run("INVAL.EXPLAIN EVENT e");
    assert_eq!(int(&client.run("INVAL.EVENT e DRYRUN"), "matched"), 4);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 3);
    let keys = |client: &mut Client| {
        let found = entries(client, "medium");
        let mut keys: Vec<_> = found.iter().map(|fields| of(fields, "key").to_owned()).collect();
        keys.sort();
        client.run("DEL inval:warm:medium");
        keys
    };
    assert_eq!(keys(&mut client), ["a", "k:new", "k:warm"]);
    assert_eq!(counts(&mut client), [3, 0, 0, 0, 0, 1]);
    client.run("CONFIG SET inval.warm-hot 1000");
    put(&mut client, "k:warm", ["IDLETIME", "50"]);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 0);
    // Where the server counts uses, the counter says it, and the time plays no part.
    client.run("CONFIG SET maxmemory-policy allkeys-lfu");
    client.set_all(&["model", "k:new"]);
    put(&mut client, "k:used", ["FREQ", "200"]);
    put(&mut client, "k:cold", ["FREQ", "4"]);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 2);
    assert_eq!(keys(&mut client), ["k:new", "k:used"]);
    client.assert_sound();
}

#[test]
fn one_follows_a_key_from_the_queue_until_it_is_back() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k WARM SOFT 3600000");
    client.run("INVAL.RULE ADD now ON now KEYS 1 * WARM PRIORITY high");
    client.set_all(&["k"]);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 1);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 0);
    assert_eq!(counts(&mut client), [1, 0, 0, 0, 1, 0]);
    let token = texts(&client.run("INVAL.FETCH k"))[2].clone();
    // Claimed: who computes may have begun too early.
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 1);
    let told = texts(&client.run(&format!("INVAL.FILL k v TOKEN {token}")));
    assert_eq!(told[0], "refused");
    assert_eq!((counts(&mut client), client.info("warm_waiting")), ([2, 1, 0, 0, 1, 0], 1));
    // More urgent.
    assert_eq!(int(&client.run("INVAL.EVENT now"), "warmed"), 1);
    let token = texts(&client.run("INVAL.FETCH k"))[1].clone();
    assert_eq!(texts(&client.run(&format!("INVAL.FILL k v TOKEN {token}"))), ["filled"]);
    assert_eq!((counts(&mut client), client.info("warm_waiting")), ([3, 2, 1, 0, 1, 0], 0));
    // Any other value is one, too.
    for line in ["SET k v", "HSET k f v", "SET o v\nRENAME o k", "INVAL.FILL k v", "LPUSH k v"] {
        client.run("INVAL.STATS RESET");
        client.run("INVAL.EVENT now");
        assert_eq!(client.info("warm_waiting"), 1, "{line}");
        line.lines().for_each(|line| drop(client.run(line)));
        let claimed = i64::from(line.starts_with("INVAL"));
        assert_eq!(counts(&mut client), [1, claimed, 1, 0, 0, 0], "{line}");
    }
    client.assert_sound();
}

#[test]
fn what_does_not_come_back_fails_in_time_and_what_is_flushed_does_not() {
    let server = Server::with_args(&["warm-timeout", "1"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM DELAY 0");
    client.set_all(&["k:1", "k:2"]);
    client.run("INVAL.EVENT e");
    eventually("both have failed", || client.info("warm_failed") == 2);
    client.run("CONFIG SET inval.warm-timeout 86400000");
    client.set_all(&["k:1", "k:2", "k:3"]);
    client.run("INVAL.EVENT e");
    client.run("SWAPDB 0 1");
    client.set_all(&["k:1"]);
    assert_eq!(client.info("warm_waiting"), 3, "another database");
    client.run("SWAPDB 0 1");
    client.set_all(&["k:1"]);
    assert_eq!(counts(&mut client), [5, 0, 1, 2, 0, 0]);
    client.run("FLUSHDB");
    assert_eq!((client.info("warm_waiting"), counts(&mut client)), (0, [5, 0, 1, 2, 0, 0]));
    // With a rule its row goes.
    client.run("INVAL.RULE DEL r");
    eventually("the row is gone", || {
        let stats = client.run("INVAL.STATS warm");
        *field(field(&stats, "warm"), "rules") == Value::Map(vec![])
    });
    client.assert_sound();
}

#[test]
fn a_replica_has_the_queues_and_knows_of_nobody_that_waits() {
    let primary = Server::start();
    let mut client = primary.client();
    let replica = Server::with_args(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    in_sync(&primary, &replica);
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM DELAY 7 HOT");
    client.set_all(&["k:1", "k:2"]);
    client.run("INVAL.EVENT e");
    assert_same(&primary, &replica, "after an event");
    let mut heir = replica.client();
    assert_eq!((client.info("warm_waiting"), heir.info("warm_waiting")), (2, 0));
    assert_eq!(int(&heir.run("INVAL.RULE GET r"), "warmDelay"), 7);
    heir.run("REPLICAOF NO ONE");
    heir.set_all(&["k:1"]);
    assert_eq!(int(&heir.run("INVAL.EVENT e"), "warmed"), 1);
    client.run(&format!("REPLICAOF 127.0.0.1 {}", replica.port));
    assert_same(&replica, &primary, "turned round");
    assert_eq!((client.info("warm_waiting"), client.info("warm_failed")), (0, 0));
}

#[test]
fn how_a_rule_warms_outlives_the_server() {
    for (file, preamble, save) in [
        ("no", "yes", "SAVE"),
        ("yes", "yes", "PING"),
        ("yes", "yes", "BGREWRITEAOF"),
        ("yes", "no", "BGREWRITEAOF"),
    ] {
        let args = ["--appendonly", file, "--aof-use-rdb-preamble", preamble];
        let mut server = Server::with_args(&[&args[..], &["--appendfsync", "always"]].concat());
        let mut client = server.client();
        client.run("INVAL.RULE ADD a ON e KEYS 1 k:* WARM DELAY 0 HOT");
        client.run("INVAL.RULE ADD b ON e KEYS 1 k:* WARM HOT");
        client.run("INVAL.RULE ADD c ON e KEYS 1 k:* WARM DELAY 3600000");
        client.set_all(&["k:1"]);
        client.run("INVAL.EVENT e");
        let before = (text(&client.run("INVAL.RULE DUMP")), entries(&mut client, "medium"));
        assert!(before.0.contains(r#""warmCache":true,"warmDelay":0,"warmHot":true"#));
        children_are_done(&mut client);
        client.run(save);
        children_are_done(&mut client);
        server.kill_and_restart();
        let mut client = server.client();
        let after = (text(&client.run("INVAL.RULE DUMP")), entries(&mut client, "medium"));
        assert_eq!(after, before, "{save} {preamble}");
        assert_eq!((before.1.len(), client.info("warm_waiting")), (1, 0));
        client.assert_sound();
    }
}
