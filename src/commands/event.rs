//! `INVAL.EVENT`: something happened; the keys of its rules are stale.

use std::borrow::Cow;

use super::args::Args;
use super::happen::happen;
use super::invalidate::Options;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::once::Terms;
use crate::domain::payload::Payload;
use crate::domain::request::{self, Collect, Request};
use crate::domain::rule::{NAME_MAX_BYTES, check_name};
use crate::server::Server;

/// # Format
/// `INVAL.EVENT type [json] [ID id] [SEQ number BY entity] [SOFT milliseconds | ASYNC] [DRYRUN]
/// [KEYS]`
#[derive(Debug)]
pub struct Event<'a> {
    /// What happened.
    pub event: &'a str,
    /// To whom; empty when not said.
    pub payload: Payload,
    /// The payload as it was sent.
    text: &'a [u8],
    /// Once and in order.
    terms: Terms,
    options: Options,
}

impl<'a> Event<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad event name or payload, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let event = args.text("event")?;
        check_name("event", event)?;
        let mut text: &[u8] = b"{}";
        let mut options = Options::default();
        let mut terms = Terms::default();
        // A word that is no option is the payload; so a broken one is told as broken JSON.
        let option = |word: &[u8]| {
            [&b"ASYNC"[..], b"SOFT", b"DRYRUN", b"KEYS", b"ID", b"SEQ"]
                .iter()
                .any(|name| word.eq_ignore_ascii_case(name))
        };
        if args.peek().is_some_and(|word| !option(word)) {
            text = args.next("payload")?;
        }
        while !args.is_done() {
            if args.keyword("DRYRUN") {
                options.dry_run = true;
            } else if args.keyword("KEYS") {
                options.keys = true;
            } else if args.keyword("ID") {
                terms.id = Some(named(args, "id")?);
            } else if args.keyword("SEQ") {
                let number = args.number("number")?;
                if !args.keyword("BY") {
                    return Err(args.usage("missing BY entity after SEQ".to_owned()));
                }
                terms.order = Some((number, named(args, "entity")?));
            } else {
                options.how(args)?;
            }
        }
        let terms = terms.of_event(event);
        Ok(Self { event, payload: Payload::parse(text)?, text, terms, options })
    }

    /// Deletes what the rules of the event name.
    ///
    /// # Errors
    /// A placeholder without a value, no permission, or the server refuses.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        let (event, terms, options) = self.into_parts();
        happen(server, start, vec![event], &terms, options)
    }

    /// The targets of the event and of those that follow from it.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn request(self, server: &mut Server) -> Result<Request> {
        let events = vec![self.into_parts().0];
        server.state(|state| Request::for_events(state, events, Collect::No))
    }

    fn into_parts(self) -> (request::Event<'a>, Terms, Options) {
        let Self { event, payload, text, terms, options } = self;
        (request::Event { name: Cow::Borrowed(event), payload, text: Some(text) }, terms, options)
    }
}

/// Takes a name that is remembered.
fn named(args: &mut Args, what: &'static str) -> Result<Vec<u8>> {
    let name = args.next(what)?;
    match name.len() {
        0 => Err(Error::EmptyName { what }),
        bytes if bytes > NAME_MAX_BYTES => {
            Err(Error::NameTooLong { what, bytes, limit: NAME_MAX_BYTES })
        }
        _ => Ok(name.to_vec()),
    }
}
