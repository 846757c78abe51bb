//! The most memory that the index may take, and what becomes of new names when it is reached.
//!
//! Up to nine tenths of the limit every name is indexed. Then new names are left out: the index
//! is incomplete, and patterns ask the server itself. The last tenth is for keys that somebody
//! tags; when that is used up too, tags are refused. Tags that nobody can be refused (of a
//! renamed or copied key, from a snapshot or a primary) are always kept.
//!
//! Names left out come in again by a walk over the keyspace, when all of them will fit.

use super::State;
use super::error::{Error, Result};
use super::name::Db;

/// Of the limit, one part of so many is kept for keys that are tagged.
const TAG_SHARE: usize = 10;

/// Most bytes added between two counts of what is held: so small that the count is never far
/// off, so large that it costs nothing (some 2,000 names).
const CREDIT_MAX: usize = 256 << 10;

/// What a name is taken to cost beside its own bytes until the next count: about twice what it
/// does, since tables grow in steps.
const NAME_BYTES: usize = 64;

/// The same for a tag on a key, with the tag's name.
const TAG_BYTES: usize = 64;

/// A walk begins when all keys of the server are expected to take so many percent of what names
/// may: a guess that is a little wrong must not end it half-way.
const FIT_PERCENT: usize = 95;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct IndexMemory {
    /// In bytes; 0 for no limit.
    max: usize,
    /// Bytes that may be added before what is held is counted again.
    credit: usize,
    /// Whether new names are left out now.
    full: bool,
    /// Whether a name was left out since the last walk began.
    left_out: bool,
    /// Whether tags were refused, and none were taken since.
    refuses_tags: bool,
    /// What a key took when new names began to be left out: without gaps from keys that went.
    key_bytes: usize,
    /// Whether the log says that names are left out.
    told: bool,
}

impl IndexMemory {
    /// The limit in bytes; 0 for none.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Whether new names are left out now.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Whether a name was left out since the last walk began.
    pub fn has_left_out(&self) -> bool {
        self.left_out
    }

    /// Whether names are left out and the log does not say so; then it does.
    pub fn begins_to_be_full(&mut self) -> bool {
        let begins = self.full && !self.told;
        self.told |= begins;
        begins
    }

    /// Whether tags were refused, and none were taken since.
    pub fn refuses_tags(&self) -> bool {
        self.refuses_tags
    }

    /// There may be memory again.
    pub(super) fn reopen(&mut self) {
        (self.full, self.refuses_tags, self.credit) = (false, false, 0);
    }

    /// What names alone may take.
    fn max_of_names(&self) -> usize {
        self.max - self.max / TAG_SHARE
    }
}

impl State {
    /// Bytes that the index holds from the allocator, about: names and tags of all databases.
    pub fn index_bytes(&self) -> usize {
        let of_each = self.databases.values();
        let held = |database: &super::database::Database| {
            database.keys.held_bytes() + database.tags.held_bytes() + database.fresh.held_bytes()
        };
        of_each.map(held).sum()
    }

    /// Sets the limit of [`State::index_bytes`]; 0 for none. What is indexed stays.
    pub fn set_index_max(&mut self, max: usize) {
        (self.memory.max, self.memory.credit, self.memory.refuses_tags) = (max, 0, false);
    }

    /// Whether a name may be indexed: it is already, or there is room for it. Another is left
    /// out, and the index is incomplete.
    pub(super) fn admits(&mut self, db: Db, name: &[u8]) -> bool {
        if self.memory.max == 0 {
            return true;
        }
        let cost = name.len() + NAME_BYTES;
        match self.memory.credit.checked_sub(cost) {
            Some(credit) => {
                self.memory.credit = credit;
                true
            }
            None => self.admits_by_count(db, name, cost),
        }
    }

    #[cold]
    fn admits_by_count(&mut self, db: Db, name: &[u8], cost: usize) -> bool {
        if self.is_indexed(db, name) {
            return true;
        }
        if !self.memory.full {
            let held = self.index_bytes();
            let room = self.memory.max_of_names().saturating_sub(held);
            if let Some(credit) = room.checked_sub(cost) {
                self.memory.credit = credit.min(CREDIT_MAX);
                return true;
            }
            self.memory.full = true;
            self.memory.key_bytes = held.checked_div(self.sizes().0).unwrap_or(cost);
        }
        self.memory.left_out = true;
        self.index.incomplete = true;
        false
    }

    /// Whether the key is known.
    pub fn is_indexed(&self, db: Db, name: &[u8]) -> bool {
        self.databases.get(&db).is_some_and(|database| database.keys.find(name).is_some())
    }

    /// Whether a client may put these tags on a key.
    ///
    /// # Errors
    /// The limit is reached.
    pub fn admit_tags(&mut self, name: &[u8], tags: &[&[u8]]) -> Result<()> {
        let IndexMemory { max, credit, .. } = self.memory;
        if max == 0 {
            return Ok(());
        }
        let of_tags: usize = tags.iter().map(|tag| tag.len() + TAG_BYTES).sum();
        let cost = name.len() + NAME_BYTES + of_tags;
        if let Some(credit) = credit.checked_sub(cost) {
            self.memory.credit = credit;
            return Ok(());
        }
        let held = self.index_bytes();
        self.memory.refuses_tags = held + cost > max;
        match self.memory.refuses_tags {
            false => Ok(()),
            true => Err(Error::IndexFull { key: name.to_vec(), held, max }),
        }
    }

    /// Names are left out: whether they may come in again, as this many keys live in all
    /// databases. If so, new names are indexed from now on, and a walk is to find the others.
    pub fn may_catch_up(&mut self, live: u64) -> bool {
        let (keys, held) = (self.sizes().0, self.index_bytes());
        let max = self.memory.max_of_names() / 100 * FIT_PERCENT;
        let expected = match self.fence().source().is_empty() {
            // How many of the others are inside the fence, nobody knows.
            false => held + held / TAG_SHARE,
            true => {
                let missing = usize::try_from(live).unwrap_or(usize::MAX).saturating_sub(keys);
                held.saturating_add(missing.saturating_mul(self.memory.key_bytes))
            }
        };
        if self.memory.max == 0 || expected <= max {
            self.memory.reopen();
        }
        !self.memory.full
    }

    /// A walk that is to make the index complete begins.
    pub fn begin_catching_up(&mut self) {
        self.memory.left_out = self.memory.full;
    }

    /// Such a walk is over: whether the index is complete now, unless it was so before.
    pub fn end_catching_up(&mut self) -> bool {
        if self.memory.left_out {
            return false;
        }
        self.memory.told = false;
        std::mem::take(&mut self.index.incomplete)
    }

    /// What replies say while patterns have to ask the server.
    pub fn index_warning(&self) -> Option<&'static str> {
        match (self.index.incomplete, self.memory.full) {
            (false, _) => None,
            (true, false) => Some(
                "index incomplete: the keyspace was scanned for this request; INFO inval shows the progress",
            ),
            (true, true) => Some(
                "index incomplete: inval.max-index-memory is reached, the keyspace was scanned for this request; INVAL.HEALTH says what to do",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::travel::Luggage;

    const MAX: usize = 4 << 20;

    fn name(at: u32) -> Vec<u8> {
        format!("a name of some length:{at}").into_bytes()
    }

    fn full() -> State {
        let mut state = State::default();
        state.set_index_max(MAX);
        let mut at = 0;
        while !state.memory.is_full() {
            state.told(Change::Created, Db(at % 3), &name(at));
            at += 1;
        }
        state
    }

    #[test]
    fn names_stop_at_nine_tenths_and_tags_at_the_limit() {
        let mut state = full();
        let held = state.index_bytes();
        assert!((MAX / 100 * 85..=MAX / 100 * 93).contains(&held), "{held}");
        assert!(state.index.incomplete && state.memory.has_left_out());
        let keys = state.sizes().0;
        state.told(Change::Created, Db(9), b"another");
        assert_eq!((state.sizes().0, state.is_indexed(Db(9), b"another")), (keys, false));
        // A key that is known, and created again, loses its tags as ever.
        state.database_mut(Db(0)).set_tags(&name(0), [&b"t"[..]].into_iter());
        state.told(Change::Created, Db(0), &name(0));
        assert_eq!(state.sizes().2, 0);

        let mut at = 0;
        let refused = loop {
            let (key, tag) = (format!("tagged:{at}"), format!("tag:{at}"));
            at += 1;
            if let Err(error) = state.admit_tags(key.as_bytes(), &[tag.as_bytes()]) {
                break error.to_string();
            }
            state.keep(Db(0), key.as_bytes());
            state.database_mut(Db(0)).set_tags(key.as_bytes(), [tag.as_bytes()].into_iter());
        };
        assert!(at > 100 && refused.contains("raise it, or narrow inval.fence"), "{refused}");
        let held = state.index_bytes();
        assert!((MAX / 100 * 98..=MAX / 100 * 102).contains(&held), "{held} after {at}");
        // What nobody can be refused is kept.
        state.travel.under_way = Luggage { tags: vec![b"t".to_vec()], ..Luggage::default() };
        state.told(Change::Arrived, Db(0), b"renamed");
        assert_eq!(state.tags_of(Db(0), b"renamed"), [b"t".to_vec()]);
        state.told(Change::Arrived, Db(0), b"renamed without tags");
        assert!(!state.is_indexed(Db(0), b"renamed without tags"));
        assert_eq!(state.check(), Ok(()));
    }

    #[test]
    fn what_was_left_out_comes_in_when_all_of_it_fits() {
        let mut state = full();
        let keys = state.sizes().0 as u64;
        assert!(!state.may_catch_up(keys + 1000));
        state.set_index_max(2 * MAX);
        assert!(!state.may_catch_up(keys * 3) && state.memory.is_full());
        assert!(state.may_catch_up(keys + 1000) && !state.memory.is_full());
        state.begin_catching_up();
        assert!(state.end_catching_up() && !state.index.incomplete);

        // Behind a fence the number of keys says nothing.
        let mut state = full();
        state.set_fence(crate::domain::fence::Fence::parse("a").unwrap());
        assert!(!state.may_catch_up(0));
        (0..40_000).for_each(|at| state.told(Change::Deleted, Db(at % 3), &name(at)));
        assert!(state.may_catch_up(u64::MAX));

        // Names left out during the walk: another one is needed.
        let mut state = full();
        assert!(state.memory.begins_to_be_full() && !state.memory.begins_to_be_full());
        state.set_index_max(2 * MAX);
        assert!(state.may_catch_up(keys));
        state.begin_catching_up();
        state.set_index_max(MAX);
        state.told(Change::Created, Db(0), b"another");
        assert!(!state.end_catching_up() && state.index.incomplete);
        state.flushed(None);
        assert!(!state.memory.is_full());
    }

    #[test]
    fn a_snapshot_loses_no_tag_for_want_of_memory() {
        use crate::domain::snapshot::{Decoder, encode};
        let mut before = State::default();
        for at in 0..3000 {
            before.told(Change::Created, Db(0), &name(at));
            before.database_mut(Db(0)).set_tags(&name(at), [&b"t"[..]].into_iter());
        }
        let snapshot = || {
            let (mut decoder, mut read) = (Decoder::default(), None);
            encode(&before, |chunk| read = decoder.feed(chunk).unwrap());
            read.unwrap()
        };
        for from_primary in [false, true] {
            let mut after = State::default();
            after.set_index_max(64 << 10);
            after.begin_load(from_primary);
            (0..2900).for_each(|at| after.told(Change::Loaded, Db(0), &name(at)));
            after.settle();
            let indexed = after.sizes().0;
            assert!(indexed < 1000);
            after.restore(snapshot(), false);
            assert_eq!(after.sizes().2, 3000);
            let unsure = if from_primary { 0 } else { 3000 - indexed };
            assert_eq!(after.take_unsure().len(), unsure);
        }
    }
}
