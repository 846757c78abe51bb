//! Reads of clients: the command filter hears what is looked up, a notification what was missed.
//!
//! Commands that were queued are heard once, when they are queued, and their misses when they
//! run. Where the server does not say which client a command comes from, its database is
//! supposed; see [`crate::domain::reads`].

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis_module::raw;

use super::api::{Ctx, OpenKey, Str, bytes, call, log_warning};
use super::copies::word;
use super::guard::guarded;
use super::state::{MainThread, shared};
use super::switches::TRACK_READS;
use crate::domain::State;
use crate::domain::name::Db;
use crate::domain::read_commands;

/// Whether reads are counted.
static TRACKED: AtomicBool = AtomicBool::new(false);

/// Look-ups of the command that runs which may be misses yet. Others' misses (other modules'
/// commands, MIGRATE) are none of what was heard.
static EXPECTED: AtomicU64 = AtomicU64::new(0);

/// Whether the module itself looks a key up now.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Whether reads are counted.
#[inline]
pub(super) fn are_tracked() -> bool {
    TRACKED.load(Ordering::Relaxed)
}

/// Has the configuration count. The server tells of misses from the first time on.
pub(super) fn apply(ctx: Ctx) {
    static HEARS_MISSES: AtomicBool = AtomicBool::new(false);
    let tracked = TRACK_READS.load(Ordering::Relaxed);
    if tracked == are_tracked() {
        return;
    }
    if tracked && !HEARS_MISSES.swap(true, Ordering::Relaxed) {
        let misses = raw::REDISMODULE_NOTIFY_KEY_MISS as c_int;
        let status = call!(RedisModule_SubscribeToKeyspaceEvents(ctx.0, misses, Some(on_miss)));
        if status != Some(raw::Status::Ok as c_int) {
            log_warning("inval: the server does not tell of misses: all tracked reads are hits");
        }
    }
    shared(&ctx, |shared| shared.with(|state| state.reads.track(tracked)));
    TRACKED.store(tracked, Ordering::Relaxed);
}

/// A command is about to be queued or run.
#[inline(never)]
pub(super) fn hear(filter: *mut raw::RedisModuleCommandFilterCtx) {
    guarded((), || {
        let count = call!(RedisModule_CommandFilterArgsCount(filter)).unwrap_or(0);
        let Some(name) = word(filter, 0) else { return };
        // Nothing is read more often, and little else is as cheap.
        if let ([b'G' | b'g', b'E' | b'e', b'T' | b't'], 2) = (name, count) {
            look_up(filter, |state| word(filter, 1).map_or(0, |key| state.reads(key)));
            EXPECTED.store(1, Ordering::Relaxed);
            return;
        }
        let expected = match read_commands::find(name) {
            Some(command) => {
                let words = usize::try_from(count).unwrap_or(0);
                let word = |at| word(filter, c_int::try_from(at).ok()?);
                look_up(filter, |state| {
                    let mut keys = 0;
                    command.each_key(words, word, |key| keys += state.reads(key));
                    keys
                })
            }
            None if runs_others(name) => look_up(filter, |_| 0),
            None => 0,
        };
        EXPECTED.store(expected, Ordering::Relaxed);
        if may_select(name) {
            forget_client(filter);
        }
    });
}

/// What reads in the name of the client that called it.
fn runs_others(name: &[u8]) -> bool {
    let names: [&[u8]; 7] =
        [b"EXEC", b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO", b"FCALL", b"FCALL_RO"];
    matches!(name.first(), Some(b'E' | b'e' | b'F' | b'f'))
        && names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// After which a client may have selected another database.
fn may_select(name: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"SELECT", b"EXEC", b"RESET"];
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Has what the command looks up counted by `count`, in the database of its client.
#[inline]
fn look_up(
    filter: *mut raw::RedisModuleCommandFilterCtx,
    count: impl Fn(&mut State) -> u64,
) -> u64 {
    // SAFETY: filters run on the main thread.
    let main = unsafe { MainThread::assume() };
    let client = call!(RedisModule_CommandFilterGetClientId(filter));
    let in_known_place = |state: &mut State| state.reads_of(client).then(|| count(state));
    let counted = shared(&main, |shared| shared.count(in_known_place));
    match (counted, client) {
        (Some(None), Some(client)) => {
            ask_for_place(&main, client);
            shared(&main, |shared| shared.count(count)).unwrap_or(0)
        }
        _ => counted.flatten().unwrap_or(0),
    }
}

/// Finds out where a client reads. A script's own cannot be asked: it reads where the command
/// does that runs the script, and nothing changes.
#[cold]
fn ask_for_place(main: &MainThread, client: u64) {
    if let Some(db) = selected_by(client) {
        shared(main, |shared| {
            shared.count(|state| {
                state.reads.remember(client, db);
                state.reads_of(Some(client));
            })
        });
    }
}

/// The database that a client has selected, where the server knows the client.
fn selected_by(client: u64) -> Option<Db> {
    let mut info =
        raw::RedisModuleClientInfo { version: 1, flags: 0, id: 0, addr: [0; 46], port: 0, db: 0 };
    let status = call!(RedisModule_GetClientInfoById((&raw mut info).cast(), client));
    (status == Some(raw::Status::Ok as c_int)).then_some(Db(u32::from(info.db)))
}

fn forget_client(filter: *mut raw::RedisModuleCommandFilterCtx) {
    let Some(client) = call!(RedisModule_CommandFilterGetClientId(filter)) else { return };
    // SAFETY: filters run on the main thread.
    let main = unsafe { MainThread::assume() };
    shared(&main, |shared| shared.count(|state| state.reads.forget(client)));
}

extern "C" fn on_miss(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    _: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    if are_tracked() && !IS_OURS.load(Ordering::Relaxed) {
        guarded((), || {
            let ctx = Ctx(ctx);
            let is_late = ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_MULTI);
            let less = |expected: u64| expected.checked_sub(1);
            let was_expected =
                EXPECTED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
            if was_expected || is_late {
                // SAFETY: the key outlives the call.
                let name = unsafe { bytes(key) };
                let db = Db(ctx.selected_db());
                shared(&ctx, |shared| shared.count(|state| state.missed(db, name, is_late)));
            }
        });
    }
    raw::Status::Ok as c_int
}

/// While it lives, misses are the module's own.
pub(super) struct Ours(());

impl Ours {
    pub(super) fn begin() -> Self {
        IS_OURS.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        IS_OURS.store(false, Ordering::Relaxed);
    }
}

impl Ctx {
    /// Opens a live key for the module itself: no read of a client, so that the server counts
    /// neither hit nor miss, touches nothing and tells nobody. Servers before 7.2 count it; then
    /// so do we.
    pub(super) fn open_uncounted(self, name: &Str, flags: u32) -> Option<OpenKey> {
        let uncounted = raw::REDISMODULE_OPEN_KEY_NOTOUCH
            | raw::REDISMODULE_OPEN_KEY_NONOTIFY
            | raw::REDISMODULE_OPEN_KEY_NOSTATS;
        let modes = call!(RedisModule_GetOpenKeyModesAll()).unwrap_or(0).cast_unsigned();
        // Servers before 7.2 know only the first, and take no notice of others.
        let key = self.open(name, uncounted | flags);
        if modes & raw::REDISMODULE_OPEN_KEY_NOSTATS == 0 {
            self.looked_up_for_itself(key.is_some());
        }
        key
    }

    /// Counts a look-up of the module that the server counts, too.
    pub(super) fn looked_up_for_itself(self, is_hit: bool) {
        shared(&self, |shared| shared.count(|state| state.reads.looked_up_for_itself(is_hit)));
    }
}
