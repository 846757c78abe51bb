//! Which keys carry which tags, in both directions.
//!
//! A tag holds a dense vector of its keys; a key holds, for each of its tags, its position in
//! that vector. So forgetting a key costs its own tags and not a walk over their members.
//!
//! Always true: `keys_of(tag)` holds a key exactly when `tags_of(key)` holds the tag; a tag
//! without keys does not exist.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use super::error::{Error, Result};
use super::key_table::KeyId;

/// Stands for a tag that has members.
pub type TagId = u32;

/// Most tags on one key. Each is walked when a fellow member goes; real keys have under 20.
pub const TAGS_PER_KEY_MAX: usize = 1000;

/// Longest tag, in bytes; the limit that content delivery networks set for theirs.
pub const TAG_MAX_BYTES: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Edge {
    tag: TagId,
    position: u32,
}

#[derive(Clone, Debug, Default)]
struct Tag {
    name: Box<[u8]>,
    members: Vec<KeyId>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct TagStore {
    tags: Vec<Tag>,
    free: Vec<TagId>,
    by_name: HashTable<TagId>,
    hasher: DefaultHashBuilder,
    /// By key id; as long as the highest tagged id.
    edges: Vec<SmallVec<[Edge; 1]>>,
    edge_count: usize,
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
        self.by_name.len()
    }

    /// Whether no key has a tag.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many (key, tag) pairs there are.
    pub fn edge_count(&self) -> usize {
        self.edge_count
    }

    /// The id of a tag that has members.
    pub fn find(&self, name: &[u8]) -> Option<TagId> {
        let hash = self.hasher.hash_one(name);
        self.by_name.find(hash, |id| self.name(*id) == name).copied()
    }

    /// The name of a tag.
    pub fn name(&self, id: TagId) -> &[u8] {
        self.tags.get(id as usize).map_or(b"", |tag| &tag.name)
    }

    /// The keys that carry a tag, in no order.
    pub fn keys_of(&self, id: TagId) -> &[KeyId] {
        self.tags.get(id as usize).map_or(&[], |tag| &tag.members)
    }

    /// The tags that a key carries, in the order they were added.
    pub fn tags_of(&self, key: KeyId) -> impl ExactSizeIterator<Item = TagId> {
        let edges = self.edges.get(key as usize).map_or(&[][..], SmallVec::as_slice);
        edges.iter().map(|edge| edge.tag)
    }

    /// The keys from id `from` on that carry tags, in order of id.
    pub fn tagged_from(&self, from: KeyId) -> impl Iterator<Item = KeyId> {
        let keys = self.edges.iter().enumerate().skip(from as usize);
        keys.filter(|(_, edges)| !edges.is_empty()).map(|(key, _)| key as KeyId)
    }

    /// Whether the key carries the tag.
    pub fn has(&self, key: KeyId, tag: TagId) -> bool {
        self.tags_of(key).any(|other| other == tag)
    }

    /// The tags from slot `from` on, for cursors: `(slot, name, members)`.
    pub fn slots_from(&self, from: usize) -> impl Iterator<Item = (usize, &[u8], usize)> {
        let slots = self.tags.iter().enumerate().skip(from);
        slots
            .filter(|(_, tag)| !tag.members.is_empty())
            .map(|(at, tag)| (at, &*tag.name, tag.members.len()))
    }

    /// Puts the tag on the key; says whether it was not there.
    pub fn add(&mut self, key: KeyId, name: &[u8]) -> bool {
        let tag = match self.find(name) {
            Some(tag) if self.has(key, tag) => return false,
            Some(tag) => tag,
            None => self.create(name),
        };
        if self.edges.len() <= key as usize {
            self.edges.resize_with(key as usize + 1, SmallVec::new);
        }
        if let (Some(entry), Some(edges)) =
            (self.tags.get_mut(tag as usize), self.edges.get_mut(key as usize))
        {
            edges.push(Edge { tag, position: entry.members.len() as u32 });
            entry.members.push(key);
            self.edge_count += 1;
        }
        true
    }

    /// Takes the tag off the key; says whether it was there.
    pub fn remove(&mut self, key: KeyId, name: &[u8]) -> bool {
        let Some(tag) = self.find(name) else { return false };
        let Some(edges) = self.edges.get_mut(key as usize) else { return false };
        let Some(at) = edges.iter().position(|edge| edge.tag == tag) else { return false };
        let edge = edges.remove(at);
        self.drop_member(edge);
        true
    }

    /// Takes all tags off the key.
    pub fn clear(&mut self, key: KeyId) {
        let Some(edges) = self.edges.get_mut(key as usize) else { return };
        for edge in std::mem::take(edges) {
            self.drop_member(edge);
        }
        if self.edge_count == 0 {
            *self = Self { hasher: self.hasher.clone(), ..Self::default() };
        }
    }

    fn create(&mut self, name: &[u8]) -> TagId {
        let tag = Tag { name: name.into(), members: vec![] };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(slot) = self.tags.get_mut(id as usize) {
                    *slot = tag;
                }
                id
            }
            None => {
                self.tags.push(tag);
                (self.tags.len() - 1) as TagId
            }
        };
        let (tags, hasher) = (&self.tags, &self.hasher);
        let hash = hasher.hash_one(name);
        self.by_name.insert_unique(hash, id, |id| {
            hasher.hash_one(tags.get(*id as usize).map_or(&[][..], |tag| &tag.name))
        });
        id
    }

    fn drop_member(&mut self, edge: Edge) {
        let Some(tag) = self.tags.get_mut(edge.tag as usize) else { return };
        tag.members.swap_remove(edge.position as usize);
        self.edge_count -= 1;
        if let Some(moved) = tag.members.get(edge.position as usize).copied() {
            let edges = self.edges.get_mut(moved as usize);
            if let Some(other) =
                edges.and_then(|edges| edges.iter_mut().find(|other| other.tag == edge.tag))
            {
                other.position = edge.position;
            }
        } else if tag.members.is_empty() {
            let hash = self.hasher.hash_one(&*tag.name);
            if let Ok(entry) = self.by_name.find_entry(hash, |id| *id == edge.tag) {
                entry.remove();
            }
            *tag = Tag::default();
            self.free.push(edge.tag);
        }
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> std::result::Result<(), String> {
        let mut edges = 0;
        for (key, of_key) in self.edges.iter().enumerate() {
            for edge in of_key {
                edges += 1;
                if self.keys_of(edge.tag).get(edge.position as usize) != Some(&(key as KeyId)) {
                    return Err(format!("key {key} is not at its place in tag {}", edge.tag));
                }
            }
        }
        let members: usize = self.tags.iter().map(|tag| tag.members.len()).sum();
        if edges != self.edge_count || members != edges {
            return Err(format!("{edges} edges, {members} members, {} counted", self.edge_count));
        }
        if self
            .by_name
            .iter()
            .any(|id| self.keys_of(*id).is_empty() || self.find(self.name(*id)) != Some(*id))
        {
            return Err("a tag without members exists, or is not found by name".to_owned());
        }
        if self.slots_from(0).count() != self.by_name.len() {
            return Err("a tag with members has no name".to_owned());
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
        Clear(KeyId),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (0..12_u32, 0..6_u8).prop_map(|(key, tag)| Step::Add(key, tag)),
            2 => (0..12_u32, 0..6_u8).prop_map(|(key, tag)| Step::Remove(key, tag)),
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
        assert!(store.is_empty() && store.tags.capacity() == 0 && store.edges.capacity() == 0);
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
