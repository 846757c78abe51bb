//! What the module knows of the keyspace after what happens to keys on a live server.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Client, Server, eventually, field, int, server_micros, texts};

#[test]
fn an_event_deletes_exactly_what_its_rules_name() {
    let server = Server::start();
    let mut client = server.client();
    let names =
        ["badges:list:all", "badges:user:1:list", "badges:user:1:lists", "badge:7", "badges"];
    client.set_all(&names);
    client.run("HSET badges:search:x f v");
    client.run(
        "INVAL.RULE ADD mint ON badge-mint KEYS 2 badges:list:all badges:search:* \
         PATTERNS 2 ^badges:user:.*:list$ ^badge:.*$",
    );
    let reply = client.run(r#"INVAL.EVENT badge-mint '{"userId":"1"}' KEYS"#);
    assert_eq!((int(&reply, "rules"), int(&reply, "deleted")), (1, 4));
    let mut gone = texts(field(&reply, "keys"));
    gone.sort_unstable();
    assert_eq!(gone, ["badge:7", "badges:list:all", "badges:search:x", "badges:user:1:list"]);
    assert_eq!(client.keys(), ["badges", "badges:user:1:lists"]);
    client.assert_sound();
}

/// The rows of docs/key-life.md: what happens, the commands, the keys then, the tagged keys.
fn rows() -> Vec<[String; 4]> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/key-life.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        std::array::from_fn(|at| cells[at].trim_matches('`').to_owned())
    };
    rows.map(cells).collect()
}

/// Whether the server has all commands of the row.
fn is_known(client: &mut Client, commands: &str) -> bool {
    commands.split("; ").filter(|line| !line.starts_with('(')).all(|line| {
        let name = line.split(' ').next().unwrap();
        matches!(client.run(&format!("COMMAND INFO {name}")), redis::Value::Array(found) if found[0] != redis::Value::Nil)
    })
}

#[test]
fn tags_follow_their_keys_and_leave_with_them() {
    let server = Server::start();
    let mut client = server.client();
    let rows = rows();
    assert!(rows.len() > 70, "docs/key-life.md has {} rows", rows.len());
    let mut skipped = 0;
    for [what, commands, keys, tagged] in &rows {
        if !is_known(&mut client, commands) {
            skipped += 1;
            continue;
        }
        client.run("FLUSHALL");
        client.set_all(&["k", "other"]);
        client.run("TAG.SET k t u");
        for line in commands.split("; ") {
            match line {
                "(wait until k is gone)" => {
                    eventually(what, || client.int("EXISTS k") == 0);
                }
                line => {
                    client.run(line);
                }
            }
        }
        assert_eq!(client.keys().join(" "), *keys, "{what}");
        assert_eq!(client.sorted("TAG.KEYS t").join(" "), *tagged, "{what}");
        client.run("INVAL.CHECK");
        client.assert_sound();
    }
    println!("{} rows, {skipped} left out here", rows.len());
    client.run("FLUSHALL");
    assert_eq!((client.info("keys"), client.info("tags"), client.info("tagged")), (0, 0, 0));
}

#[test]
fn a_client_that_goes_away_inside_a_transaction_lends_no_tags() {
    let server = Server::start();
    let mut client = server.client();
    server.client().run("MULTI");
    client.set_all(&["a", "b"]);
    client.run("TAG.SET a t");
    for line in ["COPY a x", "DEL x", "COPY b x"] {
        client.run(line);
    }
    assert_eq!(client.sorted("TAG.KEYS t"), ["a"]);
}

#[test]
fn keys_that_expire_by_themselves_leave_nothing() {
    let server = Server::start();
    let mut client = server.client();
    for at in 0..50 {
        client.run(&format!("SET k:{at} v PX 20"));
        client.run(&format!("TAG.SET k:{at} t u:{at}"));
    }
    eventually("all keys expired and forgotten", || client.info("keys") == 0);
    assert_eq!((client.info("tags"), client.info("tagged")), (0, 0));
    client.assert_sound();
}

#[test]
fn evicted_keys_leave_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let value = "x".repeat(10_000);
    for at in 0..200 {
        client.run(&format!("SET k:{at} {value}"));
        client.run(&format!("TAG.SET k:{at} t"));
    }
    client.run("CONFIG SET maxmemory-policy allkeys-random");
    client.run("CONFIG SET maxmemory 2mb");
    eventually("keys were evicted", || client.int("DBSIZE") < 150);
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.info("keys"), client.int("DBSIZE"));
    assert_eq!(client.info("tagged"), client.int("DBSIZE"));
    client.assert_sound();
}

#[test]
fn databases_are_apart() {
    let server = Server::start();
    let mut client = server.client();
    for db in [0, 3] {
        client.run(&format!("SELECT {db}"));
        client.set_all(&["a:1", "b"]);
        client.run("TAG.SET a:1 t");
    }
    let reply = client.run("INVAL.PURGE PREFIX a:");
    assert_eq!(int(&reply, "deleted"), 1);
    assert_eq!((client.keys().join(" "), client.int("TAG.CARD t")), ("b".to_owned(), 0));
    client.run("SELECT 0");
    assert_eq!((client.keys().join(" "), client.int("TAG.CARD t")), ("a:1 b".to_owned(), 1));
    client.assert_sound();
}

#[test]
fn a_purge_works_inside_transactions_and_scripts_and_frees_memory_when_short() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "a:2", "b:1", "c:1"]);
    client.run("MULTI");
    client.run("SET a:3 v");
    client.run("INVAL.PURGE PREFIX a:");
    client.run("EXEC");
    assert_eq!(client.keys(), ["b:1", "c:1"]);
    client.run("EVAL \"return redis.call('INVAL.PURGE','PREFIX','b:')\" 0");
    assert_eq!(client.keys(), ["c:1"]);
    client.run("CONFIG SET maxmemory 1");
    assert!(client.error("SET x v").starts_with("OOM"));
    assert!(client.error("TAG.SET c:1 t").starts_with("OOM"));
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX c:"), "deleted"), 1);
    client.run("CONFIG SET maxmemory 0");
    client.assert_sound();
}

#[test]
fn an_expired_key_is_absent_and_not_deleted_by_us() {
    let server = Server::start();
    let mut client = server.client();
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    client.set_all(&["a:1", "a:2"]);
    client.run("INVAL.RULE ADD r ON e KEYS 1 a:* WARM");
    client.run("PEXPIRE a:1 1");
    // Looking at the key would delete it: the clock is asked.
    let end = server_micros(&mut client) + 1500;
    eventually("the time of a:1 is up", || server_micros(&mut client) > end);
    let reply = client.run("INVAL.EVENT e {} KEYS");
    assert_eq!((int(&reply, "deleted"), int(&reply, "absent"), int(&reply, "warmed")), (1, 1, 1));
    assert_eq!(texts(field(&reply, "keys")), ["a:2"]);
    client.assert_sound();
}

/// The commands on the wire, as a replica gets them, without housekeeping.
fn replicated(server: &Server, run: impl FnOnce(&mut Client)) -> Vec<String> {
    let mut client = server.client();
    let replica = Server::without_module(&[
        "--loadmodule",
        support::module_path().to_str().unwrap(),
        "--replicaof",
        &format!("127.0.0.1 {}", server.port),
    ]);
    let mut watcher = replica.client();
    eventually("the replica is in sync", || {
        support::text(&watcher.run("INFO replication")).contains("master_link_status:up")
    });
    let mut monitor = support::wire::Monitor::of(&replica);
    run(&mut client);
    client.run("SET the:end 1");
    monitor.until("the:end")
}

#[test]
fn effects_are_replicated_and_nothing_else() {
    let server = Server::start();
    let lines = replicated(&server, |client| {
        client.set_all(&["a:1", "a:2"]);
        client.run("INVAL.RULE ADD r ON e KEYS 2 a:* never:there WARM");
        client.run("TAG.SET a:1 t");
        client.run("TAG.SET nokey t");
        client.run("TAG.REM a:1 nope");
        client.run("INVAL.EVENT e {} DRYRUN");
        client.run("INVAL.EVENT e {}");
        client.run("INVAL.EVENT e {}");
        client.run("INVAL.RULE DISABLE r");
        client.run("INVAL.RULE DISABLE r");
    });
    let expected = [
        r#""SELECT" "0""#,
        r#""SET" "a:1" "v""#,
        r#""SET" "a:2" "v""#,
        r#""INVAL.RULE" "LOAD" "{\"rules\":[{\"name\":\"r\",\"eventType\":\"e\",\"cacheKeys\":[\"a:"#,
        r#""TAG.SET" "a:1" "t""#,
        r#""MULTI""#,
        r#""UNLINK" "a:1" "a:2""#,
        r#""XADD" "inval:warm:medium" "MAXLEN" "10000""#,
        r#""XADD" "inval:warm:medium" "MAXLEN" "10000""#,
        r#""EXEC""#,
        r#""INVAL.RULE" "DISABLE" "r""#,
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} is not {expected}");
    }
}
