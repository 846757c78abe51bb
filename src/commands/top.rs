//! `INVAL.TOP`: what is invalidated most often.

use super::args::Args;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::error::Result;
use crate::domain::stats::order::{RowName, most_runs};
use crate::domain::top::Sketch;
use crate::server::Server;

/// Names shown of each kind where nobody says how many.
const SHOWN: usize = 10;

/// The kinds, in the order they are shown.
const KINDS: [&str; 5] = ["keys", "tags", "patterns", "rules", "events"];

/// `INVAL.TOP [KEYS | TAGS | PATTERNS | RULES | EVENTS ...] [COUNT n]`
///
/// Keys, tags and patterns (values put in) are estimates: each came at most `count` times and at
/// least `count - error` times. Rules and events are counted.
///
/// # Errors
/// Arguments that do not fit.
pub fn run(args: &mut Args, server: &mut Server) -> Result<Reply> {
    let (mut wanted, mut most) = (vec![], SHOWN);
    while !args.is_done() {
        if args.keyword("COUNT") {
            most = usize::try_from(args.number("count")?).unwrap_or(usize::MAX);
        } else {
            match KINDS.iter().find(|kind| args.keyword(kind)) {
                Some(kind) => wanted.push(*kind),
                None => args.finish()?,
            }
        }
    }
    let wanted = if wanted.is_empty() { KINDS.to_vec() } else { wanted };
    Ok(server.state(|state| {
        state.catch_up();
        let mut show = |kind: &&'static str| (kind.as_bytes().into(), ranks(state, kind, most));
        Reply::Map(wanted.iter().map(&mut show).collect())
    }))
}

fn ranks(state: &State, kind: &str, most: usize) -> Reply {
    let top = &state.stats.top;
    let sketch = |of: &Sketch| {
        let ranks = of.first(most);
        Reply::Array(ranks.iter().map(|rank| rank_of(rank.name, rank.count, rank.error)).collect())
    };
    match kind {
        "keys" => sketch(&top.keys),
        "tags" => sketch(&top.tags),
        "patterns" => sketch(&top.patterns),
        "rules" => {
            let rules = state.stats.rules.iter();
            counted(rules.map(|(name, of)| (name, of.row.runs - of.row.wasted)), most)
        }
        _ => {
            let events = state.stats.per_event.iter();
            counted(events.map(|(name, row)| (name, row.runs - row.wasted)), most)
        }
    }
}

/// Those that hit a key most often.
fn counted<'a>(rows: impl Iterator<Item = (&'a RowName, u64)>, most: usize) -> Reply {
    let rows = rows.filter(|(_, hits)| *hits > 0);
    let (rows, _) = most_runs(rows, most, |hits| *hits);
    let shown = rows.iter().map(|(name, hits)| rank_of(name.as_bytes(), *hits, 0));
    Reply::Array(shown.collect())
}

fn rank_of(name: &[u8], count: u64, error: u64) -> Reply {
    Reply::map([
        ("name", Reply::bulk(name)),
        ("count", Reply::count(count)),
        ("error", Reply::count(error)),
    ])
}
