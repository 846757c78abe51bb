//! Keyspace notifications -> `Change`. No server call is made here: a write would turn reads
//! into writes, and a read would expire keys under the command that is running.

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, bytes, call, log_warning};
use super::guard::guarded;
use super::lifecycle;
use super::state::shared;
use super::waiters;
use super::walk;
use crate::domain::change::Change;
use crate::domain::freshness_record;
use crate::domain::job_record;
use crate::domain::name::Db;
use crate::server::Shared;

/// The classes whose events create or remove names. STRING, HASH and the others are left out:
/// overwriting and reading a key cost nothing.
const CLASSES: c_int = raw::REDISMODULE_NOTIFY_GENERIC
    | raw::REDISMODULE_NOTIFY_EXPIRED
    | raw::REDISMODULE_NOTIFY_EVICTED
    | raw::REDISMODULE_NOTIFY_NEW
    | raw::REDISMODULE_NOTIFY_LOADED;

/// Subscribes; false when the server refuses.
pub(super) fn subscribe(ctx: Ctx) -> bool {
    call!(RedisModule_SubscribeToKeyspaceEvents(ctx.0, CLASSES, Some(on_event)))
        == Some(raw::Status::Ok as c_int)
}

extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let ctx = Ctx(ctx);
    let heard = guarded(false, || {
        #[cfg(feature = "faults")]
        super::faults::in_callback();
        // SAFETY: the server passes a C string that outlives the call.
        let event = unsafe { CStr::from_ptr(event) };
        let Some(change) = Change::from_event(event.to_bytes()) else { return true };
        // SAFETY: the key outlives the call; the state copies what it keeps.
        let name = unsafe { bytes(key) };
        let db = Db(ctx.selected_db());
        let is_copy = change == Change::Copied;
        if is_copy {
            let in_transaction = ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_MULTI);
            shared(&ctx, |shared| {
                shared.with(|state| state.travel.in_transaction = in_transaction)
            });
        }
        shared(&ctx, |shared| shared.notice(change, db, name));
        if is_copy {
            carry(ctx, db, name);
        }
        waiters::serve(&ctx);
        true
    });
    if !heard {
        // The change is lost: a key may live that the index does not know. Look again.
        shared(&ctx, |shared| shared.doubt());
        guarded((), || walk::abandon(ctx));
    }
    raw::Status::Ok as c_int
}

/// The classes whose commands put a new value in place of a whole one.
const VALUES: c_int = raw::REDISMODULE_NOTIFY_STRING
    | raw::REDISMODULE_NOTIFY_LIST
    | raw::REDISMODULE_NOTIFY_SET
    | raw::REDISMODULE_NOTIFY_ZSET;

/// Whether the server tells of values that are written anew.
static HEARS_OVERWRITES: AtomicBool = AtomicBool::new(false);

/// Subscribes to values that are written anew where there is no server event for it (Redis
/// 7.0); from the first job or mark on, for every write of a string costs a call from then on.
pub(super) fn hear_overwrites(ctx: Ctx) {
    if lifecycle::tells_of_overwrites() || HEARS_OVERWRITES.swap(true, Ordering::Relaxed) {
        return;
    }
    let status = call!(RedisModule_SubscribeToKeyspaceEvents(ctx.0, VALUES, Some(on_value)));
    if status != Some(raw::Status::Ok as c_int) {
        log_warning(
            "inval: the server does not tell of overwritten keys: ASYNC deletes them too, and SOFT \
             leaves them stale",
        );
    }
}

extern "C" fn on_value(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let ctx = Ctx(ctx);
    guarded((), || {
        if !shared(&ctx, Shared::awaits_overwrites) {
            return;
        }
        // SAFETY: the server passes a C string that outlives the call.
        let event = unsafe { CStr::from_ptr(event) };
        if let Some(change) = Change::from_overwrite(event.to_bytes()) {
            // SAFETY: the key outlives the call; the state copies what it keeps.
            let name = unsafe { bytes(key) };
            shared(&ctx, |shared| shared.notice(change, Db(ctx.selected_db()), name));
            waiters::serve(&ctx);
        }
    });
    raw::Status::Ok as c_int
}

/// Tells replicas and the append-only file the tags of a copy, and what else is known of it. They
/// cannot know its source: a loading server sees no commands. What is sent from a callback stands
/// before the command that caused it, in the same transaction, so the tags wait there for the copy.
fn carry(ctx: Ctx, db: Db, name: &[u8]) {
    let (tags, job, fresh) = shared(&ctx, |shared| {
        shared.with(|state| {
            let job = state.job_of(db, name).and_then(|slot| state.jobs.id_of(slot));
            (state.tags_of(db, name), job, state.freshness_of(db, name))
        })
    });
    if let Some(id) = job {
        let record = job_record::copy(id, name);
        ctx.replicate(&job_record::command(&record));
    }
    if let Some(fresh) = fresh {
        let words = freshness_record::copy(fresh, name);
        ctx.replicate(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    if !tags.is_empty() {
        let words = [b"TAG._CARRY", name].into_iter().chain(tags.iter().map(Vec::as_slice));
        ctx.replicate(&words.collect::<Vec<_>>());
    }
}
