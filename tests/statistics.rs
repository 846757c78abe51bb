//! Every figure beside a truth that is known without the module.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "statistics/exposition.rs"]
mod exposition;
#[path = "statistics/journal.rs"]
mod journal;
mod support;

use std::thread;

use redis::Value;
use support::state::in_sync;
use support::{Client, Server, field, int, text};

/// Clients at a time.
const CLIENTS: usize = 4;

/// Rounds of each.
const ROUNDS: usize = 50;

/// Keys that each round's event deletes by a glob.
const BY_GLOB: usize = 3;

/// Keys that it deletes by a tag.
const BY_TAG: usize = 2;

fn rules(client: &mut Client) {
    let rule = r#"{"eventType":"saved","cacheKeys":["{who}:{at}:list:*","{who}:never"],"tags":["{who}:{at}"]}"#;
    client.call(&[b"INVAL.RULE", b"SET", b"saved", rule.as_bytes()]).unwrap();
    client.run("INVAL.RULE ADD soft ON aged KEYS 1 {who}:old SOFT 60000");
    client.run("INVAL.RULE ADD missing ON nothing KEYS 1 {who}:{nowhere}");
}

/// What one client does in a round; it knows what must come of it.
fn round(client: &mut Client, who: usize, at: usize) {
    for key in 0..BY_GLOB {
        client.run(&format!("SET {who}:{at}:list:{key} v"));
    }
    for key in 0..BY_TAG {
        client.run(&format!("SET {who}:{at}:tagged:{key} v"));
        client.run(&format!("TAG.SET {who}:{at}:tagged:{key} {who}:{at}"));
    }
    client.run(&format!("SET {who}:old v"));
    let payload = format!(r#"'{{"who":{who},"at":{at},"entityType":"article"}}'"#);
    client.run(&format!("INVAL.EVENT saved {payload}"));
    // Nothing is left of it.
    client.run(&format!("INVAL.EVENT saved {payload}"));
    client.run(&format!("INVAL.EVENT saved {payload} DRYRUN"));
    client.run(&format!("INVAL.EVENT aged {payload}"));
    client.run(&format!("INVAL.EVENT unknown {payload}"));
    assert!(client.error(&format!("INVAL.EVENT nothing {payload}")).contains("nowhere"));
    client.run(&format!("SET {who}:page:1 v"));
    client.run(&format!("INVAL.PURGE PREFIX {who}:page:"));
}

fn all_rounds(server: &Server) {
    rules(&mut server.client());
    thread::scope(|scope| {
        for who in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = server.client();
                (0..ROUNDS).for_each(|at| round(&mut client, who, at));
            });
        }
    });
}

fn section(client: &mut Client, name: &str) -> Value {
    field(&client.run(&format!("INVAL.STATS {name} COUNT 1000")), name).clone()
}

/// Fields of a row, in this order.
fn figures(row: &Value) -> [i64; 6] {
    ["runs", "wasted", "failures", "keys_deleted", "keys_marked", "keys_matched"]
        .map(|name| int(row, name))
}

fn count_of(row: &Value, times: &str) -> f64 {
    match field(field(row, times), "mean") {
        Value::Double(mean) => *mean,
        other => panic!("{other:?}"),
    }
}

#[test]
fn figures_are_what_many_clients_at_once_know_them_to_be() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    let n = (CLIENTS * ROUNDS) as i64;
    let (deleted, matched) = (n * (BY_GLOB + BY_TAG) as i64, n * (BY_GLOB + BY_TAG) as i64);

    // Of an event that ran twice in a round, the second found nothing.
    let rules = section(&mut client, "rules");
    assert_eq!(figures(field(&rules, "saved")), [2 * n, n, 0, deleted, 0, matched]);
    assert_eq!(figures(field(&rules, "soft")), [n, 0, 0, 0, n, n]);
    assert_eq!(figures(field(&rules, "missing")), [0, 0, n, 0, 0, 0]);
    let events = section(&mut client, "events");
    assert_eq!(figures(field(&events, "saved")), [2 * n, n, 0, deleted, 0, matched]);
    assert_eq!(figures(field(&events, "aged")), [n, 0, 0, 0, n, n]);
    assert_eq!(figures(field(&events, "unknown")), [n, n, 0, 0, 0, 0]);
    assert_eq!(figures(field(&events, "nothing")), [0, 0, n, 0, 0, 0]);
    let entities = section(&mut client, "entities");
    let all_of_them = [4 * n, 2 * n, 0, deleted, n, matched + n];
    assert_eq!(figures(field(&entities, "article")), all_of_them);

    let patterns = section(&mut client, "patterns");
    let by_glob = n * BY_GLOB as i64;
    assert_eq!(figures(field(&patterns, "{who}:{at}:list:*")), [2 * n, n, 0, by_glob, 0, by_glob]);
    for who in 0..CLIENTS {
        let rounds = ROUNDS as i64;
        let page = field(&patterns, &format!("{who}:page:")).clone();
        assert_eq!(figures(&page), [rounds, 0, 0, rounds, 0, rounds]);
    }
    let tags = section(&mut client, "tags");
    let by_tag = n * BY_TAG as i64;
    assert_eq!(figures(field(&tags, "{who}:{at}")), [2 * n, n, 0, by_tag, 0, by_tag]);

    let totals = section(&mut client, "totals");
    let all = [5 * n, 2 * n, n, deleted + n, n, matched + 2 * n];
    assert_eq!(figures(&totals), all);
    for (name, expected) in [
        ("events", 4 * n),
        ("events_unmatched", n),
        ("purges", n),
        ("dry_runs", n),
        ("errors", n),
        ("keys_refused", 0),
    ] {
        assert_eq!(int(&totals, name), expected, "{name}");
    }
    let windows = section(&mut client, "windows");
    let start = field(&windows, "start");
    for (name, expected) in [
        ("invalidations", 5 * n),
        ("events", 4 * n),
        ("purges", n),
        ("wasted", 2 * n),
        ("failures", n),
        ("keys_deleted", deleted + n),
        ("keys_marked", n),
    ] {
        assert_eq!(int(start, name), expected, "{name}");
    }
    // Both parts of a time are in the whole; the mean is that of all.
    let (whole, parts) = (
        count_of(&totals, "micros"),
        count_of(&totals, "resolve_micros") + count_of(&totals, "delete_micros"),
    );
    assert!((whole - parts).abs() < 0.2, "{whole} {parts}");

    // The server's own count of what we called beside it.
    let info = text(&client.run("INFO commandstats"));
    assert!(info.contains("cmdstat_inval.event:calls="), "{info}");
    assert_eq!(client.info("wasted"), 2 * n);
    assert_eq!(client.info("failures"), n);
    client.assert_sound();
}

/// The most frequent names are exact where there is room for all.
#[test]
fn the_top_is_exact_while_there_is_room_for_every_name() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    let top = client.run("INVAL.TOP COUNT 1000");
    let ranks = |kind: &str| -> Vec<(String, i64, i64)> {
        let Value::Array(ranks) = field(&top, kind) else { panic!("{top:?}") };
        let rank =
            |rank: &Value| (text(field(rank, "name")), int(rank, "count"), int(rank, "error"));
        ranks.iter().map(rank).collect()
    };
    let rounds = ROUNDS as i64;
    let page = |who: usize| (format!("{who}:page:"), rounds, 0);
    let patterns = ranks("patterns");
    assert!((0..CLIENTS).all(|who| patterns.contains(&page(who))), "{patterns:?}");
    let tag = ("3:49".to_owned(), 1, 0);
    assert!(ranks("tags").contains(&tag), "{:?}", ranks("tags"));
    let n = (CLIENTS * ROUNDS) as i64;
    assert_eq!(ranks("rules"), [("saved".to_owned(), n, 0), ("soft".to_owned(), n, 0)]);
    // Of keys there are more than ranks: what came often is there, and within its error.
    let keys = ranks("keys");
    for who in 0..CLIENTS {
        let key = format!("{who}:page:1");
        let (_, count, error) = keys.iter().find(|(name, ..)| *name == key).unwrap();
        assert!(*count >= rounds && count - error <= rounds, "{key}: {count} {error}");
    }
}

fn runs(client: &mut Client) -> i64 {
    int(&section(client, "totals"), "runs")
}

#[test]
fn what_outlives_a_reset_a_flush_and_a_restart() {
    let mut server = Server::start();
    let mut client = server.client();
    rules(&mut client);
    round(&mut client, 0, 0);
    client.run("SET kept v");
    client.run("TAG.SET kept t");
    let before = runs(&mut client);
    assert_eq!(before, 5);

    client.run("FLUSHALL");
    assert_eq!(runs(&mut client), before);
    client.run("SET kept v");
    client.run("TAG.SET kept t");
    client.run("SWAPDB 0 1");
    client.run("SWAPDB 0 1");
    assert_eq!(runs(&mut client), before);

    // Counters go; what is known of keys, rules and reasons stays.
    let why = client.run("INVAL.WHY 0:page:1");
    let len = client.int("INVAL.LOG LEN");
    assert_eq!(len, 6);
    client.run("INVAL.STATS RESET");
    assert_eq!(runs(&mut client), 0);
    let windows = section(&mut client, "windows");
    for window in ["1m", "5m", "1h", "start"] {
        for name in ["invalidations", "keys_deleted", "failures", "seconds"] {
            assert_eq!(int(field(&windows, window), name), 0, "{window} {name}");
        }
    }
    let top = client.run("INVAL.TOP KEYS RULES");
    assert_eq!(*field(&top, "keys"), Value::Array(vec![]));
    assert_eq!(*field(&top, "rules"), Value::Array(vec![]));
    assert_eq!(client.sorted("TAG.GET kept"), ["t"]);
    assert_eq!(client.info("rules"), 3);
    assert_eq!(client.run("INVAL.WHY 0:page:1"), why);
    assert_eq!(client.int("INVAL.LOG LEN"), len);
    client.run("INVAL.LOG RESET");
    assert_eq!(client.int("INVAL.LOG LEN"), 0);
    assert_eq!(client.run("INVAL.WHY 0:page:1"), why);

    round(&mut client, 0, 1);
    assert_eq!(runs(&mut client), 5);
    client.run("SAVE");
    server.kill_and_restart();
    let mut client = server.client();
    assert_eq!(runs(&mut client), 0);
    assert_eq!(client.int("INVAL.LOG LEN"), 0);
    assert_eq!(client.run("INVAL.WHY 0:page:1"), Value::Array(vec![]));
}

#[test]
fn a_replica_counts_nothing_until_it_is_the_primary() {
    let (primary, replica) = (Server::start(), Server::start());
    let (mut client, mut other) = (primary.client(), replica.client());
    other.run(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
    in_sync(&primary, &replica);
    rules(&mut client);
    round(&mut client, 0, 0);
    in_sync(&primary, &replica);
    assert_eq!((runs(&mut client), runs(&mut other)), (5, 0));
    assert_eq!(other.run("INVAL.WHY 0:page:1"), Value::Array(vec![]));
    other.run("REPLICAOF NO ONE");
    round(&mut other, 0, 1);
    assert_eq!((runs(&mut client), runs(&mut other)), (5, 5));
}

#[test]
fn windows_have_the_servers_own_hits() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET here v");
    client.run("INVAL.STATS RESET");
    client.run("CONFIG RESETSTAT");
    for _ in 0..30 {
        client.run("GET here");
    }
    for _ in 0..10 {
        client.run("GET nowhere");
    }
    let windows = section(&mut client, "windows");
    let minute = field(&windows, "1m");
    assert_eq!((int(minute, "hits"), int(minute, "misses")), (30, 10));
    assert_eq!(*field(minute, "hit_rate"), Value::Double(0.75));
    // Whoever resets the server's counters takes nothing from ours.
    client.run("CONFIG RESETSTAT");
    client.run("GET here");
    let windows = section(&mut client, "windows");
    assert_eq!(int(field(&windows, "start"), "hits"), 31);
    client.run("INVAL.STATS RESET");
    let windows = section(&mut client, "windows");
    assert_eq!(int(field(&windows, "start"), "hits"), 0);
}

#[test]
fn the_overhead_is_the_share_of_time_that_invalidations_took() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.STATS RESET");
    let begin = support::server_micros(&mut client);
    for round in 0..20 {
        let mut keys = redis::pipe();
        for key in 0..5000 {
            keys.cmd("SET").arg(format!("{round}:{key}")).arg("v").ignore();
        }
        keys.query::<()>(&mut client.0).unwrap();
        client.run(&format!("INVAL.PURGE PREFIX {round}:"));
    }
    let stats = client.run("INVAL.STATS totals windows");
    let took = support::server_micros(&mut client) - begin;
    let times = field(field(&stats, "totals"), "micros");
    let Value::Double(mean) = field(times, "mean") else { panic!("{times:?}") };
    let start = field(field(&stats, "windows"), "start");
    let Value::Double(overhead) = field(start, "overhead") else { panic!("{start:?}") };
    // The time that passed is known to within a look's own time.
    let expected = mean * 20.0 / took as f64;
    assert!((overhead - expected).abs() < 0.1 * expected + 0.01, "{overhead} {expected}");
    assert_eq!(int(start, "keys_deleted"), 100_000);
}
