//! `docs/grafana.json`: a dashboard that can be imported, of metrics that the module has.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "server/loaded.rs"]
mod loaded;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().collect()
}

fn queries(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
    targets.iter().filter_map(|target| target["expr"].as_str()).collect()
}

/// The metrics that a query names, as the exposition does: histograms without the ends of their
/// series.
fn metrics(query: &str) -> BTreeSet<String> {
    let words = query.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("inval_") || word.starts_with("cache_"));
    ours.map(|word| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    })
    .collect()
}

#[test]
fn every_panel_asks_something_of_the_chosen_source() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut places: Vec<[i64; 4]> = vec![];
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{title}: an id twice");
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_i64().unwrap());
        let [x, y, w, h] = place;
        let over = |of: &&[i64; 4]| {
            x < of[0] + of[2] && of[0] < x + w && y < of[1] + of[3] && of[1] < y + h
        };
        assert!(x + w <= 24 && !places.iter().any(|of| over(&of)), "{title}: over another");
        places.push(place);
        if panel["type"] == "row" {
            continue;
        }
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}: says nothing");
        let queries = queries(panel);
        assert!(!queries.is_empty(), "{title}: asks nothing");
        for query in queries {
            assert!(!metrics(query).is_empty(), "{title}: {query}");
            let pairs = [('(', ')'), ('{', '}'), ('[', ']')];
            let count = |of| query.matches(of).count();
            assert!(pairs.into_iter().all(|(open, close)| count(open) == count(close)), "{query}");
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
}

#[test]
fn every_metric_is_one_of_the_module() {
    let server = loaded::with_module();
    let mut client = server.client();
    client.run("INVAL.RULE ADD r ON e KEYS 1 k");
    client.run("INVAL.EVENT e");
    let text = support::text(&client.run("INVAL.STATS FORMAT prometheus"));
    let named = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let known: BTreeSet<String> = named.map(str::to_owned).collect();
    let dashboard = dashboard();
    let asked: BTreeSet<String> =
        panels(&dashboard).into_iter().flat_map(queries).flat_map(metrics).collect();
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(asked.len() > 30, "{asked:?}");
    assert!(unknown.is_empty(), "no such metrics: {unknown:?} in {known:?}");
}
