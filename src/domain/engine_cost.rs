//! What the engine of a regex does for a byte of a name.
//!
//! It builds the states of a deterministic automaton when it first meets them (Aho, Sethi,
//! Ullman, "Compilers", 1986, section 3.7) and forgets them when its memory is full. A byte
//! costs next to nothing while states are met again, and a walk through the states of the regex
//! while each is new. Which of the two it is depends on the names: it is tried on some of them.

use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_automata::{Input, MatchErrorKind};
use regex_syntax::hir::Hir;

use super::name::NameList;

/// To build so much of a state that it takes a byte.
const STEPS_PER_BYTE_BUILT: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct EngineCost(DFA);

impl EngineCost {
    /// For an expression; `cache` is what the engine may remember, in bytes.
    pub(super) fn new(hir: &Hir, cache: usize) -> Option<Self> {
        let config = Config::new().utf8(false).which_captures(WhichCaptures::None);
        let nfa = Compiler::new().configure(config).build_from_hir(hir).ok()?;
        // It is to give up when its memory is full for the first time.
        let config = DFA::config().cache_capacity(cache).minimum_cache_clear_count(Some(0));
        DFA::builder().configure(config).build_from_nfa(nfa).ok().map(Self)
    }

    /// Steps for a byte of such names.
    pub(super) fn steps_per_byte(&self, names: &NameList) -> u64 {
        let mut cache = self.0.create_cache();
        let empty = cache.memory_usage();
        let (mut built, mut bytes) = (0, 0);
        for (at, name) in names.iter().enumerate() {
            if at == names.len() / 2 {
                // States that all names meet have been built for the first ones.
                (built, bytes) = (0, 0);
            }
            let before = cache.memory_usage();
            let end = self.0.try_search_fwd(&mut cache, &Input::new(name).earliest(true));
            if let Err(error) = end {
                // Full, and so it would go on: all counts.
                let read = match *error.kind() {
                    MatchErrorKind::GaveUp { offset } => offset,
                    _ => name.len(),
                };
                built = cache.memory_usage() - empty;
                bytes = names.iter().take(at).map(<[u8]>::len).sum::<usize>() + read;
                break;
            }
            built += cache.memory_usage() - before;
            bytes += name.len();
        }
        1 + (built * STEPS_PER_BYTE_BUILT / bytes.max(1)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(regex: &str, names: &[&str]) -> u64 {
        let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        let names = names.iter().map(|name| name.as_bytes()).collect();
        let hir = parser.parse(regex).unwrap();
        EngineCost::new(&hir, 256 << 10).unwrap().steps_per_byte(&names)
    }

    #[test]
    fn it_depends_on_the_names() {
        let random = |seed: u32| -> String {
            let bits = (0..500_u32).map(|at| (seed + at).wrapping_mul(2_654_435_761).count_ones());
            bits.map(|ones| if ones % 2 == 0 { 'a' } else { 'x' }).collect()
        };
        let names: Vec<String> = (0..100).map(|at| random(at * 1000)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // As many states as there are texts of 300 bytes.
        assert!(steps("a.{300}(b|c)", &names) > 1000);
        assert_eq!(steps("a.{300}(b|c)", &["user:42:name"; 100]), 1);
        assert_eq!(steps("^(a|x)+$", &names), 1);
        assert_eq!(steps("a|b", &[]), 1);
    }
}
