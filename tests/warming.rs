//! Deleted keys wait on the stream `inval:warm` until a worker computes them again.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::{Child, Command, Stdio};

use redis::Value;
use support::{Server, eventually, int, module_path, text, texts};

/// The example worker, which `cargo test` builds beside the tests.
struct Worker(Child);

impl Worker {
    fn start(server: &Server) -> Self {
        let deps = module_path();
        let path = deps.parent().unwrap().with_file_name("examples").join("warm_worker");
        assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
        let url = format!("redis://127.0.0.1:{}/", server.port);
        let mut command = Command::new(path);
        Self(command.args([url.as_str(), "tester"]).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The fields of all entries of the stream, in order.
fn entries(client: &mut support::Client) -> Vec<Vec<String>> {
    let Value::Array(entries) = client.run("XRANGE inval:warm - +") else { panic!() };
    let fields = |entry: &Value| match entry {
        Value::Array(parts) => texts(&parts[1]),
        other => panic!("{other:?}"),
    };
    entries.iter().map(fields).collect()
}

#[test]
fn each_deleted_key_that_existed_is_queued_once_with_its_reason() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["a:1", "a:2", "b"]);
    client.run("INVAL.RULE ADD cold ON e KEYS 1 a:1 PRIORITY high");
    client.run("INVAL.RULE ADD hot ON e KEYS 3 a:* a:1 gone WARM PRIORITY low");
    let reply = client.run(r#"INVAL.EVENT e '{"x": 1}'"#);
    assert_eq!((int(&reply, "deleted"), int(&reply, "warmed")), (2, 2));
    let fields = |key| {
        let payload = r#"{"x": 1}"#;
        let words = ["key", key, "rule", "hot", "event", "e", "priority", "low", "db", "0"];
        words.into_iter().chain(["payload", payload]).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(entries(&mut client), [fields("a:1"), fields("a:2")]);
    client.run("INVAL.EVENT e DRYRUN");
    client.run("INVAL.PURGE KEYS 1 b");
    assert_eq!(client.int("XLEN inval:warm"), 2);
    // The module's own key is not known to it.
    assert_eq!(int(&client.run("INVAL.PURGE GLOB *"), "deleted"), 0);
    assert_eq!(client.info("keys"), 0);
    client.assert_sound();
}

#[test]
fn the_queue_is_bounded_and_can_be_switched_off() {
    let server = Server::with_args(&["warm-maxlen", "5"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:* WARM");
    let fill = |client: &mut support::Client| {
        (0..20).for_each(|at| client.set_all(&[&format!("k:{at:02}")]));
    };
    fill(&mut client);
    assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 20);
    let kept: Vec<String> = entries(&mut client).iter().map(|fields| fields[1].clone()).collect();
    assert_eq!(kept, ["k:15", "k:16", "k:17", "k:18", "k:19"]);
    client.run("CONFIG SET inval.warm-maxlen 0");
    fill(&mut client);
    let reply = client.run("INVAL.EVENT e");
    assert_eq!((int(&reply, "deleted"), int(&reply, "warmed")), (20, 0));
    assert_eq!(client.int("XLEN inval:warm"), 5);
}

#[test]
fn the_example_worker_computes_the_keys_again() {
    let server = Server::start();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON badge-mint KEYS 1 badges:* WARM PRIORITY high");
    client.set_all(&["badges:count", "badges:list"]);
    // One event before the worker is there, one after.
    client.run("INVAL.EVENT badge-mint");
    let _worker = Worker::start(&server);
    eventually("the worker warmed what waited", || client.keys().len() == 3);
    let event = r#"INVAL.EVENT badge-mint '{"userId":"42"}'"#;
    assert_eq!(int(&client.run(event), "warmed"), 2);
    eventually("the worker warmed what came", || {
        client.int("EXISTS badges:count badges:list") == 2
    });
    let value = text(&client.run("GET badges:count"));
    assert_eq!(value, r#"badges:count computed after badge-mint {"userId":"42"}"#);
    eventually("all entries are acknowledged", || {
        let Value::Array(pending) = client.run("XPENDING inval:warm warmers") else { panic!() };
        pending[0] == Value::Int(0)
    });
    client.assert_sound();
}
