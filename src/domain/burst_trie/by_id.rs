//! Ids taken out of the trie where `names` says that they are, without the way of their names.

use super::BurstTrie;
use crate::domain::branch::Kind;
use crate::domain::key_names::KeyNames;
use crate::domain::key_table::KeyId;

impl BurstTrie {
    /// Takes an id out of its bucket without going the way of its name. False, and nothing done,
    /// where the way must be known: the id ends at a branch, or is the last one of its bucket.
    pub(in crate::domain) fn remove_from_bucket(&mut self, id: KeyId, names: &KeyNames) -> bool {
        let Kind::Bucket(at) = names.node(id).kind() else { return false };
        let Some(bucket) = self.buckets.get_mut(at).filter(|bucket| bucket.ids.len() > 1) else {
            return false;
        };
        let Some(found) = bucket.ids.iter().position(|other| *other == id) else { return false };
        bucket.swap_remove(found);
        true
    }

    /// Whether the trie has the id where `names` says.
    pub(in crate::domain) fn has_at_node(&self, id: KeyId, names: &KeyNames) -> bool {
        match names.node(id).kind() {
            Kind::None => false,
            Kind::Bucket(at) => self.buckets.get(at).is_some_and(|bucket| bucket.ids.contains(&id)),
            Kind::Branch(at) => self.branches.get(at).is_some_and(|branch| branch.end == id),
        }
    }

    /// Something of the bucket of each id, read one after the other without waiting for any: so
    /// the memory that removing them needs is asked for all at once.
    pub(in crate::domain) fn touch(&self, ids: &[KeyId], names: &KeyNames) -> u32 {
        ids.iter().fold(0, |sum, id| match names.node(*id).kind() {
            Kind::Bucket(at) => {
                let Some(bucket) = self.buckets.get(at) else { return sum };
                let (ids, prints) = (&bucket.ids, &bucket.prints);
                let ends = ids.first().into_iter().chain(ids.last()).fold(0, |sum, id| sum ^ id);
                sum ^ ends ^ prints.last().map_or(0, |print| u32::from(*print))
            }
            _ => sum,
        })
    }
}
