//! The calls of the module API that we use, with their dangers taken out.
//!
//! Function pointers are looked up by name when the module loads. [`missing`] names the ones
//! that no part can do without; a server that lacks one is refused. All others are optional
//! and asked for at each use: features are detected by pointer, never by version.

use std::ffi::{CStr, CString, c_char, c_int};

use redis_module::{RedisLockIndicator, raw};

use super::reads::Ours;

/// Calls an API function if the server has it.
macro_rules! call {
    ($name:ident($($arg:expr),* $(,)?)) => {{
        // SAFETY: the pointers are written once, before any of our code runs.
        let function = unsafe { redis_module::raw::$name };
        // SAFETY: the arguments are valid for the call; each wrapper says why where it is not plain.
        function.map(|function| unsafe { function($($arg),*) })
    }};
}
pub(super) use call;

/// What the module cannot work without, and this server does not have.
pub(super) fn missing() -> Vec<&'static str> {
    macro_rules! check {
        ($($name:ident),* $(,)?) => {
            // SAFETY: the pointers are written once, before any of our code runs.
            [$((stringify!($name), unsafe { raw::$name }.is_some())),*]
        };
    }
    let needed = check![
        RedisModule_Alloc,
        RedisModule_Realloc,
        RedisModule_Free,
        RedisModule_CreateCommand,
        RedisModule_GetCommand,
        RedisModule_CreateSubcommand,
        RedisModule_SetCommandInfo,
        RedisModule_StringPtrLen,
        RedisModule_CreateString,
        RedisModule_FreeString,
        RedisModule_Call,
        RedisModule_FreeCallReply,
        RedisModule_CallReplyType,
        RedisModule_CallReplyInteger,
        RedisModule_Replicate,
        RedisModule_ReplicateVerbatim,
        RedisModule_GetSelectedDb,
        RedisModule_SelectDb,
        RedisModule_OpenKey,
        RedisModule_CloseKey,
        RedisModule_KeyType,
        RedisModule_StringDMA,
        RedisModule_StreamIteratorStart,
        RedisModule_StreamIteratorNextID,
        RedisModule_StreamIteratorNextField,
        RedisModule_DbSize,
        RedisModule_Scan,
        RedisModule_ScanCursorCreate,
        RedisModule_ScanCursorDestroy,
        RedisModule_Log,
        RedisModule_SubscribeToKeyspaceEvents,
        RedisModule_SubscribeToServerEvent,
        RedisModule_GetContextFlags,
        RedisModule_CreateTimer,
        RedisModule_ReplyWithMap,
        RedisModule_RegisterBoolConfig,
        RedisModule_RegisterStringConfig,
        RedisModule_RegisterNumericConfig,
        RedisModule_LoadConfigs,
        RedisModule_RegisterInfoFunc,
        RedisModule_ACLCheckKeyPermissions,
        RedisModule_GetCurrentUserName,
        RedisModule_GetModuleUserFromUserName,
    ];
    needed.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// A context: proof that the server's lock is held, valid for the length of a callback.
#[derive(Clone, Copy)]
pub(super) struct Ctx(pub(super) *mut raw::RedisModuleCtx);

// SAFETY: made only from the context that the server hands to a callback it runs under its lock.
unsafe impl RedisLockIndicator for Ctx {}

impl Ctx {
    /// The selected database.
    pub(super) fn selected_db(self) -> u32 {
        u32::try_from(call!(RedisModule_GetSelectedDb(self.0)).unwrap_or(0)).unwrap_or(0)
    }

    /// Selects a database; false when there is none of that number.
    pub(super) fn select_db(self, db: u32) -> bool {
        let status = call!(RedisModule_SelectDb(self.0, db.cast_signed()));
        status == Some(raw::Status::Ok as c_int)
    }

    /// Runs `visit` with each database selected in turn, then selects the one it found.
    pub(super) fn in_each_db(self, visit: impl FnMut(u32)) {
        let selected = self.selected_db();
        (0..).take_while(|db| self.select_db(*db)).for_each(visit);
        self.select_db(selected);
    }

    /// Keys in the selected database.
    pub(super) fn db_size(self) -> u64 {
        call!(RedisModule_DbSize(self.0)).unwrap_or(0)
    }

    /// Whether one of the `REDISMODULE_CTX_FLAGS_*` is set.
    pub(super) fn has_flag(self, flag: u32) -> bool {
        call!(RedisModule_GetContextFlags(self.0)).unwrap_or(0).cast_unsigned() & flag != 0
    }

    /// A string of the server.
    pub(super) fn string(self, bytes: &[u8]) -> Str {
        let string = call!(RedisModule_CreateString(self.0, bytes.as_ptr().cast(), bytes.len()));
        Str { ctx: self, string: string.unwrap_or(std::ptr::null_mut()) }
    }

    /// Calls a command with `arguments`; replicates its effect when `flags` holds `!`.
    ///
    /// # Errors
    /// The server's words, or what its error number means.
    pub(super) fn call(
        self,
        command: &CStr,
        flags: &CStr,
        arguments: &[Str],
    ) -> Result<CallReply, String> {
        let mut strings: Vec<_> = arguments.iter().map(|argument| argument.string).collect();
        let format = [flags.to_bytes(), b"Ev\0"].concat();
        errno::set(0);
        let reply = call!(RedisModule_Call(
            self.0,
            command.as_ptr(),
            format.as_ptr().cast::<c_char>(),
            strings.as_mut_ptr(),
            strings.len()
        ));
        CallReply::of(reply)
    }

    /// Opens a live key for reading, with flags `REDISMODULE_OPEN_KEY_*`.
    pub(super) fn open(self, name: &Str, flags: u32) -> Option<OpenKey> {
        let mode = (raw::REDISMODULE_READ | flags) as c_int;
        let _ours = Ours::begin();
        let key = call!(RedisModule_OpenKey(self.0, name.string, mode));
        key.filter(|key| !key.is_null()).map(OpenKey)
    }

    /// The string that a live key holds; reads, counts and expires as GET does, and costs less
    /// than calling it. A short string, or a number, is kept by the server as a plain one from
    /// then on (Redis `src/module.c`, `RM_StringDMA`), which takes as much memory, of a number 8
    /// bytes more (MEMORY USAGE on 7.0.15 and 8.2.3).
    ///
    /// `is_ours`: the module reads for itself, uncounted.
    ///
    /// # Errors
    /// The key holds something else; in the server's words.
    pub(super) fn read_string(self, key: &[u8], is_ours: bool) -> Result<Option<Vec<u8>>, String> {
        let name = self.string(key);
        let mode = raw::REDISMODULE_READ as c_int;
        let key = if is_ours { self.open_uncounted(&name, 0) } else { self.open(&name, 0) };
        let Some(key) = key else { return Ok(None) };
        if call!(RedisModule_KeyType(key.0)) != Some(raw::REDISMODULE_KEYTYPE_STRING as c_int) {
            return Err(
                "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
            );
        }
        let mut len = 0;
        match call!(RedisModule_StringDMA(key.0, &raw mut len, mode)) {
            // SAFETY: the server gives the bytes of the open key, and nothing changes it meanwhile.
            Some(start) if !start.is_null() => {
                Ok(Some(unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec() }))
            }
            _ => Err("the string cannot be read".to_owned()),
        }
    }

    /// Sends a command to replicas and the append-only file.
    pub(super) fn replicate(self, words: &[&[u8]]) {
        self.propagate(c"v", words);
    }

    /// Sends a command to the append-only file alone.
    pub(super) fn replicate_to_aof(self, words: &[&[u8]]) {
        self.propagate(c"Rv", words);
    }

    fn propagate(self, format: &CStr, words: &[&[u8]]) {
        let Some((command, arguments)) = words.split_first() else { return };
        let Ok(command) = CString::new(*command) else { return };
        let arguments: Vec<Str> = arguments.iter().map(|word| self.string(word)).collect();
        let mut strings: Vec<_> = arguments.iter().map(|argument| argument.string).collect();
        call!(RedisModule_Replicate(
            self.0,
            command.as_ptr(),
            format.as_ptr(),
            strings.as_mut_ptr(),
            strings.len()
        ));
    }

    /// The value of a configuration of the server.
    pub(super) fn config(self, name: &CStr) -> Option<String> {
        let arguments = [self.string(b"GET"), self.string(name.to_bytes())];
        self.call(c"CONFIG", c"", &arguments).ok()?.element(1)
    }
}

/// Whether nothing may be sent to replicas now, on pain of an assertion of the server: its
/// clients are paused.
pub(super) fn is_paused() -> bool {
    call!(RedisModule_AvoidReplicaTraffic()).is_some_and(|paused| paused != 0)
}

/// An open key, closed when dropped.
pub(super) struct OpenKey(pub(super) *mut raw::RedisModuleKey);

impl Drop for OpenKey {
    fn drop(&mut self) {
        call!(RedisModule_CloseKey(self.0));
    }
}

/// A string of the server, given back when dropped.
pub(super) struct Str {
    ctx: Ctx,
    pub(super) string: *mut raw::RedisModuleString,
}

impl Str {
    /// Takes over a string that the server made for us.
    pub(super) fn owned(ctx: Ctx, string: *mut raw::RedisModuleString) -> Self {
        Self { ctx, string }
    }
}

impl Drop for Str {
    fn drop(&mut self) {
        if !self.string.is_null() {
            call!(RedisModule_FreeString(self.ctx.0, self.string));
        }
    }
}

/// The bytes of a string of the server, for as long as the caller's callback keeps it.
///
/// # Safety
/// `string` is valid, and nothing changes or frees it during `'a`.
pub(super) unsafe fn bytes<'a>(string: *const raw::RedisModuleString) -> &'a [u8] {
    let mut len = 0;
    match call!(RedisModule_StringPtrLen(string, &raw mut len)) {
        // SAFETY: the server gives the address and length of the string's own buffer.
        Some(start) if !start.is_null() => unsafe { std::slice::from_raw_parts(start.cast(), len) },
        _ => &[],
    }
}

/// The answer to [`Ctx::call`], given back when dropped.
pub(super) struct CallReply(*mut raw::RedisModuleCallReply);

impl CallReply {
    /// What `RM_Call` gave.
    fn of(reply: Option<*mut raw::RedisModuleCallReply>) -> Result<Self, String> {
        let reply = Self(reply.unwrap_or(std::ptr::null_mut()));
        if reply.0.is_null() {
            return Err(errno::describe());
        }
        match reply.error() {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    /// The number; 0 for any other kind of reply.
    pub(super) fn integer(&self) -> i64 {
        call!(RedisModule_CallReplyInteger(self.0)).unwrap_or(0)
    }

    /// The text at a place of a list.
    pub(super) fn element(&self, at: usize) -> Option<String> {
        let element = call!(RedisModule_CallReplyArrayElement(self.0, at))?;
        (!element.is_null()).then(|| text_of(element))
    }

    /// The texts of a list of lists; what is no text is empty.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let texts = |row| elements(row).map(text_of).collect();
        elements(self.0).map(texts).collect()
    }

    fn error(&self) -> Option<String> {
        let kind = call!(RedisModule_CallReplyType(self.0))?;
        (kind == raw::REDISMODULE_REPLY_ERROR as c_int).then(|| text_of(self.0))
    }
}

/// The parts of a list.
fn elements(
    reply: *mut raw::RedisModuleCallReply,
) -> impl Iterator<Item = *mut raw::RedisModuleCallReply> {
    let element = move |at| call!(RedisModule_CallReplyArrayElement(reply, at));
    (0..).map_while(move |at| element(at).filter(|element| !element.is_null()))
}

/// The text of a reply or of a part of one, copied.
fn text_of(reply: *mut raw::RedisModuleCallReply) -> String {
    String::from_utf8_lossy(&bytes_of(reply)).trim().to_owned()
}

fn bytes_of(reply: *mut raw::RedisModuleCallReply) -> Vec<u8> {
    let mut len = 0;
    match call!(RedisModule_CallReplyStringPtr(reply, &raw mut len)) {
        // SAFETY: the reply owns these bytes and outlives the call.
        Some(start) if !start.is_null() => unsafe {
            std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec()
        },
        _ => vec![],
    }
}

impl Drop for CallReply {
    fn drop(&mut self) {
        if !self.0.is_null() {
            call!(RedisModule_FreeCallReply(self.0));
        }
    }
}

/// The C error number, which `RM_Call` sets.
pub(super) mod errno {
    /// Sets it.
    pub(in crate::redis) fn set(value: i32) {
        // SAFETY: the address of the calling thread's own variable.
        unsafe { *libc::__errno_location() = value };
    }

    /// Reads it.
    pub(in crate::redis) fn get() -> i32 {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() }
    }

    /// What it means when `RM_Call` gives nothing back (Redis `src/module.c`, `RM_Call`).
    pub(super) fn describe() -> String {
        match get() {
            libc::EROFS => "this server is a read-only replica".to_owned(),
            libc::EPERM => "a key belongs to another slot or node".to_owned(),
            libc::ENETDOWN => "the cluster is down".to_owned(),
            libc::ENOSPC => "the server is out of memory".to_owned(),
            libc::EACCES => "the user has no permission".to_owned(),
            other => format!("error number {other}"),
        }
    }
}

/// Writes a line to the server's log.
pub(super) fn log(level: &CStr, text: &str) {
    let line: String = text.chars().filter(|c| *c != '\0').collect();
    if let Ok(line) = CString::new(line) {
        // The text is an argument and never the format: a `%` in it stays a `%`.
        call!(RedisModule_Log(std::ptr::null_mut(), level.as_ptr(), c"%s".as_ptr(), line.as_ptr()));
    }
}

/// A log line that operators should see.
pub(super) fn log_warning(text: &str) {
    log(c"warning", text);
}

/// A log line about normal life.
pub(super) fn log_notice(text: &str) {
    log(c"notice", text);
}
