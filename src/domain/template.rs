//! `user:{userId}:*`: parsed once, rendered for each event.
//!
//! A placeholder is `{path}` or `{path|default}`; a path starts with a letter, `_`, `$` or `@`.
//! Literal braces are written twice: `{{42}}`. In globs and regexes a backslash also takes a
//! brace out of play, and in regexes `{3}`, `{2,}` and `\p{Greek}` mean what they always mean.
//!
//! A value is escaped for where it lands, so that data never becomes pattern.

use serde_json::Value;

use super::error::{Error, Result};
use super::glob::{self, Glob};
use super::path::Path;
use super::pattern;
use super::payload::{Payload, kind_of};

/// What the rendered text will be read as; decides how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A name, byte for byte: an exact key or a tag.
    Name,
    /// A Redis glob.
    Glob,
    /// A regular expression.
    Regex,
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    syntax: Syntax,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field { path: Path, default: Option<String> },
}

impl Template {
    /// Reads `source`.
    ///
    /// # Errors
    /// An unclosed `{`, a lone `}`, or a placeholder that is not a path.
    pub fn parse(source: &str, syntax: Syntax) -> Result<Self> {
        Self::read(source, syntax, |text| {
            let starts_well =
                |first: char| first.is_alphabetic() || matches!(first, '_' | '$' | '@');
            Path::parse(text).filter(|_| text.starts_with(starts_well))
        })
    }

    /// Reads a name whose placeholders are paths from an item of a payload.
    ///
    /// # Errors
    /// The same.
    pub fn parse_from_item(source: &str) -> Result<Self> {
        Self::read(source, Syntax::Name, |text| {
            Path::parse_from_item(text).filter(|path| !path.is_many())
        })
    }

    fn read(source: &str, syntax: Syntax, paths: fn(&str) -> Option<Path>) -> Result<Self> {
        let mut parts = vec![];
        let mut text = String::new();
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            let tail = rest.get(first.len_utf8()..).unwrap_or("");
            let taken = match first {
                '\\' if syntax != Syntax::Name => literal_escape(rest, syntax),
                '{' if tail.starts_with('{') => "{{",
                '}' if tail.starts_with('}') => "}}",
                '{' if syntax == Syntax::Regex && is_repetition(rest) => "{",
                '}' if syntax == Syntax::Regex => "}",
                '{' => {
                    let body = tail.split_once('}').ok_or_else(|| unclosed(source, rest))?.0;
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(placeholder(source, body, paths)?);
                    rest = tail.get(body.len() + 1..).unwrap_or("");
                    continue;
                }
                '}' => return Err(Error::LoneBrace { template: source.to_owned() }),
                _ => rest.get(..first.len_utf8()).unwrap_or(""),
            };
            match taken {
                "{{" => text.push('{'),
                "}}" => text.push('}'),
                _ => text.push_str(taken),
            }
            rest = rest.get(taken.len().max(1)..).unwrap_or("");
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { source: source.to_owned(), syntax, parts })
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The rendered text if it is the same for every event.
    pub fn as_constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether a glob character stands in the text around the placeholders.
    pub fn has_wildcard(&self) -> bool {
        let wild =
            |part: &Part| matches!(part, Part::Text(text) if Glob::is_pattern(text.as_bytes()));
        self.parts.iter().any(wild)
    }

    /// Puts the payload's values in.
    ///
    /// # Errors
    /// A placeholder without default whose value is absent or null, or whose value is an
    /// object or an array.
    pub fn render(&self, payload: &Payload) -> Result<Vec<u8>> {
        self.render_with(|path| payload.get(path))
    }

    /// The same with values from anywhere.
    ///
    /// # Errors
    /// The same.
    pub fn render_with<'a>(
        &self,
        value_at: impl Fn(&Path) -> Option<&'a Value>,
    ) -> Result<Vec<u8>> {
        self.fill(|path, default| {
            let value = value_at(path).filter(|value| !value.is_null());
            match (value, default) {
                (Some(Value::String(text)), _) => Ok(text.clone()),
                (Some(value @ (Value::Number(_) | Value::Bool(_))), _) => Ok(value.to_string()),
                (Some(other), _) => Err(Error::FieldNotScalar {
                    template: self.source.clone(),
                    field: path.to_string(),
                    found: kind_of(other),
                }),
                (None, Some(default)) => Ok(default.to_owned()),
                (None, None) => Err(Error::MissingField {
                    template: self.source.clone(),
                    field: path.to_string(),
                }),
            }
        })
    }

    /// Renders with a stand-in for every value, to check what surrounds them.
    pub fn render_sample(&self) -> Vec<u8> {
        self.fill(|_, _| Ok("x".to_owned())).unwrap_or_default()
    }

    fn fill(&self, value_of: impl Fn(&Path, Option<&str>) -> Result<String>) -> Result<Vec<u8>> {
        let mut out = vec![];
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Field { path, default } => {
                    let value = value_of(path, default.as_deref())?;
                    match self.syntax {
                        Syntax::Name => out.extend_from_slice(value.as_bytes()),
                        Syntax::Glob => glob::escape_into(value.as_bytes(), &mut out),
                        Syntax::Regex => pattern::escape_into(&value, &mut out),
                    }
                }
            }
        }
        Ok(out)
    }
}

/// A backslash with what it escapes: in a regex also the braces of `\p{..}`, `\x{..}`, `\b{..}`.
fn literal_escape(rest: &str, syntax: Syntax) -> &str {
    let mut chars = rest.char_indices().skip(1);
    let Some((at, escaped)) = chars.next() else { return rest };
    let plain = rest.get(..at + escaped.len_utf8()).unwrap_or(rest);
    let takes_braces = syntax == Syntax::Regex && "pPxuUb".contains(escaped);
    match chars.next() {
        Some((_, '{')) if takes_braces => match rest.find('}') {
            Some(end) => rest.get(..=end).unwrap_or(rest),
            None => rest,
        },
        _ => plain,
    }
}

/// Whether `rest` starts with a counted repetition: `{3}`, `{2,}`, `{2,5}`.
fn is_repetition(rest: &str) -> bool {
    let body = rest.strip_prefix('{').and_then(|tail| tail.split_once('}'));
    body.is_some_and(|(body, _)| {
        body.starts_with(|first: char| first.is_ascii_digit())
            && body.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b' ')
    })
}

fn unclosed(source: &str, rest: &str) -> Error {
    Error::UnclosedPlaceholder { template: source.to_owned(), at: source.len() - rest.len() }
}

fn placeholder(source: &str, body: &str, paths: fn(&str) -> Option<Path>) -> Result<Part> {
    let (path, default) = match body.split_once('|') {
        Some((path, default)) => (path, Some(default.to_owned())),
        None => (body, None),
    };
    match paths(path) {
        Some(path) => Ok(Part::Field { path, default }),
        None => Err(Error::BadPlaceholder { template: source.to_owned(), body: body.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(source: &str, syntax: Syntax, payload: &str) -> std::result::Result<String, String> {
        let payload = Payload::parse(payload.as_bytes()).unwrap();
        let template = Template::parse(source, syntax).map_err(|error| error.to_string())?;
        let bytes = template.render(&payload).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn values_are_escaped_for_where_they_land() {
        let payload =
            r#"{"id":"a*[b].c","n":12.50,"yes":true,"p":{"id":7},"t":["x","y"],"nil":null}"#;
        let rows = [
            ("u:{id}", Syntax::Name, "u:a*[b].c"),
            ("u:{id}:*", Syntax::Glob, "u:a\\*\\[b\\].c:*"),
            ("^u:{id}:.*$", Syntax::Regex, "^u:a\\x2A\\x5Bb\\x5D\\x2Ec:.*$"),
            ("{n}-{yes}-{p.id}-{t[1]}", Syntax::Name, "12.50-true-7-y"),
            ("{nope|none}/{nil|nix}/{nope|}", Syntax::Name, "none/nix/"),
            ("{nope|a*}", Syntax::Glob, "a\\*"),
            ("cart:{{42}}:{p.id}", Syntax::Name, "cart:{42}:7"),
            ("a\\{b\\}*", Syntax::Glob, "a\\{b\\}*"),
            ("^a{3}b{2,}c{1,2}$", Syntax::Regex, "^a{3}b{2,}c{1,2}$"),
            ("^\\p{Greek}\\x{41}\\{x\\}{p.id}", Syntax::Regex, "^\\p{Greek}\\x{41}\\{x\\}7"),
            ("plain", Syntax::Name, "plain"),
        ];
        for (source, syntax, expected) in rows {
            assert_eq!(render(source, syntax, payload).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn errors_say_what_is_missing_and_how_to_mend_it() {
        let rows = [
            (
                "u:{id}",
                "'u:{id}' needs the field 'id', which the payload lacks; add it to the payload or give a default: {id|none}",
            ),
            (
                "u:{p}",
                "'u:{p}' takes the field 'p', which is an object; only a string, number or boolean can be part of a key",
            ),
            (
                "u:{p",
                "unclosed '{' at byte 2 of 'u:{p'; close the placeholder with '}', or write '{{' for a literal brace",
            ),
            ("u:p}", "lone '}' in 'u:p}'; write '}}' for a literal brace"),
            (
                "u:{}",
                "'{}' in 'u:{}' is not a placeholder; write a field path such as {userId}, {product.id} or {tags[0]}, or '{{' and '}}' for literal braces",
            ),
            (
                "u:{42}",
                "'{42}' in 'u:{42}' is not a placeholder; write a field path such as {userId}, {product.id} or {tags[0]}, or '{{' and '}}' for literal braces",
            ),
        ];
        for (source, expected) in rows {
            assert_eq!(render(source, Syntax::Name, r#"{"p":{}}"#).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_template_without_placeholders_is_constant() {
        let constant = |source| {
            Template::parse(source, Syntax::Name).unwrap().as_constant().map(str::to_owned)
        };
        assert_eq!(constant("a{{b"), Some("a{b".to_owned()));
        assert_eq!(constant(""), Some(String::new()));
        assert_eq!(constant("a{b}"), None);
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(source in "[a{}|.\\\\\\[\\]0é]{0,12}") {
            for syntax in [Syntax::Name, Syntax::Glob, Syntax::Regex] {
                if let Ok(template) = Template::parse(&source, syntax) {
                    let again = Template::parse(template.source(), syntax).unwrap();
                    prop_assert_eq!(again, template);
                }
            }
        }

        #[test]
        fn a_value_in_a_pattern_matches_itself_alone(value in "\\PC{0,10}", other in "\\PC{0,10}") {
            let payload = serde_json::json!({ "v": &value }).to_string();
            let glob = render("k:{v}", Syntax::Glob, &payload).unwrap();
            let glob = crate::domain::glob::Glob::parse(glob.as_bytes()).unwrap();
            let regex = render("^k:{v}$", Syntax::Regex, &payload).unwrap();
            let regex = regex::bytes::Regex::new(&regex).unwrap();
            for candidate in [&value, &other] {
                let name = format!("k:{candidate}");
                prop_assert_eq!(glob.matches(name.as_bytes()), *candidate == value);
                prop_assert_eq!(regex.is_match(name.as_bytes()), *candidate == value);
            }
        }
    }
}
