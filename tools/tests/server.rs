//! Both programs against real servers with the module: what they show is what the server says.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "server/loaded.rs"]
mod loaded;
#[path = "server/programs.rs"]
mod programs;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::fs;
use std::process::{Command, Output};

use loaded::with_module;
use programs::{Terminal, program, program_with};
use support::{Server, eventually};

fn url(server: &Server) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server on which things have happened.
fn busy() -> Server {
    let server = with_module();
    let mut client = server.client();
    client.run("INVAL.RULE ADD user ON changed KEYS 1 user:{id}:*");
    client.run("INVAL.RULE ADD badge ON changed KEYS 1 badge:{id}");
    for id in 0..40 {
        client.run(&format!("MSET user:{id}:feed 1 user:{id}:list 1 badge:{id} 1"));
        for _ in 0..2 {
            client.run(&format!("INVAL.EVENT changed '{{\"id\":{id}}}'"));
        }
    }
    client.run(r#"SET "odd:\xff\x1b[31m<b>" 1"#);
    client.run(r#"INVAL.PURGE KEYS 1 "odd:\xff\x1b[31m<b>""#);
    server
}

#[test]
fn a_frame_shows_the_figures_of_the_server() {
    let server = busy();
    for url in [url(&server), format!("{}?protocol=resp3", url(&server))] {
        let frame = program("inval-top", &[&url, "--once", "--size", "110x40", "--page", "rules"]);
        assert!(frame.status.success(), "{}", stderr(&frame));
        let frame = stdout(&frame);
        let row = |name: &str| {
            let line = frame
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("{name}: {frame}"));
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        // Name, runs, deleted, and the share that matched nothing.
        assert_eq!(row("user ")[..4], ["user", "80", "80", "50.0"]);
        assert_eq!(row("badge ")[..4], ["badge", "80", "40", "50.0"]);
        assert!(frame.contains("rules 2 ") && frame.contains("● healthy"), "{frame}");
        let page = program("inval-top", &[&url, "--once", "--size", "100x50", "--page", "server"]);
        let page = stdout(&page);
        assert!(page.contains("runs 81 ") && page.contains("keys_deleted 121 "), "{page}");
    }
}

#[test]
fn a_report_shows_the_figures_of_the_server() {
    let server = busy();
    let file = server.dir.join("report.html");
    let name = file.to_str().unwrap();
    let output = program("inval-report", &[&url(&server), "-o", name, "--seconds", "0"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let page = fs::read_to_string(&file).unwrap();
    for words in ["81 invalidations deleted 121 keys", "80 runs, 80 keys", "80 runs, 40 keys"] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(&page, options).unwrap();
    let streamed = program("inval-report", &[&url(&server), "-o", "-", "--seconds", "0.1"]);
    assert!(stdout(&streamed).starts_with("<!DOCTYPE html>"));
    assert!(stderr(&streamed).contains("second look"));
}

#[test]
fn a_picture_is_written() {
    let server = busy();
    let file = server.dir.join("top.svg");
    let url = url(&server);
    let output = program("inval-top", &[&url, "--once", "--svg", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let picture = fs::read_to_string(&file).unwrap();
    roxmltree::Document::parse(&picture).unwrap();
    assert!(picture.contains("badge") && !picture.contains('\u{1b}'));
}

#[test]
fn what_cannot_be_looked_at_is_told_in_one_line() {
    let bare = Server::without_module(&[]);
    let locked = with_module();
    locked.client().run("CONFIG SET requirepass right");
    let narrow = with_module();
    narrow.client().run("ACL SETUSER eve on >pw +ping +info");
    let gone = url(&Server::without_module(&[]));
    let wrong = url(&locked).replace("//", "//:wrong@");
    let eve = url(&narrow).replace("//", "//eve:pw@");
    let rows = [
        (url(&bare), "MODULE LOAD /path/to/libinval.so"),
        (url(&locked), "redis://user:password@host:port"),
        (wrong, "redis://user:password@host:port"),
        (eve, "ACL SETUSER"),
        (gone, "does not answer"),
        ("nonsense://x".to_owned(), "write it as redis://"),
    ];
    for (url, remedy) in rows {
        for (name, arguments) in [
            ("inval-top", [url.as_str(), "--once"].as_slice()),
            ("inval-report", &[&url, "--seconds=0", "-o-"]),
        ] {
            let output = program(name, arguments);
            let told = stderr(&output);
            assert!(!output.status.success() && output.stdout.is_empty(), "{name} {url}");
            assert!(told.contains(remedy) && told.lines().count() == 1, "{name} {url}: {told}");
            assert!(!told.contains("wrong") && !told.contains("pw@"), "{told}");
        }
    }
    let output =
        program_with("inval-top", &[&url(&locked), "--once"], &[("INVAL_PASSWORD", "right")]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_user_who_may_not_ask_for_everything_sees_the_rest() {
    let server = busy();
    server.client().run("ACL SETUSER ann on >pw +inval.stats");
    let url = url(&server).replace("//", "//ann:pw@");
    let output = program("inval-top", &[&url, "--once", "--size", "130x40", "--page", "rules"]);
    let frame = stdout(&output);
    assert!(frame.contains("no answer: INFO INVAL.HEALTH"), "{frame} {}", stderr(&output));
    assert!(frame.contains("badge") && frame.contains("health -"), "{frame}");
}

#[test]
fn a_server_that_dies_is_told_and_found_again() {
    let mut server = busy();
    let mut top = Terminal::start(&[&url(&server), "--interval", "0.1"]);
    top.shows("● healthy");
    top.press("2");
    top.shows("invalidations by rule (2)");
    server.kill();
    top.shows("next try in");
    server.restart().unwrap();
    server.client().run("INVAL.RULE ADD again ON e KEYS 1 k");
    server.client().run("INVAL.EVENT e");
    top.shows("again ");
    assert!(!top.text().contains("next try in"), "{}", top.text());
    top.press("q");
    assert!(top.end().success() && top.is_restored(), "{}", top.text());
}

#[test]
fn a_program_that_died_as_it_began_says_why_on_a_plain_terminal() {
    let mut top = Terminal::start(&["redis://127.0.0.1:1"]);
    assert!(!top.end().success());
    top.shows("does not answer");
    assert!(top.is_restored());
}

#[test]
fn signals_and_interrupts_leave_the_terminal_as_it_was() {
    let server = with_module();
    for key in [Some("\u{3}"), Some("q"), None] {
        let mut top = Terminal::start(&[&url(&server)]);
        top.shows("none ran yet");
        match key {
            Some(key) => top.press(key),
            None => terminate(server.port),
        }
        assert!(top.end().success(), "{}", top.text());
        eventually("the terminal as it was", || top.is_restored());
    }
    let piped = program("inval-top", &[&url(&server)]);
    assert!(stderr(&piped).contains("--once"), "{}", stderr(&piped));
}

#[test]
fn a_terminal_that_is_gone_ends_the_view() {
    let server = with_module();
    let top = Terminal::start(&[&url(&server)]);
    top.shows("none ran yet");
    assert!(process_of(server.port).is_some());
    // Whoever showed it is killed, and tells nobody.
    drop(top);
    eventually("the end of the view", || process_of(server.port).is_none());
}

fn terminate(port: u16) {
    let process = process_of(port).unwrap();
    assert!(Command::new("kill").arg(process).status().unwrap().success());
}

/// The program that looks at the server of this port; no other has it among its arguments.
fn process_of(port: u16) -> Option<OsString> {
    let named = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0);
        let is_top = words.next()?.ends_with(b"inval-top");
        let has_port = words.next()?.ends_with(format!(":{port}").as_bytes());
        (is_top && has_port).then(|| entry.file_name())
    };
    fs::read_dir("/proc").unwrap().flatten().find_map(named)
}
