//! `inval.max-index-memory` and `inval.pattern-max-steps`: what they stop, how loudly, and that
//! nothing is missed or lost.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Client, Server, eventually, field, has_field, int, text};

/// Keys that do not fit a limit of a megabyte.
const KEYS: i64 = 30_000;

fn populate(client: &mut Client, from: i64, to: i64) {
    let script =
        "for i=ARGV[1],ARGV[2] do redis.call('SET','a key with a name:'..i%10 ..':'..i,'v') end";
    let words = [b"EVAL", script.as_bytes(), b"0"].map(|word| word.to_vec());
    let all = [&words[..], &[from.to_string().into(), (to - 1).to_string().into()]].concat();
    client.call(&all.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
}

fn full_server(args: &[&str]) -> (Server, Client) {
    let server = Server::with_args(&[&["max-index-memory", "1mb"], args].concat());
    let mut client = server.client();
    populate(&mut client, 0, KEYS);
    assert_eq!((client.info("index_full"), client.info("index_complete")), (1, 0));
    (server, client)
}

/// A row of INVAL.HEALTH.
fn finding(client: &mut Client, check: &str) -> redis::Value {
    let health = client.run("INVAL.HEALTH");
    let redis::Value::Array(rows) = field(&health, "checks").clone() else { panic!("{health:?}") };
    rows.into_iter().find(|row| text(field(row, "check")) == check).unwrap()
}

fn level(client: &mut Client) -> String {
    text(field(&finding(client, "index_memory"), "status"))
}

fn key(at: i64) -> String {
    format!("'a key with a name:{}:{at}'", at % 10)
}

#[test]
fn a_full_index_is_loud_and_misses_nothing() {
    let (server, mut client) = full_server(&["check-interval", "1"]);
    let (known, held) = (client.info("keys"), client.info("index_bytes"));
    assert!(known < KEYS && held < 1 << 20 && held > 900_000, "{known} keys, {held} bytes");
    assert_eq!(client.info("index_max_bytes"), 1 << 20);
    let row = finding(&mut client, "index_memory");
    assert_eq!(text(field(&row, "status")), "warning");
    assert_eq!((int(&row, "value"), int(&row, "critical")), (held, 1 << 20));
    assert!(text(field(&row, "remedy")).contains("CONFIG SET inval.max-index-memory"), "{row:?}");
    let told = "inval.max-index-memory is 1048576: new keys are not indexed";
    eventually("the log tells", || server.log().contains(told));

    // Answers are complete, say what they cost, and teach the index nothing.
    let reply = client.run("INVAL.PURGE GLOB '*:7:*' DRYRUN");
    assert_eq!(int(&reply, "matched"), KEYS / 10);
    let warning = text(field(&reply, "warning"));
    assert!(warning.contains("inval.max-index-memory is reached"), "{warning}");
    let explained = client.run("INVAL.EXPLAIN REGEX ':(3|4):'");
    assert_eq!(int(&explained, "matched"), KEYS / 5);
    assert!(has_field(&explained, "warning"));
    let redis::Value::Array(targets) = field(&explained, "targets") else { panic!() };
    assert_eq!(text(field(&targets[0], "strategy")), "keyspace scan");
    assert_eq!(client.info("keys"), known);
    client.run("INVAL.CHECK");

    // By name, pattern, rule: what was left out goes, too.
    let deleted = |client: &mut Client, line: &str| int(&client.run(line), "deleted");
    let (last, other) = (key(KEYS - 1), key(KEYS - 2));
    assert_eq!(deleted(&mut client, &format!("INVAL.PURGE KEYS 3 {last} {other} nokey")), 2);
    assert_eq!(deleted(&mut client, "INVAL.PURGE PREFIX 'a key with a name:7:'"), KEYS / 10);
    client.run("INVAL.RULE ADD r ON e PATTERNS 1 ':{kind}:\\d+$' KEYS 1 '*:{kind}:*'");
    assert_eq!(deleted(&mut client, "INVAL.EVENT e '{\"kind\":6}'"), KEYS / 10);
    assert_eq!(client.int("DBSIZE"), KEYS / 10 * 8 - 2);
    client.run("INVAL.CHECK");

    // Checks of sizes and passes report no drift.
    let end = support::server_micros(&mut client) + 2_500_000;
    eventually("checks have been made", || support::server_micros(&mut client) > end);
    client.run("CONFIG SET inval.max-index-memory 64mb");
    eventually("the index is complete", || client.info("index_complete") == 1);
    assert_eq!((client.info("keys"), client.info("index_full")), (client.int("DBSIZE"), 0));
    assert_eq!((client.info("drift_missed"), client.info("drift_dead")), (0, 0));
    assert_eq!(level(&mut client), "healthy");
    let log = server.log();
    assert_eq!(log.matches(told).count(), 1, "{log}");
    assert!(!log.contains("looking for the difference"), "{log}");
    for line in ["there is memory for the index again", "inval: index complete"] {
        eventually("the log tells", || server.log().contains(line));
    }
    let reply = client.run("INVAL.PURGE GLOB '*:5:*'");
    assert_eq!(int(&reply, "deleted"), KEYS / 10);
    assert!(!has_field(&reply, "warning"));
    client.run("INVAL.CHECK");
    client.assert_sound();
}

#[test]
fn tags_have_a_share_of_their_own_and_are_refused_in_the_end() {
    let (_server, mut client) = full_server(&[]);
    let (mut at, mut tagged) = (KEYS, 0);
    let error = loop {
        at -= 1;
        match client.try_run(&format!("TAG.SET {} all tag:{at}", key(at))) {
            Ok(reply) => assert_eq!(reply, redis::Value::Int(2)),
            Err(error) => break error,
        }
        tagged += 1;
    };
    assert!(tagged > 100, "{tagged}");
    assert!(error.starts_with("ERR no memory to tag key 'a key with"), "{error}");
    assert!(error.ends_with("raise it, or narrow inval.fence"), "{error}");
    assert_eq!(level(&mut client), "critical");
    assert_eq!(client.int("TAG.CARD all"), tagged);
    assert_eq!(client.int("TAG.SET nokey t"), 0);
    assert_eq!(client.int(&format!("TAG.REM {} t", key(at))), 0);
    // Tags of a key that is renamed or copied are kept whatever happens.
    client.run(&format!("RENAME {} renamed", key(at + 1)));
    client.run("COPY renamed copied");
    let tags = ["all".to_owned(), format!("tag:{}", at + 1)];
    assert_eq!(client.sorted("TAG.GET renamed"), tags);
    assert_eq!(client.sorted("TAG.GET copied"), tags);
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 all"), "deleted"), tagged + 1);
    client.run("INVAL.CHECK");
    assert_eq!(client.int(&format!("TAG.ADD {} again", key(at))), 1);
}

#[test]
fn memory_that_keys_leave_is_used_again() {
    let (server, mut client) = full_server(&[]);
    assert_eq!(int(&client.run("INVAL.PURGE REGEX ':[0-7]:'"), "deleted"), KEYS / 10 * 8);
    eventually("the index is complete", || client.info("index_complete") == 1);
    assert_eq!(client.info("keys"), client.int("DBSIZE"));
    populate(&mut client, 0, KEYS);
    assert_eq!(client.info("index_full"), 1);
    client.run("FLUSHALL");
    populate(&mut client, 0, 1000);
    eventually("the index is complete", || client.info("index_complete") == 1);
    assert_eq!((client.info("keys"), client.info("drift_missed")), (1000, 0));
    client.run("INVAL.CHECK");
    drop(server);
}

#[test]
fn a_snapshot_and_a_replica_lose_no_tag_for_want_of_memory() {
    let mut primary = Server::with_args(&["--appendonly", "no"]);
    let mut client = primary.client();
    populate(&mut client, 0, KEYS);
    for at in (0..KEYS).step_by(10) {
        client.run(&format!("TAG.SET {} all tag:{at}", key(at)));
    }
    client.run(&format!("PEXPIRE {} 300", key(10)));
    let port = primary.port.to_string();
    let replica =
        Server::with_args(&["max-index-memory", "1mb", "--replicaof", "127.0.0.1", &port]);
    let mut follower = replica.client();
    let tagged = KEYS / 10;
    eventually("the replica has all", || {
        follower.try_run("TAG.CARD all").is_ok_and(|reply| {
            reply == redis::Value::Int(tagged) || reply == redis::Value::Int(tagged - 1)
        })
    });
    assert_eq!(follower.info("index_full"), 1);
    // New tags come, though the replica has no memory for them.
    for at in (1..KEYS).step_by(100) {
        client.run(&format!("TAG.SET {} more", key(at)));
    }
    eventually("the replica follows", || follower.int("TAG.CARD more") == KEYS / 100);
    eventually("the key expires", || client.int("TAG.CARD all") == tagged - 1);
    eventually("there, too", || follower.int("TAG.CARD all") == tagged - 1);
    follower.run("INVAL.CHECK");

    // A key that expires while the server is down is not in the index when it is up.
    client.run(&format!("PEXPIRE {} 2000", key(20)));
    // While the child is there that wrote the replica's snapshot, SAVE is refused.
    eventually("a snapshot is written", || client.try_run("SAVE").is_ok());
    client.run("CONFIG SET save ''");
    eventually("its time is up", || client.int(&format!("EXISTS {}", key(20))) == 0);
    primary.kill();
    let module = support::module_path();
    let args = ["--loadmodule", module.to_str().unwrap(), "max-index-memory", "1mb"];
    let loaded = Server::start_in(&primary.dir, &args).unwrap();
    let mut client = loaded.client();
    assert_eq!((client.int("TAG.CARD all"), client.info("index_full")), (tagged - 2, 1));
    client.run("INVAL.CHECK");
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 more"), "deleted"), KEYS / 100);
}

#[test]
fn sizes_are_written_as_the_server_writes_them() {
    for (size, bytes) in [("512mb", 512 << 20), ("2GB", 2 << 30), ("7k", 7000), ("9", 9)] {
        let server = Server::with_args(&["max-index-memory", size]);
        assert_eq!(server.client().info("index_max_bytes"), bytes, "{size}");
    }
    let refused = |size: &str| {
        let module = support::module_path();
        let args = ["--loadmodule", module.to_str().unwrap(), "max-index-memory", size];
        Server::try_start(&args).map(drop).unwrap_err()
    };
    for size in ["-1", "1tb", "mb", "", "99999999999gb"] {
        let log = refused(size);
        assert!(log.contains("is not a size such as 512mb, or a number from 0 to"), "{log}");
    }
}

#[test]
fn a_pattern_that_takes_too_many_steps_deletes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    populate(&mut client, 0, KEYS);
    client.run("INVAL.RULE ADD r ON e KEYS 1 *[1-3]*:{kind}:[1-3]*");
    let lines = [
        "INVAL.PURGE GLOB *:[3]:*[12]*",
        "INVAL.PURGE REGEX '(?i)A.*:3:|x'",
        "INVAL.EVENT e '{\"kind\":3}'",
        "INVAL.EVENT x '{\"affectedCaches\":[\"*[0-9]?\"]}'",
    ];
    client.run("CONFIG SET inval.pattern-max-steps 100000");
    for line in lines.iter().chain(&["INVAL.EXPLAIN GLOB *[0-9]*?"]) {
        let error = client.error(line);
        assert!(error.starts_with("ERR pattern '"), "{line}: {error}");
        for part in ["100000 steps", "nothing was deleted", "raise inval.pattern-max-steps"] {
            assert!(error.contains(part), "{line}: {error}");
        }
        assert!(error.is_ascii());
    }
    assert_eq!(client.int("DBSIZE"), KEYS);
    // What is narrow enough is not refused.
    assert_eq!(int(&client.run("INVAL.PURGE GLOB 'a key with a name:3:1[23]'"), "matched"), 1);
    client.run("CONFIG SET inval.pattern-max-steps 0");
    assert!(int(&client.run(lines[0]), "deleted") > 1000);
    client.run("CONFIG SET inval.pattern-max-steps 3000000000");
    assert!(int(&client.run("INVAL.PURGE GLOB *[0-9]?"), "deleted") > 1000);
    client.assert_sound();
}
