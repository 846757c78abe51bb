//! A run within an entry of the journal, as the figures need it: of which kind it is, and what it
//! came to. It is read again when many are counted together.
//!
//! # Format
//! The kind: what was asked for; how many rules, and their names; and where the figures are to be
//! counted, 1 and the entity type, or 0; how many targets, and of each the position of its rule.
//! The figures, of two bytes each: the time to find and the time to delete, in microseconds, and
//! of each target 1 if it matched nothing or 0, the keys that it took, and those that were deleted.

use smallvec::SmallVec;

use super::Facts;
use super::entry::{self, LISTED_MAX};
use super::kinds::Kinds;
use crate::domain::outcome::{Count, Outcome};
use crate::domain::plan::Plan;
use crate::domain::request::Origin;
use crate::domain::varint::{read_name, read_number, write_name, write_number};

/// Figures of a run before those of its targets.
const TIMES: usize = 2;

/// Figures of each target.
const PER_TARGET: usize = 3;

/// Figures of a run with one target.
pub const ONE_TARGET: usize = TIMES + PER_TARGET;

/// Most targets of a run that is counted later.
const TARGETS_MAX: usize = 15;

/// Most figures of such a run.
const FIGURES_MAX: usize = TIMES + PER_TARGET * TARGETS_MAX;

/// Most keys of one, and most microseconds: all bits of a figure.
const NUMBER_MAX: u64 = u16::MAX as u64;

/// A run that is to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Of which kind it is.
    pub kind: KindOf<'a>,
    /// What it came to.
    pub figures: Figures<'a>,
}

/// Says of which kind a run is.
#[derive(Clone, Copy, Debug)]
pub enum KindOf<'a> {
    /// Runs of the same bytes are of one (see [`RunKind::read`]).
    Own(&'a [u8]),
    /// Runs of the same number are (see `Rule::number`); its bytes are known.
    Known(u64, &'a Kinds),
}

impl<'a> KindOf<'a> {
    /// The bytes.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Own(kind) => kind,
            Self::Known(number, kinds) => kinds.of_number(*number).unwrap_or_default(),
        }
    }
}

/// What a run came to: see the format.
#[derive(Clone, Copy, Debug)]
pub enum Figures<'a> {
    /// Of one target, whose keys all went.
    One([u16; ONE_TARGET]),
    /// Of any number of targets, as bytes.
    Any(&'a [u8]),
}

impl Figures<'_> {
    /// How many they are.
    pub fn len(&self) -> usize {
        match self {
            Self::One(figures) => figures.len(),
            Self::Any(bytes) => bytes.len() / size_of::<u16>(),
        }
    }

    /// Writes them to the first slots.
    pub fn write(&self, slots: &mut [u16]) {
        match self {
            Self::One(figures) => {
                if let Some(slots) = slots.first_chunk_mut() {
                    *slots = *figures;
                }
            }
            Self::Any(bytes) => {
                let figures = bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
                slots.iter_mut().zip(figures).for_each(|(slot, figure)| *slot = figure);
            }
        }
    }
}

/// What runs have in common that are counted together.
#[derive(Debug)]
pub struct RunKind<'a> {
    /// The event that somebody told.
    pub event: &'a str,
    /// The rules that took it, in order of work.
    pub rules: SmallVec<[&'a str; 2]>,
    /// The type of what it is about.
    pub entity: Option<&'a str>,
    /// For each target, the position of its rule.
    pub targets: SmallVec<[usize; 8]>,
}

/// Whether a run can be counted later: [a plain one](is_plain), whose rules all delete.
pub fn can_wait(plan: &Plan, outcome: &Outcome) -> bool {
    is_plain(plan, outcome)
        && plan.rules.len() <= LISTED_MAX
        && plan.rules.iter().all(|rule| rule.name.is_some() && !rule.collects)
        && plan.targets.len() <= TARGETS_MAX
}

/// Whether a run is of one event that somebody told, to nothing but keys deleted or absent, with
/// small numbers.
#[inline]
pub(super) fn is_plain(plan: &Plan, outcome: &Outcome) -> bool {
    let Origin::Events(events) = &plan.origin else { return false };
    // One alone follows from none.
    let [_] = events.as_slice() else { return false };
    let Count { matched, deleted, marked, absent, warmed } = outcome.total;
    (outcome.refused | outcome.dead_names | outcome.warm_refused | marked | warmed) == 0
        && matched == deleted + absent
        && (matched | outcome.resolve_micros | outcome.delete_micros) <= NUMBER_MAX
}

impl<'a> Run<'a> {
    /// Writes kind and figures.
    pub fn write(facts: &Facts, out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        write_kind(facts, out);
        let end_of_kind = out.len();
        write_figures(facts, out);
        let written = out.get(start..).unwrap_or_default();
        let (kind, figures) = written.split_at_checked(end_of_kind - start).unwrap_or_default();
        Self { at_ms: facts.at_ms, kind: KindOf::Own(kind), figures: Figures::Any(figures) }
    }
}

pub(super) fn write_kind(facts: &Facts, out: &mut Vec<u8>) {
    entry::write_what(facts, out);
    let named = || facts.rules.iter().filter_map(|rule| rule.name.as_deref());
    let listed = named().take(LISTED_MAX).count();
    write_number(listed as u64, out);
    named().take(LISTED_MAX).for_each(|name| write_name(name.as_bytes(), out));
    if facts.to_count.is_none() {
        return;
    }
    match facts.origin.events().first().and_then(|event| event.entity.as_deref()) {
        Some(entity) => {
            out.push(1);
            write_name(entity.as_bytes(), out);
        }
        None => out.push(0),
    }
    write_number(facts.targets.len() as u64, out);
    facts.targets.iter().for_each(|target| write_number(target.rule as u64, out));
}

pub(super) fn write_figures(facts: &Facts, out: &mut Vec<u8>) {
    let Some(per_target) = facts.to_count else { return };
    let mut figures = [0_u16; FIGURES_MAX];
    let [resolve, delete, of_targets @ ..] = &mut figures;
    // They are small: see `can_wait`.
    (*resolve, *delete) = (facts.resolve_micros as u16, facts.delete_micros as u16);
    let targets = facts.targets.iter().zip(per_target);
    for (slot, (target, count)) in of_targets.as_chunks_mut().0.iter_mut().zip(targets) {
        let is_wasted = u16::from(target.matches == 0);
        *slot = [is_wasted, count.matched as u16, count.deleted as u16];
    }
    let len = (TIMES + PER_TARGET * per_target.len()) * size_of::<u16>();
    let bytes = figures.map(u16::to_le_bytes);
    out.extend_from_slice(bytes.as_flattened().get(..len).unwrap_or_default());
}

/// The times to find and to delete, in microseconds.
pub fn times_of(figures: &[u16]) -> (u32, u32) {
    let of = |at: usize| figures.get(at).copied().map_or(0, u32::from);
    (of(0), of(1))
}

/// Of each target of a run whether it matched nothing, and what became of its keys.
pub fn targets_of(figures: &[u16]) -> impl Iterator<Item = (bool, Count)> {
    figures.get(TIMES..).unwrap_or_default().as_chunks().0.iter().map(|of: &[u16; PER_TARGET]| {
        let [is_wasted, matched, deleted] = of.map(u64::from);
        let absent = matched.saturating_sub(deleted);
        (is_wasted == 1, Count { matched, deleted, absent, ..Count::default() })
    })
}

impl<'a> RunKind<'a> {
    /// Reads the kind of a run.
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let rest = &mut bytes;
        let event = text(rest)?;
        let rules = (0..read_number(rest)?).map(|_| text(rest)).collect::<Option<_>>()?;
        let entity = match read_number(rest)? {
            0 => None,
            _ => Some(text(rest)?),
        };
        let target = |rest: &mut &[u8]| usize::try_from(read_number(rest)?).ok();
        let targets = (0..read_number(rest)?).map(|_| target(rest)).collect::<Option<_>>()?;
        Some(Self { event, rules, entity, targets })
    }
}

/// Names of events, rules and entity types are texts.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(read_name(rest)?).ok()
}
