//! Words in, replies out.

use std::cell::OnceCell;
use std::ffi::{CString, c_int, c_long};

use redis_module::raw;
use smallvec::SmallVec;

use super::api::{Ctx, bytes, call};
use super::guard::guarded;
use crate::commands::reply::Reply;
use crate::domain::error::Error;

/// The words of a command; those of most commands without the heap.
pub(super) type Words<'a> = SmallVec<[&'a [u8]; 16]>;

/// The words of a command, valid for the length of its callback.
///
/// # Safety
/// `argv` holds `argc` strings of the server that live as long as `'a`.
pub(super) unsafe fn words<'a>(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Words<'a> {
    let count = usize::try_from(argc).unwrap_or(0);
    if argv.is_null() || count == 0 {
        return Words::new();
    }
    // SAFETY: the caller's contract.
    let strings = unsafe { std::slice::from_raw_parts(argv, count) };
    // SAFETY: the server keeps a command's arguments until its callback returns.
    strings.iter().map(|string| unsafe { bytes(*string) }).collect()
}

/// Runs what answers a client, which says whether it has; one that has not, or panics, is
/// answered here.
pub(super) fn answer(ctx: Ctx, run: impl FnOnce() -> bool) {
    if !guarded(false, run) {
        send_error_text(
            ctx,
            "ERR",
            "internal error, caught; please report the line with 'inval: panic' in the server's log",
        );
    }
}

/// Sends what a command came to.
pub(super) fn send_result(ctx: Ctx, result: &Result<Reply, Error>) {
    match result {
        Ok(reply) => send(ctx, reply),
        Err(error) => send_error(ctx, error),
    }
}

/// Sends a reply.
pub(super) fn send(ctx: Ctx, reply: &Reply) {
    send_part(ctx, &OnceCell::new(), reply);
}

/// `resp3`: whether the client speaks it; asked for once, and only where it matters.
fn send_part(ctx: Ctx, resp3: &OnceCell<bool>, reply: &Reply) {
    match reply {
        Reply::Simple(text) => send_simple(ctx, text),
        Reply::Int(value) => {
            call!(RedisModule_ReplyWithLongLong(ctx.0, *value));
        }
        Reply::Double(value) => {
            if *resp3.get_or_init(|| ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_RESP3)) {
                call!(RedisModule_ReplyWithDouble(ctx.0, *value));
            } else {
                // RESP2 has no such numbers: the server would send texts of 17 digits.
                send_bulk(ctx, value.to_string().as_bytes());
            }
        }
        Reply::Bulk(text) => send_bulk(ctx, text),
        Reply::Null => {
            call!(RedisModule_ReplyWithNull(ctx.0));
        }
        Reply::Array(items) => {
            call!(RedisModule_ReplyWithArray(ctx.0, items.len() as c_long));
            items.iter().for_each(|item| send_part(ctx, resp3, item));
        }
        Reply::Map(fields) => {
            call!(RedisModule_ReplyWithMap(ctx.0, fields.len() as c_long));
            for (name, value) in fields {
                send_bulk(ctx, name);
                send_part(ctx, resp3, value);
            }
        }
        Reply::Later => {}
    }
}

/// Longest short text that is sent without the heap, in bytes; with the byte that ends it.
const SHORT_MAX_BYTES: usize = 32;

fn send_simple(ctx: Ctx, text: &str) {
    let mut short = [0; SHORT_MAX_BYTES];
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_plain
        && text.len() < SHORT_MAX_BYTES
        && let Some(start) = short.get_mut(..text.len())
    {
        start.copy_from_slice(text.as_bytes());
        call!(RedisModule_ReplyWithSimpleString(ctx.0, short.as_ptr().cast()));
    } else if let Ok(text) = CString::new(ascii(text)) {
        call!(RedisModule_ReplyWithSimpleString(ctx.0, text.as_ptr()));
    }
}

fn send_bulk(ctx: Ctx, text: &[u8]) {
    call!(RedisModule_ReplyWithStringBuffer(ctx.0, text.as_ptr().cast(), text.len()));
}

/// Sends an error.
fn send_error(ctx: Ctx, error: &Error) {
    send_error_text(ctx, error.code(), &error.to_string());
}

/// Longest error line, in bytes: long enough for the errors of a document of rules, short
/// enough for a log.
const ERROR_MAX_BYTES: usize = 4096;

/// Sends an error in words.
pub(super) fn send_error_text(ctx: Ctx, code: &str, text: &str) {
    let mut text = ascii(text);
    if text.len() > ERROR_MAX_BYTES {
        // ASCII: any place is a border.
        text.truncate(ERROR_MAX_BYTES);
        text.push_str("... (cut)");
    }
    if let Ok(line) = CString::new(format!("{code} {text}")) {
        call!(RedisModule_ReplyWithError(ctx.0, line.as_ptr()));
    }
}

/// One line of printable ASCII: what a RESP error may hold without surprises.
pub(super) fn ascii(text: &str) -> String {
    let printable = |c: char| c == ' ' || c.is_ascii_graphic();
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if printable(c) { line.push(c) } else { line.extend(c.escape_default()) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::ascii;

    #[test]
    fn errors_are_one_line_of_ascii() {
        assert_eq!(ascii("plain 'text' 100%"), "plain 'text' 100%");
        assert_eq!(ascii("a\r\nb\0\u{e9}"), "a\\r\\nb\\u{0}\\u{e9}");
    }
}
