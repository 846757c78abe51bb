//! Tracked reads, held against what the server itself counts as hits and misses.
#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what its rows share"
)]

#[path = "../../src/domain/read_commands.rs"]
#[allow(dead_code, reason = "its own unit tests run elsewhere")]
mod read_commands;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod limits;

use std::thread;

use redis::Value;
use support::{Client, Server, eventually, field, int, text};

/// Hits and misses.
type Counts = (i64, i64);

/// A server that tracks reads.
fn tracking() -> Server {
    Server::with_args(&["track-reads", "yes"])
}

/// What the server counted.
fn served(client: &mut Client) -> Counts {
    let stats = text(&client.run("INFO stats"));
    let of = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {name}"))
    };
    (of("keyspace_hits:"), of("keyspace_misses:"))
}

/// What we counted.
fn tracked(client: &mut Client) -> Counts {
    (client.info("read_hits"), client.info("read_misses"))
}

/// The look-ups that the module made for itself and the server counted.
fn own(client: &mut Client) -> Counts {
    (client.info("own_read_hits"), client.info("own_read_misses"))
}

fn less(after: Counts, before: Counts) -> Counts {
    (after.0 - before.0, after.1 - before.1)
}

/// Runs `act`; what the server counted meanwhile, less our own look-ups, and what was tracked.
fn measured(client: &mut Client, act: impl FnOnce(&mut Client)) -> (Counts, Counts) {
    let before = (served(client), own(client), tracked(client));
    act(client);
    let server = less(less(served(client), before.0), less(own(client), before.1));
    (server, less(tracked(client), before.2))
}

/// Runs `act`, which makes so many hits and misses, for us and for the server.
fn assert_counts(client: &mut Client, what: &str, expected: Counts, act: impl FnOnce(&mut Client)) {
    let (server, tracked) = measured(client, act);
    assert_eq!((server, tracked), (expected, expected), "{what}: the server, tracked");
}

fn run_all(client: &mut Client, lines: &[&str]) {
    lines.iter().for_each(|line| drop(client.try_run(line)));
}

/// Hits and misses in a reply of `INVAL.STATS`, at a path of fields.
fn shown(client: &mut Client, section: &str, path: &[&str]) -> Counts {
    let reply = client.run(&format!("INVAL.STATS {section}"));
    let of = path.iter().fold(field(&reply, section), |of, name| field(of, name));
    (int(of, "hits"), int(of, "misses"))
}

fn database(client: &mut Client, db: &str) -> Counts {
    let reply = client.run("INVAL.STATS reads");
    let all = field(field(&reply, "reads"), "databases");
    if !support::has_field(all, db) {
        return (0, 0);
    }
    shown(client, "reads", &["databases", db])
}

fn class(client: &mut Client, name: &str) -> Counts {
    shown(client, "classes", &[name, "reads"])
}

/// Whether the server says which client a command comes from: Redis 7.2 and later, Valkey.
fn knows_clients(client: &mut Client) -> bool {
    let info = text(&client.run("INFO server"));
    !info.contains("redis_version:7.0.")
}

fn fill(client: &mut Client) {
    client.set_all(&["user:1", "user:2", "session:1", "other"]);
    run_all(client, &["HSET user:h f v", "RPUSH list a b", "SADD s1 a b", "SADD s2 b c"]);
    run_all(
        client,
        &["INVAL.CLASS SET user MATCH user:*", "INVAL.CLASS SET list MATCH l?st user:h"],
    );
}

#[test]
fn each_way_to_read_counts_in_total_by_class_and_database() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    for (what, expected, lines) in [
        ("GET", (2, 1), &["GET user:1", "get other", "GET nope"][..]),
        ("MGET", (2, 2), &["MGET user:1 nope user:2 user:x"]),
        ("hashes", (2, 1), &["HGET user:h f", "HMGET user:h f g", "HGET nope f"]),
        ("GETEX", (1, 1), &["GETEX user:1 EX 1000", "GETEX nope"]),
        ("EXISTS, TTL", (3, 2), &["EXISTS user:1 nope user:1", "TTL user:1", "PTTL nope"]),
        ("STRLEN", (1, 1), &["STRLEN user:1", "STRLEN nope"]),
        ("LRANGE", (1, 1), &["LRANGE list 0 -1", "LRANGE nope 0 -1"]),
        ("SUNION", (2, 1), &["SUNION s1 s2 nope"]),
        ("a transaction", (1, 2), &["MULTI", "GET user:1", "MGET nope nope2", "EXEC"]),
        ("an empty reply", (0, 0), &["GET", "PING", "GET a b", "ZUNION 3 a b"]),
        ("writes", (0, 0), &["SET new 1", "INCR new", "APPEND new 1", "DEL new nope", "LPOP nope"]),
        ("SET GET", (1, 1), &["SET new 1", "SET new 2 GET", "GETDEL nope", "DEL new"]),
        ("no such type", (2, 0), &["GET list", "LRANGE user:1 0 -1"]),
        (
            "Lua",
            (1, 2),
            &[
                "EVAL return(redis.call('GET',KEYS[1])) 1 user:1",
                "EVAL return(redis.call('MGET','nope','nope2')) 0",
            ],
        ),
        (
            "Lua in a transaction",
            (2, 2),
            &[
                "MULTI",
                "GET nope",
                "EVAL return(redis.call('GET','user:1')) 0",
                "GET user:2",
                "GET nope",
                "EXEC",
            ],
        ),
    ] {
        assert_counts(&mut client, what, expected, |client| run_all(client, lines));
    }
    let all = tracked(&mut client);
    assert_eq!(shown(&mut client, "reads", &[]), all);
    assert_eq!(database(&mut client, "0"), all);
    // GET, MGET, GETEX, EXISTS and TTL, STRLEN, the transaction, a wrong type, Lua, and Lua in a
    // transaction; MGET missed one.
    assert_eq!(class(&mut client, "user"), (1 + 2 + 1 + 3 + 1 + 1 + 1 + 1 + 2, 1));
    // HGET, HMGET, LRANGE and a wrong type.
    assert_eq!(class(&mut client, "list"), (4, 0));
    let shown = client.run("INVAL.CLASS GET list");
    assert_eq!(int(field(&shown, "reads"), "hits"), 4);
    client.assert_sound();

    client.run("INVAL.STATS RESET");
    assert_eq!(tracked(&mut client), (0, 0));
    assert_eq!((database(&mut client, "0"), class(&mut client, "user")), ((0, 0), (0, 0)));
}

/// A fetch is one read, whatever it is told and however long it waits; what a fill, a tag or a
/// question looks up is none.
#[test]
fn a_fetch_is_a_read_and_what_the_module_asks_is_none() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    client.run("XADD inval:warm:high * k v");
    assert_counts(&mut client, "fetches", (1, 2), |client| {
        run_all(client, &["INVAL.FETCH user:1", "INVAL.FETCH user:x", "INVAL.FETCH user:x"]);
    });
    assert_counts(&mut client, "a fetch of a list", (1, 0), |client| {
        client.error("INVAL.FETCH list");
    });
    assert_counts(&mut client, "a fetch in a transaction", (1, 1), |client| {
        run_all(client, &["MULTI", "INVAL.FETCH user:1", "INVAL.FETCH user:y", "EXEC"]);
    });
    assert_eq!(class(&mut client, "user"), (2, 3));
    assert_counts(&mut client, "a fetch that waits", (0, 1), |client| {
        let mut other = server.client();
        let waiting = thread::spawn(move || other.run("INVAL.FETCH user:x WAIT 60000"));
        eventually("it waits", || {
            int(field(&client.run("INVAL.STATS cache"), "cache"), "waiters") == 1
        });
        client.run("INVAL.FILL user:x v");
        let Value::Array(words) = waiting.join().unwrap() else { panic!("no array") };
        assert_eq!(words.iter().map(text).collect::<Vec<_>>(), ["hit", "v"]);
    });
    client.run(r#"INVAL.RULE SET w {"eventType":"e","cacheKeys":["user:1"],"warmCache":true,"warmHot":true}"#);
    client.run("INVAL.SOURCE ADD orders STREAM orders FORMAT json");
    assert_counts(&mut client, "the module's own", (0, 0), |client| {
        run_all(
            client,
            &[
                "TAG.SET user:2 t",
                "TAG.SET nope t",
                "TAG.ADD user:2 u",
                "TAG.GET user:2",
                "INVAL.FILL user:z v TAGS 1 t",
                "INVAL.EVENT e {}",
                "INVAL.PURGE KEYS 3 user:2 nope user:h SOFT 1000",
                "INVAL.PURGE TAGS 1 t",
                "INVAL.PURGE GLOB s* ASYNC",
                "INVAL.EXPLAIN PURGE GLOB *",
                "INVAL.STATS",
                "XADD orders * event e payload {}",
                "INVAL.SOURCE LIST",
                "INVAL.CHECK",
            ],
        );
        eventually("the entry is taken", || client.info("source_entries") == 1);
        eventually("the job is done", || client.info("jobs") == 0);
    });
    client.assert_sound();
}

#[test]
fn the_databases_are_told_apart() {
    let server = tracking();
    let mut client = server.client();
    client.set_all(&["here", "both"]);
    // All keys are in database 0: what is missed elsewhere is of elsewhere.
    run_all(&mut client, &["SELECT 9", "GET here", "GET nope", "SELECT 0", "GET here", "GET nope"]);
    assert_eq!((database(&mut client, "0"), database(&mut client, "9")), ((1, 1), (0, 2)));
    run_all(
        &mut client,
        &["SELECT 9", "SET there v", "SET both v", "GET there", "MGET there nope"],
    );
    assert_eq!((database(&mut client, "0"), database(&mut client, "9")), ((1, 1), (2, 3)));
    client.run("EVAL return(redis.call('MGET','there','here')) 0");
    assert_eq!((database(&mut client, "0"), database(&mut client, "9")), ((1, 1), (3, 4)));
    // Another client, in turns.
    let mut other = server.client();
    for _ in 0..10 {
        run_all(&mut client, &["GET there", "GET nope"]);
        run_all(&mut other, &["GET here", "GET nope"]);
    }
    assert_eq!((database(&mut client, "0"), database(&mut client, "9")), ((11, 11), (13, 14)));
    let before = (tracked(&mut client), database(&mut client, "0"), database(&mut client, "9"));
    other.run("GET both");
    client.run("GET both");
    let known = i64::from(knows_clients(&mut client));
    assert_eq!(less(tracked(&mut client), before.0), (2, 0));
    assert_eq!(less(database(&mut client, "0"), before.1), (known, 0), "unknown: in no database's");
    assert_eq!(less(database(&mut client, "9"), before.2), (known, 0));
    // The numbers are those of the databases that clients selected: they stay with the number.
    let before = (database(&mut client, "0"), database(&mut client, "9"));
    run_all(&mut client, &["SWAPDB 0 9", "FLUSHDB"]);
    assert_eq!((database(&mut client, "0"), database(&mut client, "9")), before);
}

#[test]
fn many_clients_and_pipelines_at_once_come_out_even() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    let (clients, rounds) = (8, 200);
    let hits = clients * rounds * (1 + 1 + 2 + 1);
    let misses = clients * rounds * (1 + 1);
    assert_counts(&mut client, "all clients", (hits, misses), |_| {
        thread::scope(|scope| {
            for _ in 0..clients {
                let mut client = server.client();
                scope.spawn(move || {
                    let mut pipe = redis::pipe();
                    for _ in 0..rounds {
                        pipe.cmd("GET").arg("user:1").cmd("GET").arg("nope");
                        pipe.cmd("SET").arg("other").arg("v").cmd("HGET").arg("user:h").arg("f");
                        pipe.cmd("MGET").arg(&["user:1", "no:2", "session:1"]);
                        pipe.cmd("EVAL").arg("return redis.call('GET', 'user:2')").arg(0);
                    }
                    pipe.query::<Value>(&mut client.0).unwrap();
                });
            }
        });
    });
    assert_eq!(class(&mut client, "user"), (clients * rounds * 3, 0));
    client.assert_sound();
}

#[test]
fn it_is_switched_on_and_off() {
    let server = Server::with_args(&["track-reads", "no"]);
    let mut client = server.client();
    let config = |client: &mut Client| {
        text(field(&client.run("CONFIG GET inval.track-reads"), "inval.track-reads"))
    };
    fill(&mut client);
    for (value, expected) in [("no", (0, 0)), ("yes", (2, 2)), ("no", (0, 0)), ("yes", (2, 2))] {
        client.run(&format!("CONFIG SET inval.track-reads {value}"));
        assert_eq!(config(&mut client), value);
        assert_eq!(client.info("reads_tracked"), i64::from(value == "yes"));
        let (server, tracked) = measured(&mut client, |client| {
            run_all(client, &["GET user:1", "GET nope", "INVAL.FETCH user:1", "INVAL.FETCH nope"]);
        });
        assert_eq!((server, tracked), ((2, 2), expected), "{value}");
        client.run("INVAL.FILL nope v");
        client.run("DEL nope");
    }
    // What a client selects while nobody listens is found out.
    run_all(&mut client, &["INVAL.STATS RESET", "GET user:1", "CONFIG SET inval.track-reads no"]);
    run_all(&mut client, &["SELECT 3", "SET k v", "CONFIG SET inval.track-reads yes", "GET k"]);
    assert_eq!((database(&mut client, "0"), database(&mut client, "3")), ((1, 0), (1, 0)));
    assert!(
        client.error("CONFIG SET inval.track-reads 7").contains("argument must be 'yes' or 'no'")
    );
    let refused = Server::try_start(&[
        "--loadmodule",
        support::module_path().to_str().unwrap(),
        "track-reads",
        "maybe",
    ]);
    let log = refused.err().unwrap();
    assert!(log.contains("argument track-reads 'maybe' is neither yes nor no"), "{log}");
}
