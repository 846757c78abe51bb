//! Short runs of entries, packed: what a million small vectors would waste on headers and on
//! the rounding of their allocator.
//!
//! Runs of one size share pages, as in a slab allocator (Bonwick, "The slab allocator", USENIX
//! 1994). Sizes are exact up to 8 and then grow by quarters of a power of two. A page whose last
//! run is given back gives its memory back.
//!
//! Limit: one run keeps its page. When most runs went, evenly, their pages stay, and new runs
//! fill the holes.

use std::num::NonZeroU32;
use std::ops::Range;

/// Most entries of a run.
pub(super) const RUN_MAX: usize = 1024;

/// Bytes of a full page, which grows up to that: so large that the records of the pages of
/// some million runs stay in the cache of a core, small against what such a database holds,
/// and a size that allocators give without rounding.
const PAGE_BYTES: usize = 64 * 1024;

/// Bits of a run's number that say where in its page it is: entries are of 8 bytes or less.
const PLACE_BITS: u32 = 13;

/// Bits of a run's number: one less than it has, for the users of this module to mark.
const NUMBER_BITS: u32 = 31;

/// Most pages: 2^18 of 64 KiB are 16 GiB of runs.
const PAGES_MAX: usize = (1 << (NUMBER_BITS - PLACE_BITS)) - 1;

/// How many sizes there are.
const CLASSES: usize = 36;

/// Stands for a run; never above [`Run::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run(NonZeroU32);

impl Run {
    /// The largest number of a run.
    pub(super) const MAX: u32 = (1 << NUMBER_BITS) - 1;

    /// Its number.
    pub(super) fn number(self) -> u32 {
        self.0.get()
    }

    /// The run of a number.
    pub(super) fn of_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    fn new(page: usize, place: usize) -> Option<Self> {
        Self::of_number((((page << PLACE_BITS) | place) + 1) as u32)
    }

    /// Page, and place in the page.
    fn split(self) -> (usize, usize) {
        let at = (self.number() - 1) as usize;
        (at >> PLACE_BITS, at & ((1 << PLACE_BITS) - 1))
    }
}

/// The class of the smallest size that holds `len` entries.
fn class_of(len: usize) -> usize {
    match len {
        0..=4 => len.saturating_sub(1),
        _ => {
            let top = (len - 1).ilog2() as usize;
            4 * (top - 1) + (((len - 1) >> (top - 2)) & 3)
        }
    }
}

/// The size of a class.
fn size_of_class(class: usize) -> usize {
    match class {
        0..=3 => class + 1,
        _ => (5 + class % 4) << (class / 4 - 1),
    }
}

/// The smallest size that holds `len` entries: at most a quarter more.
pub(super) fn size_for(len: usize) -> usize {
    size_of_class(class_of(len))
}

#[derive(Clone, Debug, Default)]
struct Page<T> {
    /// The runs handed out so far, one after the other.
    entries: Vec<T>,
    /// Places of runs that were given back.
    free: Vec<u16>,
    live: u16,
    /// Entries of a run.
    size: u16,
    /// Runs when full.
    capacity: u16,
    class: u8,
    /// Where in the list of pages with room.
    open_at: u32,
}

impl<T> Page<T> {
    fn of_class(class: usize) -> Self {
        let size = size_of_class(class);
        let capacity = (PAGE_BYTES / size_of::<T>() / size).min(1 << PLACE_BITS);
        let (size, capacity, class) = (size as u16, capacity as u16, class as u8);
        Self { entries: vec![], free: vec![], live: 0, size, capacity, class, open_at: 0 }
    }

    fn place(&self, place: usize) -> Range<usize> {
        let size = usize::from(self.size);
        place * size..(place + 1) * size
    }
}

/// See the module. What a run holds beyond what its user wrote is the default.
#[derive(Clone, Debug)]
pub(super) struct Runs<T> {
    pages: Vec<Page<T>>,
    /// Pages that hold no memory.
    unused: Vec<u32>,
    /// By class: pages with room.
    open: [Vec<u32>; CLASSES],
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { pages: vec![], unused: vec![], open: [const { vec![] }; CLASSES] }
    }
}

impl<T: Copy + Default> Runs<T> {
    /// The entries of a run, all that its size holds.
    pub(super) fn get(&self, run: Run) -> &[T] {
        let (page, place) = run.split();
        let Some(page) = self.pages.get(page) else { return &[] };
        page.entries.get(page.place(place)).unwrap_or_default()
    }

    /// The entries of a run, to change.
    pub(super) fn get_mut(&mut self, run: Run) -> &mut [T] {
        let (page, place) = run.split();
        let Some(page) = self.pages.get_mut(page) else { return &mut [] };
        let place = page.place(place);
        page.entries.get_mut(place).unwrap_or_default()
    }

    /// A new run of at least `len` entries; `None` when `len` is above [`RUN_MAX`] or every
    /// page there may be is in use.
    pub(super) fn take(&mut self, len: usize) -> Option<Run> {
        if len > RUN_MAX {
            return None;
        }
        let class = class_of(len);
        let at = match self.open.get(class)?.last() {
            Some(at) => *at,
            None => self.new_page(class)?,
        };
        let page = self.pages.get_mut(at as usize)?;
        let place = match page.free.pop() {
            Some(place) => {
                let place = usize::from(place);
                let entries = page.place(place);
                page.entries.get_mut(entries).unwrap_or_default().fill(T::default());
                if page.free.is_empty() {
                    page.free = vec![];
                }
                place
            }
            None => {
                let (len, size) = (page.entries.len(), usize::from(page.size));
                if page.entries.capacity() == len {
                    // Doubles, but never past the full page.
                    let full = usize::from(page.capacity) * size;
                    page.entries.reserve_exact(len.max(size).min(full - len));
                }
                page.entries.resize(len + size, T::default());
                len / size
            }
        };
        page.live += 1;
        if page.live == page.capacity {
            self.close(at);
        }
        Run::new(at as usize, place)
    }

    /// Gives a run back.
    pub(super) fn give(&mut self, run: Run) {
        let (at, place) = run.split();
        let Some(page) = self.pages.get_mut(at) else { return };
        let was_full = page.live == page.capacity;
        page.live -= 1;
        page.free.push(place as u16);
        let is_empty = page.live == 0;
        match (was_full, is_empty) {
            (false, true) => self.close(at as u32),
            (true, false) => self.reopen(at as u32),
            _ => {}
        }
        if is_empty && let Some(page) = self.pages.get_mut(at) {
            *page = Page::default();
            self.unused.push(at as u32);
        }
    }

    /// The run for `len` entries in place of one for `used` entries, with the same entries as
    /// far as they fit; the same run when the size is the same. `None` as for
    /// [`Runs::take`]; the old run is untouched then.
    pub(super) fn resized(&mut self, run: Run, used: usize, len: usize) -> Option<Run> {
        let (old_page, old_place) = run.split();
        if usize::from(self.pages.get(old_page)?.class) == class_of(len) {
            return Some(run);
        }
        let new = self.take(len)?;
        let (new_page, new_place) = new.split();
        // Two sizes never share a page.
        if let Ok([old, new]) = self.pages.get_disjoint_mut([old_page, new_page]) {
            let from = old.entries.get(old.place(old_place)).unwrap_or_default();
            let place = new.place(new_place);
            let to = new.entries.get_mut(place).unwrap_or_default();
            to.iter_mut().zip(from).take(used.min(len)).for_each(|(to, from)| *to = *from);
        }
        self.give(run);
        Some(new)
    }

    fn new_page(&mut self, class: usize) -> Option<u32> {
        let at = match self.unused.pop() {
            Some(at) => at,
            None if self.pages.len() >= PAGES_MAX => return None,
            None => {
                self.pages.push(Page::default());
                (self.pages.len() - 1) as u32
            }
        };
        *self.pages.get_mut(at as usize)? = Page::of_class(class);
        self.reopen(at);
        Some(at)
    }

    /// Puts a page among those with room.
    fn reopen(&mut self, at: u32) {
        let Some(page) = self.pages.get_mut(at as usize) else { return };
        let Some(open) = self.open.get_mut(usize::from(page.class)) else { return };
        page.open_at = open.len() as u32;
        open.push(at);
    }

    /// Takes a page from among those with room.
    fn close(&mut self, at: u32) {
        let Some(page) = self.pages.get(at as usize) else { return };
        let (class, open_at) = (usize::from(page.class), page.open_at);
        let Some(open) = self.open.get_mut(class) else { return };
        if open_at as usize >= open.len() {
            return;
        }
        open.swap_remove(open_at as usize);
        let moved = open.get(open_at as usize).copied();
        if let Some(page) = moved.and_then(|at| self.pages.get_mut(at as usize)) {
            page.open_at = open_at;
        }
    }

    /// The first broken invariant; `live` is how many runs the user holds.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self, live: usize) -> Result<(), String> {
        let mut found = 0;
        for (at, page) in self.pages.iter().enumerate() {
            let live = usize::from(page.live);
            found += live;
            let handed_out = page.entries.len() / usize::from(page.size.max(1));
            let capacity = usize::from(page.capacity);
            if live + page.free.len() != handed_out || handed_out > capacity {
                return Err(format!("page {at} holds {live} runs of {handed_out}"));
            }
            let open = self.open.get(usize::from(page.class)).map_or(&[][..], Vec::as_slice);
            let is_open = open.get(page.open_at as usize) == Some(&(at as u32));
            if is_open != (live > 0 && live < capacity) {
                return Err(format!("page {at} with {live} runs is open: {is_open}"));
            }
        }
        let open: usize = self.open.iter().map(Vec::len).sum();
        if found != live || open > self.pages.len() {
            return Err(format!("{found} runs, {live} are held; {open} pages are open"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_exact_and_then_grow_by_quarters() {
        let sizes: Vec<usize> = (0..CLASSES).map(size_of_class).collect();
        let first = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40];
        assert_eq!((&sizes[..first.len()], sizes[CLASSES - 1]), (&first[..], RUN_MAX));
        for len in 1..=RUN_MAX {
            assert_eq!(size_for(len), *sizes.iter().find(|size| **size >= len).unwrap(), "{len}");
        }
    }

    proptest! {
        /// Runs are taken, resized and given back; each keeps what was written to it.
        #[test]
        fn runs_keep_their_entries(steps in prop::collection::vec((0..4_u8, 0..40_usize, 1..600_usize), 0..400)) {
            let mut runs = Runs::default();
            let mut model: Vec<(Run, Vec<u64>)> = vec![];
            for (at, (step, which, len)) in steps.into_iter().enumerate() {
                let which = which % model.len().max(1);
                match step {
                    0 | 1 => {
                        let run = runs.take(len).unwrap();
                        prop_assert!(runs.get(run).iter().all(|entry| *entry == 0));
                        prop_assert_eq!(runs.get(run).len(), size_for(len));
                        let entries: Vec<u64> = (0..len).map(|place| (at * RUN_MAX + place + 1) as u64).collect();
                        runs.get_mut(run)[..len].copy_from_slice(&entries);
                        model.push((run, entries));
                    }
                    2 if which < model.len() => {
                        let (run, entries) = &mut model[which];
                        *run = runs.resized(*run, entries.len(), len).unwrap();
                        entries.truncate(len);
                        prop_assert_eq!(runs.get(*run).len(), size_for(len));
                    }
                    _ if which < model.len() => runs.give(model.swap_remove(which).0),
                    _ => {}
                }
                prop_assert_eq!(runs.check(model.len()), Ok(()));
                for (run, entries) in &model {
                    prop_assert_eq!(&runs.get(*run)[..entries.len()], entries.as_slice());
                }
            }
        }
    }

    #[test]
    fn a_page_gives_its_memory_back_and_is_used_again() {
        let mut runs = Runs::<u64>::default();
        let of_three: Vec<Run> = (0..8000).map(|_| runs.take(3).unwrap()).collect();
        assert_eq!(runs.pages.len(), 3);
        of_three.into_iter().for_each(|run| runs.give(run));
        assert!(runs.pages.iter().all(|page| page.entries.capacity() + page.free.capacity() == 0));
        let one = runs.take(700).unwrap();
        assert_eq!((runs.pages.len(), runs.get(one).len()), (3, 768));
        assert!(runs.take(RUN_MAX).is_some() && runs.take(RUN_MAX + 1).is_none());
        assert_eq!(runs.check(2), Ok(()));
    }
}
