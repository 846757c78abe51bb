//! An in-memory server that notifies at once, in the middle of a command, as the real one does.

#[cfg(test)]
mod timers;
#[cfg(test)]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::health::HealthSettings;
use super::keyspace::{Denied, EventLimits, Keyspace, WarmEntry, WarmSettings};
use crate::domain::batches::BatchLimits;
use crate::domain::change::Change;
use crate::domain::health::observed::Memory;
use crate::domain::health::thresholds::{Profile, Thresholds};
use crate::domain::journal::Caller;
use crate::domain::name::{Db, NameList};
use crate::domain::rule::Priority;
use crate::domain::source::{Entry, EntryId};
use crate::domain::waiting::Waiter;
use crate::domain::windows::ServerFigures;
use crate::server::Shared;

#[derive(Default)]
pub struct Fake {
    /// Live keys.
    pub keys: BTreeSet<Vec<u8>>,
    /// Keys whose time is up and that nobody has looked at since.
    pub overdue: BTreeSet<Vec<u8>>,
    /// Keys that this user may not delete.
    pub denied: BTreeSet<Vec<u8>>,
    /// Names per UNLINK call.
    pub unlinked: Vec<Vec<String>>,
    pub replicated: Vec<String>,
    /// The last of them, word by word.
    pub last_replicated: Vec<Vec<u8>>,
    pub warmed: Vec<String>,
    /// When they are due, in the same order.
    pub dues: Vec<u64>,
    pub warm: WarmSettings,
    /// Keys that nobody touched lately.
    pub cold: BTreeSet<Vec<u8>>,
    /// Keys that were asked for whether they are hot, and whether they were there.
    pub asked: Vec<(String, bool)>,
    pub refuses: Option<&'static str>,
    pub scans: usize,
    /// As a replica, or while clients are paused.
    pub may_not_write: bool,
    /// As the primary's link, or the append-only file.
    pub is_obeying: bool,
    pub slices_begun: usize,
    pub sync_max_keys: Option<u64>,
    pub selected: Db,
    /// What keys hold that were set.
    pub values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The time to live that was set last.
    pub until: Option<u64>,
    pub randoms: u64,
    /// What chance is.
    pub random: u64,
    pub hears_overwrites: bool,
    /// What the clock says beside 1,700,000,000,000.
    pub now_ms: u64,
    /// As in a transaction.
    pub may_not_wait: bool,
    /// Clients that were made to wait.
    pub waiters: u64,
    pub micros: std::cell::Cell<u64>,
    /// What streams hold.
    pub streams: BTreeMap<Vec<u8>, Vec<Entry>>,
    /// What was published.
    pub published: Vec<String>,
    pub figures: ServerFigures,
    pub lines: Vec<String>,
}

const WARM: WarmSettings =
    WarmSettings { max_entries: 100, delay_ms: 100, hot_ms: 60_000, timeout_ms: 60_000 };

/// A fake server with its module.
#[derive(Default)]
pub struct World {
    pub shared: Shared,
    pub fake: Fake,
}

struct Port<'a> {
    fake: &'a mut Fake,
    shared: &'a Shared,
    /// The command that is running.
    words: &'a [&'a [u8]],
}

impl Port<'_> {
    /// What looking a key up does: an overdue key goes, and everybody hears of it.
    fn expire_if_needed(&mut self, name: &[u8]) {
        if self.fake.overdue.remove(name) {
            self.fake.keys.remove(name);
            self.shared.notice(Change::Expired, Db(0), name);
        }
    }
}

impl Keyspace for Port<'_> {
    fn db(&self) -> Db {
        self.fake.selected
    }

    fn select(&mut self, db: Db) {
        self.fake.selected = db;
    }

    fn exists(&mut self, name: &[u8]) -> bool {
        self.expire_if_needed(name);
        self.fake.keys.contains(name)
    }

    fn unlink(&mut self, names: &NameList, range: Range<usize>) -> Result<u64, String> {
        if let Some(why) = self.fake.refuses {
            return Err(why.to_owned());
        }
        let mut count = 0;
        let mut batch = vec![];
        for name in range.filter_map(|at| names.get(at)) {
            batch.push(String::from_utf8_lossy(name).into_owned());
            self.expire_if_needed(name);
            if self.fake.keys.remove(name) {
                count += 1;
                self.shared.notice(Change::Deleted, Db(0), name);
            }
        }
        self.fake.unlinked.push(batch);
        Ok(count)
    }

    fn get(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.expire_if_needed(name);
        Ok(self
            .fake
            .keys
            .contains(name)
            .then(|| self.fake.values.get(name).cloned().unwrap_or_default()))
    }

    fn get_again(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.get(name)
    }

    fn set(&mut self, name: &[u8], value: &[u8], until_ms: Option<u64>) -> Result<(), String> {
        if let Some(why) = self.fake.refuses {
            return Err(why.to_owned());
        }
        self.fake.values.insert(name.to_vec(), value.to_vec());
        self.fake.until = until_ms;
        let is_new = self.fake.keys.insert(name.to_vec());
        self.shared.notice(if is_new { Change::Created } else { Change::Overwritten }, Db(0), name);
        Ok(())
    }

    fn shorten_life(&mut self, name: &[u8], until_ms: u64) -> Result<bool, String> {
        if let Some(why) = self.fake.refuses {
            return Err(why.to_owned());
        }
        self.fake.until = Some(until_ms);
        Ok(self.exists(name))
    }

    fn hear_overwrites(&mut self) {
        self.fake.hears_overwrites = true;
    }

    fn new_token(&mut self) -> u64 {
        self.fake.randoms += 1;
        self.fake.randoms
    }

    fn random(&mut self) -> u64 {
        self.fake.random
    }

    fn token_ttl_ms(&self) -> u64 {
        10_000
    }

    fn wait(&mut self, _: u64) -> Option<Waiter> {
        if self.fake.may_not_wait {
            return None;
        }
        self.fake.waiters += 1;
        Some(self.fake.waiters)
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8])) {
        self.fake.scans += 1;
        // The server shows some names twice, too.
        self.fake.keys.iter().chain(self.fake.keys.iter().take(3)).for_each(|name| visit(name));
    }

    fn scan_all(&mut self, visit: &mut dyn FnMut(Db, &[u8])) {
        self.scan(&mut |name| visit(Db(0), name));
    }

    fn first_denied(&mut self, names: &NameList) -> Option<Denied> {
        let at = names.iter().position(|name| self.fake.denied.contains(name))?;
        Some(Denied { user: "bob".to_owned(), at })
    }

    fn warm(&mut self, entry: &WarmEntry) -> Result<(), String> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.fake.warmed.push(format!(
            "{} {} {} {} {}",
            text(entry.key),
            entry.rule,
            entry.event,
            entry.priority.as_str(),
            text(entry.payload)
        ));
        self.fake.dues.push(entry.due_ms);
        Ok(())
    }

    fn is_hot(&mut self, name: &[u8], within_ms: u64) -> bool {
        assert_eq!(within_ms, WARM.hot_ms);
        let is_there = self.exists(name);
        self.fake.asked.push((String::from_utf8_lossy(name).into_owned(), is_there));
        is_there && !self.fake.cold.contains(name)
    }

    fn warm_settings(&self) -> WarmSettings {
        self.fake.warm
    }

    fn warm_length(&mut self, priority: Priority) -> u64 {
        let of = format!(" {} ", priority.as_str());
        self.fake.warmed.iter().filter(|entry| entry.contains(&of)).count() as u64
    }

    fn replicate(&mut self, words: &[&[u8]]) {
        self.fake.last_replicated = words.iter().map(|word| word.to_vec()).collect();
        self.fake.replicated.push(
            words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" "),
        );
    }

    fn replicate_as_it_came(&mut self) {
        self.replicate(self.words);
    }

    fn read_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: usize,
    ) -> Result<Vec<Entry>, String> {
        if stream == b"no-stream" {
            return Err("WRONGTYPE".to_owned());
        }
        let entries = self.fake.streams.get(stream).into_iter().flatten();
        Ok(entries.filter(|entry| entry.id > after).take(most).cloned().collect())
    }

    fn count_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: u64,
    ) -> Result<(u64, u64), String> {
        let entries = self.read_entries(stream, after, usize::try_from(most).unwrap())?;
        Ok((entries.len() as u64, entries.first().map_or(0, |entry| entry.id.ms)))
    }

    fn last_entry(&mut self, stream: &[u8]) -> Result<Option<EntryId>, String> {
        let entries = self.read_entries(stream, EntryId::default(), usize::MAX)?;
        Ok(entries.last().map(|entry| entry.id))
    }

    fn bury(&mut self, stream: &[u8], fields: &[(&[u8], &[u8])]) -> Result<(), String> {
        let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let entries = self.fake.streams.entry(stream.to_vec()).or_default();
        let id = EntryId { ms: entries.len() as u64 + 1, seq: 0 };
        entries.push(Entry { id, fields });
        Ok(())
    }

    fn begin_sources(&mut self) {}

    fn publish(&mut self, _: &[u8], message: &[u8]) {
        self.fake.published.push(String::from_utf8_lossy(message).into_owned());
    }

    fn begin_batches(&mut self) {}

    fn event_limits(&self) -> EventLimits {
        EventLimits {
            batch: BatchLimits { size: 10, timeout_ms: 5000 },
            dedupe_window_ms: 1000,
            dedupe_max: 100,
            publish_names: Some(3),
        }
    }

    fn may_delete_all(&mut self) -> bool {
        self.fake.denied.is_empty()
    }

    fn may_write(&self) -> bool {
        !self.fake.may_not_write
    }

    fn begin_slices(&mut self) {
        self.fake.slices_begun += 1;
    }

    fn sync_max_keys(&self) -> u64 {
        self.fake.sync_max_keys.unwrap_or(u64::MAX)
    }

    fn is_obeying(&self) -> bool {
        self.fake.is_obeying
    }

    fn caller(&mut self) -> Caller {
        Caller { user: "tester".to_owned(), client: 1 }
    }

    fn user_of(&mut self, _: u64) -> Option<String> {
        None
    }

    fn log_line(&mut self, line: &str) {
        self.fake.lines.push(line.to_owned());
    }

    fn sample_latency(&mut self, _: u64) {}

    fn figures(&mut self) -> ServerFigures {
        self.fake.figures
    }

    fn memory(&mut self) -> Option<Memory> {
        None
    }

    fn stream_length(&mut self, stream: &[u8]) -> u64 {
        self.fake.streams.get(stream).map_or(0, |entries| entries.len() as u64)
    }

    fn last_taken(&mut self, _: &[u8]) -> Option<EntryId> {
        None
    }

    fn health_settings(&self) -> HealthSettings {
        let profile = Profile::Default;
        HealthSettings { profile, thresholds: Thresholds::of(profile) }
    }

    fn monotonic_micros(&self) -> u64 {
        self.fake.micros.set(self.fake.micros.get() + 1);
        self.fake.micros.get()
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.fake.now_ms
    }
}
