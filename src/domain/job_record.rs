//! Jobs in words: what replicas, append-only files and snapshots get of them.
//!
//! # Format
//! | words | say |
//! |---|---|
//! | `START head fence n target ..` | a job is accepted: its plan is what the targets find now, inside the primary's fence |
//! | `HELD head planned deleted` | a job under way, whose keys come next |
//! | `KEYS id rule name ..` | keys that wait for a job, in the selected database; rule 0 is none, else 1 + its position |
//! | `AT id deleted` | so many keys has the job deleted |
//! | `END id done\|cancelled deleted` | the job has ended |
//! | `COPY id key` | the copy that comes next is of a key that waits for the job |
//! | `LAST id` | the number of the job that was accepted last |
//!
//! A head is `id milliseconds EVENT\|PURGE event text payload n (0\|1 name priority warm) ..`;
//! `warm` is in one word how the rule warms (see [`WarmTerms`]);
//! a target is `rule kind text`, where the text of the kind `tags` is `0\|1 n tag .. n tag ..`.

use super::State;
use super::budget::StepsMax;
use super::fence::Fence;
use super::jobs::{Head, Stage, rule_number, rule_of_number};
use super::name::Db;
use super::plan;
use super::request::{Happened, Origin, PlanRule, Request};
use super::rule::Priority;
use super::warm_terms::WarmTerms;
use super::words::{self, Reader, flag, number, write_target};

pub use super::words::Words;

/// The command that carries these words.
const COMMAND: &[u8] = b"INVAL._JOB";

/// A record as a command.
pub fn command(words: &Words) -> Vec<&[u8]> {
    words::command(COMMAND, words)
}

/// Names in one record of keys: few calls, and no record that is long to take in.
const NAMES_PER_RECORD: usize = 1000;

/// Says that a job is accepted. Made before its plan is marked.
pub fn start(id: u64, head: &Head, fence: &Fence, request: &Request) -> Words {
    let mut words = vec![b"START".to_vec()];
    write_head(id, head, &mut words);
    words.push(fence.source().as_bytes().to_vec());
    words.push(number(request.targets.len() as u64));
    for (rule, target) in &request.targets {
        words.push(number(*rule as u64));
        write_target(target, &mut words);
    }
    words
}

/// Says how far a job has come.
pub fn at(id: u64, deleted: u64) -> Words {
    vec![b"AT".to_vec(), number(id), number(deleted)]
}

/// Says that a job has ended.
pub fn end(id: u64, stage: Stage, deleted: u64) -> Words {
    vec![b"END".to_vec(), number(id), stage.as_str().into(), number(deleted)]
}

/// Says that a copy to come is of a key that waits for a job.
pub fn copy(id: u64, key: &[u8]) -> Words {
    vec![b"COPY".to_vec(), number(id), key.to_vec()]
}

/// All that is to be kept of the jobs of a state, with the database to select.
pub fn all(state: &State, mut emit: impl FnMut(Db, Words)) {
    if state.jobs.last > 0 {
        emit(Db(0), vec![b"LAST".to_vec(), number(state.jobs.last)]);
    }
    let mut ids = vec![];
    state.for_each_job(|id, head, planned, deleted| {
        let mut words = vec![b"HELD".to_vec()];
        write_head(id, head, &mut words);
        words.extend([number(planned), number(deleted)]);
        emit(Db(0), words);
        ids.push(id);
    });
    for id in ids {
        let mut record: Option<(Db, u32, Words)> = None;
        let start = |rule| vec![b"KEYS".to_vec(), number(id), number(rule_number(rule))];
        let own_words = start(0).len();
        state.for_each_doomed(id, |db, rule, name| {
            let fits = |(of, its, words): &(Db, u32, Words)| {
                *of == db && *its == rule && words.len() < NAMES_PER_RECORD + own_words
            };
            if !record.as_ref().is_some_and(fits)
                && let Some((db, _, words)) = record.replace((db, rule, start(rule)))
            {
                emit(db, words);
            }
            if let Some((_, _, words)) = &mut record {
                words.push(name.to_vec());
            }
        });
        if let Some((db, _, words)) = record {
            emit(db, words);
        }
    }
}

fn write_head(id: u64, head: &Head, words: &mut Words) {
    // Of several events the first stands for all.
    let (kind, event, payload) = match head.origin.events().first() {
        Some(first) => ("EVENT", first.event.as_str(), first.payload.clone()),
        None => ("PURGE", "", vec![]),
    };
    words.extend([number(id), number(head.started_ms), kind.into(), event.into()]);
    words.extend([head.text.clone(), payload, number(head.rules.len() as u64)]);
    for rule in &head.rules {
        words.extend([
            flag(rule.name.is_some()),
            rule.name.as_deref().unwrap_or_default().into(),
            rule.priority.as_str().into(),
            rule.warm_terms.to_word(rule.warm),
        ]);
    }
}

impl Reader<'_> {
    fn head(&mut self) -> Option<(u64, Head)> {
        let id = self.number()?;
        let started_ms = self.number()?;
        let is_event = self.word()? == b"EVENT";
        let event = self.text()?.to_owned();
        let (text, payload) = (self.owned()?, self.owned()?);
        let event = Happened { event, payload, entity: None, follows: None };
        let origin = if is_event { Origin::Events(vec![event]) } else { Origin::Purge };
        let rules = self.many(|words| {
            let (named, name) = (words.flag()?, words.text()?.to_owned());
            let priority = Priority::parse(words.text()?).ok()?;
            let (warm, warm_terms) = WarmTerms::of_word(words.text()?)?;
            let name = named.then_some(name);
            Some(PlanRule { name, priority, warm, warm_terms, ..PlanRule::nameless() })
        })?;
        Some((id, Head { origin, text, started_ms, rules }))
    }
}

/// What a record of `START` asks for, to be looked up first where the index is incomplete.
#[derive(Debug)]
pub struct Started {
    id: u64,
    head: Head,
    fence: Fence,
    /// What is asked for.
    pub request: Request,
}

/// Reads a record of `START`.
pub fn read_start(words: &[&[u8]]) -> Option<Started> {
    let mut words = Reader::new(words);
    if words.word()? != b"START" {
        return None;
    }
    let (id, head) = words.head()?;
    let fence = Fence::parse(words.text()?).ok()?;
    let target = |words: &mut Reader| Some((words.index()?, words.target()?));
    let targets = words.many(target)?;
    let (origin, rules) = (head.origin.clone(), head.rules.clone());
    let request = Request { rules, targets, ..Request::new(origin) };
    words.is_done().then_some(Started { id, head, fence, request })
}

impl State {
    /// Accepts the job that a primary has accepted, with the same plan.
    pub fn follow_start(&mut self, db: Db, started: Started) {
        let Started { id, head, fence, request } = started;
        let other = (fence.source() != self.fence.source()).then_some(&fence);
        // The primary has counted the steps, and found them few enough.
        let plan = plan::ids(self, db, &request, other, StepsMax(0)).unwrap_or_default();
        if self.open_job(id, head, 0, 0) {
            self.doom(id, db, plan);
        }
    }

    /// Takes any other record in; `None` for words that are none. `now_ms` is when.
    pub fn follow(&mut self, db: Db, words: &[&[u8]], now_ms: u64) -> Option<()> {
        let mut words = Reader::new(words);
        match words.word()? {
            b"HELD" => {
                let (id, head) = words.head()?;
                let (planned, deleted) = (words.number()?, words.number()?);
                self.open_job(id, head, planned, deleted);
            }
            b"KEYS" => {
                let (id, rule) = (words.number()?, rule_of_number(words.number()?));
                let names = words.rest();
                self.doom_names(id, db, rule, names.iter().copied());
            }
            b"AT" => self.set_deleted(words.number()?, words.number()?),
            b"END" => {
                let (id, stage) = (words.number()?, Stage::of_end(words.word()?)?);
                self.set_deleted(id, words.number()?);
                self.end_job(id, stage, now_ms);
            }
            b"COPY" => {
                let slot = self.jobs.slot_of(words.number()?);
                let key = words.word()?.into();
                self.travel.carried_job = slot.map(|slot| (db, key, slot));
            }
            b"LAST" => self.jobs.last = self.jobs.last.max(words.number()?),
            _ => return None,
        }
        words.is_done().then_some(())
    }
}
