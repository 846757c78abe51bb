//! Every example of README.md and the five lines of the tour, run on a real server.
//!
//! A block marked `redis` holds command lines after `redis> ` and below each what redis-cli
//! prints. All blocks run in order on one server with the rules of `rules/`.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Server, int, texts};

fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn server() -> Server {
    Server::with_args(&["rules", &repository("rules")])
}

/// What redis-cli prints for a line typed at its prompt.
fn redis_cli(server: &Server, line: &str) -> String {
    let mut cli = Command::new("redis-cli")
        .args(["-3", "--no-raw", "-p", &server.port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    cli.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    String::from_utf8(cli.wait_with_output().unwrap().stdout).unwrap().trim_end().to_owned()
}

/// Times, ids and sizes differ from run to run: numbers after these words become `N`.
fn without_measures(text: &str) -> String {
    let varying = ["micros\" => (integer) ", "_ms\" => (integer) ", "(double) "];
    let timed = ["\"mean\" => ", "\"p50\" => ", "\"p95\" => ", "\"p99\" => ", "\"max\" => "];
    let mut out = String::new();
    for line in text.lines() {
        let cut = varying.iter().find_map(|word| line.find(word).map(|at| at + word.len()));
        let cut =
            cut.or_else(|| timed.iter().find_map(|word| line.find(word).map(|at| at + word.len())));
        match cut {
            Some(at) => out.push_str(&format!("{}N\n", &line[..at])),
            None => out.push_str(&format!("{}\n", line.trim_end())),
        }
    }
    out
}

/// Whether a reply is the one that is shown; a last line `...` stands for any more lines.
fn agree(printed: &str, shown: &str) -> bool {
    match shown.strip_suffix("...\n") {
        Some(start) => printed.starts_with(start),
        None => printed == shown,
    }
}

fn examples(text: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = vec![];
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```redis";
        } else if let Some(command) = line.strip_prefix("redis> ").filter(|_| inside) {
            examples.push((command.to_owned(), String::new()));
        } else if inside {
            let (_, output) = examples.last_mut().unwrap();
            output.push_str(&format!("{line}\n"));
        }
    }
    examples
}

#[test]
fn every_example_prints_what_the_readme_says() {
    let server = server();
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let examples = examples(&readme);
    let mut subscriber = redis::Client::open(format!("redis://127.0.0.1:{}", server.port))
        .and_then(|client| client.get_connection())
        .unwrap();
    let mut messages = subscriber.as_pubsub();
    messages.subscribe("inval:events").unwrap();
    let mut wrong = vec![];
    for (command, expected) in &examples {
        let printed = redis_cli(&server, command);
        if !agree(&without_measures(&printed), &without_measures(expected)) {
            wrong.push(format!("redis> {command}\n{printed}"));
        }
    }
    assert!(wrong.is_empty(), "README.md says otherwise; printed was:\n{}", wrong.join("\n"));

    // The message that is shown was published.
    let mut client = server.client();
    client.run("PUBLISH inval:events the-end");
    let published = std::iter::from_fn(|| messages.get_message().ok())
        .map(|message| message.get_payload::<String>().unwrap())
        .take_while(|message| message != "the-end");
    let published: Vec<String> = published.collect();
    let shown: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("{\"event\":\"")).collect();
    assert_eq!(shown.len(), 1, "README.md shows a message");
    assert!(published.iter().any(|message| message == shown[0]), "{published:#?}");

    // Each command has an example.
    let help = texts(&client.run("INVAL.HELP"));
    for usage in help.iter().filter(|line| !line.starts_with(' ')) {
        let words: Vec<&str> = usage.split(' ').collect();
        let name = match words[0] {
            "INVAL.RULE" | "INVAL.CLASS" | "INVAL.MAP" | "INVAL.SOURCE" => words[..2].join(" "),
            name => name.to_owned(),
        };
        let shown = examples.iter().any(|(command, _)| command.starts_with(&name));
        assert!(shown, "README.md has no example of {name}");
    }
}

#[test]
fn the_tour_runs_and_does_what_it_is_for() {
    let server = server();
    let mut client = server.client();
    let tour = std::fs::read_to_string(repository("examples/tour.txt")).unwrap();
    let lines: Vec<&str> = tour.lines().collect();
    assert_eq!(lines.len(), 5, "make run prints five lines");
    let replies: Vec<_> = lines.iter().map(|line| client.run(line)).collect();
    assert_eq!(int(&replies[1], "deleted"), 3);
    assert_eq!(replies[2], redis::Value::Int(2));
    assert_eq!(int(&replies[3], "deleted"), 1);
    assert_eq!(int(support::field(&replies[4], "totals"), "keys_deleted"), 4);
    assert!(client.keys().iter().all(|key| key.starts_with("inval:warm:")), "{:?}", client.keys());
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    for line in &lines[..4] {
        assert!(readme.contains(line), "README.md has no '{line}'");
    }
}
