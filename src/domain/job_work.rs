//! How jobs are accepted, worked on and ended, and the keys with them.

use super::State;
use super::doomed::JobSlot;
use super::jobs::{ENDED_MAX, Head, Job, Report, Stage, Work};
use super::journal::{Caller, Facts};
use super::key_table::KeyId;
use super::log_line;
use super::lookup::Strategy;
use super::name::{Db, NameList};
use super::outcome::Outcome;
use super::plan::{IdPlan, Plan, PlanTarget};

impl State {
    /// Accepts a job without keys yet; false when there are too many, or it is there.
    pub fn open_job(&mut self, id: u64, head: Head, planned: u64, deleted: u64) -> bool {
        let Some(slot) = self.jobs.free_slot().filter(|_| self.jobs.slot_of(id).is_none()) else {
            return false;
        };
        let targets = (0..head.rules.len()).map(|rule| PlanTarget {
            rule,
            kind: None,
            text: vec![],
            strategy: Strategy::NameLookup,
            candidates: 0,
            matches: 0,
            is_refused: false,
        });
        // Of the targets a batch needs to know the rule alone: one for each.
        let plan = Plan {
            origin: head.origin.clone(),
            db: Db(0),
            rules: head.rules.clone(),
            targets: targets.collect(),
            names: NameList::default(),
            ids: vec![],
            taken_by: vec![],
            warm_for: vec![],
            soft_ms: vec![],
            matched: 0,
            refused: 0,
            doomed: NameList::default(),
            doomed_ids: vec![],
            doomed_count: 0,
            steps: 0,
        };
        let outcome = Outcome::of(&plan);
        let work = Some(Work { id, plan, outcome, by: Caller::default() });
        self.jobs.under_way.push(Job { id, slot, head, planned, deleted, deleted_here: 0, work });
        self.jobs.last = self.jobs.last.max(id);
        true
    }

    /// Marks the keys of a plan as a job's.
    pub fn doom(&mut self, id: u64, db: Db, plan: IdPlan) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(database) = self.databases.get_mut(&db) else { return };
        job.planned += database.doom_all(job.slot, plan.ids, &plan.stretches, plan.warm);
        if let Some(work) = &mut job.work {
            let mut start = 0;
            for (end, rule) in plan.stretches {
                work.will_take((end - start) as u64, rule);
                start = end;
            }
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
            work.will_take(count, rule);
        }
    }

    /// What making the plan came to, and who asked.
    pub fn job_resolved(&mut self, id: u64, refused: u64, micros: u64, by: Caller) {
        if let Some(work) = self.jobs.get_mut(id).and_then(|job| job.work.as_mut()) {
            work.by = by;
            work.outcome.refused = refused;
            work.outcome.resolve_micros = micros;
        }
    }

    /// How many keys a job under way has deleted.
    pub fn job_deleted(&self, id: u64) -> Option<u64> {
        self.jobs.under_way.iter().find(|job| job.id == id).map(|job| job.deleted)
    }

    /// Writes down what this server did of a job that is about to end: keys of its plan that
    /// it did not delete were absent, or stay. Gives the lines that its rules ask for.
    pub fn record_job(&mut self, id: u64, now_ms: u64) -> Vec<String> {
        let left = self.job_left(id);
        let Some(job) = self.jobs.get_mut(id) else { return vec![] };
        let Some(work) = &mut job.work else { return vec![] };
        let outcome = &mut work.outcome;
        outcome.total.deleted = job.deleted_here;
        for count in outcome.per_target.iter_mut().filter(|_| left == 0) {
            count.absent = count.matched.saturating_sub(count.deleted);
        }
        outcome.total.absent = outcome.total.matched.saturating_sub(outcome.total.deleted + left);
        let text = Some(job.head.text.as_slice());
        if !self.uncounted {
            self.stats.record(&self.rules, &work.plan, outcome, now_ms);
            let facts = Facts::of(&work.plan, outcome, now_ms);
            self.journal.log(&Facts { job: text, ..facts }, &work.by);
        }
        let lines = log_line::of_plan(&work.plan, outcome, text, now_ms);
        let (origin, deleted) = (work.plan.origin.clone(), outcome.total.deleted);
        self.note_loss(&origin, deleted, now_ms);
        lines
    }

    /// Takes the work of the oldest job out.
    pub fn take_work(&mut self) -> Option<Work> {
        self.jobs.under_way.first_mut()?.work.take()
    }

    /// Writes down why the keys of a batch went.
    pub fn note_batch(&mut self, work: &Work, now_ms: u64) {
        if self.uncounted {
            return;
        }
        self.make_room();
        self.stats.top.record_keys(&work.plan, &work.outcome);
        let facts = Facts::of(&work.plan, &work.outcome, now_ms);
        let head = self.jobs.under_way.iter().find(|job| job.id == work.id).map(|job| &job.head);
        let job = head.map(|head| head.text.as_slice());
        self.journal.note_keys(&Facts { job, ..facts }, &work.by, &work.plan, &work.outcome);
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
        plan.ids.clear();
        plan.taken_by.clear();
        plan.warm_for.clear();
        work.outcome.gone = None;
        for (db, database) in &mut self.databases {
            plan.db = *db;
            while plan.names.len() < most
                && let Some(next) = database.doomed.next(slot)
            {
                // Twice in the queue is an id that was used again for a key that was renamed.
                if database.keys.doom_of(next.id) != Some(slot) || plan.ids.contains(&next.id) {
                    continue;
                }
                plan.ids.push(next.id);
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
