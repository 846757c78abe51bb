//! Reads the grammar of conditions.

use serde_json::Value;

use super::{CONDITION_MAX_COMPILED_BYTES, CONDITION_MAX_DEPTH, Test};
use crate::domain::error::{Error, Result};
use crate::domain::path::Path;
use crate::domain::text_regex::TextRegex;

/// Which texts are paths.
pub(super) type Paths = fn(&str) -> Option<Path>;

/// See the module.
pub(super) struct Parser<'s> {
    source: &'s str,
    paths: Paths,
    at: usize,
    depth: usize,
    /// What the regexes so far take when compiled.
    compiled_bytes: usize,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s str, paths: Paths) -> Self {
        Self { source, paths, at: 0, depth: 0, compiled_bytes: 0 }
    }

    /// The whole text, and what its regexes take.
    pub(super) fn whole(mut self) -> Result<(Test, usize)> {
        let test = self.any()?;
        match self.word() {
            "" => Ok((test, self.compiled_bytes)),
            _ => Err(self.expected("'and', 'or' or the end")),
        }
    }

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
        } else if self.take("contains") {
            Ok(Test::Contains(path, self.value()?))
        } else if self.take("matches") {
            Ok(Test::Matches(path, self.regex()?))
        } else {
            Err(self.expected("'=', '!=', 'in', 'contains' or 'matches'"))
        }
    }

    fn regex(&mut self) -> Result<TextRegex> {
        let at = self.at;
        let Value::String(source) = self.value()? else {
            self.at = at;
            return Err(self.expected("a regex in quotes"));
        };
        let regex = TextRegex::parse(&source)?;
        self.compiled_bytes += regex.memory();
        match self.compiled_bytes > CONDITION_MAX_COMPILED_BYTES {
            true => {
                Err(Error::RegexTooLarge { regex: source, limit: CONDITION_MAX_COMPILED_BYTES })
            }
            false => Ok(regex),
        }
    }

    fn path(&mut self) -> Result<Path> {
        let word = self.word();
        match (self.paths)(word) {
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
