//! The keys of an entry of the journal.
//!
//! # Format
//! The targets that took some: the rule, as a position in the head's list, counted from 1, where it
//! is in it, or 0 and its name, empty for none; the kind; the text. And the keys in stretches of
//! those that one target took: twice the position of the target, + 1 when they were marked; how
//! many; how long all names are; the names; the lengths of the names.

use std::ops::Range;

use smallvec::SmallVec;

use super::entry::{self, Entry, LISTED_MAX, lossy};
use super::kinds::Kinds;
use super::last_of;
use super::short::Short;
use crate::domain::name::Db;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Plan, PlanTarget};
use crate::domain::rule::ResolvedKind;
use crate::domain::top::Top;
use crate::domain::varint::{read_name, read_number, write_name, write_number};

/// Why a key went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What was carried out.
    pub entry: Entry,
    /// The rule that named the key; none for a purge.
    pub rule: Option<String>,
    /// None for what a job took.
    pub kind: Option<ResolvedKind>,
    /// The name, pattern or tag that matched.
    pub text: Vec<u8>,
    /// Whether it was marked as stale and not deleted.
    pub is_marked: bool,
}

/// What stands for a kind of target: 0 for that of a job.
#[inline]
pub(super) fn code_of(kind: Option<ResolvedKind>) -> u8 {
    kind.map_or(0, |kind| kind as u8 + 1)
}

/// The kind that such a number stands for.
#[inline]
pub(super) fn kind_of(code: u64) -> Option<Option<ResolvedKind>> {
    match code.checked_sub(1) {
        None => Some(None),
        Some(at) => ResolvedKind::ALL.get(usize::try_from(at).ok()?).map(|kind| Some(*kind)),
    }
}

/// Writes the targets of a plan and the keys that went or were marked, the last `most` of them;
/// gives their number.
pub fn write(plan: &Plan, outcome: &Outcome, most: usize, out: &mut Vec<u8>) -> u64 {
    let count = outcome.total.deleted + outcome.total.marked;
    if plan.names.is_empty() || count == 0 {
        return 0;
    }
    if let [only] = plan.targets.as_slice()
        && outcome.gone.is_none()
        && plan.soft_ms.is_empty()
    {
        // The usual case: one stretch.
        out.push(1);
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
    out.push(code_of(target.kind));
    write_name(&target.text, out);
}

fn write_stretch(plan: &Plan, names: Range<usize>, place: u64, out: &mut Vec<u8>) {
    write_number(place, out);
    write_number(names.len() as u64, out);
    write_name(plan.names.joined(names.clone()), out);
    let (lengths, start, mut bits) = (plan.names.lengths(names.clone()), out.len(), 0);
    // Most are below 0x80, and such a number is a byte of the same value.
    out.extend(lengths.map(|len| {
        bits |= len;
        len as u8
    }));
    if bits >= 0x80 {
        out.truncate(start);
        plan.names.lengths(names).for_each(|len| write_number(len as u64, out));
    }
}

/// A target that took keys.
struct Target<'a> {
    /// The position of its rule in the head's list; or its name, empty for none.
    rule: Result<usize, &'a [u8]>,
    /// None for what a job took.
    kind: Option<ResolvedKind>,
    /// The name, pattern or tag.
    text: &'a [u8],
}

/// The names behind the targets, in order.
struct Names<'a> {
    rest: &'a [u8],
    /// Of the stretch of the last name: see the format.
    place: u64,
    /// How many names of it are left.
    left: u64,
    names: &'a [u8],
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.left == 0 {
            self.place = read_number(&mut self.rest)?;
            self.left = read_number(&mut self.rest)?;
            self.names = read_name(&mut self.rest)?;
        }
        self.left -= 1;
        let len = usize::try_from(read_number(&mut self.rest)?).ok()?;
        let (name, tail) = self.names.split_at_checked(len)?;
        self.names = tail;
        Some(name)
    }
}

/// Takes the targets off what follows the head of an entry; the names follow them.
fn take_targets<'a>(rest: &mut &'a [u8], mut each: impl FnMut(Target<'a>)) -> Option<()> {
    for _ in 0..read_number(rest)? {
        let rule = match usize::try_from(read_number(rest)?).ok()? {
            0 => Err(read_name(rest)?),
            listed => Ok(listed - 1),
        };
        let kind = kind_of(read_number(rest)?)?;
        each(Target { rule, kind, text: read_name(rest)? });
    }
    Some(())
}

/// Ranks the targets and the keys of what follows the head of an entry.
pub(super) fn rank(mut rest: &[u8], top: &mut Top) {
    if take_targets(&mut rest, |target| top.record_target(target.kind, target.text)).is_some() {
        top.keys.add_all(names(rest));
    }
}

/// The names behind the targets.
fn names(rest: &[u8]) -> Names<'_> {
    Names { rest, place: 0, left: 0, names: &[] }
}

/// Reads why a key went, if it is among the keys of an entry.
pub fn find(bytes: &[u8], kinds: &Kinds, db: Db, key: &[u8]) -> Option<Cause> {
    let of_db = || entry::read(bytes, kinds).filter(|entry| entry.db == db);
    if let Some(short) = Short::read(bytes) {
        short.names().find(|name| *name == key)?;
        let entry = of_db()?;
        let (rule, text) = (entry.rules.first().cloned(), short.text.to_vec());
        return Some(Cause { entry, rule, kind: short.kind, text, is_marked: false });
    }
    let mut rest = bytes;
    entry::skip_head(&mut rest)?;
    let mut targets = vec![];
    take_targets(&mut rest, |target| targets.push(target))?;
    let mut names = names(rest);
    names.find(|name| *name == key)?;
    let entry = of_db()?;
    let target = targets.get(usize::try_from(names.place / 2).ok()?)?;
    let rule = match target.rule {
        Ok(listed) => entry.rules.get(listed).cloned(),
        Err(name) => (!name.is_empty()).then(|| lossy(name)),
    };
    let (kind, text) = (target.kind, target.text.to_vec());
    Some(Cause { entry, rule, kind, text, is_marked: names.place % 2 == 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_was_written() {
        let all = std::iter::once(None).chain(ResolvedKind::ALL.map(Some));
        for kind in all {
            assert_eq!(kind_of(code_of(kind).into()), Some(kind), "{kind:?}");
        }
        assert_eq!(kind_of(ResolvedKind::ALL.len() as u64 + 1), None);
    }
}
