//! A server that is started from a configuration file, which it may rewrite.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, net};

use super::support::{Client, eventually, module_path, server_binary};

/// Gone with its directory when the test ends.
pub struct FileServer {
    child: Option<Child>,
    dir: PathBuf,
}

impl FileServer {
    /// `lines` go into the file; `@` stands for the module.
    pub fn new(lines: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("config-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let lines = lines.replace('@', module_path().to_str().unwrap());
        fs::write(dir.join("conf"), format!("save \"\"\nbind 127.0.0.1\n{lines}\n")).unwrap();
        Self { child: None, dir }
    }

    /// Starts the server, again if it runs; gives the log when it does not come up.
    pub fn start(&mut self) -> Result<Client, String> {
        self.stop();
        // Another process may take the port between our look and the server's.
        for _ in 0..5 {
            let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            if let Some(client) = self.start_on(port) {
                return Ok(client);
            }
            if !self.log().contains("Address already in use") {
                break;
            }
        }
        Err(self.log())
    }

    fn start_on(&mut self, port: u16) -> Option<Client> {
        let _ = fs::remove_file(self.dir.join("log"));
        let child = Command::new(server_binary())
            .arg(self.dir.join("conf"))
            .args(["--port", &port.to_string(), "--dir", self.dir.to_str().unwrap()])
            .args(["--logfile", "log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let child = self.child.insert(child);
        let url = format!("redis://127.0.0.1:{port}/?protocol=resp3");
        let mut client = None;
        eventually("the server answers or ends", || {
            let connection = redis::Client::open(url.as_str()).unwrap().get_connection();
            client = connection.ok().map(Client).filter(|_| child.try_wait().unwrap().is_none());
            client.is_some() || child.try_wait().unwrap().is_some()
        });
        client
    }

    /// The configuration file as it is now.
    pub fn file(&self) -> String {
        fs::read_to_string(self.dir.join("conf")).unwrap()
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
