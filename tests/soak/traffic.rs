//! What a client of the soak does next: seeded, and of every kind of command.
//!
//! Keys are named by shards. A shard is filled, changed and read for a while, then retired: all
//! its keys are purged and its names never come back, so what clung to a name would pile up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::support::world::Dice;

/// Keys of a shard when as many live as are wanted. Its names are some twice as many, so that a
/// command finds its key about every second time.
const KEYS_PER_SHARD: u64 = 1000;
/// Names of each kind in a shard.
const NAMES: u64 = 600;
/// Tags that a twentieth of all tagged keys carries.
const KINDS: u64 = 20;
/// One of so many removals retires a shard: they remove as many keys as all others together.
const RETIRE_ONE_OF: u64 = 400;
/// Names in the small databases.
const SMALL_NAMES: u64 = 300;
/// Largest value in bytes; the smallest has 16.
const VALUE_MAX_BYTES: u64 = 200;

/// Errors that are answers: the key went meanwhile, or the command was wrong on purpose.
const ANSWERS: [&str; 4] =
    ["ERR no such key", "ERR rule 'item'", "ERR rule 'bad'", "ERR rule document is not valid JSON"];

/// The rules that stand all the time.
pub const RULES: [&str; 3] = [
    "item ON item.changed KEYS 2 s{shard}:page:{id} s{shard}:view:{id}:* TAGS 1 item:{shard}:{id}",
    "lists ON item.* PATTERNS 1 '^s{shard}:(feed|user):{id}[0-9]?$' WARM",
    "shard ON shard.retired KEYS 1 s{shard}:* TAGS 1 shard:{shard} PRIORITY high",
];

/// What all clients share.
pub struct Ground {
    /// Keys that are wanted.
    pub goal: u64,
    /// Keys that live, as of a moment ago.
    pub live: AtomicU64,
    /// The oldest shard.
    pub oldest: AtomicU64,
    /// Nothing is removed until the goal is reached.
    pub is_filling: AtomicBool,
    /// The server has `ASYNC`.
    pub has_async: bool,
}

/// Whether an error is an answer.
pub fn is_answer(error: &str) -> bool {
    ANSWERS.iter().any(|answer| error.starts_with(answer))
}

/// One client.
pub struct Traffic<'a> {
    of: usize,
    dice: Dice,
    ground: &'a Ground,
    /// Rules and events of this client so far: each has a name of its own.
    named: u64,
}

impl<'a> Traffic<'a> {
    pub fn new(of: usize, seed: u64, ground: &'a Ground) -> Self {
        Self { of, dice: Dice(seed | 1), ground, named: 0 }
    }

    /// The next commands. As many keys are created as are removed.
    pub fn draw(&mut self) -> Vec<String> {
        if self.ground.is_filling.load(Ordering::Relaxed) {
            return self.create();
        }
        let wants_more = self.ground.live.load(Ordering::Relaxed) < self.ground.goal;
        match self.dice.roll(1000) {
            0..500 if wants_more => self.create(),
            0..500 => self.remove(),
            500..680 => self.change(),
            680..965 => vec![self.read()],
            965..998 => self.in_small_databases(),
            _ => self.rule(),
        }
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.dice.roll(below)
    }

    fn shard(&mut self) -> u64 {
        let shards = (self.ground.goal / KEYS_PER_SHARD).max(1);
        self.ground.oldest.load(Ordering::Relaxed) + self.roll(shards)
    }

    fn name(&mut self, kind: &str) -> String {
        format!("s{}:{kind}:{}", self.shard(), self.roll(NAMES))
    }

    fn page(&mut self) -> String {
        self.name("page")
    }

    fn view(&mut self) -> String {
        format!("{}:{}", self.name("view"), ["en", "de", "fr"][self.dice.roll(3) as usize])
    }

    fn any(&mut self) -> String {
        match self.roll(4) {
            0 => self.page(),
            1 => self.view(),
            2 => self.name("user"),
            _ => self.name("feed"),
        }
    }

    fn value(&mut self) -> String {
        "v".repeat(16 + self.roll(VALUE_MAX_BYTES - 16) as usize)
    }

    /// Tags for a key: of its shard, of a kind, and of an item, which few keys have.
    fn tags(&mut self, key: &str) -> String {
        let shard = key[1..].split(':').next().unwrap();
        let (kind, item) = (self.roll(KINDS), self.roll(NAMES));
        format!("shard:{shard} kind:{kind} item:{shard}:{item}")
    }

    fn create(&mut self) -> Vec<String> {
        let (page, view, value) = (self.page(), self.view(), self.value());
        let (user, feed) = (self.name("user"), self.name("feed"));
        let (mut lines, key) = match self.roll(9) {
            0 => (vec![format!("SET {page} {value}")], page),
            1 => (vec![format!("SET {view} {value}")], view),
            2 => (vec![format!("SET {page} {value} PX {}", 50 + self.roll(5000))], page),
            3 => (vec![format!("SETEX {view} {} {value}", 30 + self.roll(600))], view),
            4 => {
                let more: Vec<String> =
                    (0..6).map(|_| format!("{} {value}", self.page())).collect();
                (vec![format!("MSET {page} {value} {}", more.join(" "))], page)
            }
            5 => (vec![format!("HSET {user} name {value} mail {value}")], user),
            6 => (vec![format!("RPUSH {feed} a b {value}"), format!("LTRIM {feed} -9 -1")], feed),
            7 => {
                let script = "return redis.call('SET',KEYS[1],ARGV[1])";
                (vec![format!("EVAL \"{script}\" 1 {view} {value}")], view)
            }
            _ => {
                let tags = self.tags(&page);
                let set = format!("SET {page} {value}");
                (vec!["MULTI".into(), set, format!("TAG.SET {page} {tags}"), "EXEC".into()], page)
            }
        };
        if self.roll(2) == 0 {
            lines.push(format!("TAG.SET {key} {}", self.tags(&key)));
        }
        lines
    }

    fn remove(&mut self) -> Vec<String> {
        if self.roll(RETIRE_ONE_OF) == 0 {
            return self.retire();
        }
        let (one, two, shard) = (self.any(), self.any(), self.shard());
        let (kind, id) = (self.roll(KINDS), self.roll(NAMES));
        vec![match self.roll(14) {
            0 => format!("DEL {one} {two}"),
            1 => format!("UNLINK {one} {two}"),
            2 => format!("PEXPIRE {one} {}", 1 + self.roll(3000)),
            3 => format!("EXPIRE {one} {}", self.roll(4)),
            4 => format!("GETDEL {}", self.page()),
            5 => format!("INVAL.PURGE KEYS 2 {one} {two}"),
            6 => format!("INVAL.PURGE TAGS 1 item:{shard}:{id}"),
            7 => format!("INVAL.PURGE TAGS ALL 2 shard:{shard} kind:{kind} LIMIT 9 KEYS"),
            8 => format!("INVAL.PURGE TAGS 1 kind:{kind} NOT 1 shard:{shard} LIMIT 5"),
            9 => format!("INVAL.PURGE GLOB s{shard}:view:{id}:*"),
            10 => format!("INVAL.PURGE PREFIX s{shard}:user:{id}"),
            11 => format!("INVAL.PURGE REGEX ^s{shard}:(page|feed):{id}$"),
            12 => format!("INVAL.EVENT item.moved '{{\"shard\":{shard},\"id\":{id}}}'"),
            _ => format!("INVAL.EVENT item.changed '{{\"shard\":{shard},\"id\":{id}}}'"),
        }]
    }

    /// Purges the oldest shard, one way or another, and then what is left of it.
    fn retire(&mut self) -> Vec<String> {
        let shard = self.ground.oldest.fetch_add(1, Ordering::Relaxed);
        let purge = match self.roll(5) {
            0 => format!("INVAL.PURGE TAGS 1 shard:{shard}"),
            1 => format!("INVAL.PURGE GLOB s{shard}:*[0-9]"),
            2 => format!("INVAL.PURGE REGEX '^s{shard}:.*'"),
            3 => format!("INVAL.PURGE PREFIX s{shard}:"),
            _ => return vec![format!("INVAL.EVENT shard.retired '{{\"shard\":{shard}}}'")],
        };
        let later = if self.ground.has_async && self.roll(2) == 0 { " ASYNC" } else { "" };
        vec![format!("{purge}{later}"), format!("INVAL.PURGE PREFIX s{shard}:")]
    }

    fn change(&mut self) -> Vec<String> {
        let (key, value) = (self.any(), self.value());
        let (page, view) = (self.page(), self.view());
        let (user, feed) = (self.name("user"), self.name("feed"));
        let tags = self.tags(&key);
        let one = match self.roll(16) {
            0 => format!("SET {page} {value} XX"),
            1 => format!("SET {view} {value} XX KEEPTTL"),
            2 => format!("GETSET {page} {value}"),
            3 => format!("HSET {user} f{} {value}", self.roll(8)),
            4 => format!("HDEL {user} name mail f1 f2 f3"),
            5 => {
                return vec![format!("LPUSH {feed} {value}"), format!("LTRIM {feed} 0 8")];
            }
            6 => format!("LPOP {feed}"),
            7 => format!("PERSIST {key}"),
            8 => format!("RENAME {page} {}", self.page()),
            9 => format!("RENAMENX {user} {}", self.name("user")),
            10 => format!("COPY {view} {} REPLACE", self.view()),
            11 => format!("COPY {page} {} DB 1 REPLACE", self.roll(SMALL_NAMES)),
            12 => format!("MOVE {page} 1"),
            13 => format!("TAG.SET {key} {tags}"),
            14 => format!("TAG.ADD {key} kind:{}", self.roll(KINDS)),
            _ => format!("TAG.REM {key} {tags}"),
        };
        vec![one]
    }

    fn read(&mut self) -> String {
        let (key, shard, id) = (self.any(), self.shard(), self.roll(NAMES));
        let kind = self.roll(KINDS);
        match self.roll(200) {
            // The first looks at every name.
            0 => format!("INVAL.PURGE GLOB *:page:{id} DRYRUN"),
            1 => "TAG.LIST CURSOR 0 COUNT 10".to_owned(),
            2 => "INVAL.STATS totals index".to_owned(),
            3 => "INFO inval".to_owned(),
            4 => "INVAL.RULE LIST".to_owned(),
            5 => "INVAL.RULE DUMP".to_owned(),
            6..20 => format!("SCAN {} COUNT 20", self.roll(1 << 16)),
            20..30 => format!("INVAL.EXPLAIN PREFIX s{shard}:page:{id}"),
            30..40 => {
                format!("INVAL.EVENT item.changed '{{\"shard\":{shard},\"id\":{id}}}' DRYRUN KEYS")
            }
            // Wrong on purpose: what was begun for it must go.
            40..45 => format!("INVAL.EVENT item.changed '{{\"shard\":{shard}}}'"),
            45..60 => format!("TAG.KEYS ALL shard:{shard} kind:{kind}"),
            60..75 => format!("TAG.KEYS kind:{kind} CURSOR 0 COUNT 10"),
            75..90 => format!("TAG.CARD kind:{kind}"),
            90..110 => format!("TAG.GET {key}"),
            110..120 => "RANDOMKEY".to_owned(),
            120..140 => format!("EXISTS {key} {}", self.any()),
            140..150 => format!("TTL {key}"),
            150..160 => format!("HGETALL {}", self.name("user")),
            160..170 => format!("LRANGE {} 0 -1", self.name("feed")),
            170..185 => format!("MGET {} {}", self.page(), self.view()),
            _ => format!("GET {}", self.page()),
        }
    }

    /// A rule comes, is changed, runs and goes; its names are new every time.
    fn rule(&mut self) -> Vec<String> {
        self.named += 1;
        let (of, at, shard) = (self.of, self.named, self.shard());
        let name = format!("passing:{of}:{at}");
        let set = match self.roll(4) {
            0 => format!("INVAL.RULE ADD {name} ON {name} PATTERNS 1 '^s{{shard}}:view:{at}:.*$'"),
            1 => format!("INVAL.RULE ADD {name} ON {name} PATTERNS 1 '^s[0-9]+:page:{at}$' WARM"),
            2 => format!(
                "INVAL.RULE SET {name} '{{\"eventType\":\"{name}\",\"cacheKeys\":[\"s{{shard}}:page:1*\"]}}'"
            ),
            _ => format!("INVAL.RULE ADD {name} ON {name} TAGS 1 item:{{shard}}:{at}"),
        };
        let bad = match self.roll(2) {
            0 => "INVAL.RULE SET bad '{'".to_owned(),
            _ => "INVAL.RULE SET bad '{\"eventType\":\"e\",\"patterns\":[\"(\"]}'".to_owned(),
        };
        vec![
            set,
            bad,
            "INVAL.STATS".to_owned(),
            format!("INVAL.RULE DISABLE {name}"),
            format!("INVAL.RULE ENABLE {name}"),
            format!("INVAL.EVENT {name} '{{\"shard\":{shard}}}'"),
            format!("INVAL.EVENT unknown:{of}:{at}"),
            format!("INVAL.RULE DEL {name}"),
        ]
    }

    /// Databases 1 and 2 change places, and are flushed while they are small.
    fn in_small_databases(&mut self) -> Vec<String> {
        let (name, other) = (self.roll(SMALL_NAMES), self.roll(SMALL_NAMES));
        let inside = match self.roll(20) {
            0 => "FLUSHDB".to_owned(),
            1 => "FLUSHDB ASYNC".to_owned(),
            2 | 3 => "SWAPDB 1 2".to_owned(),
            4 => format!("RENAME {name} {other}"),
            5 => "INVAL.PURGE GLOB 1?".to_owned(),
            6 => "INVAL.PURGE TAGS 1 small".to_owned(),
            7 => "INVAL.EVENT item.changed '{\"shard\":1,\"id\":2}'".to_owned(),
            8..11 => format!("TAG.SET {name} small kind:{}", self.roll(KINDS)),
            11..14 => format!("SET {name} v PX {}", 1 + self.roll(2000)),
            _ => format!("SET {name} v"),
        };
        vec![format!("SELECT {}", 1 + self.roll(2)), inside, "SELECT 0".to_owned()]
    }
}
