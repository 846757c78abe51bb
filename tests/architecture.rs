//! The rules of the source that no compiler checks: which layer may name what, and how large,
//! named and documented a file is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

/// A file that is longer wants to be two.
const MAX_LINES: usize = 400;

/// Words that a path may not hold: each says that nobody knew what the file is about.
const VAGUE: [&str; 7] = ["util", "utils", "helper", "helpers", "manager", "managers", "common"];

/// What code may not name: the rule's name, where it holds, where not, and the words.
const BANNED: [(&str, &[&str], &str, &str); 8] = [
    ("the world is src/redis", INNER, "", r"\bstd::(\{[^}]*\b)?(time|net|fs)\b"),
    ("the clock is src/redis", INNER, "", r"\b(SystemTime|Instant)\b"),
    ("arrows point inward", INNER, "", r"\b(crate|super)::(\{[^}]*\b)?redis\b"),
    (
        "the domain knows no command",
        &["src/domain/"],
        "",
        r"\b(crate|super)::(\{[^}]*\b)?(commands|server)\b",
    ),
    ("unsafe is in src/redis", &["src/"], "src/redis/", r"\b(unsafe|redis_module)\b"),
    (
        "the model of the tools is pure",
        &["tools/src/model/"],
        "",
        r"\b(std::(\{[^}]*\b)?(time|net|fs|io)|SystemTime|Instant|redis|ratatui|crossterm|(crate|super)::(\{[^}]*\b)?(link|screen|top|report|svg))\b",
    ),
    (
        "what draws knows no server",
        DRAWING,
        "",
        r"\b(std::(\{[^}]*\b)?(time|net|fs|io)|SystemTime|Instant|redis|crossterm|(crate|super)::(\{[^}]*\b)?(link|screen))\b",
    ),
    ("no type is aligned beyond 16", &["src/"], "", r"\balign\s*\(\s*(3[2-9]|[4-9]\d|\d{3,})"),
];

const INNER: &[&str] = &["src/domain/", "src/commands/", "src/server.rs"];

const DRAWING: &[&str] = &["tools/src/top/", "tools/src/report/", "tools/src/svg.rs"];

/// The rule that nothing panics on purpose holds for code that ships, not for its tests.
const NO_PANIC: (&str, &str) = ("shipped code never unwraps", r"\.(unwrap\(\)|expect\()");

/// Whether a file is a part of the module or of a program for people.
fn is_shipped(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("tools/src/")
}

/// Every rule that a file breaks. `of_tests`: the whole file is a test module.
fn broken(path: &str, text: &str, of_tests: bool) -> Vec<&'static str> {
    let mut broken = vec![];
    let is_rust = path.ends_with(".rs");
    let in_src = is_shipped(path);
    let code = without_comments(text);
    let finds = |pattern: &str, code: &str| Regex::new(pattern).unwrap().is_match(code);

    for (rule, inside, outside, pattern) in BANNED {
        let holds = inside.iter().any(|folder| path.starts_with(folder))
            && (outside.is_empty() || !path.starts_with(outside));
        if is_rust && holds && finds(pattern, &code) {
            broken.push(rule);
        }
    }
    if is_rust && in_src && !of_tests && finds(NO_PANIC.1, &without_tests(&code).0) {
        broken.push(NO_PANIC.0);
    }
    if text.lines().count() > MAX_LINES {
        broken.push("400 lines are enough");
    }
    let modules = Regex::new(r"(?m)^\s*(?:pub\S*\s+)?mod\s+(\w+)").unwrap();
    let names = modules.captures_iter(&code).map(|found| found.get(1).unwrap().as_str());
    let is_vague = |name: &str| {
        name.split(['_', '-', '.', '/']).any(|word| VAGUE.contains(&word.to_lowercase().as_str()))
    };
    if is_vague(path) || (is_rust && names.into_iter().any(is_vague)) {
        broken.push("a name says what it is about");
    }
    if is_rust && in_src && !text.starts_with("//!") {
        broken.push("a file says what it is about");
    }
    broken
}

/// Cuts `//` comments. The sources have no others; a `//` inside a word stays, as in an address.
fn without_comments(text: &str) -> String {
    let comment = Regex::new(r"(?m)(^|\s)//.*$").unwrap();
    comment.replace_all(text, "").into_owned()
}

/// Cuts what is `#[cfg(test)]`, and gives the names of the modules among it that are files.
/// Relies on rustfmt: an item ends at the `}` that stands as far in as its attribute.
fn without_tests(code: &str) -> (String, Vec<String>) {
    let (mut kept, mut files) = (String::new(), vec![]);
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        for line in lines.by_ref() {
            let item = line.trim();
            if let Some(name) = item.strip_suffix(';').and_then(|item| item.split("mod ").nth(1)) {
                files.push(name.to_owned());
            }
            let is_deeper = line.starts_with(&format!("{indent} "));
            let ends = item == "}" || item.ends_with("{}") || item.ends_with([';', ',']);
            if !is_deeper && ends {
                break;
            }
        }
    }
    (kept, files)
}

/// The files that are test modules, by the `#[cfg(test)] mod name;` lines of the others.
fn test_modules(sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let (folder, name) = path.rsplit_once('/').unwrap();
        let inside = match name {
            "mod.rs" | "lib.rs" => folder.to_owned(),
            _ => path.trim_end_matches(".rs").to_owned(),
        };
        for module in without_tests(&without_comments(text)).1 {
            modules.insert(format!("{inside}/{module}.rs"));
            modules.insert(format!("{inside}/{module}/mod.rs"));
        }
    }
    modules
}

/// All files of a folder and below, by path from the root of the repository.
fn read(folder: &str, sources: &mut BTreeMap<String, String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&path, sources);
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            sources.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

#[test]
fn the_sources_keep_the_rules() {
    let mut sources = BTreeMap::new();
    ["src", "tests", "examples", "tools"].into_iter().for_each(|folder| read(folder, &mut sources));
    for expected in [
        "src/lib.rs",
        "src/domain/mod.rs",
        "src/redis/mod.rs",
        "tests/support/mod.rs",
        "tools/src/model/mod.rs",
        "tools/src/top/draw.rs",
    ] {
        assert!(sources.contains_key(expected), "{expected} was not looked at");
    }
    let tests = test_modules(&sources);
    for (path, text) in sources.iter().filter(|(path, _)| is_shipped(path)) {
        let left = without_tests(&without_comments(text)).0.contains("#[test]");
        assert!(!left || tests.contains(path), "{path}: its tests were not told apart");
    }
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| {
            let broken = broken(path, text, tests.contains(path));
            broken.into_iter().map(move |rule| format!("{path}: {rule}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_rule_can_be_broken() {
    let long = "//! Doc.\n".repeat(MAX_LINES + 1);
    let rows = [
        ("src/domain/a.rs", "//! D\nuse std::time::Duration;", "the world is src/redis"),
        ("src/server.rs", "//! D\nuse std::{cell::Cell, fs};", "the world is src/redis"),
        ("src/commands/a.rs", "//! D\nlet s = std::net::TcpStream;", "the world is src/redis"),
        ("src/domain/a.rs", "//! D\nlet t = Instant::now();", "the clock is src/redis"),
        ("src/commands/a.rs", "//! D\nfn f(_: SystemTime) {}", "the clock is src/redis"),
        ("src/commands/a.rs", "//! D\nuse crate::redis::api;", "arrows point inward"),
        ("src/server.rs", "//! D\nuse crate::{domain::State, redis};", "arrows point inward"),
        ("src/domain/a.rs", "//! D\nuse crate::commands::args;", "the domain knows no command"),
        ("src/domain/mod.rs", "//! D\nuse super::server;", "the domain knows no command"),
        ("src/lib.rs", "//! D\nunsafe { f() }", "unsafe is in src/redis"),
        ("src/commands/a.rs", "//! D\nuse redis_module::raw;", "unsafe is in src/redis"),
        ("src/domain/a.rs", "//! D\n#[repr(align(64))]", "no type is aligned beyond 16"),
        ("tools/src/model/a.rs", "//! D\nuse redis::Value;", "the model of the tools is pure"),
        ("tools/src/model/a.rs", "//! D\nuse crate::top::app;", "the model of the tools is pure"),
        ("tools/src/top/a.rs", "//! D\nuse crate::link::Link;", "what draws knows no server"),
        ("tools/src/svg.rs", "//! D\nuse std::fs;", "what draws knows no server"),
        ("tools/src/link.rs", "//! D\nlet a = b.unwrap();", "shipped code never unwraps"),
        ("src/redis/a.rs", "//! D\nlet a = b.unwrap();", "shipped code never unwraps"),
        ("src/domain/a.rs", "//! D\nb\n    .expect(\"c\");", "shipped code never unwraps"),
        (
            "src/a.rs",
            "//! D\n#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\ny.unwrap();",
            "shipped code never unwraps",
        ),
        ("tests/a.rs", long.as_str(), "400 lines are enough"),
        ("examples/a.sh", long.as_str(), "400 lines are enough"),
        ("src/domain/string_utils.rs", "//! D", "a name says what it is about"),
        ("tests/common/mod.rs", "//! D", "a name says what it is about"),
        ("src/a.rs", "//! D\npub mod helpers;", "a name says what it is about"),
        ("src/a.rs", "use std::fmt;", "a file says what it is about"),
    ];
    for (path, text, rule) in rows {
        assert_eq!(broken(path, text, false), [rule], "{path}: {text}");
    }
}

#[test]
fn what_is_allowed_breaks_no_rule() {
    let rows = [
        ("src/domain/a.rs", "//! Never unsafe; no redis_module, no Instant.\n    // std::fs"),
        ("src/domain/a.rs", "//! D\nuse super::super::domain::name; let a = \"http://x\";"),
        ("src/lib.rs", "//! D\npub mod redis;\n#![deny(unsafe_code)]"),
        ("src/server.rs", "//! D\nuse crate::commands::keyspace;"),
        ("src/redis/a.rs", "//! D\nuse redis_module::raw; unsafe { std::fs::read() }"),
        ("src/redis/a.rs", "//! D\n#[expect(unsafe_code)]\n#[repr(align(16))]"),
        (
            "src/a.rs",
            "//! D\n#[cfg(test)]\nmod tests {\n    fn f() {\n        x.unwrap()\n    }\n}",
        ),
        ("src/a.rs", "//! D\n#[cfg(test)]\nuse a::b;\nlet c = d.unwrap_or(1);"),
        ("tests/a.rs", "x.unwrap(); unsafe {}"),
        ("examples/a.sh", "mod helpers"),
    ];
    for (path, text) in rows {
        assert_eq!(broken(path, text, false), [""; 0], "{path}: {text}");
    }
    assert_eq!(broken("src/a.rs", "//! D\nx.unwrap();", true), [""; 0]);
    let parent = BTreeMap::from([
        ("src/a/mod.rs".to_owned(), "#[cfg(test)]\npub(crate) mod b;\nmod c;".to_owned()),
        ("src/d.rs".to_owned(), "#[cfg(test)]\nmod e;".to_owned()),
    ]);
    let found = test_modules(&parent);
    assert!(found.contains("src/a/b.rs") && found.contains("src/d/e/mod.rs"), "{found:?}");
    assert!(!found.contains("src/a/c.rs"));
}

/// The server's allocator gives 16; more is over-allocated, block by block.
///
/// Only without the feature `module`: with it, whatever links the crate gets its memory from a
/// server, and here is none.
#[cfg(not(feature = "module"))]
#[test]
fn the_state_needs_no_large_alignment() {
    use inval::domain::{State, pattern::Pattern, plan::Plan, rule::Rule};
    assert!(align_of::<(State, Rule, Pattern, Plan)>() <= 16);
    assert!(align_of::<(inval::server::Shared, inval::commands::reply::Reply)>() <= 16);
}
