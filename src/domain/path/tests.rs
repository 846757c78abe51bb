//! Paths: what is one, and where it leads.

use super::*;
use proptest::prelude::*;

const PAYLOAD: &str = r#"{"userId":"42","product":{"id":7},"tags":["a","b"],"items":[{"sku":"x"},{"no":1},{"sku":["y"]}],
    "block":123456789012345678901234567890,"rows":[[1,2],[],[3]],"0":{"a/b":{"~":1}},"e":[]}"#;

fn values(levels: &[&Value], path: &Path) -> Vec<String> {
    let looks = Looks::unlimited();
    let mut found = vec![];
    Place::new(levels, &looks).any(path, |value| {
        found.push(value.to_string());
        false
    });
    found
}

fn at(text: &str) -> Vec<String> {
    let payload: Value = serde_json::from_str(PAYLOAD).unwrap();
    values(&[&payload], &Path::parse_from_item(text).unwrap())
}

#[test]
fn paths_reach_into_a_payload() {
    let rows: [(&str, &[&str]); 25] = [
        ("userId", &["\"42\""]),
        ("product.id", &["7"]),
        ("tags[1]", &["\"b\""]),
        ("items[0].sku", &["\"x\""]),
        ("block", &["123456789012345678901234567890"]),
        ("tags[2]", &[]),
        ("product[0]", &[]),
        ("userId.x", &[]),
        ("nothing", &[]),
        ("tags[*]", &["\"a\"", "\"b\""]),
        ("items[*].sku", &["\"x\"", "[\"y\"]"]),
        ("items[*].sku[*]", &["\"y\""]),
        ("rows[*][*]", &["1", "2", "3"]),
        ("rows[*][0]", &["1", "3"]),
        ("rows[2][*]", &["3"]),
        ("e[*]", &[]),
        ("product[*]", &[]),
        ("userId[*]", &[]),
        ("/product/id", &["7"]),
        ("/items/0/sku", &["\"x\""]),
        ("/items/00/sku", &[]),
        ("/0/a~1b/~0", &["1"]),
        ("/tags/-", &[]),
        ("$.product.id", &["7"]),
        ("^.product.id", &[]),
    ];
    for (path, expected) in rows {
        assert_eq!(at(path), expected, "{path}");
    }
}

#[test]
fn levels_are_counted_from_the_inside() {
    let levels: Vec<Value> =
        (0..3).map(|at| serde_json::json!({"n": at, "list": [at, at]})).collect();
    let levels: Vec<&Value> = levels.iter().collect();
    let rows: [(&str, &[&str]); 9] = [
        ("n", &["2"]),
        ("^.n", &["1"]),
        ("^.^.n", &["0"]),
        ("^.^.^.n", &[]),
        ("$.n", &["0"]),
        ("$.list[*]", &["0", "0"]),
        ("/n", &["2"]),
        (".", &["{\"n\":2,\"list\":[2,2]}"]),
        ("^", &["{\"n\":1,\"list\":[1,1]}"]),
    ];
    for (path, expected) in rows {
        assert_eq!(values(&levels, &Path::parse_from_item(path).unwrap()), expected, "{path}");
    }
}

#[test]
fn paths_print_as_they_were_read() {
    for path in ["a", "a.b", "a[0]", "a[0][1].b-c", "\u{e9}t\u{e9}"] {
        assert_eq!(Path::parse(path).unwrap().to_string(), path);
    }
    for path in
        ["a[*]", "a[*].b[*][0]", "/a/0/~1~0~01", "/", "//", ".", "^", "^.^.a", "$", "$.a[*]"]
    {
        assert!(path.contains('*') <= Path::parse(path).is_none(), "{path}");
        assert_eq!(Path::parse_from_item(path).unwrap().to_string(), path);
    }
    assert_eq!(Path::parse("price").unwrap().below("after").to_string(), "after.price");
    assert_eq!(Path::parse_many("/price").unwrap().below("af/er").to_string(), "/af~1er/price");
}

#[test]
fn what_is_not_a_path_is_refused() {
    let deep = vec!["a"; PATH_MAX_STEPS + 1].join(".");
    let out = vec!["^"; PATH_MAX_STEPS + 1].join(".");
    let bad = [
        "",
        "..",
        "a.",
        ".a",
        "a..b",
        "a[",
        "a[]",
        "a[x]",
        "a[-1]",
        "a[0",
        "a]0",
        "[0]",
        "a[0]b",
        "a[99999999999999999999999]",
        "a[**]",
        "a[ *]",
        "[*]",
        "a.[*]",
        "/~",
        "/~2",
        "^.",
        "^[0]",
        "$.",
        "$[0]",
        "^.^.",
        &deep,
        &out,
        &format!("^.^.{}", vec!["a"; PATH_MAX_STEPS - 1].join(".")),
    ];
    for text in bad {
        assert_eq!(Path::parse_from_item(text), None, "{text}");
    }
    // Fields like any other, for those who know no levels.
    assert!(Path::parse("^.a").unwrap().to_string() == "^.a" && Path::parse("$.a").is_some());
    assert_eq!(Path::parse("/a").map(|path| path.is_field()), Some(true));
}

#[test]
fn each_is_a_level() {
    let payload: Value = serde_json::from_str(
        r#"{"n":0,"a":[{"n":1,"b":{"c":[{"n":2},{"n":3}]}},{"n":4},{"n":5,"b":{"c":[{"n":6}]}}]}"#,
    )
    .unwrap();
    let visited = |path: &str| {
        let (mut levels, looks) = (vec![&payload], Looks::unlimited());
        let mut seen = vec![];
        let path = Path::parse_many(path).unwrap();
        let told = for_each_place(&mut levels, &path, &looks, &mut |levels| {
            let numbers: Vec<String> = levels.iter().map(|level| level["n"].to_string()).collect();
            seen.push(numbers.join("."));
            Ok::<(), ()>(())
        });
        assert_eq!((told, levels.len()), (Ok(()), 1));
        seen.join(" ")
    };
    assert_eq!(visited("a[*].b.c[*]"), "0.1.2 0.1.3 0.5.6");
    assert_eq!(visited("a[*]"), "0.1 0.4 0.5");
    assert_eq!(visited("a[*].b"), "0.1.null 0.5.null");
    assert_eq!(visited("a[2].b.c[*]"), "0.6");
    assert_eq!(visited("/a/1"), "0.4");
    assert_eq!(visited("n[*]"), "");
}

#[test]
fn looks_run_out() {
    let payload = serde_json::json!({"a": vec![0; 100]});
    let looks = Looks::of(50);
    let path = Path::parse_many("a[*]").unwrap();
    let levels = [&payload];
    assert!(!Place::new(&levels, &looks).any(&path, |value| value == 1));
    assert!(looks.are_spent());
    assert_eq!(Place::new(&levels, &looks).first(&path), None);
    let looks = Looks::of(102);
    assert!(!Place::new(&levels, &looks).any(&path, |value| value == 1));
    assert!(!looks.are_spent() && looks.spend(0) == looks.spend(0) && looks.are_spent());
    let looks = Looks::of(3);
    assert!(looks.spend(16) && !looks.spend(15));
}

proptest! {
    /// By the library's own pointers, put in for every way that `[*]` may go.
    #[test]
    fn many_values_are_those_of_each_way(sizes in proptest::collection::vec(0..4_usize, 0..4)) {
        let inner: Vec<Value> =
            sizes.iter().map(|size| serde_json::json!({"b": (0..*size).collect::<Vec<_>>()})).collect();
        let payload = serde_json::json!({ "a": inner });
        let mut expected = vec![];
        for (at, size) in sizes.iter().enumerate() {
            let ways = (0..*size).map(|to| payload.pointer(&format!("/a/{at}/b/{to}")).unwrap());
            expected.extend(ways.map(Value::to_string));
        }
        let path = Path::parse_many("a[*].b[*]").unwrap();
        prop_assert_eq!(values(&[&payload], &path), expected);
    }
}
