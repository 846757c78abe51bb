//! The live key names of one database: each interned once, found by hash and in order.
//!
//! A name gets a [`KeyId`] when its key appears and keeps it until the key goes; ids are used
//! again. Everything else (tags, plans) speaks of ids.
//!
//! Always true: `by_name` holds exactly the live slots; the order holds every live slot once,
//! and dead ones until the next sweep. An empty table holds no memory for names.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::key_order::KeyOrder;

/// Stands for a live key name inside one database.
pub type KeyId = u32;

/// Where the order keeps a slot's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this position of the unsorted newcomers.
    Fresh(u32),
    /// Somewhere in the sorted chunks.
    Sorted,
    /// In the sorted chunks, but the key is gone; the slot waits for the sweep.
    Dead,
    /// Nowhere: the slot is free.
    Free,
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) name: Box<[u8]>,
    pub(super) place: Place,
    /// The last plan that took this key, so that a plan takes it once.
    plan: u32,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    slots: Vec<Slot>,
    free: Vec<KeyId>,
    by_name: HashTable<KeyId>,
    hasher: DefaultHashBuilder,
    order: KeyOrder,
    plan: u32,
}

impl KeyTable {
    /// How many keys are live.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The id of a live name.
    pub fn find(&self, name: &[u8]) -> Option<KeyId> {
        let hash = self.hasher.hash_one(name);
        self.by_name.find(hash, |id| name_at(&self.slots, *id) == name).copied()
    }

    /// The name of a live id; empty for any other.
    pub fn name(&self, id: KeyId) -> &[u8] {
        name_at(&self.slots, id)
    }

    /// Interns `name`. The flag says whether it is new.
    pub fn insert(&mut self, name: &[u8]) -> (KeyId, bool) {
        if let Some(id) = self.find(name) {
            return (id, false);
        }
        let place = self.order.next_fresh();
        let slot = Slot { name: name.into(), place, plan: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(free) = self.slots.get_mut(id as usize) {
                    *free = slot;
                }
                id
            }
            None => {
                self.slots.push(slot);
                // A database holds fewer than 2^32 keys of ours: each costs some 80 bytes.
                (self.slots.len() - 1) as KeyId
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = hasher.hash_one(name);
        self.by_name.insert_unique(hash, id, |id| hasher.hash_one(name_at(slots, *id)));
        self.order.insert(id, &mut self.slots);
        (id, true)
    }

    /// Forgets `name`; gives the id it had. Until the next `insert` the id is nobody's.
    pub fn remove(&mut self, name: &[u8]) -> Option<KeyId> {
        let hash = self.hasher.hash_one(name);
        let slots = &self.slots;
        let entry = self.by_name.find_entry(hash, |id| name_at(slots, *id) == name).ok()?;
        let (id, _) = entry.remove();
        if self.by_name.is_empty() {
            *self = Self { hasher: self.hasher.clone(), plan: self.plan, ..Self::default() };
            return Some(id);
        }
        self.order.remove(id, &mut self.slots, &mut self.free);
        Some(id)
    }

    /// All live ids, in no order.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.by_name.iter().copied()
    }

    /// Calls `visit` for each live id whose name starts with `prefix`, in order of name.
    /// Gives the number of names looked at.
    pub fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(KeyId, &[u8])) -> u64 {
        self.order.fold(&mut self.slots);
        let mut looked = 0;
        for id in self.order.starting_with(prefix, &self.slots) {
            let Some(slot) = self.slots.get(id as usize) else { continue };
            if !slot.name.starts_with(prefix) {
                break;
            }
            if slot.place != Place::Dead {
                looked += 1;
                visit(id, &slot.name);
            }
        }
        looked
    }

    /// Starts a plan: from here on [`KeyTable::take`] says yes once per key.
    pub fn begin_plan(&mut self) {
        self.plan = self.plan.wrapping_add(1);
        if self.plan == 0 {
            self.plan = 1;
            for slot in &mut self.slots {
                slot.plan = 0;
            }
        }
    }

    /// Whether this plan takes `id` for the first time.
    pub fn take(&mut self, id: KeyId) -> bool {
        let plan = self.plan;
        self.slots
            .get_mut(id as usize)
            .is_some_and(|slot| std::mem::replace(&mut slot.plan, plan) != plan)
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        for id in self.ids() {
            let slot = self.slots.get(id as usize).ok_or(format!("id {id} has no slot"))?;
            if matches!(slot.place, Place::Dead | Place::Free) {
                return Err(format!("id {id} is live by name, {:?} by place", slot.place));
            }
            if self.find(&slot.name) != Some(id) {
                return Err(format!("id {id} is not found by its name"));
            }
        }
        self.order.check(&self.slots, self.len())
    }
}

fn name_at(slots: &[Slot], id: KeyId) -> &[u8] {
    slots.get(id as usize).map_or(b"", |slot| &slot.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn walk(table: &mut KeyTable, prefix: &[u8]) -> Vec<Vec<u8>> {
        let mut names = vec![];
        table.walk(prefix, |_, name| names.push(name.to_vec()));
        names
    }

    #[test]
    fn a_plan_takes_a_key_once() {
        let mut table = KeyTable::default();
        let (a, new) = table.insert(b"a");
        assert!(new && !table.insert(b"a").1);
        for _ in 0..3 {
            table.begin_plan();
            assert!(table.take(a) && !table.take(a));
        }
        table.plan = u32::MAX;
        assert!(table.take(a));
        table.begin_plan();
        assert!(table.take(a) && !table.take(a));
    }

    #[test]
    fn an_empty_table_keeps_nothing() {
        let mut table = KeyTable::default();
        for at in 0..5000_u32 {
            table.insert(&at.to_be_bytes());
        }
        assert_eq!(walk(&mut table, b"").len(), 5000);
        for at in 0..5000_u32 {
            assert!(table.remove(&at.to_be_bytes()).is_some());
        }
        assert!(table.is_empty() && table.slots.capacity() == 0 && table.free.capacity() == 0);
        assert_eq!(table.check(), Ok(()));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Vec<u8>),
        Remove(Vec<u8>),
        Walk(Vec<u8>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let name = || prop::collection::vec(prop::sample::select(&b"ab:\xff"[..]), 0..5);
        let step = prop_oneof![
            6 => name().prop_map(Step::Insert),
            4 => name().prop_map(Step::Remove),
            2 => name().prop_map(Step::Walk),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn equals_a_sorted_set(steps in steps()) {
            let mut table = KeyTable::default();
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(name) => prop_assert_eq!(table.insert(&name).1, model.insert(name)),
                    Step::Remove(name) => prop_assert_eq!(table.remove(&name).is_some(), model.remove(&name)),
                    Step::Walk(prefix) => {
                        let expected: Vec<_> = model.iter().filter(|name| name.starts_with(&prefix)).cloned().collect();
                        prop_assert_eq!(walk(&mut table, &prefix), expected);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.check(), Ok(()));
            }
        }
    }
}
