//! A real server per test: its own port, its own directory, gone when the test ends.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test file uses a part; a test may panic"
)]

pub mod examples;
pub mod process;
pub mod resp;
pub mod state;
pub mod wire;
pub mod world;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, net, thread};

use redis::{Connection, ConnectionLike, RedisError, Value};

/// How long a condition may take to come true. Long: machines are shared.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds; `what` is told when it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The module of this very build: `cargo test` puts it beside the test binary, and nowhere else.
pub fn module_path() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    deps.join(format!("{}inval{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
}

/// The server under test; `INVAL_SERVER` names another one.
pub fn server_binary() -> String {
    env::var("INVAL_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// A running server.
pub struct Server {
    child: Child,
    args: Vec<String>,
    pub port: u16,
    pub dir: PathBuf,
}

impl Server {
    /// Starts a server with the module.
    pub fn start() -> Self {
        Self::with_args(&[])
    }

    /// Starts a server with the module and these arguments: those of the module, then
    /// options of the server, which start with `--`.
    pub fn with_args(args: &[&str]) -> Self {
        let module = module_path();
        let mut all = vec!["--loadmodule", module.to_str().unwrap()];
        all.extend(args);
        Self::without_module(&all)
    }

    /// Starts a server with nothing but these arguments.
    pub fn without_module(args: &[&str]) -> Self {
        // Another process may take the port between our look and the server's.
        for _ in 0..5 {
            if let Ok(server) = Self::try_start(args) {
                return server;
            }
        }
        panic!("{}", Self::try_start(args).err().unwrap());
    }

    /// Starts a server; gives its log when it does not come up.
    pub fn try_start(args: &[&str]) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let port = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("server-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let child = spawn(port, &dir, &args);
        let mut server = Self { child, args, port, dir };
        server.wait_until_ready().map(|()| server)
    }

    /// Kills the server, as a power cut would, and starts it again on its data.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().unwrap_or_else(|log| panic!("no restart: {log}"));
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed server again on its data; gives its log when it does not come up.
    pub fn restart(&mut self) -> Result<(), String> {
        let _ = fs::remove_file(self.dir.join("log"));
        self.child = spawn(self.port, &self.dir, &self.args);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return Err(self.log());
            }
            let ready = self.try_client().is_ok_and(|mut client| client.try_run("PING").is_ok());
            // The child must still be ours: another server may have the port.
            if ready && self.child.try_wait().unwrap().is_none() {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "the server does not answer: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        // Not all of it is UTF-8 where damaged data is told.
        let bytes = fs::read(self.dir.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A new RESP3 connection.
    pub fn client(&self) -> Client {
        self.try_client().unwrap()
    }

    /// A new RESP2 connection.
    pub fn resp2_client(&self) -> Client {
        let url = format!("redis://127.0.0.1:{}", self.port);
        Client(redis::Client::open(url).unwrap().get_connection().unwrap())
    }

    fn try_client(&self) -> Result<Client, RedisError> {
        let url = format!("redis://127.0.0.1:{}/?protocol=resp3", self.port);
        Ok(Client(redis::Client::open(url)?.get_connection()?))
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

fn spawn(port: u16, dir: &Path, args: &Vec<String>) -> Child {
    Command::new(server_binary())
        .args(["--port", &port.to_string(), "--dir", dir.to_str().unwrap(), "--logfile", "log"])
        .args(["--save", "", "--bind", "127.0.0.1"])
        .args(["--enable-debug-command", "yes", "--enable-module-command", "yes"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{}: {error}; run make deps, or set INVAL_SERVER", server_binary())
        })
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// A connection. Command lines are split as redis-cli splits them: by spaces, with single and
/// double quotes; `\xNN` works in double quotes.
pub struct Client(pub Connection);

impl Client {
    /// Runs a command line that must succeed.
    pub fn run(&mut self, line: &str) -> Value {
        self.try_run(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Runs a command line that must fail; gives the error as the server wrote it.
    pub fn error(&mut self, line: &str) -> String {
        match self.try_run(line) {
            Ok(value) => panic!("{line} succeeded: {value:?}"),
            Err(error) => error,
        }
    }

    /// Runs a command line.
    pub fn try_run(&mut self, line: &str) -> Result<Value, String> {
        let words = split(line);
        self.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Runs a command given as words.
    pub fn call(&mut self, words: &[&[u8]]) -> Result<Value, String> {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        self.0.req_command(&command).and_then(Value::extract_error).map_err(|error| {
            let code = error.code().unwrap_or("ERR").to_owned();
            let detail = error.detail().map(str::to_owned).unwrap_or_else(|| error.to_string());
            format!("{code} {detail}")
        })
    }

    /// Runs a command line whose reply is a number.
    pub fn int(&mut self, line: &str) -> i64 {
        match self.run(line) {
            Value::Int(value) => value,
            other => panic!("{line}: {other:?} is no number"),
        }
    }

    /// Runs a command line whose reply is a list; gives it sorted.
    pub fn sorted(&mut self, line: &str) -> Vec<String> {
        let mut texts = texts(&self.run(line));
        texts.sort_unstable();
        texts
    }

    /// All key names of the selected database, sorted.
    pub fn keys(&mut self) -> Vec<String> {
        self.sorted("KEYS *")
    }

    /// SET for each of the names.
    pub fn set_all(&mut self, names: &[&str]) {
        for name in names {
            self.call(&[b"SET", name.as_bytes(), b"v"]).unwrap();
        }
    }

    /// A field of `INFO inval`.
    pub fn info(&mut self, field: &str) -> i64 {
        let text = text(&self.run("INFO inval"));
        let prefix = format!("inval_{field}:");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {field} in {text}")).trim().parse().unwrap()
    }

    /// What every test may ask at its end: nothing was deferred, lost or caught.
    pub fn assert_sound(&mut self) {
        for field in ["changes_deferred", "dead_names", "panics_caught", "state_suspect"] {
            assert_eq!(self.info(field), 0, "{field}");
        }
        let keyspace = text(&self.run("INFO keyspace"));
        let counts = keyspace
            .lines()
            .filter_map(|line| line.split_once("keys=")?.1.split(',').next()?.parse::<i64>().ok());
        let live: i64 = counts.sum();
        // The module's own keys are not indexed; in tests only database 0 has one.
        let own =
            self.int("EXISTS inval:warm:high inval:warm:medium inval:warm:low inval:warm:dead");
        assert_eq!(self.info("keys"), live - own, "index and keyspace differ");
    }
}

/// A field of a map reply, in RESP3 or RESP2 form.
pub fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    let is = |value: &Value| text(value) == name;
    let found = match value {
        Value::Map(fields) => fields.iter().find(|(field, _)| is(field)).map(|(_, value)| value),
        Value::Array(items) => items.chunks(2).find(|pair| is(&pair[0])).map(|pair| &pair[1]),
        _ => None,
    };
    found.unwrap_or_else(|| panic!("no {name} in {value:?}"))
}

/// A number field of a map reply.
pub fn int(value: &Value, name: &str) -> i64 {
    match field(value, name) {
        Value::Int(value) => *value,
        other => panic!("{name}: {other:?} is no number"),
    }
}

/// A text reply.
pub fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::VerbatimString { text, .. } => text.clone(),
        Value::Okay => "OK".to_owned(),
        Value::Int(value) => value.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

/// The texts of a list reply.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().map(text).collect(),
        other => panic!("{other:?} is no list"),
    }
}

/// Splits a command line as redis-cli does.
pub fn split(line: &str) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = vec![];
    let mut bytes = line.bytes().peekable();
    while let Some(first) = bytes.next() {
        if first == b' ' {
            continue;
        }
        let mut word = vec![];
        match first {
            b'\'' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'\'') {
                    match byte {
                        b'\\' if bytes.peek() == Some(&b'\'') => word.extend(bytes.next()),
                        _ => word.push(byte),
                    }
                }
            }
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    match byte {
                        b'\\' => match bytes.next() {
                            Some(b'x') => {
                                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                                word.push(
                                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16)
                                        .unwrap(),
                                );
                            }
                            other => word.extend(other),
                        },
                        _ => word.push(byte),
                    }
                }
            }
            _ => {
                word.push(first);
                while let Some(byte) = bytes.next_if(|byte| *byte != b' ') {
                    word.push(byte);
                }
            }
        }
        words.push(word);
    }
    words
}

/// Whether a map reply has a field.
pub fn has_field(value: &Value, name: &str) -> bool {
    match value {
        Value::Map(fields) => fields.iter().any(|(field, _)| text(field) == name),
        other => panic!("{other:?} is no map"),
    }
}

/// The server's clock, in microseconds.
pub fn server_micros(client: &mut Client) -> i64 {
    let time: Vec<i64> =
        texts(&client.run("TIME")).iter().map(|part| part.parse().unwrap()).collect();
    time[0] * 1_000_000 + time[1]
}
