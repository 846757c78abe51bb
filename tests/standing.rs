//! Patterns of rules that keep their members: over keys that were there before, and later ones.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use redis::Value;
use support::{Client, Server, eventually, field, int, text};

const KEYS: i64 = 200_000;

/// What `INVAL.EXPLAIN` says of the only target: how it is found, and how many keys match.
fn explained(reply: &Value) -> (String, i64) {
    let Value::Array(targets) = field(reply, "targets") else { panic!("{reply:?}") };
    (text(field(&targets[0], "strategy")), int(&targets[0], "matches"))
}

fn explain(client: &mut Client, what: &str) -> (String, i64) {
    explained(&client.run(&format!("INVAL.EXPLAIN {what}")))
}

fn set_rule(client: &mut Client, pattern: &str) {
    client.run(&format!("INVAL.RULE ADD r ON e PATTERNS 1 {pattern}"));
}

fn is_built(client: &mut Client) {
    eventually("the set is built", || explain(client, "e").0 == "standing set");
}

#[test]
fn a_rule_over_old_keys_builds_its_set_while_keys_come_and_go() {
    let server = Server::with_args(&["index-slice-us", "50"]);
    let mut client = server.client();
    client.run(&format!("DEBUG POPULATE {KEYS} key 1"));
    // In a transaction no slice comes between.
    client.run("MULTI");
    set_rule(&mut client, "^key:.*7$");
    client.run("INVAL.EXPLAIN e");
    let Value::Array(replies) = client.run("EXEC") else { panic!() };
    assert_eq!(explained(&replies[1]), ("text search".to_owned(), KEYS / 10));

    let mut round = 0;
    eventually("the set is built", || {
        round += 1;
        client.run(&format!("SET key:new:{round}7 v"));
        client.run(&format!("DEL key:{}7", round + 5));
        client.run(&format!("RENAME key:{}7 key:{round}:7", KEYS / 10 - round));
        client.run(&format!("RENAME key:{}7 moved:{round}:7", KEYS / 10 - 3000 - round));
        client.run(&format!("MOVE key:{}7 1", 5000 + round));
        client.run(&format!("SET key:{}8 overwritten", 5000 + round));
        let (strategy, matches) = explain(&mut client, "e");
        assert_eq!(matches, KEYS / 10 - 2 * round, "{strategy}");
        strategy == "standing set"
    });
    assert!(round > 1 && round < 2000, "{round}");
    assert_eq!(explain(&mut client, "PURGE REGEX ^key:.*7$").0, "standing set");
    assert_eq!(explain(&mut client, "PURGE GLOB key:*7").0, "text search");
    client.run("SELECT 1");
    assert_eq!(explain(&mut client, "e"), ("standing set".to_owned(), round));
    client.run("SELECT 0");
    client.run("INVAL.CHECK");
    let reply = client.run("INVAL.EVENT e");
    assert_eq!(int(&reply, "deleted"), KEYS / 10 - 2 * round);
    assert_eq!(client.info("standing_members"), round);
    client.run("INVAL.CHECK");

    client.run("INVAL.RULE DEL r");
    eventually("the set is gone", || client.info("standing_members") == 0);
    assert_eq!(client.info("standing_patterns"), 0);
    client.assert_sound();
}

#[test]
fn sets_follow_swaps_flushes_and_loads() {
    let mut server = Server::with_args(&["index-slice-us", "50"]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 50000 a 1");
    client.run("SELECT 1");
    client.run("DEBUG POPULATE 20000 b 1");
    set_rule(&mut client, "':.*7$'");
    for _ in 0..5 {
        client.run("SWAPDB 0 1");
        client.run("INVAL.CHECK");
    }
    is_built(&mut client);
    assert_eq!(explain(&mut client, "e").1, 5000);
    client.run("SELECT 0");
    is_built(&mut client);
    assert_eq!(explain(&mut client, "e").1, 2000);
    client.run("FLUSHDB");
    client.run("SET x:7 v");
    assert_eq!(explain(&mut client, "e"), ("standing set".to_owned(), 1));
    client.run("SELECT 1");
    client.run("DEBUG RELOAD");
    is_built(&mut client);
    assert_eq!(explain(&mut client, "e").1, 5000);
    client.run("SAVE");
    server.kill_and_restart();
    let mut client = server.client();
    client.run("SELECT 1");
    is_built(&mut client);
    assert_eq!(explain(&mut client, "e").1, 5000);
    client.run("SELECT 0");
    assert_eq!(explain(&mut client, "e"), ("standing set".to_owned(), 1));
    assert_eq!(client.info("standing_members"), 5001);
    client.run("INVAL.CHECK");
    client.assert_sound();
}
