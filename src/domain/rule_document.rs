//! Rules as JSON: what `INVAL.RULE SET/LOAD/DUMP` and the files of `rules/` hold.
//!
//! One rule is an object with the fields of [`RuleDocument`]; a document is one rule, an array
//! of rules, or `{"rules": [...]}`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::batch::Batch;
use super::condition::Condition;
use super::document::{self, Kind};
use super::emit::{EMITS_MAX, EmitDocument};
use super::error::{Error, Result};
use super::rule::{
    EventPattern, NAME_MAX_BYTES, Priority, RULE_MAX_TARGETS, Rule, Target, TargetKind, check_name,
    check_soft,
};
use super::rule_table::{RULES_MAX, RULES_MAX_COMPILED_BYTES};
use super::snapshot::FileDigests;
use super::warm_terms::WarmTerms;

/// Most memory, in bytes, of all patterns of a document when compiled. Beside the rules set by
/// command, a table may hold those of files, each within the table's bound: what a server has
/// saved it must read.
const DOCUMENT_MAX_COMPILED_BYTES: usize = 2 * RULES_MAX_COMPILED_BYTES;

/// A rule as it is written. Names in snake case are taken too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleDocument {
    /// The rule's name; the event type when absent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The event, or a glob over events.
    #[serde(default, alias = "event_type")]
    pub event_type: String,
    /// Keys; an entry with `*`, `?` or `[` is a glob.
    #[serde(default, alias = "cache_keys", skip_serializing_if = "Vec::is_empty")]
    pub cache_keys: Vec<String>,
    /// Regular expressions over key names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A condition on the payload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub when: String,
    /// `high`, `medium` or `low`.
    #[serde(default = "medium")]
    pub priority: String,
    /// Whether deleted keys are queued for warming.
    #[serde(default, alias = "warm_cache")]
    pub warm_cache: bool,
    /// Milliseconds before which no worker should begin; the configuration's when absent.
    #[serde(default, alias = "warm_delay", skip_serializing_if = "Option::is_none")]
    pub warm_delay: Option<Number>,
    /// Whether only keys are queued that were touched lately.
    #[serde(default, alias = "warm_hot", skip_serializing_if = "is_false")]
    pub warm_hot: bool,
    /// Milliseconds that its keys may be served stale; 0: they are deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub soft: u64,
    /// Whether its events are collected and carried out together.
    #[serde(default, skip_serializing_if = "is_false")]
    pub batched: bool,
    /// Different events that are carried out together; that of the configuration when absent.
    #[serde(default, alias = "batch_size", skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    /// Milliseconds that an event waits; that of the configuration when absent.
    #[serde(default, alias = "batch_timeout", skip_serializing_if = "Option::is_none")]
    pub batch_timeout: Option<u64>,
    /// The events that follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emit: Vec<EmitDocument>,
    /// The group of rules that it belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Whether each of its invalidations is written down as a line of JSON.
    #[serde(default, alias = "log_invalidation", skip_serializing_if = "is_false")]
    pub log_invalidation: bool,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether the rule takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn medium() -> String {
    Priority::default().as_str().to_owned()
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn yes() -> bool {
    true
}

impl RuleDocument {
    /// Checks everything and compiles the patterns.
    ///
    /// # Errors
    /// The first thing wrong, with the rule's name.
    pub fn into_rule(self) -> Result<Rule> {
        let name = if self.name.is_empty() { self.event_type.clone() } else { self.name.clone() };
        let shown = name.clone();
        self.build(name).map_err(|error| Error::InRule { rule: shown, error: Box::new(error) })
    }

    fn build(self, name: String) -> Result<Rule> {
        if self.event_type.is_empty() {
            return Err(Error::MissingEventType);
        }
        check_name("rule", &name)?;
        let count = self.cache_keys.len() + self.patterns.len() + self.tags.len();
        if count == 0 && self.emit.is_empty() {
            return Err(Error::NoTargets);
        }
        if self.emit.len() > EMITS_MAX {
            let count = self.emit.len();
            return Err(Error::TooMany { what: "emitted events", count, limit: EMITS_MAX });
        }
        if self.domain.len() > NAME_MAX_BYTES {
            check_name("domain", &self.domain)?;
        }
        let batch = Batch { size: self.batch_size, timeout_ms: self.batch_timeout }.check()?;
        if !self.batched && batch != Batch::default() {
            return Err(Error::NotBatched);
        }
        if count > RULE_MAX_TARGETS {
            return Err(Error::TooMany { what: "targets", count, limit: RULE_MAX_TARGETS });
        }
        let keys = self.cache_keys.iter().map(|text| Target::cache_key(text));
        let patterns = self.patterns.iter().map(|text| Target::new(TargetKind::Regex, text));
        let tags = self.tags.iter().map(|text| Target::new(TargetKind::Tag, text));
        Ok(Rule {
            event: EventPattern::parse(&self.event_type)?,
            targets: collect(keys.chain(patterns).chain(tags))?,
            when: match self.when.as_str() {
                "" => None,
                text => Some(Condition::parse(text)?),
            },
            priority: Priority::parse(&self.priority)?,
            warm: self.warm_cache,
            warm_terms: WarmTerms::parse(self.warm_cache, self.warm_delay.as_ref(), self.warm_hot)?,
            soft_ms: match self.soft {
                0 => None,
                ms => Some(check_soft(ms)?),
            },
            batch: self.batched.then_some(batch),
            emits: self.emit.into_iter().map(EmitDocument::read).collect::<Result<_>>()?,
            domain: self.domain,
            logs: self.log_invalidation,
            description: self.description,
            number: 0,
            enabled: self.enabled,
            name,
        })
    }

    /// The document of a rule; `into_rule` gives the same rule back.
    pub fn of(rule: &Rule) -> Self {
        let texts = |wanted: &[TargetKind]| {
            let of_kind = rule.targets.iter().filter(|target| wanted.contains(&target.kind));
            of_kind.map(|target| target.template.source().to_owned()).collect()
        };
        Self {
            name: rule.name.clone(),
            event_type: rule.event.as_str().to_owned(),
            cache_keys: texts(&[TargetKind::Key, TargetKind::Glob]),
            patterns: texts(&[TargetKind::Regex]),
            tags: texts(&[TargetKind::Tag]),
            when: rule.when.as_ref().map(|when| when.source().to_owned()).unwrap_or_default(),
            priority: rule.priority.as_str().to_owned(),
            warm_cache: rule.warm,
            warm_delay: rule.warm_terms.delay_ms.map(Number::from),
            warm_hot: rule.warm_terms.hot_only,
            soft: rule.soft_ms.unwrap_or_default(),
            batched: rule.batch.is_some(),
            batch_size: rule.batch.and_then(|batch| batch.size),
            batch_timeout: rule.batch.and_then(|batch| batch.timeout_ms),
            emit: rule.emits.iter().map(EmitDocument::of).collect(),
            domain: rule.domain.clone(),
            log_invalidation: rule.logs,
            description: rule.description.clone(),
            enabled: rule.enabled,
        }
    }
}

/// All targets, unless they grow beyond what a rule may take: then the rest is not compiled.
fn collect(targets: impl Iterator<Item = Result<Target>>) -> Result<Vec<Target>> {
    let mut all = vec![];
    let mut bytes = 0;
    for target in targets {
        let target = target?;
        bytes += target.compiled_bytes();
        if bytes > RULES_MAX_COMPILED_BYTES {
            return Err(Error::RulesTooLarge { limit: RULES_MAX_COMPILED_BYTES });
        }
        all.push(target);
    }
    Ok(all)
}

/// Reads one rule; `name`, when given, is its name and the document may not say another.
///
/// # Errors
/// Bad JSON with line and column, an unknown field, or a bad rule.
pub fn parse_one(text: &[u8], name: Option<&str>) -> Result<Rule> {
    let mut document: RuleDocument = document::parse_one(Kind::Rule, text)?;
    if let Some(name) = name {
        document::name(Kind::Rule, &mut document.name, name)?;
    }
    document.into_rule()
}

/// Reads a document of any number of rules.
///
/// # Errors
/// Everything that is wrong, one error per rule.
pub fn parse_all(text: &[u8]) -> std::result::Result<Vec<Rule>, Vec<Error>> {
    parse_with_files(text).map(|(rules, _)| rules)
}

/// Reads a document that may say what was read from files: `"files"` beside `"rules"`.
///
/// # Errors
/// Everything that is wrong, one error per rule.
pub fn parse_with_files(
    text: &[u8],
) -> std::result::Result<(Vec<Rule>, Option<FileDigests>), Vec<Error>> {
    document::parse_json(Kind::Rule, text).map_err(|error| vec![error]).and_then(from_json)
}

/// Reads a document that is JSON already.
///
/// # Errors
/// Everything that is wrong, one error per rule.
pub fn from_json(json: Value) -> std::result::Result<(Vec<Rule>, Option<FileDigests>), Vec<Error>> {
    let (rules, files) = document::list(Kind::Rule, json).map_err(|error| vec![error])?;
    if rules.len() > RULES_MAX {
        return Err(vec![Error::TooMany { what: "rules", count: rules.len(), limit: RULES_MAX }]);
    }
    let mut names = HashSet::new();
    let mut good: Vec<Rule> = vec![];
    let mut bad = vec![];
    let mut bytes = 0;
    for (at, value) in rules.into_iter().enumerate() {
        let rule = document::read(Kind::Rule, value).and_then(RuleDocument::into_rule);
        match rule {
            Ok(rule) if !names.insert(rule.name.clone()) => {
                bad.push(Error::Duplicate { kind: Kind::Rule, at, name: rule.name });
            }
            Ok(rule) => {
                bytes += rule.compiled_bytes();
                if bytes > DOCUMENT_MAX_COMPILED_BYTES {
                    bad.push(Error::RulesTooLarge { limit: RULES_MAX_COMPILED_BYTES });
                    return Err(bad);
                }
                good.push(rule);
            }
            Err(error) => {
                bad.push(Error::AtIndex { kind: Kind::Rule, at, error: Box::new(error) });
            }
        }
    }
    if bad.is_empty() { Ok((good, files)) } else { Err(bad) }
}

/// Writes a document that [`parse_all`] reads back.
pub fn to_json<'a>(rules: impl Iterator<Item = &'a Rule>) -> String {
    serde_json::json!({ "rules": documents_of(rules) }).to_string()
}

/// The length of a rule as JSON, in bytes.
pub fn length(rule: &Rule) -> usize {
    to_json(std::iter::once(rule)).len()
}

/// Rules in parts, each small enough for a document; see [`document::parts`].
pub fn parts<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<Vec<&'a Rule>> {
    document::parts(rules.map(|rule| (rule, length(rule))))
}

/// Writes a document that [`parse_with_files`] reads back.
pub fn to_json_with_files<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    files: &FileDigests,
) -> String {
    serde_json::json!({ "rules": documents_of(rules), "files": files }).to_string()
}

// Plain strings and booleans: there is nothing in them that could fail to serialise.
fn documents_of<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<RuleDocument> {
    rules.map(RuleDocument::of).collect()
}

#[cfg(test)]
mod tests;
