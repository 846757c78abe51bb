//! Memory by the server's own figures: with the module less without it, on the same keys.

use std::thread;
use std::time::Duration;

use super::reads_and_writes::three_tags;
use super::{Scale, clear, fill};
use crate::names::{item, scattered};
use crate::process::Server;
use crate::run::{Bar, Row};
use crate::summary::Summary;
use crate::wire;

/// How often, and how long apart, a server is looked at until its memory stands still: it gives
/// emptied tables back in the background.
const LOOKS: usize = 100;
const LOOK: Duration = Duration::from_millis(300);

/// Looks without a change that count as standing still.
const STILL: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Memory {
    used: f64,
    allocated: f64,
}

impl Memory {
    fn of(server: &Server) -> Self {
        let (mut last, mut still) = (0, 0);
        for _ in 0..LOOKS {
            let used = server.info("used_memory");
            // A look costs a few buffers itself.
            still = if used.abs_diff(last) < 4_096 { still + 1 } else { 0 };
            last = used;
            if still == STILL {
                break;
            }
            thread::sleep(LOOK);
        }
        Self { used: last as f64, allocated: server.info("allocator_allocated") as f64 }
    }

    fn less(self, other: Self) -> Self {
        Self { used: self.used - other.used, allocated: self.allocated - other.allocated }
    }
}

/// Both tag shapes, and what is left when all is gone.
pub fn memory(scale: Scale) -> Vec<Row> {
    let per_user: fn(usize) -> [Vec<u8>; 3] = |at| {
        [("user", at / 20), ("page", at % 1_000), ("locale", at % 12)]
            .map(|(kind, number)| format!("{kind}:{number}").into_bytes())
    };
    let mut rows = shape(scale, "", "3 x 1,000 tags", three_tags);
    rows.extend(shape(
        scale,
        "-user",
        "a tag a user of 20 keys, 1,000 pages, 12 locales",
        per_user,
    ));
    rows
}

fn shape(scale: Scale, suffix: &str, tags: &str, three: fn(usize) -> [Vec<u8>; 3]) -> Vec<Row> {
    eprintln!("memory{suffix}");
    let keys = scale.keys;
    let names: Vec<Vec<u8>> = (0..keys).map(|at| item(scattered(at, keys))).collect();
    let (module, plain) = (Server::with_module(), Server::plain());
    let empty = [Memory::of(&module), Memory::of(&plain)];
    [&module, &plain].into_iter().for_each(|server| fill(&mut server.connect(), &names));
    // What waits to be sorted is sorted, as it is on any server that invalidates.
    module.connect().run("INVAL.PURGE GLOB no*such*key DRYRUN");
    let full = [Memory::of(&module), Memory::of(&plain)];
    module.connect().pipeline(keys, 1, |at, out| {
        let [a, b, c] = three(at);
        wire::write(out, &[b"TAG.SET", &names[at], &a, &b, &c]);
    });
    let tagged = Memory::of(&module);
    plain.connect().pipeline(keys, 4, |at, out| {
        let tags = three(at);
        tags.iter().for_each(|tag| wire::write(out, &[b"SADD", tag, &names[at]]));
        let reverse = [b"tags-of:", names[at].as_slice()].concat();
        let [a, b, c] = &tags;
        wire::write(out, &[b"SADD", &reverse, a, b, c]);
    });
    let sets = Memory::of(&plain).less(full[1]);
    // The control deletes its keys alone, so its sets go in one stroke.
    plain.connect().run("FLUSHALL SYNC");
    fill(&mut plain.connect(), &names);
    [&module, &plain].into_iter().for_each(|server| clear(&mut server.connect(), &names));
    let after = [Memory::of(&module), Memory::of(&plain)];

    let per = |memory: Memory, count: usize| {
        (memory.used / count as f64, memory.allocated / count as f64)
    };
    let (key, key_allocated) = per(full[0].less(empty[0]).less(full[1].less(empty[1])), keys);
    let (edge, edge_allocated) = per(tagged.less(full[0]), 3 * keys);
    let (set_edge, _) = per(sets, 3 * keys);
    let expected = empty[0].used + (after[1].used - empty[1].used).max(0.0);
    let kept = (after[0].used / expected - 1.0) * 100.0;
    let mebi = |bytes: f64| bytes / f64::from(1 << 20);
    let figure = |name: &str, what: String, bar, unit, value: f64| {
        Row::figure(&format!("{name}{suffix}"), &what, bar, unit, Summary::of(&[value]))
    };
    vec![
        figure(
            "memory-key",
            format!("used_memory an indexed key of 32 bytes, {keys} keys"),
            Bar::AtMost(100.0),
            "bytes",
            key,
        )
        .note(&format!("allocator_allocated: {key_allocated:.1}")),
        figure("memory-edge", format!("an edge of key and tag, {tags}"), Bar::AtMost(16.0), "bytes", edge)
            .note(&format!(
                "allocator_allocated: {edge_allocated:.1}; an edge in sets and a reverse set: {set_edge:.1}"
            )),
        figure(
            "memory-back",
            "used_memory above that of the empty server when all keys are gone".to_owned(),
            Bar::AtMost(5.0),
            "%",
            kept,
        )
        .note(&format!(
            "empty {:.2} MiB, full {:.1} MiB, after {:.2} MiB, of which the control without the module keeps {:.2} MiB too",
            mebi(empty[0].used),
            mebi(tagged.used),
            mebi(after[0].used),
            mebi(after[1].used - empty[1].used)
        )),
    ]
}
