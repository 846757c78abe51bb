//! The names of tags, each with a number as long as it has keys.
//!
//! Names stand packed in runs of bytes. They are found by extendible hashing (Fagin, Nievergelt,
//! Pippenger, Strong, "Extendible hashing", ACM TODS 1979): a single hash table of a million
//! names would stall the write that fills it for 100 ms, as each name is read again to be put
//! into the larger table; here a full segment is split in two and no other is touched.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::runs::{Run, Runs};
use super::sparse::Sparse;
use super::tag_store::TagId;

/// Names in a segment before it is split: as many as 1024 buckets hold. Reading them again
/// takes about 100 us.
const SEGMENT_MAX: usize = 896;

/// Most times a segment is split; from there on segments grow as hash tables do. 2^20 segments
/// hold about 600 million names.
const DEPTH_MAX: u8 = 20;

/// The hash tables inside the segments take the top bits of a hash and its lowest; the
/// directory takes those from here down.
const TOP_BIT: u32 = 56;

/// Where a name is; its length is 0 when the number is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Name {
    run: Option<Run>,
    len: u16,
}

#[derive(Clone, Debug, Default)]
struct Segment {
    /// How many bits of the hash all names here share.
    depth: u8,
    ids: HashTable<TagId>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    by_id: Sparse<Name>,
    bytes: Runs<u8>,
    /// Bytes of all names.
    len: usize,
    hasher: DefaultHashBuilder,
}

impl Names {
    fn get(&self, id: TagId) -> &[u8] {
        let name = self.by_id.get(id);
        let bytes = name.run.map_or(&[][..], |run| self.bytes.get(run));
        bytes.get(..usize::from(name.len)).unwrap_or_default()
    }

    fn hash(&self, id: TagId) -> u64 {
        self.hasher.hash_one(self.get(id))
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct TagNames {
    names: Names,
    /// Numbers below `next` that no tag has.
    free: Vec<TagId>,
    next: TagId,
    /// Which segment has the names whose hash starts with these bits; its length is a power
    /// of two, or 0.
    directory: Vec<u32>,
    segments: Vec<Segment>,
}

impl TagNames {
    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.next as usize - self.free.len()
    }

    /// Bytes held from the allocator, about.
    pub(super) fn held_bytes(&self) -> usize {
        /// A name's place, and its share of a hash table.
        const NAME: usize = 20;
        /// Sizes of runs grow by quarters.
        const SLACK: usize = 8;
        self.names.len + self.names.len / SLACK + self.len() * NAME
    }

    /// The name of a number; empty when it is free.
    pub(super) fn get(&self, id: TagId) -> &[u8] {
        self.names.get(id)
    }

    /// The number of a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<TagId> {
        self.find_hashed(name, self.names.hasher.hash_one(name))
    }

    fn find_hashed(&self, name: &[u8], hash: u64) -> Option<TagId> {
        let segment = self.segments.get(*self.directory.get(self.place_of(hash))? as usize)?;
        segment.ids.find(hash, |id| self.names.get(*id) == name).copied()
    }

    /// The number of a name, and whether it is a new one; `None` when there is no room for
    /// names.
    pub(super) fn find_or_add(&mut self, name: &[u8]) -> Option<(TagId, bool)> {
        let hash = self.names.hasher.hash_one(name);
        if let Some(id) = self.find_hashed(name, hash) {
            return Some((id, false));
        }
        let run = self.names.bytes.take(name.len())?;
        let bytes = self.names.bytes.get_mut(run).get_mut(..name.len())?;
        bytes.copy_from_slice(name);
        let id = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.names.by_id.set(id, Name { run: Some(run), len: name.len() as u16 });
        self.names.len += name.len();
        let segment = self.segment_with_room(hash);
        if let Some(segment) = self.segments.get_mut(segment) {
            segment.ids.insert_unique(hash, id, |id| self.names.hash(*id));
        }
        Some((id, true))
    }

    /// Frees a number and its name.
    pub(super) fn forget(&mut self, id: TagId) {
        let hash = self.names.hash(id);
        let segment = self.directory.get(self.place_of(hash)).copied();
        if let Some(segment) = segment.and_then(|at| self.segments.get_mut(at as usize))
            && let Ok(entry) = segment.ids.find_entry(hash, |other| *other == id)
        {
            entry.remove();
            if segment.ids.is_empty() {
                segment.ids = HashTable::new();
            }
            let Name { run, len } = self.names.by_id.get(id);
            self.names.len -= usize::from(len);
            if let Some(run) = run {
                self.names.bytes.give(run);
            }
            self.names.by_id.set(id, Name::default());
            self.free.push(id);
        }
        if self.len() == 0 {
            let hasher = self.names.hasher.clone();
            *self = Self { names: Names { hasher, ..Names::default() }, ..Self::default() };
        }
    }

    /// The place of a hash in the directory.
    fn place_of(&self, hash: u64) -> usize {
        let bits = self.directory.len().max(1).ilog2();
        (hash >> (TOP_BIT + 1 - bits)) as usize & ((1 << bits) - 1)
    }

    /// The segment that a new name of this hash goes to.
    fn segment_with_room(&mut self, hash: u64) -> usize {
        if self.directory.is_empty() {
            self.directory.push(0);
            self.segments.push(Segment::default());
        }
        loop {
            let at = self.directory.get(self.place_of(hash)).map_or(0, |at| *at as usize);
            let is_full = |segment: &&mut Segment| {
                segment.ids.len() >= SEGMENT_MAX && segment.depth < DEPTH_MAX
            };
            let Some(segment) = self.segments.get_mut(at).filter(is_full) else { return at };
            let bit = 1 << (TOP_BIT - u32::from(segment.depth));
            segment.depth += 1;
            let depth = segment.depth;
            let ids = std::mem::take(&mut segment.ids);
            let halves = [(); 2].map(|()| HashTable::with_capacity(SEGMENT_MAX / 2));
            let [mut low, mut high] = halves;
            for id in ids {
                let hash = self.names.hash(id);
                let half = if hash & bit == 0 { &mut low } else { &mut high };
                half.insert_unique(hash, id, |id| self.names.hash(*id));
            }
            segment.ids = low;
            let new = self.segments.len() as u32;
            self.segments.push(Segment { depth, ids: high });
            self.point_to(new, hash, depth, bit);
        }
    }

    /// Lets the upper half of the places of a segment that was split point to the new one.
    fn point_to(&mut self, new: u32, hash: u64, depth: u8, bit: u64) {
        if self.directory.len() < 1 << depth {
            self.directory = self.directory.iter().flat_map(|at| [*at, *at]).collect();
        }
        let first = self.place_of((hash | bit) & !(bit - 1));
        let count = self.directory.len() >> depth;
        self.directory.iter_mut().skip(first).take(count).for_each(|at| *at = new);
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut count = 0;
        for (id, _) in self.names.by_id.iter_from(0) {
            count += 1;
            if self.find(self.get(id)) != Some(id) {
                return Err(format!("tag {id} is not found by its name"));
            }
        }
        let found: usize = self.segments.iter().map(|segment| segment.ids.len()).sum();
        if found != count || count != self.len() {
            return Err(format!("{count} tags, {found} are found, {} are counted", self.len()));
        }
        self.names.bytes.check(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers_while_segments_split() {
        let mut names = TagNames::default();
        let name = |id: u32| format!("{}:{id}", "x".repeat(id as usize % 50)).into_bytes();
        for id in 0..20_000 {
            assert_eq!(names.find_or_add(&name(id)), Some((id, true)));
        }
        assert_eq!(names.find_or_add(&name(7)), Some((7, false)));
        assert_eq!((names.len(), names.check()), (20_000, Ok(())));
        assert!(names.segments.len() > 20_000 / SEGMENT_MAX);
        assert!(names.segments.iter().all(|segment| segment.ids.len() <= SEGMENT_MAX));
        for id in (0..20_000).filter(|id| id % 3 != 0) {
            names.forget(id);
            assert_eq!((names.find(&name(id)), names.get(id)), (None, &[][..]));
        }
        assert_eq!((names.len(), names.check()), (6667, Ok(())));
        assert!((0..20_000).step_by(3).all(|id| names.find(&name(id)) == Some(id)));
        // Numbers are used again, the last freed first.
        assert_eq!(names.find_or_add(b"again"), Some((19_999, true)));
        names.forget(19_999);
        (0..20_000).step_by(3).for_each(|id| names.forget(id));
        let held = names.segments.capacity() + names.directory.capacity() + names.free.capacity();
        assert_eq!((names.len(), held), (0, 0));
    }
}
