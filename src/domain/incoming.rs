//! Entries of streams: the formats that applications and change-data-capture write, and the
//! events that come of an entry.
//!
//! # `json`
//!
//! Without a mapping: the fields `event` (its name) and `payload` (a JSON object; `{}` when
//! absent). With a mapping: `payload` is JSON as the application has it, and may be the only field
//! under any name. Either way also `id` (entries with the same are one) and `seq` with `by` (of
//! two changes of the entity `by`, the one with the larger number is the newer). Other fields are
//! for others, and ignored.
//!
//! # `cloudevents`, `debezium`, `debezium-extended`
//!
//! See [`cloudevents`] and [`debezium`].

pub mod cloudevents;
pub mod debezium;

use serde_json::Value;

use super::error::{Error, Result};
use super::mapping::{Mapped, Mapping};
use super::payload::{PAYLOAD_MAX_BYTES, Payload, kind_of};
use super::rule::check_name;

/// Longest `id`, `by` and name of an event source, in bytes: they are remembered.
pub const ID_MAX_BYTES: usize = 1024;

/// How the entries of a stream are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// `CloudEvents` 1.0, JSON in structured mode.
    CloudEvents,
    /// As Debezium Server's Redis sink writes by default.
    Debezium,
    /// As it writes with `debezium.sink.redis.message.format=extended`.
    DebeziumExtended,
}

impl Format {
    /// As commands write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::CloudEvents => "cloudevents",
            Self::Debezium => "debezium",
            Self::DebeziumExtended => "debezium-extended",
        }
    }

    /// Reads a format, in any case.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self> {
        [Self::Json, Self::CloudEvents, Self::Debezium, Self::DebeziumExtended]
            .into_iter()
            .find(|format| text.eq_ignore_ascii_case(format.as_str()))
            .ok_or_else(|| Error::NotAFormat { found: text.to_owned() })
    }

    fn bad<T>(self, why: impl Into<String>) -> Result<T> {
        Err(Error::BadEntry { format: self.as_str(), why: why.into() })
    }
}

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Incoming {
    /// What happened; nothing for an entry that is of no account.
    pub events: Vec<Mapped>,
    /// Entries with the same id are one.
    pub id: Option<Vec<u8>>,
    /// Of entries about the same entity, the second, the one with the larger number is the newer.
    pub order: Option<(u64, Vec<u8>)>,
}

/// A field of an entry: name and value.
pub type EntryField = (Vec<u8>, Vec<u8>);

/// Reads an entry.
///
/// # Errors
/// The entry is not in its format, or the mapping refuses what it holds.
pub fn read(format: Format, fields: &[EntryField], mapping: Option<&Mapping>) -> Result<Incoming> {
    match format {
        Format::Json => read_json(fields, mapping),
        Format::CloudEvents => cloudevents::read(fields, mapping),
        Format::Debezium | Format::DebeziumExtended => debezium::read(format, fields, mapping),
    }
}

fn read_json(fields: &[EntryField], mapping: Option<&Mapping>) -> Result<Incoming> {
    let format = Format::Json;
    let of = |name: &str| one(format, fields, name);
    let order = match (of("seq")?, of("by")?) {
        (Some(seq), Some(by)) => Some((number(seq)?, bounded("by", by)?)),
        (None, None) => None,
        (Some(_), None) => return format.bad("field 'seq' without 'by', the entity it counts for"),
        (None, Some(_)) => return format.bad("field 'by' without 'seq', a number that grows"),
    };
    let id = of("id")?.map(|id| bounded("id", id)).transpose()?;
    let events = match mapping {
        Some(mapping) => {
            let others = fields
                .iter()
                .filter(|(name, _)| !matches!(name.as_slice(), b"id" | b"seq" | b"by"));
            let others: Vec<&EntryField> = others.collect();
            let raw = match (of("payload")?, others.as_slice()) {
                (Some(payload), _) => payload,
                (None, [(_, only)]) => only,
                _ => return format.bad("no field 'payload', and not one field alone"),
            };
            mapping.map(&Payload::parse(raw)?)?
        }
        None => {
            let Some(event) = of("event")? else {
                return format
                    .bad("no field 'event', the event's name; or give the source a mapping");
            };
            let event = event_name(event)?;
            let payload = of("payload")?.map(Payload::parse).transpose()?.unwrap_or_default();
            vec![Mapped { event, payload }]
        }
    };
    Ok(Incoming { events, id, order })
}

/// The value of a field, which may be there once.
fn one<'e>(format: Format, fields: &'e [EntryField], name: &str) -> Result<Option<&'e [u8]>> {
    let mut found = fields.iter().filter(|(other, _)| other == name.as_bytes());
    match (found.next(), found.next()) {
        (_, Some(_)) => format.bad(format!("field '{name}' is there twice")),
        (first, None) => Ok(first.map(|(_, value)| value.as_slice())),
    }
}

fn event_name(bytes: &[u8]) -> Result<String> {
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::NotUtf8 { what: "event", name: bytes.into() })?;
    check_name("event", &text)?;
    Ok(text)
}

fn bounded(what: &'static str, id: &[u8]) -> Result<Vec<u8>> {
    match id.len() {
        0 => Err(Error::EmptyName { what }),
        bytes if bytes > ID_MAX_BYTES => {
            Err(Error::NameTooLong { what, bytes, limit: ID_MAX_BYTES })
        }
        _ => Ok(id.to_vec()),
    }
}

fn number(text: &[u8]) -> Result<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|n| n.parse().ok());
    let number: Option<i64> = number;
    let number = number.and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Error::NotANumber { what: "seq", found: text.to_vec() })
}

/// JSON of an entry; `what` says which part of it.
fn json(format: Format, what: &str, text: &[u8]) -> Result<Value> {
    if text.len() > PAYLOAD_MAX_BYTES {
        return Err(Error::PayloadTooLarge { bytes: text.len(), limit: PAYLOAD_MAX_BYTES });
    }
    serde_json::from_slice(text).or_else(|error| format.bad(format!("{what} is not JSON: {error}")))
}

fn not_object<T>(format: Format, what: &str, found: &Value) -> Result<T> {
    format.bad(format!("{what} is {}, not a JSON object", kind_of(found)))
}

#[cfg(test)]
mod tests;
