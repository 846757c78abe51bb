//! Server events that change many names without a word about each.

use std::ffi::{c_int, c_void};

use redis_module::raw;

use super::aof;
use super::api::{Ctx, bytes, call};
use super::batches;
use super::build;
use super::copies;
use super::deletes;
use super::figures;
use super::guard::guarded;
use super::slices;
use super::sources;
use super::state::shared;
use super::waiters;
use super::walk;
use super::warming;
use crate::domain::change::Change;
use crate::domain::name::Db;
use crate::server::Shared;

/// Subscribes; false when the server refuses.
pub(super) fn subscribe(ctx: Ctx) -> bool {
    let events: [(u64, raw::RedisModuleEventCallback); 6] = [
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, Some(on_role)),
        (raw::REDISMODULE_EVENT_FLUSHDB, Some(on_flush)),
        (raw::REDISMODULE_EVENT_SWAPDB, Some(on_swap)),
        (raw::REDISMODULE_EVENT_LOADING, Some(on_loading)),
        (raw::REDISMODULE_EVENT_FORK_CHILD, Some(on_fork)),
        (raw::REDISMODULE_EVENT_CRON_LOOP, Some(on_cron)),
    ];
    events.into_iter().all(|(id, callback)| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        call!(RedisModule_SubscribeToServerEvent(ctx.0, event, callback))
            == Some(raw::Status::Ok as c_int)
    })
}

/// Keys that go without a notification: deleted by another module. Redis 7.2 and later.
pub(super) fn subscribe_to_unlinks(ctx: Ctx) {
    let event = raw::RedisModuleEvent { id: raw::REDISMODULE_EVENT_KEY, dataver: 1 };
    let known =
        call!(RedisModule_IsSubEventSupported(event, raw::REDISMODULE_SUBEVENT_KEY_DELETED));
    if known == Some(1) {
        call!(RedisModule_SubscribeToServerEvent(ctx.0, event, Some(on_unlink)));
    }
}

/// Whether the server has an event for keys whose whole value is written anew.
pub(super) fn tells_of_overwrites() -> bool {
    let event = raw::RedisModuleEvent { id: raw::REDISMODULE_EVENT_KEY, dataver: 1 };
    let sub = raw::REDISMODULE_SUBEVENT_KEY_OVERWRITTEN;
    call!(RedisModule_IsSubEventSupported(event, sub)) == Some(1)
}

/// Comes before the notification of the same deletion, if there is one.
extern "C" fn on_unlink(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    guarded((), || {
        let change = match sub {
            _ if data.is_null() => return,
            raw::REDISMODULE_SUBEVENT_KEY_DELETED => Change::Unlinked,
            // Cheap where nobody waits for it: every overwriting SET comes here.
            raw::REDISMODULE_SUBEVENT_KEY_OVERWRITTEN
                if shared(&Ctx(ctx), Shared::awaits_overwrites) =>
            {
                Change::Overwritten
            }
            _ => return,
        };
        // SAFETY: version 1 of the Key event passes this struct.
        let key = unsafe { &*data.cast::<raw::RedisModuleKeyInfo>() }.key;
        let name = call!(RedisModule_GetKeyNameFromModuleKey(key));
        let Some(name) = name.filter(|name| !name.is_null()) else { return };
        let db = call!(RedisModule_GetDbIdFromModuleKey(key)).unwrap_or(0);
        // SAFETY: the key is open until this callback returns.
        let name = unsafe { bytes(name) };
        let db = Db(u32::try_from(db).unwrap_or(0));
        shared(&Ctx(ctx), |shared| shared.notice(change, db, name));
        waiters::serve(&Ctx(ctx));
    });
}

/// FLUSHDB, FLUSHALL, a full resync, DEBUG RELOAD. The crate's own handler drops the number.
extern "C" fn on_flush(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    guarded((), || {
        if sub != raw::REDISMODULE_SUBEVENT_FLUSHDB_START || data.is_null() {
            return;
        }
        // SAFETY: version 1 of the FlushDB event passes this struct.
        let info = unsafe { &*data.cast::<raw::RedisModuleFlushInfo>() };
        let db = u32::try_from(info.dbnum).ok().map(Db);
        shared(&Ctx(ctx), |shared| shared.with(|state| state.flushed(db)));
        waiters::serve(&Ctx(ctx));
    });
}

/// A primary became a replica, or the other way round. What a replica is told are deletions of
/// keys that were there: tokens of keys that were not would outlive their invalidation.
extern "C" fn on_role(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    _: u64,
    _: *mut c_void,
) {
    guarded((), || {
        shared(&Ctx(ctx), |shared| {
            shared.with(|state| {
                state.tokens.forget_all();
                // What waits is for the new primary to tell, which knows nothing of it.
                state.warming.flushed(None);
            });
        });
        waiters::serve(&Ctx(ctx));
    });
}

extern "C" fn on_swap(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    _: u64,
    data: *mut c_void,
) {
    guarded((), || {
        if data.is_null() {
            return;
        }
        // SAFETY: version 1 of the SwapDB event passes this struct.
        let info = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
        let (Ok(first), Ok(second)) =
            (u32::try_from(info.dbnum_first), u32::try_from(info.dbnum_second))
        else {
            return;
        };
        shared(&Ctx(ctx), |shared| shared.with(|state| state.swapped(Db(first), Db(second))));
        waiters::serve(&Ctx(ctx));
        // A walk under way has seen a part of each: it starts again.
        walk::abandon(Ctx(ctx));
    });
}

/// A snapshot or an append-only file is about to be read, from disk or from the primary; or has
/// been.
extern "C" fn on_loading(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    sub: u64,
    _: *mut c_void,
) {
    guarded((), || {
        let ctx = Ctx(ctx);
        let from_primary = match sub {
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED => return walk::forget_unsure(ctx),
            raw::REDISMODULE_SUBEVENT_LOADING_RDB_START
            | raw::REDISMODULE_SUBEVENT_LOADING_AOF_START => false,
            raw::REDISMODULE_SUBEVENT_LOADING_REPL_START => true,
            _ => return,
        };
        shared(&ctx, |shared| shared.with(|state| state.begin_load(from_primary)));
    });
}

extern "C" fn on_fork(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    sub: u64,
    _: *mut c_void,
) {
    guarded((), || {
        if sub == raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN {
            aof::on_fork(Ctx(ctx));
        }
    });
}

/// Some ten times a second.
extern "C" fn on_cron(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    _: u64,
    _: *mut c_void,
) {
    guarded((), || {
        copies::settle(Ctx(ctx));
        deletes::settle(&Ctx(ctx));
        waiters::sweep(Ctx(ctx));
        warming::sweep(Ctx(ctx));
        aof::settle(Ctx(ctx));
        figures::settle(Ctx(ctx));
        walk::start_if_needed(Ctx(ctx));
        slices::start_if_needed(Ctx(ctx));
        batches::start_if_needed(Ctx(ctx));
        batches::settle(Ctx(ctx));
        sources::start_if_needed(Ctx(ctx));
        build::start_if_needed(Ctx(ctx));
    });
}
