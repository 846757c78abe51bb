//! What is invalidated most often, in fixed memory.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k
//! Elements in Data Streams", ICDT 2005) behind a filter (Homem, Carvalho: "Finding top-k elements
//! in data streams", Information Sciences 180, 2010): a name that is not among the ranked ones is
//! counted in a cell that it shares with others, and is ranked once its cell has counted an eighth
//! more than the lowest rank. Most names of a wide purge cost a hash and an addition so.
//!
//! The eighth is ours. Where all names are as frequent, ranks change hands for nothing; each time
//! the lowest of them then grows by an eighth and not by one, so that they seldom do.
//!
//! Always true: a ranked name came at least `count - error` times and at most `count` times; one
//! that is not ranked came at most as often as its cell says, which is no more than nine eighths of
//! the lowest rank once the ranks are full.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::outcome::Outcome;
use super::plan::Plan;
use super::rule::ResolvedKind;
use super::stats::families::Group;
use super::stats::order::{Place, most_placed, start_of};

/// Names that are ranked, of each kind: the first tens of them are right where some are much more
/// frequent than others.
const RANKS: usize = 256;

/// Cells of the filter: sixteen for each rank, 16 KB. Where all names are as frequent, at most one in
/// so many is ranked anew.
const CELLS: usize = 4096;

/// How often names of the cell came that are not ranked, at the most; and whether one is, in the
/// highest bit: four bytes, for a cell is fetched for each name.
#[derive(Clone, Copy, Debug, Default)]
struct Cell(u32);

/// The highest bit of a cell.
const RANKED: u32 = 1 << 31;

impl Cell {
    fn is_ranked(self) -> bool {
        self.0 >= RANKED
    }

    fn count(self) -> u32 {
        self.0 & !RANKED
    }

    fn set(&mut self, count: u64, is_ranked: bool) {
        let count = u32::try_from(count).unwrap_or(RANKED).min(RANKED - 1);
        self.0 = count | if is_ranked { RANKED } else { 0 };
    }
}

#[derive(Clone, Debug)]
struct Rank {
    name: Vec<u8>,
    hash: u64,
    count: u64,
    error: u64,
}

/// A name and how often it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// The name.
    pub name: &'a [u8],
    /// How often at the most.
    pub count: u64,
    /// How much less it may be.
    pub error: u64,
}

/// How much more than the lowest rank a cell counts at the most: this part of it.
const SLACK: u64 = 8;

/// What a cell has to exceed before one of its names is ranked.
fn enough(lowest: u64) -> u64 {
    lowest + lowest / SLACK
}

/// The ranks of one kind of names; takes no memory before the first.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    hasher: DefaultHashBuilder,
    cells: Vec<Cell>,
    /// How many names of each cell are ranked.
    ranked: Vec<u16>,
    ranks: Vec<Rank>,
    /// Places in `ranks` by name.
    places: HashTable<u16>,
    /// No rank is lower.
    lowest: u64,
    /// Where to look for one as low.
    cursor: usize,
}

impl Sketch {
    /// A name came once.
    pub fn add(&mut self, name: &[u8]) {
        self.add_all(std::iter::once(name));
    }

    /// Names came once each.
    #[inline]
    pub fn add_all<'a>(&mut self, names: impl Iterator<Item = &'a [u8]>) {
        let hasher = self.hasher.clone();
        let mut usual = self.usual();
        for name in names {
            let hash = hash_of(&hasher, name);
            match self.cells.get_mut(cell_of(hash)) {
                // The usual case: none of its cell is ranked, and no rank can be so low.
                Some(cell) if u64::from(cell.0) < usual => cell.0 += 1,
                _ => {
                    self.count(name, hash);
                    usual = self.usual();
                }
            }
        }
    }

    /// Cells that counted less have no name that is ranked or is to be.
    fn usual(&self) -> u64 {
        enough(self.lowest).min(RANKED.into())
    }

    #[inline(never)]
    fn count(&mut self, name: &[u8], hash: u64) {
        if self.cells.is_empty() {
            self.cells = vec![Cell::default(); CELLS];
            self.ranked = vec![0; CELLS];
        }
        let Some(cell) = self.cells.get_mut(cell_of(hash)) else { return };
        if cell.is_ranked() {
            let is_it =
                |at: &u16| self.ranks.get(usize::from(*at)).is_some_and(|r| *r.name == *name);
            let place = self.places.find(hash, is_it).copied();
            if let Some(rank) = place.and_then(|at| self.ranks.get_mut(usize::from(at))) {
                rank.count += 1;
                return;
            }
        }
        let error = u64::from(cell.count());
        if self.ranks.len() < RANKS {
            let at = self.ranks.len() as u16;
            self.ranks.push(Rank { name: name.to_vec(), hash, count: error + 1, error });
            self.enter(hash, at);
        } else if error + 1 > enough(self.lowest()) {
            self.replace(name, hash, error);
        } else if let Some(cell) = self.cells.get_mut(cell_of(hash)) {
            cell.set(error + 1, cell.is_ranked());
        }
    }

    /// A name is ranked now.
    fn enter(&mut self, hash: u64, at: u16) {
        let ranks = &self.ranks;
        let hash_of = |at: &u16| ranks.get(usize::from(*at)).map_or(0, |rank| rank.hash);
        self.places.insert_unique(hash, at, hash_of);
        self.change_ranked(hash, |ranked| ranked + 1, 0);
    }

    /// Another number of names of a cell is ranked; the others of it came so often at the most.
    fn change_ranked(&mut self, hash: u64, change: impl Fn(u16) -> u16, others: u64) {
        let at = cell_of(hash);
        let (Some(cell), Some(ranked)) = (self.cells.get_mut(at), self.ranked.get_mut(at)) else {
            return;
        };
        *ranked = change(*ranked);
        cell.set(u64::from(cell.count()).max(others), *ranked > 0);
    }

    /// The lowest rank; `cursor` is at one of them then.
    fn lowest(&mut self) -> u64 {
        loop {
            let is_lowest = |rank: &Rank| rank.count <= self.lowest;
            let rest = self.ranks.get(self.cursor..).unwrap_or_default();
            if let Some(found) = rest.iter().position(is_lowest) {
                self.cursor += found;
                return self.lowest;
            }
            // Ranks only grow: one pass finds all that are as low as the lowest.
            self.cursor = 0;
            self.lowest = self.ranks.iter().map(|rank| rank.count).min().unwrap_or(0);
        }
    }

    /// Puts a name in the place of the one at the cursor.
    fn replace(&mut self, name: &[u8], hash: u64, error: u64) {
        let at = self.cursor;
        let Some(rank) = self.ranks.get_mut(at) else { return };
        let (old_hash, old_count) = (rank.hash, rank.count);
        rank.name.clear();
        rank.name.extend_from_slice(name);
        (rank.hash, rank.count, rank.error) = (hash, error + 1, error);
        if let Ok(entry) = self.places.find_entry(old_hash, |place| usize::from(*place) == at) {
            entry.remove();
        }
        // The others of its cell came no more often than it: or they were ranked.
        self.change_ranked(old_hash, |ranked| ranked.saturating_sub(1), old_count);
        self.enter(hash, at as u16);
    }

    /// The names that came most often, the first one first, up to `most` of them.
    pub fn first(&self, most: usize) -> Vec<Ranked<'_>> {
        let ranks = self.ranks.iter();
        let placed = ranks.map(|rank| {
            let place = Place { runs: rank.count, start: start_of(&rank.name) };
            (place, rank)
        });
        let (first, _) = most_placed(placed, most, |rank| (rank.name.as_slice(), ""));
        first
            .into_iter()
            .map(|rank| Ranked { name: &rank.name, count: rank.count, error: rank.error })
            .collect()
    }
}

/// Without its length, which [`BuildHasher::hash_one`] would put in: a name is all that is hashed.
fn hash_of(hasher: &DefaultHashBuilder, name: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(name);
    hasher.finish()
}

fn cell_of(hash: u64) -> usize {
    hash as usize % CELLS
}

/// What was invalidated most often, by its kind.
#[derive(Clone, Debug, Default)]
pub struct Top {
    /// Keys that were deleted or marked.
    pub keys: Sketch,
    /// Tags, values put in, whose keys were.
    pub tags: Sketch,
    /// Patterns likewise.
    pub patterns: Sketch,
}

impl Top {
    /// The targets of a plan that hit a key.
    pub(super) fn record_targets(&mut self, plan: &Plan, outcome: &Outcome) {
        for (target, count) in plan.targets.iter().zip(&outcome.per_target) {
            if count.deleted + count.marked > 0 {
                self.record_target(target.kind, &target.text);
            }
        }
    }

    /// A target hit a key. Its text is the name or pattern, values put in; a key by its name is
    /// ranked as such alone.
    #[inline]
    pub(super) fn record_target(&mut self, kind: Option<ResolvedKind>, text: &[u8]) {
        match kind.map(Group::of) {
            Some(Group::Tags) => self.tags.add(text),
            Some(Group::Patterns) => self.patterns.add(text),
            Some(Group::Keys) | None => {}
        }
    }

    /// The keys of a plan that are gone or marked.
    pub fn record_keys(&mut self, plan: &Plan, outcome: &Outcome) {
        if outcome.gone.is_none() {
            return self.keys.add_all(plan.names.iter());
        }
        let hit = plan.names.iter().enumerate().filter(|(at, _)| outcome.is_gone(*at));
        self.keys.add_all(hit.map(|(_, name)| name));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few names that come often among many that come seldom.
    fn stream() -> impl Strategy<Value = Vec<u32>> {
        let often = 0u32..20;
        let seldom = 0u32..100_000;
        prop::collection::vec(prop_oneof![1 => often, 6 => seldom], 0..20_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_rank_is_true_within_its_error(stream in stream()) {
            let (mut sketch, mut naive) = (Sketch::default(), HashMap::<Vec<u8>, u64>::new());
            for name in &stream {
                let name = format!("key:{name}").into_bytes();
                sketch.add(&name);
                *naive.entry(name).or_default() += 1;
            }
            let all = sketch.first(usize::MAX);
            prop_assert_eq!(all.len(), naive.len().min(RANKS));
            for rank in &all {
                let truth = naive[rank.name];
                prop_assert!(rank.count - rank.error <= truth && truth <= rank.count, "{rank:?}: {truth}");
            }
            // What came much more often than the lowest rank is ranked.
            let lowest = all.last().map_or(0, |rank| rank.count);
            for (name, truth) in &naive {
                let is_ranked = all.iter().any(|rank| rank.name == name.as_slice());
                prop_assert!(is_ranked || (all.len() == RANKS && *truth <= enough(lowest)));
            }
        }
    }

    #[test]
    fn what_comes_often_is_found_among_a_million() {
        let mut sketch = Sketch::default();
        for at in 0..1_000_000_u32 {
            sketch.add(format!("rare:{at}").as_bytes());
            if at % 500 == 0 {
                (0..5).for_each(|name| sketch.add(format!("often:{name}").as_bytes()));
            }
        }
        let first = sketch.first(5);
        assert!(first.iter().all(|rank| rank.name.starts_with(b"often:")), "{first:?}");
        assert!(first.iter().all(|rank| rank.count >= 2000 && rank.count - rank.error <= 2000));
    }

    #[test]
    fn counts_higher_than_a_cell_has_bits_for_are_true() {
        let mut sketch = Sketch::default();
        (0..RANKS).for_each(|at| sketch.add(at.to_string().as_bytes()));
        sketch.lowest = 1 << 40;
        sketch.ranks.iter_mut().for_each(|rank| rank.count = 1 << 40);
        sketch.add(b"7");
        assert_eq!(sketch.first(1), [Ranked { name: b"7", count: (1 << 40) + 1, error: 0 }]);
    }
}
