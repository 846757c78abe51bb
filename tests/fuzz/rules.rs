//! Rule documents: what is read is written and read again as the same.

use inval::domain::State;
use inval::domain::error::Error;
use inval::domain::payload::Payload;
use inval::domain::request::Request;
use inval::domain::rule::Rule;
use inval::domain::rule_document::{parse_all, parse_one, to_json};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::condition::condition_text;
use crate::mutation::{self, Bytes};
use crate::payload::{object, scalar};
use crate::template::any_source;
use crate::{Checked, Round};

pub fn check(round: &mut Round) {
    round.check((document(), object()), |(document, payload)| reads_again(&document.0, &payload));
}

fn reads_again(document: &[u8], payload: &Value) -> Checked {
    for name in [None, Some("r"), Some("")] {
        match parse_one(document, name) {
            Ok(rule) => {
                let dump = to_json(std::iter::once(&rule));
                prop_assert_eq!(shown(&reread(&dump)?), shown(&[rule]));
            }
            Err(error) => prop_assert!(is_told(&error), "{:?}", error),
        }
    }
    if let (Ok(own), Ok(given)) = (parse_one(document, None), parse_one(document, Some("r"))) {
        prop_assert_eq!(shown(&[Rule { name: "r".to_owned(), ..own }]), shown(&[given]));
    }
    let rules = match parse_all(document) {
        Ok(rules) => rules,
        Err(errors) => {
            prop_assert!(!errors.is_empty() && errors.iter().all(is_told), "{:?}", errors);
            return Ok(false);
        }
    };
    let dump = to_json(rules.iter());
    let again = reread(&dump)?;
    prop_assert_eq!(to_json(again.iter()), dump);
    prop_assert_eq!(shown(&again), shown(&rules));
    answers_events(&rules, payload)?;
    Ok(!rules.is_empty())
}

fn reread(dump: &str) -> Result<Vec<Rule>, TestCaseError> {
    parse_all(dump.as_bytes()).map_err(|errors| TestCaseError::fail(format!("{dump}: {errors:?}")))
}

/// All of a rule, compiled patterns too.
fn shown(rules: &[Rule]) -> String {
    format!("{rules:?}")
}

fn is_told(error: &Error) -> bool {
    !error.to_string().is_empty()
        && match error {
            Error::InRule { error, .. } | Error::AtIndex { error, .. } => is_told(error),
            _ => true,
        }
}

/// Rules that were read take any event: they make a request, or say why not.
fn answers_events(rules: &[Rule], payload: &Value) -> Result<(), TestCaseError> {
    let payload = Payload::parse(payload.to_string().as_bytes()).unwrap_or_default();
    let mut state = State::default();
    rules.iter().for_each(|rule| state.set_rule(rule.clone()));
    prop_assert_eq!(state.rules.len(), rules.len());
    for event in rules.iter().map(|rule| rule.event.as_str()) {
        let taking = rules.iter().filter(|rule| rule.takes(event, &payload)).count();
        match Request::for_event(&state, event, &payload) {
            Ok(request) => prop_assert_eq!(request.rules.len(), taking),
            Err(error) => prop_assert!(is_told(&error)),
        }
    }
    Ok(())
}

fn rule() -> impl Strategy<Value = Value> {
    let event = prop_oneof![
        6 => select(&["order.created", "order.*", "*", "e[ab]", "\u{e9}"][..]).prop_map(str::to_owned),
        1 => mutation::text("[a-z.*]{0,6}", "*?[]\\^-"),
        1 => (500..530_usize).prop_map(|length| "e".repeat(length)),
    ];
    let plain = || "[a-z:{*]{1,5}".prop_map(|text| text.replace('{', "{id}"));
    let texts = || {
        let text = prop_oneof![6 => plain(), 1 => any_source()];
        vec(text, 0..3).prop_map(|texts| json!(texts))
    };
    let when = prop_oneof![Just(String::new()), Just("exists a".to_owned()), condition_text()];
    let optional = |name: &'static str, value: BoxedStrategy<Value>| {
        prop::option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    let text = |strategy: BoxedStrategy<String>| strategy.prop_map(Value::String).boxed();
    let fields = [
        optional("name", text("[a-c\u{e9}]{0,3}".boxed())),
        optional("cacheKeys", texts().boxed()),
        optional(
            "patterns",
            vec("\\^[a-z]{0,3}(\\.\\*|\\(a\\|b\\)|\\{id\\})?\\$?", 0..2)
                .prop_map(|texts| json!(texts))
                .boxed(),
        ),
        optional("tags", texts().boxed()),
        optional("when", text(when.boxed())),
        optional(
            "priority",
            text(select(&["high", "LOW", "medium", "Medium"][..]).prop_map(str::to_owned).boxed()),
        ),
        optional("warmCache", any::<bool>().prop_map(Value::Bool).boxed()),
        optional("warmDelay", (0..4_000_000_u64).prop_map(|ms| json!(ms)).boxed()),
        optional("warmHot", any::<bool>().prop_map(Value::Bool).boxed()),
        optional("logInvalidation", any::<bool>().prop_map(Value::Bool).boxed()),
        optional("description", text(any::<String>().boxed())),
        optional("enabled", any::<bool>().prop_map(Value::Bool).boxed()),
    ];
    let wrong = (
        select(&["cacheKey", "warm_cache", "cache_keys", "tags", "eventType", "rules"][..]),
        scalar(),
    );
    let stray = prop::option::weighted(0.05, wrong);
    (event, fields, vec(plain(), 0..2), stray).prop_map(|(event, fields, tags, stray)| {
        let mut rule: Map<String, Value> = fields.into_iter().flatten().collect();
        rule.insert("eventType".to_owned(), Value::String(event));
        rule.entry("tags").or_insert_with(|| json!(tags));
        rule.extend(stray.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(rule)
    })
}

fn document() -> impl Strategy<Value = Bytes> {
    let named = vec(rule(), 0..4)
        .prop_map(|mut rules| {
            for (at, rule) in rules.iter_mut().enumerate() {
                // Names that differ, for the most part.
                if rule["name"] != "a" {
                    rule["name"] = json!(format!("r{at}"));
                }
            }
            rules
        })
        .boxed();
    let document = prop_oneof![
        2 => rule(),
        1 => named.clone().prop_map(Value::Array),
        2 => named.prop_map(|rules| json!({ "rules": rules })),
        1 => scalar(),
    ];
    mutation::bytes(
        document.prop_map(|document| document.to_string().into_bytes()),
        "{}[]\",:\\*?^$|aentr0-",
    )
    .prop_map(Bytes)
}
