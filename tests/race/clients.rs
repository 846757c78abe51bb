//! Clients that write, read and observe, and are killed; and what they all know.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::modes::{KEYS, Mode, Softness, key_name, tags_of};
use super::support::resp::{Reply, Wire};
use super::support::world::Dice;

/// Longest that the computation of a value takes, in microseconds.
const COMPUTE_MAX_US: u64 = 2000;
/// Longest that a writer rests, likewise.
const REST_MAX_US: u64 = 3000;
/// Longest that a reader waits for another one's fill, in milliseconds.
const WAIT_MS: u64 = 30;

/// What the cache is a cache of: a version for each key.
#[derive(Default)]
pub struct Truth {
    versions: [AtomicU64; KEYS],
    /// The newest version whose invalidation was acknowledged.
    acknowledged: [AtomicU64; KEYS],
}

impl Truth {
    fn snapshot(&self) -> [u64; KEYS] {
        std::array::from_fn(|key| self.acknowledged[key].load(SeqCst))
    }
}

/// What happened.
#[derive(Default)]
pub struct Counts {
    pub reads: AtomicU64,
    pub hits: AtomicU64,
    pub fills: AtomicU64,
    /// Fills refused because the value may be stale.
    pub refused: AtomicU64,
    /// Fills refused because the token is no more.
    pub late: AtomicU64,
    pub events: AtomicU64,
    pub kills: AtomicU64,
    /// Values that `FETCH` calls stale.
    pub marked: AtomicU64,
    /// Old values that `GET` reads before their time is up.
    pub early: AtomicU64,
    /// Old values after the acknowledgement: what is hunted.
    pub stale: AtomicU64,
}

/// What all clients share.
pub struct Race<'a> {
    pub mode: &'a Mode,
    pub port: u16,
    pub truth: Truth,
    pub counts: Counts,
    pub is_over: AtomicBool,
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, SeqCst);
}

/// One client.
pub struct Client<'a> {
    race: &'a Race<'a>,
    wire: Wire,
    /// By which it can be killed.
    id: &'a AtomicI64,
    dice: Dice,
    /// What was acknowledged at which moments, the newest last.
    looks: VecDeque<(Instant, [u64; KEYS])>,
}

impl<'a> Client<'a> {
    pub fn new(race: &'a Race<'a>, id: &'a AtomicI64, dice: Dice) -> Self {
        let wire = connect(race.port, id);
        Self { race, wire, id, dice, looks: VecDeque::new() }
    }

    /// Changes the truth of some keys, says so, and tells when that was heard.
    pub fn write(&mut self) {
        if let Some(line) = self.race.mode.ballast(&mut self.dice) {
            self.ask(&line);
        }
        let (line, keys) = self.race.mode.draw(&mut self.dice);
        let truth = &self.race.truth;
        let versions = keys.into_iter().map(|key| (key, truth.versions[key].fetch_add(1, SeqCst)));
        let versions: Vec<_> = versions.collect();
        // Who is not answered says it again, or the cache would stay stale.
        while !self.race.is_over.load(SeqCst) {
            match self.ask(&line) {
                None => {}
                Some(Reply::Error(why)) if why.contains("jobs") => self.pause(REST_MAX_US),
                Some(Reply::Error(why)) => panic!("{line}: {why}"),
                Some(_) => {
                    for (key, before) in versions {
                        truth.acknowledged[key].fetch_max(before + 1, SeqCst);
                    }
                    count(&self.race.counts.events);
                    break;
                }
            }
        }
        self.pause(REST_MAX_US);
    }

    /// Reads a key as applications do: what is not there is computed and stored.
    pub fn read(&mut self) {
        let key = self.dice.roll(KEYS as u64) as usize;
        let line = match self.race.mode.plain {
            true => format!("GET {}", key_name(key)),
            false if self.dice.roll(2) == 0 => format!("INVAL.FETCH {}", key_name(key)),
            false => format!("INVAL.FETCH {} WAIT {WAIT_MS}", key_name(key)),
        };
        let acknowledged = self.race.truth.snapshot()[key];
        let Some(reply) = self.ask(&line) else { return };
        let words: Vec<String> = match reply {
            Reply::Nil => vec!["miss".to_owned()],
            Reply::Text(value) => vec!["hit".to_owned(), String::from_utf8(value).unwrap()],
            Reply::List(items) => items.iter().map(Reply::text).collect(),
            other => panic!("{line}: {other:?}"),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let counts = &self.race.counts;
        count(&counts.reads);
        match words[..] {
            ["hit", value] => {
                count(&counts.hits);
                if is_older(value, acknowledged) {
                    self.found_stale(&line, value, acknowledged);
                }
            }
            ["stale", value, ref token @ ..] => {
                count(&counts.marked);
                // Only a soft purge leaves what it names.
                if self.race.mode.option != Softness::Soft && is_older(value, acknowledged) {
                    self.found_stale(&line, value, acknowledged);
                }
                if let [token] = token {
                    self.refill(key, Some(token));
                }
            }
            ["miss", token] => self.refill(key, Some(token)),
            ["miss"] => self.refill(key, None),
            ["busy"] => self.pause(COMPUTE_MAX_US),
            _ => panic!("{line}: {words:?}"),
        }
    }

    /// Computes a value from the truth as it is now, slowly, and stores it; or dies over it.
    fn refill(&mut self, key: usize, token: Option<&str>) {
        let version = self.race.truth.versions[key].load(SeqCst);
        self.pause(COMPUTE_MAX_US);
        if self.dice.roll(30) == 0 {
            self.wire = connect(self.race.port, self.id);
            return;
        }
        let (key, tags) = (key_name(key), tags_of(key));
        let ttl = match self.dice.roll(3) {
            0 => String::new(),
            _ => format!(" PX {}", 1 + self.dice.roll(20)),
        };
        let grace = if ttl.is_empty() || self.dice.roll(2) == 0 { "" } else { " GRACE 10" };
        let line = match token {
            None => format!("SET {key} {version}{ttl}"),
            Some(token) => {
                format!("INVAL.FILL {key} {version}{ttl}{grace} TOKEN {token} {tags}")
            }
        };
        let Some(reply) = self.ask(&line) else { return };
        let counts = &self.race.counts;
        let words = match &reply {
            Reply::List(items) => items.iter().map(Reply::text).collect(),
            other => vec![other.text()],
        };
        count(match words.first().map(String::as_str) {
            Some("filled" | "OK") => &counts.fills,
            Some("refused") if words[1].starts_with("no such token") => &counts.late,
            Some("refused") => &counts.refused,
            _ => panic!("{line}: {reply:?}"),
        });
    }

    /// Looks as somebody who knows nothing of the module.
    pub fn observe(&mut self) {
        let key = self.dice.roll(KEYS as u64) as usize;
        self.looks.push_back((Instant::now(), self.race.truth.snapshot()));
        let grace = self.race.mode.grace();
        let is_over = |at: &Instant| grace.is_some_and(|grace| at.elapsed() >= grace);
        while self.looks.get(1).is_some_and(|(at, _)| is_over(at)) || self.looks.len() > 10_000 {
            self.looks.pop_front();
        }
        let (at, known) = self.looks[0];
        let must = if is_over(&at) { known[key] } else { 0 };
        let newest = self.looks.back().map_or(0, |(_, known)| known[key]);
        let line = format!("GET {}", key_name(key));
        let Some(Reply::Text(value)) = self.ask(&line) else { return };
        let value = String::from_utf8(value).unwrap();
        let counts = &self.race.counts;
        count(&counts.reads);
        if is_older(&value, must) {
            self.found_stale(&line, &value, must);
        } else if is_older(&value, newest) {
            count(&counts.early);
        }
    }

    fn found_stale(&self, line: &str, value: &str, acknowledged: u64) {
        if self.race.counts.stale.fetch_add(1, SeqCst) == 0 {
            let mode = self.race.mode.name;
            println!("{mode}: {line} gives {value}, {acknowledged} was acknowledged before");
        }
    }

    /// None when the connection was lost; then there is a new one.
    fn ask(&mut self, line: &str) -> Option<Reply> {
        self.wire.line(line);
        match self.wire.send() {
            Ok(mut replies) => replies.pop(),
            Err(_) => {
                self.wire = connect(self.race.port, self.id);
                None
            }
        }
    }

    fn pause(&mut self, below_us: u64) {
        sleep(Duration::from_micros(self.dice.roll(below_us)));
    }
}

fn is_older(value: &str, version: u64) -> bool {
    value.parse::<u64>().unwrap() < version
}

/// A killer may come between the connection and its first answer.
fn connect(port: u16, id: &AtomicI64) -> Wire {
    loop {
        let mut wire = Wire::to(port).unwrap();
        wire.line("CLIENT ID");
        if let Ok([Reply::Int(number)]) = wire.send().as_deref() {
            id.store(*number, SeqCst);
            return wire;
        }
    }
}
