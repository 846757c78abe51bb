//! Random input for everything that reads text from outside, checked against properties.
//!
//! A few hundred cases of each run with the unit tests; `make fuzz` runs each for
//! `INVAL_FUZZ_SECONDS`. A failure prints the shrunk input and the seed of its round; with that
//! seed in `INVAL_FUZZ_SEED` it comes back at once.
//!
//! Only without the feature `module`: with it, whatever links the crate gets its memory from a
//! server, and here is none.

#![cfg(not(feature = "module"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod condition;
mod glob;
mod mapping;
mod mutation;
mod payload;
mod regex;
mod rules;
mod template;

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What a property found: whether the input got as far as its area counts.
type Checked = Result<bool, TestCaseError>;

/// One pass over the properties of an area, all from one seed.
struct Round {
    seed: u64,
    cases: u32,
    checked: u64,
    reached: u64,
}

impl Round {
    /// Checks a property on random inputs.
    fn check<S: Strategy>(&mut self, strategy: S, property: impl Fn(S::Value) -> Checked) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let found = std::cell::Cell::new((self.checked, self.reached));
        let result = TestRunner::new_with_rng(config, rng).run(&strategy, |input| {
            let reached = property(input)?;
            found.set((found.get().0 + 1, found.get().1 + u64::from(reached)));
            Ok(())
        });
        (self.checked, self.reached) = found.get();
        if let Err(error) = result {
            panic!("INVAL_FUZZ_SEED={}\n{error}", self.seed);
        }
    }
}

/// The seed to start from: `INVAL_FUZZ_SEED`, or a new one.
fn first_seed() -> u64 {
    match env::var("INVAL_FUZZ_SEED") {
        Ok(seed) => seed.parse().expect("INVAL_FUZZ_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}

/// A look at each property, for every test run.
fn smoke(area: fn(&mut Round)) {
    let mut round = Round { seed: first_seed(), cases: 300, checked: 0, reached: 0 };
    area(&mut round);
    // An area whose inputs are all refused, or all accepted, would prove little.
    assert!(0 < round.reached && round.reached < round.checked, "{} reached", round.reached);
}

/// Rounds until the time is up; `reach` says what the area counts.
fn fuzz(name: &str, reach: &str, area: fn(&mut Round)) {
    let seconds = env::var("INVAL_FUZZ_SECONDS").map_or(60, |text| text.parse().unwrap());
    let (start, first) = (Instant::now(), first_seed());
    println!("fuzz {name}: first seed {first}");
    let mut round = Round { seed: first, cases: 1000, checked: 0, reached: 0 };
    while start.elapsed() < Duration::from_secs(seconds) {
        area(&mut round);
        round.seed = round.seed.wrapping_add(1);
    }
    println!(
        "fuzz {name}: {} cases in {:.0} s, {:.0}% {reach}; all properties hold",
        round.checked,
        start.elapsed().as_secs_f64(),
        100.0 * round.reached as f64 / round.checked as f64,
    );
}

fn patterns(round: &mut Round) {
    glob::check(round);
    regex::check(round);
}

fn payloads(round: &mut Round) {
    payload::check(round);
    condition::check(round);
}

#[test]
fn globs_and_regexes_a_little() {
    smoke(patterns);
}

#[test]
fn templates_a_little() {
    smoke(template::check);
}

#[test]
fn rule_documents_a_little() {
    smoke(rules::check);
}

#[test]
fn payloads_a_little() {
    smoke(payloads);
}

#[test]
fn mappings_and_entries_a_little() {
    smoke(mapping::check);
}

#[test]
#[ignore = "takes INVAL_FUZZ_SECONDS; make fuzz"]
fn globs_and_regexes() {
    fuzz("glob", "matched", patterns);
}

#[test]
#[ignore = "takes INVAL_FUZZ_SECONDS; make fuzz"]
fn templates() {
    fuzz("template", "rendered", template::check);
}

#[test]
#[ignore = "takes INVAL_FUZZ_SECONDS; make fuzz"]
fn rule_documents() {
    fuzz("rule document", "parsed", rules::check);
}

#[test]
#[ignore = "takes INVAL_FUZZ_SECONDS; make fuzz"]
fn payloads_paths_and_conditions() {
    fuzz("payload", "parsed", payloads);
}

#[test]
#[ignore = "takes INVAL_FUZZ_SECONDS; make fuzz"]
fn mappings_and_entries() {
    fuzz("mapping", "answered", mapping::check);
}
