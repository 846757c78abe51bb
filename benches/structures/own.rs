//! The crate's own index, and the tree of the standard library.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::measure::Structure;
use crate::support::Index;

impl Structure for Index {
    const NAME: &str = "`KeyTable` (this crate)";
    const NAME_BY_ID: bool = true;

    fn insert(&mut self, name: &[u8], _: u32) -> bool {
        self.keys().insert(name).is_some_and(|(_, is_new)| is_new)
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        self.keys().find(name)
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        self.keys().remove(name).is_some()
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        (0..).zip(Index::walk(self, prefix).iter()).for_each(|(at, name)| visit(at, name));
    }
}

impl Structure for BTreeMap<Box<[u8]>, u32> {
    const NAME: &str = "`BTreeMap<Box<[u8]>, u32>`";
    const NAME_BY_ID: bool = false;

    fn insert(&mut self, name: &[u8], id: u32) -> bool {
        BTreeMap::insert(self, name.into(), id).is_none()
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        self.get(name).copied()
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        BTreeMap::remove(self, name).is_some()
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for (name, id) in self.range::<[u8], _>(from) {
            if !name.starts_with(prefix) {
                break;
            }
            visit(*id, name);
        }
    }
}
