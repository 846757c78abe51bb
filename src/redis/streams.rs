//! Streams read in place: their iterator builds no reply.

use std::ffi::{c_int, c_long};

use redis_module::raw;

use super::api::{Ctx, OpenKey, Str, bytes, call};
use crate::domain::source::{Entry, EntryId};

const OK: Option<c_int> = Some(raw::Status::Ok as c_int);

/// An open stream with its iterator. It goes on from the end of an entry alone: asked for the next
/// one before all fields of this one are read, the server ends itself (Redis `src/t_stream.c`,
/// `streamIteratorGetID`).
struct Reader {
    key: OpenKey,
    ctx: Ctx,
    /// Fields of this entry that are not read yet.
    left: c_long,
}

impl Reader {
    /// Opens the entries after one; `None` when there are none, or no stream.
    fn open(ctx: Ctx, stream: &[u8], after: EntryId) -> Result<Option<Self>, String> {
        let name = ctx.string(stream);
        let Some(key) = ctx.open_uncounted(&name, 0) else { return Ok(None) };
        if call!(RedisModule_KeyType(key.0)) != Some(raw::REDISMODULE_KEYTYPE_STREAM as c_int) {
            return Err("WRONGTYPE the key is no stream".to_owned());
        }
        let mut start = raw::RedisModuleStreamID { ms: after.ms, seq: after.seq };
        let flags = raw::REDISMODULE_STREAM_ITERATOR_EXCLUSIVE as c_int;
        let end = std::ptr::null_mut();
        let started = call!(RedisModule_StreamIteratorStart(key.0, flags, &raw mut start, end));
        // Refused after the last id that there may be.
        Ok((started == OK).then_some(Self { key, ctx, left: 0 }))
    }

    /// The id of the next entry.
    fn next(&mut self) -> Option<EntryId> {
        while self.field().is_some() {}
        let mut id = raw::RedisModuleStreamID { ms: 0, seq: 0 };
        let mut fields = 0;
        let found =
            call!(RedisModule_StreamIteratorNextID(self.key.0, &raw mut id, &raw mut fields));
        self.left = if found == OK { fields } else { 0 };
        (found == OK).then_some(EntryId { ms: id.ms, seq: id.seq })
    }

    /// The next field of the entry and its value.
    fn field(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (mut name, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        let found =
            call!(RedisModule_StreamIteratorNextField(self.key.0, &raw mut name, &raw mut value));
        if found != OK {
            return None;
        }
        let (name, value) = (Str::owned(self.ctx, name), Str::owned(self.ctx, value));
        // SAFETY: the server gave us both strings; they live until the end of this function.
        Some(unsafe { (bytes(name.string).to_vec(), bytes(value.string).to_vec()) })
    }
}

/// The entries after one, in order, no more than `most` and not many more bytes than
/// [`READ_MAX_BYTES`].
///
/// # Errors
/// The key is no stream.
pub(super) fn read(
    ctx: Ctx,
    stream: &[u8],
    after: EntryId,
    most: usize,
) -> Result<Vec<Entry>, String> {
    let mut entries = vec![];
    let mut size = 0;
    let Some(mut reader) = Reader::open(ctx, stream, after)? else { return Ok(entries) };
    while entries.len() < most
        && size < READ_MAX_BYTES
        && let Some(id) = reader.next()
    {
        let fields: Vec<_> = std::iter::from_fn(|| reader.field()).collect();
        size += fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        entries.push(Entry { id, fields });
    }
    Ok(entries)
}

/// Bytes of entries that are copied at a time, about.
const READ_MAX_BYTES: usize = 4 << 20;

/// How many entries come after one, up to `most`, and when the first of them was added, in
/// milliseconds since 1970.
///
/// # Errors
/// The key is no stream.
pub(super) fn count(
    ctx: Ctx,
    stream: &[u8],
    after: EntryId,
    most: u64,
) -> Result<(u64, u64), String> {
    let Some(mut reader) = Reader::open(ctx, stream, after)? else { return Ok((0, 0)) };
    let Some(first) = reader.next() else { return Ok((0, 0)) };
    let mut entries = 1;
    while entries < most && reader.next().is_some() {
        entries += 1;
    }
    Ok((entries, first.ms))
}

/// Entries in a stream; 0 for one that is none.
pub(super) fn length(ctx: Ctx, stream: &[u8]) -> u64 {
    let name = ctx.string(stream);
    let Some(key) = ctx.open_uncounted(&name, 0) else { return 0 };
    match call!(RedisModule_KeyType(key.0)) == Some(raw::REDISMODULE_KEYTYPE_STREAM as c_int) {
        true => call!(RedisModule_ValueLength(key.0)).map_or(0, |length| length as u64),
        false => 0,
    }
}

/// The last entry that a consumer group has taken; `None` without a group.
pub(super) fn last_taken(ctx: Ctx, stream: &[u8]) -> Option<EntryId> {
    let name = ctx.string(stream);
    ctx.open_uncounted(&name, 0)?;
    // XINFO counts, on every server.
    ctx.looked_up_for_itself(true);
    let words = [ctx.string(b"GROUPS"), name];
    let groups = ctx.call(c"XINFO", c"", &words).ok()?.rows();
    let taken = groups.iter().filter_map(|group| {
        // Field names and values in turn; numbers are empty.
        let at = group.iter().position(|field| field == "last-delivered-id")?;
        EntryId::parse(group.get(at + 1)?.as_bytes())
    });
    taken.max()
}

/// The id that was given last, of an entry that is there or not; `None` without a stream.
///
/// # Errors
/// The key is no stream.
pub(super) fn last_id(ctx: Ctx, stream: &[u8]) -> Result<Option<EntryId>, String> {
    let name = ctx.string(stream);
    if ctx.open_uncounted(&name, 0).is_none() {
        return Ok(None);
    }
    // XINFO counts, on every server.
    ctx.looked_up_for_itself(true);
    let info = ctx.call(c"XINFO", c"", &[ctx.string(b"STREAM"), name])?;
    let mut fields = (0..).step_by(2).map_while(|at| Some((info.element(at)?, at + 1)));
    let last = fields.find(|(field, _)| field == "last-generated-id");
    let id = last.and_then(|(_, at)| info.element(at));
    Ok(id.and_then(|id| EntryId::parse(id.as_bytes())))
}
