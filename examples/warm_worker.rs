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
use std::time::{Duration, Instant, SystemTime};

use redis::streams::{
    StreamClaimReply, StreamId, StreamPendingCountReply, StreamRangeReply, StreamReadReply,
};
use redis::{Commands, Connection, RedisResult, Value, cmd, pipe};

const QUEUES: [&str; 3] = ["inval:warm:high", "inval:warm:medium", "inval:warm:low"]; // in this order
const DEAD: &str = "inval:warm:dead"; // what could not be computed, with the reason
const GROUP: &str = "warmers";
const HELD: usize = 16; // entries of one queue that a worker has at a time
const DELIVERIES: u32 = 6; // to workers, until an entry is dead
const TTL_S: u64 = 300;

/// The value to store under a key, from the truth; `None` when the key is not yours.
fn compute(key: &[u8], event: &str, payload: &str) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let key = String::from_utf8_lossy(key);
    Ok(Some(format!("{key} computed after {event} {payload}").into_bytes()))
}

/// The number of the queue and the id of the entry.
type At = (usize, String);

struct Worker {
    server: Connection,
    name: String,
    idle_ms: u64,
    /// By how much the server's clock is ahead of ours.
    ahead_ms: i64,
    held: BTreeMap<At, StreamId>,
    looked_at: i64,
}

/// What outlives a connection.
#[derive(Default)]
struct Tally {
    warmed: u64,
    failed: u64,
    reasons: HashMap<At, String>,
    told: Option<Instant>,
}

fn now_ms() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64)
}

fn due(entry: &StreamId) -> i64 {
    entry.get("due").unwrap_or(0)
}

impl Worker {
    fn connect(url: &str, name: &str, idle_ms: u64) -> RedisResult<Self> {
        let mut server = redis::Client::open(url)?.get_connection()?;
        server.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (seconds, micros): (i64, i64) = cmd("TIME").query(&mut server)?;
        for queue in QUEUES {
            let made: RedisResult<()> = server.xgroup_create_mkstream(queue, GROUP, "0");
            made.or_else(|error| match error.code() {
                Some("BUSYGROUP") => Ok(()),
                _ => Err(error),
            })?;
        }
        let (name, ahead_ms) = (name.to_owned(), seconds * 1000 + micros / 1000 - now_ms());
        // What was held before comes back when it was idle.
        Ok(Self { server, name, idle_ms, ahead_ms, held: BTreeMap::new(), looked_at: 0 })
    }

    fn turn(&mut self, tally: &mut Tally) -> RedisResult<()> {
        let (now, most) = (now_ms() + self.ahead_ms, self.idle_ms.min(1000) as i64);
        if now >= self.looked_at + most {
            self.looked_at = now;
            self.look_after_others(now, tally)?;
            self.tell(tally)?;
        }
        let wait_ms = self.held.values().map(|entry| due(entry) - now).fold(most, i64::min);
        if wait_ms <= 0
            && let Some(at) = self.held.iter().find(|(_, entry)| due(entry) <= now)
        {
            let at = at.0.clone();
            self.work(at, tally)?;
        }
        let has_room = |n: &usize| self.held.keys().filter(|at| at.0 == *n).count() < HELD;
        let room: Vec<&str> = (0..QUEUES.len()).filter(has_room).map(|n| QUEUES[n]).collect();
        if !room.is_empty() {
            let mut read = cmd("XREADGROUP");
            read.arg("GROUP").arg(GROUP).arg(&self.name).arg("COUNT").arg(HELD);
            if wait_ms > 0 {
                read.arg("BLOCK").arg(wait_ms);
            }
            read.arg("STREAMS").arg(&room).arg(vec![">"; room.len()]);
            let reply: Option<StreamReadReply> = read.query(&mut self.server)?;
            for queue in reply.into_iter().flat_map(|reply| reply.keys) {
                let number = QUEUES.iter().position(|name| *name == queue.key).unwrap_or(0);
                self.hold(number, queue.ids);
            }
        } else if wait_ms > 0 {
            std::thread::sleep(Duration::from_millis(wait_ms as u64));
        }
        Ok(())
    }

    fn hold(&mut self, number: usize, entries: Vec<StreamId>) {
        self.held.extend(entries.into_iter().map(|entry| ((number, entry.id.clone()), entry)));
    }

    fn work(&mut self, at: At, tally: &mut Tally) -> RedisResult<()> {
        let Some(entry) = self.held.remove(&at) else { return Ok(()) };
        match self.warm(&entry) {
            Ok(stored) => {
                tally.warmed += u64::from(stored);
                self.done(at, tally, None)
            }
            Err(error) => {
                match error.downcast::<redis::RedisError>() {
                    Ok(lost) if lost.is_io_error() => return Err(*lost),
                    Ok(error) => drop(tally.reasons.insert(at, error.to_string())),
                    Err(error) => drop(tally.reasons.insert(at, error.to_string())),
                }
                tally.failed += 1;
                Ok(())
            }
        }
    }

    /// Whether a value was stored; if not, nothing is left to do.
    fn warm(&mut self, entry: &StreamId) -> Result<bool, Box<dyn Error>> {
        let key: Vec<u8> = entry.get("key").unwrap_or_default();
        let [event, payload]: [String; 2] =
            ["event", "payload"].map(|name| entry.get(name).unwrap_or_default());
        let told: Vec<Value> = cmd("INVAL.FETCH").arg(&key).query(&mut self.server)?;
        let token: String = match told.as_slice() {
            [word, _] if *word == Value::SimpleString("hit".to_owned()) => return Ok(false),
            [Value::SimpleString(word), .., token] if word == "miss" || told.len() == 3 => {
                redis::from_redis_value(token)?
            }
            _ => return Err("another client was about to store it".into()),
        };
        let Some(value) = compute(&key, &event, &payload)? else { return Ok(false) };
        let mut fill = cmd("INVAL.FILL");
        fill.arg(&key).arg(value).arg("TOKEN").arg(token).arg("EX").arg(TTL_S);
        let told: Vec<String> = fill.query(&mut self.server)?;
        match told.as_slice() {
            [refused, why] if refused == "refused" => Err(why.clone().into()),
            _ => Ok(true),
        }
    }

    fn done(&mut self, at: At, tally: &mut Tally, dead: Option<StreamId>) -> RedisResult<()> {
        let (number, id) = &at;
        let mut steps = pipe();
        if let Some(entry) = dead {
            let reason = tally.reasons.get(&at).map_or("no worker came to an end with it", |r| r);
            let add = steps.atomic().cmd("XADD").arg(DEAD).arg("MAXLEN").arg(10_000).arg("*");
            for (name, value) in &entry.map {
                add.arg(name).arg(redis::from_redis_value::<Vec<u8>>(value)?);
            }
            add.arg("reason").arg(reason);
        }
        steps.xack(QUEUES[*number], GROUP, &[id]).xdel(QUEUES[*number], &[id]);
        tally.reasons.remove(&at);
        steps.query(&mut self.server)
    }

    /// Takes entries over that nobody works on; those that failed, after ever longer times.
    fn look_after_others(&mut self, now: i64, tally: &mut Tally) -> RedisResult<()> {
        for (number, queue) in QUEUES.into_iter().enumerate() {
            let own = self.held.keys().filter(|at| at.0 == number).map(|at| at.1.as_str());
            let own: Vec<&str> = own.collect();
            if !own.is_empty() {
                // Says that somebody does.
                let mut claim = cmd("XCLAIM");
                claim.arg(queue).arg(GROUP).arg(&self.name).arg(0).arg(own).arg("JUSTID");
                claim.exec(&mut self.server)?;
            }
            let mut pending = cmd("XPENDING");
            pending.arg(queue).arg(GROUP).arg("IDLE").arg(self.idle_ms).arg(("-", "+", 100));
            let pending: StreamPendingCountReply = pending.query(&mut self.server)?;
            for row in pending.ids {
                let times = row.times_delivered as u32;
                let wait_ms = self.idle_ms << times.saturating_sub(1).min(DELIVERIES);
                let found: StreamRangeReply = self.server.xrange(queue, &row.id, &row.id)?;
                let Some(entry) = found.ids.first() else {
                    // It was the oldest of too many.
                    let () = self.server.xack(queue, GROUP, &[&row.id])?;
                    continue;
                };
                if (row.last_delivered_ms as i64).min(now - due(entry)) < wait_ms as i64 {
                    continue;
                }
                let taken: StreamClaimReply =
                    self.server.xclaim(queue, GROUP, &self.name, wait_ms, &[&row.id])?;
                match taken.ids.into_iter().next() {
                    Some(entry) if times >= DELIVERIES => {
                        self.done((number, row.id), tally, Some(entry))?;
                    }
                    entry => self.hold(number, entry.into_iter().collect()),
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, tally: &mut Tally) -> RedisResult<()> {
        let is_terminal = stdout().is_terminal();
        if is_terminal || tally.told.is_none_or(|told| told.elapsed().as_secs() >= 5) {
            tally.told = Some(Instant::now());
            let waiting: [u64; 3] =
                pipe().xlen(QUEUES[0]).xlen(QUEUES[1]).xlen(QUEUES[2]).query(&mut self.server)?;
            let (warmed, failed, waiting) =
                (tally.warmed, tally.failed, waiting.iter().sum::<u64>());
            let line = format!("warmed {warmed}, failed {failed}, waiting {waiting}");
            print!("{}", if is_terminal { format!("\r{line}\x1b[K") } else { format!("{line}\n") });
            let _ = stdout().flush();
        }
        Ok(())
    }
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
    let mut tally = Tally::default();
    while !stopped.load(Ordering::Relaxed) {
        let turns = Worker::connect(&url, &name, idle_ms).and_then(|mut worker| {
            while !stopped.load(Ordering::Relaxed) {
                worker.turn(&mut tally)?;
            }
            Ok(())
        });
        if let Err(error) = turns
            && !stopped.load(Ordering::Relaxed)
        {
            // Also while it loads, or after FLUSHALL.
            eprintln!("\n{error}; trying again");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    println!();
    Ok(())
}
