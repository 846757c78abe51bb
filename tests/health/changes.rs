//! What is told when something changes, and by which thresholds.

use crate::support::{Server, eventually, field, int};
use crate::*;

#[test]
fn a_change_is_published_logged_and_counted_once() {
    let server = Server::with_args(&["health-interval", "1"]);
    let mut client = server.client();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut messages = connection.as_pubsub();
    messages.subscribe("inval:alerts").unwrap();
    let mut next = || loop {
        let text: String = messages.get_message().unwrap().get_payload().unwrap();
        let message: serde_json::Value = serde_json::from_str(&text).unwrap();
        if message["check"] != "latency" {
            return message;
        }
    };
    client.run("SET k v");
    client.run("TAG.SET k t");
    client.run("CONFIG SET inval.health-wide-tag-warning 1");
    let worse = next();
    assert_eq!((&worse["check"], &worse["status"]), (&"wide_tag".into(), &"warning".into()));
    assert_eq!((&worse["was"], &worse["value"]), (&"healthy".into(), &1.into()));
    assert!(worse["at_ms"].as_u64().unwrap() > 1_600_000_000_000, "{worse}");
    assert!(worse["meaning"].as_str().unwrap().contains("is on 1 keys"), "{worse}");
    assert!(worse["remedy"].as_str().unwrap().contains("ASYNC"), "{worse}");
    assert_eq!((client.info("health_status"), client.info("health_wide_tag")), (1, 1));
    let health = client.run("INVAL.HEALTH");
    assert_eq!(int(&health, "since_ms") as u64, worse["at_ms"].as_u64().unwrap());
    client.run("CONFIG SET inval.health-wide-tag-critical 0");
    let critical = next();
    assert_eq!((&critical["status"], &critical["was"]), (&"critical".into(), &"warning".into()));
    // What is asked tells nobody.
    (0..3).for_each(|_| drop(client.run("INVAL.HEALTH")));
    client.run("DEL k");
    let better = next();
    assert_eq!((&better["status"], &better["was"]), (&"healthy".into(), &"critical".into()));
    assert_eq!(better["remedy"], "");
    eventually("it is counted", || client.info("health_status") == 0);
    let log = server.log();
    for line in [
        "health: wide_tag is warning: the widest tag, t in database 0, is on 1 keys",
        "health: wide_tag is critical",
        "health: wide_tag is healthy: no key has a tag",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
    assert!(client.info("health_alerts") >= 3);
    client.run("INVAL.STATS RESET");
    assert_eq!(client.info("health_alerts"), 0);
    client.assert_sound();
}

#[test]
fn profiles_set_what_the_user_does_not() {
    let server = Server::with_args(&["health-profile", "relaxed", "health-storm-warning", "7"]);
    let mut client = server.client();
    let bounds = |client: &mut Client, name: &str| {
        let row = check(client, name);
        let number = |name| match field(&row, name) {
            Value::Nil => None,
            Value::Int(value) => Some(*value),
            other => panic!("{other:?}"),
        };
        (number("warning"), number("critical"))
    };
    assert_eq!(word(&client.run("INVAL.HEALTH"), "profile"), "relaxed");
    assert_eq!(bounds(&mut client, "hit_rate"), (Some(70), None));
    assert_eq!(bounds(&mut client, "storm"), (Some(7), Some(1000)));
    client.run("CONFIG SET inval.health-profile production");
    assert_eq!(bounds(&mut client, "hit_rate"), (Some(80), Some(60)));
    assert_eq!(bounds(&mut client, "failure_rate"), (Some(1), Some(5)));
    assert_eq!(bounds(&mut client, "latency"), (Some(10), Some(50)));
    assert_eq!(bounds(&mut client, "server_memory"), (Some(80), Some(95)));
    assert_eq!(bounds(&mut client, "storm"), (Some(7), Some(1000)));
    client.run("CONFIG SET inval.health-profile default inval.health-storm-warning -1");
    assert_eq!(bounds(&mut client, "hit_rate"), (Some(80), Some(70)));
    assert_eq!(bounds(&mut client, "invalidation_mean"), (Some(50), Some(100)));
    assert_eq!(bounds(&mut client, "storm"), (None, Some(1000)));
    client.run("CONFIG SET inval.health-hit-rate-critical -2");
    assert_eq!(bounds(&mut client, "hit_rate"), (Some(80), None));
    for line in [
        "CONFIG SET inval.health-profile nobody",
        "CONFIG SET inval.health-hit-rate-warning 101",
        "CONFIG SET inval.health-hit-rate-warning -3",
        "CONFIG SET inval.health-interval -2",
    ] {
        client.error(line);
    }
    let config = client.run("CONFIG GET inval.health-profile");
    assert_eq!(word(&config, "inval.health-profile"), "default");
}
