//! Clients that wait for a value (`INVAL.FETCH key WAIT ms`), and how they are told.
//!
//! Times are kept by timers of our own and not by the server's timeout of blocked clients: one
//! that is over in the moment the client was unblocked would leave it without any reply (Redis
//! `src/module.c`, `moduleBlockedClientTimedOut`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use redis_module::{RedisGILGuard, RedisLockIndicator, raw};

use super::api::{Ctx, call};
use super::glue;
use super::guard::guarded;
use super::keyspace::{monotonic_ms, random_token, token_ttl_ms};
use super::state::{MainThread, enter, shared};
use crate::commands::fetch;
use crate::domain::tokens::Token;
use crate::domain::waiting::{Waiter, Wake};

/// By client, the timer that ends its time. A client is named by the address of its handle,
/// which the server keeps until we say that it waits no more.
static TIMERS: LazyLock<RedisGILGuard<RefCell<HashMap<Waiter, raw::RedisModuleTimerID>>>> =
    LazyLock::new(RedisGILGuard::default);

/// Whether somebody may wait.
static ANY: AtomicBool = AtomicBool::new(false);

/// A context that is no callback's: timers are stopped where the server gives none.
static DETACHED: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(std::ptr::null_mut());

/// What a client is told; the server hands it back when it calls for the reply.
struct Told {
    wake: Wake,
    heard: bool,
}

/// Called once, when the module is loaded.
pub(super) fn register(ctx: Ctx) {
    let detached = call!(RedisModule_GetDetachedThreadSafeContext(ctx.0));
    DETACHED.store(detached.unwrap_or(std::ptr::null_mut()), Ordering::Relaxed);
}

/// Has the client of a command wait; `None` where it may not, or the server cannot.
pub(super) fn block(ctx: Ctx, ms: u64) -> Option<Waiter> {
    let is_inside = raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING
        | raw::REDISMODULE_CTX_FLAGS_MULTI
        | raw::REDISMODULE_CTX_FLAGS_LUA;
    let detached = DETACHED.load(Ordering::Relaxed);
    if detached.is_null() || ctx.has_flag(is_inside) {
        return None;
    }
    let client = call!(RedisModule_BlockClient(ctx.0, Some(on_reply), None, Some(on_free), 0))
        .filter(|client| !client.is_null())?;
    call!(RedisModule_SetDisconnectCallback(client, Some(on_disconnect)));
    let waiter = client as Waiter;
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let timer = call!(RedisModule_CreateTimer(detached, ms, Some(on_time), client.cast()));
    TIMERS.lock(&ctx).borrow_mut().insert(waiter, timer.unwrap_or_default());
    ANY.store(true, Ordering::Relaxed);
    Some(waiter)
}

/// Tells those whose turn has come. Called after whatever may have voided a token or brought a
/// value; costs nothing while nobody waits.
pub(super) fn serve(witness: &impl RedisLockIndicator) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let due = shared(witness, |shared| {
        shared.with(|state| {
            let random = || Token(random_token());
            state.tokens.hand_over(monotonic_ms(), token_ttl_ms(), random);
            state.tokens.waiting.take_due()
        })
    });
    for (waiter, wake) in due {
        tell(witness, waiter, Some(wake));
    }
}

/// Looks for tokens whose time was up while somebody waits. Called some ten times a second.
pub(super) fn sweep(ctx: Ctx) {
    if ANY.load(Ordering::Relaxed) {
        let is_any = shared(&ctx, |shared| {
            shared.with(|state| {
                state.tokens.sweep(monotonic_ms());
                !state.tokens.waiting.is_empty()
            })
        });
        serve(&ctx);
        ANY.store(is_any, Ordering::Relaxed);
    }
}

/// The client waits no more: it is told, or it went away. Each is told once.
fn tell(witness: &impl RedisLockIndicator, waiter: Waiter, wake: Option<Wake>) {
    let Some(timer) = TIMERS.lock(witness).borrow_mut().remove(&waiter) else { return };
    // A timer that is calling must not be stopped: the server frees it afterwards.
    if wake != Some(Wake::TimeUp) {
        let detached = DETACHED.load(Ordering::Relaxed);
        call!(RedisModule_StopTimer(detached, timer, std::ptr::null_mut()));
    }
    let told = wake.map(|wake| Box::into_raw(Box::new(Told { wake, heard: false })));
    let client = waiter as *mut raw::RedisModuleBlockedClient;
    call!(RedisModule_UnblockClient(client, told.unwrap_or(std::ptr::null_mut()).cast()));
}

/// The client's command comes again, for its reply.
extern "C" fn on_reply(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let ctx = Ctx(ctx);
    glue::answer(ctx, || {
        let told = call!(RedisModule_GetBlockedClientPrivateData(ctx.0));
        // SAFETY: what `tell` gave; the server frees it after this, by `on_free`.
        let Some(told) = (unsafe { told.and_then(|told| told.cast::<Told>().as_mut()) }) else {
            return false;
        };
        told.heard = true;
        // SAFETY: the server's own arguments.
        let words = unsafe { glue::words(argv, argc) };
        glue::send_result(ctx, &enter(ctx, |server| fetch::told(&words, told.wake, server)));
        true
    });
    raw::Status::Ok as c_int
}

/// What the client was told is not needed any more. If it went away before it heard that it may
/// fill, the next one may.
extern "C" fn on_free(_: *mut raw::RedisModuleCtx, told: *mut c_void) {
    guarded((), || {
        if told.is_null() {
            return;
        }
        // SAFETY: what `tell` gave, and the server gives back once.
        let told = unsafe { Box::from_raw(told.cast::<Told>()) };
        // SAFETY: the server frees private data on its main thread.
        let main = unsafe { MainThread::assume() };
        if let (Wake::Inherit(token), false) = (told.wake, told.heard) {
            shared(&main, |shared| shared.with(|state| state.tokens.give_back(token)));
            serve(&main);
        }
    });
}

extern "C" fn on_disconnect(
    ctx: *mut raw::RedisModuleCtx,
    client: *mut raw::RedisModuleBlockedClient,
) {
    guarded((), || leave(Ctx(ctx), client as Waiter, None));
}

extern "C" fn on_time(ctx: *mut raw::RedisModuleCtx, client: *mut c_void) {
    guarded((), || leave(Ctx(ctx), client as Waiter, Some(Wake::TimeUp)));
}

fn leave(ctx: Ctx, waiter: Waiter, wake: Option<Wake>) {
    // One that is due is told that instead.
    if shared(&ctx, |shared| shared.with(|state| state.tokens.waiting.leave(waiter))) {
        tell(&ctx, waiter, wake);
    }
}
