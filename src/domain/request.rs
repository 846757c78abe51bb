//! What is asked for: events with their rules, or a purge, with all values put in.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use super::State;
use super::batch::Batch;
use super::error::{Error, Result};
use super::payload::{Payload, kind_of};
use super::rule::{NAME_MAX_BYTES, Priority, RULE_MAX_TARGETS, Resolved, Rule, Target};
use super::warm_terms::WarmTerms;

/// The field of a payload that brings its own list of keys and globs (a name from the field).
pub const AFFECTED_CACHES: &str = "affectedCaches";

/// The field of a payload that says what the event is about, such as `user`: statistics are kept
/// by it.
pub const ENTITY_TYPE: &str = "entityType";

/// Most events that one request may bring along: `INVAL.BATCH`, or a payload that is mapped.
pub const EVENTS_MAX: usize = 10_000;

/// Most events that may follow from those of a request.
pub const EMITTED_MAX: usize = 1000;

/// Longest chain of events that follow from each other.
pub const EMIT_MAX_DEPTH: usize = 16;

/// Something that happened, as somebody tells it.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// What.
    pub name: Cow<'a, str>,
    /// To whom.
    pub payload: Payload,
    /// The payload as it was sent, where it was.
    pub text: Option<&'a [u8]>,
}

impl Event<'_> {
    /// An event that nobody sent in these words.
    pub fn of(name: String, payload: Payload) -> Event<'static> {
        Event { name: Cow::Owned(name), payload, text: None }
    }

    /// The payload as JSON.
    fn to_text(&self) -> Vec<u8> {
        self.text.map_or_else(|| self.payload.to_text().into_bytes(), <[u8]>::to_vec)
    }

    /// What is the same for equal events alone.
    fn identity(&self) -> String {
        format!("{}\0{}", self.name, self.payload.to_text())
    }
}

/// An event that a request carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its name.
    pub event: String,
    /// Its payload as JSON, for warm workers; empty when none of its rules warms.
    pub payload: Vec<u8>,
    /// The type of what it is about, where its payload says so.
    pub entity: Option<Box<str>>,
    /// The position of the rule that it follows from; `None`: somebody told it.
    pub follows: Option<usize>,
}

impl Happened {
    /// An event that somebody told.
    pub fn told(event: &str) -> Self {
        Self { event: event.to_owned(), payload: vec![], entity: None, follows: None }
    }
}

/// Who asks: statistics and warm entries name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Events, at least one, and those that follow from them.
    Events(Vec<Happened>),
    /// Events that a rule has collected; the first of them stands for all.
    Collected(Happened),
    /// A purge without a rule.
    Purge,
}

impl Origin {
    /// One event that somebody told.
    pub fn event(event: &str) -> Self {
        Self::Events(vec![Happened::told(event)])
    }

    /// All events, in order.
    pub fn events(&self) -> &[Happened] {
        match self {
            Self::Events(events) => events,
            Self::Collected(event) => std::slice::from_ref(event),
            Self::Purge => &[],
        }
    }
}

/// A rule's part in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRule {
    /// `None` for a purge and for the list that an event brings along.
    pub name: Option<String>,
    /// The position of the event that it takes.
    pub event: usize,
    /// Its priority.
    pub priority: Priority,
    /// Whether its deleted keys are queued for warming.
    pub warm: bool,
    /// How they are.
    pub warm_terms: WarmTerms,
    /// Its keys are marked as stale and die after so many milliseconds at the latest; `None`:
    /// they are deleted.
    pub soft_ms: Option<u64>,
    /// Whether the event is collected, and this request hits none of its keys.
    pub collects: bool,
    /// Whether what it comes to is written down as a line of JSON.
    pub logs: bool,
    /// That of the rule (see [`Rule::number`]), if it takes events of one name alone: it says what
    /// happened then.
    pub number: Option<u64>,
}

impl PlanRule {
    /// What stands for a rule where there is none.
    pub fn nameless() -> Self {
        Self {
            name: None,
            event: 0,
            priority: Priority::Medium,
            warm: false,
            warm_terms: WarmTerms::default(),
            soft_ms: None,
            collects: false,
            logs: false,
            number: None,
        }
    }

    /// The part of a rule.
    fn of(rule: &Rule, event: usize) -> Self {
        Self {
            name: Some(rule.name.clone()),
            event,
            priority: rule.priority,
            warm: rule.warm,
            warm_terms: rule.warm_terms,
            soft_ms: rule.soft_ms,
            collects: false,
            logs: rule.logs,
            number: rule.event.as_exact().map(|_| rule.number),
        }
    }
}

/// What a rule collects of an event, to be carried out later.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The rule.
    pub rule: PlanRule,
    /// How it collects.
    pub batch: Batch,
    /// The event.
    pub event: Happened,
    /// With the event's values.
    pub targets: Vec<Resolved>,
}

/// Targets with all values put in: what a plan is made from.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub origin: Origin,
    /// In order of work.
    pub rules: Vec<PlanRule>,
    /// Each with its position in `rules`, which do not decrease.
    pub targets: Vec<(usize, Resolved)>,
    /// What rules collect.
    pub collected: Vec<Collected>,
    /// Events that were told more than once: they count once.
    pub equal: u64,
    /// Most keys to take.
    pub limit: Option<u64>,
    /// Whether matching may take any number of steps.
    pub any_steps: bool,
}

/// Whether rules that collect events do so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// As the rules say.
    Yes,
    /// All are carried out at once.
    No,
}

/// What an event was told from.
struct Next<'a> {
    event: Event<'a>,
    follows: Option<usize>,
    depth: usize,
}

impl Request {
    /// A request for nothing.
    pub fn new(origin: Origin) -> Self {
        let (rules, targets, collected) = (vec![], vec![], vec![]);
        Self { origin, rules, targets, collected, equal: 0, limit: None, any_steps: false }
    }

    /// The rules that take an event, with the event's values, and the event's own list.
    ///
    /// # Errors
    /// As [`Request::for_events`].
    pub fn for_event(state: &State, event: &str, payload: &Payload) -> Result<Self> {
        let (name, payload) = (Cow::Borrowed(event), payload.clone());
        Self::for_events(state, vec![Event { name, payload, text: None }], Collect::No)
    }

    /// The rules that take some events and those that follow from them, with the events' values,
    /// and the events' own lists. Equal events count once.
    ///
    /// # Errors
    /// A placeholder without a value, a list that is not one, or too many events.
    pub fn for_events(state: &State, events: Vec<Event>, collect: Collect) -> Result<Self> {
        if events.len() > EVENTS_MAX {
            return Err(Error::TooMany { what: "events", count: events.len(), limit: EVENTS_MAX });
        }
        let told = events.len();
        let next = |event| Next { event, follows: None, depth: 1 };
        let mut queue: VecDeque<Next> = events.into_iter().map(next).collect();
        let mut seen = HashSet::new();
        let mut happened: Vec<Happened> = vec![];
        let mut request = Self::new(Origin::Purge);
        while let Some(next) = queue.pop_front() {
            let (event, position) = (&next.event, happened.len());
            let rules = state.rules.taking(&event.name, &event.payload);
            let emits = rules.iter().any(|rule| !rule.emits.is_empty());
            // One that is alone and followed by none needs no look.
            if (told > 1 || emits || next.depth > 1) && !seen.insert(event.identity()) {
                request.equal += u64::from(next.depth == 1);
                continue;
            }
            if happened.len() >= told + EMITTED_MAX {
                let event = happened.first().map(|first| first.event.clone()).unwrap_or_default();
                return Err(Error::EmitTooMany { event, limit: EMITTED_MAX });
            }
            let warms = rules.iter().any(|rule| rule.warm);
            let this = Happened {
                event: event.name.clone().into_owned(),
                payload: if warms { event.to_text() } else { vec![] },
                entity: entity_type(&event.payload),
                follows: next.follows,
            };
            for rule in rules {
                request.take(rule, &next, position, &this, collect)?;
                let at = request.rules.len() - 1;
                for emit in &rule.emits {
                    if next.depth >= EMIT_MAX_DEPTH {
                        let (event, limit) = (emit.event.clone(), EMIT_MAX_DEPTH);
                        return Err(Error::EmitTooDeep { event, limit });
                    }
                    let event = Event::of(emit.event.clone(), emit.payload(&next.event.payload));
                    queue.push_back(Next { event, follows: Some(at), depth: next.depth + 1 });
                }
            }
            // A payload that is passed on brings its list no second time.
            let own = match next.follows {
                None => affected_caches(&next.event.payload)?,
                Some(_) => vec![],
            };
            if !own.is_empty() {
                let at = request.rules.len();
                request.rules.push(PlanRule { event: position, ..PlanRule::nameless() });
                request.targets.extend(own.into_iter().map(|target| (at, target)));
            }
            happened.push(this);
        }
        request.origin = Origin::Events(happened);
        Ok(request)
    }

    /// Takes a rule in, with the values of an event.
    fn take(
        &mut self,
        rule: &Rule,
        of: &Next,
        position: usize,
        event: &Happened,
        collect: Collect,
    ) -> Result<()> {
        let at = self.rules.len();
        let resolve = |target: &Target| {
            target
                .resolve(&of.event.payload)
                .map_err(|error| Error::InRule { rule: rule.name.clone(), error: Box::new(error) })
        };
        let targets = rule.targets.iter().map(resolve);
        let mut part = PlanRule::of(rule, position);
        let collects = collect == Collect::Yes && !rule.targets.is_empty();
        match rule.batch.filter(|_| collects) {
            Some(batch) => {
                self.collected.push(Collected {
                    rule: PlanRule { event: 0, ..part.clone() },
                    batch,
                    event: Happened { follows: None, ..event.clone() },
                    targets: targets.collect::<Result<_>>()?,
                });
                part.collects = true;
            }
            None => {
                for target in targets {
                    self.targets.push((at, target?));
                }
            }
        }
        self.rules.push(part);
        Ok(())
    }

    /// Targets without a rule.
    pub fn for_purge(targets: Vec<Resolved>, limit: Option<u64>) -> Self {
        Self {
            rules: vec![PlanRule::nameless()],
            targets: targets.into_iter().map(|target| (0, target)).collect(),
            limit,
            ..Self::new(Origin::Purge)
        }
    }

    /// How many different events were told, and how many follow from them.
    pub fn event_counts(&self) -> (usize, usize) {
        let events = self.origin.events();
        let told = events.iter().filter(|event| event.follows.is_none()).count();
        (told, events.len() - told)
    }

    /// All keys are marked as stale and die after so many milliseconds at the latest.
    pub fn soften(mut self, ms: u64) -> Self {
        self.rules.iter_mut().for_each(|rule| rule.soft_ms = Some(ms));
        self
    }

    /// Takes the rules that mark out, with their targets; `None` when all of them delete.
    pub fn split_soft(&mut self) -> Option<Self> {
        let is_soft = |rule: &PlanRule| rule.soft_ms.is_some();
        if !self.rules.iter().any(is_soft) {
            return None;
        }
        let mut soft = self.clone();
        let marks: Vec<bool> = self.rules.iter().map(is_soft).collect();
        let of = |wanted: bool| {
            let marks = &marks;
            move |(rule, _): &(usize, Resolved)| marks.get(*rule) == Some(&wanted)
        };
        self.targets.retain(of(false));
        soft.targets.retain(of(true));
        Some(soft)
    }
}

fn entity_type(payload: &Payload) -> Option<Box<str>> {
    let field = payload.field(ENTITY_TYPE)?.as_str()?;
    (!field.is_empty() && field.len() <= NAME_MAX_BYTES).then(|| field.into())
}

fn affected_caches(payload: &Payload) -> Result<Vec<Resolved>> {
    let Some(list) = payload.field(AFFECTED_CACHES) else { return Ok(vec![]) };
    let entries =
        list.as_array().ok_or_else(|| Error::BadAffectedCaches { found: kind_of(list) })?;
    if entries.len() > RULE_MAX_TARGETS {
        return Err(Error::TooMany {
            what: AFFECTED_CACHES,
            count: entries.len(),
            limit: RULE_MAX_TARGETS,
        });
    }
    let resolve = |entry: &serde_json::Value| match entry.as_str() {
        Some(text) => Resolved::cache_key(text),
        None => Err(Error::BadAffectedCaches { found: kind_of(entry) }),
    };
    entries.iter().map(resolve).collect()
}
