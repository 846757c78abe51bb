//! What is deleted in slices: jobs, under way and ended.
//!
//! A job is an event or a purge whose plan was fixed when it was accepted. Its keys are marked
//! in the databases ([`super::doomed`]) and are gone for every command of the module from then
//! on; the server still has them until their slice.
//!
//! Always true: of the keys planned, each was deleted by the job, is absent (it went by itself,
//! or was written anew and lives), or is left.

use std::collections::VecDeque;

use super::State;
use super::doomed::{JobSlot, NO_RULE};
use super::key_names::JOB_SLOTS;
use super::key_table::KeyId;
use super::lookup::Strategy;
use super::name::{Db, NameList};
use super::outcome::Outcome;
use super::plan::{IdPlan, Plan, PlanTarget};
use super::request::{Origin, PlanRule};

/// Most jobs under way at a time. They are worked on one after the other; so many waiting are
/// more than anybody looks after.
pub const JOBS_MAX: usize = JOB_SLOTS as usize;

/// Jobs remembered after their end: whoever asks once a minute for one of a job a second.
pub const ENDED_MAX: usize = 100;

/// Who asked for a job, and what its work needs beside the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Who asked.
    pub origin: Origin,
    /// The same in words, for people.
    pub text: Vec<u8>,
    /// When, in milliseconds since 1970.
    pub started_ms: u64,
    /// In order of work.
    pub rules: Vec<PlanRule>,
    /// What warm workers get.
    pub payload: Vec<u8>,
}

/// What the work of a job goes on with; taken out while the server is called.
#[derive(Debug)]
pub struct Work {
    /// Which job.
    pub id: u64,
    /// The next keys.
    pub plan: Plan,
    /// What happened so far, here.
    pub outcome: Outcome,
    /// What warm workers get.
    pub payload: Vec<u8>,
}

#[derive(Debug)]
struct Job {
    id: u64,
    slot: JobSlot,
    head: Head,
    planned: u64,
    deleted: u64,
    /// Those of them that this process deleted: what statistics count.
    deleted_here: u64,
    work: Option<Work>,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Keys are left.
    UnderWay,
    /// None is left.
    Done,
    /// Somebody stopped it; what was left stays.
    Cancelled,
}

impl Stage {
    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderWay => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads how a job ended.
    pub fn of_end(word: &[u8]) -> Option<Self> {
        [Self::Done, Self::Cancelled].into_iter().find(|stage| stage.as_str().as_bytes() == word)
    }
}

/// A job as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub id: u64,
    /// Who asked, in words.
    pub text: Vec<u8>,
    /// How it stands.
    pub stage: Stage,
    /// Keys in the plan, and copies made of them since.
    pub planned: u64,
    /// Keys that the job deleted.
    pub deleted: u64,
    /// Keys that were not there any more, or were written anew.
    pub absent: u64,
    /// Keys to be deleted yet; of a cancelled job those that stay.
    pub left: u64,
    /// When it was accepted, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended; 0 before.
    pub ended_ms: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Jobs {
    under_way: Vec<Job>,
    ended: VecDeque<Report>,
    /// The number of the job that was accepted last.
    pub last: u64,
}

impl Jobs {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether the slot is one of a job under way.
    pub fn has(&self, slot: JobSlot) -> bool {
        self.under_way.iter().any(|job| job.slot == slot)
    }

    /// The number of the job in a slot.
    pub fn id_of(&self, slot: JobSlot) -> Option<u64> {
        self.under_way.iter().find(|job| job.slot == slot).map(|job| job.id)
    }

    /// The slot of a job under way.
    pub fn slot_of(&self, id: u64) -> Option<JobSlot> {
        self.under_way.iter().find(|job| job.id == id).map(|job| job.slot)
    }

    /// A marked key was deleted by us.
    pub(super) fn credit(&mut self, slot: JobSlot) {
        if let Some(job) = self.under_way.iter_mut().find(|job| job.slot == slot) {
            job.deleted += 1;
            job.deleted_here += 1;
        }
    }

    /// A marked key was copied: one more to delete.
    pub(super) fn grow(&mut self, slot: JobSlot) {
        if let Some(job) = self.under_way.iter_mut().find(|job| job.slot == slot) {
            job.planned += 1;
        }
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Job> {
        self.under_way.iter_mut().find(|job| job.id == id)
    }

    fn free_slot(&self) -> Option<JobSlot> {
        (0..JOB_SLOTS).find(|slot| !self.has(*slot))
    }
}

impl State {
    /// Accepts a job without keys yet; false when there are too many, or it is there.
    pub fn open_job(&mut self, id: u64, head: Head, planned: u64, deleted: u64) -> bool {
        let Some(slot) = self.jobs.free_slot().filter(|_| self.jobs.slot_of(id).is_none()) else {
            return false;
        };
        let targets = (0..head.rules.len()).map(|rule| PlanTarget {
            rule,
            kind: "",
            text: vec![],
            strategy: Strategy::NameLookup,
            candidates: 0,
            matches: 0,
        });
        // Of the targets a batch needs to know the rule alone: one for each.
        let plan = Plan {
            origin: head.origin.clone(),
            db: Db(0),
            rules: head.rules.clone(),
            targets: targets.collect(),
            names: NameList::default(),
            taken_by: vec![],
            warm_for: vec![],
            matched: 0,
            refused: 0,
            doomed: NameList::default(),
        };
        let outcome = Outcome::of(&plan);
        let work = Some(Work { id, plan, outcome, payload: head.payload.clone() });
        self.jobs.under_way.push(Job { id, slot, head, planned, deleted, deleted_here: 0, work });
        self.jobs.last = self.jobs.last.max(id);
        true
    }

    /// Marks the keys of a plan as a job's.
    pub fn doom(&mut self, id: u64, db: Db, plan: IdPlan) {
        let mut start = 0;
        let mut stretches = plan.stretches.into_iter();
        while let Some((end, rule)) = stretches.next() {
            let ids = plan.ids.get(start..end).unwrap_or_default();
            start = end;
            self.doom_some(id, db, rule, ids.iter().copied());
        }
        if let (Some(slot), Some(database)) = (self.jobs.slot_of(id), self.databases.get_mut(&db)) {
            database.doomed.warm(slot, plan.warm);
        }
    }

    /// Marks keys by name as a job's, for a rule of it; those that are not known are absent.
    /// They are part of what was planned.
    pub fn doom_names<'a>(
        &mut self,
        id: u64,
        db: Db,
        rule: u32,
        names: impl Iterator<Item = &'a [u8]>,
    ) {
        let Some(database) = self.databases.get(&db) else { return };
        let ids: Vec<KeyId> = names.filter_map(|name| database.find_live(name)).collect();
        let planned = self.jobs.get_mut(id).map(|job| job.planned);
        self.doom_some(id, db, rule, ids.into_iter());
        if let (Some(planned), Some(job)) = (planned, self.jobs.get_mut(id)) {
            job.planned = planned;
        }
    }

    fn doom_some(&mut self, id: u64, db: Db, rule: u32, ids: impl Iterator<Item = KeyId>) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(database) = self.databases.get_mut(&db) else { return };
        let count = ids.filter(|id| database.doom(*id, job.slot, rule)).count() as u64;
        job.planned += count;
        if let Some(work) = &mut job.work {
            work.outcome.total.matched += count;
            if let Some(of_rule) = work.outcome.per_rule.get_mut(rule as usize) {
                of_rule.matched += count;
            }
        }
    }

    /// What making the plan came to.
    pub fn job_resolved(&mut self, id: u64, refused: u64, micros: u64) {
        if let Some(work) = self.jobs.get_mut(id).and_then(|job| job.work.as_mut()) {
            work.outcome.refused = refused;
            work.outcome.resolve_micros = micros;
        }
    }

    /// How many keys a job under way has deleted.
    pub fn job_deleted(&self, id: u64) -> Option<u64> {
        self.jobs.under_way.iter().find(|job| job.id == id).map(|job| job.deleted)
    }

    /// Writes down what this server did of a job that is about to end: keys of its plan that
    /// it did not delete were absent, or stay.
    pub fn record_job(&mut self, id: u64, now_ms: u64) {
        let left = self.job_left(id);
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(work) = &mut job.work else { return };
        let outcome = &mut work.outcome;
        outcome.total.deleted = job.deleted_here;
        for count in outcome.per_rule.iter_mut().filter(|_| left == 0) {
            count.absent = count.matched.saturating_sub(count.deleted);
        }
        outcome.total.absent = outcome.total.matched.saturating_sub(outcome.total.deleted + left);
        self.stats.record(&work.plan, outcome, now_ms);
    }

    /// Takes the work of the oldest job out.
    pub fn take_work(&mut self) -> Option<Work> {
        self.jobs.under_way.first_mut()?.work.take()
    }

    /// Puts the work of a job back, unless the job has ended meanwhile.
    pub fn put_work_back(&mut self, work: Work) {
        if let Some(job) = self.jobs.get_mut(work.id) {
            job.work = Some(work);
        }
    }

    /// Fills the next keys in, up to `most`, all of one database; false when none is left.
    pub fn next_batch(&mut self, work: &mut Work, most: usize) -> bool {
        let Some(slot) = self.jobs.slot_of(work.id) else { return false };
        let plan = &mut work.plan;
        plan.names = NameList::default();
        plan.taken_by.clear();
        plan.warm_for.clear();
        work.outcome.gone = None;
        let mut ids = vec![];
        for (db, database) in &mut self.databases {
            plan.db = *db;
            while plan.names.len() < most
                && let Some(next) = database.doomed.next(slot)
            {
                // Twice in the queue is an id that was used again for a key that was renamed.
                if database.keys.doom_of(next.id) != Some(slot) || ids.contains(&next.id) {
                    continue;
                }
                ids.push(next.id);
                plan.names.push(database.keys.name(next.id));
                plan.taken_by.push(next.rule);
                let warms =
                    |rule: &u32| plan.rules.get(*rule as usize).is_some_and(|rule| rule.warm);
                plan.warm_for.push(Some(next.rule).filter(warms).or(next.warm));
            }
            if !plan.names.is_empty() {
                return true;
            }
        }
        false
    }

    /// The server refused a batch of so many: it will be tried again.
    pub fn put_batch_back(&mut self, work: &Work) {
        let slot = self.jobs.slot_of(work.id);
        if let (Some(slot), Some(database)) = (slot, self.databases.get_mut(&work.plan.db)) {
            database.doomed.back(slot, work.plan.names.len());
        }
    }

    /// What a job has deleted so far, as the primary counts it.
    pub fn set_deleted(&mut self, id: u64, deleted: u64) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.deleted = deleted;
        }
    }

    /// Ends a job; keys that are left stay. Gives what is told of it.
    pub fn end_job(&mut self, id: u64, stage: Stage, now_ms: u64) -> Option<Report> {
        let at = self.jobs.under_way.iter().position(|job| job.id == id)?;
        let report =
            Report { stage, ended_ms: now_ms, ..self.report(self.jobs.under_way.get(at)?) };
        let job = self.jobs.under_way.remove(at);
        self.databases.values_mut().for_each(|database| database.end_job(job.slot));
        let is_travelling = |slot: Option<JobSlot>| slot == Some(job.slot);
        if is_travelling(self.travel.under_way.job) {
            self.travel.under_way.job = None;
        }
        if let Some((_, _, luggage)) = &mut self.travel.unlinked
            && is_travelling(luggage.job)
        {
            luggage.job = None;
        }
        self.travel.carried_job.take_if(|(_, _, slot)| *slot == job.slot);
        self.jobs.ended.push_front(report.clone());
        self.jobs.ended.truncate(ENDED_MAX);
        Some(report)
    }

    /// Forgets all jobs, under way and ended; their keys stay.
    pub fn forget_jobs(&mut self) {
        for job in std::mem::take(&mut self.jobs).under_way {
            self.databases.values_mut().for_each(|database| database.end_job(job.slot));
        }
    }

    fn job_left(&self, id: u64) -> u64 {
        let Some(slot) = self.jobs.slot_of(id) else { return 0 };
        self.databases.values().map(|database| database.doomed.left(slot)).sum()
    }

    fn report(&self, job: &Job) -> Report {
        let left = self.job_left(job.id);
        Report {
            id: job.id,
            text: job.head.text.clone(),
            stage: Stage::UnderWay,
            planned: job.planned,
            deleted: job.deleted,
            absent: job.planned.saturating_sub(job.deleted + left),
            left,
            started_ms: job.head.started_ms,
            ended_ms: 0,
        }
    }

    /// All jobs: those under way in order of work, then the ended ones, the last first.
    pub fn job_reports(&self) -> Vec<Report> {
        let under_way = self.jobs.under_way.iter().map(|job| self.report(job));
        under_way.chain(self.jobs.ended.iter().cloned()).collect()
    }

    /// Keys that jobs are about to delete.
    pub fn doomed_keys(&self) -> u64 {
        self.jobs.under_way.iter().map(|job| self.report(job).left).sum()
    }

    /// Each job under way: its number, its head, what was planned and deleted, and the keys
    /// that wait, by database, with their rule.
    pub fn for_each_job(&self, mut visit: impl FnMut(u64, &Head, u64, u64)) {
        for job in &self.jobs.under_way {
            visit(job.id, &job.head, job.planned, job.deleted);
        }
    }

    /// The keys that wait for a job, by database, those of one rule in a row. A rule that wants
    /// a key warmed goes before the one that named it.
    pub fn for_each_doomed(&self, id: u64, mut visit: impl FnMut(Db, u32, &[u8])) {
        let Some(slot) = self.jobs.slot_of(id) else { return };
        for (db, database) in &self.databases {
            for next in database.doomed.waiting(slot) {
                if database.keys.doom_of(next.id) == Some(slot) {
                    let rule = next.warm.unwrap_or(next.rule);
                    visit(*db, rule, database.keys.name(next.id));
                }
            }
        }
    }
}

/// The rule of a key, as snapshots write it.
pub(super) fn rule_number(rule: u32) -> u64 {
    if rule == NO_RULE { 0 } else { u64::from(rule) + 1 }
}

/// Reads [`rule_number`].
pub(super) fn rule_of_number(number: u64) -> u32 {
    number.checked_sub(1).and_then(|rule| u32::try_from(rule).ok()).unwrap_or(NO_RULE)
}

#[cfg(test)]
mod tests;
