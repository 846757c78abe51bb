//! Readers that wait for a value that another client computes.
//!
//! Each key has a queue, in the order its readers came. When the value arrives all of them look
//! again; when the right to fill is nobody's any more, the first of them inherits it and the
//! others wait on. Who is to be told is collected in `due`, in order: whoever tells the clients
//! empties it ([`Waiting::take_due`]).
//!
//! Always true: a waiter is in one queue, or due, or unknown; no queue is empty.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::tokens::{Name, Token};

/// Most readers that wait at a time, some 150 bytes each beside their connection: ten times
/// what a server takes clients by default (`maxclients`). Beyond, a reader is told `busy`.
pub const WAITERS_MAX: usize = 100_000;

/// A client that waits, as whoever tells it names it.
pub type Waiter = u64;

/// What a waiter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something came: look again.
    Look,
    /// It may fill, with this token.
    Inherit(Token),
    /// It has waited for as long as it wanted to.
    TimeUp,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    queues: BTreeMap<Name, VecDeque<Waiter>>,
    names: HashMap<Waiter, Name>,
    /// Keys with waiters whose token is void or gone.
    orphans: VecDeque<Name>,
    due: VecDeque<(Waiter, Wake)>,
}

impl Waiting {
    /// Whether nobody waits or is to be told.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.due.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether one more may wait.
    pub fn has_room(&self) -> bool {
        self.len() < WAITERS_MAX
    }

    /// A reader waits for a key from now on.
    pub(super) fn join(&mut self, name: Name, waiter: Waiter) {
        self.queues.entry(name.clone()).or_default().push_back(waiter);
        self.names.insert(waiter, name);
    }

    /// A reader waits no more: its time is up, or it went away. Says whether it did wait.
    pub fn leave(&mut self, waiter: Waiter) -> bool {
        let Some(name) = self.names.remove(&waiter) else { return false };
        if let Some(queue) = self.queues.get_mut(&name) {
            // Times to wait are mostly alike: it is the first, or near it.
            if let Some(at) = queue.iter().position(|other| *other == waiter) {
                queue.remove(at);
            }
            if queue.is_empty() {
                self.queues.remove(&name);
            }
        }
        true
    }

    /// The value of a key came.
    pub(super) fn arrived(&mut self, name: &Name) {
        for waiter in self.queues.remove(name).unwrap_or_default() {
            self.names.remove(&waiter);
            self.due.push_back((waiter, Wake::Look));
        }
    }

    /// The token of a key is void or gone.
    pub(super) fn orphaned(&mut self, name: &Name) {
        if self.queues.contains_key(name) {
            self.orphans.push_back(name.clone());
        }
    }

    /// The next key whose first waiter may inherit.
    pub(super) fn next_orphan(&mut self) -> Option<Name> {
        self.orphans.pop_front()
    }

    /// The first waiter of a key inherits the right to fill; false when there is none.
    pub(super) fn inherit(&mut self, name: &Name, token: Token) -> bool {
        let first = self.queues.get(name).and_then(|queue| queue.front().copied());
        let Some(waiter) = first.filter(|waiter| self.leave(*waiter)) else { return false };
        self.due.push_back((waiter, Wake::Inherit(token)));
        true
    }

    /// Whether anybody waits for the key.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.queues.contains_key(name)
    }

    /// The keys that are waited for.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.queues.keys()
    }

    /// Everybody is to look again.
    pub(super) fn all_look(&mut self) {
        let names: Vec<Name> = self.queues.keys().cloned().collect();
        names.iter().for_each(|name| self.arrived(name));
    }

    /// Who is to be told, in order.
    pub fn take_due(&mut self) -> VecDeque<(Waiter, Wake)> {
        std::mem::take(&mut self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::Db;
    use crate::domain::tokens::{Asked, Refusal, Tokens};
    use proptest::prelude::*;

    const TTL_MS: u64 = 5;

    #[derive(Clone, Debug)]
    enum Step {
        /// A reader asks, and waits if another may fill.
        Read(u8),
        Invalidated(u8),
        Written(u8),
        /// The filler comes; the server may refuse the value.
        Fill(u8, bool),
        Leave(prop::sample::Index),
        GoneBeforeHearing,
        Time(u64),
        RoleChange,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..3_u8).prop_map(Step::Read),
            1 => (0..3_u8).prop_map(Step::Invalidated),
            1 => (0..3_u8).prop_map(Step::Written),
            2 => (0..3_u8, any::<bool>()).prop_map(|(key, ok)| Step::Fill(key, ok)),
            1 => any::<prop::sample::Index>().prop_map(Step::Leave),
            1 => Just(Step::GoneBeforeHearing),
            1 => (0..TTL_MS + 2).prop_map(Step::Time),
            1 => Just(Step::RoleChange),
        ];
        prop::collection::vec(step, 0..80)
    }

    /// One queue a key, and who may fill it until when.
    #[derive(Default)]
    struct Naive {
        queues: [Vec<Waiter>; 3],
        holders: [Option<(u64, u64)>; 3],
    }

    impl Naive {
        /// The first inherits where nobody may fill.
        fn settle(&mut self, now: u64, next: &mut u64, told: &mut Vec<(Waiter, Wake)>) {
            for (queue, holder) in self.queues.iter_mut().zip(&mut self.holders) {
                *holder = holder.filter(|(_, dies)| *dies > now);
                if holder.is_none() && !queue.is_empty() {
                    *next += 1;
                    *holder = Some((*next, now + TTL_MS));
                    told.push((queue.remove(0), Wake::Inherit(Token(*next))));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn equals_queues_by_hand(steps in steps()) {
            let (db, mut tokens, mut naive) = (Db(0), Tokens::default(), Naive::default());
            let (mut now, mut next, mut readers) = (0, 0, 0);
            let mut inherited = None;
            for step in steps {
                let mut told = vec![];
                let look = |queue: &mut Vec<Waiter>| -> Vec<(Waiter, Wake)> {
                    queue.drain(..).map(|waiter| (waiter, Wake::Look)).collect()
                };
                match step {
                    Step::Read(key) => {
                        next += 1;
                        let free = naive.holders[usize::from(key)].is_none();
                        let asked = tokens.ask(db, &[key], Token(next), now, TTL_MS);
                        prop_assert_eq!(asked != Asked::Busy, free);
                        if free {
                            naive.holders[usize::from(key)] = Some((next, now + TTL_MS));
                        } else {
                            readers += 1;
                            tokens.wait(db, &[key], readers);
                            naive.queues[usize::from(key)].push(readers);
                        }
                    }
                    Step::Invalidated(key) => {
                        tokens.void(db, &[key], Refusal::Invalidated);
                        naive.holders[usize::from(key)] = None;
                    }
                    Step::Written(key) => {
                        tokens.void(db, &[key], Refusal::Written);
                        naive.holders[usize::from(key)] = None;
                        told.extend(look(&mut naive.queues[usize::from(key)]));
                    }
                    Step::Fill(key, ok) => {
                        let Some((token, _)) = naive.holders[usize::from(key)].take() else { continue };
                        prop_assert!(tokens.take(db, &[key], Token(token), &[], now).is_ok());
                        if ok {
                            tokens.arrived(db, &[key]);
                            told.extend(look(&mut naive.queues[usize::from(key)]));
                        } else {
                            tokens.failed(db, &[key]);
                        }
                    }
                    Step::Leave(index) => {
                        let all: Vec<Waiter> = naive.queues.concat();
                        if all.is_empty() { continue }
                        let waiter = *index.get(&all);
                        prop_assert!(tokens.waiting.leave(waiter) && !tokens.waiting.leave(waiter));
                        naive.queues.iter_mut().for_each(|queue| queue.retain(|other| *other != waiter));
                    }
                    Step::GoneBeforeHearing => {
                        let Some(Token(token)) = inherited.take() else { continue };
                        tokens.give_back(Token(token));
                        let of = naive.holders.iter_mut().find(|of| of.is_some_and(|(t, _)| t == token));
                        if let Some(holder) = of { *holder = None }
                    }
                    Step::Time(ms) => {
                        now += ms;
                        tokens.sweep(now);
                    }
                    Step::RoleChange => {
                        tokens.forget_all();
                        naive.holders = [None; 3];
                        for queue in &mut naive.queues { told.extend(look(queue)) }
                    }
                }
                let mut ours = next;
                tokens.hand_over(now, TTL_MS, || { ours += 1; Token(ours) });
                naive.settle(now, &mut next, &mut told);
                let due: Vec<_> = tokens.waiting.take_due().into_iter().collect();
                inherited = due.iter().rev().find_map(|(_, wake)| match wake {
                    Wake::Inherit(token) => Some(*token),
                    _ => None,
                }).or(inherited);
                prop_assert_eq!(due, told);
                prop_assert_eq!(tokens.waiting.len(), naive.queues.concat().len());
            }
        }
    }
}
