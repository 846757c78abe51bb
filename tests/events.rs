//! Events as applications have them, on a real server: collected, once and in order, followed by
//! others, by domain, and published.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use redis::Value;
use serde_json::json;
use support::state::{assert_same, children_are_done, in_sync, info_text};
use support::{Client, Server, eventually, field, has_field, int, text};

/// Calls of a command so far, ours too.
fn calls(client: &mut Client, command: &str) -> i64 {
    let info = text(&client.run("INFO commandstats"));
    let line =
        info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

fn waiting(client: &mut Client) -> usize {
    match field(&client.run("INVAL.STATS queues"), "queues") {
        Value::Array(queues) => queues.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_burst_of_equal_events_is_at_most_two_deletions() {
    let server = Server::start();
    let mut client = server.client();
    client.run("CONFIG SET inval.batch-timeout 1000");
    client.run("INVAL.RULE ADD r ON e KEYS 1 list:* BATCHED");
    client.set_all(&["list:1", "list:2", "list:3"]);
    let before = calls(&mut client, "unlink");
    let mut burst = redis::pipe();
    for _ in 0..10_000 {
        burst.cmd("INVAL.EVENT").arg("e").arg("{\"id\":1}").ignore();
    }
    burst.query::<()>(&mut client.0).unwrap();
    eventually("what was collected is carried out", || waiting(&mut client) == 0);
    assert_eq!(client.keys(), [""; 0]);
    let deletions = calls(&mut client, "unlink") - before;
    assert!((1..=2).contains(&deletions), "{deletions} deletions");
    let stats = client.run("INVAL.STATS totals");
    assert_eq!(int(field(&stats, "totals"), "events"), 10_000);
}

#[test]
fn nothing_waits_longer_than_its_time_and_a_full_queue_does_not_wait() {
    let server = Server::start();
    let mut client = server.client();
    client.run("CONFIG SET inval.batch-timeout 300");
    client.run("INVAL.RULE ADD soon ON e KEYS 1 k:{id} BATCHED");
    let slow = r#"{"eventType":"slow","cacheKeys":["s:{id}"],"batched":true,"batchSize":3,"batchTimeout":3600000}"#;
    client.call(&[b"INVAL.RULE", b"SET", b"slow", slow.as_bytes()]).unwrap();
    client.set_all(&["k:1", "s:1", "s:2", "s:3"]);
    assert_eq!(int(&client.run("INVAL.EVENT e '{\"id\":1}'"), "batched"), 1);
    client.run("INVAL.EVENT slow '{\"id\":1}'");
    client.run("INVAL.EVENT slow '{\"id\":2}'");
    assert_eq!(client.keys(), ["k:1", "s:1", "s:2", "s:3"]);
    let begin = support::server_micros(&mut client);
    eventually("its time is over", || client.int("EXISTS k:1") == 0);
    let waited = support::server_micros(&mut client) - begin;
    assert!(waited < 5_000_000, "{waited} microseconds");
    assert_eq!(client.keys(), ["s:1", "s:2", "s:3"]);
    client.run("INVAL.EVENT slow '{\"id\":3}'");
    assert_eq!(client.keys(), [""; 0]);
    client.assert_sound();
}

#[test]
fn what_is_collected_and_known_outlives_the_server() {
    let ways: [(&[&str], &str); 4] = [
        (&["--appendonly", "no"], "SAVE"),
        (&["--appendonly", "yes"], "PING"),
        (&["--appendonly", "yes"], "BGREWRITEAOF"),
        (&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"], "BGREWRITEAOF"),
    ];
    for (args, save) in ways {
        let mut server = Server::with_args(&[args, &["--appendfsync", "always"]].concat());
        let mut client = server.client();
        client.run("INVAL.RULE ADD r ON e KEYS 1 k:{id} BATCHED");
        client.run("INVAL.RULE ADD now ON n KEYS 1 n");
        client.run("CONFIG SET inval.batch-timeout 2000");
        client.run("SELECT 2");
        client.set_all(&["k:1", "k:2"]);
        client.run("INVAL.EVENT n ID once");
        client.run("INVAL.EVENT n SEQ 9 BY product:7");
        client.run("INVAL.EVENT e '{\"id\":1}'");
        client.run("INVAL.EVENT e '{\"id\":2}'");
        children_are_done(&mut client);
        client.run(save);
        children_are_done(&mut client);
        server.kill_and_restart();
        let mut client = server.client();
        client.run("SELECT 2");
        client.set_all(&["n"]);
        assert_eq!(int(&client.run("INVAL.EVENT n ID once"), "duplicate"), 1, "{args:?} {save}");
        let late = client.run("INVAL.EVENT n SEQ 8 BY product:7");
        assert_eq!(int(&late, "outdated"), 1, "{args:?} {save}");
        assert_eq!(client.int("EXISTS n"), 1);
        eventually("what was collected is carried out", || client.keys() == ["n"]);
        assert!(!has_field(&client.run("INVAL.EVENT n SEQ 9 BY product:7"), "outdated"));
        client.assert_sound();
    }
}

#[test]
fn an_heir_carries_out_what_the_primary_had_collected() {
    let primary = Server::start();
    let of = format!("127.0.0.1 {}", primary.port);
    let replica = Server::with_args(&["--replicaof", &of]);
    in_sync(&primary, &replica);
    let mut client = primary.client();
    client.run("CONFIG SET inval.batch-timeout 1000");
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:{id} BATCHED");
    client.set_all(&["k:1", "k:2"]);
    client.run("INVAL.EVENT e '{\"id\":1}' ID x");
    in_sync(&primary, &replica);
    let mut heir = replica.client();
    assert_eq!(waiting(&mut heir), 1);
    drop(client);
    drop(primary);
    heir.run("REPLICAOF NO ONE");
    eventually("the heir is the primary", || info_text(&mut heir, "role") == "master");
    eventually("the heir carries it out", || heir.keys() == ["k:2"]);
    assert_eq!(int(&heir.run("INVAL.EVENT e '{\"id\":2}' ID x"), "duplicate"), 1);
    heir.assert_sound();
}

#[test]
fn a_replica_is_told_of_what_is_carried_out_and_does_nothing_itself() {
    let primary = Server::start();
    let of = format!("127.0.0.1 {}", primary.port);
    let replica = Server::with_args(&["--replicaof", &of]);
    in_sync(&primary, &replica);
    let mut client = primary.client();
    client.run("CONFIG SET inval.batch-timeout 200");
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:{id} BATCHED WARM");
    client.run("INVAL.RULE ADD after ON later KEYS 1 late");
    let emits = r#"{"eventType":"first","emit":["later"]}"#;
    client.call(&[b"INVAL.RULE", b"SET", b"emits", emits.as_bytes()]).unwrap();
    client.set_all(&["k:1", "late", "stays"]);
    client.run("INVAL.EVENT e '{\"id\":1}'");
    client.run("INVAL.EVENT first");
    eventually("what was collected is carried out", || waiting(&mut client) == 0);
    assert_same(&primary, &replica, "after a batch and a cascade");
    assert_eq!(replica.client().sorted("KEYS [^i]*"), ["stays"]);
}

#[test]
fn rules_are_switched_listed_and_counted_by_domain() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD u1 ON user KEYS 1 u:1 DOMAIN users");
    client.run("INVAL.RULE ADD u2 ON user KEYS 1 u:2 DOMAIN users");
    client.run("INVAL.RULE ADD o ON user KEYS 1 o DOMAIN orders");
    client.set_all(&["u:1", "u:2", "o"]);
    assert_eq!(client.int("INVAL.RULE DISABLE DOMAIN users"), 2);
    assert_eq!(int(&client.run("INVAL.EVENT user"), "deleted"), 1);
    assert_eq!(client.int("INVAL.RULE ENABLE DOMAIN users"), 2);
    assert_eq!(int(&client.run("INVAL.EVENT user"), "deleted"), 2);
    let Value::Array(rules) = client.run("INVAL.RULE LIST DOMAIN users") else { panic!() };
    assert_eq!(rules.len(), 2);
    let stats = client.run("INVAL.STATS domains");
    let users = field(field(&stats, "domains"), "users");
    let counts = ["rules", "enabled", "runs", "keys_deleted"].map(|name| int(users, name));
    assert_eq!(counts, [2, 2, 2, 2]);
    assert!(
        client.error("INVAL.RULE DISABLE DOMAIN none").contains("no rule of the domain 'none'")
    );
}

#[test]
fn whoever_listens_hears_of_each_event_and_job_once() {
    let server = Server::start();
    let mut client = server.client();
    let mut listener = redis::Client::open(format!("redis://127.0.0.1:{}/", server.port))
        .unwrap()
        .get_connection()
        .unwrap();
    let mut channel = listener.as_pubsub();
    channel.subscribe("inval:events").unwrap();
    let mut next = || -> serde_json::Value {
        let message: String = channel.get_message().unwrap().get_payload().unwrap();
        serde_json::from_str(&message).unwrap()
    };
    client.run("INVAL.RULE ADD r ON e KEYS 2 k:{id} list:* TAGS 1 t:{id}");
    client.set_all(&["k:1", "list:a", "list:b"]);
    client.run("INVAL.EVENT e '{\"id\":1}' DRYRUN");
    client.run("INVAL.EVENT e '{\"id\":1}'");
    let told = next();
    assert_eq!(told["event"], "e");
    let targets = ["keys", "patterns", "tags"].map(|name| told[name].clone());
    assert_eq!(targets, [json!(["k:1"]), json!([{"glob": "list:*"}]), json!(["t:1"])]);
    assert_eq!(told["deleted"], 3);
    assert_eq!(told["names"].as_array().unwrap().len(), 3);
    client.run("CONFIG SET inval.publish-names 1");
    client.set_all(&["list:a", "list:b"]);
    client.run("INVAL.PURGE PREFIX list: ASYNC");
    let accepted = next();
    assert_eq!((&accepted["purge"], &accepted["matched"]), (&json!(true), &json!(2)));
    let ended = next();
    assert_eq!((&ended["job"], &ended["status"]), (&accepted["job"], &json!("done")));
    client.set_all(&["list:a", "list:b"]);
    client.run("INVAL.EVENT e '{\"id\":1}'");
    let cut = next();
    assert_eq!((cut["names"].as_array().unwrap().len(), &cut["more"]), (1, &json!(true)));
    client.run("CONFIG SET inval.publish-names -1");
    client.run("INVAL.EVENT e '{\"id\":1}'");
    client.run("CONFIG SET inval.publish-names 1");
    client.run("INVAL.EVENT last");
    assert_eq!(next()["event"], "last");
}

#[test]
fn many_events_of_one_command_are_one_deletion_on_replicas_too() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:{id} SOFT 1000");
    client.run("INVAL.RULE ADD hard ON h KEYS 1 h:{id}");
    client.set_all(&["k:1", "h:1", "h:2"]);
    let before = calls(&mut client, "unlink");
    let reply = client
        .run("INVAL.BATCH h '{\"id\":1}' h '{\"id\":2}' e '{\"id\":1}' h '{\"id\":1}' nobody {}");
    let counts = ["deleted", "marked", "events", "equal"].map(|name| int(&reply, name));
    assert_eq!((counts, calls(&mut client, "unlink") - before), ([2, 1, 4, 1], 1));
    assert_eq!(client.keys(), ["k:1"]);
    client.assert_sound();
}
