//! Payloads in the shape that other systems send: each gives exactly the events that its file says.
//!
//! Only without the feature `module`: with it, whatever links the crate gets its memory from a
//! server, and here is none.

#![cfg(not(feature = "module"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use inval::domain::State;
use inval::domain::file_document;
use inval::domain::incoming::{EntryField, Format, read};
use inval::domain::mapping::{Mapped, Mapping};
use inval::domain::payload::Payload;
use serde_json::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every fixture of a folder by name, at least so many.
fn fixtures(folder: &str, at_least: usize) -> Vec<(String, Value)> {
    let mut found = vec![];
    for entry in fs::read_dir(root("tests/fixtures").join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        found.push((name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()));
    }
    assert!(found.len() >= at_least, "{folder}: {} fixtures", found.len());
    found
}

fn assert_events(name: &str, found: &[Mapped], expected: &Value) {
    let shown = |mapped: &Mapped| serde_json::json!({"event": mapped.event, "payload": mapped.payload.value()});
    let found: Vec<Value> = found.iter().map(shown).collect();
    assert_eq!(Value::Array(found), *expected, "{name}");
}

fn chainhook() -> Mapping {
    let text = fs::read(root("rules/chainhook.map.json")).unwrap();
    let [mapping] = file_document::parse(&text).unwrap().mappings.try_into().unwrap();
    mapping
}

fn payload(value: &Value) -> Payload {
    Payload::of(value.clone()).unwrap()
}

#[test]
fn what_a_chainhook_sends() {
    let mapping = chainhook();
    for (name, fixture) in fixtures("chainhook", 9) {
        let events = mapping.map(&payload(&fixture["payload"])).unwrap();
        assert_events(&name, &events, &fixture["events"]);
        // As an entry of a stream, in a field of any name.
        let fields = [(b"body".to_vec(), fixture["payload"].to_string().into_bytes())];
        let incoming = read(Format::Json, &fields, Some(&mapping)).unwrap();
        assert_eq!((incoming.events, incoming.id), (events, None), "{name}");
    }
}

#[test]
fn each_chainhook_event_has_its_rule() {
    let rules = fs::read(root("rules/badges.json")).unwrap();
    let mut state = State::default();
    state.set_files(file_document::parse(&rules).unwrap());
    for (name, fixture) in fixtures("chainhook", 9) {
        for mapped in chainhook().map(&payload(&fixture["payload"])).unwrap() {
            let rules = state.rules.taking(&mapped.event, &mapped.payload);
            let names: Vec<&String> = rules.iter().map(|rule| &rule.name).collect();
            assert_eq!(names, [&mapped.event], "{name}");
        }
    }
}

/// Key and value as the sink writes them.
fn written(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => b"default".to_vec(),
        value => value.to_string().into_bytes(),
    }
}

#[test]
fn what_debezium_writes() {
    for (name, fixture) in fixtures("debezium", 14) {
        let [key, value] = ["key", "value"].map(|part| written(&fixture[part]));
        let compact: Vec<EntryField> = vec![(key.clone(), value.clone())];
        let extended = vec![
            (b"key".to_vec(), key),
            (b"value".to_vec(), value),
            (b"TRACE".to_vec(), b"00-1".to_vec()),
        ];
        for (format, fields) in [(Format::Debezium, compact), (Format::DebeziumExtended, extended)]
        {
            let incoming = read(format, &fields, None).unwrap();
            assert_events(&name, &incoming.events, &fixture["events"]);
            assert_eq!((incoming.id, incoming.order), (None, None), "{name}");
        }
    }
}
