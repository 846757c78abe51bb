//! What an event costs before anything is deleted: its payload, its templates, its plan.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use inval::domain::State;
use inval::domain::change::Change;
use inval::domain::name::Db;
use inval::domain::pattern::Pattern;
use inval::domain::payload::Payload;
use inval::domain::plan::{self, Plan};
use inval::domain::request::Request;
use inval::domain::rule::Resolved;
use inval::domain::rule_document::parse_one;
use inval::domain::template::{Syntax, Template};

use crate::support::Shape;

const KEYS: u64 = 1_000_000;

/// Keys that a plan takes by tag, and by prefix.
const TAKEN: u64 = 1_000;

const DB: Db = Db(0);

/// The payload of an entity that changed, 100 bytes or so.
const PAYLOAD: &str = r#"{"entityId":"00012345","entityType":"product","data":{"category":"c7","price":19.99,"tags":["a","b"]}}"#;

pub fn benches(criterion: &mut Criterion) {
    payloads(criterion);
    templates(criterion);
    plans(criterion);
}

fn payloads(criterion: &mut Criterion) {
    let item = r#"{"sku":"AB-1234","name":"A thing with a name","quantity":3,"price":12.5}"#;
    let order = format!(r#"{{"orderId":17,"items":[{}]}}"#, vec![item; 50].join(","));
    let mut group = criterion.benchmark_group("payload");
    for (row, text) in [("parse 100 bytes", PAYLOAD), ("parse 4 KB", &order)] {
        group.bench_function(row, |bench| {
            bench.iter(|| Payload::parse(black_box(text.as_bytes())).unwrap());
        });
    }
    group.finish();
}

fn templates(criterion: &mut Criterion) {
    let payload = Payload::parse(PAYLOAD.as_bytes()).unwrap();
    let mut group = criterion.benchmark_group("template");
    for (row, source, syntax) in [
        ("render a constant", "products:list:all", Syntax::Name),
        ("render a name", "{entityType}:{entityId}:detail:{data.category}", Syntax::Name),
        ("render a glob", "search:*:{entityType}:{entityId}:*", Syntax::Glob),
        ("render a regex", "^{entityType}:{entityId}:.*:{data.category}$", Syntax::Regex),
    ] {
        let template = Template::parse(source, syntax).unwrap();
        group.bench_function(row, |bench| {
            bench.iter(|| template.render(black_box(&payload)).unwrap());
        });
    }
    group.bench_function("parse", |bench| {
        let source = "search:*:{entityType}:{entityId}:*";
        bench.iter(|| Template::parse(black_box(source), Syntax::Glob).unwrap());
    });
    group.finish();
}

/// A million keys; the first thousand have a tag; four rules that take two of them, and the tag.
fn full_state() -> State {
    let mut state = State::default();
    for name in Shape::Product.shuffled(0..KEYS).iter() {
        state.notice(Change::Created, DB, name);
    }
    state.settle();
    for n in 0..TAKEN {
        let tags = [&b"category:c1"[..], b"new"];
        let few = if n < 10 { &tags[..] } else { &tags[1..] };
        let name = Shape::Product.name(n * (KEYS / TAKEN));
        state.database_mut(DB).set_tags(&name, few.iter().copied()).unwrap();
    }
    for rule in 0..4 {
        let document = format!(
            r#"{{"name":"r{rule}","eventType":"entity.updated",
                "cacheKeys":["{{entityType}}:{{entityId}}:detail:summary","{{entityType}}:{{entityId}}:*"],
                "patterns":["^{{entityType}}:0001234{rule}:.*:summary$"],
                "tags":["category:c1"]}}"#
        );
        state.set_rule(parse_one(document.as_bytes(), None).unwrap());
    }
    state
}

fn plans(criterion: &mut Criterion) {
    let mut state = full_state();
    let prefix = Shape::Product.prefix(500_000).into_boxed_slice();
    let tag = Request::for_purge(vec![Resolved::Tag(b"new".to_vec())], None);
    let range = Request::for_purge(vec![Resolved::Pattern(Pattern::Prefix(prefix))], None);
    let mut group = criterion.benchmark_group("plan");
    for (row, request) in [("tag of 1,000", tag), ("prefix of 1,000 in 1,000,000", range)] {
        assert_eq!(build(&mut state, request.clone()).matched, TAKEN, "{row}");
        group.bench_function(row, |bench| {
            bench.iter_batched(
                || request.clone(),
                |request| build(&mut state, request),
                BatchSize::SmallInput,
            );
        });
    }
    let payload = Payload::parse(PAYLOAD.as_bytes()).unwrap();
    let event = |state: &mut State| {
        let request = Request::for_event(state, "entity.updated", &payload).unwrap();
        build(state, request)
    };
    assert_eq!(event(&mut state).matched, 15);
    group.bench_function("event, 4 rules with 16 targets", |bench| {
        bench.iter(|| event(&mut state));
    });
    group.finish();
}

fn build(state: &mut State, request: Request) -> Plan {
    plan::build(state, DB, request).unwrap()
}
