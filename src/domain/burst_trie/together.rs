//! What is done with many ids or names at a time.
//!
//! At a million names nothing is in the processor's cache, and each step waits for the one
//! before: node, bucket, name. Done for one name after the other that is four waits each. Here
//! one step is done for all names before the next, so that their waits overlap (Chen, Ailamaki,
//! Gibbons, Mowry, "Improving Hash Join Performance through Prefetching", ICDE 2004).

use std::hint::black_box;

use super::{BUCKET_IDS, BurstTrie, Stop};
use crate::domain::branch::{Kind, NO_KEY, Node};
use crate::domain::bucket::{Bucket, Print};
use crate::domain::key_names::KeyNames;
use crate::domain::key_table::{KeyId, TOGETHER};
use smallvec::SmallVec;

/// Ids of names that are worked on together.
pub(in crate::domain) type Few = SmallVec<[KeyId; TOGETHER]>;

/// Where a name is, or goes when it is added, for as long as the trie keeps its shape.
#[derive(Clone, Copy)]
pub(in crate::domain) struct Spot {
    print: Print,
    /// None where the way ends at no bucket.
    bucket: Option<usize>,
    shape: u32,
}

/// Prints in a line of the processor's cache, of 64 bytes.
const PRINTS_IN_LINE: usize = 64 / size_of::<Print>();

impl BurstTrie {
    /// Takes an id out of its bucket without going the way of its name. False, and nothing done,
    /// where the way must be known: the id ends at a branch, or is the last one of its bucket.
    pub(in crate::domain) fn remove_from_bucket(&mut self, id: KeyId, names: &KeyNames) -> bool {
        let Kind::Bucket(at) = names.node(id).kind() else { return false };
        let Some(bucket) = self.buckets.get_mut(at).filter(|bucket| bucket.ids.len() > 1) else {
            return false;
        };
        let Some(found) = bucket.place_of(id) else { return false };
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

    /// Asks for the memory that taking these ids out needs.
    pub(in crate::domain) fn touch(&self, ids: &[KeyId], names: &KeyNames) {
        black_box(ids.iter().fold(0, |sum, id| match names.node(*id).kind() {
            Kind::Bucket(at) => {
                let Some(bucket) = self.buckets.get(at) else { return sum };
                let (ids, prints) = (&bucket.ids, &bucket.prints);
                let ends = ids.first().into_iter().chain(ids.last()).fold(0, |sum, id| sum ^ id);
                sum ^ ends ^ prints.last().map_or(0, |print| u32::from(*print))
            }
            _ => sum,
        }));
    }

    /// The ids of these names, [`NO_KEY`] for those that have none.
    pub(in crate::domain) fn find_together(
        &self,
        wanted: &[(&[u8], Print)],
        names: &KeyNames,
    ) -> Few {
        let stops = self.stops(wanted);
        let likely: Few = stops
            .iter()
            .zip(wanted)
            .filter_map(|(stop, (_, print))| {
                let bucket = self.bucket_at(stop)?;
                bucket.ids.get(bucket.place_of_print(*print)?).copied()
            })
            .collect();
        names.touch(&likely);
        let found = stops
            .iter()
            .zip(wanted)
            .map(|(stop, (name, print))| self.found(stop, name, *print, names));
        found.map(|id| id.unwrap_or(NO_KEY)).collect()
    }

    /// Where these names are, or go when they are added: most are new.
    pub(in crate::domain) fn spots(&self, wanted: &[(&[u8], Print)]) -> SmallVec<[Spot; TOGETHER]> {
        let stops = self.stops(wanted);
        let spot = |stop: &Stop, print| {
            let bucket = if let Stop::Bucket { bucket, .. } = stop { Some(*bucket) } else { None };
            Spot { print, bucket, shape: self.shape }
        };
        stops.iter().zip(wanted).map(|(stop, (_, print))| spot(stop, *print)).collect()
    }

    /// The id of a name, which is given one when it has none; the flag says whether it is new.
    /// None, and nothing done, where the way of the name must be gone (again).
    pub(in crate::domain) fn find_or_add_at(
        &mut self,
        spot: Spot,
        name: &[u8],
        names: &mut KeyNames,
    ) -> Option<(KeyId, bool)> {
        let at = spot.bucket.filter(|_| spot.shape == self.shape)?;
        let bucket = self.buckets.get_mut(at)?;
        if let Some(found) = bucket.find(name, spot.print, names) {
            return Some((*bucket.ids.get(found)?, false));
        }
        if bucket.ids.len() >= BUCKET_IDS {
            return None;
        }
        let id = names.add(name)?;
        bucket.push(id, spot.print);
        names.set_node(id, Node::bucket(at));
        Some((id, true))
    }

    /// Where the ways of these names end. The buckets there are in the cache then.
    fn stops(&self, wanted: &[(&[u8], Print)]) -> SmallVec<[Stop; TOGETHER]> {
        let stops: SmallVec<[Stop; TOGETHER]> =
            wanted.iter().map(|(name, _)| self.descend(name, |_| {}).1).collect();
        let buckets = || stops.iter().filter_map(|stop| self.bucket_at(stop));
        black_box(buckets().fold(0, |sum, bucket| sum ^ bucket.prints.len()));
        black_box(buckets().fold(0, |sum, bucket| {
            let line = bucket.prints.iter().step_by(PRINTS_IN_LINE);
            line.fold(sum, |sum, print| sum ^ u32::from(*print))
                ^ bucket.ids.last().copied().unwrap_or(0)
        }));
        stops
    }

    fn bucket_at(&self, stop: &Stop) -> Option<&Bucket> {
        if let Stop::Bucket { bucket, .. } = stop { self.buckets.get(*bucket) } else { None }
    }
}
