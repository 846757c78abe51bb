//! One database: its live keys, their tags, the patterns they match, and those keys that are
//! about to be deleted.
//!
//! Always true: only live keys carry tags, and only live keys are noted for patterns; the
//! doomed are counted right.

use std::collections::HashMap;
use std::ops::Range;

use super::burst_trie::Spot;
use super::doomed::{Doomed, JobSlot};
use super::freshness::FreshnessTable;
use super::key_table::{KeyId, KeyTable};
use super::noted::Noted;
use super::standing::Standing;
use super::tag_store::{TagId, TagStore};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// The live keys.
    pub keys: KeyTable,
    /// Their tags.
    pub tags: TagStore,
    /// Which of them match the standing patterns.
    pub(super) noted: Noted,
    /// What jobs are about to delete.
    pub(super) doomed: Doomed,
    /// Until when values are fresh, where that is known.
    pub fresh: FreshnessTable,
}

/// A key that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The job that would have deleted it, or did.
    pub job: Option<JobSlot>,
}

impl Database {
    /// A database without keys.
    pub(super) fn of_no_keys(standing: &Standing) -> Self {
        Self { noted: Noted::of_no_keys(standing), ..Self::default() }
    }

    /// A key was created, or replaced by another: it starts without tags.
    pub fn created(&mut self, name: &[u8], standing: &mut Standing) {
        self.created_at(None, name, standing);
    }

    /// The same, where its spot was found before.
    pub(super) fn created_at(&mut self, spot: Option<Spot>, name: &[u8], standing: &mut Standing) {
        if let Some((id, false)) = self.intern(spot, name, standing) {
            self.tags.clear(id);
            self.fresh.remove(id);
            self.spare(id);
        }
    }

    /// The whole value of a key was written anew: it is fresh. One that was about to be deleted
    /// is another key now: it lives, without the old one's tags.
    pub fn overwritten(&mut self, name: &[u8]) {
        if (self.doomed.is_any() || !self.fresh.is_empty())
            && let Some(id) = self.keys.find(name)
        {
            self.fresh.remove(id);
            if self.spare(id) {
                self.tags.clear(id);
            }
        }
    }

    /// A key was seen to be there; what is known of it stays. Says whether it was not known.
    pub fn seen(&mut self, name: &[u8], standing: &mut Standing) -> bool {
        self.seen_at(None, name, standing)
    }

    /// The same, where its spot was found before.
    pub(super) fn seen_at(
        &mut self,
        spot: Option<Spot>,
        name: &[u8],
        standing: &mut Standing,
    ) -> bool {
        self.intern(spot, name, standing).is_some_and(|(_, new)| new)
    }

    fn intern(
        &mut self,
        spot: Option<Spot>,
        name: &[u8],
        standing: &mut Standing,
    ) -> Option<(KeyId, bool)> {
        let (id, new) = self.keys.insert_at(spot, name)?;
        if new {
            self.noted.added(id, &self.keys, standing);
        }
        Some((id, new))
    }

    /// A key is gone, and all that is known of it.
    pub fn removed(&mut self, name: &[u8]) -> Option<Gone> {
        let job = match self.doomed.is_any() {
            true => self.keys.find(name).and_then(|id| self.keys.doom_of(id)),
            false => None,
        };
        let id = self.keys.remove(name)?;
        self.tags.clear(id);
        self.fresh.remove(id);
        self.noted.removed(id);
        if let Some(job) = job {
            self.doomed.forget_one(job);
        }
        Some(Gone { job })
    }

    /// The id of a key that is there for commands: known, and not about to be deleted.
    pub fn find_live(&self, name: &[u8]) -> Option<KeyId> {
        self.keys.find(name).filter(|id| self.is_live(*id))
    }

    /// Whether a known key is not about to be deleted.
    pub fn is_live(&self, id: KeyId) -> bool {
        !self.doomed.is_any() || self.keys.doom_of(id).is_none()
    }

    /// The keys of a tag that are not about to be deleted, in no order.
    pub fn live_keys_of(&self, tag: TagId) -> impl Iterator<Item = KeyId> {
        self.tags.keys_of(tag).iter().copied().filter(|id| self.is_live(*id))
    }

    /// How many there are.
    pub fn card(&self, tag: TagId) -> usize {
        match self.doomed.is_any() {
            true => self.live_keys_of(tag).count(),
            false => self.tags.keys_of(tag).len(),
        }
    }

    /// Whether there is one.
    pub fn is_tag_live(&self, tag: &[u8]) -> bool {
        let any = |tag| self.live_keys_of(tag).next().is_some();
        !self.doomed.is_any() || self.tags.find(tag).is_some_and(any)
    }

    /// Has a job delete a key, for a rule of its plan; false when some job does already.
    pub(super) fn doom(&mut self, id: KeyId, job: JobSlot, rule: u32) -> bool {
        let new = self.keys.doom(id, job);
        if new {
            self.doomed.push(job, id, rule);
        }
        new
    }

    /// Has a job delete the keys of a plan; gives how many.
    pub(super) fn doom_all(
        &mut self,
        job: JobSlot,
        ids: Vec<KeyId>,
        stretches: &[(usize, u32)],
        warm: HashMap<KeyId, u32>,
    ) -> u64 {
        let count = ids.iter().filter(|id| self.keys.doom(**id, job)).count() as u64;
        self.doomed.push_all(job, ids, count, stretches, warm);
        count
    }

    /// No job deletes the key; false when none would have.
    pub(super) fn spare(&mut self, id: KeyId) -> bool {
        let job = if self.doomed.is_any() { self.keys.spare(id) } else { None };
        if let Some(job) = job {
            self.doomed.forget_one(job);
        }
        job.is_some()
    }

    /// A job ends: what it has not deleted stays.
    pub(super) fn end_job(&mut self, job: JobSlot) {
        for id in self.doomed.end(job) {
            if self.keys.doom_of(id) == Some(job) {
                self.keys.spare(id);
            }
        }
    }

    /// See [`Noted::visit`].
    pub(super) fn visit(&mut self, standing: &mut Standing, budget: usize) -> usize {
        self.noted.visit(&self.keys, standing, budget)
    }

    /// Known keys are gone, and all that is known of them. `doomed` is told of the jobs of those
    /// that one had marked.
    pub fn removed_ids(&mut self, ids: &[KeyId], mut doomed: impl FnMut(JobSlot)) {
        if self.doomed.is_any() {
            for job in ids.iter().filter_map(|id| self.keys.doom_of(*id)) {
                self.doomed.forget_one(job);
                doomed(job);
            }
        }
        if !self.fresh.is_empty() {
            ids.iter().for_each(|id| self.fresh.remove(*id));
        }
        self.tags.clear_all(ids);
        self.noted.removed_all(ids);
        self.keys.remove_ids(ids);
    }

    /// The tags of a key; none when it has none or is not known.
    pub fn tags_of(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let Some(id) = self.keys.find(name) else { return vec![] };
        self.tags.tags_of(id).map(|tag| self.tags.name(tag).to_vec()).collect()
    }

    /// Makes the tags of a live key exactly these. Gives the number it has then; `None` when
    /// the key is not known.
    pub fn set_tags<'a>(
        &mut self,
        name: &[u8],
        tags: impl Iterator<Item = &'a [u8]>,
    ) -> Option<usize> {
        let id = self.keys.find(name)?;
        self.tags.set(id, tags);
        Some(self.tags.tags_of(id).len())
    }

    /// Puts the tags of a snapshot on keys that were loaded before; at most [`TOGETHER`] keys.
    pub fn restore(&mut self, keys: &[(&[u8], Range<usize>)], tags: &[&[u8]]) {
        let ids = self.keys.find_together(keys.iter().map(|(name, _)| *name));
        self.tags.touch(&ids);
        for (id, (_, of)) in ids.iter().zip(keys).filter(|(id, _)| **id != KeyId::MAX) {
            self.tags.set(*id, tags.get(of.clone()).unwrap_or_default().iter().copied());
        }
    }

    /// The keys of a tag expression, each once.
    pub fn select(&self, wanted: &TagExpression) -> Vec<KeyId> {
        let find = |names: &[Vec<u8>]| -> Vec<Option<TagId>> {
            names.iter().map(|name| self.tags.find(name)).collect()
        };
        let tags = find(&wanted.tags);
        let not: Vec<TagId> = find(&wanted.not).into_iter().flatten().collect();
        let excluded = |key: KeyId| not.iter().any(|tag| self.tags.has(key, *tag));
        if wanted.all {
            let Some(tags) = tags.into_iter().collect::<Option<Vec<TagId>>>() else {
                return vec![];
            };
            let smallest = tags.iter().min_by_key(|tag| self.tags.keys_of(**tag).len());
            let candidates = smallest.map_or(&[][..], |tag| self.tags.keys_of(*tag));
            let carries_all = |key: KeyId| tags.iter().all(|tag| self.tags.has(key, *tag));
            candidates.iter().copied().filter(|key| carries_all(*key) && !excluded(*key)).collect()
        } else {
            let tags: Vec<TagId> = tags.into_iter().flatten().collect();
            let mut keys = vec![];
            for (at, tag) in tags.iter().enumerate() {
                let earlier = tags.get(..at).unwrap_or_default();
                let first_here = |key: KeyId| !earlier.iter().any(|tag| self.tags.has(key, *tag));
                let members = self.tags.keys_of(*tag).iter().copied();
                keys.extend(members.filter(|key| first_here(*key) && !excluded(*key)));
            }
            keys
        }
    }

    /// Whether all keys of which it is known how fresh they are live.
    pub(super) fn are_fresh_live(&self) -> bool {
        let of_live = |(id, _): (KeyId, &[u8])| usize::from(self.fresh.get(id).is_some());
        self.fresh.is_empty() || self.keys.iter().map(of_live).sum::<usize>() == self.fresh.len()
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        self.keys.check()?;
        self.tags.check()?;
        let marks = self.keys.iter().filter_map(|(id, _)| self.keys.doom_of(id));
        self.doomed.check(marks)?;
        let live: std::collections::HashSet<KeyId> = self.keys.iter().map(|(id, _)| id).collect();
        for (_, name, _) in self.tags.slots_from(0) {
            let Some(tag) = self.tags.find(name) else { continue };
            if self.tags.keys_of(tag).iter().any(|key| !live.contains(key)) {
                return Err(format!("tag '{}' holds a key that is not live", name.escape_ascii()));
            }
        }
        Ok(())
    }

    /// The first key that is noted for a pattern and should not be, or the other way round.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check_noted(&self, standing: &Standing) -> Result<(), String> {
        self.noted.check(&self.keys, standing)
    }
}

/// Keys that carry any, or all, of some tags, and none of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagExpression {
    /// Whether all of `tags` are asked for, or any.
    pub all: bool,
    /// At least one.
    pub tags: Vec<Vec<u8>>,
    /// Keys with one of these are left out.
    pub not: Vec<Vec<u8>>,
}

impl TagExpression {
    /// As commands write it: `ALL a b NOT c`.
    pub fn to_text(&self) -> Vec<u8> {
        let mut words: Vec<&[u8]> = if self.all { vec![b"ALL"] } else { vec![] };
        words.extend(self.tags.iter().map(Vec::as_slice));
        if !self.not.is_empty() {
            words.push(b"NOT");
            words.extend(self.not.iter().map(Vec::as_slice));
        }
        words.join(&b' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn tags(of: &[&[u8]]) -> Vec<Vec<u8>> {
        of.iter().map(|tag| tag.to_vec()).collect()
    }

    #[test]
    fn a_replaced_key_starts_without_tags_and_a_seen_one_keeps_them() {
        let mut database = Database::default();
        database.created(b"k", &mut Standing::default());
        assert_eq!(database.set_tags(b"k", [&b"a"[..], b"b", b"a"].into_iter()), Some(2));
        database.seen(b"k", &mut Standing::default());
        assert_eq!(database.tags_of(b"k"), tags(&[b"a", b"b"]));
        database.created(b"k", &mut Standing::default());
        assert_eq!(database.tags_of(b"k"), tags(&[]));
        assert_eq!(database.set_tags(b"gone", [&b"a"[..]].into_iter()), None);
        assert!(database.tags.is_empty());
    }

    proptest! {
        #[test]
        fn a_tag_expression_equals_a_filter(
            edges in prop::collection::vec((0..10_u8, 0..5_u8), 0..40),
            all: bool,
            wanted in prop::collection::vec(0..6_u8, 1..4),
            not in prop::collection::vec(0..6_u8, 0..3),
        ) {
            let mut database = Database::default();
            let mut model: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            for (key, tag) in edges {
                database.seen(&[key], &mut Standing::default());
                let id = database.keys.find(&[key]).unwrap();
                database.tags.add(id, &[tag]);
                model.entry(key).or_default().insert(tag);
            }
            let expected: Vec<u8> = model.iter().filter(|(_, tags)| {
                let hit = |tag| tags.contains(tag);
                (if all { wanted.iter().all(hit) } else { wanted.iter().any(hit) }) && !not.iter().any(hit)
            }).map(|(key, _)| *key).collect();
            let expression = TagExpression {
                all,
                tags: wanted.iter().map(|tag| vec![*tag]).collect(),
                not: not.iter().map(|tag| vec![*tag]).collect(),
            };
            let mut found: Vec<u8> = database.select(&expression).into_iter().map(|id| database.keys.name(id)[0]).collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(database.check(), Ok(()));
        }
    }
}
