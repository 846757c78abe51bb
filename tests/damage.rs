//! Data that is damaged, or written by a server with the module and read by one without, or
//! cannot be written: refused with a word in the log, or loaded exactly.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use support::process::{fresh_dir, with_module};
use support::state::{children_are_done, fill, info_text, state};
use support::{Client, Server, eventually};

fn module() -> String {
    support::module_path().to_str().unwrap().to_owned()
}

/// A snapshot with rules and tags in two databases, and the state in it.
fn snapshot() -> (Vec<u8>, Vec<String>) {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    client.run("SAVE");
    (fs::read(server.dir.join("dump.rdb")).unwrap(), state(&mut client))
}

/// Starts a server on a snapshot; gives the state when it loads.
fn load(rdb: &[u8], args: &[&str]) -> Option<Vec<String>> {
    let dir = fresh_dir();
    fs::write(dir.join("dump.rdb"), rdb).unwrap();
    let module = module();
    match Server::start_in(&dir, &with_module(&module, args)) {
        Ok(mut server) => {
            let mut client = server.client();
            client.run("INVAL.CHECK");
            client.assert_sound();
            server.assert_well();
            Some(state(&mut client))
        }
        Err(refused) => {
            // 0 where the server's own check, which does not ask the module, finds no fault.
            let own = refused.log.contains("<module> inval: the snapshot is refused");
            let code = refused.status.code();
            let told = refused.check_hung || code == Some(1) || (own && code == Some(0));
            assert!(told, "{refused:?}");
            let told = refused.log.lines().filter(|line| line.contains('#')).count();
            assert!(told > 0 && !refused.log.contains("BUG REPORT"), "{}", refused.log);
            if refused.check_hung {
                HUNG.fetch_add(1, Ordering::Relaxed);
            }
            None
        }
    }
}

/// How many servers refused, said why, and had to be killed.
static HUNG: AtomicU32 = AtomicU32::new(0);

/// Where the module's part of a snapshot starts: behind the mark of it, which cannot be told
/// from other marks when it is itself damaged.
fn own_part(rdb: &[u8]) -> usize {
    let db3 = rdb.windows(5).position(|bytes| bytes == b"moved").unwrap();
    db3 + rdb[db3..].iter().position(|byte| *byte == 0xf7).unwrap() + 1
}

fn damage(every: usize) {
    let (rdb, expected) = snapshot();
    assert_eq!(load(&rdb, &[]).as_ref(), Some(&expected));
    let (mut starts, mut loaded) = (0, 0);
    let mut attempt = |damaged: &[u8], args: &[&str], what: &str| {
        starts += 1;
        if let Some(state) = load(damaged, args) {
            assert_eq!(state, expected, "{what}");
            loaded += 1;
        }
    };
    for at in (0..rdb.len()).step_by(every) {
        // An empty file is, to the server, a file with an error like any other.
        attempt(&rdb[..at], &[], &format!("cut at {at}"));
        let mut flipped = rdb.clone();
        flipped[at] ^= 0xff;
        attempt(&flipped, &[], &format!("flipped at {at}"));
    }
    // Without the server's checksum, the module's part has its own.
    for at in (own_part(&rdb)..rdb.len() - 9).step_by(every) {
        for bits in [0x01, 0xff] {
            let mut flipped = rdb.clone();
            flipped[at] ^= bits;
            let what = format!("flipped at {at} with {bits}, no checksum");
            attempt(&flipped, &["--rdbchecksum", "no"], &what);
        }
    }
    println!(
        "{} bytes: {starts} starts on damage, {loaded} loaded exactly, all others refused; in {} \
         the server's own check did not end",
        rdb.len(),
        HUNG.load(Ordering::Relaxed)
    );
}

#[test]
fn a_damaged_snapshot_is_refused_or_loads_exactly() {
    damage(7);
}

#[test]
#[ignore = "some thousand starts"]
fn every_byte() {
    damage(1);
}

#[test]
fn a_snapshot_of_version_1_loads_for_ever() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1-redis-7.0.rdb");
    let loaded = load(&fs::read(fixture).unwrap(), &[]).unwrap();
    let expected = [
        r#"{"rules":[{"name":"off","eventType":"e","cacheKeys":["b"],"priority":"medium","warmCache":false,"enabled":false},{"name":"r","eventType":"e","cacheKeys":["a:{id}"],"tags":["t"],"when":"exists id","priority":"medium","warmCache":true,"enabled":true}]}"#,
        r#"{"classes":[]}"#,
        r#"{"mappings":[]}"#,
        "0 a:1: t u",
        "0 h: t",
        "0 plain: ",
        "0 tag t: 2 a:1 h",
        "0 tag u: 1 a:1",
        "3 moved: other",
        "3 tag other: 1 moved",
    ];
    let mut lines: Vec<&str> = loaded.iter().map(String::as_str).collect();
    let (list, queues) = (lines.remove(3), lines.remove(3));
    assert_eq!(lines, expected);
    assert!(queues.contains("queues") && !queues.contains("rule"), "{queues}");
    assert!(list.contains("off") && list.contains('r'), "{list}");
}

/// Takes all tags off, in every database: what the README says.
const TAGS_OFF: &str = "EVAL \"for _,t in ipairs(redis.call('TAG.LIST')) do \
     for _,k in ipairs(redis.call('TAG.KEYS',t)) do redis.call('TAG.REM',k,t) end end\" 0";

/// A server whose rules and classes came from a file, started again without them, and emptied of
/// all in the way that the README tells.
fn emptied() -> Server {
    let dir = fresh_dir();
    let (rules, module) = (dir.join("rules.json"), module());
    let mine = r#"{"rules":[{"name":"mine","eventType":"e","cacheKeys":["*"]}],
        "classes":[{"name":"mine","match":["*"]}]}"#;
    fs::write(&rules, mine).unwrap();
    let with_rules = ["rules", rules.to_str().unwrap()];
    let server = Server::start_in(&dir, &with_module(&module, &with_rules)).unwrap();
    fill(&mut server.client());
    server.client().run("SAVE");
    let dir = server.leave();
    let server = Server::start_in(&dir, &with_module(&module, &[])).unwrap();
    let mut client = server.client();
    let counts = ["rules", "classes", "mappings", "sources", "batch_queues"];
    assert_eq!(counts.map(|name| client.info(name)), [5, 2, 1, 1, 1]);
    client.run("INVAL.RULE LOAD '[]' REPLACE");
    client.run("INVAL.CLASS LOAD '[]' REPLACE");
    client.run("INVAL.MAP LOAD '[]' REPLACE");
    client.run("INVAL.SOURCE DEL s");
    client.run("CONFIG SET inval.dedupe-max 0");
    eventually("what was collected is carried out", || client.info("batch_queues") == 0);
    for db in [0, 3] {
        client.run(&format!("SELECT {db}"));
        client.run(TAGS_OFF);
    }
    assert_eq!((client.info("rules"), client.info("tags")), (0, 0));
    server
}

/// Redis 7.0 writes a trace of every module into every snapshot.
fn leaves_a_trace(client: &mut Client) -> bool {
    info_text(client, "redis_version").starts_with("7.0.")
}

fn assert_keys(client: &mut Client, what: &str) {
    assert_eq!(client.keys(), ["a:1", "h", "plain"], "{what}");
    client.run("SELECT 3");
    assert_eq!(client.keys(), ["moved"], "{what}");
}

fn assert_refused(refused: &support::process::Refused) {
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.log.contains("no matching module"), "{}", refused.log);
}

#[test]
fn a_snapshot_with_rules_or_tags_is_refused_without_the_module() {
    let dir = fresh_dir();
    fs::write(dir.join("dump.rdb"), snapshot().0).unwrap();
    assert_refused(&Server::start_in(&dir, &[]).err().unwrap());
}

#[test]
fn an_emptied_snapshot_leaves_the_module_except_on_7_0() {
    let server = emptied();
    let mut client = server.client();
    client.run("SAVE");
    let trace = leaves_a_trace(&mut client);
    match Server::start_in(&server.leave(), &[]) {
        Ok(plain) => {
            assert!(!trace);
            assert_keys(&mut plain.client(), "snapshot");
        }
        Err(refused) => {
            assert!(trace);
            assert_refused(&refused);
        }
    }
}

#[test]
fn an_emptied_plain_append_only_file_leaves_the_module() {
    let server = emptied();
    let mut client = server.client();
    client.run("CONFIG SET aof-use-rdb-preamble no");
    client.run("CONFIG SET appendonly yes");
    children_are_done(&mut client);
    // One that is on already is rewritten, as often as one likes.
    client.run("SET after v");
    client.run("DEL after");
    client.run("BGREWRITEAOF");
    children_are_done(&mut client);
    let plain = Server::start_in(&server.leave(), &["--appendonly", "yes"]).unwrap();
    assert_keys(&mut plain.client(), "append-only file");
}

#[test]
fn migrating_keys_leaves_the_module_with_all_tags_in_place() {
    let server = Server::start();
    let plain = Server::without_module(&[]);
    let mut client = server.client();
    fill(&mut client);
    let port = plain.port;
    client.run(&format!("MIGRATE 127.0.0.1 {port} \"\" 0 60000 COPY KEYS a:1 h plain"));
    client.run("SELECT 3");
    client.run(&format!("MIGRATE 127.0.0.1 {port} \"\" 3 60000 COPY KEYS moved"));
    assert_keys(&mut plain.client(), "migrated");
    client.assert_sound();
}

#[test]
fn a_replica_without_the_module_follows_an_emptied_primary_except_on_7_0() {
    let server = emptied();
    let mut plain = Server::without_module(&[]);
    let mut client = plain.client();
    client.run(&format!("REPLICAOF 127.0.0.1 {}", server.port));
    if leaves_a_trace(&mut client) {
        eventually("the replica gives up", || !plain.is_alive());
        assert!(plain.log().contains("no matching module"), "{}", plain.log());
    } else {
        eventually("in sync", || info_text(&mut client, "master_link_status") == "up");
        assert_keys(&mut client, "replicated");
    }
}

/// Files that may grow to a quarter of a megabyte, and data of more.
#[test]
fn a_full_disk_costs_no_state() {
    let (dir, module) = (fresh_dir(), module());
    let args = with_module(&module, &["--appendonly", "yes", "--rdbcompression", "no"]);
    let mut server = Server::start_in(&dir, &args).unwrap();
    let mut client = server.client();
    let value = "x".repeat(20_000);
    for at in 0..20 {
        client.run(&format!("SET big:{at} {value}"));
    }
    fill(&mut client);
    let before = state(&mut client);
    server.limit_files("262144");
    for (line, field) in
        [("BGSAVE", "rdb_last_bgsave_status"), ("BGREWRITEAOF", "aof_last_bgrewrite_status")]
    {
        client.run(line);
        children_are_done(&mut client);
        assert_eq!(info_text(&mut client, field), "err", "{line}");
    }
    client.error("SAVE");
    // The append-only file cannot grow: the server refuses writes, ours too, and answers.
    eventually("writes are refused", || {
        client
            .try_run(&format!("SET big:0 {value}"))
            .is_err_and(|error| error.starts_with("MISCONF"))
    });
    for line in ["INVAL.EVENT e '{\"id\":1}'", "INVAL.PURGE TAGS 1 t", "TAG.SET plain t"] {
        assert!(client.error(line).starts_with("MISCONF"), "{line}");
    }
    let now = state(&mut client);
    assert_eq!(now, before);
    server.limit_files("unlimited");
    eventually("writes are taken again", || client.try_run("TAG.SET plain later").is_ok());
    for (line, field) in
        [("BGSAVE", "rdb_last_bgsave_status"), ("BGREWRITEAOF", "aof_last_bgrewrite_status")]
    {
        client.run(line);
        children_are_done(&mut client);
        assert_eq!(info_text(&mut client, field), "ok", "{line}");
    }
    client.run("TAG.SET plain last");
    client.run("CONFIG SET appendfsync always");
    client.run("SET big:0 v");
    let before = state(&mut client);
    server.assert_well();
    let server = Server::start_in(&server.leave(), &args).unwrap();
    assert_eq!(state(&mut server.client()), before);
}
