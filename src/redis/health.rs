//! Looks after the health from time to time: how late the server is, and what has changed.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, log_notice, log_warning};
use super::config::health::interval_ms;
use super::keyspace::{LiveKeyspace, monotonic_micros, monotonic_ms};
use super::state::{enter_for_nobody, shared};
use crate::commands::health::evaluate;
use crate::commands::keyspace::Keyspace;

/// When the server looked after us last, in microseconds of the clock that only goes forward; 0:
/// it did not, or was loading since.
static SEEN_MICROS: AtomicU64 = AtomicU64::new(0);

/// When all was evaluated last, in milliseconds of the same clock.
static EVALUATED_MS: AtomicU64 = AtomicU64::new(0);

/// The module is loaded: nothing was read and nothing is there.
pub(super) fn begin(ctx: Ctx) {
    EVALUATED_MS.store(monotonic_ms(), Ordering::Relaxed);
    let now_ms = LiveKeyspace::new(ctx).now_ms();
    shared(&ctx, |shared| {
        shared.with(|state| {
            state.health.started(now_ms);
            if state.index.incomplete {
                state.health.was_filled();
            }
        });
    });
}

/// Data was loaded: the server was away, and the cache is not empty.
pub(super) fn loaded(ctx: Ctx) {
    SEEN_MICROS.store(0, Ordering::Relaxed);
    shared(&ctx, |shared| {
        shared.with(|state| {
            if state.sizes().0 > 0 {
                state.health.was_filled();
            }
        });
    });
}

/// Called some ten times a second, with what the server tells of its own clockwork.
pub(super) fn settle(ctx: Ctx, data: *const c_void) {
    // SAFETY: version 1 of the CronLoop event passes this struct.
    let info = unsafe { data.cast::<raw::RedisModuleCronLoopInfo>().as_ref() };
    let hz = info.map_or(0, |info| info.hz);
    let now_micros = monotonic_micros();
    let seen = SEEN_MICROS.swap(now_micros, Ordering::Relaxed);
    let planned = u64::try_from(hz).ok().and_then(|hz| MICROS.checked_div(hz));
    let late =
        planned.filter(|_| seen > 0).map(|planned| (now_micros - seen).saturating_sub(planned));
    let now_ms = LiveKeyspace::new(ctx).now_ms();
    shared(&ctx, |shared| {
        shared.with(|state| {
            state.health.tick(now_ms);
            state.evidence.tick(now_ms);
            if let Some(late) = late {
                state.health.was_late(late, now_ms / 1000);
            }
        });
    });
    let now_ms = monotonic_ms();
    let passed = now_ms.saturating_sub(EVALUATED_MS.load(Ordering::Relaxed));
    if interval_ms().is_some_and(|interval| passed >= interval) {
        EVALUATED_MS.store(now_ms, Ordering::Relaxed);
        for alert in enter_for_nobody(ctx, evaluate) {
            let log = if alert.is_worse { log_warning } else { log_notice };
            log(&format!("inval: {}", alert.line));
        }
    }
}

/// Microseconds of a second.
const MICROS: u64 = 1_000_000;
