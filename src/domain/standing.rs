//! The patterns that rules hold whatever the event, numbered, so that each can keep its members.
//!
//! A new key's name is matched against all of them at once; an event then costs its matches,
//! even for `^badges:user:.*:list$`. Names and prefixes are found without that and have no
//! number. Each pattern knows since which round of changes it stands: whoever keeps members
//! knows up to which round they are all noted ([`super::noted`]). A pattern that no rule holds
//! any more is retired: no name matches it, and its number is given again after
//! [`Standing::cleared`]. One that matches too many keys is broad: as if it were retired, but
//! it keeps its number, so that it does not stand again as long as rules hold it.
//!
//! Always true: a pattern has one number; `globs` and `regexes` hold exactly the patterns of
//! the slots; `order` holds the numbers of those that stand; `bytes` is the sum of theirs.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::automaton::{self, Automaton};
use super::membership::SETS_PER_KEY_MAX;
use super::pattern::Pattern;

/// Most patterns that stand: where the automaton gives up, a new name is held against each. A
/// key may be a member of all, and of as many that were there before.
pub const STANDING_MAX: usize = SETS_PER_KEY_MAX / 2;

/// Largest pattern that stands, in bytes of its program. Ordinary ones take 1 to 3 thousand.
pub const STANDING_ONE_MAX_BYTES: usize = 32 << 10;

/// Most bytes of the programs of all patterns that stand: half of what one automaton may take.
pub const STANDING_MAX_BYTES: usize = 1 << 20;

/// Most numbers, with those of retired patterns: a bound where nobody clears.
const NUMBERS_MAX: usize = 2 * STANDING_MAX;

/// What stands for a pattern wherever its members are kept.
pub type Number = u32;

/// Counts the changes of rules that made patterns stand.
pub type Round = u64;

/// The numbers of the patterns that a name matches, ascending.
pub type Numbers = SmallVec<[Number; 4]>;

/// The patterns of the rules in force.
#[derive(Debug, Default)]
pub struct Standing {
    slots: Vec<Slot>,
    globs: BTreeMap<Box<[u8]>, Number>,
    regexes: BTreeMap<Box<[u8]>, Number>,
    bytes: usize,
    automaton: Option<Automaton>,
    /// The number of each pattern of the automaton.
    order: Vec<Number>,
    /// Whether the automaton is not of the patterns that stand now.
    outdated: bool,
    round: Round,
}

#[derive(Debug)]
enum Slot {
    Free,
    Live { pattern: Pattern, since: Round, bytes: usize },
    Broad { pattern: Pattern },
    Retired,
}

impl Standing {
    /// Makes the patterns stand that `wanted` holds, and no others. Those that stood keep their
    /// number; what does not fit, by the bounds above, does not stand.
    pub fn rules_changed<'p>(&mut self, wanted: impl Iterator<Item = &'p Pattern>) {
        let mut kept = BTreeSet::new();
        let mut new = vec![];
        for pattern in wanted.filter(|pattern| !pattern.is_prefix() && pattern.as_exact().is_none())
        {
            match self.number(pattern) {
                Some(number) => {
                    kept.insert(number);
                }
                None => new.push(pattern),
            }
        }
        self.retire_others(&kept);
        let before = self.order.len();
        for pattern in new {
            if self.order.len() >= STANDING_MAX {
                break;
            }
            // It may be twice in what is wanted.
            if self.number(pattern).is_none() {
                self.admit(pattern);
            }
        }
        self.round += u64::from(self.order.len() > before);
    }

    fn retire_others(&mut self, kept: &BTreeSet<Number>) {
        for (number, slot) in (0..).zip(&mut self.slots) {
            let (pattern, bytes) = match slot {
                Slot::Live { pattern, bytes, .. } => (pattern, *bytes),
                Slot::Broad { pattern } => (pattern, 0),
                Slot::Free | Slot::Retired => continue,
            };
            if kept.contains(&number) {
                continue;
            }
            self.bytes -= bytes;
            match pattern {
                Pattern::Regex(_) => self.regexes.remove(pattern.source()),
                _ => self.globs.remove(pattern.source()),
            };
            *slot = Slot::Retired;
            self.outdated = true;
        }
        self.order.retain(|number| kept.contains(number));
    }

    fn admit(&mut self, pattern: &Pattern) {
        let limit = STANDING_ONE_MAX_BYTES.min(STANDING_MAX_BYTES - self.bytes);
        let Some(bytes) = automaton::size(pattern, limit) else { return };
        let free = self.slots.iter().position(|slot| matches!(slot, Slot::Free));
        let at = free.unwrap_or(self.slots.len());
        let live = Slot::Live { pattern: pattern.clone(), since: self.round + 1, bytes };
        match self.slots.get_mut(at) {
            Some(slot) => *slot = live,
            None if at < NUMBERS_MAX => self.slots.push(live),
            None => return,
        }
        let number = at as Number;
        match pattern {
            Pattern::Regex(_) => self.regexes.insert(pattern.source().into(), number),
            _ => self.globs.insert(pattern.source().into(), number),
        };
        self.bytes += bytes;
        self.order.push(number);
        self.outdated = true;
    }

    fn number(&self, pattern: &Pattern) -> Option<Number> {
        match pattern {
            Pattern::Prefix(_) => None,
            Pattern::Glob(_) => self.globs.get(pattern.source()).copied(),
            Pattern::Regex(_) => self.regexes.get(pattern.source()).copied(),
        }
    }

    fn live(&self, number: Number) -> Option<(&Pattern, Round)> {
        match self.slots.get(number as usize) {
            Some(Slot::Live { pattern, since, .. }) => Some((pattern, *since)),
            _ => None,
        }
    }

    fn pattern(&self, number: Number) -> Option<&Pattern> {
        self.live(number).map(|(pattern, _)| pattern)
    }

    /// The number of a pattern that stands, and since which round it does.
    pub fn find(&self, pattern: &Pattern) -> Option<(Number, Round)> {
        let number = self.number(pattern)?;
        Some((number, self.live(number)?.1))
    }

    /// The numbers of the patterns that stand.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.order.iter().copied()
    }

    /// The patterns that stand, each with its number and since which round it does.
    pub fn patterns(&self) -> impl Iterator<Item = (Number, &Pattern, Round)> {
        self.numbers()
            .filter_map(|number| self.live(number).map(|(pattern, since)| (number, pattern, since)))
    }

    /// The round of the youngest pattern. One that comes from now on has a higher one.
    pub fn round(&self) -> Round {
        self.round
    }

    /// The patterns that a name matches. To be asked once for each new key.
    pub fn matching(&mut self, name: &[u8]) -> Numbers {
        let mut found = Numbers::new();
        if self.order.is_empty() {
            return found;
        }
        if self.outdated {
            self.order.sort_unstable();
            let patterns = self.order.iter().filter_map(|number| self.pattern(*number));
            self.automaton = Automaton::build(patterns);
            self.outdated = false;
        }
        let order = &self.order;
        let tell = |at: usize| found.extend(order.get(at).copied());
        if self.automaton.as_mut().and_then(|automaton| automaton.matching(name, tell)).is_some() {
            found.sort_unstable();
            return found;
        }
        let takes = |number: &Number| self.pattern(*number).is_some_and(|p| p.matches(name));
        self.order.iter().copied().filter(takes).collect()
    }

    /// The pattern matches too many keys: it stands no more.
    pub fn refuse(&mut self, number: Number) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if let Slot::Live { pattern, bytes, .. } = slot {
            self.bytes -= *bytes;
            *slot = Slot::Broad { pattern: pattern.clone() };
            self.order.retain(|other| *other != number);
            self.outdated = true;
        }
    }

    /// The numbers of patterns that stand no more and may have members still.
    pub fn gone(&self) -> impl Iterator<Item = Number> {
        let gone = |slot: &Slot| matches!(slot, Slot::Retired | Slot::Broad { .. });
        (0..).zip(&self.slots).filter(move |(_, slot)| gone(slot)).map(|(number, _)| number)
    }

    /// How many patterns of rules match too many keys to stand.
    pub fn broad(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Broad { .. })).count()
    }

    /// No member of the pattern is left: its number may be given again if it is retired.
    pub fn cleared(&mut self, number: Number) {
        if let Some(slot @ Slot::Retired) = self.slots.get_mut(number as usize) {
            *slot = Slot::Free;
        }
    }

    /// How many patterns stand.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What matching takes in memory, in bytes, beside the patterns themselves.
    pub fn memory(&self) -> usize {
        self.automaton.as_ref().map_or(0, Automaton::memory)
    }
}

#[cfg(test)]
mod tests;
