//! A reply as JSON, for programs that speak no RESP.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::to_writer;

use super::reply::{Name, Reply};

/// Writes a reply as one line of JSON. Bytes that are not UTF-8 are replaced; of a name that a map
/// has twice the last value counts.
pub fn write(reply: &Reply) -> Vec<u8> {
    let mut line = vec![];
    append(reply, &mut line);
    line
}

fn append(reply: &Reply, line: &mut Vec<u8>) {
    // What is written to memory is written, and text and numbers have a form in JSON.
    let _ = match reply {
        Reply::Simple(text) => to_writer(line, text),
        Reply::Int(number) => to_writer(line, number),
        Reply::Double(number) => to_writer(line, number),
        Reply::Bulk(bytes) => to_writer(line, &String::from_utf8_lossy(bytes)),
        Reply::Null | Reply::Later => to_writer(line, &()),
        Reply::Array(items) => return list(b"[]", items.iter(), line, append),
        Reply::Map(fields) => return list(b"{}", last_of_each(fields).into_iter(), line, field),
    };
}

fn field((name, value): &(Name, Reply), line: &mut Vec<u8>) {
    let _ = to_writer(&mut *line, &String::from_utf8_lossy(name));
    line.push(b':');
    append(value, line);
}

fn list<'a, T: 'a>(
    [open, close]: &[u8; 2],
    items: impl Iterator<Item = &'a T>,
    line: &mut Vec<u8>,
    append: impl Fn(&T, &mut Vec<u8>),
) {
    line.push(*open);
    for (at, item) in items.enumerate() {
        if at > 0 {
            line.push(b',');
        }
        append(item, line);
    }
    line.push(*close);
}

/// The fields, each name once: ours are given once.
fn last_of_each(fields: &[(Name, Reply)]) -> Vec<&(Name, Reply)> {
    let (mut seen, mut last) = (HashSet::new(), vec![]);
    for field in fields.iter().rev() {
        let (name, _) = field;
        if matches!(name, Cow::Borrowed(_)) || seen.insert(String::from_utf8_lossy(name)) {
            last.push(field);
        }
    }
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_is_written() {
        let reply = Reply::map([
            ("a", Reply::Array(vec![Reply::OK, Reply::Int(-1), Reply::Double(0.5), Reply::Null])),
            ("b", Reply::bulk(&b"x\xff\"\n"[..])),
            ("nan", Reply::Double(f64::NAN)),
        ]);
        let expected = "{\"a\":[\"OK\",-1,0.5,null],\"b\":\"x\u{fffd}\\\"\\n\",\"nan\":null}";
        assert_eq!(write(&reply), expected.as_bytes());
    }

    #[test]
    fn a_name_of_users_is_written_once() {
        let names: [&[u8]; 5] = [b"a", b"\"", b"a", b"\xff", b"\xfe"];
        let named = |(at, name): (usize, &&[u8])| (name.to_vec().into(), Reply::count(at));
        let reply = Reply::Map(names.iter().enumerate().map(named).collect());
        let line = String::from_utf8(write(&reply)).unwrap();
        assert_eq!(line, "{\"\\\"\":1,\"a\":2,\"\u{fffd}\":4}");
        assert_eq!(write(&Reply::Map(vec![])), b"{}");
    }
}
