//! What a file of `rules/` holds: a document of rules, of classes or of mappings, or one object
//! with several of `"rules"`, `"classes"` and `"mappings"`.

use serde_json::Value;

use super::class::Class;
use super::class_document;
use super::document::{self, Definitions, Kind};
use super::error::Error;
use super::mapping::Mapping;
use super::mapping_document;
use super::rule::Rule;
use super::rule_document;

/// What one file or all files define.
#[derive(Clone, Debug, Default)]
pub struct FileDefinitions {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The classes.
    pub classes: Vec<Class>,
    /// The mappings.
    pub mappings: Vec<Mapping>,
}

/// Reads what a file holds.
///
/// # Errors
/// Everything that is wrong, one error per definition.
pub fn parse(text: &[u8]) -> Result<FileDefinitions, Vec<Error>> {
    let mut json = document::parse_json(Kind::Rule, text).map_err(|error| vec![error])?;
    let classes = take(&mut json, Kind::Class).map(class_document::from_json);
    let mappings = take(&mut json, Kind::Mapping).map(mapping_document::from_json);
    let beside = match (&mappings, &classes) {
        (Some(_), _) => Some(Kind::Mapping),
        (None, Some(_)) => Some(Kind::Class),
        (None, None) => None,
    };
    let other = json.as_object().and_then(|fields| fields.keys().next().cloned());
    let rules = match (beside, other) {
        (Some(_), None) => None,
        (Some(kind), Some(unknown)) if json.get(Kind::Rule.many()).is_none() => {
            let why = format!("unknown field `{unknown}` beside `{}`", kind.many());
            Some(Err(vec![Error::BadField { kind, why }]))
        }
        _ => Some(rule_document::from_json(json)),
    };
    let mut errors = vec![];
    let found = FileDefinitions {
        rules: good(rules, &mut errors),
        classes: good(classes, &mut errors),
        mappings: good(mappings, &mut errors),
    };
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// The definitions of a kind, as a document of their own.
fn take(json: &mut Value, kind: Kind) -> Option<Value> {
    let found = json.as_object_mut()?.remove(kind.many())?;
    Some(serde_json::json!({ kind.many(): found }))
}

/// What was read, or nothing and what is wrong.
fn good<T>(read: Option<Result<Definitions<T>, Vec<Error>>>, errors: &mut Vec<Error>) -> Vec<T> {
    match read {
        None => vec![],
        Some(Ok((found, _))) => found,
        Some(Err(bad)) => {
            errors.extend(bad);
            vec![]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_rules_classes_and_mappings() {
        let read = |text: &str| match parse(text.as_bytes()) {
            Ok(found) => {
                format!("{} {} {}", found.rules.len(), found.classes.len(), found.mappings.len())
            }
            Err(errors) => errors.iter().map(Error::to_string).collect::<Vec<_>>().join(" | "),
        };
        let rule = r#"{"eventType":"e","tags":["t"]}"#;
        let class = r#"{"name":"c","match":["c"]}"#;
        assert_eq!(read(&format!("[{rule}]")), "1 0 0");
        assert_eq!(read(rule), "1 0 0");
        assert_eq!(read(&format!(r#"{{"classes":[{class}]}}"#)), "0 1 0");
        assert_eq!(read(&format!(r#"{{"rules":[{rule}],"classes":[{class}]}}"#)), "1 1 0");
        assert_eq!(
            read(&format!(r#"{{"rules":[{{}}],"classes":[{class},{class},{{}}]}}"#)),
            "rules[0]: rule '': no \"eventType\"; name the event, or a glob over events such as \"order.*\" | classes[1]: class 'c' appears twice; give each class its own \"name\" | classes[2]: class '': empty class name; give it at least one byte"
        );
        assert_eq!(
            read(r#"{"classes":[],"x":1}"#),
            "bad class: unknown field `x` beside `classes`"
        );
        assert_eq!(
            read(r#"{"classes":{}}"#),
            "bad class: `classes` is an object, expected an array of classes"
        );
        assert_eq!(
            read(r#"{"classes":[],"rules":[],"x":1}"#),
            "bad rule: unknown field `x` beside `rules`"
        );
        assert_eq!(
            read("{"),
            "rule document is not valid JSON at line 1 column 1: EOF while parsing an object"
        );
        let mapping = r#"{"name":"m","events":[{"event":"e"}]}"#;
        assert_eq!(read(&format!(r#"{{"mappings":[{mapping}]}}"#)), "0 0 1");
        assert_eq!(
            read(&format!(r#"{{"mappings":[{mapping}],"rules":[{rule}],"classes":[{class}]}}"#)),
            "1 1 1"
        );
        assert_eq!(
            read(r#"{"mappings":[{"name":"m"}],"classes":[],"x":1}"#),
            "bad mapping: unknown field `x` beside `mappings` | mappings[0]: mapping 'm': no events; give at least one in \"events\""
        );
    }
}
