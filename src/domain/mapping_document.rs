//! Mappings as JSON: what `INVAL.MAP SET/LOAD/DUMP` and the files of `rules/` hold.
//!
//! One mapping is an object with the fields of [`MappingDocument`]; a document is one mapping, an
//! array of mappings, or `{"mappings": [...]}`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::document::{self, Definitions, Kind};
use super::error::{Error, Result};
use super::mapping::{Event, Mapping, Source};
use super::mapping_table::MAPPINGS_MAX_COMPILED_BYTES;
use super::path::Path;
use super::payload::kind_of;
use super::rule::check_name;
use super::snapshot::FileDigests;
use super::template::Template;
use super::text_regex::TextRegex;

/// Most kinds of events of one mapping: each is tried on each item.
pub const EVENT_KINDS_MAX: usize = 100;

/// Most fields of one kind of event: more than a rule uses.
pub const FIELDS_MAX: usize = 100;

/// Most paths where several may stand: each is tried on each item.
pub const PATHS_MAX: usize = 10;

/// Most memory, in bytes, of the regexes of a document when compiled. Beside the mappings set by
/// command, a table may hold those of files, each within the table's bound: what a server has
/// saved it must read.
const DOCUMENT_MAX_COMPILED_BYTES: usize = 2 * MAPPINGS_MAX_COMPILED_BYTES;

/// A mapping as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingDocument {
    /// The mapping's name.
    #[serde(default)]
    pub name: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The items of a payload, a path or several; the payload itself when absent.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub each: Value,
    /// What comes of an item, each an [`EventDocument`].
    #[serde(default)]
    pub events: Vec<Value>,
}

/// One kind of event that comes of an item.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventDocument {
    /// The event; may hold placeholders.
    #[serde(default)]
    pub event: String,
    /// Items of the item, likewise.
    #[serde(default)]
    pub each: Value,
    /// A condition on the item.
    #[serde(default)]
    pub when: String,
    /// The event's fields, each a path, several paths, or a [`FieldDocument`]; the item itself
    /// when absent.
    #[serde(default)]
    pub fields: Option<Map<String, Value>>,
}

/// A field of an event, where a path is not enough.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldDocument {
    /// Where the value is; of several paths the first that leads to one.
    #[serde(default)]
    pub path: Option<Value>,
    /// A regex: what its group holds is the value.
    #[serde(default, rename = "match")]
    pub capture: Option<String>,
    /// The value when there is none.
    #[serde(default)]
    pub default: Option<Value>,
    /// The value itself.
    #[serde(default)]
    pub value: Option<Value>,
}

impl MappingDocument {
    /// Checks everything and compiles the regexes.
    ///
    /// # Errors
    /// The first thing wrong, with the mapping's name.
    pub fn into_mapping(self) -> Result<Mapping> {
        let mapping = self.name.clone();
        self.build().map_err(|error| Error::InMapping { mapping, error: Box::new(error) })
    }

    fn build(self) -> Result<Mapping> {
        check_name("mapping name", &self.name)?;
        match self.events.len() {
            0 => return Err(Error::NoEvents),
            count if count > EVENT_KINDS_MAX => {
                return Err(Error::TooMany { what: "events", count, limit: EVENT_KINDS_MAX });
            }
            _ => {}
        }
        let mut compiled_bytes = 0;
        let mut events = vec![];
        for (at, event) in self.events.iter().enumerate() {
            let made = document::read(Kind::Mapping, event.clone())
                .and_then(|event: EventDocument| event.build(&mut compiled_bytes));
            events.push(made.map_err(|error| Error::InMappedEvent { at, error: Box::new(error) })?);
        }
        Ok(Mapping { each: each(&self.each)?, events, compiled_bytes, document: self })
    }
}

impl EventDocument {
    fn build(self, compiled_bytes: &mut usize) -> Result<Event> {
        check_name("event", &self.event)?;
        let when = match self.when.as_str() {
            "" => None,
            text => Some(Condition::parse_from_item(text)?),
        };
        count(when.as_ref().map_or(0, Condition::compiled_bytes), compiled_bytes)?;
        let fields = match self.fields {
            None => None,
            Some(fields) if fields.len() > FIELDS_MAX => {
                let count = fields.len();
                return Err(Error::TooMany { what: "fields", count, limit: FIELDS_MAX });
            }
            Some(fields) => {
                let mut sources = vec![];
                for (name, value) in fields {
                    let source = source(&name, value)?;
                    if let Source::Paths { capture: Some(regex), .. } = &source {
                        count(regex.memory(), compiled_bytes)?;
                    }
                    sources.push((name, source));
                }
                Some(sources)
            }
        };
        let name = Template::parse_from_item(&self.event)?;
        Ok(Event { name, each: each(&self.each)?, when, fields })
    }
}

fn count(bytes: usize, compiled_bytes: &mut usize) -> Result<()> {
    *compiled_bytes += bytes;
    match *compiled_bytes > MAPPINGS_MAX_COMPILED_BYTES {
        true => Err(too_large()),
        false => Ok(()),
    }
}

fn too_large() -> Error {
    Error::MappingsTooLarge { what: "when compiled", limit: MAPPINGS_MAX_COMPILED_BYTES }
}

/// Paths to items; none stands for where we are.
fn each(written: &Value) -> Result<Vec<Path>> {
    match written {
        Value::Null => Ok(vec![]),
        _ => paths(written, |text| Path::parse_from_item(text).filter(Path::leads_inward)),
    }
}

/// A path, or an array of paths.
fn paths(written: &Value, read: fn(&str) -> Option<Path>) -> Result<Vec<Path>> {
    let one = |value: &Value| {
        let path = value.as_str().and_then(read);
        let found = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        path.ok_or_else(|| Error::BadPath { found: found() })
    };
    match written {
        Value::Array(list) if list.len() > PATHS_MAX => {
            Err(Error::TooMany { what: "paths", count: list.len(), limit: PATHS_MAX })
        }
        Value::Array(list) if !list.is_empty() => list.iter().map(one).collect(),
        other => one(other).map(|path| vec![path]),
    }
}

fn source(field: &str, value: Value) -> Result<Source> {
    let bad = |why: &str| Error::BadMappedField { field: field.to_owned(), why: why.to_owned() };
    if !Path::parse(field).is_some_and(|path| path.is_field()) {
        return Err(bad("no placeholder can name it; use a name without . [ ] { } and |"));
    }
    let document = match value {
        Value::String(_) | Value::Array(_) => {
            FieldDocument { path: Some(value), ..FieldDocument::default() }
        }
        Value::Object(_) => serde_json::from_value(value).map_err(|why| bad(&why.to_string()))?,
        other => {
            let found = kind_of(&other);
            return Err(bad(&format!(
                "it is {found}; write a path, or {{\"value\":..}} for a constant"
            )));
        }
    };
    match document {
        FieldDocument { path: None, capture: None, default: None, value: Some(value) } => {
            Ok(Source::Constant(value))
        }
        FieldDocument { path: Some(path), capture, default, value: None } => {
            let in_field = |error: Error| bad(&error.to_string());
            let capture = capture.map(|regex| TextRegex::parse_with_group(&regex)).transpose();
            Ok(Source::Paths {
                paths: paths(&path, Path::parse_from_item).map_err(in_field)?,
                capture: capture.map_err(in_field)?,
                default,
            })
        }
        _ => {
            Err(bad("give \"path\", with \"match\" or \"default\" if need be, or \"value\" alone"))
        }
    }
}

/// Reads one mapping; `name` is its name and the document may not say another.
///
/// # Errors
/// Bad JSON with line and column, an unknown field, or a bad mapping.
pub fn parse_one(text: &[u8], name: &str) -> Result<Mapping> {
    let mut document: MappingDocument = document::parse_one(Kind::Mapping, text)?;
    document::name(Kind::Mapping, &mut document.name, name)?;
    document.into_mapping()
}

/// Reads a document of any number of mappings, which may say what was read from files: `"files"`
/// beside `"mappings"`.
///
/// # Errors
/// Everything that is wrong, one error per mapping.
pub fn parse_with_files(text: &[u8]) -> std::result::Result<Definitions<Mapping>, Vec<Error>> {
    from_json(document::parse_json(Kind::Mapping, text).map_err(|error| vec![error])?)
}

/// The same of JSON that was read already.
///
/// # Errors
/// The same.
pub fn from_json(json: Value) -> std::result::Result<Definitions<Mapping>, Vec<Error>> {
    let mut bytes = 0;
    let build = |document: MappingDocument| {
        if bytes > DOCUMENT_MAX_COMPILED_BYTES {
            return Err(too_large());
        }
        let mapping = document.into_mapping()?;
        bytes += mapping.compiled_bytes();
        Ok(mapping)
    };
    document::definitions(Kind::Mapping, json, build, Mapping::name)
}

/// Writes a document that [`parse_with_files`] reads back.
pub fn to_json<'a>(mappings: impl Iterator<Item = &'a Mapping>) -> String {
    serde_json::json!({ "mappings": documents_of(mappings) }).to_string()
}

/// The same, with what was read from files.
pub fn to_json_with_files<'a>(
    mappings: impl Iterator<Item = &'a Mapping>,
    files: &FileDigests,
) -> String {
    serde_json::json!({ "mappings": documents_of(mappings), "files": files }).to_string()
}

// Plain strings and JSON: there is nothing in them that could fail to serialise.
fn documents_of<'a>(mappings: impl Iterator<Item = &'a Mapping>) -> Vec<&'a MappingDocument> {
    mappings.map(Mapping::document).collect()
}
