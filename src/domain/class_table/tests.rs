//! Which class a key belongs to, against one glob after the other; bounds and counts.

use super::*;
use crate::domain::class_document::parse_one;
use crate::domain::naive_glob as naive;
use proptest::prelude::*;

fn class(name: &str, globs: &[&str]) -> Class {
    let json = serde_json::json!({ "match": globs }).to_string();
    parse_one(json.as_bytes(), name).unwrap()
}

fn table(classes: &[(&str, &[&str])]) -> ClassTable {
    let mut table = ClassTable::default();
    classes.iter().for_each(|(name, globs)| table.set(class(name, globs)));
    table
}

fn name_of(table: &mut ClassTable, key: &str) -> String {
    let id = table.of(key.as_bytes());
    id.and_then(|id| table.class(id)).map(|class| class.name.clone()).unwrap_or_default()
}

#[test]
fn the_glob_that_says_most_wins() {
    let mut table = table(&[
        ("default", &["*"]),
        ("user", &["user:*"]),
        ("profile", &["user:*:profile", "profile:*"]),
        ("b", &["?:x"]),
        ("a", &["x:[y]*", "*:x"]),
        ("one", &["user:1"]),
    ]);
    for (key, name) in [
        ("user:2", "user"),
        ("user:1", "one"),
        ("user:1:profile", "profile"),
        ("profile:", "profile"),
        ("user", "default"),
        ("", "default"),
        // As many literal bytes: the first by name.
        ("a:x", "a"),
        ("x:x", "a"),
    ] {
        assert_eq!(name_of(&mut table, key), name, "{key}");
    }
    assert!(table.remove("default") && !table.remove("default"));
    assert_eq!((name_of(&mut table, "other"), table.of(b"other")), (String::new(), None));
    assert_eq!(name_of(&mut table, "user:2"), "user");
    table.set(class("user", &["u:*"]));
    assert_eq!(
        (name_of(&mut table, "user:2"), name_of(&mut table, "u:2")),
        ("".into(), "user".into())
    );
    assert_eq!(ClassTable::default().of(b"user"), None);
}

#[test]
fn counts_stay_with_the_name_and_an_old_id_counts_for_nobody() {
    let mut table = table(&[("a", &["a:*"]), ("b", &["b:*"])]);
    let (a, b) = (table.of(b"a:1"), table.find("b"));
    table.count(a, |counts| counts.hits += 3);
    table.count(a, |counts| counts.stale += 1);
    table.count(b, |counts| counts.fills += 1);
    table.count(None, |counts| counts.fills += 1);
    assert_eq!(table.get("a").unwrap().1.hit_rate(), 0.75);
    assert_eq!((table.get("b").unwrap().1.fills, table.get("b").unwrap().1.hit_rate()), (1, 0.0));
    assert_eq!((table.find("c"), table.get("c")), (None, None));

    table.set(class("a", &["aa:*"]));
    assert_eq!(table.get("a").unwrap().1.hits, 3);
    table.count(a, |counts| counts.hits += 1);
    assert!(table.class(a.unwrap()).is_none() && table.get("a").unwrap().1.hits == 3);

    table.replace(vec![class("c", &["c"]), class("a", &["a:*"])]);
    let rows: Vec<_> = table.iter().map(|(class, counts)| (&*class.name, counts.hits)).collect();
    assert_eq!((rows, table.len()), (vec![("a", 3), ("c", 0)], 2));
    table.reset_counts();
    assert_eq!(table.get("a").unwrap().1, &Counts::default());
    table.remove("a");
    table.set(class("a", &["a"]));
    assert_eq!(table.get("a").unwrap().1, &Counts::default());
}

#[test]
fn there_is_room_for_so_many() {
    let some = |count: usize, globs: usize| -> Vec<Class> {
        let globs = vec!["a"; globs];
        (0..count).map(|at| class(&at.to_string(), &globs)).collect()
    };
    let empty = ClassTable::default();
    let told = |table: &ClassTable, classes: &[Class]| {
        table.check_room(classes).map_err(|error| error.to_string())
    };
    let many = "1001 classes are more than the limit of 1000; split them up";
    assert_eq!(told(&empty, &some(CLASSES_MAX, 2)), Ok(()));
    assert_eq!(told(&empty, &some(CLASSES_MAX + 1, 1)), Err(many.to_owned()));
    let globs = "2001 globs of classes are more than the limit of 2000; split them up";
    assert_eq!(told(&empty, &some(667, 3)), Err(globs.to_owned()));
    let mut large = class("large", &["a"]);
    large.description = "x".repeat(CLASSES_MAX_BYTES - 200);
    let mut table = ClassTable::default();
    table.set(large.clone());
    assert_eq!(told(&table, &some(1, 1)), Ok(()));
    assert_eq!(told(&table, &[large.clone()]), Ok(()));
    large.name = "other".to_owned();
    let bytes = "the classes are larger than 1048576 bytes as JSON; use fewer globs, or shorter descriptions";
    assert_eq!(told(&table, &[large]), Err(bytes.to_owned()));
}

/// As the module says it, by trial.
fn expected(classes: &[(String, Vec<String>)], key: &[u8]) -> Option<String> {
    let all = classes.iter().flat_map(|(name, globs)| globs.iter().map(move |glob| (name, glob)));
    let taking = all.filter(|(_, glob)| naive::matches(glob.as_bytes(), key));
    let literal = |glob: &str| {
        let mut bytes = glob.bytes();
        let mut count = 0;
        while let Some(byte) = bytes.next() {
            match byte {
                b'*' | b'?' => {}
                b'[' => drop(bytes.find(|byte| *byte == b']')),
                b'\\' if bytes.next().is_some() => count += 1,
                _ => count += 1,
            }
        }
        count
    };
    taking
        .max_by_key(|(name, glob)| (literal(glob), std::cmp::Reverse(*name)))
        .map(|(name, _)| name.clone())
}

proptest! {
    #[test]
    fn equals_one_glob_after_the_other(
        classes in prop::collection::btree_map("[a-e]", prop::collection::vec("(a|b|:|\\*|\\?|\\[ab\\]|\\[\\^a\\]|\\\\\\*){1,6}", 1..4), 0..6),
        keys in prop::collection::vec("[ab:*]{0,6}", 1..20),
        rests: bool,
    ) {
        let classes: Vec<(String, Vec<String>)> = classes.into_iter().collect();
        let mut table = ClassTable::default();
        for (name, globs) in &classes {
            table.set(class(name, &globs.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        for key in &keys {
            let found = table.of(key.as_bytes());
            // As if the automaton had given up.
            if rests {
                table.automaton = None;
                prop_assert_eq!(table.of(key.as_bytes()), found);
            }
            let found = found.and_then(|id| table.class(id)).map(|class| class.name.clone());
            prop_assert_eq!(found, expected(&classes, key.as_bytes()), "{:?} {}", classes, key);
        }
    }
}
