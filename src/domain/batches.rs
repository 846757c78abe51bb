//! Events that rules collect, to be carried out together: one deletion for many.
//!
//! What is kept of an event are its targets. One that names nothing new is *equal* to what waits
//! already and costs nothing; so a burst of one event is one deletion. The first event of a
//! queue stands for all where an event is named.
//!
//! A queue is carried out when it has collected so many different events, when its time is over,
//! or when it is too large: nothing is ever dropped.

use std::collections::{BTreeMap, HashSet};

use super::batch::Batch;
use super::name::Db;
use super::request::{Collected, Happened, Origin, PlanRule, Request};
use super::rule::{Priority, Resolved};
use super::rule_table::RuleTable;
use super::warm_terms::WarmTerms;
use super::words::{Reader, Words, number, write_target};

/// Most targets of one queue: they are looked up while the server waits.
pub const QUEUE_MAX_TARGETS: usize = 10_000;

/// Most bytes of the targets of all queues.
pub const QUEUES_MAX_BYTES: usize = 16 << 20;

/// How many events are collected and how long, where a rule does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Different events.
    pub size: u64,
    /// Milliseconds.
    pub timeout_ms: u64,
}

/// A rule in a database that collects.
pub type Place = (Db, String);

/// What a rule has collected.
#[derive(Debug)]
struct Queue {
    rule: PlanRule,
    event: Happened,
    targets: Vec<Resolved>,
    known: HashSet<Vec<u8>>,
    bytes: usize,
    size: u64,
    events: u64,
    since_ms: u64,
    due_ms: u64,
}

/// What waits, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Different events.
    pub events: u64,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Until when at the latest, likewise.
    pub due_ms: u64,
}

/// What became of an event that was collected.
#[derive(Debug, PartialEq, Eq)]
pub struct Added {
    /// What replicas are told; empty when the event named nothing new.
    pub record: Words,
    /// Whether the queue is to be carried out now.
    pub is_full: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Batches {
    queues: BTreeMap<Place, Queue>,
    bytes: usize,
}

/// What tells targets apart.
fn identity(target: &Resolved) -> Vec<u8> {
    let mut words = vec![];
    write_target(target, &mut words);
    words.join(&0)
}

impl Batches {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Whether all that these would add waits already.
    pub fn has_all(&self, db: Db, collected: &[Collected]) -> bool {
        let has = |one: &Collected| {
            let queue = self.queues.get(&(db, one.rule.name.clone().unwrap_or_default()));
            queue.is_some_and(|queue| {
                one.targets.iter().all(|target| queue.known.contains(&identity(target)))
            })
        };
        collected.iter().all(has)
    }

    /// Collects an event of a rule.
    pub fn add(&mut self, db: Db, one: Collected, limits: BatchLimits, now_ms: u64) -> Added {
        let Batch { size, timeout_ms } = one.batch;
        let due_ms = now_ms.saturating_add(timeout_ms.unwrap_or(limits.timeout_ms));
        let size = size.unwrap_or(limits.size);
        self.put(db, one, size, now_ms, due_ms)
    }

    fn put(&mut self, db: Db, one: Collected, size: u64, since_ms: u64, due_ms: u64) -> Added {
        let place = (db, one.rule.name.clone().unwrap_or_default());
        let queue = self.queues.entry(place).or_insert_with(|| Queue {
            rule: one.rule,
            event: one.event,
            targets: vec![],
            known: HashSet::new(),
            bytes: 0,
            size,
            events: 0,
            since_ms,
            due_ms,
        });
        let is_new = |target: &Resolved| queue.known.insert(identity(target));
        let new: Vec<Resolved> = one.targets.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Added { record: vec![], is_full: false };
        }
        queue.events += 1;
        let record = queue.record(&new);
        // As its text in the target, and as what it is known by.
        let bytes: usize = new.iter().map(|target| 2 * target.text().len() + 64).sum();
        queue.targets.extend(new);
        queue.bytes += bytes;
        self.bytes += bytes;
        let is_full = queue.events >= queue.size
            || queue.targets.len() >= QUEUE_MAX_TARGETS
            || self.bytes >= QUEUES_MAX_BYTES;
        Added { record, is_full }
    }

    /// What is to be carried out for a queue.
    pub fn request(&self, place: &Place) -> Option<Request> {
        let queue = self.queues.get(place)?;
        Some(Request {
            rules: vec![queue.rule.clone()],
            targets: queue.targets.iter().map(|target| (0, target.clone())).collect(),
            ..Request::new(Origin::Collected(queue.event.clone()))
        })
    }

    /// The queue was carried out. Gives what replicas are told.
    pub fn done(&mut self, place: &Place) -> Words {
        if let Some(queue) = self.queues.remove(place) {
            self.bytes -= queue.bytes;
        }
        vec![b"BATCH-RUN".to_vec(), place.1.clone().into_bytes()]
    }

    /// The queues whose time is over. A clock that went back before a queue began ends its time,
    /// too.
    pub fn due(&self, now_ms: u64) -> Vec<Place> {
        let is_due = |queue: &Queue| queue.due_ms <= now_ms || queue.since_ms > now_ms;
        let due = self.queues.iter().filter(|(_, queue)| is_due(queue));
        due.map(|(place, _)| place.clone()).collect()
    }

    /// When the next queue is due, in milliseconds since 1970.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.queues.values().map(|queue| queue.due_ms).min()
    }

    /// What waits, by database and rule.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, Waiting)> {
        self.queues.iter().map(|(place, queue)| {
            let Queue { events, since_ms, due_ms, .. } = *queue;
            (place, Waiting { events, since_ms, due_ms })
        })
    }

    /// All that waits, as records, with the database to select.
    pub fn records(&self, mut emit: impl FnMut(Db, Words)) {
        for ((db, _), queue) in &self.queues {
            emit(*db, queue.record(&queue.targets));
        }
    }

    /// Takes what a primary has collected; `None` for words that are no record.
    pub fn follow_add(&mut self, db: Db, words: &mut Reader) -> Option<()> {
        let (name, priority) = (words.text()?.to_owned(), Priority::parse(words.text()?).ok()?);
        let ((warm, warm_terms), soft_ms) = (WarmTerms::of_word(words.text()?)?, words.number()?);
        let (event, payload) = (words.text()?.to_owned(), words.owned()?);
        let (size, since_ms, due_ms) = (words.number()?, words.number()?, words.number()?);
        let events = words.number()?;
        let targets = words.many(Reader::target)?;
        let rule = PlanRule {
            name: Some(name),
            priority,
            warm,
            warm_terms,
            soft_ms: Some(soft_ms).filter(|ms| *ms > 0),
            ..PlanRule::nameless()
        };
        let place = (db, rule.name.clone().unwrap_or_default());
        let event = Happened { event, payload, entity: None, follows: None };
        let one = Collected { rule, batch: Batch::default(), event, targets };
        self.put(db, one, size, since_ms, due_ms);
        if let Some(queue) = self.queues.get_mut(&place) {
            queue.events = events;
        }
        Some(())
    }

    /// What was collected for rules that are gone is due. Asked by the commands that delete rules,
    /// so that replicas do the same.
    pub fn hurry(&mut self, rules: &RuleTable) {
        for ((_, rule), queue) in &mut self.queues {
            if rules.get(rule).is_none() {
                queue.due_ms = 0;
            }
        }
    }

    /// Two databases changed places, and their keys with them.
    pub fn swapped(&mut self, a: Db, b: Db) {
        let queues = std::mem::take(&mut self.queues).into_iter();
        self.queues = queues
            .map(|((db, rule), queue)| {
                let db = if db == a {
                    b
                } else if db == b {
                    a
                } else {
                    db
                };
                ((db, rule), queue)
            })
            .collect();
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Queue {
    /// Says that these targets are collected:
    /// `BATCH-ADD rule priority warm soft event payload size since due events n target ..`
    fn record(&self, targets: &[Resolved]) -> Words {
        let mut words = vec![
            b"BATCH-ADD".to_vec(),
            self.rule.name.clone().unwrap_or_default().into_bytes(),
            self.rule.priority.as_str().into(),
            self.rule.warm_terms.to_word(self.rule.warm),
            number(self.rule.soft_ms.unwrap_or(0)),
            self.event.event.clone().into_bytes(),
            self.event.payload.clone(),
            number(self.size),
            number(self.since_ms),
            number(self.due_ms),
            number(self.events),
            number(targets.len() as u64),
        ];
        targets.iter().for_each(|target| write_target(target, &mut words));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { size: 3, timeout_ms: 100 };

    fn collected(rule: &str, keys: &[&str]) -> Collected {
        Collected {
            rule: PlanRule { name: Some(rule.to_owned()), ..PlanRule::nameless() },
            batch: Batch::default(),
            event: Happened::told("e"),
            targets: keys.iter().map(|key| Resolved::Key(key.as_bytes().to_vec())).collect(),
        }
    }

    fn keys(request: &Request) -> Vec<String> {
        let text = |(_, target): &(usize, Resolved)| String::from_utf8(target.text()).unwrap();
        request.targets.iter().map(text).collect()
    }

    #[test]
    fn different_events_fill_a_queue_and_equal_ones_cost_nothing() {
        let mut batches = Batches::default();
        let place = (Db(0), "r".to_owned());
        for _ in 0..1000 {
            batches.add(Db(0), collected("r", &["a", "b"]), LIMITS, 10);
        }
        assert!(batches.has_all(Db(0), &[collected("r", &["b"])]));
        assert!(!batches.has_all(Db(1), &[collected("r", &["b"])]));
        let added = batches.add(Db(0), collected("r", &["b", "c"]), LIMITS, 50);
        assert!(!added.is_full && added.record.ends_with(&[b"key".to_vec(), b"c".to_vec()]));
        assert!(batches.add(Db(0), collected("r", &["d"]), LIMITS, 60).is_full);
        assert_eq!(keys(&batches.request(&place).unwrap()), ["a", "b", "c", "d"]);
        assert_eq!((batches.due(109), batches.due(110)), (vec![], vec![place.clone()]));
        assert_eq!(batches.due(9).len(), 1, "the clock went back");
        batches.done(&place);
        assert!(batches.is_empty() && batches.bytes == 0 && batches.request(&place).is_none());
    }

    #[test]
    fn a_queue_that_is_too_large_is_carried_out_now() {
        let mut batches = Batches::default();
        let limits = BatchLimits { size: u64::MAX, timeout_ms: 100 };
        let large = "x".repeat(1 << 20);
        let added = |at: usize| format!("{at}{large}");
        let full: Vec<bool> = (0..9)
            .map(|at| batches.add(Db(0), collected("r", &[&added(at)]), limits, 0).is_full)
            .collect();
        assert_eq!(full.iter().position(|full| *full), Some(7));
        let keys: Vec<String> = (0..QUEUE_MAX_TARGETS).map(|at| at.to_string()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut batches = Batches::default();
        assert!(!batches.add(Db(0), collected("r", &keys[1..]), limits, 0).is_full);
        assert!(batches.add(Db(0), collected("r", &keys[..1]), limits, 0).is_full);
    }

    #[test]
    fn a_replica_that_follows_has_collected_the_same() {
        let (mut primary, mut replica) = (Batches::default(), Batches::default());
        let follow = |words: &Words, replica: &mut Batches| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut reader = Reader::new(&words[1..]);
            replica.follow_add(Db(2), &mut reader).unwrap();
            assert!(reader.is_done());
        };
        for (at, key) in ["a", "b"].into_iter().enumerate() {
            let added = primary.add(Db(2), collected("r", &["0", key]), LIMITS, at as u64);
            follow(&added.record, &mut replica);
        }
        let place = (Db(2), "r".to_owned());
        let request = |batches: &Batches| keys(&batches.request(&place).unwrap());
        assert_eq!(request(&primary), request(&replica));
        let told = |batches: &Batches| batches.iter().next().map(|(_, waiting)| waiting);
        let waiting = Waiting { events: 2, since_ms: 0, due_ms: 100 };
        assert_eq!((told(&primary), told(&replica)), (Some(waiting.clone()), Some(waiting)));
        let mut again = Batches::default();
        primary.records(|_, words| follow(&words, &mut again));
        assert_eq!((request(&again), told(&again)), (request(&primary), told(&primary)));
    }
}
