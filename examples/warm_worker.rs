//! Computes deleted keys again: `cargo run --example warm_worker -- [url] [name] [idle_ms]`.
//!
//! Rules with `"warmCache"` queue the keys that they delete on streams, one for each priority. Any
//! number of these workers share them: each entry goes to one of them, and is gone when its value
//! is stored. `compute` is for you to replace.
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{IsTerminal, Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use redis::streams::{StreamClaimReply, StreamId, StreamPendingCountReply};
use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{Commands, Connection, RedisError, RedisResult, Value, cmd, pipe};

const QUEUES: [&str; 3] = ["inval:warm:high", "inval:warm:medium", "inval:warm:low"]; // in this order
const DEAD: &str = "inval:warm:dead"; // what could not be computed, with the reason
const GROUP: &str = "warmers";
const HELD: usize = 16; // entries of one queue that a worker has at a time
const DELIVERIES: usize = 6; // to workers, until an entry is dead
const TTL_S: u64 = 300;

/// The value to store under a key, from the truth; `None` when the key is not yours.
fn compute(key: &str, event: &str, payload: &str) -> Result<Option<String>, Box<dyn Error>> {
    Ok(Some(format!("{key} computed after {event} {payload}")))
}

/// The queue, by its place and name, and the id of the entry.
type At = (usize, &'static str, String);

#[derive(Default)]
struct Worker {
    name: String,
    idle_ms: i64,
    ahead_ms: i64, // by how much the server's clock is ahead of ours
    held: BTreeMap<At, StreamId>,
    reasons: HashMap<At, String>,
    warmed: u64,
    failed: u64,
    looked_at: i64,
    told_at: i64,
}

fn now_ms() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64)
}

fn due(entry: &StreamId) -> i64 {
    entry.get("due").unwrap_or(0)
}

impl Worker {
    fn connect(&mut self, url: &str) -> RedisResult<Connection> {
        let mut server = redis::Client::open(url)?.get_connection()?;
        server.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (seconds, micros): (i64, i64) = cmd("TIME").query(&mut server)?;
        self.ahead_ms = seconds * 1000 + micros / 1000 - now_ms();
        for queue in QUEUES {
            match server.xgroup_create_mkstream(queue, GROUP, "0") {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.held.clear(); // it comes back when it was idle
        Ok(server)
    }

    fn turn(&mut self, server: &mut Connection) -> RedisResult<()> {
        let (now, most) = (now_ms() + self.ahead_ms, self.idle_ms.min(1000));
        if now >= self.looked_at + most {
            self.looked_at = now;
            self.look_after_others(server, now)?;
            self.tell(server, now)?;
        }
        let wait_ms = self.held.values().map(|entry| due(entry) - now).fold(most, i64::min);
        let at = self.held.iter().find(|(_, entry)| due(entry) <= now).map(|(at, _)| at.clone());
        if let Some((at, entry)) = at.and_then(|at| self.held.remove_entry(&at)) {
            match warm(server, &entry) {
                Ok(stored) => {
                    self.warmed += u64::from(stored);
                    self.done(server, at, None)?;
                }
                Err(error) => {
                    self.failed += 1; // it comes back when it was idle
                    self.reasons.insert(at, error.to_string());
                    let error = error.downcast::<RedisError>().ok();
                    error.filter(|error| error.is_io_error()).map_or(Ok(()), |lost| Err(*lost))?;
                }
            }
        }
        let has_room = |q: &&str| self.held.keys().filter(|at| at.1 == *q).count() < HELD;
        let room: Vec<&str> = QUEUES.into_iter().filter(has_room).collect();
        if !room.is_empty() {
            let mut read = cmd("XREADGROUP");
            read.arg(("GROUP", GROUP, &self.name, "COUNT", HELD));
            if wait_ms > 0 {
                read.arg(("BLOCK", wait_ms));
            }
            read.arg("STREAMS").arg(&room).arg(vec![">"; room.len()]);
            let reply: Option<StreamReadReply> = read.query(server)?;
            for queue in reply.into_iter().flat_map(|reply| reply.keys) {
                self.hold(&queue.key, queue.ids);
            }
        } else if wait_ms > 0 {
            std::thread::sleep(Duration::from_millis(wait_ms as u64));
        }
        Ok(())
    }

    fn hold(&mut self, queue: &str, entries: impl IntoIterator<Item = StreamId>) {
        let Some(place) = QUEUES.into_iter().enumerate().find(|at| at.1 == queue) else { return };
        let at = |entry: &StreamId| (place.0, place.1, entry.id.clone());
        self.held.extend(entries.into_iter().map(|entry| (at(&entry), entry)));
    }

    fn done(&mut self, server: &mut Connection, at: At, dead: Option<StreamId>) -> RedisResult<()> {
        let reason = self.reasons.remove(&at);
        let mut steps = pipe();
        steps.atomic();
        if let Some(entry) = dead {
            steps.cmd("XADD").arg((DEAD, "MAXLEN", 10_000, "*"));
            for (name, value) in &entry.map {
                steps.arg(name).arg(redis::from_redis_value::<Vec<u8>>(value)?);
            }
            let unknown = || "no worker came to an end with it".to_owned();
            steps.arg(("reason", reason.unwrap_or_else(unknown))).ignore();
        }
        let (_, queue, id) = at;
        steps.xack(queue, GROUP, &[&id]).xdel(queue, &[&id]).exec(server)
    }

    /// Takes entries over that nobody works on; those that failed, after ever longer times.
    fn look_after_others(&mut self, server: &mut Connection, now: i64) -> RedisResult<()> {
        for (number, queue) in QUEUES.into_iter().enumerate() {
            let own: Vec<_> = self.held.keys().filter(|at| at.1 == queue).map(|at| &at.2).collect();
            if !own.is_empty() {
                // Says that somebody does.
                let mut claim = cmd("XCLAIM");
                claim.arg((queue, GROUP, &self.name, 0)).arg(own).arg("JUSTID").exec(server)?;
            }
            let mut pending = cmd("XPENDING");
            pending.arg((queue, GROUP, "IDLE", self.idle_ms, "-", "+", 100));
            for row in pending.query::<StreamPendingCountReply>(server)?.ids {
                let (id, times) = (&row.id, row.times_delivered);
                let wait_ms = self.idle_ms << times.saturating_sub(1).min(DELIVERIES);
                let found: StreamRangeReply = server.xrange(queue, id, id)?;
                let Some(due_ms) = found.ids.first().map(due) else {
                    let () = server.xack(queue, GROUP, &[id])?; // it was the oldest of too many
                    continue;
                };
                if wait_ms <= now - due_ms && wait_ms <= row.last_delivered_ms as i64 {
                    let taken: StreamClaimReply =
                        server.xclaim(queue, GROUP, &self.name, wait_ms, &[id])?;
                    match taken.ids.into_iter().next() {
                        dead @ Some(_) if times >= DELIVERIES => {
                            self.done(server, (number, queue, row.id), dead)?;
                        }
                        taken => self.hold(queue, taken),
                    }
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, server: &mut Connection, now: i64) -> RedisResult<()> {
        let is_terminal = stdout().is_terminal();
        if is_terminal || now >= self.told_at + 5000 {
            self.told_at = now;
            let waiting = QUEUES.iter().map(|queue| server.xlen::<_, u64>(queue));
            let waiting: u64 = waiting.sum::<RedisResult<u64>>()?;
            let line = format!("warmed {}, failed {}, waiting {waiting}", self.warmed, self.failed);
            print!("{}", if is_terminal { format!("\r{line}\x1b[K") } else { line + "\n" });
            let _ = stdout().flush();
        }
        Ok(())
    }
}

/// Whether a value was stored; if not, nothing is left to do.
fn warm(server: &mut Connection, entry: &StreamId) -> Result<bool, Box<dyn Error>> {
    let field = |name| entry.get::<String>(name).unwrap_or_default();
    let key = field("key");
    let told: Vec<Value> = cmd("INVAL.FETCH").arg(&key).query(server)?;
    let token: String = match told.as_slice() {
        [Value::SimpleString(word), _] if word == "hit" => return Ok(false),
        [Value::SimpleString(word), .., token] if word == "miss" || told.len() == 3 => {
            redis::from_redis_value(token)?
        }
        _ => return Err("another client was about to store it".into()),
    };
    let value = match compute(&key, &field("event"), &field("payload")) {
        Ok(Some(value)) => value,
        nothing => {
            if told.len() == 2 {
                cmd("DEL").arg(&key).exec(server)?; // voids the token: no reader waits for us
            }
            return nothing.map(|_| false);
        }
    };
    let fill = (&key, value, "TOKEN", token, "EX", TTL_S);
    let mut told: Vec<String> = cmd("INVAL.FILL").arg(fill).query(server)?;
    // Refused: it was invalidated meanwhile.
    told.pop().filter(|why| why != "filled").map_or(Ok(true), |why| Err(why.into()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1".to_owned());
    let name = args.next().unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let idle_ms = args.next().map_or(Ok(5000), |ms| ms.parse())?;
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))?;
    }
    let is_on = || !stopped.load(Ordering::Relaxed);
    let mut worker = Worker { name, idle_ms, ..Worker::default() };
    while is_on() {
        let connected = worker.connect(&url);
        let turned = connected.and_then(|mut server| {
            while is_on() {
                worker.turn(&mut server)?;
            }
            Ok(())
        });
        if let Err(error) = turned
            && is_on()
        {
            eprintln!("\n{error}; trying again"); // also while it loads, or after FLUSHALL
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    println!();
    Ok(())
}
