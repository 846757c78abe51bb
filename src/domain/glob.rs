//! Redis glob patterns, by the grammar of `stringmatchlen` (Redis `src/util.c`), on bytes.
//!
//! `*` any run of bytes, `?` one byte, `[ab]` `[^ab]` `[a-z]` one byte of a set, `\x` the byte
//! `x`. No braces; `*` crosses `:` and `/`; case matters; class ranges compare bytes as
//! signed, as the server does on x86-64.
//!
//! Two differences, on purpose. An unclosed `[` is an error here: the server takes the rest of
//! the pattern as the class, which is never what was meant. And `**` takes the empty name, as
//! `*` does: the server's loop never starts on it.
//!
//! [`super::shape`] says how a match is found, and within how many steps.

use regex_syntax::hir::Hir;

use super::error::{Error, Result};
use super::shape::{Builder, ByteSet, Shape};

/// Longest glob, in bytes: it bounds the work per name. Real patterns are under 100.
pub const GLOB_MAX_BYTES: usize = 1024;

/// A parsed glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    source: Box<[u8]>,
    shape: Shape,
}

impl Glob {
    /// Whether Redis users would call `text` a pattern: it holds `*`, `?` or `[`.
    pub fn is_pattern(text: &[u8]) -> bool {
        memchr::memchr3(b'*', b'?', b'[', text).is_some()
    }

    /// Parses `source`.
    ///
    /// # Errors
    /// An unclosed `[`, or more than [`GLOB_MAX_BYTES`].
    pub fn parse(source: &[u8]) -> Result<Self> {
        if source.len() > GLOB_MAX_BYTES {
            return Err(Error::PatternTooLong { bytes: source.len(), limit: GLOB_MAX_BYTES });
        }
        let mut shape = Builder::default();
        let mut rest = source;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            match (byte, tail.split_first()) {
                (b'*', _) => shape.gap(),
                (b'?', _) => shape.any(),
                (b'[', _) => {
                    let at = source.len() - tail.len() - 1;
                    let (set, after) = parse_class(tail)
                        .ok_or_else(|| Error::UnclosedClass { glob: source.into(), at })?;
                    shape.class(set);
                    rest = after;
                }
                (b'\\', Some((&escaped, after))) => {
                    shape.literal(escaped);
                    rest = after;
                }
                _ => shape.literal(byte),
            }
        }
        Ok(Self { source: source.into(), shape: shape.finish() })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.matches_counting(name, &mut 0)
    }

    /// The same; adds the steps it took.
    pub(super) fn matches_counting(&self, name: &[u8], steps: &mut u64) -> bool {
        self.shape.matches(name, steps)
    }

    /// What the pattern takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.source.len() + self.shape.memory()
    }

    /// The bytes that every match starts with.
    pub fn literal_prefix(&self) -> &[u8] {
        self.shape.literal_prefix()
    }

    /// How many bytes are literal: of two globs that take a name, the one with more says more.
    pub fn literal_bytes(&self) -> usize {
        self.shape.literal_bytes()
    }

    /// The longest literal that every match holds.
    pub fn needle(&self) -> &[u8] {
        self.shape.needle()
    }

    /// The pattern in the words of regexes.
    pub(super) fn to_hir(&self) -> Hir {
        self.shape.to_hir()
    }

    /// The one name that matches, if the pattern has no wildcard at all.
    pub fn as_exact(&self) -> Option<&[u8]> {
        self.shape.as_exact()
    }

    /// Whether the pattern is a literal followed by one `*`: its prefix range is its matches.
    pub fn is_prefix(&self) -> bool {
        self.shape.is_prefix()
    }
}

/// A class after its `[`, and what follows its `]`; `None` when it is not closed.
fn parse_class(text: &[u8]) -> Option<(ByteSet, &[u8])> {
    let (negated, mut rest) = match text.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut set = ByteSet::default();
    loop {
        rest = match *rest {
            [] => return None,
            [b'\\', byte, ref tail @ ..] => {
                set.insert(byte);
                tail
            }
            [b']', ref tail @ ..] => {
                if negated {
                    set.invert();
                }
                return Some((set, tail));
            }
            [from, b'-', to, ref tail @ ..] => {
                let (from, to) = (from.cast_signed(), to.cast_signed());
                for byte in from.min(to)..=from.max(to) {
                    set.insert(byte.cast_unsigned());
                }
                tail
            }
            [byte, ref tail @ ..] => {
                set.insert(byte);
                tail
            }
        };
    }
}

/// Appends `value` so that it stands for itself, inside a class and outside.
pub fn escape_into(value: &[u8], pattern: &mut Vec<u8>) {
    for &byte in value {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive_glob as naive;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        let rows: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a:b/c", true),
            ("a*c", "abc", true),
            ("a*c", "ab", false),
            ("a*b*c", "a-b-b-c", true),
            ("*a*", "bab", true),
            ("ab*ba", "aba", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[abc]", "b", true),
            ("[^abc]", "b", false),
            ("[^abc]", "d", true),
            ("[!a]", "!", true),
            ("[!a]", "b", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[a-]", "-", false),
            ("[\\]]", "]", true),
            ("[]", "]", false),
            ("[\\^a]", "^", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
            ("badges:search:*", "badges:search:", true),
            ("badges:search:*", "badges:searcher:x", false),
        ];
        for (pattern, name, expected) in rows {
            if *pattern == "[a-]" {
                // The range takes the bracket as its end, so the class is not closed.
                assert!(matches!(Glob::parse(b"[a-]"), Err(Error::UnclosedClass { at: 0, .. })));
                continue;
            }
            assert_eq!(
                naive::matches(pattern.as_bytes(), name.as_bytes()),
                *expected,
                "oracle: {pattern} {name}"
            );
            let glob = Glob::parse(pattern.as_bytes()).unwrap();
            assert_eq!(glob.matches(name.as_bytes()), *expected, "glob: {pattern} {name}");
        }
    }

    #[test]
    fn shapes() {
        let shape = |text: &str| {
            let glob = Glob::parse(text.as_bytes()).unwrap();
            (glob.literal_prefix().to_vec(), glob.as_exact().is_some(), glob.is_prefix())
        };
        assert_eq!(shape("a:b"), (b"a:b".to_vec(), true, false));
        assert_eq!(shape("a:\\*"), (b"a:*".to_vec(), true, false));
        assert_eq!(shape("a:*"), (b"a:".to_vec(), false, true));
        assert_eq!(shape("a:*:b"), (b"a:".to_vec(), false, false));
        assert_eq!(shape("a?*"), (b"a".to_vec(), false, false));
        assert_eq!(shape("*"), (vec![], false, true));
        assert_eq!(shape(""), (vec![], true, false));
    }

    #[test]
    fn the_longest_literal_is_the_needle() {
        let needle = |text: &str| Glob::parse(text.as_bytes()).unwrap().needle().to_vec();
        for (glob, expected) in [
            ("a:*:bcd?ef*", ":bcd"),
            ("abc*de", "abc"),
            ("*", ""),
            ("", ""),
            ("[ab]?", ""),
            ("*x\\*y*", "x*y"),
        ] {
            assert_eq!(needle(glob), expected.as_bytes(), "{glob}");
        }
    }

    #[test]
    fn an_unclosed_class_and_a_long_pattern_are_refused() {
        assert!(matches!(Glob::parse(b"a:[bc"), Err(Error::UnclosedClass { at: 2, .. })));
        assert!(matches!(
            Glob::parse(&[b'a'; 2000]),
            Err(Error::PatternTooLong { bytes: 2000, .. })
        ));
    }

    /// Names and patterns over few bytes, so that matches are common.
    fn text(of: &'static str, longest: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(of.as_bytes()), 0..longest)
    }

    proptest! {
        #[test]
        fn equals_the_oracle(pattern in text("ab*?[]^-\\\u{e9}", 10), name in text("ab-^]\\\u{e9}", 8)) {
            if let Ok(glob) = Glob::parse(&pattern) {
                prop_assert_eq!(glob.matches(&name), naive::matches(&pattern, &name));
                if glob.matches(&name) {
                    prop_assert!(name.starts_with(glob.literal_prefix()));
                    prop_assert!(memchr::memmem::find(&name, glob.needle()).is_some());
                }
                if let Some(exact) = glob.as_exact() {
                    prop_assert_eq!(glob.matches(&name), name == exact);
                }
                if glob.is_prefix() {
                    prop_assert_eq!(glob.matches(&name), name.starts_with(glob.literal_prefix()));
                }
            }
        }

        #[test]
        fn an_escaped_value_matches_itself_alone(value in prop::collection::vec(any::<u8>(), 0..12), other in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut pattern = vec![];
            escape_into(&value, &mut pattern);
            let glob = Glob::parse(&pattern).unwrap();
            prop_assert!(glob.matches(&value));
            prop_assert_eq!(glob.matches(&other), value == other);
        }

        #[test]
        fn an_escaped_byte_stands_for_itself_in_a_class(value: u8, other: u8) {
            let mut pattern = b"[".to_vec();
            escape_into(&[value], &mut pattern);
            pattern.push(b']');
            prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&[other]), value == other);
        }
    }
}
