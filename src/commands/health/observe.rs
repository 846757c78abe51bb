//! Server and state -> the figures that are judged.

use std::collections::BTreeMap;

use crate::commands::windows;
use crate::domain::State;
use crate::domain::health::invalidations::RUNS_MIN;
use crate::domain::health::observed::{
    BroadPattern, Busiest, ClassReads, DeadStream, LaggingSource, Observed, OverdueBatch,
    PerMinute, Reads, Runs, Sound, WarmQueue, WastefulRule,
};
use crate::domain::health::wording::percent;
use crate::domain::journal::Kind;
use crate::domain::name::{Db, Shown};
use crate::domain::recent::{FIVE_MINUTES, MINUTE, Ran};
use crate::domain::rule::Priority;
use crate::domain::source::Source;
use crate::domain::windows::Rates;
use crate::server::Server;

/// Entries of a source that are counted at most: to count them costs about a millisecond.
const LAG_MAX: u64 = 10_000;

/// Milliseconds that an entry may wait before the others behind it are counted: what is taken
/// right now is not behind.
const LAG_AFTER_MS: u64 = 1000;

/// Where warm workers put what always fails.
const WARM_DEAD: &[u8] = b"inval:warm:dead";

/// Looks at everything that is judged.
pub(super) fn observe(server: &mut Server) -> Observed {
    let db = server.redis().db();
    let (now_ms, deferred) = (server.redis().now_ms(), server.deferred());
    let rates = windows::rates(server);
    let of = |name: &str| rates.iter().find(|rates| rates.window == name);
    let (minute, five) = (of("1m"), of("5m"));
    let memory = server.redis().memory();
    let warm = warm_queues(server, now_ms);
    let (sources, mut dead) = sources(server, now_ms);
    dead.extend(warm_dead(server));
    let may_write = server.redis().may_write();
    server.redis().select(db);
    let warm_max = server.redis().warm_settings().max_entries;
    // Runs that waited are in the figures since the rates were asked for.
    server.state(|state| Observed {
        sound: sound(state, deferred),
        reads: five.map(|five| Reads {
            hits: five.totals.hits,
            misses: five.totals.misses,
            seconds: five.ms / 1000,
        }),
        cold: state.health.cold(state.sizes().0 as u64, now_ms),
        worst_class: worst_class(state),
        evicted: minute.map(|rates| per_minute(rates, rates.totals.evicted)),
        memory,
        latency_ms: state.health.latency_ms(now_ms / 1000),
        runs: five.map(runs).unwrap_or_default(),
        minute: minute.map(|rates| per_minute(rates, rates.totals.invalidations)),
        last_failure: five.filter(|five| five.totals.failures > 0).and_then(|_| failure(state)),
        busiest: minute.and_then(|rates| busiest(state, rates.totals.purges, now_ms)),
        wasteful: wasteful(state, now_ms),
        broad: state.broad_pattern(),
        widest: state.widest_tag(),
        warm,
        warm_max,
        batch: if may_write { overdue(state, now_ms) } else { None },
        sources,
        dead,
    })
}

fn per_minute(rates: &Rates, count: u64) -> PerMinute {
    PerMinute { count, seconds: rates.ms / 1000 }
}

fn runs(rates: &Rates) -> Runs {
    Runs {
        count: rates.totals.invalidations,
        wasted: rates.totals.wasted,
        failures: rates.totals.failures,
        mean_micros: rates.mean_micros(),
        p99_micros: rates.p99_micros(),
        overhead: rates.overhead(),
        seconds: rates.ms / 1000,
    }
}

fn sound(state: &State, deferred: u64) -> Sound {
    let is_behind = state.index.incomplete && !state.memory.is_full();
    let left = state.index.expected.saturating_sub(state.index.scanned).max(1);
    Sound {
        unindexed: if is_behind { left } else { 0 },
        index_bytes: (state.index_bytes() as u64, state.memory.max() as u64),
        index_full: (state.memory.is_full(), state.memory.refuses_tags()),
        drift_missed: state.drift.missed,
        drift_dead: state.drift.dead + state.stats.dead_names,
        deferred,
        copies_forgotten: state.travel.forgotten,
        warm_refused: state.stats.warm_refused,
    }
}

fn worst_class(state: &State) -> Option<ClassReads> {
    let rows = state.classes.iter().map(|(class, counts)| {
        let reads = counts.hits + counts.misses + counts.stale + counts.busy;
        (class, counts.hits, reads)
    });
    let judged = rows.filter(|(.., reads)| *reads >= RUNS_MIN);
    let worst = judged
        .min_by(|(_, a, of_a), (_, b, of_b)| percent(*a, *of_a).total_cmp(&percent(*b, *of_b)));
    worst.map(|(class, hits, reads)| ClassReads { class: class.name.clone(), hits, reads })
}

/// What makes most of the invalidations of the last minute.
fn busiest(state: &mut State, purges: u64, now_ms: u64) -> Option<Busiest> {
    let events = state.stats.per_event.iter();
    let events = events.map(|(name, row)| (name, row.recent.over(now_ms, MINUTE).runs));
    let event = events.max_by_key(|(_, runs)| *runs).filter(|(_, runs)| *runs > 0);
    if event.is_none() && purges == 0 {
        return None;
    }
    let event = event.filter(|(_, runs)| *runs >= purges);
    let rules = event.map(|(event, _)| state.rules.of_event(event)).unwrap_or_default();
    let rules = rules.into_iter().filter_map(|rule| {
        let row = state.stats.rules.get(rule.name.as_str())?;
        Some((&rule.name, row.row.recent.over(now_ms, MINUTE).runs))
    });
    let rule = rules.max_by_key(|(_, runs)| *runs).filter(|(_, runs)| *runs > 0);
    let event = event.map(|(name, runs)| (name.to_string(), runs));
    let rule = rule.map(|(name, runs)| (name.to_string(), runs));
    let user = user(state, event.as_ref().map(|(event, _)| event.as_str()));
    Some(Busiest { event, rule, purges, user })
}

/// Entries of the log that are looked at: enough to tell who is behind most.
const LOGGED: usize = 100;

/// Who told an event, or purged, most often of late; if it was mostly the same one.
fn user(state: &mut State, event: Option<&str>) -> Option<String> {
    let entries = state.journal.last(LOGGED).into_iter();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = 0;
    for entry in
        entries.filter(|entry| event.map_or(entry.kind == Kind::Purge, |e| entry.what == e))
    {
        all += 1;
        *counts.entry(entry.by).or_default() += 1;
    }
    let (user, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (!user.is_empty() && count * 2 > all).then_some(user)
}

/// Why an invalidation failed the last time.
fn failure(state: &mut State) -> Option<String> {
    let entries = state.journal.last(LOGGED).into_iter();
    entries.map(|entry| entry.failure).find(|failure| !failure.is_empty())
}

/// The rule that wastes the largest share of its runs.
fn wasteful(state: &State, now_ms: u64) -> Option<WastefulRule> {
    let rows = state.stats.rules.iter();
    // Of most, what they ever came to is not enough.
    let candidates = rows.filter(|(_, of)| of.row.runs >= RUNS_MIN && of.row.wasted > 0);
    let ran = candidates.map(|(name, of)| (name, of.row.recent.over(now_ms, FIVE_MINUTES)));
    let judged = ran.filter(|(_, Ran { runs, wasted })| *runs >= RUNS_MIN && *wasted > 0);
    let worst = judged.max_by(|(_, a), (_, b)| {
        let share = |ran: &Ran| percent(ran.wasted, ran.runs);
        share(a).total_cmp(&share(b)).then(a.wasted.cmp(&b.wasted))
    });
    let (name, ran) = worst?;
    let rule = state.rules.get(name).filter(|rule| rule.enabled)?;
    Some(WastefulRule {
        rule: name.to_string(),
        event: rule.event.as_str().to_owned(),
        runs: ran.runs,
        wasted: ran.wasted,
    })
}

fn overdue(state: &State, now_ms: u64) -> Option<OverdueBatch> {
    let queues = state.batches.iter();
    let ((db, rule), waiting) = queues.min_by_key(|(_, waiting)| waiting.due_ms)?;
    Some(OverdueBatch {
        rule: rule.clone(),
        db: db.0,
        events: waiting.events,
        overdue_ms: now_ms.saturating_sub(waiting.due_ms),
    })
}

/// The queues of keys to warm that are there, in all databases.
fn warm_queues(server: &mut Server, now_ms: u64) -> Vec<WarmQueue> {
    let priorities = [Priority::High, Priority::Medium, Priority::Low];
    let name = |priority: Priority| format!("inval:warm:{}", priority.as_str());
    let there: Vec<(Db, Priority)> = server.state(|state| {
        let priority = |key: &[u8]| priorities.into_iter().find(|of| name(*of).as_bytes() == key);
        state.own_keys().filter_map(|(db, key)| Some((db, priority(key)?))).collect()
    });
    let mut queues = vec![];
    for (db, priority) in there {
        server.redis().select(db);
        let (stream, length) = (name(priority), server.redis().warm_length(priority));
        if length == 0 {
            continue;
        }
        let taken = server.redis().last_taken(stream.as_bytes());
        let untaken = server.redis().count_entries(stream.as_bytes(), taken.unwrap_or_default(), 1);
        let (untaken, oldest_ms) = untaken.unwrap_or_default();
        queues.push(WarmQueue {
            stream,
            db: db.0,
            length,
            has_workers: taken.is_some(),
            waits_ms: (untaken > 0).then(|| now_ms.saturating_sub(oldest_ms)),
        });
    }
    queues
}

fn warm_dead(server: &mut Server) -> Vec<DeadStream> {
    let there: Vec<Db> = server.state(|state| {
        state.own_keys().filter(|(_, key)| *key == WARM_DEAD).map(|(db, _)| db).collect()
    });
    there.into_iter().filter_map(|db| dead_stream(server, db, WARM_DEAD)).collect()
}

fn dead_stream(server: &mut Server, db: Db, stream: &[u8]) -> Option<DeadStream> {
    server.redis().select(db);
    let entries = server.redis().stream_length(stream);
    let told = || DeadStream { stream: Shown(stream).to_string(), db: db.0, entries };
    (entries > 0).then(told)
}

/// The sources for which entries wait, and what could not be taken.
fn sources(server: &mut Server, now_ms: u64) -> (Vec<LaggingSource>, Vec<DeadStream>) {
    let sources: Vec<Source> = server.state(|state| state.sources.iter().cloned().collect());
    let (mut lagging, mut dead) = (vec![], vec![]);
    for source in sources {
        server.redis().select(source.db);
        let (stream, position) = (&source.stream, source.position);
        let waiting = server.redis().count_entries(stream, position, 1).unwrap_or_default();
        if let (1.., oldest_ms) = waiting {
            let waits_ms = now_ms.saturating_sub(oldest_ms);
            let counted = match waits_ms > LAG_AFTER_MS {
                true => server.redis().count_entries(stream, position, LAG_MAX),
                false => Ok(waiting),
            };
            let (entries, _) = counted.unwrap_or_default();
            lagging.push(LaggingSource { source: source.name.clone(), entries, waits_ms });
        }
        dead.extend(dead_stream(server, source.db, &source.dead_stream()));
    }
    (lagging, dead)
}

impl State {
    /// The rule with a pattern that has no literal beginning and no set of its own: each run
    /// looks at every name.
    fn broad_pattern(&self) -> Option<BroadPattern> {
        let mut rules = self.rules.iter().filter(|rule| rule.enabled).filter_map(|rule| {
            let target = rule.targets.iter().find(|target| self.looks_at_all(target))?;
            Some((rule, target))
        });
        let (rule, target) = rules.next()?;
        let names = self.databases().map(|(_, database)| database.keys.len()).max();
        Some(BroadPattern {
            rule: rule.name.clone(),
            pattern: target.template.source().to_owned(),
            names: names.unwrap_or(0) as u64,
            rules: 1 + rules.count() as u64,
        })
    }
}
