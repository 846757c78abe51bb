//! What documents of rules, classes and mappings have in common: JSON that holds one definition, an
//! array of them, or an object with the array.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Result};
use super::payload::kind_of;
use super::snapshot::FileDigests;

/// Largest document, in bytes: it is parsed while the server waits.
pub const DOCUMENT_MAX_BYTES: usize = 4 << 20;

/// Largest definition, in bytes as JSON: of those that are kept some fit into a document.
pub const DEFINITION_MAX_BYTES: usize = 1 << 20;

/// Definitions in parts, at least one, each small enough for a document: what a server has saved
/// it must read. Each comes with its length as JSON.
pub fn parts<T>(all: impl Iterator<Item = (T, usize)>) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut bytes) = (vec![], vec![], 0);
    for (one, length) in all {
        if bytes + length > DEFINITION_MAX_BYTES && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        part.push(one);
        bytes += length;
    }
    if !part.is_empty() || parts.is_empty() {
        parts.push(part);
    }
    parts
}

/// What a document defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rules.
    Rule,
    /// Classes.
    Class,
    /// Mappings.
    Mapping,
}

impl Kind {
    /// The word for one.
    pub fn one(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Class => "class",
            Self::Mapping => "mapping",
        }
    }

    /// The word for many, and the field that holds them.
    pub fn many(self) -> &'static str {
        match self {
            Self::Rule => "rules",
            Self::Class => "classes",
            Self::Mapping => "mappings",
        }
    }

    fn document(self) -> &'static str {
        match self {
            Self::Rule => "rule document",
            Self::Class => "class document",
            Self::Mapping => "mapping document",
        }
    }

    /// A short one.
    pub fn example(self) -> &'static str {
        match self {
            Self::Rule => r#"{"eventType":"e","cacheKeys":["k"]}"#,
            Self::Class => r#"{"name":"c","match":["k:*"],"ttl":300}"#,
            Self::Mapping => r#"{"name":"m","events":[{"event":"e","fields":{"id":"user.id"}}]}"#,
        }
    }
}

/// Reads the JSON of a document.
///
/// # Errors
/// It is too large, or no JSON.
pub fn parse_json(kind: Kind, text: &[u8]) -> Result<Value> {
    if text.len() > DOCUMENT_MAX_BYTES {
        return Err(Error::DocumentTooLarge { kind, bytes: text.len(), limit: DOCUMENT_MAX_BYTES });
    }
    serde_json::from_slice(text).map_err(|error| Error::json(kind.document(), &error))
}

/// Reads a document of one definition.
///
/// # Errors
/// Bad JSON with line and column, anything but an object, or a bad field.
pub fn parse_one<D: DeserializeOwned>(kind: Kind, text: &[u8]) -> Result<D> {
    let json = parse_json(kind, text)?;
    if !json.is_object() {
        return Err(Error::DocumentNotOne { kind, found: kind_of(&json) });
    }
    read(kind, json)
}

/// The definitions of a document, and what it says of files, if it does.
///
/// # Errors
/// It is not a document of this kind.
pub fn list(kind: Kind, document: Value) -> Result<(Vec<Value>, Option<FileDigests>)> {
    let field = kind.many();
    let bad = |why| Err(Error::BadField { kind, why });
    match document {
        Value::Array(list) => Ok((list, None)),
        Value::Object(mut fields) => match fields.remove(field) {
            Some(Value::Array(list)) if fields.is_empty() => Ok((list, None)),
            Some(Value::Array(list)) if fields.len() == 1 && fields.contains_key("files") => {
                let files = fields.remove("files").unwrap_or_default();
                let files =
                    serde_json::from_value(files).map_err(|error| field_error(kind, &error))?;
                Ok((list, Some(files)))
            }
            Some(Value::Array(_)) => {
                let unknown = fields.keys().next().cloned().unwrap_or_default();
                bad(format!("unknown field `{unknown}` beside `{field}`"))
            }
            Some(other) => {
                bad(format!("`{field}` is {}, expected an array of {field}", kind_of(&other)))
            }
            None => Ok((vec![Value::Object(fields)], None)),
        },
        other => Err(Error::DocumentNotMany { kind, found: kind_of(&other) }),
    }
}

/// Definitions, and what was read from files if the document says so.
pub type Definitions<T> = (Vec<T>, Option<FileDigests>);

/// All definitions of a document, each made by `build`.
///
/// # Errors
/// Everything that is wrong, one error per definition.
pub fn definitions<D: DeserializeOwned, T>(
    kind: Kind,
    json: Value,
    mut build: impl FnMut(D) -> Result<T>,
    name: impl Fn(&T) -> &String,
) -> std::result::Result<Definitions<T>, Vec<Error>> {
    let (list, files) = list(kind, json).map_err(|error| vec![error])?;
    let mut names = HashSet::new();
    let (mut good, mut bad) = (vec![], vec![]);
    for (at, value) in list.into_iter().enumerate() {
        match read(kind, value).and_then(&mut build) {
            Ok(one) if !names.insert(name(&one).clone()) => {
                bad.push(Error::Duplicate { kind, at, name: name(&one).clone() });
            }
            Ok(one) => good.push(one),
            Err(error) => bad.push(Error::AtIndex { kind, at, error: Box::new(error) }),
        }
    }
    if bad.is_empty() { Ok((good, files)) } else { Err(bad) }
}

/// The fields of one definition. The library would take an array, too, as the fields in their
/// order.
///
/// # Errors
/// An unknown field, or one of the wrong type.
pub fn read<D: DeserializeOwned>(kind: Kind, value: Value) -> Result<D> {
    if !value.is_object() {
        let why = format!("it is {}, expected an object", kind_of(&value));
        return Err(Error::BadField { kind, why });
    }
    serde_json::from_value(value).map_err(|error| field_error(kind, &error))
}

/// Gives the name of the command to a document, which may not say another.
///
/// # Errors
/// It does.
pub fn name(kind: Kind, written: &mut String, given: &str) -> Result<()> {
    if !written.is_empty() && written != given {
        let written = written.clone();
        return Err(Error::NameDiffers { kind, given: given.to_owned(), written });
    }
    given.clone_into(written);
    Ok(())
}

fn field_error(kind: Kind, error: &serde_json::Error) -> Error {
    Error::BadField { kind, why: error.to_string() }
}
