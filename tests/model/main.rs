//! Random histories against a naive model: one live server with the module, and after every
//! step all that the module says beside what the model says.
//!
//! `make test` runs a fixed set of seeds and the histories of `regressions.txt`; `make model`
//! runs many. A disagreement prints a history that was made small, and the line that keeps it.

#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod history;
mod invalidation;
mod live;
mod naive;
mod shrink;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod tokens;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use live::{Disagreement, Live};

/// Steps of a history.
const STEPS: usize = 200;
/// Servers at a time.
const WORKERS: usize = 2;
/// Histories of `make test`.
const FIXED: u64 = 600;
/// Histories that once failed.
const REGRESSIONS: &str = include_str!("regressions.txt");

#[test]
fn fixed_seeds() {
    run_seeds(0, FIXED);
}

#[test]
#[ignore = "takes long: make model"]
fn many_seeds() {
    let number = |name: &str, default: u64| {
        env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    run_seeds(number("INVAL_MODEL_START", 0), number("INVAL_MODEL_SEEDS", 10_000));
}

/// A line is `seed 42`, or steps with ` | ` between them; `#` begins a comment.
#[test]
fn what_once_failed_does_no_more() {
    let mut live = Live::start();
    let lines = REGRESSIONS.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let history = match line.strip_prefix("seed ") {
            Some(seed) => history::of_seed(seed.parse().expect("a seed"), STEPS),
            None => line.split(" | ").map(str::to_owned).collect(),
        };
        if let Some(found) = live.run(&history) {
            panic!("{line}\nstep {}: {}", found.step + 1, found.what);
        }
    }
}

fn run_seeds(start: u64, count: u64) {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let (failed, version) = (Mutex::new(None), Mutex::new(String::new()));
    let began = Instant::now();
    let told = Mutex::new(Instant::now());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut live = Live::start();
                *version.lock().unwrap() = live.version();
                while failed.lock().unwrap().is_none() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let history = history::mixed(start + at, STEPS);
                    if let Some(found) = live.run(&history) {
                        *failed.lock().unwrap() = Some((start + at, history, found));
                        return;
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    tell(done, count, began, &told);
                }
            });
        }
    });
    if let Some((seed, history, found)) = failed.into_inner().unwrap() {
        panic!("{}", report(seed, history, found, done.into_inner()));
    }
    let version = version.into_inner().unwrap();
    println!("model: {count} histories of {STEPS} steps on {version}: no disagreement");
}

/// A line of progress every ten seconds.
fn tell(done: u64, count: u64, began: Instant, told: &Mutex<Instant>) {
    let mut told = told.lock().unwrap();
    if told.elapsed() >= Duration::from_secs(10) {
        *told = Instant::now();
        let rate = done as f64 / began.elapsed().as_secs_f64();
        let left = (count - done) as f64 / rate;
        println!("model: {done} of {count} histories, {rate:.1} a second, {left:.0} s left");
    }
}

fn report(seed: u64, mut history: Vec<String>, found: Disagreement, done: u64) -> String {
    let mut live = Live::start();
    history.truncate(found.step + 1);
    let mut again = |history: &[String]| live.run(history);
    // Some disagreements hang on the moment.
    let found_again = (0..5).find_map(|_| again(&history));
    let (small, found) = match found_again {
        None => (history, Disagreement { what: format!("only once: {}", found.what), ..found }),
        Some(found) => {
            let small = shrink::shrink(history, &mut |history| again(history).is_some());
            let last = again(&small).unwrap_or(found);
            (small, last)
        }
    };
    let lines: Vec<String> = small.iter().flat_map(|step| as_commands(step)).collect();
    format!(
        "seed {seed}, after {done} histories without a disagreement\n\n{}\n\nstep {}: {}\n\n\
         for tests/model/regressions.txt:\n{}\n",
        lines.join("\n"),
        found.step + 1,
        found.what,
        small.join(" | ")
    )
}

/// A step as lines for redis-cli.
fn as_commands(step: &str) -> Vec<String> {
    let (kind, _) = live::parts(step);
    let lines = step.strip_prefix(&format!("{kind}: ")).unwrap_or(step);
    let mut lines: Vec<String> = lines.split(" ; ").map(str::to_owned).collect();
    match kind.split(' ').next() {
        Some("MULTI") => {
            lines.insert(0, "MULTI".to_owned());
            lines.push("EXEC".to_owned());
        }
        Some("EVAL") => {
            let call = |line: &String| {
                let words = live::parts(line).1.concat();
                format!("redis.call('{}')", words.join("', '"))
            };
            let calls: Vec<String> = lines.iter().map(call).collect();
            lines = vec![format!("EVAL \"{}\" 0", calls.join(" "))];
        }
        Some("DEAD") => {
            lines.insert(0, "# wait 3 ms".to_owned());
            for key in kind.split(' ').skip(1) {
                lines.insert(0, format!("PEXPIRE {key} 1"));
            }
        }
        _ => {}
    }
    lines
}
