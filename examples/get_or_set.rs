//! Get or set with inval: one reader computes, the others wait, nothing stale is stored.
//! Needs: `cargo add redis`. `get_or_set` is for you to copy. `main` shows it:
//! `cargo run --example get_or_set -- url wait_ms key` reads the key, computed by waiting for a
//! value on the list `truth:<key>` (an empty one is a failure).

use redis::Value::{self, BulkString as Bytes, SimpleString as Word};
use redis::{Client, ConnectionLike, ErrorKind, RedisResult, cmd};

/// How often it is tried before a value is computed that is not cached.
const ROUNDS: usize = 3;

/// The bytes under `key`; where there are none, those of `compute`, which are then cached on these
/// terms (what `INVAL.FILL` takes: `["EX", "300", "TAGS", "1", "team:red"]`).
/// The connection is the reader's alone while it waits (one of a pool). `compute` reads the truth
/// anew each time, may be called again, and is done within `inval.token-ttl`.
fn get_or_set(
    client: &mut impl ConnectionLike,
    (key, terms, wait_ms): (&str, &[&str], u64),
    mut compute: impl FnMut() -> RedisResult<Vec<u8>>,
) -> RedisResult<Vec<u8>> {
    for _ in 0..ROUNDS {
        let fetched = cmd("INVAL.FETCH").arg(key).arg("WAIT").arg(wait_ms).query(client)?;
        let (stale, token) = match <Vec<Value>>::as_slice(&fetched) {
            [_, Bytes(stale), Bytes(token)] => (Some(stale), token),
            [Word(state), Bytes(token)] if state == "miss" => (None, token),
            // A hit, or stale without a token: another reader is refreshing it. Who has a token
            // could return the stale value at once, too, and do the rest in the background.
            [_, Bytes(value)] => return Ok(value.clone()),
            [Word(state)] if state == "busy" => continue,
            _ => break, // a replica gives no token: nothing can be stored there
        };
        let value = match (compute(), stale) {
            (Ok(value), _) => value,
            (Err(_), Some(stale)) => return Ok(stale.clone()),
            // Voids the token, so that the next in line has its turn now.
            (Err(error), None) => return cmd("DEL").arg(key).exec(client).and(Err(error)),
        };
        let fill = cmd("INVAL.FILL").arg((key, &value, "TOKEN", token, terms)).to_owned();
        if fill.query::<Vec<String>>(client)?.first().is_some_and(|word| word == "filled") {
            return Ok(value);
        } // Refused: an event came meanwhile, and the value may be from before it.
    }
    compute()
}

fn main() -> RedisResult<()> {
    let [url, wait_ms, key] = [1, 2, 3].map(|at| std::env::args().nth(at).unwrap_or_default());
    let server = Client::open(url)?;
    let compute = || {
        let pop = cmd("BLPOP").arg(format!("truth:{key}")).arg(0).to_owned();
        let (_, value): (String, Vec<u8>) = pop.query(&mut server.get_connection()?)?;
        let error = || (ErrorKind::ClientError, "empty").into();
        Some(value).filter(|value| !value.is_empty()).ok_or_else(error)
    };
    let terms = ["EX", "300", "GRACE", "60000", "TAGS", "1", "greetings"];
    let request = (key.as_str(), &terms[..], wait_ms.parse().unwrap_or(2000));
    let value = get_or_set(&mut server.get_connection()?, request, compute)?;
    Ok(std::io::Write::write_all(&mut std::io::stdout(), &[&value, &b"\n"[..]].concat())?)
}
