//! `INVAL.SOURCE`: streams whose entries are events.

use super::args::Args;
use super::record;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::incoming::Format;
use crate::domain::source::{EntryId, Source};
use crate::server::Server;

/// Entries counted at most to tell how many wait.
const LAG_MAX: u64 = 10_000;

/// From where a new source takes entries.
#[derive(Clone, Copy, Debug)]
enum From {
    /// Those that come.
    Now,
    /// Those after an entry.
    After(EntryId),
}

/// # Format
/// `INVAL.SOURCE ADD name STREAM key FORMAT format [MAP mapping] [FROM <id | $ | 0>]`
#[derive(Debug)]
pub struct AddSource<'a> {
    name: &'a str,
    stream: &'a [u8],
    format: Format,
    mapping: Option<&'a str>,
    from: From,
}

impl<'a> AddSource<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A format that is none, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let name = args.text("name")?;
        if !args.keyword("STREAM") {
            return Err(args.usage("missing STREAM key".to_owned()));
        }
        let stream = args.next("key")?;
        if !args.keyword("FORMAT") {
            return Err(args.usage("missing FORMAT format".to_owned()));
        }
        let format = Format::parse(args.text("format")?)?;
        let mut source = Self { name, stream, format, mapping: None, from: From::Now };
        while !args.is_done() {
            if args.keyword("MAP") {
                source.mapping = Some(args.text("mapping")?);
            } else if args.keyword("FROM") {
                source.from = match args.next("id")? {
                    b"$" => From::Now,
                    id => From::After(
                        EntryId::parse(id)
                            .ok_or_else(|| Error::BadEntryId { found: id.to_vec() })?,
                    ),
                };
            } else {
                args.finish()?;
            }
        }
        Ok(source)
    }

    /// Adds the source; what waits in the stream is taken at once.
    ///
    /// # Errors
    /// A source of that name exists, there is no such mapping, or the key is no stream.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let mut source = Source::new(self.name, db, self.stream, self.format)?;
        source.mapping = self.mapping.map(str::to_owned);
        let last = server.redis().last_entry(self.stream);
        let last = last.map_err(|why| Error::Refused { what: "the stream", why })?;
        source.position = match self.from {
            From::Now => last.unwrap_or_default(),
            From::After(id) => id,
        };
        let words = source.record();
        server.state(|state| {
            if let Some(mapping) = self.mapping.filter(|name| state.mappings.get(name).is_none()) {
                return Err(Error::NoSuchMapping { mapping: mapping.to_owned() });
            }
            state.sources.add(source)
        })?;
        record::replicate(server, &words);
        server.redis().begin_sources();
        Ok(Reply::OK)
    }
}

/// `INVAL.SOURCE DEL name [name ...]`: what was taken stays done; replies with the number that
/// were there.
///
/// # Errors
/// Arguments that do not fit.
pub fn del(args: &mut Args, server: &mut Server) -> Result<Reply> {
    let mut deleted = 0;
    for name in args.rest("name")? {
        let name = String::from_utf8_lossy(name).into_owned();
        if server.state(|state| state.sources.remove(&name)) {
            deleted += 1;
            record::replicate(server, &vec![b"SOURCE-DEL".to_vec(), name.into_bytes()]);
        }
    }
    Ok(Reply::count(deleted))
}

/// `INVAL.SOURCE LIST`: all sources, how far each was taken, and what waits.
///
/// # Errors
/// Arguments are left.
pub fn list(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(Reply::Array(all(server).into_iter().map(|(_, row)| row).collect()))
}

/// All sources by name, each with the entries that wait and for how many milliseconds the first of
/// them does.
pub(super) fn with_lag(server: &mut Server) -> Vec<(Source, u64, u64)> {
    let now_ms = server.redis().now_ms();
    let db = server.redis().db();
    let sources: Vec<Source> = server.state(|state| state.sources.iter().cloned().collect());
    let sources = sources.into_iter().map(|source| {
        server.redis().select(source.db);
        let waiting = server.redis().count_entries(&source.stream, source.position, LAG_MAX);
        let (lag, oldest_ms) = waiting.unwrap_or_default();
        let lag_ms = if lag == 0 { 0 } else { now_ms.saturating_sub(oldest_ms) };
        (source, lag, lag_ms)
    });
    let sources = sources.collect();
    server.redis().select(db);
    sources
}

/// All sources by name, as `LIST` and `INVAL.STATS` show them.
pub(super) fn all(server: &mut Server) -> Vec<(String, Reply)> {
    let now_ms = server.redis().now_ms();
    let row = |(mut source, lag, lag_ms): (Source, u64, u64)| {
        let taken = source.taken;
        let row = Reply::map([
            ("name", Reply::bulk(source.name.as_str())),
            ("stream", Reply::bulk(source.stream.clone())),
            ("db", Reply::count(source.db.0)),
            ("format", Reply::text(source.format.as_str())),
            ("map", source.mapping.as_deref().map_or(Reply::Null, Reply::bulk)),
            ("position", Reply::bulk(source.position.to_string())),
            ("entries", Reply::count(taken.entries)),
            ("events", Reply::count(taken.events)),
            ("empty", Reply::count(taken.empty)),
            ("skipped", Reply::count(taken.skipped)),
            ("dead", Reply::count(taken.dead)),
            ("dead_lost", Reply::count(source.lost)),
            ("lag", Reply::count(lag)),
            ("lag_ms", Reply::count(lag_ms)),
            ("per_second", Reply::amount(source.rate.per_second(now_ms / 1000))),
        ]);
        (source.name, row)
    };
    with_lag(server).into_iter().map(row).collect()
}
