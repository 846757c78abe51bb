//! Which rows come first: those that ran most often, and of those that ran as often the first by
//! name.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// The name of a row, with its [start](start_of) where it need not be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowName {
    start: u64,
    text: Box<str>,
}

impl From<&str> for RowName {
    fn from(text: &str) -> Self {
        Self { start: start_of(text.as_bytes()), text: text.into() }
    }
}

impl Deref for RowName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Borrow<str> for RowName {
    fn borrow(&self) -> &str {
        self
    }
}

/// As its text.
impl Hash for RowName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// What a row is placed by before its whole name is looked at, which lies elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Place {
    /// How often it ran.
    pub runs: u64,
    /// See [`start_of`].
    pub start: u64,
}

/// Rows, each with its name.
pub type Named<'n, T> = Vec<(&'n RowName, T)>;

/// The first `most` rows in order, and the others in none.
pub fn most_runs<'n, T>(
    rows: impl Iterator<Item = (&'n RowName, T)>,
    most: usize,
    runs: impl Fn(&T) -> u64,
) -> (Named<'n, T>, Named<'n, T>) {
    let placed =
        rows.map(|(name, row)| (Place { runs: runs(&row), start: name.start }, (name, row)));
    most_placed(placed, most, |(name, _)| (name.as_bytes(), ""))
}

/// The same of rows that have their place with them, and names of several kinds.
pub(in crate::domain) fn most_placed<T>(
    rows: impl Iterator<Item = (Place, T)>,
    most: usize,
    name: impl for<'a> Fn(&'a T) -> (&'a [u8], &'static str),
) -> (Vec<T>, Vec<T>) {
    let order = |(a, row): &(Place, T), (b, other): &(Place, T)| {
        let places = (Reverse(a.runs), a.start).cmp(&(Reverse(b.runs), b.start));
        places.then_with(|| name(row).cmp(&name(other)))
    };
    let mut first: Vec<_> = rows.collect();
    let mut others = vec![];
    if most < first.len() {
        first.select_nth_unstable_by(most, order);
        others = first.split_off(most);
    }
    first.sort_unstable_by(order);
    let bare = |rows: Vec<(_, T)>| rows.into_iter().map(|(_, row)| row).collect();
    (bare(first), bare(others))
}

/// The first bytes of a name, in its order among others.
pub(in crate::domain) fn start_of(name: &[u8]) -> u64 {
    let mut start = [0; size_of::<u64>()];
    start.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_a_sort_of_all_says(
            rows in prop::collection::vec(
                (0u64..4, "[ab\0]{0,3}|same-start-[ab]{0,2}", prop::sample::select(vec!["", "x"])),
                0..60,
            ),
            most in 0usize..70,
        ) {
            let placed = |row: (u64, String, &'static str)| {
                (Place { runs: row.0, start: start_of(row.1.as_bytes()) }, row)
            };
            let mut naive = rows.clone();
            naive.sort_by(|a, b| (Reverse(a.0), &a.1, a.2).cmp(&(Reverse(b.0), &b.1, b.2)));
            let (first, mut others) =
                most_placed(rows.into_iter().map(placed), most, |row| (row.1.as_bytes(), row.2));
            let at = most.min(naive.len());
            prop_assert_eq!(&first, &naive[..at]);
            others.sort_by(|a, b| (Reverse(a.0), &a.1, a.2).cmp(&(Reverse(b.0), &b.1, b.2)));
            prop_assert_eq!(&others, &naive[at..]);
        }
    }
}
