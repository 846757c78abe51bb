//! Many patterns as one automaton: a name is read once, however many they are.
//!
//! Deterministic, with its states made when a name first needs them and kept in a cache of
//! bounded size (a lazy DFA, as in RE2: Cox, "Regular Expression Matching in the Wild", 2010;
//! here the one of `regex-automata`). It reads whole names only, so that it may stop where no
//! pattern is left. Patterns may be such that names make ever new states; then it gives up,
//! says so, and rests for a while.

use std::fmt;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use super::glob::Glob;
use super::pattern::Pattern;

/// Most memory of the states that are kept, in bytes. 20 patterns of rules need 20 thousand.
const CACHE_BYTES: usize = 4 << 20;

/// Most memory of all patterns before any state is made, in bytes. The cache must hold a few
/// states of all of them.
const PROGRAM_BYTES: usize = 2 << 20;

/// How often the cache may be full and cleared before it is asked whether that pays.
const CLEARS_ALLOWED: usize = 3;

/// Fewer bytes of names read per state made do not pay: to make a state costs as much as to
/// look at the name pattern by pattern.
const BYTES_PER_STATE: usize = 10;

/// Names that an automaton that gave up does not look at: after so many, that it tries again
/// costs nearly nothing per name.
const REST_NAMES: u32 = 10_000;

/// Patterns, each with a position that is its place in the order they were given.
pub(super) struct Automaton {
    dfa: DFA,
    cache: Cache,
    /// Names left to rest for.
    rest: u32,
}

impl Automaton {
    /// `None` when the patterns are too large together, or one of them [cannot be in it](size).
    pub(super) fn build<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<Self> {
        let hirs: Option<Vec<Hir>> = patterns.map(Pattern::whole).collect();
        Self::within(&hirs?, CACHE_BYTES)
    }

    /// The same for globs, of which each can be in it.
    pub(super) fn of_globs<'g>(globs: impl Iterator<Item = &'g Glob>) -> Option<Self> {
        Self::within(&globs.map(Glob::to_hir).collect::<Vec<_>>(), CACHE_BYTES)
    }

    fn within(hirs: &[Hir], cache_bytes: usize) -> Option<Self> {
        let config = dfa::Config::new()
            .match_kind(MatchKind::All)
            .cache_capacity(cache_bytes)
            .minimum_cache_clear_count(Some(CLEARS_ALLOWED))
            .minimum_bytes_per_state(Some(BYTES_PER_STATE));
        let nfa = program(hirs, PROGRAM_BYTES)?;
        let dfa = dfa::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        let cache = dfa.create_cache();
        Some(Self { dfa, cache, rest: 0 })
    }

    /// Tells the positions of the patterns that take the whole of `name`, in no order. `None`
    /// and nothing told when it gives up.
    pub(super) fn matching(&mut self, name: &[u8], mut tell: impl FnMut(usize)) -> Option<()> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        let Some(state) = self.read(name) else {
            self.dfa.reset_cache(&mut self.cache);
            self.rest = REST_NAMES;
            return None;
        };
        if state.is_match() {
            for at in 0..self.dfa.match_len(&self.cache, state) {
                tell(self.dfa.match_pattern(&self.cache, state, at).as_usize());
            }
        }
        Some(())
    }

    /// The state at the end of the name, or the one that no name leaves.
    fn read(&mut self, name: &[u8]) -> Option<LazyStateID> {
        let (dfa, cache) = (&self.dfa, &mut self.cache);
        // What is read between these two is what the states made are held against.
        cache.search_start(0);
        let mut state =
            dfa.start_state(cache, &start::Config::new().anchored(Anchored::Yes)).ok()?;
        let mut read = 0;
        for byte in name {
            state = dfa.next_state(cache, state, *byte).ok()?;
            read += 1;
            if state.is_dead() {
                break;
            }
        }
        if !state.is_dead() {
            state = dfa.next_eoi_state(cache, state).ok()?;
        }
        cache.search_finish(read);
        Some(state)
    }

    /// What it takes in memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.dfa.memory_usage() + self.cache.memory_usage()
    }
}

impl fmt::Debug for Automaton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Automaton").field("rest", &self.rest).finish_non_exhaustive()
    }
}

/// What a pattern adds to an automaton, in bytes of [`PROGRAM_BYTES`]; `None` when that is more
/// than `limit`, or it asks for a Unicode word boundary, which no automaton of bytes knows.
pub(super) fn size(pattern: &Pattern, limit: usize) -> Option<usize> {
    let hir = pattern.whole()?;
    if hir.properties().look_set().contains_word_unicode() {
        return None;
    }
    program(&[hir], limit).map(|nfa| nfa.memory_usage())
}

fn program(hirs: &[Hir], limit: usize) -> Option<NFA> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(limit));
    thompson::Compiler::new().configure(config).build_many_from_hir(hirs).ok()
}

#[cfg(test)]
mod tests;
