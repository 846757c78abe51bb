//! Keys of one database that jobs are about to delete: for each job a queue.
//!
//! The mark itself is in the table of names, so that a key that goes or is written anew costs
//! nothing here; the queue may hold ids that are marked no more, or by another job since.
//!
//! Always true: `left` of a queue is the number of keys that its job has marked; a queue
//! exists while its job does.

use std::collections::{HashMap, HashSet};

use super::key_table::KeyId;

/// Stands for a job under way; used again when it has ended.
pub type JobSlot = u8;

/// The rule of a key that came under its name by RENAME, MOVE or COPY: none named it.
pub const NO_RULE: u32 = u32::MAX;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Doomed {
    queues: Vec<Queue>,
}

#[derive(Clone, Debug)]
struct Queue {
    job: JobSlot,
    /// In order of work.
    ids: Vec<KeyId>,
    /// How many of them have been given out.
    next: usize,
    /// Where the ids of one rule end, and the rule.
    stretches: Vec<(usize, u32)>,
    /// Where `next` is in `stretches`.
    stretch: usize,
    /// Keys that another rule than their own wants warmed.
    warm: HashMap<KeyId, u32>,
    /// Keys without a rule. Their ids may be those of keys before, which had one.
    moved: HashSet<KeyId>,
    left: u64,
}

impl Queue {
    fn of(job: JobSlot) -> Self {
        Self {
            job,
            ids: vec![],
            next: 0,
            stretches: vec![],
            stretch: 0,
            warm: HashMap::new(),
            moved: HashSet::new(),
            left: 0,
        }
    }

    fn push(&mut self, id: KeyId, rule: u32) {
        self.ids.push(id);
        if rule == NO_RULE {
            self.moved.insert(id);
        }
        let end = self.ids.len();
        match self.stretches.last_mut().filter(|(_, last)| *last == rule) {
            Some(stretch) => stretch.0 = end,
            None => self.stretches.push((end, rule)),
        }
    }

    fn tell(&self, id: KeyId, rule: u32) -> Next {
        match self.moved.contains(&id) {
            true => Next { id, rule: NO_RULE, warm: None },
            false => Next { id, rule, warm: self.warm.get(&id).copied() },
        }
    }

    /// The rule of the place `next`.
    fn rule(&mut self) -> u32 {
        while self.stretches.get(self.stretch).is_some_and(|(end, _)| *end <= self.next) {
            self.stretch += 1;
        }
        self.stretches.get(self.stretch).map_or(NO_RULE, |(_, rule)| *rule)
    }
}

/// A key that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The key.
    pub id: KeyId,
    /// The position of the rule that named it.
    pub rule: u32,
    /// The position of another rule that wants it warmed.
    pub warm: Option<u32>,
}

impl Doomed {
    /// Whether a job has keys here: cheap, for every look asks.
    pub fn is_any(&self) -> bool {
        !self.queues.is_empty()
    }

    /// The jobs that have keys here.
    pub fn slots(&self) -> impl Iterator<Item = JobSlot> {
        self.queues.iter().map(|queue| queue.job)
    }

    /// The keys that a job has still marked.
    pub fn left(&self, job: JobSlot) -> u64 {
        self.queues.iter().find(|queue| queue.job == job).map_or(0, |queue| queue.left)
    }

    fn queue(&mut self, job: JobSlot) -> Option<&mut Queue> {
        self.queues.iter_mut().find(|queue| queue.job == job)
    }

    /// A key that was just marked.
    pub(super) fn push(&mut self, job: JobSlot, id: KeyId, rule: u32) {
        if self.queue(job).is_none() {
            self.queues.push(Queue::of(job));
        }
        if let Some(queue) = self.queue(job) {
            queue.push(id, rule);
            queue.left += 1;
        }
    }

    /// The keys of a plan, of which `count` were just marked.
    pub(super) fn push_all(
        &mut self,
        job: JobSlot,
        ids: Vec<KeyId>,
        count: u64,
        stretches: &[(usize, u32)],
        warm: HashMap<KeyId, u32>,
    ) {
        if count == 0 {
            return;
        }
        if self.queue(job).is_none() {
            self.queues.push(Queue::of(job));
        }
        let Some(queue) = self.queue(job) else { return };
        queue.left += count;
        queue.warm = warm;
        let before = queue.ids.len();
        queue.stretches.extend(stretches.iter().map(|(end, rule)| (before + end, *rule)));
        match before {
            0 => queue.ids = ids,
            _ => queue.ids.extend(ids),
        }
    }

    /// A marked key is gone, or marked no more.
    pub(super) fn forget_one(&mut self, job: JobSlot) {
        if let Some(queue) = self.queue(job) {
            queue.left = queue.left.saturating_sub(1);
        }
    }

    /// Gives out the next id of a job, marked or not.
    pub(super) fn next(&mut self, job: JobSlot) -> Option<Next> {
        let queue = self.queue(job)?;
        let id = *queue.ids.get(queue.next)?;
        let rule = queue.rule();
        queue.next += 1;
        Some(queue.tell(id, rule))
    }

    /// Takes the last `count` ids back that were given out.
    pub(super) fn back(&mut self, job: JobSlot, count: usize) {
        if let Some(queue) = self.queue(job) {
            queue.next = queue.next.saturating_sub(count);
            queue.stretch = 0;
        }
    }

    /// All ids of a job that were not given out, in order.
    pub(super) fn waiting(&self, job: JobSlot) -> Vec<Next> {
        let Some(queue) = self.queues.iter().find(|queue| queue.job == job) else { return vec![] };
        let mut stretches = queue.stretches.iter().copied().peekable();
        let mut waiting = vec![];
        for (at, id) in queue.ids.iter().enumerate().skip(queue.next) {
            while stretches.next_if(|(end, _)| *end <= at).is_some() {}
            let rule = stretches.peek().map_or(NO_RULE, |(_, rule)| *rule);
            waiting.push(queue.tell(*id, rule));
        }
        waiting
    }

    /// Forgets a job; gives its ids if some may still be marked.
    pub(super) fn end(&mut self, job: JobSlot) -> Vec<KeyId> {
        let Some(at) = self.queues.iter().position(|queue| queue.job == job) else {
            return vec![];
        };
        let queue = self.queues.swap_remove(at);
        if queue.left > 0 { queue.ids } else { vec![] }
    }

    /// The first broken invariant; `marks` are the marks of all keys.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self, marks: impl Iterator<Item = JobSlot>) -> Result<(), String> {
        let mut counts: HashMap<JobSlot, u64> = HashMap::new();
        marks.for_each(|job| *counts.entry(job).or_default() += 1);
        for queue in &self.queues {
            let marked = counts.remove(&queue.job).unwrap_or(0);
            if marked != queue.left {
                return Err(format!(
                    "job {} has marked {marked} keys and counts {}",
                    queue.job, queue.left
                ));
            }
        }
        match counts.keys().next() {
            Some(job) => Err(format!("job {job} has marked keys and no queue")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_order_with_their_rules_and_can_be_given_back() {
        let mut doomed = Doomed::default();
        let warm = HashMap::from([(11, 2)]);
        doomed.push_all(7, vec![10, 11, 12], 3, &[(2, 0), (3, 2)], warm);
        doomed.push(7, 13, NO_RULE);
        // The key that had the id went; another has it now.
        doomed.forget_one(7);
        doomed.push(7, 10, NO_RULE);
        doomed.push(1, 99, 0);
        let waiting = doomed.waiting(7);
        let rows: Vec<_> = waiting.iter().map(|next| (next.id, next.rule, next.warm)).collect();
        let moved = |id| (id, NO_RULE, None);
        let all = [moved(10), (11, 0, Some(2)), (12, 2, None), moved(13), moved(10)];
        assert_eq!(rows, all);
        for round in 0..2 {
            let given: Vec<Next> = std::iter::from_fn(|| doomed.next(7)).collect();
            assert_eq!(given, waiting, "round {round}");
            doomed.back(7, 5);
        }
        doomed.next(7);
        doomed.back(7, 0);
        assert_eq!(doomed.waiting(7), waiting[1..]);
        doomed.forget_one(7);
        assert_eq!((doomed.left(7), doomed.left(1), doomed.left(3)), (3, 1, 0));
        assert_eq!(doomed.end(7), [10, 11, 12, 13, 10]);
        assert!(doomed.is_any());
        doomed.forget_one(1);
        assert!(doomed.end(1).is_empty());
        assert!(!doomed.is_any());
    }
}
