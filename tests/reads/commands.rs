//! The table of commands that read, held against servers.

use std::collections::BTreeSet;

use redis::Value;

use crate::read_commands::{COMMANDS, LEFT_OUT, ReadCommand, find};
use crate::support::{Client, text, texts};
use crate::{measured, run_all, tracking};

/// A key of each type.
const KEYS: [&str; 9] = [
    "SET str value",
    "SET str2 value",
    "HSET hash f v g w",
    "RPUSH list a b",
    "SADD set a b",
    "ZADD zset 1 a 2 b",
    "GEOADD geo 13.3 38.1 a 15.0 37.5 b",
    "PFADD hll a b",
    "XADD st 1-1 f v",
];

/// Each command of the table, with keys of [`KEYS`]; of those that several servers know in other
/// words, all of them.
const EXAMPLES: &str = "\
BITCOUNT str|BITFIELD str GET u8 0|BITFIELD str SET u8 0 1|BITFIELD_RO str GET u8 0
BITOP AND dest str str2|BITPOS str 1|COPY str dest|DUMP str|EXISTS str str2 str|EXPIRETIME str
GEODIST geo a b|GEOHASH geo a|GEOPOS geo a|GEORADIUS geo 15 37 200 km
GEORADIUS geo 15 37 200 km STORE dest|GEORADIUSBYMEMBER geo a 200 km
GEORADIUSBYMEMBER_RO geo a 200 km|GEORADIUS_RO geo 15 37 200 km
GEOSEARCH geo FROMMEMBER a BYRADIUS 200 km|GEOSEARCHSTORE dest geo FROMMEMBER a BYRADIUS 200 km
GET str|GETBIT str 1|GETDEL str|GETEX str|GETEX str PERSIST|GETRANGE str 0 1|GETSET str v
HEXISTS hash f|HEXPIRETIME hash FIELDS 1 f|HGET hash f|HGETALL hash|HKEYS hash|HLEN hash
HMGET hash f g|HPEXPIRETIME hash FIELDS 1 f|HPTTL hash FIELDS 1 f|HRANDFIELD hash|HSCAN hash 0
HSTRLEN hash f|HTTL hash FIELDS 1 f|HVALS hash|LCS str str2|LINDEX list 0|LLEN list|LPOS list a
LRANGE list 0 1|MGET str str2 str|PEXPIRETIME str|PFCOUNT hll|PFCOUNT hll hll|PFMERGE dest hll|PTTL str|SCARD set
SDIFF set set|SDIFFSTORE dest set set|SET str v|SET str v GET|SET str v EX 9 XX GET|SINTER set set
SINTERCARD 2 set set|SINTERSTORE dest set set|SISMEMBER set a|SMEMBERS set|SMISMEMBER set a b
SRANDMEMBER set|SSCAN set 0|STRLEN str|SUBSTR str 0 1|SUNION set set|SUNIONSTORE dest set set
TOUCH str str2|TTL str|TYPE str|VCARD vec|VDIM vec|VEMB vec a|VGETATTR vec a|VINFO vec
VISMEMBER vec a|VLINKS vec a|VRANDMEMBER vec|VSIM vec ELE a
XACK st g 1-1|XACKDEL st g IDS 1 1-1|XAUTOCLAIM st g c 0 0|XCLAIM st g c 0 1-1|XINFO STREAM st|XINFO GROUPS st
XINFO CONSUMERS st g|XLEN st|XPENDING st g|XRANGE st - +|XREVRANGE st + -
ZCARD zset|ZCOUNT zset 0 1|ZDIFF 2 zset zset|ZDIFFSTORE dest 2 zset zset|ZINTER 2 zset zset
ZINTERCARD 2 zset zset|ZINTERSTORE dest 2 zset zset|ZLEXCOUNT zset - +|ZMSCORE zset a b
ZRANDMEMBER zset|ZRANGE zset 0 1|ZRANGEBYLEX zset - +|ZRANGEBYSCORE zset 0 1
ZRANGESTORE dest zset 0 1|ZRANK zset a|ZREVRANGE zset 0 1|ZREVRANGEBYLEX zset + -
ZREVRANGEBYSCORE zset 1 0|ZREVRANK zset a|ZSCAN zset 0|ZSCORE zset a|ZUNION 2 zset set
ZUNIONSTORE dest 2 zset set";

/// Commands that look up as writers do, which the server counts as neither.
const WRITES: &str = "\
APPEND str v|DECR n|DEL str|EXPIRE str 9|GEOADD geo 1 1 c|HDEL hash f|HINCRBY hash n 1|HSET hash f v
HSETNX hash f v|INCR n|INCRBYFLOAT n 1|LINSERT list BEFORE a c|LMOVE list list LEFT RIGHT|LPOP list
LPUSH list a|LPUSHX list a|LREM list 0 a|LSET list 0 a|LTRIM list 0 1|MSET str v str2 v|MSETNX str v
PERSIST str|PEXPIRE str 9000|PFADD hll c|RENAME str str2|RENAMENX str str2|RPOP list
RPOPLPUSH list list|RPUSH list a|SADD set c|SETBIT str 1 1|SETEX str 9 v|SETNX str v
SETRANGE str 0 v|SMOVE set set a|SPOP set|SREM set a|UNLINK str|WATCH str|UNWATCH|XADD st * f v
XDEL st 1-1|XGROUP CREATE st g2 0|XGROUP SETID st g 0|XTRIM st MAXLEN 5|ZADD zset 1 a
ZINCRBY zset 1 a|ZPOPMAX zset|ZREM zset a|ZREMRANGEBYRANK zset 0 1|ZMPOP 1 zset MIN|LMPOP 1 list LEFT
BLPOP list 1|BZPOPMIN zset 1|MOVE str 1|HEXPIRE hash 9 FIELDS 1 f|HPERSIST hash FIELDS 1 f
HGETDEL hash FIELDS 1 f|HGETEX hash EX 9 FIELDS 1 f|HSETEX hash EX 9 FIELDS 1 f v
XDELEX st IDS 1 1-1|MEMORY USAGE str|SCAN 0|DBSIZE|RANDOMKEY|KEYS *";

fn lines(examples: &str) -> impl Iterator<Item = &str> {
    examples.split(['|', '\n'])
}

/// The line with the keys of [`KEYS`] replaced by some that are not there.
fn of_missing(line: &str) -> String {
    let named = ["str", "str2", "hash", "list", "set", "zset", "geo", "hll", "st", "vec"];
    let words = line.split(' ').enumerate();
    let words = words.map(|(at, word)| match at > 0 && named.contains(&word) {
        true => format!("no-{word}"),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_known(client: &mut Client, name: &str) -> bool {
    matches!(client.run(&format!("COMMAND INFO {name}")), Value::Array(all) if all != [Value::Nil])
}

#[test]
fn every_example_counts_as_the_server_does() {
    let server = tracking();
    let mut client = server.client();
    let has_vectors = is_known(&mut client, "VADD");
    let shown: BTreeSet<_> = lines(EXAMPLES).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(shown, COMMANDS.iter().map(|command| command.name).collect());
    let mut wrong = vec![];
    for line in lines(EXAMPLES).chain(lines(WRITES)) {
        if !is_known(&mut client, line.split(' ').next().unwrap()) {
            continue;
        }
        for line in [line.to_owned(), of_missing(line)] {
            client.run("FLUSHALL");
            run_all(&mut client, &KEYS);
            run_all(&mut client, &["SET n 1", "XGROUP CREATE st g 0"]);
            if has_vectors {
                client.run("VADD vec VALUES 2 1 0 a");
            }
            let found = measured(&mut client, |client| drop(client.try_run(&line)));
            if found.0 != found.1 {
                wrong.push(format!("{line}: the server {:?}, tracked {:?}", found.0, found.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every reading command of the server with keys is in the table, with its keys, or left out.
#[test]
fn the_table_knows_every_command_that_reads() {
    let server = tracking();
    let mut client = server.client();
    let Value::Array(all) = client.run("COMMAND") else { panic!("COMMAND gives no list") };
    let mut unknown = vec![];
    for command in &all {
        visit(command, &mut |name, arity, reads| {
            let (base, sub) = name.split_once('|').unwrap_or((name, ""));
            let base = base.to_ascii_uppercase();
            let is_left_out = LEFT_OUT.iter().any(|(left_out, _)| *left_out == base);
            let is_ours = ["INVAL", "TAG"].iter().any(|ours| base.split('.').next() == Some(ours));
            match find(base.as_bytes()) {
                // The arity of a command of a module stands in its source alone.
                Some(known) if sub.is_empty() && arity != -1 => assert_arity(known, arity),
                None if reads && !is_left_out && !is_ours => unknown.push(name.to_owned()),
                _ => {}
            }
        });
    }
    assert!(unknown.is_empty(), "{unknown:?}");

    for line in lines(EXAMPLES) {
        let words: Vec<&str> = line.split(' ').collect();
        if !is_known(&mut client, words[0]) {
            continue;
        }
        let mut ours = vec![];
        let word = |at: usize| words.get(at).map(|word| word.as_bytes());
        let show = |key: &[u8]| ours.push(String::from_utf8_lossy(key).into_owned());
        find(words[0].as_bytes()).unwrap().each_key(words.len(), word, show);
        let theirs = texts(&client.run(&format!("COMMAND GETKEYS {line}")));
        assert!(ours.iter().all(|key| theirs.contains(key)), "{line}: {ours:?}, {theirs:?}");
        let is_read = client.run(&format!("COMMAND GETKEYSANDFLAGS {line}"));
        let Value::Array(flags) = is_read else { panic!("{line}: no list") };
        let all_read = flags.iter().all(|key| format!("{key:?}").contains("RO"));
        assert!(!all_read || ours == theirs, "{line}: {ours:?}, {theirs:?}");
    }
}

/// A server may take fewer numbers of words than we, never more.
fn assert_arity(known: &ReadCommand, arity: i64) {
    let ours = i64::from(known.arity);
    assert!(ours == arity || ours < 0 && ours.abs() <= arity.abs(), "{}: {arity}", known.name);
}

/// Shows a command, or its subcommands: the name, the arity, and whether it reads keys.
fn visit(command: &Value, show: &mut impl FnMut(&str, i64, bool)) {
    let Value::Array(fields) = command else { panic!("{command:?} is no command") };
    let list = |at: usize| match fields.get(at) {
        Some(Value::Array(items) | Value::Set(items)) => items.as_slice(),
        _ => &[],
    };
    let subs = list(9);
    if !subs.is_empty() {
        subs.iter().for_each(|sub| visit(sub, show));
        return;
    }
    let Value::Int(arity) = fields[1] else { panic!("no arity") };
    let is_readonly = list(2).iter().any(|flag| text(flag) == "readonly");
    let reads = list(8).iter().any(|spec| {
        let spec = format!("{spec:?}");
        spec.contains("RO") || is_readonly && !spec.contains("not_key")
    });
    show(&text(&fields[0]), arity, reads);
}
