//! What was carried out lately, by whom and why: the log, and the keys that went.
//!
//! Both are rings of bytes. An invalidation is written once, in a row of bytes, and nothing of it
//! is allocated; it is read only when somebody asks. The log is bounded by its entries, what is
//! known of keys by their number. Neither is saved.

mod entry;
mod tape;

pub use entry::{Cause, Entry, Kind};
use tape::Tape;

use super::name::{Db, NameList};
use super::outcome::{Count, Outcome};
use super::plan::{Plan, PlanTarget};
use super::request::{Origin, PlanRule};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Microseconds of the fastest invalidation that is logged; `None`: nothing is.
    pub slower_than_micros: Option<u64>,
    /// Most entries of the log.
    pub log_len: u64,
    /// Most keys of which it is known why they went.
    pub why_keys: u64,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { slower_than_micros: Some(0), log_len: 128, why_keys: 10_000 }
    }
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user; empty where there is none.
    pub user: String,
    /// The number of the client; 0 where there is none.
    pub client: u64,
}

/// An invalidation, to be written down.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// In which database.
    pub db: Db,
    /// What the job is called that carried it out; what else it is the origin says.
    pub job: Option<&'a [u8]>,
    /// Who asked, as what.
    pub origin: &'a Origin,
    /// In order of work.
    pub rules: &'a [PlanRule],
    /// In order of work.
    pub targets: &'a [PlanTarget],
    /// What became of the keys.
    pub count: Count,
    /// Keys named outside the fence.
    pub refused: u64,
    /// Time to find the keys.
    pub resolve_micros: u64,
    /// Time to check, delete and queue them.
    pub delete_micros: u64,
    /// Why it was given up; empty when it was not.
    pub failure: &'a str,
}

impl<'a> Facts<'a> {
    /// A request of which nothing was carried out.
    pub fn nothing(origin: &'a Origin, db: Db, at_ms: u64) -> Self {
        Self {
            at_ms,
            db,
            job: None,
            origin,
            rules: &[],
            targets: &[],
            count: Count::default(),
            refused: 0,
            resolve_micros: 0,
            delete_micros: 0,
            failure: "",
        }
    }

    /// What happened to a plan.
    pub fn of(plan: &'a Plan, outcome: &Outcome, at_ms: u64) -> Self {
        Self {
            rules: &plan.rules,
            targets: &plan.targets,
            count: outcome.total,
            refused: outcome.refused,
            resolve_micros: outcome.resolve_micros,
            delete_micros: outcome.delete_micros,
            ..Self::nothing(&plan.origin, plan.db, at_ms)
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Journal {
    limits: JournalLimits,
    /// On whose behalf the module acts of its own accord, such as `source orders`; empty for
    /// nobody's.
    pub agent: String,
    /// Entries written so far, of which the log has the last.
    written: u64,
    log: Tape,
    keys: Tape,
    /// Where an entry is put together.
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Journal {
    /// Writes an invalidation into the log, if it is slow enough.
    pub fn log(&mut self, facts: &Facts, by: &Caller) {
        self.put_together(facts, by);
        self.log_head(facts);
    }

    /// The same, and why the keys of a plan went.
    pub fn note(&mut self, facts: &Facts, by: &Caller, plan: &Plan, outcome: &Outcome) {
        self.put_together(facts, by);
        self.log_head(facts);
        self.keep_keys(plan, outcome);
    }

    /// Why the keys of a part of a plan went, which is logged when all is done.
    pub fn note_keys(&mut self, facts: &Facts, by: &Caller, plan: &Plan, outcome: &Outcome) {
        self.put_together(facts, by);
        self.keep_keys(plan, outcome);
    }

    fn put_together(&mut self, facts: &Facts, by: &Caller) {
        let user = if by.user.is_empty() { &self.agent } else { &by.user };
        self.head.clear();
        entry::write_head(facts, user, by.client, &mut self.head);
    }

    fn log_head(&mut self, facts: &Facts) {
        let micros = facts.resolve_micros + facts.delete_micros;
        if self.limits.slower_than_micros.is_some_and(|least| micros >= least) {
            self.written += 1;
            self.log.push(&[&self.head], 1, self.limits.log_len);
        }
    }

    fn keep_keys(&mut self, plan: &Plan, outcome: &Outcome) {
        let most = usize::try_from(self.limits.why_keys).unwrap_or(usize::MAX);
        self.tail.clear();
        let keys = entry::write_keys(plan, outcome, most, &mut self.tail);
        match keys {
            0 => self.keys.trim(self.limits.why_keys),
            _ => self.keys.push(&[&self.head, &self.tail], keys, self.limits.why_keys),
        }
        // What a wide purge took is not held.
        self.tail.shrink_to(TAIL_MAX_BYTES);
    }

    /// The last entries of the log, the newest first.
    pub fn last(&mut self, most: usize) -> Vec<Entry> {
        let mut id = self.written;
        let entries = self.log.newest_first().take(most);
        let read = |bytes: &[u8]| {
            let entry = entry::read_head(bytes, id);
            id = id.saturating_sub(1);
            entry
        };
        entries.filter_map(read).collect()
    }

    /// Keeps so much from now on; what is too much goes.
    pub fn set_limits(&mut self, limits: JournalLimits) {
        self.limits = limits;
        self.log.trim(limits.log_len);
        self.keys.trim(limits.why_keys);
    }

    /// How many entries the log has.
    pub fn log_len(&self) -> usize {
        self.log.len()
    }

    /// Empties the log. Numbers go on.
    pub fn clear_log(&mut self) {
        self.log = Tape::default();
    }

    /// Why a key of a database went or was marked, the last time first.
    pub fn why(&mut self, db: Db, key: &[u8], most: usize) -> Vec<Cause> {
        let entries = self.keys.newest_first();
        entries.filter_map(|bytes| entry::find_key(bytes, db, key)).take(most).collect()
    }

    /// Of how many keys it is known why they went.
    pub fn keys_known(&self) -> u64 {
        self.keys.weight()
    }
}

/// Bytes that the place is let have where keys are put together: more than most plans need.
const TAIL_MAX_BYTES: usize = 64 << 10;

/// From which position on names are among the last `most`.
fn last_of(names: &NameList, most: usize) -> usize {
    names.len().saturating_sub(most)
}

#[cfg(test)]
mod tests;
