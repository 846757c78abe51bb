//! Walks over the names of a database.

use std::ffi::c_void;

use redis_module::raw;

use super::api::{Ctx, bytes, call};
use super::guard::guarded;

/// A walk over the selected database. The crate's own cursor leaks every name.
pub(super) struct Cursor(*mut raw::RedisModuleScanCursor);

impl Cursor {
    pub(super) fn new() -> Self {
        Self(call!(RedisModule_ScanCursorCreate()).unwrap_or(std::ptr::null_mut()))
    }

    /// Shows the names of the next few buckets; false when all have been shown.
    pub(super) fn step(&mut self, ctx: Ctx, visit: &mut dyn FnMut(&[u8])) -> bool {
        if self.0.is_null() {
            return false;
        }
        let mut visit = visit;
        let data: *mut c_void = (&raw mut visit).cast();
        call!(RedisModule_Scan(ctx.0, self.0, Some(on_scanned), data)).is_some_and(|more| more != 0)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        if !self.0.is_null() {
            call!(RedisModule_ScanCursorDestroy(self.0));
        }
    }
}

extern "C" fn on_scanned(
    _: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    _: *mut raw::RedisModuleKey,
    data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: `data` is the closure that `Cursor::step` lends for the length of the call.
        let visit = unsafe { &mut *data.cast::<&mut dyn FnMut(&[u8])>() };
        // SAFETY: the server keeps the name until this callback returns.
        visit(unsafe { bytes(name) });
    });
}
