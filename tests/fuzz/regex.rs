//! Regular expressions and the prefix that narrows the search for their names.

use inval::domain::pattern::Pattern;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::mutation::{self, Bytes};
use crate::{Checked, Round};

const SIGNS: &str = "ab^$.*+?()[]{}|\\-:i1";

pub fn check(round: &mut Round) {
    round.check(expression_and_name(), |(source, name)| {
        every_match_starts_with_the_prefix(&source.0, &name.0)
    });
}

fn every_match_starts_with_the_prefix(source: &[u8], name: &[u8]) -> Checked {
    let pattern = match Pattern::regex(source) {
        Ok(pattern) => pattern,
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            return Ok(false);
        }
    };
    prop_assert_eq!(pattern.source(), source);
    let hit = pattern.matches(name);
    let needle = pattern.needle();
    let holds = needle.is_empty() || name.windows(needle.len()).any(|part| part == needle);
    prop_assert!(!hit || holds, "{:?}", pattern);
    prop_assert!(!pattern.is_prefix() || hit == name.starts_with(pattern.literal_prefix()));
    prop_assert!(pattern.as_exact().is_none_or(|exact| hit == (name == exact)));
    prop_assert!(!hit || name.starts_with(pattern.literal_prefix()), "{:?}", pattern);
    Ok(hit)
}

/// An expression and bytes that it most likely matches.
type Piece = (String, Vec<u8>);

/// Each with bytes that it takes.
const SPECIALS: &[(&str, &[u8])] = &[
    (".", b"\n"),
    ("[ab]", b"b"),
    ("[^a]", b"\xff"),
    ("[a-c&&[^b]]", b"c"),
    ("\\xe9", b"\xe9"),
    ("\\x{e9}", b"\xe9"),
    ("(?u:\u{e9})", "\u{e9}".as_bytes()),
    ("(?u:\\w)", "\u{e9}".as_bytes()),
    ("\\d", b"1"),
    ("\\w+", b"ab"),
    ("\\.", b"."),
    ("", b""),
    ("$", b""),
    ("^", b""),
    ("\\A", b""),
    ("\\z", b""),
    ("\\b", b""),
    ("\\B", b""),
    ("\\b{start}", b""),
    ("(?m:^)", b"\n"),
    ("(?mR:^)", b"\r"),
    ("(?m:$)", b""),
];

fn piece(source: &str, sample: &[u8]) -> Piece {
    (source.to_owned(), sample.to_vec())
}

fn leaf() -> impl Strategy<Value = Piece> {
    let literal = select(&["a", "b", "ab", ":", "user:", "1", "\u{e9}", "k", "s", " "][..]);
    let special = select(SPECIALS);
    prop_oneof![
        3 => literal.prop_map(|text| piece(text, text.as_bytes())),
        2 => special.prop_map(|(source, sample)| piece(source, sample)),
    ]
}

fn expression() -> impl Strategy<Value = Piece> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let repeated = (inner.clone(), select(&["?", "*", "+", "{2}", "{1,3}", "*?", "{0}"][..]));
        let flags = select(&["i", "m", "s", "-s", "U", "x", "u", "R", "im", "s-i"][..]);
        prop_oneof![
            3 => vec(inner.clone(), 1..4).prop_map(|pieces| {
                let (sources, samples): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
                (sources.concat(), samples.concat())
            }),
            2 => (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(a, b, first)| {
                (format!("({}|{})", a.0, b.0), if first { a.1 } else { b.1 })
            }),
            2 => repeated.prop_map(|((source, sample), times)| {
                let count = if times == "{2}" { 2 } else { 1 };
                (format!("(?:{source}){times}"), sample.repeat(count))
            }),
            1 => (inner, flags, any::<bool>()).prop_map(|((source, sample), flags, group)| {
                let source = match group {
                    true => format!("(?{flags}:{source})"),
                    false => format!("(?{flags}){source}"),
                };
                (source, sample.to_ascii_uppercase())
            }),
        ]
    })
}

fn expression_and_name() -> impl Strategy<Value = (Bytes, Bytes)> {
    let around = || prop_oneof![2 => Just(vec![]), 1 => vec(select(&b"ab:\n\rA"[..]), 0..3)];
    let anchor = select(&["^", "^", "\\A", "(?m)^", "(?i)^", ""][..]);
    (anchor, expression(), around(), around()).prop_flat_map(|(anchor, piece, before, after)| {
        let name = [before, piece.1, after].concat();
        (mutation::bytes(Just(format!("{anchor}{}", piece.0).into_bytes()), SIGNS), Just(name))
            .prop_map(|(source, name)| (Bytes(source), Bytes(name)))
    })
}
