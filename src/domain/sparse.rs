//! A table by number of which any part may be absent.
//!
//! Entries live in pages. A page without entries costs nothing, growth moves at most a page,
//! and the first entry of a high number does not fill the table up to it.

/// Entries in a page: so many that the list of pages stays in the cache of a core, so few that
/// one entry in a page of its own wastes little. A power of two, so that a number splits by
/// shifting.
const PAGE: usize = 4096;

#[derive(Clone, Debug, Default)]
struct Page<T> {
    present: u16,
    entries: Vec<T>,
}

/// See the module. An entry that equals the default is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse<T> {
    pages: Vec<Page<T>>,
}

impl<T: Copy + Default + PartialEq> Sparse<T> {
    /// The entry at `at`, unless it was never set.
    pub(super) fn get_ref(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.pages.get(at / PAGE)?.entries.get(at % PAGE)
    }

    /// The entry at `at`; the default when it is absent.
    pub(super) fn get(&self, at: u32) -> T {
        self.get_ref(at).copied().unwrap_or_default()
    }

    /// The entry at `at`, to change into another that is present, if it is.
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        let entry = self.pages.get_mut(at / PAGE)?.entries.get_mut(at % PAGE)?;
        (*entry != T::default()).then_some(entry)
    }

    /// Puts an entry at `at`; the default takes it away.
    pub(super) fn set(&mut self, at: u32, entry: T) {
        let (page_at, at) = (at as usize / PAGE, at as usize % PAGE);
        let is_absent = entry == T::default();
        if self.pages.len() <= page_at {
            if is_absent {
                return;
            }
            self.pages.resize_with(page_at + 1, Page::default);
        }
        let Some(page) = self.pages.get_mut(page_at) else { return };
        let len = page.entries.len();
        if len <= at {
            // A power of two is never more than a page, and small tables stay small.
            page.entries.reserve_exact((at + 1).next_power_of_two() - len);
            page.entries.resize(at + 1, T::default());
        }
        let Some(old) = page.entries.get_mut(at) else { return };
        let was_absent = std::mem::replace(old, entry) == T::default();
        page.present += u16::from(was_absent && !is_absent);
        page.present -= u16::from(is_absent && !was_absent);
        if page.present == 0 {
            *page = Page::default();
            while self.pages.last().is_some_and(|page| page.present == 0) {
                self.pages.pop();
            }
        }
    }

    /// The entries from number `from` on, in order, each with its number.
    pub(super) fn iter_from(&self, from: usize) -> impl Iterator<Item = (u32, &T)> {
        let pages = self.pages.iter().enumerate().skip(from / PAGE);
        let all = pages.flat_map(|(page, entries)| {
            let numbered = entries.entries.iter().enumerate();
            numbered.map(move |(at, entry)| (page * PAGE + at, entry))
        });
        all.filter(move |(at, entry)| *at >= from && **entry != T::default())
            .map(|(at, entry)| (at as u32, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((0..3_u32, 0..5_u32, 0..3_u8), 0..200), from in 0..16_000_usize) {
            let mut table = Sparse::default();
            let mut model = BTreeMap::new();
            for (page, at, entry) in steps {
                let at = page * 5000 + at;
                table.set(at, entry);
                match entry {
                    0 => { model.remove(&at); }
                    _ => { model.insert(at, entry); }
                }
                prop_assert_eq!(table.get(at), entry);
                let pages = model.last_key_value().map_or(0, |(at, _)| *at as usize / PAGE + 1);
                prop_assert_eq!(table.pages.len(), pages);
            }
            let found: Vec<_> = table.iter_from(from).map(|(at, entry)| (at, *entry)).collect();
            let expected: Vec<_> = model.range(from as u32..).map(|(at, entry)| (*at, *entry)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_page_without_entries_holds_no_memory() {
        let mut table = Sparse::default();
        for at in 0..10 * PAGE as u32 {
            table.set(at, 1_u32);
        }
        for at in 0..9 * PAGE as u32 {
            table.set(at, 0);
        }
        let held: usize = table.pages.iter().map(|page| page.entries.capacity()).sum();
        assert_eq!(held, PAGE);
    }
}
