//! What was carried out lately, by whom and why: the log, and the keys that went.
//!
//! An invalidation is written once, as bytes, into a ring, and nothing of it is allocated; it is
//! read when somebody asks, and when the figures of many are counted together. The log is bounded
//! by its entries, what is known of keys by their number. Neither is saved.

mod entry;
mod keys;
mod kinds;
mod run;
mod short;
mod tape;
mod waiting;

use std::cmp::Reverse;
use std::collections::VecDeque;

use entry::Stamp;
pub use entry::{Entry, Kind};
pub use keys::Cause;
use kinds::Kinds;
pub use kinds::{PLACES, place_of};
pub use run::{KindOf, ONE_TARGET, Run, RunKind, can_wait, targets_of, times_of};
use tape::{Mark, Tape};
pub use waiting::Waiting;

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
    /// What became of the keys of each target, when that is to be counted later (see [`can_wait`]).
    pub to_count: Option<&'a [Count]>,
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
            to_count: None,
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

/// Blocks of the ring of keys, of 16 KB, that may wait to be counted: some hundreds of events. To
/// count them takes a tenth of a millisecond.
const WAITING_BLOCKS: usize = 8;

/// Keys whose entries are held where nobody may ask for them: so that runs can wait to be counted.
const UNSHOWN_KEYS: u64 = 1000;

/// Keys whose entries are held.
fn held_keys(limits: &JournalLimits) -> u64 {
    if limits.why_keys == 0 { UNSHOWN_KEYS } else { limits.why_keys }
}

/// See the module.
#[derive(Debug)]
pub struct Journal {
    limits: JournalLimits,
    /// On whose behalf the module acts of its own accord, such as `source orders`; empty for
    /// nobody's.
    pub agent: String,
    /// The number of the last entry of the log.
    last: u64,
    /// The number of the first that it may have.
    first: u64,
    /// The entries of the log that are not in the ring of keys, by number: those without a key, and
    /// those whose keys went from there.
    apart: VecDeque<(u64, Vec<u8>)>,
    keys: Tape,
    /// The kinds that entries there refer to.
    kinds: Kinds,
    /// Before this, nothing in the ring of keys waits to be counted.
    counted: Mark,
}

impl Default for Journal {
    fn default() -> Self {
        let limits = JournalLimits::default();
        let (apart, keys) = (VecDeque::new(), Tape::new(held_keys(&limits)));
        let counted = keys.end();
        let (agent, kinds) = (String::new(), Kinds::default());
        Self { limits, agent, last: 0, first: 1, apart, keys, kinds, counted }
    }
}

impl Journal {
    /// Writes an invalidation into the log, if it is slow enough.
    pub fn log(&mut self, facts: &Facts, by: &Caller) {
        if self.is_logged(facts.resolve_micros + facts.delete_micros) {
            self.last += 1;
            self.log_apart(facts, by);
        }
    }

    /// The same, and why the keys of a plan went. Says whether there were any: only then an entry
    /// waits to be counted.
    pub fn note(&mut self, facts: &Facts, by: &Caller, plan: &Plan, outcome: &Outcome) -> bool {
        let is_logged = self.is_logged(facts.resolve_micros + facts.delete_micros);
        self.last += u64::from(is_logged);
        let id = if is_logged { self.last } else { 0 };
        let is_kept = self.keep_keys(facts, id, by, plan, outcome);
        if !is_kept && is_logged {
            self.log_apart(facts, by);
        }
        is_kept
    }

    /// Whether [`make_room`](Self::make_room) is to be called before keys of a plan are noted.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.keys.is_full()
    }

    /// Whether what waits is to be counted before that.
    pub fn must_be_counted(&self) -> bool {
        self.keys.blocks_since(self.counted) >= WAITING_BLOCKS
            || self.keys.going(self.oldest()) > self.keys.blocks_before(self.counted)
    }

    /// Begins a block of the ring of keys: what the log needs of those that go is copied.
    pub fn make_room(&mut self) {
        let going = self.keys.going(self.oldest());
        self.take_apart(going);
        self.keys.begin_block(going);
    }

    /// Whether all keys of a plan are written down.
    pub fn takes_all(&self, plan: &Plan) -> bool {
        plan.names.len() as u64 <= held_keys(&self.limits)
    }

    /// What waits is counted.
    pub fn counted(&mut self) {
        self.counted = self.keys.end();
    }

    /// Why the keys of a part of a plan went, which is logged when all is done.
    pub fn note_keys(&mut self, facts: &Facts, by: &Caller, plan: &Plan, outcome: &Outcome) {
        self.keep_keys(facts, 0, by, plan, outcome);
    }

    fn is_logged(&self, micros: u64) -> bool {
        self.limits.slower_than_micros.is_some_and(|least| micros >= least)
    }

    /// Whether there were any.
    fn keep_keys(
        &mut self,
        facts: &Facts,
        id: u64,
        by: &Caller,
        plan: &Plan,
        outcome: &Outcome,
    ) -> bool {
        let number = facts.to_count.and_then(|_| kinds::number(facts.rules, facts.origin));
        let place = number.and_then(|of| self.place(of, |out| run::write_kind(facts, out)));
        let stamp = Stamp { id, user: user(by, &self.agent), client: by.client, place };
        let most = usize::try_from(held_keys(&self.limits)).unwrap_or(usize::MAX);
        self.keys.write(id, |out| {
            entry::write_head(facts, &stamp, out);
            keys::write(plan, outcome, most, out)
        })
    }

    /// Where the kind of runs of a number is known, the next of which is written now. `kind` writes
    /// it.
    #[inline]
    fn place(&mut self, number: u64, kind: impl FnOnce(&mut Vec<u8>)) -> Option<usize> {
        let (first, last) = self.keys.block_numbers().into_inner();
        self.kinds.place(number, kind, first, last)
    }

    fn log_apart(&mut self, facts: &Facts, by: &Caller) {
        let mut bytes = self.room();
        let user = user(by, &self.agent);
        let stamp = Stamp { id: self.last, user, client: by.client, place: None };
        entry::write_head(facts, &stamp, &mut bytes);
        self.apart.push_back((self.last, bytes));
        self.trim();
    }

    /// Where an entry can be written: in the place of one that goes.
    fn room(&mut self) -> Vec<u8> {
        let goes = self.apart.front().is_some_and(|(id, _)| *id < self.oldest());
        let gone = if goes { self.apart.pop_front() } else { None };
        let mut bytes = gone.map(|(_, bytes)| bytes).unwrap_or_default();
        bytes.clear();
        bytes
    }

    /// Copies what the log needs of the first blocks of the ring of keys.
    fn take_apart(&mut self, blocks: usize) {
        let keys = std::mem::take(&mut self.keys);
        for bytes in keys.first(blocks, self.oldest()) {
            let id = entry::id_of(bytes);
            if id < self.oldest() || self.is_apart(id) {
                continue;
            }
            let mut head = self.room();
            // Written here, it is read here.
            let _ = entry::copy_head(bytes, &self.kinds, &mut head);
            let at = self.apart.partition_point(|(other, _)| *other < id);
            self.apart.insert(at, (id, head));
        }
        self.keys = keys;
    }

    fn is_apart(&self, id: u64) -> bool {
        self.apart.binary_search_by_key(&id, |(id, _)| *id).is_ok()
    }

    fn trim(&mut self) {
        let oldest = self.oldest();
        while self.apart.front().is_some_and(|(id, _)| *id < oldest) {
            self.apart.pop_front();
        }
    }

    /// The number of the oldest entry of the log.
    fn oldest(&self) -> u64 {
        self.first.max((self.last + 1).saturating_sub(self.limits.log_len))
    }

    /// The last entries of the log, the newest first.
    pub fn last(&self, most: usize) -> Vec<Entry> {
        let oldest = self.oldest();
        let apart = self.apart.iter().filter(|(id, _)| *id >= oldest);
        let mut all: Vec<(u64, &[u8])> = apart.map(|(id, bytes)| (*id, &**bytes)).collect();
        let there = self.log_len().saturating_sub(all.len());
        let of_keys = self.keys.held_newest_first().map(|bytes| (entry::id_of(bytes), bytes));
        all.extend(of_keys.filter(|(id, _)| *id >= oldest && !self.is_apart(*id)).take(there));
        all.sort_unstable_by_key(|(id, _)| Reverse(*id));
        all.into_iter()
            .take(most)
            .filter_map(|(_, bytes)| entry::read(bytes, &self.kinds))
            .collect()
    }

    /// Keeps so much from now on; what is too much goes. Nothing may wait to be counted.
    pub(super) fn set_limits(&mut self, limits: JournalLimits) {
        self.take_apart(usize::MAX);
        if limits.why_keys == 0 || self.limits.why_keys == 0 {
            // What was not shown is not shown later; and nothing refers to a kind any more.
            (self.keys, self.kinds) = (Tape::new(held_keys(&limits)), Kinds::default());
        } else {
            self.keys.set_most(limits.why_keys);
            self.kinds.renumber(*self.keys.block_numbers().end());
        }
        self.counted();
        self.limits = limits;
        self.first = self.oldest();
        self.trim();
        self.apart.shrink_to_fit();
    }

    /// How many entries the log has.
    pub fn log_len(&self) -> usize {
        usize::try_from(self.last + 1 - self.oldest()).unwrap_or(usize::MAX)
    }

    /// Empties the log. Numbers go on.
    pub fn clear_log(&mut self) {
        self.first = self.last + 1;
        self.apart = VecDeque::new();
    }

    /// Why a key of a database went or was marked, the last time first.
    pub fn why(&self, db: Db, key: &[u8], most: usize) -> Vec<Cause> {
        if self.limits.why_keys == 0 {
            return vec![];
        }
        let entries = self.keys.newest_first();
        entries.filter_map(|bytes| keys::find(bytes, &self.kinds, db, key)).take(most).collect()
    }

    /// The bytes of the ring of keys.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        self.keys.bytes_held()
    }

    /// Of how many keys it is known why they went.
    pub fn keys_known(&self) -> u64 {
        if self.limits.why_keys == 0 { 0 } else { self.keys.weight() }
    }
}

/// Who is told to have asked.
fn user<'a>(by: &'a Caller, agent: &'a str) -> &'a str {
    if by.user.is_empty() { agent } else { &by.user }
}

/// From which position on names are among the last `most`.
fn last_of(names: &NameList, most: usize) -> usize {
    names.len().saturating_sub(most)
}

#[cfg(test)]
mod tests;
