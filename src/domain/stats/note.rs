//! Writing down what happened: in the statistics, and in the journal.

use super::Stats;
use crate::domain::State;
use crate::domain::journal::{Caller, Facts, JournalLimits, can_wait};
use crate::domain::outcome::Outcome;
use crate::domain::plan::Plan;
use crate::domain::windows::Totals;

impl State {
    /// Writes down what happened to a plan.
    pub fn record(&mut self, plan: &Plan, outcome: &Outcome, now_ms: u64) {
        self.note_loss(&plan.origin, outcome.total.deleted, now_ms);
        if !self.uncounted {
            self.stats.record(&self.rules, plan, outcome, now_ms);
        }
    }

    /// Writes down what happened to a plan that was carried out, by whom, and if it was given up
    /// in the middle, why.
    pub fn note(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        by: &Caller,
        failure: Option<&str>,
        now_ms: u64,
    ) {
        self.note_loss(&plan.origin, outcome.total.deleted, now_ms);
        if self.uncounted {
            return;
        }
        self.stats.busy_micros += outcome.resolve_micros + outcome.delete_micros;
        if let Some(failure) = failure {
            return self.note_given_up(plan, outcome, by, failure, now_ms);
        }
        self.make_room();
        if !self.journal.note_short(plan, outcome, by, now_ms) {
            self.note_any(plan, outcome, by, now_ms);
        }
    }

    /// Which keys went before is not told one by one.
    #[cold]
    fn note_given_up(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        by: &Caller,
        failure: &str,
        now_ms: u64,
    ) {
        self.stats.record(&self.rules, plan, outcome, now_ms);
        self.stats.record_failure(&self.rules, plan.origin.events(), &plan.rules);
        self.journal.log(&Facts { failure, ..Facts::of(plan, outcome, now_ms) }, by);
    }

    /// Not inlined: it would stand in the way of the usual run, which this is not.
    #[inline(never)]
    fn note_any(&mut self, plan: &Plan, outcome: &Outcome, by: &Caller, now_ms: u64) {
        let waits = can_wait(plan, outcome) && self.journal.takes_all(plan);
        let mut facts = Facts::of(plan, outcome, now_ms);
        facts.to_count = waits.then_some(outcome.per_target.as_slice());
        let is_kept = self.journal.note(&facts, by, plan, outcome);
        if !waits {
            self.stats.record(&self.rules, plan, outcome, now_ms);
            self.stats.top.record_keys(plan, outcome);
        } else if !is_kept {
            // No key went.
            self.stats.count_alone(&self.rules, &facts);
        }
    }

    /// The journal takes another entry; no run that waits to be counted goes for it.
    #[inline]
    pub(in crate::domain) fn make_room(&mut self) {
        if self.journal.is_full() {
            self.begin_block();
        }
    }

    #[cold]
    fn begin_block(&mut self) {
        if self.journal.must_be_counted() {
            self.count_waiting();
        }
        self.journal.make_room();
    }

    /// Writes down what was marked of an event whose other keys a job deletes.
    pub fn note_part(&mut self, plan: &Plan, outcome: &Outcome, by: &Caller, now_ms: u64) {
        if self.uncounted {
            return;
        }
        self.stats.record_part(&self.rules, plan, outcome);
        self.stats.top.record_keys(plan, outcome);
        self.make_room();
        self.journal.note_keys(&Facts::of(plan, outcome, now_ms), by, plan, outcome);
    }

    /// The server was held up by an invalidation for so many microseconds.
    pub fn spent(&mut self, micros: u64) {
        self.stats.busy_micros += if self.uncounted { 0 } else { micros };
    }

    /// Writes down that a request was given up before anything was deleted.
    pub fn note_failure(&mut self, facts: &Facts, by: &Caller) {
        if !self.uncounted {
            self.stats.record_failure(&self.rules, facts.origin.events(), facts.rules);
            self.journal.log(facts, by);
        }
    }

    /// Sets all counters to nothing.
    pub fn reset_stats(&mut self) {
        self.journal.counted();
        self.stats = Stats::default();
    }

    /// How much is known of what was carried out.
    pub fn set_journal_limits(&mut self, limits: JournalLimits) {
        self.count_waiting();
        self.journal.set_limits(limits);
    }

    /// What counts in windows, so far; beside what the server counts itself.
    pub fn totals(&mut self) -> Totals {
        self.catch_up();
        let Stats { all, .. } = &self.stats;
        Totals {
            invalidations: all.runs,
            events: self.stats.events,
            purges: self.stats.purges,
            wasted: all.wasted,
            failures: all.failures,
            keys_deleted: all.keys.deleted,
            keys_marked: all.keys.marked,
            keys_warmed: all.keys.warmed,
            run_micros: all.both.sum(),
            busy_micros: self.stats.busy_micros,
            ..Totals::default()
        }
    }
}
