//! The walk over a keyspace that was there before the module: in slices, from a timer, so that
//! the server keeps answering.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis_module::{RedisGILGuard, raw};

use super::api::{Ctx, call, log_notice};
use super::config;
use super::guard::guarded;
use super::keyspace::Cursor;
use super::state::shared;
use crate::domain::IndexProgress;
use crate::domain::name::{Db, NameList};

/// Between two slices, in milliseconds: other clients are served meanwhile.
const PAUSE_MS: i64 = 1;

/// Names read before the clock is read again.
const NAMES_PER_LOOK: usize = 64;

/// Steps of the progress that are logged, in percent.
const LOG_EVERY_PERCENT: u64 = 20;

struct Walk {
    db: u32,
    cursor: Cursor,
    started: Instant,
    logged_percent: u64,
}

impl Walk {
    fn new() -> Self {
        Self { db: 0, cursor: Cursor::new(), started: Instant::now(), logged_percent: 0 }
    }
}

static WALK: LazyLock<RedisGILGuard<RefCell<Option<Walk>>>> = LazyLock::new(RedisGILGuard::default);

/// Marks the index incomplete if the server holds keys that it cannot know.
pub(super) fn mark_if_keys_exist(ctx: Ctx) {
    let expected = count_keys(ctx);
    shared(&ctx, |shared| {
        shared.with(|state| {
            state.index = IndexProgress { incomplete: expected > 0, expected, scanned: 0 };
        });
    });
}

/// Starts a walk when the index is incomplete and none is under way.
pub(super) fn start_if_needed(ctx: Ctx) {
    let incomplete = shared(&ctx, |shared| shared.with(|state| state.index.incomplete));
    let loading = ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_LOADING);
    if !incomplete || loading || WALK.lock(&ctx).borrow().is_some() {
        return;
    }
    let expected = count_keys(ctx);
    shared(&ctx, |shared| {
        shared.with(|state| state.index = IndexProgress { incomplete: true, expected, scanned: 0 });
    });
    log_notice(&format!(
        "inval: indexing {expected} keys that were there before; the server keeps answering"
    ));
    *WALK.lock(&ctx).borrow_mut() = Some(Walk::new());
    arm(ctx);
}

/// Starts the walk under way from the beginning.
pub(super) fn abandon(ctx: Ctx) {
    if let Some(walk) = WALK.lock(&ctx).borrow_mut().as_mut() {
        *walk = Walk { started: walk.started, ..Walk::new() };
    }
}

fn arm(ctx: Ctx) {
    call!(RedisModule_CreateTimer(ctx.0, PAUSE_MS, Some(on_timer), std::ptr::null_mut()));
}

extern "C" fn on_timer(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    let ctx = Ctx(ctx);
    let more = guarded(false, || slice(ctx));
    if more {
        arm(ctx);
    }
}

/// Reads names until the slice is over; false when the walk is done.
fn slice(ctx: Ctx) -> bool {
    let end = Instant::now()
        + Duration::from_micros(config::INDEX_SLICE_US.load(Ordering::Relaxed).unsigned_abs());
    // Taken out, so that no borrow is held while the server is called.
    let Some(mut walk) = WALK.lock(&ctx).take() else { return false };
    loop {
        if !ctx.select_db(walk.db) {
            finish(ctx, &walk);
            return false;
        }
        let mut names = NameList::default();
        let mut more = true;
        while more && names.len() < NAMES_PER_LOOK {
            more = walk.cursor.step(ctx, &mut |name| names.push(name));
        }
        let db = Db(walk.db);
        shared(&ctx, |shared| {
            shared.with(|state| {
                names.iter().for_each(|name| state.seen(db, name));
                state.index.scanned += names.len() as u64;
            });
        });
        if !more {
            walk.db += 1;
            walk.cursor = Cursor::new();
        }
        if Instant::now() >= end {
            break;
        }
    }
    log_progress(ctx, &mut walk);
    *WALK.lock(&ctx).borrow_mut() = Some(walk);
    true
}

fn finish(ctx: Ctx, walk: &Walk) {
    let keys = shared(&ctx, |shared| {
        shared.with(|state| {
            state.index.incomplete = false;
            state.sizes().0
        })
    });
    log_notice(&format!(
        "inval: index complete, {keys} keys in {} ms",
        walk.started.elapsed().as_millis()
    ));
}

fn log_progress(ctx: Ctx, walk: &mut Walk) {
    let progress = shared(&ctx, |shared| shared.with(|state| state.index));
    let percent = progress.scanned * 100 / progress.expected.max(1);
    if percent >= walk.logged_percent + LOG_EVERY_PERCENT {
        walk.logged_percent = percent - percent % LOG_EVERY_PERCENT;
        log_notice(&format!(
            "inval: indexed {} of {} keys ({percent}%)",
            progress.scanned, progress.expected
        ));
    }
}

/// Keys in all databases; leaves the selected database as it was.
fn count_keys(ctx: Ctx) -> u64 {
    let selected = ctx.selected_db();
    let keys = (0..).take_while(|db| ctx.select_db(*db)).map(|_| ctx.db_size()).sum();
    ctx.select_db(selected);
    keys
}
