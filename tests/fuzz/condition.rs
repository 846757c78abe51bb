//! Conditions: their laws, and numbers by value.

use inval::domain::condition::Condition;
use inval::domain::error::Error;
use inval::domain::payload::Payload;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::mutation;
use crate::payload::{object, path, scalar};
use crate::{Checked, Round};

pub fn check(round: &mut Round) {
    round.check((condition_text(), condition_text(), object()), |(first, second, payload)| {
        the_laws_of_logic_hold(&first, &second, &payload)
    });
    round.check((object(), path(), scalar()), |(payload, path, value)| {
        a_comparison_is_true_of_its_value(payload, &path, &value)
    });
    round.check(number(), |number| numbers_compare_by_value(&number));
}

fn the_laws_of_logic_hold(first: &str, second: &str, payload: &Value) -> Checked {
    let parsed = (Condition::parse(first), Condition::parse(second));
    for result in [&parsed.0, &parsed.1] {
        if let Err(error) = result {
            prop_assert!(!error.to_string().is_empty());
        }
    }
    let Ok(payload) = Payload::parse(payload.to_string().as_bytes()) else { return Ok(false) };
    let (Ok(a), Ok(b)) = parsed else { return Ok(false) };
    prop_assert_eq!(a.source(), first);
    prop_assert_eq!(&Condition::parse(a.source()).unwrap(), &a);
    let (a, b) = (a.holds(&payload), b.holds(&payload));
    for (text, expected) in [
        (format!("({first})"), a),
        (format!("not ({first})"), !a),
        (format!("NOT not({first})"), a),
        (format!("({first})and({second})"), a && b),
        (format!("({first}) or ({second})"), a || b),
        (format!("({first}) or ({second}) or not ({first})"), true),
        (format!("not ({first}) and ({second}) and ({first})"), false),
        (format!("not ({first} ) and not ( {second}) or ({first}) and ({second})"), a == b),
    ] {
        match Condition::parse(&text) {
            Ok(whole) => prop_assert_eq!(whole.holds(&payload), expected, "{}", text),
            // One more pair of parentheses may be one too many.
            Err(Error::ConditionSyntax { expected, .. })
                if expected.starts_with("fewer nested") =>
            {
                prop_assert!(text.matches('(').count() > 63, "{}", text);
            }
            Err(error) => return Err(TestCaseError::fail(format!("{text}: {error}"))),
        }
    }
    Ok(true)
}

/// Puts the value where the path leads, and asks for it.
fn a_comparison_is_true_of_its_value(mut payload: Value, path: &str, value: &Value) -> Checked {
    let plain = path.split(['.', '[']).next().unwrap_or_default();
    payload[plain] = value.clone();
    let Ok(payload) = Payload::parse(payload.to_string().as_bytes()) else { return Ok(false) };
    for (text, expected) in [
        (format!("{plain} = {value}"), true),
        (format!("{plain} != {value}"), false),
        (format!("{plain} in (\"no such value\",{value} , 7e77)"), true),
        (format!("exists {plain}"), !value.is_null()),
    ] {
        match Condition::parse(&text) {
            Ok(condition) => prop_assert_eq!(condition.holds(&payload), expected, "{}", text),
            // A field may be called as a word of the language; such a field cannot be compared.
            Err(error) => {
                prop_assert!(plain == "not" && !text.starts_with("exists"), "{}: {}", text, error);
            }
        }
    }
    Ok(true)
}

/// The digits of a number that is not 0, and a power of ten.
#[derive(Clone, Debug)]
struct Number {
    minus: bool,
    digits: String,
    power: i64,
}

impl Number {
    /// The same number in several hands.
    fn spellings(&self) -> Vec<String> {
        let Self { minus, digits, power } = self;
        let sign = if *minus { "-" } else { "" };
        let (head, tail) = digits.split_at(1);
        let mut texts = vec![
            format!("{sign}{digits}e{power}"),
            format!("{sign}{digits}00E{:+}", power - 2),
            format!("{sign}{digits}.000e{power}"),
            format!("{sign}{head}.{tail}0e{}", power + tail.len() as i64),
            format!("{sign}0.00{digits}e{}", power + 2 + digits.len() as i64),
        ];
        if let Ok(power @ 0..40) = usize::try_from(*power) {
            texts.push(format!("{sign}{digits}{}", "0".repeat(power)));
        }
        texts
    }
}

fn number() -> impl Strategy<Value = Number> {
    let power =
        prop_oneof![3 => -3..4_i64, 2 => -330..330_i64, 1 => any::<i32>().prop_map(i64::from)];
    ("[1-9]([0-9]{0,3}|[0-9]{15,21})", any::<bool>(), power)
        .prop_map(|(digits, minus, power)| Number { minus, digits, power })
}

fn numbers_compare_by_value(number: &Number) -> Checked {
    let mut other = number.clone();
    let last = other.digits.pop().unwrap_or_default();
    other.digits.push(if last == '9' { '8' } else { (last as u8 + 1) as char });
    let opposite = Number { minus: !number.minus, ..number.clone() };
    let spellings = number.spellings();
    for value in &spellings {
        let condition = Condition::parse(&format!("n = {value}")).unwrap();
        let holds = |n: &String| {
            condition.holds(&Payload::parse(format!("{{\"n\":{n}}}").as_bytes()).unwrap())
        };
        for same in &spellings {
            prop_assert!(holds(same), "{} is {}", value, same);
        }
        for different in other.spellings().iter().chain(&opposite.spellings()) {
            prop_assert!(!holds(different), "{} is not {}", value, different);
        }
    }
    Ok(true)
}

/// A condition, most often a valid one.
pub fn condition_text() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![
            2 => scalar().prop_map(|value| value.to_string()),
            1 => select(&["'paid'", "'it\\'s'", "'\\\\'", "'a b'", "''", "'\"'"][..])
                .prop_map(str::to_owned),
        ]
    };
    let sign = select(&["=", "!=", " = ", " !=\t"][..]);
    let test = prop_oneof![
        1 => path().prop_map(|path| format!("exists {path}")),
        1 => path().prop_map(|path| format!("Changed {path}")),
        2 => (path(), sign, value()).prop_map(|(path, sign, value)| format!("{path}{sign}{value}")),
        1 => (path(), value()).prop_map(|(path, value)| format!("{path} contains {value}")),
        1 => (path(), select(&["'a'", "'^.$'", "'(a|b)+'", "'('", "5"][..]))
            .prop_map(|(path, regex)| format!("{path} matches {regex}")),
        1 => path().prop_map(|path| format!("exists {}", path.replace("[0]", "[*]"))),
        1 => (path(), vec(value(), 1..4))
            .prop_map(|(path, values)| format!("{path} in({})", values.join(" ,"))),
    ];
    let condition = test.prop_recursive(3, 12, 3, |inner| {
        let join = select(&[" and ", " or ", " AND\n"][..]);
        prop_oneof![
            2 => (inner.clone(), join, inner.clone()).prop_map(|(a, join, b)| a + join + &b),
            1 => inner.clone().prop_map(|inner| format!("( {inner})")),
            1 => inner.prop_map(|inner| format!("not {inner}")),
        ]
    });
    let deep = (1..200_usize).prop_map(|times| "(".repeat(times) + "a=1" + &")".repeat(times));
    mutation::text(prop_oneof![50 => condition, 1 => deep], "()=!,'\"\\ ainotrexsdc.[]01-e")
}
