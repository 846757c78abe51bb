//! The two programs as processes, with a terminal where they want one.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::eventually;

/// Rows and columns of the terminal.
const SIZE: [u16; 2] = [40, 120];

fn path(name: &str) -> &'static str {
    match name {
        "inval-top" => env!("CARGO_BIN_EXE_inval-top"),
        _ => env!("CARGO_BIN_EXE_inval-report"),
    }
}

/// Runs a program to its end, without a terminal.
pub fn program(name: &str, arguments: &[&str]) -> Output {
    program_with(name, arguments, &[])
}

/// The same with variables of the environment.
pub fn program_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(path(name));
    command.env_remove("INVAL_PASSWORD").envs(variables.iter().copied());
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A program in a terminal: `script` gives it one, and `vt100` is what shows it.
pub struct Terminal {
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts `inval-top`.
    pub fn start(arguments: &[&str]) -> Self {
        let [rows, columns] = SIZE.map(|side| NonZero::new(side).unwrap());
        let program = path("inval-top");
        let line = format!(
            "stty rows {rows} cols {columns}; exec '{program}' '{}'",
            arguments.join("' '")
        );
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env_remove("INVAL_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (mut output, shown) = (child.stdout.take().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..read]);
            }
        });
        Self { child, screen }
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows something.
    pub fn shows(&self, words: &str) {
        eventually(&format!("{words} on the screen"), || self.text().contains(words));
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Waits until the program has ended.
    pub fn end(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the program", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Whether the terminal is as programs find it: no other screen, and a cursor.
    pub fn is_restored(&self) -> bool {
        let parser = self.screen.lock().unwrap();
        !parser.screen().alternate_screen() && !parser.screen().hide_cursor()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
