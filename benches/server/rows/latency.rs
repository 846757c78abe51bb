//! What other clients feel while a million keys go.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Results, Scale, scan_and_unlink, size, unlink};
use crate::chart::{Chart, Line};
use crate::names::{item, scattered};
use crate::process::{Processor, Server, stay_on};
use crate::run::{Bar, Row, span, thousands};
use crate::summary::{Summary, percentile};
use crate::wire::{self, Connection, Reply};

/// A GET is sent each so often, whether the one before came back or not: a client that waits
/// with the server would leave out the very GETs that a stall hits.
const INTERVAL: Duration = Duration::from_micros(500);

/// How long one looks at a server that nobody purges.
const IDLE: Duration = Duration::from_secs(2);

/// Longest that a purge may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Keys that are read and never purged.
const READ: usize = 1_000;

/// Percentiles on the chart, by how many GETs one of them is the slowest of.
const PERCENTILES: [(f64, &str); 5] =
    [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1_000.0, "p99.9"), (10_000.0, "max")];

#[derive(Clone, Copy)]
enum Act {
    Idle,
    Sync,
    Async,
    ScanAndUnlink,
    Unlink,
}

const ACTS: [(Act, &str); 5] = [
    (Act::Idle, "no purge"),
    (Act::Async, "inval: purge ASYNC"),
    (Act::Sync, "inval: purge"),
    (Act::ScanAndUnlink, "SCAN + UNLINK"),
    (Act::Unlink, "one UNLINK"),
];

/// What was seen of one act: sorted nanoseconds of all rounds.
struct Seen {
    name: &'static str,
    act: Act,
    latencies: Vec<u64>,
    /// Nanoseconds of the purge itself, round by round.
    purges: Vec<f64>,
}

/// GETs beside purges of all the other keys.
pub fn latency(scale: Scale) -> Results {
    eprint!("latency ");
    let (module, plain) = (Server::with_module(), Server::plain());
    // Who measures a stall must not wait for the processor of whoever stalls.
    stay_on(Processor::Others);
    let names: Vec<Vec<u8>> = (0..scale.keys).map(|at| item(scattered(at, scale.keys))).collect();
    let read: Vec<Vec<u8>> = (0..READ).map(|at| format!("read:{at}").into_bytes()).collect();
    [&module, &plain].iter().for_each(|server| super::fill(&mut server.connect(), &read));
    let refusal = begin(&mut module.connect(), b"none").err();
    let mut seen: Vec<Seen> = ACTS
        .into_iter()
        .filter(|(act, _)| !matches!(act, Act::Async) || refusal.is_none())
        .map(|(act, name)| Seen { name, act, latencies: vec![], purges: vec![] })
        .collect();
    // A round takes seconds and gives thousands of GETs, so few rounds are enough.
    for _ in 0..scale.rounds.div_ceil(2) {
        for seen in &mut seen {
            let server = match seen.act {
                Act::Sync | Act::Async => &module,
                Act::Idle | Act::ScanAndUnlink | Act::Unlink => &plain,
            };
            let (latencies, purge) = observe(server, seen.act, &names, &read);
            seen.latencies.extend(latencies);
            seen.purges.push(purge);
        }
        eprint!(".");
    }
    eprintln!();
    seen.iter_mut().for_each(|seen| seen.latencies.sort_unstable());
    Results { rows: rows(scale, &seen, refusal), charts: vec![chart(scale, &seen)] }
}

/// Latencies of GETs from the start of the act to its end, and how long it took.
fn observe(server: &Server, act: Act, names: &[Vec<u8>], read: &[Vec<u8>]) -> (Vec<u64>, f64) {
    let mut connection = server.connect();
    if !matches!(act, Act::Idle) {
        let is_tagged = matches!(act, Act::Sync | Act::Async);
        connection.pipeline(names.len(), 1 + usize::from(is_tagged), |at, out| {
            wire::write(out, &[b"SET", &names[at], super::VALUE]);
            if is_tagged {
                wire::write(out, &[b"TAG.SET", &names[at], b"all"]);
            }
        });
    }
    let command = unlink(if matches!(act, Act::Unlink) { names } else { &[] });
    let (is_over, is_reading) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut reader = server.connect();
    thread::scope(|scope| {
        let gets = scope.spawn(|| gets(&mut reader, read, &is_over, &is_reading));
        while !is_reading.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let start = Instant::now();
        match act {
            Act::Idle => thread::sleep(IDLE),
            Act::Sync => drop(connection.run("INVAL.PURGE TAGS 1 all")),
            Act::Async => {
                let job = begin(&mut connection, b"all").unwrap();
                wait_until_gone(&mut connection, read.len(), &job, start);
            }
            Act::ScanAndUnlink => drop(scan_and_unlink(&mut connection, b"app:*")),
            Act::Unlink => drop(connection.ask(&command)),
        }
        let purge = start.elapsed().as_nanos() as f64;
        is_over.store(true, Ordering::Release);
        let latencies = gets.join().unwrap();
        assert_eq!(size(&mut connection), read.len(), "keys are left, or too many went");
        (latencies, purge)
    })
}

/// Begins to purge a tag; gives the job's id, or why the module does not do that.
fn begin(connection: &mut Connection, tag: &[u8]) -> Result<String, String> {
    let purge = wire::command(&[b"INVAL.PURGE", b"TAGS", b"1", tag, b"ASYNC"], []);
    match connection.ask(&purge) {
        Reply::Error(error) => Err(error),
        reply => reply.get("job").map(Reply::text).ok_or_else(|| "the reply has no job".to_owned()),
    }
}

/// Waits until the server has only the keys that are read, and the job says so too. The server
/// is asked as seldom as an operator would: a question is a stall of its own.
fn wait_until_gone(connection: &mut Connection, left: usize, job: &str, start: Instant) {
    let ask = wire::command(&[b"INVAL.JOBS", job.as_bytes()], []);
    loop {
        thread::sleep(Duration::from_millis(5));
        let is_gone = size(connection) <= left;
        let shown = connection.ask(&ask);
        // A job that is over may be shown as such, or no longer.
        if is_gone && shown.field("remaining").unwrap_or_default() == 0 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "the job never ends: {shown:?}");
    }
}

/// Asks for keys at a fixed rate, and in a second thread reads the replies. Nobody waits for a
/// reply before the next GET goes out: as many clients would, and not as one that the stall
/// itself keeps from asking.
fn gets(
    connection: &mut Connection,
    read: &[Vec<u8>],
    is_over: &AtomicBool,
    is_reading: &AtomicBool,
) -> Vec<u64> {
    let commands: Vec<Vec<u8>> =
        read.iter().map(|name| wire::command(&[b"GET", name], [])).collect();
    // The first ones of a connection are slow, and of nobody's purge.
    commands.iter().for_each(|command| drop(connection.ask(command)));
    let mut sender = connection.sender();
    let (sent, replies) = mpsc::channel::<Instant>();
    thread::scope(|scope| {
        scope.spawn(move || {
            is_reading.store(true, Ordering::Release);
            let mut due = Instant::now();
            for command in commands.iter().cycle() {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                sent.send(Instant::now()).unwrap();
                sender.write_all(command).unwrap();
                due += INTERVAL;
            }
        });
        let mut latencies = vec![];
        for sent in replies {
            connection.skip(1);
            latencies.push(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        latencies
    })
}

fn value(seen: &Seen, one_of: f64) -> u64 {
    match one_of >= 10_000.0 {
        true => seen.latencies.last().copied().unwrap_or_default(),
        false => percentile(&seen.latencies, 100.0 - 100.0 / one_of),
    }
}

fn rows(scale: Scale, seen: &[Seen], refusal: Option<String>) -> Vec<Row> {
    let bar = |act| if matches!(act, Act::Async) { Bar::AtMost(2.0) } else { Bar::None };
    let mut rows: Vec<Row> = seen
        .iter()
        .map(|seen| {
            let p99 = Summary::of(&[value(seen, 100.0) as f64 / 1e6]);
            let what = format!("p99 of a GET while {} keys go: {}", scale.keys, seen.name);
            let name = format!("latency: {}", seen.name);
            let shown: Vec<String> = PERCENTILES
                .iter()
                .map(|(one_of, name)| format!("{name} {}", span(value(seen, *one_of) as f64)))
                .collect();
            Row::figure(&name, &what, bar(seen.act), "ms", p99).note(&format!(
                "{}; {} GETs; it takes {}",
                shown.join(", "),
                seen.latencies.len(),
                span(Summary::of(&seen.purges).median)
            ))
        })
        .collect();
    if let Some(error) = refusal {
        let what = format!("p99 of a GET while {} keys go: purge ASYNC", scale.keys);
        let why = format!("not supported: {error}");
        rows.push(Row::missing("latency: inval: purge ASYNC", &what, Bar::AtMost(2.0), "ms", &why));
    }
    rows
}

fn chart(scale: Scale, seen: &[Seen]) -> Chart {
    Chart {
        name: "latency",
        title: format!(
            "GET of another client while {} keys are invalidated",
            thousands(scale.keys)
        ),
        x_label: "percentile".to_owned(),
        y_label: "time until the reply",
        ticks: PERCENTILES.iter().map(|(at, name)| (*at, (*name).to_owned())).collect(),
        lines: seen
            .iter()
            .map(|seen| Line {
                name: seen.name.to_owned(),
                is_ours: matches!(seen.act, Act::Sync | Act::Async),
                points: PERCENTILES.iter().map(|(at, _)| (*at, value(seen, *at) as f64)).collect(),
            })
            .collect(),
    }
}
