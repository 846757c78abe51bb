//! No panic leaves us: one that crosses into the server would end it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::api::log_warning;

/// Panics caught so far. Not 0 is a bug; INFO shows it.
pub(super) static PANICS: AtomicU64 = AtomicU64::new(0);

/// Runs `body`; gives `fallback` when it panics. The hook has written the log line by then.
pub(super) fn guarded<R>(fallback: R, body: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(_) => {
            PANICS.fetch_add(1, Ordering::Relaxed);
            fallback
        }
    }
}

/// Sends panic messages to the server's log instead of its standard error.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.to_string().replace('\n', " ");
        log_warning(&format!("inval: panic, please report this line: {what}"));
    }));
}
