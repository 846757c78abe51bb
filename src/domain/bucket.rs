//! Ids whose names begin alike, unsorted, found by hash.

use super::key_names::KeyNames;
use super::key_table::KeyId;

/// 16 bits of a name's hash.
pub(super) type Print = u16;

/// Entries compared at once: what the compiler turns into vector compares.
const LANES: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    pub(super) prints: Vec<Print>,
    /// In the order of `prints`.
    pub(super) ids: Vec<KeyId>,
}

impl Bucket {
    /// Adds an id.
    pub(super) fn push(&mut self, id: KeyId, print: Print) {
        if self.ids.len() == self.ids.capacity() {
            // By halves: doubling would leave a third of all buckets' memory unused.
            let more = self.ids.len() / 2 + 4;
            self.ids.reserve_exact(more);
            self.prints.reserve_exact(more);
        }
        self.ids.push(id);
        self.prints.push(print);
    }

    /// Takes out the id at a place; the last one takes its place.
    pub(super) fn swap_remove(&mut self, at: usize) {
        self.ids.swap_remove(at);
        self.prints.swap_remove(at);
        if self.ids.len() < self.ids.capacity() / 4 {
            self.ids.shrink_to(self.ids.len() * 2);
            self.prints.shrink_to(self.ids.len() * 2);
        }
    }

    /// Where an id is.
    pub(super) fn place_of(&self, id: KeyId) -> Option<usize> {
        place_of(&self.ids, id)
    }

    /// Where a name with this print may be.
    pub(super) fn place_of_print(&self, print: Print) -> Option<usize> {
        place_of(&self.prints, print)
    }

    /// Where the name is.
    pub(super) fn find(&self, name: &[u8], print: Print, names: &KeyNames) -> Option<usize> {
        for (chunk, prints) in self.prints.chunks(LANES).enumerate() {
            if !prints.iter().fold(false, |any, other| any | (*other == print)) {
                continue;
            }
            for (at, _) in prints.iter().enumerate().filter(|(_, other)| **other == print) {
                let at = chunk * LANES + at;
                if self.ids.get(at).is_some_and(|id| names.get(*id) == name) {
                    return Some(at);
                }
            }
        }
        None
    }
}

/// Where `wanted` is first. The way of `Iterator::position` is one entry at a time; this one
/// compares some at once.
fn place_of<T: PartialEq + Copy>(entries: &[T], wanted: T) -> Option<usize> {
    let is_there = |some: &[T]| some.iter().fold(false, |any, other| any | (*other == wanted));
    let chunk = entries.chunks(LANES).position(is_there)?;
    let rest = entries.get(chunk * LANES..)?;
    Some(chunk * LANES + rest.iter().position(|other| *other == wanted)?)
}
