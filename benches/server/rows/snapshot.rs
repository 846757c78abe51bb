//! Saving and loading the keyspace.

use super::reads_and_writes::three_tags;
use super::{Scale, fill};
use crate::names::{item, scattered};
use crate::process::Server;
use crate::run::{Bar, Contender, Row, alternate};
use crate::wire;

/// SAVE, and a start from what it wrote.
pub fn snapshot(scale: Scale) -> Vec<Row> {
    eprint!("rdb ");
    let keys = scale.keys;
    let names: Vec<Vec<u8>> = (0..keys).map(|at| item(scattered(at, keys))).collect();
    let (mut module, mut plain) = (Server::with_module(), Server::plain());
    [&module, &plain].into_iter().for_each(|server| fill(&mut server.connect(), &names));
    module.connect().pipeline(keys, 1, |at, out| {
        let [a, b, c] = three_tags(at);
        wire::write(out, &[b"TAG.SET", &names[at], &a, &b, &c]);
    });
    let save = |name: &str, server| {
        let server: &Server = server;
        let mut connection = server.connect();
        Contender::new(name, "key", keys, move |_| {
            server.measure(|| {
                connection.run("SAVE");
            })
        })
    };
    let saved = alternate(scale.rounds, vec![save("module", &module), save("no module", &plain)]);
    let size = |server: &Server| {
        std::fs::metadata(server.dir.join("dump.rdb")).map_or(0, |file| file.len()) as f64
            / keys as f64
    };
    let bytes =
        format!("{:.1} bytes a key in the file, {:.1} without", size(&module), size(&plain));
    let loaded = alternate(
        scale.rounds,
        vec![
            Contender::new("module", "key", keys, |_| module.restart()),
            Contender::new("no module", "key", keys, |_| plain.restart()),
        ],
    );
    assert_eq!(module.info("inval_tagged"), 3 * keys as u64, "tags were lost on the way");
    let what = |verb: &str| format!("{verb} {keys} keys with 3 tags / without the module and tags");
    vec![
        Row::ratio("rdb-save", &what("SAVE of"), Bar::AtMost(1.5), &saved[0], &saved[1])
            .note(&bytes),
        Row::ratio("rdb-load", &what("start with"), Bar::AtMost(1.5), &loaded[0], &loaded[1]),
    ]
}
