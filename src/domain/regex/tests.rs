//! Regexes against a slow and simple matcher, and the bounds of what is accepted.

use super::*;
use proptest::prelude::*;
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;

fn is_shape(source: &str) -> bool {
    matches!(Regex::parse(source.as_bytes()).unwrap().0.matcher, Matcher::Shape(_))
}

#[test]
fn regexes_that_are_globs_are_known() {
    for glob in [
        "^badges:user:.*:list$",
        "^passport:.*$",
        "^custom:user:.*",
        "user",
        "",
        "^",
        "$",
        "^$",
        "\\Aa.b\\z",
        "^(?:a(b)).+?c{3}[0-9]{2}(?:.{2})$",
        "(?i)^User:",
        "^a.{3,}b",
        "^\u{e9}",
        "^(?-s:.)$",
        "^[a&&b]",
        "(?u:[a-c])",
    ] {
        assert!(is_shape(glob), "{glob}");
    }
    for other in [
        "a|bc",
        "^ab?$",
        "^a*",
        "^a+",
        "\\ba",
        "(?m)^a",
        "a^",
        "$a",
        "^(?-s).*$",
        "(?u)^.$",
        "(?u:\\w)",
        "^.{2,3}$",
        "^.{1025}",
        "^[0-9]+$",
    ] {
        assert!(!is_shape(other), "{other}");
    }
}

#[test]
fn one_name_or_one_prefix_is_known_as_such() {
    let regex = |source: &str| Regex::parse(source.as_bytes()).unwrap();
    assert_eq!(regex("^a\\.b$").as_exact(), Some(&b"a.b"[..]));
    assert!(regex("^a:").is_prefix() && regex("^a:.*$").is_prefix());
    assert!(!regex("a:").is_prefix() && regex("a:").as_exact().is_none());
    assert!(!regex("^a:$").is_prefix() && regex("^a|b$").as_exact().is_none());
}

#[test]
fn what_no_match_can_be_without_is_the_needle() {
    for (source, expected) in [
        ("^badges:user:.*:list$", "badges:user:"),
        ("^a:\\d+:list(s)$", ":lists"),
        ("^order:(x|yy):\\bdone[0-9]?$", "order:"),
        ("a(?:bc)+d", "abc"),
        ("(?:abc)?d", "d"),
        ("abc|abd", "ab"),
        ("abc|d", ""),
        ("(?i)user", ""),
        ("^(abc|abd)x+", "ab"),
    ] {
        assert_eq!(
            Regex::parse(source.as_bytes()).unwrap().needle(),
            expected.as_bytes(),
            "{source}"
        );
    }
}

#[test]
fn nothing_is_taken_for_a_match() {
    // Each is one for regex 1.13.1.
    for (source, name) in
        [("a?c.{2,}ab", "caaba"), ("[ab]{2,}c[^a].*b", "ab1abcba"), (".(a).{2,}(a)", "b:ba\nab:")]
    {
        assert!(!Regex::parse(source.as_bytes()).unwrap().matches(name.as_bytes()), "{source}");
    }
}

/// Parts of expressions that are globs, and some that are not.
const PARTS: [&str; 30] = [
    "a",
    "b",
    "ab",
    "(a)",
    "\\n",
    "\\xff",
    "()",
    ".",
    ".",
    ".*",
    ".*",
    ".*?",
    ".+",
    ".{2}",
    ".{2,}",
    "a{3}",
    "[ab]",
    "[^a]",
    "(.*)",
    "(?i:b)",
    "(?:a.)",
    "(?:a.){2}",
    "(?-s:.)",
    "^",
    "$",
    "a?",
    "a|b",
    "b+",
    "\\b",
    "(?m:$)",
];

fn expression() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PARTS[..]), 0..7)
        .prop_flat_map(|parts| (Just(parts.concat()), any::<(bool, bool)>()))
        .prop_map(|(body, (start, end))| {
            [if start { "^" } else { "" }, &body, if end { "$" } else { "" }].concat()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn equals_the_plain_simulation(
        source in expression(),
        name in prop::collection::vec(prop::sample::select(&b"aabbB\n\xff"[..]), 0..9),
    ) {
        let oracle = PikeVM::new_from_nfa(
            NFA::compiler()
                .configure(NFA::config().utf8(false))
                .build_from_hir(&parse(&source).unwrap())
                .unwrap(),
        )
        .unwrap();
        let regex = Regex::parse(source.as_bytes()).unwrap();
        let hit = regex.matches(&name);
        prop_assert_eq!(hit, oracle.is_match(&mut oracle.create_cache(), &name[..]), "{:?}", regex);
        prop_assert!(!hit || name.starts_with(regex.literal_prefix()), "{:?}", regex);
        let needle = memchr::memmem::find(&name, regex.needle());
        prop_assert!(!hit || needle.is_some(), "{:?}", regex);
        if regex.is_prefix() {
            prop_assert_eq!(hit, name.starts_with(regex.literal_prefix()));
        }
        if let Some(exact) = regex.as_exact() {
            prop_assert_eq!(hit, name == exact);
        }
    }
}
