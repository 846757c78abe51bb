//! What is published of events and purges: a message each, for whoever keeps copies elsewhere.

use serde_json::{Map, Value};

use super::jobs::Report;
use super::name::Db;
use super::outcome::Outcome;
use super::plan::Plan;
use super::request::{Origin, PlanRule, Request};

/// The channel.
pub const CHANNEL: &[u8] = b"inval:events";

/// A message in the making. Lists hold no more than so many entries each; one that holds fewer
/// than there are, or leaves a name out that is not UTF-8, is told by `"more": true`.
struct Message {
    fields: Map<String, Value>,
    most: usize,
    more: bool,
}

/// What an event or a purge came to, as JSON; lists hold at most so many entries.
pub fn of_outcome(plan: &Plan, outcome: &Outcome, most: usize) -> String {
    let targets = plan.targets.iter().map(|target| (target.kind, target.text.clone()));
    let mut message = Message::of(&plan.origin, plan.db, &plan.rules, most);
    message.targets(targets);
    message.put("deleted", outcome.total.deleted);
    message.put("marked", outcome.total.marked);
    let hit = plan.names.iter().enumerate().filter(|(at, _)| outcome.is_gone(*at));
    message.list("names", &mut hit.map(|(_, name)| name));
    message.finish()
}

/// That a job was accepted, which deletes so many keys, as JSON.
pub fn of_job(request: &Request, db: Db, matched: u64, job: u64, most: usize) -> String {
    let targets = request.targets.iter().map(|(_, target)| (target.kind(), target.text()));
    let mut message = Message::of(&request.origin, db, &request.rules, most);
    message.targets(targets);
    message.put("matched", matched);
    message.put("job", job);
    message.finish()
}

/// That a job has ended, as JSON.
pub fn of_end(report: &Report) -> String {
    let mut message = Message { fields: Map::new(), most: 1, more: false };
    message.put("job", report.id);
    message.put("status", report.stage.as_str());
    message.put("deleted", report.deleted);
    message.finish()
}

impl Message {
    fn of(origin: &Origin, db: Db, rules: &[PlanRule], most: usize) -> Self {
        let mut message = Self { fields: Map::new(), most, more: false };
        match origin.events() {
            [] => message.put("purge", true),
            [first, others @ ..] => {
                message.put("event", first.event.as_str());
                if !others.is_empty() {
                    let mut names = others.iter().map(|other| other.event.as_bytes());
                    message.list("and", &mut names);
                }
            }
        }
        message.put("db", db.0);
        let rules = rules.iter().filter_map(|rule| rule.name.as_deref());
        message.list("rules", &mut rules.map(str::as_bytes));
        message
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    fn list(&mut self, field: &str, names: &mut dyn Iterator<Item = &[u8]>) {
        let mut kept: Vec<Value> = vec![];
        for name in names {
            if kept.len() >= self.most {
                self.more = true;
                break;
            }
            match std::str::from_utf8(name) {
                Ok(name) => kept.push(name.into()),
                Err(_) => self.more = true,
            }
        }
        self.put(field, kept);
    }

    fn targets(&mut self, targets: impl Iterator<Item = (&'static str, Vec<u8>)>) {
        let (mut keys, mut patterns, mut tags) = (vec![], vec![], vec![]);
        for (kind, text) in targets {
            match kind {
                "key" => keys.push(text),
                "tag" => tags.push(text),
                _ => patterns.push(text),
            }
        }
        for (field, texts) in [("keys", keys), ("patterns", patterns), ("tags", tags)] {
            self.list(field, &mut texts.iter().map(Vec::as_slice));
        }
    }

    fn finish(mut self) -> String {
        if self.more {
            self.put("more", true);
        }
        // Names and numbers: there is nothing in them that could fail to serialise.
        serde_json::to_string(&self.fields).unwrap_or_default()
    }
}
