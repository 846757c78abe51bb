//! The model: what the README says of tags, rules, events and purges, over plain maps.
//!
//! Which keys live after a command of the server's own is the server's to say; which tags they
//! carry, and what the module's commands reply and delete, is predicted here.
//!
//! | what happens to a key | its tags |
//! |---|---|
//! | it vanishes: deleted, emptied, expired, flushed, stored into with nothing | go |
//! | it appears | none |
//! | it is there before and after: written, or stored into (SORT, BITOP, SUNIONSTORE, ..) | stay |
//! | RENAME, RENAMENX, MOVE | go along, in place of the target's |
//! | COPY | are copied, in place of the target's |
//! | COPY with DB | as COPY, of all keys of the source's name: no one tells its database |
//! | RESTORE | none |
//! | SWAPDB | go along |
//! | it gets outside the fence | go |

use std::collections::{BTreeMap, BTreeSet};

use regex::bytes::Regex;
use serde_json::{Value, json};

use crate::history::DBS;
use crate::target::{Expression, Target, fill, glob, holds};
use crate::wire::Reply;

pub type Tags = BTreeSet<String>;
/// The names of the live keys of each database.
pub type Names = [BTreeSet<String>; DBS];

/// See the module.
#[derive(Clone, Default)]
pub struct Naive {
    pub live: [BTreeMap<String, Tags>; DBS],
    pub rules: BTreeMap<String, Value>,
    pub fence: String,
    pub db: usize,
}

impl Naive {
    /// Takes in a command, its reply and the keys that live now; says what should not be.
    /// `dead`: keys may be there whose time is up, which count as matched and not as deleted.
    pub fn apply(
        &mut self,
        words: &[String],
        reply: &Reply,
        now: &Names,
        dead: bool,
    ) -> Result<(), String> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let number = |at: usize| word(at).parse::<usize>().unwrap_or(0);
        let done = reply.is_done();
        let is_ours = word(0).starts_with("TAG.") || word(0).starts_with("INVAL.");
        let mut gone = BTreeSet::new();
        match word(0) {
            "SELECT" => self.db = number(1),
            "RENAME" | "RENAMENX" if done => {
                let tags = self.live[self.db].remove(word(1)).unwrap_or_default();
                self.live[self.db].insert(word(2).into(), tags);
            }
            "MOVE" if done => {
                let tags = self.live[self.db].remove(word(1)).unwrap_or_default();
                self.live[number(2)].insert(word(1).into(), tags);
            }
            "COPY" if done => {
                let (to, sources) = match word(3) {
                    "DB" => (number(4), 0..DBS),
                    _ => (self.db, self.db..self.db + 1),
                };
                let sources = sources.filter(|db| (*db, word(1)) != (to, word(2)));
                let tags = sources
                    .filter_map(|db| self.live[db].get(word(1)))
                    .flatten()
                    .cloned()
                    .collect();
                self.live[to].insert(word(2).into(), tags);
            }
            "RESTORE" if done => _ = self.live[self.db].insert(word(2).into(), Tags::new()),
            "SWAPDB" if done => self.live.swap(number(1), number(2)),
            "FENCE" => self.fence = word(1).into(),
            "TAG.SET" | "TAG.ADD" | "TAG.REM" => self.edit(words, reply)?,
            "TAG.KEYS" => {
                let expression = Expression::parse(&words[1..]);
                self.same_names(&expression, &reply.sorted(), dead)?;
            }
            "INVAL.RULE" => self.edit_rules(words, reply)?,
            "INVAL.EVENT" | "INVAL.PURGE" => gone = self.invalidate(words, reply, now, dead)?,
            _ => {}
        }
        let expected = self.live[self.db].keys().filter(|key| !gone.contains(*key));
        if is_ours && !expected.eq(&now[self.db]) {
            return Err(format!("the model deletes {gone:?}, left are {:?}", now[self.db]));
        }
        for db in 0..DBS {
            self.live[db].retain(|key, _| now[db].contains(key));
            for key in &now[db] {
                let allowed = self.allows(key);
                let tags = self.live[db].entry(key.clone()).or_default();
                tags.retain(|_| allowed);
            }
        }
        Ok(())
    }

    fn allows(&self, key: &str) -> bool {
        let entries = || self.fence.split_whitespace();
        let fits = |entry: &str| match entry.contains('*') {
            true => glob(entry, &Value::Null).unwrap().is_match(key.as_bytes()),
            false => key.starts_with(entry),
        };
        entries().next().is_none() || entries().any(fits)
    }

    fn edit(&mut self, words: &[String], reply: &Reply) -> Result<(), String> {
        let (key, given) = (&words[1], words[2..].iter().cloned().collect::<Tags>());
        if !self.allows(key) {
            let refused = matches!(reply, Reply::Error(_));
            return if refused { Ok(()) } else { Err("tagged outside the fence".into()) };
        }
        let Some(tags) = self.live[self.db].get_mut(key) else { return same(reply, 0) };
        let before = tags.clone();
        match &*words[0] {
            "TAG.SET" => *tags = given.clone(),
            "TAG.ADD" => tags.extend(given.clone()),
            _ => tags.retain(|tag| !given.contains(tag)),
        }
        same(
            reply,
            if words[0] == "TAG.SET" { given.len() } else { tags.len().abs_diff(before.len()) },
        )
    }

    fn edit_rules(&mut self, words: &[String], reply: &Reply) -> Result<(), String> {
        match &*words[1] {
            "SET" => {
                let mut rule = json!({"priority": "medium", "warmCache": false, "enabled": true});
                let document: Value = serde_json::from_str(&words[3]).unwrap();
                rule.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
                rule["name"] = words[2].clone().into();
                self.rules.insert(words[2].clone(), rule);
                if reply.is_done() { Ok(()) } else { Err("the rule was refused".into()) }
            }
            "DEL" => same(
                reply,
                words[2..].iter().filter(|name| self.rules.remove(*name).is_some()).count(),
            ),
            switch => match self.rules.get_mut(&words[2]) {
                None if matches!(reply, Reply::Error(_)) => Ok(()),
                None => Err("no such rule, and no error".into()),
                Some(rule) => {
                    let on = Value::from(switch == "ENABLE");
                    same(
                        reply,
                        usize::from(std::mem::replace(&mut rule["enabled"], on.clone()) != on),
                    )
                }
            },
        }
    }

    /// The keys that an event or a purge should have deleted.
    fn invalidate(
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
    fn targets(&self, words: &[String]) -> Option<(Vec<(Target, bool)>, usize)> {
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

    fn same_names(&self, wanted: &Expression, found: &[String], dead: bool) -> Result<(), String> {
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

fn same(reply: &Reply, expected: usize) -> Result<(), String> {
    let same = *reply == Reply::Int(expected as i64);
    if same { Ok(()) } else { Err(format!("should be {expected}")) }
}
