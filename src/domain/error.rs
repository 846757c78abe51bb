//! One error type; each message says what, where and how to mend it.
//!
//! Messages are for a RESP error line: the edge makes them ASCII and puts `ERR ` before them.

mod message;

use super::document::Kind;

/// What the domain and the commands give back.
pub type Result<T> = std::result::Result<T, Error>;

/// What was wrong with a request. Whoever sees one has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "fields are the words of the message below")]
pub enum Error {
    // Names and sizes.
    /// A name of nothing.
    EmptyName { what: &'static str },
    /// A name beyond its limit.
    NameTooLong { what: &'static str, bytes: usize, limit: usize },
    /// Text was needed.
    NotUtf8 { what: &'static str, name: Vec<u8> },
    /// More of something than its limit.
    TooMany { what: &'static str, count: usize, limit: usize },
    /// A key of the module itself.
    OwnKey { key: Vec<u8> },
    /// A key outside the fence.
    OutsideFence { key: Vec<u8>, fence: String },

    // JSON.
    /// Not JSON.
    Json { what: &'static str, line: usize, column: usize, why: String },
    /// A payload that is no object.
    PayloadNotObject { found: &'static str },
    /// A payload beyond its limit.
    PayloadTooLarge { bytes: usize, limit: usize },
    /// `affectedCaches` is no list of strings.
    BadAffectedCaches { found: &'static str },

    // Patterns and templates.
    /// A glob whose `[` is not closed.
    UnclosedClass { glob: Vec<u8>, at: usize },
    /// A pattern beyond its limit.
    PatternTooLong { bytes: usize, limit: usize },
    /// A regex that does not parse.
    RegexSyntax { regex: String, why: String },
    /// A regex that compiles to too much.
    RegexTooLarge { regex: String, limit: usize },
    /// A regex with another number of groups than one.
    NotOneGroup { regex: String, count: usize },
    /// A placeholder that is not closed.
    UnclosedPlaceholder { template: String, at: usize },
    /// A `}` without its `{`.
    LoneBrace { template: String },
    /// Braces around something that is no path.
    BadPlaceholder { template: String, body: String },
    /// A placeholder without a value.
    MissingField { template: String, field: String },
    /// A placeholder whose value is no name.
    FieldNotScalar { template: String, field: String, found: &'static str },

    // Rules, classes and mappings.
    /// A document beyond its limit.
    DocumentTooLarge { kind: Kind, bytes: usize, limit: usize },
    /// A document that holds no definitions.
    DocumentNotMany { kind: Kind, found: &'static str },
    /// A document that is not one definition.
    DocumentNotOne { kind: Kind, found: &'static str },
    /// A field is unknown or of the wrong type.
    BadField { kind: Kind, why: String },
    /// A rule without an event.
    MissingEventType,
    /// A rule without targets.
    NoTargets,
    /// An emitted event with a field that is no path.
    BadEmit { event: String, field: String },
    /// Rules whose events follow from each other in a circle.
    EmitCircle { rules: Vec<String> },
    /// Events that follow from each other beyond a limit.
    EmitTooDeep { event: String, limit: usize },
    /// More events follow from one than a limit.
    EmitTooMany { event: String, limit: usize },
    /// How events are collected, of a rule that does not collect them.
    NotBatched,
    /// A priority that is none.
    BadPriority { found: String },
    /// A time to serve stale values that is none.
    BadSoft { ms: u64, limit: u64 },
    /// Terms of warming for keys that are not warmed.
    WarmTermsAlone { field: &'static str },
    /// A condition that does not parse.
    ConditionSyntax { condition: String, at: usize, found: String, expected: String },
    /// The document and the command say different names.
    NameDiffers { kind: Kind, given: String, written: String },
    /// One name twice in one document.
    Duplicate { kind: Kind, at: usize, name: String },
    /// A rule of that name exists.
    RuleExists { rule: String },
    /// A source of that name exists.
    SourceExists { source: String },
    /// Text that is no id of an entry.
    BadEntryId { found: Vec<u8> },
    /// No rule of that name.
    NoSuchRule { rule: String },
    /// No rule of that domain.
    NoSuchDomain { domain: String },
    /// Rules whose patterns compile to too much.
    RulesTooLarge { limit: usize },
    /// A class that no key can belong to.
    NoGlobs,
    /// A number of a class out of its range.
    BadFigure { what: &'static str, found: String, unit: &'static str, range: (u64, u64) },
    /// A factor of early refresh out of its range.
    BadEarly { found: String, limit: u32 },
    /// A class that is not there.
    NoSuchClass { class: String },
    /// A grace time for a value that lives for ever.
    GraceWithoutEnd { key: Vec<u8> },
    /// Classes whose documents are too long together.
    ClassesTooLarge { limit: usize },
    /// A mapping without events.
    NoEvents,
    /// Text of a mapping that is no path.
    BadPath { found: String },
    /// The entry of a mapping for a field of its events.
    BadMappedField { field: String, why: String },
    /// Mappings that are too large together.
    MappingsTooLarge { what: &'static str, limit: usize },
    /// A mapping that is not there.
    NoSuchMapping { mapping: String },
    /// An item that is no payload, and no fields that make one.
    ItemNotObject { found: &'static str },
    /// A mapping that looks too often.
    TooManyLooks { limit: u64 },
    /// Events that are too large together.
    EventsTooLarge { limit: usize },
    /// Something in the event at a position of a mapping.
    InMappedEvent { at: usize, error: Box<Error> },
    /// Something in a mapping.
    InMapping { mapping: String, error: Box<Error> },
    /// Something in a class.
    InClass { class: String, error: Box<Error> },
    /// Something in a rule.
    InRule { rule: String, error: Box<Error> },
    /// Something in the event at a position of a batch.
    InEvent { at: usize, error: Box<Error> },
    /// Something in the definition at a position of a document.
    AtIndex { kind: Kind, at: usize, error: Box<Error> },
    /// Everything wrong with a document.
    Many { errors: Vec<Error> },
    /// Something in a fence.
    InFence { entry: String, error: Box<Error> },

    // Entries of streams.
    /// A format that is none.
    NotAFormat { found: String },
    /// An entry that is not in its format.
    BadEntry { format: &'static str, why: String },

    // Commands.
    /// The arguments do not fit the command.
    Usage { found: String, syntax: String },
    /// A number was needed.
    NotANumber { what: &'static str, found: Vec<u8> },
    /// A fill token that no reply gave.
    NotAToken { found: Vec<u8> },
    /// A cursor that no reply gave.
    BadCursor { found: Vec<u8> },

    /// A command of the module's own, sent by a client.
    Internal { command: &'static str, instead: &'static str },
    /// A record of the primary that cannot be read.
    NotARecord { record: Vec<u8> },
    /// More keys than are deleted while the server waits.
    PlanTooLarge { keys: u64, limit: u64 },
    /// As many jobs are under way as may be.
    TooManyJobs { limit: usize },
    /// No job of that number.
    NoSuchJob { id: u64 },
    /// The job has ended.
    JobEnded { id: u64, stage: &'static str },
    /// The server may not write now.
    MayNotWrite,
    /// Keys that are not in the index cannot wait for a job.
    NotIndexed,
    /// A pattern that takes too long to match.
    TooManySteps { pattern: Vec<u8>, names: u64, limit: u64 },
    /// The index may take no more memory.
    IndexFull { key: Vec<u8>, held: usize, max: usize },
    /// Keyspace and state disagree.
    Disagreement { what: String },

    // The server.
    /// The caller may not delete a key.
    NoPermission { user: String, key: Vec<u8> },
    /// The server refused a deletion.
    DeletionRefused { deleted: u64, planned: u64, why: String },
    /// The server refused a command of ours.
    Refused { what: &'static str, why: String },
    /// A caught panic left the state in doubt.
    Suspect,
}

impl Error {
    /// A JSON error with its place.
    pub fn json(what: &'static str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or_default().to_owned();
        Self::Json { what, line: error.line(), column: error.column(), why }
    }

    /// The first word of the RESP error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPermission { .. } => "NOPERM",
            _ => "ERR",
        }
    }
}

impl std::error::Error for Error {}
