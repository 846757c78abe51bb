//! Numbers, bounds, and the same answers as one pattern after the other.

use super::*;
use proptest::prelude::*;

fn glob(source: &str) -> Pattern {
    Pattern::glob(source.as_bytes()).unwrap()
}

fn regex(source: &str) -> Pattern {
    Pattern::regex(source.as_bytes()).unwrap()
}

fn standing(patterns: &[Pattern]) -> Standing {
    let mut standing = Standing::default();
    standing.rules_changed(patterns.iter());
    standing
}

#[test]
fn kept_patterns_keep_their_number_and_a_retired_one_waits() {
    let (a, b, c) = (glob("a:*:x"), regex("^b:.*:x$"), glob("c:*:x"));
    let mut standing = standing(&[a.clone(), b.clone(), a.clone()]);
    assert_eq!(standing.round(), 1);
    assert_eq!(standing.find(&a), Some((0, 1)));
    assert_eq!(standing.find(&b), Some((1, 1)));
    assert_eq!(standing.matching(b"b:1:x")[..], [1]);

    standing.rules_changed([&c, &a].into_iter());
    assert_eq!(standing.find(&a), Some((0, 1)));
    assert_eq!(standing.find(&b), None);
    assert_eq!((standing.find(&c), standing.round()), (Some((2, 2)), 2));
    assert_eq!(standing.gone().collect::<Vec<_>>(), [1]);
    assert!(standing.matching(b"b:1:x").is_empty() && standing.pattern(1).is_none());
    assert_eq!(standing.matching(b"c:1:x")[..], [2]);

    // Back before it was cleared: it begins anew, under another number.
    standing.rules_changed([&a, &b].into_iter());
    assert_eq!(standing.find(&b), Some((3, 3)));
    standing.cleared(0);
    standing.cleared(1);
    assert_eq!(standing.gone().collect::<Vec<_>>(), [2]);
    standing.rules_changed([&a, &b, &c].into_iter());
    assert_eq!(standing.find(&c), Some((1, 4)));
    assert_eq!(standing.matching(b"a:1:x")[..], [0]);
    assert_eq!(standing.matching(b"c:1:x")[..], [1]);
    assert_eq!(standing.matching(b"b:1:x")[..], [3]);
    // Nothing new, nothing to be noted.
    standing.rules_changed([&a, &c].into_iter());
    assert_eq!(standing.round(), 4);
}

#[test]
fn a_broad_pattern_stands_no_more_until_no_rule_holds_it() {
    let (a, b) = (glob("a*x"), glob("b*x"));
    let mut standing = standing(&[a.clone(), b.clone()]);
    standing.refuse(0);
    standing.cleared(0);
    for _ in 0..2 {
        assert_eq!((standing.find(&a), standing.len(), standing.broad()), (None, 1, 1));
        assert!(standing.matching(b"ax").is_empty() && standing.matching(b"bx")[..] == [1]);
        assert_eq!(standing.gone().collect::<Vec<_>>(), [0]);
        standing.rules_changed([&a, &b].into_iter());
        assert_eq!(standing.round(), 1);
    }
    standing.rules_changed([&b].into_iter());
    assert_eq!((standing.broad(), standing.gone().count()), (0, 1));
    standing.cleared(0);
    standing.rules_changed([&a, &b].into_iter());
    assert_eq!(standing.find(&a), Some((0, 2)));
    standing.rules_changed([&a].into_iter());
    assert_eq!(standing.bytes, automaton::size(&a, usize::MAX).unwrap());
}

#[test]
fn a_glob_and_a_regex_of_the_same_text_are_two() {
    let mut standing = standing(&[glob("a*:b"), regex("a*:b")]);
    assert_eq!(standing.matching(b"ax:b")[..], [0, 1]);
    assert_eq!(standing.matching(b"xa:b")[..], [1]);
}

#[test]
fn names_prefixes_and_what_does_not_fit_do_not_stand() {
    let prefix = Pattern::Prefix(b"a"[..].into());
    let plain = [glob("a"), glob("a*"), regex("^a"), regex("^a$"), prefix];
    assert!(standing(&plain).is_empty());
    let unfit = [regex("(?u:a\\b)|b"), regex("^(?:[a-f][0-9]){500}b*c$"), glob("a*b")];
    let mut standing = standing(&unfit);
    assert_eq!(standing.len(), 1);
    assert_eq!(standing.matching(b"ab")[..], [0]);
}

#[test]
fn count_and_memory_are_bounded() {
    let many: Vec<Pattern> = (0..STANDING_MAX + 1).map(|i| glob(&format!("{i}:*:x"))).collect();
    let mut standing = standing(&many);
    assert_eq!(standing.len(), STANDING_MAX);
    assert_eq!(standing.find(&many[STANDING_MAX]), None);
    assert_eq!(standing.matching(b"511:a:x")[..], [511]);
    assert!(standing.automaton.is_some());
    // None of them is cleared: each new one needs a new number, while there are any.
    let rest: Vec<Pattern> = (0..STANDING_MAX + 1).map(|i| glob(&format!("{i}*y"))).collect();
    standing.rules_changed(rest.iter());
    standing.rules_changed(many.iter());
    assert!(standing.is_empty());
    assert_eq!(standing.gone().count(), NUMBERS_MAX);

    let large: Vec<Pattern> =
        (0..STANDING_MAX).map(|i| glob(&format!("{i}{}*x", "y".repeat(999)))).collect();
    standing = self::standing(&large);
    assert!(standing.bytes > STANDING_MAX_BYTES / 2 && standing.bytes <= STANDING_MAX_BYTES);
    assert!(standing.len() < STANDING_MAX);
    assert!(standing.matching(b"1").is_empty());
    assert!(standing.automaton.is_some());
}

#[test]
fn class_ranges_are_of_signed_bytes() {
    let bytes = Pattern::glob(b"*[a-\xff]x").unwrap();
    let mut standing = standing(std::slice::from_ref(&bytes));
    for byte in 0..=u8::MAX {
        let name = [b'y', byte, b'x'];
        assert_eq!(!standing.matching(&name).is_empty(), bytes.matches(&name), "{byte}");
    }
}

const GLOB_PARTS: [&[u8]; 12] =
    [b"a", b"b", b":", b"*", b"*", b"?", b"[ab]", b"[^a]", b"[^-z]", b"[a-\xff]", b"\\*", b"[]"];

const REGEX_PARTS: [&str; 22] = [
    "a",
    "b",
    ":",
    ".",
    ".*",
    ".+",
    "[ab]",
    "[^a]",
    "a?",
    "a|b",
    "(b+)",
    "\\b",
    "\\B",
    "(?m:$)",
    "(?m:^)",
    "(?i:B)",
    "\\xff",
    "(?u:\\w)",
    "(?mR:$)",
    "\\b{start}",
    "$",
    "^",
];

fn pattern() -> impl Strategy<Value = Pattern> {
    let globs = prop::collection::vec(prop::sample::select(&GLOB_PARTS[..]), 0..6)
        .prop_map(|parts| Pattern::glob(&parts.concat()).unwrap());
    let parts = prop::collection::vec(prop::sample::select(&REGEX_PARTS[..]), 0..6);
    let regexes = (parts, any::<(bool, bool)>()).prop_map(|(parts, (start, end))| {
        let (start, end) = (if start { "^" } else { "" }, if end { "$" } else { "" });
        regex(&[start, &parts.concat(), end].concat())
    });
    prop_oneof![globs, regexes]
}

fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let name = prop::collection::vec(prop::sample::select(&b"aabb:B\n\r\xff\xc3*"[..]), 0..9);
    prop::collection::vec(name, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn equals_one_by_one(
        first in prop::collection::vec(pattern(), 0..8),
        second in prop::collection::vec(pattern(), 0..8),
        names in names(),
    ) {
        let mut standing = Standing::default();
        for wanted in [&first, &second] {
            standing.rules_changed(wanted.iter());
            let stand: Vec<&Pattern> =
                wanted.iter().filter(|pattern| standing.find(pattern).is_some()).collect();
            for name in &names {
                let hit = stand.iter().filter(|pattern| pattern.matches(name));
                let mut expected: Vec<Number> =
                    hit.filter_map(|pattern| standing.find(pattern)).map(|(n, _)| n).collect();
                expected.sort_unstable();
                expected.dedup();
                prop_assert_eq!(&standing.matching(name)[..], &expected[..]);
                // Without the automaton it is the same.
                let automaton = standing.automaton.take();
                prop_assert!(automaton.is_some() || stand.is_empty());
                prop_assert_eq!(&standing.matching(name)[..], &expected[..]);
                standing.automaton = automaton;
            }
        }
    }
}
