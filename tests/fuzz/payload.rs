//! Payloads and the paths into them.

use inval::domain::path::Path;
use inval::domain::payload::Payload;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::mutation::{self, Bytes};
use crate::{Checked, Round};

const SIGNS: &str = "{}[]\",:\\.-+eE0123 \ntrufalsnd";

pub fn check(round: &mut Round) {
    round.check((object(), steps()), |(payload, steps)| a_path_leads_there(&payload, &steps));
    round.check((json_bytes(), path_text()), |(json, path)| {
        anything_is_read_or_refused(&json.0, &path)
    });
}

fn a_path_leads_there(object: &Value, steps: &[Step]) -> Checked {
    let payload = Payload::parse(object.to_string().as_bytes())
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let text: String = steps.iter().map(Step::in_path).collect();
    let path = Path::parse(text.trim_start_matches('.'))
        .ok_or_else(|| TestCaseError::fail(format!("{text} is no path")))?;
    // A JSON pointer takes a number for a field too: look step by step.
    let expected = steps.iter().try_fold(object, |value, step| match step {
        Step::Field(name) => value.as_object()?.get(*name),
        Step::Index(at) => value.as_array()?.get(*at),
    });
    prop_assert_eq!(payload.get(&path), expected);
    let below = serde_json::json!({ "after": object }).to_string();
    let below = Payload::parse(below.as_bytes()).unwrap();
    prop_assert_eq!(below.get(&path.below("after")), expected);
    Ok(expected.is_some())
}

fn anything_is_read_or_refused(json: &[u8], path: &str) -> Checked {
    // Every reader takes what the one before takes, and prints what it reads back.
    if let Some(many) = Path::parse_from_item(path) {
        prop_assert_eq!(Path::parse_from_item(&many.to_string()), Some(many));
    }
    let path = Path::parse(path);
    if let Some(path) = &path {
        let again = Path::parse(&path.to_string());
        prop_assert_eq!(again.as_ref(), Some(path));
    }
    match Payload::parse(json) {
        Ok(payload) => {
            // No value that a text can say may upset a look.
            path.map(|path| payload.get(&path).map(Value::is_null));
            Ok(true)
        }
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            let object = serde_json::from_slice::<Value>(json).is_ok_and(|json| json.is_object());
            prop_assert!(!object, "{}", error);
            Ok(false)
        }
    }
}

/// Names that payloads, paths, templates and conditions share, so that they meet.
pub fn field() -> impl Strategy<Value = &'static str> {
    select(&["a", "id", "tags", "before", "after", "\u{e9}t\u{e9}", "user-id", "not"][..])
}

#[derive(Clone, Debug)]
enum Step {
    Field(&'static str),
    Index(usize),
}

impl Step {
    fn in_path(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Index(at) => format!("[{at}]"),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        prop_oneof![2 => field().prop_map(Step::Field), 1 => (0..3_usize).prop_map(Step::Index)];
    (field(), vec(step, 0..3)).prop_map(|(first, rest)| {
        let mut steps = vec![Step::Field(first)];
        steps.extend(rest);
        steps
    })
}

/// The text of a path into such payloads.
pub fn path() -> impl Strategy<Value = String> {
    steps().prop_map(|steps| {
        let text: String = steps.iter().map(Step::in_path).collect();
        text.trim_start_matches('.').to_owned()
    })
}

fn path_text() -> impl Strategy<Value = String> {
    let deep = (path(), 1..20_usize).prop_map(|(path, times)| vec![path; times].join("."));
    let far = "a\\[[0-9]{1,30}\\]";
    mutation::text(prop_oneof![4 => path(), 1 => deep, 1 => far], ".[]09{}|-a*^$/~")
}

/// A JSON value that is no object and no list.
pub fn scalar() -> impl Strategy<Value = Value> {
    let number = select(
        &["0", "-0", "1", "1.0", "10", "42", "12.50", "1e2", "-7", "18446744073709551615", "1e999"]
            [..],
    );
    let text = prop_oneof![
        2 => select(&["", "a", "open", "a*[b]?c", "a b", "^.$", "x\\y", "{id}", "\u{0}\n\u{7f}"][..])
            .prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<String>(),
    ];
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => number.prop_map(|text| serde_json::from_str(text).unwrap()),
        3 => text.prop_map(Value::String),
    ]
}

/// A JSON object with nested values.
pub fn object() -> impl Strategy<Value = Value> {
    let members = move |value: BoxedStrategy<Value>, most: usize| {
        vec((field().prop_map(str::to_owned), value), 0..most)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    };
    let value = scalar().prop_recursive(3, 16, 4, move |inner| {
        let inner = inner.boxed();
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::Array), members(inner, 4)]
    });
    members(value.boxed(), 5)
}

fn json_bytes() -> impl Strategy<Value = Bytes> {
    let text = (object(), prop::bool::weighted(0.03)).prop_map(|(object, hidden)| {
        let text = object.to_string();
        // The name under which serde_json hides a number from itself must do no harm.
        if hidden { text.replace("user-id", "$serde_json::private::Number") } else { text }
            .into_bytes()
    });
    // Deep enough to overflow the stack of a parser without a limit.
    let deep = (select(&["[", "{\"a\":", "[[{\"a\":"][..]), 1..5000_usize)
        .prop_map(|(open, times)| format!("{{\"a\":{}", open.repeat(times)).into_bytes());
    mutation::bytes(prop_oneof![30 => text, 1 => deep], SIGNS).prop_map(Bytes)
}
