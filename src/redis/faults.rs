//! Faults on demand, for tests: `INVAL.DEBUG PANIC COMMAND|STATE|CALLBACK` panics,
//! `INVAL.DEBUG DELETE key` deletes as other modules do, without a notification, and
//! `INVAL.DEBUG FORGET key` makes the index miss a live key.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::glue::{send, send_error_text, words};
use super::guard::guarded;
use super::state::shared;
use crate::commands::reply::Reply;
use crate::domain::change::Change;
use crate::domain::name::Db;

static IN_CALLBACK: AtomicBool = AtomicBool::new(false);

/// Registers the command.
pub(super) fn register(ctx: Ctx) -> bool {
    call!(RedisModule_CreateCommand(
        ctx.0,
        c"inval.debug".as_ptr(),
        Some(on_debug),
        c"".as_ptr(),
        0,
        0,
        0
    )) == Some(raw::Status::Ok as c_int)
}

/// Panics once if it was told to.
#[expect(clippy::panic, reason = "this is what the file is for")]
pub(super) fn in_callback() {
    if IN_CALLBACK.swap(false, Ordering::Relaxed) {
        panic!("forced in a callback");
    }
}

#[expect(clippy::panic, reason = "this is what the file is for")]
extern "C" fn on_debug(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let ctx = Ctx(ctx);
    let done = guarded(false, || {
        // SAFETY: the server's own arguments.
        let words = unsafe { words(argv, argc) };
        match words.get(1..).unwrap_or_default() {
            [b"DELETE", key] => return delete(ctx, key),
            [b"FORGET", key] => {
                let db = Db(ctx.selected_db());
                shared(&ctx, |shared| shared.notice(Change::Deleted, db, key));
                return true;
            }
            _ => {}
        }
        match words.get(2).copied() {
            Some(b"COMMAND") => panic!("forced in a command"),
            Some(b"STATE") => shared(&ctx, |shared| shared.with(|_| panic!("forced in the state"))),
            Some(b"CALLBACK") => IN_CALLBACK.store(true, Ordering::Relaxed),
            _ => return false,
        }
        true
    });
    match done {
        true => send(ctx, &Reply::OK),
        false => send_error_text(ctx, "ERR", "internal error, caught"),
    }
    raw::Status::Ok as c_int
}

fn delete(ctx: Ctx, key: &[u8]) -> bool {
    let name = ctx.string(key);
    let mode = (raw::REDISMODULE_READ | raw::REDISMODULE_WRITE).cast_signed();
    let Some(key) = call!(RedisModule_OpenKey(ctx.0, name.string, mode)) else { return false };
    let deleted = call!(RedisModule_DeleteKey(key.cast())) == Some(raw::Status::Ok as c_int);
    call!(RedisModule_CloseKey(key.cast()));
    deleted
}
