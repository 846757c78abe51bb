//! `SOFT`: keys are marked as stale; they stay readable, and die in the end.

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::evidence::End;
use crate::domain::freshness::Freshness;
use crate::domain::freshness_record;
use crate::domain::name::Db;
use crate::domain::outcome::Outcome;
use crate::domain::plan::Plan;
use crate::domain::rule::check_soft;
use crate::server::Server;

/// Keys marked at a time, by one command for the replicas.
const MARK_BATCH: usize = 1000;

/// What is known of a value that was invalidated.
const STALE: Freshness = Freshness { stale_from_ms: 0, computed_ms: 0 };

/// Reads `SOFT milliseconds` after its first word.
///
/// # Errors
/// No time to serve stale values.
pub(super) fn parse(args: &mut Args) -> Result<u64> {
    check_soft(args.number("time to serve stale values")?)
}

/// Marks the keys of a plan that are not deleted: each dies when its time to serve stale values
/// is over, or before.
pub(super) fn mark(
    server: &mut Server,
    plan: &Plan,
    outcome: &mut Outcome,
) -> std::result::Result<(), String> {
    let mut start = plan.deletes();
    if start < plan.names.len() {
        server.redis().hear_overwrites();
    }
    while start < plan.names.len() {
        let batch = start..plan.names.len().min(start + MARK_BATCH);
        start = batch.end;
        let now_ms = server.redis().now_ms();
        let mut marked: Vec<&[u8]> = vec![];
        let mut refused = None;
        for at in batch {
            let soft_ms = plan.soft_ms.get(at).copied().flatten();
            let (Some(name), Some(ms)) = (plan.names.get(at), soft_ms) else { continue };
            match server.redis().shorten_life(name, now_ms.saturating_add(ms)) {
                Ok(true) => {
                    marked.push(name);
                    outcome.count(plan, at, |count| count.marked += 1);
                }
                Ok(false) => {
                    outcome.was_absent(plan, at);
                    outcome.count(plan, at, |count| count.absent += 1);
                }
                Err(why) => {
                    refused = Some(why);
                    break;
                }
            }
        }
        let known = server.state(|state| {
            for name in &marked {
                state.set_freshness(plan.db, name, STALE);
                state.evidence.ended(plan.db, name, End::Invalidated);
            }
            !marked.is_empty()
        });
        if known {
            replicate(server, STALE, &marked);
        }
        refused.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Tells replicas and the append-only file how fresh the values of some keys are.
pub(super) fn replicate(server: &mut Server, of: Freshness, names: &[&[u8]]) {
    let words = freshness_record::keys(of, names);
    server.redis().replicate(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

/// # Format
/// `INVAL._FRESH stale-from-ms computed-ms <KEYS | COPY> key [key ...]`
///
/// For replication alone. `COPY`: the key is a copy that comes next.
#[derive(Debug)]
pub struct Follow<'a> {
    freshness: Freshness,
    is_copy: bool,
    names: &'a [&'a [u8]],
}

impl<'a> Follow<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let stale_from_ms = args.number("time")?;
        let computed_ms = args.number("time")?;
        let is_copy = args.keyword("COPY");
        if !is_copy && !args.keyword("KEYS") {
            return Err(args.usage("missing KEYS or COPY".to_owned()));
        }
        let freshness = Freshness { stale_from_ms, computed_ms };
        Ok(Self { freshness, is_copy, names: args.rest("key")? })
    }

    /// Knows it, and passes it on.
    ///
    /// # Errors
    /// It does not come from the primary or the append-only file.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if !server.redis().is_obeying() {
            return Err(Error::Internal {
                command: "INVAL._FRESH",
                instead: "INVAL.PURGE ... SOFT",
            });
        }
        let db: Db = server.redis().db();
        for name in self.names {
            if self.is_copy {
                let carried = Some((db, (*name).into(), self.freshness));
                server.state(|state| state.travel.carried_fresh = carried);
            } else if server.state(|state| state.is_indexed(db, name))
                || server.redis().exists(name)
            {
                server.state(|state| state.set_freshness(db, name, self.freshness));
            }
        }
        server.redis().hear_overwrites();
        server.redis().replicate_as_it_came();
        Ok(Reply::OK)
    }
}
