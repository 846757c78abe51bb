//! The example workers, `examples/warm_worker.*`, each run in its language against a real server.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use redis::Value;
use support::examples::{built, libraries};
use support::wire::Monitor;
use support::{Client, Server, eventually, int, text, texts};

const LANGUAGES: [&str; 2] = ["Python", "Rust"];

/// So long no entry may lie idle, in milliseconds: in a test that nobody dies in.
const LONG: &str = "60000";

struct Worker(Child);

impl Worker {
    fn start(language: &str, server: &Server, name: &str, idle_ms: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warm_worker.py");
        let mut command = match language {
            "Python" => Command::new(libraries().join("python/bin/python")),
            _ => Command::new(built("warm_worker")),
        };
        if language == "Python" {
            command.arg(script);
        }
        command.args([&format!("redis://127.0.0.1:{}", server.port), name, idle_ms]);
        Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Ends as a service manager ends it; gives what it printed.
    fn stop(mut self) -> String {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        eventually("the worker stops", || self.0.try_wait().unwrap().is_some());
        assert!(self.0.wait().unwrap().success(), "it ends cleanly");
        std::io::read_to_string(self.0.stdout.take().unwrap()).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Nothing is queued or pending.
fn all_done(client: &mut Client) -> bool {
    ["high", "medium", "low"].iter().all(|queue| {
        let pending = client.try_run(&format!("XPENDING inval:warm:{queue} warmers"));
        let none = |reply: Value| matches!(reply, Value::Array(of) if of[0] == Value::Int(0));
        client.int(&format!("XLEN inval:warm:{queue}")) == 0 && pending.is_ok_and(none)
    })
}

#[test]
fn a_worker_computes_the_urgent_keys_first_and_stops_when_it_is_told() {
    for language in LANGUAGES {
        let server = Server::start();
        let mut client = server.client();
        client.run("CONFIG SET inval.warm-delay 0");
        let keys: Vec<String> = ["l", "m", "h"]
            .iter()
            .flat_map(|of| (0..3).map(move |at| format!("{of}:{at}")))
            .collect();
        for key in &keys {
            client.set_all(&[key]);
        }
        client.run("INVAL.RULE ADD low ON low KEYS 1 l:* WARM PRIORITY low");
        client.run("INVAL.RULE ADD medium ON medium KEYS 1 m:* WARM");
        client.run("INVAL.RULE ADD high ON high KEYS 1 h:* WARM PRIORITY high");
        for event in ["low", "medium", "high"] {
            client.run(&format!(r#"INVAL.EVENT {event} '{{"userId":"42"}}'"#));
        }
        // One that is back already is nothing to do.
        client.set_all(&["m:1"]);
        let mut monitor = Monitor::of(&server);
        let worker = Worker::start(language, &server, "w", LONG);
        eventually("all is done", || all_done(&mut client));
        client.run("ECHO the-end");
        let commands = monitor.until("the-end");
        let fills = commands.iter().filter_map(|line| line.strip_prefix("\"INVAL.FILL\" \""));
        let order: Vec<char> = fills.filter_map(|line| line.chars().next()).collect();
        assert_eq!(order.iter().collect::<String>(), "hhhmmlll", "{language}");
        let value = text(&client.run("GET h:0"));
        assert_eq!(value, r#"h:0 computed after high {"userId":"42"}"#, "{language}");
        assert_eq!((text(&client.run("GET m:1")), client.info("warm_warmed")), ("v".to_owned(), 9));
        // What comes while it waits, and not before its time.
        client.run("CONFIG SET inval.warm-delay 300");
        let from = std::time::Instant::now();
        client.run("INVAL.EVENT high");
        eventually("what came is warmed", || client.int("EXISTS h:0 h:1 h:2") == 3);
        assert!(from.elapsed().as_millis() >= 300, "{language}");
        eventually("all is done", || all_done(&mut client));
        assert!(worker.stop().starts_with("warmed "), "{language}");
        client.assert_sound();
    }
}

#[test]
fn what_a_killed_worker_had_another_one_finishes() {
    for (language, other) in [("Python", "Rust"), ("Rust", "Python")] {
        let server = Server::with_args(&["token-ttl", "3600000"]);
        let mut client = server.client();
        client.run("INVAL.RULE ADD r ON e KEYS 1 k WARM DELAY 0");
        client.set_all(&["k"]);
        client.run("INVAL.EVENT e");
        // While we are about to fill, the worker cannot.
        client.run("INVAL.FETCH k");
        let mut worker = Worker::start(language, &server, "dies", "500");
        eventually("it has taken the entry", || {
            let line = "XPENDING inval:warm:medium warmers - + 10 dies";
            matches!(client.try_run(line), Ok(Value::Array(rows)) if rows.len() == 1)
        });
        worker.0.kill().unwrap();
        client.run("DEL k");
        assert_eq!(client.int("EXISTS k"), 0);
        let _other = Worker::start(other, &server, "lives", "500");
        eventually("another one finishes", || client.int("EXISTS k") == 1);
        eventually("all is done", || all_done(&mut client));
        client.assert_sound();
    }
}

#[test]
fn what_always_fails_is_put_aside_with_the_reason() {
    for language in LANGUAGES {
        let server = Server::start();
        let mut client = server.client();
        client.run("INVAL.RULE ADD r ON e KEYS 2 k other WARM DELAY 0");
        client.set_all(&["k", "other"]);
        client.run(r#"INVAL.EVENT e '{"x":1}'"#);
        client.run("HSET k f v");
        let worker = Worker::start(language, &server, "w", "2");
        eventually("it is put aside", || client.int("XLEN inval:warm:dead") == 1);
        let Value::Array(dead) = client.run("XRANGE inval:warm:dead - +") else { panic!() };
        let Value::Array(parts) = &dead[0] else { panic!("{dead:?}") };
        let fields = texts(&parts[1]);
        assert!(fields.chunks(2).any(|of| of == ["key", "k"]), "{fields:?}");
        assert!(fields.chunks(2).any(|of| of == ["payload", r#"{"x":1}"#]), "{fields:?}");
        let reason = fields.chunks(2).find(|of| of[0] == "reason").unwrap();
        assert!(reason[1].contains("wrong kind of value"), "{language}: {reason:?}");
        eventually("all is done", || all_done(&mut client));
        assert!(text(&client.run("GET other")).starts_with("other computed"), "{language}");
        assert_eq!(client.int("XLEN inval:warm:dead"), 1);
        // It is the module's own key.
        assert_eq!(int(&client.run("INVAL.PURGE GLOB inval:*"), "matched"), 0);
        worker.stop();
        client.assert_sound();
    }
}

#[test]
fn a_reader_need_not_wait_for_a_worker_that_failed() {
    let server = Server::with_args(&["token-ttl", "3600000"]);
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 2 raises none WARM DELAY 0");
    client.set_all(&["raises", "none"]);
    client.run("INVAL.EVENT e");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let program = format!(
        "import sys; sys.path.insert(0, {examples:?})\nimport warm_worker\n\
         warm_worker.compute = lambda key, *_: {{b'none': None}}[key]\n\
         warm_worker.Worker('redis://127.0.0.1:{}', 'w', {LONG}).run()",
        server.port
    );
    let mut command = Command::new(libraries().join("python/bin/python"));
    command.args(["-c", &program]).env("PYTHONDONTWRITEBYTECODE", "1");
    let _worker = Worker(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    eventually("both were tried", || {
        let pending = "XPENDING inval:warm:medium warmers - + 10";
        let Ok(Value::Array(rows)) = client.try_run(pending) else { return false };
        rows.len() == 1 && client.int("XLEN inval:warm:medium") == 1
    });
    for key in ["raises", "none"] {
        eventually(
            "the right to fill is free",
            || matches!(client.run(&format!("INVAL.FETCH {key}")), Value::Array(of) if of.len() == 2),
        );
    }
    client.assert_sound();
}

#[test]
fn a_worker_comes_back_when_the_server_does() {
    for language in LANGUAGES {
        let mut server = Server::start();
        let _worker = Worker::start(language, &server, "w", LONG);
        for round in ["killed", "emptied", "as it was"] {
            let mut client = server.client();
            // FLUSHALL leaves the rules.
            let _ = client.try_run("INVAL.RULE ADD r ON e KEYS 1 k WARM");
            client.set_all(&["k"]);
            assert_eq!(int(&client.run("INVAL.EVENT e"), "warmed"), 1, "{language} {round}");
            eventually("it is warmed", || client.int("EXISTS k") == 1);
            eventually("all is done", || all_done(&mut client));
            match round {
                "killed" => server.kill_and_restart(),
                "emptied" => drop(client.run("FLUSHALL")),
                _ => {}
            }
        }
    }
}
