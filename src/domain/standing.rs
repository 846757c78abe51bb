//! The patterns that rules hold whatever the event, numbered, so that each can keep its members.
//!
//! A new key's name is matched against all of them at once; an event then costs its matches,
//! even for `^badges:user:.*:list$`. Names and prefixes are found without that and have no
//! number. A pattern that is new to a keyspace has members nobody noted: it is *building* until
//! whoever keeps them says [`Standing::built`]. One that no rule holds any more is *retired*:
//! no name matches it, and its number is given again after [`Standing::cleared`].
//!
//! Always true: a pattern has one number; `globs` and `regexes` hold exactly the patterns of
//! the slots; `bytes` is the sum of theirs.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::automaton::{self, Automaton};
use super::pattern::Pattern;

/// Most patterns that stand: where the automaton gives up, a new name is held against each.
pub const STANDING_MAX: usize = 1024;

/// Largest pattern that stands, in bytes of its program. Ordinary ones take 1 to 3 thousand.
pub const STANDING_ONE_MAX_BYTES: usize = 32 << 10;

/// Most bytes of the programs of all patterns that stand: half of what one automaton may take.
pub const STANDING_MAX_BYTES: usize = 1 << 20;

/// Most numbers, with those of retired patterns: a bound where nobody clears.
const NUMBERS_MAX: usize = 2 * STANDING_MAX;

/// What stands for a pattern wherever its members are kept.
pub type Number = u32;

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
}

#[derive(Debug)]
enum Slot {
    Free,
    Live { pattern: Pattern, ready: bool, bytes: usize },
    Retired,
}

impl Standing {
    /// Makes the patterns stand that `wanted` holds, and no others. Those that stood keep their
    /// number and stay ready; what does not fit, by the bounds above, does not stand.
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
        for pattern in new {
            if self.order.len() >= STANDING_MAX {
                break;
            }
            // It may be twice in what is wanted.
            if self.number(pattern).is_none() {
                self.admit(pattern);
            }
        }
    }

    fn retire_others(&mut self, kept: &BTreeSet<Number>) {
        for (number, slot) in (0..).zip(&mut self.slots) {
            let Slot::Live { pattern, bytes, .. } = slot else { continue };
            if kept.contains(&number) {
                continue;
            }
            self.bytes -= *bytes;
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
        let live = Slot::Live { pattern: pattern.clone(), ready: false, bytes };
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

    fn live(&self, number: Number) -> Option<(&Pattern, bool)> {
        match self.slots.get(number as usize) {
            Some(Slot::Live { pattern, ready, .. }) => Some((pattern, *ready)),
            _ => None,
        }
    }

    /// The number of a pattern that stands, and whether all its members are noted.
    pub fn find(&self, pattern: &Pattern) -> Option<(Number, bool)> {
        let number = self.number(pattern)?;
        Some((number, self.live(number)?.1))
    }

    /// The pattern that stands under a number.
    pub fn pattern(&self, number: Number) -> Option<&Pattern> {
        self.live(number).map(|(pattern, _)| pattern)
    }

    /// The patterns that a name matches, ready or building. To be asked once for each new key.
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

    /// The patterns whose members among the older keys are still to be noted.
    pub fn building(&self) -> impl Iterator<Item = Number> {
        let building = |slot: &Slot| matches!(slot, Slot::Live { ready: false, .. });
        self.numbers(building)
    }

    /// The numbers whose members are still to be cleared.
    pub fn retired(&self) -> impl Iterator<Item = Number> {
        self.numbers(|slot| matches!(slot, Slot::Retired))
    }

    fn numbers(&self, which: impl Fn(&Slot) -> bool) -> impl Iterator<Item = Number> {
        let slots = (0..).zip(&self.slots);
        slots.filter(move |(_, slot)| which(slot)).map(|(number, _)| number)
    }

    /// All members of the pattern are noted. Says nothing about a retired one.
    pub fn built(&mut self, number: Number) {
        if let Some(Slot::Live { ready, .. }) = self.slots.get_mut(number as usize) {
            *ready = true;
        }
    }

    /// No member of the retired pattern is left: its number may be given again.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(source: &str) -> Pattern {
        Pattern::glob(source.as_bytes()).unwrap()
    }

    fn regex(source: &str) -> Pattern {
        Pattern::regex(source.as_bytes()).unwrap()
    }

    fn standing(patterns: &[Pattern]) -> Standing {
        let mut standing = Standing::default();
        standing.rules_changed(patterns.iter());
        standing
    }

    #[test]
    fn kept_patterns_keep_their_number_and_a_retired_one_waits() {
        let (a, b, c) = (glob("a:*:x"), regex("^b:.*:x$"), glob("c:*:x"));
        let mut standing = standing(&[a.clone(), b.clone(), a.clone()]);
        assert_eq!(standing.building().collect::<Vec<_>>(), [0, 1]);
        standing.built(0);
        assert_eq!(standing.find(&a), Some((0, true)));
        assert_eq!(standing.find(&b), Some((1, false)));
        assert_eq!(standing.matching(b"b:1:x")[..], [1]);

        standing.rules_changed([&c, &a].into_iter());
        assert_eq!(standing.find(&a), Some((0, true)));
        assert_eq!(standing.find(&b), None);
        assert_eq!(standing.find(&c), Some((2, false)));
        assert_eq!(standing.retired().collect::<Vec<_>>(), [1]);
        assert!(standing.matching(b"b:1:x").is_empty() && standing.pattern(1).is_none());
        assert_eq!(standing.matching(b"c:1:x")[..], [2]);

        // Back before it was cleared: it begins anew, under another number.
        standing.built(1);
        standing.rules_changed([&a, &b].into_iter());
        assert_eq!(standing.find(&b), Some((3, false)));
        standing.cleared(0);
        standing.cleared(1);
        assert_eq!(standing.retired().collect::<Vec<_>>(), [2]);
        standing.rules_changed([&a, &b, &c].into_iter());
        assert_eq!(standing.find(&c), Some((1, false)));
        assert_eq!(standing.matching(b"a:1:x")[..], [0]);
        assert_eq!(standing.matching(b"c:1:x")[..], [1]);
        assert_eq!(standing.matching(b"b:1:x")[..], [3]);
    }

    #[test]
    fn a_glob_and_a_regex_of_the_same_text_are_two() {
        let mut standing = standing(&[glob("a*:b"), regex("a*:b")]);
        assert_eq!(standing.matching(b"ax:b")[..], [0, 1]);
        assert_eq!(standing.matching(b"xa:b")[..], [1]);
    }

    #[test]
    fn names_prefixes_and_what_does_not_fit_do_not_stand() {
        let prefix = Pattern::Prefix(b"a"[..].into());
        let plain = [glob("a"), glob("a*"), regex("^a"), regex("^a$"), prefix];
        assert!(standing(&plain).is_empty());
        let unfit = [regex("(?u:a\\b)|b"), regex("^(?:[a-f][0-9]){500}b*c$"), glob("a*b")];
        let mut standing = standing(&unfit);
        assert_eq!(standing.len(), 1);
        assert_eq!(standing.matching(b"ab")[..], [0]);
    }

    #[test]
    fn count_and_memory_are_bounded() {
        let many: Vec<Pattern> = (0..STANDING_MAX + 1).map(|i| glob(&format!("{i}:*:x"))).collect();
        let mut standing = standing(&many);
        assert_eq!(standing.len(), STANDING_MAX);
        assert_eq!(standing.find(&many[STANDING_MAX]), None);
        assert_eq!(standing.matching(b"1023:a:x")[..], [1023]);
        assert!(standing.automaton.is_some());
        // None of them is cleared: each new one needs a new number, while there are any.
        let rest: Vec<Pattern> = (0..STANDING_MAX + 1).map(|i| glob(&format!("{i}*y"))).collect();
        standing.rules_changed(rest.iter());
        standing.rules_changed(many.iter());
        assert!(standing.is_empty());
        assert_eq!(standing.retired().count(), NUMBERS_MAX);

        let large: Vec<Pattern> =
            (0..STANDING_MAX).map(|i| glob(&format!("{i}{}*x", "y".repeat(999)))).collect();
        standing = self::standing(&large);
        assert!(standing.bytes > STANDING_MAX_BYTES / 2 && standing.bytes <= STANDING_MAX_BYTES);
        assert!(standing.len() < STANDING_MAX);
        assert!(standing.matching(b"1").is_empty());
        assert!(standing.automaton.is_some());
    }

    #[test]
    fn class_ranges_are_of_signed_bytes() {
        let bytes = Pattern::glob(b"*[a-\xff]x").unwrap();
        let mut standing = standing(std::slice::from_ref(&bytes));
        for byte in 0..=u8::MAX {
            let name = [b'y', byte, b'x'];
            assert_eq!(!standing.matching(&name).is_empty(), bytes.matches(&name), "{byte}");
        }
    }

    const GLOB_PARTS: [&[u8]; 12] = [
        b"a",
        b"b",
        b":",
        b"*",
        b"*",
        b"?",
        b"[ab]",
        b"[^a]",
        b"[^-z]",
        b"[a-\xff]",
        b"\\*",
        b"[]",
    ];

    const REGEX_PARTS: [&str; 22] = [
        "a",
        "b",
        ":",
        ".",
        ".*",
        ".+",
        "[ab]",
        "[^a]",
        "a?",
        "a|b",
        "(b+)",
        "\\b",
        "\\B",
        "(?m:$)",
        "(?m:^)",
        "(?i:B)",
        "\\xff",
        "(?u:\\w)",
        "(?mR:$)",
        "\\b{start}",
        "$",
        "^",
    ];

    fn pattern() -> impl Strategy<Value = Pattern> {
        let globs = prop::collection::vec(prop::sample::select(&GLOB_PARTS[..]), 0..6)
            .prop_map(|parts| Pattern::glob(&parts.concat()).unwrap());
        let parts = prop::collection::vec(prop::sample::select(&REGEX_PARTS[..]), 0..6);
        let regexes = (parts, any::<(bool, bool)>()).prop_map(|(parts, (start, end))| {
            let (start, end) = (if start { "^" } else { "" }, if end { "$" } else { "" });
            regex(&[start, &parts.concat(), end].concat())
        });
        prop_oneof![globs, regexes]
    }

    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let name = prop::collection::vec(prop::sample::select(&b"aabb:B\n\r\xff\xc3*"[..]), 0..9);
        prop::collection::vec(name, 1..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn equals_one_by_one(
            first in prop::collection::vec(pattern(), 0..8),
            second in prop::collection::vec(pattern(), 0..8),
            names in names(),
        ) {
            let mut standing = Standing::default();
            for wanted in [&first, &second] {
                standing.rules_changed(wanted.iter());
                let stand: Vec<&Pattern> =
                    wanted.iter().filter(|pattern| standing.find(pattern).is_some()).collect();
                for name in &names {
                    let hit = stand.iter().filter(|pattern| pattern.matches(name));
                    let mut expected: Vec<Number> =
                        hit.filter_map(|pattern| standing.find(pattern)).map(|(n, _)| n).collect();
                    expected.sort_unstable();
                    expected.dedup();
                    prop_assert_eq!(&standing.matching(name)[..], &expected[..]);
                    // Without the automaton it is the same.
                    let automaton = standing.automaton.take();
                    prop_assert!(automaton.is_some() || stand.is_empty());
                    prop_assert_eq!(&standing.matching(name)[..], &expected[..]);
                    standing.automaton = automaton;
                }
            }
        }
    }
}
