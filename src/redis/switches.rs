//! The `inval.*` that are yes or no.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::guard::guarded;
use super::reads;

/// Whether reads of all commands are counted.
pub(super) static TRACK_READS: AtomicBool = AtomicBool::new(false);

const NAME: &CStr = c"track-reads";

/// Whether `name` is one.
pub(super) fn is_known(name: &str) -> bool {
    name.as_bytes() == NAME.to_bytes()
}

/// Registers it; `given` is the module's argument of that name, if there is one.
///
/// # Errors
/// A bad argument, or the server refuses.
pub(super) fn register<'g>(
    ctx: Ctx,
    given: impl Fn(&CStr) -> Option<&'g str>,
) -> Result<(), String> {
    let default = match given(NAME) {
        None => TRACK_READS.load(Ordering::Relaxed),
        Some(text) if text.eq_ignore_ascii_case("yes") => true,
        Some(text) if text.eq_ignore_ascii_case("no") => false,
        Some(text) => {
            let name = NAME.to_string_lossy();
            return Err(format!("argument {name} '{text}' is neither yes nor no"));
        }
    };
    let status = call!(RedisModule_RegisterBoolConfig(
        ctx.0,
        NAME.as_ptr(),
        c_int::from(default),
        0,
        Some(get),
        Some(set),
        Some(on_applied),
        std::ptr::null_mut()
    ));
    super::config::registered(status, NAME)
}

extern "C" fn get(_: *const c_char, _: *mut c_void) -> c_int {
    c_int::from(TRACK_READS.load(Ordering::Relaxed))
}

extern "C" fn set(
    _: *const c_char,
    value: c_int,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    TRACK_READS.store(value != 0, Ordering::Relaxed);
    raw::Status::Ok as c_int
}

extern "C" fn on_applied(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || reads::apply(Ctx(ctx)));
    raw::Status::Ok as c_int
}
