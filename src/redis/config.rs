//! `inval.*`: default, bounds, unit; read and set with CONFIG, or as arguments of the module.

pub(super) mod health;

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_void};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::{RedisGILGuard, raw};

use super::api::{Ctx, bytes, call, log_warning};
use super::glue::ascii;
use super::guard::guarded;
use super::journal;
use super::state::{MainThread, shared};
use super::switches;
use super::walk;
use super::warming;
use crate::commands::keyspace::EventLimits;
use crate::domain::batch::{BATCH_SIZE_MAX, BATCH_TIMEOUT_MAX_MS};
use crate::domain::batches::BatchLimits;
use crate::domain::budget::{STEPS_MAX_DEFAULT, StepsMax};
use crate::domain::fence::Fence;
use crate::domain::journal::JournalLimits;
use crate::domain::warm_terms::DELAY_MAX_MS;

/// Microseconds of one slice of the walk over a keyspace that was there before, and of the
/// search for the members of new standing patterns.
pub(super) static INDEX_SLICE_US: AtomicI64 = AtomicI64::new(500);

/// Seconds between two comparisons of what is known with what the server counts; 0 for never.
pub(super) static CHECK_INTERVAL_S: AtomicI64 = AtomicI64::new(60);

/// Microseconds of one slice of the deletions that `ASYNC` asks for.
pub(super) static ASYNC_SLICE_US: AtomicI64 = AtomicI64::new(500);

/// Keys of a plan that is carried out while the server waits: about a second's work.
pub(super) static SYNC_MAX_KEYS: AtomicI64 = AtomicI64::new(1_000_000);

/// Milliseconds that a fill token lives: longer than a value takes to compute, short enough that
/// after a reader that died the next one may fill.
pub(super) static TOKEN_TTL_MS: AtomicI64 = AtomicI64::new(10_000);

/// Microseconds of one slice of taking the entries of sources.
pub(super) static SOURCE_SLICE_US: AtomicI64 = AtomicI64::new(1000);

/// Entries that the dead stream of a source keeps, about; the oldest go first.
pub(super) static DEAD_MAXLEN: AtomicI64 = AtomicI64::new(10_000);

/// Different events that a rule collects, where it does not say.
static BATCH_SIZE: AtomicI64 = AtomicI64::new(10);

/// Milliseconds that a collected event waits, where its rule does not say.
static BATCH_TIMEOUT_MS: AtomicI64 = AtomicI64::new(5000);

/// Milliseconds for which the id of an event is known: longer than whoever delivers it again
/// takes to do so.
static DEDUPE_WINDOW_MS: AtomicI64 = AtomicI64::new(300_000);

/// Ids that are known, and entities: some 150 bytes each.
static DEDUPE_MAX: AtomicI64 = AtomicI64::new(100_000);

/// Microseconds of the fastest invalidation that is logged; -1: nothing is.
static LOG_SLOWER_THAN_US: AtomicI64 = AtomicI64::new(0);

/// Most entries of the log, some 150 bytes each.
static LOG_MAX_LEN: AtomicI64 = AtomicI64::new(128);

/// Most keys of which it is known why they went: some 150 bytes for each invalidation, and the
/// name.
static WHY_RING: AtomicI64 = AtomicI64::new(10_000);

/// Names in a list of a published message; -1: nothing is published.
static PUBLISH_NAMES: AtomicI64 = AtomicI64::new(100);

/// How events are collected, remembered and published.
pub(super) fn event_limits() -> EventLimits {
    let value = |number: &AtomicI64| number.load(Ordering::Relaxed);
    EventLimits {
        batch: BatchLimits {
            size: value(&BATCH_SIZE).unsigned_abs(),
            timeout_ms: value(&BATCH_TIMEOUT_MS).unsigned_abs(),
        },
        dedupe_window_ms: value(&DEDUPE_WINDOW_MS).unsigned_abs(),
        dedupe_max: usize::try_from(value(&DEDUPE_MAX)).unwrap_or(0),
        publish_names: usize::try_from(value(&PUBLISH_NAMES)).ok(),
    }
}

/// Bytes that the index may take; 0 for any number.
static MAX_INDEX_MEMORY: AtomicI64 = AtomicI64::new(0);

/// Steps that matching may take for one plan; 0 for any number.
static PATTERN_MAX_STEPS: AtomicI64 = AtomicI64::new(STEPS_MAX_DEFAULT.cast_signed());

struct Number {
    name: &'static CStr,
    value: &'static AtomicI64,
    min: i64,
    max: i64,
    /// Whether it is bytes, which may be written as `512mb`.
    is_memory: bool,
}

impl Number {
    const fn new(name: &'static CStr, value: &'static AtomicI64, min: i64, max: i64) -> Self {
        Self { name, value, min, max, is_memory: false }
    }

    /// Reads an argument of the module.
    fn parse(&self, text: &str) -> Result<i64, String> {
        let value = if self.is_memory { parse_memory(text) } else { text.parse().ok() };
        value.filter(|value| (self.min..=self.max).contains(value)).ok_or_else(|| {
            let kind = if self.is_memory { "size such as 512mb, or a number" } else { "number" };
            let (name, min, max) = (self.name.to_string_lossy(), self.min, self.max);
            format!("argument {name} '{text}' is not a {kind} from {min} to {max}")
        })
    }
}

static NUMBERS: [Number; 22] = [
    Number::new(c"log-stream-maxlen", &journal::STREAM_MAXLEN, 0, 10_000_000),
    Number::new(c"log-slower-than", &LOG_SLOWER_THAN_US, -1, i64::MAX),
    Number::new(c"log-max-len", &LOG_MAX_LEN, 0, 1_000_000),
    Number::new(c"why-ring", &WHY_RING, 0, 10_000_000),
    Number::new(c"source-slice-us", &SOURCE_SLICE_US, 50, 1_000_000),
    Number::new(c"dead-maxlen", &DEAD_MAXLEN, 1, 10_000_000),
    Number::new(c"batch-size", &BATCH_SIZE, 1, BATCH_SIZE_MAX.cast_signed()),
    Number::new(c"batch-timeout", &BATCH_TIMEOUT_MS, 1, BATCH_TIMEOUT_MAX_MS.cast_signed()),
    Number::new(c"dedupe-window", &DEDUPE_WINDOW_MS, 0, 7 * 86_400_000),
    Number::new(c"dedupe-max", &DEDUPE_MAX, 0, 100_000_000),
    Number::new(c"publish-names", &PUBLISH_NAMES, -1, 100_000),
    Number::new(c"token-ttl", &TOKEN_TTL_MS, 1, 3_600_000),
    Number::new(c"async-slice-us", &ASYNC_SLICE_US, 1, 1_000_000),
    Number::new(c"sync-max-keys", &SYNC_MAX_KEYS, 1, 1 << 32),
    Number::new(c"check-interval", &CHECK_INTERVAL_S, 0, 86_400),
    Number::new(c"warm-maxlen", &warming::MAXLEN, 0, 10_000_000),
    Number::new(c"warm-delay", &warming::DELAY_MS, 0, DELAY_MAX_MS.cast_signed()),
    Number::new(c"warm-hot", &warming::HOT_MS, 1000, 86_400_000),
    Number::new(c"warm-timeout", &warming::TIMEOUT_MS, 1, 86_400_000),
    Number::new(c"index-slice-us", &INDEX_SLICE_US, 50, 1_000_000),
    Number::new(c"pattern-max-steps", &PATTERN_MAX_STEPS, 0, i64::MAX),
    Number { is_memory: true, ..Number::new(c"max-index-memory", &MAX_INDEX_MEMORY, 0, i64::MAX) },
];

/// All numbers.
fn numbers() -> impl Iterator<Item = &'static Number> {
    NUMBERS.iter().chain(health::NUMBERS.iter())
}

/// Reads a size as the server's own configuration does (Redis `src/util.c`, `memtoull`).
fn parse_memory(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..)? {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

const FENCE: &CStr = c"fence";

/// The string that `CONFIG GET inval.fence` shows: the server asks us to keep it.
static FENCE_STRING: LazyLock<RedisGILGuard<Cell<*mut raw::RedisModuleString>>> =
    LazyLock::new(|| RedisGILGuard::new(Cell::new(std::ptr::null_mut())));

/// Whether `name` is a configuration.
pub(super) fn is_known(name: &str) -> bool {
    [FENCE, health::PROFILE].iter().any(|known| known.to_bytes() == name.as_bytes())
        || switches::is_known(name)
        || numbers().any(|number| number.name.to_bytes() == name.as_bytes())
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
    for number in numbers() {
        let default = match given(number.name) {
            None => number.value.load(Ordering::Relaxed),
            Some(text) => number.parse(text)?,
        };
        let data: *const Number = number;
        let status = call!(RedisModule_RegisterNumericConfig(
            ctx.0,
            number.name.as_ptr(),
            default,
            if number.is_memory { raw::REDISMODULE_CONFIG_MEMORY } else { 0 },
            number.min,
            number.max,
            Some(get_number),
            Some(set_number),
            Some(on_number_applied),
            data.cast_mut().cast()
        ));
        registered(status, number.name)?;
    }
    switches::register(ctx, given)?;
    health::register(ctx, given(health::PROFILE))?;
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
    apply_numbers(ctx);
    apply_fence(ctx);
    switches::apply(ctx);
    Ok(())
}

pub(super) fn registered(status: Option<c_int>, name: &CStr) -> Result<(), String> {
    match status == Some(raw::Status::Ok as c_int) {
        true => Ok(()),
        false => {
            Err(format!("the server refused the configuration inval.{}", name.to_string_lossy()))
        }
    }
}

extern "C" fn get_number(_: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: `data` is one of `numbers`, which lives for ever.
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

extern "C" fn on_number_applied(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || apply_numbers(Ctx(ctx)));
    raw::Status::Ok as c_int
}

/// Tells the state its limits.
fn apply_numbers(ctx: Ctx) {
    let value = |number: &AtomicI64| number.load(Ordering::Relaxed).unsigned_abs();
    let max = usize::try_from(value(&MAX_INDEX_MEMORY)).unwrap_or(usize::MAX);
    shared(&ctx, |shared| {
        shared.with(|state| {
            state.steps_max = StepsMax(value(&PATTERN_MAX_STEPS));
            state.set_journal_limits(JournalLimits {
                slower_than_micros: u64::try_from(LOG_SLOWER_THAN_US.load(Ordering::Relaxed)).ok(),
                log_len: value(&LOG_MAX_LEN),
                why_keys: value(&WHY_RING),
            });
            if state.memory.max() != max {
                state.set_index_max(max);
            }
        });
    });
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
