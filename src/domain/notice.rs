//! What is published of events and purges: a message each, for whoever keeps copies elsewhere.

use serde::Serialize;

use super::jobs::Report;
use super::name::Db;
use super::outcome::Outcome;
use super::plan::Plan;
use super::request::{Origin, PlanRule, Request};

/// The channel.
pub const CHANNEL: &[u8] = b"inval:events";

/// A message, as JSON. Lists hold no more than so many entries each; `more` tells of one that holds
/// fewer than there are, or leaves a name out that is not UTF-8.
#[derive(Default, Serialize)]
struct Message<'a> {
    /// The event that was told first; none for a purge.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    /// The other events, told or emitted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    and: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    purge: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    db: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<&'a str>>,
    /// What was asked for, values put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<&'a str>>,
    /// Each under its kind: `{"glob":"a:*"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    patterns: Option<Vec<Pattern<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    more: bool,
}

/// A pattern that was asked for.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Pattern<'a> {
    Glob(&'a str),
    Regex(&'a str),
    Prefix(&'a str),
}

impl<'a> Pattern<'a> {
    fn of(kind: &str, text: &'a str) -> Option<Self> {
        match kind {
            "glob" => Some(Self::Glob(text)),
            "regex" => Some(Self::Regex(text)),
            "prefix" => Some(Self::Prefix(text)),
            _ => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the library asks so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What an event or a purge came to; lists hold at most so many entries.
pub fn of_outcome(plan: &Plan, outcome: &Outcome, most: usize) -> String {
    let targets = plan.targets.iter().map(|target| (target.kind_name(), target.text.as_slice()));
    let mut message = Message::of(&plan.origin, plan.db, &plan.rules, targets, most);
    message.deleted = Some(outcome.total.deleted);
    message.marked = Some(outcome.total.marked);
    let hit = plan.names.iter().enumerate().filter(|(at, _)| outcome.is_gone(*at));
    message.names = Some(message.list(hit.map(|(_, name)| name), most));
    message.to_json()
}

/// That a job was accepted, which deletes so many keys.
pub fn of_job(request: &Request, db: Db, matched: u64, job: u64, most: usize) -> String {
    let texts: Vec<_> =
        request.targets.iter().map(|(_, target)| (target.kind().as_str(), target.text())).collect();
    let targets = texts.iter().map(|(kind, text)| (*kind, text.as_slice()));
    let mut message = Message::of(&request.origin, db, &request.rules, targets, most);
    (message.matched, message.job) = (Some(matched), Some(job));
    message.to_json()
}

/// That a job has ended.
pub fn of_end(report: &Report) -> String {
    let (job, deleted) = (Some(report.id), Some(report.deleted));
    let status = Some(report.stage.as_str());
    Message { job, deleted, status, ..Message::default() }.to_json()
}

impl<'a> Message<'a> {
    fn of(
        origin: &'a Origin,
        db: Db,
        rules: &'a [PlanRule],
        targets: impl Iterator<Item = (&'static str, &'a [u8])>,
        most: usize,
    ) -> Self {
        let mut message = Self { db: Some(db.0), ..Self::default() };
        match origin.events() {
            [] => message.purge = true,
            [first, others @ ..] => {
                message.event = Some(&first.event);
                let names = others.iter().map(|other| other.event.as_bytes());
                message.and = message.list(names, most);
            }
        }
        let rules = rules.iter().filter_map(|rule| rule.name.as_deref());
        message.rules = Some(message.list(rules.map(str::as_bytes), most));
        let (mut keys, mut patterns, mut tags) = (vec![], vec![], vec![]);
        for (kind, text) in targets {
            let is_whole = match kind {
                "key" => add(&mut keys, text, most),
                "tag" => add(&mut tags, text, most),
                _ => {
                    let text = std::str::from_utf8(text).ok().filter(|_| patterns.len() < most);
                    let pattern = text.and_then(|text| Pattern::of(kind, text));
                    let is_whole = pattern.is_some();
                    patterns.extend(pattern);
                    is_whole
                }
            };
            message.more |= !is_whole;
        }
        (message.keys, message.patterns, message.tags) = (Some(keys), Some(patterns), Some(tags));
        message
    }

    fn list(&mut self, names: impl Iterator<Item = &'a [u8]>, most: usize) -> Vec<&'a str> {
        let mut list = vec![];
        for name in names {
            self.more |= !add(&mut list, name, most);
            if list.len() >= most && self.more {
                break;
            }
        }
        list
    }

    fn to_json(&self) -> String {
        // Names and numbers: there is nothing in them that could fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Adds a name if there is room and it is UTF-8; says whether.
fn add<'a>(list: &mut Vec<&'a str>, name: &'a [u8], most: usize) -> bool {
    let name = std::str::from_utf8(name).ok().filter(|_| list.len() < most);
    list.extend(name);
    name.is_some()
}
