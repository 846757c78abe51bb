//! What the model's rules and purges mean, each key looked at.

use regex::bytes::Regex;
use serde_json::Value;

use crate::naive::Tags;

/// What makes a key stale.
pub enum Target {
    Key(String),
    Name(Regex),
    Tags(Expression),
}

impl Target {
    pub fn hits(&self, key: &str, tags: &Tags) -> bool {
        match self {
            Self::Key(name) => name == key,
            Self::Name(pattern) => pattern.is_match(key.as_bytes()),
            Self::Tags(expression) => expression.hits(tags),
        }
    }

    /// An entry of `cacheKeys` or `affectedCaches`; none when a value is missing.
    pub fn key_or_glob(text: &str, payload: &Value) -> Option<Self> {
        match text.contains(['*', '?', '[']) {
            true => glob(text, payload).map(Self::Name),
            false => fill(text, payload, str::to_owned).map(Self::Key),
        }
    }
}

/// `ANY t u NOT v`, with or without counts.
#[derive(Clone, PartialEq)]
pub struct Expression {
    pub all: bool,
    pub tags: Vec<String>,
    pub not: Vec<String>,
}

impl Expression {
    pub fn parse(words: &[String]) -> Self {
        let mut found = Self { all: false, tags: vec![], not: vec![] };
        let mut is_not = false;
        for word in words {
            match word.as_str() {
                "ALL" => found.all = true,
                "NOT" => is_not = true,
                "ANY" | "KEYS" | "DRYRUN" | "1" | "2" => {}
                _ if is_not => found.not.push(word.clone()),
                _ => found.tags.push(word.clone()),
            }
        }
        found
    }

    pub fn hits(&self, tags: &Tags) -> bool {
        let has = |tag: &String| tags.contains(tag);
        let wanted = if self.all { self.tags.iter().all(has) } else { self.tags.iter().any(has) };
        wanted && !self.not.iter().any(has)
    }
}

/// Puts values in; none when one is missing.
pub fn fill(text: &str, payload: &Value, escape: impl Fn(&str) -> String) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}')?;
        let (field, default) = field.split_once('|').map_or((field, None), |(f, d)| (f, Some(d)));
        let value = match &payload[field] {
            Value::Null => default?.to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        filled += before;
        filled += &escape(&value);
        rest = after;
    }
    Some(filled + rest)
}

/// A glob of `*`, `?`, `[..]` and placeholders, as a regex.
pub fn glob(text: &str, payload: &Value) -> Option<Regex> {
    let pattern = text.replace('*', ".*").replace('?', ".");
    let pattern = fill(&pattern, payload, regex::escape)?;
    Some(Regex::new(&format!("(?s)^(?:{pattern})$")).unwrap())
}

/// The conditions that histories use: one comparison with a string.
pub fn holds(when: Option<&str>, payload: &Value) -> bool {
    let Some(when) = when else { return true };
    let (test, expected) = when.trim_end_matches('\'').split_once('\'').unwrap();
    match test.strip_suffix("!=") {
        Some(field) => payload[field] != expected,
        None => payload[test.trim_end_matches('=')] == expected,
    }
}
