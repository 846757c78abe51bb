//! The index of names by size, and the tags of keys.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput};
use inval::domain::name::NameList;
use inval::domain::tag_store::TagStore;

use crate::support::{Index, Shape, mix};

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Names that come to a full table and leave it, at most. More than the table may put off.
const NEWCOMERS: u64 = 20_000;

/// Different names looked for, and prefixes walked, so that the processor's caches do not hold
/// what a larger table would have outside.
const SAMPLE: usize = 10_000;

pub fn benches(criterion: &mut Criterion) {
    for size in SIZES {
        names(criterion, Shape::Product, "product", size);
        names(criterion, Shape::Uuid, "uuid", size);
    }
    tags(criterion);
}

fn names(criterion: &mut Criterion, shape: Shape, label: &str, size: u64) {
    let newcomers = (size / 10).min(NEWCOMERS);
    // One list in random order, so that newcomers fall between the names that are there.
    let all = shape.shuffled(0..size + newcomers);
    let mut index = Index::default();
    for name in all.iter().take(size as usize) {
        index.keys().insert(name);
    }
    // In another order than they came in: neighbours in memory are no help.
    let random = |at: usize| all.get(mix(at as u64) as usize % size as usize);
    let known: NameList = (0..SAMPLE).filter_map(random).collect();
    let later: NameList = all.iter().skip(size as usize).collect();

    let mut group = criterion.benchmark_group("index");
    let id = |act: &str| BenchmarkId::new(format!("{act}, {label}"), size);
    for (act, names) in [("find", &known), ("find, missing", &later)] {
        let mut turn = (0..names.len()).cycle();
        group.bench_function(id(act), |bench| {
            bench.iter(|| index.keys().find(turn.next().and_then(|at| names.get(at)).unwrap()));
        });
    }
    let insert = |index: &mut Index, at: usize| {
        index.keys().insert(later.get(at).unwrap());
    };
    let remove = |index: &mut Index, at: usize| {
        index.keys().remove(later.get(at).unwrap());
    };
    group.bench_function(id("insert"), |bench| {
        to_and_fro(bench, later.len(), &mut index, insert, remove);
    });
    (0..later.len()).for_each(|at| insert(&mut index, at));
    group.bench_function(id("remove"), |bench| {
        to_and_fro(bench, later.len(), &mut index, remove, insert);
    });
    if shape == Shape::Product {
        let prefixes: Vec<Vec<u8>> = (0..100).map(|at| shape.prefix(mix(at) % size)).collect();
        let mut turn = prefixes.iter().cycle();
        group.throughput(Throughput::Elements(1000));
        group.bench_function(id("walk 1,000"), |bench| {
            bench.iter(|| index.walk(turn.next().unwrap()));
        });
    }
    group.finish();
}

/// Keys that carry tags.
const TAGGED: u32 = 100_000;

/// Keys that a tag has, about.
const TAG_KEYS: u32 = 1_000;

fn tags(criterion: &mut Criterion) {
    let tags: Vec<Vec<u8>> =
        (0..TAGGED / TAG_KEYS).map(|n| format!("category:{n}").into_bytes()).collect();
    let three = |key: usize| (0..3).map(move |nth| mix(key as u64 * 3 + nth) as usize);
    let add = |store: &mut TagStore, key: usize| {
        for at in three(key) {
            store.add(key as u32, &tags[at % tags.len()]);
        }
    };
    let mut store = TagStore::default();
    (0..TAGGED as usize).for_each(|key| add(&mut store, key));

    // Keys beside those that stay tagged come and go.
    let from = TAGGED as usize;
    let mut group = criterion.benchmark_group("tags");
    let add_later = |store: &mut TagStore, at: usize| add(store, from + at);
    let clear_later = |store: &mut TagStore, at: usize| store.clear((from + at) as u32);
    group.bench_function("add 3 to a key", |bench| {
        to_and_fro(bench, SAMPLE, &mut store, add_later, clear_later);
    });
    (0..SAMPLE).for_each(|at| add_later(&mut store, at));
    group.bench_function("clear a key of 3", |bench| {
        to_and_fro(bench, SAMPLE, &mut store, clear_later, add_later);
    });
    group.bench_function("find", |bench| bench.iter(|| store.find(black_box(&tags[7]))));
    group.finish();
}

/// Times `act` on 0, 1, ... `count`; then, untimed, undoes them all and starts again.
fn to_and_fro<T>(
    bench: &mut Bencher<'_>,
    count: usize,
    target: &mut T,
    act: impl Fn(&mut T, usize),
    undo: impl Fn(&mut T, usize),
) {
    let mut done = 0;
    bench.iter_custom(|iterations| {
        let mut left = iterations as usize;
        let mut time = Duration::ZERO;
        while left > 0 {
            if done == count {
                (0..done).for_each(|at| undo(target, at));
                done = 0;
            }
            let to = count.min(done + left);
            let start = Instant::now();
            (done..to).for_each(|at| act(target, at));
            time += start.elapsed();
            left -= to - done;
            done = to;
        }
        time
    });
    (0..done).for_each(|at| undo(target, at));
}
