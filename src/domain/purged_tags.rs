//! The tags purged lately: a fill that brings one of them is refused when its token is older.

use std::collections::HashMap;

use super::database::TagExpression;
use super::name::Db;

/// Most tags remembered as purged. Beyond, all tokens are void, and none is remembered.
pub(super) const TAGS_MAX: usize = 100_000;

/// Most other tag expressions remembered, likewise: each is held against every fill with tags.
const EXPRESSIONS_MAX: usize = 1000;

/// Counts invalidations: what is younger has seen more of them.
pub(super) type Moment = u64;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct PurgedTags {
    /// When each tag was purged last.
    tags: HashMap<(Db, Vec<u8>), Moment>,
    /// When each other tag expression was purged last.
    expressions: Vec<(Db, TagExpression, Moment)>,
}

impl PurgedTags {
    /// The keys of a tag expression were purged. False when that is too much to remember: then
    /// nothing is, and no fill that is under way may bring any tag.
    #[must_use]
    pub(super) fn remember(&mut self, db: Db, expression: &TagExpression, now: Moment) -> bool {
        if expression.not.is_empty() && (!expression.all || expression.tags.len() == 1) {
            for tag in &expression.tags {
                self.tags.insert((db, tag.clone()), now);
            }
        } else {
            let same = |(of, other, _): &&mut (Db, TagExpression, Moment)| {
                *of == db && other == expression
            };
            match self.expressions.iter_mut().find(same) {
                Some((_, _, moment)) => *moment = now,
                None => self.expressions.push((db, expression.clone(), now)),
            }
        }
        let fits = self.tags.len() <= TAGS_MAX && self.expressions.len() <= EXPRESSIONS_MAX;
        if !fits {
            *self = Self::default();
        }
        fits
    }

    /// One of these tags that was purged after a moment, if there is one.
    pub(super) fn since(&self, db: Db, tags: &[&[u8]], moment: Moment) -> Option<Vec<u8>> {
        let purged =
            |tag: &&&[u8]| self.tags.get(&(db, tag.to_vec())).is_some_and(|at| *at > moment);
        let has = |tag: &Vec<u8>| tags.contains(&tag.as_slice());
        let hit = |expression: &TagExpression| {
            let wanted = match expression.all {
                true => expression.tags.iter().all(has),
                false => expression.tags.iter().any(has),
            };
            wanted && !expression.not.iter().any(has)
        };
        let by_expression = || {
            let mut later = self.expressions.iter().filter(|(of, _, at)| *of == db && *at > moment);
            let (_, expression, _) = later.find(|(_, expression, _)| hit(expression))?;
            expression.tags.iter().find(|tag| has(tag)).cloned()
        };
        tags.iter().find(purged).map(|tag| tag.to_vec()).or_else(by_expression)
    }

    /// How many tags are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }
}
