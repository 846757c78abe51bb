//! `INVAL.EXPLAIN`: what an event or a purge would hit, target by target.

use super::args::Args;
use super::event::Event;
use super::invalidate::{incomplete_warning, look};
use super::purge::Purge;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::plan::{Plan, PlanTarget};
use crate::server::Server;

/// # Format
/// `INVAL.EXPLAIN EVENT type [json] | PURGE target [argument ...]`; the words `EVENT` and
/// `PURGE` may be left out where no event is named like a target.
#[derive(Debug)]
pub enum Explain<'a> {
    /// An event.
    Event(Event<'a>),
    /// A purge.
    Purge(Purge),
}

impl<'a> Explain<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// As the command that is explained.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let targets = ["KEYS", "TAGS", "GLOB", "PREFIX", "REGEX"];
        let is_target =
            |word: &[u8]| targets.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        if args.keyword("PURGE") {
            return Ok(Self::Purge(Purge::parse(args)?));
        }
        if args.keyword("EVENT") || !args.peek().is_some_and(is_target) {
            return Ok(Self::Event(Event::parse(args)?));
        }
        Ok(Self::Purge(Purge::parse(args)?))
    }

    /// Looks, and changes nothing.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        let request = match self {
            Self::Event(event) => event.request(server)?,
            Self::Purge(purge) => purge.request(),
        };
        // No name is shown: none is copied.
        let plan = look(server, request, 0);
        let micros = server.redis().monotonic_micros().saturating_sub(start);
        let targets = plan.targets.iter().map(|target| describe(&plan, target));
        let reply = Reply::map([
            ("matched", Reply::count(plan.matched)),
            ("refused", Reply::count(plan.refused)),
            ("micros", Reply::count(micros)),
            ("targets", Reply::Array(targets.collect())),
        ]);
        Ok(match server.state(|state| state.index.incomplete) {
            true => reply.with("warning", incomplete_warning()),
            false => reply,
        })
    }
}

fn describe(plan: &Plan, target: &PlanTarget) -> Reply {
    let rule = plan.rules.get(target.rule).and_then(|rule| rule.name.as_deref());
    Reply::map([
        ("rule", rule.map_or(Reply::Null, Reply::bulk)),
        ("kind", Reply::text(target.kind)),
        ("target", Reply::bulk(target.text.clone())),
        ("strategy", Reply::text(target.strategy.as_str())),
        ("candidates", Reply::count(target.candidates)),
        ("matches", Reply::count(target.matches)),
    ])
}
