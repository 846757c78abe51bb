//! Radix trees from crates.io.
//!
//! The adaptive radix tree (Leis, Kemper, Neumann 2013) takes no name that is the prefix of
//! another; it gets each name with its end marked, see [`marked`].

use blart::TreeMap;
use fast_radix_trie::RadixMap;

use crate::measure::Structure;

/// Calls `act` with `name` so written that no name is the prefix of another, and the order
/// stays: 0 ends it; a 0 or 1 inside becomes two bytes.
fn marked<T>(name: &[u8], end: bool, act: impl FnOnce(&[u8]) -> T) -> T {
    let mut out = smallvec::SmallVec::<[u8; 64]>::new();
    for byte in name {
        match byte {
            0 | 1 => out.extend([1, byte + 1]),
            _ => out.push(*byte),
        }
    }
    if end {
        out.push(0);
    }
    act(&out)
}

/// Calls `act` with the name as it was before it was [`marked`].
fn unmarked<T>(name: &[u8], act: impl FnOnce(&[u8]) -> T) -> T {
    let name = &name[..name.len() - 1];
    if memchr::memchr(1, name).is_none() {
        return act(name);
    }
    let mut out = smallvec::SmallVec::<[u8; 64]>::new();
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        out.push(if *byte == 1 { bytes.next().unwrap() - 1 } else { *byte });
    }
    act(&out)
}

#[derive(Default)]
pub struct Blart(TreeMap<Box<[u8]>, u32>);

impl Structure for Blart {
    const NAME: &str = "adaptive radix tree, `blart` 0.6";
    const NAME_BY_ID: bool = false;

    fn insert(&mut self, name: &[u8], id: u32) -> bool {
        marked(name, true, |name| matches!(self.0.try_insert(name.into(), id), Ok(None)))
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        marked(name, true, |name| self.0.get(name).copied())
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        marked(name, true, |name| self.0.remove(name).is_some())
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        let all = marked(prefix, false, |prefix| self.0.prefix(prefix));
        all.for_each(|(name, id)| unmarked(name, |name| visit(*id, name)));
    }
}

#[derive(Default)]
pub struct FastRadix(RadixMap<u32>);

impl Structure for FastRadix {
    const NAME: &str = "radix tree, `fast_radix_trie` 1.2";
    const NAME_BY_ID: bool = false;

    fn insert(&mut self, name: &[u8], id: u32) -> bool {
        self.0.insert(name, id).is_none()
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        self.0.get(name).copied()
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        self.0.remove(name).is_some()
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        self.0.iter_prefix(prefix).for_each(|(name, id)| visit(*id, &name));
    }
}
