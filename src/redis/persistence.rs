//! The state in the server's snapshots: a data type that no key has, for its aux callbacks.

use std::ffi::c_int;

use redis_module::raw;

use super::api::{Ctx, call, log_notice, log_warning};
use super::guard::guarded;
use super::notifications;
use super::state::{MainThread, shared};
use crate::domain::snapshot::{self, Decoder, Snapshot};
use crate::server::Shared;

/// Nine characters, by the rule of the server. Written into every snapshot: never to change.
const TYPE_NAME: &std::ffi::CStr = c"inval-aux";

/// How the chunks are wrapped: as strings of the module API. The format has its own version.
const ENCODING: c_int = 1;

/// The option `HANDLE_IO_ERRORS`: without it the server would refuse to load a snapshot from
/// its primary without a file in between.
const HANDLE_IO_ERRORS: c_int = 1;

/// Registers the type; false when the server refuses.
pub(super) fn register(ctx: Ctx) -> bool {
    // SAFETY: all fields may be zero.
    let mut methods: raw::RedisModuleTypeMethods = unsafe { std::mem::zeroed() };
    methods.version = u64::from(raw::REDISMODULE_TYPE_METHOD_VERSION);
    methods.aux_load = Some(load);
    // Both: 7.0 knows only the first; 7.2 and later prefer the second, which leaves no trace
    // of an empty state.
    methods.aux_save = Some(save_always);
    methods.aux_save2 = Some(save_if_any);
    // After the keys: tags are put on keys that are there.
    methods.aux_save_triggers = raw::REDISMODULE_AUX_AFTER_RDB as c_int;
    let created =
        call!(RedisModule_CreateDataType(ctx.0, TYPE_NAME.as_ptr(), ENCODING, &raw mut methods));
    call!(RedisModule_SetModuleOptions(ctx.0, HANDLE_IO_ERRORS));
    created.is_some_and(|kind| !kind.is_null())
}

extern "C" fn save_always(io: *mut raw::RedisModuleIO, _: c_int) {
    save(io, true);
}

extern "C" fn save_if_any(io: *mut raw::RedisModuleIO, _: c_int) {
    save(io, false);
}

fn save(io: *mut raw::RedisModuleIO, always: bool) {
    guarded((), || {
        // SAFETY: the main thread, or a forked child in which no other thread lives.
        let main = unsafe { MainThread::assume() };
        let written = shared(&main, |shared| {
            shared.try_with(|state| {
                if always || state.has_anything_to_save() {
                    snapshot::encode(state, |chunk| {
                        call!(RedisModule_SaveStringBuffer(io, chunk.as_ptr().cast(), chunk.len()));
                    });
                }
            })
        });
        if written.is_none() {
            log_warning(
                "inval: tags and rules are not in this snapshot: the state was in use; please report this line",
            );
        }
    });
}

extern "C" fn load(io: *mut raw::RedisModuleIO, encoding: c_int, _: c_int) -> c_int {
    guarded(raw::Status::Err as c_int, || {
        let ctx = Ctx(call!(RedisModule_GetContextFromIO(io)).unwrap_or(std::ptr::null_mut()));
        match read(io, encoding) {
            Ok(snapshot) => {
                let replica = ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_SLAVE);
                shared(&ctx, |shared| shared.with(|state| state.restore(snapshot, !replica)));
                let (_, tags, tagged) = shared(&ctx, |shared| shared.with(|state| state.sizes()));
                log_notice(&format!(
                    "inval: {tags} tags on {tagged} places loaded from the snapshot"
                ));
                if shared(&ctx, Shared::awaits_overwrites) {
                    notifications::hear_overwrites(ctx);
                }
                raw::Status::Ok as c_int
            }
            Err(why) => {
                log_warning(&format!(
                    "inval: the snapshot is refused, nothing of it is used: {why}; restore a good copy of the file, or see 'A damaged snapshot' in the README"
                ));
                raw::Status::Err as c_int
            }
        }
    })
}

fn read(io: *mut raw::RedisModuleIO, encoding: c_int) -> Result<Snapshot, String> {
    if encoding > ENCODING {
        return Err(format!(
            "it has encoding {encoding}, this module reads {ENCODING}; load a newer module"
        ));
    }
    let mut decoder = Decoder::default();
    loop {
        let mut len = 0;
        let buffer =
            call!(RedisModule_LoadStringBuffer(io, &raw mut len)).unwrap_or(std::ptr::null_mut());
        if buffer.is_null() || call!(RedisModule_IsIOError(io)).is_some_and(|error| error != 0) {
            return Err("it ends too early, or cannot be read".to_owned());
        }
        // SAFETY: the server gave us a buffer of this length, ours to free.
        let fed = decoder.feed(unsafe { std::slice::from_raw_parts(buffer.cast(), len) });
        call!(RedisModule_Free(buffer.cast()));
        if let Some(snapshot) = fed? {
            return Ok(snapshot);
        }
    }
}
