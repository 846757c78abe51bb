//! The keys of a request, found among all names of the server: for an index that does not know
//! every name. What is found is for one plan and is not indexed.

use super::State;
use super::budget::{Budget, Tally};
use super::fence::Fence;
use super::key_table::{KeyId, KeyTable};
use super::lookup::{Found, Strategy};
use super::name::NameList;
use super::pattern::Pattern;
use super::request::Request;
use super::rule::Resolved;

/// Names that each pattern is matched against before the next one is.
const BATCH: usize = 1024;

/// See the module.
#[derive(Debug)]
pub struct Scan {
    fence: Fence,
    patterns: Vec<Looked>,
    batch: NameList,
    /// What was found, for the length of a plan.
    pub(super) keys: KeyTable,
    names: u64,
    pub(super) budget: Budget,
}

/// A pattern of the request.
#[derive(Debug)]
struct Looked {
    /// The place of its target.
    target: usize,
    pattern: Pattern,
    tally: Tally,
    ids: Vec<KeyId>,
}

impl Scan {
    /// Before any name was seen.
    pub fn new(state: &State, request: &Request) -> Self {
        let patterns = request.targets.iter().enumerate().filter_map(|(target, (_, resolved))| {
            let Resolved::Pattern(pattern) = resolved else { return None };
            let (tally, pattern) = (Tally::of(pattern), pattern.clone());
            Some(Looked { target, pattern, tally, ids: vec![] })
        });
        Self {
            fence: state.fence().clone(),
            patterns: patterns.collect(),
            batch: NameList::default(),
            keys: KeyTable::default(),
            names: 0,
            budget: Budget::new(state.steps_max),
        }
    }

    /// Whether all names of the server are to be seen.
    pub fn wants_names(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// A key of the server. May come twice.
    pub fn saw(&mut self, name: &[u8]) {
        self.names += 1;
        self.batch.push(name);
        if self.batch.len() >= BATCH {
            self.look();
        }
    }

    /// A key that the request names lives.
    pub fn lives(&mut self, name: &[u8]) {
        if self.fence.allows(name) {
            self.keys.insert(name);
        }
    }

    /// Matches the names that wait.
    fn look(&mut self) {
        let names = std::mem::take(&mut self.batch);
        let allowed: Vec<&[u8]> = names.iter().filter(|name| self.fence.allows(name)).collect();
        // A name that is known from an earlier batch has been matched there.
        let mut ids: Vec<Option<KeyId>> = vec![None; allowed.len()];
        let known: Vec<bool> = allowed.iter().map(|name| self.keys.find(name).is_some()).collect();
        for looked in &mut self.patterns {
            self.budget.resume(std::mem::take(&mut looked.tally));
            for ((name, id), known) in allowed.iter().zip(&mut ids).zip(&known) {
                if *known || !self.budget.matches(&looked.pattern, name) {
                    continue;
                }
                if id.is_none() {
                    // Twice in one batch: the second is left out.
                    *id = self.keys.insert(name).filter(|(_, new)| *new).map(|(id, _)| id);
                }
                looked.ids.extend(*id);
            }
            looked.tally = self.budget.pause(&looked.pattern);
        }
    }

    /// The keys of the pattern at a place of the request, when all names were seen.
    pub(super) fn find(&mut self, target: usize) -> Found {
        if !self.batch.is_empty() {
            self.look();
        }
        let of_target = self.patterns.iter_mut().find(|looked| looked.target == target);
        let ids = of_target.map(|looked| std::mem::take(&mut looked.ids)).unwrap_or_default();
        Found { strategy: Strategy::KeyspaceScan, candidates: self.names, ids }
    }
}
