//! What the module refuses: each error says why, nothing has changed, the server lives.
#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what its rows share"
)]

#[path = "bad_input/bytes.rs"]
mod bytes;
#[path = "bad_input/loading.rs"]
mod loading;
#[path = "bad_input/rules.rs"]
mod rules;
mod support;

use redis::Value;
use support::{Client, Server, int, split, text, texts};

/// A server with something to lose.
struct Scene {
    server: Server,
    client: Client,
    before: String,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let mut client = server.client();
        client.set_all(&["a", "b", "u:1"]);
        client.run("TAG.SET a t1 t2");
        client.run("TAG.SET b t1");
        client.run("INVAL.RULE ADD keep ON kept TAGS 1 t1");
        client.run("INVAL.RULE ADD user ON user KEYS 1 u:{id} PATTERNS 1 ^u:{p.id|0}$");
        let before = all(&mut client);
        Self { server, client, before }
    }

    /// These words fail with this error, and change nothing but the module's count of errors,
    /// which goes up by `counted`. An expected error that ends in `..` is a prefix.
    fn fails(&mut self, words: &[&[u8]], expected: &str, counted: i64) {
        let shown: Vec<String> = words.iter().take(5).map(start_of).collect();
        let shown = shown.join(" ");
        let errors = self.client.info("errors");
        let error = match self.client.call(words) {
            Ok(value) => panic!("{shown} succeeded: {value:?}"),
            Err(error) => error,
        };
        match expected.strip_suffix("..") {
            Some(start) => assert!(error.starts_with(start), "{shown}\n{}", start_of(&error)),
            None => assert_eq!(start_of(&error), start_of(expected), "{shown}"),
        }
        assert_eq!(self.client.info("errors") - errors, counted, "{shown}");
        assert_eq!(all(&mut self.client), self.before, "{shown} changed something");
        assert_eq!(text(&self.client.run("PING")), "PONG");
        assert!(self.server.is_alive(), "{shown}");
    }

    /// The module refuses these words.
    fn refuses(&mut self, words: &[&[u8]], expected: &str) {
        self.fails(words, &format!("ERR {expected}"), 1);
    }

    /// The module refuses this line.
    fn refuses_line(&mut self, line: &str, expected: &str) {
        let words = split(line);
        self.refuses(&words.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected);
    }

    /// The server itself refuses this line.
    fn server_refuses(&mut self, line: &str, expected: &str) {
        let words = split(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.fails(&words, &format!("ERR {expected}"), 0);
    }
}

/// As much of a text as a failing test should print.
fn start_of(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    text.get(..1000).unwrap_or(text).escape_ascii().to_string()
}

/// The rows of a table: what is sent, two spaces and an arrow, the error.
fn rows(table: &str) -> Vec<(&str, &str)> {
    let lines = table.lines().filter(|line| !line.is_empty());
    let rows: Vec<_> = lines.map(|line| line.split_once("  -> ").unwrap()).collect();
    assert!(!rows.is_empty());
    rows
}

/// All that a refused command must leave alone: keys and tags, rules, statistics without the
/// count of errors, configuration.
fn all(client: &mut Client) -> String {
    let mut parts = vec![];
    for key in client.keys() {
        parts.push(format!("{key} {:?}", texts(&client.run(&format!("TAG.GET {key}")))));
    }
    for line in ["INVAL.RULE DUMP", "INVAL.CLASS DUMP", "INVAL.MAP DUMP"] {
        parts.push(text(&client.run(line)));
    }
    let sections = "totals index cache warm classes queues sources";
    let mut stats = client.run(&format!("INVAL.STATS {sections}"));
    let Value::Map(sections) = &mut stats else { panic!("{stats:?}") };
    let (_, Value::Map(totals)) = &mut sections[0] else { panic!("{sections:?}") };
    totals.retain(|(name, _)| !["errors", "failures"].contains(&&*text(name)));
    // In no order.
    let Value::Map(mut config) = client.run("CONFIG GET inval.*") else { panic!() };
    config.sort_by_key(|(name, _)| text(name));
    parts.push(format!("{stats:?} {config:?}"));
    parts.join("\n")
}

#[test]
fn a_command_without_arguments_says_so_unless_it_needs_none() {
    let mut scene = Scene::new();
    let lines = texts(&scene.client.run("INVAL.HELP"));
    let (mut answered, mut refused) = (vec![], 0);
    for usage in lines.iter().step_by(2) {
        let families = ["INVAL.RULE", "INVAL.CLASS", "INVAL.MAP", "INVAL.SOURCE", "INVAL.LOG"];
        let is_family = families.iter().any(|name| usage.starts_with(name));
        let words = if is_family { 2 } else { 1 };
        let name = usage.split(' ').take(words).collect::<Vec<_>>().join(" ");
        if scene.client.try_run(&name).is_ok() {
            answered.push(name);
            continue;
        }
        let full_name = name.to_lowercase().replace(' ', "|");
        let expected = format!("wrong number of arguments for '{full_name}' command");
        scene.server_refuses(&name, &expected);
        refused += 1;
    }
    assert_eq!(
        answered.join(", "),
        "TAG.LIST, TAG.HELP, INVAL.JOBS, INVAL.RULE LIST, INVAL.RULE DUMP, INVAL.RULE HELP, INVAL.CLASS LIST, INVAL.CLASS DUMP, INVAL.CLASS HELP, INVAL.MAP LIST, INVAL.MAP DUMP, INVAL.MAP HELP, INVAL.SOURCE LIST, INVAL.SOURCE HELP, INVAL.STATS, INVAL.HEALTH, INVAL.TOP, INVAL.LOG GET, INVAL.LOG LEN, INVAL.LOG RESET, INVAL.LOG HELP, INVAL.CHECK, INVAL.HELP"
    );
    assert_eq!(refused, 31);
}

#[test]
fn words_that_do_not_belong_are_refused() {
    let mut scene = Scene::new();
    for (line, expected) in rows(
        "
INVAL.RULE  -> wrong number of arguments for 'inval.rule' command
INVAL.NOPE x  -> unknown command 'INVAL.NOPE'..
TAG.NOPE  -> unknown command 'TAG.NOPE'..
INVAL.RULE NOPE x  -> unknown subcommand 'NOPE'. Try INVAL.RULE HELP.
INVAL.CLASS  -> wrong number of arguments for 'inval.class' command
INVAL.CLASS SET c  -> wrong number of arguments for 'inval.class|set' command
INVAL.CLASS LIST x  -> wrong number of arguments for 'inval.class|list' command
INVAL.SOURCE  -> wrong number of arguments for 'inval.source' command
INVAL.SOURCE NOPE x  -> unknown subcommand 'NOPE'. Try INVAL.SOURCE HELP.
INVAL.SOURCE ADD s STREAM s  -> wrong number of arguments for 'inval.source|add' command
INVAL.SOURCE LIST x  -> wrong number of arguments for 'inval.source|list' command
INVAL.BATCH kept  -> wrong number of arguments for 'inval.batch' command
INVAL.MAP SET m  -> wrong number of arguments for 'inval.map|set' command
TAG.GET a b  -> wrong number of arguments for 'tag.get' command
TAG.CARD t1 t2  -> wrong number of arguments for 'tag.card' command
INVAL.RULE SET r {} x  -> wrong number of arguments for 'inval.rule|set' command
INVAL.RULE GET keep x  -> wrong number of arguments for 'inval.rule|get' command
INVAL.RULE DUMP x  -> wrong number of arguments for 'inval.rule|dump' command
INVAL.CHECK x  -> wrong number of arguments for 'inval.check' command
INVAL.HELP me  -> wrong number of arguments for 'inval.help' command
",
    ) {
        scene.server_refuses(line, expected);
    }
    for (line, expected) in rows(
        "
INVAL.HEALTH x  -> unexpected argument 'x'; usage: INVAL.HEALTH [FORMAT json]
INVAL.HEALTH FORMAT  -> missing format; usage: INVAL.HEALTH [FORMAT json]
INVAL.HEALTH FORMAT xml  -> FORMAT 'xml' is not json; usage: INVAL.HEALTH [FORMAT json]
INVAL.EVENT kept {} x  -> unexpected argument 'x'; usage: INVAL.EVENT <type [json] | RAW json [MAP mapping]> [ID id] [SEQ number BY entity] [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]
INVAL.EVENT kept DRYRUN {}  -> unexpected argument '{}'; usage: INVAL.EVENT <type [json] | RAW json [MAP mapping]> [ID id] [SEQ number BY entity] [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]
INVAL.EVENT ''  -> empty event; give it at least one byte
INVAL.EVENT kept SOFT 0  -> 0 milliseconds are no time to serve stale values; give 1 to 316224000000
INVAL.EVENT kept SOFT  -> missing time to serve stale values; usage: INVAL.EVENT <type ..
INVAL.EVENT kept ASYNC SOFT 1  -> SOFT with ASYNC: nothing is deleted that could wait; usage: ..
INVAL.FETCH a WAIT 3600001  -> WAIT 3600001 is not from 1 to 3600000; usage: INVAL.FETCH key [CLASS class] [WAIT milliseconds]
INVAL.FILL a v GRACE 5  -> GRACE for 'a', which lives for ever; give EX, PX, EXAT or PXAT, or a class with a TTL
INVAL.FETCH a CLASS none  -> there is no class 'none'; INVAL.CLASS LIST shows them
INVAL.FILL a v CLASS none  -> there is no class 'none'; INVAL.CLASS LIST shows them
INVAL.RULE ADD r ON e KEYS 1 a WARM DELAY  -> missing delay; ..
INVAL.RULE ADD r ON e KEYS 1 a WARM DELAY x  -> delay 'x' is not a whole number from 0 to 9223372036854775807
INVAL.RULE ADD r ON e KEYS 1 a WARM DELAY 3600001  -> rule 'r': warmDelay '3600001' is not a whole number of milliseconds from 0 to 3600000
INVAL.RULE ADD r ON e KEYS 1 a HOT  -> unexpected argument 'HOT'; ..
INVAL.RULE ADD r ON e KEYS 1 a WARM DELAY 5 DELAY 6  -> unexpected argument 'DELAY'; ..
INVAL.MAP SET m {}  -> mapping 'm': no events; give at least one in \"events\"
INVAL.MAP SET m '{\"events\":[{\"event\":\"e\",\"when\":\"a\"}]}'  -> mapping 'm': events[0]: condition 'a': expected '=', '!=', 'in', 'contains' or 'matches', found the end, at byte 1
INVAL.MAP LOAD [] x  -> unexpected argument 'x'; usage: INVAL.MAP LOAD json [REPLACE]
INVAL.MAP TEST none {}  -> there is no mapping 'none'; INVAL.MAP LIST shows them
INVAL.MAP TEST * 5  -> payload is a number, not a JSON object; ..
INVAL.EVENT RAW  -> missing payload; ..
INVAL.EVENT RAW {} MAP none  -> there is no mapping 'none'; INVAL.MAP LIST shows them
INVAL.EVENT RAW [1]  -> payload is an array, not a JSON object; ..
INVAL.EVENT kept ID  -> missing id; ..
INVAL.EVENT kept ID ''  -> empty id; give it at least one byte
INVAL.EVENT kept SEQ 1  -> missing BY entity after SEQ; ..
INVAL.EVENT kept SEQ x BY y  -> number 'x' is not a whole number from 0 to 9223372036854775807
INVAL.EVENT kept SEQ 1 BY  -> missing entity; ..
INVAL.EVENT kept SEQ 1 BY ''  -> empty entity; give it at least one byte
INVAL.EVENT kept MAP m  -> payload is not valid JSON ..
INVAL.BATCH kept {} kept  -> missing payload; usage: INVAL.BATCH type json [type json ...]
INVAL.BATCH kept {} kept {  -> event 2 of the batch: payload is not valid JSON at line 1 column 1: EOF while parsing an object
INVAL.BATCH kept {} '' {}  -> event 2 of the batch: empty event; give it at least one byte
INVAL.BATCH kept {} user {}  -> rule 'user': 'u:{id}' needs the field 'id', which the payload lacks; ..
INVAL.RULE ADD r ON e EMIT 0  -> 0 events; usage: INVAL.RULE ADD ..
INVAL.RULE ADD r ON e EMIT 1 e  -> events would follow from each other in a circle: rule 'r' -> rule 'r'; take one \"emit\" out
INVAL.RULE ADD r ON e EMIT 1 ''  -> rule 'r': empty emitted event; give it at least one byte
INVAL.RULE LIST DOMAIN  -> missing domain; ..
INVAL.RULE ENABLE DOMAIN nope  -> no rule of the domain 'nope'; INVAL.RULE LIST shows each rule's
INVAL.SOURCE ADD s STREAM s FORMAT xml  -> format 'xml' is not one of json, cloudevents, debezium, debezium-extended
INVAL.SOURCE ADD s STREAM s FORMAT json MAP none  -> there is no mapping 'none'; INVAL.MAP LIST shows them
INVAL.SOURCE ADD s STREAM s FORMAT json FROM 1-x  -> '1-x' is not an id of a stream's entry; write milliseconds-number, 0 for all entries, or $ for those to come
INVAL.SOURCE ADD s STREAM s FORMAT json x  -> unexpected argument 'x'; usage: INVAL.SOURCE ADD ..
INVAL.SOURCE ADD s FORMAT json x y  -> missing STREAM key; usage: INVAL.SOURCE ADD ..
INVAL.SOURCE ADD s STREAM '' FORMAT json  -> empty stream; give it at least one byte
INVAL.SOURCE ADD '' STREAM s FORMAT json  -> empty source; give it at least one byte
INVAL.SOURCE ADD s STREAM a FORMAT json  -> the server refused the stream: WRONGTYPE ..
INVAL.SOURCE ADD s STREAM inval:warm:high FORMAT json  -> key 'inval:warm:high' belongs to the module; ..
INVAL._RECORD ONCE-SEQ 9 x  -> INVAL._RECORD is for replication alone; ..
INVAL.RULE ADD r ON e KEYS 1 a SOFT 0  -> 0 milliseconds are no time to serve stale values; ..
INVAL._FRESH 0 0 KEYS a  -> INVAL._FRESH is for replication alone; use INVAL.PURGE ... SOFT
INVAL.PURGE GLOB * x  -> unexpected argument 'x'; usage: INVAL.PURGE <KEYS..
INVAL.PURGE KEYS 1 a b  -> unexpected argument 'b'; usage: INVAL.PURGE <KEYS..
INVAL.PURGE GLOB * LIMIT  -> missing limit; usage: INVAL.PURGE <KEYS..
INVAL.PURGE NOPE x  -> the first word is not KEYS, TAGS, GLOB, PREFIX or REGEX; usage: ..
INVAL.PURGE KEYS 0  -> 0 keys; usage: INVAL.PURGE <KEYS..
INVAL.PURGE KEYS 1 inval:warm  -> key 'inval:warm' belongs to the module; keys under 'inval:' are never tagged or purged
INVAL.PURGE TAGS ALL 3 a b  -> 3 tags announced, 2 words left; usage: ..
INVAL.PURGE TAGS 1 ''  -> empty tag; give it at least one byte
INVAL.PURGE GLOB 'a[b'  -> unclosed '[' at byte 1 of glob 'a[b'; close it with ']', or write '\\[' for the character itself
INVAL.PURGE REGEX '^a(b'  -> regex '^a(b': unclosed group; to match a special character itself, put '\\' before it
INVAL.PURGE REGEX '^a[b'  -> regex '^a[b': unclosed character class; ..
INVAL.PURGE REGEX '(a{1000}){1000}'  -> regex '(a{1000}){1000}' is larger than 1048576 bytes when compiled; use smaller repetitions
INVAL.EXPLAIN kept {} x  -> unexpected argument 'x'; usage: INVAL.EXPLAIN <..
INVAL.EXPLAIN PURGE ALL  -> the first word is not KEYS, TAGS, GLOB, PREFIX or REGEX; usage: ..
INVAL.RULE LOAD [] x  -> unexpected argument 'x'; usage: INVAL.RULE LOAD json [REPLACE]
INVAL.RULE LIST kept x  -> unexpected argument 'x'; usage: INVAL.RULE LIST [event | DOMAIN domain]
INVAL.STATS FORMAT xml  -> FORMAT 'xml' is neither json nor prometheus; usage: ..
TAG.LIST x  -> unexpected argument 'x'; usage: TAG.LIST [MATCH glob] [CURSOR cursor] [COUNT n]
TAG.LIST MATCH 't[1'  -> unclosed '[' at byte 1 of glob 't[1'; ..
TAG.KEYS t1 COUNT 1 x  -> unexpected argument 'x'; usage: TAG.KEYS [ANY | ALL] ..
TAG.KEYS NOT t1  -> missing tag; usage: TAG.KEYS [ANY | ALL] ..
TAG.KEYS t1 NOT  -> missing tag; usage: TAG.KEYS [ANY | ALL] ..
TAG.SET a ''  -> empty tag; give it at least one byte
TAG.ADD a t3 ''  -> empty tag; give it at least one byte
TAG.REM a t1 ''  -> empty tag; give it at least one byte
TAG._CARRY a t3  -> TAG._CARRY is for replication alone; use TAG.SET
TAG.SET inval:warm t  -> key 'inval:warm' belongs to the module; ..
",
    ) {
        scene.refuses_line(line, expected);
    }
}

#[test]
fn numbers_and_cursors_out_of_range_are_refused() {
    let mut scene = Scene::new();
    let most = i64::MAX;
    for (line, what) in [
        ("INVAL.PURGE KEYS N a", "count"),
        ("INVAL.PURGE TAGS N t1", "count"),
        ("INVAL.PURGE GLOB * LIMIT N", "limit"),
        ("INVAL.RULE ADD r ON e KEYS N a", "count"),
        ("TAG.KEYS t1 COUNT N", "count"),
        ("TAG.LIST COUNT N", "count"),
        ("TAG.KEYS t1 CURSOR N", "cursor"),
        ("TAG.LIST CURSOR N", "cursor"),
    ] {
        for number in ["-1", "''", "x", "1.5", "+1", "9223372036854775808", "1e3"] {
            let shown = number.trim_matches('\'');
            let line = line.replace(" N", &format!(" {number}"));
            let expected = format!("{what} '{shown}' is not a whole number from 0 to {most}");
            scene.refuses_line(&line, &expected);
        }
    }
    let keys = format!("{most} keys announced, 1 words left; usage: ..");
    scene.refuses_line(&format!("INVAL.PURGE KEYS {most} a"), &keys);
    // The second says: of a second tag, where one is asked for.
    for cursor in [most, 0x1_0000_0001, 0x1_0000_0000] {
        let expected = format!("cursor '{cursor}' is not one that a reply gave; start with 0");
        scene.refuses_line(&format!("TAG.KEYS t1 CURSOR {cursor}"), &expected);
    }
    // Huge and whole is as good as any.
    let Value::Array(page) = scene.client.run(&format!("TAG.LIST COUNT {most}")) else { panic!() };
    assert_eq!((text(&page[0]), texts(&page[1]).len()), ("0".to_owned(), 2));
    let reply = scene.client.run(&format!("INVAL.PURGE GLOB a LIMIT {most} DRYRUN"));
    assert_eq!(int(&reply, "matched"), 1);
}

#[test]
fn names_and_tags_beyond_their_limits_are_refused() {
    let mut scene = Scene::new();
    let huge = vec![b'x'; 10 << 20];
    let expected = "event of 10485760 bytes is longer than the limit of 512; use a shorter one";
    scene.refuses(&[b"INVAL.EVENT", &huge], expected);
    scene.refuses(&[b"INVAL.EXPLAIN", b"EVENT", &huge], expected);
    let rule = br#"{"eventType":"e","tags":["t"]}"#;
    let long = "rule of 10485760 bytes is longer than the limit of 512; use a shorter one";
    scene.refuses(&[b"INVAL.RULE", b"SET", &huge, rule], long);
    scene.refuses(&[b"INVAL.RULE", b"ENABLE", &huge], "no rule 'xxx..");
    for name in [&b"GET"[..], b"DEL"] {
        let reply = scene.client.call(&[b"INVAL.RULE", name, &huge]).unwrap();
        assert!([Value::Nil, Value::Int(0)].contains(&reply), "{reply:?}");
    }

    for target in [&b"GLOB"[..], b"REGEX"] {
        let expected = "pattern of 2000 bytes is longer than the limit of 1024; use a shorter ..";
        scene.refuses(&[b"INVAL.PURGE", target, &huge[..2000]], expected);
    }

    let tag = vec![b't'; 2 << 10];
    let long = "tag of 2048 bytes is longer than the limit of 1024; use a shorter one";
    let names: Vec<String> = (0..100_000).map(|at| format!("t{at}")).collect();
    let tags: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    let many = "100000 tags are more than the limit of 1000; split them up";
    for command in [&b"TAG.SET"[..], b"TAG.ADD", b"TAG.REM"] {
        scene.refuses(&[command, b"a", b"t", &tag], long);
        scene.refuses(&[&[command, b"a"], &tags[..]].concat(), many);
    }
    scene.refuses(&[b"TAG.KEYS", &tag], long);
    scene.refuses(&[&[&b"TAG.KEYS"[..], b"ALL"], &tags[..]].concat(), many);
    scene.refuses(&[&[&b"INVAL.PURGE"[..], b"TAGS", b"100000"], &tags[..]].concat(), many);
    let added = [&[&b"TAG.ADD"[..], b"a"], &tags[3..1002]].concat();
    scene.refuses(&added, "1001 tags are more than the limit of 1000; split them up");
}

#[test]
fn bad_payloads_are_refused() {
    let mut scene = Scene::new();
    let table = rows(
        r#"
''  -> payload is not valid JSON at line 1 column 0: EOF while parsing a value
'{"a": }'  -> payload is not valid JSON at line 1 column 7: expected value
'{"a":1}}'  -> payload is not valid JSON at line 1 column 8: trailing characters
'{"a":"\ud800"}'  -> payload is not valid JSON at line 1 column 13: unexpected end of hex escape
nonsense  -> payload is not valid JSON at line 1 column 2: expected ident
[1]  -> payload is an array, not a JSON object; send for example '{"userId":"42"}'
'"text"'  -> payload is a string, not a JSON object; send for example '{"userId":"42"}'
42  -> payload is a number, not a JSON object; send for example '{"userId":"42"}'
null  -> payload is null, not a JSON object; send for example '{"userId":"42"}'
true  -> payload is a boolean, not a JSON object; send for example '{"userId":"42"}'
'{"id":1,"affectedCaches":"a"}'  -> affectedCaches holds a string; send an array of key names and globs, all strings
'{"id":1,"affectedCaches":{"a":1}}'  -> affectedCaches holds an object; ..
'{"id":1,"affectedCaches":null}'  -> affectedCaches holds null; ..
'{"id":1,"affectedCaches":["a",7]}'  -> affectedCaches holds a number; ..
'{"id":1,"affectedCaches":["a","b["]}'  -> unclosed '[' at byte 1 of glob 'b['; ..
'{}'  -> rule 'user': 'u:{id}' needs the field 'id', which the payload lacks; add it to the payload or give a default: {id|none}
'{"id":null}'  -> rule 'user': 'u:{id}' needs the field 'id', which the payload lacks; ..
'{"id":[1]}'  -> rule 'user': 'u:{id}' takes the field 'id', which is an array; only a string, number or boolean can be part of a key
'{"id":1,"p":{"id":{}}}'  -> rule 'user': '^u:{p.id|0}$' takes the field 'p.id', which is an object; ..
"#,
    );
    for (payload, expected) in table {
        for command in ["INVAL.EVENT", "INVAL.EXPLAIN EVENT", "INVAL.EXPLAIN"] {
            scene.refuses_line(&format!("{command} user {payload}"), expected);
        }
    }
    let deep = ["{\"a\":", "["].map(|open| open.repeat(100_000));
    let wide = format!("{{\"id\":\"{}\"}}", "x".repeat((2 << 20) - 9));
    let list = format!("{{\"affectedCaches\":[{}\"a\"]}}", "\"a\",".repeat(1000));
    for (payload, expected) in [
        (&deep[0], "payload is not valid JSON at line 1 column 636: recursion limit exceeded"),
        (&deep[1], "payload is not valid JSON at line 1 column 128: recursion limit exceeded"),
        (&wide, "payload of 2097152 bytes is larger than the limit of 1048576; send only .."),
        (&list, "1001 affectedCaches are more than the limit of 1000; split them up"),
    ] {
        scene.refuses(&[b"INVAL.EVENT", b"kept", payload.as_bytes()], expected);
    }
    // A value that makes a pattern too long.
    scene.client.run("INVAL.RULE ADD wide ON wide KEYS 1 u:{id}:*");
    scene.before = all(&mut scene.client);
    let payload = format!("{{\"id\":\"{}\"}}", "x".repeat(2000));
    let expected = "rule 'wide': pattern of 2004 bytes is longer than the limit of 1024; ..";
    scene.refuses(&[b"INVAL.EVENT", b"wide", payload.as_bytes()], expected);
}

/// Warming that fails keeps nothing from being deleted.
#[test]
fn a_warm_queue_of_the_wrong_type_is_told_and_the_keys_are_gone_all_the_same() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["k:1", "k:2", "inval:warm:medium"]);
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM");
    let reply = client.run("INVAL.EVENT e");
    let counts = ["deleted", "warmed", "warm_refused"].map(|name| int(&reply, name));
    assert_eq!(counts, [2, 0, 2]);
    assert_eq!(client.keys(), ["inval:warm:medium"]);
    assert_eq!((client.info("warm_refused"), client.info("keys_warmed")), (2, 0));
    client.run("DEL inval:warm:medium");
    client.set_all(&["k:1"]);
    let reply = client.run("INVAL.EVENT e");
    assert_eq!((int(&reply, "warmed"), client.info("warm_refused")), (1, 2));
    assert_eq!(client.int("XLEN inval:warm:medium"), 1);
    client.assert_sound();
}
