//! A server under mixed load for a long time: its memory stays flat, what it knows stays right,
//! and when all keys are gone it weighs what a new server weighs.
//!
//! `make soak` runs it for `SOAK_MINUTES` (30) at a fixed rate; `make test` runs a small one. The
//! number of keys is held level, so that memory can be compared: from early to late in the run,
//! with a new server that loaded the same data, and with a new server without data.

#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod gauges;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use gauges::{Sample, growth_percent, median};
use redis::Value;
use support::process::{fresh_dir, with_module};
use support::{Client, Server, field, module_path, text};
use traffic::{Ground, RULES, Traffic, is_answer};

/// Connections at a time.
const CLIENTS: usize = 4;
/// Keys of a long soak.
const KEYS: u64 = 200_000;
/// Commands a second of a long soak, over all connections: 30 minutes make 4.1 million.
const RATE: u64 = 2300;
/// Commands for each key, as fast as they go, before anything is judged: until then keys are
/// younger, and have fewer tags, than they will have.
const WARM_UP: u64 = 4;
/// Looks at the server during a soak.
const SAMPLES: u64 = 500;
/// Between two looks at the number of keys, in milliseconds.
const LOOK_MS: u64 = 20;
/// A command that is not answered for so long is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two lines of progress, each with an `INVAL.CHECK`, in seconds.
const PROGRESS_S: u64 = 60;
/// Bytes and edges for each key may grow by so many percent from the second tenth to the last.
/// The mix is random, and tables grow in steps.
const TREND_MAX_PERCENT: f64 = 3.0;
/// Bytes for each key may be so many percent more than after a load of the same data, which
/// leaves no gaps and tables of just the right size.
const LOADED_MAX_PERCENT: f64 = 10.0;
/// Beside that, bytes that do not grow with the keys: the server's table of keys before it
/// shrinks, its Lua interpreter once it has run, a half-empty block of names in each database.
const LOADED_FREE_BYTES: f64 = 512.0 * 1024.0;
/// Bytes without keys may be so many percent more than those of a new server.
const EMPTY_MAX_PERCENT: f64 = 5.0;
/// Events that are counted each on their own: their rows are made before, and do not count.
const COUNTED_EVENTS: u64 = 1000;

/// What is judged of a sample.
type Figure<'a> = &'a dyn Fn(&Sample) -> f64;

/// How much of it.
struct Soak {
    keys: u64,
    operations: u64,
    /// Commands a second; as fast as they go when absent.
    rate: Option<u64>,
}

#[test]
fn a_short_soak_leaves_nothing_behind() {
    Soak { keys: 5000, operations: 20_000, rate: None }.run();
}

#[test]
#[ignore = "takes long: make soak"]
fn a_long_soak_is_flat() {
    let minutes = env::var("INVAL_SOAK_MINUTES").map_or(30, |text| text.parse().expect("a number"));
    let soak = Soak { keys: KEYS, operations: minutes * 60 * RATE, rate: Some(RATE) };
    let (empty, samples) = soak.run();
    let tenth = samples.len() / 10;
    let (early, late) = (&samples[tenth..2 * tenth], &samples[samples.len() - tenth..]);
    let figures: [(&str, Figure); 3] = [
        ("bytes a key", &|sample| sample.bytes_per_key(&empty)),
        ("bytes of the index a key", &Sample::index_bytes_per_key),
        ("edges a key", &|sample| sample.edges as f64 / sample.keys as f64),
    ];
    let grown = figures.map(|(what, figure)| {
        let (early, late) = (median(early, figure), median(late, figure));
        let growth = growth_percent(early, late);
        println!("{what}: {early:.2} in the second tenth, {late:.2} in the last: {growth:+.2} %");
        (what, growth)
    });
    for (what, growth) in grown {
        assert!(growth <= TREND_MAX_PERCENT, "{what}: not flat, {growth:+.2} %");
    }
}

impl Soak {
    /// Runs it, and judges all but the trend. Gives the server without keys, and the looks.
    fn run(&self) -> (Sample, Vec<Sample>) {
        let seed = env::var("INVAL_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(u64::from(std::process::id()) << 32 | 0x9e37_79b9);
        println!("INVAL_SEED={seed}");
        // Few warm entries are kept: the stream is full before anything is judged. The server's
        // own histogram for each command, made when it first runs, would look like a leak.
        let args = ["warm-maxlen", "500", "--latency-tracking", "no"];
        let server = Server::with_args(&args);
        let mut client = server.client();
        for rule in RULES {
            client.run(&format!("INVAL.RULE ADD {rule}"));
        }
        (0..COUNTED_EVENTS).for_each(|at| drop(client.run(&format!("INVAL.EVENT first:{at}"))));
        let empty = Sample::of(&mut client);
        let probe = client.try_run("INVAL.PURGE PREFIX none: ASYNC");
        let ground = Ground {
            goal: self.keys,
            live: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
            is_filling: AtomicBool::new(true),
            has_async: probe.as_ref().is_ok_and(|reply| format!("{reply:?}").contains("job")),
        };
        println!("ASYNC: {}", if ground.has_async { "yes" } else { "this module has none" });

        let mut load = Load {
            server: &server,
            ground: &ground,
            traffic: (0..CLIENTS as u64)
                .map(|of| Traffic::new(of as usize, seed.wrapping_add(of << 8), &ground))
                .collect(),
        };
        load.drive(u64::MAX, None, &mut |_, now| now.keys < self.keys);
        ground.is_filling.store(false, Ordering::Relaxed);
        load.drive(WARM_UP * self.keys, None, &mut |_, _| true);
        println!("warmed up: {}", Sample::of(&mut client));
        let mut samples: Vec<Sample> = vec![];
        let mut told = Instant::now();
        load.drive(self.operations, self.rate, &mut |done, now| {
            if done * SAMPLES >= samples.len() as u64 * self.operations {
                samples.push(now);
            }
            if told.elapsed() >= Duration::from_secs(PROGRESS_S) {
                told = Instant::now();
                println!("{done} commands; {now}; bytes a key: {:.1}", now.bytes_per_key(&empty));
                assert_right(&mut client);
            }
            true
        });
        assert_right(&mut client);
        // What is remembered of invalidations is bounded, and larger than this keyspace.
        for line in
            ["INVAL.STATS RESET", "CONFIG SET inval.why-ring 0", "CONFIG SET inval.log-max-len 0"]
        {
            client.run(line);
        }
        self.compare_with_a_load(&server, &mut client, &args);
        self.compare_with_a_new_server(&mut client, &args);
        assert_right(&mut client);
        (empty, samples)
    }

    /// A server that loads the data of this one weighs about the same.
    fn compare_with_a_load(&self, server: &Server, client: &mut Client, args: &[&str]) {
        client.run("SAVE");
        let dir = fresh_dir();
        fs::copy(server.dir.join("dump.rdb"), dir.join("dump.rdb")).unwrap();
        let module = module_path();
        let module = with_module(module.to_str().unwrap(), args);
        let loaded = Server::start_in(&dir, &module).unwrap();
        let mut loaded = loaded.client();
        settles("bytes a key, and after a load of the same", LOADED_MAX_PERCENT, || {
            let [ours, its] = [&mut *client, &mut loaded].map(Sample::of);
            let none = Sample::default();
            let free = LOADED_FREE_BYTES / ours.keys.max(1) as f64;
            (its.bytes_per_key(&none) + free, ours.bytes_per_key(&none))
        });
        assert_right(&mut loaded);
    }

    /// Without keys nothing is left but the rules: a new server with these weighs the same.
    fn compare_with_a_new_server(&self, client: &mut Client, args: &[&str]) {
        let new = Server::with_args(args);
        let mut new = new.client();
        let rules = text(&client.run("INVAL.RULE DUMP"));
        new.call(&[b"INVAL.RULE", b"LOAD", rules.as_bytes(), b"REPLACE"]).unwrap();
        for line in ["FLUSHALL", "SLOWLOG RESET", "SCRIPT FLUSH", "INVAL.STATS RESET"] {
            client.run(line);
            new.run(line);
        }
        settles("bytes without keys, and of a new server", EMPTY_MAX_PERCENT, || {
            let [ours, its] = [&mut *client, &mut new].map(Sample::of);
            assert_eq!((ours.keys, ours.edges, ours.index), (0, 0, its.index));
            (its.used as f64, ours.used as f64)
        });
    }
}

/// Waits until a figure is hardly more than the one it is compared with: what was freed is
/// given back from time to time.
fn settles(what: &str, percent: f64, mut look: impl FnMut() -> (f64, f64)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (expected, found) = look();
        let growth = growth_percent(expected, found);
        if growth <= percent {
            return println!("{what}: {found:.1}, {expected:.1}: {growth:+.2} %");
        }
        assert!(Instant::now() < deadline, "{what}: {found}, {expected}: {growth:+.2} %");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The checks of the module's own books.
const OWN_CHECKS: [&str; 6] =
    ["index", "drift_missed", "drift_dead", "deferred", "copies_forgotten", "warm_refused"];

/// Keyspace and state agree, and all is well.
fn assert_right(client: &mut Client) {
    client.run("INVAL.CHECK");
    let health = client.run("INVAL.HEALTH");
    let Value::Array(rows) = field(&health, "checks") else { panic!("{health:?}") };
    // Traffic like this is a storm: what has thresholds does not count here.
    for row in rows.iter().filter(|row| OWN_CHECKS.contains(&&*text(field(row, "check")))) {
        assert_eq!(text(field(row, "status")), "healthy", "{row:?}");
    }
    for field in ["changes_deferred", "dead_names", "panics_caught", "state_suspect"] {
        assert_eq!(client.info(field), 0, "{field}");
    }
}

/// The clients and what they work on.
struct Load<'a> {
    server: &'a Server,
    ground: &'a Ground,
    traffic: Vec<Traffic<'a>>,
}

impl Load<'_> {
    /// Sends commands until there were enough, or `look`, which is shown the server from time to
    /// time, wants no more.
    fn drive(
        &mut self,
        operations: u64,
        rate: Option<u64>,
        look: &mut dyn FnMut(u64, Sample) -> bool,
    ) {
        let (done, stopped) = (&AtomicU64::new(0), &AtomicBool::new(false));
        let pause = rate.map(|rate| Duration::from_secs(CLIENTS as u64).div_f64(rate as f64));
        thread::scope(|scope| {
            // A panic below ends the clients, too.
            let _end = Stop(stopped);
            let mut clients = vec![];
            for traffic in &mut self.traffic {
                let mut client = self.server.client();
                client.0.set_read_timeout(Some(PATIENCE)).unwrap();
                clients.push(scope.spawn(move || {
                    let mut due = Instant::now();
                    while !stopped.load(Ordering::Relaxed) {
                        for line in traffic.draw() {
                            if let Err(error) = client.try_run(&line) {
                                assert!(is_answer(&error), "{line}: {error}");
                            }
                            done.fetch_add(1, Ordering::Relaxed);
                            due += pause.unwrap_or_default();
                        }
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                }));
            }
            let mut client = self.server.client();
            loop {
                let now = Sample::of(&mut client);
                self.ground.live.store(now.keys, Ordering::Relaxed);
                let count = done.load(Ordering::Relaxed);
                let failed = clients.iter().any(|client| client.is_finished());
                if !look(count, now) || count >= operations || failed {
                    break;
                }
                thread::sleep(Duration::from_millis(LOOK_MS));
            }
        });
    }
}

/// Tells the clients to stop when it goes.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
