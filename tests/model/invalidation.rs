//! What events and purges should delete and reply, every live key looked at.

use std::collections::BTreeSet;

use regex::bytes::Regex;
use serde_json::Value;

use crate::naive::{Naive, Names, Tags};
use crate::support::resp::Reply;
use crate::target::{Expression, Target, fill, glob, holds};

impl Naive {
    /// The keys that an event or a purge should have deleted.
    pub fn invalidate(
        &self,
        words: &[String],
        reply: &Reply,
        now: &Names,
        dead: bool,
    ) -> Result<BTreeSet<String>, String> {
        let Some((targets, rules)) = self.targets(words) else {
            let refused = matches!(reply, Reply::Error(_));
            return if refused {
                Ok(BTreeSet::new())
            } else {
                Err("a value is missing, and no error".into())
            };
        };
        let count = |name: &str| {
            reply.field(name).map_or(-1, |count| count.text().parse::<i64>().unwrap_or(-1))
        };
        let live = || self.live[self.db].iter().filter(|(key, _)| self.allows(key));
        let hit =
            |key: &&str, tags: &Tags| targets.iter().any(|(target, _)| target.hits(key, tags));
        let mut gone: BTreeSet<String> = live()
            .filter(|(key, tags)| hit(&key.as_str(), tags))
            .map(|(key, _)| key.clone())
            .collect();
        let outside =
            |(target, _): &&(Target, bool)| matches!(target, Target::Key(key) if !self.allows(key));
        let refused = targets.iter().filter(outside).count();
        let has = |option: &str| words.iter().skip(3).any(|word| word == option);
        let warms = |(key, tags): &(&String, &Tags)| {
            targets.iter().any(|(target, warm)| *warm && target.hits(key, tags))
        };
        let warmed = if has("DRYRUN") { 0 } else { live().filter(warms).count() };
        let matched = gone.len() as i64;
        if let Some(names) = reply.field("keys") {
            let all: Vec<&String> = gone.iter().collect();
            let names = names.sorted();
            if (!dead || !has("DRYRUN")) && !names.iter().eq(all) {
                return Err(format!("the model finds {gone:?}"));
            }
        }
        if has("DRYRUN") {
            gone.clear();
        } else if has("LIMIT") {
            gone.retain(|key| !now[self.db].contains(key));
            let limit: i64 = words[words.len() - 1].parse().unwrap();
            if dead
                && count("deleted") == gone.len() as i64
                && count("deleted") + count("absent") <= limit
            {
                return Ok(gone);
            }
            if gone.len() as i64 != matched.min(limit) {
                return Err(format!("deleted {gone:?} of {matched} and limit {limit}"));
            }
        }
        let found = ["rules", "deleted", "warmed", "refused"].map(count);
        let expected = [rules, gone.len(), warmed, refused].map(|count| count as i64);
        if found != expected || (!dead && (count("matched"), count("absent")) != (matched, 0)) {
            return Err(format!(
                "rules, deleted, warmed, refused are {found:?}, should be {expected:?}, matched {matched}"
            ));
        }
        Ok(gone)
    }

    /// The targets of an event or a purge, each with whether it warms; and how many rules.
    pub fn targets(&self, words: &[String]) -> Option<(Vec<(Target, bool)>, usize)> {
        let mut found = vec![];
        if words[0] == "INVAL.PURGE" {
            match &*words[1] {
                "KEYS" => {
                    found.extend(words[3..].iter().map(|key| (Target::Key(key.clone()), false)))
                }
                "TAGS" => found.push((Target::Tags(Expression::parse(&words[2..])), false)),
                "GLOB" => found.push((Target::Name(glob(&words[2], &Value::Null)?), false)),
                "PREFIX" => found
                    .push((Target::Name(glob(&format!("{}*", words[2]), &Value::Null)?), false)),
                _ => found.push((Target::Name(Regex::new(&words[2]).unwrap()), false)),
            }
            return Some((found, 0));
        }
        let payload: Value = serde_json::from_str(&words[2]).unwrap();
        let takes = |rule: &&Value| {
            let event = glob(rule["eventType"].as_str().unwrap(), &Value::Null).unwrap();
            rule["enabled"] == true
                && event.is_match(words[1].as_bytes())
                && holds(rule["when"].as_str(), &payload)
        };
        let taking: Vec<&Value> = self.rules.values().filter(takes).collect();
        for rule in &taking {
            let list = |field: &str| rule[field].as_array().cloned().unwrap_or_default();
            let warm = rule["warmCache"] == true;
            for text in list("cacheKeys") {
                found.push((Target::key_or_glob(text.as_str()?, &payload)?, warm));
            }
            for text in list("patterns") {
                let text = fill(text.as_str()?, &payload, regex::escape)?;
                found.push((Target::Name(Regex::new(&text).unwrap()), warm));
            }
            for text in list("tags") {
                let tags = vec![fill(text.as_str()?, &payload, str::to_owned)?];
                found.push((Target::Tags(Expression { all: false, tags, not: vec![] }), warm));
            }
        }
        for text in payload["affectedCaches"].as_array().into_iter().flatten() {
            found.push((Target::key_or_glob(text.as_str()?, &Value::Null)?, false));
        }
        Some((found, taking.len()))
    }

    /// Whether `TAG.KEYS` found what it should; with `dead`, more.
    pub fn same_names(
        &self,
        wanted: &Expression,
        found: &[String],
        dead: bool,
    ) -> Result<(), String> {
        let live = self.live[self.db].iter().filter(|(_, tags)| wanted.hits(tags));
        let expected: Vec<&String> = live.map(|(key, _)| key).collect();
        let same = if dead {
            expected.iter().all(|key| found.contains(key))
        } else {
            found.iter().eq(expected.iter().copied())
        };
        if same { Ok(()) } else { Err(format!("the model finds {expected:?}")) }
    }
}
