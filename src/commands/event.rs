//! `INVAL.EVENT`: something happened; the keys of its rules are stale.

use super::args::Args;
use super::invalidate::{Options, invalidate};
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::payload::Payload;
use crate::domain::request::Request;
use crate::domain::rule::check_name;
use crate::server::Server;

/// # Format
/// `INVAL.EVENT type [json] [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]`
#[derive(Debug)]
pub struct Event<'a> {
    /// What happened.
    pub event: &'a str,
    /// To whom; empty when not said.
    pub payload: Payload,
    /// The payload as it was sent.
    text: &'a [u8],
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
        // A word that is no option is the payload; so a broken one is told as broken JSON.
        let option = |word: &[u8]| {
            [&b"ASYNC"[..], b"SOFT", b"DRYRUN", b"KEYS"]
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
            } else {
                options.how(args)?;
            }
        }
        Ok(Self { event, payload: Payload::parse(text)?, text, options })
    }

    /// Deletes what the rules of the event name.
    ///
    /// # Errors
    /// A placeholder without a value, no permission, or the server refuses.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        let request = self.request(server)?;
        invalidate(server, start, request, self.text, self.options)
    }

    /// The targets of the event.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn request(&self, server: &mut Server) -> Result<Request> {
        server.state(|state| Request::for_event(state, self.event, &self.payload))
    }
}
