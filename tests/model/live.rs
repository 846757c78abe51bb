//! Runs a history on a server and compares it with the model after every step.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::history::{DBS, KEYS, TAGS};
use crate::naive::{Naive, Names};
use crate::support::resp::{Reply, Wire};
use crate::support::{Server, split};

/// Longer than the millisecond that a key gets to live.
const A_MOMENT: Duration = Duration::from_millis(3);

/// Longer than any run: no token's time is up.
const TOKEN_TTL_MS: &str = "3600000";

/// Runs the commands of its second argument and tells after each which keys live.
const SCRIPT: &str = "local out = {} \
    for _, words in ipairs(cjson.decode(ARGV[2])) do \
        redis.call('SELECT', ARGV[1]) \
        table.insert(out, redis.pcall(unpack(words))) \
        for db = 0, ARGV[3] - 1 do \
            redis.call('SELECT', db) \
            table.insert(out, redis.call('KEYS', '*')) \
        end \
    end \
    return out";

/// What went wrong, and in which step.
#[derive(Clone, Debug)]
pub struct Disagreement {
    pub step: usize,
    pub what: String,
}

/// A server and a connection to it.
pub struct Live {
    server: Server,
    wire: Wire,
}

impl Live {
    pub fn start() -> Self {
        // Ten times a second would make every change of the fence a long wait.
        let args = ["check-interval", "0", "token-ttl", TOKEN_TTL_MS, "--hz", "50"];
        let server = Server::with_args(&args);
        let wire = Wire::to(server.port).unwrap();
        Self { server, wire }
    }

    /// Runs a history from a clean state. A server that dies disagrees, and is replaced.
    pub fn run(&mut self, history: &[String]) -> Option<Disagreement> {
        let mut model = Naive::default();
        let mut at = 0;
        let result = self.clean().and_then(|()| {
            history.iter().enumerate().try_for_each(|(step, line)| {
                at = step;
                self.step(&mut model, line)?;
                self.compare(&model)
            })
        });
        let what = result.err()?;
        if !self.server.is_alive() || what.starts_with("connection") {
            let log = self.server.log();
            let lines: Vec<&str> = log.lines().collect();
            let what = format!("{what}\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
            *self = Self::start();
            return Some(Disagreement { step: at, what });
        }
        Some(Disagreement { step: at, what })
    }

    /// The server's name and version.
    pub fn version(&mut self) -> String {
        self.wire.line("INFO server");
        let info = self.send().unwrap()[0].text();
        let field = |name| info.lines().find_map(|line| line.strip_prefix(name));
        match field("valkey_version:") {
            Some(version) => format!("valkey {version}"),
            None => format!("redis {}", field("redis_version:").unwrap_or("?")),
        }
    }

    fn send(&mut self) -> Result<Vec<Reply>, String> {
        self.wire.send().map_err(|error| format!("connection: {error}"))
    }

    fn clean(&mut self) -> Result<(), String> {
        let lines = ["DISCARD", "SELECT 0", "DEBUG SET-ACTIVE-EXPIRE 0", "FLUSHALL"];
        lines.iter().for_each(|line| self.wire.line(line));
        self.wire.line("INVAL.RULE LOAD [] REPLACE");
        self.fence("")
    }

    fn fence(&mut self, fence: &str) -> Result<(), String> {
        self.wire.add(&["CONFIG", "SET", "inval.fence", fence]);
        self.until("inval", "index_complete:1")
    }

    /// Waits until a section of INFO says something.
    fn until(&mut self, section: &str, says: &str) -> Result<(), String> {
        for _ in 0..10_000 {
            self.wire.line(&format!("INFO {section}"));
            if self.send()?.iter().any(|reply| reply.text().contains(says)) {
                return Ok(());
            }
            sleep(Duration::from_millis(1));
        }
        Err(format!("INFO {section} never said {says}"))
    }

    fn step(&mut self, model: &mut Naive, step: &str) -> Result<(), String> {
        let (kind, mut lines) = parts(step);
        lines.iter_mut().flatten().for_each(|word| model.tokens.insert(word));
        model.tokens.begin(kind == "MULTI");
        match kind {
            "" => self.alone(model, &lines[0]),
            "MULTI" => {
                self.wire.line("MULTI");
                self.add_probed(model.db, &lines);
                self.wire.line("EXEC");
                match self.send()?.pop() {
                    Some(Reply::List(replies)) => apply(model, &lines, &replies, false),
                    other => Err(format!("EXEC replied {other:?}")),
                }
            }
            "EVAL" => {
                let (db, commands) = (model.db.to_string(), serde_json::to_string(&lines).unwrap());
                self.wire.add(&["EVAL", SCRIPT, "0", &db, &commands, &DBS.to_string()]);
                match self.send()?.pop() {
                    Some(Reply::List(replies)) => {
                        let unselected: Vec<Reply> =
                            replies.chunks(DBS + 1).flat_map(with_select).collect();
                        apply(model, &lines, &unselected, false)
                    }
                    other => Err(format!("EVAL replied {other:?}")),
                }
            }
            "PIPE" => {
                self.add_probed(model.db, &lines);
                let replies = self.send()?;
                apply(model, &lines, &replies, false)
            }
            _ => {
                let keys: Vec<&str> = kind.split(' ').skip(1).collect();
                keys.iter().for_each(|key| self.wire.line(&format!("PEXPIRE {key} 1")));
                self.send()?;
                sleep(A_MOMENT);
                let mut lines = lines;
                lines.insert(0, vec!["PING".to_owned()]);
                self.add_probed(model.db, &lines);
                let replies = self.send()?;
                apply(model, &lines, &replies, true)
            }
        }
        .map_err(|what| format!("{step}: {what}"))
    }

    /// A step of one command, or of those that need more than one.
    fn alone(&mut self, model: &mut Naive, words: &[String]) -> Result<(), String> {
        let mut words = words.to_vec();
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "FENCE" => {
                let fence = word(1).to_owned();
                self.fence(&fence)?;
                self.wire.line("PING");
            }
            "RESTORE" => {
                self.wire.add(&["DUMP", word(1)]);
                let dump = self.send()?;
                let Some(Reply::Text(dump)) = dump.first() else { return Ok(()) };
                let mut restore = vec![&b"RESTORE"[..], word(2).as_bytes(), b"0", dump];
                restore.extend(words[3..].iter().map(String::as_bytes));
                self.wire.add(&restore);
            }
            // A snapshot under way would take the place of the one that is read back.
            "DEBUG" if word(1) == "RELOAD" => {
                self.until("persistence", "rdb_bgsave_in_progress:0")?;
                self.wire.add(&words);
            }
            "FIELD" => {
                let key = word(1).to_owned();
                for line in ["DEL @", "HSET @ f v"] {
                    let line = line.replace('@', &key);
                    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                    self.alone(model, &words)?;
                }
                let tags = ["TAG.SET", &key, "t"].map(str::to_owned);
                self.alone(model, &tags)?;
                self.wire.line(&format!("HPEXPIRE {key} 1 FIELDS 1 f"));
                self.send()?;
                sleep(A_MOMENT);
                words = vec!["HGET".to_owned(), key, "f".to_owned()];
                self.wire.add(&words);
            }
            _ => self.wire.add(&words),
        }
        let selected = if words[0] == "SELECT" { words[1].parse().unwrap() } else { model.db };
        self.add_probe(selected);
        let replies = self.send()?;
        apply(model, &[words], &replies, false)
    }

    fn add_probed(&mut self, mut db: usize, lines: &[Vec<String>]) {
        for words in lines {
            self.wire.add(words);
            if words[0] == "SELECT" {
                db = words[1].parse().unwrap();
            }
            self.add_probe(db);
        }
    }

    /// Asks which keys live, and comes back to a database.
    fn add_probe(&mut self, back: usize) {
        for db in 0..DBS {
            self.wire.line(&format!("SELECT {db}"));
            self.wire.line("KEYS *");
        }
        self.wire.line(&format!("SELECT {back}"));
    }

    /// Everything that the module says, beside the model's.
    fn compare(&mut self, model: &Naive) -> Result<(), String> {
        let exists = [&["EXISTS"][..], &KEYS].concat();
        for db in 0..DBS {
            self.wire.line(&format!("SELECT {db}"));
            // Makes the server forget keys whose time is up.
            self.wire.add(&exists);
            KEYS.iter().for_each(|key| self.wire.add(&["TAG.GET", key]));
            TAGS.iter().for_each(|tag| self.wire.add(&["TAG.KEYS", tag]));
            TAGS.iter().for_each(|tag| self.wire.add(&["TAG.CARD", tag]));
            self.wire.line("TAG.LIST");
        }
        self.wire.line(&format!("SELECT {}", model.db));
        self.wire.line("INVAL.RULE DUMP");
        self.wire.line("INVAL.CHECK");
        self.wire.line("INFO inval");
        let mut replies = self.send()?.into_iter();
        let mut next = || replies.next().unwrap();
        for (db, live) in model.live.iter().enumerate() {
            next();
            same(db, "EXISTS", &next().text(), &live.len().to_string())?;
            for key in KEYS {
                let expected: Vec<_> = live.get(key).into_iter().flatten().cloned().collect();
                same(db, &format!("TAG.GET {key}"), &next().sorted(), &expected)?;
            }
            let with = |tag: &str| {
                let live = live.iter().filter(|(_, tags)| tags.contains(tag));
                live.map(|(key, _)| key.clone()).collect::<Vec<_>>()
            };
            for tag in TAGS {
                same(db, &format!("TAG.KEYS {tag}"), &next().sorted(), &with(tag))?;
            }
            for tag in TAGS {
                let expected = with(tag).len().to_string();
                same(db, &format!("TAG.CARD {tag}"), &next().text(), &expected)?;
            }
            let used: Vec<_> = TAGS.into_iter().filter(|tag| !with(tag).is_empty()).collect();
            let found = next().sorted();
            same(db, "TAG.LIST", &found.iter().map(String::as_str).collect::<Vec<_>>(), &used)?;
        }
        next();
        let dump: Value = serde_json::from_str(&next().text()).unwrap();
        let rules: Vec<Value> = model.rules.values().cloned().collect();
        same(model.db, "INVAL.RULE DUMP", &dump["rules"], &Value::from(rules))?;
        if let Reply::Error(why) = next() {
            return Err(format!("INVAL.CHECK: {why}"));
        }
        let info = next().text();
        for field in
            ["changes_deferred", "dead_names", "panics_caught", "drift_missed", "state_suspect"]
        {
            if !info.contains(&format!("inval_{field}:0\r")) {
                return Err(format!("inval_{field} is not 0"));
            }
        }
        Ok(())
    }
}

fn same<A, B>(db: usize, what: &str, found: &A, expected: &B) -> Result<(), String>
where
    A: PartialEq<B> + std::fmt::Debug + ?Sized,
    B: std::fmt::Debug + ?Sized,
{
    match found == expected {
        true => Ok(()),
        false => Err(format!("db{db}: {what} gives {found:?}, the model {expected:?}")),
    }
}

/// The kind of a step, with its keys if any, and its commands.
pub fn parts(step: &str) -> (&str, Vec<Vec<String>>) {
    let is_kind =
        |kind: &str| ["MULTI", "EVAL", "PIPE"].contains(&kind) || kind.starts_with("DEAD ");
    let (kind, lines) =
        step.split_once(": ").filter(|(kind, _)| is_kind(kind)).unwrap_or(("", step));
    let words =
        |line: &str| split(line).into_iter().map(|word| String::from_utf8(word).unwrap()).collect();
    (kind, lines.split(" ; ").map(words).collect())
}

/// A script's replies in the form of those of [`Live::add_probe`].
fn with_select(replies: &[Reply]) -> Vec<Reply> {
    let mut all = vec![replies[0].clone()];
    for names in &replies[1..] {
        all.extend([Reply::Nil, names.clone()]);
    }
    all.push(Reply::Nil);
    all
}

/// Hands commands and probed replies to the model.
fn apply(
    model: &mut Naive,
    lines: &[Vec<String>],
    replies: &[Reply],
    dead: bool,
) -> Result<(), String> {
    let each = 2 * DBS + 2;
    if replies.len() != lines.len() * each {
        return Err(format!("{} replies", replies.len()));
    }
    for (words, replies) in lines.iter().zip(replies.chunks(each)) {
        let now: Names = std::array::from_fn(|db| {
            let names = replies[2 * db + 2].sorted().into_iter();
            names.filter(|name| !name.starts_with("inval:")).collect::<BTreeSet<_>>()
        });
        model
            .apply(words, &replies[0], &now, dead)
            .map_err(|what| format!("{} -> {:?}: {what}", words.join(" "), replies[0]))?;
    }
    Ok(())
}
