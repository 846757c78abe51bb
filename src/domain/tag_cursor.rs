//! Pages over tags and their keys, with no state between the pages.
//!
//! What SCAN promises holds here: an item that is there from the first page to the last is
//! given at least once. It holds because a tag keeps its slot while it has members, and
//! because members are walked from the last to the first: when one goes, the last takes its
//! place, and the last has been given already.

use super::database::{Database, TagExpression};
use super::key_table::KeyId;
use super::tag_store::TagStore;

/// Some items, and the cursor of the rest; 0 when there is no rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Where the next page starts.
    pub next: u64,
    /// About as many as were asked for.
    pub items: Vec<T>,
}

/// Bits of a cursor that count the members left; those above number the tag.
const MEMBER_BITS: u32 = 32;

/// A page of the keys of a tag expression; `None` for a cursor that no page gave.
///
/// The cursor says which of the wanted tags is being walked and how many of its members are
/// left. `ALL` walks the first tag, so that every page of an iteration walks the same.
pub fn keys(
    database: &Database,
    wanted: &TagExpression,
    cursor: u64,
    count: u64,
) -> Option<Page<KeyId>> {
    let walked = if wanted.all { 1 } else { wanted.tags.len() };
    let (mut at, mut left) = match cursor {
        0 => (0, u64::MAX),
        _ => ((cursor >> MEMBER_BITS) as usize, cursor & ((1 << MEMBER_BITS) - 1)),
    };
    if at >= walked || left == 0 {
        return None;
    }
    let has = |key: KeyId, tag: &Vec<u8>| {
        database.tags.find(tag).is_some_and(|tag| database.tags.has(key, tag))
    };
    let keep = |key: KeyId, at: usize| {
        let fits = match wanted.all {
            true => wanted.tags.iter().skip(1).all(|tag| has(key, tag)),
            // A key of an earlier tag was given with that tag.
            false => !wanted.tags.iter().take(at).any(|tag| has(key, tag)),
        };
        fits && !wanted.not.iter().any(|tag| has(key, tag))
    };
    let mut items = vec![];
    let mut budget = count;
    while at < walked {
        let tag = wanted.tags.get(at).and_then(|tag| database.tags.find(tag));
        let members = tag.map_or(&[][..], |tag| database.tags.keys_of(tag));
        left = left.min(members.len() as u64);
        while left > 0 && budget > 0 {
            left -= 1;
            budget -= 1;
            items.extend(members.get(left as usize).copied().filter(|key| keep(*key, at)));
        }
        if left > 0 {
            return Some(Page { next: (at as u64) << MEMBER_BITS | left, items });
        }
        at += 1;
        left = u64::from(u32::MAX);
        if budget == 0 && at < walked {
            return Some(Page { next: (at as u64) << MEMBER_BITS | left, items });
        }
    }
    Some(Page { next: 0, items })
}

/// A page of tag names. The cursor is the slot to go on from.
pub fn names(
    tags: &TagStore,
    wanted: impl Fn(&[u8]) -> bool,
    cursor: u64,
    count: u64,
) -> Page<&[u8]> {
    let from = usize::try_from(cursor).unwrap_or(usize::MAX);
    let mut items = vec![];
    for (looked, (slot, name, _)) in tags.slots_from(from).enumerate() {
        if looked as u64 >= count {
            return Page { next: slot as u64, items };
        }
        if wanted(name) {
            items.push(name);
        }
    }
    Page { next: 0, items }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Keys come and go between the pages; those that stay are all given.
        #[test]
        fn what_stays_is_given(
            edges in prop::collection::vec((0..30_u8, 0..3_u8), 0..60),
            leaving in prop::collection::vec(0..30_u8, 0..20),
            all: bool,
            wanted in prop::collection::vec(0..3_u8, 1..3),
            count in 1..7_u64,
        ) {
            let mut database = Database::default();
            for (key, tag) in edges {
                database.seen(&[key], &mut crate::domain::standing::Standing::default());
                let id = database.keys.find(&[key]).unwrap();
                database.tags.add(id, &[tag]);
            }
            let expression = TagExpression { all, tags: wanted.iter().map(|tag| vec![*tag]).collect(), not: vec![] };
            let mut given = BTreeSet::new();
            let mut leaving = leaving.into_iter();
            let mut cursor = 0;
            for _ in 0..1000 {
                let page = keys(&database, &expression, cursor, count).unwrap();
                given.extend(page.items.iter().map(|id| database.keys.name(*id).to_vec()));
                cursor = page.next;
                if cursor == 0 { break; }
                if let Some(key) = leaving.next() { database.removed(&[key]); }
            }
            prop_assert_eq!(cursor, 0);
            for id in database.select(&expression) {
                prop_assert!(given.contains(database.keys.name(id)));
            }
        }
    }

    #[test]
    fn tag_names_come_in_pages() {
        let mut tags = TagStore::default();
        for tag in 0..10_u8 {
            tags.add(1, &[tag]);
        }
        let first = names(&tags, |name| name[0] % 2 == 0, 0, 4);
        assert_eq!(first, Page { next: 4, items: vec![&[0][..], &[2]] });
        let last = names(&tags, |_| true, first.next, 100);
        assert_eq!((last.next, last.items.len()), (0, 6));
        assert_eq!(names(&tags, |_| true, u64::MAX, 4), Page { next: 0, items: vec![] });
    }

    #[test]
    fn cursors_that_no_page_gave_are_refused() {
        let database = Database::default();
        let one = TagExpression { all: false, tags: vec![b"t".to_vec()], not: vec![] };
        assert_eq!(keys(&database, &one, 0, 1), Some(Page { next: 0, items: vec![] }));
        assert_eq!(keys(&database, &one, 5 << MEMBER_BITS | 1, 1), None);
        assert_eq!(keys(&database, &one, 1 << MEMBER_BITS, 1), None);
    }
}
