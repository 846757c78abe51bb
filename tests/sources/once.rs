//! Exactly once, across kill -9 and failover, under load. Each key is set again when its event has
//! taken effect: an entry that is taken twice deletes it once more, and leaves a second entry in
//! the warm queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use redis::{Connection, Value};

use super::support::state::{assert_same, in_sync, info_text};
use super::support::world::Dice;
use super::support::{Client, Server, eventually, int, text};
use super::{entries, source};

const WRITERS: usize = 4;

/// Writers that set a key and tell its event, again and again, wherever the primary is.
struct Load {
    /// The port of the primary.
    port: Arc<AtomicU16>,
    stop: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    /// Keys whose event took effect, and that were set again.
    told: Arc<Mutex<Vec<u64>>>,
    writers: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(server: &Server) -> Self {
        let mut load = Self {
            port: Arc::new(AtomicU16::new(server.port)),
            stop: Arc::default(),
            next: Arc::default(),
            told: Arc::default(),
            writers: vec![],
        };
        for _ in 0..WRITERS {
            let (port, stop) = (load.port.clone(), load.stop.clone());
            let (next, told) = (load.next.clone(), load.told.clone());
            load.writers.push(thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(mut link) = connect(port.load(Ordering::Relaxed)) else { continue };
                    while !stop.load(Ordering::Relaxed) {
                        let id = next.fetch_add(1, Ordering::Relaxed);
                        if write(&mut link, id).is_none() {
                            break;
                        }
                        told.lock().unwrap().push(id);
                    }
                }
            }));
        }
        load
    }

    fn count(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    fn end(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.into_iter().for_each(|writer| writer.join().unwrap());
        self.told.lock().unwrap().clone()
    }
}

fn connect(port: u16) -> Option<Connection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let link = client.get_connection_with_timeout(Duration::from_millis(500)).ok()?;
    // A client of a server that is paused for a failover waits for its end.
    link.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    Some(link)
}

/// Sets a key, tells its event, and sets the key again when it is gone: nobody has told that it
/// is stale since. Nothing when it is not known what was done.
fn write(link: &mut Connection, id: u64) -> Option<()> {
    let key = format!("k:{id}");
    redis::cmd("SET").arg(&key).arg("v").query::<Value>(link).ok()?;
    let payload = format!("{{\"id\":{id}}}");
    let mut add = redis::cmd("XADD");
    add.arg("s").arg("*").arg("event").arg("e").arg("payload").arg(payload);
    add.query::<Value>(link).ok()?;
    while redis::cmd("EXISTS").arg(&key).query::<i64>(link).ok()? > 0 {}
    redis::cmd("SET").arg(&key).arg("again").query::<Value>(link).ok().map(|_| ())
}

fn prepare(client: &mut Client) {
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:{id} WARM");
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT json");
}

/// Every entry had its effect, and none had it twice.
fn check(client: &mut Client, told: &[u64]) {
    eventually("all entries were taken", || int(&source(client), "lag") == 0);
    let row = source(client);
    let all = client.int("XLEN s");
    assert!(all >= told.len() as i64, "{all} entries, {} acknowledged", told.len());
    let counts = ["entries", "events", "dead", "skipped"].map(|name| int(&row, name));
    assert_eq!(counts, [all, all, 0, 0]);
    let mut warmed: BTreeMap<String, u64> = BTreeMap::new();
    for fields in entries(client, WARM_STREAM) {
        let key = fields.iter().position(|field| field == "key").unwrap();
        *warmed.entry(fields[key + 1].clone()).or_default() += 1;
    }
    for (key, count) in &warmed {
        assert_eq!(*count, 1, "{key} was invalidated {count} times");
    }
    for id in told {
        let key = format!("k:{id}");
        assert!(warmed.contains_key(&key), "{key} was not invalidated");
        assert_eq!(text(&client.run(&format!("GET {key}"))), "again", "{key} went twice");
    }
    client.assert_sound();
}

/// Where the rule's deleted keys are queued.
const WARM_STREAM: &str = "inval:warm:medium";

fn rounds(name: &str, few: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn kill_rounds(rounds: u64) {
    let mut server = Server::with_args(&[
        "warm-maxlen",
        "10000000",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    prepare(&mut server.client());
    let load = Load::start(&server);
    let mut dice = Dice(rounds);
    for round in 0..rounds {
        let goal = load.count() + 20 + usize::try_from(dice.roll(100)).unwrap();
        eventually("the load goes on", || load.count() >= goal);
        if round % 7 == 3 {
            // A snapshot at the head of the file, some of the time.
            let _ = server.client().try_run("BGREWRITEAOF");
        }
        server.kill_and_restart();
        load.port.store(server.port, Ordering::Relaxed);
    }
    let told = load.end();
    check(&mut server.client(), &told);
    println!("{rounds} kills: {} acknowledged entries, each taken once", told.len());
}

fn failover_rounds(rounds: u64) {
    let args = ["warm-maxlen", "10000000"];
    let mut primary = Server::with_args(&args);
    prepare(&mut primary.client());
    let of = format!("127.0.0.1 {}", primary.port);
    let mut replica = Server::with_args(&[&args[..], &["--replicaof", &of]].concat());
    in_sync(&primary, &replica);
    let load = Load::start(&primary);
    for _ in 0..rounds {
        let goal = load.count() + 100;
        eventually("the load goes on", || load.count() >= goal);
        let failover = format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 20000", replica.port);
        // A replica that is there is not online at once.
        eventually("the failover begins", || primary.client().try_run(&failover).is_ok());
        eventually("the replica is the primary", || {
            info_text(&mut replica.client(), "role") == "master"
        });
        load.port.store(replica.port, Ordering::Relaxed);
        std::mem::swap(&mut primary, &mut replica);
        eventually("the primary is the replica", || {
            info_text(&mut replica.client(), "master_link_status") == "up"
        });
    }
    let told = load.end();
    check(&mut primary.client(), &told);
    assert_same(&primary, &replica, "after failovers");
    println!("{rounds} failovers: {} acknowledged entries, each taken once", told.len());
}

#[test]
fn each_entry_takes_effect_once_across_kills() {
    kill_rounds(4);
}

#[test]
fn each_entry_takes_effect_once_across_failovers() {
    failover_rounds(2);
}

#[test]
#[ignore = "make once"]
fn each_entry_takes_effect_once_across_many_kills_and_failovers() {
    kill_rounds(rounds("INVAL_KILL_ROUNDS", 100));
    failover_rounds(rounds("INVAL_FAILOVERS", 20));
}
