//! The names of the live keys by id, where the trie has them, and the stamps of plans.

use std::hint::black_box;

use super::branch::{NONE, Node};
use super::key_table::KeyId;
use super::name_arena::{NameArena, Place};
use super::paged::Paged;

/// A stamp that no plan has.
const NO_PLAN: u32 = 0;

/// The stamp of a slot that no key has; its place is the next such slot.
const FREE: u32 = u32::MAX;

/// Most jobs under way at a time: each has a stamp of its own.
pub(super) const JOB_SLOTS: u8 = 64;

/// From here on a stamp says that a job is about to delete the key: job 0, job 1, ...
const DOOMED: u32 = FREE - JOB_SLOTS as u32;

/// The end of the list of free slots.
const NO_SLOT: KeyId = KeyId::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    place: Place,
    stamp: u32,
    /// The bucket or branch of the trie that holds the id.
    node: Node,
}

/// See the module. Ids are used again.
#[derive(Clone, Debug)]
pub(super) struct KeyNames {
    slots: Paged<Slot>,
    first_free: KeyId,
    arena: NameArena,
    plan: u32,
}

impl Default for KeyNames {
    fn default() -> Self {
        Self {
            slots: Paged::default(),
            first_free: NO_SLOT,
            arena: NameArena::default(),
            plan: NO_PLAN,
        }
    }
}

impl KeyNames {
    /// Gives a name an id; `None` when there is room for no more names.
    pub(super) fn add(&mut self, name: &[u8]) -> Option<KeyId> {
        let reused = self.first_free != NO_SLOT;
        let id = if reused { self.first_free } else { KeyId::try_from(self.slots.len()).ok()? };
        if id == NO_SLOT {
            return None;
        }
        let slot = Slot { place: self.arena.push(id, name)?, stamp: NO_PLAN, node: NONE };
        match self.slots.get_mut(id as usize) {
            Some(free) => {
                self.first_free = free.place;
                *free = slot;
            }
            None => {
                self.slots.push(slot);
            }
        }
        Some(id)
    }

    /// Forgets the name of an id; the id is free.
    pub(super) fn remove(&mut self, id: KeyId) {
        let Some(slot) = self.slots.get_mut(id as usize).filter(|slot| slot.stamp != FREE) else {
            return;
        };
        let free = Slot { place: self.first_free, stamp: FREE, node: NONE };
        let place = std::mem::replace(slot, free).place;
        self.first_free = id;
        self.arena.release(place, |owner, place| {
            if let Some(slot) = self.slots.get_mut(owner as usize) {
                slot.place = place;
            }
        });
    }

    /// The name of a live id; empty for any other.
    pub(super) fn get(&self, id: KeyId) -> &[u8] {
        match self.slots.get(id as usize) {
            Some(slot) if slot.stamp != FREE => self.arena.get(slot.place),
            _ => b"",
        }
    }

    /// Asks for the memory of the names of these ids, without waiting for any before the next.
    pub(super) fn touch(&self, ids: &[KeyId]) {
        let names = ids.iter().map(|id| self.get(*id));
        black_box(names.fold(0, |sum, name| sum ^ name.last().copied().unwrap_or(0)));
    }

    /// Where the trie has an id.
    pub(super) fn node(&self, id: KeyId) -> Node {
        self.slots.get(id as usize).map_or(NONE, |slot| slot.node)
    }

    /// Notes where the trie has an id.
    pub(super) fn set_node(&mut self, id: KeyId, node: Node) {
        if let Some(slot) = self.slots.get_mut(id as usize) {
            slot.node = node;
        }
    }

    /// All names, in the order of memory.
    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyId, &[u8])> {
        self.arena.iter()
    }

    /// All names that hold `needle`, as [`KeyNames::iter`] gives them.
    pub(super) fn search(&self, needle: &[u8], visit: impl FnMut(KeyId, &[u8])) {
        self.arena.search(needle, visit);
    }

    /// Starts a plan: from here on [`KeyNames::take`] says yes once per id.
    pub(super) fn begin_plan(&mut self) {
        self.plan += 1;
        if self.plan == DOOMED {
            self.plan = NO_PLAN + 1;
            self.slots.iter_mut().filter(|slot| slot.stamp < DOOMED).for_each(|slot| {
                slot.stamp = NO_PLAN;
            });
        }
    }

    /// Whether this plan takes the id for the first time; a doomed one it never takes.
    pub(super) fn take(&mut self, id: KeyId) -> bool {
        match self.slots.get_mut(id as usize) {
            Some(slot) if slot.stamp != self.plan && slot.stamp < DOOMED => {
                slot.stamp = self.plan;
                true
            }
            _ => false,
        }
    }

    /// Marks a live id as one that a job is about to delete; false when one is already.
    pub(super) fn doom(&mut self, id: KeyId, job: u8) -> bool {
        match self.slots.get_mut(id as usize) {
            Some(slot) if slot.stamp < DOOMED && job < JOB_SLOTS => {
                slot.stamp = DOOMED + u32::from(job);
                true
            }
            _ => false,
        }
    }

    /// The job that is about to delete the id.
    pub(super) fn doom_of(&self, id: KeyId) -> Option<u8> {
        let stamp = self.slots.get(id as usize)?.stamp;
        (DOOMED..FREE).contains(&stamp).then(|| (stamp - DOOMED) as u8)
    }

    /// Takes the mark of [`KeyNames::doom`] off; gives the job.
    pub(super) fn spare(&mut self, id: KeyId) -> Option<u8> {
        let job = self.doom_of(id)?;
        self.slots.get_mut(id as usize)?.stamp = NO_PLAN;
        Some(job)
    }

    /// Forgets everything but the number of the last plan.
    pub(super) fn clear(&mut self) {
        *self = Self { plan: self.plan, ..Self::default() };
    }

    /// Bytes held from the allocator.
    pub(super) fn held_bytes(&self) -> usize {
        self.arena.held_bytes() + self.slots.len() * size_of::<Slot>()
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self, live: usize) -> Result<(), String> {
        self.arena.check()?;
        let mut named = 0;
        for (id, name) in self.arena.iter() {
            named += 1;
            if !std::ptr::eq(self.get(id), name) {
                return Err(format!("id {id} does not know its name"));
            }
        }
        let mut free = 0;
        let mut next = self.first_free;
        while let Some(slot) = self.slots.get(next as usize) {
            if slot.stamp != FREE || free > self.slots.len() {
                return Err("the list of free ids is broken".to_owned());
            }
            free += 1;
            next = slot.place;
        }
        match named == live && live + free == self.slots.len() {
            true => Ok(()),
            false => {
                Err(format!("{live} live, {named} named, {free} free of {}", self.slots.len()))
            }
        }
    }

    #[cfg(test)]
    pub(super) fn last_plan_before_wrap(&mut self) {
        self.plan = DOOMED - 1;
    }
}
