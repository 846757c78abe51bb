//! The log, the reasons, and lines of JSON.

use redis::Value;
use serde_json::Value as Json;

use crate::support::{Client, Server, eventually, field, has_field, int, text, texts};

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => panic!("{other:?} is no list"),
    }
}

/// Kind, what and by of each entry of the log, the newest first.
fn log(client: &mut Client) -> Vec<String> {
    let entries = client.run("INVAL.LOG GET 100");
    let shown = |entry: &Value| {
        let words = ["kind", "what", "by"].map(|name| text(field(entry, name)));
        format!("{} deleted {}", words.join("|"), int(entry, "deleted"))
    };
    list(&entries).iter().map(shown).collect()
}

#[test]
fn the_log_says_what_was_carried_out_and_for_whom() {
    let server = Server::start();
    let mut client = server.client();
    client.run("ACL SETUSER ann on >secret +@all ~a:*");
    client.run("INVAL.RULE ADD r ON e KEYS 1 a:{id}");
    client.run("INVAL.SOURCE ADD s STREAM events FORMAT json");
    client.set_all(&["a:1", "a:2", "a:3", "b:1"]);
    let mut ann = server.client();
    ann.run("AUTH ann secret");
    ann.run("INVAL.EVENT e '{\"id\":1}'");
    assert!(ann.error("INVAL.PURGE KEYS 1 b:1").starts_with("NOPERM"));
    assert!(ann.error("INVAL.EVENT e '{}'").contains("'id'"));
    client.run("INVAL.PURGE GLOB a:2 DRYRUN");
    client.run("XADD events * event e payload '{\"id\":2}'");
    eventually("the entry is taken", || client.int("EXISTS a:2") == 0);
    client.run("EVAL \"return redis.call('INVAL.PURGE', 'KEYS', '1', 'a:3')\" 0");
    client.run("INVAL.PURGE TAGS 2 x y ASYNC");
    eventually("the job is done", || client.info("jobs") == 0);
    let expected = [
        "job|purge tag x OR y|default deleted 0",
        "purge|key a:3|default deleted 1",
        "event|e|source s deleted 1",
        "event|e|ann deleted 0",
        "purge||ann deleted 0",
        "event|e|ann deleted 1",
    ];
    let found = log(&mut client);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let (start, end) = expected.split_once(" OR y").unwrap_or((expected, ""));
        assert!(found.starts_with(start) && found.ends_with(end), "{found}: {expected}");
    }
    let entries = client.run("INVAL.LOG GET 100");
    let failures: Vec<String> = list(&entries)
        .iter()
        .filter(|entry| has_field(entry, "failure"))
        .map(|entry| text(field(entry, "failure")))
        .collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("'id'") && failures[1].contains("'b:1'"), "{failures:?}");
    assert_eq!(texts(field(&list(&entries)[5], "rules")), ["r"]);
    let ids: Vec<i64> = list(&entries).iter().map(|entry| int(entry, "id")).collect();
    assert_eq!(ids, [6, 5, 4, 3, 2, 1]);
    client.assert_sound();
}

#[test]
fn the_log_keeps_what_is_slow_enough_and_no_more_than_it_should() {
    let server = Server::start();
    let mut client = server.client();
    client.run("CONFIG SET inval.log-max-len 3");
    (0..5).for_each(|at| drop(client.run(&format!("INVAL.EVENT e{at}"))));
    assert_eq!(client.int("INVAL.LOG LEN"), 3);
    assert_eq!(log(&mut client)[0], "event|e4|default deleted 0");
    client.run("CONFIG SET inval.log-slower-than 60000000");
    client.run("INVAL.EVENT fast");
    assert_eq!(client.int("INVAL.LOG LEN"), 3);
    client.run("CONFIG SET inval.log-slower-than -1");
    client.run("INVAL.EVENT fast");
    assert_eq!(log(&mut client)[0], "event|e4|default deleted 0");
}

#[test]
fn a_key_is_told_why_it_went() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 2 a:{id} a:{id}:*");
    client.run("INVAL.RULE ADD soft ON e TAGS 1 t:{id} SOFT 60000");
    client.set_all(&["a:1", "a:1:x", "a:2", "marked", "async:1", "async:2"]);
    client.run("TAG.SET marked t:1");
    client.run("INVAL.EVENT e '{\"id\":1}'");
    client.run("SET a:1 again");
    client.run("INVAL.PURGE PREFIX a:1");
    client.run("INVAL.PURGE GLOB async:* ASYNC");
    eventually("the job is done", || client.info("jobs") == 0);
    let mut why = |key: &str| -> Vec<String> {
        let causes = client.run(&format!("INVAL.WHY {key}"));
        let shown = |cause: &Value| {
            let target = field(cause, "target");
            let rule = match field(cause, "rule") {
                Value::Nil => "-".to_owned(),
                rule => text(rule),
            };
            let words = ["result", "kind", "what", "by"].map(|name| text(field(cause, name)));
            let target = ["kind", "text"].map(|name| text(field(target, name)));
            format!("{}|{rule}|{}", words.join("|"), target.join(" ").trim())
        };
        list(&causes).iter().map(shown).collect()
    };
    assert_eq!(
        why("a:1"),
        ["deleted|purge|prefix a:1|default|-|prefix a:1", "deleted|event|e|default|r|key a:1"]
    );
    assert_eq!(why("a:1:x"), ["deleted|event|e|default|r|glob a:1:*"]);
    assert_eq!(why("marked"), ["marked|event|e|default|soft|tag t:1"]);
    assert_eq!(why("async:2"), ["deleted|job|purge glob async:*|default|-|"]);
    assert_eq!(why("a:2"), [""; 0]);
    client.run("CONFIG SET inval.why-ring 1");
    client.set_all(&["x:1", "x:2"]);
    client.run("INVAL.PURGE KEYS 1 x:1");
    client.run("INVAL.PURGE KEYS 1 x:2");
    assert_eq!(client.run("INVAL.WHY x:1"), Value::Array(vec![]));
    assert_eq!(list(&client.run("INVAL.WHY x:2")).len(), 1);
}

#[test]
fn a_rule_that_asks_for_it_is_logged_as_json() {
    let server = Server::start();
    let mut client = server.client();
    let rule = r#"{"eventType":"UserRegistered","cacheKeys":["users:list:*"],"tags":["user:{id}"],"logInvalidation":true}"#;
    client.call(&[b"INVAL.RULE", b"SET", b"users", rule.as_bytes()]).unwrap();
    client.run("INVAL.RULE ADD quiet ON UserRegistered KEYS 1 quiet");
    client.set_all(&["users:list:1", "users:list:2", "quiet"]);
    client.run("INVAL.EVENT UserRegistered '{\"id\":7}'");
    let line = |json: &str| -> (String, String, u64) {
        let json: Json = serde_json::from_str(json).unwrap();
        let fields = ["event", "event_type", "operation", "rule"];
        let fields = fields.map(|name| json[name].as_str().unwrap().to_owned());
        assert_eq!(json["timestamp"].as_str().unwrap().len(), "2025-01-02T10:30:00.000Z".len());
        let pattern = json["pattern"].as_str().unwrap().to_owned();
        (fields.join(" "), pattern, json["keys_cleared"].as_u64().unwrap())
    };
    let words = "cache_invalidated UserRegistered CACHE_INVALIDATION users";
    let of = |pattern: &str, cleared| (words.to_owned(), pattern.to_owned(), cleared);
    let text_log = server.log();
    let logged: Vec<_> = text_log
        .lines()
        .filter_map(|text| text.find("{\"event\":").and_then(|at| text.get(at..)))
        .map(line)
        .collect();
    assert_eq!(logged, [of("users:list:*", 2), of("user:7", 0)]);

    client.run("CONFIG SET inval.log-stream-maxlen 100");
    client.run("INVAL.EVENT UserRegistered '{\"id\":8}'");
    let entries = client.run("XRANGE inval:log - +");
    let streamed: Vec<_> =
        list(&entries).iter().map(|entry| line(&texts(&list(entry)[1])[1])).collect();
    assert_eq!(streamed, [of("users:list:*", 0), of("user:8", 0)]);
    // The stream is the module's own: nobody purges it, and it is no key of the index.
    assert_eq!(int(&client.run("INVAL.PURGE GLOB *"), "deleted"), 0);
    assert_eq!(server.log().matches("\"event\":\"cache_invalidated\"").count(), 2);
    // It is saved and comes back with the rule.
    let dump = text(&client.run("INVAL.RULE DUMP"));
    assert_eq!(dump.matches("\"logInvalidation\":true").count(), 1, "{dump}");
}

#[test]
fn what_a_rule_asks_for_is_logged_whatever_is_counted() {
    let server = Server::start();
    let mut client = server.client();
    let rule = br#"{"eventType":"e","cacheKeys":["a:*"],"logInvalidation":true}"#;
    client.call(&[b"INVAL.RULE", b"SET", b"r", rule]).unwrap();
    client.run("CONFIG SET inval.statistics no");
    for (told, lines) in ["INVAL.EVENT e", "INVAL.EVENT e {} ASYNC"].into_iter().zip(1..) {
        client.set_all(&["a:1", "a:2"]);
        client.run(told);
        eventually("the line", || server.log().matches("\"keys_cleared\":2").count() == lines);
    }
    let stats = client.run("INVAL.STATS totals");
    assert_eq!(int(field(&stats, "totals"), "runs"), 0);
}

#[test]
fn the_latency_monitor_has_what_was_slow() {
    let server = Server::start();
    let mut client = server.client();
    client.run("CONFIG SET latency-monitor-threshold 1");
    let mut keys = redis::pipe();
    for key in 0..50_000 {
        keys.cmd("SET").arg(format!("k:{key}")).arg("v").ignore();
    }
    keys.query::<()>(&mut client.0).unwrap();
    let micros = int(&client.run("INVAL.PURGE PREFIX k:"), "micros");
    let history = client.run("LATENCY HISTORY inval-invalidation");
    let Value::Int(ms) = list(&list(&history)[0])[1] else { panic!("{history:?}") };
    // Two pairs of looks at the clock.
    assert!((ms - micros / 1000).abs() <= 1, "{ms} {micros}");
}
