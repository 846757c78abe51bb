//! `INVAL.HEALTH`: is all well, and what to do if not.

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::health::{Finding, Level, examine};
use crate::server::Server;

/// # Format
/// `INVAL.HEALTH`
///
/// # Errors
/// Arguments that do not fit.
pub fn run(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    let deferred = server.deferred();
    let findings = server.state(|state| examine(state, deferred));
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Healthy);
    Ok(Reply::map([
        ("status", Reply::text(worst.as_str())),
        ("checks", Reply::Array(findings.iter().map(show).collect())),
    ]))
}

fn show(finding: &Finding) -> Reply {
    let mut reply = Reply::map([
        ("check", Reply::text(finding.check)),
        ("status", Reply::text(finding.level.as_str())),
        ("value", Reply::count(finding.value)),
    ]);
    if let Some(limit) = finding.limit {
        reply = reply.with("limit", Reply::count(limit));
    }
    let words =
        [("meaning", Reply::text(finding.meaning)), ("remedy", Reply::text(finding.remedy))];
    words.into_iter().fold(reply, |reply, (name, text)| reply.with(name, text))
}
