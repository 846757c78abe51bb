//! Lines about invalidations: into the server's log, or a stream.

use std::sync::atomic::{AtomicI64, Ordering};

use super::api::{Ctx, Str, log_notice};

/// The stream.
const STREAM: &[u8] = b"inval:log";

/// Entries that the stream keeps, about; 0: lines go to the server's log.
pub(super) static STREAM_MAXLEN: AtomicI64 = AtomicI64::new(0);

/// Writes a line.
pub(super) fn write(ctx: Ctx, line: &str) {
    let max = STREAM_MAXLEN.load(Ordering::Relaxed);
    if max == 0 {
        return log_notice(line);
    }
    let max = max.to_string();
    let words = [STREAM, b"MAXLEN", b"~", max.as_bytes(), b"*", b"line", line.as_bytes()];
    let words: Vec<Str> = words.into_iter().map(|word| ctx.string(word)).collect();
    // A key of another type, or no memory: the line is not lost.
    if ctx.call(c"XADD", c"!", &words).is_err() {
        log_notice(line);
    }
}
