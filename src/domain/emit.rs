//! `emit`: the events that follow from an event, as a rule says.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::error::{Error, Result};
use super::path::Path;
use super::payload::Payload;
use super::rule::check_name;

/// Most events that one rule emits: each is looked up while the server waits.
pub const EMITS_MAX: usize = 20;

/// Most rules that emit: those of a new one are followed through all of them.
pub const EMITTERS_MAX: usize = 1000;

/// An event that a rule emits. Its name is fixed, so that circles are found when rules are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// The event.
    pub event: String,
    /// Fields of its payload, each a path into the payload that the rule took; `None`: the whole
    /// of that payload.
    fields: Option<Vec<(String, Path)>>,
}

/// An emitted event as rules write it: its name, or an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EmitDocument {
    /// The event, with the payload that the rule took.
    Name(String),
    /// The event, with a payload of its own.
    Event(EmittedDocument),
}

/// An emitted event with a payload of its own, as rules write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmittedDocument {
    /// The event.
    pub event: String,
    /// By field of its payload, the path of the value in the payload that the rule took.
    pub fields: Map<String, serde_json::Value>,
}

impl EmitDocument {
    /// Checks the name and the paths.
    ///
    /// # Errors
    /// A bad name, or a field that is no path.
    pub fn read(self) -> Result<Emit> {
        let (event, fields) = match self {
            Self::Name(event) => (event, None),
            Self::Event(EmittedDocument { event, fields }) => (event, Some(fields)),
        };
        check_name("emitted event", &event)?;
        let path = |(field, value): (String, serde_json::Value)| {
            let path = value.as_str().and_then(Path::parse);
            let bad = || Error::BadEmit { event: event.clone(), field: field.clone() };
            let path = path.ok_or_else(bad)?;
            Ok((field, path))
        };
        let fields = fields.map(|fields| fields.into_iter().map(path).collect::<Result<_>>());
        Ok(Emit { fields: fields.transpose()?, event })
    }

    /// The document of an emitted event; [`EmitDocument::read`] gives the same event back.
    pub fn of(emit: &Emit) -> Self {
        let Some(fields) = &emit.fields else { return Self::Name(emit.event.clone()) };
        let fields = fields.iter().map(|(name, path)| (name.clone(), path.to_string().into()));
        Self::Event(EmittedDocument { event: emit.event.clone(), fields: fields.collect() })
    }
}

impl Emit {
    /// The payload of the event that follows. A field whose value is not there is left out.
    pub fn payload(&self, of: &Payload) -> Payload {
        let Some(fields) = &self.fields else { return of.clone() };
        let value = |(name, path): &(String, Path)| Some((name.clone(), of.get(path)?.clone()));
        Payload::from(fields.iter().filter_map(value).collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Emit> {
        serde_json::from_str::<EmitDocument>(json).unwrap().read()
    }

    #[test]
    fn an_emitted_event_has_the_payload_of_its_cause_or_its_own() {
        let of = Payload::parse(br#"{"product":{"category":7},"name":"x"}"#).unwrap();
        let same = read(r#""search""#).unwrap();
        assert_eq!((same.event.as_str(), same.payload(&of)), ("search", of.clone()));
        let own =
            read(r#"{"event":"category","fields":{"id":"product.category","no":"gone"}}"#).unwrap();
        assert_eq!(own.payload(&of).to_text(), r#"{"id":7}"#);
        for emit in [same, own] {
            assert_eq!(EmitDocument::of(&emit).read().unwrap(), emit);
        }
    }

    #[test]
    fn bad_names_and_paths_are_refused() {
        assert!(read(r#""""#).is_err());
        for bad in ["1", "\"a..b\"", "{}"] {
            let error = read(&format!(r#"{{"event":"e","fields":{{"id":{bad}}}}}"#)).unwrap_err();
            assert!(error.to_string().contains("field 'id' of the emitted event 'e'"), "{error}");
        }
    }
}
