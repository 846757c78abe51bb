//! The live key names of one database: each interned once, found by its bytes.
//!
//! A name gets a [`KeyId`] when its key appears and keeps it until the key goes; ids are used
//! again. Everything else (tags, plans) speaks of ids.
//!
//! Always true: the trie holds exactly the live ids. An empty table holds no memory for names.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use smallvec::SmallVec;

use super::bucket::Print;
use super::burst_trie::{BurstTrie, Few, Spot};
use super::key_names::KeyNames;
use super::steps::{Prefix, Steps};

/// Stands for a live key name inside one database.
pub type KeyId = u32;

/// Ids whose memory is asked for at once: more than a core waits for at a time, so few that what
/// came first is still there when it is used.
pub const TOGETHER: usize = 64;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    names: KeyNames,
    trie: BurstTrie,
    hasher: DefaultHashBuilder,
    len: usize,
}

impl KeyTable {
    /// How many keys are live.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The id of a live name.
    pub fn find(&self, name: &[u8]) -> Option<KeyId> {
        self.trie.find(name, self.print(name), &self.names)
    }

    /// The name of a live id; empty for any other.
    pub fn name(&self, id: KeyId) -> &[u8] {
        self.names.get(id)
    }

    /// Interns `name`. The flag says whether it is new. `None` when 2^32 keys or 16 GiB of
    /// names are known already.
    pub fn insert(&mut self, name: &[u8]) -> Option<(KeyId, bool)> {
        self.insert_at(None, name)
    }

    /// The same, for a name whose spot was found before.
    pub(super) fn insert_at(&mut self, spot: Option<Spot>, name: &[u8]) -> Option<(KeyId, bool)> {
        let there = spot.and_then(|spot| self.trie.find_or_add_at(spot, name, &mut self.names));
        let (id, is_new) = match there {
            Some(there) => there,
            None => self.trie.find_or_add(name, self.print(name), &mut self.names)?,
        };
        self.len += usize::from(is_new);
        Some((id, is_new))
    }

    /// Forgets `name`; gives the id it had. Until the next `insert` the id is nobody's.
    pub fn remove(&mut self, name: &[u8]) -> Option<KeyId> {
        let print = self.print(name);
        let id = self.trie.remove(name, print, &self.names)?;
        self.forget(id);
        Some(id)
    }

    /// Forgets live ids: what [`KeyTable::remove`] does, without the search.
    pub fn remove_ids(&mut self, ids: &[KeyId]) {
        for some in ids.chunks(TOGETHER) {
            self.trie.touch(some, &self.names);
            for id in some {
                if self.trie.remove_from_bucket(*id, &self.names) {
                    self.forget(*id);
                } else {
                    let name = self.names.get(*id).to_vec();
                    self.remove(&name);
                }
            }
        }
    }

    fn forget(&mut self, id: KeyId) {
        self.names.remove(id);
        self.len -= 1;
        if self.len == 0 {
            self.names.clear();
            self.trie = BurstTrie::default();
        }
    }

    /// All live ids with their names, in the order of memory.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &[u8])> {
        self.names.iter()
    }

    /// See [`BurstTrie::walk`].
    pub(super) fn walk<'a>(&'a self, steps: &mut impl Steps, visit: impl FnMut(&'a [KeyId])) {
        self.trie.walk(steps, visit);
    }

    /// Shows the names that hold `needle`. Costs a search through the memory of all names.
    pub(super) fn search(&self, needle: &[u8], visit: impl FnMut(KeyId, &[u8])) {
        self.names.search(needle, visit);
    }

    /// Asks for the memory of the names of the first [`TOGETHER`] ids.
    pub fn touch(&self, ids: &[KeyId]) {
        self.names.touch(ids.get(..TOGETHER).unwrap_or(ids));
    }

    /// The ids of some names, at most [`TOGETHER`]; of those that are not live, an id that no
    /// key has.
    pub fn find_together<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Few {
        self.trie.find_together(&self.with_prints(names), &self.names)
    }

    /// Where some names, at most [`TOGETHER`], are or go. What that needs is in the cache then.
    pub(super) fn spots<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
    ) -> SmallVec<[Spot; TOGETHER]> {
        self.trie.spots(&self.with_prints(names))
    }

    fn with_prints<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
    ) -> SmallVec<[(&'n [u8], Print); TOGETHER]> {
        names.map(|name| (name, self.print(name))).collect()
    }

    /// Starts a plan: from here on [`KeyTable::take`] says yes once per key.
    pub fn begin_plan(&mut self) {
        self.names.begin_plan();
    }

    /// Whether this plan takes `id` for the first time.
    pub fn take(&mut self, id: KeyId) -> bool {
        self.names.take(id)
    }

    /// Marks a live key as one that a job is about to delete; false when one is already.
    pub(super) fn doom(&mut self, id: KeyId, job: u8) -> bool {
        self.names.doom(id, job)
    }

    /// The job that is about to delete the key.
    pub(super) fn doom_of(&self, id: KeyId) -> Option<u8> {
        self.names.doom_of(id)
    }

    /// Takes the mark off; gives the job that had set it.
    pub(super) fn spare(&mut self, id: KeyId) -> Option<u8> {
        self.names.spare(id)
    }

    /// Bytes held from the allocator, about.
    pub fn held_bytes(&self) -> usize {
        self.names.held_bytes() + self.trie.held_bytes(self.len)
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        self.names.check(self.len)?;
        for (id, name) in self.iter() {
            if self.find(name) != Some(id) || !self.trie.has_at_node(id, &self.names) {
                return Err(format!("id {id} is not where it should be"));
            }
        }
        let mut walked = 0;
        self.walk(&mut Prefix(b""), |ids| walked += ids.len());
        match walked == self.len {
            true => Ok(()),
            false => Err(format!("{walked} ids in the trie, {} live", self.len)),
        }
    }

    fn print(&self, name: &[u8]) -> Print {
        (self.hasher.hash_one(name) >> 48) as Print
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn walk(table: &KeyTable, prefix: &[u8]) -> BTreeSet<Vec<u8>> {
        let mut names = BTreeSet::new();
        table.walk(&mut Prefix(prefix), |ids| {
            let found = ids.iter().map(|id| table.name(*id));
            for name in found.filter(|name| name.starts_with(prefix)) {
                assert!(names.insert(name.to_vec()));
            }
        });
        names
    }

    fn add(table: &mut KeyTable, name: &[u8]) -> (KeyId, bool) {
        table.insert(name).unwrap()
    }

    #[test]
    fn a_plan_takes_a_key_once() {
        let mut table = KeyTable::default();
        let (a, new) = add(&mut table, b"a");
        assert!(new && !add(&mut table, b"a").1);
        for _ in 0..3 {
            table.begin_plan();
            assert!(table.take(a) && !table.take(a));
        }
        table.names.last_plan_before_wrap();
        assert!(table.take(a));
        let (b, _) = add(&mut table, b"b");
        assert!(table.doom(b, 0) && !table.doom(b, 1));
        table.begin_plan();
        assert!(table.take(a) && !table.take(a));
        assert!(!table.take(b) && table.doom_of(b) == Some(0) && table.doom_of(a).is_none());
        assert_eq!((table.spare(b), table.spare(b)), (Some(0), None));
        assert!(table.take(b) && table.doom(b, 63));
        table.remove(b"b");
        assert!(table.doom_of(b).is_none() && !table.doom(b, 1));
        table.remove(b"a");
        assert!(!table.take(a));
    }

    #[test]
    fn an_empty_table_keeps_nothing() {
        let mut table = KeyTable::default();
        let empty = table.held_bytes();
        for at in 0..50_000_u32 {
            add(&mut table, &at.to_be_bytes());
        }
        assert!(table.held_bytes() > 50_000 * 20);
        assert_eq!(walk(&table, b"").len(), 50_000);
        for at in 0..50_000_u32 {
            assert!(table.remove(&at.to_be_bytes()).is_some());
        }
        assert!(table.is_empty());
        assert_eq!((table.held_bytes(), table.check()), (empty, Ok(())));
    }

    /// Every name is the beginning of the next: as deep as a trie can become.
    #[test]
    fn names_inside_names() {
        let mut table = KeyTable::default();
        let name = vec![b'a'; 2000];
        for len in 0..=name.len() {
            add(&mut table, &name[..len]);
        }
        assert_eq!(table.check(), Ok(()));
        assert_eq!(walk(&table, &name[..1500]).len(), 501);
        for len in (0..=name.len()).step_by(2) {
            assert!(table.remove(&name[..len]).is_some());
        }
        assert_eq!((table.len(), table.check()), (1000, Ok(())));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Vec<u8>),
        InsertSome(Vec<Vec<u8>>),
        Remove(Vec<u8>),
        Walk(Vec<u8>),
    }

    /// Names that share beginnings of all lengths, so that labels split and buckets burst.
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let shared =
            prop::sample::select(vec!["", "a", "user:", "user:list:", "user:lisa:", "\u{ff}"]);
        let rest = prop::collection::vec(prop::sample::select(&b"ab:\xff"[..]), 0..6);
        let name = (shared, rest).prop_map(|(shared, rest)| [shared.as_bytes(), &rest].concat());
        let step = prop_oneof![
            8 => name.clone().prop_map(Step::Insert),
            1 => prop::collection::vec(name.clone(), 1..TOGETHER).prop_map(Step::InsertSome),
            3 => name.clone().prop_map(Step::Remove),
            1 => name.prop_map(Step::Walk),
        ];
        prop::collection::vec(step, 0..1500)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_a_sorted_set(steps in steps()) {
            let mut table = KeyTable::default();
            let mut model = BTreeSet::new();
            for (at, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(name) => prop_assert_eq!(add(&mut table, &name).1, model.insert(name)),
                    Step::InsertSome(names) => {
                        let spots = table.spots(names.iter().map(Vec::as_slice));
                        for (spot, name) in spots.into_iter().zip(names) {
                            let new = table.insert_at(Some(spot), &name).unwrap().1;
                            prop_assert_eq!(new, model.insert(name));
                        }
                    }
                    Step::Remove(name) => prop_assert_eq!(table.remove(&name).is_some(), model.remove(&name)),
                    Step::Walk(prefix) => {
                        let expected: BTreeSet<_> = model.iter().filter(|name| name.starts_with(&prefix)).cloned().collect();
                        prop_assert_eq!(walk(&table, &prefix), expected);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                if at % 50 == 0 {
                    prop_assert_eq!(table.check(), Ok(()));
                }
            }
            prop_assert_eq!(table.check(), Ok(()));
            for name in &model {
                prop_assert!(table.remove(name).is_some());
            }
            prop_assert_eq!((table.len(), table.check()), (0, Ok(())));
        }
    }
}
