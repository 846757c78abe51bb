//! A ring of entries in blocks of bytes; the oldest go when the newest would be too many.
//!
//! An entry is written where it stays, behind its length and its weight, and nothing is moved
//! afterwards: a whole block goes at once, and serves again. Until then its oldest entries are
//! there and not shown.

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::RangeInclusive;

/// A block takes entries until it has so many bytes: enough that one is seldom begun, few beside
/// what is kept.
const BLOCK_BYTES: usize = 16 << 10;

/// What a block has room for beyond that: an entry of usual length finds it.
const BLOCK_ROOM: usize = BLOCK_BYTES + BLOCK_BYTES / 4;

/// What the processor fetches at once.
const LINE_BYTES: usize = 64;

/// Most lines that are fetched ahead: an eighth of what the smallest processors have near.
const LINES_AHEAD_MAX: usize = 64;

/// Blocks are held for the numbers of their entries until all entries weigh so many times what may
/// be shown: a log of wide entries needs no copies so, and no more memory than this.
const HELD_MAX: u64 = 2;

/// Before each entry: its length and its weight, of four bytes each.
const HEADER_BYTES: usize = 2 * size_of::<u32>();

/// See the module.
#[derive(Debug, Default)]
pub struct Tape {
    /// What all entries may weigh together.
    most: u64,
    /// Those that are full, the oldest first.
    before: VecDeque<Block>,
    /// The one that takes entries.
    last: Block,
    /// What the entries of all blocks weigh.
    weight: u64,
    /// How many blocks went.
    gone: usize,
    /// The bytes of a block that went.
    spare: Option<Box<[u8]>>,
    /// Where an entry is written whose length is not known before.
    draft: Vec<u8>,
}

/// A place between entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The number of the block, those that went counted too.
    block: usize,
    /// Bytes of it that are before.
    byte: usize,
}

#[derive(Debug, Default)]
struct Block {
    /// The entries, and room for more.
    room: Box<[u8]>,
    /// How much of it entries have.
    len: usize,
    /// What they weigh.
    weight: u64,
    /// The highest number of an entry.
    last: u64,
}

impl Tape {
    /// A ring whose entries weigh no more than `most` together.
    pub fn new(most: u64) -> Self {
        Self { most, ..Self::default() }
    }

    /// Appends what is written, with the weight that is given back; with none, there is no entry.
    /// Says whether there is. It may have a number, which only grows.
    /// Before it, a block is begun where one [is full](Self::is_full).
    pub fn write(&mut self, number: u64, write: impl FnOnce(&mut Vec<u8>) -> u64) -> bool {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        let weight = write(&mut draft);
        self.last.reserve(HEADER_BYTES + draft.len());
        let is_there = self.write_in_place(number, |room| {
            put(room, &draft)?;
            Some(weight)
        });
        // One that a single entry made large is not held.
        if draft.capacity() <= BLOCK_ROOM {
            self.draft = draft;
        }
        is_there
    }

    /// The same of an entry that is written [where it stays](put), if there is room for it.
    #[inline]
    pub fn write_in_place(
        &mut self,
        number: u64,
        write: impl FnOnce(&mut &mut [u8]) -> Option<u64>,
    ) -> bool {
        let block = &mut self.last;
        let Some(room) = block.room.get_mut(block.len..) else { return false };
        let Some((slot, mut rest)) = room.split_first_chunk_mut() else { return false };
        let most = rest.len();
        let Some(weight) = write(&mut rest) else { return false };
        let len = most - rest.len();
        let Some(header) = header(len, weight) else { return false };
        *slot = header;
        block.len += HEADER_BYTES + len;
        block.weight += weight;
        block.last = block.last.max(number);
        self.weight += weight;
        block.fetch_ahead(len);
        true
    }

    /// Whether another entry begins a block, as the first one does.
    pub fn is_full(&self) -> bool {
        self.last.room.is_empty() || self.last.len >= BLOCK_BYTES
    }

    /// Begins a block; so many of the first go, no more than [may](Self::going).
    #[cold]
    pub fn begin_block(&mut self, going: usize) {
        self.before.push_back(std::mem::take(&mut self.last));
        for block in self.before.drain(..going.min(self.before.len())) {
            self.weight -= block.weight;
            self.gone += 1;
            // One that a single entry made large is not held.
            if block.room.len() == BLOCK_ROOM {
                self.spare = Some(block.room);
            }
        }
        self.last.room = self.spare.take().unwrap_or_else(|| vec![0; BLOCK_ROOM].into());
    }

    /// How many blocks may go when another begins: the first ones, of which nothing is shown, and no
    /// number is as high as what is `needed`, or too much is held.
    pub fn going(&self, needed: u64) -> usize {
        let mut weight = self.weight;
        let goes = |block: &&Block| {
            weight -= block.weight;
            let is_shown = weight < self.most;
            !is_shown && (block.last < needed || weight >= HELD_MAX * self.most)
        };
        self.blocks().take_while(goes).count()
    }

    fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.before.iter().chain(std::iter::once(&self.last))
    }

    /// The entries of those of the first blocks that have numbers from `least` on, shown or not,
    /// the oldest first.
    pub fn first(&self, blocks: usize, least: u64) -> impl Iterator<Item = &[u8]> {
        let blocks = self.blocks().take(blocks).filter(move |block| block.last >= least);
        blocks.flat_map(Block::entries).map(|entry| entry.bytes)
    }

    /// The numbers of the blocks that there are, those that went counted too.
    pub fn block_numbers(&self) -> RangeInclusive<usize> {
        self.gone..=self.gone + self.before.len()
    }

    /// Behind the last entry.
    pub fn end(&self) -> Mark {
        Mark { block: *self.block_numbers().end(), byte: self.last.len }
    }

    /// How many blocks have something behind the mark, or may have.
    pub fn blocks_since(&self, mark: Mark) -> usize {
        (self.gone + self.before.len() + 1).saturating_sub(mark.block)
    }

    /// How many blocks there are before that of the mark.
    pub fn blocks_before(&self, mark: Mark) -> usize {
        mark.block.saturating_sub(self.gone)
    }

    /// Tells the entries behind the mark, shown or not, the oldest first.
    #[inline]
    pub fn each_since<'a>(&'a self, mark: Mark, mut each: impl FnMut(&'a [u8])) {
        let blocks = self.blocks().skip(self.blocks_before(mark));
        for (at, block) in blocks.enumerate() {
            let start = if at == 0 { mark.byte } else { 0 };
            let mut rest = block.bytes().get(start..).unwrap_or_default();
            while let Some(entry) = take_entry(&mut rest) {
                each(entry.bytes);
            }
        }
    }

    /// What all entries may weigh from now on; what is too much goes, and its memory.
    /// Numbers and marks are forgotten.
    pub fn set_most(&mut self, most: u64) {
        let old = std::mem::replace(self, Self::new(most));
        let mut kept: Vec<_> = old.last_of(most.min(old.most)).collect();
        while let Some(entry) = kept.pop() {
            if self.is_full() {
                // They are no more than may be shown: none goes.
                self.begin_block(0);
            }
            self.write(0, |out| {
                out.extend_from_slice(entry.bytes);
                entry.weight
            });
        }
    }

    /// What they weigh together.
    pub fn weight(&self) -> u64 {
        self.last_of(self.most).map(|entry| entry.weight).sum()
    }

    /// The bytes of its blocks.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        self.blocks().map(|block| block.room.len()).sum()
    }

    /// The entries, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &[u8]> {
        self.last_of(self.most).map(|entry| entry.bytes)
    }

    /// The last entries that weigh no more than `most` together, the newest first.
    fn last_of(&self, most: u64) -> impl Iterator<Item = Entry<'_>> {
        let mut left = most;
        self.held().map_while(move |entry| {
            left = left.checked_sub(entry.weight)?;
            Some(entry)
        })
    }

    /// All entries that are still there, shown or not, the newest first.
    pub fn held_newest_first(&self) -> impl Iterator<Item = &[u8]> {
        self.held().map(|entry| entry.bytes)
    }

    fn held(&self) -> impl Iterator<Item = Entry<'_>> {
        self.blocks().rev().flat_map(|block| {
            let entries: Vec<_> = block.entries().collect();
            entries.into_iter().rev()
        })
    }
}

/// What stands before an entry; `None` for one that is to be none, or is larger than any should be.
fn header(len: usize, weight: u64) -> Option<[u8; HEADER_BYTES]> {
    let (len, weight) = (u32::try_from(len).ok()?, u32::try_from(weight).ok()?);
    let header = u64::from(len) | u64::from(weight) << u32::BITS;
    (weight > 0).then_some(header.to_le_bytes())
}

struct Entry<'a> {
    bytes: &'a [u8],
    weight: u64,
}

/// Writes a part of an entry, if there is room for it.
#[inline]
pub fn put(room: &mut &mut [u8], part: &[u8]) -> Option<()> {
    let (slot, rest) = std::mem::take(room).split_at_mut_checked(part.len())?;
    slot.copy_from_slice(part);
    *room = rest;
    Some(())
}

impl Block {
    fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    /// Touches the place of the next entry, if it is as long as the last: the ring was there long
    /// ago, and it is far from the processor by now. Nobody waits for what is read; to write there,
    /// the next entry would have to.
    #[inline]
    fn fetch_ahead(&self, len: usize) {
        for line in 1..=(len / LINE_BYTES + 1).min(LINES_AHEAD_MAX) {
            black_box(self.room.get(self.len + line * LINE_BYTES).copied());
        }
    }

    /// There is room for so many more bytes.
    fn reserve(&mut self, more: usize) {
        let len = (self.len + more).max(BLOCK_ROOM);
        if self.len + more > self.room.len() {
            let mut room = std::mem::take(&mut self.room).into_vec();
            room.resize(len, 0);
            self.room = room.into();
        }
    }

    /// The entries, the oldest first.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.bytes();
        std::iter::from_fn(move || take_entry(&mut rest))
    }
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (header, tail) = rest.split_first_chunk::<HEADER_BYTES>()?;
    let header = u64::from_le_bytes(*header);
    let (len, weight) = (header & u64::from(u32::MAX), header >> u32::BITS);
    let (bytes, tail) = tail.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = tail;
    Some(Entry { bytes, weight })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_ones_are_kept_as_a_list_would(
            // Some fill a block, or more than one.
            entries in prop::collection::vec(
                (prop_oneof![4 => 0usize..20, 2 => 4000usize..9000, 1 => 30_000usize..50_000], 0u64..9),
                0..60,
            ),
            limits in prop::collection::vec((0usize..60, 0u64..40), 0..4),
            most in 0u64..40,
        ) {
            let mut tape = Tape::new(most);
            let (mut list, mut most): (VecDeque<(Vec<u8>, u64)>, _) = (VecDeque::new(), most);
            for (at, (len, weight)) in entries.into_iter().enumerate() {
                let entry = vec![at as u8; len];
                prop_assert_eq!(add(&mut tape, at as u64, u64::MAX, len, weight), weight > 0);
                if weight > 0 {
                    list.push_back((entry, weight));
                }
                let trim = |list: &mut VecDeque<(Vec<u8>, u64)>, most| {
                    while list.iter().map(|(_, weight)| weight).sum::<u64>() > most {
                        list.pop_front();
                    }
                };
                trim(&mut list, most);
                if let Some((_, limit)) = limits.iter().find(|(when, _)| *when == at) {
                    most = *limit;
                    tape.set_most(most);
                    trim(&mut list, most);
                }
                let found: Vec<Vec<u8>> = tape.newest_first().map(<[u8]>::to_vec).collect();
                let expected: Vec<Vec<u8>> = list.iter().rev().map(|(e, _)| e.clone()).collect();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(tape.weight(), list.iter().map(|(_, weight)| weight).sum::<u64>());
            }
        }
    }

    /// Writes an entry of such a length and weight; numbers from `needed` on are needed.
    fn add(tape: &mut Tape, number: u64, needed: u64, len: usize, weight: u64) -> bool {
        if tape.is_full() {
            tape.begin_block(tape.going(needed));
        }
        tape.write(number, |out| {
            out.resize(len, number as u8);
            weight
        })
    }

    #[test]
    fn what_is_needed_is_held_up_to_a_bound() {
        // Entries of a tenth of what is shown, four in a block; the last `needed` are.
        let held = |needed: u64| {
            let mut tape = Tape::new(100);
            for number in 1..=1000 {
                add(&mut tape, number, number.saturating_sub(needed), BLOCK_BYTES / 4, 10);
            }
            assert_eq!(tape.newest_first().count(), 10);
            tape.held_newest_first().count() as u64
        };
        for (needed, least) in [(0, 10), (12, 12), (15, 15), (18, 18), (500, 20)] {
            assert!((least..least + 8).contains(&held(needed)), "{needed}: {}", held(needed));
        }
    }

    #[test]
    fn what_is_not_shown_is_not_held() {
        let mut tape = Tape::new(100);
        add(&mut tape, 0, u64::MAX, 1 << 20, 1);
        (0..100_000).for_each(|_| assert!(add(&mut tape, 0, u64::MAX, 100, 1)));
        assert!(tape.bytes_held() <= 4 * BLOCK_BYTES, "{}", tape.bytes_held());
        tape.set_most(0);
        assert_eq!((tape.bytes_held(), tape.spare.is_none(), tape.weight()), (0, true, 0));
    }
}
