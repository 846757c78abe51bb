//! Standing patterns: which of many patterns does one name match?

use globset::{GlobSet, GlobSetBuilder};
use inval::domain::pattern::Pattern;
use regex::bytes::{RegexSet, RegexSetBuilder};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use crate::counting::live_bytes;
use crate::measure::{median, timed};

/// Lazily built states may take this much, in the two structures that build them.
const LAZY_BYTES: usize = 16 << 20;

/// Different names of each kind, so that no branch is learnt by heart.
const NAMES: usize = 1000;

/// What is timed.
pub struct Figures {
    pub build_us: f64,
    pub kib: f64,
    pub hit: f64,
    pub near_miss: f64,
    pub miss: f64,
}

/// Many patterns asked at once: how many match a name.
pub trait Matcher {
    const NAME: &str;
    fn new(patterns: &[Source]) -> Self;
    fn count(&mut self, name: &[u8]) -> usize;
}

/// Half are regexes as `^badges:user:.*:list$`, half globs as `search:*:product:*`.
pub struct Source {
    glob: String,
    /// Anchored at both ends.
    regex: String,
    is_regex: bool,
}

pub fn sources(count: usize) -> Vec<Source> {
    let source = |at: usize| {
        let (area, kind) = (at / 2 / 5, at / 2 % 5);
        let glob = match at % 2 {
            0 => format!("badges{area}:user:*:list{kind}"),
            _ => format!("search{area}:*:product{kind}:*"),
        };
        Source {
            regex: format!("^{}$", glob.replace('*', ".*")),
            glob,
            is_regex: at.is_multiple_of(2),
        }
    };
    (0..count).map(source).collect()
}

/// Names that match one pattern; that come near to the end; that differ in the first byte.
fn names(patterns: usize) -> [Vec<String>; 3] {
    let areas = patterns.div_ceil(10);
    let list = |ends: [&str; 2]| {
        let name = |at: usize| {
            let (area, kind) = (at / 2 % areas, at % 5);
            match at % 2 {
                0 => format!("badges{area}:user:{at:09}:{}{kind}", ends[0]),
                _ => format!("search{area}:{at:09}:{}{kind}:page", ends[1]),
            }
        };
        (0..NAMES).map(name).collect()
    };
    let misses = (0..NAMES).map(|at| format!("product:{at:09}:detail:summary"));
    [list(["list", "product"]), list(["lost", "procure"]), misses.collect()]
}

pub fn measure<M: Matcher>(patterns: usize) -> Figures {
    let sources = sources(patterns);
    let before = live_bytes();
    let mut matcher = M::new(&sources);
    let [hit, near_miss, miss] = names(patterns).map(|names| {
        let expected = if names[0].ends_with("list0") { NAMES } else { 0 };
        // Untimed: what is built lazily is built.
        let matched: usize = names.iter().map(|name| matcher.count(name.as_bytes())).sum();
        assert_eq!(matched, expected, "{} at {}", M::NAME, names[0]);
        median(|_| {
            timed(NAMES, || {
                for name in &names {
                    std::hint::black_box(matcher.count(name.as_bytes()));
                }
            })
        })
    });
    let kib = (live_bytes() - before) as f64 / 1024.0;
    drop(matcher);
    let build_us = median(|_| timed(1, || drop(M::new(&sources)))) / 1e3;
    Figures { build_us, kib, hit, near_miss, miss }
}

pub struct OneByOne(Vec<Pattern>);

impl Matcher for OneByOne {
    const NAME: &str = "`Pattern` of this crate, one by one";

    fn new(patterns: &[Source]) -> Self {
        let parse = |source: &Source| match source.is_regex {
            true => Pattern::regex(source.regex.as_bytes()).unwrap(),
            false => Pattern::glob(source.glob.as_bytes()).unwrap(),
        };
        Self(patterns.iter().map(parse).collect())
    }

    fn count(&mut self, name: &[u8]) -> usize {
        self.0.iter().filter(|pattern| pattern.matches(name)).count()
    }
}

impl Matcher for RegexSet {
    const NAME: &str = "`regex::bytes::RegexSet`";

    fn new(patterns: &[Source]) -> Self {
        RegexSetBuilder::new(patterns.iter().map(|source| &source.regex))
            .unicode(false)
            .dot_matches_new_line(true)
            .dfa_size_limit(LAZY_BYTES)
            .build()
            .unwrap()
    }

    fn count(&mut self, name: &[u8]) -> usize {
        self.matches(name).iter().count()
    }
}

/// It matches paths and knows `{a,b}`: its globs are not those of Redis. For its speed only.
impl Matcher for GlobSet {
    const NAME: &str = "`globset::GlobSet`";

    fn new(patterns: &[Source]) -> Self {
        let mut builder = GlobSetBuilder::new();
        for source in patterns {
            builder.add(globset::Glob::new(&source.glob).unwrap());
        }
        builder.build().unwrap()
    }

    fn count(&mut self, name: &[u8]) -> usize {
        self.matches(std::str::from_utf8(name).unwrap()).len()
    }
}

/// All patterns in one lazily built automaton, walked byte by byte.
pub struct LazyDfa {
    dfa: DFA,
    cache: Cache,
}

impl Matcher for LazyDfa {
    const NAME: &str = "`regex_automata::hybrid::dfa::DFA`, anchored";

    fn new(patterns: &[Source]) -> Self {
        let sources: Vec<&str> = patterns.iter().map(|source| source.regex.as_str()).collect();
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(LAZY_BYTES);
        let dfa = DFA::builder()
            .configure(config)
            .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&sources)
            .unwrap();
        let cache = dfa.create_cache();
        Self { dfa, cache }
    }

    fn count(&mut self, name: &[u8]) -> usize {
        let Self { dfa, cache } = self;
        let input = Input::new(name).anchored(Anchored::Yes);
        let mut state = dfa.start_state_forward(cache, &input).unwrap();
        for byte in name {
            state = dfa.next_state(cache, state, *byte).unwrap();
            if state.is_dead() {
                return 0;
            }
        }
        state = dfa.next_eoi_state(cache, state).unwrap();
        if !state.is_match() {
            return 0;
        }
        let matched = dfa.match_len(cache, state);
        (0..matched).for_each(|at| {
            std::hint::black_box(dfa.match_pattern(cache, state, at));
        });
        matched
    }
}
