//! The JSON object of an event.

use serde_json::{Map, Value};

use super::error::{Error, Result};
use super::path::{Looks, Path, Place};

/// Largest payload, in bytes. Parsing holds up the server, and a cache event needs a few fields.
pub const PAYLOAD_MAX_BYTES: usize = 1 << 20;

/// Most values that one path with `[*]` gives: an event that names more is no event.
pub const VALUES_MAX: usize = 10_000;

/// A JSON object. Numbers keep the digits they were written with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payload(Value);

impl Default for Payload {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl Payload {
    /// Reads `text`.
    ///
    /// # Errors
    /// Text that is not JSON (with line and column), not an object, or too large.
    pub fn parse(text: &[u8]) -> Result<Self> {
        if text.len() > PAYLOAD_MAX_BYTES {
            return Err(Error::PayloadTooLarge { bytes: text.len(), limit: PAYLOAD_MAX_BYTES });
        }
        match serde_json::from_slice(text) {
            Ok(value) => Self::of(value),
            Err(error) => Err(Error::json("payload", &error)),
        }
    }

    /// A value as a payload.
    ///
    /// # Errors
    /// It is not an object.
    pub fn of(value: Value) -> Result<Self> {
        match value {
            Value::Object(_) => Ok(Self(value)),
            other => Err(Error::PayloadNotObject { found: kind_of(&other) }),
        }
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The object itself.
    pub fn into_value(self) -> Value {
        self.0
    }

    /// The object as JSON text.
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// The value at `path`, the first if there are several; `None` when a step of it is not
    /// there.
    pub fn get(&self, path: &Path) -> Option<&Value> {
        Place::new(&[&self.0], &Looks::unlimited()).first(path)
    }

    /// All values at `path`, in order.
    ///
    /// # Errors
    /// They are more than [`VALUES_MAX`].
    pub fn get_all(&self, path: &Path) -> Result<Vec<&Value>> {
        all(&Place::new(&[&self.0], &Looks::unlimited()), path)
    }

    /// The value of the top-level field `name`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl From<Map<String, Value>> for Payload {
    fn from(fields: Map<String, Value>) -> Self {
        Self(Value::Object(fields))
    }
}

/// All values at `path`, in order.
///
/// # Errors
/// They are more than [`VALUES_MAX`].
pub fn all<'a>(place: &Place<'_, 'a>, path: &Path) -> Result<Vec<&'a Value>> {
    let mut values = vec![];
    let is_more = place.any(path, |value| {
        values.push(value);
        values.len() > VALUES_MAX
    });
    match is_more {
        true => Err(Error::TooMany {
            what: "values of one path",
            count: values.len(),
            limit: VALUES_MAX,
        }),
        false => Ok(values),
    }
}

/// What kind of JSON value this is, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{Hash, Hasher};

    #[test]
    fn all_values_of_a_path_are_given_or_refused() {
        let of = |count: usize| Payload::of(serde_json::json!({ "a": vec![7; count] })).unwrap();
        let path = Path::parse_many("a[*]").unwrap();
        assert_eq!(of(VALUES_MAX).get_all(&path).unwrap().len(), VALUES_MAX);
        assert_eq!(of(2).get(&path), Some(&Value::from(7)));
        assert_eq!(
            of(VALUES_MAX + 1).get_all(&path).unwrap_err().to_string(),
            "10001 values of one path are more than the limit of 10000; split them up"
        );
    }

    #[test]
    fn equal_payloads_hash_alike() {
        let hash = |text: &str| {
            let mut hasher = std::hash::DefaultHasher::new();
            let payload = Payload::parse(text.as_bytes()).unwrap();
            payload.hash(&mut hasher);
            (payload, hasher.finish())
        };
        assert_eq!(
            hash(r#"{"a":1,"b":{"c":[1],"d":null}}"#),
            hash(r#"{"b":{"d":null,"c":[1]},"a":1}"#)
        );
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        let rows = [
            (
                "[1]",
                "payload is an array, not a JSON object; send for example '{\"userId\":\"42\"}'",
            ),
            (
                "\"x\"",
                "payload is a string, not a JSON object; send for example '{\"userId\":\"42\"}'",
            ),
            ("{\"a\":1,}", "payload is not valid JSON at line 1 column 8: trailing comma"),
            ("", "payload is not valid JSON at line 1 column 0: EOF while parsing a value"),
        ];
        for (text, expected) in rows {
            assert_eq!(Payload::parse(text.as_bytes()).unwrap_err().to_string(), expected);
        }
        let deep = "[".repeat(100_000);
        assert!(
            Payload::parse(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit")
        );
        let huge = vec![b' '; PAYLOAD_MAX_BYTES + 1];
        assert!(matches!(Payload::parse(&huge), Err(Error::PayloadTooLarge { .. })));
    }
}
