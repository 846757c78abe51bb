//! Failures that are staged for real: `INVAL.HEALTH` names the cause and what to do, and accuses
//! nobody else; whoever listens is told.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "health/changes.rs"]
mod changes;
mod support;

use redis::Value;
use support::{Client, Server, eventually, field, int, text};

/// The rows of INVAL.HEALTH.
fn checks(client: &mut Client) -> Vec<Value> {
    let health = client.run("INVAL.HEALTH");
    let Value::Array(rows) = field(&health, "checks").clone() else { panic!("{health:?}") };
    rows
}

fn check(client: &mut Client, name: &str) -> Value {
    let found = checks(client).into_iter().find(|row| text(field(row, "check")) == name);
    found.unwrap_or_else(|| panic!("no check {name}"))
}

fn word(row: &Value, name: &str) -> String {
    text(field(row, name))
}

/// The checks that are not healthy, by name and level. How busy the machine is that runs the
/// tests says nothing.
fn accused(client: &mut Client) -> Vec<(String, String)> {
    let rows = checks(client).into_iter();
    let rows = rows.map(|row| (word(&row, "check"), word(&row, "status")));
    rows.filter(|(check, level)| level != "healthy" && check != "latency").collect()
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(check, level)| ((*check).to_owned(), (*level).to_owned())).collect()
}

#[track_caller]
fn says(row: &Value, name: &str, parts: &[&str]) {
    let found = word(row, name);
    for part in parts {
        assert!(found.contains(part), "{name} without '{part}': {found}");
    }
}

/// Sends the same command many times, by hundreds.
fn repeat(client: &mut Client, words: &[&str], times: usize) {
    for _ in 0..times / 100 {
        let mut pipe = redis::pipe();
        for _ in 0..100 {
            let mut command = redis::Cmd::new();
            for word in words {
                command.arg(*word);
            }
            pipe.add_command(command);
        }
        pipe.query::<Value>(&mut client.0).unwrap();
    }
}

#[test]
fn a_quiet_server_is_healthy_and_says_why() {
    let server = Server::start();
    let mut client = server.client();
    let health = client.run("INVAL.HEALTH");
    assert_eq!(
        (word(&health, "status"), word(&health, "profile")),
        ("healthy".into(), "default".into())
    );
    assert_eq!(field(&health, "recommendations"), &Value::Array(vec![]));
    let row = check(&mut client, "hit_rate");
    assert_eq!((field(&row, "value"), int(&row, "warning")), (&Value::Nil, 80));
    assert_eq!((int(&row, "critical"), word(&row, "remedy")), (70, String::new()));
    says(&row, "meaning", &["0 reads so far are too few to judge"]);
    assert_eq!(accused(&mut client), []);
    // The same as JSON.
    let json: serde_json::Value =
        serde_json::from_str(&text(&client.run("INVAL.HEALTH FORMAT json"))).unwrap();
    let rows = json["checks"].as_array().unwrap();
    assert_eq!((json["status"].as_str(), rows.len()), (Some("healthy"), checks(&mut client).len()));
    assert!(rows.iter().any(|row| row["check"] == "storm" && row["critical"] == 1000));
    // Numbers for exporters.
    assert_eq!((client.info("health_status"), client.info("health_alerts")), (0, 0));
    assert_eq!(client.info("health_hit_rate"), 0);
    client.assert_sound();
}

#[test]
fn a_storm_is_told_with_the_event_and_the_rule_behind_it() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD 'best sellers' ON sold KEYS 1 list");
    client.run("INVAL.RULE ADD calm ON calm KEYS 1 list");
    let mut pipe = redis::pipe();
    for _ in 0..1200 {
        pipe.cmd("SET").arg("list").arg("v").cmd("INVAL.EVENT").arg("sold");
    }
    pipe.query::<Value>(&mut client.0).unwrap();
    client.run("SET list v");
    client.run("INVAL.EVENT calm");
    assert_eq!(accused(&mut client), pairs(&[("storm", "critical")]));
    let row = check(&mut client, "storm");
    assert_eq!((int(&row, "value"), int(&row, "critical")), (1201, 1000));
    assert_eq!(field(&row, "warning"), &Value::Nil);
    says(
        &row,
        "meaning",
        &[
            "1,201 invalidations over",
            "most by event sold: 1,200 (100 %)",
            "rule 'best sellers', user default",
        ],
    );
    says(&row, "remedy", &["what sends event sold", "INVAL.RULE DISABLE 'best sellers'"]);
    // The remedy is a command that works.
    assert_eq!(client.int("INVAL.RULE DISABLE 'best sellers'"), 1);
    client.assert_sound();
}

#[test]
fn purges_that_make_a_storm_are_told_as_such() {
    let server = Server::start();
    let mut client = server.client();
    let mut pipe = redis::pipe();
    for _ in 0..1200 {
        pipe.cmd("SET").arg("k").arg("v").cmd("INVAL.PURGE").arg(&["KEYS", "1", "k"]);
    }
    pipe.query::<Value>(&mut client.0).unwrap();
    assert_eq!(accused(&mut client), pairs(&[("storm", "critical")]));
    says(&check(&mut client, "storm"), "meaning", &["most by purges: 1,200"]);
}

#[test]
fn invalidations_that_fail_are_told_with_the_reason() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET b:1 v");
    client.run("ACL SETUSER bob on >secret +@all ~a:*");
    let mut bob = server.client();
    bob.run("AUTH bob secret");
    for _ in 0..20 {
        bob.error("INVAL.PURGE KEYS 1 b:1");
    }
    assert_eq!(accused(&mut client), pairs(&[("failure_rate", "critical")]));
    let row = check(&mut client, "failure_rate");
    says(
        &row,
        "meaning",
        &["100.0 % of the invalidations failed", "(20 of 20)", "user 'bob' may not"],
    );
    says(&row, "remedy", &["INVAL.LOG GET", "ACL LOG"]);
}

#[test]
fn a_rule_that_matches_nothing_is_named() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD typo ON saved KEYS 1 usr:{id}");
    client.run("INVAL.RULE ADD right ON saved KEYS 1 user:{id}");
    client.run("SET user:1 v");
    client.run(r#"INVAL.EVENT saved '{"id":1}'"#);
    // One of one is no pattern.
    assert_eq!(accused(&mut client), []);
    for id in 0..100 {
        client.run(&format!("SET user:{id} v"));
        client.run(&format!(r#"INVAL.EVENT saved '{{"id":{id}}}'"#));
    }
    assert_eq!(accused(&mut client), pairs(&[("wasteful_rule", "warning")]));
    let row = check(&mut client, "wasteful_rule");
    says(&row, "meaning", &["rule typo matched no key in 100.0 % of its runs", "(101 of 101)"]);
    says(
        &row,
        "remedy",
        &["INVAL.RULE GET typo", "INVAL.EXPLAIN EVENT saved", "INVAL.RULE DISABLE typo"],
    );
}

#[test]
fn a_pattern_without_a_literal_beginning_is_named_where_it_costs() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD broad ON e KEYS 1 '*:{id}'");
    // One that is the same for every event keeps its keys, and costs nothing.
    client.run("INVAL.RULE ADD standing ON e KEYS 1 '*:x:*'");
    client.run("DEBUG POPULATE 1000 key 3");
    eventually("all keys are known", || client.info("keys") == 1000);
    eventually("it stands", || client.info("standing_patterns") == 1);
    assert_eq!(accused(&mut client), []);
    assert_eq!(int(&check(&mut client, "broad_pattern"), "value"), 1000);
    client.run("CONFIG SET inval.health-broad-pattern-warning 1000");
    assert_eq!(accused(&mut client), pairs(&[("broad_pattern", "warning")]));
    let row = check(&mut client, "broad_pattern");
    says(&row, "meaning", &["pattern '*:{id}' of rule broad", "all 1,000 names"]);
    client.run("INVAL.RULE DISABLE broad");
    assert_eq!(accused(&mut client), []);
}

#[test]
fn a_cold_cache_is_told_with_what_emptied_it() {
    let server = Server::start();
    let mut client = server.client();
    let read = |client: &mut Client| repeat(client, &["GET", "nokey"], 200);
    read(&mut client);
    let row = check(&mut client, "hit_rate");
    says(&row, "meaning", &["hit rate 0.0 %", "200 reads", "the cache is cold: started empty"]);
    says(&row, "remedy", &["wait until readers have filled it"]);
    assert_eq!(accused(&mut client), pairs(&[("hit_rate", "critical")]));
    // An event that takes nearly everything.
    client.run("DEBUG POPULATE 500 page 3");
    client.run("SET other v");
    client.run("INVAL.RULE ADD all ON deployed KEYS 1 page:*");
    client.run("INVAL.EVENT deployed");
    says(
        &check(&mut client, "hit_rate"),
        "meaning",
        &["100 % of all keys were deleted", "by event deployed"],
    );
    says(
        &check(&mut client, "hit_rate"),
        "remedy",
        &["if event deployed is not meant to take so much"],
    );
    // A job, though nothing is counted.
    client.run("DEBUG POPULATE 500 page 3");
    client.run("CONFIG SET inval.statistics no");
    client.run("INVAL.RULE ADD later ON tidied KEYS 1 page:*");
    client.run("INVAL.EVENT tidied {} ASYNC");
    eventually("the keys are gone", || client.info("keys") == 1);
    client.run("CONFIG SET inval.statistics yes");
    says(&check(&mut client, "hit_rate"), "meaning", &["deleted", "by event tidied"]);
    // A flush.
    client.run("DEBUG POPULATE 500 page 3");
    eventually("all keys are known", || client.info("keys") == 501);
    client.run("FLUSHALL");
    says(&check(&mut client, "hit_rate"), "meaning", &["100 % of all keys were flushed"]);
    // Filled again, it is not cold, whatever the hit rate.
    client.run("DEBUG POPULATE 501 page 3");
    eventually("all keys are known", || client.info("keys") == 501);
    assert!(!word(&check(&mut client, "hit_rate"), "meaning").contains("cold"));
    says(&check(&mut client, "hit_rate"), "remedy", &["keep values longer"]);
}

#[test]
fn a_time_to_live_that_is_too_long_is_told_with_the_command_that_mends_it() {
    let server = Server::start();
    let mut client = server.client();
    client.run(
        "INVAL.CLASS SET feeds MATCH feed:* TTL 86400 JITTER 10 GRACE 5000 DESC 'what is new'",
    );
    client.run("INVAL.CLASS SET fine MATCH fine:* TTL 86400");
    for at in 0..40 {
        client.run(&format!("INVAL.FILL fine:{at} v"));
        client.run(&format!("INVAL.FILL feed:{at} v"));
        client.run(&format!("INVAL.FETCH feed:{at}"));
        client.run(&format!("INVAL.PURGE KEYS 1 feed:{at}"));
    }
    let health = client.run("INVAL.HEALTH");
    let Value::Array(advice) = field(&health, "recommendations") else { panic!("{health:?}") };
    assert_eq!(advice.len(), 1, "{advice:?}");
    assert_eq!(word(&advice[0], "about"), "class feeds");
    says(
        &advice[0],
        "advice",
        &["too long", "of no use after", "of 24 hours", "100 % are invalidated"],
    );
    let evidence = field(&advice[0], "evidence");
    assert_eq!(int(evidence, "values"), 40);
    assert_eq!(field(evidence, "invalidated_percent"), &Value::Double(100.0));
    assert_eq!(field(evidence, "reads_per_fill"), &Value::Double(1.0));
    // Nobody else is accused: it is advice.
    assert_eq!(accused(&mut client), []);
    // The command does what it says, and nothing else.
    let before = client.run("INVAL.CLASS GET feeds");
    assert_eq!(text(&client.run(&word(&advice[0], "command"))), "OK");
    let after = client.run("INVAL.CLASS GET feeds");
    assert!(int(&after, "ttl") < 86_400, "{after:?}");
    for name in ["match", "jitter", "grace", "early", "description"] {
        assert_eq!(field(&before, name), field(&after, name), "{name}");
    }
    // It is judged anew from then on.
    let health = client.run("INVAL.HEALTH");
    assert_eq!(field(&health, "recommendations"), &Value::Array(vec![]));
    client.assert_sound();
}

#[test]
fn a_time_to_live_that_is_too_short_is_told() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.CLASS SET c MATCH c:* TTL 1");
    let fill = |client: &mut Client| {
        let mut pipe = redis::pipe();
        for at in 0..40 {
            pipe.cmd("INVAL.FILL").arg(format!("c:{at}")).arg("same");
        }
        pipe.query::<Value>(&mut client.0).unwrap();
    };
    fill(&mut client);
    eventually("they have expired", || client.int("DBSIZE") == 0);
    fill(&mut client);
    let health = client.run("INVAL.HEALTH");
    let Value::Array(advice) = field(&health, "recommendations") else { panic!("{health:?}") };
    says(&advice[0], "advice", &["filled again unchanged", "keep them for 2 s instead of 1 s"]);
    client.run(&word(&advice[0], "command"));
    assert_eq!(int(&client.run("INVAL.CLASS GET c"), "ttl"), 2);
}

#[test]
fn a_queue_that_nobody_works_on_is_told() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM PRIORITY high");
    client.set_all(&["k:1", "k:2", "k:3"]);
    client.run("INVAL.EVENT e");
    // Workers have a minute.
    assert_eq!(accused(&mut client), []);
    client.run("CONFIG SET inval.health-warm-wait-warning 1 inval.health-warm-wait-critical 3600");
    eventually("it waits too long", || accused(&mut client) == pairs(&[("warm_wait", "warning")]));
    let row = check(&mut client, "warm_wait");
    says(
        &row,
        "meaning",
        &["no worker takes from inval:warm:high: it has no consumer group", "of 3"],
    );
    says(&row, "remedy", &["start a worker"]);
    // Workers that were there and are gone.
    client.run("XGROUP CREATE inval:warm:high warmers 0");
    let row = check(&mut client, "warm_wait");
    says(
        &row,
        "meaning",
        &["no worker takes from inval:warm:high; its oldest entry in database 0 waits"],
    );
    says(&row, "remedy", &["XINFO CONSUMERS inval:warm:high warmers"]);
    // One that takes all and finishes nothing.
    client.run("XREADGROUP GROUP warmers w STREAMS inval:warm:high >");
    assert_eq!(accused(&mut client), []);
    client.run("CONFIG SET inval.warm-maxlen 3");
    assert_eq!(accused(&mut client), pairs(&[("warm_queue", "critical")]));
    says(
        &check(&mut client, "warm_queue"),
        "remedy",
        &["workers have taken all of inval:warm:high and do not"],
    );
    client.run("DEL inval:warm:high");
    assert_eq!(accused(&mut client), []);
    client.assert_sound();
}

#[test]
fn dead_entries_wide_tags_and_full_memory_are_told() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.SOURCE ADD s STREAM in FORMAT json");
    client.run("XADD in * event e payload '{'");
    eventually("it is dead", || client.int("EXISTS in:dead") == 1);
    assert_eq!(accused(&mut client), pairs(&[("dead_entries", "warning")]));
    says(&check(&mut client, "dead_entries"), "remedy", &["XRANGE in:dead - + COUNT 10"]);
    client.run("DEL in:dead");
    assert_eq!(accused(&mut client), []);

    for at in 0..50 {
        client.run(&format!("SET k:{at} v"));
        client.run(&format!("TAG.SET k:{at} wide tag:{at}"));
    }
    let row = check(&mut client, "wide_tag");
    assert_eq!(int(&row, "value"), 50);
    client.run("CONFIG SET inval.health-wide-tag-warning 50");
    assert_eq!(accused(&mut client), pairs(&[("wide_tag", "warning")]));
    says(&check(&mut client, "wide_tag"), "remedy", &["INVAL.PURGE TAGS 1 wide ASYNC"]);
    client.run("INVAL.PURGE TAGS 1 wide");
    assert_eq!(accused(&mut client), []);

    client.run("CONFIG SET maxmemory 1gb maxmemory-policy noeviction");
    assert_eq!(accused(&mut client), []);
    client.run(
        "CONFIG SET inval.health-server-memory-critical 0 inval.health-server-memory-warning -2",
    );
    assert_eq!(accused(&mut client), pairs(&[("server_memory", "critical")]));
    says(&check(&mut client, "server_memory"), "meaning", &["of maxmemory is used", "1,024 MiB"]);
    client.run("CONFIG SET maxmemory-policy allkeys-lru");
    assert_eq!(accused(&mut client), []);
}
