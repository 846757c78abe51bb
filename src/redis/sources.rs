//! Entries of sources are taken when they come. A notification never writes: it asks to be called
//! when the command that added the entry is done, in one unit with it where the server can
//! (`RM_AddPostNotificationJob`, Redis 7.2 and later, Valkey), else by a timer at once.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, bytes, call, log_warning};
use super::config;
use super::guard::guarded;
use super::keyspace::LiveKeyspace;
use super::state::{enter_for_nobody, shared};
use crate::commands::keyspace::Keyspace;
use crate::commands::slices::More;
use crate::commands::sources::run;
use crate::domain::name::Db;

/// Milliseconds between two looks at sources that nothing was heard of: streams come by RENAME,
/// RESTORE, failover and start, too.
const LOOK_MS: u64 = 1000;

/// Milliseconds until a source is tried again that was refused.
const AGAIN_MS: i64 = 100;

/// Whether the server tells of entries.
static HEARS: AtomicBool = AtomicBool::new(false);

/// Whether a timer is set.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Whether the server was asked to call when the command is done.
static ASKED: AtomicBool = AtomicBool::new(false);

/// When sources were looked at last, in milliseconds since 1970.
static LOOKED_MS: AtomicU64 = AtomicU64::new(0);

/// Looks at all sources soon. Called with each new source.
pub(super) fn begin(ctx: Ctx) {
    hear(ctx);
    arm(ctx, 0);
}

/// Looks at all sources from time to time. Called some ten times a second.
pub(super) fn start_if_needed(ctx: Ctx) {
    if !shared(&ctx, |shared| shared.with(|state| !state.sources.is_empty())) {
        return;
    }
    hear(ctx);
    let redis = LiveKeyspace::new(ctx);
    let now_ms = redis.now_ms();
    if redis.may_write() && now_ms.abs_diff(LOOKED_MS.load(Ordering::Relaxed)) >= LOOK_MS {
        arm(ctx, 0);
    }
}

/// Has the server tell of entries, from the first source on: streams of others cost a call each.
fn hear(ctx: Ctx) {
    if HEARS.swap(true, Ordering::Relaxed) {
        return;
    }
    let class = raw::REDISMODULE_NOTIFY_STREAM as c_int;
    let status = call!(RedisModule_SubscribeToKeyspaceEvents(ctx.0, class, Some(on_stream)));
    if status != Some(raw::Status::Ok as c_int) {
        log_warning(
            "inval: the server does not tell of entries: sources are looked at once a second",
        );
    }
}

extern "C" fn on_stream(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let ctx = Ctx(ctx);
    guarded((), || {
        // SAFETY: the server passes a C string that outlives the call.
        if unsafe { CStr::from_ptr(event) } != c"xadd" {
            return;
        }
        // SAFETY: the key outlives the call.
        let (db, name) = (Db(ctx.selected_db()), unsafe { bytes(key) });
        let is_source = shared(&ctx, |shared| {
            // Entries that we add ourselves come while nothing looks at the state, too.
            shared.try_with(|state| state.sources.has_stream(db, name)).unwrap_or(true)
        });
        if is_source && !ASKED.load(Ordering::Relaxed) && !ask(ctx) {
            arm(ctx, 0);
        }
    });
    raw::Status::Ok as c_int
}

/// Asks to be called when the command is done; false where the server cannot, or may not write.
fn ask(ctx: Ctx) -> bool {
    let nothing = std::ptr::null_mut();
    let asked = call!(RedisModule_AddPostNotificationJob(ctx.0, Some(on_done), nothing, None));
    let asked = asked == Some(raw::Status::Ok as c_int);
    ASKED.store(asked, Ordering::Relaxed);
    asked
}

extern "C" fn on_done(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    ASKED.store(false, Ordering::Relaxed);
    take(Ctx(ctx));
}

fn arm(ctx: Ctx, wait_ms: i64) {
    // A replica takes nothing, and its timers would call for every entry.
    if LiveKeyspace::new(ctx).may_write() && !ARMED.swap(true, Ordering::Relaxed) {
        call!(RedisModule_CreateTimer(ctx.0, wait_ms, Some(on_timer), std::ptr::null_mut()));
    }
}

extern "C" fn on_timer(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    ARMED.store(false, Ordering::Relaxed);
    take(Ctx(ctx));
}

/// Takes entries for a slice of time, and asks for another slice when some are left.
fn take(ctx: Ctx) {
    guarded((), || {
        let redis = LiveKeyspace::new(ctx);
        LOOKED_MS.store(redis.now_ms(), Ordering::Relaxed);
        let micros = config::SOURCE_SLICE_US.load(Ordering::Relaxed).unsigned_abs();
        match enter_for_nobody(ctx, |server| run(server, micros)) {
            More::Yes => arm(ctx, 0),
            More::Later => arm(ctx, AGAIN_MS),
            More::No => {}
        }
    });
}
