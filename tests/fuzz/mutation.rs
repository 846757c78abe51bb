//! Valid input with a few small faults: it gets deeper into a parser than noise does.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes that print as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Insert(u8),
    Replace(u8),
    Remove,
    /// The bytes up to the second place once more.
    Repeat,
    Cut,
}

fn edit(signs: &'static str) -> impl Strategy<Value = Edit> {
    let byte = || prop_oneof![3 => select(signs.as_bytes()), 1 => any::<u8>()];
    prop_oneof![
        3 => byte().prop_map(Edit::Insert),
        3 => byte().prop_map(Edit::Replace),
        3 => Just(Edit::Remove),
        1 => Just(Edit::Repeat),
        1 => Just(Edit::Cut),
    ]
}

fn apply(mut bytes: Vec<u8>, edits: &[(Edit, Index, Index)]) -> Vec<u8> {
    for (edit, at, to) in edits {
        let (at, to) = (at.index(bytes.len() + 1), to.index(bytes.len() + 1));
        match *edit {
            Edit::Insert(byte) => bytes.insert(at, byte),
            Edit::Replace(byte) => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            Edit::Remove => drop(bytes.drain(at..bytes.len().min(at + 1))),
            Edit::Repeat => {
                let part = bytes[at.min(to)..at.max(to)].to_vec();
                bytes.splice(at..at, part);
            }
            Edit::Cut => bytes.truncate(at),
        }
    }
    bytes
}

/// `base` as it is, with some edits, or bytes that have nothing to do with it. `signs` are the
/// bytes that mean something in the language.
pub fn bytes(
    base: impl Strategy<Value = Vec<u8>>,
    signs: &'static str,
) -> impl Strategy<Value = Vec<u8>> {
    let edited = |most: usize| vec((edit(signs), any::<Index>(), any::<Index>()), 0..=most);
    let noise = prop_oneof![vec(any::<u8>(), 0..16), vec(select(signs.as_bytes()), 0..16)];
    (base, prop_oneof![2 => edited(0), 3 => edited(3)], prop::option::weighted(0.1, noise))
        .prop_map(|(base, edits, noise)| noise.unwrap_or_else(|| apply(base, &edits)))
}

/// The same for text.
pub fn text(
    base: impl Strategy<Value = String>,
    signs: &'static str,
) -> impl Strategy<Value = String> {
    bytes(base.prop_map(String::into_bytes), signs)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
