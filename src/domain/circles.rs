//! Rules whose events follow from each other in a circle: no event of theirs would ever end.

use std::collections::HashMap;

use super::rule::Rule;

/// The first circle among rules, as their names, the first again at the end.
///
/// A depth-first search over the rules that emit; an edge leads from a rule to each that takes
/// an event of its. Rules that are switched off count: they may be switched on.
pub fn find(rules: &[&Rule]) -> Option<Vec<String>> {
    let emitters: Vec<&Rule> =
        rules.iter().copied().filter(|rule| !rule.emits.is_empty()).collect();
    let mut by_event: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_glob = vec![];
    for (at, rule) in emitters.iter().enumerate() {
        match rule.event.as_exact() {
            Some(event) => by_event.entry(event).or_default().push(at),
            None => by_glob.push((at, &rule.event)),
        }
    }
    let next_of = |rule: &Rule| -> Vec<usize> {
        let of = |event: &str| -> Vec<usize> {
            let exact = by_event.get(event).into_iter().flatten().copied();
            let globs = by_glob.iter().filter(|(_, glob)| glob.matches(event)).map(|(at, _)| *at);
            exact.chain(globs).collect()
        };
        rule.emits.iter().flat_map(|emit| of(&emit.event)).collect()
    };
    let mut marks = vec![Mark::New; emitters.len()];
    for start in 0..emitters.len() {
        // The path from the start, each rule with those that are to be looked at after it.
        let mut path: Vec<(usize, Vec<usize>)> = vec![];
        let mut enter = Some(start);
        loop {
            if let Some(at) = enter.take() {
                match marks.get(at).copied() {
                    Some(Mark::New) => {
                        if let (Some(mark), Some(rule)) = (marks.get_mut(at), emitters.get(at)) {
                            *mark = Mark::OnPath;
                            path.push((at, next_of(rule)));
                        }
                    }
                    Some(Mark::OnPath) => {
                        let circle = path.iter().skip_while(|(on, _)| *on != at).map(|(on, _)| *on);
                        let names = circle.chain([at]).filter_map(|at| emitters.get(at));
                        return Some(names.map(|rule| rule.name.clone()).collect());
                    }
                    _ => {}
                }
            }
            let Some((at, next)) = path.last_mut() else { break };
            enter = next.pop();
            if enter.is_none() {
                if let Some(mark) = marks.get_mut(*at) {
                    *mark = Mark::Done;
                }
                path.pop();
            }
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnPath,
    Done,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::rule_document::parse_one;

    fn rule(name: &str, event: &str, emits: &[String]) -> Rule {
        let json = serde_json::json!({ "eventType": event, "tags": ["t"], "emit": emits });
        parse_one(json.to_string().as_bytes(), Some(name)).unwrap()
    }

    fn found(rules: &[Rule]) -> Option<Vec<String>> {
        find(&rules.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_circle_is_named_from_its_first_rule_to_its_first() {
        let emits = |event: &str| vec![event.to_owned()];
        let mut rules = vec![
            rule("start", "s", &emits("a.1")),
            rule("a", "a.*", &emits("b")),
            rule("b", "b", &emits("c")),
        ];
        assert_eq!(found(&rules), None);
        rules.push(rule("c", "c", &emits("a.9")));
        assert_eq!(found(&rules).unwrap(), ["a", "b", "c", "a"]);
        assert_eq!(found(&[rule("self", "*", &emits("x"))]).unwrap(), ["self", "self"]);
    }

    proptest! {
        /// The oracle: a rule that reaches itself over its events.
        #[test]
        fn there_is_one_when_a_rule_reaches_itself(
            edges in prop::collection::vec((0usize..8, 0usize..8), 0..14)
        ) {
            let of = |at: usize| {
                let to = edges.iter().filter(|(from, _)| *from == at);
                to.map(|(_, to)| format!("e{to}")).collect::<Vec<_>>()
            };
            let rules: Vec<Rule> =
                (0..8).map(|at| rule(&format!("r{at}"), &format!("e{at}"), &of(at))).collect();
            let mut reach = [[false; 8]; 8];
            edges.iter().for_each(|(from, to)| reach[*from][*to] = true);
            for (via, from, to) in (0..512).map(|n| (n / 64, n / 8 % 8, n % 8)) {
                reach[from][to] |= reach[from][via] && reach[via][to];
            }
            let circle = found(&rules);
            prop_assert_eq!(circle.is_some(), (0..8).any(|at| reach[at][at]));
            if let Some(circle) = circle {
                let at = |name: &String| name[1..].parse::<usize>().unwrap();
                prop_assert!(circle.len() > 1 && circle.first() == circle.last());
                for pair in circle.windows(2) {
                    prop_assert!(edges.contains(&(at(&pair[0]), at(&pair[1]))));
                }
            }
        }
    }
}
