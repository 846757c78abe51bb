//! Entries that are broken: they are kept apart with the reason, and stop nobody.

use super::support::world::Dice;
use super::support::{Server, eventually, int};
use super::{RULE, entries, source, taken};

/// Broken entries among good ones.
const MUTATIONS: usize = 1000;

/// An entry that cannot be taken: a valid payload with one thing wrong.
fn broken(dice: &mut Dice) -> Vec<u8> {
    let good = br#"{"specversion":"1.0","id":"1","source":"/s","type":"e","data":{"id":1}}"#;
    let mut bytes = good.to_vec();
    let at = usize::try_from(dice.roll(good.len() as u64)).unwrap();
    match dice.roll(6) {
        0 => bytes.truncate(at),
        1 => bytes = br#"{"specversion":"0.3","id":"1","source":"/s","type":"e"}"#.to_vec(),
        2 => bytes.insert(0, b"]}\0\xff,:"[at % 6]),
        3 => bytes = br#"{"specversion":"1.0","id":"","source":"/s","type":"e"}"#.to_vec(),
        4 => bytes = br#"{"specversion":"1.0","id":"1","source":"/s","type":7}"#.to_vec(),
        _ => bytes = [&b"["[..], &bytes, b"]"].concat(),
    }
    bytes
}

#[test]
fn broken_entries_land_in_the_dead_stream_with_the_reason_and_stop_nobody() {
    let mut server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT cloudevents");
    let mut dice = Dice(7);
    let mut sent = vec![];
    for at in 0..MUTATIONS {
        let bytes = broken(&mut dice);
        client.call(&[b"XADD", b"s", b"*", b"payload", &bytes]).unwrap();
        sent.push(bytes);
        if at % 10 == 0 {
            client.set_all(&[&format!("k:{at}")]);
            let good = format!(
                r#"{{"specversion":"1.0","id":"{at}","source":"/s","type":"e","data":{{"id":{at}}}}}"#
            );
            client.call(&[b"XADD", b"s", b"*", b"payload", good.as_bytes()]).unwrap();
        }
    }
    let all = (MUTATIONS + MUTATIONS / 10) as i64;
    eventually("all were taken", || taken(&mut client) == all);
    let row = source(&mut client);
    let counts = ["dead", "dead_lost", "events"].map(|name| int(&row, name));
    assert_eq!(counts, [MUTATIONS as i64, 0, MUTATIONS as i64 / 10]);
    assert_eq!(client.keys(), ["s", "s:dead"]);
    let dead = entries_as_bytes(&mut client);
    assert_eq!(dead.len(), MUTATIONS);
    for (entry, bytes) in dead.iter().zip(&sent) {
        assert_eq!(entry[0], b"inval-source");
        assert_eq!((&entry[2][..], &entry[4][..]), (&b"inval-id"[..], &b"inval-reason"[..]));
        assert!(!entry[5].is_empty() && entry[5].is_ascii(), "{}", entry[5].escape_ascii());
        assert_eq!((&entry[6][..], &entry[7]), (&b"payload"[..], bytes));
    }
    server.assert_well();
    client.assert_sound();
}

fn entries_as_bytes(client: &mut super::support::Client) -> Vec<Vec<Vec<u8>>> {
    use redis::Value;
    let Value::Array(found) = client.run("XRANGE s:dead - +") else { panic!() };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let fields = |entry: &Value| match entry {
        Value::Array(parts) => match &parts[1] {
            Value::Array(fields) => fields.iter().map(bytes).collect(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    found.iter().map(fields).collect()
}

#[test]
fn rules_that_cannot_take_an_event_say_so_in_the_dead_stream() {
    let server = Server::start();
    let mut client = server.client();
    client.run(RULE);
    client.run("INVAL.SOURCE ADD s STREAM s FORMAT json");
    client.run("XADD s * event e payload {}");
    client.run("XADD s * payload {}");
    eventually("both were taken", || taken(&mut client) == 2);
    let dead = entries(&mut client, "s:dead");
    assert!(dead[0][5].contains("rule 'r'") && dead[0][5].contains("{id}"), "{:?}", dead[0]);
    assert!(dead[1][5].contains("no field 'event'"), "{:?}", dead[1]);
    // Where they cannot be kept, they are counted.
    client.run("DEL s:dead");
    client.run("SET s:dead string");
    client.run("XADD s * payload {}");
    eventually("the third was taken", || taken(&mut client) == 3);
    assert_eq!(int(&source(&mut client), "dead_lost"), 1);
}
