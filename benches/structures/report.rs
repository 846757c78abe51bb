//! Runs every measurement in a process of its own and writes the tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use globset::GlobSet;
use regex::bytes::RegexSet;

use crate::crates_io::{Blart, FastRadix};
use crate::measure::{self, Structure};
use crate::patterns::{self, LazyDfa, Matcher, OneByOne};
use crate::segments::SegmentTrie;
use crate::sorted_runs::SortedRuns;
use crate::support::{Index, Shape};

/// Names, unless `INVAL_BENCH_NAMES` says otherwise. Only a run with this many writes the page.
const NAMES: u64 = 1_000_000;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/structures.md");

/// Between these lines of the page stand the tables.
const FROM: &str = "<!-- figures: written by `make structures` -->";
const TO: &str = "<!-- end of figures -->";

const SHAPES: [(&str, Shape); 3] = [
    ("`badges:user:000012345:badge:list`", Shape::Badges),
    ("`6ba7b810-9dad-41d1-80b4-00c04fd430c8`", Shape::Uuid),
    ("binary, 8 to 12 bytes, half of them prefixes of others", Shape::Binary),
];

const PATTERNS: [usize; 3] = [20, 200, 2000];

/// What stands in the first cells of a row, and the measurement that fills the others.
type Row = (String, Box<dyn Fn() -> Vec<f64>>);

fn index<S: Structure>(shape: Shape, names: u64) -> Row {
    let run = move || {
        let f = measure::measure::<S>(shape, names);
        vec![f.build, f.insert, f.find, f.remove, f.walk, f.bytes, f.stall_us]
    };
    let name_by_id = if S::NAME_BY_ID { "yes" } else { "no" };
    (format!("{} | {name_by_id}", S::NAME), Box::new(run))
}

fn indexes(shape: Shape, names: u64) -> Vec<Row> {
    vec![
        index::<Index>(shape, names),
        index::<SortedRuns>(shape, names),
        index::<BTreeMap<Box<[u8]>, u32>>(shape, names),
        index::<SegmentTrie>(shape, names),
        index::<Blart>(shape, names),
        index::<FastRadix>(shape, names),
    ]
}

fn matcher<M: Matcher>(patterns: usize) -> Row {
    let run = move || {
        let f = patterns::measure::<M>(patterns);
        vec![f.hit, f.near_miss, f.miss, f.build_us, f.kib]
    };
    (M::NAME.to_owned(), Box::new(run))
}

fn matchers(patterns: usize) -> Vec<Row> {
    vec![
        matcher::<OneByOne>(patterns),
        matcher::<GlobSet>(patterns),
        matcher::<RegexSet>(patterns),
        matcher::<LazyDfa>(patterns),
    ]
}

/// A table: its title, its columns, its rows.
struct Table {
    title: String,
    columns: &'static str,
    rows: Vec<Row>,
}

fn tables(names: u64) -> Vec<Table> {
    let of_names = SHAPES.map(|(title, shape)| Table {
        title: format!("{names} names: {title}"),
        columns: "structure | name by id | insert, building (ns) | insert into the full one (ns) | find (ns) \
            | remove (ns) | walk, a name (ns) | memory, a name (bytes) | longest insert (us)",
        rows: indexes(shape, names),
    });
    let of_patterns = PATTERNS.map(|patterns| Table {
        title: format!("one name against {patterns} standing patterns"),
        columns: "structure | match (ns) | miss at the end (ns) | miss at the first byte (ns) \
            | build (us) | memory (KiB)",
        rows: matchers(patterns),
    });
    of_names.into_iter().chain(of_patterns).collect()
}

pub fn main() {
    let names = std::env::var("INVAL_BENCH_NAMES").map_or(NAMES, |text| text.parse().unwrap());
    let tables = tables(names);
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--row") {
        let [table, row] = [1, 2].map(|next| args[at + next].parse::<usize>().unwrap());
        let figures = (tables[table].rows[row].1)();
        println!("{}", figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
        return;
    }
    let mut page = String::new();
    for (at, table) in tables.iter().enumerate() {
        let columns = table.columns.split('|').count();
        let head = format!("\n### {}\n\n| {} |\n|---|", table.title, table.columns);
        say(&mut page, &(head + &"---:|".repeat(columns - 1)));
        for (row, (cells, _)) in table.rows.iter().enumerate() {
            let figures = run_row(at, row, columns - cells.split('|').count());
            say(&mut page, &format!("| {cells} | {figures} |"));
        }
    }
    if names == NAMES {
        write_page(&page);
    }
}

/// The cells of a row, measured in a new process.
fn run_row(table: usize, row: usize, columns: usize) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .env("RUST_BACKTRACE", "0")
        .args(["--row", &table.to_string(), &row.to_string()])
        .output()
        .unwrap();
    if !child.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&child.stderr));
        return vec!["failed"; columns].join(" | ");
    }
    let cell = |figure: &str| match figure.parse::<f64>().unwrap() {
        small if small < 10.0 => format!("{small:.1}"),
        large => format!("{large:.0}"),
    };
    let figures = String::from_utf8(child.stdout).unwrap();
    figures.split_whitespace().map(cell).collect::<Vec<_>>().join(" | ")
}

fn say(page: &mut String, line: &str) {
    println!("{line}");
    writeln!(page, "{line}").unwrap();
}

fn write_page(tables: &str) {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(FROM).expect("the page marks where the tables stand");
    let (_, after) = rest.split_once(TO).expect("the page marks where the tables end");
    std::fs::write(PAGE, format!("{before}{FROM}\n{tables}\n{TO}{after}")).unwrap();
    println!("\nwritten to docs/structures.md");
}
