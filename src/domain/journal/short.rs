//! The entry of a usual run: its kind is [known](super::kinds), it has one target, and all keys
//! that matched went. Most are of this form: it is written in one piece, and read as fast.
//!
//! # Format
//! Six words of eight bytes: [`FORM`], the kind of the target, the length of the user and the
//! database; number in the log; time; client; times, how many keys, and the length of all names;
//! and the number of the kind and the length of the text. Then user; text of the target; names of
//! the keys; their lengths, of one byte each.

use super::entry::Stamp;
use super::kinds::Kinds;
use super::run::{self, Figures, KindOf, Run};
use super::tape::put;
use super::{Caller, Facts, Journal, keys, kinds, user};
use crate::domain::name::Db;
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::{Plan, PlanTarget};
use crate::domain::rule::ResolvedKind;

/// The first byte of such an entry; those of others are lower.
pub(super) const FORM: u8 = 0xff;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a> {
    /// Its number in the log; 0 when it is not there.
    pub(super) id: u64,
    /// When, in milliseconds since 1970.
    pub(super) at_ms: u64,
    /// The client; 0 for none.
    pub(super) client: u64,
    pub(super) db: Db,
    /// The number of its kind.
    pub(super) number: u32,
    pub(super) resolve_micros: u16,
    pub(super) delete_micros: u16,
    /// How many keys went.
    keys: u16,
    /// The kind of the target.
    pub(super) kind: Option<ResolvedKind>,
    pub(super) user: &'a [u8],
    pub(super) text: &'a [u8],
    names: &'a [u8],
    lengths: &'a [u8],
}

const WORDS: usize = 6;
const NUMBERS_BYTES: usize = WORDS * size_of::<u64>();

impl Journal {
    /// Writes down a usual run, which waits to be counted then. Says whether it is one.
    #[inline]
    pub fn note_short(&mut self, plan: &Plan, outcome: &Outcome, by: &Caller, at_ms: u64) -> bool {
        if !(run::is_plain(plan, outcome) && self.takes_all(plan)) {
            return false;
        }
        let [target] = plan.targets.as_slice() else { return false };
        let Some(number) = kinds::number(&plan.rules, &plan.origin) else { return false };
        let Count { matched, deleted, .. } = outcome.total;
        let keys = plan.names.len() as u64;
        if keys == 0 || (matched, deleted) != (keys, keys) {
            return false;
        }
        let is_logged = self.is_logged(outcome.resolve_micros + outcome.delete_micros);
        let id = if is_logged { self.last + 1 } else { 0 };
        let place = self.place(number, |out| {
            let to_count = Some(outcome.per_target.as_slice());
            run::write_kind(&Facts { to_count, ..Facts::of(plan, outcome, at_ms) }, out);
        });
        if place.is_none() {
            // Another kind is known there.
            return false;
        }
        let stamp = Stamp { id, user: user(by, &self.agent), client: by.client, place };
        let write =
            |room: &mut &mut [u8]| write(plan, outcome, target, at_ms, number, &stamp, room);
        let is_written = self.keys.write_in_place(id, write);
        self.last += u64::from(is_logged && is_written);
        is_written
    }
}

/// Writes such an entry and gives the number of its keys; nothing when it has to be another one.
#[inline]
fn write(
    plan: &Plan,
    outcome: &Outcome,
    target: &PlanTarget,
    at_ms: u64,
    number: u64,
    stamp: &Stamp,
    room: &mut &mut [u8],
) -> Option<u64> {
    let all = 0..plan.names.len();
    let (keys, names) = (all.len() as u64, plan.names.joined(all.clone()));
    let short_len = |part: &[u8]| u16::try_from(part.len()).ok().map(u64::from);
    let (user_len, text_len) = (short_len(stamp.user.as_bytes())?, short_len(&target.text)?);
    let (names_len, number) = (short_len(names)?, u32::try_from(number).ok()?);
    let words: [u64; WORDS] = [
        u64::from(FORM)
            | u64::from(keys::code_of(target.kind)) << 8
            | user_len << 16
            | u64::from(plan.db.0) << 32,
        stamp.id,
        at_ms,
        stamp.client,
        outcome.resolve_micros | outcome.delete_micros << 16 | keys << 32 | names_len << 48,
        u64::from(number) | text_len << 32,
    ];
    put(room, words.map(u64::to_le_bytes).as_flattened())?;
    put(room, stamp.user.as_bytes())?;
    put(room, &target.text)?;
    put(room, names)?;
    let (lengths, rest) = std::mem::take(room).split_at_mut_checked(all.len())?;
    let mut bits = 0;
    for (slot, len) in lengths.iter_mut().zip(plan.names.lengths(all)) {
        bits |= len;
        *slot = len as u8;
    }
    *room = rest;
    (bits <= usize::from(u8::MAX)).then_some(keys)
}

impl<'a> Short<'a> {
    /// Reads an entry, if it is such a one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<NUMBERS_BYTES>()?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(head.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [first, id, at_ms, client, small, last] = words;
        if first as u8 != FORM {
            return None;
        }
        let (user, rest) = rest.split_at_checked(usize::from((first >> 16) as u16))?;
        let (text, rest) = rest.split_at_checked(usize::from((last >> 32) as u16))?;
        let (names, lengths) = rest.split_at_checked(usize::from((small >> 48) as u16))?;
        Some(Self {
            id,
            at_ms,
            client,
            db: Db((first >> 32) as u32),
            number: last as u32,
            resolve_micros: small as u16,
            delete_micros: (small >> 16) as u16,
            keys: (small >> 32) as u16,
            kind: keys::kind_of((first >> 8) & 0xff)?,
            user,
            text,
            names,
            lengths,
        })
    }

    /// The run, to be counted.
    #[inline]
    pub(super) fn run(&self, kinds: &'a Kinds) -> Run<'a> {
        let figures = [self.resolve_micros, self.delete_micros, 0, self.keys, self.keys];
        let kind = KindOf::Known(self.number.into(), kinds);
        Run { at_ms: self.at_ms, kind, figures: Figures::One(figures) }
    }

    /// The keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut names = self.names;
        self.lengths.iter().map_while(move |len| {
            let (name, rest) = names.split_at_checked(usize::from(*len))?;
            names = rest;
            Some(name)
        })
    }

    /// What became of the keys.
    pub(super) fn count(&self) -> Count {
        let keys = u64::from(self.keys);
        Count { matched: keys, deleted: keys, ..Count::default() }
    }
}
