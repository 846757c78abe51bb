//! `INVAL.BATCH`: many events happened; the keys of all their rules go together.

use std::borrow::Cow;

use super::args::Args;
use super::happen::{Came, happen};
use super::invalidate::Options;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::once::Terms;
use crate::domain::payload::Payload;
use crate::domain::request::{EVENTS_MAX, Event};
use crate::domain::rule::check_name;
use crate::server::Server;

/// # Format
/// `INVAL.BATCH type json [type json ...]`
#[derive(Debug)]
pub struct Batch<'a>(Vec<Event<'a>>);

impl<'a> Batch<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad event name or payload, told with the event's position, or too many events.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut events = vec![];
        while events.is_empty() || !args.is_done() {
            let at = events.len();
            if at == EVENTS_MAX {
                let (what, count, limit) = ("events", at + 1, EVENTS_MAX);
                return Err(Error::TooMany { what, count, limit });
            }
            let event = event(args);
            events.push(event.map_err(|error| match error {
                Error::Usage { .. } => error,
                error => Error::InEvent { at, error: Box::new(error) },
            })?);
        }
        Ok(Self(events))
    }

    /// Deletes what the rules of the events name.
    ///
    /// # Errors
    /// As `INVAL.EVENT`; nothing is deleted then.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        happen(server, start, self.0, &Terms::default(), Options::default()).map(Came::reply)
    }
}

fn event<'a>(args: &mut Args<'a>) -> Result<Event<'a>> {
    let name = args.text("event")?;
    check_name("event", name)?;
    let text = args.next("payload")?;
    Ok(Event { name: Cow::Borrowed(name), payload: Payload::parse(text)?, text: Some(text) })
}
