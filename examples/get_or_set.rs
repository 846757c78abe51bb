//! Get or set with inval: one reader computes, the others wait, nothing stale is stored.
//!
//! Needs: `cargo add redis`. `get_or_set` is for you to copy. `main` shows it:
//! `cargo run --example get_or_set -- url wait_ms key` reads the key. To compute is to wait there
//! for a value to be pushed onto the list `truth:<key>`; an empty one is a failure.

use std::io::Write;

use redis::Value::{self, BulkString as Bytes, SimpleString as Word};
use redis::{Client, ConnectionLike, ErrorKind, RedisError, RedisResult, cmd};

/// How often it is tried before a value is computed that is not cached.
const ROUNDS: usize = 3;

/// The bytes under `key`; where there are none, those of `compute`, which are then cached.
///
/// The connection is the reader's alone while it waits (one of a pool). `compute` reads the truth
/// anew each time, may be called again, and is done within `inval.token-ttl`.
fn get_or_set<E: From<RedisError>>(
    client: &mut impl ConnectionLike,
    key: &str,
    mut compute: impl FnMut() -> Result<Vec<u8>, E>,
    ttl_s: u64,
    grace_ms: Option<u64>,
    tags: &[&str],
    wait_ms: u64,
) -> Result<Vec<u8>, E> {
    for _ in 0..ROUNDS {
        let mut fetch = cmd("INVAL.FETCH");
        let reply: Vec<Value> = fetch.arg(key).arg("WAIT").arg(wait_ms).query(client)?;
        let (stale, token) = match reply.as_slice() {
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
            (Err(error), None) => {
                // Voids the token, so that the next in line has its turn now.
                cmd("DEL").arg(key).exec(client)?;
                return Err(error);
            }
        };
        let mut fill = cmd("INVAL.FILL");
        fill.arg(key).arg(&value).arg("TOKEN").arg(token).arg("EX").arg(ttl_s);
        fill.arg(grace_ms.map(|ms| ("GRACE", ms)));
        fill.arg((!tags.is_empty()).then_some(("TAGS", tags.len(), tags)));
        if fill.query::<Vec<String>>(client)?.first().is_some_and(|word| word == "filled") {
            return Ok(value);
        }
        // Refused: an event came meanwhile, and the value may be from before it.
    }
    compute()
}

fn main() -> RedisResult<()> {
    let mut args = std::env::args().skip(1);
    let server = Client::open(args.next().unwrap_or_default())?;
    let wait_ms = args.next().and_then(|ms| ms.parse().ok()).unwrap_or(2000);
    let key = args.next().unwrap_or_default();
    let compute = || {
        let pop = cmd("BLPOP").arg(format!("truth:{key}")).arg(0).to_owned();
        let (_, value): (String, Vec<u8>) = pop.query(&mut server.get_connection()?)?;
        let empty = || RedisError::from((ErrorKind::ClientError, "empty"));
        Some(value).filter(|value| !value.is_empty()).ok_or_else(empty)
    };
    let (mut client, tags) = (server.get_connection()?, ["greetings"]);
    let value = get_or_set(&mut client, &key, compute, 300, Some(60_000), &tags, wait_ms)?;
    Ok(std::io::stdout().write_all(&[&value, "\n".as_bytes()].concat())?)
}
