//! A timer that runs the slices of jobs, so that the server keeps answering.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::config;
use super::guard::guarded;
use super::keyspace::LiveKeyspace;
use super::state::{enter_for_nobody, shared};
use crate::commands::keyspace::Keyspace;
use crate::commands::slices::{More, run};
use crate::server::Shared;

/// Between two slices, in milliseconds: other clients are served meanwhile.
const PAUSE_MS: i64 = 1;

/// Whether the timer is set.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Sets the timer when jobs wait and may go on. Called with each job, and some ten times a
/// second: after a start, a change of roles or a pause nobody else does.
pub(super) fn start_if_needed(ctx: Ctx) {
    if !ARMED.load(Ordering::Relaxed)
        && shared(&ctx, Shared::has_jobs)
        && LiveKeyspace::new(ctx).may_write()
    {
        arm(ctx);
    }
}

fn arm(ctx: Ctx) {
    ARMED.store(true, Ordering::Relaxed);
    call!(RedisModule_CreateTimer(ctx.0, PAUSE_MS, Some(on_timer), std::ptr::null_mut()));
}

extern "C" fn on_timer(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    let ctx = Ctx(ctx);
    let more = guarded(More::Later, || {
        let micros = config::ASYNC_SLICE_US.load(Ordering::Relaxed).unsigned_abs();
        enter_for_nobody(ctx, |server| run(server, micros))
    });
    ARMED.store(false, Ordering::Relaxed);
    if more == More::Yes {
        arm(ctx);
    }
}
