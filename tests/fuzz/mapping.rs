//! Mappings and entries of streams: whatever comes, they answer.

use inval::domain::error::Error;
use inval::domain::incoming::{EntryField, Format, read};
use inval::domain::mapping::{EVENTS_MAX, Mapping};
use inval::domain::mapping_document::{parse_one, parse_with_files, to_json};
use inval::domain::payload::Payload;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::condition::condition_text;
use crate::mutation::{self, Bytes};
use crate::payload::{field, object, path, scalar};
use crate::{Checked, Round};

const SIGNS: &str = "{}[]\",:\\.-+*^$/~ 01uedpcrt";

pub fn check(round: &mut Round) {
    round.check((mapping_text(), object()), |(text, payload)| a_mapping_answers(&text.0, payload));
    round.check((format(), entry(), mapping()), |(format, fields, mapping)| {
        an_entry_is_read_or_refused(format, &fields, mapping.as_ref())
    });
}

fn a_mapping_answers(text: &[u8], payload: Value) -> Checked {
    let mapping = match parse_one(text, "m") {
        Ok(mapping) => mapping,
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            return Ok(false);
        }
    };
    let dump = to_json([&mapping].into_iter());
    let (again, _) = parse_with_files(dump.as_bytes()).unwrap();
    prop_assert_eq!(to_json(again.iter()), dump);
    let payload = Payload::of(payload).unwrap();
    let found = mapping.map(&payload);
    prop_assert_eq!(&found, &again[0].map(&payload));
    match found {
        Ok(events) => {
            prop_assert!(events.len() <= EVENTS_MAX);
            for (at, event) in events.iter().enumerate() {
                prop_assert!(!event.event.is_empty() && !events[..at].contains(event));
                let text = event.payload.to_text();
                prop_assert_eq!(&Payload::parse(text.as_bytes()).unwrap(), &event.payload);
            }
            Ok(true)
        }
        Err(error) => {
            prop_assert!(matches!(error, Error::InMapping { .. }), "{}", error);
            Ok(false)
        }
    }
}

fn an_entry_is_read_or_refused(
    format: Format,
    fields: &[EntryField],
    mapping: Option<&Mapping>,
) -> Checked {
    match read(format, fields, mapping) {
        Ok(incoming) => {
            for mapped in &incoming.events {
                prop_assert!(!mapped.event.is_empty());
                prop_assert!(mapped.payload.value().is_object());
            }
            prop_assert!(incoming.id != Some(vec![]));
            Ok(true)
        }
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            Ok(false)
        }
    }
}

fn from_item() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => path(),
        1 => path().prop_map(|path| format!("^.{path}")),
        1 => path().prop_map(|path| format!("$.{path}")),
        1 => path().prop_map(|path| path.replace("[0]", "[*]")),
        1 => path().prop_map(|path| format!("/{}", path.replace('.', "/"))),
        1 => select(&[".", "^", "^.^", "$"][..]).prop_map(str::to_owned),
    ]
}

fn each() -> impl Strategy<Value = Value> {
    let many = || {
        (field(), prop::option::of(field())).prop_map(|(first, more)| match more {
            Some(more) => format!("{first}[*].{more}"),
            None => format!("{first}[*]"),
        })
    };
    prop_oneof![
        3 => Just(Value::Null),
        3 => many().prop_map(Value::String),
        1 => vec(prop_oneof![many(), path()], 1..3).prop_map(|paths| json!(paths)),
    ]
}

fn source() -> impl Strategy<Value = Value> {
    let regex = select(&["(.)", "^u([0-9]+)", "(a|b)?", "x(.*)$"][..]);
    prop_oneof![
        4 => from_item().prop_map(Value::String),
        1 => vec(from_item(), 1..3).prop_map(|paths| json!(paths)),
        1 => (from_item(), regex).prop_map(|(path, regex)| json!({"path": path, "match": regex})),
        1 => (from_item(), scalar()).prop_map(|(path, value)| json!({"path": path, "default": value})),
        1 => scalar().prop_map(|value| json!({ "value": value })),
    ]
}

fn mapping_json() -> impl Strategy<Value = Value> {
    let fields = vec((field(), source()), 0..4).prop_map(|fields| {
        fields.into_iter().map(|(name, from)| (name.to_owned(), from)).collect()
    });
    let fields = prop::option::weighted(0.8, fields.prop_map(Value::Object));
    let when = prop_oneof![2 => Just(String::new()), 1 => condition_text()];
    let event = (select(&["e", "e-{id|x}", "{$.a|y}", "{a}"][..]), each(), when, fields);
    let event = event.prop_map(|(event, each, when, fields)| {
        let mut made = json!({"event": event, "each": each, "when": when});
        if let Some(fields) = fields {
            made["fields"] = fields;
        }
        made
    });
    (each(), vec(event, 1..4)).prop_map(|(each, events)| json!({"each": each, "events": events}))
}

fn mapping_text() -> impl Strategy<Value = Bytes> {
    mutation::bytes(mapping_json().prop_map(|json| json.to_string().into_bytes()), SIGNS)
        .prop_map(Bytes)
}

fn mapping() -> impl Strategy<Value = Option<Mapping>> {
    prop::option::weighted(0.3, mapping_json())
        .prop_map(|json| parse_one(json?.to_string().as_bytes(), "m").ok())
}

fn format() -> impl Strategy<Value = Format> {
    let all = [Format::Json, Format::CloudEvents, Format::Debezium, Format::DebeziumExtended];
    select(all.to_vec())
}

/// An entry that is valid in one of the formats, most often, with faults.
fn entry() -> impl Strategy<Value = Vec<EntryField>> {
    let change = (select(&["c", "u", "d", "r", "t", "m", "x"][..]), object(), any::<bool>());
    let change = change.prop_map(|(op, row, wrapped)| {
        let source = json!({"db": "d", "schema": "s", "table": "t"});
        let change = json!({"op": op, "before": row, "after": row, "source": source, "ts_ms": 1});
        if wrapped { json!({"schema": {}, "payload": change}) } else { change }
    });
    let cloud = object().prop_map(
        |data| json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data}),
    );
    let text = |json: BoxedStrategy<Value>| {
        mutation::bytes(json.prop_map(|json| json.to_string().into_bytes()), SIGNS)
    };
    let value = prop_oneof![
        3 => text(change.boxed()),
        3 => text(cloud.boxed()),
        2 => text(object().boxed()),
        1 => Just(b"default".to_vec()),
    ];
    let names = ["event", "payload", "id", "seq", "by", "key", "value", "data", "x", "{\"id\":1}"];
    let name = select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec());
    let plain = select(vec!["e", "1", "default"]).prop_map(|text| text.as_bytes().to_vec());
    let one = (name, prop_oneof![3 => value, 1 => plain]).boxed();
    prop_oneof![2 => vec(one.clone(), 1), 1 => vec(one, 0..4)]
}
