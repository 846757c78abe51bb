//! Micro-benchmarks of the core. `make micro` runs them all in a few minutes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic")]

// With the module's feature, memory comes from a server, and here is none.
#[cfg(not(feature = "module"))]
mod events;
#[cfg(not(feature = "module"))]
mod index;
#[cfg(not(feature = "module"))]
mod matching;
#[cfg(not(feature = "module"))]
#[path = "../support/mod.rs"]
mod support;

#[cfg(not(feature = "module"))]
fn main() {
    use std::time::Duration;
    let mut criterion = criterion::Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1000))
        .sample_size(20)
        .configure_from_args();
    matching::benches(&mut criterion);
    index::benches(&mut criterion);
    events::benches(&mut criterion);
    criterion.final_summary();
}

#[cfg(feature = "module")]
fn main() {
    eprintln!("this bench runs without the module: make micro");
    std::process::exit(2);
}
