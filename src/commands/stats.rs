//! `INVAL.STATS`: what happened so far.

use std::collections::BTreeMap;

use super::args::Args;
use super::class;
use super::reads;
use super::reply::Reply;
use super::source;
use super::warm;
use crate::domain::State;
use crate::domain::batches::Waiting;
use crate::domain::class::Class;
use crate::domain::class_table::Counts;
use crate::domain::error::Result;
use crate::domain::name::Db;
use crate::domain::stats::{Row, Times};
use crate::server::Server;

/// The sections, in the order they are shown.
const SECTIONS: [&str; 11] = [
    "totals", "index", "cache", "reads", "warm", "rules", "domains", "events", "classes", "queues",
    "sources",
];

/// # Format
/// `INVAL.STATS [section ...] | RESET`
#[derive(Debug)]
pub enum Stats {
    /// Show these sections.
    Show(Vec<&'static str>),
    /// Set all counters to nothing.
    Reset,
}

impl Stats {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A section that is none.
    pub fn parse(args: &mut Args) -> Result<Self> {
        if args.keyword("RESET") {
            args.finish()?;
            return Ok(Self::Reset);
        }
        let mut wanted = vec![];
        while !args.is_done() {
            match SECTIONS.iter().find(|section| args.keyword(section)) {
                Some(section) => wanted.push(*section),
                None => args.finish()?,
            }
        }
        Ok(Self::Show(if wanted.is_empty() { SECTIONS.to_vec() } else { wanted }))
    }

    /// Shows or resets.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let wanted = match self {
            Self::Reset => {
                server.state(|state| {
                    state.stats.reset();
                    state.reads.reset();
                    state.classes.reset_counts();
                    state.once.reset_counts();
                    state.warming.reset_counts();
                });
                return Ok(Reply::OK);
            }
            Self::Show(wanted) => wanted,
        };
        let deferred = server.deferred();
        let sources = match wanted.contains(&"sources") {
            true => source::all(server),
            false => vec![],
        };
        let sources = sources.into_iter().map(|(name, row)| (name.into_bytes(), row));
        let sources = Reply::Map(sources.collect());
        let lengths = match wanted.contains(&"warm") {
            true => warm::lengths(server),
            false => vec![],
        };
        Ok(server.state(|state| {
            let show = |section: &&str| {
                let reply = match *section {
                    "totals" => totals(state),
                    "index" => index(state, deferred),
                    "cache" => cache(state),
                    "reads" => reads::section(state),
                    "warm" => warm::statistics(state, &lengths),
                    "rules" => rows(&state.stats.rules),
                    "classes" => classes(state),
                    "domains" => domains(state),
                    "queues" => queues(state),
                    "sources" => sources.clone(),
                    _ => rows(&state.stats.per_event),
                };
                (section.as_bytes().to_vec(), reply)
            };
            Reply::Map(wanted.iter().map(show).collect())
        }))
    }
}

fn totals(state: &State) -> Reply {
    let stats = &state.stats;
    let Reply::Map(mut fields) = row(&stats.all) else { return Reply::Null };
    let counters = [
        ("events", stats.events),
        ("events_unmatched", stats.events_unmatched),
        ("events_emitted", stats.events_emitted),
        ("events_duplicate", state.once.duplicates),
        ("events_outdated", state.once.outdated),
        ("batches", stats.batches),
        ("purges", stats.purges),
        ("dry_runs", stats.dry_runs),
        ("errors", stats.errors),
        ("keys_refused", stats.keys_refused),
        ("warm_refused", stats.warm_refused),
    ];
    fields.extend(counters.map(|(name, value)| (name.as_bytes().to_vec(), Reply::count(value))));
    Reply::Map(fields)
}

fn index(state: &State, deferred: u64) -> Reply {
    let (keys, tags, edges) = state.sizes();
    let standing = state.standing_sizes();
    Reply::map([
        ("keys", Reply::count(keys)),
        ("tags", Reply::count(tags)),
        ("tagged", Reply::count(edges)),
        ("rules", Reply::count(state.rules.len())),
        ("classes", Reply::count(state.classes.len())),
        ("mappings", Reply::count(state.mappings.len())),
        ("standing_patterns", Reply::count(standing.patterns)),
        ("standing_building", Reply::count(standing.building)),
        ("standing_too_broad", Reply::count(standing.broad)),
        ("standing_members", Reply::count(standing.members)),
        ("complete", Reply::flag(!state.index.incomplete)),
        ("scanned", Reply::count(state.index.scanned)),
        ("expected", Reply::count(state.index.expected)),
        ("dead_names", Reply::count(state.stats.dead_names)),
        ("changes_deferred", Reply::count(deferred)),
    ])
}

/// What became of fetches and fills, and who waits now.
fn cache(state: &State) -> Reply {
    Reply::map(class::counts(&state.stats.cache))
        .with("waits", Reply::count(state.stats.fetch_waits))
        .with("waiters", Reply::count(state.tokens.waiting.len()))
        .with("tokens", Reply::count(state.tokens.len()))
        .with("keys_with_freshness", Reply::count(state.freshness_count()))
}

fn classes(state: &State) -> Reply {
    let row = |(class, counts): (&Class, &Counts)| {
        let row = Reply::map(class::counts(counts)).with("reads", reads::tally(&counts.reads));
        (class.name.clone().into_bytes(), row)
    };
    Reply::Map(state.classes.iter().map(row).collect())
}

/// What the rules of each domain came to, those of none under an empty name.
fn domains(state: &State) -> Reply {
    let mut domains: BTreeMap<&str, [u64; 5]> = BTreeMap::new();
    for rule in state.rules.iter() {
        let sums = domains.entry(&rule.domain).or_default();
        let row = state.stats.rules.get(&rule.name);
        let of = |of: fn(&Row) -> u64| row.map_or(0, of);
        let parts = [
            1,
            u64::from(rule.enabled),
            of(|row| row.runs),
            of(|row| row.keys.deleted),
            of(|row| row.keys.marked),
        ];
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
    let names = ["rules", "enabled", "runs", "keys_deleted", "keys_marked"];
    let row = |(domain, sums): (&str, [u64; 5])| {
        let fields = names.iter().zip(sums);
        let fields = fields.map(|(name, sum)| (name.as_bytes().to_vec(), Reply::count(sum)));
        (domain.as_bytes().to_vec(), Reply::Map(fields.collect()))
    };
    Reply::Map(domains.into_iter().map(row).collect())
}

/// What rules have collected and is to be carried out, by database and rule.
fn queues(state: &State) -> Reply {
    let row = |((db, rule), waiting): (&(Db, String), Waiting)| {
        Reply::map([
            ("rule", Reply::bulk(rule.as_str())),
            ("db", Reply::count(db.0)),
            ("events", Reply::count(waiting.events)),
            ("since_ms", Reply::count(waiting.since_ms)),
            ("due_ms", Reply::count(waiting.due_ms)),
        ])
    };
    Reply::Array(state.batches.iter().map(row).collect())
}

fn rows(rows: &BTreeMap<String, Row>) -> Reply {
    Reply::Map(rows.iter().map(|(name, of)| (name.clone().into_bytes(), row(of))).collect())
}

fn row(row: &Row) -> Reply {
    Reply::map([
        ("runs", Reply::count(row.runs)),
        ("empty_runs", Reply::count(row.empty_runs)),
        ("keys_matched", Reply::count(row.keys.matched)),
        ("keys_deleted", Reply::count(row.keys.deleted)),
        ("keys_marked", Reply::count(row.keys.marked)),
        ("keys_absent", Reply::count(row.keys.absent)),
        ("keys_warmed", Reply::count(row.keys.warmed)),
        ("last_ms", Reply::count(row.last_ms)),
        ("resolve_micros", times(&row.resolve)),
        ("delete_micros", times(&row.delete)),
    ])
}

fn times(times: &Times) -> Reply {
    Reply::map([
        ("mean", Reply::Double((times.mean() * 10.0).round() / 10.0)),
        ("p50", Reply::count(times.percentile(50.0))),
        ("p95", Reply::count(times.percentile(95.0))),
        ("p99", Reply::count(times.percentile(99.0))),
        ("max", Reply::count(times.max())),
    ])
}
