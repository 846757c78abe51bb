//! An entry of the journal as bytes: numbers of few bytes, and names with their length.
//!
//! # Format
//! The head: its length, what was carried out, number in the log, time, client, database, counts,
//! times, where the kind is [known](super::kinds), how long the next three parts are, all of four
//! bytes; what was asked for and the rules, as part of [the kind of the run](super::run), unless it
//! is known; its figures, if they are to be counted later, unless its kind is known and it has one
//! target; user; and failure. In the ring of keys [the keys](super::keys) follow.

use super::kinds::Kinds;
use super::run::{self, Figures, Run};
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

/// Writes the head; `id` is its number in the log, 0 when it is not there. `place`: where its kind
/// is known.
pub fn write_head(
    facts: &Facts,
    id: u64,
    user: &str,
    by: &Caller,
    place: Option<usize>,
    out: &mut Vec<u8>,
) {
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
    if place.is_none() {
        run::write_kind(facts, out);
    }
    let kind_len = out.len() - start - NUMBERS_BYTES;
    // Those of one target are among the numbers.
    if place.is_none() || facts.targets.len() != 1 {
        run::write_figures(facts, out);
    }
    let figures_len = out.len() - start - NUMBERS_BYTES - kind_len;
    out.extend_from_slice(user.as_bytes());
    out.extend_from_slice(facts.failure.as_bytes());
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let low = |number: u64| number as u32;
    let high = |number: u64| (number >> u32::BITS) as u32;
    let numbers: [u32; NUMBERS] = [
        small((out.len() - start) as u64),
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
        place.map_or(0, |place| place as u32 + 1),
        small(kind_len as u64),
        small(figures_len as u64),
        small(user.len() as u64),
    ];
    if let Some(slot) = out.get_mut(start..start + NUMBERS_BYTES) {
        slot.copy_from_slice(numbers.map(u32::to_le_bytes).as_flattened());
    }
}

/// Numbers of a head, of four bytes each: those that count keys, of which a plan has fewer, one,
/// times too, which end at an hour and eleven minutes, and lengths; the others two.
const NUMBERS: usize = 21;
const NUMBERS_BYTES: usize = NUMBERS * size_of::<u32>();

/// Where among them the number in the log, the time and the client begin.
const ID: usize = 2;
const AT_MS: usize = 4;
const CLIENT: usize = 6;

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

/// The number in the log; 0 for what is not there.
pub fn id_of(entry: &[u8]) -> u64 {
    let start = ID * size_of::<u32>();
    let bytes = entry.get(start..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// A head, taken apart.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    numbers: [u32; NUMBERS],
    /// What is known of its kind in short.
    number: Option<u64>,
    kind: &'a [u8],
    figures: &'a [u8],
    user: &'a [u8],
    failure: &'a [u8],
}

/// Takes the head off an entry; the keys follow it.
fn take_head<'a>(entry: &mut &'a [u8], kinds: &'a Kinds) -> Option<Head<'a>> {
    let numbers: &[u8; NUMBERS_BYTES] = entry.first_chunk()?;
    let mut numbers_of = [0; NUMBERS];
    for (number, bytes) in numbers_of.iter_mut().zip(numbers.as_chunks().0) {
        *number = u32::from_le_bytes(*bytes);
    }
    let [len, .., place, kind, figures, user] = numbers_of;
    let (head, keys) = entry.split_at_checked(len as usize)?;
    let rest = head.get(NUMBERS_BYTES..)?;
    let (own_kind, rest) = rest.split_at_checked(kind as usize)?;
    let (figures, rest) = rest.split_at_checked(figures as usize)?;
    let (user, failure) = rest.split_at_checked(user as usize)?;
    let (kind, number) = match place.checked_sub(1) {
        None => (own_kind, None),
        Some(place) => kinds.get(place as usize).map(|(kind, number)| (kind, Some(number)))?,
    };
    *entry = keys;
    Some(Head { numbers: numbers_of, number, kind, figures, user, failure })
}

/// Takes the run off an entry whose figures are to be counted, and none when they are already; the
/// keys follow it.
pub fn take_run<'a>(entry: &mut &'a [u8], kinds: &'a Kinds) -> Option<Run<'a>> {
    let Head { numbers, number, kind, figures, .. } = take_head(entry, kinds)?;
    let figures = match (figures, number) {
        ([], None) => return None,
        ([], Some(_)) => {
            let [.., matched, deleted, _, _, _, _, resolve, delete, _, _, _, _] = numbers;
            Figures::one([resolve, delete, matched, deleted])
        }
        _ => Figures::Any(figures),
    };
    Some(Run { at_ms: wide(&numbers, AT_MS), kind, number, figures })
}

/// A number of eight bytes.
fn wide(numbers: &[u32; NUMBERS], at: usize) -> u64 {
    let half = |at: usize| numbers.get(at).copied().map_or(0, u64::from);
    half(at) | half(at + 1) << u32::BITS
}

/// Takes the head off an entry, unread; the keys follow it.
pub fn skip_head(entry: &mut &[u8]) -> Option<()> {
    let len = u32::from_le_bytes(*entry.first_chunk()?);
    *entry = entry.get(len as usize..)?;
    Some(())
}

/// Copies the head of an entry with its kind, so that nothing else need be known to read it.
pub fn copy_head(entry: &[u8], kinds: &Kinds, out: &mut Vec<u8>) -> Option<()> {
    let Head { mut numbers, kind, user, failure, .. } = take_head(&mut { entry }, kinds)?;
    let [len, .., place, kind_len, figures_len, _] = &mut numbers;
    (*place, *figures_len) = (0, 0);
    *kind_len = kind.len() as u32;
    *len = (NUMBERS_BYTES + kind.len() + user.len() + failure.len()) as u32;
    out.extend_from_slice(numbers.map(u32::to_le_bytes).as_flattened());
    for part in [kind, user, failure] {
        out.extend_from_slice(part);
    }
    Some(())
}

/// Reads a head.
pub fn read_head(bytes: &[u8], kinds: &Kinds) -> Option<Entry> {
    let Head { numbers, kind: mut asked, user, failure, .. } = take_head(&mut { bytes }, kinds)?;
    let [_, kind, _, _, _, _, _, _, db, counts @ ..] = numbers;
    let [matched, deleted, marked, absent, warmed, refused, resolve, delete, ..] =
        counts.map(u64::from);
    let what = text(&mut asked)?;
    let rules = (0..read_number(&mut asked)?).map(|_| text(&mut asked)).collect::<Option<_>>()?;
    Some(Entry {
        id: wide(&numbers, ID),
        at_ms: wide(&numbers, AT_MS),
        db: Db(db),
        kind: Kind::ALL.get(usize::try_from(kind).ok()?).copied()?,
        what,
        rules,
        by: lossy(user),
        client: wide(&numbers, CLIENT),
        count: Count { matched, deleted, marked, absent, warmed },
        refused,
        resolve_micros: resolve,
        delete_micros: delete,
        failure: lossy(failure),
    })
}

fn text(rest: &mut &[u8]) -> Option<String> {
    read_name(rest).map(lossy)
}

/// What is no text is shown as far as it is one.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
