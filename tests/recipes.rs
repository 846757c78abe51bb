//! The client recipes, `examples/get_or_set.*`, each run in its language against a real server.
//!
//! In all of them to compute is to take a value from the list `truth:k`, and to wait until there
//! is one: so a test sees who computes, decides when that is done, and counts how often.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::examples::{built, libraries};
use support::{Client, Server, eventually, int, text, texts};

const LANGUAGES: [&str; 3] = ["Python", "Node", "Rust"];

/// What a recipe is told after the address: how long to wait, and the key.
const LONG: &str = "60000 k";

fn program(language: &str) -> Command {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/get_or_set.py");
    let (program, script) = match language {
        "Python" => (libraries().join("python/bin/python"), Some(example)),
        "Node" => ("node".into(), Some(libraries().join("node/get_or_set.mjs"))),
        _ => (built("get_or_set"), None),
    };
    let mut command = Command::new(program);
    command.args(script);
    command
}

/// A process that reads keys by the recipe of a language.
struct Reader(Child);

impl Reader {
    fn start(language: &str, server: &Server, arguments: &str) -> Self {
        let mut command = program(language);
        command.arg(format!("redis://127.0.0.1:{}", server.port)).args(arguments.split(' '));
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Whether it found the values, and what it printed.
    fn end(mut self) -> (bool, Vec<u8>, String) {
        eventually("the reader is done", || self.0.try_wait().unwrap().is_some());
        let (mut values, mut errors) = (vec![], String::new());
        self.0.stdout.take().unwrap().read_to_end(&mut values).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.0.wait().unwrap().success(), values, errors)
    }

    /// The values, each with the end of its line.
    fn told(self) -> Vec<u8> {
        let (is_well, values, errors) = self.end();
        assert!(is_well, "{errors}");
        values
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many readers compute.
fn computing(client: &mut Client) -> usize {
    let list = text(&client.run("CLIENT LIST TYPE normal"));
    list.lines().filter(|line| line.contains(" flags=b ") && line.contains(" cmd=blpop ")).count()
}

/// Runs a scenario in each of the languages, with a server whose tokens do not die of old age.
/// At its end all that was to be computed was.
fn in_each(languages: &[&str], scenario: impl Fn(&dyn Fn(&str) -> Reader, &Server, &mut Client)) {
    for language in languages {
        eprintln!("{language}");
        let server = Server::with_args(&["token-ttl", "3600000"]);
        let mut client = server.client();
        client.run("INVAL.RULE ADD moved ON moved KEYS 1 k");
        scenario(&|line| Reader::start(language, &server, line), &server, &mut client);
        assert_eq!(client.int("LLEN truth:k"), 0, "{language} computed too seldom");
        client.assert_sound();
    }
}

#[test]
fn a_cold_key_is_computed_once_and_lives_with_its_tags_and_times() {
    in_each(&LANGUAGES, |reader, _, client| {
        let value = b"\0\xff\r\n\xc3\x28 \"";
        client.call(&[b"RPUSH", b"truth:k", value]).unwrap();
        for _ in 0..2 {
            assert_eq!(reader(LONG).told(), [value.as_slice(), b"\n"].concat());
        }
        // Time to live and grace time.
        assert!((300_001..=360_000).contains(&client.int("PTTL k")));
        assert_eq!(texts(&client.run("TAG.GET k")), ["greetings"]);
        assert_eq!(int(&client.run("INVAL.PURGE TAGS 1 greetings"), "deleted"), 1);
        client.run("RPUSH truth:k new");
        assert_eq!(reader(LONG).told(), b"new\n");
    });
}

#[test]
fn what_an_event_made_stale_is_neither_stored_nor_returned() {
    in_each(&LANGUAGES, |reader, _, client| {
        let reader = reader(LONG);
        eventually("it computes", || computing(client) == 1);
        client.run("INVAL.EVENT moved");
        client.run("RPUSH truth:k old new");
        assert_eq!(reader.told(), b"new\n");
        assert_eq!(text(&client.run("GET k")), "new");
        assert_eq!((client.info("fills"), client.info("fills_refused")), (1, 1));
    });
}

#[test]
fn of_five_at_once_one_computes() {
    in_each(&LANGUAGES, |reader, _, client| {
        let readers: Vec<_> = (0..5).map(|_| reader(LONG)).collect();
        eventually("four wait", || (computing(client), client.info("waiters")) == (1, 4));
        client.run("RPUSH truth:k v");
        readers.into_iter().for_each(|reader| assert_eq!(reader.told(), b"v\n"));
        assert_eq!(client.info("fills"), 1);
    });
}

/// Tasks of one process, and one client for them: who waits does not hold up who fills.
#[test]
fn of_five_tasks_that_share_a_client_one_computes() {
    in_each(&["Python", "Node"], |reader, _, client| {
        let reader = reader("60000 k k k k k");
        eventually("four wait", || (computing(client), client.info("waiters")) == (1, 4));
        client.run("RPUSH truth:k v");
        assert_eq!(reader.told(), b"v\n".repeat(5));
        assert_eq!(client.info("fills"), 1);
    });
}

#[test]
fn one_refreshes_a_stale_value_and_the_others_are_served_it() {
    in_each(&LANGUAGES, |reader, _, client| {
        client.run("INVAL.FILL k old EX 300");
        client.run("INVAL.PURGE KEYS 1 k SOFT 3600000");
        let first = reader(LONG);
        eventually("it computes", || computing(client) == 1);
        assert_eq!(reader(LONG).told(), b"old\n");
        client.run("RPUSH truth:k new");
        assert_eq!(first.told(), b"new\n");
        assert_eq!(texts(&client.run("INVAL.FETCH k")), ["hit", "new"]);
        // Better stale than nothing.
        client.run("INVAL.PURGE KEYS 1 k SOFT 3600000");
        client.run("RPUSH truth:k ''");
        assert_eq!(reader(LONG).told(), b"new\n");
    });
}

#[test]
fn the_next_in_line_computes_at_once_when_the_first_fails() {
    in_each(&LANGUAGES, |reader, _, client| {
        let first = reader(LONG);
        eventually("it computes", || computing(client) == 1);
        let second = reader(LONG);
        eventually("the other waits", || client.info("waiters") == 1);
        client.run("RPUSH truth:k ''");
        let (is_well, values, errors) = first.end();
        assert!(!is_well && values.is_empty() && errors.contains("empty"), "{errors}");
        client.run("RPUSH truth:k v");
        assert_eq!(second.told(), b"v\n");
        assert_eq!(text(&client.run("GET k")), "v");
    });
}

#[test]
fn who_waited_in_vain_computes_and_stores_nothing() {
    in_each(&LANGUAGES, |reader, _, client| {
        client.run("INVAL.FETCH k");
        let reader = reader("1 k");
        client.run("RPUSH truth:k v");
        assert_eq!(reader.told(), b"v\n");
        assert_eq!((client.int("EXISTS k"), client.info("fetch_waits")), (0, 3));
    });
}

#[test]
fn on_a_replica_it_is_computed_and_nothing_is_stored() {
    in_each(&LANGUAGES, |reader, server, client| {
        let primary = Server::with_args(&["--repl-diskless-sync-delay", "0"]);
        // Only so that there the recipe can take its value.
        client.run("CONFIG SET replica-read-only no");
        client.run(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
        eventually("it follows", || {
            text(&server.client().run("INFO replication")).contains("master_link_status:up")
        });
        client.run("RPUSH truth:k v");
        assert_eq!(reader(LONG).told(), b"v\n");
        assert_eq!((client.int("EXISTS k"), client.info("fills")), (0, 0));
        client.run("REPLICAOF NO ONE");
    });
}
