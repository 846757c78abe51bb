//! A set of key names given by their shape: one name, a prefix, a glob or a regex.

use regex_syntax::hir::Hir;

use super::error::Result;
use super::glob::Glob;
use super::regex::Regex;
use super::shape::gap;

/// A matcher of key names.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Names that start with these bytes.
    Prefix(Box<[u8]>),
    /// A Redis glob over the whole name.
    Glob(Glob),
    /// A regular expression found anywhere in the name, unless anchored.
    Regex(Regex),
}

impl Pattern {
    /// Reads a Redis glob.
    ///
    /// # Errors
    /// See [`Glob::parse`].
    pub fn glob(source: &[u8]) -> Result<Self> {
        Ok(Self::Glob(Glob::parse(source)?))
    }

    /// Reads a regular expression (syntax of the `regex` crate: no look-around, no back
    /// references, time linear in the name).
    ///
    /// Keys are bytes, not lines of text: `.` is any byte, newline included, so that `.*`
    /// never misses a key; `\d` and `\w` are ASCII; `(?u)` asks for Unicode.
    ///
    /// # Errors
    /// Bad syntax, with what is wrong; an expression too long or too large when compiled.
    pub fn regex(source: &[u8]) -> Result<Self> {
        Ok(Self::Regex(Regex::parse(source)?))
    }

    /// Whether `name` belongs to the set.
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Prefix(prefix) => name.starts_with(prefix),
            Self::Glob(glob) => glob.matches(name),
            Self::Regex(regex) => regex.matches(name),
        }
    }

    /// The bytes that every name of the set starts with; narrows the walk over an ordered index.
    pub fn literal_prefix(&self) -> &[u8] {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Glob(glob) => glob.literal_prefix(),
            Self::Regex(regex) => regex.literal_prefix(),
        }
    }

    /// The longest run of bytes that every name of the set holds somewhere; may be empty. Names
    /// without it need no look.
    pub fn needle(&self) -> &[u8] {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Glob(glob) => glob.needle(),
            Self::Regex(regex) => regex.needle(),
        }
    }

    /// Whether every name with the literal prefix belongs to the set: no name needs a look.
    pub fn is_prefix(&self) -> bool {
        match self {
            Self::Prefix(_) => true,
            Self::Glob(glob) => glob.is_prefix(),
            Self::Regex(regex) => regex.is_prefix(),
        }
    }

    /// The one name of the set, when the pattern has no wildcard at all.
    pub fn as_exact(&self) -> Option<&[u8]> {
        match self {
            Self::Prefix(_) => None,
            Self::Glob(glob) => glob.as_exact(),
            Self::Regex(regex) => regex.as_exact(),
        }
    }

    /// The pattern in the words of regexes, for the whole name.
    pub(super) fn whole(&self) -> Option<Hir> {
        match self {
            Self::Prefix(prefix) => Some(Hir::concat(vec![Hir::literal(&**prefix), gap()])),
            Self::Glob(glob) => Some(glob.to_hir()),
            Self::Regex(regex) => regex.whole(),
        }
    }

    /// What the compiled pattern takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        match self {
            Self::Prefix(prefix) => prefix.len(),
            Self::Glob(glob) => glob.memory(),
            Self::Regex(regex) => regex.memory(),
        }
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &[u8] {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Glob(glob) => glob.source(),
            Self::Regex(regex) => regex.source().as_bytes(),
        }
    }
}

/// Appends `value` so that it stands for itself, inside a class, in verbose mode and elsewhere:
/// every ASCII byte that could mean something is written as its number. A repetition after a
/// placeholder binds to the value's last character, as after any text: `(?:{id})?` takes all.
pub fn escape_into(value: &str, pattern: &mut Vec<u8>) {
    for c in value.chars() {
        match c {
            _ if c.is_ascii_alphanumeric() || c == '_' || c == ':' || !c.is_ascii() => {
                pattern.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => pattern.extend_from_slice(format!("\\x{:02X}", u32::from(c)).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn regexes_find_their_names_and_know_their_prefix() {
        let rows: &[(&str, &str, &[&str], &[&str])] = &[
            (
                "^badges:user:.*:list$",
                "badges:user:",
                &["badges:user:42:list", "badges:user:a\nb:list"],
                &["badges:user:42:list:x", "xbadges:user:42:list"],
            ),
            ("^passport:.*$", "passport:", &["passport:", "passport:1"], &["passports:1"]),
            ("^custom:user:.*", "custom:user:", &["custom:user:9"], &["custom:list"]),
            ("^(a|b)c", "", &["ac", "bcd"], &["c"]),
            ("^(abc|abd)", "ab", &["abc", "abd"], &["abe"]),
            ("user", "", &["x:user:y"], &["uesr"]),
            ("^a|b", "", &["a", "xb"], &["x"]),
            ("(?i)^ab", "", &["AB"], &["b"]),
            ("^a?b", "", &["ab", "b"], &["c"]),
        ];
        for (source, prefix, hits, misses) in rows {
            let pattern = Pattern::regex(source.as_bytes()).unwrap();
            assert_eq!(pattern.literal_prefix(), prefix.as_bytes(), "{source}");
            for name in *hits {
                assert!(pattern.matches(name.as_bytes()), "{source} {name:?}");
            }
            for name in *misses {
                assert!(!pattern.matches(name.as_bytes()), "{source} {name:?}");
            }
        }
    }

    #[test]
    fn a_regex_sees_bytes_that_are_not_text() {
        assert!(Pattern::regex(b"^a.b$").unwrap().matches(b"a\xffb"));
        assert!(Pattern::regex("^\u{e9}".as_bytes()).unwrap().matches("\u{e9}t\u{e9}".as_bytes()));
    }

    #[test]
    fn bad_regexes_are_refused_with_the_reason() {
        let error = |source: &[u8]| Pattern::regex(source).unwrap_err().to_string();
        assert_eq!(
            error(b"^a(b"),
            "regex '^a(b': unclosed group; to match a special character itself, put '\\' before it"
        );
        assert_eq!(
            error(b"^a[b"),
            "regex '^a[b': unclosed character class; to match a special character itself, put '\\' before it"
        );
        assert_eq!(
            error(b"(a{1000}){1000}"),
            "regex '(a{1000}){1000}' is larger than 1048576 bytes when compiled; use smaller repetitions"
        );
        assert_eq!(
            error(&[b'a'; 1025]),
            "pattern of 1025 bytes is longer than the limit of 1024; use a shorter pattern, or tags"
        );
        assert_eq!(error(b"\xff"), "regex '\\xff' is not UTF-8; a byte is written \\xNN");
    }

    #[test]
    fn a_value_stands_for_itself_in_verbose_mode_and_in_a_class() {
        let mut verbose = b"(?x)^k:".to_vec();
        escape_into("a b#c", &mut verbose);
        let verbose = Pattern::regex(&verbose).unwrap();
        assert!(verbose.matches(b"k:a b#c") && !verbose.matches(b"k:abc"));
        for value in ["^", "]", "-", "\\", "&"] {
            let mut class = b"^[".to_vec();
            escape_into(value, &mut class);
            class.extend(b"x]$");
            let class = Pattern::regex(&class).unwrap();
            assert!(class.matches(value.as_bytes()) && class.matches(b"x") && !class.matches(b"a"));
        }
    }

    proptest! {
        #[test]
        fn every_match_starts_with_the_prefix(source in "\\^?[ab.*?|()\\[\\]^$+]{0,8}", name in "[ab]{0,6}") {
            if let Ok(pattern) = Pattern::regex(source.as_bytes())
                && pattern.matches(name.as_bytes())
            {
                prop_assert!(name.as_bytes().starts_with(pattern.literal_prefix()), "{} {}", source, name);
                let holds = memchr::memmem::find(name.as_bytes(), pattern.needle()).is_some();
                prop_assert!(holds, "{} {}", source, name);
            }
        }
    }
}
