//! A race hunt. Writers change a truth, say so, and tell when that was acknowledged; readers
//! compute values slowly and store them; whoever reads knows which version was acknowledged
//! before, and counts what is older. Eight clients, which are killed at random.
//!
//! `make test` hunts a moment in each mode, `make race` for `RACE_MINUTES` (5) in all of them.

#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod clients;
mod modes;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{env, thread};

use clients::{Client, Counts, Race, Truth, count};
use modes::{Mode, RULES, Softness};
use support::world::Dice;
use support::{Server, eventually};

const WRITERS: usize = 2;
const READERS: usize = 5;
/// Together with one observer: eight.
const CLIENTS: usize = WRITERS + READERS + 1;
/// Between two clients that are killed, in milliseconds.
const KILL_MS: u64 = 15;
/// A hunt of `make test`. It goes on until it has seen what it looks for.
const SHORT: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn by_name() {
    hunt(&modes::NAME, SHORT);
}

#[test]
fn by_tag() {
    hunt(&modes::TAG, SHORT);
}

#[test]
fn by_pattern() {
    hunt(&modes::PATTERN, SHORT);
}

#[test]
fn by_event() {
    hunt(&modes::EVENT, SHORT);
}

#[test]
fn soft() {
    hunt(&modes::SOFT, SHORT);
}

#[test]
fn in_the_background() {
    hunt(&modes::ASYNC, SHORT);
}

/// Proves that the harness can see what it hunts.
#[test]
fn get_and_set_race() {
    hunt(&modes::PLAIN, SHORT);
}

#[test]
#[ignore = "takes long: make race"]
fn a_long_hunt() {
    let minutes = env::var("INVAL_RACE_MINUTES").map_or(5, |text| text.parse().expect("a number"));
    let each = Duration::from_secs(minutes * 60) / modes::ALL.len() as u32;
    modes::ALL.iter().for_each(|mode| hunt(mode, each));
}

/// Hunts in one mode, and tells what was seen.
fn hunt(mode: &Mode, time: Duration) {
    let seed = env::var("INVAL_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(u64::from(std::process::id()) << 32 | 0x9e37_79b9);
    // Tokens of readers that died are inherited soon; a job deletes one key a slice.
    let mut server = Server::with_args(&["token-ttl", "100", "async-slice-us", "1"]);
    let mut client = server.client();
    RULES.iter().for_each(|rule| drop(client.run(&format!("INVAL.RULE ADD {rule}"))));
    let race = Race {
        mode,
        port: server.port,
        truth: Truth::default(),
        counts: Counts::default(),
        is_over: AtomicBool::new(false),
    };
    let ids: [AtomicI64; CLIENTS] = std::array::from_fn(|_| AtomicI64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        // A panic below ends the clients, too.
        let _over = Over(&race.is_over);
        let start = |(at, id)| {
            let mut client = Client::new(&race, id, Dice(seed.wrapping_add((at as u64) << 8)));
            let race = &race;
            scope.spawn(move || {
                while !race.is_over.load(SeqCst) {
                    match at {
                        0..WRITERS => client.write(),
                        WRITERS => client.observe(),
                        _ => client.read(),
                    }
                }
            })
        };
        let clients: Vec<_> = ids.iter().enumerate().map(start).collect();
        let mut dice = Dice(seed);
        while began.elapsed() < time || !race.has_seen_enough() {
            assert!(
                began.elapsed() < time + PATIENCE,
                "{}: not enough: {}",
                mode.name,
                race.told()
            );
            thread::sleep(Duration::from_millis(dice.roll(2 * KILL_MS)));
            assert!(!clients.iter().any(|client| client.is_finished()), "a client failed");
            let id = ids[dice.roll(CLIENTS as u64) as usize].load(SeqCst);
            if client.try_run(&format!("CLIENT KILL ID {id}")).is_ok() {
                count(&race.counts.kills);
            }
        }
    });
    println!("{}, INVAL_SEED={seed}", race.told());
    let stale = race.counts.stale.load(SeqCst);
    assert_eq!(stale > 0, mode.plain, "{stale} stale reads after the acknowledgement");
    eventually("the jobs end", || client.info("jobs") == 0);
    client.run("INVAL.PURGE PREFIX hot:");
    client.run("INVAL.CHECK");
    client.assert_sound();
    server.assert_well();
}

impl Race<'_> {
    /// Whether all happened that makes the hunt one.
    fn has_seen_enough(&self) -> bool {
        let counts = &self.counts;
        let seen = |counter: &AtomicU64| counter.load(SeqCst) > 0;
        let always = [&counts.hits, &counts.fills, &counts.events, &counts.kills];
        if !self.mode.plain && seen(&counts.stale) {
            return true;
        }
        always.into_iter().all(seen)
            && match self.mode.plain {
                true => seen(&counts.stale),
                false => seen(&counts.refused),
            }
            && match self.mode.option {
                Softness::Hard => true,
                Softness::Soft => seen(&counts.marked) && seen(&counts.early),
                Softness::Async => seen(&counts.early),
            }
    }

    fn told(&self) -> String {
        let counts = &self.counts;
        let figures = [
            ("reads", &counts.reads),
            ("hits", &counts.hits),
            ("fills", &counts.fills),
            ("refused", &counts.refused),
            ("late", &counts.late),
            ("events", &counts.events),
            ("killed", &counts.kills),
            ("marked", &counts.marked),
            ("old by GET in time", &counts.early),
            ("STALE", &counts.stale),
        ];
        let told = figures.map(|(name, counter)| format!("{} {name}", counter.load(SeqCst)));
        format!("{}: {}", self.mode.name, told.join(", "))
    }
}

/// Tells the clients to stop when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
