//! An entry of the journal as bytes: numbers of few bytes, and names with their length.
//!
//! # Format
//! The head: its length, what was carried out, number in the log, time, client, database, counts,
//! times, how long the next two parts are, all of four bytes; what was asked for and the rules, as
//! part of [the kind of the run](super::run); its figures, if they are to be counted later; user
//! and failure. In the ring of keys [the keys](super::keys) follow.

use super::run::Run;
use super::{Caller, Facts};
use crate::domain::name::{Db, Shown};
use crate::domain::outcome::Count;
use crate::domain::request::Origin;
use crate::domain::varint::{read_name, read_number, write_name};

/// Most names in a list of an entry: of rules, and of events. The rest is a number.
pub(super) const LISTED_MAX: usize = 10;

/// What was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events that somebody told, and those that follow.
    Event,
    /// A purge.
    Purge,
    /// What a rule had collected.
    Batch,
    /// A job.
    Job,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Event, Self::Purge, Self::Batch, Self::Job];

    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Purge => "purge",
            Self::Batch => "batch",
            Self::Job => "job",
        }
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1 on.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// In which database.
    pub db: Db,
    /// What was carried out.
    pub kind: Kind,
    /// The events, or what a purge named, on one line.
    pub what: String,
    /// The rules, in order of work; the first few.
    pub rules: Vec<String>,
    /// The user; or for whom the module acted; or empty.
    pub by: String,
    /// The client; 0 for none.
    pub client: u64,
    /// What became of the keys.
    pub count: Count,
    /// Keys named outside the fence.
    pub refused: u64,
    /// Time to find the keys.
    pub resolve_micros: u64,
    /// Time to check, delete and queue them.
    pub delete_micros: u64,
    /// Why it was given up; empty when it was not.
    pub failure: String,
}

/// Writes the head; `id` is its number in the log, 0 when it is not there.
pub fn write_head(facts: &Facts, id: u64, user: &str, by: &Caller, out: &mut Vec<u8>) {
    let kind = match (facts.job, facts.origin) {
        (Some(_), _) => Kind::Job,
        (_, Origin::Purge) => Kind::Purge,
        (_, Origin::Collected(_)) => Kind::Batch,
        (_, Origin::Events(_)) => Kind::Event,
    };
    let start = out.len();
    let Count { matched, deleted, marked, absent, warmed } = facts.count;
    // All as wide: written in one piece, when all are known.
    out.extend_from_slice(&[0; NUMBERS_BYTES]);
    let run = Run::write(facts, out);
    let (kind_len, figures_len) = (run.kind.len(), run.figures.len());
    write_name(user.as_bytes(), out);
    write_name(facts.failure.as_bytes(), out);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let low = |number: u64| number as u32;
    let high = |number: u64| (number >> u32::BITS) as u32;
    let numbers: [u32; NUMBERS] = [
        small((out.len() - start - LENGTH_BYTES) as u64),
        kind as u32,
        low(id),
        high(id),
        low(facts.at_ms),
        high(facts.at_ms),
        low(by.client),
        high(by.client),
        facts.db.0,
        small(matched),
        small(deleted),
        small(marked),
        small(absent),
        small(warmed),
        small(facts.refused),
        small(facts.resolve_micros),
        small(facts.delete_micros),
        small(kind_len as u64),
        small(figures_len as u64),
    ];
    if let Some(slot) = out.get_mut(start..start + NUMBERS_BYTES) {
        slot.copy_from_slice(numbers.map(u32::to_le_bytes).as_flattened());
    }
}

/// Numbers of a head, of four bytes each: those that count keys, of which a plan has fewer, one,
/// times too, which end at an hour and eleven minutes, and lengths; the others two.
const NUMBERS: usize = 19;
const NUMBERS_BYTES: usize = NUMBERS * size_of::<u32>();

/// Where among them the number in the log begins.
const ID: usize = 2;

/// And where the time does.
const AT_MS: usize = 4;

/// Bytes of the length of a head.
const LENGTH_BYTES: usize = size_of::<u32>();

pub(super) fn write_what(facts: &Facts, out: &mut Vec<u8>) {
    if let Some(job) = facts.job {
        return write_name(job, out);
    }
    let told: Vec<&str> = match facts.origin.events() {
        // The usual case needs no list.
        [only] => return write_name(only.event.as_bytes(), out),
        events => events.iter().filter(|e| e.follows.is_none()).map(|e| &*e.event).collect(),
    };
    let mut parts: Vec<String> = match told.is_empty() {
        false => told.iter().take(LISTED_MAX).map(|event| (*event).to_owned()).collect(),
        true => facts
            .targets
            .iter()
            .take(LISTED_MAX)
            .map(|target| format!("{} {}", target.kind, Shown(&target.text)))
            .collect(),
    };
    let all = if told.is_empty() { facts.targets.len() } else { told.len() };
    if all > parts.len() {
        parts.push(format!("and {} more", all - parts.len()));
    }
    write_name(parts.join(", ").as_bytes(), out);
}

/// The head, and what follows it.
pub fn split_head(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::try_from(u32::from_le_bytes(*entry.first_chunk()?)).ok()?;
    entry.split_at_checked(LENGTH_BYTES + len)
}

/// The run of an entry whose figures are to be counted; none when they are already.
pub fn run_of(entry: &[u8]) -> Option<Run<'_>> {
    let (numbers, parts) = take_numbers(entry)?;
    let mut numbers = numbers.skip(AT_MS);
    let (low, high) = (numbers.next()?, numbers.next()?);
    let at_ms = u64::from(low) | u64::from(high) << u32::BITS;
    let mut lengths = numbers.skip(NUMBERS - 2 - (AT_MS + 2)).map(usize::try_from);
    let (kind, figures) = (lengths.next()?.ok()?, lengths.next()?.ok()?);
    let (kind, rest) = parts.split_at_checked(kind)?;
    let figures = rest.get(..figures).filter(|figures| !figures.is_empty())?;
    Some(Run { at_ms, kind, figures })
}

/// The number in the log; 0 for what is not there.
pub fn id_of(entry: &[u8]) -> u64 {
    let start = ID * size_of::<u32>();
    let bytes = entry.get(start..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The numbers of a head, in order, and what follows them.
fn take_numbers(bytes: &[u8]) -> Option<(impl Iterator<Item = u32>, &[u8])> {
    let (numbers, rest) = bytes.split_at_checked(NUMBERS_BYTES)?;
    Some((numbers.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)), rest))
}

/// Reads a head.
pub fn read_head(bytes: &[u8]) -> Option<Entry> {
    let (mut numbers, parts) = take_numbers(bytes)?;
    let (_len, kind) = (numbers.next()?, numbers.next()?);
    let kind = Kind::ALL.get(usize::try_from(kind).ok()?).copied()?;
    let mut wide = || {
        let (low, high) = (numbers.next()?, numbers.next()?);
        Some(u64::from(low) | u64::from(high) << u32::BITS)
    };
    let (id, at_ms, client) = (wide()?, wide()?, wide()?);
    let db = Db(numbers.next()?);
    let mut number = || numbers.next().map(u64::from);
    let (matched, deleted, marked) = (number()?, number()?, number()?);
    let count = Count { matched, deleted, marked, absent: number()?, warmed: number()? };
    let (refused, resolve_micros, delete_micros) = (number()?, number()?, number()?);
    let before_user = usize::try_from(number()? + number()?).ok()?;
    let (mut asked, mut rest) = parts.split_at_checked(before_user)?;
    let what = text(&mut asked)?;
    let rules = (0..read_number(&mut asked)?).map(|_| text(&mut asked)).collect::<Option<_>>()?;
    let (by, failure) = (text(&mut rest)?, text(&mut rest)?);
    Some(Entry {
        id,
        at_ms,
        db,
        kind,
        what,
        rules,
        by,
        client,
        count,
        refused,
        resolve_micros,
        delete_micros,
        failure,
    })
}

fn text(rest: &mut &[u8]) -> Option<String> {
    read_name(rest).map(lossy)
}

/// What is no text is shown as far as it is one.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
