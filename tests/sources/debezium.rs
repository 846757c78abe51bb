//! A change of the database invalidates, with no code in between: envelopes in the shape that
//! Debezium Server's Redis sink writes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{Client, Server, eventually, int};
use super::{source, taken};

/// Rules as a shop would have them, over its table of orders.
const RULES: &str = r#"{"rules":[
    {"name":"row","eventType":"orders.*","cacheKeys":["k:order:{row.id|none}"]},
    {"name":"lists","eventType":"orders.*","tags":["customer:{row.customer|none}"]},
    {"name":"price","eventType":"orders.update","when":"changed price","cacheKeys":["k:sums:*"]},
    {"name":"all","eventType":"orders.truncate","cacheKeys":["k:*"]}]}"#;

/// Key and value of a message, as the sink writes them: `default` for null.
fn message(name: &str) -> (String, String) {
    let path = Path::new("tests/fixtures/debezium").join(name).with_extension("json");
    let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let text = |field: &str| match &fixture[field] {
        Value::Null => "default".to_owned(),
        value => value.to_string(),
    };
    (text("key"), text("value"))
}

/// What a cache of the orders holds: the row, a list of its customer, sums, and another row.
fn fill(client: &mut Client) {
    client.set_all(&["k:order:1001", "k:list:7", "k:sums:day", "k:order:5"]);
    client.run("TAG.SET k:list:7 customer:7");
}

#[test]
fn inserts_updates_deletes_and_truncates_invalidate_what_they_change() {
    let rows: [(&str, &[&str]); 9] = [
        ("postgres-insert", &["k:order:5", "k:sums:day"]),
        ("postgres-update", &["k:order:5"]),
        // Without the row before, everything may have changed.
        ("postgres-update-without-before", &["k:order:5"]),
        ("postgres-wrapped-update", &["k:order:5"]),
        // Of a deleted row Postgres tells the key alone, unless the table says REPLICA IDENTITY FULL.
        ("postgres-delete", &["k:list:7", "k:order:5", "k:sums:day"]),
        ("mysql-delete", &["k:order:5", "k:sums:day"]),
        ("postgres-tombstone", &["k:list:7", "k:order:1001", "k:order:5", "k:sums:day"]),
        ("postgres-snapshot-read", &["k:order:5", "k:sums:day"]),
        ("postgres-truncate", &[]),
    ];
    for format in ["debezium", "debezium-extended"] {
        let server = Server::start();
        let mut client = server.client();
        client.call(&[b"INVAL.RULE", b"LOAD", RULES.as_bytes()]).unwrap();
        client.run(&format!("INVAL.SOURCE ADD cdc STREAM shop.public.orders FORMAT {format}"));
        for (count, (name, left)) in (1..).zip(rows) {
            fill(&mut client);
            let (key, value) = message(name);
            let fields: Vec<&[u8]> = match format {
                "debezium" => vec![key.as_bytes(), value.as_bytes()],
                _ => vec![b"key", key.as_bytes(), b"value", value.as_bytes()],
            };
            let words = [&[&b"XADD"[..], b"shop.public.orders", b"*"], &fields[..]].concat();
            client.call(&words).unwrap();
            eventually("the entry was taken", || taken(&mut client) == count);
            assert_eq!(client.sorted("KEYS k:*"), left, "{format}: {name}");
        }
        let counts = ["events", "empty", "dead"].map(|name| int(&source(&mut client), name));
        assert_eq!(counts, [8, 1, 0], "{format}");
        client.assert_sound();
    }
}
