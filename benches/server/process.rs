//! A server as a process of its own, and what it costs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, net, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::wire::{Connection, Reply};

/// How long a server may take to come up with its data.
const PATIENCE: Duration = Duration::from_secs(120);

/// After the last reply the server still goes to sleep; its clock is exact only then.
const FALL_ASLEEP: Duration = Duration::from_micros(300);

/// Keeps this thread, and the threads and servers it starts from here on, to one processor, the
/// last; or to all others, where there are others. A round on one processor costs the same each
/// time; on two, it is chance whether the other sleeps and must be woken.
pub fn stay_on(processor: Processor) {
    // Those that we were given; afterwards we have fewer.
    static ALL: OnceLock<Vec<usize>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let given = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..CpuSet::MAX_CPU).filter(|at| given.is_set(*at)).collect()
    });
    let (last, others) = all.split_last().map_or((0, &[][..]), |(last, others)| (*last, others));
    let mut set = CpuSet::new();
    match processor {
        Processor::Others if !others.is_empty() => others.iter().for_each(|at| set.set(*at)),
        _ => set.set(last),
    }
    // Where it is forbidden the figures vary more, and are figures still.
    if let Err(error) = sched_setaffinity(None, &set) {
        eprintln!("not kept to one processor: {error}");
    }
}

/// Where to run.
#[derive(Clone, Copy)]
pub enum Processor {
    Last,
    Others,
}

/// What something cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Nanoseconds on a processor, of all threads of the server.
    pub cpu: u64,
    /// Nanoseconds that the client waited.
    pub wall: u64,
}

/// A server, stopped and forgotten when dropped.
pub struct Server {
    child: Child,
    args: Vec<String>,
    pub port: u16,
    pub dir: PathBuf,
}

impl Server {
    /// A server with the module under test.
    pub fn with_module() -> Self {
        Self::start(&["--loadmodule", &module()])
    }

    /// The same server without it.
    pub fn plain() -> Self {
        Self::start(&[])
    }

    /// A server whose instructions are counted; none where valgrind is not installed.
    pub fn counted() -> Option<Self> {
        Self::start_counted(&[])
    }

    /// The same with the module under test.
    pub fn counted_with_module() -> Option<Self> {
        Self::start_counted(&["--loadmodule", &module()])
    }

    fn start_counted(args: &[&str]) -> Option<Self> {
        let there = Command::new("valgrind").arg("--version").output().is_ok();
        there.then(|| Self::start_under(Some("valgrind"), args))
    }

    fn start(args: &[&str]) -> Self {
        Self::start_under(None, args)
    }

    fn start_under(valgrind: Option<&'static str>, args: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("inval-bench-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let port = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(port, &dir, &args, valgrind);
        let mut server = Self { child, args, port, dir };
        server.wait_until_loaded();
        server
    }

    /// Ends the process without a save and starts it again on its snapshot; tells what loading
    /// cost, from the start of the process to the first answer that is not LOADING.
    pub fn restart(&mut self) -> Cost {
        self.stop();
        let start = Instant::now();
        self.child = spawn(self.port, &self.dir, &self.args, None);
        self.wait_until_loaded();
        let wall = nanos(start);
        thread::sleep(FALL_ASLEEP);
        Cost { cpu: self.cpu(), wall }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait_until_loaded(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        loop {
            if let Ok(mut connection) = Connection::open(self.port)
                && connection.ask(b"PING\r\n") == Reply::Text(b"PONG".to_vec())
            {
                return;
            }
            let gone = self.child.try_wait().unwrap().is_some();
            assert!(!gone && Instant::now() < deadline, "no server came up:\n{}", log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.port).unwrap()
    }

    /// Nanoseconds that all threads of the server were on a processor so far.
    pub fn cpu(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// What `act` costs this server.
    pub fn measure(&self, act: impl FnOnce()) -> Cost {
        thread::sleep(FALL_ASLEEP);
        let (cpu, start) = (self.cpu(), Instant::now());
        act();
        let wall = nanos(start);
        thread::sleep(FALL_ASLEEP);
        Cost { cpu: self.cpu() - cpu, wall }
    }

    /// How many instructions `act` costs a server whose instructions are counted.
    pub fn instructions(&self, act: impl FnOnce()) -> Option<u64> {
        let control = |order: &[&str]| {
            let pid = self.child.id().to_string();
            let done = Command::new("callgrind_control").args(order).arg(&pid).output().ok()?;
            done.status.success().then_some(())
        };
        control(&["-i", "on"])?;
        act();
        control(&["-i", "off"])?;
        control(&["-d"])?;
        let dump = fs::read_to_string(self.dir.join("callgrind.1")).ok()?;
        dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
    }

    /// A number of `INFO`.
    pub fn info(&self, field: &str) -> u64 {
        let text = self.connect().run("INFO everything").text();
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let value = lines.find(|(name, _)| *name == field).map(|(_, value)| value.trim());
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("INFO has no {field}"))
    }

    /// What `INFO server` calls the version.
    pub fn version(&self) -> String {
        let text = self.connect().run("INFO server").text();
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(field, _)| *field == name).map(|(_, value)| value.trim().to_owned())
        };
        match field("valkey_version") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", field("redis_version").unwrap_or_default()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn module() -> String {
    env::var("INVAL_MODULE").expect("INVAL_MODULE names libinval.so; `make bench`")
}

fn spawn(port: u16, dir: &Path, args: &[String], valgrind: Option<&str>) -> Child {
    let server = env::var("INVAL_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
    let mut command = Command::new(valgrind.unwrap_or(&server));
    if valgrind.is_some() {
        let out = format!("--callgrind-out-file={}", dir.join("callgrind").display());
        command.args(["--tool=callgrind", "--instr-atstart=no", &out, &server]);
    }
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--logfile", "log"])
        .args(["--dir", dir.to_str().unwrap(), "--save", "", "--appendonly", "no"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{server}: {error}; run `make deps`, or set INVAL_SERVER"))
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
