//! A hash table, and beside it the ids in chunks that are sorted by name, lazily.
//!
//! Newcomers wait in a list that is folded in when it is full or somebody walks; the dead wait
//! for a sweep. Without a number for where an id stands, a removal need not search.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::measure::Structure;

/// Ids in a chunk at most.
const CHUNK: usize = 512;
/// Newcomers that wait at most.
const FRESH: usize = 4096;

#[derive(Default)]
pub struct SortedRuns {
    /// By id; the dead keep their names until the sweep.
    names: Vec<Box<[u8]>>,
    dead: Vec<bool>,
    dead_count: usize,
    free: Vec<u32>,
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
    fresh: Vec<u32>,
    chunks: Vec<Vec<u32>>,
}

impl SortedRuns {
    fn fold(&mut self) {
        let names = &self.names;
        let name = |id: u32| &*names[id as usize];
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable_by_key(|id| name(*id));
        let mut rest = &fresh[..];
        let mut folded = Vec::with_capacity(self.chunks.len() + 2 * fresh.len() / CHUNK + 1);
        let old = std::mem::take(&mut self.chunks);
        let ends: Vec<Option<u32>> = old.iter().skip(1).map(|chunk| Some(chunk[0])).collect();
        for (chunk, end) in old.into_iter().zip(ends.into_iter().chain([None])) {
            let mine =
                end.map_or(rest.len(), |end| rest.partition_point(|id| name(*id) < name(end)));
            let (mine, after) = rest.split_at(mine);
            rest = after;
            if mine.is_empty() {
                folded.push(chunk);
                continue;
            }
            let mut merged = chunk;
            if mine.len() < merged.len() / 8 {
                for id in mine {
                    let at = merged.partition_point(|other| name(*other) < name(*id));
                    merged.insert(at, *id);
                }
            } else {
                merged.extend(mine);
                // Two sorted halves: the stable sort merges them.
                merged.sort_by_key(|id| name(*id));
            }
            match merged.len() {
                ..=CHUNK => folded.push(merged),
                _ => folded.extend(merged.chunks(CHUNK / 2).map(<[u32]>::to_vec)),
            }
        }
        folded.extend(rest.chunks(CHUNK / 2).map(<[u32]>::to_vec));
        self.chunks = folded;
    }

    fn sweep(&mut self) {
        for list in self.chunks.iter_mut().chain([&mut self.fresh]) {
            list.retain(|id| {
                let dead = std::mem::take(&mut self.dead[*id as usize]);
                if dead {
                    self.names[*id as usize] = Box::default();
                    self.free.push(*id);
                }
                !dead
            });
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.dead_count = 0;
    }
}

impl Structure for SortedRuns {
    const NAME: &str = "`hashbrown` + lazily sorted runs";
    const NAME_BY_ID: bool = true;

    fn insert(&mut self, name: &[u8], _: u32) -> bool {
        if self.find(name).is_some() {
            return false;
        }
        let id = match self.free.pop() {
            Some(id) => {
                self.names[id as usize] = name.into();
                id
            }
            None => {
                self.names.push(name.into());
                self.dead.push(false);
                (self.names.len() - 1) as u32
            }
        };
        let (names, hasher) = (&self.names, &self.hasher);
        let rehash = |id: &u32| hasher.hash_one(&*names[*id as usize]);
        self.by_name.insert_unique(hasher.hash_one(name), id, rehash);
        self.fresh.push(id);
        if self.fresh.len() >= FRESH {
            self.fold();
        }
        true
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        let is_it = |id: &u32| &*self.names[*id as usize] == name;
        self.by_name.find(self.hasher.hash_one(name), is_it).copied()
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let is_it = |id: &u32| &*self.names[*id as usize] == name;
        let Ok(entry) = self.by_name.find_entry(self.hasher.hash_one(name), is_it) else {
            return false;
        };
        let (id, _) = entry.remove();
        self.dead[id as usize] = true;
        self.dead_count += 1;
        if self.dead_count > 1024 + self.by_name.len() / 4 {
            self.sweep();
        }
        true
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        if !self.fresh.is_empty() {
            self.fold();
        }
        let name = |id: &u32| &*self.names[*id as usize];
        let at = self.chunks.partition_point(|chunk| name(&chunk[chunk.len() - 1]) < prefix);
        let skip = self.chunks.get(at).map_or(0, |c| c.partition_point(|id| name(id) < prefix));
        for id in self.chunks[at..].iter().flatten().skip(skip) {
            if !name(id).starts_with(prefix) {
                break;
            }
            if !self.dead[*id as usize] {
                visit(*id, name(id));
            }
        }
    }
}
