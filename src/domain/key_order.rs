//! Key ids in the order of their names, kept cheaply.
//!
//! Newcomers go to an unsorted list, so that a write pays one push. Whoever asks for the order
//! folds them in first: sorted among themselves, then merged into chunks of sorted ids.
//! Removing marks the slot dead, which costs no search; a sweep drops the dead when they
//! outnumber a quarter of the living.

use super::key_table::{KeyId, Place, Slot};

/// Ids in one sorted chunk at most: inserting moves at most 4 bytes times this.
const CHUNK_IDS: usize = 512;

/// Newcomers folded at once at most. A write that fills the list folds it: a larger list would
/// stall that write, a smaller one folds less per pass over the chunks.
const FRESH_IDS: usize = 4096;

/// Dead slots kept at least before a sweep, so that small tables are not swept all the time.
const DEAD_SLACK: usize = 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct KeyOrder {
    /// Not empty each; sorted inside and among each other.
    chunks: Vec<Vec<KeyId>>,
    fresh: Vec<KeyId>,
    sorted: usize,
    dead: usize,
}

impl KeyOrder {
    /// The place that the next inserted id will have.
    pub(super) fn next_fresh(&self) -> Place {
        Place::Fresh(self.fresh.len() as u32)
    }

    /// Takes in a slot whose place is [`KeyOrder::next_fresh`].
    pub(super) fn insert(&mut self, id: KeyId, slots: &mut [Slot]) {
        self.fresh.push(id);
        if self.fresh.len() >= FRESH_IDS {
            self.fold(slots);
        }
    }

    /// Takes out a slot; frees it now or at the next sweep.
    pub(super) fn remove(&mut self, id: KeyId, slots: &mut [Slot], free: &mut Vec<KeyId>) {
        let Some(slot) = slots.get_mut(id as usize) else { return };
        match slot.place {
            Place::Fresh(at) => {
                self.fresh.swap_remove(at as usize);
                release(slot);
                free.push(id);
                let moved =
                    self.fresh.get(at as usize).and_then(|moved| slots.get_mut(*moved as usize));
                if let Some(moved) = moved {
                    moved.place = Place::Fresh(at);
                }
            }
            Place::Sorted => {
                slot.place = Place::Dead;
                self.dead += 1;
                if self.dead > DEAD_SLACK + (self.sorted - self.dead) / 4 {
                    self.sweep(slots, free);
                }
            }
            Place::Dead | Place::Free => {}
        }
    }

    fn sweep(&mut self, slots: &mut [Slot], free: &mut Vec<KeyId>) {
        for chunk in &mut self.chunks {
            chunk.retain(|id| {
                let Some(slot) = slots.get_mut(*id as usize) else { return false };
                let dead = slot.place == Place::Dead;
                if dead {
                    release(slot);
                    free.push(*id);
                }
                !dead
            });
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.sorted -= self.dead;
        self.dead = 0;
    }

    /// Merges the newcomers into the chunks.
    pub(super) fn fold(&mut self, slots: &mut [Slot]) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable_by(|a, b| name(slots, *a).cmp(name(slots, *b)));
        for id in &fresh {
            if let Some(slot) = slots.get_mut(*id as usize) {
                slot.place = Place::Sorted;
            }
        }
        self.sorted += fresh.len();
        let mut rest = fresh.as_slice();
        // From the last chunk down, so that a chunk that splits does not move the ones to come.
        for at in (0..self.chunks.len()).rev() {
            let Some(chunk) = self.chunks.get_mut(at) else { continue };
            let from = match (at, chunk.first()) {
                (0, _) | (_, None) => 0,
                (_, Some(first)) => {
                    let first = name(slots, *first);
                    rest.partition_point(|id| name(slots, *id) < first)
                }
            };
            let (before, mine) = rest.split_at(from);
            if !mine.is_empty() {
                let merged = merge(chunk, mine, slots);
                replace_chunk(&mut self.chunks, at, merged);
            }
            rest = before;
            if rest.is_empty() {
                break;
            }
        }
        if self.chunks.is_empty() {
            self.chunks.extend(rest.chunks(CHUNK_IDS / 2).map(<[KeyId]>::to_vec));
        }
        fresh.clear();
        fresh.shrink_to(FRESH_IDS);
        self.fresh = fresh;
    }

    /// The sorted ids, dead ones too, from the first name that is not below `prefix`.
    pub(super) fn starting_with<'a>(
        &'a self,
        prefix: &[u8],
        slots: &[Slot],
    ) -> impl Iterator<Item = KeyId> + 'a {
        let below = |id: &KeyId| name(slots, *id) < prefix;
        let at = self.chunks.partition_point(|chunk| chunk.last().is_some_and(below));
        let skip = self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(below));
        self.chunks.iter().skip(at).flatten().copied().skip(skip)
    }

    pub(super) fn check(&self, slots: &[Slot], live: usize) -> Result<(), String> {
        let ids: Vec<KeyId> = self.chunks.iter().flatten().copied().collect();
        if ids.len() != self.sorted || self.sorted + self.fresh.len() != live + self.dead {
            return Err(format!(
                "{} ids in order ({} counted), {} fresh, {} dead, {live} live",
                ids.len(),
                self.sorted,
                self.fresh.len(),
                self.dead
            ));
        }
        if self.chunks.iter().any(|chunk| chunk.is_empty() || chunk.len() > CHUNK_IDS) {
            return Err("a chunk is empty or too long".to_owned());
        }
        if !ids.is_sorted_by(|a, b| name(slots, *a) <= name(slots, *b)) {
            return Err("the order is not sorted".to_owned());
        }
        let placed =
            |id: &KeyId, place| slots.get(*id as usize).is_some_and(|slot| slot.place == place);
        let dead = ids.iter().filter(|id| placed(id, Place::Dead)).count();
        let sorted = ids.iter().filter(|id| placed(id, Place::Sorted)).count();
        let mut fresh = self.fresh.iter().enumerate();
        if dead != self.dead
            || dead + sorted != ids.len()
            || !fresh.all(|(at, id)| placed(id, Place::Fresh(at as u32)))
        {
            return Err("a slot is not where it says".to_owned());
        }
        Ok(())
    }
}

fn name(slots: &[Slot], id: KeyId) -> &[u8] {
    slots.get(id as usize).map_or(b"", |slot| &slot.name)
}

fn release(slot: &mut Slot) {
    slot.name = Box::default();
    slot.place = Place::Free;
}

/// Few newcomers are put in one by one, which reads few names of the chunk; many are merged.
fn merge(a: &[KeyId], b: &[KeyId], slots: &[Slot]) -> Vec<KeyId> {
    if b.len() < a.len() / 8 {
        let mut merged = a.to_vec();
        for id in b {
            let at = merged.partition_point(|other| name(slots, *other) <= name(slots, *id));
            merged.insert(at, *id);
        }
        return merged;
    }
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    while let (Some(left), Some(right)) = (a.peek().copied(), b.peek().copied()) {
        let taken = if name(slots, left) <= name(slots, right) { a.next() } else { b.next() };
        merged.extend(taken);
    }
    merged.extend(a);
    merged.extend(b);
    merged
}

fn replace_chunk(chunks: &mut Vec<Vec<KeyId>>, at: usize, merged: Vec<KeyId>) {
    if merged.len() <= CHUNK_IDS {
        if let Some(chunk) = chunks.get_mut(at) {
            *chunk = merged;
        }
    } else {
        chunks.splice(at..=at, merged.chunks(CHUNK_IDS / 2).map(<[KeyId]>::to_vec));
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::key_table::KeyTable;

    /// Enough names for many chunks, folds and sweeps; the property test stays small.
    #[test]
    fn many_names_stay_in_order() {
        let mut table = KeyTable::default();
        let name = |at: u32| format!("key:{}", at.wrapping_mul(2_654_435_761));
        for at in 0..30_000 {
            table.insert(name(at).as_bytes());
        }
        assert_eq!(table.check(), Ok(()));
        for at in (0..30_000).filter(|at| at % 3 != 0) {
            table.remove(name(at).as_bytes());
        }
        assert_eq!(table.check(), Ok(()));
        for at in 30_000..40_000 {
            table.insert(name(at).as_bytes());
        }
        let mut expected: Vec<String> =
            (0..40_000).filter(|at| at % 3 == 0 || *at >= 30_000).map(name).collect();
        expected.sort_unstable();
        let mut walked = vec![];
        table.walk(b"key:", |_, name| walked.push(String::from_utf8(name.to_vec()).unwrap()));
        assert_eq!(walked, expected);
        assert_eq!(table.check(), Ok(()));
        let mut some = vec![];
        let looked =
            table.walk(b"key:17", |_, name| some.push(String::from_utf8(name.to_vec()).unwrap()));
        expected.retain(|name| name.starts_with("key:17"));
        assert_eq!((some.len() as u64, some), (looked, expected));
    }
}
