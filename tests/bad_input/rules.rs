//! Rules that are refused, one at a time and as documents.

use super::{Scene, rows};

#[test]
fn bad_rules_are_refused() {
    let mut scene = Scene::new();
    let table = rows(
        r#"
{  -> rule document is not valid JSON at line 1 column 1: EOF while parsing an object
{"eventType":"e","tags":["t",]}  -> rule document is not valid JSON at line 1 column 30: trailing comma
{"eventType":"e","tag":["t"]}  -> bad rule: unknown field `tag`, expected one of `name`, `eventType`, ..
{"eventType":7,"tags":["t"]}  -> bad rule: invalid type: number, expected a string
{"eventType":"e","tags":"t"}  -> bad rule: invalid type: string "t", expected a sequence
{"eventType":"e","tags":[1]}  -> bad rule: invalid type: number, expected a string
{"eventType":"e","tags":["t"],"warmCache":"yes"}  -> bad rule: invalid type: string "yes", expected a boolean
{"eventType":"e","tags":["t"],"warmCache":true,"warmDelay":-1}  -> rule 'r': warmDelay '-1' is not a whole number of milliseconds from 0 to 3600000
{"eventType":"e","tags":["t"],"warmCache":true,"warmDelay":3600001}  -> rule 'r': warmDelay '3600001' is not a whole number of milliseconds from 0 to 3600000
{"eventType":"e","tags":["t"],"warmDelay":5}  -> rule 'r': warmDelay without warmCache: none of the rule's keys is queued; set "warmCache": true, or leave it out
{"eventType":"e","tags":["t"],"warmCache":false,"warmHot":true}  -> rule 'r': warmHot without warmCache: ..
{"eventType":"e","tags":["t"],"enabled":null}  -> bad rule: invalid type: null, expected a boolean
{"name":"x","eventType":"e","tags":["t"]}  -> the document names the rule 'x', the command 'r'; leave "name" out or make them equal
{"tags":["t"]}  -> rule 'r': no "eventType"; name the event, or a glob over events such as "order.*"
{"eventType":"e"}  -> rule 'r': no targets; give at least one of "cacheKeys", "patterns", "tags" or "emit"
{"eventType":"e","emit":["e"]}  -> events would follow from each other in a circle: rule 'r' -> rule 'r'; take one "emit" out
{"eventType":"e","emit":[""]}  -> rule 'r': empty emitted event; give it at least one byte
{"eventType":"e","emit":[{"event":"f","fields":{"id":"a..b"}}]}  -> rule 'r': field 'id' of the emitted event 'f' is not a path; ..
{"eventType":"e","emit":[{"event":"f","field":{}}]}  -> bad rule: ..
{"eventType":"e","tags":["t"],"batchSize":5}  -> rule 'r': "batchSize" and "batchTimeout" are for rules with "batched": true; add it, or leave them out
{"eventType":"e","tags":["t"],"batched":true,"batchSize":0}  -> rule 'r': batchSize '0' is not a whole number of events from 1 to 10000
{"eventType":"e","tags":["t"],"batched":true,"batchTimeout":3600001}  -> rule 'r': batchTimeout '3600001' is not a whole number of milliseconds from 1 to 3600000
{"eventType":"e","tags":["t"],"batched":"yes"}  -> bad rule: invalid type: string "yes", expected a boolean
{"eventType":"e[","tags":["t"]}  -> rule 'r': unclosed '[' at byte 1 of glob 'e['; ..
{"eventType":"e","priority":"urgent","tags":["t"]}  -> rule 'r': priority 'urgent' is not one of high, medium, low
{"eventType":"e","cacheKeys":[""]}  -> rule 'r': empty key; give it at least one byte
{"eventType":"e","tags":[""]}  -> rule 'r': empty tag; give it at least one byte
{"eventType":"e","patterns":[""]}  -> rule 'r': empty regex; give it at least one byte
{"eventType":"e","cacheKeys":["inval:warm"]}  -> rule 'r': key 'inval:warm' belongs to the module; ..
{"eventType":"e","cacheKeys":["a[b"]}  -> rule 'r': unclosed '[' at byte 1 of glob 'a[b'; close it with ']', or write '\[' for the character itself
{"eventType":"e","patterns":["^a(b"]}  -> rule 'r': regex '^a(b': unclosed group; to match a special character itself, put '\' before it
{"eventType":"e","patterns":["^a[b"]}  -> rule 'r': regex '^a[b': unclosed character class; ..
{"eventType":"e","patterns":["a(?=b)"]}  -> rule 'r': regex 'a(?=b)': look-around, including look-ahead and look-behind, is not supported; ..
{"eventType":"e","patterns":["(a{1000}){1000}"]}  -> rule 'r': regex '(a{1000}){1000}' is larger than 1048576 bytes when compiled; use smaller repetitions
{"eventType":"e","cacheKeys":["u:{id"]}  -> rule 'r': unclosed '{' at byte 2 of 'u:{id'; close the placeholder with '}', or write '{{' for a literal brace
{"eventType":"e","cacheKeys":["u:{}"]}  -> rule 'r': '{}' in 'u:{}' is not a placeholder; write a field path such as {userId}, ..
{"eventType":"e","tags":["{a..b}"]}  -> rule 'r': '{a..b}' in '{a..b}' is not a placeholder; ..
{"eventType":"e","tags":["u}"]}  -> rule 'r': lone '}' in 'u}'; write '}}' for a literal brace
{"eventType":"e","tags":["t"],"when":"a ="}  -> rule 'r': condition 'a =': expected a value such as "paid", 42, true or null, found the end, at byte 3
{"eventType":"e","tags":["t"],"when":"a == 1"}  -> rule 'r': condition 'a == 1': expected a value such as "paid", 42, true or null, found '=', at byte 3
{"eventType":"e","tags":["t"],"when":"= 1"}  -> rule 'r': condition '= 1': expected a field path such as status or product.id, found '=', at byte 0
{"eventType":"e","tags":["t"],"when":"(exists a"}  -> rule 'r': condition '(exists a': expected ')', found the end, at byte 9
{"eventType":"e","tags":["t"],"when":"a in 1"}  -> rule 'r': condition 'a in 1': expected '(', found '1', at byte 5
{"eventType":"e","tags":["t"],"when":"a = 1 b"}  -> rule 'r': condition 'a = 1 b': expected 'and', 'or' or the end, found 'b', at byte 6
"#,
    );
    for (json, expected) in table {
        scene.refuses(&[b"INVAL.RULE", b"SET", b"r", json.as_bytes()], expected);
    }
    let long = "x".repeat(2000);
    for (json, expected) in [
        (
            format!(r#"{{"eventType":"e","patterns":["{long}"]}}"#),
            "rule 'r': pattern of 2000 bytes is longer than the limit of 1024; use a shorter ..",
        ),
        (
            format!(r#"{{"eventType":"e","cacheKeys":["{long}*"]}}"#),
            "rule 'r': pattern of 2001 bytes is longer than the limit of 1024; ..",
        ),
        (
            format!(r#"{{"eventType":"{long}","tags":["t"]}}"#),
            "rule 'r': event of 2000 bytes is longer than the limit of 512; use a shorter one",
        ),
        (
            "[".repeat(100_000),
            "rule document is not valid JSON at line 1 column 128: recursion limit exceeded",
        ),
        (
            format!(r#"{{"eventType":"e","tags":["t"],"when":"{}"}}"#, "(".repeat(2000)),
            "rule 'r': condition '(((..",
        ),
        (
            " ".repeat((4 << 20) + 1),
            "rule document of 4194305 bytes is larger than the limit of 4194304; load it in parts",
        ),
    ] {
        scene.refuses(&[b"INVAL.RULE", b"SET", b"r", json.as_bytes()], expected);
    }
    for (line, expected) in rows(
        r#"
INVAL.RULE ADD r kept KEYS 1 a  -> missing ON event; usage: INVAL.RULE ADD name ON event ..
INVAL.RULE ADD r ON e KEYS 1 a x  -> unexpected argument 'x'; usage: INVAL.RULE ADD ..
INVAL.RULE ADD r ON e KEYS 2 a  -> 2 keys announced, 1 words left; usage: INVAL.RULE ADD ..
INVAL.RULE ADD r ON e TAGS 1 t WHEN  -> missing condition; usage: INVAL.RULE ADD ..
INVAL.RULE ADD r ON e TAGS 1 t WHEN 'a ='  -> rule 'r': condition 'a =': expected a value ..
INVAL.RULE ADD r ON e TAGS 1 t PRIORITY top  -> rule 'r': priority 'top' is not one of high, medium, low
INVAL.RULE ADD keep ON e TAGS 1 t  -> rule 'keep' exists; change it with INVAL.RULE SET, or delete it first
INVAL.RULE ADD '' ON '' TAGS 1 t  -> rule '': no "eventType"; ..
INVAL.RULE ENABLE keep nope  -> no rule 'nope'; INVAL.RULE LIST shows their names
INVAL.RULE DISABLE keep nope  -> no rule 'nope'; INVAL.RULE LIST shows their names
"#,
    ) {
        scene.refuses_line(line, expected);
    }
}

#[test]
fn a_document_is_taken_whole_or_not_at_all_and_every_error_is_named() {
    let mut scene = Scene::new();
    for (json, expected) in rows(
        r#"
3  -> rule document is a number; send one rule object, an array of them, or {"rules": [...]}
"text"  -> rule document is a string; send ..
null  -> rule document is null; send ..
{"rules":{}}  -> bad rule: `rules` is an object, expected an array of rules
{"rules":[],"x":1}  -> bad rule: unknown field `x` beside `rules`
[{"eventType":"e","tags":["t"]},{"eventType":"e","tags":["u"]}]  -> rules[1]: rule 'e' appears twice; give each rule its own "name"
[{"eventType":"ok","tags":["t"]},{"eventType":"x"},{"eventType":"y","tags":[1]},{"name":"z","tags":["t"]}]  -> rules[1]: rule 'x': no targets; give at least one of "cacheKeys", "patterns", "tags" or "emit" | rules[2]: bad rule: invalid type: number, expected a string | rules[3]: rule 'z': no "eventType"; name the event, or a glob over events such as "order.*"
{"rules":[{"eventType":"ok","tags":["t"]}  -> rule document is not valid JSON at line 1 column 41: EOF while parsing a list
"#,
    ) {
        scene.refuses(&[b"INVAL.RULE", b"LOAD", json.as_bytes()], expected);
        scene.refuses(&[b"INVAL.RULE", b"LOAD", json.as_bytes(), b"REPLACE"], expected);
    }
    let rule = |at| format!(r#"{{"eventType":"e{at}","tags":["t"]}}"#);
    let many = format!("[{}]", (0..10_001).map(rule).collect::<Vec<_>>().join(","));
    let expected = "10001 rules are more than the limit of 10000; split them up";
    scene.refuses(&[b"INVAL.RULE", b"LOAD", many.as_bytes(), b"REPLACE"], expected);
}

/// An array must not be read as the fields of a rule in the order of our source.
#[test]
fn what_is_no_object_is_no_rule() {
    let mut scene = Scene::new();
    for (document, expected) in rows(
        r#"
["","e",["k"]]  -> rule document is an array; ..
[1]  -> rule document is an array; ..
[]  -> rule document is an array; ..
3  -> rule document is a number; ..
"text"  -> rule document is a string; ..
null  -> rule document is null; ..
"#,
    ) {
        scene.refuses(&[b"INVAL.RULE", b"SET", b"r", document.as_bytes()], expected);
    }
    scene.refuses(&[b"INVAL.RULE", b"LOAD", br#"[["","e",["k"]]]"#], "rules[0]: ..");
}

/// Errors go into logs and onto screens; what was sent comes back cut.
#[test]
fn an_error_is_short_however_long_the_input() {
    let mut scene = Scene::new();
    let huge = "x".repeat(1 << 20);
    let rule = |field: &str| format!(r#"{{"eventType":"e","tags":["t"],{field}}}"#);
    let documents = [
        rule(&format!(r#""{huge}":1"#)),
        rule(&format!(r#""priority":"{huge}""#)),
        rule(&format!(r#""name":"{huge}""#)),
        rule(&format!(r#""enabled":"{huge}""#)),
        rule(&format!(r#""cacheKeys":["{{{huge}"]"#)),
        rule(&format!(r#""cacheKeys":["{huge}}}"]"#)),
        format!("[{}0]", "0,".repeat(1 << 20)),
    ];
    for document in &documents {
        for command in [&[&b"SET"[..], b"r"][..], &[b"LOAD"]] {
            let words = [&[&b"INVAL.RULE"[..]], command, &[document.as_bytes()]].concat();
            let Err(error) = scene.client.call(&words) else { panic!("taken") };
            assert!(error.len() < 10_000, "{} bytes: {:.200}", error.len(), error);
        }
    }
    let words: [&[u8]; 3] = [b"INVAL.RULE", b"ENABLE", huge.as_bytes()];
    let Err(error) = scene.client.call(&words) else { panic!("taken") };
    assert!(error.len() < 10_000, "{} bytes: {:.200}", error.len(), error);
}

/// What is cut is what was sent, and not what is wrong with it.
#[test]
fn a_cut_error_still_says_why() {
    let mut scene = Scene::new();
    let huge = "x".repeat(1 << 20);
    for (line, why) in rows(
        r#"
INVAL.RULE ADD @ ON e TAGS 1 t  -> is longer than the limit of 512
INVAL.RULE LOAD {"eventType":"@","tags":["t"]}  -> is longer than the limit of 512
INVAL.RULE LOAD {"name":"@","eventType":"e"}  -> is longer than the limit of 512
INVAL.RULE SET r {"name":"@","eventType":"e","tags":["t"]}  -> leave "name" out or make them equal
INVAL.RULE ADD r ON e TAGS 1 t PRIORITY @  -> is not one of high, medium, low
INVAL.RULE ADD r ON e TAGS 1 {@  -> close the placeholder
INVAL.RULE ENABLE @  -> INVAL.RULE LIST shows their names
"#,
    ) {
        let words: Vec<String> = line.split(' ').map(|word| word.replace('@', &huge)).collect();
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let Err(error) = scene.client.call(&words) else { panic!("{line}: taken") };
        assert!(error.contains(why), "{line}: {error:.100} ... ({} bytes)", error.len());
    }
}
