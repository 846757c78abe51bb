//! Walks over the keyspace, in slices, from a timer, so that the server keeps answering: the
//! first one over the keys that were there before the module, and later ones that verify.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis_module::{RedisGILGuard, raw};

use super::api::{Ctx, call, log_notice, log_warning};
use super::config;
use super::guard::guarded;
use super::keyspace::LiveKeyspace;
use super::scan::Cursor;
use super::state::shared;
use crate::commands::keyspace::Keyspace;
use crate::domain::IndexProgress;
use crate::domain::change::Change;
use crate::domain::name::{Db, NameList};
use crate::domain::pass::Drift;

/// Between two slices, in milliseconds: other clients are served meanwhile.
const PAUSE_MS: i64 = 1;

/// Names read before the clock is read again.
const NAMES_PER_LOOK: usize = 64;

/// Steps of the progress that are logged, in percent.
const LOG_EVERY_PERCENT: u64 = 20;

/// With a fence the sizes cannot be compared, so every so many checks a pass looks.
const CHECKS_PER_PASS: u32 = 10;

struct Walk {
    db: u32,
    cursor: Cursor,
    started: Instant,
    logged_percent: u64,
    /// What passes had found before this one.
    before: Drift,
}

impl Walk {
    fn new(before: Drift) -> Self {
        Self { db: 0, cursor: Cursor::new(), started: Instant::now(), logged_percent: 0, before }
    }
}

/// When sizes were compared last, and how often.
struct Checks {
    last: Instant,
    count: u32,
}

static CHECKS: LazyLock<RedisGILGuard<RefCell<Checks>>> =
    LazyLock::new(|| RedisGILGuard::new(RefCell::new(Checks { last: Instant::now(), count: 0 })));

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

/// Starts a walk when the index is incomplete, or in doubt, and none is under way. Called some
/// ten times a second.
pub(super) fn start_if_needed(ctx: Ctx) {
    if ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_LOADING) || WALK.lock(&ctx).borrow().is_some() {
        return;
    }
    let (incomplete, suspect) =
        shared(&ctx, |shared| (shared.with(|state| state.index.incomplete), shared.is_suspect()));
    if suspect {
        return;
    }
    if incomplete && may_index(ctx) {
        let expected = count_keys(ctx);
        shared(&ctx, |shared| {
            shared.with(|state| {
                state.index = IndexProgress { incomplete: true, expected, scanned: 0 };
                state.begin_catching_up();
            });
        });
        log_notice(&format!(
            "inval: indexing {expected} keys that are there already; the server keeps answering"
        ));
    } else if !check_is_due(ctx) {
        return;
    }
    let before = shared(&ctx, |shared| {
        shared.with(|state| {
            state.begin_pass();
            state.drift
        })
    });
    *WALK.lock(&ctx).borrow_mut() = Some(Walk::new(before));
    arm(ctx);
}

/// Whether there is memory for the names that are not indexed; tells when it runs out.
fn may_index(ctx: Ctx) -> bool {
    let full = |ctx| shared(&ctx, |shared| shared.with(|state| state.memory.is_full()));
    if !full(ctx) {
        return true;
    }
    let live = count_keys(ctx);
    let (may, begins, held, max) = shared(&ctx, |shared| {
        shared.with(|state| {
            let may = state.may_catch_up(live);
            let begins = state.memory.begins_to_be_full();
            (may, begins, state.index_bytes(), state.memory.max())
        })
    });
    if may {
        log_notice("inval: there is memory for the index again");
    } else if begins {
        log_warning(&format!(
            "inval: the index holds {held} bytes and inval.max-index-memory is {max}: new keys are not indexed, and events and purges with patterns scan the keyspace; raise it, or narrow inval.fence"
        ));
    }
    may
}

/// Whether it is time to check, and there is a reason for a pass: sizes that differ, or a fence
/// that hides them.
fn check_is_due(ctx: Ctx) -> bool {
    let interval = config::CHECK_INTERVAL_S.load(Ordering::Relaxed).unsigned_abs();
    let count = {
        let guard = CHECKS.lock(&ctx);
        let mut checks = guard.borrow_mut();
        if interval == 0 || checks.last.elapsed() < Duration::from_secs(interval) {
            return false;
        }
        checks.last = Instant::now();
        checks.count = checks.count.wrapping_add(1);
        checks.count
    };
    let mut differs = None;
    let mut hidden = false;
    ctx.in_each_db(|db| {
        let size = ctx.db_size();
        match shared(&ctx, |shared| shared.with(|state| state.expected_size(Db(db)))) {
            Some(expected) if expected != size => differs = Some((db, expected, size)),
            Some(_) => {}
            None => hidden = true,
        }
    });
    if let Some((db, expected, size)) = differs {
        log_warning(&format!(
            "inval: db{db} holds {size} keys and {expected} are known: looking for the difference"
        ));
    }
    differs.is_some() || (hidden && count % CHECKS_PER_PASS == 0)
}

/// Forgets the keys that were indexed on the word of a snapshot and do not live.
pub(super) fn forget_unsure(ctx: Ctx) {
    let selected = ctx.selected_db();
    for (db, name) in shared(&ctx, |shared| shared.with(|state| state.take_unsure())) {
        if ctx.select_db(db.0) && !LiveKeyspace::new(ctx).exists(&name) {
            shared(&ctx, |shared| shared.notice(Change::Deleted, db, &name));
        }
    }
    ctx.select_db(selected);
}

/// Starts the walk under way from the beginning.
pub(super) fn abandon(ctx: Ctx) {
    if let Some(walk) = WALK.lock(&ctx).borrow_mut().as_mut() {
        *walk = Walk { started: walk.started, ..Walk::new(walk.before) };
        shared(&ctx, |shared| shared.with(|state| state.begin_pass()));
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
                names.iter().for_each(|name| state.pass_saw(db, name));
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
    for (db, name) in shared(&ctx, |shared| shared.with(|state| state.end_pass())) {
        ctx.select_db(db.0);
        if !LiveKeyspace::new(ctx).exists(&name) {
            shared(&ctx, |shared| shared.with(|state| state.forget_dead(db, &name)));
        }
    }
    let (keys, first, drift) = shared(&ctx, |shared| {
        shared.with(|state| {
            let first = state.end_catching_up();
            (state.sizes().0, first, state.drift)
        })
    });
    let took = walk.started.elapsed().as_millis();
    let (missed, dead) = (drift.missed - walk.before.missed, drift.dead - walk.before.dead);
    if first {
        log_notice(&format!("inval: index complete, {keys} keys in {took} ms"));
    } else if missed + dead > 0 {
        log_warning(&format!(
            "inval: drift mended: {missed} live keys were not known, {dead} known keys did not live; please report it"
        ));
    } else {
        log_notice(&format!("inval: verified, {keys} keys in {took} ms"));
    }
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

/// Keys in all databases.
fn count_keys(ctx: Ctx) -> u64 {
    let mut keys = 0;
    ctx.in_each_db(|_| keys += ctx.db_size());
    keys
}
