//! The JSON object of an event, and the paths into it.

use std::fmt;

use serde_json::{Map, Value};

use super::error::{Error, Result};

/// Largest payload, in bytes. Parsing holds up the server, and a cache event needs a few fields.
pub const PAYLOAD_MAX_BYTES: usize = 1 << 20;

/// Longest path, in steps: deeper than real payloads, shallow enough to walk for nothing.
const PATH_MAX_STEPS: usize = 32;

/// A JSON object. Numbers keep the digits they were written with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload(Map<String, Value>);

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
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(other) => Err(Error::PayloadNotObject { found: kind_of(&other) }),
            Err(error) => Err(Error::json("payload", &error)),
        }
    }

    /// The value at `path`; `None` when a step of it is not there.
    pub fn get(&self, path: &Path) -> Option<&Value> {
        let (first, rest) = path.steps.split_first()?;
        let Step::Field(name) = first else { return None };
        rest.iter().try_fold(self.0.get(name)?, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Index(at) => value.get(at),
        })
    }

    /// The value of the top-level field `name`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl From<Map<String, Value>> for Payload {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

/// As JSON, on one line.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names and values: there is nothing in them that could fail to serialise.
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
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

/// Where a value lies in a payload: `userId`, `product.id`, `tags[0]`, `items[2].sku`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    /// Reads a path. `None` when it is not one: an empty step, a bad index, or too many steps.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = vec![];
        for part in text.split('.') {
            let (name, mut indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if name.is_empty() || name.contains([']', '{', '}', '|']) {
                return None;
            }
            steps.push(Step::Field(name.to_owned()));
            while let Some(rest) = indices.strip_prefix('[') {
                let (digits, after) = rest.split_once(']')?;
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                steps.push(Step::Index(digits.parse().ok()?));
                indices = after;
            }
            if !indices.is_empty() {
                return None;
            }
        }
        (steps.len() <= PATH_MAX_STEPS).then_some(Self { steps })
    }

    /// The same path below the top-level field `parent`.
    pub fn below(&self, parent: &str) -> Self {
        let mut steps = vec![Step::Field(parent.to_owned())];
        steps.extend(self.steps.iter().cloned());
        Self { steps }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field(name) if at == 0 => write!(f, "{name}")?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_at(payload: &str, path: &str) -> Option<String> {
        let payload = Payload::parse(payload.as_bytes()).unwrap();
        payload.get(&Path::parse(path).unwrap()).map(Value::to_string)
    }

    #[test]
    fn paths_reach_into_a_payload() {
        let payload = r#"{"userId":"42","product":{"id":7},"tags":["a","b"],"items":[{"sku":"x"}],"block":123456789012345678901234567890}"#;
        let rows = [
            ("userId", Some("\"42\"")),
            ("product.id", Some("7")),
            ("tags[1]", Some("\"b\"")),
            ("items[0].sku", Some("\"x\"")),
            ("block", Some("123456789012345678901234567890")),
            ("tags[2]", None),
            ("product[0]", None),
            ("userId.x", None),
            ("nothing", None),
        ];
        for (path, expected) in rows {
            assert_eq!(text_at(payload, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn paths_print_as_they_were_read() {
        for path in ["a", "a.b", "a[0]", "a[0][1].b-c", "\u{e9}t\u{e9}"] {
            assert_eq!(Path::parse(path).unwrap().to_string(), path);
        }
        assert_eq!(Path::parse("price").unwrap().below("after").to_string(), "after.price");
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        let deep = vec!["a"; PATH_MAX_STEPS + 1].join(".");
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[]",
            "a[x]",
            "a[-1]",
            "a[0",
            "a]0",
            "[0]",
            "a[0]b",
            "a[99999999999999999999999]",
            &deep,
        ] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
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
