//! One name against a pattern, and against the patterns of a few rules.

use std::hint::black_box;

use criterion::Criterion;
use inval::domain::glob::Glob;
use inval::domain::pattern::Pattern;

const NAME: &[u8] = b"badges:user:000012345:badge:list";

pub fn benches(criterion: &mut Criterion) {
    let regex = |source: &str| Pattern::regex(source.as_bytes()).unwrap();
    let glob = |source: &str| Pattern::glob(source.as_bytes()).unwrap();
    let rows = [
        ("prefix/hit", Pattern::Prefix(b"badges:user:"[..].into()), true),
        ("prefix/miss", Pattern::Prefix(b"badges:used:"[..].into()), false),
        ("glob/hit", glob("badges:user:*:list"), true),
        ("glob/miss at the start", glob("search:user:*:list"), false),
        ("glob/miss at the end", glob("badges:user:*:lost"), false),
        ("glob/needle, hit", glob("*badge:*"), true),
        ("glob/class, hit", glob("badges:user:[0-9]*:badge:?ist"), true),
        // Each star may begin anywhere: the worst that a name of this length does.
        ("glob/many stars, miss", glob("*a*e*:*s*r*0*:*b*t?"), false),
        ("regex/hit", regex("^badges:user:.*:list$"), true),
        ("regex/miss at the start", regex("^search:user:.*:list$"), false),
        ("regex/miss at the end", regex("^badges:user:.*:lost$"), false),
        ("regex/needle, hit", regex(":[0-9]+:badge"), true),
    ];
    let mut group = criterion.benchmark_group("match");
    for (row, pattern, expected) in rows {
        assert_eq!(pattern.matches(NAME), expected, "{row}");
        group.bench_function(row, |bench| bench.iter(|| pattern.matches(black_box(NAME))));
    }

    let patterns = of_four_rules();
    for (row, name) in [
        ("20 patterns/one hit", NAME),
        ("20 patterns/no hit, starts shared", b"badges:user:000012345:badge:last"),
        ("20 patterns/no hit", b"product:00012345:detail:summary"),
    ] {
        let matches = |name| patterns.iter().filter(|pattern| pattern.matches(name)).count();
        assert_eq!(matches(name), usize::from(row.ends_with("one hit")), "{row}");
        group.bench_function(row, |bench| bench.iter(|| matches(black_box(name))));
    }
    group.finish();

    let mut group = criterion.benchmark_group("parse");
    group.bench_function("glob", |bench| {
        bench.iter(|| Glob::parse(black_box(b"badges:user:*:list")).unwrap());
    });
    group.bench_function("regex", |bench| {
        bench.iter(|| Pattern::regex(black_box(b"^badges:user:.*:list$")).unwrap());
    });
    group.finish();
}

/// Four kinds of cache with five patterns each, three globs and two regexes.
fn of_four_rules() -> Vec<Pattern> {
    let of_rule = |kind: &str| {
        let glob = |end: &str| Pattern::glob(format!("{kind}{end}").as_bytes()).unwrap();
        let regex = |end: &str| Pattern::regex(format!("^{kind}{end}").as_bytes()).unwrap();
        [
            glob(":search:*"),
            glob(":category:*"),
            glob(":*:product:*"),
            regex(":user:.*:list$"),
            regex(":user:.*:count$"),
        ]
    };
    ["badges", "passport", "communities", "search"].into_iter().flat_map(of_rule).collect()
}
