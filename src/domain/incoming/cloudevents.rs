//! `CloudEvents` 1.0 in structured mode: one JSON object, in the only field of the entry or in
//! `payload`, `event` or `data`.
//!
//! The event is called as its `type`, and its payload is `data`; a value that is no object goes
//! under the field `data`. Beside it under `cloudevent` are the context attributes. Entries with
//! the same `source` and `id` are one. A mapping gets the whole object instead.

use serde_json::{Map, Value};

use super::{EntryField, Format, Incoming, bounded, not_object, one};
use crate::domain::error::Result;
use crate::domain::mapping::{Mapped, Mapping};
use crate::domain::payload::{Payload, kind_of};
use crate::domain::rule::check_name;

const FORMAT: Format = Format::CloudEvents;

/// The version that is read; later ones may mean something else.
const VERSION: &str = "1.0";

/// Where the object may be when the entry has several fields.
const FIELDS: [&str; 3] = ["payload", "event", "data"];

pub(super) fn read(fields: &[EntryField], mapping: Option<&Mapping>) -> Result<Incoming> {
    let text = match fields {
        [(_, only)] => only.as_slice(),
        _ => {
            let mut found = vec![];
            for name in FIELDS {
                found.extend(one(FORMAT, fields, name)?);
            }
            match *found {
                [text] => text,
                [] => {
                    return FORMAT.bad("several fields, and none is 'payload', 'event' or 'data'");
                }
                _ => return FORMAT.bad("several of the fields 'payload', 'event' and 'data'"),
            }
        }
    };
    let mut event = match super::json(FORMAT, "the event", text)? {
        Value::Object(event) => event,
        other => return not_object(FORMAT, "the event", &other),
    };
    if attribute(&event, "specversion")? != VERSION {
        let found = event.get("specversion").map(Value::to_string).unwrap_or_default();
        return FORMAT.bad(format!("specversion is {found}, not \"{VERSION}\""));
    }
    let id = attribute(&event, "id")?.to_owned();
    let source = attribute(&event, "source")?;
    let id = [source.as_bytes(), &[0], id.as_bytes()].concat();
    let id = Some(bounded("source and id", &id)?);
    let name = attribute(&event, "type")?.to_owned();
    check_name("event", &name)?;
    if let Some(encoded) = event.remove("data_base64") {
        if event.contains_key("data") {
            return FORMAT.bad("both data and data_base64");
        }
        event.insert("data".to_owned(), decoded(&event, &encoded)?);
    }
    let events = match mapping {
        Some(mapping) => mapping.map(&Payload::from(event))?,
        None => {
            let mut payload = match event.remove("data") {
                Some(Value::Object(data)) => data,
                None | Some(Value::Null) => Map::new(),
                Some(other) => Map::from_iter([("data".to_owned(), other)]),
            };
            payload.insert("cloudevent".to_owned(), Value::Object(event));
            vec![Mapped { event: name, payload: Payload::from(payload) }]
        }
    };
    Ok(Incoming { events, id, order: None })
}

/// A context attribute that must be there.
fn attribute<'e>(event: &'e Map<String, Value>, name: &str) -> Result<&'e str> {
    match event.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => FORMAT.bad(format!("{name} is empty")),
        Some(other) => FORMAT.bad(format!("{name} is {}, not a string", kind_of(other))),
        None => FORMAT.bad(format!("no {name}")),
    }
}

/// What `data_base64` holds, which must be JSON.
fn decoded(event: &Map<String, Value>, encoded: &Value) -> Result<Value> {
    let kind = event.get("datacontenttype").unwrap_or(&Value::Null);
    if !is_json(kind) {
        return FORMAT.bad(format!("data_base64 of {kind}; only JSON can be read"));
    }
    let Some(bytes) = encoded.as_str().and_then(base64) else {
        return FORMAT.bad("data_base64 is not base64");
    };
    super::json(FORMAT, "data_base64", &bytes)
}

/// Whether a content type is JSON; it is when there is none.
fn is_json(kind: &Value) -> bool {
    let Value::String(kind) = kind else { return kind.is_null() };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// Base64 with the usual alphabet; padding may be left out.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if digits.len() % 4 == 1 || (digits.len() < text.len() && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
