//! What is remembered from one examination to the next: levels, what emptied the cache, how late
//! the server was, and where the search for wide tags goes on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::observed::{Cold, Emptied, WideTag};
use super::wording::{percent, quoted};
use super::{Figure, Finding, Level, worst};
use crate::domain::State;
use crate::domain::name::{Db, Shown};
use crate::domain::request::Origin;

/// The channel on which changes are told.
pub const CHANNEL: &[u8] = b"inval:alerts";

/// Milliseconds for which an emptied cache explains a low hit rate: the time that is judged.
const COLD_MS: u64 = 300_000;

/// Share of all keys, in percent, whose loss empties a cache.
const EMPTIED_PERCENT: u64 = 50;

/// Keys below which a cache cannot be emptied: it was not filled.
const EMPTIED_MIN: u64 = 100;

/// Share of the keys that were there, in percent, from which on the cache is filled again.
const FILLED_PERCENT: u64 = 80;

/// Tags whose keys are counted in one examination: a tenth of a millisecond's work.
const TAGS_PER_LOOK: usize = 10_000;

/// Seconds whose lateness is kept together, and how many of them: a minute.
const LATE_SLOT_S: u64 = 10;
const LATE_SLOTS: u64 = 6;

/// A loss of keys.
#[derive(Clone, Debug)]
struct Loss {
    cause: Emptied,
    /// Keys before; 0 for a start.
    keys: u64,
    /// When, in milliseconds since 1970; 0: since the last look at the clock.
    at_ms: u64,
}

/// How late the server was.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    slot: u64,
    micros: u64,
    times: u64,
    worst: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    levels: BTreeMap<&'static str, Level>,
    level: Level,
    since_ms: u64,
    /// Changes that were told.
    pub alerts: u64,
    loss: Option<Loss>,
    late: [Late; LATE_SLOTS as usize],
    widest: Option<(Db, Vec<u8>)>,
    /// Where the search for wide tags goes on.
    next_tag: (Db, usize),
}

/// A change of a level, to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The message, as JSON.
    pub message: String,
    /// The line of the log.
    pub line: String,
    /// Whether it became worse.
    pub is_worse: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    status: &'a str,
    was: &'a str,
    at_ms: u64,
    check: &'a str,
    value: serde_json::Value,
    meaning: &'a str,
    remedy: &'a str,
}

impl Watch {
    /// The overall level that was found last, and since when it is so, in milliseconds since 1970.
    pub fn level(&self) -> (Level, u64) {
        (self.level, self.since_ms)
    }

    /// The level of a check that was found last.
    pub fn level_of(&self, check: &str) -> Level {
        self.levels.get(check).copied().unwrap_or_default()
    }

    /// Takes an examination in; gives what has changed since the last one.
    pub fn settle(&mut self, findings: &[Finding], now_ms: u64) -> Vec<Alert> {
        let level = worst(findings);
        if level != self.level {
            (self.level, self.since_ms) = (level, now_ms);
        }
        let mut alerts = vec![];
        for finding in findings {
            let was = self.levels.insert(finding.check, finding.level).unwrap_or_default();
            if was != finding.level {
                alerts.push(Alert::of(finding, was, now_ms));
            }
        }
        self.alerts += alerts.len() as u64;
        alerts
    }

    /// The module was loaded, and no key is there yet.
    pub fn started(&mut self, now_ms: u64) {
        self.loss = Some(Loss { cause: Emptied::Started, keys: 0, at_ms: now_ms });
        self.since_ms = now_ms;
    }

    /// Keys were there or came with a snapshot: a start explains nothing.
    pub fn was_filled(&mut self) {
        self.loss = None;
    }

    /// So many of all keys were flushed.
    pub fn flushed(&mut self, keys: u64, of: u64) {
        if is_most(keys, of) {
            let cause = Emptied::Flushed(percent(keys, of));
            self.loss = Some(Loss { cause, keys: of, at_ms: 0 });
        }
    }

    /// So many keys were invalidated, and so many are left; `what` did it.
    pub fn invalidated(
        &mut self,
        keys: u64,
        left: u64,
        now_ms: u64,
        what: impl FnOnce() -> String,
    ) {
        let of = keys + left;
        if is_most(keys, of) {
            let share = percent(keys, of);
            let cause = Emptied::Invalidated(what(), share);
            self.loss = Some(Loss { cause, keys: of, at_ms: now_ms });
        }
    }

    /// Why few values may be there: `keys` are there now.
    pub fn cold(&mut self, keys: u64, now_ms: u64) -> Option<Cold> {
        self.tick(now_ms);
        let loss = self.loss.as_ref()?;
        let age = now_ms.saturating_sub(loss.at_ms);
        let is_filled = loss.keys > 0 && keys * 100 >= loss.keys * FILLED_PERCENT;
        let explains = age <= COLD_MS && !is_filled;
        explains.then(|| Cold { cause: loss.cause.clone(), seconds: age / 1000 })
    }

    /// Time has passed, in milliseconds since 1970.
    pub fn tick(&mut self, now_ms: u64) {
        if let Some(loss) = self.loss.as_mut().filter(|loss| loss.at_ms == 0) {
            loss.at_ms = now_ms;
        }
    }

    /// The server came so many microseconds later than it meant to, at a time in seconds.
    pub fn was_late(&mut self, micros: u64, now_s: u64) {
        let slot = now_s / LATE_SLOT_S;
        let Some(late) = self.late.get_mut(usize::try_from(slot % LATE_SLOTS).unwrap_or(0)) else {
            return;
        };
        if late.slot != slot {
            *late = Late { slot, ..Late::default() };
        }
        late.micros += micros;
        late.times += 1;
        late.worst = late.worst.max(micros);
    }

    /// How late it was over the last minute, in milliseconds: on average, and at worst.
    pub fn latency_ms(&self, now_s: u64) -> Option<(f64, f64)> {
        /// Looks below which an average says nothing: ten seconds'.
        const LOOKS_MIN: u64 = 100;
        let from = (now_s / LATE_SLOT_S).saturating_sub(LATE_SLOTS - 1);
        let of = |late: &&Late| late.times > 0 && late.slot >= from;
        let times: u64 = self.late.iter().filter(of).map(|late| late.times).sum();
        let micros: u64 = self.late.iter().filter(of).map(|late| late.micros).sum();
        let worst = self.late.iter().filter(of).map(|late| late.worst).max()?;
        let mean = micros as f64 / times.max(1) as f64;
        (times >= LOOKS_MIN).then_some((mean / 1000.0, worst as f64 / 1000.0))
    }
}

fn is_most(keys: u64, of: u64) -> bool {
    of >= EMPTIED_MIN && keys * 100 >= of * EMPTIED_PERCENT
}

impl Alert {
    fn of(finding: &Finding, was: Level, at_ms: u64) -> Self {
        let Finding { check, level, meaning, remedy, .. } = finding;
        let message = Message {
            status: level.as_str(),
            was: was.as_str(),
            at_ms,
            check,
            value: match finding.value {
                None => serde_json::Value::Null,
                Some(Figure::Count(count)) => count.into(),
                Some(Figure::Amount(amount)) => rounded(amount).into(),
            },
            meaning,
            remedy,
        };
        let todo = if remedy.is_empty() { String::new() } else { format!("; {remedy}") };
        let line = format!("health: {check} is {}: {meaning}{todo}", level.as_str());
        // Words and numbers: there is nothing in them that could fail to serialise.
        let message = serde_json::to_string(&message).unwrap_or_default();
        Self { message, line, is_worse: *level > was }
    }
}

/// With one digit after the point.
pub fn rounded(amount: f64) -> f64 {
    (amount * 10.0).round() / 10.0
}

impl State {
    /// Writes down when an event or a purge took most of the keys.
    pub fn note_loss(&mut self, origin: &Origin, deleted: u64, now_ms: u64) {
        if deleted < EMPTIED_MIN / 2 {
            return;
        }
        let left = self.sizes().0 as u64;
        self.health.invalidated(deleted, left, now_ms, || match origin.events().first() {
            Some(first) => format!("event {}", quoted(&first.event)),
            None => "a purge".to_owned(),
        });
    }

    /// The widest tag that is known: of the tags that this look counts, in turn, and of what was
    /// the widest before.
    pub fn widest_tag(&mut self) -> Option<WideTag> {
        let size = |state: &Self, db: Db, tag: &[u8]| {
            let tags = &state.database(db)?.tags;
            Some(tags.keys_of(tags.find(tag)?).len())
        };
        let before = self.health.widest.take();
        let before = before.and_then(|(db, tag)| size(self, db, &tag).map(|keys| (keys, db, tag)));
        let (mut widest, mut left) = (before, TAGS_PER_LOOK);
        let start = self.health.next_tag;
        let databases: Vec<Db> = self.databases().map(|(db, _)| db).collect();
        let from = databases.partition_point(|db| *db < start.0);
        let in_turn = databases.iter().cycle().skip(from).take(databases.len() + 1);
        let mut next = (Db(0), 0);
        for (turn, db) in in_turn.enumerate() {
            let slot = if turn == 0 && *db == start.0 { start.1 } else { 0 };
            let Some(database) = self.database(*db) else { continue };
            let mut seen = slot;
            for (tag, keys) in database.tags.sizes_from(slot).take(left) {
                if widest.as_ref().is_none_or(|(most, ..)| keys > *most) {
                    widest = Some((keys, *db, database.tags.name(tag).to_vec()));
                }
                left -= 1;
                seen = tag as usize + 1;
            }
            if left == 0 {
                next = (*db, seen);
                break;
            }
        }
        self.health.next_tag = next;
        let (keys, db, tag) = widest?;
        let told = WideTag { tag: Shown(&tag).to_string(), db: db.0, keys: keys as u64 };
        self.health.widest = Some((db, tag));
        Some(told)
    }
}

#[cfg(test)]
mod tests;
