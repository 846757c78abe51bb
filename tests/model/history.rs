//! Random histories: lists of steps that collide often.
//!
//! A step is text, so that a failing one can be read, kept and run again: a command line; or
//! `MULTI: a ; b`, `EVAL: a ; b` and `PIPE: a ; b`; or `DEAD key key: a ; b`, where the keys'
//! time is up and nothing has looked at them when the commands come. A word `@key` stands for the
//! last fill token that was given for the key.

/// Databases a history uses.
pub const DBS: usize = 3;
/// Keys it uses; those of a type are found by [`of_type`].
pub const KEYS: [&str; 7] = ["a:1", "a:2", "a:3", "b:1", "b:2", "b:3", "c"];
/// Tags it uses.
pub const TAGS: [&str; 4] = ["t", "u", "v", "w"];
/// Rules it uses.
const RULES: [&str; 4] = ["r1", "r2", "r3", "r4"];

/// Commands that may stand anywhere, each with its weight. A word in capitals and a sign stands
/// for something random: `K` any key; `S` `L` `M` `H` `Z` `X` a key that mostly is a string,
/// list, set, hash, sorted set or stream; `T` a tag, `D` a database, `V` a value, `R` a rule.
const COMMANDS: &[(u32, &str)] = &[
    (16, "SET $S $V"),
    (8, "SET $K $V"),
    (3, "SET $K $V PX 100000"),
    (3, "SET $K $V EX 1000"),
    (3, "SET $K $V NX"),
    (3, "SET $K $V KEEPTTL"),
    (3, "SET $S $V XX GET"),
    (3, "GETDEL $S"),
    (3, "GETSET $S $V"),
    (2, "APPEND $S $V"),
    (2, "INCR $S"),
    (6, "MSET $S $V $S $V $S $V"),
    (2, "MSETNX $K $V $K $V"),
    (3, "SETRANGE $S 1 x"),
    (3, "GETEX $S PXAT 1"),
    (16, "HSET $H f $V"),
    (5, "HDEL $H f g"),
    (20, "LPUSH $L 1 2"),
    (4, "LPOP $L 3"),
    (3, "RPOPLPUSH $L $L"),
    (3, "LMOVE $L $L LEFT RIGHT"),
    (3, "LTRIM $L 1 0"),
    (2, "LREM $L 0 $V"),
    (2, "LMPOP 2 $L $L LEFT COUNT 9"),
    (2, "BLPOP $L $L 0.001"),
    (12, "SADD $M $V"),
    (12, "SADD $M 1 2"),
    (3, "SREM $M 1 2"),
    (3, "SPOP $M 3"),
    (4, "SMOVE $M $M $V"),
    (16, "ZADD $Z 1 $V"),
    (3, "ZREM $Z 1 2"),
    (3, "ZPOPMIN $Z 3"),
    (2, "ZREMRANGEBYRANK $Z 0 -1"),
    (2, "ZRANGESTORE $K $Z 0 -1"),
    (2, "ZUNIONSTORE $K 2 $Z $M"),
    (2, "ZINTERSTORE $K 2 $Z $M"),
    (8, "XADD $X 1-* f v"),
    (3, "XADD $X MAXLEN 0 * f v"),
    (2, "XTRIM $X MAXLEN 0"),
    (2, "PFADD $S $V"),
    (2, "PFMERGE $S $S"),
    (4, "SETBIT $S 3 1"),
    (2, "GEOADD $Z 1 1 $V"),
    (2, "GEOSEARCHSTORE $K $Z FROMLONLAT 1 1 BYRADIUS 9 km"),
    (4, "SORT $L STORE $K"),
    (4, "SORT $M BY nosort STORE $K"),
    (4, "SUNIONSTORE $K $M $M"),
    (4, "SINTERSTORE $K $M $M"),
    (3, "SDIFFSTORE $K $M $M"),
    (4, "BITOP AND $K $S $S"),
    (8, "DEL $K"),
    (3, "DEL $K $K"),
    (4, "UNLINK $K $K"),
    (3, "EXPIRE $K 1000"),
    (2, "EXPIRE $K -1"),
    (2, "PEXPIRE $K 100000"),
    (4, "PEXPIREAT $K 1"),
    (2, "PERSIST $K"),
    (8, "RENAME $K $K"),
    (5, "RENAMENX $K $K"),
    (6, "COPY $K $K"),
    (6, "COPY $K $K REPLACE"),
    (4, "COPY $K $K DB $D"),
    (4, "COPY $K $K DB $D REPLACE"),
    (8, "MOVE $K $D"),
    (3, "SWAPDB $D $D"),
    (1, "FLUSHDB"),
    (1, "FLUSHDB ASYNC"),
    (1, "FLUSHALL"),
    (20, "TAG.SET $K $T $T"),
    (16, "TAG.ADD $K $T"),
    (8, "TAG.ADD $K $T $T $T"),
    (8, "TAG.REM $K $T"),
    (3, "TAG.KEYS ALL $T $T"),
    (3, "TAG.KEYS ANY $T $T NOT $T"),
    (3, "TAG.KEYS $T NOT $T $T"),
    (2, "INVAL.PURGE KEYS 2 $K $K"),
    (2, "INVAL.PURGE TAGS 1 $T KEYS"),
    (2, "INVAL.PURGE TAGS ANY 2 $T $T NOT 1 $T"),
    (2, "INVAL.PURGE TAGS ALL 2 $T $T"),
    (2, "INVAL.PURGE GLOB $G KEYS"),
    (1, "INVAL.PURGE GLOB $G LIMIT 1"),
    (1, "INVAL.PURGE PREFIX $P"),
    (1, "INVAL.PURGE PREFIX $P LIMIT 2"),
    (2, "INVAL.PURGE REGEX $E KEYS"),
    (2, "INVAL.PURGE REGEX $E DRYRUN KEYS"),
    (12, "INVAL.EVENT $N $J"),
    (2, "INVAL.EVENT $N $J DRYRUN"),
    (8, "INVAL.RULE SET $R $O"),
    (2, "INVAL.RULE DEL $R $R"),
    (2, "INVAL.RULE ENABLE $R"),
    (2, "INVAL.RULE DISABLE $R"),
];

/// Steps of their own. `RESTORE a b` dumps one key into another; `FENCE x` also waits until the
/// index is complete; `FIELD h` lets a hash's only field expire.
const ALONE: &[(u32, &str)] = &[
    (16, "SELECT $D"),
    (12, "RESTORE $K $K"),
    (16, "RESTORE $K $K REPLACE"),
    (3, "DEBUG RELOAD"),
    (1, "BGSAVE"),
    (2, "FENCE a:"),
    (2, "FENCE 'b: [c]*'"),
    (5, "FENCE ''"),
    (2, "DEBUG SET-ACTIVE-EXPIRE 0"),
    (1, "DEBUG SET-ACTIVE-EXPIRE 1"),
    (4, "FIELD $H"),
];

/// What may come between a miss and its fill, with the same signs.
const BETWEEN: &[(u32, &str)] = &[
    (4, "INVAL.PURGE KEYS 1 $K"),
    (4, "INVAL.PURGE TAGS 1 $T"),
    (3, "INVAL.PURGE TAGS ANY 2 $T $T NOT 1 $T"),
    (3, "INVAL.PURGE TAGS ALL 2 $T $T"),
    (1, "INVAL.PURGE TAGS 1 $T DRYRUN"),
    (3, "INVAL.PURGE GLOB $G"),
    (1, "INVAL.PURGE GLOB $G LIMIT 1"),
    (2, "INVAL.PURGE PREFIX $P"),
    (3, "INVAL.PURGE REGEX $E"),
    (1, "INVAL.PURGE REGEX $E DRYRUN"),
    (8, "INVAL.EVENT $N $J"),
    (4, "DEL $K"),
    (2, "UNLINK $K $K"),
    (2, "SET $K $V"),
    (1, "RENAME $K $K"),
    (1, "COPY $K $K"),
    (1, "MOVE $K $D"),
    (1, "FLUSHDB"),
    (1, "SWAPDB $D $D"),
    (2, "SELECT $D"),
    (2, "INVAL.FETCH $K"),
    (1, "INVAL.FETCH $K WAIT 1"),
    (2, "INVAL.FILL $K $V"),
    (2, "INVAL.FILL $K $V TAGS 1 $T"),
];

const VALUES: [&str; 3] = ["1", "2", "x"];
const GLOBS: [&str; 8] = ["*", "a:*", "?:1", "[ab]:2", "*:1", "*:3", "c*", "[^a]*"];
const PREFIXES: [&str; 3] = ["a:", "b", "c"];
const REGEXES: [&str; 4] = ["^a:[12]$", ":3", "^(b:|c)", "^.$"];
const EVENTS: [&str; 3] = ["e", "f", "ee"];
const PAYLOADS: [&str; 7] = [
    r#"'{"id":"1"}'"#,
    r#"'{"id":2}'"#,
    r#"'{"id":"*"}'"#,
    r#"'{"id":"3","tag":"v"}'"#,
    r#"'{"id":"3","affectedCaches":["a:*","c","nokey"]}'"#,
    r#"'{"tag":"w"}'"#,
    "'{}'",
];
const DOCUMENTS: [&str; 11] = [
    r#"'{"eventType":"e","cacheKeys":["a:{id}"]}'"#,
    r#"'{"eventType":"e","cacheKeys":["b:*"],"priority":"high","warmCache":true}'"#,
    r#"'{"eventType":"f","tags":["{tag|t}"]}'"#,
    r#"'{"eventType":"f","tags":["{tag}"],"warmCache":true}'"#,
    r#"'{"eventType":"*","patterns":["^[ab]:{id|1}$"],"when":"id!=\'3\'","priority":"low"}'"#,
    r#"'{"eventType":"e*","cacheKeys":["?:{id}","c"],"tags":["u"],"when":"id=\'1\'"}'"#,
    r#"'{"eventType":"e","tags":["t","v"],"cacheKeys":["[ab]:2"],"enabled":false}'"#,
    r#"'{"eventType":"e?","patterns":[":{id}$"],"cacheKeys":["*:1"],"description":"d"}'"#,
    // Patterns without placeholders and not of a prefix, some of them those of purges.
    r#"'{"eventType":"e","patterns":["^a:[12]$",":3"],"cacheKeys":["?:1"]}'"#,
    r#"'{"eventType":"f","patterns":["^(b:|c)","^.$"],"cacheKeys":["*:3"],"warmCache":true}'"#,
    r#"'{"eventType":"never","patterns":[":","[^c]","a|b","^$"],"cacheKeys":["*[13]"]}'"#,
];

/// `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }

    fn weighted<'a>(&mut self, table: &[(u32, &'a str)]) -> &'a str {
        let sum: u32 = table.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(sum as usize) as u32;
        let row = table.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        row.unwrap().1
    }

    /// A key that mostly is of a type, so that commands seldom meet another one.
    fn key_of(&mut self, wanted: &[&'static str]) -> &'static str {
        if self.below(12) == 0 { self.of(&KEYS) } else { self.of(wanted) }
    }

    fn fill(&mut self, template: &str) -> String {
        let mut words = vec![];
        for word in template.split(' ') {
            words.push(match word {
                "$K" => self.of(&KEYS).to_owned(),
                "$S" => self.key_of(&["a:1", "b:2"]).to_owned(),
                "$L" => self.key_of(&["a:2", "b:1"]).to_owned(),
                "$M" => self.key_of(&["a:3", "c"]).to_owned(),
                "$H" => self.key_of(&["b:3"]).to_owned(),
                "$Z" => self.key_of(&["b:3"]).to_owned(),
                "$X" => self.key_of(&["b:2"]).to_owned(),
                "$T" => self.of(&TAGS).to_owned(),
                "$D" => self.below(DBS).to_string(),
                "$V" => self.of(&VALUES).to_owned(),
                "$R" => self.of(&RULES).to_owned(),
                "$G" => self.of(&GLOBS).to_owned(),
                "$P" => self.of(&PREFIXES).to_owned(),
                "$E" => self.of(&REGEXES).to_owned(),
                "$N" => self.of(&EVENTS).to_owned(),
                "$J" => self.of(&PAYLOADS).to_owned(),
                "$O" => self.of(&DOCUMENTS).to_owned(),
                word => word.to_owned(),
            });
        }
        words.join(" ")
    }

    /// One to four commands; at most one COPY onto each name, for what one transaction copies
    /// twice onto a name may carry the tags of both.
    fn commands(&mut self, allowed: impl Fn(&str) -> bool) -> String {
        let mut lines: Vec<String> = vec![];
        for _ in 0..1 + self.below(4) {
            let template = self.weighted(COMMANDS);
            let line = self.fill(template);
            let onto = |line: &str| {
                let copies = line.starts_with("COPY ");
                copies.then(|| line.split(' ').nth(2).map(str::to_owned))
            };
            let twice = onto(&line).is_some() && lines.iter().any(|old| onto(old) == onto(&line));
            if allowed(&line) && !twice {
                lines.push(line);
            }
        }
        if lines.is_empty() {
            lines.push(self.fill("DEL $K"));
        }
        lines.join(" ; ")
    }
}

/// The history of a seed.
pub fn of_seed(seed: u64, steps: usize) -> Vec<String> {
    let mut random = Random(seed);
    let mut step = || match random.below(100) {
        0..62 => {
            let template = random.weighted(COMMANDS);
            random.fill(template)
        }
        62..76 => {
            let template = random.weighted(ALONE);
            random.fill(template)
        }
        76..83 => format!("MULTI: {}", random.commands(|_| true)),
        83..90 => format!("EVAL: {}", random.commands(|_| true)),
        90..96 => format!("PIPE: {}", random.commands(|_| true)),
        _ => {
            let keys = random.of(&["$K", "$K $K", "$K $K $K"]);
            let keys = random.fill(keys);
            // A dead key of another database may lend its tags to such a copy.
            let commands = random.commands(|line| !line.contains(" DB "));
            format!("DEAD {keys}: {commands}")
        }
    };
    (0..steps).map(|_| step()).collect()
}

/// The history of a seed; every other one with misses and fills among its steps.
pub fn mixed(seed: u64, steps: usize) -> Vec<String> {
    let history = of_seed(seed, steps);
    let mut random = Random(!seed);
    match seed % 2 {
        0 => history,
        _ => history.into_iter().flat_map(|step| random.miss_after(step)).collect(),
    }
}

impl Random {
    /// Puts a miss behind a step from time to time, with what comes before its fill.
    fn miss_after(&mut self, step: String) -> Vec<String> {
        let mut steps = vec![step];
        if self.below(5) > 0 {
            return steps;
        }
        let key = self.of(&KEYS);
        if self.below(2) == 0 {
            steps.push(format!("DEL {key}"));
        }
        steps.push(format!("INVAL.FETCH {key}"));
        for _ in 0..self.below(3) {
            let template = self.weighted(BETWEEN);
            let line = self.fill(template);
            let is_alone = line.starts_with("SELECT");
            steps.push(if is_alone { line } else { self.wrapped(line) });
        }
        // Now and then the fill comes with a later miss.
        if self.below(5) > 0 {
            let of = if self.below(8) == 0 { self.of(&KEYS) } else { key };
            let tags = self.of(&["", "", " TAGS 1 $T", " TAGS 2 $T $T"]);
            let line = self.fill(&format!("INVAL.FILL {key} $V TOKEN @{of}{tags}"));
            let again = line.clone();
            let line = self.wrapped(line);
            steps.push(line);
            if self.below(8) == 0 {
                steps.push(again);
            }
        }
        steps
    }

    fn wrapped(&mut self, line: String) -> String {
        match self.below(12) {
            0 => format!("MULTI: {line}"),
            1 => format!("EVAL: {line}"),
            2 => format!("PIPE: INVAL.FETCH {} ; {line}", self.of(&KEYS)),
            3 => format!("MULTI: INVAL.FETCH {} ; {line}", self.of(&KEYS)),
            4 => format!("EVAL: INVAL.FETCH {} ; {line}", self.of(&KEYS)),
            _ => line,
        }
    }
}
