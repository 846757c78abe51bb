//! A table by number that grows without moving what it holds.
//!
//! A `Vec` of a million entries is copied when it is full, which stalls the write that filled
//! it for milliseconds. Here entries live in pages; a full page is followed by another.

/// Entries in a page: enough that pages are few, so small that the first page of a small table
/// costs little. A power of two, so that a position splits by shifting.
const PAGE: usize = 1024;

/// See the module. Entries are numbered from 0 in the order they were pushed.
#[derive(Clone, Debug)]
pub(super) struct Paged<T> {
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: vec![], len: 0 }
    }
}

impl<T> Paged<T> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry at `at`.
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.pages.get(at / PAGE)?.get(at % PAGE)
    }

    /// The entry at `at`, to change.
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pages.get_mut(at / PAGE)?.get_mut(at % PAGE)
    }

    /// Adds an entry; gives its number.
    pub(super) fn push(&mut self, entry: T) -> usize {
        if self.len.is_multiple_of(PAGE) {
            // The first page grows as a vector does: small tables stay small.
            let capacity = if self.len == 0 { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(capacity));
        }
        if let Some(page) = self.pages.last_mut() {
            page.push(entry);
        }
        self.len += 1;
        self.len - 1
    }

    /// All entries, in order, to change.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_at_their_numbers() {
        let mut table = Paged::default();
        assert_eq!((table.len(), table.get(0)), (0, None));
        for at in 0..3 * PAGE + 5 {
            assert_eq!(table.push(at), at);
        }
        table.iter_mut().for_each(|entry| *entry *= 2);
        assert_eq!(table.len(), 3 * PAGE + 5);
        for at in [0, 1, PAGE - 1, PAGE, 2 * PAGE + 7, 3 * PAGE + 4] {
            assert_eq!(table.get(at), Some(&(2 * at)));
        }
        assert_eq!(table.get_mut(3 * PAGE + 5), None);
        assert!(table.iter_mut().map(|entry| *entry).eq((0..3 * PAGE + 5).map(|at| 2 * at)));
    }
}
