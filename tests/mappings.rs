//! `INVAL.MAP` on real servers: from files, tried out, replicated, and there after a restart.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use redis::Value;
use support::state::children_are_done;
use support::{Client, Server, field, text, texts};

fn dump(client: &mut Client) -> String {
    text(&client.run("INVAL.MAP DUMP"))
}

/// Name and first event of each mapping.
fn shown(client: &mut Client) -> String {
    let Value::Array(rows) = client.run("INVAL.MAP LIST") else { panic!() };
    let row = |row: &Value| {
        let event = texts(field(row, "events"))[0].replace("{\"event\":\"", "").replace("\"}", "");
        format!("{}:{event}", text(field(row, "name")))
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

fn set(client: &mut Client, name: &str, event: &str) {
    client.run(&format!(r#"INVAL.MAP SET {name} '{{"events":[{{"event":"{event}"}}]}}'"#));
}

fn saved(client: &mut Client, how: &str) {
    children_are_done(client);
    client.run(how);
    children_are_done(client);
}

fn rules_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

#[test]
fn a_chainhook_payload_finds_its_rules() {
    let server = Server::with_args(&["rules", rules_dir().to_str().unwrap()]);
    let mut client = server.client();
    assert_eq!(client.info("mappings"), 1);
    let fixture = rules_dir().join("../tests/fixtures/chainhook/mint.json");
    let fixture: serde_json::Value = serde_json::from_slice(&fs::read(fixture).unwrap()).unwrap();
    let payload = fixture["payload"].to_string();
    let before = dump(&mut client);
    for name in [&b"chainhook"[..], b"*"] {
        let Value::Array(rows) =
            client.call(&[b"INVAL.MAP", b"TEST", name, payload.as_bytes()]).unwrap()
        else {
            panic!()
        };
        assert_eq!(rows.len(), 1);
        let parts = ["mapping", "event"].map(|name| text(field(&rows[0], name)));
        assert_eq!(parts, ["chainhook", "badge-mint"]);
        let event: serde_json::Value =
            serde_json::from_str(&text(field(&rows[0], "payload"))).unwrap();
        assert_eq!(event, fixture["events"][0]["payload"]);
        assert_eq!(texts(field(&rows[0], "rules")), ["badge-mint"]);
    }
    // The event is as good as one that was written by hand.
    client.set_all(&["badges:user:1:list", "passport:1", "other"]);
    let event = fixture["events"][0]["payload"].to_string();
    client.call(&[b"INVAL.EVENT", b"badge-mint", event.as_bytes()]).unwrap();
    assert_eq!(
        (client.int("EXISTS badges:user:1:list passport:1 other"), dump(&mut client)),
        (1, before)
    );
    client.assert_sound();
}

#[test]
fn a_large_table_is_saved_and_loaded() {
    let mut server = Server::with_args(&["--save", "3600 1"]);
    let mut client = server.client();
    for at in 0..3 {
        let json = format!(
            r#"{{"events":[{{"event":"e","fields":{{"f":{{"value":"{}"}}}}}}]}}"#,
            "x".repeat(300_000)
        );
        let name = format!("m{at}");
        client.call(&[b"INVAL.MAP", b"SET", name.as_bytes(), json.as_bytes()]).unwrap();
    }
    let before = dump(&mut client);
    client.run("SAVE");
    server.kill_and_restart();
    assert!(dump(&mut server.client()) == before);
}

const MINE: &str = r#"{"rules":[{"eventType":"e","tags":["t"]}],"mappings":[
    {"name":"a","events":[{"event":"1"}]},{"name":"b","events":[{"event":"1"}]},
    {"name":"c","events":[{"event":"1"}]}]}"#;

/// As it is with rules: what was changed since stays, unless its file changed too.
#[test]
fn a_restart_takes_what_changed_in_files_and_keeps_all_else() {
    let plain = ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];
    let ways: [(&[&str], &str); 4] = [
        (&["--save", "3600 1"], "SAVE"),
        (&["--appendonly", "yes", "--appendfsync", "always"], "PING"),
        (&plain, "PING"),
        (&plain, "BGREWRITEAOF"),
    ];
    for (at, (options, save)) in ways.iter().enumerate() {
        let what = format!("{options:?} {save}");
        let dir = std::env::temp_dir().join(format!("inval-mappings-{}-{at}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("mine.map.json");
        fs::write(&file, MINE).unwrap();
        let args = [&["rules", dir.to_str().unwrap()], *options].concat();
        let mut server = Server::with_args(&args);
        let mut client = server.client();
        assert_eq!(
            (shown(&mut client).as_str(), client.info("rules")),
            ("a:1 b:1 c:1", 1),
            "{what}"
        );
        set(&mut client, "b", "changed");
        set(&mut client, "other", "run-time");
        client.run("INVAL.MAP DEL c");
        saved(&mut client, save);
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(shown(&mut client), "a:1 b:changed other:run-time", "{what}");
        saved(&mut client, save);
        let changed = MINE.replacen("\"event\":\"1\"", "\"event\":\"2\"", 1);
        fs::write(&file, changed).unwrap();
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(shown(&mut client), "a:2 b:changed other:run-time", "{what}");
        client.assert_sound();
        fs::remove_dir_all(dir).unwrap();
    }
}
