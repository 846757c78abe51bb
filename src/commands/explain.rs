//! `INVAL.EXPLAIN`: what an event or a purge would hit, target by target.

use super::args::Args;
use super::event::Event;
use super::invalidate::look;
use super::purge::Purge;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::plan::{Plan, PlanTarget};
use crate::domain::request::AFFECTED_CACHES;
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
    /// A placeholder without a value, or a pattern that takes too many steps.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let start = server.redis().monotonic_micros();
        let mut request = match self {
            Self::Event(event) => event.request(server)?,
            Self::Purge(purge) => purge.request(),
        };
        // No name is shown: none is copied.
        let plan = look(server, &mut request, 0)?;
        let micros = server.redis().monotonic_micros().saturating_sub(start);
        let targets = plan.targets.iter().map(|target| describe(&plan, target));
        let reply = Reply::map([
            ("matched", Reply::count(plan.matched)),
            ("refused", Reply::count(plan.refused)),
            ("micros", Reply::count(micros)),
            ("targets", Reply::Array(targets.collect())),
            ("tree", Reply::Array(tree(&plan).into_iter().map(Reply::bulk).collect())),
        ]);
        Ok(match server.state(|state| state.index_warning()) {
            Some(warning) => reply.with("warning", Reply::text(warning)),
            None => reply,
        })
    }
}

/// Events, their rules and the events that follow, line by line, each below what it follows from.
fn tree(plan: &Plan) -> Vec<String> {
    let events = plan.origin.events();
    let mut lines = vec![];
    // What is to be told yet, the next one last: an event or a rule by its position, and how deep.
    let told = |at: &usize| events.get(*at).is_some_and(|event| event.follows.is_none());
    let mut next: Vec<(Branch, usize)> =
        (0..events.len()).rev().filter(told).map(|at| (Branch::Event(at), 0)).collect();
    while let Some((branch, depth)) = next.pop() {
        let indent = "  ".repeat(depth);
        match branch {
            Branch::Event(at) => {
                let name = events.get(at).map_or("", |event| event.event.as_str());
                lines.push(format!("{indent}event {name}"));
                let of = |rule: &usize| plan.rules.get(*rule).is_some_and(|rule| rule.event == at);
                let rules = (0..plan.rules.len()).rev().filter(of);
                next.extend(rules.map(|rule| (Branch::Rule(rule), depth + 1)));
            }
            Branch::Rule(at) => {
                let Some(rule) = plan.rules.get(at) else { continue };
                let name = rule.name.as_deref().unwrap_or(AFFECTED_CACHES);
                let targets = plan.targets.iter().filter(|target| target.rule == at);
                let matches: u64 = targets.map(|target| target.matches).sum();
                let priority = rule.priority.as_str();
                lines.push(format!("{indent}rule {name} ({priority}): {matches} matches"));
                let follows = |event: &usize| {
                    events.get(*event).is_some_and(|event| event.follows == Some(at))
                };
                let emitted = (0..events.len()).rev().filter(follows);
                next.extend(emitted.map(|event| (Branch::Event(event), depth + 1)));
            }
        }
    }
    lines
}

enum Branch {
    Event(usize),
    Rule(usize),
}

fn describe(plan: &Plan, target: &PlanTarget) -> Reply {
    let rule = plan.rules.get(target.rule).and_then(|rule| rule.name.as_deref());
    Reply::map([
        ("rule", rule.map_or(Reply::Null, Reply::bulk)),
        ("kind", Reply::text(target.kind_name())),
        ("target", Reply::bulk(target.text.clone())),
        ("strategy", Reply::text(target.strategy.as_str())),
        ("candidates", Reply::count(target.candidates)),
        ("matches", Reply::count(target.matches)),
    ])
}
