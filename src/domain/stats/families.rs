//! Targets as they are written, each once however many rules write it: whoever compares targets
//! compares two numbers, and a text is looked at when it is shown.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::order::start_of;
use crate::domain::rule::ResolvedKind;

/// The number of a family among [`Families`].
pub(super) type FamilyId = u32;

/// Kinds of targets that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys by their name.
    Keys,
    /// Globs, regexes and prefixes.
    Patterns,
    /// Tags.
    Tags,
}

impl Group {
    /// That of a kind.
    pub fn of(kind: ResolvedKind) -> Self {
        match kind {
            ResolvedKind::Key => Self::Keys,
            ResolvedKind::Prefix | ResolvedKind::Glob | ResolvedKind::Regex => Self::Patterns,
            ResolvedKind::Tag => Self::Tags,
        }
    }
}

/// Targets of one kind and text; or a domain.
#[derive(Clone, Debug)]
pub struct Family {
    /// None for a domain.
    pub kind: Option<ResolvedKind>,
    /// As it is written.
    pub text: Box<[u8]>,
    /// See [`start_of`].
    pub(super) start: u64,
    hash: u64,
}

impl Family {
    /// `key`, `prefix`, `glob`, `regex` or `tag`; empty for a domain.
    pub fn kind_name(&self) -> &'static str {
        self.kind.map_or("", ResolvedKind::as_str)
    }

    /// What it is shown with.
    pub fn group(&self) -> Option<Group> {
        self.kind.map(Group::of)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Families {
    hasher: DefaultHashBuilder,
    all: Vec<Family>,
    /// Numbers by kind and text.
    by_text: HashTable<FamilyId>,
    /// Numbers of those that went, to be given again.
    free: Vec<FamilyId>,
}

impl Families {
    /// The number of a family, if it has one.
    pub(super) fn find(&self, kind: Option<ResolvedKind>, text: &[u8]) -> Option<FamilyId> {
        let is_it = |id: &FamilyId| {
            self.get(*id).is_some_and(|known| known.kind == kind && *known.text == *text)
        };
        self.by_text.find(self.hash(kind, text), is_it).copied()
    }

    fn hash(&self, kind: Option<ResolvedKind>, text: &[u8]) -> u64 {
        self.hasher.hash_one((kind, text))
    }

    /// The number of a family, which is a new one if need be.
    pub(super) fn number(&mut self, kind: Option<ResolvedKind>, text: &[u8]) -> FamilyId {
        if let Some(id) = self.find(kind, text) {
            return id;
        }
        let hash = self.hash(kind, text);
        let family = Family { kind, text: text.into(), start: start_of(text), hash };
        let id = self.free.pop().unwrap_or(self.all.len() as FamilyId);
        match self.all.get_mut(id as usize) {
            Some(slot) => *slot = family,
            None => self.all.push(family),
        }
        let hash_of = |id: &FamilyId| self.all.get(*id as usize).map_or(0, |known| known.hash);
        self.by_text.insert_unique(hash, id, hash_of);
        id
    }

    pub(super) fn get(&self, id: FamilyId) -> Option<&Family> {
        self.all.get(id as usize)
    }

    /// All numbers are below.
    pub(super) fn end(&self) -> usize {
        self.all.len()
    }

    /// Forgets the others.
    pub(super) fn keep(&mut self, ids: impl Iterator<Item = FamilyId>) {
        let mut is_kept = vec![false; self.all.len()];
        for id in ids {
            if let Some(slot) = is_kept.get_mut(id as usize) {
                *slot = true;
            }
        }
        let is_kept = |id: FamilyId| is_kept.get(id as usize).is_some_and(|kept| *kept);
        let Self { all, by_text, free, .. } = self;
        by_text.retain(|id| {
            let stays = is_kept(*id);
            if !stays && let Some(family) = all.get_mut(*id as usize) {
                free.push(*id);
                family.text = Box::default();
            }
            stays
        });
        if by_text.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_one_number_until_it_is_forgotten() {
        let mut families = Families::default();
        let [key_kind, tag_kind, glob] =
            [ResolvedKind::Key, ResolvedKind::Tag, ResolvedKind::Glob].map(Some);
        let [a, tag, b] = [(key_kind, "a"), (tag_kind, "a"), (key_kind, "b")]
            .map(|(k, t)| families.number(k, t.as_bytes()));
        assert_eq!([a, tag, b], [0, 1, 2]);
        assert_eq!(families.number(tag_kind, b"a"), tag);
        families.keep([tag].into_iter());
        assert_eq!(families.number(tag_kind, b"a"), tag);
        // Their numbers are given again, and only then others.
        let mut anew = ["x", "y", "z"].map(|text| families.number(glob, text.as_bytes()));
        anew.sort_unstable();
        assert_eq!((anew, families.end()), ([0, 2, 3], 4));
        assert_eq!(families.get(tag).map(|of| (of.kind, &*of.text)), Some((tag_kind, &b"a"[..])));
        families.keep(std::iter::empty());
        assert_eq!((families.end(), families.number(key_kind, b"a")), (0, 0));
    }
}
