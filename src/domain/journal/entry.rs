//! An entry of the journal as bytes: numbers of few bytes, and names with their length. That of a
//! usual run [is shorter](super::short).
//!
//! # Format
//! The head: what was carried out, its length, number in the log, time, client, database, counts,
//! times, where the kind is [known](super::kinds), how long the next three parts are, all of four
//! bytes; what was asked for and the rules, as part of [the kind of the run](super::run), unless it
//! is known; its figures, if they are to be counted later; user; and failure. In the ring of keys
//! [the keys](super::keys) follow.

use super::Facts;
use super::kinds::{Kinds, place_of};
use super::run::{self, Figures, KindOf, Run};
use super::short::Short;
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

/// What an entry says beside the facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    /// Its number in the log; 0 when it is not there.
    pub id: u64,
    /// The user, or for whom the module acts.
    pub user: &'a str,
    /// The client; 0 for none.
    pub client: u64,
    /// Where its kind is known.
    pub place: Option<usize>,
}

/// Writes the head.
pub(super) fn write_head(facts: &Facts, stamp: &Stamp, out: &mut Vec<u8>) {
    let kind = match (facts.job, facts.origin) {
        (Some(_), _) => Kind::Job,
        (_, Origin::Purge) => Kind::Purge,
        (_, Origin::Collected(_)) => Kind::Batch,
        (_, Origin::Events(_)) => Kind::Event,
    };
    let start = out.len();
    out.extend_from_slice(&[0; NUMBERS_BYTES]);
    if stamp.place.is_none() {
        run::write_kind(facts, out);
    }
    let kind_len = out.len() - start - NUMBERS_BYTES;
    run::write_figures(facts, out);
    let figures_len = out.len() - start - NUMBERS_BYTES - kind_len;
    out.extend_from_slice(stamp.user.as_bytes());
    out.extend_from_slice(facts.failure.as_bytes());
    let numbers = Numbers {
        kind: kind as u32,
        len: out.len() - start,
        id: stamp.id,
        at_ms: facts.at_ms,
        client: stamp.client,
        db: facts.db,
        count: facts.count,
        refused: facts.refused,
        resolve_micros: facts.resolve_micros,
        delete_micros: facts.delete_micros,
        place: stamp.place,
        lengths: [kind_len, figures_len, stamp.user.len()],
    };
    if let Some(slot) = out.get_mut(start..start + NUMBERS_BYTES) {
        slot.copy_from_slice(&numbers.bytes());
    }
}

/// The numbers of a head.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    /// See [`Kind::ALL`].
    kind: u32,
    /// Bytes of the whole head.
    len: usize,
    id: u64,
    at_ms: u64,
    client: u64,
    db: Db,
    count: Count,
    refused: u64,
    resolve_micros: u64,
    delete_micros: u64,
    place: Option<usize>,
    /// Bytes of kind, figures, and user; the failure has the rest.
    lengths: [usize; 3],
}

/// How many they are, of four bytes each: those that count keys, of which a plan has fewer, one,
/// times too, which end at an hour and eleven minutes, and lengths; the others two.
const NUMBERS: usize = 21;
const NUMBERS_BYTES: usize = NUMBERS * size_of::<u32>();

impl Numbers {
    /// As an entry has them: all as wide, so that they are written in one piece.
    fn bytes(&self) -> [u8; NUMBERS_BYTES] {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let low = |number: u64| number as u32;
        let high = |number: u64| (number >> u32::BITS) as u32;
        let Count { matched, deleted, marked, absent, warmed } = self.count;
        let [kind_len, figures_len, user_len] = self.lengths.map(|len| small(len as u64));
        let numbers: [u32; NUMBERS] = [
            self.kind,
            small(self.len as u64),
            low(self.id),
            high(self.id),
            low(self.at_ms),
            high(self.at_ms),
            low(self.client),
            high(self.client),
            self.db.0,
            small(matched),
            small(deleted),
            small(marked),
            small(absent),
            small(warmed),
            small(self.refused),
            small(self.resolve_micros),
            small(self.delete_micros),
            self.place.map_or(0, |place| place as u32 + 1),
            kind_len,
            figures_len,
            user_len,
        ];
        let mut bytes = [0; NUMBERS_BYTES];
        for (slot, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *slot = number.to_le_bytes();
        }
        bytes
    }

    fn read(bytes: &[u8; NUMBERS_BYTES]) -> Self {
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = u32::from_le_bytes(*bytes);
        }
        let [kind, len, ids @ .., place, kind_len, figures_len, user_len] = numbers;
        let [id, id_high, at, at_high, client, client_high, db, counts @ ..] = ids;
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << u32::BITS;
        let [matched, deleted, marked, absent, warmed, refused, resolve_micros, delete_micros] =
            counts.map(u64::from);
        Self {
            kind,
            len: len as usize,
            id: wide(id, id_high),
            at_ms: wide(at, at_high),
            client: wide(client, client_high),
            db: Db(db),
            count: Count { matched, deleted, marked, absent, warmed },
            refused,
            resolve_micros,
            delete_micros,
            place: place.checked_sub(1).map(|place| place as usize),
            lengths: [kind_len, figures_len, user_len].map(|len| len as usize),
        }
    }

    /// What the longer form would have, but for lengths.
    fn of(short: &Short) -> Self {
        Self {
            kind: Kind::Event as u32,
            len: 0,
            id: short.id,
            at_ms: short.at_ms,
            client: short.client,
            db: short.db,
            count: short.count(),
            refused: 0,
            resolve_micros: short.resolve_micros.into(),
            delete_micros: short.delete_micros.into(),
            place: Some(place_of(short.number.into())),
            lengths: [0; 3],
        }
    }
}

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
            .map(|target| format!("{} {}", target.kind_name(), Shown(&target.text)))
            .collect(),
    };
    let all = if told.is_empty() { facts.targets.len() } else { told.len() };
    if all > parts.len() {
        parts.push(format!("and {} more", all - parts.len()));
    }
    write_name(parts.join(", ").as_bytes(), out);
}

/// A head, taken apart.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    numbers: Numbers,
    /// Its kind, and what is known of it in short.
    kind: (&'a [u8], Option<u64>),
    figures: &'a [u8],
    user: &'a [u8],
    failure: &'a [u8],
}

impl<'a> Head<'a> {
    /// That of an entry of either form.
    fn of(entry: &'a [u8], kinds: &'a Kinds) -> Option<Self> {
        match Short::read(entry) {
            Some(short) => {
                let numbers = Numbers::of(&short);
                let kind = kind_of(&numbers, &[], kinds)?;
                Some(Self { numbers, kind, figures: &[], user: short.user, failure: &[] })
            }
            None => Self::take(&mut { entry }, kinds),
        }
    }

    /// Takes it off an entry of the longer form; the keys follow it.
    fn take(entry: &mut &'a [u8], kinds: &'a Kinds) -> Option<Self> {
        let numbers = Numbers::read(entry.first_chunk()?);
        let (head, keys) = entry.split_at_checked(numbers.len)?;
        let [kind, figures, user] = numbers.lengths;
        let (kind, rest) = head.get(NUMBERS_BYTES..)?.split_at_checked(kind)?;
        let (figures, rest) = rest.split_at_checked(figures)?;
        let (user, failure) = rest.split_at_checked(user)?;
        *entry = keys;
        let kind = kind_of(&numbers, kind, kinds)?;
        Some(Self { numbers, kind, figures, user, failure })
    }
}

/// The kind of an entry, which may have one of its own.
fn kind_of<'a>(
    numbers: &Numbers,
    own: &'a [u8],
    kinds: &'a Kinds,
) -> Option<(&'a [u8], Option<u64>)> {
    match numbers.place {
        None => Some((own, None)),
        Some(place) => kinds.get(place).map(|(kind, number)| (kind, Some(number))),
    }
}

/// The number in the log; 0 for what is not there.
pub fn id_of(entry: &[u8]) -> u64 {
    match Short::read(entry) {
        Some(short) => short.id,
        None => entry.first_chunk().map_or(0, |numbers| Numbers::read(numbers).id),
    }
}

/// Takes the run off an entry of the longer form whose figures are to be counted, and none when
/// they are already; the keys follow it.
pub(super) fn take_run<'a>(entry: &mut &'a [u8], kinds: &'a Kinds) -> Option<Run<'a>> {
    let Head { numbers, kind: (kind, number), figures, .. } = Head::take(entry, kinds)?;
    let figures = (!figures.is_empty()).then_some(Figures::Any(figures))?;
    let kind = number.map_or(KindOf::Own(kind), |number| KindOf::Known(number, kinds));
    Some(Run { at_ms: numbers.at_ms, kind, figures })
}

/// Takes the head off an entry of the longer form, unread; the keys follow it.
pub(super) fn skip_head(entry: &mut &[u8]) -> Option<()> {
    *entry = entry.get(Numbers::read(entry.first_chunk()?).len..)?;
    Some(())
}

/// Copies the head of an entry with its kind, so that nothing else need be known to read it.
pub fn copy_head(entry: &[u8], kinds: &Kinds, out: &mut Vec<u8>) -> Option<()> {
    let Head { numbers, kind: (kind, _), user, failure, .. } = Head::of(entry, kinds)?;
    let len = NUMBERS_BYTES + kind.len() + user.len() + failure.len();
    let lengths = [kind.len(), 0, user.len()];
    out.extend_from_slice(&Numbers { len, lengths, place: None, ..numbers }.bytes());
    for part in [kind, user, failure] {
        out.extend_from_slice(part);
    }
    Some(())
}

/// Reads an entry, but for its keys.
pub fn read(bytes: &[u8], kinds: &Kinds) -> Option<Entry> {
    let Head { numbers, kind: (mut asked, _), user, failure, .. } = Head::of(bytes, kinds)?;
    let what = text(&mut asked)?;
    let rules = (0..read_number(&mut asked)?).map(|_| text(&mut asked)).collect::<Option<_>>()?;
    Some(Entry {
        id: numbers.id,
        at_ms: numbers.at_ms,
        db: numbers.db,
        kind: Kind::ALL.get(numbers.kind as usize).copied()?,
        what,
        rules,
        by: lossy(user),
        client: numbers.client,
        count: numbers.count,
        refused: numbers.refused,
        resolve_micros: numbers.resolve_micros,
        delete_micros: numbers.delete_micros,
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
