//! `inval.health-*`: the profile, the time between two evaluations, and two thresholds a check.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use redis_module::raw;

use super::{Number, registered};
use crate::commands::health::HealthSettings;
use crate::domain::health::thresholds::{Bounds, Check, Profile, Setting, Thresholds};
use crate::redis::api::{Ctx, call};
use crate::redis::guard::guarded;

/// The configuration that names the profile.
pub(super) const PROFILE: &CStr = c"health-profile";

/// The place of the profile in [`Profile::ALL`].
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Seconds between two evaluations: -1 as the profile says, 0 for never.
static INTERVAL_S: AtomicI64 = AtomicI64::new(OF_PROFILE);

/// What stands for the profile's own number, and what for none.
const OF_PROFILE: i64 = -1;
const OFF: i64 = -2;

/// A day: who evaluates less often does not.
const INTERVAL_MAX_S: i64 = 86_400;

/// The interval, then two thresholds for each check, in the order of the checks.
pub(super) static NUMBERS: LazyLock<Vec<Number>> = LazyLock::new(|| {
    let interval = Number::new(c"health-interval", &INTERVAL_S, OF_PROFILE, INTERVAL_MAX_S);
    let of_check = |check: Check| LEVELS.map(|level| threshold(check, level));
    [interval].into_iter().chain(Check::all().flat_map(of_check)).collect()
});

const LEVELS: [&str; 2] = ["warning", "critical"];

/// Made once for each, at the start: it lives as long as the module, as the server asks.
fn threshold(check: Check, level: &str) -> Number {
    let name = format!("health-{}-{level}", check.name().replace('_', "-"));
    let name: &'static CStr = Box::leak(CString::new(name).unwrap_or_default().into_boxed_c_str());
    let value = Box::leak(Box::new(AtomicI64::new(OF_PROFILE)));
    Number::new(name, value, OFF, check.max().cast_signed())
}

fn profile() -> Profile {
    Profile::ALL.get(CHOSEN.load(Ordering::Relaxed)).copied().unwrap_or_default()
}

/// What all of it says.
pub(in crate::redis) fn settings() -> HealthSettings {
    let profile = profile();
    let mut thresholds = Thresholds::of(profile);
    let mut numbers = NUMBERS.iter().skip(1);
    let mut next = || {
        let number = numbers.next().map_or(OF_PROFILE, |of| of.value.load(Ordering::Relaxed));
        Setting::of(number)
    };
    for check in Check::all() {
        let of_profile = profile.bounds(check);
        let (warning, critical) = (next(), next());
        let bounds = Bounds {
            warning: warning.or(of_profile.warning),
            critical: critical.or(of_profile.critical),
        };
        thresholds.set(check, bounds);
    }
    HealthSettings { profile, thresholds }
}

/// Milliseconds between two evaluations; `None` for never.
pub(in crate::redis) fn interval_ms() -> Option<u64> {
    let seconds = match INTERVAL_S.load(Ordering::Relaxed) {
        OF_PROFILE => profile().interval_s(),
        seconds => seconds.unsigned_abs(),
    };
    (seconds > 0).then_some(seconds * 1000)
}

/// Registers the profile; `given` is the module's argument.
///
/// # Errors
/// A profile that is none, or the server refuses.
pub(super) fn register(ctx: Ctx, given: Option<&str>) -> Result<(), String> {
    let names = Profile::ALL.map(Profile::as_str);
    if let Some(given) = given {
        let place = names.iter().position(|name| name.eq_ignore_ascii_case(given));
        let place = place.ok_or_else(|| {
            format!("argument health-profile '{given}' is none of {}", names.join(", "))
        })?;
        CHOSEN.store(place, Ordering::Relaxed);
    }
    let names = names.map(|name| CString::new(name).unwrap_or_default());
    let mut texts: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let values: Vec<c_int> = (0..).take(texts.len()).collect();
    let default = c_int::try_from(CHOSEN.load(Ordering::Relaxed)).unwrap_or(0);
    let count = c_int::try_from(texts.len()).unwrap_or(0);
    // The server copies names and values.
    let status = call!(RedisModule_RegisterEnumConfig(
        ctx.0,
        PROFILE.as_ptr(),
        default,
        0,
        texts.as_mut_ptr(),
        values.as_ptr(),
        count,
        Some(get_profile),
        Some(set_profile),
        None,
        std::ptr::null_mut()
    ));
    registered(status, PROFILE)
}

extern "C" fn get_profile(_: *const c_char, _: *mut c_void) -> c_int {
    guarded(0, || c_int::try_from(CHOSEN.load(Ordering::Relaxed)).unwrap_or(0))
}

extern "C" fn set_profile(
    _: *const c_char,
    value: c_int,
    _: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || CHOSEN.store(usize::try_from(value).unwrap_or(0), Ordering::Relaxed));
    raw::Status::Ok as c_int
}
