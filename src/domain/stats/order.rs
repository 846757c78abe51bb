//! Which rows come first: those that ran most often, and of those that ran as often the first by
//! name.

use std::cmp::Reverse;

/// What a row is placed by: its runs, its name, and its kind where names are those of several.
pub type Place<'a> = (u64, &'a [u8], &'static str);

/// The first `most` rows in order, and the others in none.
pub fn most_runs<T>(
    rows: impl Iterator<Item = T>,
    most: usize,
    place: impl for<'a> Fn(&'a T) -> Place<'a>,
) -> (Vec<T>, Vec<T>) {
    // Names lie elsewhere: most are told apart by their start, which is taken along.
    let keyed = rows.map(|row| {
        let (runs, name, _) = place(&row);
        ((Reverse(runs), start_of(name)), row)
    });
    let order = |a: &((Reverse<u64>, u64), T), b: &((Reverse<u64>, u64), T)| {
        let names = |row| {
            let (_, name, kind) = place(row);
            (name, kind)
        };
        a.0.cmp(&b.0).then_with(|| names(&a.1).cmp(&names(&b.1)))
    };
    let mut first: Vec<_> = keyed.collect();
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
fn start_of(name: &[u8]) -> u64 {
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
            let mut naive = rows.clone();
            naive.sort_by(|a, b| (Reverse(a.0), &a.1, a.2).cmp(&(Reverse(b.0), &b.1, b.2)));
            let (first, mut others) =
                most_runs(rows.into_iter(), most, |row| (row.0, row.1.as_bytes(), row.2));
            let at = most.min(naive.len());
            prop_assert_eq!(&first, &naive[..at]);
            others.sort_by(|a, b| (Reverse(a.0), &a.1, a.2).cmp(&(Reverse(b.0), &b.1, b.2)));
            prop_assert_eq!(&others, &naive[at..]);
        }
    }
}
