//! What the module knows of the keyspace, on a live server.
#![cfg(feature = "module")]

mod support;

use support::{Server, field, int, texts};

#[test]
fn an_event_deletes_exactly_what_its_rules_name() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&[
        "badges:list:all",
        "badges:user:1:list",
        "badges:user:1:lists",
        "badge:7",
        "badges",
    ]);
    client.run("HSET badges:search:x f v");
    client.run(r#"INVAL.RULE ADD mint ON badge-mint KEYS 2 badges:list:all badges:search:* PATTERNS 2 '^badges:user:.*:list$' '^badge:.*$'"#);
    let reply = client.run(r#"INVAL.EVENT badge-mint '{"userId":"1"}' KEYS"#);
    assert_eq!((int(&reply, "rules"), int(&reply, "deleted")), (1, 4));
    let mut gone = texts(field(&reply, "keys"));
    gone.sort_unstable();
    assert_eq!(gone, ["badge:7", "badges:list:all", "badges:search:x", "badges:user:1:list"]);
    assert_eq!(client.keys(), ["badges", "badges:user:1:lists"]);
    client.assert_sound();
}
