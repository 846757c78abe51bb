//! Tags and rules survive restarts: snapshots, and both kinds of append-only file.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::state::{children_are_done, fill, state};
use support::{Server, eventually};

const RDB: &[&str] = &["--save", "3600 1"];
const AOF: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const AOF_PLAIN: &[&str] =
    &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];

#[test]
fn a_restart_changes_no_answer() {
    let ways: [(&str, &[&str], &[&str]); 6] = [
        ("snapshot", RDB, &["SAVE"]),
        ("snapshot in the background", RDB, &["BGSAVE"]),
        ("append-only file", AOF, &[]),
        ("rewritten append-only file", AOF, &["BGREWRITEAOF"]),
        ("plain append-only file", AOF_PLAIN, &[]),
        ("rewritten plain append-only file", AOF_PLAIN, &["BGREWRITEAOF"]),
    ];
    for (what, options, save) in ways {
        let mut server = Server::with_args(options);
        let mut client = server.client();
        fill(&mut client);
        for line in save {
            client.run(line);
            children_are_done(&mut client);
        }
        if !save.is_empty() && what.contains("append-only") {
            client.run("SET after:rewrite v");
            client.run("TAG.SET after:rewrite late");
        }
        let before = state(&mut client);
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(state(&mut client), before, "{what}");
        client.assert_sound();
    }
}

#[test]
fn a_reload_changes_no_answer() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    let before = state(&mut client);
    client.run("DEBUG RELOAD");
    assert_eq!(state(&mut client), before);
    client.assert_sound();
}

#[test]
fn an_expired_key_takes_its_tags_along_at_load() {
    let mut server = Server::with_args(RDB);
    let mut client = server.client();
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    client.run("SET dies v PX 1");
    client.run("SET lives v");
    client.run("TAG.SET lives t");
    client.run("SET also:dies v PX 300");
    client.run("TAG.SET also:dies t");
    client.run("SAVE");
    let end = support::server_micros(&mut client) + 301_000;
    eventually("its time is up", || support::server_micros(&mut client) > end);
    server.kill_and_restart();
    let mut client = server.client();
    assert_eq!(client.sorted("TAG.KEYS t"), ["lives"]);
    client.assert_sound();
}
