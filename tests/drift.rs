//! The net below the index: what changes without a word is found, mended and told.
#![cfg(all(feature = "module", feature = "faults"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Server, eventually, field, int, text};

#[test]
fn a_key_that_another_module_deletes_is_forgotten() {
    let server = Server::with_args(&["check-interval", "1"]);
    let mut client = server.client();
    client.set_all(&["a", "b"]);
    client.run("TAG.SET a t");
    client.run("INVAL.DEBUG DELETE a");
    // At once where the server tells (7.2 and later), else when the sizes are compared.
    eventually("the key is forgotten", || client.info("keys") == 1);
    assert_eq!((client.info("tags"), client.int("TAG.CARD t")), (0, 0));
    client.run("INVAL.CHECK");
}

#[test]
fn a_live_key_that_was_missed_is_found_and_told() {
    let server = Server::with_args(&["check-interval", "1"]);
    let mut client = server.client();
    client.set_all(&["a:1", "a:2"]);
    client.run("INVAL.DEBUG FORGET a:2");
    let error = client.error("INVAL.CHECK");
    assert!(error.contains("db0: key 'a:2' lives and is not indexed"), "{error}");
    eventually("a pass finds it", || client.info("drift_missed") == 1);
    eventually("the pass is over", || client.info("passes") == 1);
    client.run("INVAL.CHECK");
    assert_eq!(int(&client.run("INVAL.PURGE PREFIX a:"), "deleted"), 2);
    assert_eq!(text(field(&client.run("INVAL.HEALTH"), "status")), "critical");
    let told = "drift mended: 1 live keys were not known";
    eventually("the log tells", || server.log().contains(told));
}

#[test]
fn behind_a_fence_passes_look_from_time_to_time() {
    let server = Server::with_args(&["check-interval", "1", "fence", "a:"]);
    let mut client = server.client();
    client.set_all(&["a:1", "a:2", "b:1"]);
    client.run("INVAL.DEBUG FORGET a:2");
    eventually("a pass finds it", || client.info("drift_missed") == 1);
    assert_eq!(client.info("keys"), 2);
}

#[test]
fn a_quiet_server_is_healthy_and_is_not_walked() {
    let server = Server::with_args(&["check-interval", "1"]);
    let mut client = server.client();
    client.set_all(&["a", "b"]);
    client.run("INVAL.RULE ADD r ON e KEYS 1 a WARM");
    client.run("INVAL.EVENT e");
    let end = support::server_micros(&mut client) + 2_500_000;
    eventually("two checks have been made", || support::server_micros(&mut client) > end);
    assert_eq!((client.info("passes"), client.info("drift_missed")), (0, 0));
    let health = client.run("INVAL.HEALTH");
    assert_eq!(text(field(&health, "status")), "healthy", "{health:?}");
}
