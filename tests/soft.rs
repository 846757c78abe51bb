//! Soft invalidation and grace times on a real server: what is served, to whom, until when.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use redis::Value;
use support::state::{assert_same, children_are_done, in_sync};
use support::{Client, Server, eventually, int, text, texts};

/// An hour: no test waits for it.
const LONG: &str = "SOFT 3600000";

fn words(client: &mut Client, line: &str) -> Vec<String> {
    texts(&client.run(line))
}

/// `hit v`, `stale v`, `stale v token`...
fn fetch(client: &mut Client, key: &str) -> String {
    let mut reply = words(client, &format!("INVAL.FETCH {key}"));
    if reply.len() == 3 {
        reply[2] = "token".to_owned();
    }
    reply.join(" ")
}

#[test]
fn a_stale_value_is_read_plainly_refreshed_by_one_and_gone_in_the_end() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    client.run("INVAL.FILL k v TAGS 1 t");
    client.run("HSET hash f v");
    let reply = client.run(&format!("INVAL.PURGE GLOB * {LONG}"));
    assert_eq!((int(&reply, "marked"), int(&reply, "deleted")), (2, 0));
    assert_eq!(text(&other.run("GET k")), "v");
    assert!((1..=3_600_000).contains(&client.int("PTTL hash")));
    let first = words(&mut client, "INVAL.FETCH k");
    assert_eq!((&*first[0], &*first[1], first.len()), ("stale", "v", 3));
    assert_eq!(fetch(&mut other, "k"), "stale v");
    assert_eq!(words(&mut client, &format!("INVAL.FILL k w TOKEN {}", first[2])), ["filled"]);
    assert_eq!((fetch(&mut other, "k"), client.int("PTTL k")), ("hit w".to_owned(), -1));
    assert_eq!(texts(&client.run("TAG.GET k")), ["t"]);
    // A time that is shorter already stays; a hard purge on top removes at once.
    client.run("PEXPIRE k 1000000");
    client.run(&format!("INVAL.PURGE TAGS 1 t {LONG}"));
    assert!((1..=1_000_000).contains(&client.int("PTTL k")));
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 t"), "deleted"), 1);
    assert_eq!(client.int("EXISTS k"), 0);
    client.run("SET short v");
    client.run("INVAL.PURGE KEYS 1 short SOFT 20");
    eventually("it dies", || client.int("EXISTS short") == 0);
    client.assert_sound();
    client.run("DEL hash");
    assert_eq!(client.info("keys_with_freshness"), 0);
}

#[test]
fn a_new_value_by_whatever_command_is_fresh() {
    let server = Server::start();
    let mut client = server.client();
    let lines = [
        "SET k w",
        "DEL k\nSET k w",
        "SET o w\nRENAME o k",
        "SET o w\nCOPY o k REPLACE",
        "MULTI\nSET k w\nEXEC",
        "MSET k w",
        "SETEX k 100 w",
        "INVAL.FILL k w",
        "GETSET k w",
    ];
    for line in lines {
        client.run("INVAL.FILL k v");
        client.run(&format!("INVAL.PURGE KEYS 1 k {LONG}"));
        assert_eq!(fetch(&mut client, "k"), "stale v token");
        line.lines().for_each(|line| drop(client.run(line)));
        assert_eq!(fetch(&mut client, "k"), "hit w", "{line}");
        client.run("FLUSHALL");
    }
    // The token to refresh is void then, too.
    client.run("INVAL.FILL k v");
    client.run(&format!("INVAL.PURGE KEYS 1 k {LONG}"));
    let token = words(&mut client, "INVAL.FETCH k")[2].clone();
    client.run("SET k w");
    assert_eq!(
        words(&mut client, &format!("INVAL.FILL k old TOKEN {token}")),
        ["refused", "the key was written since"]
    );
    client.assert_sound();
}

#[test]
fn a_stale_value_stays_stale_under_another_name() {
    let server = Server::start();
    let mut client = server.client();
    let lines = [
        ("RENAME k x", "x"),
        ("COPY k x", "x"),
        ("MULTI\nCOPY k x\nEXEC", "x"),
        ("SWAPDB 0 1\nSELECT 1", "k"),
        ("MOVE k 1\nSELECT 1", "k"),
        ("APPEND k +", "k"),
    ];
    for (line, key) in lines {
        client.run("SELECT 0");
        client.run("INVAL.FILL k v");
        client.run(&format!("INVAL.PURGE KEYS 1 k {LONG}"));
        line.lines().for_each(|line| drop(client.run(line)));
        assert!(fetch(&mut client, key).starts_with("stale v"), "{line}");
        client.run("FLUSHALL");
    }
    client.assert_sound();
}

#[test]
fn a_grace_time_serves_the_old_value_while_one_computes_the_next() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.FILL k v PX 50 GRACE 3600000");
    assert!(client.int("PTTL k") > 50);
    eventually("it is stale", || fetch(&mut client, "k") != "hit v");
    assert_eq!(fetch(&mut client, "k"), "stale v");
    client.run("INVAL.FILL k v PX 20 GRACE 20");
    eventually("it is gone", || client.int("EXISTS k") == 0);
    client.assert_sound();
}

/// What is known of values, as a reader sees it.
fn readings(client: &mut Client) -> Vec<String> {
    ["soft", "grace", "over", "copy", "plain"].map(|key| fetch(client, key)).to_vec()
}

const READINGS: [&str; 5] = ["stale v token", "hit v", "stale v token", "stale v token", "hit v"];

fn fill(client: &mut Client) {
    for line in [
        "MSET soft v plain v gone v",
        "INVAL.FILL grace v PX 3600000 GRACE 3600000",
        "INVAL.FILL over v PX 1 GRACE 3600000",
        &format!("INVAL.PURGE KEYS 2 soft gone {LONG}"),
        "COPY soft copy",
        "SET gone new",
    ] {
        client.run(line);
    }
}

#[test]
fn a_restart_knows_what_is_stale() {
    let kinds: [&[&str]; 3] =
        [&[], &["--appendonly", "yes"], &["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]];
    for args in kinds {
        for rewrite in [false, true] {
            let mut server = Server::with_args(args);
            let mut client = server.client();
            fill(&mut client);
            match (args.is_empty(), rewrite) {
                (true, _) => drop(client.run("SAVE")),
                (false, true) => {
                    client.run("BGREWRITEAOF");
                    children_are_done(&mut client);
                }
                (false, false) => {}
            }
            server.kill_and_restart();
            let mut client = server.client();
            assert_eq!(readings(&mut client), READINGS, "{args:?} {rewrite}");
            assert_eq!(fetch(&mut client, "gone"), "hit new");
            // Values that are written anew are heard of, now as before.
            client.run("SET over w");
            assert_eq!(fetch(&mut client, "over"), "hit w");
            client.assert_sound();
        }
    }
}

#[test]
fn a_replica_serves_stale_values_and_takes_over_with_them() {
    let primary = Server::start();
    let mut client = primary.client();
    client.run("MSET early v");
    client.run(&format!("INVAL.PURGE KEYS 1 early {LONG}"));
    let port = primary.port.to_string();
    let replica = Server::with_args(&["--replicaof", "127.0.0.1", &port]);
    let mut follower = replica.client();
    in_sync(&primary, &replica);
    fill(&mut client);
    assert_same(&primary, &replica, "after soft purges");
    assert_eq!(fetch(&mut follower, "early"), "stale v");
    let plainly = READINGS.map(|reading| reading.trim_end_matches(" token"));
    assert_eq!(readings(&mut follower), plainly);
    assert_eq!(fetch(&mut follower, "gone"), "hit new");
    follower.run("REPLICAOF NO ONE");
    assert_eq!(readings(&mut follower), READINGS);
    assert_eq!(follower.try_run("GET soft"), Ok(Value::BulkString(b"v".to_vec())));
    [client, follower].iter_mut().for_each(Client::assert_sound);
}
