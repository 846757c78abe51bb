//! Takes the entries of sources: each is carried out once, and one that cannot be goes to the dead
//! stream with the reason.

use super::happen::{Came, happen};
use super::invalidate::Options;
use super::record;
use super::slices::More;
use crate::domain::error::{Error, Result};
use crate::domain::incoming;
use crate::domain::once::Terms;
use crate::domain::request::Event;
use crate::domain::source::{Entry, EntryId, Source};
use crate::server::Server;

/// Entries read before their position is told: what is copied at a time.
const ENTRIES_PER_LOOK: usize = 512;

/// How often an entry is tried that the server refuses to carry out, before it is dead: some ten
/// seconds.
const REFUSALS_MAX: u32 = 100;

/// What stops a source for now.
struct Stop;

/// Takes entries of all sources for about so many microseconds. Does nothing where the server may
/// not write.
pub fn run(server: &mut Server, micros: u64) -> More {
    if server.is_suspect() || !server.redis().may_write() {
        return More::Later;
    }
    let begin = server.redis().monotonic_micros();
    let db = server.redis().db();
    let sources: Vec<Source> = server.state(|state| state.sources.iter().cloned().collect());
    let mut more = More::No;
    for source in sources {
        server.redis().select(source.db);
        server.state(|state| state.journal.agent = format!("source {}", source.name));
        match take(server, source, begin + micros) {
            Ok(true) => more = More::Yes,
            Ok(false) => {}
            Err(Stop) => more = More::Later,
        }
    }
    server.state(|state| state.journal.agent.clear());
    server.redis().select(db);
    more
}

/// Takes entries of one source until the time is over; says whether some are left.
fn take(
    server: &mut Server,
    mut source: Source,
    until_micros: u64,
) -> std::result::Result<bool, Stop> {
    let mut is_first = true;
    loop {
        let read = server.redis().read_entries(&source.stream, source.position, ENTRIES_PER_LOOK);
        // No stream: whoever made it one will make it a stream again, or delete the source.
        let Ok(entries) = read else { return Ok(false) };
        if entries.is_empty() && is_first {
            return restart_if_new(server, &source);
        }
        is_first = false;
        let mut taken = 0;
        let mut stopped = false;
        for entry in &entries {
            if take_one(server, &source, entry).is_err() {
                stopped = true;
                break;
            }
            taken += 1;
            if server.redis().monotonic_micros() >= until_micros {
                break;
            }
        }
        let words = server.state(|state| {
            let known = state.sources.get_mut(&source.name)?;
            source.position = known.position;
            Some(known.position_record())
        });
        // A source that was deleted meanwhile is at its end.
        let Some(words) = words else { return Ok(false) };
        if taken > 0 {
            record::replicate(server, &words);
        }
        if stopped {
            return Err(Stop);
        }
        if taken == entries.len() && taken < ENTRIES_PER_LOOK {
            return Ok(false);
        }
        if server.redis().monotonic_micros() >= until_micros {
            return Ok(true);
        }
    }
}

/// A stream that was deleted and made anew may number its entries from the beginning: they are
/// taken from there.
fn restart_if_new(server: &mut Server, source: &Source) -> std::result::Result<bool, Stop> {
    let last = server.redis().last_entry(&source.stream).ok().flatten();
    let Some(last) = last.filter(|last| *last < source.position) else { return Ok(false) };
    let words = server.state(|state| {
        let known = state.sources.get_mut(&source.name)?;
        known.position = EntryId::default();
        Some(known.position_record())
    });
    if let Some(words) = words {
        record::replicate(server, &words);
    }
    Ok(last > EntryId::default())
}

fn take_one(server: &mut Server, source: &Source, entry: &Entry) -> std::result::Result<(), Stop> {
    let now_ms = server.redis().now_ms();
    match carry_out(server, source, entry) {
        Ok(Done { events, skipped }) => server.state(|state| {
            state.took(&source.name, entry.id, now_ms, |taken| {
                taken.events += events;
                taken.empty += u64::from(events == 0 && !skipped);
                taken.skipped += u64::from(skipped);
            });
        }),
        Err(error) => {
            if may_pass(&error) && !is_hopeless(server, source) {
                return Err(Stop);
            }
            bury(server, source, entry, &error);
            server.state(|state| {
                state.stats.errors += 1;
                state.took(&source.name, entry.id, now_ms, |taken| taken.dead += 1);
            });
        }
    }
    Ok(())
}

/// What became of an entry.
struct Done {
    events: u64,
    skipped: bool,
}

fn carry_out(server: &mut Server, source: &Source, entry: &Entry) -> Result<Done> {
    let start = server.redis().monotonic_micros();
    let incoming = server.state(|state| {
        let mapping = match &source.mapping {
            Some(name) => Some(
                state
                    .mappings
                    .get(name)
                    .ok_or_else(|| Error::NoSuchMapping { mapping: name.clone() })?,
            ),
            None => None,
        };
        incoming::read(source.format, &entry.fields, mapping)
    })?;
    if incoming.events.is_empty() {
        return Ok(Done { events: 0, skipped: false });
    }
    let count = incoming.events.len() as u64;
    let terms = terms(source, &incoming);
    let events: Vec<Event> =
        incoming.events.into_iter().map(|mapped| Event::of(mapped.event, mapped.payload)).collect();
    let options = Options::default();
    let came = match happen(server, start, events.clone(), &terms, options) {
        // Nobody is there who could ask for less.
        Err(Error::PlanTooLarge { .. }) => {
            happen(server, start, events, &terms, Options { background: true, ..options })
        }
        came => came,
    }?;
    Ok(match came {
        Came::Out(_) => Done { events: count, skipped: false },
        Came::Skipped(_) => Done { events: 0, skipped: true },
    })
}

/// The terms of an entry: an id or a number of one event says nothing of another.
fn terms(source: &Source, incoming: &incoming::Incoming) -> Terms {
    let terms = Terms { id: incoming.id.clone(), order: incoming.order.clone() };
    match incoming.events.as_slice() {
        // As if the event had been sent.
        [only] if source.format == incoming::Format::Json => terms.of_event(&only.event),
        _ => terms.of_event(""),
    }
}

/// Whether the entry may be carried out later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error,
        Error::Suspect
            | Error::MayNotWrite
            | Error::DeletionRefused { .. }
            | Error::TooManyJobs { .. }
    )
}

/// Counts that the server refused the entry that is next; whether often enough.
fn is_hopeless(server: &mut Server, source: &Source) -> bool {
    server.state(|state| {
        let known = state.sources.get_mut(&source.name);
        known.is_some_and(|source| {
            source.refusals += 1;
            source.refusals > REFUSALS_MAX
        })
    })
}

/// Puts an entry into the dead stream, as it came, after the reason.
fn bury(server: &mut Server, source: &Source, entry: &Entry, error: &Error) {
    let (id, reason) = (entry.id.to_string(), error.to_string());
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b"inval-source", source.name.as_bytes()),
        (b"inval-id", id.as_bytes()),
        (b"inval-reason", reason.as_bytes()),
    ];
    fields.extend(entry.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
    if server.redis().bury(&source.dead_stream(), &fields).is_err() {
        server.state(|state| {
            if let Some(source) = state.sources.get_mut(&source.name) {
                source.lost += 1;
            }
        });
    }
}
