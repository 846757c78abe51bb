//! COPY tells its target and not its source; a command filter hears both when it is asked for.

use std::ffi::c_int;
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::api::{Ctx, bytes, call};
use super::deletes;
use super::guard::guarded;
use super::reads;
use super::state::{MainThread, shared};
use crate::domain::name::Db;
use crate::domain::travel::Announced;

/// Transactions that clients have open. Too high when a client goes away inside one: then
/// announced copies that failed are kept for longer, and lend their tags to copies of later
/// transactions onto the same name: keys may gain tags, and lose none.
static OPEN_TRANSACTIONS: AtomicI64 = AtomicI64::new(0);

/// Not called for what the module itself calls.
const NO_SELF: c_int = 1;

/// Registers the filter; false when the server refuses.
pub(super) fn register(ctx: Ctx) -> bool {
    call!(RedisModule_RegisterCommandFilter(ctx.0, Some(on_command), NO_SELF))
        .is_some_and(|filter| !filter.is_null())
}

/// Forgets copies that have been made or have failed. Called from time to time.
pub(super) fn settle(ctx: Ctx) {
    if !is_transaction_open() {
        shared(&ctx, |shared| shared.with(|state| state.travel.settle()));
    }
}

/// Words of GET and the like: of those that we ask for, only a deletion has so many.
const READS: c_int = 2;

/// Called for every command of every client, before it is queued or run: the number of its
/// words or the length of its name is all that most commands are asked for.
extern "C" fn on_command(filter: *mut raw::RedisModuleCommandFilterCtx) {
    match reads::are_tracked() {
        false => find_ours(filter),
        true => {
            reads::hear(filter);
            find_ours(filter);
        }
    }
}

#[inline(always)]
fn find_ours(filter: *mut raw::RedisModuleCommandFilterCtx) {
    if call!(RedisModule_CommandFilterArgsCount(filter)) == Some(READS) && !deletes::are_awaited() {
        return;
    }
    let Some(name) = word(filter, 0) else { return };
    match (name.len(), name.first()) {
        (4 | 5 | 7, _) => may_be_ours(filter, name),
        (3, Some(b'D' | b'd')) | (6, Some(b'U' | b'u')) => deletes::announce(filter, name),
        _ => {}
    }
}

/// Apart, so that every other command pays for no more registers than the question needs.
#[cold]
#[inline(never)]
fn may_be_ours(filter: *mut raw::RedisModuleCommandFilterCtx, name: &[u8]) {
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"COPY") => guarded((), || announce(filter)),
        4 if name.eq_ignore_ascii_case(b"EXEC") => {
            deletes::exec();
            close();
        }
        5 if name.eq_ignore_ascii_case(b"MULTI") => guarded((), open),
        7 if name.eq_ignore_ascii_case(b"DISCARD") => close(),
        _ => {}
    }
}

/// What was announced before the first open transaction has been made, or has failed: its tags
/// are not for this one's copies.
fn open() {
    if OPEN_TRANSACTIONS.fetch_add(1, Ordering::Relaxed) == 0 {
        // SAFETY: filters run on the main thread.
        let main = unsafe { MainThread::assume() };
        shared(&main, |shared| shared.with(|state| state.travel.settle()));
    }
}

/// Whether a client may have a transaction open.
pub(super) fn is_transaction_open() -> bool {
    OPEN_TRANSACTIONS.load(Ordering::Relaxed) > 0
}

fn close() {
    let less = |open: i64| Some((open - 1).max(0));
    let _ = OPEN_TRANSACTIONS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

/// `COPY source target [DB n] [REPLACE]`
fn announce(filter: *mut raw::RedisModuleCommandFilterCtx) {
    let (Some(source), Some(target)) = (word(filter, 1), word(filter, 2)) else { return };
    let db = (3..5).find_map(|at| {
        let names_db = word(filter, at)?.eq_ignore_ascii_case(b"DB");
        let number = std::str::from_utf8(word(filter, at + 1)?).ok()?;
        if names_db { number.parse().ok().map(Db) } else { None }
    });
    let copy = Announced { source: source.to_vec(), target: target.to_vec(), db };
    // SAFETY: filters run on the main thread.
    let main = unsafe { MainThread::assume() };
    shared(&main, |shared| shared.with(|state| state.travel.announce(copy)));
}

/// A word of the command, valid until the filter returns.
pub(super) fn word<'a>(
    filter: *mut raw::RedisModuleCommandFilterCtx,
    at: c_int,
) -> Option<&'a [u8]> {
    let word = call!(RedisModule_CommandFilterArgGet(filter, at))?;
    // SAFETY: the server keeps the command's words until the filter returns.
    (!word.is_null()).then(|| unsafe { bytes(word) })
}
