//! What each error says.

mod events;

use std::fmt;

use super::Error;
use crate::domain::name::Shown;

/// A user's text, so short that the reason after it is seen.
fn cut(text: &str) -> Shown<'_> {
    Shown(text.as_bytes())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName { what } => write!(f, "empty {what}; give it at least one byte"),
            Self::NameTooLong { what, bytes, limit } => {
                write!(
                    f,
                    "{what} of {bytes} bytes is longer than the limit of {limit}; use a shorter one"
                )
            }
            Self::NotUtf8 { what: "regex", name } => {
                write!(f, "regex '{}' is not UTF-8; a byte is written \\xNN", Shown(name))
            }
            Self::NotUtf8 { what, name } => {
                write!(f, "{what} '{}' is not UTF-8; send it as text", Shown(name))
            }
            Self::TooMany { what, count, limit } => {
                write!(f, "{count} {what} are more than the limit of {limit}; split them up")
            }
            Self::OwnKey { key } => {
                write!(
                    f,
                    "key '{}' belongs to the module; keys under 'inval:' are never tagged or purged",
                    Shown(key)
                )
            }
            Self::OutsideFence { key, fence } => {
                write!(
                    f,
                    "key '{}' is outside inval.fence '{}'; widen it with CONFIG SET inval.fence",
                    Shown(key),
                    Shown(fence.as_bytes())
                )
            }

            Self::Json { what, line, column, why } => {
                write!(f, "{what} is not valid JSON at line {line} column {column}: {why}")
            }
            Self::PayloadNotObject { found } => {
                write!(
                    f,
                    "payload is {found}, not a JSON object; send for example '{{\"userId\":\"42\"}}'"
                )
            }
            Self::PayloadTooLarge { bytes, limit } => {
                write!(
                    f,
                    "payload of {bytes} bytes is larger than the limit of {limit}; send only the fields that rules use"
                )
            }
            Self::BadAffectedCaches { found } => {
                write!(
                    f,
                    "affectedCaches holds {found}; send an array of key names and globs, all strings"
                )
            }

            Self::UnclosedClass { glob, at } => write!(
                f,
                "unclosed '[' at byte {at} of glob '{}'; close it with ']', or write '\\[' for the character itself",
                Shown(glob)
            ),
            Self::PatternTooLong { bytes, limit } => {
                write!(
                    f,
                    "pattern of {bytes} bytes is longer than the limit of {limit}; use a shorter pattern, or tags"
                )
            }
            Self::RegexSyntax { regex, why } => write!(
                f,
                "regex '{}': {why}; to match a special character itself, put '\\' before it",
                Shown(regex.as_bytes())
            ),
            Self::RegexTooLarge { regex, limit } => write!(
                f,
                "regex '{}' is larger than {limit} bytes when compiled; use smaller repetitions",
                Shown(regex.as_bytes())
            ),
            Self::NotOneGroup { regex, count } => write!(
                f,
                "regex '{}' has {count} groups; put one pair of parentheses around what is wanted, (?:..) around the rest",
                cut(regex)
            ),
            Self::UnclosedPlaceholder { template, at } => write!(
                f,
                "unclosed '{{' at byte {at} of '{}'; close the placeholder with '}}', or write '{{{{' for a literal brace",
                cut(template)
            ),
            Self::LoneBrace { template } => {
                write!(f, "lone '}}' in '{}'; write '}}}}' for a literal brace", cut(template))
            }
            Self::BadPlaceholder { template, body } => write!(
                f,
                "'{{{}}}' in '{}' is not a placeholder; write a field path such as {{userId}}, {{product.id}} or {{tags[0]}}, or '{{{{' and '}}}}' for literal braces",
                cut(body),
                cut(template)
            ),
            Self::MissingField { template, field } => write!(
                f,
                "'{}' needs the field '{}', which the payload lacks; add it to the payload or give a default: {{{}|none}}",
                cut(template),
                cut(field),
                cut(field)
            ),
            Self::FieldNotScalar { template, field, found } => write!(
                f,
                "'{}' takes the field '{}', which is {found}; only a string, number or boolean can be part of a key",
                cut(template),
                cut(field)
            ),

            Self::DocumentTooLarge { kind, bytes, limit } => {
                write!(
                    f,
                    "{} document of {bytes} bytes is larger than the limit of {limit}; load it in parts",
                    kind.one()
                )
            }
            Self::DocumentNotMany { kind, found } => {
                let (one, many) = (kind.one(), kind.many());
                write!(
                    f,
                    "{one} document is {found}; send one {one} object, an array of them, or {{\"{many}\": [...]}}"
                )
            }
            Self::DocumentNotOne { kind, found } => {
                let (one, example) = (kind.one(), kind.example());
                write!(f, "{one} document is {found}; send one {one} object, such as {example}")
            }
            Self::BadField { kind, why } => write!(f, "bad {}: {why}", kind.one()),
            Self::MissingEventType => {
                write!(
                    f,
                    "no \"eventType\"; name the event, or a glob over events such as \"order.*\""
                )
            }
            Self::NoTargets => {
                write!(
                    f,
                    "no targets; give at least one of \"cacheKeys\", \"patterns\", \"tags\" or \"emit\""
                )
            }
            Self::BadEmit { .. }
            | Self::EmitCircle { .. }
            | Self::EmitTooDeep { .. }
            | Self::EmitTooMany { .. }
            | Self::NotBatched => events::of_rule(self, f),
            Self::NoSuchClass { class } => {
                write!(f, "there is no class '{}'; INVAL.CLASS LIST shows them", cut(class))
            }
            Self::GraceWithoutEnd { key } => write!(
                f,
                "GRACE for '{}', which lives for ever; give EX, PX, EXAT or PXAT, or a class with a TTL",
                Shown(key)
            ),
            Self::BadSoft { ms, limit } => {
                write!(f, "{ms} milliseconds are no time to serve stale values; give 1 to {limit}")
            }
            Self::WarmTermsAlone { field } => write!(
                f,
                "{field} without warmCache: none of the rule's keys is queued; set \"warmCache\": true, or leave it out"
            ),
            Self::BadPriority { found } => {
                write!(f, "priority '{}' is not one of high, medium, low", cut(found))
            }
            Self::ConditionSyntax { condition, at, found, expected } => {
                let found = match found.as_str() {
                    "" => "the end".to_owned(),
                    word => format!("'{word}'"),
                };
                write!(
                    f,
                    "condition '{condition}': expected {expected}, found {found}, at byte {at}"
                )
            }
            Self::NameDiffers { kind, given, written } => write!(
                f,
                "the document names the {} '{}', the command '{}'; leave \"name\" out or make them equal",
                kind.one(),
                cut(written),
                cut(given)
            ),
            Self::Duplicate { kind, at, name } => {
                let (one, many) = (kind.one(), kind.many());
                write!(
                    f,
                    "{many}[{at}]: {one} '{}' appears twice; give each {one} its own \"name\"",
                    cut(name)
                )
            }
            Self::RuleExists { rule } => {
                write!(
                    f,
                    "rule '{}' exists; change it with INVAL.RULE SET, or delete it first",
                    cut(rule)
                )
            }
            Self::SourceExists { source } => {
                write!(f, "source '{}' exists; INVAL.SOURCE DEL it first", cut(source))
            }
            Self::BadEntryId { found } => write!(
                f,
                "'{}' is not an id of a stream's entry; write milliseconds-number, 0 for all entries, or $ for those to come",
                Shown(found)
            ),
            Self::NoSuchMapping { mapping } => {
                write!(f, "there is no mapping '{}'; INVAL.MAP LIST shows them", cut(mapping))
            }
            Self::NoSuchDomain { domain } => {
                write!(
                    f,
                    "no rule of the domain '{}'; INVAL.RULE LIST shows each rule's",
                    cut(domain)
                )
            }
            Self::NoSuchRule { rule } => {
                write!(f, "no rule '{}'; INVAL.RULE LIST shows their names", cut(rule))
            }
            Self::RulesTooLarge { limit } => write!(
                f,
                "the patterns of the rules are larger than {limit} bytes when compiled; use smaller repetitions, or tags"
            ),
            Self::InEvent { at, error } => write!(f, "event {} of the batch: {error}", at + 1),
            Self::InRule { rule, error } => write!(f, "rule '{}': {error}", cut(rule)),
            Self::NoGlobs => {
                write!(f, "no globs; give at least one in \"match\", such as \"user:*\"")
            }
            Self::BadFigure { what, found, unit, range: (least, most) } => {
                write!(
                    f,
                    "{what} '{}' is not a whole number of {unit} from {least} to {most}",
                    cut(found)
                )
            }
            Self::BadEarly { found, limit } => {
                write!(
                    f,
                    "early '{}' is not a number above 0, of at most {limit}; 1 is the usual",
                    cut(found)
                )
            }
            Self::ClassesTooLarge { limit } => write!(
                f,
                "the classes are larger than {limit} bytes as JSON; use fewer globs, or shorter descriptions"
            ),
            Self::NoEvents
            | Self::BadPath { .. }
            | Self::BadMappedField { .. }
            | Self::MappingsTooLarge { .. }
            | Self::ItemNotObject { .. }
            | Self::TooManyLooks { .. }
            | Self::EventsTooLarge { .. } => events::of_mapping(self, f),
            Self::InMappedEvent { at, error } => write!(f, "events[{at}]: {error}"),
            Self::InMapping { mapping, error } => write!(f, "mapping '{}': {error}", cut(mapping)),
            Self::InClass { class, error } => write!(f, "class '{}': {error}", cut(class)),
            Self::AtIndex { kind, at, error } => write!(f, "{}[{at}]: {error}", kind.many()),
            Self::Many { errors } => {
                for (at, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if at == 0 { "" } else { " | " })?;
                }
                Ok(())
            }
            Self::InFence { entry, error } => write!(f, "inval.fence entry '{entry}': {error}"),

            Self::NotAFormat { found } => write!(
                f,
                "format '{}' is not one of json, cloudevents, debezium, debezium-extended",
                cut(found)
            ),
            Self::BadEntry { format, why } => write!(f, "bad {format} entry: {why}"),

            Self::Usage { found, syntax } => write!(f, "{found}; usage: {syntax}"),
            Self::NotANumber { what, found } => {
                write!(
                    f,
                    "{what} '{}' is not a whole number from 0 to 9223372036854775807",
                    Shown(found)
                )
            }
            Self::BadCursor { found } => {
                write!(f, "cursor '{}' is not one that a reply gave; start with 0", Shown(found))
            }

            Self::NotAToken { found } => write!(
                f,
                "token '{}' is not one that INVAL.FETCH gave: 16 hexadecimal digits",
                Shown(found)
            ),

            Self::Internal { command, instead } => {
                write!(f, "{command} is for replication alone; use {instead}")
            }
            Self::NotARecord { record } => write!(
                f,
                "record '{}' of a job cannot be read; run the same version of the module on primary and replicas",
                Shown(record)
            ),
            Self::PlanTooLarge { keys, limit } => write!(
                f,
                "the plan has {keys} keys, more than inval.sync-max-keys {limit}; nothing was deleted; add ASYNC to delete them in slices, LIMIT n to delete some, or raise the configuration"
            ),
            Self::TooManyJobs { limit } => write!(
                f,
                "{limit} jobs are under way, the most there may be; nothing was deleted; wait for one, or INVAL.JOBS CANCEL one"
            ),
            Self::NoSuchJob { id } => {
                write!(f, "no job {id}; INVAL.JOBS lists those under way and the last that ended")
            }
            Self::JobEnded { id, stage } => {
                write!(f, "job {id} is {stage}; nothing is left to stop")
            }
            Self::MayNotWrite => write!(
                f,
                "this server is a replica, or has paused its clients; send the command to the primary, or when the pause is over"
            ),
            Self::NotIndexed => write!(
                f,
                "names are left out of the index, and no key without one can wait for a job; nothing was deleted; send it without ASYNC, raise inval.max-index-memory, or narrow inval.fence"
            ),
            Self::TooManySteps { pattern, names, limit } => write!(
                f,
                "pattern '{}' took the plan beyond {limit} steps after {names} names; nothing was deleted; give it a literal start, narrow inval.fence, or raise inval.pattern-max-steps",
                Shown(pattern)
            ),
            Self::IndexFull { key, held, max } => write!(
                f,
                "no memory to tag key '{}': the index holds {held} bytes and inval.max-index-memory is {max}; raise it, or narrow inval.fence",
                Shown(key)
            ),
            Self::Disagreement { what } => write!(
                f,
                "check failed: {what}; please report it; the next verifying pass mends the index"
            ),

            Self::NoPermission { user, key } => write!(
                f,
                "user '{user}' may not delete key '{}'; nothing was deleted; grant the key with ACL SETUSER, or narrow the request",
                Shown(key)
            ),
            Self::DeletionRefused { deleted, planned, why } => write!(
                f,
                "the server refused UNLINK after {deleted} of {planned} keys: {why}; send the command again when it is mended"
            ),
            Self::Refused { what, why } => write!(f, "the server refused {what}: {why}"),
            Self::Suspect => write!(
                f,
                "the module's state is suspect after an internal error; restart the server and report the lines with 'inval: panic' in its log"
            ),
        }
    }
}
