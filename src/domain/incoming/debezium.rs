//! Debezium's change events, as Debezium Server's Redis sink writes them.
//!
//! `debezium` is its compact format: one field, whose name is the key of the row as JSON and
//! whose value is the change. `debezium-extended`: the fields `key` and `value`; headers beside
//! them are ignored. An absent key or value is the word `default`. With schemas switched on, key
//! and value come as `{"schema": .., "payload": ..}`.
//!
//! The event is called by table and operation, `orders.update`. Its payload has `op`, `db`,
//! `schema`, `table`, `ts_ms`, `key`, `before`, `after`, and `row`: the row after the change, or
//! what is known of the one that was deleted. What the change lacks is absent. So `{row.id}`
//! works for every change of a row, and `changed price` for updates. A row that was deleted
//! comes a second time without a value: no event. A mapping gets the change as it came.

use serde_json::{Map, Value};

use super::{EntryField, Format, Incoming, not_object, one};
use crate::domain::error::Result;
use crate::domain::mapping::{Mapped, Mapping};
use crate::domain::payload::{Payload, kind_of};
use crate::domain::rule::check_name;

/// What stands for an absent key or value.
const ABSENT: &[u8] = b"default";

/// The letters of operations on tables, and what events are called by. `m`, a message that
/// changes no table, is none.
const OPERATIONS: [(&str, &str); 5] =
    [("c", "insert"), ("u", "update"), ("d", "delete"), ("r", "read"), ("t", "truncate")];

const MESSAGE: &str = "m";

pub(super) fn read(
    format: Format,
    fields: &[EntryField],
    mapping: Option<&Mapping>,
) -> Result<Incoming> {
    let (key, value) = match (format, fields) {
        (Format::Debezium, [(key, value)]) => (Some(key.as_slice()), Some(value.as_slice())),
        (Format::Debezium, _) => {
            let count = fields.len();
            return format
                .bad(format!("{count} fields, expected one; is it the extended format, or json?"));
        }
        _ => (one(format, fields, "key")?, one(format, fields, "value")?),
    };
    let Some(value) = value else {
        return format.bad("no field 'value'; is it the compact format, debezium?");
    };
    let key = part(format, "the key", key.unwrap_or(ABSENT))?;
    let change = match part(format, "the value", value)? {
        None | Some(Value::Null) => return Ok(Incoming::default()),
        Some(Value::Object(change)) => change,
        Some(other) => return not_object(format, "the value", &other),
    };
    let events = match mapping {
        Some(mapping) => mapping.map(&Payload::from(change))?,
        None => event(format, key, change)?.into_iter().collect(),
    };
    Ok(Incoming { events, ..Incoming::default() })
}

/// Key or value, without the schema around it.
fn part(format: Format, what: &str, text: &[u8]) -> Result<Option<Value>> {
    if text == ABSENT {
        return Ok(None);
    }
    Ok(Some(match super::json(format, what, text)? {
        Value::Object(mut wrapped)
            if wrapped.len() == 2
                && wrapped.contains_key("schema")
                && wrapped.contains_key("payload") =>
        {
            wrapped.remove("payload").unwrap_or_default()
        }
        bare => bare,
    }))
}

fn event(
    format: Format,
    key: Option<Value>,
    mut change: Map<String, Value>,
) -> Result<Option<Mapped>> {
    let op = match change.get("op") {
        Some(Value::String(op)) if op == MESSAGE => return Ok(None),
        Some(Value::String(op)) => op.clone(),
        Some(other) => return format.bad(format!("op is {}, not a string", kind_of(other))),
        None => return format.bad("no op: not a change event; flattened rows need a mapping"),
    };
    let Some((_, operation)) = OPERATIONS.iter().find(|(letter, _)| *letter == op) else {
        return format.bad(format!("op '{op}' is not one of c, u, d, r, t, m"));
    };
    let mut source = match change.remove("source") {
        Some(Value::Object(source)) => source,
        Some(other) => return not_object(format, "source", &other),
        None => return format.bad("no source"),
    };
    let table = match source.get("table") {
        Some(Value::String(table)) if !table.is_empty() => table.clone(),
        Some(other) => return format.bad(format!("source.table is {other}, not a table's name")),
        None => return format.bad("no source.table"),
    };
    let before = row(format, "before", &mut change)?;
    let after = row(format, "after", &mut change)?;
    let is_delete = op == "d";
    let row = match is_delete {
        // Without its old values a deleted row is known by its key.
        true => before.clone().or_else(|| key.clone().filter(Value::is_object)),
        false => after.clone(),
    };
    if row.is_none() && op != "t" {
        let what = if is_delete { "before, and no key" } else { "after" };
        return format.bad(format!("op '{op}' without {what}"));
    }
    let event = format!("{table}.{operation}");
    check_name("event", &event)?;
    let parts = [
        ("op", Some(Value::String(op))),
        ("db", source.remove("db")),
        ("schema", source.remove("schema")),
        ("table", Some(Value::String(table))),
        ("ts_ms", change.remove("ts_ms")),
        ("key", key),
        ("before", before),
        ("after", after),
        ("row", row),
    ];
    let there = parts.into_iter().filter_map(|(name, value)| {
        value.filter(|value| !value.is_null()).map(|value| (name.to_owned(), value))
    });
    Ok(Some(Mapped { event, payload: Payload::from(there.collect::<Map<_, _>>()) }))
}

/// A row as it was or is; `None` when the change does not have it.
fn row(format: Format, name: &str, change: &mut Map<String, Value>) -> Result<Option<Value>> {
    match change.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(row @ Value::Object(_)) => Ok(Some(row)),
        Some(other) => not_object(format, name, &other),
    }
}
