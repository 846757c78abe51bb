//! The entry of a usual run: its kind is [known](super::kinds), it has one target, and all keys
//! that matched went. Most are of this form: it is written in one piece, and read as fast.
//!
//! # Format
//! Six words of eight bytes: [`FORM`], the kind of the target, where the kind is and the database;
//! number in the log; time; client; times, how many keys, and the length of the text; and the
//! lengths of the user and of all names. Then user; text of the target; names of the keys; their lengths, of one
//! byte each.

use super::entry::Stamp;
use super::run::{self, Figures, Run};
use super::{Caller, Facts, Journal, held_keys, keys, user};
use crate::domain::name::Db;
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::{Plan, PlanTarget};
use crate::domain::request::Origin;
use crate::domain::stats::families::Group;

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
    /// Where its kind is known.
    pub(super) place: u16,
    pub(super) resolve_micros: u16,
    pub(super) delete_micros: u16,
    /// How many keys went.
    keys: u16,
    /// The kind of the target: see [`keys::code_of`].
    code: u8,
    pub(super) user: &'a [u8],
    pub(super) text: &'a [u8],
    names: &'a [u8],
    lengths: &'a [u8],
}

const WORDS: usize = 6;
const NUMBERS_BYTES: usize = WORDS * size_of::<u64>();

/// Most keys of a usual run, and most microseconds: all bits of a number.
const NUMBER_MAX: u64 = u16::MAX as u64;

/// The number of the rule and the target of a usual run: of one event that somebody told, with one
/// rule, which takes it by its whole name and deletes, and one target.
#[inline]
fn usual<'a>(plan: &'a Plan, outcome: &Outcome) -> Option<(u64, &'a PlanTarget)> {
    let Origin::Events(events) = &plan.origin else { return None };
    let ([event], [rule]) = (events.as_slice(), plan.rules.as_slice()) else { return None };
    let ([target], Some(number)) = (plan.targets.as_slice(), rule.number) else { return None };
    let Count { matched, deleted, marked: _, absent: _, warmed } = outcome.total;
    let keys = plan.names.len() as u64;
    let is_usual = event.follows.is_none()
        && event.entity.is_none()
        && !rule.collects
        && outcome.gone.is_none()
        && keys > 0
        && (matched, deleted) == (keys, keys)
        && (outcome.refused | outcome.dead_names | outcome.warm_refused | warmed) == 0
        && (keys | outcome.resolve_micros | outcome.delete_micros) <= NUMBER_MAX;
    is_usual.then_some((number, target))
}

impl Journal {
    /// Writes down a usual run, of which a key went; it waits to be counted then. Says whether it
    /// is one.
    pub fn note_short(&mut self, plan: &Plan, outcome: &Outcome, by: &Caller, at_ms: u64) -> bool {
        let Some((number, target)) = usual(plan, outcome) else { return false };
        if plan.names.len() as u64 > held_keys(&self.limits) {
            return false;
        }
        let is_logged = self.is_logged(outcome.resolve_micros + outcome.delete_micros);
        let id = if is_logged { self.last + 1 } else { 0 };
        let (first, last) = self.keys.block_numbers().into_inner();
        let kind = |out: &mut Vec<u8>| {
            let to_count = Some(outcome.per_target.as_slice());
            run::write_kind(&Facts { to_count, ..Facts::of(plan, outcome, at_ms) }, out);
        };
        let place = self.kinds.place(number, kind, first, last);
        let stamp = Stamp { id, user: user(by, &self.agent), client: by.client, place };
        let is_written = self
            .keys
            .write(id, |out| write(plan, outcome, target, at_ms, &stamp, out).unwrap_or(0));
        self.last += u64::from(is_logged && is_written);
        is_written
    }
}

/// Writes such an entry and gives the number of its keys; nothing when it has to be another one.
fn write(
    plan: &Plan,
    outcome: &Outcome,
    target: &PlanTarget,
    at_ms: u64,
    stamp: &Stamp,
    out: &mut Vec<u8>,
) -> Option<u64> {
    let (start, all) = (out.len(), 0..plan.names.len());
    let keys = all.len() as u64;
    let names = plan.names.joined(all.clone());
    let short_len = |part: &[u8]| u16::try_from(part.len()).ok().map(u64::from);
    let (user_len, text_len) = (short_len(stamp.user.as_bytes())?, short_len(&target.text)?);
    let names_len = u32::try_from(names.len()).ok().map(u64::from)?;
    let words: [u64; WORDS] = [
        u64::from(FORM)
            | u64::from(keys::code_of(target.kind)) << 8
            | (stamp.place? as u64) << 16
            | u64::from(plan.db.0) << 32,
        stamp.id,
        at_ms,
        stamp.client,
        outcome.resolve_micros | outcome.delete_micros << 16 | keys << 32 | text_len << 48,
        user_len | names_len << 32,
    ];
    out.reserve(NUMBERS_BYTES + stamp.user.len() + target.text.len() + names.len() + all.len());
    out.extend_from_slice(words.map(u64::to_le_bytes).as_flattened());
    out.extend_from_slice(stamp.user.as_bytes());
    out.extend_from_slice(&target.text);
    out.extend_from_slice(names);
    let mut bits = 0;
    out.extend(plan.names.lengths(all).map(|len| {
        bits |= len;
        len as u8
    }));
    if bits > usize::from(u8::MAX) {
        out.truncate(start);
        return None;
    }
    Some(keys)
}

impl<'a> Short<'a> {
    /// Reads an entry, if it is such a one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<NUMBERS_BYTES>()?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(head.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [first, id, at_ms, client, small, lengths] = words;
        if first as u8 != FORM {
            return None;
        }
        let (user, rest) = rest.split_at_checked(usize::from(lengths as u16))?;
        let (text, rest) = rest.split_at_checked(usize::from((small >> 48) as u16))?;
        let (names, lengths) = rest.split_at_checked((lengths >> 32) as usize)?;
        Some(Self {
            id,
            at_ms,
            client,
            db: Db((first >> 32) as u32),
            place: (first >> 16) as u16,
            resolve_micros: small as u16,
            delete_micros: (small >> 16) as u16,
            keys: (small >> 32) as u16,
            code: (first >> 8) as u8,
            user,
            text,
            names,
            lengths,
        })
    }

    /// The run, to be counted; with its kind and the number of that.
    pub(super) fn run(&self, kind: &'a [u8], number: u64) -> Run<'a> {
        let figures = [self.resolve_micros, self.delete_micros, 0, self.keys, self.keys];
        Run { at_ms: self.at_ms, kind, number: Some(number), figures: Figures::One(figures) }
    }

    /// The kind of its target, and what that is ranked with.
    pub(super) fn target(&self) -> Option<(&'static str, Option<Group>)> {
        keys::kind_of(self.code.into())
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
