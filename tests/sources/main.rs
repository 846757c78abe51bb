//! Streams whose entries are events: each takes effect once, whatever happens to the server.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod debezium;
mod malformed;
mod once;
#[path = "../support/mod.rs"]
mod support;

use redis::Value;
use support::{Client, Server, eventually, field, int, text, texts};

const RULE: &str = "INVAL.RULE ADD r ON e KEYS 1 k:{id}";

/// The row of the only source.
fn source(client: &mut Client) -> Value {
    let Value::Array(mut rows) = client.run("INVAL.SOURCE LIST") else { panic!() };
    assert_eq!(rows.len(), 1);
    rows.pop().unwrap()
}

fn taken(client: &mut Client) -> i64 {
    int(&source(client), "entries")
}

/// Adds an event as an entry of the stream `s`.
fn add(client: &mut Client, id: u64) {
    client.run(&format!("XADD s * event e payload '{{\"id\":{id}}}'"));
}

/// The keys that events are about, and that are there.
fn cached(client: &mut Client) -> Vec<String> {
    client.sorted("KEYS k:*")
}

/// The fields of all entries of a stream.
fn entries(client: &mut Client, stream: &str) -> Vec<Vec<String>> {
    let Value::Array(entries) = client.run(&format!("XRANGE {stream} - +")) else { panic!() };
    let fields = |entry: &Value| match entry {
        Value::Array(parts) => texts(&parts[1]),
        other => panic!("{other:?}"),
    };
    entries.iter().map(fields).collect()
}

#[test]
fn an_entry_invalidates_at_once() {
    let server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT json");
    for id in 1..=20 {
        client.set_all(&[&format!("k:{id}")]);
        add(&mut client, id);
        eventually("the key is gone", || cached(&mut client).is_empty());
    }
    // In a transaction, and in a script.
    client.set_all(&["k:1", "k:2", "k:3"]);
    client.run("MULTI");
    add(&mut client, 1);
    add(&mut client, 2);
    client.run("EXEC");
    client.run(r#"EVAL "redis.call('XADD','s','*','event','e','payload','{\"id\":3}')" 0"#);
    eventually("the keys are gone", || cached(&mut client).is_empty());
    let row = source(&mut client);
    assert_eq!((int(&row, "entries"), int(&row, "lag"), int(&row, "dead")), (23, 0, 0));
    let stats = client.run("INVAL.STATS sources");
    assert_eq!(int(field(field(&stats, "sources"), "s"), "events"), 23);
    client.assert_sound();
}

#[test]
fn where_the_server_can_the_key_is_gone_when_xadd_replies() {
    let server = Server::start();
    let mut client = server.client();
    if !client.run("INFO server").eq(&Value::Nil) && !tells_when_done(&mut client) {
        return;
    }
    client.run(RULE);
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT json");
    for id in 1..=500 {
        client.set_all(&[&format!("k:{id}")]);
        add(&mut client, id);
        assert_eq!(cached(&mut client), [""; 0], "entry {id}");
    }
}

/// Whether the server calls back when a command is done: Redis 7.2 and later, and Valkey.
fn tells_when_done(client: &mut Client) -> bool {
    let info = text(&client.run("INFO server"));
    !info.contains("redis_version:7.0.")
}

#[test]
fn sources_are_added_listed_and_deleted() {
    let server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.set_all(&["k:1", "k:2", "k:3", "string"]);
    add(&mut client, 1);
    let second = text(&client.run("XADD s * event e payload '{\"id\":2}'"));
    add(&mut client, 3);
    client.run(&format!("INVAL.SOURCE ADD after STREAM s FORMAT JSON FROM {second}"));
    eventually("one was taken", || taken(&mut client) == 1);
    assert_eq!(cached(&mut client), ["k:1", "k:2"]);
    let error = client.error("INVAL.SOURCE ADD after STREAM s FORMAT json");
    assert!(error.contains("source 'after' exists; INVAL.SOURCE DEL it first"), "{error}");
    let rows = [
        ("INVAL.SOURCE ADD x STREAM s FORMAT xml", "debezium-extended"),
        ("INVAL.SOURCE ADD x STREAM s FORMAT json MAP none", "no mapping 'none'"),
        ("INVAL.SOURCE ADD x STREAM s FORMAT json FROM abc", "'abc' is not an id"),
        ("INVAL.SOURCE ADD x STREAM inval:warm FORMAT json", "belongs to the module"),
        ("INVAL.SOURCE ADD x STREAM string FORMAT json", "the stream"),
        ("INVAL.SOURCE ADD x FORMAT json x y", "missing STREAM key"),
    ];
    for (line, told) in rows {
        let error = client.error(line);
        assert!(error.contains(told), "{line}: {error}");
    }
    assert_eq!(client.int("INVAL.SOURCE DEL after none"), 1);
    client.run("INVAL.SOURCE ADD all STREAM s FORMAT json FROM 0");
    eventually("all were taken", || taken(&mut client) == 3);
    assert_eq!(cached(&mut client), [""; 0]);
    // A stream of another database is another stream.
    client.run("SELECT 1");
    client.set_all(&["k:9"]);
    add(&mut client, 9);
    client.run("SELECT 0");
    add(&mut client, 8);
    eventually("one was taken", || taken(&mut client) == 4);
    client.run("SELECT 1");
    assert_eq!(cached(&mut client), ["k:9"]);
}

#[test]
fn streams_that_come_by_other_ways_are_taken_too() {
    let server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT json");
    client.set_all(&["k:1", "k:2"]);
    client.run("XADD other * event e payload '{\"id\":1}'");
    client.run("RENAME other s");
    eventually("the renamed stream was taken", || taken(&mut client) == 1);
    // One that begins anew, with lower ids.
    client.run("DEL s");
    client.run("XADD s 5-1 event e payload '{\"id\":2}'");
    eventually("the new stream was taken", || taken(&mut client) == 2);
    assert_eq!(cached(&mut client), [""; 0]);
    // A deleted entry does not count as a new beginning.
    let last = text(&client.run("XADD s * event e payload '{\"id\":3}'"));
    eventually("three", || taken(&mut client) == 3);
    client.run(&format!("XDEL s {last}"));
    let looks = support::server_micros(&mut client) + 2_500_000;
    eventually("looked again", || support::server_micros(&mut client) > looks);
    assert_eq!(taken(&mut client), 3);
    // Something else under its name blocks nothing.
    client.run("DEL s");
    client.run("SET s string");
    client.run("DEL s");
    add(&mut client, 4);
    eventually("four", || taken(&mut client) == 4);
}

#[test]
fn a_cloud_event_is_taken_once_and_a_mapping_makes_events_of_a_payload() {
    let server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.set_all(&["k:1", "k:2", "k:3"]);
    client.run("INVAL.SOURCE ADD ce STREAM s FORMAT cloudevents");
    let event = |id: &str, data: u64| {
        format!(
            r#"XADD s * payload '{{"specversion":"1.0","id":"{id}","source":"/shop","type":"e","data":{{"id":{data}}}}}'"#
        )
    };
    client.run(&event("a", 1));
    eventually("the first", || taken(&mut client) == 1);
    client.set_all(&["k:1"]);
    client.run(&event("a", 1));
    client.run(&event("b", 2));
    eventually("all three", || taken(&mut client) == 3);
    assert_eq!(cached(&mut client), ["k:1", "k:3"]);
    assert_eq!(int(&source(&mut client), "skipped"), 1);
    client.run("INVAL.SOURCE DEL ce");
    client.run("DEL s");
    let mapping = r#"{"each":"rows[*]","events":[{"event":"e","when":"kind = \"k\"","fields":{"id":"number"}}]}"#;
    client.call(&[b"INVAL.MAP", b"SET", b"rows", mapping.as_bytes()]).unwrap();
    client.run("INVAL.SOURCE ADD raw STREAM s FORMAT json MAP rows");
    client.run(r#"XADD s * body '{"rows":[{"kind":"k","number":1},{"kind":"x","number":2},{"kind":"k","number":3}]}'"#);
    client.run(r#"XADD s * body '{"rows":[]}'"#);
    eventually("both", || taken(&mut client) == 2);
    let row = source(&mut client);
    assert_eq!((int(&row, "events"), int(&row, "empty")), (2, 1));
    assert_eq!(cached(&mut client), [""; 0]);
    // The same without a stream.
    client.set_all(&["k:1", "k:3"]);
    let payload = br#"{"rows":[{"kind":"k","number":1},{"kind":"k","number":3}]}"#;
    let reply = client.call(&[b"INVAL.EVENT", b"RAW", payload]).unwrap();
    assert_eq!((int(&reply, "deleted"), int(&reply, "events")), (2, 2));
    let reply = client.call(&[b"INVAL.EVENT", b"RAW", b"{}", b"MAP", b"rows"]).unwrap();
    assert_eq!((int(&reply, "deleted"), int(&reply, "events")), (0, 0));
    assert!(client.error("INVAL.EVENT RAW {} MAP none").contains("no mapping 'none'"));
}
