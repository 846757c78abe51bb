//! Events, as they come: once and in order if asked, collected where rules say so, and followed by
//! those that rules emit.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::batches;
use super::invalidate::{Options, give_up, invalidate};
use super::record;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::once::{Terms, Verdict};
use crate::domain::request::{Collect, Collected, Event, Happened, Origin, PlanRule, Request};
use crate::server::Server;

/// What became of events.
#[derive(Debug)]
pub enum Came {
    /// They were carried out.
    Out(Reply),
    /// They had been, or a later one.
    Skipped(Reply),
}

impl Came {
    /// The answer.
    pub fn reply(self) -> Reply {
        match self {
            Self::Out(reply) | Self::Skipped(reply) => reply,
        }
    }
}

/// Carries events out as one plan, and answers. `start` is when this began, in microseconds of the
/// server's monotonic clock.
///
/// # Errors
/// A placeholder without a value, no permission for one of the keys, or the server refuses.
pub fn happen(
    server: &mut Server,
    start: u64,
    events: Vec<Event>,
    terms: &Terms,
    options: Options,
) -> Result<Came> {
    if let Some(reply) = skip(server, terms, options) {
        return Ok(Came::Skipped(reply));
    }
    // Who says how, or asks to know, means now.
    let collect = if options == Options::default() { Collect::Yes } else { Collect::No };
    let names: SmallVec<[Cow<str>; 1]> = events.iter().map(|event| event.name.clone()).collect();
    let made = request(server, events, collect);
    let mut request = made.map_err(|error| refuse(server, &names, options, error))?;
    let collected = std::mem::take(&mut request.collected);
    let (told, followed) = request.event_counts();
    let equal = request.equal;
    let mut reply = invalidate(server, start, request, options)?;
    let batched = collected.len();
    collect_all(server, collected);
    if !terms.is_none() && !options.dry_run {
        remember(server, terms);
    }
    for (name, count) in [("emitted", followed), ("batched", batched)] {
        if count > 0 {
            reply = reply.with(name, Reply::count(count));
        }
    }
    if told + equal as usize > 1 {
        reply = reply.with("events", Reply::count(told));
        reply = reply.with("equal", Reply::count(equal));
    }
    Ok(Came::Out(reply))
}

/// The request for some events. What rules collect is deleted for the module and not for a
/// client: who may not delete every key has it carried out at once, with his own permissions.
fn request(server: &mut Server, events: Vec<Event>, collect: Collect) -> Result<Request> {
    let collects = server.state(|state| collect == Collect::Yes && state.rules.any_batched());
    if !collects {
        return server.state(|state| Request::for_events(state, events, Collect::No));
    }
    let again = events.clone();
    let request = server.state(|state| Request::for_events(state, events, collect))?;
    let db = server.redis().db();
    let is_known = server.state(|state| state.batches.has_all(db, &request.collected));
    if is_known || server.redis().may_delete_all() {
        return Ok(request);
    }
    server.state(|state| Request::for_events(state, again, Collect::No))
}

/// Writes down that events have no request, because of a value that is missing; gives the reason
/// back.
fn refuse(server: &mut Server, names: &[Cow<str>], options: Options, error: Error) -> Error {
    if options.dry_run {
        return error;
    }
    let origin = Origin::Events(names.iter().map(|name| Happened::told(name)).collect());
    let rules: Vec<PlanRule> = match &error {
        Error::InRule { rule, .. } => {
            vec![PlanRule { name: Some(rule.clone()), ..PlanRule::nameless() }]
        }
        _ => vec![],
    };
    give_up(server, &origin, &rules, error)
}

/// The answer to an event that is not to be carried out.
fn skip(server: &mut Server, terms: &Terms, options: Options) -> Option<Reply> {
    if terms.is_none() {
        return None;
    }
    let now_ms = server.redis().now_ms();
    let why = server.state(|state| {
        let verdict = state.once.judge(terms, now_ms);
        let counts = !options.dry_run;
        match verdict {
            Verdict::New => None,
            Verdict::Duplicate => {
                state.once.duplicates += u64::from(counts);
                Some("duplicate")
            }
            Verdict::Outdated => {
                state.once.outdated += u64::from(counts);
                Some("outdated")
            }
        }
    })?;
    Some(nothing().with(why, Reply::flag(true)))
}

/// The answer to events of which nothing was carried out.
pub(super) fn nothing() -> Reply {
    let fields = ["rules", "matched", "deleted", "marked", "absent", "warmed", "refused", "micros"];
    Reply::map(fields.map(|name| (name, Reply::count(0))))
}

/// Writes down that an event was carried out.
fn remember(server: &mut Server, terms: &Terms) {
    let now_ms = server.redis().now_ms();
    let limits = server.redis().event_limits();
    let records = server.state(|state| {
        state.once.carried_out(terms, now_ms, limits.dedupe_window_ms, limits.dedupe_max)
    });
    records.iter().for_each(|words| record::replicate(server, words));
}

fn collect_all(server: &mut Server, collected: Vec<Collected>) {
    if collected.is_empty() {
        return;
    }
    let (db, now_ms) = (server.redis().db(), server.redis().now_ms());
    let limits = server.redis().event_limits().batch;
    for one in collected {
        let place = (db, one.rule.name.clone().unwrap_or_default());
        let added = server.state(|state| state.batches.add(db, one, limits, now_ms));
        if !added.record.is_empty() {
            record::replicate(server, &added.record);
        }
        if added.is_full {
            // What the server refuses waits for its time.
            let _ = batches::run(server, &place);
        }
    }
    server.redis().begin_batches();
}
