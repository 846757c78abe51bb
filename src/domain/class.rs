//! A class: a family of keys, by the shape of their names, that live equally long.

use super::glob::Glob;

/// Longest time of a class, in milliseconds: a time to live and a grace, added to the clock,
/// stay a number for the server.
pub const TIME_MAX_MS: u64 = (1 << 61) - 1;

/// Milliseconds of a second.
pub const SECOND_MS: u64 = 1000;

/// Most that a time to live may be shortened, in percent.
pub const JITTER_MAX_PERCENT: u8 = 100;

/// Largest factor of early refresh. 1 is the best by the paper; with more than this, most reads
/// would compute anew for long before the time is up.
pub const EARLY_MAX: u32 = 100;

/// A value of this type is valid: its globs parse, its numbers are in their ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Unique; also the key of its statistics.
    pub name: String,
    /// The keys that belong to it; at least one glob.
    pub globs: Vec<Glob>,
    /// How long a value lives, at most; for ever when absent.
    pub ttl_ms: Option<u64>,
    /// By how much of it a time to live is shortened, at most, in percent.
    pub jitter_percent: u8,
    /// How long a value is served when it is stale, while one client refreshes it; 0 for not.
    pub grace_ms: u64,
    /// The factor of early refresh, see [`is_refresh_due`]; none when absent.
    pub early: Option<f64>,
    /// Free text.
    pub description: String,
}

impl Class {
    /// How long a value lives at most, as it is written: in seconds.
    pub fn ttl_seconds(&self) -> Option<u64> {
        self.ttl_ms.map(|ms| ms / SECOND_MS)
    }

    /// How long a value lives: the time to live, shortened at random, so that what was stored
    /// together does not go together. Never longer: the time to live is the longest that a user
    /// accepts. `random` is any number, each as likely.
    pub fn ttl_ms(&self, random: u64) -> Option<u64> {
        let ttl = self.ttl_ms?;
        let most = u128::from(ttl) * u128::from(self.jitter_percent) / 100;
        // From 0 to `most`, each as likely as 2^64 numbers can be shared out.
        let less = (u128::from(random) * (most + 1)) >> u64::BITS;
        let less = u64::try_from(less).unwrap_or(ttl);
        Some(ttl.saturating_sub(less).max(1))
    }
}

/// Whether this reader is to compute the value anew before its time is up: the nearer the end
/// and the longer it takes, the likelier, so that one reader does it in good time and not all
/// at the end.
///
/// That is `XFetch` of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache
/// Stampede Prevention", PVLDB 8(8), 2015: with `u` even in (0, 1], whether
/// `now - computed * beta * ln(u) >= stale_from`. `computed_ms` is how long it took last time;
/// `random` is any number, each as likely.
pub fn is_refresh_due(
    beta: f64,
    computed_ms: u64,
    now_ms: u64,
    stale_from_ms: u64,
    random: u64,
) -> bool {
    /// Bits that a float holds exactly.
    const BITS: u32 = 53;
    let left = stale_from_ms.saturating_sub(now_ms);
    let steps = (1_u64 << BITS) as f64;
    let u = ((random >> (u64::BITS - BITS)) + 1) as f64 / steps;
    -(computed_ms as f64) * beta * u.ln() >= left as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn class(ttl_ms: Option<u64>, jitter_percent: u8) -> Class {
        let name = "c".to_owned();
        let globs = vec![Glob::parse(b"*").unwrap()];
        let description = String::new();
        Class { name, globs, ttl_ms, jitter_percent, grace_ms: 0, early: None, description }
    }

    #[test]
    fn a_time_to_live_is_shortened_evenly() {
        assert_eq!(class(None, 50).ttl_ms(7), None);
        let lives = |jitter, random| class(Some(1000), jitter).ttl_ms(random).unwrap();
        assert_eq!((lives(0, 0), lives(0, u64::MAX)), (1000, 1000));
        assert_eq!((lives(10, 0), lives(10, u64::MAX)), (1000, 900));
        assert_eq!((lives(10, u64::MAX / 2), lives(10, u64::MAX / 4)), (950, 975));
        assert_eq!((lives(100, u64::MAX), lives(100, u64::MAX - (1 << 50))), (1, 1));
        assert_eq!(class(Some(1), 100).ttl_ms(u64::MAX), Some(1));
        assert_eq!(class(Some(TIME_MAX_MS), 100).ttl_ms(0), Some(TIME_MAX_MS));
        // Ten parts of the range, a thousand draws from each part of the numbers.
        let mut parts = [0; 10];
        for at in 0..10_000_u64 {
            let random = at * (u64::MAX / 10_000);
            parts[(1000 - lives(100, random)) as usize / 100] += 1;
        }
        assert!(parts.iter().all(|count| (990..=1020).contains(count)), "{parts:?}");
    }

    #[test]
    fn the_nearer_the_end_and_the_slower_the_likelier_is_a_refresh() {
        // How many of 1,000 readers refresh.
        let of = |beta, computed, left: u64| {
            let draws = (0..1000).map(|at| at * (u64::MAX / 1000));
            draws
                .filter(|random| is_refresh_due(beta, computed, 5000, 5000 + left, *random))
                .count()
        };
        // e^-1, e^-2 and e^-10 of them.
        assert_eq!((of(1.0, 100, 100), of(1.0, 100, 200), of(1.0, 100, 1000)), (368, 136, 1));
        assert_eq!((of(2.0, 100, 200), of(1.0, 200, 200), of(0.5, 100, 100)), (368, 368, 136));
        assert_eq!((of(1.0, 100, 0), of(1.0, 0, 0), of(1.0, 0, 1)), (1000, 1000, 0));
        assert!(is_refresh_due(1.0, 0, 6000, 5000, u64::MAX));
    }

    proptest! {
        #[test]
        fn never_longer_than_its_time_and_never_nothing(ttl in 1..=TIME_MAX_MS, jitter in 0..=100_u8, random: u64) {
            let lives = class(Some(ttl), jitter).ttl_ms(random).unwrap();
            prop_assert!(lives >= 1 && lives <= ttl);
            let least = u128::from(ttl) * u128::from(100 - jitter) / 100;
            prop_assert!(u128::from(lives) >= least, "{} of {}", lives, ttl);
        }

        #[test]
        fn who_refreshes_does_so_later_too(beta in 0.01..100.0, computed in 0..1_u64 << 40, now in 0..1_u64 << 50, left in 0..1_u64 << 40, later in 0..1_u64 << 40, random: u64) {
            let at = |now| is_refresh_due(beta, computed, now, (1 << 50) + left, random);
            prop_assert!(!at(now) || at(now + later));
            prop_assert!(is_refresh_due(beta, computed, now, now.saturating_sub(left), random));
            // A higher number of the two is a later refresh.
            let lower = is_refresh_due(beta, computed, now, now + left, random / 2);
            prop_assert!(lower || !is_refresh_due(beta, computed, now, now + left, random));
        }
    }
}
