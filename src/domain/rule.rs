//! A rule: when this happens, those keys are stale.

use super::batch::Batch;
use super::condition::Condition;
use super::database::TagExpression;
use super::emit::Emit;
use super::error::{Error, Result};
use super::glob::Glob;
use super::name::OWN_PREFIX;
use super::pattern::Pattern;
use super::payload::Payload;
pub use super::priority::Priority;
use super::template::{Syntax, Template};
use super::warm_terms::WarmTerms;

/// Longest name of a rule or an event, in bytes: names are repeated in replies and statistics.
pub const NAME_MAX_BYTES: usize = 512;

/// Most targets of one rule: each is resolved while the server waits.
pub const RULE_MAX_TARGETS: usize = 1000;

/// A value of this type is valid: its templates parse, its patterns compile.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique; also the key of its statistics.
    pub name: String,
    /// Which events it takes.
    pub event: EventPattern,
    /// What it hits.
    pub targets: Vec<Target>,
    /// Which payloads it takes; all when absent.
    pub when: Option<Condition>,
    /// Orders the work of an event.
    pub priority: Priority,
    /// Whether each deleted key is queued for warming.
    pub warm: bool,
    /// How it is.
    pub warm_terms: WarmTerms,
    /// Its keys are marked as stale and die after so many milliseconds at the latest; `None`:
    /// they are deleted.
    pub soft_ms: Option<u64>,
    /// Its events are collected, and their keys deleted together; `None`: at once.
    pub batch: Option<Batch>,
    /// The events that follow from its event.
    pub emits: Vec<Emit>,
    /// The group of rules that it belongs to; empty for none.
    pub domain: String,
    /// Whether each of its invalidations is written down as a line of JSON.
    pub logs: bool,
    /// Free text.
    pub description: String,
    /// Whether it takes part at all.
    pub enabled: bool,
    /// Another one for each rule that was ever set; 0 before it is.
    pub number: u64,
}

impl Rule {
    /// What the patterns take when compiled, in bytes.
    pub fn compiled_bytes(&self) -> usize {
        let when = self.when.as_ref().map_or(0, Condition::compiled_bytes);
        self.targets.iter().map(Target::compiled_bytes).sum::<usize>() + when
    }

    /// Whether the rule takes this event.
    pub fn takes(&self, event: &str, payload: &Payload) -> bool {
        self.enabled
            && self.event.matches(event)
            && self.when.as_ref().is_none_or(|when| when.holds(payload))
    }
}

/// An event name, or a glob over event names (`order.*`).
#[derive(Clone, Debug)]
pub struct EventPattern {
    text: String,
    glob: Option<Glob>,
}

impl EventPattern {
    /// Reads an event name or glob.
    ///
    /// # Errors
    /// An empty or long name, or a bad glob.
    pub fn parse(text: &str) -> Result<Self> {
        check_name("event", text)?;
        let glob = match Glob::is_pattern(text.as_bytes()) {
            true => Some(Glob::parse(text.as_bytes())?),
            false => None,
        };
        Ok(Self { text: text.to_owned(), glob })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name itself when it is not a glob: such rules are found by hash.
    pub fn as_exact(&self) -> Option<&str> {
        self.glob.is_none().then_some(self.text.as_str())
    }

    /// Whether `event` is meant.
    pub fn matches(&self, event: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.matches(event.as_bytes()),
            None => self.text == event,
        }
    }
}

/// Refuses empty and over-long names of rules and events.
///
/// # Errors
/// The name is empty or longer than [`NAME_MAX_BYTES`].
pub fn check_name(what: &'static str, name: &str) -> Result<()> {
    match name.len() {
        0 => Err(Error::EmptyName { what }),
        bytes if bytes > NAME_MAX_BYTES => {
            Err(Error::NameTooLong { what, bytes, limit: NAME_MAX_BYTES })
        }
        _ => Ok(()),
    }
}

/// Longest time that a stale value may be served, in milliseconds: ten years. What the server
/// adds to it stays a number for it.
pub const SOFT_MAX_MS: u64 = 10 * 366 * 24 * 3_600_000;

/// Refuses a time to serve stale values that is none.
///
/// # Errors
/// It is 0 or longer than [`SOFT_MAX_MS`].
pub fn check_soft(ms: u64) -> Result<u64> {
    match ms {
        1..=SOFT_MAX_MS => Ok(ms),
        _ => Err(Error::BadSoft { ms, limit: SOFT_MAX_MS }),
    }
}

/// Which keys, as the rule writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// One key by name.
    Key,
    /// A Redis glob over names.
    Glob,
    /// A regular expression over names.
    Regex,
    /// All keys that carry a tag.
    Tag,
}

impl TargetKind {
    fn syntax(self) -> Syntax {
        match self {
            Self::Key | Self::Tag => Syntax::Name,
            Self::Glob => Syntax::Glob,
            Self::Regex => Syntax::Regex,
        }
    }
}

/// One entry of a rule's `cacheKeys`, `patterns` or `tags`.
#[derive(Clone, Debug)]
pub struct Target {
    /// How the text is read.
    pub kind: TargetKind,
    /// The text.
    pub template: Template,
    /// The compiled pattern, when it is the same for every event.
    standing: Option<Pattern>,
    /// What the pattern takes when compiled, in bytes, whether kept or compiled for each event.
    compiled_bytes: usize,
    /// Whether names that match may begin with anything, whatever the values are.
    is_open: bool,
}

impl Target {
    /// An entry of `cacheKeys`: a glob if it holds glob characters, else one key.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn cache_key(text: &str) -> Result<Self> {
        // Text that is no template is a glob too: its error is told, and nothing taken literally.
        let has_wildcard =
            || Template::parse(text, Syntax::Glob).map_or(true, |template| template.has_wildcard());
        match Glob::is_pattern(text.as_bytes()) && has_wildcard() {
            true => Self::new(TargetKind::Glob, text),
            false => Self::new(TargetKind::Key, text),
        }
    }

    /// A target of a given kind.
    ///
    /// # Errors
    /// A bad template or pattern, an empty text, or the module's own keys.
    pub fn new(kind: TargetKind, text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::EmptyName { what: ResolvedKind::from(kind).as_str() });
        }
        let template = Template::parse(text, kind.syntax())?;
        let sample = template.render_sample();
        if kind == TargetKind::Key && sample.starts_with(OWN_PREFIX) {
            return Err(Error::OwnKey { key: sample });
        }
        // Compiling the sample proves the pattern around the placeholders.
        let pattern = compile(kind, &sample)?;
        let compiled_bytes = pattern.as_ref().map_or(0, Pattern::memory);
        let is_open = pattern.as_ref().is_some_and(|pattern| pattern.literal_prefix().is_empty());
        let standing = if template.as_constant().is_some() { pattern } else { None };
        Ok(Self { kind, template, standing, compiled_bytes, is_open })
    }

    /// The compiled pattern, when it is the same for every event.
    pub fn standing(&self) -> Option<&Pattern> {
        self.standing.as_ref()
    }

    /// Whether names that match may begin with anything, whatever the values of the event are.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// What the pattern takes when compiled, in bytes; nothing for keys and tags.
    pub fn compiled_bytes(&self) -> usize {
        self.compiled_bytes
    }

    /// The target for one event.
    ///
    /// # Errors
    /// A placeholder without a value, or a pattern that the values make too long.
    pub fn resolve(&self, payload: &Payload) -> Result<Resolved> {
        if let Some(pattern) = &self.standing {
            return Ok(Resolved::Pattern(pattern.clone()));
        }
        let text = self.template.render(payload)?;
        Ok(match compile(self.kind, &text)? {
            Some(pattern) => Resolved::Pattern(pattern),
            None if self.kind == TargetKind::Tag => Resolved::Tag(text),
            None => Resolved::Key(text),
        })
    }
}

/// A target with the values of an event put in.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// One key by name.
    Key(Vec<u8>),
    /// All names of a shape.
    Pattern(Pattern),
    /// All keys that carry a tag.
    Tag(Vec<u8>),
    /// All keys of a tag expression.
    Tags(TagExpression),
}

impl Resolved {
    /// An entry of `affectedCaches`, the list that an event brings along: no placeholders.
    ///
    /// # Errors
    /// A bad glob.
    pub fn cache_key(text: &str) -> Result<Self> {
        Ok(match Glob::is_pattern(text.as_bytes()) {
            true => Self::Pattern(Pattern::glob(text.as_bytes())?),
            false => Self::Key(text.as_bytes().to_vec()),
        })
    }

    /// The name, pattern or tags.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Key(text) | Self::Tag(text) => text.clone(),
            Self::Pattern(pattern) => pattern.source().to_vec(),
            Self::Tags(expression) => expression.to_text(),
        }
    }

    /// What it is.
    pub fn kind(&self) -> ResolvedKind {
        match self {
            Self::Key(_) => ResolvedKind::Key,
            Self::Tag(_) | Self::Tags(_) => ResolvedKind::Tag,
            Self::Pattern(Pattern::Prefix(_)) => ResolvedKind::Prefix,
            Self::Pattern(Pattern::Glob(_)) => ResolvedKind::Glob,
            Self::Pattern(Pattern::Regex(_)) => ResolvedKind::Regex,
        }
    }
}

/// What a [`Resolved`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResolvedKind {
    /// One key by name.
    Key,
    /// All names that begin so.
    Prefix,
    /// A Redis glob over names.
    Glob,
    /// A regular expression over names.
    Regex,
    /// All keys of tags.
    Tag,
}

impl ResolvedKind {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Key, Self::Prefix, Self::Glob, Self::Regex, Self::Tag];

    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Prefix => "prefix",
            Self::Glob => "glob",
            Self::Regex => "regex",
            Self::Tag => "tag",
        }
    }
}

impl From<TargetKind> for ResolvedKind {
    fn from(kind: TargetKind) -> Self {
        match kind {
            TargetKind::Key => Self::Key,
            TargetKind::Glob => Self::Glob,
            TargetKind::Regex => Self::Regex,
            TargetKind::Tag => Self::Tag,
        }
    }
}

fn compile(kind: TargetKind, text: &[u8]) -> Result<Option<Pattern>> {
    match kind {
        TargetKind::Key | TargetKind::Tag => Ok(None),
        TargetKind::Glob => Pattern::glob(text).map(Some),
        TargetKind::Regex => Pattern::regex(text).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(text: &str) -> TargetKind {
        Target::cache_key(text).unwrap().kind
    }

    #[test]
    fn a_cache_key_with_glob_characters_is_a_glob() {
        assert_eq!(kind_of("badges:list:all"), TargetKind::Key);
        assert_eq!(kind_of("badges:search:*"), TargetKind::Glob);
        assert_eq!(kind_of("user:{id}"), TargetKind::Key);
        assert_eq!(kind_of("user:{id}:*"), TargetKind::Glob);
        assert_eq!(kind_of("tag:{tags[0]}"), TargetKind::Key);
        assert_eq!(kind_of("tag:{tags[0]}:?"), TargetKind::Glob);
        // Doubled braces are text, as in a hash tag of a cluster.
        assert_eq!(kind_of("cart:{{*}}"), TargetKind::Glob);
        assert_eq!(kind_of("cart:{{{tags[0]}}}"), TargetKind::Key);
        assert!(Target::cache_key("*\\{{x}}").is_err());
    }

    #[test]
    fn a_bad_pattern_is_refused_when_the_rule_is_set() {
        let error = |kind, text| Target::new(kind, text).unwrap_err().to_string();
        assert!(error(TargetKind::Glob, "a[{x}").contains("unclosed '['"));
        assert!(error(TargetKind::Regex, "^a({x}").contains("unclosed group"));
        assert!(error(TargetKind::Key, "").contains("empty"));
        assert!(error(TargetKind::Key, "inval:warm").contains("inval:"));
    }

    #[test]
    fn values_never_become_patterns() {
        let payload = Payload::parse(br#"{"id":"*"}"#).unwrap();
        let target = Target::cache_key("user:{id}:*").unwrap();
        let Resolved::Pattern(pattern) = target.resolve(&payload).unwrap() else { panic!() };
        assert!(pattern.matches(b"user:*:a"));
        assert!(!pattern.matches(b"user:42:a"));
        let Resolved::Key(key) = Target::cache_key("user:{id}").unwrap().resolve(&payload).unwrap()
        else {
            panic!()
        };
        assert_eq!(key, b"user:*");
    }

    #[test]
    fn event_globs() {
        let matches = |pattern, event| EventPattern::parse(pattern).unwrap().matches(event);
        assert!(matches("order.*", "order.created"));
        assert!(!matches("order.*", "orders"));
        assert!(matches("order", "order"));
        assert!(!matches("order", "order.created"));
        assert!(EventPattern::parse(&"e".repeat(513)).is_err());
        assert!(EventPattern::parse("").is_err());
        assert!(EventPattern::parse("a[").is_err());
    }
}
