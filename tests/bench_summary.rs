//! The arithmetic of `make bench`, whose own program cargo does not test.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and uses a part"
)]

#[path = "../benches/server/names.rs"]
mod names;
#[path = "../benches/server/summary.rs"]
mod summary;

use std::collections::HashSet;

use summary::{Summary, percentile, ratios};

#[test]
fn the_median_is_the_middle_or_between_the_two_middles() {
    let rows: [(&[f64], [f64; 5]); 6] = [
        (&[], [0.0, 0.0, 0.0, 0.0, 0.0]),
        (&[3.0], [3.0, 3.0, 3.0, 3.0, 3.0]),
        (&[9.0, 1.0, 2.0], [2.0, 1.0, 9.0, 1.0, 9.0]),
        (&[4.0, 1.0, 2.0, 100.0], [3.0, 1.0, 100.0, 1.0, 100.0]),
        (&[5.0, 4.0, 3.0, 2.0, 1.0], [3.0, 2.0, 4.0, 1.0, 5.0]),
        (&[9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], [5.0, 3.0, 7.0, 1.0, 9.0]),
    ];
    for (values, [median, low, high, min, max]) in rows {
        assert_eq!(Summary::of(values), Summary { median, low, high, min, max }, "{values:?}");
    }
}

#[test]
fn a_ratio_is_of_one_round() {
    // The machine was slow in the second round, for both.
    let ratios = ratios(&[2.0, 20.0, 2.2], &[1.0, 10.0, 1.0]);
    assert_eq!(ratios, [2.0, 2.0, 2.2]);
    assert!((Summary::of(&ratios).times(10.0).median - 20.0).abs() < 1e-9);
}

#[test]
fn a_percentile_is_a_value_that_was_seen() {
    let hundred: Vec<u64> = (1..=100).collect();
    let rows: [(&[u64], f64, u64); 7] = [
        (&[], 50.0, 0),
        (&[7], 99.9, 7),
        (&[1, 2], 50.0, 1),
        (&hundred, 50.0, 50),
        (&hundred, 99.0, 99),
        (&hundred, 99.9, 100),
        (&hundred, 100.0, 100),
    ];
    for (sorted, percent, expected) in rows {
        assert_eq!(percentile(sorted, percent), expected, "{percent} of {}", sorted.len());
    }
}

#[test]
fn names_are_32_bytes_and_none_comes_twice() {
    for count in [1, 10, 1_000, 100_000] {
        let places: HashSet<usize> = (0..count).map(|at| names::scattered(at, count)).collect();
        assert_eq!(places.len(), count);
        let items: HashSet<Vec<u8>> = (0..count).map(names::item).collect();
        let pages: HashSet<Vec<u8>> = (0..count).map(|at| names::grouped("page:", 7, at)).collect();
        assert_eq!((items.len(), pages.len()), (count, count));
        assert!(items.iter().chain(&pages).all(|name| name.len() == 32));
    }
}
