//! `INVAL.RULE`: the rule table, as data.

use serde_json::Number;

use super::args::Args;
use super::load::Load;
use super::reply::Reply;
use super::soft;
use super::warm;
use crate::domain::emit::EmitDocument;
use crate::domain::error::{Error, Result};
use crate::domain::rule::{Rule, check_name};
use crate::domain::rule_document::{RuleDocument, parse_one, parse_with_files, to_json};
use crate::domain::rule_table::RuleTable;
use crate::server::Server;

/// `INVAL.RULE SET name json`, and `INVAL.RULE ADD name ON event ...`.
#[derive(Debug)]
pub struct SetRule {
    rule: Rule,
    /// Whether a rule of that name may be there already.
    replace: bool,
}

impl SetRule {
    /// Reads `SET name json`.
    ///
    /// # Errors
    /// A bad document, or arguments that do not fit.
    pub fn parse_set(args: &mut Args) -> Result<Self> {
        let name = args.text("name")?;
        let json = args.next("json")?;
        args.finish()?;
        check_name("rule", name)?;
        Ok(Self { rule: parse_one(json, Some(name))?, replace: true })
    }

    /// Reads `ADD name ON event [KEYS n key ..] [PATTERNS n regex ..] [TAGS n tag ..]
    /// [EMIT n event ..] [WHEN condition] [PRIORITY high|medium|low] [WARM [DELAY milliseconds]
    /// [HOT]] [SOFT milliseconds] [BATCHED] [DOMAIN domain] [DESC text]`.
    ///
    /// # Errors
    /// A bad rule, or arguments that do not fit.
    pub fn parse_add(args: &mut Args) -> Result<Self> {
        let mut document = RuleDocument {
            enabled: true,
            priority: "medium".to_owned(),
            ..RuleDocument::default()
        };
        document.name = args.text("name")?.to_owned();
        if !args.keyword("ON") {
            return Err(args.usage("missing ON event".to_owned()));
        }
        document.event_type = args.text("event")?.to_owned();
        while !args.is_done() {
            if args.keyword("KEYS") {
                document.cache_keys.extend(texts("key", args.counted("keys")?)?);
            } else if args.keyword("PATTERNS") {
                document.patterns.extend(texts("regex", args.counted("patterns")?)?);
            } else if args.keyword("TAGS") {
                document.tags.extend(texts("tag", args.counted("tags")?)?);
            } else if args.keyword("EMIT") {
                let events = texts("event", args.counted("events")?)?;
                document.emit.extend(events.into_iter().map(EmitDocument::Name));
            } else if args.keyword("BATCHED") {
                document.batched = true;
            } else if args.keyword("DOMAIN") {
                document.domain = args.text("domain")?.to_owned();
            } else if args.keyword("WHEN") {
                document.when = args.text("condition")?.to_owned();
            } else if args.keyword("PRIORITY") {
                document.priority = args.text("priority")?.to_owned();
            } else if args.keyword("WARM") {
                warm::parse_terms(args, &mut document)?;
            } else if args.keyword("SOFT") {
                document.soft = soft::parse(args)?;
            } else if args.keyword("DESC") {
                document.description = args.text("description")?.to_owned();
            } else {
                args.finish()?;
            }
        }
        Ok(Self { rule: document.into_rule()?, replace: false })
    }

    /// Puts the rule into the table.
    ///
    /// # Errors
    /// A rule of that name exists (for `ADD`), or there are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let name = self.rule.name.clone();
        let json = to_json(std::iter::once(&self.rule));
        server.state(|state| {
            let exists = state.rules.get(&name).is_some();
            if exists && !self.replace {
                return Err(Error::RuleExists { rule: name });
            }
            state.rules.check_room([&self.rule])?;
            state.set_rule(self.rule);
            Ok(())
        })?;
        server.redis().replicate(&[b"INVAL.RULE", b"LOAD", json.as_bytes()]);
        Ok(Reply::OK)
    }
}

fn texts(what: &'static str, words: &[&[u8]]) -> Result<Vec<String>> {
    let text = |word: &&[u8]| {
        String::from_utf8(word.to_vec()).map_err(|_| Error::NotUtf8 { what, name: word.to_vec() })
    };
    words.iter().map(text).collect()
}

/// `INVAL.RULE GET name`
#[derive(Debug)]
pub struct GetRule<'a>(&'a str);

impl<'a> GetRule<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let name = args.text("name")?;
        args.finish()?;
        Ok(Self(name))
    }

    /// The rule's document, field by field; null when there is none.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let document = server.state(|state| state.rules.get(self.0).map(RuleDocument::of));
        let Some(document) = document else { return Ok(Reply::Null) };
        let delay = document.warm_delay.as_ref().and_then(Number::as_u64);
        let delay = delay.map_or(Reply::Null, Reply::count);
        let list = |texts: &[String]| Reply::bulks(texts.iter().map(String::as_bytes));
        Ok(Reply::map([
            ("name", Reply::bulk(document.name)),
            ("eventType", Reply::bulk(document.event_type)),
            ("cacheKeys", list(&document.cache_keys)),
            ("patterns", list(&document.patterns)),
            ("tags", list(&document.tags)),
            ("when", Reply::bulk(document.when)),
            ("priority", Reply::bulk(document.priority)),
            ("warmCache", Reply::flag(document.warm_cache)),
            ("warmDelay", delay),
            ("warmHot", Reply::flag(document.warm_hot)),
            ("logInvalidation", Reply::flag(document.log_invalidation)),
            ("soft", Reply::count(document.soft)),
            ("batched", Reply::flag(document.batched)),
            ("batchSize", document.batch_size.map_or(Reply::Null, Reply::count)),
            ("batchTimeout", document.batch_timeout.map_or(Reply::Null, Reply::count)),
            ("emit", Reply::Array(document.emit.iter().map(emitted).collect())),
            ("domain", Reply::bulk(document.domain)),
            ("description", Reply::bulk(document.description)),
            ("enabled", Reply::flag(document.enabled)),
        ]))
    }
}

/// An emitted event: its name, or its document.
fn emitted(emit: &EmitDocument) -> Reply {
    match emit {
        EmitDocument::Name(event) => Reply::bulk(event.as_str()),
        // Names and paths: there is nothing in them that could fail to serialise.
        own => Reply::bulk(serde_json::to_string(own).unwrap_or_default()),
    }
}

/// `INVAL.RULE DEL name [name ...]`
#[derive(Debug)]
pub struct DelRules<'a>(&'a [&'a [u8]]);

impl<'a> DelRules<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.rest("name")?))
    }

    /// Takes the rules out; replies with the number that were there.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let names = self.0.iter().filter_map(|name| std::str::from_utf8(name).ok());
        let deleted = server.state(|state| {
            let deleted = names.filter(|name| state.remove_rule(name).is_some()).count();
            state.batches.hurry(&state.rules);
            deleted
        });
        if deleted > 0 {
            let words: Vec<&[u8]> =
                [&b"INVAL.RULE"[..], b"DEL"].into_iter().chain(self.0.iter().copied()).collect();
            server.redis().replicate(&words);
        }
        Ok(Reply::count(deleted))
    }
}

/// `INVAL.RULE LIST [event | DOMAIN domain]`
#[derive(Debug)]
pub enum ListRules<'a> {
    /// All.
    All,
    /// Those that take an event.
    Event(&'a str),
    /// Those of a domain.
    Domain(&'a str),
}

impl<'a> ListRules<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        if args.is_done() {
            return Ok(Self::All);
        }
        let list = match args.keyword("DOMAIN") {
            true => Self::Domain(args.text("domain")?),
            false => Self::Event(args.text("event")?),
        };
        args.finish()?;
        Ok(list)
    }

    /// All rules by name, or those of an event in order of work.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        Ok(server.state(|state| {
            let rules: Vec<&Rule> = match self {
                Self::All => state.rules.iter().collect(),
                Self::Event(event) => state.rules.of_event(event),
                Self::Domain(domain) => state.rules.of_domain(domain).collect(),
            };
            let row = |rule: &&Rule| {
                Reply::map([
                    ("name", Reply::bulk(rule.name.as_str())),
                    ("eventType", Reply::bulk(rule.event.as_str())),
                    ("priority", Reply::text(rule.priority.as_str())),
                    ("targets", Reply::count(rule.targets.len())),
                    ("warmCache", Reply::flag(rule.warm)),
                    ("soft", Reply::count(rule.soft_ms.unwrap_or_default())),
                    ("batched", Reply::flag(rule.batch.is_some())),
                    ("emits", Reply::count(rule.emits.len())),
                    ("domain", Reply::bulk(rule.domain.as_str())),
                    ("enabled", Reply::flag(rule.enabled)),
                    ("description", Reply::bulk(rule.description.as_str())),
                ])
            };
            Reply::Array(rules.iter().map(row).collect())
        }))
    }
}

/// `INVAL.RULE LOAD json [REPLACE]`
#[derive(Debug)]
pub struct LoadRules(Load<Rule>);

impl LoadRules {
    /// Reads the arguments, and all of the document.
    ///
    /// # Errors
    /// Everything that is wrong with the document, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        Load::parse(args, parse_with_files).map(Self)
    }

    /// Swaps the rules in, beside the others or in place of all; replies with their number.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let Load { all, files, replace } = self.0;
        let count = all.len();
        let obeying = server.redis().is_obeying();
        server.state(|state| {
            let nothing = RuleTable::default();
            let beside = if replace { &nothing } else { &state.rules };
            // What a primary or our own file holds was within the bounds when it was set.
            if !obeying {
                beside.check_room(&all)?;
            }
            match replace {
                true => state.replace_rules(all),
                false => all.into_iter().for_each(|rule| state.set_rule(rule)),
            }
            state.batches.hurry(&state.rules);
            if let Some(files) = files.filter(|_| obeying) {
                state.files = files;
                state.merge_files();
            }
            Ok(())
        })?;
        // As it came: written anew it might be larger than a replica takes.
        server.redis().replicate_as_it_came();
        Ok(Reply::count(count))
    }
}

/// `INVAL.RULE DUMP`: all rules as one document that `LOAD` reads.
///
/// # Errors
/// Arguments are left.
pub fn dump(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(Reply::bulk(server.state(|state| to_json(state.rules.iter()))))
}

/// `INVAL.RULE ENABLE <name [name ...] | DOMAIN domain>` and `DISABLE`.
#[derive(Debug)]
pub struct SwitchRules<'a> {
    names: Vec<&'a str>,
    /// In place of names, all rules of it.
    domain: Option<&'a str>,
    enabled: bool,
}

impl<'a> SwitchRules<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>, enabled: bool) -> Result<Self> {
        if args.keyword("DOMAIN") {
            let domain = Some(args.text("domain")?);
            args.finish()?;
            return Ok(Self { names: vec![], domain, enabled });
        }
        let mut names = vec![args.text("name")?];
        while !args.is_done() {
            names.push(args.text("name")?);
        }
        Ok(Self { names, domain: None, enabled })
    }

    /// Switches the rules; replies with the number that changed.
    ///
    /// # Errors
    /// A rule, or the domain, is not there; none is switched then.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let (changed, names) = server.state(|state| {
            let names: Vec<String> = match self.domain {
                Some(domain) => {
                    state.rules.of_domain(domain).map(|rule| rule.name.clone()).collect()
                }
                None => self.names.iter().map(|name| (*name).to_owned()).collect(),
            };
            if let Some(domain) = self.domain.filter(|_| names.is_empty()) {
                return Err(Error::NoSuchDomain { domain: domain.to_owned() });
            }
            if let Some(missing) = names.iter().find(|name| state.rules.get(name).is_none()) {
                return Err(Error::NoSuchRule { rule: missing.clone() });
            }
            let mut switch =
                |name: &&String| state.rules.set_enabled(name, self.enabled) == Some(true);
            Ok((names.iter().filter(|name| switch(name)).count(), names))
        })?;
        if changed > 0 {
            let word: &[u8] = if self.enabled { b"ENABLE" } else { b"DISABLE" };
            let names = names.iter().map(String::as_bytes);
            let words: Vec<&[u8]> = [&b"INVAL.RULE"[..], word].into_iter().chain(names).collect();
            server.redis().replicate(&words);
        }
        Ok(Reply::count(changed))
    }
}
