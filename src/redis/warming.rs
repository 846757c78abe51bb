//! The queues of keys to compute again: streams, one per priority, in each database.

use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::api::{Ctx, Str, call};
use super::keyspace::monotonic_ms;
use super::state::shared;
use super::streams;
use crate::commands::keyspace::{WarmEntry, WarmSettings};
use crate::domain::rule::Priority;

/// Entries each queue keeps; the oldest go first. 0 switches warming off.
pub(super) static MAXLEN: AtomicI64 = AtomicI64::new(10_000);

/// Milliseconds before which no worker should begin, where a rule says nothing: bursts of events
/// for one key are over by then, and what they changed is written.
pub(super) static DELAY_MS: AtomicI64 = AtomicI64::new(100);

/// Milliseconds in which a key must have been touched to count as hot.
pub(super) static HOT_MS: AtomicI64 = AtomicI64::new(60_000);

/// Milliseconds after which a value that did not come back counts as failed.
pub(super) static TIMEOUT_MS: AtomicI64 = AtomicI64::new(60_000);

/// What a key's counter of use starts with (Redis `src/server.h`, `LFU_INIT_VAL`).
const LFU_OF_NEW: i64 = 5;

/// What the configuration says.
pub(super) fn settings() -> WarmSettings {
    let value = |number: &AtomicI64| number.load(Ordering::Relaxed).unsigned_abs();
    WarmSettings {
        max_entries: value(&MAXLEN),
        delay_ms: value(&DELAY_MS),
        hot_ms: value(&HOT_MS),
        timeout_ms: value(&TIMEOUT_MS),
    }
}

fn stream(priority: Priority) -> &'static [u8] {
    match priority {
        Priority::High => b"inval:warm:high",
        Priority::Medium => b"inval:warm:medium",
        Priority::Low => b"inval:warm:low",
    }
}

/// Appends an entry, here and on replicas.
///
/// # Errors
/// Why the server refused, in its words.
pub(super) fn append(ctx: Ctx, entry: &WarmEntry) -> Result<(), String> {
    let max = settings().max_entries.to_string();
    let (db, due) = (ctx.selected_db().to_string(), entry.due_ms.to_string());
    let words: [&[u8]; 18] = [
        stream(entry.priority),
        b"MAXLEN",
        max.as_bytes(),
        b"*",
        b"key",
        entry.key,
        b"rule",
        entry.rule.as_bytes(),
        b"event",
        entry.event.as_bytes(),
        b"priority",
        entry.priority.as_str().as_bytes(),
        b"db",
        db.as_bytes(),
        b"due",
        due.as_bytes(),
        b"payload",
        entry.payload,
    ];
    let words: Vec<Str> = words.iter().map(|word| ctx.string(word)).collect();
    ctx.call(c"XADD", c"!", &words).map(|_| ())
}

/// Entries in a queue of the selected database; 0 for one that is no stream.
pub(super) fn length(ctx: Ctx, priority: Priority) -> u64 {
    streams::length(ctx, stream(priority))
}

/// Whether a key was touched within so many milliseconds. Asking touches nothing.
///
/// Where the server counts uses instead of remembering times (`maxmemory-policy` with LFU), a
/// key is hot while its counter is not below that of a new key: it is new, or its uses keep up
/// with the counter's decay (`lfu-decay-time`, a minute by default).
pub(super) fn is_hot(ctx: Ctx, name: &[u8], within_ms: u64) -> bool {
    let name = ctx.string(name);
    let Some(key) = ctx.open_uncounted(&name, raw::REDISMODULE_OPEN_KEY_NOEFFECTS) else {
        return false;
    };
    let (mut idle_ms, mut uses) = (-1, -1);
    call!(RedisModule_GetLRU(key.0, &raw mut idle_ms));
    if let Ok(idle_ms) = u64::try_from(idle_ms) {
        return idle_ms <= within_ms;
    }
    call!(RedisModule_GetLFU(key.0, &raw mut uses));
    // A server that tells neither has every key warmed.
    !(0..LFU_OF_NEW).contains(&uses)
}

/// Looks for keys whose value did not come back in time. Called some ten times a second.
pub(super) fn sweep(ctx: Ctx) {
    shared(&ctx, |shared| {
        shared.with(|state| {
            if !state.warming.is_empty() {
                state.warming.sweep(monotonic_ms());
            }
        });
    });
}
