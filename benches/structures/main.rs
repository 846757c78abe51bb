//! The comparison by which the index of names and the set of standing patterns were chosen.
//!
//! `make structures` runs it at 1,000,000 names and writes the tables into docs/structures.md.
//! Each structure is measured in a process of its own, so that none inherits the heap of another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

// With the module's feature, memory comes from a server, and here is none.
#[cfg(not(feature = "module"))]
mod counting;
#[cfg(not(feature = "module"))]
mod crates_io;
#[cfg(not(feature = "module"))]
mod measure;
#[cfg(not(feature = "module"))]
mod own;
#[cfg(not(feature = "module"))]
mod patterns;
#[cfg(not(feature = "module"))]
mod report;
#[cfg(not(feature = "module"))]
mod segments;
#[cfg(not(feature = "module"))]
mod sorted_runs;
#[cfg(not(feature = "module"))]
#[path = "../support/mod.rs"]
mod support;

#[cfg(not(feature = "module"))]
fn main() {
    report::main();
}

#[cfg(feature = "module")]
fn main() {
    eprintln!("this bench runs without the module: make structures");
    std::process::exit(2);
}
