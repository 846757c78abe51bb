//! The server as a process: signals, limits, and starts on a directory that is there.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, net};

use super::{Server, eventually, server_binary};

/// A server that did not start.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    pub log: String,
    /// It said why, and then its own check of the file, after the refusal, came to no end: in
    /// module data without an end it reads on and on behind the end of the file.
    pub check_hung: bool,
}

/// A new directory for a server's data.
pub fn fresh_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("data-{}-{count}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// How many clients this machine lets us have, at most ten thousand.
pub fn clients_allowed() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    soft.unwrap_or(1024_usize).saturating_sub(200).min(10_000)
}

/// The arguments that load the module of this build.
pub fn with_module<'a>(module: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["--loadmodule", module], args].concat()
}

impl Server {
    /// Starts a server with these arguments alone on a directory and its data; it does not die
    /// of a file that grows beyond a limit, but gets an error as from a full disk.
    pub fn start_in(dir: &Path, args: &[&str]) -> Result<Self, Refused> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let port = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", &server_binary()])
            .args(["--port", &port.to_string(), "--dir", dir.to_str().unwrap()])
            .args(["--logfile", "log", "--save", "", "--bind", "127.0.0.1"])
            .args(["--enable-debug-command", "yes", "--enable-module-command", "yes"])
            .args(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { child, args, port, dir: dir.to_owned() };
        // Nothing is asked before the data is loaded: the answer might never come.
        let mut looks_after_refusal = 0;
        eventually("the server starts or refuses", || {
            let log = server.log();
            looks_after_refusal += u32::from(log.contains("error in RDB reading"));
            !server.is_alive()
                || log.contains("Ready to accept connections")
                || looks_after_refusal > 100
        });
        let check_hung = looks_after_refusal > 100 && server.is_alive();
        if !check_hung && server.wait_until_ready().is_ok() {
            return Ok(server);
        }
        let _ = server.child.kill();
        let status = server.child.wait().unwrap();
        Err(Refused { status, log: server.log(), check_hung })
    }

    /// Kills the server and leaves its data.
    pub fn leave(mut self) -> PathBuf {
        self.kill();
        let data = fresh_dir();
        fs::remove_dir(&data).unwrap();
        fs::rename(&self.dir, &data).unwrap();
        data
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Lets no file grow beyond this many bytes; `unlimited` again lets them.
    pub fn limit_files(&self, bytes: &str) {
        let (pid, limit) = (self.pid().to_string(), format!("--fsize={bytes}:unlimited"));
        let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap();
        assert!(done.success(), "prlimit (util-linux) sets no limit");
    }

    /// Nothing crashed: the process lives, and the log holds no crash report.
    pub fn assert_well(&mut self) {
        let log = self.log();
        assert!(self.is_alive() && !log.contains("BUG REPORT"), "{log}");
    }
}
