//! The work that rules leave behind when they change, in slices: the members of new patterns
//! are noted among the keys that are there, those of old ones are forgotten.

use super::State;
use super::noted::Noted;
use super::rule::Rule;
use super::standing::Standing;

/// How the standing patterns are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandingSizes {
    /// Patterns that stand.
    pub patterns: usize,
    /// Those of them whose members are not all noted.
    pub building: usize,
    /// Patterns of rules that match too many keys to stand.
    pub broad: usize,
    /// (key, pattern) pairs that are noted.
    pub members: usize,
}

impl State {
    /// Adds a rule, or puts it in the place of the one with its name.
    pub fn set_rule(&mut self, rule: Rule) {
        // What runs of the old one came to is counted for that one.
        self.catch_up();
        self.stats.set_rule(&mut self.rules, rule);
    }

    /// Takes a rule out.
    pub fn remove_rule(&mut self, name: &str) -> Option<Rule> {
        self.catch_up();
        self.stats.rules.remove(name);
        self.rules.remove(name)
    }

    /// Takes all rules out, and puts these in.
    pub fn replace_rules(&mut self, rules: impl IntoIterator<Item = Rule>) {
        self.catch_up();
        self.rules.clear();
        rules.into_iter().for_each(|rule| self.stats.set_rule(&mut self.rules, rule));
        self.forget_rules();
    }

    /// Forgets the statistics of the rules that are gone.
    fn forget_rules(&mut self) {
        let rules = &self.rules;
        self.stats.keep_rules(|name| rules.get(name).is_some());
    }

    /// Lets the patterns of the rules in force stand, and forgets the statistics of those that
    /// are gone, if rules changed; says whether
    /// [`State::build_some`] has work. Until then patterns are as they were.
    pub fn settle_rules(&mut self) -> bool {
        if self.rules.take_changed() {
            let enabled = self.rules.iter().filter(|rule| rule.enabled);
            let targets = enabled.flat_map(|rule| &rule.targets);
            self.standing.rules_changed(targets.filter_map(|target| target.standing()));
            // Nobody could ask for the others, and clients that make rules as they go would pile
            // them up.
            self.forget_rules();
            let rules = &self.rules;
            self.warming.keep_rules(|name| rules.get(name).is_some());
        }
        self.clear_some(0);
        self.has_to_build()
    }

    fn has_to_build(&self) -> bool {
        let has_any = |number| self.noted().any(|noted| noted.has_any(number));
        !self.noted().all(|noted| noted.is_complete(&self.standing))
            || self.standing.gone().any(has_any)
    }

    /// Looks at up to `budget` keys or members; says whether there is more to do.
    pub fn build_some(&mut self, budget: usize) -> bool {
        let mut left = self.clear_some(budget);
        for database in self.databases.values_mut() {
            left = database.visit(&mut self.standing, left);
            if left == 0 {
                break;
            }
        }
        self.has_to_build()
    }

    /// Forgets members of patterns that stand no more; gives what is left of the budget.
    fn clear_some(&mut self, budget: usize) -> usize {
        let mut left = budget;
        let gone: Vec<_> = self.standing.gone().collect();
        for number in gone {
            for noted in self.databases.values_mut().map(|database| &mut database.noted) {
                if !noted.has_any(number) {
                    continue;
                }
                let before = noted.len();
                if !noted.clear_some(number, left) {
                    return 0;
                }
                left -= before - noted.len();
            }
            self.standing.cleared(number);
        }
        left
    }

    fn noted(&self) -> impl Iterator<Item = &Noted> {
        self.databases.values().map(|database| &database.noted)
    }

    /// The standing patterns.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// How the standing patterns are doing.
    pub fn standing_sizes(&self) -> StandingSizes {
        let complete = self.noted().map(Noted::complete).min();
        let is_building = |since: u64| complete.is_some_and(|complete| since > complete);
        StandingSizes {
            patterns: self.standing.len(),
            building: self.standing.patterns().filter(|(_, _, since)| is_building(*since)).count(),
            broad: self.standing.broad(),
            members: self.noted().map(Noted::len).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::fence::Fence;
    use crate::domain::lookup::Strategy as Way;
    use crate::domain::name::Db;
    use crate::domain::pattern::Pattern;
    use crate::domain::payload::Payload;
    use crate::domain::plan::build;
    use crate::domain::request::Request;
    use crate::domain::rule::Resolved;
    use crate::domain::rule_document::parse_one;
    use proptest::prelude::*;

    const A: Db = Db(0);
    const B: Db = Db(1);

    fn set_rule(state: &mut State, name: &str, patterns: &str) {
        let json = format!(r#"{{"eventType":"e","patterns":[{patterns}]}}"#);
        state.rules.set(parse_one(json.as_bytes(), Some(name)).unwrap());
    }

    fn create(state: &mut State, db: Db, name: &str) {
        state.told(Change::Created, db, name.as_bytes());
    }

    fn build_all(state: &mut State) {
        let mut more = state.settle_rules();
        while more {
            more = state.build_some(3);
        }
        assert_eq!(state.check(), Ok(()));
    }

    /// How the pattern is found in a database, and how many keys it has there.
    fn way(state: &mut State, db: Db, regex: &str) -> (Way, u64) {
        let target = Resolved::Pattern(Pattern::regex(regex.as_bytes()).unwrap());
        let plan = build(state, db, Request::for_purge(vec![target], None)).unwrap();
        let target = &plan.targets[0];
        assert!(target.strategy != Way::StandingSet || target.candidates == target.matches);
        (target.strategy, target.matches)
    }

    #[test]
    fn a_rule_over_old_keys_is_found_by_the_index_until_its_set_is_there() {
        let mut state = State::default();
        (0..10).for_each(|at| create(&mut state, A, &format!("a:{at}:x")));
        set_rule(&mut state, "r", r#""^a:.*:x$""#);
        create(&mut state, B, "a:0:x");
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::PrefixRange, 10));
        assert!(state.settle_rules() && state.build_some(3));
        // Not all are noted yet; what comes and goes meanwhile is.
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::PrefixRange, 10));
        create(&mut state, A, "a:new:x");
        state.told(Change::Deleted, A, b"a:0:x");
        state.told(Change::Deleted, A, b"a:9:x");
        create(&mut state, A, "a:in the place of another:x");
        let sizes = state.standing_sizes();
        assert_eq!((sizes.patterns, sizes.building, sizes.members), (1, 1, 4));
        build_all(&mut state);
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::StandingSet, 10));
        assert_eq!(way(&mut state, B, "^a:.*:x$"), (Way::StandingSet, 1));
        // A database that was empty has no old keys.
        create(&mut state, Db(7), "a:0:x");
        assert_eq!(way(&mut state, Db(7), "^a:.*:x$"), (Way::StandingSet, 1));
        assert_eq!(way(&mut state, A, "^a:.*:xx$"), (Way::PrefixRange, 0));
        assert_eq!(state.standing_sizes().building, 0);
    }

    #[test]
    fn members_go_with_the_rule_and_a_new_one_begins_anew() {
        let mut state = State::default();
        set_rule(&mut state, "r", r#""^a:.*:x$""#);
        build_all(&mut state);
        (0..10).for_each(|at| create(&mut state, A, &format!("a:{at}:x")));
        assert_eq!(state.standing_sizes().members, 10);
        state.rules.set_enabled("r", false);
        assert!(state.settle_rules() && state.build_some(3));
        assert_eq!((state.standing_sizes().members, state.standing().len()), (7, 0));
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::PrefixRange, 10));
        state.rules.set_enabled("r", true);
        assert!(state.settle_rules());
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::PrefixRange, 10));
        build_all(&mut state);
        assert_eq!(way(&mut state, A, "^a:.*:x$"), (Way::StandingSet, 10));
        assert_eq!(state.standing_sizes().members, 10);
        assert_eq!(state.standing().gone().count(), 0);
        state.rules.remove("r");
        build_all(&mut state);
        assert_eq!(state.standing_sizes(), StandingSizes::default());
    }

    #[test]
    fn a_pattern_of_too_many_keys_is_found_by_the_index() {
        const KEYS: u64 = 20_000;
        let mut state = State::default();
        set_rule(&mut state, "r", r#""1.*x","1.*:","1.?:","x.*:","x:.*0""#);
        build_all(&mut state);
        (0..KEYS).for_each(|at| create(&mut state, A, &format!("1x:{at}0")));
        let sizes = state.standing_sizes();
        assert_eq!((sizes.patterns, sizes.broad), (4, 1));
        build_all(&mut state);
        assert_eq!(state.standing_sizes().members, 4 * KEYS as usize);
        let found = ["1.*x", "1.*:", "1.?:", "x.*:", "x:.*0"].map(|all| way(&mut state, A, all));
        assert!(found.iter().all(|(_, matches)| *matches == KEYS), "{found:?}");
        assert_eq!(found.iter().filter(|(way, _)| *way == Way::StandingSet).count(), 4);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Create(bool, u8),
        Delete(bool, u8),
        Rename(u8, u8),
        Move(u8),
        Swap,
        Flush(bool),
        Fence(bool),
        Rule(u8, u8),
        Remove(u8),
        Switch(u8, bool),
        Purge(u8),
        Load,
        Settle,
        Build(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0..40_u8;
        let rule = 0..3_u8;
        prop_oneof![
            20 => (any::<bool>(), key.clone()).prop_map(|(b, k)| Step::Create(b, k)),
            8 => (any::<bool>(), key.clone()).prop_map(|(b, k)| Step::Delete(b, k)),
            3 => (key.clone(), key.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
            3 => key.prop_map(Step::Move),
            1 => Just(Step::Swap),
            1 => any::<bool>().prop_map(Step::Flush),
            1 => any::<bool>().prop_map(Step::Fence),
            3 => (rule.clone(), 0..6_u8).prop_map(|(r, p)| Step::Rule(r, p)),
            1 => rule.clone().prop_map(Step::Remove),
            2 => (rule, any::<bool>()).prop_map(|(r, on)| Step::Switch(r, on)),
            2 => (0..6_u8).prop_map(Step::Purge),
            1 => Just(Step::Load),
            6 => Just(Step::Settle),
            12 => (1..9_usize).prop_map(Step::Build),
        ]
    }

    const PATTERNS: [&str; 6] =
        [r#""^a:.*:1$""#, r#""2.*x""#, r#""^a:.*:1$","b.*0""#, r#""^a""#, r#"":.*:""#, r#""^$|3""#];

    fn name_of(key: u8) -> String {
        match key {
            0 => String::new(),
            _ => format!("{}:{}:{}", if key.is_multiple_of(2) { "a" } else { "b" }, key, key % 4),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// After any history the sets are what matching gives, as far as they say they are;
        /// and when the work is done, all say so.
        #[test]
        fn sets_equal_matching(steps in prop::collection::vec(step(), 0..120)) {
            let mut state = State::default();
            let db = |first| if first { A } else { B };
            for step in steps {
                match step {
                    Step::Create(first, key) => create(&mut state, db(first), &name_of(key)),
                    Step::Delete(first, key) => {
                        state.told(Change::Deleted, db(first), name_of(key).as_bytes());
                    }
                    Step::Rename(from, to) => {
                        state.told(Change::Left, A, name_of(from).as_bytes());
                        state.told(Change::Arrived, A, name_of(to).as_bytes());
                    }
                    Step::Move(key) => {
                        state.told(Change::Left, A, name_of(key).as_bytes());
                        state.told(Change::Arrived, B, name_of(key).as_bytes());
                    }
                    Step::Swap => state.swapped(A, B),
                    Step::Flush(one) => state.flushed(one.then_some(A)),
                    Step::Fence(open) => {
                        state.set_fence(Fence::parse(if open { "" } else { "a:" }).unwrap());
                    }
                    Step::Rule(rule, at) => {
                        set_rule(&mut state, &rule.to_string(), PATTERNS[usize::from(at)]);
                    }
                    Step::Remove(rule) => {
                        state.rules.remove(&rule.to_string());
                    }
                    Step::Switch(rule, on) => {
                        state.rules.set_enabled(&rule.to_string(), on);
                    }
                    Step::Purge(at) => {
                        let rule = format!(r#"{{"eventType":"e","patterns":[{}]}}"#, PATTERNS[usize::from(at)]);
                        let targets = parse_one(rule.as_bytes(), None).unwrap().targets;
                        let target = targets[0].resolve(&Payload::default()).unwrap();
                        let plan = build(&mut state, A, Request::for_purge(vec![target], None)).unwrap();
                        let all = 0..plan.names.len();
                        state.begin_deletion(plan.db, &plan.names, &plan.ids, all);
                        plan.names.iter().for_each(|name| state.told(Change::Deleted, A, name));
                        prop_assert_eq!(state.end_deletion().len(), 0);
                    }
                    Step::Load => {
                        state.flushed(None);
                        state.begin_load(false);
                    }
                    Step::Settle => {
                        state.settle_rules();
                    }
                    Step::Build(budget) => {
                        state.build_some(budget);
                    }
                }
                prop_assert_eq!(state.check(), Ok(()));
            }
            build_all(&mut state);
            prop_assert_eq!((state.standing_sizes().building, state.standing().gone().count()), (0, 0));
        }
    }
}
