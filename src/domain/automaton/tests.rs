//! Dead ends are seen early; what has no bound is given up.

use super::*;

/// Every byte of a name says something about every pattern: states without end.
fn explosive() -> Vec<Pattern> {
    (0..60).map(|i| Pattern::glob(format!("*a{}b*", "?".repeat(i)).as_bytes()).unwrap()).collect()
}

/// A name of `a` and `b` by the bits of a number.
fn name(number: u32) -> Vec<u8> {
    let mixed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..64).map(|bit| if mixed >> bit & 1 == 0 { b'a' } else { b'b' }).collect()
}

#[test]
fn it_gives_up_where_states_have_no_end_and_rests() {
    let patterns = explosive();
    let hirs: Vec<Hir> = patterns.iter().filter_map(Pattern::whole).collect();
    let mut automaton = Automaton::within(&hirs, 256 << 10).unwrap();
    let mut gave_up_after = None;
    for number in 0..1000 {
        let name = name(number);
        let mut told = vec![];
        if automaton.matching(&name, |at| told.push(at)).is_none() {
            assert_eq!((automaton.rest, told.len()), (REST_NAMES, 0));
            gave_up_after = Some(number);
            break;
        }
        told.sort_unstable();
        let takes = |at: &usize| patterns.get(*at).is_some_and(|p| p.matches(&name));
        assert_eq!(told, (0..patterns.len()).filter(takes).collect::<Vec<_>>());
    }
    assert!(gave_up_after.is_some_and(|names| names > 0), "{gave_up_after:?}");
    for _ in 0..REST_NAMES {
        assert_eq!(automaton.matching(b"ab", |_| {}), None);
    }
    let mut told = vec![];
    assert_eq!(automaton.matching(b"ab", |at| told.push(at)), Some(()));
    assert_eq!(told, [0]);
}

#[test]
fn what_is_too_large_together_is_no_automaton() {
    let hirs: Vec<Hir> = explosive().iter().filter_map(Pattern::whole).collect();
    assert!(Automaton::within(&hirs, 1 << 10).is_none());
    let large = Pattern::glob("[a-f]?".repeat(150).as_bytes()).unwrap();
    assert!(size(&large, 1 << 10).is_none() && size(&large, 1 << 20).is_some());
    assert!(Automaton::build(std::iter::repeat_n(&large, 1000)).is_none());
}

#[test]
fn a_name_that_cannot_match_is_dead_at_once() {
    let regexes = ["^badges:user:.*:list$", "^order:\\d+$", "^(a|bc)d", "(?:^x|y)z$"];
    let regexes = regexes.iter().map(|source| Pattern::regex(source.as_bytes()).unwrap());
    let globs = ["user:*:x", "[a-c]x"].map(|source| Pattern::glob(source.as_bytes()).unwrap());
    let dies = |automaton: &mut Automaton, name: &str| {
        automaton.read(name.as_bytes()).is_some_and(|state| state.is_dead())
    };
    let anchored: Vec<Pattern> = regexes.clone().take(3).chain(globs).collect();
    let mut automaton = Automaton::build(anchored.iter()).unwrap();
    for name in ["x", "order:x", "badges:y", "az", "bcx", "order:1:", "ad", "badges:user:1:list"] {
        let matches = anchored.iter().any(|pattern| pattern.matches(name.as_bytes()));
        assert_eq!(dies(&mut automaton, name), !matches, "{name}");
    }
    // Only some of its ways are anchored.
    let open: Vec<Pattern> = regexes.skip(3).collect();
    let mut automaton = Automaton::build(open.iter()).unwrap();
    let mut told = vec![];
    assert_eq!(automaton.matching(b"aayz", |at| told.push(at)), Some(()));
    assert_eq!(told, [0]);
}
