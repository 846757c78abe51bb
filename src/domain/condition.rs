//! `WHEN`: which events of its name a rule takes.
//!
//! # Grammar
//!
//! ```text
//! any    = all { "or" all }
//! all    = test { "and" test }
//! test   = "not" test | "(" any ")" | "exists" path | "changed" path
//!        | path ("=" | "!=") value | path "in" "(" value { "," value } ")"
//! value  = JSON string, number, true, false, null; strings also in single quotes, where `\'`
//!          and `\\` stand for `'` and `\`
//! ```
//!
//! `exists p`: the payload has a value other than null at `p`. `changed p`: the values at
//! `before.p` and `after.p` differ (an absent value is null), as in change-data-capture
//! envelopes. A comparison with an absent value is false; so `status != "draft"` holds for a
//! payload without `status`. Numbers compare by value, to the last digit: `1` equals `1.0`.

use serde_json::Value;

use super::error::{Error, Result};
use super::payload::{Path, Payload};

/// Longest condition, in bytes, and deepest nesting: both bound the recursion.
const CONDITION_MAX_BYTES: usize = 4096;
const CONDITION_MAX_DEPTH: usize = 64;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    source: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Exists(Path),
    Changed(Path),
    OneOf(Path, Vec<Value>),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What was found, where, and what was expected.
    pub fn parse(source: &str) -> Result<Self> {
        if source.len() > CONDITION_MAX_BYTES {
            return Err(Error::PatternTooLong { bytes: source.len(), limit: CONDITION_MAX_BYTES });
        }
        let mut parser = Parser { source, at: 0, depth: 0 };
        let test = parser.any()?;
        match parser.word() {
            "" => Ok(Self { source: source.to_owned(), test }),
            _ => Err(parser.expected("'and', 'or' or the end")),
        }
    }

    /// The condition as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether `payload` meets it.
    pub fn holds(&self, payload: &Payload) -> bool {
        self.test.holds(payload)
    }
}

impl Test {
    fn holds(&self, payload: &Payload) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(payload)),
            Self::All(tests) => tests.iter().all(|test| test.holds(payload)),
            Self::Not(test) => !test.holds(payload),
            Self::Exists(path) => payload.get(path).is_some_and(|value| !value.is_null()),
            Self::Changed(path) => {
                let at = |side| payload.get(&path.below(side)).unwrap_or(&Value::Null);
                !equal(at("before"), at("after"))
            }
            Self::OneOf(path, values) => payload
                .get(path)
                .is_some_and(|found| values.iter().any(|value| equal(found, value))),
        }
    }
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

struct Parser<'s> {
    source: &'s str,
    at: usize,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn rest(&mut self) -> &'s str {
        let rest = self.source.get(self.at..).unwrap_or("");
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    /// The next word or sign, not taken.
    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let end = match rest.chars().next() {
            None => 0,
            Some('(' | ')' | ',' | '=') => 1,
            Some('!') if rest.starts_with("!=") => 2,
            Some(quote @ ('"' | '\'')) => quoted_len(rest, quote).unwrap_or(rest.len()),
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=' | '!');
                rest.find(ends).unwrap_or(rest.len()).max(1)
            }
        };
        rest.get(..end).unwrap_or(rest)
    }

    fn take(&mut self, expected: &str) -> bool {
        let word = self.word();
        let hit = word.eq_ignore_ascii_case(expected);
        if hit {
            self.at += word.len();
        }
        hit
    }

    fn expected(&mut self, what: &str) -> Error {
        let found = self.word().to_owned();
        Error::ConditionSyntax {
            condition: self.source.to_owned(),
            at: self.at,
            found,
            expected: what.to_owned(),
        }
    }

    fn any(&mut self) -> Result<Test> {
        self.depth += 1;
        if self.depth > CONDITION_MAX_DEPTH {
            return Err(self.expected("fewer nested parentheses"));
        }
        let mut tests = vec![self.all()?];
        while self.take("or") {
            tests.push(self.all()?);
        }
        self.depth -= 1;
        Ok(one_or(tests, Test::Any))
    }

    fn all(&mut self) -> Result<Test> {
        let mut tests = vec![self.test()?];
        while self.take("and") {
            tests.push(self.test()?);
        }
        Ok(one_or(tests, Test::All))
    }

    fn test(&mut self) -> Result<Test> {
        let mut negated = false;
        while self.take("not") {
            negated = !negated;
        }
        let test = if self.take("(") {
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.expected("')'"));
            }
            inner
        } else if self.take("exists") {
            Test::Exists(self.path()?)
        } else if self.take("changed") {
            Test::Changed(self.path()?)
        } else {
            self.comparison()?
        };
        Ok(if negated { Test::Not(Box::new(test)) } else { test })
    }

    fn comparison(&mut self) -> Result<Test> {
        let path = self.path()?;
        if self.take("=") {
            Ok(Test::OneOf(path, vec![self.value()?]))
        } else if self.take("!=") {
            Ok(Test::Not(Box::new(Test::OneOf(path, vec![self.value()?]))))
        } else if self.take("in") {
            if !self.take("(") {
                return Err(self.expected("'('"));
            }
            let mut values = vec![self.value()?];
            while self.take(",") {
                values.push(self.value()?);
            }
            if !self.take(")") {
                return Err(self.expected("',' or ')'"));
            }
            Ok(Test::OneOf(path, values))
        } else {
            Err(self.expected("'=', '!=' or 'in'"))
        }
    }

    fn path(&mut self) -> Result<Path> {
        let word = self.word();
        match Path::parse(word) {
            Some(path) if !word.starts_with(['"', '\'', '(', ')', ',', '=', '!']) => {
                self.at += word.len();
                Ok(path)
            }
            _ => Err(self.expected("a field path such as status or product.id")),
        }
    }

    fn value(&mut self) -> Result<Value> {
        let word = self.word();
        let quoted = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let value = match quoted {
            Some(text) => {
                (quoted_len(word, '\'') == Some(word.len())).then(|| Value::String(unescaped(text)))
            }
            None => serde_json::from_str(word)
                .ok()
                .filter(|value: &Value| !value.is_array() && !value.is_object()),
        };
        let value =
            value.ok_or_else(|| self.expected("a value such as \"paid\", 42, true or null"))?;
        self.at += word.len();
        Ok(value)
    }
}

/// The length of a quoted string with its quotes; `None` when it is not closed.
fn quoted_len(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `\'` and `\\` are what follows the backslash; any other backslash is one.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, '\'' | '\\'));
        out.push(escaped.unwrap_or(c));
    }
    out
}

fn one_or(mut tests: Vec<Test>, many: fn(Vec<Test>) -> Test) -> Test {
    match tests.pop() {
        Some(only) if tests.is_empty() => only,
        Some(last) => {
            tests.push(last);
            many(tests)
        }
        None => many(tests),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let payload = Payload::parse(
            br#"{"status":"paid","n":1,"nil":null,"o":{"x":true},"big":18446744073709551615,"huge":1e999,
                "price":0.30000000000000001,"zero":-0.0e5,"dir":"c:\\","before":{"price":10,"name":"a","id":9007199254740993.0},
                "after":{"price":12,"name":"a","new":1,"id":9007199254740992.0}}"#,
        )
        .unwrap();
        let rows = [
            ("status = \"paid\"", true),
            ("status='paid'", true),
            ("status = 'open'", false),
            ("status != 'open'", true),
            ("missing != 'open'", true),
            ("missing = null", false),
            ("nil = null", true),
            ("status in ('open', \"paid\")", true),
            ("status in ('open')", false),
            ("n = 1.0", true),
            ("n = '1'", false),
            ("n = 10e-1", true),
            ("big = 18446744073709551614", false),
            ("big = 18446744073709551615.0", true),
            ("huge = 2e999", false),
            ("huge = -1e999", false),
            ("huge = 10E+998", true),
            ("price = 0.3", false),
            ("zero = 0", true),
            ("changed id", true),
            ("dir = 'c:\\\\'", true),
            ("o.x = true", true),
            ("exists status", true),
            ("exists nil", false),
            ("not exists missing", true),
            ("changed price", true),
            ("changed name", false),
            ("changed new", true),
            ("changed neither", false),
            ("changed name or changed price", true),
            ("changed name and changed price", false),
            ("(changed name or changed price) and status = 'paid'", true),
            ("not (status = 'paid' or n = 2)", false),
            ("exists missing or exists nil and exists status", false),
            ("EXISTS status AND NOT changed name", true),
        ];
        for (source, expected) in rows {
            let condition = Condition::parse(source).unwrap();
            assert_eq!(condition.holds(&payload), expected, "{source}");
            assert_eq!(condition.source(), source);
        }
    }

    #[test]
    fn syntax_errors_say_where() {
        let rows = [
            ("", "expected a field path such as status or product.id, found the end, at byte 0"),
            ("status", "expected '=', '!=' or 'in', found the end, at byte 6"),
            (
                "status = paid",
                "expected a value such as \"paid\", 42, true or null, found 'paid', at byte 9",
            ),
            ("status in 'a'", "expected '(', found ''a'', at byte 10"),
            ("status in ('a' 'b')", "expected ',' or ')', found ''b'', at byte 15"),
            ("(status = 1", "expected ')', found the end, at byte 11"),
            (
                "status = 1 status = 2",
                "expected 'and', 'or' or the end, found 'status', at byte 11",
            ),
            (
                "status = 'a",
                "expected a value such as \"paid\", 42, true or null, found ''a', at byte 9",
            ),
            (
                "status = 'a\\'",
                "expected a value such as \"paid\", 42, true or null, found ''a\\'', at byte 9",
            ),
        ];
        for (source, expected) in rows {
            let message = Condition::parse(source).unwrap_err().to_string();
            assert!(message.ends_with(expected), "{source}: {message}");
        }
        let deep = "(".repeat(1000);
        assert!(Condition::parse(&deep).is_err());
        assert!(Condition::parse(&"a".repeat(5000)).is_err());
    }
}
