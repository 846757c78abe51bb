//! Membership against a map of sets, and what is kept when most is gone.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Add(KeyId, SetId),
    Remove(KeyId, SetId),
    Put(KeyId, Vec<SetId>),
    Clear(KeyId),
    ClearSome(SetId, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, set) = (0..14_u32, 0..12_u32);
    let step = prop_oneof![
        6 => (key.clone(), set.clone()).prop_map(|(key, set)| Step::Add(key, set)),
        2 => (key.clone(), set.clone()).prop_map(|(key, set)| Step::Remove(key, set)),
        2 => (key.clone(), prop::collection::btree_set(set.clone(), 0..12))
            .prop_map(|(key, sets)| Step::Put(key, sets.into_iter().collect())),
        1 => key.prop_map(Step::Clear),
        1 => (set, 0..5_usize).prop_map(|(set, budget)| Step::ClearSome(set, budget)),
    ];
    prop::collection::vec(step, 0..300)
}

type Model = BTreeMap<KeyId, Vec<SetId>>;

fn members(model: &Model, set: SetId) -> BTreeSet<KeyId> {
    let holds = model.iter().filter(|(_, sets)| sets.contains(&set));
    holds.map(|(key, _)| *key).collect()
}

proptest! {
    #[test]
    fn equals_a_map_of_sets(steps in steps()) {
        let mut membership = Membership::default();
        let mut model = Model::new();
        for step in steps {
            let mut emptied = BTreeSet::new();
            let before = model.clone();
            match step {
                Step::Add(key, set) => {
                    let sets = model.entry(key).or_default();
                    let new = !sets.contains(&set);
                    if new { sets.push(set); }
                    prop_assert_eq!(membership.add(key, set), new);
                }
                Step::Remove(key, set) => {
                    let sets = model.entry(key).or_default();
                    let at = sets.iter().position(|other| *other == set);
                    if let Some(at) = at { sets.remove(at); }
                    prop_assert_eq!(membership.remove(key, set), at.is_some());
                }
                Step::Put(key, sets) => {
                    let old = model.insert(key, sets.clone()).unwrap_or_default();
                    let same = old.iter().collect::<BTreeSet<_>>() == sets.iter().collect();
                    if same { model.insert(key, old); }
                    prop_assert_eq!(membership.put(key, &sets, |set| { emptied.insert(set); }), !same);
                }
                Step::Clear(key) => {
                    model.remove(&key);
                    membership.clear(key, |set| { emptied.insert(set); });
                }
                Step::ClearSome(set, budget) => {
                    let tail: Vec<_> = membership.keys_of(set).iter().rev().take(budget).copied().collect();
                    for key in tail {
                        model.entry(key).or_default().retain(|other| *other != set);
                    }
                    prop_assert_eq!(membership.clear_some(set, budget), members(&model, set).is_empty());
                }
            }
            model.retain(|_, sets| !sets.is_empty());
            prop_assert_eq!(membership.check(), Ok(()));
            for set in 0..12 {
                let found = membership.keys_of(set).iter().copied().collect::<BTreeSet<_>>();
                prop_assert_eq!(&found, &members(&model, set));
                if emptied.contains(&set) {
                    prop_assert!(found.is_empty() && !members(&before, set).is_empty());
                }
            }
            for key in 0..14 {
                let sets: Vec<_> = membership.sets_of(key).collect();
                prop_assert_eq!(&sets, &model.get(&key).cloned().unwrap_or_default());
                prop_assert!(sets.iter().all(|set| membership.has(key, *set)));
            }
            prop_assert!(membership.keyed_from(3).eq(model.range(3..).map(|(key, _)| *key)));
        }
    }
}

#[test]
fn a_key_has_as_many_sets_as_it_may() {
    let mut membership = Membership::default();
    for set in 0..SETS_PER_KEY_MAX as SetId {
        assert!(membership.add(7, set) && !membership.add(7, set));
    }
    assert!(!membership.add(7, u32::MAX - 1) && membership.keys_of(u32::MAX - 1).is_empty());
    assert_eq!(membership.check(), Ok(()));
    for set in (0..SETS_PER_KEY_MAX as SetId).step_by(2) {
        assert!(membership.remove(7, set));
    }
    let left = (0..SETS_PER_KEY_MAX as SetId).filter(|set| set % 2 == 1);
    assert!(membership.sets_of(7).eq(left));
    assert_eq!(membership.check(), Ok(()));
}

#[test]
fn emptied_sets_are_told_once() {
    let mut membership = Membership::default();
    for (key, set) in [(1, 10), (1, 11), (1, 12), (2, 11)] {
        membership.add(key, set);
    }
    let mut emptied = vec![];
    assert!(membership.put(1, &[12, 13], |set| emptied.push(set)));
    assert_eq!(emptied, [10]);
    assert!(!membership.put(1, &[13, 12], |set| emptied.push(set)));
    membership.clear(1, |set| emptied.push(set));
    assert_eq!(emptied, [10, 12, 13]);
    assert_eq!((membership.edge_count(), membership.check()), (1, Ok(())));
}

#[test]
fn a_large_set_is_dropped_in_slices_and_leaves_nothing() {
    let mut membership = Membership::default();
    for key in 0..5000 {
        membership.add(key, 3);
    }
    let mut slices = 1;
    while !membership.clear_some(3, 600) {
        slices += 1;
    }
    assert_eq!((slices, membership.edge_count()), (9, 0));
    assert_eq!(format!("{membership:?}"), format!("{:?}", Membership::default()));
}
