//! The server's commands that read keys, as data: which words are the keys that they look up.
//!
//! What counts is what the server counts as a hit or a miss of the keyspace, and tells as a miss:
//! a writing command is here when it first reads, such as GETEX or SUNIONSTORE. The file stands
//! alone, for a server test holds it against what servers say of themselves.

/// Which words of a command are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// The word at this place.
    At(usize),
    /// This many words from the first on.
    First(usize),
    /// Every word from this place on.
    From(usize),
    /// As many as the word at this place says, after it.
    Counted(usize),
    /// The first word, where the word GET comes after the value.
    IfGet,
    /// The first word, where nothing is set or incremented.
    IfNoWrite,
}

/// A command that reads keys.
#[derive(Clone, Copy, Debug)]
pub struct ReadCommand {
    /// In capitals.
    pub name: &'static str,
    /// How many words it has; negative: at least so many. With others the server refuses it.
    pub arity: i8,
    /// What it looks up.
    pub keys: Keys,
}

const fn reads(name: &'static str, arity: i8, keys: Keys) -> ReadCommand {
    ReadCommand { name, arity, keys }
}

/// One key, the first word.
const fn one(name: &'static str, arity: i8) -> ReadCommand {
    reads(name, arity, Keys::At(1))
}

/// All of them, by name.
pub const COMMANDS: [ReadCommand; 108] = [
    one("BITCOUNT", -2),
    reads("BITFIELD", -2, Keys::IfNoWrite),
    one("BITFIELD_RO", -2),
    reads("BITOP", -4, Keys::From(3)),
    one("BITPOS", -3),
    one("COPY", -3),
    one("DUMP", 2),
    reads("EXISTS", -2, Keys::From(1)),
    one("EXPIRETIME", 2),
    one("GEODIST", -4),
    one("GEOHASH", -2),
    one("GEOPOS", -2),
    one("GEORADIUS", -6),
    one("GEORADIUSBYMEMBER", -5),
    one("GEORADIUSBYMEMBER_RO", -5),
    one("GEORADIUS_RO", -6),
    one("GEOSEARCH", -7),
    reads("GEOSEARCHSTORE", -8, Keys::At(2)),
    one("GET", 2),
    one("GETBIT", 3),
    one("GETDEL", 2),
    one("GETEX", -2),
    one("GETRANGE", 4),
    one("GETSET", 3),
    one("HEXISTS", 3),
    one("HEXPIRETIME", -5),
    one("HGET", 3),
    one("HGETALL", 2),
    one("HKEYS", 2),
    one("HLEN", 2),
    one("HMGET", -3),
    one("HPEXPIRETIME", -5),
    one("HPTTL", -5),
    one("HRANDFIELD", -2),
    one("HSCAN", -3),
    one("HSTRLEN", 3),
    one("HTTL", -5),
    one("HVALS", 2),
    reads("LCS", -3, Keys::First(2)),
    one("LINDEX", 3),
    one("LLEN", 2),
    one("LPOS", -3),
    one("LRANGE", 4),
    reads("MGET", -2, Keys::From(1)),
    one("PEXPIRETIME", 2),
    reads("PFCOUNT", -2, Keys::From(1)),
    reads("PFMERGE", -2, Keys::From(1)),
    one("PTTL", 2),
    one("SCARD", 2),
    reads("SDIFF", -2, Keys::From(1)),
    reads("SDIFFSTORE", -3, Keys::From(2)),
    reads("SET", -3, Keys::IfGet),
    reads("SINTER", -2, Keys::From(1)),
    reads("SINTERCARD", -3, Keys::Counted(1)),
    reads("SINTERSTORE", -3, Keys::From(2)),
    one("SISMEMBER", 3),
    one("SMEMBERS", 2),
    one("SMISMEMBER", -3),
    one("SRANDMEMBER", -2),
    one("SSCAN", -3),
    one("STRLEN", 2),
    one("SUBSTR", 4),
    reads("SUNION", -2, Keys::From(1)),
    reads("SUNIONSTORE", -3, Keys::From(2)),
    reads("TOUCH", -2, Keys::From(1)),
    one("TTL", 2),
    one("TYPE", 2),
    one("VCARD", 2),
    one("VDIM", 2),
    one("VEMB", -3),
    one("VGETATTR", 3),
    one("VINFO", 2),
    one("VISMEMBER", 3),
    one("VLINKS", -3),
    one("VRANDMEMBER", -2),
    one("VSIM", -4),
    one("XACK", -4),
    one("XACKDEL", -6),
    one("XAUTOCLAIM", -6),
    one("XCLAIM", -6),
    reads("XINFO", -3, Keys::At(2)),
    one("XLEN", 2),
    one("XPENDING", -3),
    one("XRANGE", -4),
    one("XREVRANGE", -4),
    one("ZCARD", 2),
    one("ZCOUNT", 4),
    reads("ZDIFF", -3, Keys::Counted(1)),
    reads("ZDIFFSTORE", -4, Keys::Counted(2)),
    reads("ZINTER", -3, Keys::Counted(1)),
    reads("ZINTERCARD", -3, Keys::Counted(1)),
    reads("ZINTERSTORE", -4, Keys::Counted(2)),
    one("ZLEXCOUNT", 4),
    one("ZMSCORE", -3),
    one("ZRANDMEMBER", -2),
    one("ZRANGE", -4),
    one("ZRANGEBYLEX", -4),
    one("ZRANGEBYSCORE", -4),
    reads("ZRANGESTORE", -5, Keys::At(2)),
    one("ZRANK", -3),
    one("ZREVRANGE", -4),
    one("ZREVRANGEBYLEX", -4),
    one("ZREVRANGEBYSCORE", -4),
    one("ZREVRANK", -3),
    one("ZSCAN", -3),
    one("ZSCORE", 3),
    reads("ZUNION", -3, Keys::Counted(1)),
    reads("ZUNIONSTORE", -4, Keys::Counted(2)),
];

/// Reading commands that are left out, each with the reason.
pub const LEFT_OUT: [(&str, &str); 12] = [
    ("EVAL_RO", "what the script calls is heard"),
    ("EVALSHA_RO", "what the script calls is heard"),
    ("FCALL_RO", "what the function calls is heard"),
    ("MEMORY", "the server counts neither hit nor miss"),
    ("MIGRATE", "moves keys, and is no read of a client"),
    ("OBJECT", "the server counts its misses and tells nobody"),
    ("SORT", "looks up as many keys as BY and GET find elements"),
    ("SORT_RO", "looks up as many keys as BY and GET find elements"),
    ("WATCH", "the server counts neither hit nor miss"),
    ("PFDEBUG", "for tests of the server"),
    ("XREAD", "looks each stream up twice, and again when it has waited"),
    ("XREADGROUP", "looks each stream up twice, and again when it has waited"),
];

/// Letters of a name that are compared at once; the length makes up for the others.
const HEAD: usize = 15;

/// What a name is looked up by, whatever its case: its first letters, then its length.
const fn packed(name: &[u8]) -> u128 {
    let mut packed = 0;
    let mut left = name;
    let mut at = 0;
    while at < HEAD {
        packed <<= 8;
        if let [first, rest @ ..] = left {
            packed |= (*first & !0x20) as u128;
            left = rest;
        }
        at += 1;
    }
    packed << 8 | name.len() as u128 & 0xFF
}

const PACKED: [u128; COMMANDS.len()] = {
    let mut all = [0; COMMANDS.len()];
    let (mut keys, mut commands): (&mut [u128], &[ReadCommand]) = (&mut all, &COMMANDS);
    while let ([key, next @ ..], [command, rest @ ..]) = (keys, commands) {
        *key = packed(command.name.as_bytes());
        (keys, commands) = (next, rest);
    }
    all
};

/// The reading command of that name, in whatever case.
pub fn find(name: &[u8]) -> Option<&'static ReadCommand> {
    let at = PACKED.binary_search(&packed(name)).ok()?;
    COMMANDS.get(at).filter(|command| name.eq_ignore_ascii_case(command.name.as_bytes()))
}

impl ReadCommand {
    /// Whether the server takes so many words, with the name.
    pub fn takes(&self, words: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { words >= arity } else { words == arity }
    }

    /// Shows each key that is looked up, as often as it is; `word` gives the words of the command,
    /// and `words` is their number, with the name.
    pub fn each_key<'w>(
        &self,
        words: usize,
        word: impl Fn(usize) -> Option<&'w [u8]>,
        mut show: impl FnMut(&'w [u8]),
    ) {
        let is = |at: usize, text: &[u8]| word(at).is_some_and(|w| w.eq_ignore_ascii_case(text));
        let range = match self.keys {
            _ if !self.takes(words) => 0..0,
            Keys::At(at) => at..at + 1,
            Keys::First(count) => 1..count + 1,
            Keys::From(first) => first..words,
            Keys::Counted(at) => {
                let number = word(at).and_then(|word| std::str::from_utf8(word).ok());
                let count = number.and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
                let first = at + 1;
                // With fewer words the server refuses it, and looks up nothing.
                if count <= words - first { first..first + count } else { 0..0 }
            }
            Keys::IfGet => 1..1 + usize::from((3..words).any(|at| is(at, b"GET"))),
            Keys::IfNoWrite => {
                let writes = |at| is(at, b"SET") || is(at, b"INCRBY");
                1..1 + usize::from(!(2..words).any(writes))
            }
        };
        range.filter_map(word).for_each(&mut show);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(line: &str) -> Vec<&str> {
        let words: Vec<&str> = line.split(' ').collect();
        let mut keys = vec![];
        if let Some(command) = find(words[0].as_bytes()) {
            let word = |at: usize| words.get(at).map(|word| word.as_bytes());
            command.each_key(words.len(), word, |key| keys.push(std::str::from_utf8(key).unwrap()));
        }
        keys
    }

    #[test]
    fn every_command_is_found_and_no_other() {
        assert!(PACKED.is_sorted_by(|a, b| a < b));
        for command in &COMMANDS {
            let found = |name: &str| find(name.as_bytes()).map(|found| found.name);
            assert_eq!(found(command.name), Some(command.name));
            assert_eq!(found(&command.name.to_lowercase()), Some(command.name));
            assert_eq!(
                found(&command.name.replace('E', "F")).is_some(),
                !command.name.contains('E')
            );
        }
        for other in ["", "G", "GE", "G\u{5}T", "GETX", "INCR", "GEORADIUSBYMEMBEX"] {
            assert!(find(other.as_bytes()).is_none(), "{other}");
        }
        assert!(LEFT_OUT.iter().all(|(name, _)| find(name.as_bytes()).is_none()));
    }

    #[test]
    fn keys_stand_where_each_command_has_them() {
        for (line, expected) in [
            ("get a", vec!["a"]),
            ("GET", vec![]),
            ("GET a b", vec![]),
            ("MGET a b a", vec!["a", "b", "a"]),
            ("HMGET h f g", vec!["h"]),
            ("LCS a b LEN", vec!["a", "b"]),
            ("BITOP AND d a b", vec!["a", "b"]),
            ("SUNIONSTORE d a b", vec!["a", "b"]),
            ("ZUNION 2 a b WEIGHTS 1 2", vec!["a", "b"]),
            ("ZUNIONSTORE d 2 a b", vec!["a", "b"]),
            ("ZUNION 9 a b", vec![]),
            ("ZUNION x a b", vec![]),
            ("ZUNION 18446744073709551615 a b", vec![]),
            ("ZRANGESTORE d a 0 -1", vec!["a"]),
            ("SET a v", vec![]),
            ("SET GET GET", vec![]),
            ("SET a v EX 5 get", vec!["a"]),
            ("BITFIELD a GET u8 0", vec!["a"]),
            ("BITFIELD a GET u8 0 INCRBY u8 0 1", vec![]),
            ("XINFO STREAM a FULL", vec!["a"]),
            ("INCR a", vec![]),
        ] {
            assert_eq!(keys(line), expected, "{line}");
        }
    }
}
