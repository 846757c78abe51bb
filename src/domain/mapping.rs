//! A mapping: which events come of a payload as an application has it.
//!
//! `each` says what the items of the payload are, where several paths lead to items those of one
//! after those of the other, and each entry of `events` what comes of an
//! item. Paths start at the item; `.` is the item itself, `^` what is one level out, `$` the
//! whole payload. Every `[*]` of an `each` is a level: below `blocks[*].transactions[*]` the item
//! is a transaction, `^` its block, and `^.^` the payload.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::condition::Condition;
use super::error::{Error, Result};
use super::mapping_document::MappingDocument;
use super::path::{Looks, Path, Place, for_each_place};
use super::payload::{self, PAYLOAD_MAX_BYTES, Payload, kind_of};
use super::rule::check_name;
use super::template::Template;
use super::text_regex::TextRegex;

/// Most events of one payload: they are resolved as one, while the server waits.
pub const EVENTS_MAX: usize = 1000;

/// Most bytes of all events of one payload, as JSON: a mapping may copy the same value many
/// times.
pub const EVENTS_MAX_BYTES: usize = 4 * PAYLOAD_MAX_BYTES;

/// Most looks of a mapping into one payload: some tenths of a second.
pub const LOOKS_MAX: u64 = 4_000_000;

/// A value of this type is valid: its paths, conditions and regexes parse.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) document: MappingDocument,
    /// Where the items are; the payload is the item when empty.
    pub(super) each: Vec<Path>,
    pub(super) events: Vec<Event>,
    pub(super) compiled_bytes: usize,
}

/// One kind of event that may come of an item.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: Template,
    /// Further in than the item; all that follows starts there then.
    pub(super) each: Vec<Path>,
    pub(super) when: Option<Condition>,
    /// The item itself is the payload when absent.
    pub(super) fields: Option<Vec<(String, Source)>>,
}

/// Where the value of a field comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Constant(Value),
    /// Of several paths, the first that leads to a value.
    Paths {
        paths: Vec<Path>,
        capture: Option<TextRegex>,
        default: Option<Value>,
    },
}

/// An event that came of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mapped {
    /// Its name.
    pub event: String,
    /// Its payload.
    pub payload: Payload,
}

impl Mapping {
    /// Unique; sources name it.
    pub fn name(&self) -> &String {
        &self.document.name
    }

    /// The mapping as it is written.
    pub fn document(&self) -> &MappingDocument {
        &self.document
    }

    /// What its regexes take when compiled, in bytes.
    pub fn compiled_bytes(&self) -> usize {
        self.compiled_bytes
    }

    /// The events that come of a payload, item by item and for each in the order of `events`;
    /// those that are equal once. There may be none.
    ///
    /// # Errors
    /// An event whose name lacks a value or is none, an item without fields that is no object,
    /// or more than the bounds of this module; with the mapping's name.
    pub fn map(&self, payload: &Payload) -> Result<Vec<Mapped>> {
        let looks = Looks::of(LOOKS_MAX);
        let mut found = Found::default();
        let mut levels = vec![payload.value()];
        let mut of_item = |levels: &mut Vec<&Value>| self.map_item(levels, &looks, &mut found);
        let mapped = for_each_of(&mut levels, &self.each, &looks, &mut of_item);
        // What was found with too few looks may not be all there is.
        let told = match looks.are_spent() {
            true => Err(Error::TooManyLooks { limit: LOOKS_MAX }),
            false => mapped,
        };
        let in_mapping =
            |error| Error::InMapping { mapping: self.name().clone(), error: Box::new(error) };
        told.map(|()| found.events).map_err(in_mapping)
    }

    fn map_item(&self, levels: &mut Vec<&Value>, looks: &Looks, found: &mut Found) -> Result<()> {
        for (at, event) in self.events.iter().enumerate() {
            let mut make =
                |levels: &mut Vec<&Value>| match event.make(&Place::new(levels, looks), found)? {
                    Some(mapped) => found.add(mapped),
                    None => Ok(()),
                };
            let made = for_each_of(levels, &event.each, looks, &mut make);
            made.map_err(|error| Error::InMappedEvent { at, error: Box::new(error) })?;
        }
        Ok(())
    }
}

/// Goes to each place that `each` leads to; with none, stays.
fn for_each_of<'a>(
    levels: &mut Vec<&'a Value>,
    each: &[Path],
    looks: &Looks,
    visit: &mut impl FnMut(&mut Vec<&'a Value>) -> Result<()>,
) -> Result<()> {
    match each {
        [] => visit(levels),
        paths => paths.iter().try_for_each(|path| for_each_place(levels, path, looks, visit)),
    }
}

impl Event {
    fn make(&self, place: &Place, found: &mut Found) -> Result<Option<Mapped>> {
        let holds = self.when.as_ref().is_none_or(|when| when.holds_at(place));
        if !holds || place.looks().are_spent() {
            return Ok(None);
        }
        let name = self.name.render_with(|path| place.first(path))?;
        // A template of text with values of text.
        let event = String::from_utf8_lossy(&name).into_owned();
        check_name("event", &event)?;
        let mut room = PAYLOAD_MAX_BYTES.min(EVENTS_MAX_BYTES.saturating_sub(found.bytes));
        let all = room;
        let payload = match (&self.fields, place.item()) {
            (None, Some(item @ Value::Object(_))) => Payload::of(copy(item, &mut room)?)?,
            (None, other) => {
                return Err(Error::ItemNotObject { found: other.map_or("null", kind_of) });
            }
            (Some(fields), _) => {
                let mut values = Map::new();
                for (name, source) in fields {
                    if let Some(value) = source.value(place, &mut room)? {
                        take(name.len(), &mut room)?;
                        values.insert(name.clone(), value);
                    }
                }
                Payload::from(values)
            }
        };
        found.bytes += event.len() + all - room;
        Ok(Some(Mapped { event, payload }))
    }
}

impl Source {
    fn value(&self, place: &Place, room: &mut usize) -> Result<Option<Value>> {
        let (paths, capture, default) = match self {
            Self::Constant(value) => return copy(value, room).map(Some),
            Self::Paths { paths, capture, default } => (paths, capture, default),
        };
        let mut value = None;
        for path in paths {
            value = at(path, capture.as_ref(), place, room)?.or(value);
            if value.as_ref().is_some_and(|value| !value.is_null()) {
                return Ok(value);
            }
        }
        match default {
            Some(default) => copy(default, room).map(Some),
            None => Ok(value),
        }
    }
}

/// The value at a path, or with `[*]` all of them; of a text what the regex captures.
fn at(
    path: &Path,
    capture: Option<&TextRegex>,
    place: &Place,
    room: &mut usize,
) -> Result<Option<Value>> {
    let one = |value: &Value, room: &mut usize| match capture {
        Some(regex) => captured(regex, value, place.looks(), room),
        None => copy(value, room).map(Some),
    };
    if !path.is_many() {
        return Ok(place.first(path).map(|value| one(value, room)).transpose()?.flatten());
    }
    let mut list = vec![];
    for value in payload::all(place, path)? {
        list.extend(one(value, room)?);
    }
    Ok((!list.is_empty()).then_some(Value::Array(list)))
}

/// What the group of `regex` holds in the text of a value; nothing of what has no text.
fn captured(
    regex: &TextRegex,
    value: &Value,
    looks: &Looks,
    room: &mut usize,
) -> Result<Option<Value>> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return Ok(None),
    };
    if !looks.spend(text.len()) {
        return Ok(None);
    }
    let group = regex.group(&text).map(Value::from);
    group.map(|group| copy(&group, room)).transpose()
}

/// A copy, if there is room for it.
fn copy(value: &Value, room: &mut usize) -> Result<Value> {
    reserve(value, room)?;
    Ok(value.clone())
}

fn reserve(value: &Value, room: &mut usize) -> Result<()> {
    match value {
        Value::Null | Value::Bool(_) => take(5, room),
        Value::Number(number) => take(number.as_str().len() + 1, room),
        Value::String(text) => take(text.len() + 3, room),
        Value::Array(list) => {
            take(3, room)?;
            list.iter().try_for_each(|value| reserve(value, room))
        }
        Value::Object(fields) => {
            take(3, room)?;
            fields.iter().try_for_each(|(name, value)| {
                take(name.len() + 3, room)?;
                reserve(value, room)
            })
        }
    }
}

fn take(bytes: usize, room: &mut usize) -> Result<()> {
    match room.checked_sub(bytes) {
        Some(left) => {
            *room = left;
            Ok(())
        }
        None => Err(Error::EventsTooLarge { limit: EVENTS_MAX_BYTES }),
    }
}

/// The events so far.
#[derive(Debug, Default)]
struct Found {
    events: Vec<Mapped>,
    known: HashSet<Mapped>,
    /// What they take as JSON, about, those that were there already too.
    bytes: usize,
}

impl Found {
    fn add(&mut self, mapped: Mapped) -> Result<()> {
        if self.known.contains(&mapped) {
            return Ok(());
        }
        if self.events.len() == EVENTS_MAX {
            return Err(Error::TooMany {
                what: "events of one payload",
                count: EVENTS_MAX + 1,
                limit: EVENTS_MAX,
            });
        }
        self.known.insert(mapped.clone());
        self.events.push(mapped);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
