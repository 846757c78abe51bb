//! Which keys carry which tags, in both directions.
//!
//! Tags are numbered sets of keys ([`Membership`]) with names ([`TagNames`]).
//!
//! Always true: `keys_of(tag)` holds a key exactly when `tags_of(key)` holds the tag; a tag
//! without keys does not exist; a tag keeps its number while it has keys.

use smallvec::SmallVec;

use super::error::{Error, Result};
use super::key_table::{KeyId, TOGETHER};
use super::membership::Membership;
use super::tag_names::TagNames;

/// Stands for a tag that has members.
pub type TagId = u32;

/// Most tags on one key. Each is walked when a fellow member goes; real keys have under 20.
pub const TAGS_PER_KEY_MAX: usize = 1000;

/// Longest tag, in bytes; the limit that content delivery networks set for theirs.
pub const TAG_MAX_BYTES: usize = 1024;

/// Tags of a key that are worked on without the heap: more than most keys have.
const FEW: usize = 8;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct TagStore {
    names: TagNames,
    membership: Membership,
}

/// Refuses what cannot be a tag, and more tags than a key may have.
///
/// # Errors
/// An empty or long tag, or too many.
pub fn check_tags<'a>(tags: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<()> {
    if tags.len() > TAGS_PER_KEY_MAX {
        return Err(Error::TooMany { what: "tags", count: tags.len(), limit: TAGS_PER_KEY_MAX });
    }
    for tag in tags {
        match tag.len() {
            0 => return Err(Error::EmptyName { what: "tag" }),
            bytes if bytes > TAG_MAX_BYTES => {
                return Err(Error::NameTooLong { what: "tag", bytes, limit: TAG_MAX_BYTES });
            }
            _ => {}
        }
    }
    Ok(())
}

impl TagStore {
    /// How many tags have members.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no key has a tag.
    pub fn is_empty(&self) -> bool {
        self.names.len() == 0
    }

    /// How many (key, tag) pairs there are.
    pub fn edge_count(&self) -> usize {
        self.membership.edge_count()
    }

    /// Bytes held from the allocator, about.
    pub fn held_bytes(&self) -> usize {
        /// Of an edge, as `tests/tag_memory.rs` measures it for a million keys of 3 tags.
        const EDGE: usize = 14;
        /// Of a tag, beside its name.
        const TAG: usize = 8;
        self.names.held_bytes() + self.len() * TAG + self.edge_count() * EDGE
    }

    /// The id of a tag that has members.
    pub fn find(&self, name: &[u8]) -> Option<TagId> {
        self.names.find(name)
    }

    /// The name of a tag.
    pub fn name(&self, id: TagId) -> &[u8] {
        self.names.get(id)
    }

    /// The keys that carry a tag, in no order.
    pub fn keys_of(&self, id: TagId) -> &[KeyId] {
        self.membership.keys_of(id)
    }

    /// The tags that a key carries, in the order they were added.
    pub fn tags_of(&self, key: KeyId) -> impl ExactSizeIterator<Item = TagId> {
        self.membership.sets_of(key)
    }

    /// The keys from id `from` on that carry tags, in order of id.
    pub fn tagged_from(&self, from: KeyId) -> impl Iterator<Item = KeyId> {
        self.membership.keyed_from(from)
    }

    /// Whether the key carries the tag.
    pub fn has(&self, key: KeyId, tag: TagId) -> bool {
        self.membership.has(key, tag)
    }

    /// The tags from slot `from` on, for cursors: `(slot, name, members)`.
    pub fn slots_from(&self, from: usize) -> impl Iterator<Item = (usize, &[u8], usize)> {
        let tags = self.membership.sets_from(from);
        tags.map(|tag| (tag as usize, self.name(tag), self.keys_of(tag).len()))
    }

    /// The same with the number of members alone.
    pub fn sizes_from(&self, from: usize) -> impl Iterator<Item = (TagId, usize)> {
        self.membership.sets_from(from).map(|tag| (tag, self.keys_of(tag).len()))
    }

    /// Puts the tag on the key; says whether it was not there.
    pub fn add(&mut self, key: KeyId, name: &[u8]) -> bool {
        let Some((tag, is_new)) = self.names.find_or_add(name) else { return false };
        let added = self.membership.add(key, tag);
        if is_new && !added {
            self.names.forget(tag);
        }
        added
    }

    /// Takes the tag off the key; says whether it was there.
    pub fn remove(&mut self, key: KeyId, name: &[u8]) -> bool {
        let Some(tag) = self.find(name) else { return false };
        let removed = self.membership.remove(key, tag);
        if self.membership.keys_of(tag).is_empty() {
            self.names.forget(tag);
        }
        removed
    }

    /// Makes the tags of a key exactly these; says whether that changed any. Tags that stay
    /// are not touched.
    pub fn set<'a>(&mut self, key: KeyId, tags: impl Iterator<Item = &'a [u8]>) -> bool {
        let Self { names, membership } = self;
        let mut ids = SmallVec::<[TagId; FEW]>::new();
        let mut is_any_new = false;
        for (id, is_new) in tags.filter_map(|tag| names.find_or_add(tag)) {
            is_any_new |= is_new;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let changed = membership.put(key, &ids, |tag| names.forget(tag));
        if is_any_new && !changed {
            let unused = |id: &TagId| membership.keys_of(*id).is_empty();
            ids.into_iter().filter(unused).for_each(|id| names.forget(id));
        }
        changed
    }

    /// Takes all tags off the key.
    pub fn clear(&mut self, key: KeyId) {
        let names = &mut self.names;
        self.membership.clear(key, |tag| names.forget(tag));
    }

    /// Asks for the memory of the tags of these keys.
    pub fn touch(&self, keys: &[KeyId]) {
        self.membership.touch(keys);
    }

    /// Takes all tags off keys.
    pub fn clear_all(&mut self, keys: &[KeyId]) {
        for some in keys.chunks(TOGETHER) {
            self.touch(some);
            some.iter().for_each(|key| self.clear(*key));
        }
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> std::result::Result<(), String> {
        self.membership.check()?;
        self.names.check()?;
        if self.slots_from(0).any(|(_, name, _)| name.is_empty()) {
            return Err("a tag with members has no name".to_owned());
        }
        if self.slots_from(0).count() != self.names.len() {
            return Err("a tag without members exists".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Clone, Debug)]
    enum Step {
        Add(KeyId, u8),
        Remove(KeyId, u8),
        Set(KeyId, Vec<u8>),
        Clear(KeyId),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (0..12_u32, 0..6_u8).prop_map(|(key, tag)| Step::Add(key, tag)),
            2 => (0..12_u32, 0..6_u8).prop_map(|(key, tag)| Step::Remove(key, tag)),
            2 => (0..12_u32, prop::collection::vec(0..6_u8, 0..8)).prop_map(|(key, tags)| Step::Set(key, tags)),
            2 => (0..12_u32).prop_map(Step::Clear),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn equals_a_map_of_sets(steps in steps()) {
            let mut store = TagStore::default();
            let mut model: BTreeMap<KeyId, BTreeSet<u8>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Add(key, tag) => prop_assert_eq!(store.add(key, &[tag]), model.entry(key).or_default().insert(tag)),
                    Step::Remove(key, tag) => prop_assert_eq!(store.remove(key, &[tag]), model.entry(key).or_default().remove(&tag)),
                    Step::Set(key, tags) => {
                        let after: BTreeSet<u8> = tags.iter().copied().collect();
                        let before = model.insert(key, after.clone()).unwrap_or_default();
                        prop_assert_eq!(store.set(key, tags.iter().map(std::slice::from_ref)), before != after);
                    }
                    Step::Clear(key) => {
                        store.clear(key);
                        model.remove(&key);
                    }
                }
                prop_assert_eq!(store.check(), Ok(()));
                for tag in 0..6_u8 {
                    let expected: BTreeSet<_> = model.iter().filter(|(_, tags)| tags.contains(&tag)).map(|(key, _)| *key).collect();
                    let found: BTreeSet<_> = store.find(&[tag]).map(|id| store.keys_of(id).to_vec()).unwrap_or_default().into_iter().collect();
                    prop_assert_eq!(found, expected);
                }
                for key in 0..12 {
                    let expected = model.get(&key).cloned().unwrap_or_default();
                    let found: BTreeSet<_> = store.tags_of(key).map(|tag| store.name(tag)[0]).collect();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn an_empty_store_keeps_nothing() {
        let mut store = TagStore::default();
        for key in 0..1000 {
            store.add(key, b"all");
            store.add(key, &key.to_be_bytes());
        }
        assert_eq!((store.len(), store.edge_count()), (1001, 2000));
        for key in 0..1000 {
            store.clear(key);
        }
        assert!(store.is_empty());
        let empty = Membership::default();
        assert_eq!(format!("{:?}", store.membership), format!("{empty:?}"));
    }

    #[test]
    fn bad_tags_are_refused() {
        let check =
            |tags: &[&[u8]]| check_tags(tags.iter().copied()).map_err(|error| error.to_string());
        assert_eq!(check(&[b"a", b"\0\xff"]), Ok(()));
        assert!(check(&[b""]).unwrap_err().contains("empty"));
        assert!(check(&[&[b'x'; 1025]]).unwrap_err().contains("1025"));
        assert!(check(&vec![&b"x"[..]; 1001]).unwrap_err().contains("1001"));
    }
}
