//! A module that cannot load says why in the log, and leaves the server as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::rows;
use super::support::{Client, Server, eventually, int, module_path, text};

const GOOD: &str = r#"{"rules":[{"eventType":"e","cacheKeys":["k:*"]}]}"#;

/// A directory of rule files, gone when the test ends.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("rule-files-{}-{count}", std::process::id()));
        for (name, text) in [
            ("good.json", GOOD),
            ("half.json", r#"{"rules":[{"eventType":"e","cacheKeys":["k"#),
            ("empty.json", ""),
            ("bad.json", r#"[{"eventType":"e"},{"eventType":"f","tag":["t"]}]"#),
            ("pair/1.json", GOOD),
            ("pair/2.json", GOOD),
            ("class.json", r#"{"rules":[{"eventType":"e"}],"classes":[{"name":"c","match":[]}]}"#),
            ("classes/1.json", r#"{"classes":[{"name":"c","match":["c"]}]}"#),
            ("classes/2.json", r#"{"rules":[],"classes":[{"name":"c","match":["d"]}]}"#),
            ("mixed/1.json", GOOD),
            ("mixed/2.json", "{"),
        ] {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(dir.join("nothing")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Arguments of the module that it refuses, and what it says. `@` is this directory.
    fn bad_arguments(&self) -> Vec<(Vec<String>, String)> {
        let table = r#"
rules @/nowhere.json  -> @/nowhere.json: No such file or directory (os error 2); give a rule file or a directory of *.json files
rules @/half.json  -> @/half.json: rule document is not valid JSON at line 1 column 42: EOF while parsing a string
rules @/empty.json  -> @/empty.json: rule document is not valid JSON at line 1 column 0: EOF while parsing a value
rules @/bad.json  -> @/bad.json: rules[0]: rule 'e': no targets; give at least one of "cacheKeys", "patterns", "tags" or "emit" | @/bad.json: rules[1]: bad rule: unknown field `tag`, expected one of
rules @/pair  -> @/pair/2.json: rule 'e' is in @/pair/1.json too; give each rule its own "name"
rules @/class.json  -> @/class.json: rules[0]: rule 'e': no targets; give at least one of "cacheKeys", "patterns", "tags" or "emit" | @/class.json: classes[0]: class 'c': no globs; give at least one in "match", such as "user:*"
rules @/classes  -> @/classes/2.json: class 'c' is in @/classes/1.json too; give each class its own "name"
rules @/mixed  -> @/mixed/2.json: rule document is not valid JSON at line 1 column 1: EOF while parsing an object
nope x  -> unknown argument 'nope'; write: rules <file-or-directory>, or a configuration without its 'inval.'
rules  -> argument 'rules' has no value
warm-maxlen 5 fence  -> argument 'fence' has no value
warm-maxlen x  -> argument warm-maxlen 'x' is not a number from 0 to 10000000
warm-maxlen -1  -> argument warm-maxlen '-1' is not a number from 0 to 10000000
index-slice-us 49  -> argument index-slice-us '49' is not a number from 50 to 1000000
fence a[  -> inval.fence entry 'a[': unclosed '[' at byte 1 of glob 'a['; close it with ']', or write '\[' for the character itself
rules @/good.json fence x: warm-maxlen x  -> argument warm-maxlen 'x' is not a number from 0 to 10000000
"#;
        let named = |text: &str| text.replace('@', self.0.to_str().unwrap());
        let row = |(line, why): (&str, &str)| (line.split(' ').map(named).collect(), named(why));
        rows(table).into_iter().map(row).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(client: &mut Client, arguments: &[String]) -> Result<(), String> {
    let path = module_path();
    let mut words: Vec<&[u8]> = vec![b"MODULE", b"LOAD", path.to_str().unwrap().as_bytes()];
    words.extend(arguments.iter().map(String::as_bytes));
    client.call(&words).map(drop)
}

#[test]
fn a_module_that_cannot_load_leaves_the_server_as_it_was() {
    let files = Files::new();
    let mut server = Server::without_module(&[]);
    let mut client = server.client();
    client.set_all(&["k:1", "x:1"]);
    for (arguments, why) in files.bad_arguments() {
        let logged = server.log().len();
        let error = load(&mut client, &arguments).unwrap_err();
        assert!(error.starts_with("ERR Error loading the extension."), "{arguments:?}: {error}");
        let log = server.log().split_off(logged);
        assert!(log.contains(&format!("inval: not loaded: {why}")), "{arguments:?}: {why}\n{log}");
        assert!(!format!("{:?}", client.run("MODULE LIST")).contains("inval"), "{arguments:?}");
        assert!(client.error("INVAL.STATS").starts_with("ERR unknown command"), "{arguments:?}");
        assert_eq!(client.run("CONFIG GET inval.*"), redis::Value::Map(vec![]));
        assert_eq!((client.keys().join(" "), server.is_alive()), ("k:1 x:1".to_owned(), true));
    }
    // Nothing of all that is left: no rule, no fence.
    load(&mut client, &[]).unwrap();
    assert_eq!(text(&client.run("INVAL.RULE DUMP")), r#"{"rules":[]}"#);
    assert_eq!(text(&client.run("INVAL.CLASS DUMP")), r#"{"classes":[]}"#);
    assert_eq!(int(&client.run("INVAL.PURGE KEYS 1 k:1"), "deleted"), 1);
    eventually("the index is complete", || client.info("index_complete") == 1);
    client.run("INVAL.RULE ADD r ON e KEYS 1 k:*");
    client.set_all(&["k:2"]);
    // Once is enough; and the second load changes nothing.
    let again = ["rules".to_owned(), files.path("good.json")];
    assert!(load(&mut client, &again).is_err());
    assert_eq!(int(&client.run("INVAL.EVENT e"), "deleted"), 1);
    assert_eq!(client.info("rules"), 1);
    client.assert_sound();
}

#[test]
fn rules_that_load_after_others_did_not_work() {
    let files = Files::new();
    let server = Server::without_module(&[]);
    let mut client = server.client();
    client.set_all(&["k:1", "x:1"]);
    assert!(load(&mut client, &["rules".to_owned(), files.path("half.json")]).is_err());
    load(&mut client, &["rules".to_owned(), files.path("good.json")]).unwrap();
    assert_eq!(int(&client.run("INVAL.EVENT e"), "deleted"), 1);
    assert_eq!(client.keys(), ["x:1"]);
}

#[test]
fn a_server_does_not_start_with_bad_rules_or_arguments() {
    let files = Files::new();
    let module = module_path();
    for (arguments, why) in files.bad_arguments() {
        let mut all = vec!["--loadmodule", module.to_str().unwrap()];
        all.extend(arguments.iter().map(String::as_str));
        let Err(log) = Server::try_start(&all) else { panic!("{arguments:?} started") };
        assert!(log.contains(&format!("inval: not loaded: {why}")), "{arguments:?}: {why}\n{log}");
    }
}

/// A directory without rule files is a mistake in its name.
#[test]
fn a_directory_without_rule_files_is_refused() {
    let files = Files::new();
    let server = Server::without_module(&[]);
    let mut client = server.client();
    let nothing = files.path("nothing");
    let error = load(&mut client, &["rules".to_owned(), nothing.clone()]).unwrap_err();
    assert!(error.starts_with("ERR Error loading the extension."), "{error}");
    assert!(server.log().contains(&format!("inval: not loaded: {nothing}: ")), "{}", server.log());
}
