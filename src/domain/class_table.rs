//! The classes by name, and the class of a key.
//!
//! Every fetch and fill asks for it, so a name is held against the few globs that begin as it
//! does, or against the globs of all classes at once. Of those that take it, the glob with the most literal bytes wins: the one that says
//! most; then the class whose name comes first.
//!
//! Always true: `entries` is in order of the names; unless it is outdated, `order` holds every
//! glob of every class, the one that wins first.

use std::collections::HashSet;

use super::State;
use super::automaton::Automaton;
use super::class::Class;
use super::class_document::to_json;
use super::document;
use super::error::{Error, Result};
use super::first_glob::FirstGlob;
use super::glob::Glob;
use super::reads::Tally;

/// Most classes a server keeps: each has a row in the statistics.
pub const CLASSES_MAX: usize = 1000;

/// Most globs of all classes: where the automaton gives up, a key is held against each.
pub const GLOBS_MAX: usize = 2000;

/// Most bytes of all classes as JSON: a quarter of what a document may have. Beside those set by
/// command there may be as many from files, at each start with other files.
pub const CLASSES_MAX_BYTES: usize = 1 << 20;

/// What became of fetches and fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fetches that found a value.
    pub hits: u64,
    /// Fetches that found none, and may fill.
    pub misses: u64,
    /// Fetches that found a stale value, or one that is to be refreshed early.
    pub stale: u64,
    /// Fetches that found none while somebody else may fill, and did not wait or not for long
    /// enough.
    pub busy: u64,
    /// Values stored by fills.
    pub fills: u64,
    /// Fills that came too late.
    pub refused: u64,
    /// Reads of the class's keys by whatever command, if they are tracked. Those of all keys
    /// stand in [`super::reads::Reads`].
    pub reads: Tally,
}

impl Counts {
    /// Of all fetches, how many were hits; 0 when there was none.
    pub fn hit_rate(&self) -> f64 {
        let all = self.hits + self.misses + self.stale + self.busy;
        if all == 0 { 0.0 } else { self.hits as f64 / all as f64 }
    }
}

/// Stands for a class until classes change; then for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassId {
    at: usize,
    round: u64,
}

#[derive(Debug)]
struct Entry {
    class: Class,
    counts: Counts,
    /// What it takes as JSON.
    bytes: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct ClassTable {
    entries: Vec<Entry>,
    /// Places of classes, and of globs among theirs.
    order: Vec<(usize, usize)>,
    first: FirstGlob,
    automaton: Option<Automaton>,
    is_outdated: bool,
    /// Counts the changes.
    round: u64,
}

impl ClassTable {
    /// Whether there is room for these classes, each in the place of the one with its name.
    ///
    /// # Errors
    /// They would be too many or too large, or their globs too many.
    pub fn check_room<'a>(&self, classes: impl IntoIterator<Item = &'a Class>) -> Result<()> {
        let mut count = self.entries.len();
        let mut globs: usize = self.iter().map(|(class, _)| class.globs.len()).sum();
        let mut bytes: usize = self.entries.iter().map(|entry| entry.bytes).sum();
        for class in classes {
            match self.entry(&class.name) {
                Some(old) => {
                    globs -= old.class.globs.len();
                    bytes -= old.bytes;
                }
                None => count += 1,
            }
            globs += class.globs.len();
            bytes += size(class);
        }
        for (what, count, limit) in
            [("classes", count, CLASSES_MAX), ("globs of classes", globs, GLOBS_MAX)]
        {
            if count > limit {
                return Err(Error::TooMany { what, count, limit });
            }
        }
        match bytes > CLASSES_MAX_BYTES {
            true => Err(Error::ClassesTooLarge { limit: CLASSES_MAX_BYTES }),
            false => Ok(()),
        }
    }

    /// Adds the class, or puts it in the place of the one with its name, whose counts stay.
    pub fn set(&mut self, class: Class) {
        self.changed();
        let bytes = size(&class);
        match self.place(&class.name) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    (entry.class, entry.bytes) = (class, bytes);
                }
            }
            Err(at) => {
                self.entries.insert(at, Entry { class, counts: Counts::default(), bytes });
            }
        }
    }

    /// Puts these classes in the place of all. Those with a name that was there keep its counts.
    pub fn replace(&mut self, classes: Vec<Class>) {
        self.changed();
        let names: HashSet<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        self.entries.retain(|entry| names.contains(entry.class.name.as_str()));
        classes.into_iter().for_each(|class| self.set(class));
    }

    /// Takes the class out, and its counts; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let Ok(at) = self.place(name) else { return false };
        self.changed();
        self.entries.remove(at);
        true
    }

    /// The class of that name, and its counts.
    pub fn get(&self, name: &str) -> Option<(&Class, &Counts)> {
        self.entry(name).map(|entry| (&entry.class, &entry.counts))
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All classes with their counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Class, &Counts)> {
        self.entries.iter().map(|entry| (&entry.class, &entry.counts))
    }

    /// All classes in parts, at least one, each small enough for a document: what a server has
    /// saved it must read.
    pub fn parts(&self) -> Vec<Vec<&Class>> {
        document::parts(self.entries.iter().map(|entry| (&entry.class, entry.bytes)))
    }

    /// The class that a key belongs to by its name.
    pub fn of(&mut self, key: &[u8]) -> Option<ClassId> {
        if self.entries.is_empty() {
            return None;
        }
        if self.is_outdated {
            self.put_in_order();
        }
        let glob = |at: usize| self.order.get(at).and_then(|place| self.glob(place));
        let found = match self.first.of(key, glob) {
            Some(found) => found.and_then(|at| self.order.get(at)).copied(),
            None => self.of_many(key),
        };
        found.map(|(at, _)| ClassId { at, round: self.round })
    }

    /// The place of the glob that wins where many globs begin as the key does.
    fn of_many(&mut self, key: &[u8]) -> Option<(usize, usize)> {
        let mut first = usize::MAX;
        let tell = |at: usize| first = first.min(at);
        let read = self.automaton.as_mut().and_then(|automaton| automaton.matching(key, tell));
        let found = match read {
            Some(()) => self.order.get(first),
            None => {
                self.order.iter().find(|place| self.glob(place).is_some_and(|g| g.matches(key)))
            }
        };
        found.copied()
    }

    /// The class of that name.
    pub fn find(&self, name: &str) -> Option<ClassId> {
        self.place(name).ok().map(|at| ClassId { at, round: self.round })
    }

    /// The class that an id stands for; none when classes have changed since.
    pub fn class(&self, id: ClassId) -> Option<&Class> {
        let known = id.round == self.round;
        self.entries.get(id.at).filter(|_| known).map(|entry| &entry.class)
    }

    /// Counts for a class; for none when classes have changed since the id was given.
    pub fn count(&mut self, id: Option<ClassId>, add: impl FnOnce(&mut Counts)) {
        let known = id.filter(|id| id.round == self.round);
        if let Some(entry) = known.and_then(|id| self.entries.get_mut(id.at)) {
            add(&mut entry.counts);
        }
    }

    /// Sets all counters to nothing.
    pub fn reset_counts(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.counts = Counts::default());
    }

    fn changed(&mut self) {
        self.is_outdated = true;
        self.round += 1;
    }

    fn put_in_order(&mut self) {
        let mut order: Vec<(usize, usize)> = vec![];
        for (at, entry) in self.entries.iter().enumerate() {
            order.extend((0..entry.class.globs.len()).map(|glob| (at, glob)));
        }
        // Stable, and the classes came by name.
        let literal_bytes = |place: &(usize, usize)| self.glob(place).map(Glob::literal_bytes);
        order.sort_by_key(|place| std::cmp::Reverse(literal_bytes(place)));
        self.first = FirstGlob::new(order.iter().filter_map(|place| self.glob(place)));
        self.automaton = Automaton::of_globs(order.iter().filter_map(|place| self.glob(place)));
        self.order = order;
        self.is_outdated = false;
    }

    fn glob(&self, (at, glob): &(usize, usize)) -> Option<&Glob> {
        self.entries.get(*at)?.class.globs.get(*glob)
    }

    fn place(&self, name: &str) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.class.name.as_str().cmp(name))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.place(name).ok().and_then(|at| self.entries.get(at))
    }
}

impl State {
    /// Counts a fetch or a fill, in total and for its class.
    pub fn count(&mut self, class: Option<ClassId>, add: impl Fn(&mut Counts)) {
        add(&mut self.stats.cache);
        self.classes.count(class, add);
    }
}

fn size(class: &Class) -> usize {
    to_json(std::iter::once(class)).len()
}

#[cfg(test)]
mod tests;
