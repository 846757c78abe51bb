//! A timer that carries out in time what rules have collected.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::config;
use super::guard::guarded;
use super::keyspace::LiveKeyspace;
use super::state::{enter_for_nobody, shared};
use crate::commands::batches::run_due;
use crate::commands::keyspace::Keyspace;
use crate::commands::slices::More;

/// When the timer is set that calls next, in milliseconds since 1970; 0 for none.
static ARMED_FOR_MS: AtomicU64 = AtomicU64::new(0);

/// Sets a timer for the queue that is due next. Called with each event that is collected, and some
/// ten times a second: after a start, a change of roles or a pause nobody else does.
pub(super) fn start_if_needed(ctx: Ctx) {
    let Some(due_ms) = shared(&ctx, |shared| shared.with(|state| state.batches.next_due_ms()))
    else {
        return;
    };
    let redis = LiveKeyspace::new(ctx);
    let armed_ms = ARMED_FOR_MS.load(Ordering::Relaxed);
    let is_armed = armed_ms != 0 && armed_ms <= due_ms;
    // A timer that should have called by now was set before the clock was.
    if redis.may_write() && (!is_armed || redis.now_ms() > due_ms.saturating_add(LATE_MS)) {
        arm(ctx, due_ms, redis.now_ms());
    }
}

/// Later than so many milliseconds no timer is.
const LATE_MS: u64 = 1000;

fn arm(ctx: Ctx, due_ms: u64, now_ms: u64) {
    ARMED_FOR_MS.store(due_ms, Ordering::Relaxed);
    let wait_ms = i64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(i64::MAX);
    call!(RedisModule_CreateTimer(ctx.0, wait_ms, Some(on_timer), std::ptr::null_mut()));
}

extern "C" fn on_timer(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    let ctx = Ctx(ctx);
    let more = guarded(More::Later, || enter_for_nobody(ctx, run_due));
    ARMED_FOR_MS.store(0, Ordering::Relaxed);
    if more == More::Yes {
        guarded((), || start_if_needed(ctx));
    }
}

/// Forgets what is too old of the events that were carried out. Called from time to time, on
/// replicas too.
pub(super) fn settle(ctx: Ctx) {
    let now_ms = LiveKeyspace::new(ctx).now_ms();
    let most = config::event_limits().dedupe_max;
    shared(&ctx, |shared| shared.with(|state| state.once.forget(now_ms, most)));
}
