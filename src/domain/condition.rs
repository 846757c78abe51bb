//! `WHEN`: which events of its name a rule takes.
//!
//! # Grammar
//!
//! ```text
//! any    = all { "or" all }
//! all    = test { "and" test }
//! test   = "not" test | "(" any ")" | "exists" path | "changed" path
//!        | path ("=" | "!=") value | path "in" "(" value { "," value } ")"
//!        | path "contains" value | path "matches" string
//! value  = JSON string, number, true, false, null; strings also in single quotes, where `\'`
//!          and `\\` stand for `'` and `\`
//! ```
//!
//! `exists p`: the payload has a value other than null at `p`. `changed p`: the values at
//! `before.p` and `after.p` differ (an absent value is null), as in change-data-capture
//! envelopes. `p contains v`: the text at `p` has the string `v` in it, or the array at `p` the
//! element `v`. `p matches 'r'`: the regex `r` is found in the text at `p`. A test of an absent
//! value is false; so `status != "draft"` holds for a payload without `status`. Numbers compare
//! by value, to the last digit: `1` equals `1.0`.
//!
//! A path with `[*]` has many values, and a test is true when it is true of any of them; `!=` is
//! the opposite of `=`: true of none. `changed p`: there are others, or more or fewer.

mod parser;

use serde_json::Value;

use super::error::{Error, Result};
use super::path::{Looks, Path, Place};
use super::payload::Payload;
use super::text_regex::TextRegex;
use parser::{Parser, Paths};

/// Longest condition, in bytes, and deepest nesting: both bound the recursion.
const CONDITION_MAX_BYTES: usize = 4096;
const CONDITION_MAX_DEPTH: usize = 64;

/// Most memory, in bytes, of all regexes of a condition when compiled. Ordinary ones take a few
/// thousand each.
const CONDITION_MAX_COMPILED_BYTES: usize = 2 << 20;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    source: String,
    test: Test,
    /// What its regexes take when compiled.
    compiled_bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Exists(Path),
    Changed(Path),
    OneOf(Path, Vec<Value>),
    Contains(Path, Value),
    Matches(Path, TextRegex),
}

impl Condition {
    /// Reads a condition on a payload.
    ///
    /// # Errors
    /// What was found, where, and what was expected.
    pub fn parse(source: &str) -> Result<Self> {
        Self::read(source, Path::parse_many)
    }

    /// Reads a condition on an item of a payload: paths may start outside of it.
    ///
    /// # Errors
    /// The same.
    pub fn parse_from_item(source: &str) -> Result<Self> {
        Self::read(source, Path::parse_from_item)
    }

    fn read(source: &str, paths: Paths) -> Result<Self> {
        if source.len() > CONDITION_MAX_BYTES {
            return Err(Error::PatternTooLong { bytes: source.len(), limit: CONDITION_MAX_BYTES });
        }
        let (test, compiled_bytes) = Parser::new(source, paths).whole()?;
        Ok(Self { source: source.to_owned(), test, compiled_bytes })
    }

    /// What its regexes take when compiled, in bytes.
    pub fn compiled_bytes(&self) -> usize {
        self.compiled_bytes
    }

    /// The condition as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether `payload` meets it.
    pub fn holds(&self, payload: &Payload) -> bool {
        // Every value is looked at once for each test: payload and condition are bounded.
        self.holds_at(&Place::new(&[payload.value()], &Looks::unlimited()))
    }

    /// Whether what lies at `place` meets it. When the looks are spent, that is not known.
    pub fn holds_at(&self, place: &Place) -> bool {
        self.test.holds(place)
    }
}

impl Test {
    fn holds(&self, place: &Place) -> bool {
        let read = |text: &str| place.looks().spend(text.len());
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(place)),
            Self::All(tests) => tests.iter().all(|test| test.holds(place)),
            Self::Not(test) => !test.holds(place),
            Self::Exists(path) => place.any(path, |value| !value.is_null()),
            Self::Changed(path) => {
                let at = |side| values(place, &path.below(side));
                let (before, after) = (at("before"), at("after"));
                before.len() != after.len() || before.iter().zip(after).any(|(a, b)| !equal(a, b))
            }
            Self::OneOf(path, values) => {
                place.any(path, |found| values.iter().any(|value| equal(found, value)))
            }
            Self::Contains(path, wanted) => place.any(path, |found| match (found, wanted) {
                (Value::String(text), Value::String(wanted)) => {
                    read(text) && text.contains(wanted.as_str())
                }
                (Value::Array(list), wanted) => {
                    let mut some = list.iter().take_while(|_| place.looks().spend(0));
                    some.any(|element| equal(element, wanted))
                }
                _ => false,
            }),
            Self::Matches(path, regex) => place.any(
                path,
                |found| matches!(found, Value::String(text) if read(text) && regex.is_in(text)),
            ),
        }
    }
}

/// What is there; without `[*]` one value, null when absent.
fn values<'a>(place: &Place<'_, 'a>, path: &Path) -> Vec<&'a Value> {
    let mut values = vec![];
    place.any(path, |value| {
        values.push(value);
        false
    });
    if values.is_empty() && !path.is_many() {
        values.push(&Value::Null);
    }
    values
}

/// JSON equality, with numbers compared by value and objects without regard to order.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b || decimal(a.as_str()).is_some_and(|a| Some(a) == decimal(b.as_str())),
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// A JSON number by value: sign, digits without zeros around them, and the power of ten of the
/// last. `None` for a power beyond 64 bits: such a number equals its own spelling alone.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let shift = i64::try_from(digits.len() - kept.len()).ok()?;
    let power = power.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    Some((whole.starts_with('-'), kept.to_owned(), power.checked_add(shift)?))
}

#[cfg(test)]
mod tests;
