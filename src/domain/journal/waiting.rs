//! What waits to be counted.

use super::kinds::Kinds;
use super::run::Run;
use super::short::Short;
use super::{Journal, entry, keys};
use crate::domain::stats::families::Group;

/// An entry whose run waits to be counted, and whose keys and targets are to be ranked.
#[derive(Clone, Copy, Debug)]
pub enum Waiting<'a> {
    /// That of a usual run.
    Short(Short<'a>),
    /// Another.
    Long {
        /// Its run.
        run: Run<'a>,
        /// What follows its head.
        keys: &'a [u8],
    },
}

impl<'a> Waiting<'a> {
    #[inline]
    fn read(mut bytes: &'a [u8], kinds: &'a Kinds) -> Option<Self> {
        match Short::read(bytes) {
            Some(entry) => Some(Self::Short(entry)),
            None => {
                let run = entry::take_run(&mut bytes, kinds)?;
                Some(Self::Long { run, keys: bytes })
            }
        }
    }

    /// The run.
    #[inline]
    fn run(&self, kinds: &'a Kinds) -> Run<'a> {
        match self {
            Self::Short(entry) => entry.run(kinds),
            Self::Long { run, .. } => *run,
        }
    }

    /// Tells the targets, and what they are ranked with, and the keys.
    #[inline]
    pub fn ranked(
        &self,
        mut target: impl FnMut(Option<Group>, &'a [u8]),
        key: impl FnMut(&'a [u8]),
    ) {
        match self {
            Self::Short(entry) => {
                target(entry.target().and_then(|(_, group)| group), entry.text);
                entry.names().for_each(key);
            }
            Self::Long { keys, .. } => keys::ranked(keys, target, key),
        }
    }
}

impl Journal {
    /// Tells what waits to be counted: each run, and its entry.
    #[inline]
    pub fn each_waiting<'a>(&'a self, mut each: impl FnMut(&Run<'a>, &Waiting<'a>)) {
        self.keys.each_since(self.counted, |bytes| {
            if let Some(waiting) = Waiting::read(bytes, &self.kinds) {
                each(&waiting.run(&self.kinds), &waiting);
            }
        });
    }
}
