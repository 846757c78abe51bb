//! `INVAL.FETCH` and `INVAL.FILL` on a real server.
#![cfg(feature = "module")]

mod support;

use redis::Value;
use support::{Client, Server, eventually, int, text, texts};

fn words(client: &mut Client, line: &str) -> Vec<String> {
    texts(&client.run(line))
}

fn token(client: &mut Client, key: &str) -> String {
    let reply = words(client, &format!("INVAL.FETCH {key}"));
    assert_eq!((reply.len(), reply.first().map(String::as_str)), (2, Some("miss")), "{key}");
    reply.last().cloned().unwrap_or_default()
}

#[test]
fn a_value_goes_in_with_its_time_and_tags_and_comes_out_for_everybody() {
    let server = Server::start();
    let mut client = server.client();
    let given = token(&mut client, "user:1");
    assert_eq!(words(&mut server.client(), "INVAL.FETCH user:1"), ["busy"]);
    let fill = format!("INVAL.FILL user:1 alice TOKEN {given} PX 100000 TAGS 2 team:7 user");
    assert_eq!(words(&mut client, &fill), ["filled"]);
    assert_eq!(words(&mut server.client(), "INVAL.FETCH user:1"), ["hit", "alice"]);
    assert_eq!(text(&client.run("GET user:1")), "alice");
    assert!((1..=100_000).contains(&client.int("PTTL user:1")));
    assert_eq!(texts(&client.run("TAG.GET user:1")), ["team:7", "user"]);
    assert_eq!(words(&mut client, &fill)[0], "refused");
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 team:7"), "deleted"), 1);
    token(&mut client, "user:1");
    let counted = ["fetch_hits", "fetch_misses", "fetch_busy", "fills", "fills_refused", "tokens"];
    assert_eq!(counted.map(|field| client.info(field)), [1, 2, 1, 1, 1, 1]);

    client.run("INVAL.FILL past gone PXAT 1 TAGS 1 t");
    assert_eq!((client.int("EXISTS past"), client.int("TAG.CARD t")), (0, 0));
    client.run("RPUSH list a");
    let error = client.error("INVAL.FETCH list");
    assert!(error.starts_with("ERR the server refused GET: WRONGTYPE"), "{error}");
    client.run("SET binary \u{1}");
    assert_eq!(words(&mut client, "INVAL.FETCH binary"), ["hit", "\u{1}"]);
    client.run("INVAL.CHECK");
}

/// Whatever makes the value stale while it is computed, the key being there or not.
#[test]
fn no_stale_value_is_stored() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD moved ON moved KEYS 1 user:{id} PATTERNS 1 ^list:.*:{id}$");
    let transaction = ["MULTI", "DEL user:1", "EXEC"];
    let all: [&[&str]; 16] = [
        &["INVAL.EVENT moved {\"id\":1}"],
        &["INVAL.PURGE KEYS 1 user:1"],
        &["INVAL.PURGE GLOB us*:1"],
        &["INVAL.PURGE PREFIX user: ASYNC"],
        &["INVAL.PURGE REGEX ^user:[0-9]$"],
        &["INVAL.PURGE TAGS 1 team"],
        &["DEL user:1"],
        &["unlink other user:1"],
        &["EVAL return(redis.call('DEL',KEYS[1])) 1 user:1"],
        &transaction,
        &["SET user:1 newer", "DEL user:1"],
        &["SET user:1 newer"],
        &["SET other o", "RENAME other user:1"],
        &["INVAL.FILL user:1 newer"],
        &["FLUSHALL"],
        &["SWAPDB 0 1"],
    ];
    for lines in all {
        client.run("DEL user:1");
        let given = token(&mut client, "user:1");
        let mut other = server.client();
        lines.iter().for_each(|line| drop(other.run(line)));
        let fill = format!("INVAL.FILL user:1 stale TOKEN {given} TAGS 1 team");
        assert_eq!(words(&mut client, &fill)[0], "refused", "{lines:?}");
        assert_ne!(client.try_run("GET user:1").unwrap(), Value::BulkString(b"stale".to_vec()));
    }
    // What names other keys, or asks only, changes nothing.
    for line in
        ["DEL user:2", "INVAL.PURGE TAGS 1 crew", "INVAL.PURGE PREFIX user: DRYRUN", "GET user:1"]
    {
        client.run("DEL user:1");
        let given = token(&mut client, "user:1");
        server.client().run(line);
        let fill = format!("INVAL.FILL user:1 good TOKEN {given} TAGS 1 team");
        assert_eq!(words(&mut client, &fill), ["filled"], "{line}");
    }
    client.run("INVAL.CHECK");
}

/// The token is given after the transaction was queued, and before it runs.
#[test]
fn a_queued_deletion_counts_when_it_runs() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    ["MULTI", "UNLINK user:1"].iter().for_each(|line| drop(other.run(line)));
    let given = token(&mut client, "user:1");
    other.run("EXEC");
    let fill = format!("INVAL.FILL user:1 stale TOKEN {given}");
    assert_eq!(words(&mut client, &fill), ["refused", "the key was deleted since"]);
}

#[test]
fn tokens_die_and_the_next_reader_may_fill() {
    let server = Server::with_args(&["token-ttl", "50"]);
    let mut client = server.client();
    let given = token(&mut client, "k");
    let mut next = vec![];
    eventually("the next may fill", || {
        next = words(&mut client, "INVAL.FETCH k");
        next[0] == "miss"
    });
    let fill = |token: &str| format!("INVAL.FILL k v TOKEN {token}");
    assert!(words(&mut client, &fill(&given))[1].starts_with("no such token"));
    client.run("CONFIG SET inval.token-ttl 100000");
    client.run("DEL k");
    let given = token(&mut client, "k");
    assert_eq!(words(&mut client, &fill(&given)), ["filled"]);
}

/// Values, times and tags reach a replica; tokens do not, and die with a failover.
#[test]
fn a_replica_has_what_was_filled_and_gives_no_tokens() {
    let primary = Server::start();
    let mut client = primary.client();
    let given = token(&mut client, "k");
    let port = primary.port.to_string();
    let replica = Server::with_args(&["--replicaof", "127.0.0.1", &port]);
    let mut follower = replica.client();
    client.run(&format!("INVAL.FILL k v TOKEN {given} EX 100 TAGS 1 t"));
    eventually("the replica has it", || {
        follower.try_run("TAG.CARD t").is_ok_and(|card| card == Value::Int(1))
    });
    assert_eq!(words(&mut follower, "INVAL.FETCH k"), ["hit", "v"]);
    assert_eq!(words(&mut follower, "INVAL.FETCH none"), ["miss"]);
    let expiry = format!("{:?}", client.run("PEXPIRETIME k"));
    assert_eq!(format!("{:?}", follower.run("PEXPIRETIME k")), expiry);
    let given = token(&mut client, "other");
    let fill = format!("INVAL.FILL other stale TOKEN {given}");
    follower.run("REPLICAOF NO ONE");
    assert_eq!(words(&mut follower, &fill)[0], "refused");
    let port = replica.port.to_string();
    client.run(&format!("REPLICAOF 127.0.0.1 {port}"));
    client.run("REPLICAOF NO ONE");
    assert!(words(&mut client, &fill)[1].starts_with("no such token"));
    [client, follower].iter_mut().for_each(|client| drop(client.run("INVAL.CHECK")));
}
