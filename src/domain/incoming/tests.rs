//! Entries: what comes of them, and what is refused. Debezium's are in tests/incoming.rs too.

use super::*;
use crate::domain::mapping_document::parse_one;

fn read_as(format: Format, fields: &[(&str, &str)], mapping: Option<&Mapping>) -> Result<Incoming> {
    let fields: Vec<EntryField> = fields
        .iter()
        .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
        .collect();
    read(format, &fields, mapping)
}

/// The events, then id and order if there are.
fn shown(format: Format, fields: &[(&str, &str)], mapping: Option<&Mapping>) -> String {
    match read_as(format, fields, mapping) {
        Ok(incoming) => {
            let events = incoming.events.iter();
            let events =
                events.map(|mapped| format!("{} {}", mapped.event, mapped.payload.to_text()));
            let mut parts: Vec<String> = events.collect();
            parts.extend(incoming.id.map(|id| format!("id {}", id.escape_ascii())));
            parts.extend(incoming.order.map(|(seq, by)| format!("{seq} of {}", by.escape_ascii())));
            parts.join(" | ")
        }
        Err(error) => error.to_string(),
    }
}

fn mapping(fields: &str) -> Mapping {
    let json = format!(
        r#"{{"events":[{{"event":"mapped","when":"not exists skip","fields":{fields}}}]}}"#
    );
    parse_one(json.as_bytes(), "m").unwrap()
}

#[test]
fn formats_are_named() {
    for format in [Format::Json, Format::CloudEvents, Format::Debezium, Format::DebeziumExtended] {
        assert_eq!(Format::parse(&format.as_str().to_uppercase()), Ok(format));
    }
    assert_eq!(
        Format::parse("xml").unwrap_err().to_string(),
        "format 'xml' is not one of json, cloudevents, debezium, debezium-extended"
    );
}

#[test]
fn plain_entries() {
    let rows: [(&[(&str, &str)], &str); 13] = [
        (&[("event", "e")], "e {}"),
        (&[("trace", "x"), ("payload", r#"{"a":1.50}"#), ("event", "e")], r#"e {"a":1.50}"#),
        (&[("event", "e"), ("id", "7"), ("seq", "3"), ("by", "u:1")], "e {} | id 7 | 3 of u:1"),
        (
            &[("payload", "{}")],
            "bad json entry: no field 'event', the event's name; or give the source a mapping",
        ),
        (&[], "bad json entry: no field 'event', the event's name; or give the source a mapping"),
        (&[("event", "e"), ("event", "f")], "bad json entry: field 'event' is there twice"),
        (&[("event", "")], "empty event; give it at least one byte"),
        (
            &[("event", "e"), ("payload", "[]")],
            "payload is an array, not a JSON object; send for example '{\"userId\":\"42\"}'",
        ),
        (&[("event", "e"), ("id", "")], "empty id; give it at least one byte"),
        (
            &[("event", "e"), ("seq", "3")],
            "bad json entry: field 'seq' without 'by', the entity it counts for",
        ),
        (
            &[("event", "e"), ("by", "3")],
            "bad json entry: field 'by' without 'seq', a number that grows",
        ),
        (
            &[("event", "e"), ("by", "b"), ("seq", "-1")],
            "seq '-1' is not a whole number from 0 to 9223372036854775807",
        ),
        (
            &[("event", "e"), ("by", "b"), ("seq", "9223372036854775808")],
            "seq '9223372036854775808' is not a whole number from 0 to 9223372036854775807",
        ),
    ];
    for (fields, expected) in rows {
        assert_eq!(shown(Format::Json, fields, None), expected, "{fields:?}");
    }
    let long = "x".repeat(ID_MAX_BYTES + 1);
    assert!(
        shown(Format::Json, &[("event", "e"), ("id", &long)], None).starts_with("id of 1025 bytes")
    );
    let bytes = read(Format::Json, &[(b"event".to_vec(), b"\xff".to_vec())], None).unwrap_err();
    assert_eq!(bytes.to_string(), "event '\\xff' is not UTF-8; send it as text");
}

#[test]
fn raw_payloads_are_mapped() {
    let mapping = mapping(r#"{"id":"user.id"}"#);
    let raw = r#"{"user":{"id":7}}"#;
    let rows: [(&[(&str, &str)], &str); 7] = [
        (&[("body", raw)], r#"mapped {"id":7}"#),
        (&[("payload", raw), ("event", "x")], r#"mapped {"id":7}"#),
        (
            &[("body", raw), ("id", "1"), ("seq", "2"), ("by", "b")],
            r#"mapped {"id":7} | id 1 | 2 of b"#,
        ),
        (&[("body", r#"{"skip":1}"#)], ""),
        (&[("a", raw), ("b", raw)], "bad json entry: no field 'payload', and not one field alone"),
        (&[("id", "1")], "bad json entry: no field 'payload', and not one field alone"),
        (
            &[("body", "{")],
            "payload is not valid JSON at line 1 column 1: EOF while parsing an object",
        ),
    ];
    for (fields, expected) in rows {
        assert_eq!(shown(Format::Json, fields, Some(&mapping)), expected, "{fields:?}");
    }
}

fn cloud(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid"{more}}}"#)
}

#[test]
fn cloud_events() {
    let context =
        r#""cloudevent":{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid""#;
    let rows = [
        ("", format!("order.paid {{{context}}}}}")),
        (r#","data":{"a":1}"#, format!(r#"order.paid {{"a":1,{context}}}}}"#)),
        (r#","data":[1]"#, format!(r#"order.paid {{"data":[1],{context}}}}}"#)),
        (r#","data":null"#, format!("order.paid {{{context}}}}}")),
        (
            r#","subject":"s","data":{"cloudevent":1}"#,
            format!(r#"order.paid {{{context},"subject":"s"}}}}"#),
        ),
        (r#","data_base64":"eyJhIjoxfQ==""#, format!(r#"order.paid {{"a":1,{context}}}}}"#)),
        (
            r#","datacontenttype":"application/vnd.x+json; charset=utf-8","data_base64":"eyJhIjoxfQ""#,
            format!(
                r#"order.paid {{"a":1,{context},"datacontenttype":"application/vnd.x+json; charset=utf-8"}}}}"#
            ),
        ),
    ];
    for (more, expected) in rows {
        let expected = format!("{expected} | id /shop\\x001");
        assert_eq!(shown(Format::CloudEvents, &[("x", &cloud(more))], None), expected, "{more}");
    }
    let fields = [("x", "y"), ("data", &cloud(""))];
    assert!(shown(Format::CloudEvents, &fields, None).starts_with("order.paid "));
    let mapping = mapping(r#"{"who":"subject","a":"data.a","type":"type"}"#);
    assert_eq!(
        shown(
            Format::CloudEvents,
            &[("x", &cloud(r#","subject":"s","data_base64":"eyJhIjoxfQ==""#))],
            Some(&mapping)
        ),
        r#"mapped {"who":"s","a":1,"type":"order.paid"} | id /shop\x001"#
    );
}

#[test]
fn what_is_no_cloud_event_is_refused() {
    let rows = [
        ("[]", "the event is an array, not a JSON object"),
        ("{", "the event is not JSON: EOF while parsing an object at line 1 column 1"),
        ("{}", "no specversion"),
        (
            r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#,
            "specversion is \"0.3\", not \"1.0\"",
        ),
        (r#"{"specversion":"1.0","id":1,"source":"s","type":"t"}"#, "id is a number, not a string"),
        (r#"{"specversion":"1.0","id":"1","source":"","type":"t"}"#, "source is empty"),
        (r#"{"specversion":"1.0","id":"1","source":"s"}"#, "no type"),
        (&cloud(r#","data":1,"data_base64":"""#), "both data and data_base64"),
        (&cloud(r#","data_base64":"eyJ*""#), "data_base64 is not base64"),
        (&cloud(r#","data_base64":"eyJhI""#), "data_base64 is not base64"),
        (&cloud(r#","data_base64":5"#), "data_base64 is not base64"),
        (
            &cloud(r#","data_base64":"eyJh""#),
            "data_base64 is not JSON: EOF while parsing a string at line 1 column 3",
        ),
        (
            &cloud(r#","datacontenttype":"image/png","data_base64":"eyJh""#),
            "data_base64 of \"image/png\"; only JSON can be read",
        ),
    ];
    for (text, expected) in rows {
        let expected = format!("bad cloudevents entry: {expected}");
        assert_eq!(shown(Format::CloudEvents, &[("x", text)], None), expected, "{text}");
    }
    let two = [("a", "1"), ("b", "2")];
    assert!(
        shown(Format::CloudEvents, &two, None).ends_with("none is 'payload', 'event' or 'data'")
    );
    let both = [("payload", "1"), ("data", "2")];
    assert!(shown(Format::CloudEvents, &both, None).contains("several of the fields"));
}

#[test]
fn what_is_no_change_is_refused() {
    let source = r#""source":{"table":"t"}"#;
    let compact = |value: &str| shown(Format::Debezium, &[("{\"id\":1}", value)], None);
    let rows = [
        ("[]", "the value is an array, not a JSON object"),
        ("x", "the value is not JSON: expected value at line 1 column 1"),
        (r#"{"id":1,"name":"a"}"#, "no op: not a change event; flattened rows need a mapping"),
        (r#"{"op":5}"#, "op is a number, not a string"),
        (r#"{"op":"x"}"#, "op 'x' is not one of c, u, d, r, t, m"),
        (r#"{"op":"c"}"#, "no source"),
        (r#"{"op":"c","source":1}"#, "source is a number, not a JSON object"),
        (r#"{"op":"c","source":{}}"#, "no source.table"),
        (r#"{"op":"c","source":{"table":null}}"#, "source.table is null, not a table's name"),
        (&format!(r#"{{"op":"c",{source}}}"#), "op 'c' without after"),
        (&format!(r#"{{"op":"u","before":{{}},{source}}}"#), "op 'u' without after"),
        (&format!(r#"{{"op":"u","after":"x",{source}}}"#), "after is a string, not a JSON object"),
    ];
    for (value, expected) in rows {
        assert_eq!(compact(value), format!("bad debezium entry: {expected}"), "{value}");
    }
    let extended = |fields: &[(&str, &str)]| shown(Format::DebeziumExtended, fields, None);
    assert_eq!(extended(&[("key", "default"), ("value", "default")]), "");
    assert_eq!(extended(&[("value", "null"), ("HEADER", "x")]), "");
    assert_eq!(
        extended(&[("{\"id\":1}", "{}")]),
        "bad debezium-extended entry: no field 'value'; is it the compact format, debezium?"
    );
    assert!(extended(&[("value", "{}"), ("value", "{}")]).ends_with("'value' is there twice"));
    assert!(extended(&[("key", "x"), ("value", "{}")]).contains("the key is not JSON"));
    assert_eq!(
        shown(Format::Debezium, &[("key", "1"), ("value", "2")], None),
        "bad debezium entry: 2 fields, expected one; is it the extended format, or json?"
    );
    let gone = format!(r#"{{"op":"d","before":null,"after":null,{source}}}"#);
    assert_eq!(compact(&gone), r#"t.delete {"op":"d","table":"t","key":{"id":1},"row":{"id":1}}"#);
    assert_eq!(
        shown(Format::Debezium, &[("default", &gone)], None),
        "bad debezium entry: op 'd' without before, and no key"
    );
    let flat = mapping(r#"{"id":"id"}"#);
    let fields = [("default", r#"{"schema":{},"payload":{"id":1,"name":"a"}}"#)];
    assert_eq!(shown(Format::Debezium, &fields, Some(&flat)), r#"mapped {"id":1}"#);
}
