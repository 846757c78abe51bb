//! Documents that are read, and those that are refused.

use super::*;

const SEED: &str = r#"{"eventType":"custom-event","cacheKeys":["custom:list","custom:count"],
    "patterns":["^custom:user:.*"],"priority":"low","warmCache":false,
    "description":"Custom event invalidation"}"#;

#[test]
fn the_seed_rule_is_read_letter_by_letter() {
    let rule = parse_one(SEED.as_bytes(), None).unwrap();
    assert_eq!(rule.name, "custom-event");
    assert_eq!(rule.priority, Priority::Low);
    assert_eq!(rule.targets.len(), 3);
    assert!(rule.enabled && !rule.warm && rule.when.is_none());
    assert_eq!(rule.description, "Custom event invalidation");
}

#[test]
fn a_dump_loads_back() {
    let full = r#"[{"name":"a","eventType":"order.*","cacheKeys":["o:{id}","o:*"],"patterns":["^x$"],
        "tags":["t:{id|none}"],"when":"changed price","priority":"high","warmCache":true,
        "warmDelay":0,"warmHot":true,"description":"d","enabled":false},{"eventType":"b","cache_keys":["b"],"warm_cache":true}]"#;
    let rules = parse_all(full.as_bytes()).unwrap();
    let dump = to_json(rules.iter());
    let again = parse_all(dump.as_bytes()).unwrap();
    assert_eq!(dump, to_json(again.iter()));
    assert_eq!(again[0].priority, Priority::High);
    assert!(!again[0].enabled && again[0].warm && again[1].warm);
    let terms = WarmTerms { delay_ms: Some(0), hot_only: true };
    assert_eq!(again[0].warm_terms, terms);
    assert_eq!(again[1].warm_terms, WarmTerms::default());
}

#[test]
fn every_error_is_named() {
    let document = r#"{"rules":[{"eventType":"a","cacheKeys":["x[y"]},{"eventType":"b","cacheKey":["x"]},
        {"eventType":"c","tags":["t"]},{"eventType":"c","tags":["t"]},{"eventType":"d"},{"tags":["t"]}]}"#;
    let errors: Vec<_> =
        parse_all(document.as_bytes()).unwrap_err().iter().map(Error::to_string).collect();
    assert_eq!(errors.len(), 5);
    assert_eq!(
        errors[0],
        "rules[0]: rule 'a': unclosed '[' at byte 1 of glob 'x[y'; close it with ']', or write '\\[' for the character itself"
    );
    assert!(
        errors[1].starts_with("rules[1]: bad rule: unknown field `cacheKey`, expected one of"),
        "{}",
        errors[1]
    );
    assert_eq!(errors[2], "rules[3]: rule 'c' appears twice; give each rule its own \"name\"");
    assert_eq!(
        errors[3],
        "rules[4]: rule 'd': no targets; give at least one of \"cacheKeys\", \"patterns\", \"tags\" or \"emit\""
    );
    assert!(errors[4].starts_with("rules[5]: rule '': no \"eventType\""), "{}", errors[4]);
}

#[test]
fn too_large_patterns_are_refused_before_all_are_compiled() {
    // About 600,000 bytes each; the placeholder would be compiled for each event.
    let regexes = |count| vec!["\"{x}(?:[ab]c{9}){1200}\""; count].join(",");
    let rule =
        |at: usize, count| format!(r#"{{"eventType":"{at}","patterns":[{}]}}"#, regexes(count));
    let told = "the patterns of the rules are larger than 67108864 bytes when compiled; use smaller repetitions, or tags";
    let one = parse_one(rule(0, RULE_MAX_TARGETS).as_bytes(), None);
    assert_eq!(one.unwrap_err().to_string(), format!("rule '0': {told}"));
    let rules: Vec<String> = (0..5).map(|at| rule(at, 70)).collect();
    let errors = parse_all(format!("[{}]", rules.join(",")).as_bytes()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), told);
}

#[test]
fn what_is_not_a_document_is_refused() {
    let rows = [
        (
            "3",
            "rule document is a number; send one rule object, an array of them, or {\"rules\": [...]}",
        ),
        (
            "{\"eventType\":",
            "rule document is not valid JSON at line 1 column 13: EOF while parsing a value",
        ),
        ("{\"rules\":{}}", "bad rule: `rules` is an object, expected an array of rules"),
        ("{\"rules\":[],\"x\":1}", "bad rule: unknown field `x` beside `rules`"),
        ("[{\"eventType\":5}]", "rules[0]: bad rule: invalid type: number, expected a string"),
    ];
    for (text, expected) in rows {
        assert_eq!(parse_all(text.as_bytes()).unwrap_err()[0].to_string(), expected);
    }
    let differs = parse_one(br#"{"name":"x","eventType":"a","tags":["t"]}"#, Some("y"));
    assert_eq!(
        differs.unwrap_err().to_string(),
        "the document names the rule 'x', the command 'y'; leave \"name\" out or make them equal"
    );
}
