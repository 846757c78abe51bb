//! `INVAL.FETCH key WAIT ms` on a real server: who waits, and who is told what.
#![cfg(feature = "module")]

mod support;

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use support::{Client, Server, eventually, texts};

fn words(client: &mut Client, line: &str) -> Vec<String> {
    texts(&client.run(line))
}

fn token(client: &mut Client, key: &str) -> String {
    words(client, &format!("INVAL.FETCH {key}")).remove(1)
}

/// A reader that waits for `k`, in a thread of its own; the server has it when this returns.
fn reader(server: &Server, line: &str) -> JoinHandle<Result<Vec<String>, String>> {
    let mut client = server.client();
    let before = server.client().info("fetch_waits");
    let line = line.to_owned();
    let thread = thread::spawn(move || client.try_run(&line).map(|reply| texts(&reply)));
    eventually("the reader waits", || server.client().info("fetch_waits") > before);
    thread
}

fn told(reader: JoinHandle<Result<Vec<String>, String>>) -> Vec<String> {
    reader.join().unwrap_or(Err("panicked".to_owned())).unwrap_or_else(|error| vec![error])
}

const LONG: &str = "INVAL.FETCH k WAIT 3600000";

#[test]
fn readers_wait_for_the_value_that_another_client_fills() {
    let server = Server::start();
    let mut filler = server.client();
    let given = token(&mut filler, "k");
    let readers: Vec<_> = (0..5).map(|_| reader(&server, LONG)).collect();
    assert_eq!(filler.info("waiters"), 5);
    // Other keys and databases are nobody's business.
    filler.run("INVAL.FILL other v");
    server.client().run("SELECT 1");
    assert_eq!(filler.info("waiters"), 5);
    filler.run(&format!("INVAL.FILL k v TOKEN {given}"));
    for reader in readers {
        assert_eq!(told(reader), ["hit", "v"]);
    }
    assert_eq!((filler.info("waiters"), filler.info("fetch_hits")), (0, 5));
    // A value that comes by other ways is a value.
    for line in ["SET k w", "SET o w\nRENAME o k", "MULTI\nSET k w\nEXEC"] {
        filler.run("DEL k");
        token(&mut filler, "k");
        let reader = reader(&server, LONG);
        line.lines().for_each(|line| drop(filler.run(line)));
        assert_eq!(told(reader), ["hit", "w"], "{line}");
    }
    filler.assert_sound();
}

#[test]
fn the_first_inherits_when_the_token_dies_and_the_others_wait_on() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON moved PATTERNS 1 ^k$");
    for line in [
        "INVAL.PURGE KEYS 1 k",
        "INVAL.PURGE GLOB k*",
        "INVAL.EVENT moved",
        "DEL k",
        "FLUSHALL",
        "SWAPDB 0 1",
    ] {
        client.run("DEL k");
        token(&mut client, "k");
        let (first, second) = (reader(&server, LONG), reader(&server, LONG));
        client.run(line);
        let given = told(first);
        assert_eq!((given.len(), &*given[0]), (2, "miss"), "{line}");
        assert_eq!(client.info("waiters"), 1, "{line}");
        client.run(&format!("INVAL.FILL k {} TOKEN {}", "v", given[1]));
        assert_eq!(told(second), ["hit", "v"], "{line}");
    }
    // A fill that is refused for its tag used the token up.
    client.run("DEL k");
    let given = token(&mut client, "k");
    let reader = reader(&server, LONG);
    client.run("INVAL.PURGE TAGS 1 t");
    assert_eq!(words(&mut client, &format!("INVAL.FILL k v TOKEN {given} TAGS 1 t"))[0], "refused");
    assert_eq!(told(reader)[0], "miss");
    client.assert_sound();
}

#[test]
fn a_filler_that_dies_is_followed_and_so_is_its_heir() {
    let server = Server::with_args(&["token-ttl", "300"]);
    let mut client = server.client();
    token(&mut server.client(), "k");
    let first = reader(&server, LONG);
    let second = reader(&server, LONG);
    assert_eq!(told(first)[0], "miss");
    assert_eq!(told(second)[0], "miss");
    assert_eq!(client.info("waiters"), 0);
    client.assert_sound();
}

#[test]
fn whoever_goes_away_leaves_no_trace() {
    let server = Server::start();
    let mut client = server.client();
    let given = token(&mut client, "k");
    let (gone, stays) = (reader(&server, LONG), reader(&server, LONG));
    let list = support::text(&client.run("CLIENT LIST"));
    let id = |line: &str| line.strip_prefix("id=")?.split(' ').next().map(str::to_owned);
    let blocked = list.lines().filter(|line| line.contains("cmd=inval.fetch")).filter_map(id);
    let blocked: Vec<String> = blocked.collect();
    assert_eq!(blocked.len(), 2, "{list}");
    // The first of them goes.
    client.run(&format!("CLIENT KILL ID {}", blocked[0]));
    assert!(told(gone)[0].contains("ERR") || client.info("waiters") == 1);
    eventually("it is gone", || client.info("waiters") == 1);
    client.run(&format!("INVAL.FILL k v TOKEN {given}"));
    assert_eq!(told(stays), ["hit", "v"]);
    client.assert_sound();
}

#[test]
fn nobody_waits_longer_than_asked_or_where_it_may_not() {
    let server = Server::start();
    let mut client = server.client();
    token(&mut client, "k");
    assert_eq!(words(&mut client, "INVAL.FETCH k WAIT 20"), ["busy"]);
    let script = "EVAL \"return redis.call('INVAL.FETCH',KEYS[1],'WAIT','100000')\" 1 k";
    assert_eq!(words(&mut client, script), ["busy"]);
    client.run("MULTI");
    client.run(LONG);
    let reply = client.run("EXEC");
    let redis::Value::Array(replies) = reply else { panic!("{reply:?}") };
    assert_eq!(texts(&replies[0]), ["busy"]);
    assert_eq!((client.info("fetch_waits"), client.info("fetch_busy")), (1, 3));
    client.assert_sound();
}

#[test]
fn a_replica_makes_nobody_wait() {
    let (primary, server) = (Server::start(), Server::start());
    let mut client = server.client();
    token(&mut client, "k");
    let reader = reader(&server, LONG);
    client.run(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
    // The server itself sends blocked clients away, or we tell it what a replica tells.
    let reply = told(reader);
    assert!(reply[0] == "miss" || reply[0].contains("UNBLOCKED"), "{reply:?}");
    eventually("it is a replica that gives no token", || {
        client.try_run(LONG).is_ok_and(|reply| texts(&reply) == ["miss"])
    });
    assert_eq!(client.info("waiters"), 0);
}

/// All of them are answered, by one fill, and one connection reads the answers in the order in
/// which it asked.
#[test]
fn thousands_are_answered_by_one_fill() {
    const READERS: usize = 500;
    let server = Server::with_args(&["--maxclients", "2000"]);
    let mut filler = server.client();
    let given = token(&mut filler, "k");
    let (tell, heard) = mpsc::channel();
    let threads: Vec<_> = (0..READERS)
        .map(|_| {
            let (mut client, tell) = (server.client(), tell.clone());
            thread::Builder::new().stack_size(256 << 10).spawn(move || {
                let reply = client.try_run(LONG).map(|reply| texts(&reply));
                tell.send(reply).map_err(drop)
            })
        })
        .collect();
    eventually("all wait", || filler.info("waiters") == READERS as i64);
    filler.run(&format!("INVAL.FILL k v TOKEN {given}"));
    drop(tell);
    let replies: Vec<_> = heard.iter().collect();
    assert_eq!((replies.len(), threads.len()), (READERS, READERS));
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply[1] == "v")));
    assert_eq!(filler.info("fills"), 1);
    filler.assert_sound();
}
