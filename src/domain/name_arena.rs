//! Key names, one behind the other in large blocks.
//!
//! A block is searched at the speed of memory, which an allocation per name would forbid, and a
//! name costs eight bytes beside its own. An entry is the owner's id, the length, the name.
//! A name that goes is marked; a block that holds mostly such is emptied into the current one.
//!
//! Always true: every live entry is in exactly one block at the place its owner knows; `dead`
//! counts the bytes of the others.

use memchr::memmem::Finder;

use super::key_table::KeyId;

/// Where a name is: its block times [`BLOCK_UNITS`], plus its place there, in units of
/// [`UNIT`] bytes.
pub(super) type Place = u32;

/// Bytes of a block. Emptying one, the longest work that a single removal can cause, moves at
/// most a third of it: some 500 names, 20 microseconds.
const BLOCK_BYTES: usize = 64 << 10;

/// Entries start at multiples of this many bytes, so that 32 bits reach 16 GiB of names.
const UNIT: usize = 4;

const BLOCK_UNITS: usize = BLOCK_BYTES / UNIT;

/// Owner and length, four bytes each.
const HEADER: usize = 8;

/// The owner of an entry that is gone.
const NOBODY: KeyId = KeyId::MAX;

#[derive(Clone, Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// Bytes of entries that are gone.
    dead: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct NameArena {
    blocks: Vec<Block>,
    /// Blocks without memory, to be used again.
    unused: Vec<u32>,
    /// The block that takes new names, while there is one.
    current: Option<u32>,
    /// Bytes that all blocks together hold from the allocator.
    held: usize,
}

impl NameArena {
    /// Keeps a name; `None` when 16 GiB of names are kept already.
    pub(super) fn push(&mut self, owner: KeyId, name: &[u8]) -> Option<Place> {
        let size = size_of_entry(name.len());
        let len = u32::try_from(name.len()).ok()?;
        let at = match self.current {
            Some(at) if self.used(at) + size <= BLOCK_BYTES => at,
            _ if size > BLOCK_BYTES => self.open(size)?,
            first => {
                // The first block grows as a vector does: small tables stay small.
                let at = self.open(first.map_or(0, |_| BLOCK_BYTES))?;
                self.current = Some(at);
                at
            }
        };
        let block = self.blocks.get_mut(at as usize)?;
        let start = block.bytes.len();
        let held = block.bytes.capacity();
        block.bytes.extend_from_slice(&owner.to_le_bytes());
        block.bytes.extend_from_slice(&len.to_le_bytes());
        block.bytes.extend_from_slice(name);
        block.bytes.resize(start + size, 0);
        self.held += block.bytes.capacity() - held;
        Some((at as usize * BLOCK_UNITS + start / UNIT) as Place)
    }

    /// The name at a place; empty where none is.
    pub(super) fn get(&self, place: Place) -> &[u8] {
        entry_at(self.block(place), offset(place)).map_or(b"", |(_, name)| name)
    }

    /// Forgets the name at a place. Names that move on this occasion are told: owner, new place.
    pub(super) fn release(&mut self, place: Place, moved: impl FnMut(KeyId, Place)) {
        let at = place as usize / BLOCK_UNITS;
        let Some(block) = self.blocks.get_mut(at) else { return };
        let start = offset(place);
        let Some((_, name)) = entry_at(&block.bytes, start) else { return };
        block.dead += size_of_entry(name.len());
        if let Some(owner) = block.bytes.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
            *owner = NOBODY.to_le_bytes();
        }
        let (used, dead) = (block.bytes.len(), block.dead);
        if dead == used {
            self.close(at as u32);
        } else if self.current != Some(at as u32) && dead * 3 > used * 2 {
            self.empty(at as u32, moved);
        }
    }

    /// All names with their owners, in the order of memory.
    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyId, &[u8])> {
        self.blocks.iter().flat_map(|block| entries(&block.bytes, 0)).filter_map(living)
    }

    /// Shows every name that holds `needle`, with its owner. Costs a search through memory.
    pub(super) fn search(&self, needle: &[u8], mut visit: impl FnMut(KeyId, &[u8])) {
        let finder = Finder::new(needle);
        for Block { bytes, .. } in &self.blocks {
            let mut entries = entries(bytes, 0).peekable();
            let mut from = 0;
            while let Some(found) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
                let hit = from + found;
                // The entry that the hit begins in: the last one that starts at or before it.
                let mut entry = None;
                while let Some(next) = entries.next_if(|(start, ..)| *start <= hit) {
                    entry = Some(next);
                }
                let Some((start, owner, name)) = entry else { break };
                from = start + size_of_entry(name.len());
                // A hit may begin in a header or end behind the name; a true one may follow.
                if owner != NOBODY && finder.find(name).is_some() {
                    visit(owner, name);
                }
            }
        }
    }

    /// Bytes held from the allocator.
    pub(super) fn held_bytes(&self) -> usize {
        self.held + self.blocks.capacity() * size_of::<Block>()
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut held = 0;
        for (at, block) in self.blocks.iter().enumerate() {
            held += block.bytes.capacity();
            let gone = entries(&block.bytes, 0).filter(|(_, owner, _)| *owner == NOBODY);
            let dead: usize = gone.map(|(_, _, name)| size_of_entry(name.len())).sum();
            if dead != block.dead {
                return Err(format!("block {at}: {dead} dead bytes, {} counted", block.dead));
            }
        }
        match held == self.held {
            true => Ok(()),
            false => Err(format!("names hold {held} bytes, {} counted", self.held)),
        }
    }

    fn used(&self, at: u32) -> usize {
        self.blocks.get(at as usize).map_or(0, |block| block.bytes.len())
    }

    fn block(&self, place: Place) -> &[u8] {
        self.blocks.get(place as usize / BLOCK_UNITS).map_or(&[], |block| &block.bytes)
    }

    /// A block with room for so many bytes.
    fn open(&mut self, bytes: usize) -> Option<u32> {
        let block = Block { bytes: Vec::with_capacity(bytes), dead: 0 };
        self.held += block.bytes.capacity();
        if let Some(at) = self.unused.pop() {
            *self.blocks.get_mut(at as usize)? = block;
            return Some(at);
        }
        let at = self.blocks.len();
        if at >= u32::MAX as usize / BLOCK_UNITS {
            return None;
        }
        self.blocks.push(block);
        Some(at as u32)
    }

    /// Gives the memory of a block back.
    fn close(&mut self, at: u32) {
        if let Some(block) = self.blocks.get_mut(at as usize) {
            self.held -= block.bytes.capacity();
            *block = Block::default();
            self.unused.push(at);
        }
        if self.current == Some(at) {
            self.current = None;
        }
    }

    /// Moves what lives in a block to the current one.
    fn empty(&mut self, at: u32, mut moved: impl FnMut(KeyId, Place)) {
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        let bytes = std::mem::take(&mut block.bytes);
        self.held -= bytes.capacity();
        block.dead = 0;
        for (owner, name) in entries(&bytes, 0).filter_map(living) {
            // There was room for this name; closing a block cannot take it.
            if let Some(place) = self.push(owner, name) {
                moved(owner, place);
            }
        }
        self.unused.push(at);
    }
}

fn offset(place: Place) -> usize {
    place as usize % BLOCK_UNITS * UNIT
}

fn size_of_entry(name: usize) -> usize {
    (HEADER + name).next_multiple_of(UNIT)
}

fn entry_at(bytes: &[u8], start: usize) -> Option<(KeyId, &[u8])> {
    let (owner, rest) = bytes.get(start..)?.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    Some((KeyId::from_le_bytes(*owner), rest.get(..u32::from_le_bytes(*len) as usize)?))
}

/// The entries of a block from a border on: where each starts, its owner, its name.
fn entries(bytes: &[u8], mut start: usize) -> impl Iterator<Item = (usize, KeyId, &[u8])> {
    std::iter::from_fn(move || {
        let (owner, name) = entry_at(bytes, start)?;
        let at = start;
        start += size_of_entry(name.len());
        Some((at, owner, name))
    })
}

fn living((_, owner, name): (usize, KeyId, &[u8])) -> Option<(KeyId, &[u8])> {
    (owner != NOBODY).then_some((owner, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<u8>),
        Release(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let short = prop::collection::vec(prop::sample::select(&b"ab\0\x03"[..]), 0..9);
        let long = (0..3_usize).prop_map(|n| vec![b'x'; 30_000 * n + 7]);
        let step = prop_oneof![
            8 => short.prop_map(Step::Push),
            1 => long.prop_map(Step::Push),
            5 => any::<prop::sample::Index>().prop_map(|at| Step::Release(at.index(64))),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        #[test]
        fn equals_a_map(steps in steps(), needle in "[ab\0\x03]{0,3}") {
            let mut arena = NameArena::default();
            let mut model: BTreeMap<KeyId, (Place, Vec<u8>)> = BTreeMap::new();
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(name) => {
                        let place = arena.push(id as KeyId, &name).unwrap();
                        model.insert(id as KeyId, (place, name));
                    }
                    Step::Release(at) => {
                        let Some(id) = model.keys().nth(at).copied() else { continue };
                        let (place, _) = model.remove(&id).unwrap();
                        arena.release(place, |owner, place| model.get_mut(&owner).unwrap().0 = place);
                    }
                }
                prop_assert_eq!(arena.check(), Ok(()));
                for (place, name) in model.values() {
                    prop_assert_eq!(arena.get(*place), &name[..]);
                }
            }
            let all: BTreeMap<KeyId, Vec<u8>> = model.into_iter().map(|(id, (_, name))| (id, name)).collect();
            prop_assert_eq!(arena.iter().map(|(id, name)| (id, name.to_vec())).collect::<BTreeMap<_, _>>(), all.clone());
            let needle = needle.as_bytes();
            let holds = |name: &[u8]| needle.is_empty() || name.windows(needle.len()).any(|w| w == needle);
            let expected: Vec<KeyId> = all.iter().filter(|(_, name)| holds(name)).map(|(id, _)| *id).collect();
            let mut found = vec![];
            arena.search(needle, |id, name| {
                assert_eq!(all[&id], name);
                found.push(id);
            });
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    /// Random churn with a constant number of names does not take more and more memory.
    #[test]
    fn churn_takes_no_memory_and_nothing_keeps_nothing() {
        let mut arena = NameArena::default();
        let mut places: Vec<Place> = vec![];
        for id in 0..20_000_u32 {
            places.push(arena.push(id, b"a name of some thirty-two bytes!").unwrap());
        }
        let full = arena.held_bytes();
        let mut at = 1_u32;
        for _ in 0..200_000 {
            at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let id = (at >> 8) % 20_000;
            let old = places[id as usize];
            arena.release(old, |owner, place| places[owner as usize] = place);
            places[id as usize] = arena.push(id, b"a name of some thirty-two bytes!").unwrap();
        }
        assert_eq!(arena.check(), Ok(()));
        assert!(arena.held_bytes() < 3 * full, "{} of {full}", arena.held_bytes());
        for id in 0..20_000_u32 {
            let place = places[id as usize];
            assert_eq!(entry_at(arena.block(place), offset(place)).unwrap().0, id);
            arena.release(place, |owner, place| places[owner as usize] = place);
        }
        assert_eq!((arena.iter().count(), arena.held), (0, 0));
    }
}
