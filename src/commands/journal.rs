//! `INVAL.LOG`, `INVAL.WHY`: what was carried out lately, and why a key went.

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::journal::{Cause, Entry};
use crate::domain::rule::ResolvedKind;
use crate::server::Server;

/// Entries shown where nobody says how many.
const SHOWN: u64 = 10;

/// `INVAL.LOG GET [count]`: the last entries, the newest first.
///
/// # Errors
/// Arguments that do not fit.
pub fn get(args: &mut Args, server: &mut Server) -> Result<Reply> {
    let most = if args.is_done() { SHOWN } else { args.number("count")? };
    args.finish()?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut entries = server.state(|state| state.journal.last(most));
    for entry in entries.iter_mut().filter(|entry| entry.by.is_empty() && entry.client > 0) {
        // To look everybody up as it happens would cost more than to write it down.
        entry.by = server.redis().user_of(entry.client).unwrap_or_default();
    }
    Ok(Reply::Array(entries.iter().map(logged).collect()))
}

/// `INVAL.LOG LEN`: how many entries there are.
///
/// # Errors
/// Arguments are left.
pub fn len(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(Reply::count(server.state(|state| state.journal.log_len())))
}

/// `INVAL.LOG RESET`: empties the log.
///
/// # Errors
/// Arguments are left.
pub fn reset(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    server.state(|state| state.journal.clear_log());
    Ok(Reply::OK)
}

fn logged(entry: &Entry) -> Reply {
    let reply = Reply::map([
        ("id", Reply::count(entry.id)),
        ("at_ms", Reply::count(entry.at_ms)),
        ("db", Reply::count(entry.db.0)),
        ("kind", Reply::text(entry.kind.as_str())),
        ("what", Reply::bulk(entry.what.as_str())),
        ("rules", Reply::bulks(entry.rules.iter().map(String::as_bytes))),
        ("by", Reply::bulk(entry.by.as_str())),
        ("client", Reply::count(entry.client)),
        ("matched", Reply::count(entry.count.matched)),
        ("deleted", Reply::count(entry.count.deleted)),
        ("marked", Reply::count(entry.count.marked)),
        ("absent", Reply::count(entry.count.absent)),
        ("refused", Reply::count(entry.refused)),
        ("resolve_micros", Reply::count(entry.resolve_micros)),
        ("delete_micros", Reply::count(entry.delete_micros)),
    ]);
    match entry.failure.is_empty() {
        true => reply,
        false => reply.with("failure", Reply::bulk(entry.failure.as_str())),
    }
}

/// `INVAL.WHY key [COUNT n]`: why a key went or was marked, the last time first.
///
/// # Errors
/// Arguments that do not fit.
pub fn why(args: &mut Args, server: &mut Server) -> Result<Reply> {
    let key = args.next("key")?;
    let most = if args.keyword("COUNT") { args.number("count")? } else { SHOWN };
    args.finish()?;
    let (db, most) = (server.redis().db(), usize::try_from(most).unwrap_or(usize::MAX));
    let causes = server.state(|state| state.journal.why(db, key, most));
    Ok(Reply::Array(causes.iter().map(told).collect()))
}

fn told(cause: &Cause) -> Reply {
    let Cause { entry, rule, kind, text, is_marked } = cause;
    let kind = kind.map_or("", ResolvedKind::as_str);
    Reply::map([
        ("at_ms", Reply::count(entry.at_ms)),
        ("result", Reply::text(if *is_marked { "marked" } else { "deleted" })),
        ("kind", Reply::text(entry.kind.as_str())),
        ("what", Reply::bulk(entry.what.as_str())),
        ("rule", rule.as_deref().map_or(Reply::Null, Reply::bulk)),
        (
            "target",
            Reply::map([("kind", Reply::bulk(kind)), ("text", Reply::bulk(text.as_slice()))]),
        ),
        ("by", Reply::bulk(entry.by.as_str())),
        ("client", Reply::count(entry.client)),
    ])
}
