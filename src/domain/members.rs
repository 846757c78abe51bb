//! The members of each set: one dense list per set, in the form that its length asks for.
//!
//! A single member stands in the record of its set, a few stand in a packed run, many in a
//! vector of their own. The list of a large set grows and shrinks by copying itself; at
//! 10,000,000 members that is a copy of 40 MB.

use super::key_table::KeyId;
use super::runs::{Run, Runs, size_for};
use super::sparse::Sparse;

/// Most members in a packed run. Beyond, the header of a vector is below a tenth of a byte per
/// member.
const IN_RUN_MAX: usize = 256;

/// A vector goes back to a run, and gives memory back, when this part of it is used: far from
/// the length at which it grows, so that a set that comes and goes does not copy at each step.
const SHRINK_AT: usize = 2;

/// Marks in `List::at` that the members are in a vector.
const LARGE: u32 = Run::MAX + 1;

/// Where the members of a set are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct List {
    /// Of one member: the member. Of more: the number of a run, or [`LARGE`] and the number of
    /// a vector.
    at: u32,
    len: u32,
}

/// What came of taking a member away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// The last member took its place: this one.
    Moved(KeyId),
    /// It was the last, and others are left; or it was not there.
    Last,
    /// No other is left.
    Only,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    lists: Sparse<List>,
    runs: Runs<KeyId>,
    large: Large,
}

/// The lists that have a vector of their own, by number.
#[derive(Clone, Debug, Default)]
struct Large {
    lists: Vec<Vec<KeyId>>,
    /// Numbers without a list.
    free: Vec<u32>,
}

impl Large {
    fn get(&self, number: u32) -> Option<&Vec<KeyId>> {
        self.lists.get(number as usize)
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Vec<KeyId>> {
        self.lists.get_mut(number as usize)
    }

    fn put(&mut self, list: Vec<KeyId>) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.lists.push(vec![]);
            (self.lists.len() - 1) as u32
        });
        if let Some(place) = self.get_mut(number) {
            *place = list;
        }
        number
    }

    fn drop(&mut self, number: u32) {
        if let Some(list) = self.get_mut(number) {
            *list = vec![];
        }
        self.free.push(number);
    }
}

impl Members {
    /// The members of a set.
    pub(super) fn of(&self, set: u32) -> &[KeyId] {
        let Some(list) = self.lists.get_ref(set) else { return &[] };
        let members = match list.len {
            0 => return &[],
            1 => return std::slice::from_ref(&list.at),
            _ if list.at & LARGE != 0 => {
                self.large.get(list.at & !LARGE).map_or(&[][..], Vec::as_slice)
            }
            _ => Run::of_number(list.at).map_or(&[][..], |run| self.runs.get(run)),
        };
        members.get(..list.len as usize).unwrap_or_default()
    }

    /// How many members a set has.
    pub(super) fn count(&self, set: u32) -> usize {
        self.lists.get_ref(set).map_or(0, |list| list.len as usize)
    }

    /// The sets from `from` on that have members.
    pub(super) fn sets_from(&self, from: usize) -> impl Iterator<Item = u32> {
        self.lists.iter_from(from).map(|(set, _)| set)
    }

    /// Adds a member; gives its position.
    pub(super) fn push(&mut self, set: u32, key: KeyId) -> u32 {
        let Some(list) = self.lists.get_mut(set) else {
            self.lists.set(set, List { at: key, len: 1 });
            return 0;
        };
        let position = list.len;
        list.len += 1;
        let len = position as usize;
        if len == 1 {
            let only = list.at;
            let run = self.runs.take(2);
            if let Some(place) = run.and_then(|run| self.runs.get_mut(run).first_mut()) {
                *place = only;
            }
            list.at = match run {
                Some(run) => run.number(),
                None => LARGE | self.large.put(vec![only]),
            };
        } else if list.at & LARGE == 0
            && let Some(old) = Run::of_number(list.at)
        {
            let may_grow = len < IN_RUN_MAX;
            let grown = if may_grow { self.runs.resized(old, len, len + 1) } else { None };
            list.at = match grown {
                Some(run) => run.number(),
                None => {
                    let members = self.runs.get(old).get(..len).unwrap_or_default().to_vec();
                    self.runs.give(old);
                    LARGE | self.large.put(members)
                }
            };
        }
        if list.at & LARGE != 0 {
            if let Some(members) = self.large.get_mut(list.at & !LARGE) {
                if members.len() == members.capacity() {
                    members.reserve_exact(quarter_step(len + 1) - len);
                }
                members.push(key);
            }
        } else if let Some(run) = Run::of_number(list.at)
            && let Some(place) = self.runs.get_mut(run).get_mut(len)
        {
            *place = key;
        }
        position
    }

    /// Takes the member at a position away; the last takes its place.
    pub(super) fn swap_remove(&mut self, set: u32, position: u32) -> Removed {
        let Some(list) = self.lists.get_mut(set).filter(|list| position < list.len) else {
            return Removed::Last;
        };
        list.len -= 1;
        let (len, position) = (list.len as usize, position as usize);
        if len == 0 {
            self.lists.set(set, List::default());
            return Removed::Only;
        }
        let mut last = 0;
        if list.at & LARGE != 0 {
            let Some(members) = self.large.get_mut(list.at & !LARGE) else { return Removed::Last };
            last = members.pop().unwrap_or_default();
            if let Some(place) = members.get_mut(position) {
                *place = last;
            }
            // A single member stands in the record, whatever the capacity.
            if len == 1 || len < members.capacity() / SHRINK_AT {
                self.shrink(set);
            }
        } else if let Some(run) = Run::of_number(list.at) {
            let members = self.runs.get_mut(run);
            last = members.get(len).copied().unwrap_or_default();
            if let Some(place) = members.get_mut(position) {
                *place = last;
            }
            list.at = if len == 1 {
                let only = members.first().copied().unwrap_or_default();
                self.runs.give(run);
                only
            } else {
                self.runs.resized(run, len, len).unwrap_or(run).number()
            };
        }
        if position < len { Removed::Moved(last) } else { Removed::Last }
    }

    /// Moves a list that became short out of its vector, or into a smaller one.
    fn shrink(&mut self, set: u32) {
        let Some(list) = self.lists.get_mut(set) else { return };
        let Some(members) = self.large.get_mut(list.at & !LARGE) else { return };
        let len = members.len();
        let run = match len {
            1 => None,
            _ if len <= IN_RUN_MAX / SHRINK_AT => self.runs.take(len),
            _ => None,
        };
        let at = match (len, run) {
            (1, _) => members.first().copied().unwrap_or_default(),
            (_, Some(run)) => {
                let places = self.runs.get_mut(run).iter_mut();
                places.zip(members.iter()).for_each(|(place, key)| *place = *key);
                run.number()
            }
            (_, None) => return members.shrink_to(quarter_step(len + 1)),
        };
        self.large.drop(std::mem::replace(&mut list.at, at) & !LARGE);
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let (mut runs, mut large) = (0, 0);
        for (set, list) in self.lists.iter_from(0) {
            let is_large = list.len > 1 && list.at & LARGE != 0;
            large += usize::from(is_large);
            runs += usize::from(list.len > 1 && !is_large);
            if self.of(set).len() != list.len as usize {
                return Err(format!("set {set} has not the {} members it counts", list.len));
            }
        }
        if large + self.large.free.len() != self.large.lists.len() {
            return Err(format!("{large} sets have {} vectors", self.large.lists.len()));
        }
        self.runs.check(runs)
    }
}

/// The capacity of a vector that holds `len` members: by quarters of a power of two, which
/// copies 5 times more than doubling and leaves a tenth unused instead of a quarter. These are
/// also the sizes that jemalloc gives, so nothing is lost to its rounding.
fn quarter_step(len: usize) -> usize {
    size_for(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_vector(steps in prop::collection::vec((0..2_u32, 1..400_u32, any::<bool>(), 0..1000_usize), 0..30)) {
            let mut members = Members::default();
            let mut model = [vec![], vec![]];
            for (set, count, adds, at) in steps {
                let list = &mut model[set as usize];
                for step in 0..count {
                    if adds {
                        prop_assert_eq!(members.push(set, step), list.len() as u32);
                        list.push(step);
                    } else if !list.is_empty() {
                        let at = at % list.len();
                        list.swap_remove(at);
                        let expected = match list.get(at) {
                            Some(moved) => Removed::Moved(*moved),
                            None if list.is_empty() => Removed::Only,
                            None => Removed::Last,
                        };
                        prop_assert_eq!(members.swap_remove(set, at as u32), expected);
                    }
                    prop_assert_eq!(members.of(set), list.as_slice());
                }
                prop_assert_eq!(members.check(), Ok(()));
                let held: usize = members.large.lists.iter().map(Vec::capacity).sum();
                let needed: usize = model.iter().map(|list| (SHRINK_AT * list.len()).max(IN_RUN_MAX)).sum();
                prop_assert!(held <= needed + 2 * IN_RUN_MAX, "{} of {}", held, needed);
            }
            prop_assert!(members.sets_from(0).eq((0..2).filter(|set| !model[*set as usize].is_empty())));
        }
    }
}
