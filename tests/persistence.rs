//! Tags and rules survive restarts: snapshots, and both kinds of append-only file.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Client, Server, eventually, text};

const RDB: &[&str] = &["--save", "3600 1"];
const AOF: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const AOF_PLAIN: &[&str] =
    &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];

/// Everything that the module can be asked about its state.
fn state(client: &mut Client) -> Vec<String> {
    let mut lines = vec![text(&client.run("INVAL.RULE DUMP"))];
    for db in [0, 3] {
        client.run(&format!("SELECT {db}"));
        for key in client.keys() {
            let tags = client.sorted(&format!("TAG.GET {key}"));
            lines.push(format!("{db} {key}: {}", tags.join(" ")));
        }
        for tag in client.sorted("TAG.LIST") {
            let keys = client.sorted(&format!("TAG.KEYS {tag}"));
            lines.push(format!("{db} tag {tag}: {}", keys.join(" ")));
        }
    }
    client.run("SELECT 0");
    lines
}

fn fill(client: &mut Client) {
    client.run("INVAL.RULE ADD r ON e KEYS 1 a:{id} TAGS 1 t WHEN 'exists id' WARM");
    client.run("INVAL.RULE ADD off ON e KEYS 1 b");
    client.run("INVAL.RULE DISABLE off");
    client.set_all(&["a:1", "a:2", "plain"]);
    client.run("HSET h f v");
    client.run("TAG.SET a:1 t u");
    client.run("TAG.SET h t");
    client.run("TAG.SET a:2 gone");
    client.run("DEL a:2");
    client.run("SELECT 3");
    client.set_all(&["a:1"]);
    client.run("TAG.SET a:1 other");
    client.run("RENAME a:1 moved");
    client.run("SELECT 0");
}

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
            eventually("the child is done", || {
                let info = text(&client.run("INFO persistence"));
                ["rdb_bgsave_in_progress:0", "aof_rewrite_in_progress:0"]
                    .iter()
                    .all(|line| info.contains(line))
                    && info.contains("aof_rewrite_scheduled:0")
            });
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
