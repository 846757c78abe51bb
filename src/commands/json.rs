//! A reply as JSON, for programs that speak no RESP.

use serde_json::{Map, Number, Value};

use super::reply::Reply;

/// Writes a reply as one line of JSON. Bytes that are not UTF-8 are replaced; of a name that a map
/// has twice the last value counts.
pub fn write(reply: &Reply) -> String {
    value(reply).to_string()
}

fn value(reply: &Reply) -> Value {
    match reply {
        Reply::Simple(text) => Value::from(&**text),
        Reply::Int(number) => Value::from(*number),
        Reply::Double(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Reply::Bulk(bytes) => Value::from(String::from_utf8_lossy(bytes)),
        Reply::Null | Reply::Later => Value::Null,
        Reply::Array(items) => Value::Array(items.iter().map(value).collect()),
        Reply::Map(fields) => {
            let field = |(name, of): &(Vec<u8>, Reply)| {
                (String::from_utf8_lossy(name).into_owned(), value(of))
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
    }
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
        assert_eq!(write(&reply), expected);
    }
}
