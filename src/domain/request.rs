//! What is asked for: an event with its rules, or a purge, with all values put in.

use super::State;
use super::error::{Error, Result};
use super::payload::{Payload, kind_of};
use super::rule::{Priority, RULE_MAX_TARGETS, Resolved};
use super::warm_terms::WarmTerms;

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
    /// How they are.
    pub warm_terms: WarmTerms,
    /// Its keys are marked as stale and die after so many milliseconds at the latest; `None`:
    /// they are deleted.
    pub soft_ms: Option<u64>,
}

impl PlanRule {
    /// What stands for a rule where there is none.
    pub fn nameless() -> Self {
        Self {
            name: None,
            priority: Priority::Medium,
            warm: false,
            warm_terms: WarmTerms::default(),
            soft_ms: None,
        }
    }
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
                warm_terms: rule.warm_terms,
                soft_ms: rule.soft_ms,
            });
        }
        let own = affected_caches(payload)?;
        if !own.is_empty() {
            let at = request.rules.len();
            request.rules.push(PlanRule::nameless());
            request.targets.extend(own.into_iter().map(|target| (at, target)));
        }
        Ok(request)
    }

    /// Targets without a rule.
    pub fn for_purge(targets: Vec<Resolved>, limit: Option<u64>) -> Self {
        Self {
            origin: Origin::Purge,
            rules: vec![PlanRule::nameless()],
            targets: targets.into_iter().map(|target| (0, target)).collect(),
            limit,
        }
    }
}

impl Request {
    /// All keys are marked as stale and die after so many milliseconds at the latest.
    pub fn soften(mut self, ms: u64) -> Self {
        self.rules.iter_mut().for_each(|rule| rule.soft_ms = Some(ms));
        self
    }

    /// Takes the rules that mark out, with their targets; `None` when all of them delete.
    pub fn split_soft(&mut self) -> Option<Self> {
        let is_soft = |rule: &PlanRule| rule.soft_ms.is_some();
        if !self.rules.iter().any(is_soft) {
            return None;
        }
        let mut soft = self.clone();
        let marks: Vec<bool> = self.rules.iter().map(is_soft).collect();
        let of = |wanted: bool| {
            let marks = &marks;
            move |(rule, _): &(usize, Resolved)| marks.get(*rule) == Some(&wanted)
        };
        self.targets.retain(of(false));
        soft.targets.retain(of(true));
        Some(soft)
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
