//! The port on a live server.

use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use redis_module::raw;

use super::api::{Ctx, Str, bytes, call, is_paused};
use super::batches;
use super::config;
use super::deletes;
use super::figures;
use super::guard::guarded;
use super::journal;
use super::notifications;
use super::slices;
use super::sources;
use super::streams;
use super::waiters;
use super::warming;
use crate::commands::keyspace::{Denied, EventLimits, Keyspace, WarmEntry, WarmSettings};
use crate::domain::journal::Caller;
use crate::domain::name::{Db, NameList};
use crate::domain::rule::Priority;
use crate::domain::source::{Entry, EntryId};
use crate::domain::waiting::Waiter;
use crate::domain::windows::ServerFigures;

/// The start of the module's clock.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The name under which the server's latency monitor shows invalidations.
const LATENCY_EVENT: &CStr = c"inval-invalidation";

/// See the module.
pub(super) struct LiveKeyspace {
    pub(super) ctx: Ctx,
    /// Whether the module acts of its own accord.
    pub(super) for_nobody: bool,
    /// Names that were checked and wait for their deletion, as the server wants them.
    pub(super) checked: Vec<Str>,
    /// Who asks, once that was looked up.
    pub(super) user: Option<String>,
}

impl LiveKeyspace {
    pub(super) fn new(ctx: Ctx) -> Self {
        Self { ctx, for_nobody: false, checked: vec![], user: None }
    }

    /// For what the module does of its own accord: nobody's permissions count.
    pub(super) fn for_nobody(ctx: Ctx) -> Self {
        Self { for_nobody: true, ..Self::new(ctx) }
    }
}

impl Keyspace for LiveKeyspace {
    fn db(&self) -> Db {
        Db(self.ctx.selected_db())
    }

    fn select(&mut self, db: Db) {
        self.ctx.select_db(db.0);
    }

    fn exists(&mut self, name: &[u8]) -> bool {
        let name = self.ctx.string(name);
        call!(RedisModule_KeyExists(self.ctx.0, name.string)) == Some(1)
    }

    fn unlink(&mut self, names: &NameList, range: Range<usize>) -> Result<u64, String> {
        let mut checked = std::mem::take(&mut self.checked).into_iter();
        let names: Vec<Str> = range
            .filter_map(|at| names.get(at))
            .map(|name| match checked.next() {
                // SAFETY: the string lives; it is ours.
                Some(string) if unsafe { bytes(string.string) } == name => string,
                _ => self.ctx.string(name),
            })
            .collect();
        let reply = self.ctx.call(c"UNLINK", c"!", &names)?;
        Ok(reply.integer().unsigned_abs())
    }

    fn get(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.ctx.read_string(name)
    }

    fn set(&mut self, name: &[u8], value: &[u8], until_ms: Option<u64>) -> Result<(), String> {
        let until = until_ms.map(|ms| ms.to_string());
        let until = until.iter().flat_map(|ms| [&b"PXAT"[..], ms.as_bytes()]);
        let words: Vec<Str> =
            [name, value].into_iter().chain(until).map(|word| self.ctx.string(word)).collect();
        self.ctx.call(c"SET", c"!", &words).map(|_| ())
    }

    fn shorten_life(&mut self, name: &[u8], until_ms: u64) -> Result<bool, String> {
        let until = until_ms.to_string();
        let words = [name, until.as_bytes(), b"LT"].map(|word| self.ctx.string(word));
        let is_shorter = self.ctx.call(c"PEXPIREAT", c"!", &words)?.integer() == 1;
        Ok(is_shorter || self.exists(name))
    }

    fn hear_overwrites(&mut self) {
        notifications::hear_overwrites(self.ctx);
    }

    fn new_token(&mut self) -> u64 {
        random_token()
    }

    fn random(&mut self) -> u64 {
        random()
    }

    fn token_ttl_ms(&self) -> u64 {
        token_ttl_ms()
    }

    fn wait(&mut self, ms: u64) -> Option<Waiter> {
        waiters::block(self.ctx, ms)
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8])) {
        let mut cursor = Cursor::new();
        while cursor.step(self.ctx, visit) {}
    }

    fn scan_all(&mut self, visit: &mut dyn FnMut(Db, &[u8])) {
        self.ctx.in_each_db(|db| self.scan(&mut |name| visit(Db(db), name)));
    }

    fn first_denied(&mut self, names: &NameList) -> Option<Denied> {
        self.denied(names)
    }

    fn may_delete_all(&mut self) -> bool {
        self.may_touch_all()
    }

    fn caller(&mut self) -> Caller {
        self.who_asks()
    }

    fn is_hot(&mut self, name: &[u8], within_ms: u64) -> bool {
        warming::is_hot(self.ctx, name, within_ms)
    }

    fn warm(&mut self, entry: &WarmEntry) -> Result<(), String> {
        warming::append(self.ctx, entry)
    }

    fn warm_settings(&self) -> WarmSettings {
        warming::settings()
    }

    fn warm_length(&mut self, priority: Priority) -> u64 {
        warming::length(self.ctx, priority)
    }

    fn read_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: usize,
    ) -> Result<Vec<Entry>, String> {
        streams::read(self.ctx, stream, after, most)
    }

    fn count_entries(
        &mut self,
        stream: &[u8],
        after: EntryId,
        most: u64,
    ) -> Result<(u64, u64), String> {
        streams::count(self.ctx, stream, after, most)
    }

    fn last_entry(&mut self, stream: &[u8]) -> Result<Option<EntryId>, String> {
        streams::last_id(self.ctx, stream)
    }

    fn bury(&mut self, stream: &[u8], fields: &[(&[u8], &[u8])]) -> Result<(), String> {
        let max = config::DEAD_MAXLEN.load(Ordering::Relaxed).to_string();
        let head = [stream, b"MAXLEN", b"~", max.as_bytes(), b"*"];
        let fields = fields.iter().flat_map(|(name, value)| [*name, *value]);
        let words: Vec<Str> = head.into_iter().chain(fields).map(|w| self.ctx.string(w)).collect();
        self.ctx.call(c"XADD", c"!", &words).map(|_| ())
    }

    fn begin_sources(&mut self) {
        sources::begin(self.ctx);
    }

    fn publish(&mut self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (self.ctx.string(channel), self.ctx.string(message));
        call!(RedisModule_PublishMessage(self.ctx.0, channel.string, message.string));
    }

    fn begin_batches(&mut self) {
        batches::start_if_needed(self.ctx);
    }

    fn event_limits(&self) -> EventLimits {
        config::event_limits()
    }

    fn replicate(&mut self, words: &[&[u8]]) {
        self.ctx.replicate(words);
    }

    fn replicate_as_it_came(&mut self) {
        call!(RedisModule_ReplicateVerbatim(self.ctx.0));
    }

    fn may_write(&self) -> bool {
        let ctx = self.ctx;
        ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_MASTER)
            && !ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_LOADING)
            && !is_paused()
    }

    fn begin_slices(&mut self) {
        notifications::hear_overwrites(self.ctx);
        slices::start_if_needed(self.ctx);
    }

    fn sync_max_keys(&self) -> u64 {
        config::SYNC_MAX_KEYS.load(Ordering::Relaxed).unsigned_abs()
    }

    fn is_obeying(&self) -> bool {
        self.ctx
            .has_flag(raw::REDISMODULE_CTX_FLAGS_REPLICATED | raw::REDISMODULE_CTX_FLAGS_LOADING)
    }

    fn log_line(&mut self, line: &str) {
        journal::write(self.ctx, line);
    }

    fn sample_latency(&mut self, ms: u64) {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        call!(RedisModule_LatencyAddSample(LATENCY_EVENT.as_ptr(), ms));
    }

    fn figures(&mut self) -> ServerFigures {
        figures::of_server(self.ctx)
    }

    fn monotonic_micros(&self) -> u64 {
        monotonic_micros()
    }

    fn now_ms(&self) -> u64 {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

fn monotonic_micros() -> u64 {
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds of the same clock as [`Keyspace::monotonic_micros`].
pub(super) fn monotonic_ms() -> u64 {
    monotonic_micros() / 1000
}

/// See [`Keyspace::new_token`].
pub(super) fn random_token() -> u64 {
    deletes::await_them();
    random()
}

fn random() -> u64 {
    let mut bytes = [0; size_of::<u64>()];
    call!(RedisModule_GetRandomBytes(bytes.as_mut_ptr(), bytes.len()));
    u64::from_ne_bytes(bytes)
}

/// See [`Keyspace::token_ttl_ms`].
pub(super) fn token_ttl_ms() -> u64 {
    config::TOKEN_TTL_MS.load(Ordering::Relaxed).unsigned_abs()
}

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
