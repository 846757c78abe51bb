//! `make bench`: what the module costs and saves, on real servers, side by side.
//!
//! Every figure that decides is a quotient of two that were measured in turns on this machine.
//! `ROWS=get,needle` runs some rows, `KEYS=100000` makes the keyspaces smaller, `ROUNDS=3` makes
//! the run shorter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

mod chart;
mod names;
mod process;
mod report;
mod rows;
mod run;
mod summary;
mod wire;

use std::env;
use std::path::PathBuf;

use process::{Processor, stay_on};
use report::Place;
use rows::{GROUPS, Scale};

/// Keys of the large keyspaces, as the bars have them.
const KEYS: usize = 1_000_000;

/// Rounds that count.
const ROUNDS: usize = 7;

fn main() {
    let number = |name: &str, default| {
        let given = env::var(name).ok().filter(|value| !value.is_empty());
        given.map_or(default, |value| {
            value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number"))
        })
    };
    let scale = Scale { keys: number("BENCH_KEYS", KEYS), rounds: number("BENCH_ROUNDS", ROUNDS) };
    let wanted = env::var("BENCH_ROWS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    let known: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        panic!("no row is called {unknown}; there are {}", known.join(", "));
    }
    let place = Place::here(scale);
    let folder = env::var_os("BENCH_OUT").map(PathBuf::from);
    let (mut found, mut charts) = (vec![], vec![]);
    for group in GROUPS.iter().filter(|group| wanted.is_empty() || wanted.contains(&group.name)) {
        stay_on(Processor::Last);
        let results = (group.run)(scale);
        results.rows.iter().for_each(|row| print!("{}", report::line(row)));
        found.extend(results.rows);
        charts.extend(results.charts);
        // After each group: a run that is cut short, or fails in a later row, keeps what it has.
        if let Some(folder) = &folder {
            report::write(folder, &place, &found, &charts).unwrap();
        }
    }
}
