//! An entry of the journal as bytes: numbers of few bytes, and names with their length.
//!
//! # Format
//! The length of what follows of the head, and the head: kind, number in the log, time, client,
//! database, counts, times, and then user, failure, what was asked for and the rules. In the ring of keys targets follow that took keys
//! (the rule, as a position in the head's list, counted from 1, where it is in it; or 0 and its
//! name, empty for none; the kind; the text), and the keys in stretches of those that one target
//! took: twice the position of the target, + 1 when they were marked; how many; the lengths of the
//! names; the names.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Caller, Facts, last_of};
use crate::domain::name::{Db, Shown};
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::{Plan, PlanTarget};
use crate::domain::request::Origin;
use crate::domain::varint::{read_name, read_number, write_name, write_number};

/// Most names in a list of an entry: of rules, and of events. The rest is a number.
const LISTED_MAX: usize = 10;

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

/// Why a key went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What was carried out.
    pub entry: Entry,
    /// The rule that named the key; none for a purge.
    pub rule: Option<String>,
    /// `key`, `prefix`, `glob`, `regex` or `tag`; empty for what a job took.
    pub kind: &'static str,
    /// The name, pattern or tag that matched.
    pub text: Vec<u8>,
    /// Whether it was marked as stale and not deleted.
    pub is_marked: bool,
}

/// Kinds of targets by their number; of the first are those of jobs.
const KINDS: [&str; 6] = ["", "key", "prefix", "glob", "regex", "tag"];

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
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let low = |number: u64| number as u32;
    let high = |number: u64| (number >> u32::BITS) as u32;
    let numbers: [u32; NUMBERS] = [
        // The length is known at the end.
        0,
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
    ];
    // All as wide: written in one piece.
    out.extend_from_slice(numbers.map(u32::to_le_bytes).as_flattened());
    write_name(user.as_bytes(), out);
    write_name(facts.failure.as_bytes(), out);
    write_what(facts, out);
    let named = || facts.rules.iter().filter_map(|rule| rule.name.as_deref());
    let listed = named().take(LISTED_MAX).count();
    write_number(listed as u64, out);
    named().take(LISTED_MAX).for_each(|name| write_name(name.as_bytes(), out));
    let len = u32::try_from(out.len() - start - LENGTH_BYTES).unwrap_or(0).to_le_bytes();
    if let Some(slot) = out.get_mut(start..start + LENGTH_BYTES) {
        slot.copy_from_slice(&len);
    }
}

/// Numbers of a head, of four bytes each: those that count keys, of which a plan has fewer, one,
/// and times too, which end at an hour and eleven minutes; the others two.
const NUMBERS: usize = 17;

/// Where among them the number in the log begins.
const ID: usize = 2;

/// Bytes of the length of a head.
const LENGTH_BYTES: usize = size_of::<u32>();

fn write_what(facts: &Facts, out: &mut Vec<u8>) {
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

/// Writes the targets of a plan and the keys that went or were marked, the last `most` of them;
/// gives their number.
pub fn write_keys(plan: &Plan, outcome: &Outcome, most: usize, out: &mut Vec<u8>) -> u64 {
    let count = outcome.total.deleted + outcome.total.marked;
    if plan.names.is_empty() || count == 0 {
        return 0;
    }
    if let [only] = plan.targets.as_slice()
        && outcome.gone.is_none()
        && plan.soft_ms.is_empty()
    {
        // The usual case: one stretch.
        write_number(1, out);
        write_target(plan, only, out);
        let names = last_of(&plan.names, most)..plan.names.len();
        write_stretch(plan, names.clone(), 0, out);
        return names.len() as u64;
    }
    // Only what took keys is named.
    let took = |at: usize| {
        outcome.per_target.get(at).is_some_and(|count| count.deleted + count.marked > 0)
    };
    let taking: SmallVec<[usize; 4]> = (0..plan.targets.len()).filter(|at| took(*at)).collect();
    write_number(taking.len() as u64, out);
    for target in taking.iter().filter_map(|at| plan.targets.get(*at)) {
        write_target(plan, target, out);
    }
    let deletes = plan.deletes();
    let stretch_of = |at: usize| {
        let target = plan.taken_by.get(at).map_or(0, |target| *target as usize);
        (target, at >= deletes, outcome.is_gone(at))
    };
    let (mut keys, mut start) = (0, last_of(&plan.names, most));
    while start < plan.names.len() {
        let stretch = stretch_of(start);
        let mut end = start + 1;
        while end < plan.names.len() && stretch_of(end) == stretch {
            end += 1;
        }
        let (target, is_marked, is_gone) = stretch;
        if is_gone {
            let place = taking.binary_search(&target).unwrap_or(0) as u64;
            write_stretch(plan, start..end, place * 2 + u64::from(is_marked), out);
            keys += (end - start) as u64;
        }
        start = end;
    }
    keys
}

fn write_target(plan: &Plan, target: &PlanTarget, out: &mut Vec<u8>) {
    let name = plan.rules.get(target.rule).and_then(|rule| rule.name.as_deref());
    let before = plan.rules.iter().take(target.rule);
    let listed = 1 + before.filter(|rule| rule.name.is_some()).take(LISTED_MAX).count();
    match name.filter(|_| listed <= LISTED_MAX) {
        Some(_) => write_number(listed as u64, out),
        None => {
            write_number(0, out);
            write_name(name.unwrap_or_default().as_bytes(), out);
        }
    }
    let kind = KINDS.iter().position(|kind| *kind == target.kind).unwrap_or(0);
    write_number(kind as u64, out);
    write_name(&target.text, out);
}

fn write_stretch(plan: &Plan, names: Range<usize>, place: u64, out: &mut Vec<u8>) {
    write_number(place, out);
    write_number(names.len() as u64, out);
    plan.names.lengths(names.clone()).for_each(|len| write_number(len as u64, out));
    out.extend_from_slice(plan.names.joined(names));
}

/// The head alone.
pub fn head_of(entry: &[u8]) -> Option<&[u8]> {
    let len = take_length(&mut { entry })?;
    entry.get(..LENGTH_BYTES + len)
}

/// The number in the log; 0 for what is not there.
pub fn id_of(entry: &[u8]) -> u64 {
    let start = ID * size_of::<u32>();
    let bytes = entry.get(start..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Reads a head.
pub fn read_head(mut bytes: &[u8]) -> Option<Entry> {
    let rest = &mut bytes;
    let (numbers, tail) = rest.split_at_checked(NUMBERS * size_of::<u32>())?;
    *rest = tail;
    let mut numbers = numbers.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
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
    let (by, failure, what) = (text(rest)?, text(rest)?, text(rest)?);
    let rules = (0..read_number(rest)?).map(|_| text(rest)).collect::<Option<_>>()?;
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

/// Reads why a key went, if it is among the keys of an entry.
pub fn find_key(bytes: &[u8], db: Db, key: &[u8]) -> Option<Cause> {
    let mut rest = bytes;
    let len = take_length(&mut rest)?;
    let mut rest = rest.get(len..)?;
    let mut targets = vec![];
    for _ in 0..read_number(&mut rest)? {
        let rule = match usize::try_from(read_number(&mut rest)?).ok()? {
            0 => Err(read_name(&mut rest)?),
            listed => Ok(listed - 1),
        };
        let kind = KINDS.get(usize::try_from(read_number(&mut rest)?).ok()?)?;
        targets.push((rule, *kind, read_name(&mut rest)?));
    }
    while !rest.is_empty() {
        let (place, count) = (read_number(&mut rest)?, read_number(&mut rest)?);
        let lengths = rest;
        let mut sum = 0;
        for _ in 0..count {
            sum += usize::try_from(read_number(&mut rest)?).ok()?;
        }
        let (names, tail) = rest.split_at_checked(sum)?;
        rest = tail;
        if has_name(lengths, names, count, key) {
            let entry = read_head(bytes).filter(|entry| entry.db == db)?;
            let (rule, kind, target) = targets.get(usize::try_from(place / 2).ok()?)?;
            let rule = match rule {
                Ok(listed) => entry.rules.get(*listed).cloned(),
                Err(name) => (!name.is_empty()).then(|| lossy(name)),
            };
            let (text, is_marked) = (target.to_vec(), place % 2 == 1);
            return Some(Cause { entry, rule, kind, text, is_marked });
        }
    }
    None
}

fn has_name(mut lengths: &[u8], mut names: &[u8], count: u64, key: &[u8]) -> bool {
    (0..count).any(|_| {
        let len = read_number(&mut lengths).and_then(|len| usize::try_from(len).ok());
        let Some((name, tail)) = len.and_then(|len| names.split_at_checked(len)) else {
            return false;
        };
        names = tail;
        name == key
    })
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (len, tail) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*len)).ok()
}

fn text(rest: &mut &[u8]) -> Option<String> {
    read_name(rest).map(lossy)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
