//! A worker that computes deleted keys again: `cargo run --example warm_worker -- [url] [name]`.
//!
//! Rules with `"warmCache": true` queue each key they delete on the stream `inval:warm`. Any
//! number of workers read it as one consumer group: each entry goes to one of them, and comes
//! back after a crash, because it is acknowledged only when the value is stored.

use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Commands, RedisResult, Value};

const STREAM: &str = "inval:warm";
const GROUP: &str = "warmers";

/// What your application does: read the truth and say how it is cached. `None`: not ours.
fn compute(key: &str, event: &str, payload: &str) -> Option<String> {
    Some(format!("{key} computed after {event} {payload}"))
}

fn text(fields: &std::collections::HashMap<String, Value>, name: &str) -> String {
    fields.get(name).and_then(|value| redis::from_redis_value(value).ok()).unwrap_or_default()
}

fn main() -> RedisResult<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1:6379/".to_owned());
    let name = args.next().unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let mut server = redis::Client::open(url)?.get_connection()?;
    // The group may be there already; from 0, so that what waits is not forgotten.
    let made: RedisResult<()> = server.xgroup_create_mkstream(STREAM, GROUP, "0");
    if let Err(error) = made
        && error.code() != Some("BUSYGROUP")
    {
        return Err(error);
    }
    let options = StreamReadOptions::default().group(GROUP, &name).count(16).block(5000);
    // First what this worker took and did not finish ("0"), then what is new (">").
    let mut from = "0".to_owned();
    loop {
        let reply: Option<StreamReadReply> =
            server.xread_options(&[STREAM], &[from.as_str()], &options)?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        let mut last = ">".to_owned();
        for entry in entries {
            let key = text(&entry.map, "key");
            let (event, payload) = (text(&entry.map, "event"), text(&entry.map, "payload"));
            if let Some(value) = compute(&key, &event, &payload) {
                let () = server.set_ex(&key, value, 300)?;
                println!("warmed {key} ({} of {event})", text(&entry.map, "priority"));
            }
            let () = server.xack(STREAM, GROUP, &[&entry.id])?;
            if from != ">" {
                last = entry.id;
            }
        }
        from = last;
    }
}
