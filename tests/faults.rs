//! Kills, short memory, paused and dying clients: what was acknowledged stays, and the server
//! lives.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use support::process::clients_allowed;
use support::state::{children_are_done, info_text, state};
use support::wire::Raw;
use support::world::{Dice, World};
use support::{Server, eventually, int};

const CLIENTS: usize = 4;

/// Clients write; the server is killed at a random moment and started again. Each client's keys
/// are as after its last acknowledged operation, or as after the one that was under way.
fn kill_rounds(rounds: u64) {
    let seed = std::env::var("INVAL_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(u64::from(std::process::id()) << 32 | 0x9e37_79b9);
    println!("INVAL_SEED={seed}");
    let mut dice = Dice(seed);
    let mut acknowledged = 0;
    for preamble in ["yes", "no"] {
        let mut server = Server::with_args(&[
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--aof-use-rdb-preamble",
            preamble,
        ]);
        server.client().run("INVAL.RULE ADD all ON stale KEYS 1 {key} TAGS 1 {tag}");
        let mut worlds = vec![World::default(); CLIENTS];
        for round in 0..rounds.div_ceil(2) {
            let (count, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
            let end = 50 + dice.roll(800);
            let rewrite_at = dice.roll(end);
            let ends: Vec<(World, String, World)> = thread::scope(|scope| {
                let threads: Vec<_> = worlds
                    .iter()
                    .enumerate()
                    .map(|(of, world)| {
                        let mut dice = Dice(dice.roll(u64::MAX) | 1);
                        let (mut client, count, stopped) = (server.client(), &count, &stopped);
                        let mut world = world.clone();
                        scope.spawn(move || {
                            loop {
                                let (line, after) = world.draw(of, &mut dice);
                                match client.try_run(&line) {
                                    Ok(_) => world = after,
                                    Err(_) if stopped.load(Ordering::SeqCst) => {
                                        return (world, line, after);
                                    }
                                    Err(error) => panic!("{line}: {error}"),
                                }
                                // Not for ever where this test fails for another reason.
                                assert!(count.fetch_add(1, Ordering::Relaxed) < 100_000);
                            }
                        })
                    })
                    .collect();
                eventually("enough was written to rewrite", || {
                    count.load(Ordering::Relaxed) >= rewrite_at
                });
                // An error where the server has begun one by itself, which does as well.
                let _ = server.client().try_run("BGREWRITEAOF");
                eventually("enough was written", || count.load(Ordering::Relaxed) >= end);
                stopped.store(true, Ordering::SeqCst);
                server.kill();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            acknowledged += count.into_inner();
            server.restart().unwrap();
            let mut client = server.client();
            for (of, (before, line, after)) in ends.into_iter().enumerate() {
                let found = World::read(&mut client, of);
                assert!(
                    found == before || found == after,
                    "round {round}, preamble {preamble}, client {of}, under way: {line}\n\
                     found {found:?}\nbefore {before:?}\nafter {after:?}"
                );
                worlds[of] = found;
            }
            client.run("INVAL.CHECK");
            client.assert_sound();
        }
    }
    println!("{rounds} kills, {acknowledged} acknowledged operations, none lost or undone");
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    kill_rounds(5);
}

#[test]
#[ignore = "make kill"]
fn nothing_acknowledged_is_lost_by_many_kills() {
    let rounds = std::env::var("INVAL_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
    kill_rounds(rounds.unwrap_or(100));
}

#[test]
fn stale_keys_can_be_deleted_when_memory_is_short() {
    let policies = [
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ];
    let value = "x".repeat(10_000);
    for policy in policies {
        let server = Server::start();
        let mut client = server.client();
        client.run("INVAL.RULE ADD r ON e KEYS 1 k:{n}*");
        client.run("INVAL.RULE ADD other ON other KEYS 1 none");
        for at in 0..400 {
            let ttl = if at % 2 == 0 { "EX 10000" } else { "" };
            client.run(&format!("SET k:{at} {value} {ttl}"));
            client.run(&format!("TAG.SET k:{at} every t:{}", at % 3));
        }
        client.run(&format!("CONFIG SET maxmemory-policy {policy}"));
        let used: u64 = info_text(&mut client, "used_memory").parse().unwrap();
        client.run(&format!("CONFIG SET maxmemory {}", used - 1_000_000));
        if policy == "noeviction" {
            assert!(client.error("SET new v").starts_with("OOM"));
            assert!(client.error("TAG.ADD k:1 new").starts_with("OOM"));
        } else {
            eventually("keys are evicted", || client.int("DBSIZE") <= 350);
        }
        client.run("CONFIG SET maxmemory 0");
        let live = client.sorted("TAG.KEYS every");
        assert_eq!(client.keys(), live, "{policy}: tags of evicted keys");
        // Freed by each of the commands that free, at the very moment when memory is short.
        let short = |client: &mut support::Client| {
            let used: u64 = info_text(client, "used_memory").parse().unwrap();
            client.run("CONFIG SET maxmemory-policy noeviction");
            client.run(&format!("CONFIG SET maxmemory {}", used / 2));
            assert!(client.error("SET new v").starts_with("OOM"), "{policy}");
        };
        short(&mut client);
        let key = live.last().unwrap();
        assert_eq!(client.int(&format!("TAG.REM {key} every")), 1, "{policy}");
        client.run("INVAL.RULE DISABLE other");
        client.run("INVAL.RULE DEL other");
        assert!(int(&client.run("INVAL.EVENT e '{\"n\":1}'"), "deleted") > 0, "{policy}");
        assert!(int(&client.run("INVAL.PURGE TAGS 1 t:1"), "deleted") > 0, "{policy}");
        client.run("INVAL.PURGE PREFIX k:");
        assert_eq!((client.int("DBSIZE"), client.info("tagged")), (0, 0), "{policy}");
        client.run("CONFIG SET maxmemory 0");
        client.run("SET new v");
        client.run("INVAL.CHECK");
        client.assert_sound();
    }
}

#[test]
fn a_pause_stops_neither_server_nor_walks() {
    let mut server = Server::with_args(&[
        "check-interval",
        "1",
        "index-slice-us",
        "50",
        "--appendonly",
        "yes",
        "--aof-use-rdb-preamble",
        "no",
    ]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:*");
    client.run("EVAL \"for i=1,3000 do redis.call('SET','k:'..i,'v') end\" 0");
    client.run("TAG.SET k:1 t");
    client.run("SET dies v PX 500");
    client.run("TAG.SET dies t");
    // Something for a pass to find, so that there is one; without it a pause alone.
    let faults = client.try_run("INVAL.DEBUG FORGET k:7").is_ok();
    client.run("CLIENT PAUSE 100000 WRITE");
    let mut blocked = Raw::to(&server);
    blocked.send("INVAL.EVENT e\r\nPING\r\n");
    let end = support::server_micros(&mut client) + 2_500_000;
    eventually("timers ran under the pause", || support::server_micros(&mut client) > end);
    if faults {
        eventually("a pass ran under the pause", || client.info("drift_missed") == 1);
    }
    for line in ["TAG.KEYS t", "TAG.GET dies", "INVAL.EXPLAIN EVENT e", "INVAL.STATS"] {
        client.run(line);
    }
    assert_eq!(client.int("DBSIZE"), 3001);
    client.run("INVAL.CHECK");
    server.assert_well();
    // A rewrite carries the state into the new file; nothing may be sent under a pause.
    client.run("BGREWRITEAOF");
    children_are_done(&mut client);
    server.assert_well();
    client.run("CLIENT UNPAUSE");
    assert!(blocked.until("+PONG\r\n").contains("deleted\r\n:3000\r\n"));
    eventually("the rest expires", || client.int("DBSIZE") == 0 && client.info("keys") == 0);
    client.run("SET last v");
    client.run("TAG.SET last t");
    // What could not be sent under the pause is made good.
    let files = server.dir.join("appendonlydir");
    eventually("the rules are in the new file", || {
        let texts = std::fs::read_dir(&files).unwrap().map(|file| {
            String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned()
        });
        texts.filter(|text| text.contains("INVAL.RULE")).count() > 0
    });
    client.run("CLIENT PAUSE 300 ALL");
    client.run("TAG.ADD last u");
    let before = state(&mut client);
    client.run("CONFIG SET appendfsync always");
    client.run("SET last v");
    server.assert_well();
    server.kill_and_restart();
    let mut client = server.client();
    assert_eq!(state(&mut client), before);
    client.assert_sound();
}

#[test]
fn clients_may_die_at_any_moment() {
    let mut server = Server::start();
    let mut client = server.client();
    client.run("EVAL \"for i=1,50000 do redis.call('SET','k:'..i,'v') end\" 0");
    client.run("SET a v");
    let command = "*3\r\n$7\r\nTAG.SET\r\n$1\r\na\r\n$1\r\nt\r\n";
    for cut in 0..command.len() {
        let mut raw = Raw::to(&server);
        raw.send("MULTI\r\nCOPY a b\r\n");
        raw.send(&command[..cut]);
    }
    assert_eq!((client.int("EXISTS b"), client.int("TAG.CARD t")), (0, 0));
    let mut raw = Raw::to(&server);
    raw.send("INVAL.PURGE PREFIX k: KEYS\r\n");
    raw.until("deleted\r\n");
    drop(raw);
    assert_eq!(client.keys(), ["a"]);
    // Gone before the first byte of the answer.
    client.run("EVAL \"for i=1,50000 do redis.call('SET','k:'..i,'v') end\" 0");
    Raw::to(&server).send("INVAL.PURGE PREFIX k: KEYS\r\n");
    eventually("it is carried out all the same", || client.int("DBSIZE") == 1);
    client.run("INVAL.CHECK");
    client.assert_sound();
    server.assert_well();
}

#[test]
fn ten_thousand_clients_are_all_answered() {
    let count = clients_allowed();
    if count < 10_000 {
        println!("only {count} clients: the limit of open files (ulimit -n) allows no more");
    }
    let mut server = Server::with_args(&["--maxclients", "10100"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 c:{id}");
    let mut clients: Vec<Raw> = (0..count).map(|_| Raw::to(&server)).collect();
    for (at, raw) in clients.iter_mut().enumerate() {
        let event = format!("INVAL.EVENT e '{{\"id\":{}}}'", at / 2);
        let tag = at % 7;
        raw.send(&format!("SET c:{at} v\r\nTAG.SET c:{at} t:{tag} all\r\n{event}\r\nPING\r\n"));
    }
    let mut deleted = 0;
    for raw in &mut clients {
        let answer = raw.until("+PONG\r\n");
        assert!(answer.starts_with("+OK\r\n:2\r\n*16\r\n"), "{answer}");
        assert!(!answer.contains("\r\n-"), "{answer}");
        deleted += usize::from(answer.contains("deleted\r\n:1\r\n"));
    }
    assert!(deleted > 0);
    assert_eq!(client.int("DBSIZE"), i64::try_from(count - deleted).unwrap());
    assert_eq!(client.int("TAG.CARD all"), client.int("DBSIZE"));
    client.run("INVAL.CHECK");
    client.assert_sound();
    server.assert_well();
}

#[test]
fn a_server_that_loads_says_so_and_loads_exactly() {
    let mut server = Server::with_args(&["--loading-process-events-interval-bytes", "1024"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:*");
    client.run(
        "EVAL \"for i=1,2000 do redis.call('SET','k:'..i,'v') \
         redis.call('TAG.SET','k:'..i,'t','u:'..i%10) end\" 0",
    );
    let before = state(&mut client);
    // Slow enough that all questions come in time on a busy machine; sped up after them.
    client.run("CONFIG SET key-load-delay 4000");
    let mut loading = server.client();
    thread::scope(|scope| {
        scope.spawn(|| client.run("DEBUG RELOAD"));
        let is_loading = |error: &String| error.starts_with("LOADING");
        eventually("it loads", || loading.try_run("TAG.KEYS t").is_err_and(|e| is_loading(&e)));
        for line in ["BGSAVE", "SAVE", "INVAL.EVENT e", "TAG.SET k:1 x", "INVAL.RULE DEL r"] {
            let error = loading.error(line);
            assert!(is_loading(&error), "{line}: {error}");
        }
        loading.run("INFO");
        loading.run("CONFIG SET key-load-delay 0");
    });
    let mut client = server.client();
    assert_eq!(state(&mut client), before);
    client.run("INVAL.CHECK");
    client.assert_sound();
    server.assert_well();
}

#[test]
fn a_large_keyspace_keeps_all_its_tags() {
    let mut server = Server::with_args(&["--save", "3600 1"]);
    let mut client = server.client();
    for part in 0..10 {
        client.run(&format!(
            "EVAL \"for i={},{} do local k='key:'..i redis.call('SET',k,'v') \
             redis.call('TAG.SET',k,'all','t:'..i%1000,'own:'..i) end\" 0",
            part * 30_000,
            part * 30_000 + 29_999
        ));
    }
    let check = client.run("INVAL.CHECK");
    assert_eq!((int(&check, "keys"), int(&check, "tagged")), (300_000, 900_000));
    client.run("SAVE");
    server.kill_and_restart();
    let mut client = server.client();
    let mut again = client.run("INVAL.CHECK");
    assert_eq!(again, check);
    assert_eq!(client.sorted("TAG.GET key:123456"), ["all", "own:123456", "t:456"]);
    assert_eq!(client.int("TAG.CARD t:456"), 300);
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 t:456"), "deleted"), 300);
    again = client.run("INVAL.CHECK");
    assert_eq!(int(&again, "keys"), 299_700);
    client.assert_sound();
}
