//! What errors of mappings, and of events that follow or are collected, say.

use std::fmt;

use super::cut;
use crate::domain::error::Error;

/// What is wrong with a mapping, or with what it makes of a payload.
pub(super) fn of_mapping(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::NoEvents => write!(f, "no events; give at least one in \"events\""),
        Error::BadPath { found } => write!(
            f,
            "'{}' is not a path; write for example user.id, tags[0], items[*].sku or /user/id",
            cut(found)
        ),
        Error::BadMappedField { field, why } => write!(f, "field '{}': {why}", cut(field)),
        Error::MappingsTooLarge { what, limit } => write!(
            f,
            "the mappings are larger than {limit} bytes {what}; use fewer, or shorter ones"
        ),
        Error::ItemNotObject { found } => write!(
            f,
            "the item is {found}, not a JSON object; give \"fields\", such as {{\"value\":\".\"}}"
        ),
        Error::TooManyLooks { limit } => write!(
            f,
            "more than {limit} values of the payload looked at; use fewer [*], or send less at once"
        ),
        Error::EventsTooLarge { limit } => write!(
            f,
            "the events of one payload are larger than {limit} bytes; copy only the fields that rules use"
        ),
        _ => Ok(()),
    }
}

/// What is wrong with the events of a rule.
pub(super) fn of_rule(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::BadEmit { event, field } => write!(
            f,
            "field '{}' of the emitted event '{}' is not a path; write where its value lies in the payload, such as \"product.id\"",
            cut(field),
            cut(event)
        ),
        Error::EmitCircle { rules } => write!(
            f,
            "events would follow from each other in a circle: {}; take one \"emit\" out",
            rules
                .iter()
                .map(|rule| format!("rule '{}'", cut(rule)))
                .collect::<Vec<_>>()
                .join(" -> ")
        ),
        Error::EmitTooDeep { event, limit } => write!(
            f,
            "event '{}' would follow in {limit} steps or more, the most there may be; nothing was deleted; shorten the chain of \"emit\"",
            cut(event)
        ),
        Error::EmitTooMany { event, limit } => write!(
            f,
            "more than {limit} events follow from event '{}', the most there may be; nothing was deleted; shorten the \"emit\" of its rules",
            cut(event)
        ),
        Error::NotBatched => write!(
            f,
            "\"batchSize\" and \"batchTimeout\" are for rules with \"batched\": true; add it, or leave them out"
        ),
        _ => Ok(()),
    }
}
