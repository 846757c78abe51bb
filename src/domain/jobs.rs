//! What is deleted in slices: jobs, under way and ended.
//!
//! A job is an event or a purge whose plan was fixed when it was accepted. Its keys are marked
//! in the databases ([`super::doomed`]) and are gone for every command of the module from then
//! on; the server still has them until their slice.
//!
//! Always true: of the keys planned, each was deleted by the job, is absent (it went by itself,
//! or was written anew and lives), or is left.

use std::collections::VecDeque;

use super::doomed::{JobSlot, NO_RULE};
use super::journal::Caller;
use super::key_names::JOB_SLOTS;
use super::outcome::Outcome;
use super::plan::Plan;
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
    /// Who asked, if he asked here.
    pub by: Caller,
}

impl Work {
    /// So many keys of a rule are to be deleted.
    pub(super) fn will_take(&mut self, count: u64, rule: u32) {
        self.outcome.total.matched += count;
        // One target stands for each rule.
        if let Some(of_rule) = self.outcome.per_target.get_mut(rule as usize) {
            of_rule.matched += count;
        }
    }
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) slot: JobSlot,
    pub(super) head: Head,
    pub(super) planned: u64,
    pub(super) deleted: u64,
    /// Those of them that this process deleted: what statistics count.
    pub(super) deleted_here: u64,
    pub(super) work: Option<Work>,
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
    pub(super) under_way: Vec<Job>,
    pub(super) ended: VecDeque<Report>,
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

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Job> {
        self.under_way.iter_mut().find(|job| job.id == id)
    }

    pub(super) fn free_slot(&self) -> Option<JobSlot> {
        (0..JOB_SLOTS).find(|slot| !self.has(*slot))
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
