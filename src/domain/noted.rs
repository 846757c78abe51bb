//! The members of the standing patterns among the keys of one database.
//!
//! A new key is matched as its name is interned. The keys that were there before a pattern are
//! visited by a pass over the ids, in slices, while keys come and go: what a pass has not
//! reached it will visit, what goes is forgotten, and what comes was matched when it came.
//!
//! Always true: `members` holds, of the patterns that stand, only keys that match; and all of
//! them for a pattern not younger than `complete`. What is left of patterns that stand no more
//! is cleared in slices.

use super::key_table::{KeyId, KeyTable, TOGETHER};
use super::membership::Membership;
use super::standing::{Number, Round, Standing};

/// Members that a database may keep for each of its keys, on average: 4 take about 50 bytes.
/// Beyond, a pattern is so broad that the index finds its keys nearly as fast.
const MEMBERS_PER_KEY: usize = 4;

/// Members that a database may keep however few keys it has: 1 MiB.
const MEMBERS_FREE: usize = 1 << 16;

/// Members that a database may keep at all: half of what [`Membership`] has room for.
const MEMBERS_MAX: usize = 1 << 30;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    members: Membership,
    /// The members of all patterns up to this one are noted.
    complete: Round,
    /// No id was ever as high.
    ids_end: KeyId,
    pass: Option<Pass>,
}

/// A visit of all keys.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Of the youngest pattern there was when it began: those up to it will be complete.
    target: Round,
    /// The keys below were visited.
    next: KeyId,
}

impl Noted {
    /// For a database that has no keys yet: there is nothing to be visited.
    pub(super) fn of_no_keys(standing: &Standing) -> Self {
        Self { complete: standing.round(), ..Self::default() }
    }

    /// A key is new.
    pub(super) fn added(&mut self, id: KeyId, keys: &KeyTable, standing: &mut Standing) {
        self.ids_end = self.ids_end.max(id + 1);
        self.note(id, keys, standing);
    }

    fn note(&mut self, id: KeyId, keys: &KeyTable, standing: &mut Standing) {
        for number in standing.matching(keys.name(id)) {
            self.members.add(id, number);
        }
        let allowed = (MEMBERS_PER_KEY * keys.len()).clamp(MEMBERS_FREE, MEMBERS_MAX);
        if self.members.edge_count() > allowed {
            self.refuse_broadest(allowed, standing);
        }
    }

    /// Lets the pattern with the most members stand no more, unless what is above the bound are
    /// members still to be cleared.
    #[cold]
    fn refuse_broadest(&self, allowed: usize, standing: &mut Standing) {
        let count = |number: &Number| self.members.keys_of(*number).len();
        if standing.numbers().map(|number| count(&number)).sum::<usize>() > allowed
            && let Some(broadest) = standing.numbers().max_by_key(count)
        {
            standing.refuse(broadest);
        }
    }

    /// A key is gone.
    pub(super) fn removed(&mut self, id: KeyId) {
        self.members.clear(id, |_| ());
    }

    /// Keys are gone.
    pub(super) fn removed_all(&mut self, ids: &[KeyId]) {
        if self.members.edge_count() == 0 {
            return;
        }
        for some in ids.chunks(TOGETHER) {
            self.members.touch(some);
            some.iter().for_each(|id| self.removed(*id));
        }
    }

    /// The keys that match a pattern; `None` when not all of them are noted.
    pub(super) fn keys_of(&self, number: Number, since: Round) -> Option<&[KeyId]> {
        (since <= self.complete).then(|| self.members.keys_of(number))
    }

    /// Whether the members of all patterns are noted.
    pub(super) fn is_complete(&self, standing: &Standing) -> bool {
        standing.round() <= self.complete
    }

    /// Visits up to `budget` ids for patterns that are not complete; gives what is left of it.
    pub(super) fn visit(
        &mut self,
        keys: &KeyTable,
        standing: &mut Standing,
        budget: usize,
    ) -> usize {
        if self.is_complete(standing) {
            return budget;
        }
        let mut pass = self.pass.unwrap_or(Pass { target: standing.round(), next: 0 });
        let end = self.ids_end.min(pass.next.saturating_add(budget as KeyId));
        for id in pass.next..end {
            // Free ids have no name. The empty name is one too.
            if !keys.name(id).is_empty() || keys.find(b"") == Some(id) {
                self.note(id, keys, standing);
            }
        }
        let left = budget - (end - pass.next) as usize;
        pass.next = end;
        if end == self.ids_end {
            self.complete = pass.target;
            self.pass = None;
        } else {
            self.pass = Some(pass);
        }
        left
    }

    /// Forgets up to `budget` members of a pattern that stands no more; says whether none is
    /// left.
    pub(super) fn clear_some(&mut self, number: Number, budget: usize) -> bool {
        self.members.clear_some(number, budget)
    }

    /// Whether any member of the pattern is noted.
    pub(super) fn has_any(&self, number: Number) -> bool {
        !self.members.keys_of(number).is_empty()
    }

    /// Since when a pattern stands whose members are all noted.
    pub(super) fn complete(&self) -> Round {
        self.complete
    }

    /// How many (key, pattern) pairs are noted.
    pub(super) fn len(&self) -> usize {
        self.members.edge_count()
    }

    /// The first broken invariant. Every name is matched with every pattern.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self, keys: &KeyTable, standing: &Standing) -> Result<(), String> {
        self.members.check()?;
        for (id, name) in keys.iter() {
            let shown = || name.escape_ascii();
            if id >= self.ids_end {
                return Err(format!("id {id} of '{}' was never told", shown()));
            }
            let visited = self.pass.filter(|pass| id < pass.next).map_or(0, |pass| pass.target);
            for (number, pattern, since) in standing.patterns() {
                let (noted, matches) = (self.members.has(id, number), pattern.matches(name));
                let missed = matches && !noted && since <= self.complete.max(visited);
                if missed || noted && !matches {
                    let source = pattern.source().escape_ascii();
                    return Err(match noted {
                        true => format!("'{}' is noted for '{source}', not a match", shown()),
                        false => format!("'{}' matches '{source}' and is not noted", shown()),
                    });
                }
            }
        }
        match self.members.keyed_from(0).all(|id| keys.find(keys.name(id)) == Some(id)) {
            true => Ok(()),
            false => Err("a pattern holds a key that is not live".to_owned()),
        }
    }
}
