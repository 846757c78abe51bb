//! Once and in order: what was carried out already.
//!
//! An event that comes with an id is carried out once within a window of time; one that comes
//! with a number of its entity is dropped when a later one of that entity was carried out. What
//! is forgotten for want of room is carried out again: too often is harmless, too seldom is not.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::words::{Reader, Words, number};

/// Names in one record: few calls, and no record that is long to take in.
const NAMES_PER_RECORD: usize = 500;

/// What is asked of an event beside its being carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Once for this id.
    pub id: Option<Vec<u8>>,
    /// Not after a later one of this entity.
    pub order: Option<(u64, Vec<u8>)>,
}

impl Terms {
    /// Whether nothing is asked.
    pub fn is_none(&self) -> bool {
        self.id.is_none() && self.order.is_none()
    }

    /// The same, for events of this name alone: an id or a number of one event says nothing of
    /// another.
    pub fn of_event(mut self, event: &str) -> Self {
        let scoped = |name: &mut Vec<u8>| *name = [event.as_bytes(), b"\0", name].concat();
        self.id.iter_mut().for_each(scoped);
        self.order.iter_mut().for_each(|(_, entity)| scoped(entity));
        self
    }
}

/// Whether an event is to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    New,
    /// It was.
    Duplicate,
    /// A later one was.
    Outdated,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Once {
    /// Until when an id is known, in milliseconds since 1970.
    ids: HashMap<Arc<[u8]>, u64>,
    by_age: VecDeque<(u64, Arc<[u8]>)>,
    /// The number of each entity's last event.
    entities: HashMap<Arc<[u8]>, u64>,
    entities_by_age: VecDeque<Arc<[u8]>>,
    /// Events that had been carried out.
    pub duplicates: u64,
    /// Events that came after a later one.
    pub outdated: u64,
}

impl Once {
    /// Whether an event on these terms is to be carried out now.
    pub fn judge(&self, terms: &Terms, now_ms: u64) -> Verdict {
        let known = |id: &Vec<u8>| self.ids.get(id.as_slice()).is_some_and(|until| *until > now_ms);
        if terms.id.as_ref().is_some_and(known) {
            return Verdict::Duplicate;
        }
        match &terms.order {
            Some((at, entity)) if self.entities.get(entity.as_slice()).is_some_and(|n| n > at) => {
                Verdict::Outdated
            }
            _ => Verdict::New,
        }
    }

    /// An event on these terms was carried out: its id is known for so long. Remembers no more
    /// than `most` ids and entities each. Gives what replicas are told.
    pub fn carried_out(
        &mut self,
        terms: &Terms,
        now_ms: u64,
        window_ms: u64,
        most: usize,
    ) -> Vec<Words> {
        let mut records = vec![];
        if let Some(id) = &terms.id {
            let until = now_ms.saturating_add(window_ms);
            self.know(id, until);
            records.push(vec![b"ONCE-ID".to_vec(), number(until), id.clone()]);
        }
        if let Some((at, entity)) = &terms.order {
            self.last(entity, *at);
            records.push(vec![b"ONCE-SEQ".to_vec(), number(*at), entity.clone()]);
        }
        self.forget(now_ms, most);
        records
    }

    fn know(&mut self, id: &[u8], until_ms: u64) {
        let id: Arc<[u8]> = id.into();
        self.by_age.push_back((until_ms, id.clone()));
        self.ids.insert(id, until_ms);
    }

    fn last(&mut self, entity: &[u8], at: u64) {
        match self.entities.get_mut(entity) {
            Some(last) => *last = at.max(*last),
            None => {
                let entity: Arc<[u8]> = entity.into();
                self.entities_by_age.push_back(entity.clone());
                self.entities.insert(entity, at);
            }
        }
    }

    /// Forgets what is too old, and what is too much.
    pub fn forget(&mut self, now_ms: u64, most: usize) {
        while let Some((until, id)) = self.by_age.front()
            && (*until <= now_ms || self.by_age.len() > most)
        {
            // One that came again is known for longer.
            if self.ids.get(id) == Some(until) {
                self.ids.remove(id);
            }
            self.by_age.pop_front();
        }
        while self.entities_by_age.len() > most {
            if let Some(entity) = self.entities_by_age.pop_front() {
                self.entities.remove(&entity);
            }
        }
    }

    /// How many ids and entities are known.
    pub fn sizes(&self) -> (usize, usize) {
        (self.ids.len(), self.entities.len())
    }

    /// All that is known, as records, the oldest first.
    pub fn records(&self, mut emit: impl FnMut(Words)) {
        let is_last = |(until, id): &&(u64, Arc<[u8]>)| self.ids.get(id) == Some(until);
        let ids = self.by_age.iter().filter(is_last).map(|(until, id)| (*until, &**id));
        in_records(b"ONCE-ID", ids, &mut emit);
        let last = |entity: &Arc<[u8]>| self.entities.get(entity).copied().unwrap_or_default();
        let entities = self.entities_by_age.iter().map(|entity| (last(entity), &**entity));
        in_records(b"ONCE-SEQ", entities, &mut emit);
    }

    /// Takes ids that a primary knows; `None` for words that are no record.
    pub fn follow_ids(&mut self, words: &mut Reader) -> Option<()> {
        while !words.is_done() {
            let until = words.number()?;
            self.know(words.word()?, until);
        }
        Some(())
    }

    /// Takes the numbers of entities that a primary knows; likewise.
    pub fn follow_entities(&mut self, words: &mut Reader) -> Option<()> {
        while !words.is_done() {
            let at = words.number()?;
            self.last(words.word()?, at);
        }
        Some(())
    }

    /// Sets the counts to nothing.
    pub fn reset_counts(&mut self) {
        (self.duplicates, self.outdated) = (0, 0);
    }

    /// Forgets all but the counts.
    pub fn clear(&mut self) {
        let Self { duplicates, outdated, .. } = *self;
        *self = Self { duplicates, outdated, ..Self::default() };
    }
}

/// Numbers with names, in records of some each.
fn in_records<'n>(
    kind: &[u8],
    mut pairs: impl Iterator<Item = (u64, &'n [u8])>,
    emit: &mut impl FnMut(Words),
) {
    loop {
        let mut words = vec![kind.to_vec()];
        for (of, name) in pairs.by_ref().take(NAMES_PER_RECORD) {
            words.extend([number(of), name.to_vec()]);
        }
        if words.len() == 1 {
            return;
        }
        emit(words);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW_MS: u64 = 10;

    fn terms(id: Option<u8>, order: Option<(u64, u8)>) -> Terms {
        Terms { id: id.map(|id| vec![id]), order: order.map(|(at, entity)| (at, vec![entity])) }
    }

    #[test]
    fn an_id_of_one_event_says_nothing_of_another() {
        let of = |event: &str| terms(Some(b'1'), Some((5, b'p'))).of_event(event);
        let mut once = Once::default();
        once.carried_out(&of("a"), 0, WINDOW_MS, 10);
        assert_eq!(once.judge(&of("a"), 0), Verdict::Duplicate);
        assert_eq!(once.judge(&of("b"), 0), Verdict::New);
    }

    #[test]
    fn the_oldest_are_forgotten_for_want_of_room() {
        let mut once = Once::default();
        for at in 0..5 {
            once.carried_out(&terms(Some(at), Some((9, at))), 0, WINDOW_MS, 3);
        }
        assert_eq!(once.sizes(), (3, 3));
        assert_eq!(once.judge(&terms(Some(1), Some((1, 1))), 0), Verdict::New);
        assert_eq!(once.judge(&terms(Some(2), None), 0), Verdict::Duplicate);
        assert_eq!(once.judge(&terms(None, Some((8, 4))), 0), Verdict::Outdated);
    }

    proptest! {
        /// The oracle: a list of all that was ever carried out.
        #[test]
        fn as_a_list_of_all_events_says(
            events in prop::collection::vec(
                (prop::option::of(0u8..4), prop::option::of((0u64..6, 0u8..3)), 0u64..6), 1..60)
        ) {
            let (mut once, mut replica) = (Once::default(), Once::default());
            let mut all: Vec<(Terms, u64)> = vec![];
            let mut now = 0;
            for (id, order, pause) in events {
                now += pause;
                let terms = terms(id, order);
                let duplicate = terms.id.is_some() && all.iter()
                    .any(|(other, at)| other.id == terms.id && at + WINDOW_MS > now);
                let outdated = terms.order.as_ref().is_some_and(|(at, entity)| all.iter()
                    .filter_map(|(other, _)| other.order.as_ref())
                    .any(|(last, of)| of == entity && last > at));
                let expected = match (duplicate, outdated) {
                    (true, _) => Verdict::Duplicate,
                    (false, true) => Verdict::Outdated,
                    (false, false) => Verdict::New,
                };
                prop_assert_eq!(once.judge(&terms, now), expected);
                prop_assert_eq!(replica.judge(&terms, now), expected);
                if expected == Verdict::New {
                    for words in once.carried_out(&terms, now, WINDOW_MS, 1000) {
                        follow(&mut replica, &words);
                    }
                    all.push((terms, now));
                }
            }
            let mut again = Once::default();
            once.records(|words| follow(&mut again, &words));
            prop_assert_eq!(again.sizes(), once.sizes());
        }
    }

    fn follow(once: &mut Once, words: &Words) {
        let kind = words[0].clone();
        let words: Vec<&[u8]> = words[1..].iter().map(Vec::as_slice).collect();
        let mut words = Reader::new(&words);
        match kind.as_slice() {
            b"ONCE-ID" => once.follow_ids(&mut words).unwrap(),
            _ => once.follow_entities(&mut words).unwrap(),
        }
        assert!(words.is_done());
    }
}
