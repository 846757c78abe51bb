//! The rule files that come with the module, each rule on a live server.
#![cfg(feature = "module")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what its cases share"
)]

#[path = "rules/mod.rs"]
mod cases;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cases::{Case, FILES};
use redis::Value;
use support::{Client, Server, field, int, text, texts};

fn rules_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn server_with(path: &Path) -> Server {
    Server::with_args(&["rules", path.to_str().unwrap()])
}

fn rows(value: &Value) -> &[Value] {
    match value {
        Value::Array(rows) => rows,
        other => panic!("{other:?} is no list"),
    }
}

/// A field as one text; the items of a list with spaces between them.
fn joined(value: &Value, name: &str) -> String {
    match field(value, name) {
        list @ Value::Array(_) => texts(list).join(" "),
        other => text(other),
    }
}

/// Writes a key; its place decides its type.
fn write(client: &mut Client, at: usize, name: &[u8]) {
    let words: &[&[u8]] = match at % 6 {
        0 => &[b"SET", name, b"v"],
        1 => &[b"HSET", name, b"f", b"v"],
        2 => &[b"RPUSH", name, b"v"],
        3 => &[b"SADD", name, b"v"],
        4 => &[b"ZADD", name, b"1", b"v"],
        _ => &[b"XADD", name, b"*", b"f", b"v"],
    };
    client.call(words).unwrap();
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|entry| !entry.is_empty())
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    entries(list).map(|entry| entry.split('#').next().unwrap())
}

/// What must stay: as the case says, and every key that goes with an `x` before its name.
fn staying(case: &Case) -> Vec<String> {
    let going = [case.warmed, case.gone].into_iter().flat_map(names);
    let alike = going.map(|name| format!("x{name}"));
    names(case.stay).map(str::to_owned).chain(alike).collect::<BTreeSet<_>>().into_iter().collect()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}

impl Case {
    fn prepare(&self, client: &mut Client) {
        client.run("FLUSHALL");
        let alike = staying(self).into_iter().filter(|name| name.starts_with('x'));
        let all = [self.warmed, self.gone, self.stay].into_iter().flat_map(entries);
        let all = all.map(str::to_owned).chain(alike);
        for (at, entry) in all.collect::<BTreeSet<_>>().iter().enumerate() {
            let mut parts = entry.split('#').map(str::as_bytes);
            let name = parts.next().unwrap();
            write(client, at, name);
            let tags: Vec<&[u8]> = parts.collect();
            if !tags.is_empty() {
                client.call(&[&[b"TAG.SET", name], &tags[..]].concat()).unwrap();
            }
        }
    }

    /// The rules and the positions of their targets that find a key here.
    fn targets_hit(&self, client: &mut Client) -> BTreeSet<(String, usize)> {
        let words: [&[u8]; 4] =
            [b"INVAL.EXPLAIN", b"EVENT", self.event.as_bytes(), self.payload.as_bytes()];
        let plan = client.call(&words).unwrap();
        let (mut seen, mut hit) = (vec![], BTreeSet::new());
        for target in rows(field(&plan, "targets")) {
            let Value::BulkString(_) = field(target, "rule") else { continue };
            let rule = text(field(target, "rule"));
            let at = seen.iter().filter(|earlier| **earlier == rule).count();
            seen.push(rule.clone());
            if int(target, "matches") > 0 {
                hit.insert((rule, at));
            }
        }
        seen.dedup();
        assert_eq!(seen.join(" "), self.rules, "the rules of {} {}", self.event, self.payload);
        hit
    }

    /// What the warm queues must hold, but for the order, the ids and when the entries are due.
    fn warm_entries(&self, client: &mut Client) -> Vec<Vec<String>> {
        if self.warmed.is_empty() {
            return vec![];
        }
        let rule = self.rules.split(' ').next().unwrap();
        let priority = text(field(&client.run(&format!("INVAL.RULE GET {rule}")), "priority"));
        let entry = |key| {
            [
                ["key", key],
                ["rule", rule],
                ["event", self.event],
                ["priority", &priority],
                ["db", "0"],
                ["payload", self.payload],
            ]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect()
        };
        sorted(names(self.warmed).map(entry))
    }

    fn check(&self, client: &mut Client) -> BTreeSet<(String, usize)> {
        let what = format!("{} {}", self.event, self.payload);
        self.prepare(client);
        let hit = self.targets_hit(client);
        let words: [&[u8]; 3] = [b"INVAL.EVENT", self.event.as_bytes(), self.payload.as_bytes()];
        let reply = client.call(&words).unwrap();

        let left = client.keys().into_iter().filter(|name| !name.starts_with("inval:warm:"));
        assert_eq!(left.collect::<Vec<_>>(), staying(self), "left after {what}");
        let queues = ["high", "medium", "low"].map(|of| format!("XRANGE inval:warm:{of} - +"));
        let queued = queues.iter().flat_map(|line| rows(&client.run(line)).to_vec());
        let queued = queued.map(|entry| {
            let mut fields = texts(&rows(&entry)[1]);
            let due = fields.iter().position(|field| field == "due").unwrap();
            fields.drain(due..due + 2);
            fields
        });
        assert_eq!(sorted(queued), self.warm_entries(client), "queued by {what}");

        let warmed = names(self.warmed).count() as i64;
        let gone = warmed + names(self.gone).count() as i64;
        let counts = ["matched", "deleted", "warmed"].map(|name| int(&reply, name));
        assert_eq!(counts, [gone, gone, warmed], "matched, deleted, warmed by {what}");
        hit
    }
}

/// Runs the cases; together they must hit every target of every rule that is loaded.
fn check_all<'c>(server: &Server, cases: impl Iterator<Item = &'c Case>) {
    let mut client = server.client();
    let hit: BTreeSet<_> = cases.flat_map(|case| case.check(&mut client)).collect();
    let list = client.run("INVAL.RULE LIST");
    let targets = rows(&list).iter().flat_map(|rule| {
        let name = text(field(rule, "name"));
        (0..int(rule, "targets") as usize).map(move |at| (name.clone(), at))
    });
    let all: BTreeSet<_> = targets.collect();
    let idle: Vec<_> = all.difference(&hit).collect();
    assert!(idle.is_empty(), "no case in tests/rules hits these targets: {idle:?}");
    client.assert_sound();
}

#[test]
fn each_file_hits_what_its_cases_say_and_nothing_else() {
    for file in FILES {
        check_all(&server_with(&rules_dir().join(file.name)), file.cases.iter());
    }
}

#[test]
fn the_files_together_do_what_each_does_alone() {
    let found = fs::read_dir(rules_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let found = found.map(|name| name.into_string().unwrap());
    let no_rules = ["README.md", "classes.json", "chainhook.map.json"];
    let found = found.filter(|name| !no_rules.contains(&name.as_str()));
    assert_eq!(sorted(found), FILES.iter().map(|file| file.name).collect::<Vec<_>>());
    check_all(&server_with(&rules_dir()), FILES.iter().flat_map(|file| file.cases));
}

#[test]
fn what_a_strategy_writes_out_stands_letter_by_letter() {
    let server = server_with(&rules_dir());
    let mut client = server.client();
    for (rule, name, expected) in FILES.iter().flat_map(|file| file.spelled_out) {
        let found = client.run(&format!("INVAL.RULE GET {rule}"));
        assert_eq!(joined(&found, name), *expected, "{name} of {rule}");
    }
    let (mut unusual, mut globs) = (vec![], vec![]);
    for rule in rows(&client.run("INVAL.RULE LIST")) {
        let [name, event, priority, description] =
            ["name", "eventType", "priority", "description"].map(|name| joined(rule, name));
        assert_ne!(description, "", "{name}");
        assert_eq!(int(rule, "enabled"), 1, "{name}");
        if priority != "medium" {
            unusual.push(format!("{name} {priority}"));
        }
        if event.contains(['*', '?', '[']) {
            globs.push(event);
        }
    }
    assert_eq!(unusual, cases::NOT_MEDIUM);
    assert_eq!(globs, cases::EVENT_GLOBS);
}

#[test]
fn a_file_and_its_dump_load_by_command_and_do_the_same() {
    let plain = Server::start();
    let mut other = plain.client();
    for file in FILES {
        let path = rules_dir().join(file.name);
        let loaded = server_with(&path).client().run("INVAL.RULE DUMP");
        let document = fs::read(&path).unwrap();
        other.call(&[b"INVAL.RULE", b"LOAD", &document, b"REPLACE"]).unwrap();
        assert_eq!(text(&other.run("INVAL.RULE DUMP")), text(&loaded), "{}", file.name);

        other.run(r#"INVAL.RULE SET other '{"eventType":"other","tags":["other"]}'"#);
        other.call(&[b"INVAL.RULE", b"LOAD", text(&loaded).as_bytes(), b"REPLACE"]).unwrap();
        assert_eq!(text(&other.run("INVAL.RULE DUMP")), text(&loaded), "{}", file.name);
        // A dump that left something out would still equal its own dump.
        check_all(&plain, file.cases.iter());
    }
}

#[test]
fn an_event_that_lacks_a_field_deletes_nothing() {
    // Each would go by a target that needs no field, of a rule with others that do.
    let names = "query_cache:ListUsersQuery:a marketplace:search:a marketplace:categories:a \
        users:list:1 challenges:list:1 evaluations:list:1 a#school:none:sessions";
    let server = server_with(&rules_dir());
    let mut client = server.client();
    let mut tried = 0;
    for case in FILES.iter().flat_map(|file| file.cases) {
        let case = Case { payload: "{}", warmed: "", gone: "", stay: names, ..*case };
        let needs = entries(case.rules).any(|rule| {
            let rule = client.run(&format!("INVAL.RULE GET {rule}"));
            let targets = ["cacheKeys", "tags"].map(|name| joined(&rule, name)).join(" ");
            entries(&targets).any(|target| target.contains('{') && !target.contains('|'))
        });
        if needs {
            case.prepare(&mut client);
            let error = client.error(&format!("INVAL.EVENT {} '{{}}'", case.event));
            assert!(error.contains("needs the field"), "{}: {error}", case.event);
            assert_eq!(client.keys(), sorted(self::names(names)), "{}", case.event);
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried} events were tried");
}

#[test]
fn the_page_on_rules_names_every_file_and_field_and_its_examples_load() {
    let page = fs::read_to_string(rules_dir().join("README.md")).unwrap();
    let server = Server::start();
    let mut client = server.client();
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let command: &[u8] =
            match ["\"classes\"", "\"mappings\""].map(|word| example.contains(word)) {
                [true, _] => b"INVAL.CLASS",
                [_, true] => b"INVAL.MAP",
                _ => b"INVAL.RULE",
            };
        client.call(&[command, b"LOAD", example.as_bytes()]).unwrap();
    }
    client.run(r#"INVAL.RULE SET r '{"eventType":"e","tags":["t"]}'"#);
    client.run("INVAL.CLASS SET c MATCH c");
    client.run(r#"INVAL.MAP SET m '{"events":[{"event":"e"}]}'"#);
    let Value::Map(of_mapping) = client.run("INVAL.MAP GET m") else { panic!("no map") };
    let Value::Map(fields) = client.run("INVAL.RULE GET r") else { panic!("no map") };
    let Value::Map(of_class) = client.run("INVAL.CLASS GET c") else { panic!("no map") };
    // Up to its description; what follows is counted.
    let last = of_class.iter().position(|(name, _)| text(name) == "description").unwrap();
    let fields = fields.iter().chain(&of_class[..=last]).chain(&of_mapping);
    let fields = fields.map(|(name, _)| format!("| `{}` |", text(name)));
    let within = ["event", "fields", "path", "match", "default", "value"];
    let fields = fields.chain(within.map(|name| format!("| `{name}` |")));
    let files = FILES.iter().map(|file| file.name).chain(["classes.json", "chainhook.map.json"]);
    for wanted in fields.chain(files.map(|file| format!("[{file}]({file})"))) {
        assert!(page.contains(&wanted), "rules/README.md lacks {wanted}");
    }
}
