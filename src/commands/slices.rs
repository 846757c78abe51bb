//! `ASYNC`: the plan is fixed and marked at once, the keys go in slices.

use super::invalidate::{Options, act, check_permission, look, publish};
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::job_record::{self, Words};
use crate::domain::jobs::{Head, JOBS_MAX, Stage};
use crate::domain::name::{Db, NameList, Shown};
use crate::domain::notice;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{self, IdPlan};
use crate::domain::request::{Happened, Request};
use crate::domain::rule::Resolved;
use crate::server::Server;

/// Names deleted before the clock is read again: about a tenth of a millisecond.
const NAMES_PER_LOOK: usize = 100;

/// Names checked against the caller's permissions at a time: what is copied meanwhile.
const NAMES_PER_CHECK: usize = 1000;

/// Accepts a job and answers.
///
/// # Errors
/// No permission for one of the keys, or too many jobs: nothing is marked then.
pub(super) fn start(
    server: &mut Server,
    begin: u64,
    mut request: Request,
    options: Options,
) -> Result<Reply> {
    if server.state(|state| state.jobs.len()) >= JOBS_MAX {
        return Err(Error::TooManyJobs { limit: JOBS_MAX });
    }
    let db = server.redis().db();
    learn(server, &request);
    let soft = request.split_soft();
    if let Some(soft) = &soft {
        check_soft(server, soft)?;
    }
    if server.state(|state| state.memory.has_left_out()) {
        return Err(Error::NotIndexed);
    }
    let plan = server.state(|state| plan::ids(state, db, &request, None, state.steps_max))?;
    check_ids(server, db, &plan)?;
    let head = Head {
        origin: request.origin.clone(),
        text: describe(&request),
        started_ms: server.redis().now_ms(),
        rules: request.rules.clone(),
    };
    let (matched, refused) = (plan.ids.len(), plan.refused);
    let names = options.keys.then(|| server.state(|state| names_of(state, db, &plan.ids)));
    let resolved = server.redis().monotonic_micros();
    let by = server.redis().caller();
    let (id, record, warning) = server.state(|state| {
        let id = state.jobs.last + 1;
        let record = job_record::start(id, &head, state.fence(), &request);
        state.tokens.invalidated(db, request.targets.iter().map(|(_, target)| target));
        if !state.tokens.is_empty() {
            let names = names_of(state, db, &plan.ids);
            state.tokens.void_all(db, names.iter());
        }
        state.open_job(id, head, 0, 0);
        state.doom(id, db, plan);
        state.job_resolved(id, refused, resolved.saturating_sub(begin), by);
        (id, record, state.index_warning())
    });
    server.redis().begin_slices();
    replicate(server, &record);
    publish(server, |most| notice::of_job(&request, db, matched as u64, id, most));
    let marked = match soft {
        Some(soft) => soften(server, soft)?,
        None => Outcome::default(),
    };
    let micros = server.redis().monotonic_micros().saturating_sub(begin);
    server.state(|state| state.spent(micros));
    let rules = request.rules.iter().filter(|rule| rule.name.is_some()).count();
    let mut reply = Reply::map([
        ("rules", Reply::count(rules)),
        ("matched", Reply::count(matched as u64 + marked.total.matched)),
        ("deleted", Reply::count(0)),
        ("marked", Reply::count(marked.total.marked)),
        ("absent", Reply::count(marked.total.absent)),
        ("warmed", Reply::count(marked.total.warmed)),
        ("refused", Reply::count(refused + marked.refused)),
        ("micros", Reply::count(micros)),
        ("job", Reply::count(id)),
    ]);
    if let Some(warning) = warning {
        reply = reply.with("warning", Reply::text(warning));
    }
    if let Some(names) = names {
        reply = reply.with("keys", Reply::bulks(names.iter()));
    }
    Ok(reply)
}

/// Whether the caller may mark the keys of the soft rules of an event.
fn check_soft(server: &mut Server, soft: &Request) -> Result<()> {
    let most = server.redis().sync_max_keys();
    let plan = look(server, &mut soft.clone(), most)?;
    if plan.matched > most {
        return Err(Error::PlanTooLarge { keys: plan.matched, limit: most });
    }
    check_permission(server, &plan.names)
}

/// Marks the keys of the soft rules of an event that the job does not delete; at once, for
/// nothing is deleted that could wait.
fn soften(server: &mut Server, mut soft: Request) -> Result<Outcome> {
    let db = server.redis().db();
    server.state(|state| {
        state.tokens.invalidated(db, soft.targets.iter().map(|(_, target)| target));
    });
    let plan = look(server, &mut soft, u64::MAX)?;
    let mut outcome = Outcome::of(&plan);
    server.state(|state| state.tokens.void_all(plan.db, plan.names.iter()));
    let done = act(server, &plan, &mut outcome);
    let (now_ms, by) = (server.redis().now_ms(), server.redis().caller());
    server.state(|state| state.note_part(&plan, &outcome, &by, now_ms));
    let planned = plan.names.len() as u64;
    done.map(|()| outcome).map_err(|why| Error::DeletionRefused { deleted: 0, planned, why })
}

/// While the index is incomplete, indexes what the request may name: a key waits for a job by
/// its id.
pub(super) fn learn(server: &mut Server, request: &Request) {
    if !server.state(|state| state.index.incomplete) {
        return;
    }
    let db = server.redis().db();
    let patterns: Vec<_> = request
        .targets
        .iter()
        .filter_map(|(_, target)| match target {
            Resolved::Pattern(pattern) => Some(pattern),
            _ => None,
        })
        .collect();
    let mut found = NameList::default();
    if !patterns.is_empty() {
        server.redis().scan(&mut |name| {
            if patterns.iter().any(|pattern| pattern.matches(name)) {
                found.push(name);
            }
        });
    }
    for (_, target) in &request.targets {
        if let Resolved::Key(name) = target
            && server.redis().exists(name)
        {
            found.push(name);
        }
    }
    server.state(|state| {
        for name in found.iter() {
            state.seen(db, name);
        }
    });
}

/// Sends a record to replicas and the append-only file.
pub(super) fn replicate(server: &mut Server, record: &Words) {
    server.redis().replicate(&job_record::command(record));
}

/// Whether the caller may delete the keys. Checking reads no key, so the ids stay good.
fn check_ids(server: &mut Server, db: Db, plan: &IdPlan) -> Result<()> {
    if plan.ids.is_empty() || server.redis().may_delete_all() {
        return Ok(());
    }
    plan.ids.chunks(NAMES_PER_CHECK).try_for_each(|ids| {
        let names = server.state(|state| names_of(state, db, ids));
        check_permission(server, &names)
    })
}

fn names_of(state: &crate::domain::State, db: Db, ids: &[u32]) -> NameList {
    let Some(database) = state.database(db) else { return NameList::default() };
    ids.iter().map(|id| database.keys.name(*id)).collect()
}

/// What is asked for, on one line.
fn describe(request: &Request) -> Vec<u8> {
    let told = |event: &&Happened| event.follows.is_none();
    let mut events = request.origin.events().iter().filter(told);
    match (events.next(), events.count(), request.targets.as_slice()) {
        (Some(first), 0, _) => format!("event {}", first.event),
        (Some(first), others, _) => format!("event {} and {others} more", first.event),
        (None, _, [(_, target)]) => {
            format!("purge {} {}", target.kind().as_str(), Shown(&target.text()))
        }
        (None, _, targets) => format!("purge {} keys", targets.len()),
    }
    .into_bytes()
}

/// Whether jobs want another slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Soon.
    Yes,
    /// When the server takes deletions again, and says why it did not.
    Later,
    /// When there is another job.
    No,
}

/// Deletes keys of the oldest job for about so many microseconds. Does nothing where the
/// server may not write.
pub fn run(server: &mut Server, micros: u64) -> More {
    if server.is_suspect() || !server.redis().may_write() {
        return More::Later;
    }
    let Some(mut work) = server.state(|state| state.take_work()) else { return More::No };
    let begin = server.redis().monotonic_micros();
    let before = work.outcome.total.deleted;
    let mut refused = false;
    let done = loop {
        if !server.state(|state| state.next_batch(&mut work, NAMES_PER_LOOK)) {
            break true;
        }
        server.redis().select(work.plan.db);
        if act(server, &work.plan, &mut work.outcome).is_err() {
            server.state(|state| state.put_batch_back(&work));
            refused = true;
            break false;
        }
        let now_ms = server.redis().now_ms();
        server.state(|state| state.note_batch(&work, now_ms));
        if server.redis().monotonic_micros().saturating_sub(begin) >= micros {
            break false;
        }
    };
    let took = server.redis().monotonic_micros().saturating_sub(begin);
    work.outcome.delete_micros += took;
    server.state(|state| state.spent(took));
    if done {
        let id = work.id;
        server.state(|state| state.put_work_back(work));
        end(server, id, Stage::Done);
    } else {
        let (id, moved) = (work.id, work.outcome.total.deleted > before);
        let deleted = server.state(|state| {
            state.put_work_back(work);
            state.job_deleted(id)
        });
        if let Some(deleted) = deleted.filter(|_| moved) {
            replicate(server, &job_record::at(id, deleted));
        }
    }
    match (refused, server.state(|state| state.jobs.is_empty())) {
        (true, _) => More::Later,
        (false, true) => More::No,
        (false, false) => More::Yes,
    }
}

/// Ends a job here, writes down what became of it, and tells the replicas.
pub(super) fn end(server: &mut Server, id: u64, stage: Stage) {
    let now_ms = server.redis().now_ms();
    let (lines, report) = server.state(|state| {
        let lines = state.record_job(id, now_ms);
        (lines, state.end_job(id, stage, now_ms))
    });
    lines.iter().for_each(|line| server.redis().log_line(line));
    if let Some(report) = report {
        publish(server, |_| notice::of_end(&report));
        replicate(server, &job_record::end(id, stage, report.deleted));
    }
}

#[cfg(test)]
mod tests;
