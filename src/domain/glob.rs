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
//! A pattern is cut at its stars into segments of fixed width; the first is anchored at the
//! start, the last at the end, the others are found leftmost. That needs no backtracking, so
//! a match costs at most `name bytes x pattern bytes` steps and no recursion (the server met
//! both as CVE-2024-31228).

use super::error::{Error, Result};

/// Longest glob, in bytes: it bounds the work per name. Real patterns are under 100.
pub const GLOB_MAX_BYTES: usize = 1024;

/// A parsed glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    source: Box<[u8]>,
    segments: Vec<Segment>,
}

/// What stands between two stars: so many bytes, each literal, free or of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Segment {
    atoms: Vec<Atom>,
    width: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Literal(Vec<u8>),
    Any,
    Class(Box<ByteSet>),
}

/// A set of bytes: bit `b % 64` of word `b / 64`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
    }

    fn invert(&mut self) {
        for word in &mut self.0 {
            *word = !*word;
        }
    }
}

impl Segment {
    fn push_literal(&mut self, byte: u8) {
        if let Some(Atom::Literal(run)) = self.atoms.last_mut() {
            run.push(byte);
        } else {
            self.atoms.push(Atom::Literal(vec![byte]));
        }
        self.width += 1;
    }

    fn push(&mut self, atom: Atom) {
        self.atoms.push(atom);
        self.width += 1;
    }

    /// Whether `text`, which has the segment's width, matches.
    fn matches(&self, mut text: &[u8]) -> bool {
        for atom in &self.atoms {
            let rest = match atom {
                Atom::Literal(run) => text.strip_prefix(run.as_slice()),
                Atom::Any => text.split_first().map(|(_, rest)| rest),
                Atom::Class(set) => text
                    .split_first()
                    .filter(|(byte, _)| set.contains(**byte))
                    .map(|(_, rest)| rest),
            };
            let Some(rest) = rest else { return false };
            text = rest;
        }
        text.is_empty()
    }

    /// What follows the leftmost match in `text`.
    fn find<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        if let [Atom::Literal(run)] = self.atoms.as_slice() {
            let at = memchr::memmem::find(text, run)?;
            return text.get(at + self.width..);
        }
        let last = text.len().checked_sub(self.width)?;
        (0..=last)
            .find(|at| text.get(*at..*at + self.width).is_some_and(|t| self.matches(t)))
            .and_then(|at| text.get(at + self.width..))
    }
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
        let mut segments = vec![];
        let mut segment = Segment::default();
        let mut rest = source;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            match (byte, tail.split_first()) {
                (b'*', _) => segments.push(std::mem::take(&mut segment)),
                (b'?', _) => segment.push(Atom::Any),
                (b'[', _) => {
                    let at = source.len() - tail.len() - 1;
                    let (set, after) = parse_class(tail)
                        .ok_or_else(|| Error::UnclosedClass { glob: source.into(), at })?;
                    segment.push(Atom::Class(Box::new(set)));
                    rest = after;
                }
                (b'\\', Some((&escaped, after))) => {
                    segment.push_literal(escaped);
                    rest = after;
                }
                _ => segment.push_literal(byte),
            }
        }
        segments.push(segment);
        Ok(Self { source: source.into(), segments })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        let Some((first, others)) = self.segments.split_first() else {
            return name.is_empty();
        };
        let Some((last, middle)) = others.split_last() else {
            return first.width == name.len() && first.matches(name);
        };
        if name.len() < first.width + last.width {
            return false;
        }
        let (head, rest) = name.split_at(first.width);
        let (mut body, tail) = rest.split_at(rest.len() - last.width);
        if !first.matches(head) || !last.matches(tail) {
            return false;
        }
        for segment in middle {
            let Some(after) = segment.find(body) else { return false };
            body = after;
        }
        true
    }

    /// The longest literal that every match holds.
    pub fn needle(&self) -> &[u8] {
        let literals = self.segments.iter().flat_map(|segment| &segment.atoms);
        let runs = literals.filter_map(|atom| match atom {
            Atom::Literal(run) => Some(run.as_slice()),
            _ => None,
        });
        runs.max_by_key(|run| run.len()).unwrap_or_default()
    }

    /// The bytes that every match starts with.
    pub fn literal_prefix(&self) -> &[u8] {
        match self.segments.first().and_then(|segment| segment.atoms.first()) {
            Some(Atom::Literal(run)) => run,
            _ => b"",
        }
    }

    /// The one name that matches, if the pattern has no wildcard at all.
    pub fn as_exact(&self) -> Option<&[u8]> {
        match self.segments.as_slice() {
            [only] if only.width == self.literal_prefix().len() => Some(self.literal_prefix()),
            _ => None,
        }
    }

    /// Whether the pattern is a literal followed by one `*`: its prefix range is its matches.
    pub fn is_prefix(&self) -> bool {
        match self.segments.as_slice() {
            [head, tail] => head.width == self.literal_prefix().len() && tail.width == 0,
            _ => false,
        }
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
