//! What the server itself counts, asked for once a second.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, call};
use super::keyspace::monotonic_ms;
use super::state::enter_for_nobody;
use crate::commands::windows;
use crate::domain::health::observed::Memory;
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
    let Some(info) = Info::of(ctx, c"stats") else { return ServerFigures::default() };
    ServerFigures {
        hits: info.number(c"keyspace_hits"),
        misses: info.number(c"keyspace_misses"),
        evicted: info.number(c"evicted_keys"),
    }
}

/// See [`Memory`]; `None` without a limit.
pub(super) fn memory(ctx: Ctx) -> Option<Memory> {
    let info = Info::of(ctx, c"memory")?;
    let (used, max) = (info.number(c"used_memory"), info.number(c"maxmemory"));
    let policy = || ctx.config(c"maxmemory-policy").unwrap_or_default();
    (max > 0).then(|| Memory { used, max, policy: policy() })
}

/// A section of the server's INFO, given back when dropped.
struct Info {
    ctx: Ctx,
    data: *mut raw::RedisModuleServerInfoData,
}

impl Info {
    fn of(ctx: Ctx, section: &CStr) -> Option<Self> {
        let data = call!(RedisModule_GetServerInfo(ctx.0, section.as_ptr()));
        data.filter(|data| !data.is_null()).map(|data| Self { ctx, data })
    }

    /// The number of a field; 0 without one.
    fn number(&self, name: &CStr) -> u64 {
        let mut error: c_int = 0;
        let value =
            call!(RedisModule_ServerInfoGetFieldUnsigned(self.data, name.as_ptr(), &raw mut error));
        value.filter(|_| error == raw::Status::Ok as c_int).unwrap_or(0)
    }
}

impl Drop for Info {
    fn drop(&mut self) {
        call!(RedisModule_FreeServerInfo(self.ctx.0, self.data));
    }
}
