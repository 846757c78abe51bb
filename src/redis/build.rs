//! The work that a change of rules leaves behind, in slices, from a timer, so that the server
//! keeps answering.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis_module::raw;

use super::api::{Ctx, call};
use super::config;
use super::guard::guarded;
use super::state::shared;

/// Between two slices, in milliseconds: other clients are served meanwhile.
const PAUSE_MS: i64 = 1;

/// Keys looked at before the clock is read again.
const KEYS_PER_LOOK: usize = 64;

/// Whether a timer is set.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Starts the work if there is any. Called some ten times a second.
pub(super) fn start_if_needed(ctx: Ctx) {
    if ARMED.load(Ordering::Relaxed)
        || ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_LOADING)
        || shared(&ctx, |shared| shared.is_suspect())
    {
        return;
    }
    if shared(&ctx, |shared| shared.with(|state| state.settle_rules())) {
        arm(ctx);
    }
}

fn arm(ctx: Ctx) {
    ARMED.store(true, Ordering::Relaxed);
    call!(RedisModule_CreateTimer(ctx.0, PAUSE_MS, Some(on_timer), std::ptr::null_mut()));
}

extern "C" fn on_timer(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    ARMED.store(false, Ordering::Relaxed);
    if guarded(false, || slice(Ctx(ctx))) {
        arm(Ctx(ctx));
    }
}

/// Works until the slice is over; false when nothing is left to do.
fn slice(ctx: Ctx) -> bool {
    let end = Instant::now()
        + Duration::from_micros(config::INDEX_SLICE_US.load(Ordering::Relaxed).unsigned_abs());
    shared(&ctx, |shared| {
        shared.with(|state| {
            let mut more = true;
            while more && Instant::now() < end {
                more = state.build_some(KEYS_PER_LOOK);
            }
            more
        })
    })
}
