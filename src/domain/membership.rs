//! Which keys are in which sets, both numbered, in both directions.
//!
//! A set has a dense list of its keys; a key has, for each of its sets, its position in that
//! list. So forgetting a key costs its own sets and not a walk over their members.
//!
//! Always true: a set's list holds a key exactly when the key's run holds the set, once.
//! Nothing is kept when nothing is left. A (key, set) pair takes 8 bytes with the key, 4 with
//! the set, and its share of 4 bytes per key and 8 per set.
//!
//! Limits: 2^31 pairs; what the modules below say of memory after most keys went.

use std::hint::black_box;

use smallvec::SmallVec;

use super::key_table::KeyId;
use super::members::{Members, Removed};
use super::runs::{RUN_MAX, Run, Runs, size_for};
use super::sparse::Sparse;

/// Stands for a set of keys.
pub type SetId = u32;

/// Most sets of one key: each is walked when a fellow member goes.
pub const SETS_PER_KEY_MAX: usize = RUN_MAX;

/// Sets of a key that are worked on without the heap: more than most keys have.
const FEW: usize = 8;

/// One set of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edge {
    set: SetId,
    /// Where in the set's list the key is.
    position: u32,
}

impl Edge {
    /// What fills the rest of a key's run. No list is so long that this is a position in it.
    const NONE: Self = Self { set: SetId::MAX, position: u32::MAX };
}

impl Default for Edge {
    fn default() -> Self {
        Self::NONE
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    members: Members,
    edges: Runs<Edge>,
    /// By key: its run in `edges`.
    runs: Sparse<Option<Run>>,
    edge_count: usize,
}

impl Membership {
    /// How many (key, set) pairs there are.
    pub fn edge_count(&self) -> usize {
        self.edge_count
    }

    /// The keys of a set, in no order.
    pub fn keys_of(&self, set: SetId) -> &[KeyId] {
        self.members.of(set)
    }

    /// The sets from `from` on that have keys.
    pub fn sets_from(&self, from: usize) -> impl Iterator<Item = SetId> {
        self.members.sets_from(from)
    }

    /// The sets of a key, in the order they were added.
    pub fn sets_of(&self, key: KeyId) -> impl ExactSizeIterator<Item = SetId> {
        self.edges_of(key).iter().map(|edge| edge.set)
    }

    /// Whether a key is in a set.
    pub fn has(&self, key: KeyId, set: SetId) -> bool {
        self.edges_of(key).iter().any(|edge| edge.set == set)
    }

    /// The keys from id `from` on that are in a set, in order of id.
    pub fn keyed_from(&self, from: KeyId) -> impl Iterator<Item = KeyId> {
        self.runs.iter_from(from as usize).map(|(key, _)| key)
    }

    /// Asks for the memory of the sets of these keys, without waiting for any before the next.
    pub fn touch(&self, keys: &[KeyId]) {
        black_box(keys.iter().fold(0, |sum, key| {
            let edges = self.runs.get(*key).map_or(&[][..], |run| self.edges.get(run));
            sum ^ edges.first().map_or(0, |edge| edge.position)
        }));
    }

    fn edges_of(&self, key: KeyId) -> &[Edge] {
        let Some(run) = self.runs.get(key) else { return &[] };
        let places = self.edges.get(run);
        let edges = match places.last() {
            // Only the rest of a run is unused, and only beyond what a smaller size would hold.
            Some(&Edge::NONE) => places.partition_point(|edge| *edge != Edge::NONE),
            _ => places.len(),
        };
        places.get(..edges).unwrap_or_default()
    }

    /// Makes room for `len` edges of a key that has `used`; false when there is none.
    fn resize(&mut self, key: KeyId, used: usize, len: usize) -> bool {
        let run = match self.runs.get(key) {
            Some(run) => self.edges.resized(run, used, len),
            None => self.edges.take(len),
        };
        if run.is_some() && run != self.runs.get(key) {
            self.runs.set(key, run);
        }
        run.is_some()
    }

    /// Writes the edge at `at` of a key, within its room.
    fn write(&mut self, key: KeyId, at: usize, edge: Edge) {
        let places = self.runs.get(key).map(|run| self.edges.get_mut(run));
        if let Some(place) = places.and_then(|places| places.get_mut(at)) {
            *place = edge;
        }
    }

    /// Puts a key into a set; says whether it was not there. A key of [`SETS_PER_KEY_MAX`]
    /// sets gets no other.
    pub fn add(&mut self, key: KeyId, set: SetId) -> bool {
        let used = self.edges_of(key).len();
        if self.has(key, set) || !self.resize(key, used, used + 1) {
            return false;
        }
        let position = self.members.push(set, key);
        self.write(key, used, Edge { set, position });
        self.edge_count += 1;
        true
    }

    /// Takes a key out of a set; says whether it was there.
    pub fn remove(&mut self, key: KeyId, set: SetId) -> bool {
        let edges = self.edges_of(key);
        let used = edges.len();
        let Some(at) = edges.iter().position(|edge| edge.set == set) else { return false };
        let Some(edge) = edges.get(at).copied() else { return false };
        if used == 1 {
            self.forget_run(key);
        } else {
            if let Some(run) = self.runs.get(key) {
                let places = self.edges.get_mut(run);
                places.copy_within(at + 1..used, at);
            }
            self.write(key, used - 1, Edge::NONE);
            self.resize(key, used - 1, used - 1);
        }
        self.drop_members(&[edge], |_| ());
        self.forget_if_empty();
        true
    }

    /// Takes a key out of all its sets; `emptied` is told of those that lost their last key.
    pub fn clear(&mut self, key: KeyId, emptied: impl FnMut(SetId)) {
        let edges = SmallVec::<[Edge; FEW]>::from_slice(self.edges_of(key));
        if edges.is_empty() {
            return;
        }
        self.forget_run(key);
        self.drop_members(&edges, emptied);
        self.forget_if_empty();
    }

    /// Makes the sets of a key exactly these, which are distinct; says whether that changed
    /// any. What stays is not touched. `emptied` is told of sets that lost their last key.
    pub fn put(&mut self, key: KeyId, sets: &[SetId], emptied: impl FnMut(SetId)) -> bool {
        let old = SmallVec::<[Edge; FEW]>::from_slice(self.edges_of(key));
        if old.iter().map(|edge| edge.set).eq(sets.iter().copied()) {
            return false;
        }
        if sets.is_empty() {
            self.clear(key, emptied);
            return true;
        }
        let find = |set: &SetId| old.iter().find(|edge| edge.set == *set);
        let mut new: SmallVec<[Edge; FEW]> = sets
            .iter()
            .map(|set| find(set).copied().unwrap_or(Edge { set: *set, ..Edge::NONE }))
            .collect();
        let kept = new.iter().filter(|edge| edge.position != u32::MAX).count();
        if kept == old.len() && kept == new.len() || !self.resize(key, 0, new.len()) {
            return false;
        }
        for edge in new.iter_mut().filter(|edge| edge.position == u32::MAX) {
            edge.position = self.members.push(edge.set, key);
            self.edge_count += 1;
        }
        if let Some(run) = self.runs.get(key) {
            let edges = new.iter().copied().chain(std::iter::repeat(Edge::NONE));
            self.edges.get_mut(run).iter_mut().zip(edges).for_each(|(place, edge)| *place = edge);
        }
        if kept < old.len() {
            let mut gone = old;
            gone.retain(|edge| !sets.contains(&edge.set));
            self.drop_members(&gone, emptied);
        }
        true
    }

    /// Takes up to `budget` keys out of a set, from the last on; says whether none is left.
    /// So a large set is dropped in slices.
    pub fn clear_some(&mut self, set: SetId, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(key) = self.keys_of(set).last().copied() else { break };
            self.remove(key, set);
        }
        self.members.count(set) == 0
    }

    fn forget_run(&mut self, key: KeyId) {
        if let Some(run) = self.runs.get(key) {
            self.edges.give(run);
            self.runs.set(key, None);
        }
    }

    /// Takes a key off the lists of sets; the run of the key is the caller's business.
    fn drop_members(&mut self, edges: &[Edge], mut emptied: impl FnMut(SetId)) {
        self.edge_count -= edges.len();
        for edge in edges {
            match self.members.swap_remove(edge.set, edge.position) {
                Removed::Moved(key) => {
                    let Some(run) = self.runs.get(key) else { continue };
                    for other in self.edges.get_mut(run) {
                        if other.set == edge.set {
                            other.position = edge.position;
                            break;
                        }
                    }
                }
                Removed::Last => {}
                Removed::Only => emptied(edge.set),
            }
        }
    }

    fn forget_if_empty(&mut self) {
        if self.edge_count == 0 {
            *self = Self::default();
        }
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let (mut edges, mut runs) = (0, 0);
        for (key, run) in self.runs.iter_from(0) {
            let of_key = self.edges_of(key);
            runs += 1;
            edges += of_key.len();
            if let Some(run) = run
                && self.edges.get(*run).len() != size_for(of_key.len())
            {
                return Err(format!("key {key} has too much room for {} sets", of_key.len()));
            }
            for edge in of_key {
                if self.keys_of(edge.set).get(edge.position as usize) != Some(&key) {
                    return Err(format!("key {key} is not at its place in set {}", edge.set));
                }
            }
        }
        let members: usize = self.sets_from(0).map(|set| self.members.count(set)).sum();
        if edges != self.edge_count || members != edges {
            return Err(format!("{edges} edges, {members} members, {} counted", self.edge_count));
        }
        self.members.check()?;
        self.edges.check(runs)
    }
}

#[cfg(test)]
mod tests;
