//! Keyspace notifications -> `Change`. No server call is made here: a write would turn reads
//! into writes, and a read would expire keys under the command that is running.

use std::ffi::{CStr, c_char, c_int};

use redis_module::raw;

use super::api::{Ctx, bytes, call};
use super::guard::guarded;
use super::state::shared;
use super::walk;
use crate::domain::change::Change;
use crate::domain::name::Db;

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
        true
    });
    if !heard {
        // The change is lost: a key may live that the index does not know. Look again.
        shared(&ctx, |shared| shared.doubt());
        guarded((), || walk::abandon(ctx));
    }
    raw::Status::Ok as c_int
}

/// Tells replicas and the append-only file the tags of a copy. They cannot know its source: a
/// loading server sees no commands. What is sent from a callback stands before the command that
/// caused it, in the same transaction, so the tags wait there for the copy.
fn carry(ctx: Ctx, db: Db, name: &[u8]) {
    let tags = shared(&ctx, |shared| shared.with(|state| state.tags_of(db, name)));
    if !tags.is_empty() {
        let words = [b"TAG._CARRY", name].into_iter().chain(tags.iter().map(Vec::as_slice));
        ctx.replicate(&words.collect::<Vec<_>>());
    }
}
