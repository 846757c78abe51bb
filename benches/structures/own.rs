//! The crate's own index, and the tree of the standard library.

use std::collections::BTreeMap;
use std::ops::Bound;

use inval::domain::key_table::KeyTable;

use crate::measure::Structure;
use crate::support;

impl Structure for KeyTable {
    const NAME: &str = "`KeyTable` (this crate)";
    const NAME_BY_ID: bool = true;

    fn insert(&mut self, name: &[u8], _: u32) -> bool {
        KeyTable::insert(self, name).1
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
        KeyTable::find(self, name)
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        KeyTable::remove(self, name).is_some()
    }

    fn walk(&mut self, prefix: &[u8], visit: impl FnMut(u32, &[u8])) {
        support::walk(self, prefix, visit);
    }
}

impl Structure for BTreeMap<Box<[u8]>, u32> {
    const NAME: &str = "`BTreeMap<Box<[u8]>, u32>`";
    const NAME_BY_ID: bool = false;

    fn insert(&mut self, name: &[u8], id: u32) -> bool {
        BTreeMap::insert(self, name.into(), id).is_none()
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
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
