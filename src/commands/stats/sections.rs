//! The sections of `INVAL.STATS`, each from the state alone.

use crate::commands::class;
use crate::commands::reads;
use crate::commands::reply::Reply;
use crate::domain::State;
use crate::domain::batches::Waiting;
use crate::domain::class::Class;
use crate::domain::class_table::Counts;
use crate::domain::name::Db;
use crate::domain::stats::domains::DomainSum;
use crate::domain::stats::families::Group;
use crate::domain::stats::order::{RowName, most_runs};
use crate::domain::stats::targets::{Summed, TargetRuns};
use crate::domain::stats::{Row, Rows, Times};
use crate::domain::windows::Rates;

pub(super) fn totals(state: &State) -> Reply {
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
        ("warm_refused", stats.warm_refused),
    ];
    fields.extend(counters.map(|(name, value)| (name.as_bytes().into(), Reply::count(value))));
    Reply::Map(fields)
}

pub(super) fn index(state: &State, deferred: u64) -> Reply {
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
pub(super) fn cache(state: &State) -> Reply {
    Reply::map(class::counts(&state.stats.cache))
        .with("waits", Reply::count(state.stats.fetch_waits))
        .with("waiters", Reply::count(state.tokens.waiting.len()))
        .with("tokens", Reply::count(state.tokens.len()))
        .with("keys_with_freshness", Reply::count(state.freshness_count()))
}

pub(super) fn classes(state: &State) -> Reply {
    let row = |(class, counts): (&Class, &Counts)| {
        let row = Reply::map(class::counts(counts)).with("reads", reads::tally(&counts.reads));
        (class.name.clone().into_bytes().into(), row)
    };
    Reply::Map(state.classes.iter().map(row).collect())
}

/// What the rules of each domain came to, those of none under an empty name.
pub(super) fn domains(state: &State) -> Reply {
    let row = |(domain, sum): (&str, DomainSum)| {
        let row = Reply::map([
            ("rules", Reply::count(sum.size.rules)),
            ("enabled", Reply::count(sum.size.enabled)),
            ("runs", Reply::count(sum.runs)),
            ("keys_deleted", Reply::count(sum.deleted)),
            ("keys_marked", Reply::count(sum.marked)),
        ]);
        (domain.as_bytes().to_vec().into(), row)
    };
    Reply::Map(state.stats.domains(&state.rules).into_iter().map(row).collect())
}

/// What rules have collected and is to be carried out, by database and rule.
pub(super) fn queues(state: &State) -> Reply {
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

/// The rows that ran most often, up to `most`.
pub(super) fn rows(rows: &Rows, most: usize) -> Reply {
    show(rows.iter(), most)
}

/// The rules that ran most often.
pub(super) fn rules(state: &State, most: usize) -> Reply {
    show(state.stats.rules.iter().map(|(name, of)| (name, &of.row)), most)
}

fn show<'a>(rows: impl Iterator<Item = (&'a RowName, &'a Row)>, most: usize) -> Reply {
    let (rows, _) = most_runs(rows, most, |row| row.runs);
    let shown = |(name, of): (&RowName, _)| (name.as_bytes().to_vec().into(), row(of));
    Reply::Map(rows.into_iter().map(shown).collect())
}

/// The targets of a group that ran most often.
pub(super) fn targets(state: &State, runs: &TargetRuns, most: usize, group: Group) -> Reply {
    let all = state.stats.targets(&state.rules, runs, most, Some(group));
    let shown = |of: &Summed| {
        let kind = Reply::text(of.family.kind_name());
        (of.family.text.to_vec().into(), row(&of.row()).with("kind", kind))
    };
    Reply::Map(all.iter().map(shown).collect())
}

pub(super) fn row(row: &Row) -> Reply {
    Reply::map([
        ("runs", Reply::count(row.runs)),
        ("wasted", Reply::count(row.wasted)),
        ("failures", Reply::count(row.failures)),
        ("keys_matched", Reply::count(row.keys.matched)),
        ("keys_deleted", Reply::count(row.keys.deleted)),
        ("keys_marked", Reply::count(row.keys.marked)),
        ("keys_absent", Reply::count(row.keys.absent)),
        ("keys_refused", Reply::count(row.refused)),
        ("keys_warmed", Reply::count(row.keys.warmed)),
        ("last_ms", Reply::count(row.last_ms)),
        ("micros", times(&row.both)),
        ("resolve_micros", times(&row.resolve)),
        ("delete_micros", times(&row.delete)),
    ])
}

/// What happened in each window.
pub(super) fn windows(rates: &[Rates]) -> Reply {
    let window = |rates: &Rates| {
        let Rates { totals, .. } = rates;
        let window = Reply::map([
            ("seconds", Reply::count(rates.ms / 1000)),
            ("hits", Reply::count(totals.hits)),
            ("misses", Reply::count(totals.misses)),
            ("hit_rate", rates.hit_rate().map_or(Reply::Null, Reply::rate)),
            ("invalidations", Reply::count(totals.invalidations)),
            ("events", Reply::count(totals.events)),
            ("purges", Reply::count(totals.purges)),
            ("wasted", Reply::count(totals.wasted)),
            ("failures", Reply::count(totals.failures)),
            ("keys_deleted", Reply::count(totals.keys_deleted)),
            ("keys_marked", Reply::count(totals.keys_marked)),
            ("keys_warmed", Reply::count(totals.keys_warmed)),
            ("evicted", Reply::count(totals.evicted)),
            ("mean_micros", rates.mean_micros().map_or(Reply::Null, Reply::amount)),
            ("p99_micros", rates.p99_micros().map_or(Reply::Null, Reply::count)),
            ("overhead", Reply::rate(rates.overhead())),
            ("efficiency", rates.efficiency().map_or(Reply::Null, Reply::rate)),
        ]);
        (rates.window.as_bytes().into(), window)
    };
    Reply::Map(rates.iter().map(window).collect())
}

fn times(times: &Times) -> Reply {
    let [p50, p95, p99] = times.percentiles([50.0, 95.0, 99.0]);
    Reply::map([
        ("mean", Reply::amount(times.mean())),
        ("p50", Reply::count(p50)),
        ("p95", Reply::count(p95)),
        ("p99", Reply::count(p99)),
        ("max", Reply::count(times.max())),
    ])
}
