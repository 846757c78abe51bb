//! `INVAL.EVENT`: something happened; the keys of its rules are stale.

use std::borrow::Cow;

use super::args::Args;
use super::happen::{self, Came, happen};
use super::invalidate::Options;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::mapping::Mapped;
use crate::domain::once::Terms;
use crate::domain::payload::Payload;
use crate::domain::request::{self, Collect, Request};
use crate::domain::rule::{NAME_MAX_BYTES, check_name};
use crate::server::Server;

/// # Format
/// `INVAL.EVENT <type [json] | RAW json [MAP mapping]> [ID id] [SEQ number BY entity]
/// [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]`
#[derive(Debug)]
pub struct Event<'a> {
    what: What<'a>,
    /// Once and in order.
    terms: Terms,
    options: Options,
}

/// What happened.
#[derive(Debug)]
enum What<'a> {
    /// This event.
    Named(request::Event<'a>),
    /// What mappings make of a payload: all of them, or one.
    Raw(Payload, Option<&'a str>),
}

impl<'a> Event<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad event name or payload, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let what = match args.keyword("RAW") {
            true => {
                let payload = Payload::parse(args.next("payload")?)?;
                let mapping = args.keyword("MAP").then(|| args.text("mapping")).transpose()?;
                What::Raw(payload, mapping)
            }
            false => What::Named(named_event(args)?),
        };
        let mut options = Options::default();
        let mut terms = Terms::default();
        while !args.is_done() {
            if args.keyword("DRYRUN") {
                options.dry_run = true;
            } else if args.keyword("KEYS") {
                options.keys = true;
            } else if args.keyword("ID") {
                terms.id = Some(remembered(args, "id")?);
            } else if args.keyword("SEQ") {
                let number = args.number("number")?;
                if !args.keyword("BY") {
                    return Err(args.usage("missing BY entity after SEQ".to_owned()));
                }
                terms.order = Some((number, remembered(args, "entity")?));
            } else {
                options.how(args)?;
            }
        }
        let terms = terms.of_event(match &what {
            What::Named(event) => &event.name,
            What::Raw(..) => "",
        });
        Ok(Self { what, terms, options })
    }

    /// Deletes what the rules of the event name.
    ///
    /// # Errors
    /// A placeholder without a value, no permission, or the server refuses.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        let Self { what, terms, options } = self;
        let events = what.events(server)?;
        if events.is_empty() {
            return Ok(happen::nothing().with("events", Reply::count(0)));
        }
        happen(server, start, events, &terms, options).map(Came::reply)
    }

    /// The targets of the event and of those that follow from it.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn request(self, server: &mut Server) -> Result<Request> {
        let events = self.what.events(server)?;
        server.state(|state| Request::for_events(state, events, Collect::No))
    }
}

impl<'a> What<'a> {
    fn events(self, server: &mut Server) -> Result<Vec<request::Event<'a>>> {
        let (payload, mapping) = match self {
            Self::Named(event) => return Ok(vec![event]),
            Self::Raw(payload, mapping) => (payload, mapping),
        };
        let mapped = server.state(|state| state.mappings.map(&payload, mapping))?;
        let event = |mapped: Mapped| request::Event::of(mapped.event, mapped.payload);
        Ok(mapped.into_iter().map(event).collect())
    }
}

/// Takes `type [json]`.
fn named_event<'a>(args: &mut Args<'a>) -> Result<request::Event<'a>> {
    let event = args.text("event")?;
    check_name("event", event)?;
    let mut text: &[u8] = b"{}";
    // A word that is no option is the payload; so a broken one is told as broken JSON.
    let option = |word: &[u8]| {
        [&b"ASYNC"[..], b"SOFT", b"DRYRUN", b"KEYS", b"ID", b"SEQ"]
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name))
    };
    if args.peek().is_some_and(|word| !option(word)) {
        text = args.next("payload")?;
    }
    let payload = Payload::parse(text)?;
    Ok(request::Event { name: Cow::Borrowed(event), payload, text: Some(text) })
}

/// Takes a name that is remembered.
fn remembered(args: &mut Args, what: &'static str) -> Result<Vec<u8>> {
    let name = args.next(what)?;
    match name.len() {
        0 => Err(Error::EmptyName { what }),
        bytes if bytes > NAME_MAX_BYTES => {
            Err(Error::NameTooLong { what, bytes, limit: NAME_MAX_BYTES })
        }
        _ => Ok(name.to_vec()),
    }
}
