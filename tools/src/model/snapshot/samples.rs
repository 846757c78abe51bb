//! Replies as a busy server gives them, with names that are hard to show.

use super::super::node::Node;
use super::Replies;

/// A map of fields.
pub fn map<const N: usize>(fields: [(&str, Node); N]) -> Node {
    Node::Map(fields.map(|(name, value)| (Node::text(name), value)).to_vec())
}

/// What RESP2 makes of it: lists of names and values, fractions as text.
pub fn flat(node: &Node) -> Node {
    match node {
        Node::Map(fields) => {
            Node::List(fields.iter().flat_map(|(name, of)| [flat(name), flat(of)]).collect())
        }
        Node::List(items) => Node::List(items.iter().map(flat).collect()),
        Node::Double(value) => Node::text(&value.to_string()),
        other => other.clone(),
    }
}

fn times(p50: i64) -> Node {
    map([
        ("mean", Node::Double(p50 as f64 * 1.3)),
        ("p50", Node::Int(p50)),
        ("p95", Node::Int(p50 * 3)),
        ("p99", Node::Int(p50 * 7)),
        ("max", Node::Int(p50 * 20)),
    ])
}

fn row(runs: i64, deleted: i64) -> Node {
    map([
        ("runs", Node::Int(runs)),
        ("wasted", Node::Int(runs / 5)),
        ("failures", Node::Int(runs / 100)),
        ("keys_matched", Node::Int(deleted)),
        ("keys_deleted", Node::Int(deleted)),
        ("keys_marked", Node::Int(3)),
        ("keys_absent", Node::Int(2)),
        ("keys_refused", Node::Int(1)),
        ("keys_warmed", Node::Int(4)),
        ("last_ms", Node::Int(1_700_000_000_000)),
        ("resolve_micros", times(runs % 50 + 3)),
        ("delete_micros", times(deleted % 900 + 5)),
        ("events", Node::Int(runs)),
        ("purges", Node::Int(17)),
    ])
}

fn window(seconds: i64) -> Node {
    map([
        ("seconds", Node::Int(seconds)),
        ("hits", Node::Int(seconds * 900)),
        ("misses", Node::Int(seconds * 100)),
        ("hit_rate", Node::Double(0.9)),
        ("invalidations", Node::Int(seconds * 25)),
        ("events", Node::Int(seconds * 24)),
        ("purges", Node::Int(seconds)),
        ("wasted", Node::Int(seconds * 5)),
        ("failures", Node::Int(2)),
        ("keys_deleted", Node::Int(seconds * 250)),
        ("keys_marked", Node::Int(seconds)),
        ("keys_warmed", Node::Int(seconds)),
        ("evicted", Node::Int(0)),
        ("mean_micros", Node::Double(55.5)),
        ("p99_micros", Node::Int(871)),
        ("overhead", Node::Double(0.0123)),
        ("efficiency", Node::Double(0.8)),
    ])
}

fn entry(at: i64) -> Node {
    map([
        ("id", Node::Int(at)),
        ("at_ms", Node::Int(1_700_000_000_000 - at * 1500)),
        ("db", Node::Int(0)),
        ("kind", Node::text(if at % 3 == 0 { "purge" } else { "event" })),
        ("what", Node::Text(b"badge-mint\xff<b>&\"'\x1b[31m".to_vec())),
        ("rules", Node::List(vec![Node::text("badge"), Node::text("lists")])),
        ("by", Node::text("default")),
        ("client", Node::Int(9)),
        ("matched", Node::Int(at * 7)),
        ("deleted", Node::Int(at * 6)),
        ("marked", Node::Int(at)),
        ("resolve_micros", Node::Int(12)),
        ("delete_micros", Node::Int(120 * at)),
    ])
}

fn checks() -> Node {
    let check = |name, status, value: i64, meaning, remedy| {
        map([
            ("check", Node::text(name)),
            ("status", Node::text(status)),
            ("value", Node::Int(value)),
            ("unit", Node::text("%")),
            ("warning", Node::Double(20.5)),
            ("critical", Node::Null),
            ("meaning", Node::text(meaning)),
            ("remedy", Node::text(remedy)),
        ])
    };
    Node::List(vec![
        check("index", "healthy", 0, "every live key is known", ""),
        check("wasted", "warning", 21, "a fifth of all runs <match> no key", "narrow the rules"),
        check(
            "hit_rate",
            "critical",
            40,
            "few reads find a value",
            "look at INVAL.TOP & raise TTLs",
        ),
    ])
}

fn most(name: &[u8]) -> Node {
    let item = |name: &[u8], count: i64| {
        map([
            ("name", Node::Text(name.to_vec())),
            ("count", Node::Int(count)),
            ("error", Node::Int(count / 9)),
        ])
    };
    let mut items = vec![item(name, 900), item(&b"very-long-".repeat(40), 800)];
    items.extend((0..30).map(|at| item(format!("user:{at}:feed").as_bytes(), 700 - at * 9)));
    Node::List(items)
}

/// The reply of `INVAL.STATS`.
pub fn stats() -> Node {
    let mut rules: Vec<(Node, Node)> = (0..40)
        .map(|at| (Node::text(&format!("rule-{at:02}")), row(1000 - at * 13, at * at * 31)))
        .collect();
    rules.push((Node::Text(b"\x00\xfe<script>alert(1)</script>".to_vec()), row(2000, 50_000)));
    let rows = |names: [&str; 2]| map([(names[0], row(70, 900)), (names[1], row(50, 100))]);
    map([
        ("totals", row(123_456, 9_876_543)),
        ("rules", Node::Map(rules)),
        ("events", rows(["badge-mint", "profile.updated"])),
        ("tags", rows(["team:{id}", "日本:{x}"])),
        ("patterns", rows(["user:{userId}:*", "^badges:.*</td>$"])),
        ("entities", rows(["badge", "user"])),
        (
            "windows",
            map([
                ("1m", window(60)),
                ("5m", window(300)),
                ("1h", window(3600)),
                ("start", window(9000)),
            ]),
        ),
        (
            "reads",
            map([("tracked", Node::Int(1)), ("hits", Node::Int(10)), ("misses", Node::Int(5))]),
        ),
        (
            "classes",
            map([(
                "user",
                map([
                    ("hits", Node::Int(4)),
                    ("misses", Node::Int(1)),
                    ("hit_rate", Node::Double(0.8)),
                ]),
            )]),
        ),
        (
            "index",
            map([
                ("keys", Node::Int(1_000_000)),
                ("tags", Node::Int(1234)),
                ("rules", Node::Int(41)),
                ("complete", Node::Int(1)),
            ]),
        ),
        ("cache", map([("hits", Node::Int(1)), ("waits", Node::Int(2))])),
        (
            "warm",
            map([
                ("queued", Node::Int(6)),
                ("queues", map([("high", Node::Int(3))])),
                ("rules", map([("badge", map([("queued", Node::Int(6))]))])),
            ]),
        ),
        ("domains", map([("catalogue", map([("rules", Node::Int(3))]))])),
        (
            "queues",
            Node::List(vec![map([
                ("rule", Node::text("best")),
                ("db", Node::Int(0)),
                ("events", Node::Int(4)),
            ])]),
        ),
        (
            "sources",
            map([(
                "orders",
                map([
                    ("name", Node::text("orders")),
                    ("lag", Node::Int(7)),
                    ("lag_ms", Node::Int(90)),
                    ("dead", Node::Int(1)),
                    ("per_second", Node::Double(12.5)),
                ]),
            )]),
        ),
    ])
}

/// What a busy server says, in RESP3.
pub fn busy() -> Replies {
    let advice = map([
        ("about", Node::text("rule lists")),
        ("advice", Node::text("most of its runs match nothing: narrow its WHEN")),
        ("evidence", map([("runs", Node::Int(900)), ("wasted", Node::Int(700))])),
        ("command", Node::text("INVAL.RULE GET lists")),
    ]);
    Replies {
        info: "redis_version:7.0.15\r\nuptime_in_seconds:9000\r\nused_memory:123456789\r\nmaxmemory:0\r\n\
            role:master\r\nconnected_clients:12\r\ninstantaneous_ops_per_sec:4321\r\nrun_id:abc\r\n\
            server_time_usec:1700000000000000\r\n"
            .to_owned(),
        stats: stats(),
        health: map([
            ("status", Node::text("critical")),
            ("profile", Node::text("normal")),
            ("checks", checks()),
            ("recommendations", Node::List(vec![advice])),
        ]),
        top: map([("keys", most(b"user:\x00\xff:<i>")), ("tags", most(b"team:red"))]),
        log: Node::List((1..40).map(entry).collect()),
        ..Replies::default()
    }
}

/// The same in RESP2.
pub fn busy_flat() -> Replies {
    let busy = busy();
    Replies {
        stats: flat(&busy.stats),
        health: flat(&busy.health),
        top: flat(&busy.top),
        log: flat(&busy.log),
        ..busy
    }
}

/// What a server with an older module says.
pub fn older() -> Replies {
    let stats = map([
        ("totals", map([("runs", Node::Int(3)), ("empty_runs", Node::Int(1))])),
        ("index", map([("keys", Node::Int(5))])),
        ("rules", map([("one", map([("runs", Node::Int(3))]))])),
    ]);
    Replies { info: "redis_version:7.0.15\r\n".to_owned(), stats, now_ms: 7, ..Replies::default() }
}
