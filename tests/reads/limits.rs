//! What tracked reads cannot know, each with what they say instead.

use crate::support::{Client, eventually};
use crate::{fill, less, measured, run_all, served, tracked, tracking};

fn assert_differs(
    client: &mut Client,
    what: &str,
    server: (i64, i64),
    ours: (i64, i64),
    lines: &[&str],
) {
    let found = measured(client, |client| run_all(client, lines));
    assert_eq!(found, (server, ours), "{what}: the server, tracked");
}

/// It is heard when it comes, and what is refused or thrown away afterwards is a hit.
#[test]
fn what_does_not_run_counts_as_a_hit() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    let discarded = ["MULTI", "GET user:1", "GET nope", "DISCARD"];
    assert_differs(&mut client, "discarded", (0, 0), (2, 0), &discarded);
    let aborted = ["MULTI", "GET user:1", "NOSUCHCOMMAND", "EXEC"];
    assert_differs(&mut client, "aborted", (0, 0), (1, 0), &aborted);
    let mut other = server.client();
    let watched = measured(&mut client, |client| {
        run_all(client, &["WATCH user:1", "MULTI", "GET user:1"]);
        other.run("SET user:1 new");
        client.run("EXEC");
    });
    assert_eq!(watched, ((0, 0), (1, 0)), "a watched key changed");
    client.run("ACL SETUSER limited on nopass ~user:* +get +mget +acl");
    other.run("AUTH limited x");
    for line in ["GET other", "MGET user:1 other", "STRLEN user:1"] {
        assert!(other.error(line).starts_with("NOPERM"));
    }
    let before = (served(&mut client), tracked(&mut client));
    ["GET other", "STRLEN user:1"].iter().for_each(|line| drop(other.error(line)));
    let after = (served(&mut client), tracked(&mut client));
    assert_eq!((less(after.0, before.0), less(after.1, before.1)), ((0, 0), (2, 0)), "NOPERM");
    client.assert_sound();
}

/// Look-ups of commands that are left out: neither their hits nor their misses are tracked.
#[test]
fn what_is_left_out_is_not_tracked() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    run_all(&mut client, &["RPUSH ids 1 2", "SET name:1 a", "GET user:1"]);
    let object = ["OBJECT ENCODING user:1", "OBJECT ENCODING nope"];
    assert_differs(&mut client, "OBJECT", (1, 1), (0, 0), &object);
    let sort = ["SORT ids BY nosort GET name:*", "SORT_RO ids BY nosort GET name:*"];
    assert_differs(&mut client, "SORT", (4, 2), (0, 0), &sort);
    let stream = ["XADD st * f v", "XREAD STREAMS st 0"];
    assert_differs(&mut client, "XREAD", (2, 0), (0, 0), &stream);
    let moved = ["MIGRATE 127.0.0.1 1 nope 0 10"];
    assert_differs(&mut client, "MIGRATE", (0, 1), (0, 0), &moved);
    client.assert_sound();
}

/// A key whose time is up is deleted by its read, which is a miss, and in the right class.
#[test]
fn a_key_that_has_expired_is_missed() {
    let server = tracking();
    let mut client = server.client();
    fill(&mut client);
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    client.run("SET user:9 v PX 1");
    eventually("its time is up", || client.int("PTTL user:9") < 0);
    client.run("SET user:9 v PX 1");
    std::thread::sleep(std::time::Duration::from_millis(5));
    client.run("INVAL.STATS RESET");
    let found = measured(&mut client, |client| run_all(client, &["GET user:9", "GET user:1"]));
    assert_eq!(found, ((1, 1), (1, 1)));
    assert_eq!(crate::class(&mut client, "user"), (1, 1));
    assert_eq!(crate::database(&mut client, "0"), (1, 1));
    client.assert_sound();
}
