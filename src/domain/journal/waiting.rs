//! What waits to be counted.

use super::kinds::Kinds;
use super::run::Run;
use super::short::Short;
use super::{Journal, entry, keys};
use crate::domain::top::Top;

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

    /// Ranks its targets and keys.
    #[inline]
    pub fn rank(&self, top: &mut Top) {
        match self {
            Self::Short(entry) => {
                top.record_target(entry.kind, entry.text);
                top.keys.add_all(entry.names());
            }
            Self::Long { keys, .. } => keys::rank(keys, top),
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
