//! Templates, and the values that go into them.

use inval::domain::name::OWN_PREFIX;
use inval::domain::pattern::Pattern;
use inval::domain::payload::Payload;
use inval::domain::rule::{Resolved, Target, TargetKind};
use inval::domain::template::{Syntax, Template};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::mutation::{self, Bytes};
use crate::payload::{object, path};
use crate::{Checked, Round};

const SYNTAXES: [Syntax; 3] = [Syntax::Name, Syntax::Glob, Syntax::Regex];

pub fn check(round: &mut Round) {
    round.check((any_source(), object()), |(source, payload)| reads_again(&source, &payload));
    round
        .check(fields_and_name(), |(fields, name)| values_match_themselves_alone(&fields, &name.0));
    round.check(vec(entry_piece(), 1..6), |pieces| wildcards_make_a_glob(&pieces));
}

fn reads_again(source: &str, payload: &Value) -> Checked {
    let payload = Payload::parse(payload.to_string().as_bytes()).unwrap_or_default();
    let mut rendered = false;
    for syntax in SYNTAXES {
        let template = match Template::parse(source, syntax) {
            Ok(template) => template,
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                continue;
            }
        };
        prop_assert_eq!(template.source(), source);
        prop_assert_eq!(&Template::parse(template.source(), syntax).unwrap(), &template);
        let result = template.render(&payload);
        if let Some(constant) = template.as_constant() {
            prop_assert_eq!(result.as_deref(), Ok(constant.as_bytes()));
            prop_assert_eq!(template.render_sample(), constant.as_bytes());
        }
        match result {
            Ok(_) => rendered = true,
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
    for kind in [TargetKind::Key, TargetKind::Glob, TargetKind::Regex, TargetKind::Tag] {
        if let Ok(target) = Target::new(kind, source)
            && let Err(error) = target.resolve(&payload)
        {
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(rendered)
}

/// A template of plain texts and placeholders: as a name it gives the text that, as a glob and
/// as an anchored regex, it matches, and nothing else.
fn values_match_themselves_alone(fields: &[Field], candidate: &[u8]) -> Checked {
    let source: String = fields.iter().map(|field| field.source.as_str()).collect();
    let name: String = fields.iter().map(Field::text).collect();
    let payload: Value = fields.iter().flat_map(|field| field.value.clone()).collect();
    let payload = Payload::parse(payload.to_string().as_bytes()).unwrap();
    let render =
        |source: &str, syntax| Template::parse(source, syntax).unwrap().render(&payload).unwrap();

    prop_assert_eq!(render(&source, Syntax::Name), name.as_bytes());
    let glob = Pattern::glob(&render(&source, Syntax::Glob)).unwrap();
    let regex = Pattern::regex(&render(&format!("^{source}$"), Syntax::Regex)).unwrap();
    for pattern in [glob, regex] {
        prop_assert!(pattern.matches(name.as_bytes()), "{:?}", pattern);
        prop_assert_eq!(pattern.matches(candidate), candidate == name.as_bytes());
        prop_assert!(name.as_bytes().starts_with(pattern.literal_prefix()));
    }
    Ok(candidate == name.as_bytes())
}

/// A part of a template with what it becomes.
#[derive(Clone, Debug)]
struct Field {
    source: String,
    value: Option<(String, Value)>,
    text: String,
}

impl Field {
    fn text(&self) -> &str {
        &self.text
    }
}

fn fields_and_name() -> impl Strategy<Value = (Vec<Field>, Bytes)> {
    let part = prop_oneof![
        "[a-z:/]{1,4}".prop_map(|text| (text.clone(), None, text)),
        (crate::payload::scalar(), any::<bool>()).prop_map(|(value, default)| {
            let text = match &value {
                Value::Null => "a*[z]",
                Value::String(text) => text,
                other => &other.to_string(),
            };
            let text = text.to_owned();
            let default = default || value.is_null();
            (if default { "|a*[z]" } else { "" }.to_owned(), Some(value), text)
        }),
    ];
    let fields = vec(part, 0..4).prop_map(|parts| {
        let field = |(at, (source, value, text))| match value {
            None => Field { source, value: None, text },
            Some(value) => Field {
                source: format!("{{v{at}{source}}}"),
                value: Some((format!("v{at}"), value)),
                text,
            },
        };
        parts.into_iter().enumerate().map(field).collect::<Vec<_>>()
    });
    fields.prop_flat_map(|fields| {
        let name: String = fields.iter().map(Field::text).collect();
        (Just(fields), mutation::bytes(Just(name.into_bytes()), "a*[z]\\?^").prop_map(Bytes))
    })
}

/// An entry of `cacheKeys` is a glob if a wildcard stands outside its placeholders.
fn wildcards_make_a_glob(pieces: &[(String, bool)]) -> Checked {
    let source: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
    let is_glob = pieces.iter().any(|(_, wildcard)| *wildcard);
    let target = match Target::cache_key(&source) {
        Ok(target) => target,
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let expected = if is_glob { TargetKind::Glob } else { TargetKind::Key };
    prop_assert_eq!(target.kind, expected, "{}", source);
    let payload = json!({ "id": "*?[", "tags": ["\\", 1] }).to_string();
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    let as_glob = matches!(target.resolve(&payload), Ok(Resolved::Pattern(Pattern::Glob(_))));
    prop_assert_eq!(as_glob, is_glob);
    prop_assert!(!source.as_bytes().starts_with(OWN_PREFIX));
    Ok(is_glob)
}

fn entry_piece() -> impl Strategy<Value = (String, bool)> {
    let plain = select(
        &["a", "user:", "{{", "}}", "{id}", "{tags[0]}", "{tags[1]|*}", "{id|?[}", "-", "\u{e9}"][..],
    );
    prop_oneof![
        3 => plain.prop_map(|text| (text.to_owned(), false)),
        1 => select(&["*", "?", "[ab]", "[^a-z]"][..]).prop_map(|text| (text.to_owned(), true)),
    ]
}

/// A template of any syntax, most often a valid one.
pub fn any_source() -> impl Strategy<Value = String> {
    let sign = select(
        &[
            "{{", "}}", "\\{", "\\}", "\\\\", "*", "?", "[ab]", "[^a]", "^", "$", ".", "(", ")",
            "|", "{2}", "{1,3}", "{2,}", "\\p{L}", "\\x{41}", "\\u{e9}", "\\d", "+", "inval:",
        ][..],
    );
    let piece = prop_oneof![
        3 => "[a-z\u{e9}:]{1,3}",
        2 => path().prop_map(|path| format!("{{{path}}}")),
        1 => (path(), "[a-z*|{ ]{0,3}").prop_map(|(path, other)| format!("{{{path}|{other}}}")),
        2 => sign.prop_map(str::to_owned),
    ];
    mutation::text(vec(piece, 0..5).prop_map(|pieces| pieces.concat()), "{}|\\.[]*a0p$@_")
}
