//! Globs against an oracle of their own.

use inval::domain::glob::{GLOB_MAX_BYTES, Glob, escape_into};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::mutation::{self, Bytes};
use crate::{Checked, Round};

const SIGNS: &str = "ab*?[]^-\\:{}";

pub fn check(round: &mut Round) {
    round.check(pattern_and_name(), |(pattern, name)| equals_the_oracle(&pattern.0, &name.0));
    round.check((value(), value(), value()), |(value, around, other)| {
        an_escaped_value_is_itself(&value.0, &around.0, &other.0)
    });
}

fn equals_the_oracle(pattern: &[u8], name: &[u8]) -> Checked {
    let glob = match (Glob::parse(pattern), oracle(pattern, name)) {
        (Ok(glob), Some(expected)) if pattern.len() <= GLOB_MAX_BYTES => {
            prop_assert_eq!(glob.matches(name), expected);
            glob
        }
        (Err(error), expected) if expected.is_none() || pattern.len() > GLOB_MAX_BYTES => {
            prop_assert!(!error.to_string().is_empty());
            return Ok(false);
        }
        (parsed, expected) => {
            return Err(TestCaseError::fail(format!("{parsed:?}, the oracle says {expected:?}")));
        }
    };
    let (hit, prefix) = (glob.matches(name), glob.literal_prefix());
    prop_assert_eq!(glob.source(), pattern);
    prop_assert!(!hit || name.starts_with(prefix));
    if let Some(exact) = glob.as_exact() {
        prop_assert!(glob.matches(exact) && hit == (name == exact) && !glob.is_prefix());
    }
    if glob.is_prefix() {
        prop_assert!(glob.matches(prefix) && hit == name.starts_with(prefix));
    }
    if !Glob::is_pattern(pattern) && !pattern.contains(&b'\\') {
        prop_assert_eq!(glob.as_exact(), Some(pattern));
    }
    Ok(hit)
}

fn an_escaped_value_is_itself(value: &[u8], around: &[u8], other: &[u8]) -> Checked {
    let mut pattern = vec![];
    escape_into(value, &mut pattern);
    let glob = Glob::parse(&pattern).unwrap();
    prop_assert_eq!(glob.as_exact(), Some(value));
    prop_assert_eq!(glob.matches(other), other == value);

    // Between other text, and as a member of a class.
    let whole = [around, value, around].concat();
    let mut pattern = vec![];
    escape_into(around, &mut pattern);
    escape_into(value, &mut pattern);
    pattern.push(b'*');
    let glob = Glob::parse(&pattern).unwrap();
    prop_assert!(glob.matches(&whole) && glob.is_prefix());
    let mut class = b"[".to_vec();
    escape_into(value, &mut class);
    class.push(b']');
    let class = Glob::parse(&class).unwrap();
    for byte in other {
        prop_assert_eq!(class.matches(&[*byte]), value.contains(byte));
    }
    Ok(other == value)
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![vec(any::<u8>(), 0..12), vec(select(SIGNS.as_bytes()), 0..6)].prop_map(Bytes)
}

/// A pattern item and bytes that it most likely takes.
type Item = (Vec<u8>, Vec<u8>);

fn item() -> impl Strategy<Value = Item> {
    let byte = || prop_oneof![3 => select(SIGNS.as_bytes()), 1 => any::<u8>()];
    let literal = prop_oneof![4 => select(&b"ab:{}]^-"[..]), 1 => any::<u8>()];
    let member = prop_oneof![
        byte().prop_map(|byte| vec![byte]),
        byte().prop_map(|byte| vec![b'\\', byte]),
        (byte(), byte()).prop_map(|(from, to)| vec![from, b'-', to]),
    ];
    let class = (any::<bool>(), vec(member, 0..4), any::<Index>(), byte(), any::<bool>());
    prop_oneof![
        4 => literal.prop_map(|byte| (vec![byte], vec![byte])),
        1 => byte().prop_map(|byte| (vec![b'\\', byte], vec![byte])),
        1 => byte().prop_map(|byte| (b"?".to_vec(), vec![byte])),
        2 => vec(byte(), 0..4).prop_map(|run| (b"*".to_vec(), run)),
        2 => class.prop_map(|(negated, members, which, other, within)| {
            let members = members.concat();
            let sample = match members.is_empty() || !within {
                true => other,
                false => *which.get(&members),
            };
            let sign: &[u8] = if negated { b"[^" } else { b"[" };
            ([sign, &members, b"]"].concat(), vec![sample])
        }),
    ]
}

fn pattern_and_name() -> impl Strategy<Value = (Bytes, Bytes)> {
    let times = prop_oneof![30 => Just(1_usize), 1 => 2..200_usize];
    let pair = (vec(item(), 0..9), times).prop_map(|(items, times)| {
        let (patterns, names): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        (patterns.concat().repeat(times), names.concat().repeat(times))
    });
    pair.prop_flat_map(|(pattern, name)| {
        (mutation::bytes(Just(pattern), SIGNS), mutation::bytes(Just(name), "ab:^-]"))
    })
    .prop_map(|(pattern, name)| (Bytes(pattern), Bytes(name)))
}

/// Whether `pattern` matches `name`, found by moving every reachable place of the name along
/// with the pattern; `None` when a class is not closed. The grammar is the server's.
fn oracle(pattern: &[u8], name: &[u8]) -> Option<bool> {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut takes = [false; 256];
        match pattern[at] {
            b'*' => {
                let first = reached.iter().position(|here| *here).unwrap_or(reached.len());
                reached[first..].fill(true);
                at += 1;
                continue;
            }
            b'?' => takes.fill(true),
            b'[' => at = class(pattern, at + 1, &mut takes)?,
            b'\\' if at + 1 < pattern.len() => {
                at += 1;
                takes[usize::from(pattern[at])] = true;
            }
            byte => takes[usize::from(byte)] = true,
        }
        at += 1;
        for place in (0..name.len()).rev() {
            reached[place + 1] = reached[place] && takes[usize::from(name[place])];
        }
        reached[0] = false;
    }
    Some(reached[name.len()])
}

/// Fills in what the class at `at` takes; gives the place of its `]`.
fn class(pattern: &[u8], mut at: usize, takes: &mut [bool; 256]) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    loop {
        let (from, to) = match (pattern.get(at)?, pattern.get(at + 1), pattern.get(at + 2)) {
            (b'\\', Some(&byte), _) => {
                at += 2;
                (byte, byte)
            }
            (b']', ..) => break,
            (&from, Some(b'-'), Some(&to)) => {
                at += 3;
                (from, to)
            }
            (&byte, ..) => {
                at += 1;
                (byte, byte)
            }
        };
        // The server compares `char`, which has a sign.
        let (from, to) = (from.cast_signed(), to.cast_signed());
        for byte in from.min(to)..=from.max(to) {
            takes[usize::from(byte.cast_unsigned())] = true;
        }
    }
    if negated {
        takes.iter_mut().for_each(|taken| *taken = !*taken);
    }
    Some(at)
}
