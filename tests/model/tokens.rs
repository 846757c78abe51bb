//! The model of the fill tokens: for each its key, and everything that happened since.

use crate::naive::{Naive, Names, Tags};
use crate::support::resp::Reply;
use crate::target::{Expression, Target};

#[derive(Clone, Default)]
pub struct Tokens {
    given: Vec<Given>,
    /// How many had been given when the transaction began that runs.
    before: Option<usize>,
}

#[derive(Clone)]
struct Given {
    token: String,
    db: usize,
    key: String,
    since: Vec<Happened>,
}

#[derive(Clone, PartialEq)]
enum Happened {
    /// The key was invalidated, deleted or written, or the token was used.
    Spoilt,
    /// Something that the module may take for it: the next reply tells, and is believed.
    Perhaps,
    Purged(Expression),
}

impl Tokens {
    /// Puts a token in for `@key`: the last that was given for it, in whatever database.
    pub fn insert(&self, word: &mut String) {
        if let Some(key) = word.strip_prefix('@') {
            let given = self.given.iter().rev().find(|given| given.key == key);
            *word = given.map_or("0".repeat(16), |given| given.token.clone());
        }
    }

    /// A step begins. A deletion voids tokens as soon as it is queued; and all that other
    /// transactions queued lately may count once more with `EXEC`.
    pub fn begin(&mut self, is_transaction: bool) {
        self.before = is_transaction.then_some(self.given.len());
        self.happened(Happened::Perhaps, |_| is_transaction);
    }

    /// A key that is there now was written since its token was given.
    pub fn written(&mut self, now: &Names) {
        self.happened(Happened::Spoilt, |given| now[given.db].contains(&given.key));
    }

    fn happened(&mut self, what: Happened, to: impl Fn(&Given) -> bool) {
        let given = self.given.iter_mut().filter(|given| to(given));
        given.for_each(|given| given.since.push(what.clone()));
    }

    /// The module hears of a key that is not there without its database. What a transaction asks
    /// for itself, nobody can compute before it ends.
    fn deleted(&mut self, db: usize, key: &str) {
        for (at, given) in self.given.iter_mut().enumerate().filter(|(_, given)| given.key == key) {
            let certain = given.db == db && self.before.is_none_or(|before| at < before);
            given.since.push(if certain { Happened::Spoilt } else { Happened::Perhaps });
        }
    }

    /// The last token of a key, and whether a fill with these tags is stored, if that is certain.
    fn of(&self, db: usize, key: &str, tags: &Tags) -> Option<(usize, Option<bool>)> {
        let at = self.given.iter().rposition(|given| given.db == db && given.key == key)?;
        let since = &self.given[at].since;
        let is_void = since.iter().any(|happened| match happened {
            Happened::Spoilt => true,
            Happened::Perhaps => false,
            Happened::Purged(expression) => expression.hits(tags),
        });
        let is_certain = is_void || !since.contains(&Happened::Perhaps);
        Some((at, is_certain.then_some(!is_void)))
    }
}

impl Naive {
    /// Takes in what a command does to tokens, before anything else; says what should not be.
    pub fn foresee_tokens(&mut self, words: &[String], reply: &Reply) -> Result<(), String> {
        let (db, all, tokens) = (self.db, words.join(" "), &mut self.tokens);
        match &*words[0] {
            "DEL" | "UNLINK" => words[1..].iter().for_each(|key| tokens.deleted(db, key)),
            "FLUSHDB" => tokens.happened(Happened::Spoilt, |given| given.db == db),
            "FLUSHALL" => tokens.happened(Happened::Spoilt, |_| true),
            "DEBUG" if all == "DEBUG RELOAD" => tokens.happened(Happened::Perhaps, |_| true),
            "SWAPDB" => {
                let what = if words[1] == words[2] { Happened::Perhaps } else { Happened::Spoilt };
                tokens.happened(what, |given| words[1..].contains(&given.db.to_string()));
            }
            "INVAL.EVENT" | "INVAL.PURGE" if !all.contains("DRYRUN") => {
                for (target, _) in self.targets(words).map_or(vec![], |(targets, _)| targets) {
                    let (what, names) = match &target {
                        Target::Tags(tags) => (Happened::Purged(tags.clone()), None),
                        names => (Happened::Spoilt, Some(names)),
                    };
                    let hits = |key: &str| names.is_none_or(|names| names.hits(key, &Tags::new()));
                    self.tokens.happened(what, |given| given.db == db && hits(&given.key));
                }
            }
            "INVAL.FETCH" => return self.fetch(&words[1], reply),
            "INVAL.FILL" => return self.fill(words, reply),
            _ => {}
        }
        Ok(())
    }

    fn fetch(&mut self, key: &str, reply: &Reply) -> Result<(), String> {
        let is_live = self.live[self.db].contains_key(key);
        let of = self.tokens.of(self.db, key, &Tags::new());
        match (reply.texts().first().map(String::as_str), of) {
            (Some("hit") | None, _) if is_live => {}
            (Some("busy"), Some((at, None | Some(true)))) if !is_live => {
                self.tokens.given[at].since.retain(|happened| *happened != Happened::Perhaps);
            }
            (Some("miss"), None | Some((_, None | Some(false)))) if !is_live => {
                let (db, key, token) = (self.db, key.to_owned(), reply.texts()[1].clone());
                self.tokens.given.push(Given { token, db, key, since: vec![] });
            }
            _ => return Err("not so by what happened to the key and its token".into()),
        }
        Ok(())
    }

    fn fill(&mut self, words: &[String], reply: &Reply) -> Result<(), String> {
        let after = |name: &str| words.iter().position(|word| word == name).map(|at| at + 1);
        let tags = after("TAGS").map(|at| words[at + 1..].iter().cloned().collect::<Tags>());
        if tags.is_some() && !self.allows(&words[1]) {
            let refused = matches!(reply, Reply::Error(_));
            return if refused { Ok(()) } else { Err("tagged outside the fence".into()) };
        }
        let mut expected = Some(true);
        if let Some(token) = after("TOKEN") {
            let of = self.tokens.of(self.db, &words[1], &tags.unwrap_or_default());
            let own = of.filter(|(at, _)| self.tokens.given[*at].token == words[token]);
            expected = own.map_or(Some(false), |(_, good)| good);
            if let Some((at, _)) = own {
                // A token is good once.
                self.tokens.given[at].since.push(Happened::Spoilt);
            }
        }
        let found = reply.texts().first().map(|word| word == "filled");
        match found.is_some_and(|found| expected.is_none_or(|expected| found == expected)) {
            true => Ok(()),
            false => Err(format!("is it to be filled? {expected:?}")),
        }
    }
}
