//! A module loaded into a server that already holds a million keys.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Server, eventually, field, int, module_path, text};

const KEYS: i64 = 1_000_000;

#[test]
fn a_module_loaded_late_finds_a_million_keys_while_the_server_answers() {
    let server = Server::without_module(&[]);
    let mut client = server.client();
    client.run(&format!("DEBUG POPULATE {KEYS} key 1"));
    client.run("SELECT 5");
    client.set_all(&["other:1", "other:2"]);
    client.run("SELECT 0");
    // Small slices, so that there is something to see on the way.
    client.run(&format!("MODULE LOAD {} index-slice-us 200", module_path().display()));

    // The index is incomplete and says so; the answer is complete all the same.
    let reply = client.run("INVAL.PURGE GLOB key:99999* DRYRUN");
    assert_eq!((client.info("index_complete"), int(&reply, "matched")), (0, 11));
    assert!(text(field(&reply, "warning")).starts_with("index incomplete"), "{reply:?}");
    assert_eq!(int(&client.run("INVAL.PURGE KEYS 2 key:5 nokey"), "deleted"), 1);
    assert_eq!(client.int("TAG.SET key:999998 t"), 1);
    assert_eq!(client.int("TAG.SET nokey t"), 0);

    // Keys come, go and move while the walk is under way.
    let (mut answered, mut percents) = (0, vec![]);
    eventually("the index is complete", || {
        answered += 1;
        client.run(&format!("SET new:{answered} v"));
        client.run(&format!("DEL key:{}", answered + 10));
        client.run(&format!("RENAME key:{} moved:{answered}", KEYS - 100_000 + answered));
        percents.push(client.info("index_percent"));
        client.info("index_complete") == 1
    });
    assert!(answered > 10, "the server answered {answered} times only");
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(client.info("keys"), client.int("DBSIZE") + 2);
    let reply = client.run("INVAL.PURGE GLOB *:99999*");
    assert_eq!(int(&reply, "deleted"), 11);
    assert!(!support::has_field(&reply, "warning"));
    assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 t"), "deleted"), 0);
    client.run("SELECT 5");
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX other:"), "deleted"), 2);
    let log = server.log();
    for line in ["indexing 1000002 keys", "inval: indexed", "inval: index complete"] {
        assert!(log.contains(line), "no '{line}' in {log}");
    }
    client.run("SELECT 0");
    client.assert_sound();
}

#[test]
fn swapping_databases_during_the_walk_loses_nothing() {
    let server = Server::without_module(&[]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 200000 a 1");
    client.run("SELECT 1");
    client.run("DEBUG POPULATE 200000 b 1");
    client.run(&format!("MODULE LOAD {} index-slice-us 200", module_path().display()));
    let mut swaps = 0;
    eventually("the index is complete", || {
        if swaps < 5 {
            client.run("SWAPDB 0 1");
            swaps += 1;
        }
        client.info("index_complete") == 1
    });
    assert_eq!(client.info("keys"), 400_000);
    for db in [0, 1] {
        client.run(&format!("SELECT {db}"));
        let matched = int(&client.run("INVAL.PURGE GLOB * DRYRUN"), "matched");
        assert_eq!(matched, 200_000);
    }
}
