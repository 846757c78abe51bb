//! All that the module knows, as it answers, to compare servers and restarts.

use redis::Value;

use super::{Client, Server, eventually, field, int, text};

/// The databases that are looked at; tests use no other.
const DATABASES: [u32; 2] = [0, 3];

/// Everything that the module can be asked about its state.
pub fn state(client: &mut Client) -> Vec<String> {
    let mut lines = vec![text(&client.run("INVAL.RULE DUMP"))];
    lines.push(text(&client.run("INVAL.CLASS DUMP")));
    lines.push(text(&client.run("INVAL.MAP DUMP")));
    lines.push(format!("{:?}", client.run("INVAL.RULE LIST")));
    lines.push(format!("{:?}", client.run("INVAL.STATS queues")));
    let sources = match client.run("INVAL.SOURCE LIST") {
        Value::Array(sources) => sources,
        other => panic!("{other:?}"),
    };
    for source in &sources {
        let fields = ["name", "stream", "db", "format", "map", "position", "entries", "dead"];
        let shown = fields.map(|name| format!("{:?}", field(source, name)));
        lines.push(shown.join(" "));
    }
    for db in DATABASES {
        client.run(&format!("SELECT {db}"));
        for key in client.keys() {
            let tags = client.sorted(&format!("TAG.GET {key}"));
            lines.push(format!("{db} {key}: {}", tags.join(" ")));
        }
        for tag in client.sorted("TAG.LIST") {
            let keys = client.sorted(&format!("TAG.KEYS {tag}"));
            let count = client.int(&format!("TAG.CARD {tag}"));
            lines.push(format!("{db} tag {tag}: {count} {}", keys.join(" ")));
        }
    }
    client.run("SELECT 0");
    lines
}

/// Rules, classes, mappings and tags of all kinds, in two databases.
pub fn fill(client: &mut Client) {
    client.run("INVAL.RULE ADD r ON e KEYS 1 a:{id} TAGS 1 t WHEN 'exists id' WARM");
    client.run("INVAL.RULE ADD off ON e KEYS 1 b");
    client.run("INVAL.RULE DISABLE off");
    client.run("INVAL.CLASS SET a MATCH a:* b TTL 300 JITTER 10 GRACE 60000 EARLY 1.5 DESC all");
    client.run("INVAL.CLASS SET gone MATCH gone");
    client.run("INVAL.CLASS DEL gone");
    client.run("INVAL.RULE ADD collects ON collected KEYS 1 c:{id} WARM SOFT 5 BATCHED");
    client.run("INVAL.RULE ADD emits ON first EMIT 1 second DOMAIN shop");
    client.run("INVAL.SOURCE DEL s");
    client.run("INVAL.SOURCE ADD s STREAM events FORMAT json");
    client.run("XADD events * event nothing id taken");
    eventually("the entry was taken", || {
        let stats = client.run("INVAL.STATS sources");
        int(field(field(&stats, "sources"), "s"), "entries") == 1
    });
    client.run("DEL events");
    client.run("CONFIG SET inval.batch-timeout 3600000");
    client.run("INVAL.EVENT collected '{\"id\":1}' ID once");
    client.run("INVAL.EVENT collected '{\"id\":2}' SEQ 7 BY c:2");
    client
        .run(r#"INVAL.MAP SET m '{"each":"a[*]","events":[{"event":"e","fields":{"id":"id"}}]}'"#);
    client.run(r#"INVAL.MAP SET gone '{"events":[{"event":"gone"}]}'"#);
    client.run("INVAL.MAP DEL gone");
    client.set_all(&["a:1", "a:2", "plain"]);
    client.run("HSET h f v");
    client.run("TAG.SET a:1 t u");
    client.run("TAG.SET h t");
    client.run("TAG.SET a:2 gone");
    client.run("DEL a:2");
    client.run("SELECT 3");
    client.set_all(&["a:1"]);
    client.run("TAG.SET a:1 other");
    client.run("RENAME a:1 moved");
    client.run("SELECT 0");
}

/// A field of INFO, as it is written.
pub fn info_text(client: &mut Client, name: &str) -> String {
    let info = text(&client.run("INFO"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// No child saves or rewrites, and none is about to.
pub fn children_are_done(client: &mut Client) {
    eventually("the children are done", || {
        ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]
            .iter()
            .all(|name| info_text(client, name) == "0")
    });
}

/// Waits until the replica has all that the primary has sent.
pub fn in_sync(primary: &Server, replica: &Server) {
    let offset = |server: &Server, name: &str| -> i64 {
        info_text(&mut server.client(), name).parse().unwrap_or(-1)
    };
    let goal = offset(primary, "master_repl_offset");
    eventually("the replica is in sync", || {
        info_text(&mut replica.client(), "master_link_status") == "up"
            && offset(replica, "slave_repl_offset") >= goal
    });
}

/// The replica answers all questions as its primary does, and both are sound.
pub fn assert_same(primary: &Server, replica: &Server, what: &str) {
    in_sync(primary, replica);
    let (mut ours, mut theirs) = (primary.client(), replica.client());
    assert_eq!(state(&mut theirs), state(&mut ours), "{what}");
    let streams = ["high", "medium", "low"].map(|of| format!("XRANGE inval:warm:{of} - +"));
    for line in ["INVAL.CHECK"].into_iter().chain(streams.iter().map(String::as_str)) {
        assert_eq!(theirs.run(line), ours.run(line), "{what}: {line}");
    }
    for client in [&mut ours, &mut theirs] {
        client.assert_sound();
    }
}
