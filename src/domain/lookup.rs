//! How a target finds its keys: which structure is asked, and what that costs.

use super::database::Database;
use super::key_table::{KeyId, KeyTable};
use super::pattern::Pattern;
use super::rule::Resolved;
use super::standing::Standing;
use super::steps::Prefix;

/// How a target found its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One look into the name table.
    NameLookup,
    /// The members of the tags.
    TagMembers,
    /// The members of a standing pattern.
    StandingSet,
    /// The names with the pattern's literal prefix, each matched.
    PrefixRange,
    /// The names that hold the pattern's longest literal, found by a search through the memory
    /// of all names, each matched.
    TextSearch,
    /// Every name, each matched.
    WholeIndex,
}

impl Strategy {
    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameLookup => "name lookup",
            Self::TagMembers => "tag members",
            Self::StandingSet => "standing set",
            Self::PrefixRange => "prefix range",
            Self::TextSearch => "text search",
            Self::WholeIndex => "whole index",
        }
    }
}

/// What a target came to.
pub(super) struct Found {
    pub(super) strategy: Strategy,
    /// Names or members that were looked at.
    pub(super) candidates: u64,
    /// The keys that belong to the target, each once.
    pub(super) ids: Vec<KeyId>,
}

/// A name in the range of a prefix costs about so many times what it costs to search the memory
/// of one name for a literal: it lies anywhere, the others lie in a row. Measured at a million
/// names: 40 and 4 nanoseconds.
const RANGE_TO_SEARCH: usize = 8;

/// The same against matching one name after the other as they lie.
const RANGE_TO_SCAN: usize = 2;

/// Up to so many names the range is read, whatever the rest of the index would cost: a few
/// microseconds.
const RANGE_SMALL: usize = 1000;

/// Shorter literals are in too many names for a search to pay.
const SEARCH_MIN_BYTES: usize = 2;

/// Finds the keys of a target.
pub(super) fn find(database: &Database, standing: &Standing, target: &Resolved) -> Found {
    match target {
        Resolved::Key(name) => {
            let ids = database.keys.find(name).into_iter().collect();
            Found { strategy: Strategy::NameLookup, candidates: 1, ids }
        }
        Resolved::Tag(tag) => {
            let id = database.tags.find(tag);
            let members = id.map_or(&[][..], |id| database.tags.keys_of(id));
            // From the last on: so none of the others changes its place when they go.
            let ids: Vec<KeyId> = members.iter().rev().copied().collect();
            Found { strategy: Strategy::TagMembers, candidates: ids.len() as u64, ids }
        }
        Resolved::Tags(expression) => {
            let members = |tag: &Vec<u8>| {
                database.tags.find(tag).map_or(0, |id| database.tags.keys_of(id).len() as u64)
            };
            let sizes = expression.tags.iter().map(members);
            let candidates = if expression.all { sizes.min().unwrap_or(0) } else { sizes.sum() };
            let ids = database.select(expression);
            Found { strategy: Strategy::TagMembers, candidates, ids }
        }
        Resolved::Pattern(pattern) => {
            let noted = |(number, since)| database.noted.keys_of(number, since);
            match standing.find(pattern).and_then(noted) {
                Some(ids) => {
                    // From the last on, as above.
                    let ids: Vec<KeyId> = ids.iter().rev().copied().collect();
                    let strategy = Strategy::StandingSet;
                    Found { strategy, candidates: ids.len() as u64, ids }
                }
                None => matching(&database.keys, pattern),
            }
        }
    }
}

fn matching(keys: &KeyTable, pattern: &Pattern) -> Found {
    let (prefix, needle) = (pattern.literal_prefix(), pattern.needle());
    let mut groups = vec![];
    let mut below = 0;
    keys.walk(&mut Prefix(prefix), |ids| {
        below += ids.len();
        groups.push(ids);
    });
    let mut found = Found { strategy: Strategy::PrefixRange, candidates: 0, ids: vec![] };
    let mut look = |id, name: &[u8]| {
        found.candidates += 1;
        if pattern.matches(name) {
            found.ids.push(id);
        }
    };
    let wide = |share: usize| below > RANGE_SMALL && below > keys.len() / share;
    let searches = needle.len() >= SEARCH_MIN_BYTES && !pattern.is_prefix();
    if searches && wide(RANGE_TO_SEARCH) {
        keys.search(needle, look);
        found.strategy = Strategy::TextSearch;
    } else if wide(RANGE_TO_SCAN) {
        keys.iter()
            .filter(|(_, name)| name.starts_with(prefix))
            .for_each(|(id, name)| look(id, name));
        if prefix.is_empty() {
            found.strategy = Strategy::WholeIndex;
        }
    } else {
        for id in groups.into_iter().flatten() {
            let name = keys.name(*id);
            if name.starts_with(prefix) {
                look(*id, name);
            }
        }
    }
    found
}
