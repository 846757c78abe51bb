//! Bytes that are no text: names may hold them, texts may not, and no error shows them raw.

use std::io::{Read, Write};
use std::net::TcpStream;

use redis::Value;

use super::Scene;
use super::support::{Server, field, int, split};

/// Keys: NUL, bytes that are no UTF-8, line ends, UTF-8, quotes and glob signs.
const KEYS: [&[u8]; 6] =
    [b"k\0", b"k\xff\xfe", b"k\r\nk", b"k\xc3\xa9", b"k'\"\\ ", b"\0\x80\xff*?["];

/// All items of a list reply, as bytes.
fn items(value: &Value) -> Vec<Vec<u8>> {
    let Value::Array(items) = value else { panic!("{value:?} is no list") };
    let bytes = |item: &Value| match item {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?} is no bulk string"),
    };
    items.iter().map(bytes).collect()
}

/// A glob or regex for exactly these bytes.
fn escaped(bytes: &[u8], regex: bool) -> Vec<u8> {
    match regex {
        true => bytes.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).collect(),
        false => bytes.iter().flat_map(|byte| [b'\\', *byte]).collect(),
    }
}

#[test]
fn binary_keys_and_tags_work_like_any_others() {
    let server = Server::start();
    let mut client = server.client();
    for key in KEYS {
        let tag = [b"t", key].concat();
        let glob = escaped(key, false);
        let regex = [b"^", &escaped(key, true)[..], b"$"].concat();
        let ways: [&[&[u8]]; 6] = [
            &[b"KEYS", b"1", key],
            &[b"TAGS", b"1", &tag],
            &[b"TAGS", b"ALL", b"1", &tag, b"NOT", b"1", b"\xff"],
            &[b"GLOB", &glob],
            &[b"PREFIX", key],
            &[b"REGEX", &regex],
        ];
        for way in ways {
            client.call(&[b"SET", key, b"v"]).unwrap();
            client.call(&[b"SET", b"other", b"v"]).unwrap();
            assert_eq!(client.call(&[b"TAG.SET", key, &tag]), Ok(Value::Int(1)));
            assert_eq!(client.call(&[b"TAG.ADD", key, b"\xff"]), Ok(Value::Int(1)));
            assert_eq!(client.call(&[b"TAG.REM", key, b"\xff"]), Ok(Value::Int(1)));
            assert_eq!(items(&client.call(&[b"TAG.GET", key]).unwrap()), [&tag[..]]);
            assert_eq!(items(&client.call(&[b"TAG.KEYS", &tag]).unwrap()), [key]);
            assert_eq!(client.call(&[b"TAG.CARD", &tag]), Ok(Value::Int(1)));
            let glob = [b"t", &glob[..]].concat();
            let listed = client.call(&[b"TAG.LIST", b"MATCH", &glob]).unwrap();
            assert_eq!(items(&listed), [&tag[..]]);

            let explain = [&[&b"INVAL.EXPLAIN"[..], b"PURGE"], way].concat();
            assert_eq!(int(&client.call(&explain).unwrap(), "matched"), 1);
            let purge = [&[&b"INVAL.PURGE"[..]], way, &[b"KEYS"]].concat();
            let reply = client.call(&purge).unwrap();
            assert_eq!(items(field(&reply, "keys")), [key], "{way:?}");
            assert_eq!(client.keys(), ["other"], "{way:?}");
            assert_eq!(client.run("TAG.LIST"), Value::Array(vec![]));
        }
    }
    client.assert_sound();
}

#[test]
fn texts_that_are_not_utf8_are_refused() {
    let mut scene = Scene::new();
    let rule = br#"{"eventType":"e","tags":["t"]}"#;
    let rows: [(&[&[u8]], &str); 14] = [
        (&[b"INVAL.EVENT", b"e\xff"], r"event 'e\xff' is not UTF-8; send it as text"),
        (&[b"INVAL.EXPLAIN", b"EVENT", b"\xc3"], r"event '\xc3' is not UTF-8; send it as text"),
        (&[b"INVAL.EVENT", b"e", b"{\"a\":\"\xff\"}"], "payload is not valid JSON at line 1 .."),
        (&[b"INVAL.EVENT", b"e", b"{\"a\":\"\0\"}"], "payload is not valid JSON at line 1 .."),
        (&[b"INVAL.EVENT", b"e", b"{}\0"], "payload is not valid JSON at line 1 column 3: .."),
        (&[b"INVAL.RULE", b"SET", b"\xff", rule], r"name '\xff' is not UTF-8; send it as text"),
        (&[b"INVAL.RULE", b"SET", b"r", b"{\"\xff\":1}"], "rule document is not valid JSON .."),
        (&[b"INVAL.RULE", b"GET", b"\xff"], r"name '\xff' is not UTF-8; send it as text"),
        (&[b"INVAL.RULE", b"LIST", b"\xff"], r"event '\xff' is not UTF-8; send it as text"),
        (&[b"INVAL.RULE", b"ENABLE", b"\xff"], r"name '\xff' is not UTF-8; send it as text"),
        (&[b"INVAL.RULE", b"LOAD", b"[\xff]"], "rule document is not valid JSON at line 1 .."),
        (
            &[b"INVAL.RULE", b"ADD", b"r", b"ON", b"e", b"KEYS", b"1", b"k\xff"],
            r"key 'k\xff' is not UTF-8; send it as text",
        ),
        (
            &[b"INVAL.RULE", b"ADD", b"r", b"ON", b"e", b"TAGS", b"1", b"t", b"WHEN", b"\xff"],
            r"condition '\xff' is not UTF-8; send it as text",
        ),
        (
            &[b"INVAL.PURGE", b"REGEX", b"^\xff"],
            r"regex '^\xff' is not UTF-8; a byte is written \xNN",
        ),
    ];
    for (words, expected) in rows {
        scene.refuses(words, expected);
    }
    assert_eq!(scene.client.call(&[b"INVAL.RULE", b"DEL", b"\xff"]), Ok(Value::Int(0)));
}

/// A connection that shows replies byte by byte.
struct Raw(TcpStream);

impl Raw {
    /// Everything up to the answer to a question that follows.
    fn call(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let question = [b"ECHO".to_vec(), b"<the end>".to_vec()];
        for words in [words, &question] {
            write!(self.0, "*{}\r\n", words.len()).unwrap();
            for word in words {
                write!(self.0, "${}\r\n", word.len()).unwrap();
                self.0.write_all(word).unwrap();
                self.0.write_all(b"\r\n").unwrap();
            }
        }
        let end = b"$9\r\n<the end>\r\n";
        let mut reply = vec![];
        while !reply.ends_with(end) {
            let mut part = [0; 4096];
            let count = self.0.read(&mut part).unwrap();
            assert!(count > 0, "the connection is closed after {}", reply.escape_ascii());
            reply.extend_from_slice(&part[..count]);
        }
        reply.truncate(reply.len() - end.len());
        reply
    }

    /// The error, which is one line of ASCII.
    fn error(&mut self, words: &[Vec<u8>]) -> String {
        let reply = self.call(words);
        let line = reply.strip_prefix(b"-").and_then(|reply| reply.strip_suffix(b"\r\n"));
        let line = line.unwrap_or_else(|| panic!("{}", reply.escape_ascii()));
        let plain = |byte: &u8| *byte == b' ' || byte.is_ascii_graphic();
        assert!(line.iter().all(plain), "{}", line.escape_ascii());
        String::from_utf8(line.to_vec()).unwrap()
    }
}

#[test]
fn an_error_is_one_line_of_ascii_whatever_was_sent() {
    let mut scene = Scene::new();
    let mut raw = Raw(TcpStream::connect(("127.0.0.1", scene.server.port)).unwrap());
    // `@` stands for bytes that are no text, `#` for text.
    for (line, shown) in [
        ("TAG.GET @", ""),
        ("INVAL.EVENT @", "event 'z\\x00\\r\\n\\xff\\xc3\\xa9%s' is not UTF-8"),
        ("INVAL.EVENT kept {} @", "unexpected argument 'z\\x00\\r\\n\\xff\\xc3\\xa9%s'; usage: "),
        ("INVAL.PURGE KEYS @", "count 'z\\x00\\r\\n\\xff"),
        ("INVAL.PURGE GLOB [@", "unclosed '[' at byte 0 of glob '[z\\x00\\r\\n\\xff"),
        ("INVAL.PURGE REGEX @", "regex 'z\\x00\\r\\n\\xff"),
        ("INVAL.PURGE REGEX (#", "regex '(z\\x00\\r\\n\\xc3\\xa9%s': unclosed group"),
        ("TAG.KEYS t1 CURSOR @", "cursor 'z\\x00\\r\\n\\xff"),
        ("TAG.SET inval:@ t", "key 'inval:z\\x00\\r\\n\\xff"),
        ("INVAL.RULE ENABLE #", "no rule 'z"),
        ("INVAL.RULE ADD # ON e", "rule 'z"),
        ("INVAL.RULE ADD r ON e KEYS 1 {#", "rule 'r': unclosed '{' at byte 0 of '{z"),
        ("INVAL.RULE ADD r ON e KEYS 1 {.#}", "rule 'r': '{.z"),
        ("INVAL.RULE ADD r ON e KEYS 1 inval:#", "rule 'r': key 'inval:z"),
        ("INVAL.RULE ADD r ON e TAGS 1 t WHEN #", "rule 'r': condition 'z"),
        ("INVAL.RULE ADD r ON e TAGS 1 t PRIORITY #", "rule 'r': priority 'z"),
        ("INVAL.RULE SET # {\"name\":\"x\"}", "the document names the rule 'x', the command 'z"),
        ("INVAL.RULE SET r {\"\\u0000\\r\\n\\u00e9\":1}", "bad rule: unknown field `"),
    ] {
        let word = |word: &Vec<u8>| {
            let bytes = |byte: &u8| match byte {
                b'@' => b"z\0\r\n\xff\xc3\xa9%s".to_vec(),
                b'#' => b"z\0\r\n\xc3\xa9%s".to_vec(),
                byte => vec![*byte],
            };
            word.iter().flat_map(bytes).collect()
        };
        let words: Vec<Vec<u8>> = split(line).iter().map(word).collect();
        if shown.is_empty() {
            assert_eq!(raw.call(&words), b"*0\r\n", "{line}");
            continue;
        }
        let error = raw.error(&words);
        assert!(error.starts_with(&format!("ERR {shown}")), "{line}: {error}");
    }
    assert_eq!(super::all(&mut scene.client), scene.before);
}

/// The server adds its words before the module's.
#[test]
fn a_bad_fence_is_told_in_one_line_of_ascii() {
    let mut scene = Scene::new();
    let mut raw = Raw(TcpStream::connect(("127.0.0.1", scene.server.port)).unwrap());
    for fence in [&b"a[\xc3\xa9"[..], b"a\0b[", b"a\r\nb[", b"a\xff"] {
        let words = [&b"CONFIG"[..], b"SET", b"inval.fence", fence].map(<[u8]>::to_vec);
        let error = raw.error(&words);
        let told = error.contains("glob '") && error.ends_with(" for the character itself");
        assert!(told || error.ends_with("is not UTF-8"), "{}: {error}", fence.escape_ascii());
    }
    assert_eq!(super::all(&mut scene.client), scene.before);
}
