//! What matching may take: `inval.pattern-max-steps` stops the worst patterns and none that
//! anybody would write.
//!
//! `cargo test --release --no-default-features --test pattern_steps -- --ignored --nocapture`
//! shows steps and time of both kinds; `PATTERN_KEYS` sets the number of keys.
//!
//! Without the feature `module` alone: with it, memory comes from a server, and here is none.

#![cfg(not(feature = "module"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

use std::env;
use std::time::Instant;

use inval::domain::State;
use inval::domain::budget::{STEPS_MAX_DEFAULT, StepsMax};
use inval::domain::change::Change;
use inval::domain::error::Error;
use inval::domain::name::Db;
use inval::domain::pattern::Pattern;
use inval::domain::plan::{Plan, build};
use inval::domain::request::Request;
use inval::domain::rule::Resolved;

/// Patterns as people write them, also careless ones.
const HONEST: [&str; 16] = [
    "glob user:*:settings",
    "glob *:settings",
    "glob *42*",
    "glob user:[0-9]*:profile",
    "glob *[0-9][0-9][0-9]*:*s*",
    "glob *????????-????-????-????-????????????*",
    "glob *e*e*e*",
    "glob ?*",
    "regex ^user:.*:settings$",
    "regex ^user:\\d+:(profile|settings)$",
    "regex (?i)SETTINGS",
    "regex ^(user|session):[0-9a-f]+:",
    "regex \\d{3,}",
    "regex [a-z]+:[0-9]+:[a-z]+$",
    "regex (?u)^\\w+:\\d+:\\w+$",
    "regex user:.{1,50}:profile|session",
];

/// Bad patterns, as bad as 1024 bytes can be.
fn worst() -> Vec<String> {
    vec![
        format!("glob *{}b*", "[^x]?".repeat(120)),
        format!("glob *{}b*", "a?".repeat(120)),
        format!("glob {}[bc]", "*a".repeat(500)),
        "regex [ab].{200}c".to_owned(),
        "regex (a|bb).{200}(c|d)".to_owned(),
        "regex a(.{150}|.{100})(c|d)".to_owned(),
        format!("regex (b|aa)({}|{})(c|d)", "a.".repeat(120), "[ab]{3}.".repeat(60)),
        "regex (?u)a\\w{9}(c|d)|b.{90}e".to_owned(),
    ]
}

fn pattern(text: &str) -> Pattern {
    match text.split_once(' ').unwrap() {
        ("glob", glob) => Pattern::glob(glob.as_bytes()).unwrap(),
        (_, regex) => Pattern::regex(regex.as_bytes()).unwrap(),
    }
}

fn plan(state: &mut State, texts: &[&str]) -> Result<Plan, Error> {
    let targets = texts.iter().map(|text| Resolved::Pattern(pattern(text)));
    build(state, Db(0), Request::for_purge(targets.collect(), None))
}

/// Names as caches hold them.
fn ordinary(keys: u32) -> State {
    let mut state = State::default();
    for at in 0..keys {
        let kind = ["profile", "settings", "feed", "badges:list"][at as usize % 4];
        let name = match at % 3 {
            0 => format!("user:{at}:{kind}"),
            1 => format!("session:{:08x}-{:04x}-4000-8000-{:012x}", at, at % 65_536, at),
            _ => format!("product:{}:{kind}:{at}", at % 1000),
        };
        state.notice(Change::Created, Db(0), name.as_bytes());
    }
    state.settle();
    state
}

/// Names that patterns are worst on: long, of two bytes, in no order.
fn dreadful(keys: u32) -> State {
    let mut state = State::default();
    let mut seed = 1_u64;
    for _ in 0..keys {
        let mut name = vec![];
        while name.len() < 500 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            name.extend((0..64).map(|bit| if seed >> bit & 3 == 0 { b'b' } else { b'a' }));
        }
        state.notice(Change::Created, Db(0), &name);
    }
    state.settle();
    state
}

#[test]
fn a_plan_that_takes_too_many_steps_is_refused_and_says_why() {
    let mut state = ordinary(5000);
    let steps = plan(&mut state, &["glob ?*"]).unwrap().steps;
    assert!(steps > 5000 * 16, "{steps}");
    state.steps_max = StepsMax(steps);
    assert_eq!(plan(&mut state, &["glob ?*"]).unwrap().matched, 5000);
    // It is one budget for all patterns of a plan.
    let error = plan(&mut state, &["glob user:*", "glob ?*"]).unwrap_err().to_string();
    assert!(error.starts_with("pattern '?*' took the plan beyond"), "{error}");
    state.steps_max = StepsMax(0);
    assert_eq!(plan(&mut state, &["glob ?*", "glob ?*"]).unwrap().steps, 2 * steps);
}

#[test]
fn steps_depend_on_names_and_pattern_alone() {
    for text in HONEST {
        let [first, second] = [(); 2].map(|()| plan(&mut ordinary(2000), &[text]).unwrap().steps);
        assert_eq!(first, second, "{text}");
    }
}

#[test]
fn ten_million_keys_bear_every_honest_pattern_and_no_bad_one() {
    let per_key = |state: &mut State, text: &str| {
        plan(state, &[text]).unwrap().steps / state.sizes().0 as u64
    };
    let may = STEPS_MAX_DEFAULT / 10_000_000;
    let mut state = ordinary(50_000);
    for text in HONEST {
        let steps = per_key(&mut state, text);
        assert!(steps < may, "{text}: {steps}");
    }
    // More than to look at each byte of these long names.
    let mut state = dreadful(1000);
    for text in worst() {
        let steps = per_key(&mut state, &text);
        assert!(steps > 5 * may, "{text}: {steps}");
    }
}

#[test]
#[ignore = "measures; fails by no figure"]
fn what_patterns_take() {
    let keys = env::var("PATTERN_KEYS").map_or(1_000_000, |text| text.parse().unwrap());
    println!("{:>12} {:>9} {:>8} {:>9}  pattern", "steps", "ms", "ns/step", "steps/key");
    for (mut state, texts) in
        [(ordinary(keys), HONEST.map(str::to_owned).to_vec()), (dreadful(keys / 20), worst())]
    {
        for text in texts {
            for max in [0, STEPS_MAX_DEFAULT] {
                if max == 0 && state.sizes().0 > 1_000_000 {
                    continue;
                }
                state.steps_max = StepsMax(max);
                let start = Instant::now();
                let done = plan(&mut state, &[&text]);
                let micros = start.elapsed().as_micros() as f64;
                let steps = done.as_ref().map_or(max, |plan| plan.steps);
                println!(
                    "{steps:>12} {:>9.1} {:>8.2} {:>9.0}  {}{}",
                    micros / 1000.0,
                    micros * 1000.0 / steps as f64,
                    steps as f64 / state.sizes().0 as f64,
                    if done.is_err() { "REFUSED " } else { "" },
                    &text[..text.len().min(60)],
                );
            }
        }
    }
}
