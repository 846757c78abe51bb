//! The `inval.*` that are yes or no.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::guard::guarded;
use super::reads;
use super::state::shared;

/// Whether reads of all commands are counted.
pub(super) static TRACK_READS: AtomicBool = AtomicBool::new(false);

/// Whether invalidations are counted, logged and remembered.
static STATISTICS: AtomicBool = AtomicBool::new(true);

struct Switch {
    name: &'static CStr,
    value: &'static AtomicBool,
}

static SWITCHES: [Switch; 2] = [
    Switch { name: c"track-reads", value: &TRACK_READS },
    Switch { name: c"statistics", value: &STATISTICS },
];

/// Whether `name` is one.
pub(super) fn is_known(name: &str) -> bool {
    SWITCHES.iter().any(|switch| switch.name.to_bytes() == name.as_bytes())
}

/// Registers them; `given` is the module's argument of a name, if there is one.
///
/// # Errors
/// A bad argument, or the server refuses.
pub(super) fn register<'g>(
    ctx: Ctx,
    given: impl Fn(&CStr) -> Option<&'g str>,
) -> Result<(), String> {
    for switch in &SWITCHES {
        let default = match given(switch.name) {
            None => switch.value.load(Ordering::Relaxed),
            Some(text) if text.eq_ignore_ascii_case("yes") => true,
            Some(text) if text.eq_ignore_ascii_case("no") => false,
            Some(text) => {
                let name = switch.name.to_string_lossy();
                return Err(format!("argument {name} '{text}' is neither yes nor no"));
            }
        };
        let data: *const Switch = switch;
        let status = call!(RedisModule_RegisterBoolConfig(
            ctx.0,
            switch.name.as_ptr(),
            c_int::from(default),
            0,
            Some(get),
            Some(set),
            Some(on_applied),
            data.cast_mut().cast()
        ));
        super::config::registered(status, switch.name)?;
    }
    Ok(())
}

/// Makes the values count.
pub(super) fn apply(ctx: Ctx) {
    reads::apply(ctx);
    let uncounted = !STATISTICS.load(Ordering::Relaxed);
    shared(&ctx, |shared| shared.with(|state| state.uncounted = uncounted));
}

extern "C" fn get(_: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: `data` is an entry of `SWITCHES`, which lives for ever.
    guarded(0, || c_int::from(unsafe { &*data.cast::<Switch>() }.value.load(Ordering::Relaxed)))
}

extern "C" fn set(
    _: *const c_char,
    value: c_int,
    data: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above.
    guarded((), || unsafe { &*data.cast::<Switch>() }.value.store(value != 0, Ordering::Relaxed));
    raw::Status::Ok as c_int
}

extern "C" fn on_applied(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || apply(Ctx(ctx)));
    raw::Status::Ok as c_int
}
