//! Runs of events that are not sorted into the rows yet.
//!
//! What an event comes to counts in many places: its own row, those of its rules, of their targets
//! and of its entity type, and the total, each with three distributions of times; and its keys and
//! what matched them in the ranks. All this lies far apart, and the memory is what takes the time.
//! So a usual run is written down once, in the journal, and counted from there, many together: when
//! the journal has got some blocks of them, before rules change, and before anybody reads. Runs of
//! a kind are put side by side then, as a few numbers each, and sorted in together.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use super::row::{Spans, Sum};
use super::times::FEW;
use super::{NAMES_MAX, Stats, row_of};
use crate::domain::State;
use crate::domain::journal::{
    Facts, KindOf, ONE_TARGET, PLACES, Run, RunKind, place_of, targets_of, times_of,
};
use crate::domain::outcome::Count;
use crate::domain::recent;
use crate::domain::rule_table::RuleTable;

/// Numbers of a kind that may wait, if its runs have one target each.
const NUMBERS_MAX: usize = FEW * ONE_TARGET;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    hasher: DefaultHashBuilder,
    /// By kind.
    kinds: HashTable<Runs>,
    /// Those whose kind has a number, by [`place_of`] it; empty before the first.
    numbered: Vec<Option<Box<Runs>>>,
    /// Whether any of them has some.
    has_any: bool,
    /// Where a run is written that stands alone.
    room: Vec<u8>,
}

/// Runs of a kind. All of it lies in one place.
#[derive(Clone, Debug)]
struct Runs {
    /// See [`RunKind::read`].
    kind: SmallVec<[u8; 64]>,
    /// See [`KindOf::Known`].
    number: Option<u64>,
    /// When the last one was, in milliseconds since 1970.
    last_ms: u64,
    /// How many numbers each has.
    run_len: usize,
    /// How many there may be: of so many runs as are counted together, or as fit in.
    most: usize,
    /// See [`Run::figures`]; run by run.
    numbers: [u16; NUMBERS_MAX],
    /// How many of the numbers there are.
    len: usize,
}

impl Runs {
    fn of(run: &Run) -> Self {
        let run_len = run.figures.len().max(1);
        Self {
            kind: SmallVec::from_slice(run.kind.bytes()),
            number: match run.kind {
                KindOf::Own(_) => None,
                KindOf::Known(number, _) => Some(number),
            },
            last_ms: 0,
            run_len,
            most: (FEW * run_len).min(NUMBERS_MAX),
            numbers: [0; NUMBERS_MAX],
            len: 0,
        }
    }

    /// Whether one more run fits in.
    fn takes(&self, run: &Run) -> bool {
        self.len > 0
            && self.len + self.run_len <= self.most
            && recent::slot(self.last_ms) == recent::slot(run.at_ms)
    }

    fn push(&mut self, run: &Run) {
        self.last_ms = self.last_ms.max(run.at_ms);
        let free = self.numbers.get_mut(self.len..).unwrap_or_default();
        run.figures.write(free);
        self.len += self.run_len;
    }
}

impl State {
    /// Counts what waits. To be called before figures or ranks are read or forgotten, and before
    /// rules change.
    pub fn catch_up(&mut self) {
        self.count_waiting();
        self.stats.settle();
    }

    /// Counts what waits in the journal.
    pub(super) fn count_waiting(&mut self) {
        self.journal.each_waiting(|run, waiting| {
            self.stats.count_run(&self.rules, run);
            waiting.rank(&mut self.stats.top);
        });
        self.journal.counted();
    }
}

impl Stats {
    /// Counts a run that no entry of the journal waits for.
    pub(super) fn count_alone(&mut self, rules: &RuleTable, facts: &Facts) {
        let mut room = std::mem::take(&mut self.pending.room);
        room.clear();
        self.count_run(rules, &Run::write(facts, &mut room));
        self.pending.room = room;
    }

    /// Puts a run to those of its kind.
    #[inline]
    pub(super) fn count_run(&mut self, rules: &RuleTable, run: &Run) {
        let Pending { hasher, kinds, numbered, has_any, .. } = &mut self.pending;
        *has_any = true;
        let kind = match run.kind {
            KindOf::Own(kind) => kind,
            KindOf::Known(number, _) => {
                return match numbered.get_mut(place_of(number)) {
                    Some(Some(runs)) if runs.number == Some(number) && runs.takes(run) => {
                        runs.push(run);
                    }
                    _ => self.begin_numbered(rules, number, run),
                };
            }
        };
        let hash = hasher.hash_one(kind);
        match kinds.find_mut(hash, |runs| *runs.kind == *kind) {
            Some(runs) if runs.takes(run) => runs.push(run),
            known => {
                let known = known.map(|runs| runs.clone());
                self.begin(rules, hash, run, known);
            }
        }
    }

    /// The first run of a kind comes, or one that does not fit in with the others.
    #[cold]
    fn begin(&mut self, rules: &RuleTable, hash: u64, run: &Run, known: Option<Runs>) {
        let is_new = known.is_none();
        let mut runs = known.unwrap_or_else(|| Runs::of(run));
        self.sort_in(&mut runs);
        self.prepare(rules, run.kind.bytes());
        runs.push(run);
        if is_new && self.pending.kinds.len() >= NAMES_MAX {
            self.settle();
            self.pending.kinds.clear();
            self.pending.has_any = true;
        }
        let Pending { hasher, kinds, .. } = &mut self.pending;
        match kinds.find_mut(hash, |known| known.kind == runs.kind) {
            Some(known) => *known = runs,
            None => {
                kinds.insert_unique(hash, runs, |runs| hasher.hash_one(runs.kind.as_slice()));
            }
        }
    }

    /// The same of a kind that has a number.
    #[cold]
    fn begin_numbered(&mut self, rules: &RuleTable, number: u64, run: &Run) {
        let place = place_of(number);
        let mut known = self.pending.numbered.get_mut(place).and_then(Option::take);
        if let Some(runs) = &mut known {
            self.sort_in(runs);
        }
        self.prepare(rules, run.kind.bytes());
        let mut runs = known.filter(|known| known.number == Some(number));
        runs.get_or_insert_with(|| Box::new(Runs::of(run))).push(run);
        self.pending.numbered.resize_with(PLACES, || None);
        if let Some(slot) = self.pending.numbered.get_mut(place) {
            *slot = runs;
        }
    }

    /// There are rows for the rules of a kind.
    fn prepare(&mut self, rules: &RuleTable, kind: &[u8]) {
        let names = RunKind::read(kind).map(|kind| kind.rules);
        // That of a rule which is gone since goes again when the rules settle.
        for name in names.iter().flatten() {
            self.rule_row(rules, name);
        }
    }

    /// Sorts in what was counted.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.pending.has_any) {
            return;
        }
        let mut kinds = std::mem::take(&mut self.pending.kinds);
        kinds.iter_mut().for_each(|runs| self.sort_in(runs));
        self.pending.kinds = kinds;
        let mut numbered = std::mem::take(&mut self.pending.numbered);
        numbered.iter_mut().flatten().for_each(|runs| self.sort_in(runs));
        self.pending.numbered = numbered;
    }

    fn sort_in(&mut self, runs: &mut Runs) {
        if runs.len > 0 {
            let numbers = runs.numbers.get(..runs.len).unwrap_or_default();
            // Most have one target: of a length that is known beforehand they are read faster.
            match numbers.as_chunks::<ONE_TARGET>() {
                (each, []) if runs.run_len == ONE_TARGET => {
                    self.sort_in_each(runs, each.iter().map(<[u16; ONE_TARGET]>::as_slice));
                }
                _ => self.sort_in_each(runs, numbers.chunks_exact(runs.run_len)),
            }
            (runs.len, runs.last_ms) = (0, 0);
        }
    }

    /// `each`: the figures of each run.
    #[inline(always)]
    fn sort_in_each<'a>(&mut self, runs: &Runs, each: impl Iterator<Item = &'a [u16]> + Clone) {
        let Some(kind) = RunKind::read(&runs.kind) else { return };
        let (mut all, mut times) = (Sum::default(), Spans::default());
        for run in each.clone() {
            all.add_run(sum(targets_of(run)));
            times.push(times_of(run));
        }
        self.events += all.runs;
        self.events_unmatched += if kind.rules.is_empty() { all.runs } else { 0 };
        self.all.add_runs(&all, &times, runs.last_ms);
        row_of(&mut self.per_event, kind.event).add_runs(&all, &times, runs.last_ms);
        if let Some(entity) = kind.entity {
            row_of(&mut self.entities, entity).add_runs(&all, &times, runs.last_ms);
        }
        let mut first = 0;
        for (rule, name) in kind.rules.iter().enumerate() {
            let len = kind.targets.iter().filter(|of| **of == rule).count();
            let Some(row) = self.rules.get_mut(*name) else { continue };
            for at in 0..len {
                let of_target = each.clone().filter_map(|run| targets_of(run).nth(first + at));
                row.record_target(at, of_target);
            }
            let mut of_rule = all;
            if kind.rules.len() > 1 {
                of_rule = Sum::default();
                let targets = |run| targets_of(run).skip(first).take(len);
                each.clone().for_each(|run| of_rule.add_run(sum(targets(run))));
            }
            row.row.add_runs(&of_rule, &times, runs.last_ms);
            first += len;
        }
    }
}

/// What became of the keys of targets together.
fn sum(targets: impl Iterator<Item = (bool, Count)>) -> Count {
    targets.fold(Count::default(), |mut sum, (_, count)| {
        sum.add(count);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::Caller;
    use crate::domain::name::Db;
    use crate::domain::outcome::Outcome;
    use crate::domain::payload::Payload;
    use crate::domain::plan::build;
    use crate::domain::request::Request;

    #[test]
    fn runs_of_an_event_that_no_rule_takes_are_all_timed() {
        let mut state = State::default();
        let request = Request::for_event(&state, "e", &Payload::default()).unwrap();
        let plan = build(&mut state, Db(0), request).unwrap();
        let outcome = Outcome::of(&plan);
        for at_ms in 0..200 {
            state.note(&plan, &outcome, &Caller::default(), None, at_ms);
        }
        state.catch_up();
        assert_eq!((state.stats.events, state.stats.all.both.count()), (200, 200));
    }
}
