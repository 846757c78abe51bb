//! A replica answers every question as its primary does, gets effects and never events, and
//! does nothing by itself.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::state::{assert_same, fill, in_sync, info_text, state};
use support::wire::{Monitor, Raw};
use support::{Server, eventually, int};

fn replica_of(primary: &Server, args: &[&str]) -> Server {
    let of = format!("127.0.0.1 {}", primary.port);
    let replica = Server::with_args(&[args, &["--replicaof", &of]].concat());
    in_sync(primary, &replica);
    replica
}

fn follow(replica: &Server, primary: &Server) {
    replica.client().run(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
    in_sync(primary, replica);
}

#[test]
fn every_kind_of_full_sync_brings_the_whole_state() {
    let ways: [(&str, &str, &str); 4] = [
        ("no", "disabled", "to disk"),
        ("yes", "disabled", "to disk"),
        ("yes", "on-empty-db", "to parser"),
        ("yes", "swapdb", "Skipping diskless-load"),
    ];
    for (sync, load, told) in ways {
        let primary =
            Server::with_args(&["--repl-diskless-sync", sync, "--repl-diskless-sync-delay", "0"]);
        fill(&mut primary.client());
        let replica = replica_of(&primary, &["--repl-diskless-load", load]);
        assert_same(&primary, &replica, &format!("{sync} {load}"));
        assert!(replica.log().contains(told), "{sync} {load}: {}", replica.log());
        // Once more, over other data, and with a name for a key that had other tags.
        let mut client = replica.client();
        client.run("REPLICAOF NO ONE");
        client.run("FLUSHALL");
        client.run("INVAL.RULE ADD mine ON mine KEYS 1 mine");
        client.run("INVAL.CLASS SET mine MATCH mine");
        client.run(r#"INVAL.MAP SET mine '{"events":[{"event":"mine"}]}'"#);
        client.set_all(&["a:1", "plain", "mine"]);
        client.run("TAG.SET plain mine t");
        client.run("SELECT 3");
        client.set_all(&["mine"]);
        client.run("TAG.SET mine mine");
        follow(&replica, &primary);
        assert_same(&primary, &replica, &format!("{sync} {load}, again"));
        primary.client().run("INVAL.EVENT e '{\"id\":1}'");
        assert_same(&primary, &replica, &format!("{sync} {load}, after an event"));
    }
}

#[test]
fn a_broken_link_is_mended_from_the_backlog() {
    let primary = Server::start();
    let mut client = primary.client();
    fill(&mut client);
    let replica = replica_of(&primary, &[]);
    for round in 1..=3 {
        replica.signal("STOP");
        client.run("CLIENT KILL TYPE replica");
        client.set_all(&["k:1", "k:2", "k:3"]);
        client.run("TAG.SET k:1 t while:away");
        client.run("COPY k:1 copied REPLACE");
        client.run(&format!("INVAL.RULE ADD late{round} ON late TAGS 1 while:away WARM"));
        client.run(&format!("INVAL.CLASS SET late{round} MATCH late:* TTL {round}"));
        client.run(&format!(r#"INVAL.MAP SET late{round} '{{"events":[{{"event":"late"}}]}}'"#));
        client.run("INVAL.PURGE KEYS 1 k:2");
        if round == 3 {
            client.run("INVAL.EVENT late");
        }
        replica.signal("CONT");
        let done = round.to_string();
        eventually("a partial resync", || info_text(&mut client, "sync_partial_ok") == done);
        assert_same(&primary, &replica, "after a broken link");
        assert_eq!(info_text(&mut client, "sync_full"), "1");
    }
}

#[test]
fn a_chain_of_replicas_ends_with_the_same_state() {
    let primary = Server::start();
    let mut client = primary.client();
    client.run("INVAL.RULE ADD before ON e KEYS 1 b:*");
    let middle = replica_of(&primary, &[]);
    let last = replica_of(&middle, &[]);
    fill(&mut client);
    client.run("COPY a:1 a:3");
    client.run("COPY a:1 a:1 DB 3");
    for server in [&middle, &last] {
        assert_same(&primary, server, "filled through the chain");
    }
    client.run("INVAL.EVENT e '{\"id\":3}'");
    for server in [&middle, &last] {
        assert_same(&primary, server, "after an event");
    }
    assert_eq!(client.int("EXISTS a:1 a:3 h"), 0);
}

#[test]
fn a_replica_that_becomes_primary_resolves_events_itself() {
    let primary = Server::start();
    let mut client = primary.client();
    fill(&mut client);
    let heir = replica_of(&primary, &[]);
    client.run("INVAL.RULE ADD late ON late KEYS 1 a:* WARM");
    in_sync(&primary, &heir);
    let mut client = heir.client();
    client.run("REPLICAOF NO ONE");
    assert_eq!(int(&client.run("INVAL.EVENT late"), "deleted"), 1);
    assert_eq!(client.int("XLEN inval:warm:medium"), 1);
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 t"), "deleted"), 1);
    assert_eq!(client.keys(), ["inval:warm:medium", "plain"]);
    // Turned round, the old primary learns of it from the backlog of the new one.
    primary.client().run(&format!("REPLICAOF 127.0.0.1 {}", heir.port));
    assert_same(&heir, &primary, "turned round");
    assert_eq!(info_text(&mut client, "sync_partial_ok"), "1");
    client.run("INVAL.RULE DEL r off");
    client.run("INVAL.CLASS DEL a");
    client.run("INVAL.MAP DEL m");
    client.run("COPY plain copied");
    client.run("TAG.SET copied t");
    assert_same(&heir, &primary, "after more");
}

#[test]
fn a_replica_that_lags_through_purges_catches_up() {
    let primary = Server::start();
    let replica = replica_of(&primary, &[]);
    let mut client = primary.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:{n}:* TAGS 1 t:{n} WARM");
    replica.signal("STOP");
    for round in 0..20 {
        for at in 0..30 {
            client.run(&format!("SET k:{}:{at} v", round % 3));
            client.run(&format!("TAG.SET k:{}:{at} t:{} all", round % 3, round % 2));
        }
        client.run(&format!("INVAL.EVENT e '{{\"n\":{}}}'", round % 2));
        client.run("INVAL.PURGE GLOB k:*:7");
    }
    replica.signal("CONT");
    assert_same(&primary, &replica, "after lagging");
}

#[test]
fn keys_that_expire_or_are_evicted_leave_replicas_too() {
    let primary = Server::start();
    let replica = replica_of(&primary, &[]);
    let mut client = primary.client();
    let value = "x".repeat(10_000);
    for at in 0..200 {
        client.run(&format!("SET stays:{at} {value}"));
        client.run(&format!("TAG.SET stays:{at} t"));
        client.run(&format!("SET dies:{at} v PX 20"));
        client.run(&format!("TAG.SET dies:{at} t u"));
    }
    eventually("all that may has expired", || client.info("keys") == 200);
    assert_same(&primary, &replica, "after expiry");
    client.run("CONFIG SET maxmemory-policy allkeys-random");
    client.run("CONFIG SET maxmemory 3mb");
    eventually("keys were evicted", || client.int("DBSIZE") < 150);
    client.run("CONFIG SET maxmemory 0");
    assert_same(&primary, &replica, "after eviction");
}

#[test]
fn whatever_moves_keys_moves_their_tags_on_replicas() {
    let primary = Server::start();
    let replica = replica_of(&primary, &[]);
    let mut client = primary.client();
    let steps: [&[&str]; 14] = [
        &["COPY a:1 c", "COPY plain c2"],
        &["COPY a:1 plain REPLACE"],
        &["COPY a:1 away DB 3", "COPY plain h REPLACE"],
        &["RENAME a:1 r", "RENAME plain r"],
        &["MOVE a:1 3"],
        &["SELECT 3", "MOVE moved 0", "SELECT 0"],
        &["SWAPDB 0 3"],
        &["SWAPDB 0 3", "TAG.SET a:1 new", "SWAPDB 3 0"],
        &["MULTI", "COPY a:1 c", "RENAME c d", "COPY d e", "TAG.ADD e more", "EXEC"],
        &["EVAL \"redis.call('COPY','a:1','c') redis.call('DEL','a:1')\" 0"],
        &["SET a:1 new GET", "SET h v", "PERSIST h", "EXPIREAT plain 1"],
        &["FLUSHDB"],
        &["SELECT 3", "FLUSHDB ASYNC", "SELECT 0"],
        &["FLUSHALL", "SET a:1 v", "TAG.SET a:1 t"],
    ];
    for lines in steps {
        client.run("FLUSHALL");
        client.run("INVAL.RULE LOAD '[]' REPLACE");
        fill(&mut client);
        lines.iter().for_each(|line| drop(client.run(line)));
        assert_same(&primary, &replica, &lines.join(", "));
    }
}

#[test]
fn a_replicas_own_rule_files_do_not_count() {
    let rules = support::process::fresh_dir();
    let file = rules.join("mine.json");
    let mine = r#"{"rules":[{"name":"mine","eventType":"e","cacheKeys":["*"]}],
        "classes":[{"name":"mine","match":["*"]}]}"#;
    std::fs::write(&file, mine).unwrap();
    let args = ["rules", file.to_str().unwrap()];
    let primary = Server::start();
    let replica = replica_of(&primary, &args);
    // Where the primary has nothing, the replica has nothing.
    assert_same(&primary, &replica, "no rules");
    fill(&mut primary.client());
    assert_same(&primary, &replica, "rules");
    drop(replica);
    let mut replica = replica_of(&primary, &[&args[..], &["--save", "3600 1"]].concat());
    assert_same(&primary, &replica, "rules in the snapshot");
    replica.client().run("SAVE");
    replica.kill_and_restart();
    assert_same(&primary, &replica, "rules in its own snapshot");
    let mut client = replica.client();
    let before = state(&mut client);
    client.run("REPLICAOF NO ONE");
    assert_eq!(state(&mut client), before);
    std::fs::remove_dir_all(rules).unwrap();
}

#[test]
fn a_large_event_is_one_transaction_of_the_names_that_went() {
    let primary = Server::start();
    let mut client = primary.client();
    client.run("INVAL.RULE ADD r ON e KEYS 3 k:* never:there never:*");
    client.run("SET tagged v");
    client.run("EVAL \"for i=1,2500 do redis.call('SET','k:'..i,'v') end\" 0");
    let replica = replica_of(&primary, &[]);
    let mut monitor = Monitor::of(&replica);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "deleted"), 2500);
    // Nothing is left: nothing is sent.
    client.run("INVAL.EVENT e");
    client.run("INVAL.PURGE KEYS 2 never:there k:1");
    client.run("MULTI");
    client.run("SET one v");
    client.run("INVAL.PURGE KEYS 2 one none");
    client.run("EXEC");
    client.run("SET last v");
    client.run("INVAL.PURGE PREFIX l");
    // The tags of a copy go before it, for a file that is loaded knows no source.
    client.run("TAG.SET tagged t");
    client.run("COPY tagged copied");
    client.run("SET the:end 1");
    let lines = monitor.until("the:end");
    // Servers differ in where they select the database.
    let lines: Vec<&String> = lines.iter().filter(|line| !line.contains("SELECT")).collect();
    let heads: Vec<&str> = lines.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    let expected = "MULTI UNLINK UNLINK UNLINK EXEC MULTI SET UNLINK EXEC SET UNLINK \
                    TAG.SET MULTI TAG._CARRY COPY EXEC";
    assert_eq!(heads.join(" "), expected);
    let names = |at: usize| lines[at].matches("\"k:").count();
    assert_eq!((names(1), names(2), names(3)), (1000, 1000, 500));
    assert!(!lines.iter().any(|line| line.contains("never") || line.contains("none")));
    assert_same(&primary, &replica, "after a large event");
}

#[test]
fn a_replica_answers_and_does_nothing_by_itself() {
    let primary = Server::start();
    let mut client = primary.client();
    fill(&mut client);
    let replica = replica_of(&primary, &["check-interval", "1"]);
    let mut reader = replica.client();
    for line in [
        "INVAL.EVENT e '{\"id\":1}'",
        "INVAL.PURGE PREFIX a",
        "TAG.SET a:1 x",
        "TAG.ADD a:1 x",
        "TAG.REM a:1 t",
        "INVAL.RULE SET x '{\"eventType\":\"e\",\"tags\":[\"t\"]}'",
        "INVAL.RULE ADD x ON e KEYS 1 x",
        "INVAL.RULE LOAD '[]' REPLACE",
        "INVAL.RULE DEL r",
        "INVAL.RULE DISABLE r",
        "INVAL.CLASS SET c MATCH c",
        "INVAL.CLASS LOAD '[]' REPLACE",
        "INVAL.CLASS DEL a",
        "INVAL.MAP SET x '{\"events\":[{\"event\":\"e\"}]}'",
        "INVAL.MAP LOAD '[]' REPLACE",
        "INVAL.MAP DEL m",
        "TAG._CARRY a:1 t",
    ] {
        let error = reader.error(line);
        assert!(error.starts_with("READONLY"), "{line}: {error}");
    }
    let explained = reader.run("INVAL.EXPLAIN EVENT e '{\"id\":1}'");
    assert_eq!(int(&explained, "matched"), 2);
    for line in
        ["INVAL.STATS", "INVAL.HEALTH", "INVAL.CHECK", "INVAL.RULE GET r", "TAG.KEYS t COUNT 1"]
    {
        reader.run(line);
    }
    assert_same(&primary, &replica, "after questions");
    // What the primary warms is warmed once, under one id.
    client.run("INVAL.EVENT e '{\"id\":1}'");
    assert_eq!(client.int("WAIT 1 60000"), 1);
    assert_eq!((reader.int("EXISTS a:1 h"), reader.int("XLEN inval:warm:medium")), (0, 2));
    assert_same(&primary, &replica, "after an event");
    assert_eq!(reader.info("events").max(reader.info("keys_deleted")), 0);
}

/// A client that caches on its side is told of every key that goes.
#[test]
fn tracking_clients_are_told_of_every_deleted_key() {
    let primary = Server::start();
    let replica = replica_of(&primary, &[]);
    let mut client = primary.client();
    client.run("INVAL.RULE ADD r ON e KEYS 2 cache:1 cache:sub:* TAGS 1 t");
    let names = ["cache:1", "cache:2", "cache:sub:1", "cache:sub:2", "tagged"];
    for mode in ["ON", "ON BCAST", "ON BCAST PREFIX cache: PREFIX tag"] {
        client.set_all(&names);
        client.run("TAG.SET tagged t");
        in_sync(&primary, &replica);
        let mut listeners = [Raw::to(&primary), Raw::to(&replica)];
        for listener in &mut listeners {
            listener.ask("HELLO 3");
            listener.ask(&format!("CLIENT TRACKING {mode}"));
            names.iter().for_each(|name| drop(listener.ask(&format!("GET {name}"))));
        }
        assert_eq!(int(&client.run("INVAL.EVENT e"), "deleted"), 4);
        in_sync(&primary, &replica);
        for listener in &mut listeners {
            let mut told = String::new();
            eventually("all are told", || {
                told += &listener.ask("PING");
                let told = |name: &&&str| told.contains(&format!("\r\n{name}\r\n"));
                names.iter().filter(told).count() == 4
            });
            assert!(told.contains("invalidate") && !told.contains("cache:2"), "{mode}: {told}");
        }
    }
}
