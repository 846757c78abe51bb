//! What other programs read: Prometheus' text format, JSON, and the script of redis_exporter.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use redis::Value;
use serde_json::Value as Json;

use crate::support::examples::libraries;
use crate::support::{Client, Server, field, int, text, texts};
use crate::{all_rounds, section};

/// Reads a page with Prometheus' own client library, which refuses what it does not understand;
/// gives name, labels and value of each sample.
const PARSE: &str = "
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
names = [family.name for family in families]
assert len(names) == len(set(names)), 'a family appears twice'
assert all(family.documentation and family.type != 'unknown' for family in families)
samples = [(s.name, s.labels, s.value) for family in families for s in family.samples]
print(json.dumps(samples))
";

struct Page(Vec<Json>);

impl Page {
    fn read(client: &mut Client, arguments: &str) -> Self {
        let page = text(&client.run(&format!("INVAL.STATS FORMAT prometheus {arguments}")));
        let mut python = Command::new(libraries().join("python/bin/python"))
            .args(["-c", PARSE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "Prometheus does not read:\n{page}");
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The sum of the samples of a name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let is = |sample: &&Json| {
            sample[0] == name && labels.iter().all(|(label, value)| sample[1][*label] == *value)
        };
        let found: Vec<f64> = self.0.iter().filter(is).filter_map(|s| s[2].as_f64()).collect();
        assert!(!found.is_empty(), "no {name} {labels:?}");
        found.iter().sum()
    }
}

#[test]
fn prometheus_reads_the_page_and_finds_the_same_figures() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    // Names that have to be escaped, and one that is not UTF-8.
    client.run(r#"INVAL.PURGE GLOB "quote\x22back\x5c\x5cline\x0a*""#);
    client.run(r#"INVAL.PURGE TAGS 1 "bytes\xff""#);
    let page = Page::read(&mut client, "COUNT 1000");
    let rules = section(&mut client, "rules");
    for (metric, labels, of) in [
        ("inval_runs_total", &[][..], "runs"),
        ("inval_wasted_total", &[], "wasted"),
        ("inval_failures_total", &[], "failures"),
        ("inval_keys_total", &[("result", "deleted")], "keys_deleted"),
        ("inval_keys_total", &[("result", "marked")], "keys_marked"),
    ] {
        for rule in ["saved", "soft", "missing"] {
            let labels = [labels, &[("rule", rule)]].concat();
            let expected = int(field(&rules, rule), of);
            assert_eq!(page.sum(metric, &labels), expected as f64, "{metric} {rule}");
        }
    }
    let totals = section(&mut client, "totals");
    assert_eq!(page.sum("inval_events_total", &[]), int(&totals, "events") as f64);
    assert_eq!(page.sum("inval_purges_total", &[]), int(&totals, "purges") as f64);

    let glob = "{who}:{at}:list:*";
    let row = field(&section(&mut client, "patterns"), glob).clone();
    let of_glob = [("event_type", "saved"), ("pattern", glob)];
    let runs = int(&row, "runs") as f64;
    assert_eq!(page.sum("cache_invalidations_total", &of_glob), runs);
    let purge = [("event_type", "(purge)"), ("pattern", "tag bytes\u{fffd}")];
    assert_eq!(page.sum("cache_invalidations_total", &purge), 1.0);
    let escaped = [("pattern", "quote\"back\\\\line\n*")];
    assert_eq!(page.sum("cache_invalidations_total", &escaped), 1.0);
    for name in ["cache_keys_cleared", "cache_invalidation_duration_seconds"] {
        let pattern = [("pattern", glob)];
        let bucket = |le| page.sum(&format!("{name}_bucket"), &[("pattern", glob), ("le", le)]);
        assert_eq!(page.sum(&format!("{name}_count"), &pattern), runs, "{name}");
        assert_eq!(bucket("+Inf"), runs, "{name}");
    }
    // Half of the runs found nothing, half of them three keys.
    let cleared = |le| page.sum("cache_keys_cleared_bucket", &[("pattern", glob), ("le", le)]);
    assert_eq!((cleared("0"), cleared("1"), cleared("10")), (runs / 2.0, runs / 2.0, runs));
    let sum = page.sum("cache_keys_cleared_sum", &[("pattern", glob)]);
    assert_eq!(sum, int(&row, "keys_deleted") as f64);
    let marked = page.sum("cache_keys_cleared_sum", &[("pattern", "{who}:old")]);
    assert_eq!(marked, int(field(&rules, "soft"), "keys_marked") as f64);

    // What is not shown on its own is in the rest.
    let short = Page::read(&mut client, "COUNT 1");
    assert_eq!(short.sum("inval_runs_total", &[]), page.sum("inval_runs_total", &[]));
    let all = "cache_invalidations_total";
    let times = "cache_invalidation_duration_seconds_count";
    for name in [all, "cache_keys_cleared_sum", "cache_keys_cleared_count", times] {
        assert_eq!(short.sum(name, &[]), page.sum(name, &[]), "{name}");
    }
    assert!(short.sum(all, &[("pattern", "(rest)")]) > 0.0);
}

fn as_json(value: &Value) -> Json {
    match value {
        Value::Map(fields) => {
            fields.iter().map(|(name, value)| (text(name), as_json(value))).collect()
        }
        Value::Array(items) => items.iter().map(as_json).collect(),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Nil => Json::Null,
        other => Json::from(text(other)),
    }
}

#[test]
fn json_is_the_reply_in_another_form() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    let sections = "totals index cache warm rules domains events tags patterns entities classes";
    let json = text(&client.run(&format!("INVAL.STATS {sections} FORMAT json")));
    let reply = as_json(&client.run(&format!("INVAL.STATS {sections}")));
    assert_eq!(serde_json::from_str::<Json>(&json).unwrap(), reply);
}

#[test]
fn fractions_are_short_texts_in_the_old_protocol() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    let mut micros = |protocol: &str| {
        client.run(&format!("HELLO {protocol}"));
        let all = client.run("INVAL.STATS totals");
        field(field(&field(&all, "totals").clone(), "resolve_micros"), "mean").clone()
    };
    let Value::Double(mean) = micros("3") else { panic!("no number") };
    assert_eq!(text(&micros("2")), mean.to_string());
    assert!(mean.to_string().len() < 9, "one digit behind the point: {mean}");
}

#[test]
fn the_script_of_redis_exporter_gives_numbers() {
    let server = Server::start();
    all_rounds(&server);
    let mut client = server.client();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/redis_exporter.lua");
    let script = std::fs::read(path).unwrap();
    for protocol in ["2", "3"] {
        client.run(&format!("HELLO {protocol}"));
        let values = texts(&client.call(&[b"EVAL", &script, b"0"]).unwrap());
        let of = |name: &str| {
            let pair = values.chunks(2).find(|pair| pair[0] == name);
            pair.unwrap_or_else(|| panic!("no {name}"))[1].parse::<f64>().unwrap()
        };
        assert!(values.chunks(2).all(|pair| pair[1].parse::<f64>().is_ok()), "{values:?}");
        client.run("HELLO 3");
        let totals = section(&mut client, "totals");
        assert_eq!(of("totals.events"), int(&totals, "events") as f64);
        assert!(of("windows.start.overhead") > 0.0);
        assert!([0.0, 1.0, 2.0].contains(&of("health.status")) && of("health.index") == 0.0);
    }
}
