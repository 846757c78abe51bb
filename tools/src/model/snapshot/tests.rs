//! A snapshot has what the replies say, in both protocols, and stands what is missing or odd.

use super::samples;
use super::*;

#[test]
fn both_protocols_say_the_same() {
    let three = Snapshot::of(samples::busy());
    let two = Snapshot::of(samples::busy_flat());
    assert_eq!(three.rules, two.rules);
    assert_eq!(three.windows, two.windows);
    assert_eq!(three.checks, two.checks);
    assert_eq!(three.advice, two.advice);
    assert_eq!(three.top, two.top);
    assert_eq!(three.log, two.log);
    assert_eq!(three.totals, two.totals);
}

#[test]
fn figures_are_those_of_the_replies() {
    let look = Snapshot::of(samples::busy());
    assert_eq!(look.now_ms, 1_700_000_000_000);
    assert_eq!(look.server.name, "Redis 7.0.15");
    assert_eq!((look.totals.runs, look.totals.deleted), (Some(123_456), Some(9_876_543)));
    assert_eq!((look.rules.len(), look.index("keys")), (41, Some(1_000_000)));
    let window = look.window("1m").unwrap();
    assert_eq!((window.hit_rate, window.per_second(window.deleted)), (Some(0.9), Some(250.0)));
    let names: Vec<_> = look.unhealthy().iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["hit_rate", "wasted"]);
    let check = look.unhealthy().pop().unwrap().clone();
    assert_eq!((check.value.as_str(), check.limits.as_str()), ("21 %", "warning 20.5 %"));
    assert_eq!(look.advice.first().unwrap().evidence, "runs 900, wasted 700");
    assert_eq!(look.top("keys").first().unwrap().name, "user:\\x00\\xff:<i>");
    let entry = look.log.first().unwrap();
    assert_eq!(entry.what, "badge-mint\\xff<b>&\"'\\x1b[31m");
    assert_eq!((entry.rules.as_str(), entry.keys), ("badge lists", [Some(7), Some(6), Some(1)]));
}

#[test]
fn what_an_older_module_lacks_is_unknown() {
    let look = Snapshot::of(samples::older());
    assert_eq!((look.now_ms, look.index("keys"), look.index("tags")), (7, Some(5), None));
    assert_eq!((look.totals.wasted, look.totals.failures), (Some(1), None));
    assert!(look.windows.is_empty() && look.log.is_empty() && look.top("keys").is_empty());
    assert_eq!(look.status, "");
}

#[test]
fn odd_replies_do_no_harm() {
    let odd = [
        Node::Null,
        Node::Int(-1),
        Node::text("?"),
        Node::List(vec![Node::List(vec![]), Node::Int(1), Node::Null]),
        Node::Map(vec![(Node::Null, Node::Null), (Node::Int(1), Node::List(vec![Node::Null]))]),
    ];
    for node in &odd {
        let replies = Replies {
            stats: samples::map([
                ("rules", node.clone()),
                ("totals", node.clone()),
                ("windows", node.clone()),
            ]),
            health: samples::map([("checks", Node::List(odd.to_vec())), ("status", node.clone())]),
            top: node.clone(),
            log: Node::List(odd.to_vec()),
            ..Replies::default()
        };
        let look = Snapshot::of(replies);
        assert_eq!(look.log.len(), odd.len());
    }
}
