//! No panic crosses into the server: forced ones are caught, told and counted.
#![cfg(all(feature = "module", feature = "faults"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Server, eventually, int};

#[test]
fn a_panic_inside_a_command_is_an_error_and_nothing_more() {
    let mut server = Server::start();
    let mut client = server.client();
    client.set_all(&["a"]);
    assert_eq!(client.error("INVAL.DEBUG PANIC COMMAND"), "ERR internal error, caught");
    assert_eq!((client.info("panics_caught"), client.info("state_suspect")), (1, 0));
    assert!(server.log().contains("inval: panic, please report this line: "), "{}", server.log());
    assert_eq!(int(&client.run("INVAL.PURGE KEYS 1 a"), "deleted"), 1);
    assert!(server.is_alive());
}

#[test]
fn a_panic_inside_a_callback_loses_no_key() {
    let mut server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1"]);
    client.run("INVAL.DEBUG PANIC CALLBACK");
    client.set_all(&["a:2"]);
    assert_eq!(client.info("panics_caught"), 1);
    // Nobody heard of a:2; it is found all the same, now by a scan and later by the index.
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX a: DRYRUN"), "matched"), 2);
    eventually("the index is complete again", || client.info("index_complete") == 1);
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX a:"), "deleted"), 2);
    assert!(server.is_alive());
}

#[test]
fn a_panic_inside_the_state_makes_it_suspect_and_the_server_lives() {
    let mut server = Server::start();
    let mut client = server.client();
    client.set_all(&["a"]);
    assert_eq!(client.error("INVAL.DEBUG PANIC STATE"), "ERR internal error, caught");
    assert_eq!(client.info("state_suspect"), 1);
    for line in ["INVAL.EVENT e", "INVAL.PURGE KEYS 1 a", "TAG.SET a t", "INVAL.STATS"] {
        let error = client.error(line);
        assert!(error.starts_with("ERR the module's state is suspect"), "{line}: {error}");
    }
    client.set_all(&["b"]);
    assert_eq!(client.keys(), ["a", "b"]);
    assert!(server.is_alive());
}
