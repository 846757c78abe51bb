//! `INFO inval`: numbers only, in the form that exporters read.

use std::ffi::{CStr, CString, c_int, c_ulonglong};
use std::sync::atomic::Ordering;

use redis_module::raw;

use super::api::{Ctx, call};
use super::guard::{PANICS, guarded};
use super::state::{MainThread, shared};
use crate::domain::State;
use crate::domain::health::thresholds::Check;
use crate::domain::source::Source;

/// Registers the section.
pub(super) fn register(ctx: Ctx) -> bool {
    call!(RedisModule_RegisterInfoFunc(ctx.0, Some(on_info))) == Some(raw::Status::Ok as c_int)
}

extern "C" fn on_info(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    guarded((), || {
        // SAFETY: INFO runs on the main thread; so does the crash report, perhaps in the middle
        // of our own work: `try_with` gives nothing then.
        let main = unsafe { MainThread::assume() };
        shared(&main, |shared| {
            if for_crash_report == 0 {
                shared.settle();
                let _ = shared.count(State::catch_up);
            }
            section(info, c"stats");
            add(info, c"panics_caught", PANICS.load(Ordering::Relaxed));
            add(info, c"changes_deferred", shared.deferred());
            add(info, c"state_suspect", u64::from(shared.is_suspect()));
            shared.try_with(|state| {
                stats(info, state);
                section(info, c"index");
                index(info, state);
                section(info, c"health");
                health(info, state);
            });
        });
    });
}

fn stats(info: *mut raw::RedisModuleInfoCtx, state: &State) {
    let stats = &state.stats;
    let fields: [(&CStr, u64); 32] = [
        (c"events", stats.events),
        (c"events_unmatched", stats.events_unmatched),
        (c"events_emitted", stats.events_emitted),
        (c"events_duplicate", state.once.duplicates),
        (c"events_outdated", state.once.outdated),
        (c"batches", stats.batches),
        (c"purges", stats.purges),
        (c"dry_runs", stats.dry_runs),
        (c"errors", stats.errors),
        (c"keys_matched", stats.all.keys.matched),
        (c"keys_deleted", stats.all.keys.deleted),
        (c"keys_marked", stats.all.keys.marked),
        (c"keys_absent", stats.all.keys.absent),
        (c"keys_warmed", stats.all.keys.warmed),
        (c"fetch_hits", stats.cache.hits),
        (c"fetch_stale", stats.cache.stale),
        (c"fetch_misses", stats.cache.misses),
        (c"fetch_busy", stats.cache.busy),
        (c"fetch_waits", stats.fetch_waits),
        (c"fills", stats.cache.fills),
        (c"fills_refused", stats.cache.refused),
        (c"keys_refused", stats.all.refused),
        (c"wasted", stats.all.wasted),
        (c"failures", stats.all.failures),
        (c"warm_refused", stats.warm_refused),
        (c"dead_names", stats.dead_names),
        (c"resolve_micros_p50", stats.all.resolve.percentile(50.0)),
        (c"resolve_micros_p99", stats.all.resolve.percentile(99.0)),
        (c"resolve_micros_max", stats.all.resolve.max()),
        (c"delete_micros_p50", stats.all.delete.percentile(50.0)),
        (c"delete_micros_p99", stats.all.delete.percentile(99.0)),
        (c"delete_micros_max", stats.all.delete.max()),
    ];
    fields.into_iter().for_each(|(name, value)| add(info, name, value));
    let reads = &state.reads;
    add(info, c"reads_tracked", u64::from(reads.are_tracked()));
    add(info, c"read_hits", reads.all.hits());
    add(info, c"read_misses", reads.all.misses);
    add(info, c"own_read_hits", reads.own.hits());
    add(info, c"own_read_misses", reads.own.misses);
    let warm = &state.warming.all;
    let fields: [(&CStr, u64); 7] = [
        (c"warm_queued", warm.queued),
        (c"warm_claimed", warm.claimed),
        (c"warm_warmed", warm.warmed),
        (c"warm_failed", warm.failed),
        (c"warm_deduplicated", warm.deduplicated),
        (c"warm_cold", warm.cold),
        (c"warm_waiting", state.warming.len() as u64),
    ];
    fields.into_iter().for_each(|(name, value)| add(info, name, value));
}

fn index(info: *mut raw::RedisModuleInfoCtx, state: &State) {
    let (keys, tags, tagged) = state.sizes();
    let progress = state.index;
    let percent = match progress.incomplete {
        true => (progress.scanned * 100 / progress.expected.max(1)).min(99),
        false => 100,
    };
    let standing = state.standing_sizes();
    let sources = |of: fn(&Source) -> u64| state.sources.iter().map(of).sum();
    let fields: [(&CStr, u64); 31] = [
        (c"keys", keys as u64),
        (c"tags", tags as u64),
        (c"tagged", tagged as u64),
        (c"rules", state.rules.len() as u64),
        (c"classes", state.classes.len() as u64),
        (c"mappings", state.mappings.len() as u64),
        (c"standing_patterns", standing.patterns as u64),
        (c"standing_building", standing.building as u64),
        (c"standing_too_broad", standing.broad as u64),
        (c"standing_members", standing.members as u64),
        (c"index_complete", u64::from(!progress.incomplete)),
        (c"index_percent", percent),
        (c"index_scanned", progress.scanned),
        (c"index_expected", progress.expected),
        (c"index_bytes", state.index_bytes() as u64),
        (c"index_max_bytes", state.memory.max() as u64),
        (c"index_full", u64::from(state.memory.is_full())),
        (c"passes", state.drift.passes),
        (c"drift_missed", state.drift.missed),
        (c"drift_dead", state.drift.dead),
        (c"sources", state.sources.len() as u64),
        (c"source_entries", sources(|source| source.taken.entries)),
        (c"source_events", sources(|source| source.taken.events)),
        (c"source_dead", sources(|source| source.taken.dead)),
        (c"source_dead_lost", sources(|source| source.lost)),
        (c"batch_queues", state.batches.iter().count() as u64),
        (c"jobs", state.jobs.len() as u64),
        (c"jobs_remaining", state.doomed_keys()),
        (c"keys_with_freshness", state.freshness_count() as u64),
        (c"tokens", state.tokens.len() as u64),
        (c"waiters", state.tokens.waiting.len() as u64),
    ];
    fields.into_iter().for_each(|(name, value)| add(info, name, value));
}

/// What was found last: 0 healthy, 1 warning, 2 critical; then each check that has thresholds.
fn health(info: *mut raw::RedisModuleInfoCtx, state: &State) {
    let (level, since_ms) = state.health.level();
    add(info, c"health_status", level as u64);
    add(info, c"health_since_ms", since_ms);
    add(info, c"health_alerts", state.health.alerts);
    for check in Check::all() {
        if let Ok(name) = CString::new(format!("health_{}", check.name())) {
            add(info, &name, state.health.level_of(check.name()) as u64);
        }
    }
}

fn section(info: *mut raw::RedisModuleInfoCtx, name: &CStr) {
    call!(RedisModule_InfoAddSection(info, name.as_ptr()));
}

fn add(info: *mut raw::RedisModuleInfoCtx, name: &CStr, value: u64) {
    call!(RedisModule_InfoAddFieldULongLong(info, name.as_ptr(), value as c_ulonglong));
}
