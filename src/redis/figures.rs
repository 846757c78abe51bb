//! What the server itself counts, asked for once a second.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::keyspace::monotonic_ms;
use super::state::enter_for_nobody;
use crate::commands::windows;
use crate::domain::windows::ServerFigures;

/// Milliseconds between two looks.
const LOOK_EVERY_MS: u64 = 1000;

/// When the last look was.
static LOOKED_MS: AtomicU64 = AtomicU64::new(0);

/// Looks at all counters if it is time. Called from time to time.
pub(super) fn settle(ctx: Ctx) {
    let now_ms = monotonic_ms();
    if now_ms.saturating_sub(LOOKED_MS.load(Ordering::Relaxed)) >= LOOK_EVERY_MS {
        begin(ctx);
    }
}

/// Looks at all counters.
pub(super) fn begin(ctx: Ctx) {
    LOOKED_MS.store(monotonic_ms(), Ordering::Relaxed);
    enter_for_nobody(ctx, windows::tick);
}

/// See [`ServerFigures`]; nothing where the server tells nothing.
pub(super) fn of_server(ctx: Ctx) -> ServerFigures {
    let info = call!(RedisModule_GetServerInfo(ctx.0, c"stats".as_ptr()));
    let Some(info) = info.filter(|info| !info.is_null()) else { return ServerFigures::default() };
    let field = |name: &CStr| {
        let mut error: c_int = 0;
        let value =
            call!(RedisModule_ServerInfoGetFieldUnsigned(info, name.as_ptr(), &raw mut error));
        value.filter(|_| error == raw::Status::Ok as c_int).unwrap_or(0)
    };
    let figures = ServerFigures {
        hits: field(c"keyspace_hits"),
        misses: field(c"keyspace_misses"),
        evicted: field(c"evicted_keys"),
    };
    call!(RedisModule_FreeServerInfo(ctx.0, info));
    figures
}
