//! Mappings: what comes of a payload, and what is no mapping.

use super::*;
use crate::domain::mapping_document::{parse_one, parse_with_files, to_json, to_json_with_files};
use crate::domain::snapshot::FileDigests;
use proptest::prelude::*;
use serde_json::json;

fn mapping(json: &Value) -> Mapping {
    parse_one(json.to_string().as_bytes(), "m").unwrap()
}

/// The events, each as name and payload.
fn map(mapping: &Mapping, payload: &Value) -> std::result::Result<Vec<String>, String> {
    let payload = Payload::of(payload.clone()).unwrap();
    let shown = |mapped: &Mapped| format!("{} {}", mapped.event, mapped.payload.to_text());
    mapping
        .map(&payload)
        .map(|events| events.iter().map(shown).collect())
        .map_err(|error| error.to_string())
}

#[test]
fn items_and_levels() {
    let mapping = mapping(&json!({
        "each": "blocks[*].txs[*]",
        "events": [
            {"event": "tx", "when": "ok = true and ^.height in (1, 2)",
             "fields": {"id": "id", "height": "^.height", "chain": "$.chain", "also": "^.^.chain",
                        "logs": "logs[*].n", "pointer": "/logs/0/n", "none": "nothing"}},
            {"event": "log-{kind|other}", "each": "logs[*]", "when": "^.ok = true",
             "fields": {"n": "n", "id": "^.id", "height": "^.^.height"}},
        ]
    }));
    let payload = json!({"chain": "c", "blocks": [
        {"height": 1, "txs": [{"id": "a", "ok": true, "logs": [{"n": 1, "kind": "x"}, {"n": 2}]},
                              {"id": "b", "ok": false, "logs": [{"n": 3}]}]},
        {"height": 3, "txs": [{"id": "c", "ok": true, "logs": []}]},
        {"height": 2, "txs": [{"id": 7.50, "ok": true}]},
        {"height": 2},
    ]});
    let expected = [
        r#"tx {"id":"a","height":1,"chain":"c","also":"c","logs":[1,2],"pointer":1}"#,
        r#"log-x {"n":1,"id":"a","height":1}"#,
        r#"log-other {"n":2,"id":"a","height":1}"#,
        r#"tx {"id":7.5,"height":2,"chain":"c","also":"c"}"#,
    ];
    assert_eq!(map(&mapping, &payload).unwrap(), expected);
    assert_eq!(map(&mapping, &json!({"blocks": "none"})).unwrap(), [""; 0]);
    assert_eq!(map(&mapping, &json!({})).unwrap(), [""; 0]);
}

#[test]
fn fields_have_defaults_constants_and_groups() {
    let mapping = mapping(&json!({"events": [{"event": "{$.type}", "fields": {
        "id": {"path": "args[0]", "match": "^u([0-9]+)$"},
        "who": {"path": "args[*]", "match": "^'(S[A-Z0-9]+)"},
        "n": {"path": "n", "match": "(.)$"},
        "lacks": {"path": "args[1]", "match": "^u([0-9]+)$"},
        "default": {"path": "args[1]", "match": "^u([0-9]+)$", "default": {"a": 1}},
        "absent": {"path": "nothing", "default": 0},
        "null": {"path": "nil", "default": "d"},
        "nil": "nil",
        "none": {"path": "nothing[*]", "default": []},
        "constant": {"value": [1, {"b": null}]},
        "object": {"path": "o", "match": "(.)"},
        "all": ".",
    }}]}));
    let payload =
        json!({"type": "t", "args": ["u42", "'SP1", "'SP2.x"], "n": 12, "nil": null, "o": {}});
    let expected = format!(
        r#"t {{"id":"42","who":["SP1","SP2"],"n":"2","default":{{"a":1}},"absent":0,"null":"d","nil":null,"none":[],"constant":[1,{{"b":null}}],"all":{payload}}}"#
    );
    assert_eq!(map(&mapping, &payload).unwrap(), [expected]);
}

#[test]
fn of_several_paths_all_items_and_the_first_value_count() {
    let mapping =
        mapping(&json!({"each": ["a[*].x[*]", "b[*]"], "events": [{"event": "e", "fields": {
            "id": ["id", "/old/id", "."],
            "text": {"path": ["id", "text[*]"], "match": "^t(.)"},
            "null": ["nil", "nothing"],
            "default": {"path": ["nil", "nothing"], "default": 1},
        }}]}));
    let payload = json!({"b": [{"old": {"id": 2}, "text": ["t1", "u", "t2"], "nil": null}],
        "a": [{"x": [{"id": "t7", "old": {"id": 3}}, 4]}]});
    let expected = [
        r#"e {"id":"t7","text":"7","default":1}"#,
        r#"e {"id":4,"default":1}"#,
        r#"e {"id":2,"text":["1","2"],"null":null,"default":1}"#,
    ];
    assert_eq!(map(&mapping, &payload).unwrap(), expected);
}

#[test]
fn equal_events_are_one() {
    let of = |value: &str| json!({"event": "e", "each": "list[*]", "fields": {"v": value, "w": {"value": 1}}});
    let turned = json!({"event": "e", "each": "list[*]", "fields": {"w": {"value": 1}, "v": "."}});
    let mapping =
        mapping(&json!({"events": [of("."), turned, of("."), {"event": "f", "fields": {}}]}));
    let found = map(&mapping, &json!({"list": [1, 2, 1, 1.0]})).unwrap();
    let expected = [r#"e {"v":1,"w":1}"#, r#"e {"v":2,"w":1}"#, r#"e {"v":1.0,"w":1}"#, "f {}"];
    assert_eq!(found, expected);
}

#[test]
fn without_fields_the_item_is_the_payload() {
    let mapping = mapping(&json!({"each": "a[*]", "events": [{"event": "e"}]}));
    assert_eq!(map(&mapping, &json!({"a": [{"x": 1}, {}]})).unwrap(), [r#"e {"x":1}"#, "e {}"]);
    let told = "mapping 'm': events[0]: the item is a string, not a JSON object; give \"fields\", such as {\"value\":\".\"}";
    assert_eq!(map(&mapping, &json!({"a": [{}, "x"]})).unwrap_err(), told);
}

#[test]
fn what_is_too_much_is_refused() {
    let per_item = |fields: Value| {
        mapping(&json!({"each": "a[*]", "events": [{"event": "e", "fields": fields}]}))
    };
    let told = |mapping: &Mapping, payload: Value| map(mapping, &payload).unwrap_err();

    let many = |count: usize| json!({"a": (0..count).collect::<Vec<_>>()});
    let one = per_item(json!({"v": "."}));
    assert_eq!(map(&one, &many(EVENTS_MAX)).unwrap().len(), EVENTS_MAX);
    assert_eq!(
        told(&one, many(EVENTS_MAX + 1)),
        "mapping 'm': events[0]: 1001 events of one payload are more than the limit of 1000; split them up"
    );

    let all = per_item(json!({"v": "$", "w": "."}));
    let large =
        json!({"a": (0..10).collect::<Vec<_>>(), "text": "x".repeat(PAYLOAD_MAX_BYTES - 1000)});
    let too_large = "the events of one payload are larger than 4194304 bytes; copy only the fields that rules use";
    assert_eq!(told(&all, large.clone()), format!("mapping 'm': events[0]: {too_large}"));
    let twice = mapping(&json!({"events": [{"event": "e", "fields": {"a": "$", "b": "$"}}]}));
    assert!(told(&twice, large).ends_with(too_large));

    // Each item looks at all items again.
    let slow =
        mapping(&json!({"each": "a[*]", "events": [{"event": "e", "when": "$.a[*] = 'none'"}]}));
    assert_eq!(map(&slow, &many(1000)).unwrap(), [""; 0]);
    let too_slow = "mapping 'm': more than 4000000 values of the payload looked at; use fewer [*], or send less at once";
    assert_eq!(told(&slow, many(3000)), too_slow);
    let negated = mapping(
        &json!({"each": "a[*]", "events": [{"event": "e", "when": "not $.a[*] = 'none'", "fields": {}}]}),
    );
    assert_eq!(told(&negated, many(3000)), too_slow);
    let texts =
        mapping(&json!({"each": "a[*]", "events": [{"event": "e", "when": "$.t matches 'y'"}]}));
    let mut long = many(100);
    long["t"] = "x".repeat(1_000_000).into();
    assert_eq!(told(&texts, long), too_slow);

    let wide = per_item(json!({"v": "$.a[*]"}));
    assert!(
        told(&wide, many(10_001)).contains("values of one path are more than the limit of 10000")
    );
    let name = mapping(&json!({"events": [{"event": "{n}"}]}));
    assert!(
        told(&name, json!({})).starts_with("mapping 'm': events[0]: '{n}' needs the field 'n'")
    );
    assert!(told(&name, json!({"n": ""})).contains("empty event"));
    assert!(told(&name, json!({"n": "x".repeat(513)})).contains("event of 513 bytes"));
    assert!(told(&name, json!({"n": {}})).contains("which is an object"));
}

#[test]
fn a_dump_loads_back() {
    let full = json!({"mappings": [
        {"name": "a", "description": "d", "each": "x[*]", "events": [
            {"event": "e", "each": "y", "when": "a = 1", "fields": {"f": "g", "c": {"value": 1.50}}}]},
        {"name": "b", "events": [{"event": "e"}]},
    ]})
    .to_string();
    let (mappings, files) = parse_with_files(full.as_bytes()).unwrap();
    assert_eq!((to_json(mappings.iter()), files), (full, None));
    let files = FileDigests::from([("a".to_owned(), 7)]);
    let dump = to_json_with_files(mappings.iter(), &files);
    let (again, read) = parse_with_files(dump.as_bytes()).unwrap();
    assert_eq!((to_json(again.iter()), read), (to_json(mappings.iter()), Some(files)));
}

#[test]
fn every_error_is_named() {
    let event = |event: &str| format!(r#"{{"name":"d","events":[{event}]}}"#);
    let field = |field: &str| event(&format!(r#"{{"event":"e","fields":{{"f":{field}}}}}"#));
    let long = vec![r#"{"event":"e"}"#; 101].join(",");
    let wide: Vec<String> = (0..101).map(|at| format!(r#""{at}":"a""#)).collect();
    let rows = [
        ("{}".to_owned(), "mapping '': empty mapping name; give it at least one byte"),
        (r#"{"name":"d"}"#.to_owned(), "mapping 'd': no events; give at least one in \"events\""),
        (event(&long), "mapping 'd': 101 events are more than the limit of 100; split them up"),
        (
            r#"{"name":"d","evens":[]}"#.to_owned(),
            "bad mapping: unknown field `evens`, expected one of `name`, `description`, `each`, `events`",
        ),
        (
            r#"{"name":"d","each":"a[","events":[{"event":"e"}]}"#.to_owned(),
            "mapping 'd': 'a[' is not a path; write for example user.id, tags[0], items[*].sku or /user/id",
        ),
        (r#"{"name":"d","each":["a",5],"events":[{"event":"e"}]}"#.to_owned(), "mapping 'd': '5' is not a path; write for example user.id, tags[0], items[*].sku or /user/id"),
        (r#"{"name":"d","each":[],"events":[{"event":"e"}]}"#.to_owned(), "mapping 'd': '[]' is not a path; write for example user.id, tags[0], items[*].sku or /user/id"),
        (r#"{"name":"d","each":["a","a","a","a","a","a","a","a","a","a","a"],"events":[{"event":"e"}]}"#.to_owned(), "mapping 'd': 11 paths are more than the limit of 10; split them up"),
        (event("{}"), "mapping 'd': events[0]: empty event; give it at least one byte"),
        (
            event(r#"["e"]"#),
            "mapping 'd': events[0]: bad mapping: it is an array, expected an object",
        ),
        (
            event(r#"{"event":"e","when":"a ="}"#),
            "mapping 'd': events[0]: condition 'a =': expected a value such as \"paid\", 42, true or null, found the end, at byte 3",
        ),
        (
            event(r#"{"event":"e-{a[*]}"}"#),
            "mapping 'd': events[0]: '{a[*]}' in 'e-{a[*]}' is not a placeholder; write a field path such as {userId}, {product.id} or {tags[0]}, or '{{' and '}}' for literal braces",
        ),
        (
            event(r#"{"event":"e","each":"^.a"}"#),
            "mapping 'd': events[0]: '^.a' is not a path; write for example user.id, tags[0], items[*].sku or /user/id",
        ),
        (
            event(&format!(r#"{{"event":"e","fields":{{{}}}}}"#, wide.join(","))),
            "mapping 'd': events[0]: 101 fields are more than the limit of 100; split them up",
        ),
        (
            event(r#"{"event":"e","fields":{"a.b":"c"}}"#),
            "mapping 'd': events[0]: field 'a.b': no placeholder can name it; use a name without . [ ] { } and |",
        ),
        (
            field("5"),
            "mapping 'd': events[0]: field 'f': it is a number; write a path, or {\"value\":..} for a constant",
        ),
        (
            field(r#""a..b""#),
            "mapping 'd': events[0]: field 'f': 'a..b' is not a path; write for example user.id, tags[0], items[*].sku or /user/id",
        ),
        (
            field("{}"),
            "mapping 'd': events[0]: field 'f': give \"path\", with \"match\" or \"default\" if need be, or \"value\" alone",
        ),
        (
            field(r#"{"path":"a","value":1}"#),
            "mapping 'd': events[0]: field 'f': give \"path\", with \"match\" or \"default\" if need be, or \"value\" alone",
        ),
        (
            field(r#"{"pat":"a"}"#),
            "mapping 'd': events[0]: field 'f': unknown field `pat`, expected one of `path`, `match`, `default`, `value`",
        ),
        (
            field(r#"{"path":"a","match":"b"}"#),
            "mapping 'd': events[0]: field 'f': regex 'b' has 0 groups; put one pair of parentheses around what is wanted, (?:..) around the rest",
        ),
    ];
    for (text, expected) in rows {
        let found = parse_with_files(format!("[{text}]").as_bytes()).unwrap_err();
        assert_eq!((found.len(), found[0].to_string()), (1, format!("mappings[0]: {expected}")));
    }
    let differs = parse_one(event(r#"{"event":"e"}"#).as_bytes(), "c").unwrap_err().to_string();
    assert!(
        differs.starts_with("the document names the mapping 'd', the command 'c'"),
        "{differs}"
    );
}

#[test]
fn regexes_are_bounded_together() {
    let field = |at: usize| format!(r#""f{at}":{{"path":"a","match":"(\\w{{8}})"}}"#);
    let fields = |from: usize| (from..from + 60).map(field).collect::<Vec<_>>().join(",");
    let event = format!(r#"{{"event":"e","fields":{{{}}}}}"#, fields(0));
    let text = format!(r#"{{"name":"m","events":[{}]}}"#, vec![event; 3].join(","));
    let told = parse_one(text.as_bytes(), "m").unwrap_err().to_string();
    assert!(
        told.ends_with(
            "the mappings are larger than 16777216 bytes when compiled; use fewer, or shorter ones"
        ),
        "{told}"
    );
}

proptest! {
    /// Against the same written by hand, item by item.
    #[test]
    fn as_by_hand(items in proptest::collection::vec((0..3_u8, proptest::option::of("[ab]{0,2}")), 0..8)) {
        let mapping = mapping(&json!({"each": "a[*]", "events": [
            {"event": "one-{k}", "when": "k = 1", "fields": {"s": "s"}},
            {"event": "some", "when": "s contains 'a' or not exists s",
             "fields": {"s": {"path": "s", "match": "^(a+)", "default": "-"}, "k": "k"}},
        ]}));
        let mut expected: Vec<String> = vec![];
        let mut add = |text: String| if !expected.contains(&text) { expected.push(text) };
        for (k, s) in &items {
            if *k == 1 {
                let fields = s.as_ref().map_or(json!({}), |s| json!({ "s": s }));
                add(format!("one-1 {fields}"));
            }
            let text = s.clone().unwrap_or_default();
            if s.is_none() || text.contains('a') {
                let start: String = text.chars().take_while(|c| *c == 'a').collect();
                let start = if start.is_empty() { "-" } else { &start };
                add(format!("some {}", json!({"s": start, "k": k})));
            }
        }
        let list: Vec<Value> = items.iter().map(|(k, s)| match s {
            Some(s) => json!({"k": k, "s": s}),
            None => json!({ "k": k }),
        }).collect();
        prop_assert_eq!(map(&mapping, &json!({ "a": list })).unwrap(), expected);
    }
}
