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
//! | it is filled with tags | these and no others |

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::history::DBS;
use crate::support::resp::Reply;
use crate::target::{Expression, glob};
use crate::tokens::Tokens;

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
    pub tokens: Tokens,
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
        self.foresee_tokens(words, reply)?;
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
            "INVAL.FILL" if reply.sorted() == ["filled"] => {
                let tags = self.live[self.db].entry(word(1).into()).or_default();
                if let Some(at) = words.iter().position(|word| word == "TAGS") {
                    *tags = words[at + 2..].iter().cloned().collect();
                }
            }
            "INVAL.EVENT" | "INVAL.PURGE" => gone = self.invalidate(words, reply, now, dead)?,
            _ => {}
        }
        let expected = self.live[self.db].keys().filter(|key| !gone.contains(*key));
        if is_ours && !expected.eq(&now[self.db]) {
            return Err(format!("the model deletes {gone:?}, left are {:?}", now[self.db]));
        }
        self.tokens.written(now);
        for (db, now) in now.iter().enumerate() {
            self.live[db].retain(|key, _| now.contains(key));
            for key in now {
                let allowed = self.allows(key);
                let tags = self.live[db].entry(key.clone()).or_default();
                tags.retain(|_| allowed);
            }
        }
        Ok(())
    }

    pub fn allows(&self, key: &str) -> bool {
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
}

fn same(reply: &Reply, expected: usize) -> Result<(), String> {
    let same = *reply == Reply::Int(expected as i64);
    if same { Ok(()) } else { Err(format!("should be {expected}")) }
}
