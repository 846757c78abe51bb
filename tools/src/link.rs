//! The connection to a server, and all that is asked of it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{
    Connection, ConnectionInfo, ConnectionLike, ErrorKind, IntoConnectionInfo, RedisError, Value,
};

use crate::model::node::Node;
use crate::model::snapshot::{Replies, Snapshot, Unanswered};
use crate::model::words::printable;

/// How long a server may take to accept a connection, and to answer. Longer than any look takes,
/// and short enough for who waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rows asked for in each section: more than a page of HTML wants to show.
const ROWS: &str = "100";

/// Entries asked for of what was invalidated most often.
const TOP_ROWS: &str = "30";

/// Entries asked for of the log.
const LOG_ROWS: &str = "128";

/// The environment variable with the password, for those who want it in no list of processes.
const PASSWORD: &str = "INVAL_PASSWORD";

/// A server to look at.
#[derive(Clone, Debug)]
pub struct Target {
    info: ConnectionInfo,
    /// Its address without user and password, as it may be shown.
    pub shown: String,
}

impl Target {
    /// Reads an address such as `redis://user:password@host:port/db`.
    ///
    /// # Errors
    /// One line: why it is none.
    pub fn parse(url: &str) -> Result<Self, String> {
        let example = "write it as redis://user:password@host:6379/0 or unix:///path/of/the.sock";
        // `host:port` alone is what people type first.
        let with_scheme = match url.contains("://") {
            true => url.to_owned(),
            false => format!("redis://{url}"),
        };
        let bare = with_scheme.split_once('@').map_or(with_scheme.as_str(), |(_, host)| host);
        let shown = printable(bare.split('?').next().unwrap_or(bare).as_bytes());
        let shown = shown.trim_start_matches("redis://").trim_start_matches("rediss://").to_owned();
        // The library's own words may hold the password, so they are not told.
        let mut info = with_scheme.as_str().into_connection_info().map_err(|error| {
            format!("{shown}: no address of a server ({:?}); {example}", error.kind())
        })?;
        if info.redis.password.is_none() {
            info.redis.password = std::env::var(PASSWORD).ok().filter(|word| !word.is_empty());
        }
        Ok(Self { info, shown })
    }
}

/// Why a server could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no connection; another try may help.
    Unreachable(String),
    /// The server wants another user or password.
    Password(String),
    /// The server has no such module.
    NoModule(String),
    /// The user may not ask for what is needed.
    Forbidden(String),
}

impl Trouble {
    /// Whether the same may work a little later.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Password(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            Self::Password(server) => write!(
                f,
                "{server} refuses user and password; give them as redis://user:password@host:port, \
                 or the password as {PASSWORD}"
            ),
            Self::NoModule(server) => write!(
                f,
                "{server} runs without the module inval; load it with MODULE LOAD /path/to/libinval.so, \
                 or start the server with --loadmodule /path/to/libinval.so"
            ),
            Self::Forbidden(server) => write!(
                f,
                "{server} does not let this user ask for INVAL.STATS; as an administrator: \
                 ACL SETUSER <user> +info +inval.stats +inval.health +inval.top +inval.log"
            ),
        }
    }
}

/// A connection to a server.
pub struct Link {
    connection: Connection,
    shown: String,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// Nobody answers, or not to this user.
    pub fn open(target: &Target) -> Result<Self, Trouble> {
        install_cryptography();
        let shown = target.shown.clone();
        let open = || {
            let client = redis::Client::open(target.info.clone())?;
            let connection = client.get_connection_with_timeout(PATIENCE)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { connection, shown }),
            Err(error) => Err(trouble(&shown, &error)),
        }
    }

    /// Asks for everything once.
    ///
    /// # Errors
    /// The connection is gone, or the server has no statistics to give.
    pub fn look(&mut self) -> Result<Snapshot, Trouble> {
        let mut replies = Replies { now_ms: now_ms(), ..Replies::default() };
        replies.stats = match self.ask(&["INVAL.STATS", "COUNT", ROWS]) {
            // An older module takes no COUNT.
            Err(error) if refused(&error) => self.ask(&["INVAL.STATS"]),
            reply => reply,
        }
        .map_err(|error| trouble(&self.shown, &error))?;
        replies.info = match self.optional(&mut replies, "INFO", &["INFO", "default", "inval"])? {
            Node::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => String::new(),
        };
        replies.health = self.optional(&mut replies, "INVAL.HEALTH", &["INVAL.HEALTH"])?;
        let top = ["INVAL.TOP", "COUNT", TOP_ROWS];
        replies.top = self.optional(&mut replies, "INVAL.TOP", &top)?;
        let log = ["INVAL.LOG", "GET", LOG_ROWS];
        replies.log = self.optional(&mut replies, "INVAL.LOG", &log)?;
        Ok(Snapshot::of(replies))
    }

    /// Asks for what a look can do without.
    fn optional(
        &mut self,
        replies: &mut Replies,
        command: &'static str,
        words: &[&str],
    ) -> Result<Node, Trouble> {
        match self.ask(words) {
            Ok(node) => Ok(node),
            Err(error) if refused(&error) => {
                let why = printable(error.to_string().as_bytes());
                replies.unanswered.push(Unanswered { command, why });
                Ok(Node::Null)
            }
            Err(error) => Err(trouble(&self.shown, &error)),
        }
    }

    fn ask(&mut self, words: &[&str]) -> Result<Node, RedisError> {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        self.connection.req_command(&command).and_then(Value::extract_error).map(node)
    }
}

/// Whether the server answered, with an error.
fn refused(error: &RedisError) -> bool {
    error.code().is_some_and(|code| code != "NOAUTH")
}

fn trouble(shown: &str, error: &RedisError) -> Trouble {
    let said = printable(error.to_string().as_bytes());
    let server = shown.to_owned();
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            Trouble::Password(server)
        }
        (_, Some("NOPERM")) => Trouble::Forbidden(server),
        (_, Some("ERR")) if said.to_lowercase().contains("unknown command") => {
            Trouble::NoModule(server)
        }
        _ => Trouble::Unreachable(format!("{shown} does not answer: {said}")),
    }
}

/// The reply as a tree.
fn node(value: Value) -> Node {
    match value {
        Value::Int(number) => Node::Int(number),
        Value::Double(number) => Node::Double(number),
        Value::Boolean(flag) => Node::Int(i64::from(flag)),
        Value::BulkString(bytes) => Node::Text(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
            Node::Text(text.into_bytes())
        }
        Value::Okay => Node::text("OK"),
        Value::Array(items) | Value::Set(items) => {
            Node::List(items.into_iter().map(node).collect())
        }
        Value::Map(fields) => {
            Node::Map(fields.into_iter().map(|(name, value)| (node(name), node(value))).collect())
        }
        Value::Attribute { data, .. } => node(*data),
        _ => Node::Null,
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(feature = "tls")]
fn install_cryptography() {
    // Fails only where it is done already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(not(feature = "tls"))]
fn install_cryptography() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379", "127.0.0.1:6379"),
            ("redis://me:secret@host:1/2?protocol=resp3", "host:1/2"),
            ("host:7", "host:7"),
            ("unix:///tmp/a.sock", "unix:///tmp/a.sock"),
        ] {
            assert_eq!(Target::parse(url).unwrap().shown, shown);
        }
        let error = Target::parse("redis://me:secret@:x").unwrap_err();
        assert!(!error.contains("secret") && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn replies_become_trees() {
        let value = Value::Map(vec![(
            Value::SimpleString("a".to_owned()),
            Value::Array(vec![Value::Int(1), Value::Nil, Value::Boolean(true), Value::Double(0.5)]),
        )]);
        let items = vec![Node::Int(1), Node::Null, Node::Int(1), Node::Double(0.5)];
        assert_eq!(node(value).get("a"), &Node::List(items));
    }

    #[test]
    fn every_trouble_is_one_line_with_its_remedy() {
        let server = || "host:1".to_owned();
        for (trouble, remedy) in [
            (Trouble::Password(server()), "redis://user:password@"),
            (Trouble::NoModule(server()), "MODULE LOAD"),
            (Trouble::Forbidden(server()), "ACL SETUSER"),
        ] {
            let text = trouble.to_string();
            assert!(text.starts_with("host:1 ") && text.contains(remedy), "{text}");
            assert!(text.is_ascii() && text.lines().count() == 1, "{text}");
        }
    }
}
