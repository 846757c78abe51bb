//! Look, act, record: how an event or a purge is carried out.

use std::ops::Range;

use super::args::Args;
use super::reply::Reply;
use super::slices;
use super::soft;
use super::warm::{self, Cold};
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::error::{Error, Result};
use crate::domain::journal::Facts;
use crate::domain::log_line;
use crate::domain::name::NameList;
use crate::domain::notice;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{self, Plan};
use crate::domain::request::{Origin, PlanRule, Request};
use crate::domain::rule::Resolved;
use crate::domain::scan::Scan;
use crate::server::Server;

/// Names per UNLINK call. More gains nothing measurable; fewer cost a call each.
const UNLINK_BATCH: usize = 1000;

/// Shortest time that the server's latency monitor takes, in microseconds.
const LATENCY_MIN_MICROS: u64 = 1000;

/// What the caller asks beside the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Count, and delete nothing.
    pub dry_run: bool,
    /// List the names.
    pub keys: bool,
    /// Delete in slices, after the reply.
    pub background: bool,
    /// Mark as stale for so many milliseconds at most, and delete nothing.
    pub soft_ms: Option<u64>,
}

impl Options {
    /// Takes `ASYNC` or `SOFT milliseconds`, and nothing else.
    ///
    /// # Errors
    /// Another word, a bad time, or both.
    pub(super) fn how(&mut self, args: &mut Args) -> Result<()> {
        if args.keyword("ASYNC") {
            self.background = true;
        } else if args.keyword("SOFT") {
            self.soft_ms = Some(soft::parse(args)?);
        } else {
            args.finish()?;
        }
        match self.background && self.soft_ms.is_some() {
            true => {
                Err(args.usage("SOFT with ASYNC: nothing is deleted that could wait".to_owned()))
            }
            false => Ok(()),
        }
    }
}

/// Carries a request out and answers. `start` is when its making began, in microseconds of the
/// server's monotonic clock.
///
/// # Errors
/// No permission for one of the keys (nothing is deleted then), or the server refuses.
pub fn invalidate(
    server: &mut Server,
    start: u64,
    request: Request,
    options: Options,
) -> Result<Reply> {
    let mut request = match options.soft_ms {
        Some(ms) => request.soften(ms),
        None => request,
    };
    if options.background && !options.dry_run {
        let (origin, rules) = (request.origin.clone(), request.rules.clone());
        let started = slices::start(server, start, request, options);
        return started.map_err(|error| give_up(server, &origin, &rules, error));
    }
    // A dry run stalls nobody with deletions, and is how one learns the number.
    let most = if options.dry_run { u64::MAX } else { server.redis().sync_max_keys() };
    let limit = request.limit;
    let named = targets_for_tokens(server, &request);
    let give_up = |server: &mut Server, origin: &Origin, rules: &[PlanRule], error| match options {
        Options { dry_run: true, .. } => error,
        _ => give_up(server, origin, rules, error),
    };
    let plan = match look(server, &mut request, most) {
        Ok(plan) => plan,
        Err(error) => return Err(give_up(server, &request.origin, &request.rules, error)),
    };
    // Who limits a purge, or marks, does not ask for all keys to be gone.
    let hurries = limit.is_none() && !options.dry_run && !plan.is_soft();
    let planned =
        plan.matched.min(limit.unwrap_or(u64::MAX)) + if hurries { plan.doomed_count } else { 0 };
    if planned > most {
        let error = Error::PlanTooLarge { keys: planned, limit: most };
        return Err(give_up(server, &plan.origin, &plan.rules, error));
    }
    let resolved = server.redis().monotonic_micros();

    let mut outcome = Outcome::of(&plan);
    outcome.dry_run = options.dry_run;
    outcome.index_warning = server.state(|state| state.index_warning());
    outcome.resolve_micros = resolved.saturating_sub(start);
    check_permission(server, &plan.names)
        .map_err(|error| give_up(server, &plan.origin, &plan.rules, error))?;
    let mut refused = match options.dry_run {
        true => None,
        false => {
            server.state(|state| {
                state.tokens.invalidated(plan.db, &named);
                // A tag names keys that are there.
                state.tokens.void_all(plan.db, plan.names.iter());
            });
            act(server, &plan, &mut outcome).err()
        }
    };
    if hurries && refused.is_none() {
        refused = hurry(server, &plan).err();
    }
    outcome.delete_micros = server.redis().monotonic_micros().saturating_sub(resolved);

    record(server, &plan, &outcome, refused.as_deref());
    match refused {
        Some(why) => Err(Error::DeletionRefused {
            deleted: outcome.total.deleted,
            planned: plan.names.len() as u64,
            why,
        }),
        None => Ok(reply(&plan, &outcome, options)),
    }
}

/// Writes down what became of a plan, and tells of it.
fn record(server: &mut Server, plan: &Plan, outcome: &Outcome, failure: Option<&str>) {
    let now_ms = server.redis().now_ms();
    if outcome.dry_run {
        return server.state(|state| state.record(plan, outcome, now_ms));
    }
    let by = server.redis().caller();
    let micros = outcome.resolve_micros + outcome.delete_micros;
    server.state(|state| state.note(plan, outcome, &by, failure, now_ms));
    if micros >= LATENCY_MIN_MICROS {
        server.redis().sample_latency(micros / 1000);
    }
    for line in log_line::of_plan(plan, outcome, None, now_ms) {
        server.redis().log_line(&line);
    }
    publish(server, |most| notice::of_outcome(plan, outcome, most));
}

/// Writes down that a request was given up before anything was deleted; gives the reason back.
pub(super) fn give_up(
    server: &mut Server,
    origin: &Origin,
    rules: &[PlanRule],
    error: Error,
) -> Error {
    let (at_ms, db, by) = (server.redis().now_ms(), server.redis().db(), server.redis().caller());
    let failure = error.to_string();
    let facts = Facts { failure: &failure, rules, ..Facts::nothing(origin, db, at_ms) };
    server.state(|state| state.note_failure(&facts, &by));
    error
}

/// Tells who keeps copies elsewhere; `message` is told how long its lists may be.
pub(super) fn publish(server: &mut Server, message: impl FnOnce(usize) -> String) {
    if let Some(most) = server.redis().event_limits().publish_names {
        server.redis().publish(notice::CHANNEL, message(most).as_bytes());
    }
}

/// Whether the caller may delete these keys.
///
/// # Errors
/// The first that it may not.
pub(super) fn check_permission(server: &mut Server, names: &NameList) -> Result<()> {
    match server.redis().first_denied(names) {
        Some(denied) => {
            let key = names.get(denied.at).unwrap_or_default().to_vec();
            Err(Error::NoPermission { user: denied.user, key })
        }
        None => Ok(()),
    }
}

/// The targets of a request, while anybody is about to fill what they name.
fn targets_for_tokens(server: &mut Server, request: &Request) -> Vec<Resolved> {
    match server.state(|state| state.tokens.is_empty()) {
        true => vec![],
        false => request.targets.iter().map(|(_, target)| target.clone()).collect(),
    }
}

/// Makes the plan, with no more than `most` names. While the index is incomplete, asks the
/// server itself for the names, so that no live key is missed: that costs a walk over the
/// keyspace. What it finds is not indexed: there may be no memory for it.
///
/// # Errors
/// A pattern takes too many steps.
pub fn look(server: &mut Server, request: &mut Request, most: u64) -> Result<Plan> {
    let db = server.redis().db();
    let scan = server.state(|state| state.index.incomplete.then(|| Scan::new(state, request)));
    let Some(mut scan) = scan else {
        return server.state(|state| plan::build_up_to(state, db, request, None, most));
    };
    if scan.wants_names() {
        server.redis().scan(&mut |name| scan.saw(name));
    }
    for (_, target) in &request.targets {
        if let Resolved::Key(name) = target
            && server.redis().exists(name)
        {
            scan.lives(name);
        }
    }
    server.state(|state| plan::build_up_to(state, db, request, Some(scan), most))
}

/// Deletes the keys that a job was to delete in its time: nobody reads them after the reply.
fn hurry(server: &mut Server, plan: &Plan) -> std::result::Result<(), String> {
    let mut start = 0;
    while start < plan.doomed.len() {
        let batch = start..plan.doomed.len().min(start + UNLINK_BATCH);
        start = batch.end;
        server.state(|state| {
            state.begin_deletion(plan.db, &plan.doomed, &plan.doomed_ids, batch.clone());
        });
        let deleted = server.redis().unlink(&plan.doomed, batch);
        server.state(|state| state.end_deletion());
        deleted?;
    }
    Ok(())
}

/// Deletes or marks the keys of a plan, and queues those that are to be warmed.
pub(super) fn act(
    server: &mut Server,
    plan: &Plan,
    outcome: &mut Outcome,
) -> std::result::Result<(), String> {
    let (mut start, deletes, mut cold) = (0, plan.deletes(), Cold::default());
    while start < deletes {
        let batch = start..deletes.min(start + UNLINK_BATCH);
        start = batch.end;
        server.state(|state| {
            state.begin_deletion(plan.db, &plan.names, &plan.ids, batch.clone());
        });
        cold.look(server, plan, batch.clone());
        let deleted = server.redis().unlink(&plan.names, batch.clone());
        let expired = server.state(|state| state.end_deletion());
        let absent = match deleted? == batch.len() as u64 {
            true => vec![],
            false => absent_of(server, plan, batch.clone(), &expired, outcome),
        };
        absent.iter().for_each(|at| outcome.was_absent(plan, *at));
        for at in batch {
            match outcome.is_gone(at) {
                true => outcome.count(plan, at, |count| count.deleted += 1),
                false => outcome.count(plan, at, |count| count.absent += 1),
            }
        }
    }
    cold.look(server, plan, deletes..plan.names.len());
    soft::mark(server, plan, outcome)?;
    warm::queue(server, plan, outcome, &cold);
    Ok(())
}

/// The names of a batch that were not there: they expired under our hands, or the index named
/// a dead key, which it forgets now.
fn absent_of(
    server: &mut Server,
    plan: &Plan,
    batch: Range<usize>,
    expired: &[Box<[u8]>],
    outcome: &mut Outcome,
) -> Vec<usize> {
    let expired: std::collections::HashSet<&[u8]> = expired.iter().map(|name| &**name).collect();
    let mut absent = vec![];
    for at in batch {
        let Some(name) = plan.names.get(at) else { continue };
        let known = |state: &mut State| {
            state.database(plan.db).is_some_and(|database| database.keys.find(name).is_some())
        };
        if expired.contains(name) {
            absent.push(at);
        } else if server.state(known) && !server.redis().exists(name) {
            server.state(|state| state.notice(Change::Deleted, plan.db, name));
            outcome.dead_names += 1;
            absent.push(at);
        }
    }
    absent
}

fn reply(plan: &Plan, outcome: &Outcome, options: Options) -> Reply {
    let rules = plan.rules.iter().filter(|rule| rule.name.is_some()).count();
    let total = &outcome.total;
    let mut reply = Reply::map([
        ("rules", Reply::count(rules)),
        ("matched", Reply::count(plan.matched)),
        ("deleted", Reply::count(total.deleted)),
        ("marked", Reply::count(total.marked)),
        ("absent", Reply::count(total.absent)),
        ("warmed", Reply::count(total.warmed)),
        ("refused", Reply::count(outcome.refused)),
        ("micros", Reply::count(outcome.resolve_micros + outcome.delete_micros)),
    ]);
    if options.dry_run {
        reply = reply.with("dryrun", Reply::flag(true));
    }
    if outcome.left_by_limit > 0 {
        reply = reply.with("left_by_limit", Reply::count(outcome.left_by_limit));
    }
    if outcome.warm_refused > 0 {
        reply = reply.with("warm_refused", Reply::count(outcome.warm_refused));
    }
    if let Some(warning) = outcome.index_warning {
        reply = reply.with("warning", Reply::text(warning));
    }
    if options.keys {
        let hit = plan.names.iter().enumerate().filter(|(at, _)| outcome.is_gone(*at));
        reply = reply.with("keys", Reply::bulks(hit.map(|(_, name)| name)));
    }
    reply
}
