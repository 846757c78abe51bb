//! Jobs against a naive model, on a primary, on a replica that gets its words, and on one that
//! was restored from its snapshot.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Head, Stage};
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::job_record;
use crate::domain::journal::JournalLimits;
use crate::domain::name::Db;
use crate::domain::plan;
use crate::domain::request::{Origin, Request};
use crate::domain::rule::Resolved;
use crate::domain::snapshot::{Decoder, encode};
use crate::domain::travel::Announced;

#[derive(Clone, Debug)]
enum Step {
    Write(u32, u8),
    /// As RESTORE with REPLACE.
    Replace(u32, u8),
    Delete(u32, u8),
    Rename(u32, u8, u8),
    Copy(u32, u8, u8),
    Move(u32, u8),
    Tag(u32, u8, u8),
    Start(u32, u8),
    Slice(usize),
    Cancel(usize),
    Swap,
    Flush(u32),
    Restore,
    Promote,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (db, key, tag) = (0..2_u32, 0..8_u8, 0..3_u8);
    let step = prop_oneof![
        6 => (db.clone(), key.clone()).prop_map(|(db, key)| Step::Write(db, key)),
        1 => (db.clone(), key.clone()).prop_map(|(db, key)| Step::Replace(db, key)),
        2 => (db.clone(), key.clone()).prop_map(|(db, key)| Step::Delete(db, key)),
        2 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, a, b)| Step::Rename(db, a, b)),
        2 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, a, b)| Step::Copy(db, a, b)),
        1 => (db.clone(), key.clone()).prop_map(|(db, key)| Step::Move(db, key)),
        5 => (db.clone(), key, tag.clone()).prop_map(|(db, key, tag)| Step::Tag(db, key, tag)),
        3 => (db.clone(), tag).prop_map(|(db, tag)| Step::Start(db, tag)),
        3 => (1..4_usize).prop_map(Step::Slice),
        1 => (0..4_usize).prop_map(Step::Cancel),
        1 => Just(Step::Swap),
        1 => db.prop_map(Step::Flush),
        1 => Just(Step::Restore),
        1 => Just(Step::Promote),
    ];
    prop::collection::vec(step, 0..120)
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    tags: BTreeSet<u8>,
    job: Option<u64>,
}

type Place = (u32, u8);

/// What every server must hold: the keys, and of each job what was planned and deleted.
#[derive(Debug, Default)]
struct Model {
    keys: BTreeMap<Place, Entry>,
    jobs: BTreeMap<u64, (u64, u64)>,
    last: u64,
}

struct World {
    model: Model,
    /// The primary, then the replica.
    states: [State; 2],
}

impl World {
    fn tell(&mut self, changes: &[(Change, Place)]) {
        for state in &mut self.states {
            for (change, (db, key)) in changes {
                state.told(*change, Db(*db), &[*key]);
            }
        }
    }

    fn follow(&mut self, db: u32, words: job_record::Words) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let replica = &mut self.states[1];
        match job_record::read_start(&words) {
            Some(started) => {
                replica.settle();
                replica.follow_start(Db(db), started);
            }
            None => replica.follow(Db(db), &words, 0).unwrap(),
        }
    }

    fn end(&mut self, id: u64, stage: Stage) {
        self.states[0].record_job(id, 0);
        let report = self.states[0].end_job(id, stage, 0).unwrap();
        self.follow(0, job_record::end(id, stage, report.deleted));
        self.model.jobs.remove(&id);
        let spared = self.model.keys.values_mut().filter(|entry| entry.job == Some(id));
        spared.for_each(|entry| entry.job = None);
    }

    fn take(&mut self, step: Step) {
        use Change::{Arrived, Copied, Created, Deleted, Left, Overwritten};
        let keys = &mut self.model.keys;
        match step {
            Step::Write(db, key) => match keys.get_mut(&(db, key)) {
                Some(entry) => {
                    if entry.job.is_some() {
                        *entry = Entry::default();
                    }
                    self.tell(&[(Overwritten, (db, key))]);
                }
                None => {
                    keys.insert((db, key), Entry::default());
                    // As Redis 7.0 tells it.
                    self.tell(&[(Created, (db, key)), (Overwritten, (db, key))]);
                }
            },
            Step::Replace(db, key) => {
                keys.insert((db, key), Entry::default());
                self.tell(&[(Created, (db, key))]);
            }
            Step::Delete(db, key) => {
                if keys.remove(&(db, key)).is_some() {
                    self.tell(&[(Deleted, (db, key))]);
                }
            }
            Step::Rename(db, from, to) if from != to => {
                if let Some(entry) = keys.remove(&(db, from)) {
                    keys.insert((db, to), entry);
                    self.tell(&[(Created, (db, to)), (Left, (db, from)), (Arrived, (db, to))]);
                }
            }
            Step::Copy(db, from, to) if from != to => {
                if let Some(entry) = keys.get(&(db, from)).cloned() {
                    if let Some(id) = entry.job {
                        self.model.jobs.get_mut(&id).unwrap().0 += 1;
                    }
                    keys.insert((db, to), entry);
                    let copy = Announced { source: vec![from], target: vec![to], db: Some(Db(db)) };
                    // Without a database named, the source is in the same.
                    for state in &mut self.states {
                        state.travel.announce(Announced { db: None, ..copy.clone() });
                    }
                    self.tell(&[(Created, (db, to)), (Copied, (db, to))]);
                }
            }
            Step::Rename(..) | Step::Copy(..) => {}
            Step::Move(db, key) => {
                let to = 1 - db;
                if !keys.contains_key(&(to, key))
                    && let Some(entry) = keys.remove(&(db, key))
                {
                    keys.insert((to, key), entry);
                    self.tell(&[(Created, (to, key)), (Left, (db, key)), (Arrived, (to, key))]);
                }
            }
            Step::Tag(db, key, tag) => {
                if let Some(entry) = keys.get_mut(&(db, key)).filter(|entry| entry.job.is_none()) {
                    entry.tags.insert(tag);
                    for state in &mut self.states {
                        let database = state.database_mut(Db(db));
                        let id = database.find_live(&[key]).unwrap();
                        database.tags.add(id, &[tag]);
                    }
                }
            }
            Step::Start(db, tag) => self.start(db, tag),
            Step::Slice(most) => self.slice(most),
            Step::Cancel(at) => {
                if let Some(id) = self.model.jobs.keys().nth(at).copied() {
                    self.end(id, Stage::Cancelled);
                }
            }
            Step::Swap => {
                let keys = std::mem::take(&mut self.model.keys);
                self.model.keys =
                    keys.into_iter().map(|((db, key), entry)| ((1 - db, key), entry)).collect();
                self.states.iter_mut().for_each(|state| state.swapped(Db(0), Db(1)));
            }
            Step::Flush(db) => {
                self.model.keys.retain(|(of, _), _| *of != db);
                self.states.iter_mut().for_each(|state| state.flushed(Some(Db(db))));
            }
            Step::Restore => self.states[1] = restored(&self.states[0], &self.model),
            Step::Promote => self.states.swap(0, 1),
        }
    }

    fn start(&mut self, db: u32, tag: u8) {
        let request = Request::for_purge(vec![Resolved::Tag(vec![tag])], None);
        let head = Head {
            origin: Origin::Purge,
            text: b"purge".to_vec(),
            started_ms: 7,
            rules: request.rules.clone(),
        };
        self.model.last += 1;
        let (id, mut planned) = (self.model.last, 0);
        for ((of, _), entry) in &mut self.model.keys {
            if *of == db && entry.job.is_none() && entry.tags.contains(&tag) {
                entry.job = Some(id);
                planned += 1;
            }
        }
        self.model.jobs.insert(id, (planned, 0));
        let primary = &mut self.states[0];
        assert_eq!(primary.jobs.last + 1, id);
        let record = job_record::start(id, &head, primary.fence(), &request);
        let plan = plan::ids(primary, Db(db), &request, None, primary.steps_max).unwrap();
        assert!(primary.open_job(id, head, 0, 0));
        primary.doom(id, Db(db), plan);
        self.follow(db, record);
    }

    fn slice(&mut self, most: usize) {
        let Some(mut work) = self.states[0].take_work() else { return };
        let id = work.id;
        assert_eq!(Some(&id), self.model.jobs.keys().next(), "the oldest goes first");
        let more = self.states[0].next_batch(&mut work, most);
        let (db, names) = (work.plan.db, work.plan.names.clone());
        let ids = work.plan.ids.clone();
        self.states[0].begin_deletion(db, &names, &ids, 0..names.len());
        for name in names.iter() {
            let entry = self.model.keys.remove(&(db.0, name[0])).unwrap();
            assert_eq!(entry.job, Some(id));
            self.model.jobs.get_mut(&id).unwrap().1 += 1;
            self.tell(&[(Change::Deleted, (db.0, name[0]))]);
        }
        self.states[0].end_deletion();
        self.states[0].put_work_back(work);
        match more {
            true => {
                let deleted = self.states[0].job_deleted(id).unwrap();
                self.follow(0, job_record::at(id, deleted));
            }
            false => self.end(id, Stage::Done),
        }
    }

    fn check(&self) {
        for (what, state) in ["primary", "replica"].iter().zip(&self.states) {
            assert_eq!(state.check(), Ok(()), "{what}");
            let mut keys = BTreeMap::new();
            for (db, database) in state.databases() {
                for (id, name) in database.keys.iter() {
                    let tags = database.tags.tags_of(id).map(|tag| database.tags.name(tag)[0]);
                    let job = state.job_of(db, name).and_then(|slot| state.jobs.id_of(slot));
                    assert_eq!(job.is_none(), database.find_live(name).is_some());
                    keys.insert((db.0, name[0]), Entry { tags: tags.collect(), job });
                }
                for (_, tag, _) in database.tags.slots_from(0) {
                    let is_live = |(place, entry): &(&Place, &Entry)| {
                        place.0 == db.0 && entry.job.is_none() && entry.tags.contains(&tag[0])
                    };
                    let expected = self.model.keys.iter().filter(is_live).count();
                    let id = database.tags.find(tag).unwrap();
                    assert_eq!(database.card(id), expected, "{what}");
                    assert_eq!(database.is_tag_live(tag), expected > 0, "{what}");
                }
            }
            assert_eq!(keys, self.model.keys, "{what}");
            let reports = state.job_reports().into_iter();
            let told: Vec<_> = reports
                .filter(|report| report.stage == Stage::UnderWay)
                .map(|report| {
                    assert_eq!(report.planned, report.deleted + report.absent + report.left);
                    (report.id, report.planned, report.deleted, report.left)
                })
                .collect();
            let left = |id: u64| {
                self.model.keys.values().filter(|entry| entry.job == Some(id)).count() as u64
            };
            let jobs = self.model.jobs.iter();
            let expected: Vec<_> =
                jobs.map(|(id, (planned, deleted))| (*id, *planned, *deleted, left(*id))).collect();
            assert_eq!(told, expected, "{what}");
        }
    }
}

/// A server that loads the snapshot of another.
fn restored(state: &State, model: &Model) -> State {
    let (mut decoder, mut snapshot) = (Decoder::default(), None);
    encode(state, |chunk| snapshot = decoder.feed(chunk).unwrap());
    let mut restored = State::default();
    restored.begin_load(false);
    for (db, key) in model.keys.keys() {
        restored.told(Change::Loaded, Db(*db), &[*key]);
    }
    restored.restore(snapshot.unwrap(), true);
    restored
}

/// Ids are used again: the first of these keys is renamed, and the next takes its id.
#[test]
fn a_job_meets_an_id_twice() {
    let mut world = World { model: Model::default(), states: [State::default(), State::default()] };
    let steps = [
        Step::Write(0, 1),
        Step::Write(0, 2),
        Step::Tag(0, 1, 0),
        Step::Tag(0, 2, 0),
        Step::Start(0, 0),
        Step::Rename(0, 1, 3),
        Step::Rename(0, 2, 4),
        Step::Slice(3),
        Step::Slice(3),
    ];
    for step in steps {
        world.take(step);
        world.check();
    }
    assert!(world.model.keys.is_empty() && world.model.jobs.is_empty());
}

#[test]
fn what_jobs_write_down_is_bounded_though_nobody_tells_events() {
    let mut world = World { model: Model::default(), states: [State::default(), State::default()] };
    for step in [Step::Write(0, 1), Step::Tag(0, 1, 0), Step::Start(0, 0)] {
        world.take(step);
    }
    let [state, _] = &mut world.states;
    let limits = JournalLimits { why_keys: 10, ..JournalLimits::default() };
    state.set_journal_limits(limits);
    let mut work = state.take_work().unwrap();
    assert!(state.next_batch(&mut work, 1));
    work.outcome.total.deleted = 1;
    for at in 0..20_000 {
        state.note_batch(&work, at);
    }
    let held = state.journal.bytes_held();
    assert!(state.journal.keys_known() == 10 && held < 100_000, "{held}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn equals_a_model(steps in steps()) {
        let mut world = World { model: Model::default(), states: [State::default(), State::default()] };
        for step in steps {
            world.take(step);
            world.check();
        }
        // Whatever happened, every job comes to its end, and its keys with it.
        for _ in 0..1000 {
            if world.model.jobs.is_empty() { break; }
            world.slice(3);
            world.check();
        }
        prop_assert!(world.model.jobs.is_empty());
        prop_assert!(world.states[1].jobs.is_empty());
    }
}
