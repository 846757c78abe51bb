//! What a structure of names is asked, and the clock beside it.

use std::hint::black_box;
use std::time::Duration;

use inval::domain::name::NameList;
use rustix::time::{ClockId, clock_gettime};

use crate::counting::live_bytes;
use crate::support::{Shape, mix, shuffle};

/// A set of names with ids, walked by prefix.
pub trait Structure: Default {
    const NAME: &str;
    /// Whether it also gives the name of an id, as the index must; else that comes on top.
    const NAME_BY_ID: bool;
    /// Whether the name was taken in; `false` for one that is there or that it refuses.
    fn insert(&mut self, name: &[u8], id: u32) -> bool;
    fn find(&mut self, name: &[u8]) -> Option<u32>;
    fn remove(&mut self, name: &[u8]) -> bool;
    fn walk(&mut self, prefix: &[u8], visit: impl FnMut(u32, &[u8]));
}

/// Runs of which the median counts.
const ROUNDS: usize = 3;

/// One of so many names is found and removed in a round, and as many are inserted.
const NEWCOMERS: usize = 50;

/// Prefixes walked in a round at most.
const WALKS: usize = 100;

/// A round of walks ends after this: one walk may take milliseconds.
const WALK_TIME: Duration = Duration::from_millis(300);

/// Nanoseconds an operation, and the memory.
pub struct Figures {
    pub build: f64,
    pub insert: f64,
    pub find: f64,
    pub remove: f64,
    pub walk: f64,
    pub bytes: f64,
    pub stall_us: f64,
}

pub fn measure<S: Structure>(shape: Shape, count: u64) -> Figures {
    // One list in random order: the first are in the structure, the rest come later.
    let some = count as usize / NEWCOMERS;
    let all = shape.shuffled(0..count + (ROUNDS * some) as u64);
    let names: NameList = all.iter().take(count as usize).collect();
    let stall_us = longest_insert::<S>(&names);
    let mut built = S::default();
    let mut bytes = 0.0;
    let build = median(|_| {
        built = S::default();
        let before = live_bytes();
        let taken = timed(names.len(), || insert_all(&mut built, &names));
        bytes = (live_bytes() - before) as f64 / count as f64;
        taken
    });
    check_walk(&mut built, shape, count, &names);
    let walk = median(|round| walk_some(&mut built, shape, count, round));
    let mut finds = vec![];
    let mut removals = vec![];
    let insert = median(|round| {
        // Each round finds and removes others, in an order that is not that of their coming.
        let at = |n: usize| names.get(n * NEWCOMERS + round);
        let mut order: Vec<usize> = (0..some).collect();
        shuffle(&mut order);
        let sample: NameList = order.into_iter().filter_map(at).collect();
        finds.push(timed(some, || {
            let found = sample.iter().filter(|name| built.find(name).is_some()).count();
            assert_eq!(found, some, "{} does not find its names", S::NAME);
        }));
        let from = count as usize + round * some;
        let newcomers: NameList = (from..from + some).filter_map(|at| all.get(at)).collect();
        let taken = timed(some, || insert_all(&mut built, &newcomers));
        removals.push(timed(some, || {
            let gone = sample.iter().filter(|name| built.remove(name)).count();
            assert_eq!(gone, some, "{} does not remove its names", S::NAME);
        }));
        taken
    });
    let find = median(|round| finds[round]);
    let remove = median(|round| removals[round]);
    Figures { build, insert, find, remove, walk, bytes, stall_us }
}

fn insert_all<S: Structure>(structure: &mut S, names: &NameList) {
    let taken = (0..).zip(names.iter()).filter(|(id, name)| structure.insert(name, *id)).count();
    assert_eq!(taken, names.len(), "{} refuses names", S::NAME);
}

/// The longest insert of all, in microseconds. Of several runs each insert counts with its
/// shortest time: what the structure does comes again at the same insert, what the machine
/// does beside it does not.
fn longest_insert<S: Structure>(names: &NameList) -> f64 {
    let mut shortest = vec![Duration::MAX; names.len()];
    for _ in 0..ROUNDS {
        let mut structure = S::default();
        let mut start = cpu_time();
        for ((id, name), shortest) in (0..).zip(names.iter()).zip(&mut shortest) {
            structure.insert(name, id);
            let end = cpu_time();
            *shortest = (end - start).min(*shortest);
            start = end;
        }
    }
    shortest.iter().max().unwrap().as_secs_f64() * 1e6
}

/// A walk must give the names that a naive scan gives.
fn check_walk<S: Structure>(structure: &mut S, shape: Shape, count: u64, names: &NameList) {
    for n in [0, count / 2] {
        let prefix = shape.prefix(n);
        let expected = names.iter().filter(|name| name.starts_with(&prefix)).count();
        let mut walked = 0;
        structure.walk(&prefix, |_, name| walked += usize::from(name.starts_with(&prefix)));
        assert_eq!(walked, expected, "{} walks other names", S::NAME);
    }
}

/// Nanoseconds a name. The first walk is not timed: it may pay for what inserts put off.
fn walk_some<S: Structure>(structure: &mut S, shape: Shape, count: u64, round: usize) -> f64 {
    structure.walk(&shape.prefix(0), |_, _| {});
    let prefixes = (0..WALKS as u64).map(|at| shape.prefix(mix(at + 1000 * round as u64) % count));
    let prefixes: Vec<Vec<u8>> = prefixes.collect();
    let (mut walked, mut sum) = (0, 0);
    let start = cpu_time();
    for prefix in prefixes {
        structure.walk(&prefix, |id, name| {
            walked += 1;
            sum += id as usize + name.len() + name[name.len() - 1] as usize;
        });
        if cpu_time() - start > WALK_TIME {
            break;
        }
    }
    black_box(sum);
    (cpu_time() - start).as_secs_f64() * 1e9 / walked as f64
}

/// Time that this thread has computed: others on the machine do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Nanoseconds for each of `count`.
pub fn timed(count: usize, act: impl FnOnce()) -> f64 {
    let start = cpu_time();
    act();
    (cpu_time() - start).as_secs_f64() * 1e9 / count as f64
}

/// The median of several rounds.
pub fn median(round: impl FnMut(usize) -> f64) -> f64 {
    let mut figures: Vec<f64> = (0..ROUNDS).map(round).collect();
    figures.sort_by(f64::total_cmp);
    figures[ROUNDS / 2]
}
