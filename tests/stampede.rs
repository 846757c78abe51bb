//! A stampede: many clients want one missing key at once, and its value is computed once.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use support::process::clients_allowed;
use support::resp::Wire;
use support::state::info_text;
use support::wire::Raw;
use support::{Client, Server, eventually, text, texts};

/// How long a value takes to compute.
const COMPUTATION: Duration = Duration::from_millis(200);
/// Clients that one thread plays: a thread each would be measured, and not the server.
const PER_THREAD: usize = 50;
/// Longer than any test: no token's time is up.
const NO_END: &str = "CONFIG SET inval.token-ttl 3600000";

/// Gets the value that was asked for, as applications do; whoever misses it computes it.
fn get(wire: &mut Wire, computations: &AtomicUsize) -> String {
    let words = wire.send().unwrap()[0].texts();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hit", value] => (*value).to_owned(),
        ["miss", token] => {
            let number = 1 + computations.fetch_add(1, SeqCst);
            sleep(COMPUTATION);
            wire.line(&format!("INVAL.FILL hot value:{number} TOKEN {token} TAGS 1 t"));
            assert_eq!(wire.send().unwrap()[0].texts(), ["filled"]);
            format!("value:{number}")
        }
        other => panic!("{other:?}"),
    }
}

/// Lets clients come at once; gives how long each waited, sorted. All get the same value.
fn stampede(port: u16, count: usize, computations: &AtomicUsize, value: &str) -> Vec<Duration> {
    let mut wires: Vec<Wire> = (0..count).map(|_| Wire::to(port).unwrap()).collect();
    let start = Barrier::new(count.div_ceil(PER_THREAD));
    let play = |wires: &mut [Wire]| -> Vec<Duration> {
        start.wait();
        let ask = |wire: &mut Wire| {
            wire.line("INVAL.FETCH hot WAIT 60000");
            wire.flush().unwrap();
            Instant::now()
        };
        let began: Vec<Instant> = wires.iter_mut().map(ask).collect();
        // They are answered in the order in which they asked.
        let answered = wires.iter_mut().zip(began).map(|(wire, began)| {
            assert_eq!(get(wire, computations), value);
            began.elapsed()
        });
        answered.collect()
    };
    let mut waits = thread::scope(|scope| {
        let threads = wires.chunks_mut(PER_THREAD).map(|wires| scope.spawn(|| play(wires)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    waits.sort_unstable();
    waits
}

fn token(client: &mut Client) -> String {
    let reply = texts(&client.run("INVAL.FETCH hot"));
    assert_eq!(reply[0], "miss");
    reply[1].clone()
}

fn waiting(client: &mut Client) -> usize {
    info_text(client, "blocked_clients").parse().unwrap()
}

#[test]
fn a_thousand_clients_compute_once() {
    let mut server = Server::start();
    let computations = AtomicUsize::new(0);
    let waits = stampede(server.port, 1000, &computations, "value:1");
    let ms = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_millis();
    let [p50, p99, max] = [50, 99, 100].map(ms);
    println!("1,000 clients, a value that takes 200 ms: waits p50 {p50}, p99 {p99}, max {max} ms");
    assert_eq!(computations.into_inner(), 1);
    let mut client = server.client();
    assert_eq!((waiting(&mut client), client.int("TAG.CARD t")), (0, 1));
    client.assert_sound();
    server.assert_well();
}

/// Whoever has the right to fill dies with it: one of those who wait inherits it.
#[test]
fn a_filler_that_dies_is_replaced_by_one() {
    let mut server = Server::with_args(&["token-ttl", "1000"]);
    let mut client = server.client();
    let computations = AtomicUsize::new(1);
    token(&mut server.client());
    client.run(NO_END);
    stampede(server.port, 100, &computations, "value:2");
    assert_eq!(computations.into_inner(), 2);
    assert_eq!((waiting(&mut client), client.info("tokens")), (0, 0));
    client.assert_sound();
    server.assert_well();
}

#[test]
fn one_fill_serves_ten_thousand() {
    let count = clients_allowed();
    if count < 10_000 {
        println!("only {count} clients: the limit of open files (ulimit -n) allows no more");
    }
    let mut server = Server::with_args(&["--maxclients", "10100"]);
    let mut client = server.client();
    client.run(NO_END);
    let token = token(&mut client);
    let mut clients: Vec<Raw> = (0..count).map(|_| Raw::to(&server)).collect();
    clients.iter_mut().for_each(|raw| raw.send("INVAL.FETCH hot WAIT 3000000\r\n"));
    eventually("all wait", || waiting(&mut client) == count);
    let reply = client.run(&format!("INVAL.FILL hot value TOKEN {token}"));
    assert_eq!(texts(&reply), ["filled"]);
    for raw in &mut clients {
        assert_eq!(raw.until("value\r\n"), "*2\r\n+hit\r\n$5\r\nvalue\r\n");
    }
    assert_eq!(waiting(&mut client), 0);
    assert_eq!(text(&client.run("GET hot")), "value");
    client.assert_sound();
    server.assert_well();
}
