//! Conditions: what they mean, and what is none.

use super::*;

#[test]
fn table() {
    let payload = Payload::parse(
        br#"{"status":"paid","n":1,"nil":null,"o":{"x":true},"big":18446744073709551615,"huge":1e999,
            "price":0.30000000000000001,"zero":-0.0e5,"dir":"c:\\","before":{"price":10,"name":"a","id":9007199254740993.0},
            "after":{"price":12,"name":"a","new":1,"id":9007199254740992.0}}"#,
    )
    .unwrap();
    let rows = [
        ("status = \"paid\"", true),
        ("status='paid'", true),
        ("status = 'open'", false),
        ("status != 'open'", true),
        ("missing != 'open'", true),
        ("missing = null", false),
        ("nil = null", true),
        ("status in ('open', \"paid\")", true),
        ("status in ('open')", false),
        ("n = 1.0", true),
        ("n = '1'", false),
        ("n = 10e-1", true),
        ("big = 18446744073709551614", false),
        ("big = 18446744073709551615.0", true),
        ("huge = 2e999", false),
        ("huge = -1e999", false),
        ("huge = 10E+998", true),
        ("price = 0.3", false),
        ("zero = 0", true),
        ("changed id", true),
        ("dir = 'c:\\\\'", true),
        ("o.x = true", true),
        ("exists status", true),
        ("exists nil", false),
        ("not exists missing", true),
        ("changed price", true),
        ("changed name", false),
        ("changed new", true),
        ("changed neither", false),
        ("changed name or changed price", true),
        ("changed name and changed price", false),
        ("(changed name or changed price) and status = 'paid'", true),
        ("not (status = 'paid' or n = 2)", false),
        ("exists missing or exists nil and exists status", false),
        ("EXISTS status AND NOT changed name", true),
    ];
    for (source, expected) in rows {
        let condition = Condition::parse(source).unwrap();
        assert_eq!(condition.holds(&payload), expected, "{source}");
        assert_eq!(condition.source(), source);
    }
}

#[test]
fn syntax_errors_say_where() {
    let rows = [
        ("", "expected a field path such as status or product.id, found the end, at byte 0"),
        ("status", "expected '=', '!=', 'in', 'contains' or 'matches', found the end, at byte 6"),
        (
            "status = paid",
            "expected a value such as \"paid\", 42, true or null, found 'paid', at byte 9",
        ),
        ("status in 'a'", "expected '(', found ''a'', at byte 10"),
        ("status in ('a' 'b')", "expected ',' or ')', found ''b'', at byte 15"),
        ("(status = 1", "expected ')', found the end, at byte 11"),
        ("status = 1 status = 2", "expected 'and', 'or' or the end, found 'status', at byte 11"),
        (
            "status = 'a",
            "expected a value such as \"paid\", 42, true or null, found ''a', at byte 9",
        ),
        (
            "status = 'a\\'",
            "expected a value such as \"paid\", 42, true or null, found ''a\\'', at byte 9",
        ),
    ];
    for (source, expected) in rows {
        let message = Condition::parse(source).unwrap_err().to_string();
        assert!(message.ends_with(expected), "{source}: {message}");
    }
    let deep = "(".repeat(1000);
    assert!(Condition::parse(&deep).is_err());
    assert!(Condition::parse(&"a".repeat(5000)).is_err());
}

#[test]
fn texts_arrays_and_many_values() {
    let payload = Payload::parse(
        br#"{"topic":"badge-mint","tags":["a","b",1],"n":12,"e":[],
            "items":[{"s":"x","n":1,"t":["p"]},{"s":"y"},{"n":null}],
            "before":{"items":[{"p":1},{"p":2}],"none":[]},"after":{"items":[{"p":1},{"p":3}],"none":[]}}"#,
    )
    .unwrap();
    let rows = [
        ("topic contains 'mint'", true),
        ("topic contains 'Mint'", false),
        ("topic contains ''", true),
        ("topic contains 1", false),
        ("tags contains 'a'", true),
        ("tags contains 1.0", true),
        ("tags contains 'c'", false),
        ("tags CONTAINS null", false),
        ("n contains '1'", false),
        ("missing contains 'a'", false),
        ("not missing contains 'a'", true),
        ("topic matches '^badge-(mint|burn)$'", true),
        (r"topic matches '\w+-\w+'", true),
        ("topic matches \"(?i)MINT\"", true),
        ("topic matches '^mint'", false),
        ("tags matches 'a'", false),
        ("n matches '1'", false),
        ("tags[*] matches 'a'", true),
        ("items[*].s = 'y'", true),
        ("items[*].s = 'z'", false),
        ("items[*].s != 'y'", false),
        ("items[*].s != 'z'", true),
        ("items[*].s in ('z', 'x')", true),
        ("items[*].t contains 'p'", true),
        ("exists items[*].n", true),
        ("exists items[1].n", false),
        ("exists e[*]", false),
        ("e[*] != 1", true),
        ("items[*].n = null", true),
        ("/items/1/s = 'y'", true),
        ("changed items[*].p", true),
        ("changed items[0].p", false),
        ("changed /items/1/p", true),
        ("changed items[*].q", false),
        ("changed none[*]", false),
        ("changed none", false),
    ];
    for (source, expected) in rows {
        let condition = Condition::parse(source).unwrap();
        assert_eq!(condition.holds(&payload), expected, "{source}");
    }
}

#[test]
fn an_item_has_levels() {
    let (outer, inner) = (serde_json::json!({"n": 1}), serde_json::json!({"n": 2}));
    let holds = |source: &str| {
        let levels = [&outer, &inner];
        let condition = Condition::parse_from_item(source).unwrap();
        condition.holds_at(&Place::new(&levels, &Looks::unlimited()))
    };
    assert!(holds("n = 2 and ^.n = 1 and $.n = 1 and not exists ^.^ and exists ."));
    assert!(Condition::parse("^ = 1").is_ok(), "a field like any other");
}

#[test]
fn regexes_are_checked_when_read() {
    let told = |source: &str| Condition::parse(source).unwrap_err().to_string();
    assert!(told("a matches '('").starts_with("regex '(': unclosed group"));
    assert!(told("a matches 5").ends_with("expected a regex in quotes, found '5', at byte 10"));
    let large = vec![r"a matches '\w{4}'"; 150].join(" or ");
    assert!(
        told(&large).ends_with("larger than 2097152 bytes when compiled; use smaller repetitions")
    );
    let one = Condition::parse("a matches 'b+'").unwrap().compiled_bytes();
    assert!((100..20_000).contains(&one), "{one}");
    assert_eq!(Condition::parse("a = 'b+'").unwrap().compiled_bytes(), 0);
}
