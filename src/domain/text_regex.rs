//! Regular expressions over the text of a payload: whether one is found in it, and what its group
//! holds.
//!
//! The same syntax as over key names, but text is characters and not bytes: `.` is a character,
//! `\d` and `\w` know all scripts.

use regex_automata::meta::Regex as Engine;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::Hir;

use super::error::{Error, Result};
use super::regex::{REGEX_MAX_BYTES, REGEX_MAX_COMPILED_BYTES, compile, last_line};

/// A compiled expression. A clone shares it.
#[derive(Clone, Debug)]
pub struct TextRegex {
    source: String,
    engine: Engine,
}

impl PartialEq for TextRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl TextRegex {
    /// Reads and compiles an expression.
    ///
    /// # Errors
    /// Bad syntax, with what is wrong; an expression too long or too large when compiled.
    pub fn parse(source: &str) -> Result<Self> {
        Self::compile(source, &hir(source)?, WhichCaptures::Implicit)
    }

    /// The same for one with a group, as [`TextRegex::group`] wants it.
    ///
    /// # Errors
    /// Also another number of groups than one.
    pub fn parse_with_group(source: &str) -> Result<Self> {
        let hir = hir(source)?;
        match hir.properties().explicit_captures_len() {
            1 => Self::compile(source, &hir, WhichCaptures::All),
            count => Err(Error::NotOneGroup { regex: source.to_owned(), count }),
        }
    }

    fn compile(source: &str, hir: &Hir, captures: WhichCaptures) -> Result<Self> {
        let engine = compile(source, hir, captures, REGEX_MAX_COMPILED_BYTES)?;
        Ok(Self { source: source.to_owned(), engine })
    }

    /// What the compiled expression takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.source.len() + self.engine.memory_usage()
    }

    /// Whether the expression is found in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.engine.is_match(text)
    }

    /// What the group holds where the expression is found first; `None` when it is not found, or
    /// without its group.
    pub fn group<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut captures = self.engine.create_captures();
        self.engine.captures(text, &mut captures);
        text.get(captures.get_group(1)?.range())
    }
}

fn hir(source: &str) -> Result<Hir> {
    if source.len() > REGEX_MAX_BYTES {
        return Err(Error::PatternTooLong { bytes: source.len(), limit: REGEX_MAX_BYTES });
    }
    let parsed =
        regex_syntax::ParserBuilder::new().dot_matches_new_line(true).build().parse(source);
    parsed.map_err(|error| Error::RegexSyntax {
        regex: source.to_owned(),
        why: last_line(&error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_group_is_found() {
        let rows = [
            ("^u([0-9]+)$", "u42", Some("42")),
            ("^u([0-9]+)$", "u42\n", None),
            ("'([A-Z0-9]+)", "(tuple (who 'SP12) 'SP3)", Some("SP12")),
            ("^.(.)", "\u{e9}t\u{e9}", Some("t")),
            ("a(b)?", "ac", None),
            ("(?:x|y)(.*)", "ay\nz", Some("\nz")),
            ("()", "", Some("")),
        ];
        for (regex, text, expected) in rows {
            let regex = TextRegex::parse_with_group(regex).unwrap();
            assert_eq!(regex.group(text), expected, "{regex:?}");
        }
        assert!(TextRegex::parse("(?i)MINT").unwrap().is_in("badge-mint"));
    }

    #[test]
    fn what_is_none_is_refused() {
        let told = |regex: &str| TextRegex::parse_with_group(regex).unwrap_err().to_string();
        assert_eq!(
            told("^u[0-9]+$"),
            "regex '^u[0-9]+$' has 0 groups; put one pair of parentheses around what is wanted, (?:..) around the rest"
        );
        assert!(told("(a)(b)").starts_with("regex '(a)(b)' has 2 groups"));
        assert!(told("(a").starts_with("regex '(a': unclosed group"));
        assert!(told(&"a".repeat(1025)).starts_with("pattern of 1025 bytes"));
        let large = TextRegex::parse(r"\w{50}").unwrap_err().to_string();
        assert!(
            large.ends_with("larger than 1048576 bytes when compiled; use smaller repetitions")
        );
        assert!(TextRegex::parse(r"\w+:\w+").unwrap().memory() < REGEX_MAX_COMPILED_BYTES / 4);
    }

    proptest! {
        #[test]
        fn as_the_library_finds(
            regex in "([abé.]|[ab]\\*|\\(\\?:a\\|b\\)\\+){0,4}",
            more in "([ab.]\\*?){0,3}",
            text in "[abcé\n]{0,8}",
        ) {
            let source = format!("{regex}({more})b?");
            let ours = TextRegex::parse_with_group(&source).unwrap();
            let theirs = regex::RegexBuilder::new(&source).dot_matches_new_line(true).build().unwrap();
            let expected = theirs.captures(&text).and_then(|found| found.get(1));
            prop_assert_eq!(ours.group(&text), expected.map(|found| found.as_str()));
            prop_assert_eq!(TextRegex::parse(&source).unwrap().is_in(&text), theirs.is_match(&text));
        }
    }
}
