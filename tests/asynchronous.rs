//! `ASYNC`: gone for the module at once, for the server in slices, whatever happens meanwhile.
//!
//! A transaction or a pause of writing clients holds the slices back, so that what happens
//! between two of them can be tried at leisure.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use redis::Value;
use support::state::{assert_same, children_are_done, in_sync, info_text};
use support::wire::Monitor;
use support::{Client, Server, eventually, field, int, text, texts};

/// Runs the lines in one transaction; gives their replies.
fn at_once(client: &mut Client, lines: &[&str]) -> Vec<Value> {
    client.run("MULTI");
    for line in lines {
        client.run(line);
    }
    match client.run("EXEC") {
        Value::Array(replies) => replies,
        other => panic!("EXEC: {other:?}"),
    }
}

/// Runs the lines, and holds the slices back from before the first one on.
fn hold(client: &mut Client, lines: &[&str]) -> Vec<Value> {
    at_once(client, &[lines, &["CLIENT PAUSE 1000000 WRITE"]].concat())
}

/// Keys `k:0`, `k:1`, ... with the tag `t`, and one without.
fn fill(client: &mut Client, count: usize) {
    let script =
        "for i=0,ARGV[1]-1 do redis.call('SET','k:'..i,i) redis.call('TAG.SET','k:'..i,'t') end";
    client.call(&[b"EVAL", script.as_bytes(), b"0", count.to_string().as_bytes()]).unwrap();
    client.run("SET other v");
}

/// Waits for the end of a job; gives what is told of it.
fn ended(client: &mut Client, id: i64) -> Value {
    let line = format!("INVAL.JOBS {id}");
    eventually("the job ends", || {
        let state = text(field(&client.run(&line), "state"));
        state != "running" && state != "waiting"
    });
    client.run(&line)
}

fn counts(job: &Value) -> [i64; 4] {
    ["planned", "deleted", "absent", "remaining"].map(|name| int(job, name))
}

#[test]
fn between_two_slices_the_plan_is_gone_for_the_module_alone() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 1000);
    client.run("CONFIG SET inval.async-slice-us 1");
    let replies = at_once(
        &mut client,
        &[
            "INVAL.PURGE TAGS 1 t ASYNC",
            "GET k:7",
            "DBSIZE",
            "TAG.CARD t",
            "TAG.SET k:7 new",
            "INVAL.PURGE KEYS 1 k:8",
            "GET k:8",
            "INVAL.JOBS 1",
        ],
    );
    assert_eq!((int(&replies[0], "job"), int(&replies[0], "matched")), (1, 1000));
    assert_eq!((text(&replies[1]), &replies[2]), ("7".to_owned(), &Value::Int(1001)));
    assert_eq!(replies[3..5], [Value::Int(0), Value::Int(0)]);
    assert_eq!((int(&replies[5], "matched"), &replies[6]), (0, &Value::Nil));
    assert_eq!(counts(&replies[7]), [1000, 1, 0, 999]);
    assert_eq!(counts(&ended(&mut client, 1)), [1000, 1000, 0, 0]);
    assert_eq!(client.keys(), ["other"]);
    assert_eq!((client.info("keys_deleted"), client.info("jobs")), (1000, 0));
    assert_eq!(client.error("INVAL.JOBS 2").split(';').next(), Some("ERR no job 2"));
    client.run("INVAL.CHECK");
    client.assert_sound();
}

/// Commands between the purge of `k`, which is a string with the tag `t`, and its deletion, and
/// the keys that are there in the end. `other`, `set`, `zset`, `list` and `geo` always are.
const ROWS: [(&str, &str); 29] = [
    ("PING", ""),
    ("SET k new", "k"),
    ("SET k new KEEPTTL", "k"),
    ("SETEX k 100 new", "k"),
    ("GETSET k new", "k"),
    ("MSET k new", "k"),
    ("SET k new; TAG.SET k t", "k"),
    ("BITOP NOT k other", "k"),
    ("SORT list STORE k", "k"),
    ("SUNIONSTORE k set", "k"),
    ("SDIFFSTORE k set nokey", "k"),
    ("SINTERSTORE k set", "k"),
    ("ZUNIONSTORE k 1 zset", "k"),
    ("ZINTERSTORE k 1 zset", "k"),
    ("ZDIFFSTORE k 1 zset", "k"),
    ("ZRANGESTORE k zset 0 -1", "k"),
    ("GEOSEARCHSTORE k geo FROMLONLAT 1 1 BYRADIUS 1 km", "k"),
    ("DEL k; SET k new", "k"),
    ("DEL k; HSET k f v", "k"),
    ("COPY other k REPLACE", "k"),
    ("SET new v; RENAME new k", "k"),
    ("EVAL \"return redis.call('RESTORE','k',0,redis.call('DUMP','other'),'REPLACE')\" 0", "k"),
    ("DEL k", ""),
    ("APPEND k x; SETRANGE k 1 y; SETBIT k 1 1; EXPIRE k 100; GETEX k PERSIST", ""),
    ("SET n 1; INVAL.PURGE KEYS 1 n ASYNC; INCR n; INCRBYFLOAT n 0.5", ""),
    ("RENAME k k2; RENAME k2 k3", ""),
    ("COPY k k2; SET k new", "k"),
    ("MOVE k 5; SELECT 5; RENAME k k5; MOVE k5 0; SELECT 0", ""),
    ("RENAME k k2; SET k2 new; SET k fresh", "k k2"),
];

#[test]
fn what_is_written_anew_lives_and_what_is_renamed_does_not() {
    let server = Server::start();
    let mut client = server.client();
    for (id, (commands, expected)) in ROWS.iter().enumerate() {
        client.run("FLUSHALL");
        client.run("MSET k 1 other v");
        for line in ["SADD set 1", "ZADD zset 1 a", "RPUSH list 2 1", "GEOADD geo 1 1 a"] {
            client.run(line);
        }
        client.run("TAG.SET k t u");
        let lines: Vec<&str> = commands.split("; ").collect();
        at_once(&mut client, &[&["INVAL.PURGE TAGS 1 t ASYNC"], &lines[..]].concat());
        eventually("no job is left", || client.info("jobs") == 0);
        let mut keys = vec!["geo", "list", "other", "set", "zset"];
        keys.extend(expected.split_whitespace());
        keys.sort_unstable();
        assert_eq!(client.keys(), keys, "{id}: {commands}");
        // Of the old key's tags nothing is left.
        let tags = if commands.ends_with("TAG.SET k t") { vec!["t"] } else { vec![] };
        assert_eq!(client.sorted("TAG.LIST"), tags, "{id}: {commands}");
        client.run("INVAL.CHECK");
    }
    client.assert_sound();
}

#[test]
fn databases_that_are_swapped_or_flushed_take_their_keys_along() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 10);
    at_once(&mut client, &["INVAL.PURGE TAGS 1 t ASYNC", "SWAPDB 0 3", "SET k:1 fresh"]);
    assert_eq!(counts(&ended(&mut client, 1)), [10, 10, 0, 0]);
    assert_eq!(client.keys(), ["k:1"]);
    client.run("SELECT 3");
    assert_eq!(client.keys(), ["other"]);
    client.run("SELECT 0");
    client.run("FLUSHALL");
    fill(&mut client, 10);
    at_once(&mut client, &["INVAL.PURGE TAGS 1 t ASYNC", "FLUSHDB", "SET k:1 fresh"]);
    assert_eq!(counts(&ended(&mut client, 2)), [10, 0, 10, 0]);
    assert_eq!(client.keys(), ["k:1"]);
    client.assert_sound();
}

#[test]
fn a_cancelled_job_leaves_the_rest_and_replicas_hear_of_it() {
    let primary = Server::start();
    let replica = Server::with_args(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    in_sync(&primary, &replica);
    let mut client = primary.client();
    fill(&mut client, 10);
    let replies = at_once(
        &mut client,
        &["INVAL.PURGE TAGS 1 t ASYNC", "INVAL.JOBS CANCEL 1", "TAG.CARD t", "TAG.GET k:1"],
    );
    assert_eq!(counts(&replies[1]), [10, 0, 0, 10]);
    assert_eq!(text(field(&replies[1], "state")), "cancelled");
    assert_eq!((&replies[2], texts(&replies[3])), (&Value::Int(10), vec!["t".to_owned()]));
    assert_same(&primary, &replica, "cancelled");
    let error = client.error("INVAL.JOBS CANCEL 1");
    assert_eq!(error, "ERR job 1 is cancelled; nothing is left to stop");
    let error = client.error("INVAL._JOB END 1 done 0");
    assert!(error.contains("for replication alone"), "{error}");

    // Neither a replica nor a server that has paused its clients may say so.
    hold(&mut client, &["INVAL.PURGE TAGS 1 t ASYNC"]);
    in_sync(&primary, &replica);
    for client in [&mut client, &mut replica.client()] {
        assert!(client.error("INVAL.JOBS CANCEL 2").contains("is a replica, or has paused"));
        assert_eq!(text(field(&client.run("INVAL.JOBS 2"), "state")), "waiting");
        assert_eq!(client.int("TAG.CARD t"), 0);
    }
    client.run("CLIENT UNPAUSE");
    assert_eq!(counts(&ended(&mut client, 2)), [10, 10, 0, 0]);
    assert_same(&primary, &replica, "done");
    assert_eq!(counts(&ended(&mut replica.client(), 2)), [10, 10, 0, 0]);
}

#[test]
fn a_job_goes_on_after_a_crash() {
    let aof: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
    let plain: &[&str] = &[aof, &["--aof-use-rdb-preamble", "no"]].concat();
    let rdb: &[&str] = &["--save", "3600 1"];
    let ways: [(&[&str], &str); 4] =
        [(aof, "PING"), (plain, "PING"), (aof, "BGREWRITEAOF"), (rdb, "SAVE")];
    for (options, save) in ways {
        let mut server = Server::with_args(options);
        let mut client = server.client();
        fill(&mut client, 5000);
        client.run("SELECT 3");
        fill(&mut client, 10);
        client.run("SELECT 0");
        hold(
            &mut client,
            &["SELECT 3", "INVAL.PURGE KEYS 1 k:1 ASYNC", "SELECT 0", "INVAL.PURGE GLOB k:* ASYNC"],
        );
        client.run(save);
        children_are_done(&mut client);
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(counts(&ended(&mut client, 2)), [5000, 5000, 0, 0], "{options:?} {save}");
        assert_eq!(counts(&ended(&mut client, 1)), [1, 1, 0, 0], "{options:?} {save}");
        assert_eq!(client.keys(), ["other"], "{options:?} {save}");
        let origin = text(field(&client.run("INVAL.JOBS 2"), "origin"));
        assert_eq!(origin, "purge glob k:*");
        assert_eq!(int(&client.run("INVAL.PURGE GLOB nokey ASYNC"), "job"), 3);
        client.run("INVAL.CHECK");
        client.assert_sound();
    }
}

#[test]
fn a_rewritten_file_without_a_snapshot_holds_the_jobs() {
    let options =
        ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];
    let mut server = Server::with_args(&options);
    let mut client = server.client();
    client.run("CONFIG SET inval.async-slice-us 1");
    fill(&mut client, 100_000);
    at_once(&mut client, &["INVAL.PURGE TAGS 1 t ASYNC", "BGREWRITEAOF"]);
    children_are_done(&mut client);
    server.kill_and_restart();
    let mut client = server.client();
    eventually("nothing is left", || client.keys() == ["other"]);
    client.run("INVAL.CHECK");
    client.assert_sound();
}

#[test]
fn a_promoted_replica_goes_on() {
    let primary = Server::start();
    let of = format!("127.0.0.1 {}", primary.port);
    let heir = Server::with_args(&["--replicaof", &of]);
    in_sync(&primary, &heir);
    let mut client = primary.client();
    fill(&mut client, 2000);
    client.run("INVAL.RULE ADD r ON e TAGS 1 t WARM");
    hold(
        &mut client,
        &["INVAL.EVENT e ASYNC", "RENAME k:1 renamed", "COPY k:2 copy", "SET k:3 new"],
    );
    // One follows from before, one from a full synchronisation in the midst of it.
    let late = Server::with_args(&["--replicaof", &of]);
    for replica in [&heir, &late] {
        in_sync(&primary, replica);
        let mut client = replica.client();
        assert_eq!(counts(&client.run("INVAL.JOBS 1")), [2001, 0, 1, 2000]);
        assert_eq!(client.int("TAG.CARD t"), 0);
        client.run("INVAL.CHECK");
    }
    // What came in a snapshot is watched for new values too.
    late.client().run("CONFIG SET replica-read-only no");
    late.client().run("SET k:5 new");
    let rows = [
        (&heir, [2001, 2000, 1, 0], vec!["inval:warm:medium", "k:3", "other"]),
        (&late, [2001, 1999, 2, 0], vec!["inval:warm:medium", "k:3", "k:5", "other"]),
    ];
    for (replica, told, keys) in rows {
        let mut client = replica.client();
        client.run("REPLICAOF NO ONE");
        assert_eq!(counts(&ended(&mut client, 1)), told);
        assert_eq!(client.keys(), keys);
        // A name that no rule named is not for a worker.
        assert_eq!(client.int("XLEN inval:warm:medium"), told[1] - 2);
        client.assert_sound();
    }
    // Turned round, the old primary takes the end of its job from the new one.
    primary.client().run("CLIENT UNPAUSE");
    primary.client().run(&format!("REPLICAOF 127.0.0.1 {}", heir.port));
    assert_same(&heir, &primary, "turned round");
}

#[test]
fn a_broken_link_changes_nothing() {
    let primary = Server::start();
    let replica = Server::with_args(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    in_sync(&primary, &replica);
    let mut client = primary.client();
    client.run("CONFIG SET inval.async-slice-us 1");
    fill(&mut client, 3000);
    in_sync(&primary, &replica);
    replica.signal("STOP");
    client.run("INVAL.PURGE TAGS 1 t ASYNC");
    client.run("CLIENT KILL TYPE replica");
    ended(&mut client, 1);
    replica.signal("CONT");
    assert_same(&primary, &replica, "after a broken link");
    assert_eq!(info_text(&mut client, "sync_full"), "1");
    assert_eq!(counts(&ended(&mut replica.client(), 1)), [3000, 3000, 0, 0]);
}

#[test]
fn replicas_get_the_plan_in_words_and_the_deletions_as_unlink() {
    let primary = Server::start();
    let replica = Server::with_args(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    in_sync(&primary, &replica);
    let mut client = primary.client();
    client.set_all(&["a", "b"]);
    in_sync(&primary, &replica);
    let mut monitor = Monitor::of(&replica);
    client.run("INVAL.PURGE PREFIX a ASYNC");
    ended(&mut client, 1);
    client.run("SET end v");
    let commands = monitor.until("\"SET\" \"end\"");
    let words = |at: usize| commands[at].replace('"', "");
    assert!(words(0).starts_with("INVAL._JOB START 1 "), "{commands:?}");
    assert!(
        words(0).ends_with(" PURGE  purge prefix a  1 0  medium 0  1 0 prefix a"),
        "{commands:?}"
    );
    let rest: Vec<String> = (1..commands.len()).map(words).collect();
    assert_eq!(rest, ["MULTI", "UNLINK a", "INVAL._JOB END 1 done 1", "EXEC"]);
}

#[test]
fn a_plan_that_is_too_large_names_the_ways_out() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 20);
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:*");
    let config = client.run("CONFIG GET inval.sync-max-keys");
    assert_eq!(text(field(&config, "inval.sync-max-keys")), "1000000");
    client.run("CONFIG SET inval.sync-max-keys 19");
    for line in ["INVAL.EVENT e", "INVAL.PURGE TAGS 1 t", "INVAL.PURGE GLOB k:* KEYS"] {
        let error = client.error(line);
        assert!(error.starts_with("ERR the plan has 20 keys, more than inval.sync-max-keys 19; nothing was deleted; add ASYNC"), "{error}");
    }
    assert_eq!(client.keys().len(), 21);
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 t LIMIT 1"), "deleted"), 1);
    client.run("CONFIG SET inval.sync-max-keys 18");
    client.run("INVAL.EVENT e ASYNC");
    assert_eq!(counts(&ended(&mut client, 1)), [19, 19, 0, 0]);
    client.assert_sound();
}

#[test]
fn a_caller_needs_permission_for_every_key_before_the_first_is_marked() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 3000);
    client.run("ACL SETUSER some on nopass +@all ~k:1* ~k:2*");
    client.run("ACL SETUSER reads on nopass +@all %R~*");
    client.run("ACL SETUSER all on nopass +@all ~*");
    let mut caller = server.client();
    for user in ["some", "reads"] {
        caller.run(&format!("AUTH {user} x"));
        let error = caller.error("INVAL.PURGE TAGS 1 t ASYNC");
        assert!(error.contains(&format!("user '{user}' may not delete key 'k:")), "{error}");
    }
    assert_eq!((client.int("TAG.CARD t"), client.info("jobs")), (3000, 0));
    caller.run("AUTH some x");
    assert_eq!(int(&caller.run("INVAL.PURGE GLOB k:1* ASYNC"), "matched"), 1111);
    caller.run("AUTH all x");
    assert_eq!(int(&caller.run("INVAL.PURGE TAGS 1 t ASYNC"), "matched"), 1889);
    ended(&mut client, 2);
    assert_eq!(client.keys(), ["other"]);
}
