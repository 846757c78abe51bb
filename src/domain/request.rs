//! What is asked for: an event with its rules, or a purge, with all values put in.

use super::State;
use super::error::{Error, Result};
use super::payload::{Payload, kind_of};
use super::rule::{Priority, RULE_MAX_TARGETS, Resolved};

/// The field of a payload that brings its own list of keys and globs (a name from the field).
pub const AFFECTED_CACHES: &str = "affectedCaches";

/// Who asks: statistics and warm entries name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An event of this name.
    Event(String),
    /// A purge without a rule.
    Purge,
}

/// A rule's part in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRule {
    /// `None` for a purge and for the list that an event brings along.
    pub name: Option<String>,
    /// Its priority.
    pub priority: Priority,
    /// Whether its deleted keys are queued for warming.
    pub warm: bool,
}

/// Targets with all values put in: what a plan is made from.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub origin: Origin,
    /// In order of work.
    pub rules: Vec<PlanRule>,
    /// Each with its position in `rules`, which do not decrease.
    pub targets: Vec<(usize, Resolved)>,
    /// Most keys to take.
    pub limit: Option<u64>,
}

impl Request {
    /// The rules that take an event, with the event's values, and the event's own list.
    ///
    /// # Errors
    /// A placeholder without a value, or a list that is not one.
    pub fn for_event(state: &State, event: &str, payload: &Payload) -> Result<Self> {
        let mut request = Self {
            origin: Origin::Event(event.to_owned()),
            rules: vec![],
            targets: vec![],
            limit: None,
        };
        for rule in state.rules.taking(event, payload) {
            let at = request.rules.len();
            for target in &rule.targets {
                let resolved = target.resolve(payload).map_err(|error| Error::InRule {
                    rule: rule.name.clone(),
                    error: Box::new(error),
                })?;
                request.targets.push((at, resolved));
            }
            request.rules.push(PlanRule {
                name: Some(rule.name.clone()),
                priority: rule.priority,
                warm: rule.warm,
            });
        }
        let own = affected_caches(payload)?;
        if !own.is_empty() {
            let at = request.rules.len();
            request.rules.push(PlanRule { name: None, priority: Priority::Medium, warm: false });
            request.targets.extend(own.into_iter().map(|target| (at, target)));
        }
        Ok(request)
    }

    /// Targets without a rule.
    pub fn for_purge(targets: Vec<Resolved>, limit: Option<u64>) -> Self {
        Self {
            origin: Origin::Purge,
            rules: vec![PlanRule { name: None, priority: Priority::Medium, warm: false }],
            targets: targets.into_iter().map(|target| (0, target)).collect(),
            limit,
        }
    }
}

fn affected_caches(payload: &Payload) -> Result<Vec<Resolved>> {
    let Some(list) = payload.field(AFFECTED_CACHES) else { return Ok(vec![]) };
    let entries =
        list.as_array().ok_or_else(|| Error::BadAffectedCaches { found: kind_of(list) })?;
    if entries.len() > RULE_MAX_TARGETS {
        return Err(Error::TooMany {
            what: AFFECTED_CACHES,
            count: entries.len(),
            limit: RULE_MAX_TARGETS,
        });
    }
    let resolve = |entry: &serde_json::Value| match entry.as_str() {
        Some(text) => Resolved::cache_key(text),
        None => Err(Error::BadAffectedCaches { found: kind_of(entry) }),
    };
    entries.iter().map(resolve).collect()
}
