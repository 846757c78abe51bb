//! DEL and UNLINK of keys that are not there: no notification tells of them, and yet whoever asks
//! for one says that the value is stale. The command filter hears them while fill tokens live.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::{RedisLockIndicator, raw};

use super::copies::{is_transaction_open, word};
use super::guard::guarded;
use super::state::{MainThread, shared};
use super::waiters;

/// Whether a fill token may live.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// A token is given: deletions are heard from here on.
pub(super) fn await_them() {
    AWAITED.store(true, Ordering::Relaxed);
}

/// Whether a deletion may void a token, now or when its transaction runs.
pub(super) fn are_awaited() -> bool {
    AWAITED.load(Ordering::Relaxed) || is_transaction_open()
}

/// Most names remembered of transactions that are open. Beyond, all tokens are void.
const QUEUED_MAX: usize = 10_000;

/// `DEL key [key ...]`, `UNLINK key [key ...]`: the tokens of the keys are void, in whatever
/// database. In a transaction it runs later: then once more.
#[cold]
#[inline(never)]
pub(super) fn announce(filter: *mut raw::RedisModuleCommandFilterCtx, name: &[u8]) {
    let deletes = name.eq_ignore_ascii_case(b"DEL") || name.eq_ignore_ascii_case(b"UNLINK");
    if !deletes || !are_awaited() {
        return;
    }
    guarded((), || {
        // SAFETY: filters run on the main thread.
        let main = unsafe { MainThread::assume() };
        let is_queued = is_transaction_open();
        let names = (1..c_int::MAX).map_while(|at| word(filter, at));
        shared(&main, |shared| {
            shared.with(|state| {
                for name in names {
                    state.tokens.void_anywhere(name);
                    if is_queued {
                        state.tokens.queue(name, QUEUED_MAX);
                    }
                }
            });
        });
        waiters::serve(&main);
    });
}

/// A transaction is carried out: it may be one that deletes.
pub(super) fn exec() {
    if !AWAITED.load(Ordering::Relaxed) {
        return;
    }
    guarded((), || {
        // SAFETY: filters run on the main thread.
        let main = unsafe { MainThread::assume() };
        shared(&main, |shared| shared.with(|state| state.tokens.void_queued()));
        waiters::serve(&main);
    });
}

/// Forgets what nobody waits for any more. Called from time to time.
pub(super) fn settle(witness: &impl RedisLockIndicator) {
    let is_empty = shared(witness, |shared| {
        shared.with(|state| {
            if !is_transaction_open() {
                state.tokens.forget_queued();
            }
            state.tokens.is_empty()
        })
    });
    AWAITED.store(!is_empty, Ordering::Relaxed);
}
