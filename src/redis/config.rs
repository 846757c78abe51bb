//! `inval.*`: default, bounds, unit; read and set with CONFIG, or as arguments of the module.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_void};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::{RedisGILGuard, raw};

use super::api::{Ctx, bytes, call, log_warning};
use super::glue::ascii;
use super::guard::guarded;
use super::state::{MainThread, shared};
use super::walk;
use crate::domain::fence::Fence;

/// Entries the warm stream keeps; the oldest go first. 0 switches the queue off.
pub(super) static WARM_MAXLEN: AtomicI64 = AtomicI64::new(10_000);

/// Microseconds of one slice of the walk over a keyspace that was there before, and of the
/// search for the members of new standing patterns.
pub(super) static INDEX_SLICE_US: AtomicI64 = AtomicI64::new(500);

/// Seconds between two comparisons of what is known with what the server counts; 0 for never.
pub(super) static CHECK_INTERVAL_S: AtomicI64 = AtomicI64::new(60);

/// Microseconds of one slice of the deletions that `ASYNC` asks for.
pub(super) static ASYNC_SLICE_US: AtomicI64 = AtomicI64::new(500);

/// Keys of a plan that is carried out while the server waits: about a second's work.
pub(super) static SYNC_MAX_KEYS: AtomicI64 = AtomicI64::new(1_000_000);

struct Number {
    name: &'static CStr,
    value: &'static AtomicI64,
    min: i64,
    max: i64,
}

static NUMBERS: [Number; 5] = [
    Number { name: c"async-slice-us", value: &ASYNC_SLICE_US, min: 1, max: 1_000_000 },
    Number { name: c"sync-max-keys", value: &SYNC_MAX_KEYS, min: 1, max: 1 << 32 },
    Number { name: c"check-interval", value: &CHECK_INTERVAL_S, min: 0, max: 86_400 },
    Number { name: c"warm-maxlen", value: &WARM_MAXLEN, min: 0, max: 10_000_000 },
    Number { name: c"index-slice-us", value: &INDEX_SLICE_US, min: 50, max: 1_000_000 },
];

const FENCE: &CStr = c"fence";

/// The string that `CONFIG GET inval.fence` shows: the server asks us to keep it.
static FENCE_STRING: LazyLock<RedisGILGuard<Cell<*mut raw::RedisModuleString>>> =
    LazyLock::new(|| RedisGILGuard::new(Cell::new(std::ptr::null_mut())));

/// Whether `name` is a configuration.
pub(super) fn is_known(name: &str) -> bool {
    name.as_bytes() == FENCE.to_bytes()
        || NUMBERS.iter().any(|number| number.name.to_bytes() == name.as_bytes())
}

/// Registers all configurations; `given` are the module's arguments, which become the
/// defaults: what the configuration file says goes before them.
///
/// # Errors
/// A bad argument, or the server refuses a value of its configuration file.
pub(super) fn register(ctx: Ctx, given: &[(String, String)]) -> Result<(), String> {
    let given = |name: &CStr| {
        given
            .iter()
            .find(|(given, _)| given.as_bytes() == name.to_bytes())
            .map(|(_, value)| value.as_str())
    };
    for number in &NUMBERS {
        let default = match given(number.name) {
            None => number.value.load(Ordering::Relaxed),
            Some(text) => text
                .parse()
                .ok()
                .filter(|value| (number.min..=number.max).contains(value))
                .ok_or_else(|| {
                    format!(
                        "argument {} '{text}' is not a number from {} to {}",
                        number.name.to_string_lossy(),
                        number.min,
                        number.max
                    )
                })?,
        };
        let data: *const Number = number;
        let status = call!(RedisModule_RegisterNumericConfig(
            ctx.0,
            number.name.as_ptr(),
            default,
            0,
            number.min,
            number.max,
            Some(get_number),
            Some(set_number),
            None,
            data.cast_mut().cast()
        ));
        registered(status, number.name)?;
    }
    let fence = given(FENCE).unwrap_or("");
    Fence::parse(fence).map_err(|error| error.to_string())?;
    let default = CString::new(fence).map_err(|_| "argument fence holds a NUL byte".to_owned())?;
    let status = call!(RedisModule_RegisterStringConfig(
        ctx.0,
        FENCE.as_ptr(),
        default.as_ptr(),
        0,
        Some(get_fence),
        Some(set_fence),
        Some(on_fence_applied),
        std::ptr::null_mut()
    ));
    registered(status, FENCE)?;
    if call!(RedisModule_LoadConfigs(ctx.0)) != Some(raw::Status::Ok as c_int) {
        return Err("the server refused a value of an inval.* configuration".to_owned());
    }
    apply_fence(ctx);
    Ok(())
}

fn registered(status: Option<c_int>, name: &CStr) -> Result<(), String> {
    match status == Some(raw::Status::Ok as c_int) {
        true => Ok(()),
        false => {
            Err(format!("the server refused the configuration inval.{}", name.to_string_lossy()))
        }
    }
}

extern "C" fn get_number(_: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: `data` is an entry of `NUMBERS`, which lives for ever.
    guarded(0, || unsafe { &*data.cast::<Number>() }.value.load(Ordering::Relaxed))
}

extern "C" fn set_number(
    _: *const c_char,
    value: c_longlong,
    data: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above.
    guarded((), || unsafe { &*data.cast::<Number>() }.value.store(value, Ordering::Relaxed));
    raw::Status::Ok as c_int
}

extern "C" fn get_fence(_: *const c_char, _: *mut c_void) -> *mut raw::RedisModuleString {
    guarded(std::ptr::null_mut(), || {
        // SAFETY: configuration callbacks run on the main thread.
        FENCE_STRING.lock(&unsafe { MainThread::assume() }).get()
    })
}

/// Checks and keeps the value; [`apply_fence`] makes it count, when the server has taken all
/// values of a CONFIG SET.
extern "C" fn set_fence(
    _: *const c_char,
    value: *mut raw::RedisModuleString,
    _: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded(raw::Status::Err as c_int, || {
        // SAFETY: configuration callbacks run on the main thread.
        let main = unsafe { MainThread::assume() };
        // SAFETY: the server keeps the value until this callback returns.
        match parse_fence(unsafe { bytes(value) }) {
            Ok(fence) => {
                keep(&main, fence.source());
                raw::Status::Ok as c_int
            }
            Err(why) => {
                let why = ascii(&why);
                // Of a value in a file the server does not tell why it was refused.
                log_warning(&format!("inval: {why}"));
                if let Some(text) = call!(RedisModule_CreateString(
                    std::ptr::null_mut(),
                    why.as_ptr().cast(),
                    why.len()
                )) {
                    // SAFETY: the server passes the place for an error text and frees it.
                    unsafe { *error = text };
                }
                raw::Status::Err as c_int
            }
        }
    })
}

fn parse_fence(text: &[u8]) -> Result<Fence, String> {
    let text = std::str::from_utf8(text).map_err(|_| "inval.fence is not UTF-8".to_owned())?;
    Fence::parse(text).map_err(|error| error.to_string())
}

extern "C" fn on_fence_applied(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || apply_fence(Ctx(ctx)));
    raw::Status::Ok as c_int
}

/// Makes the kept fence count: forgets the keys outside at once, and has the keys looked for
/// that a wider one lets in and nobody announces.
pub(super) fn apply_fence(ctx: Ctx) {
    let kept = FENCE_STRING.lock(&ctx).get();
    // SAFETY: the string is ours until the next `keep`.
    let Ok(fence) = parse_fence(unsafe { bytes(kept) }) else { return };
    let changed = shared(&ctx, |shared| {
        shared.with(|state| {
            let changed = *state.fence() != fence;
            if changed {
                state.set_fence(fence);
                state.index.incomplete = true;
            }
            changed
        })
    });
    if changed {
        // A walk under way has passed keys by the old fence.
        walk::abandon(ctx);
    }
}

fn keep(main: &MainThread, text: &str) {
    let new =
        call!(RedisModule_CreateString(std::ptr::null_mut(), text.as_ptr().cast(), text.len()));
    let old = FENCE_STRING.lock(main).replace(new.unwrap_or(std::ptr::null_mut()));
    if !old.is_null() {
        call!(RedisModule_FreeString(std::ptr::null_mut(), old));
    }
}
