//! What goes over the wire, as it is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::{PATIENCE, Server};

/// `MONITOR` on a server: every command it runs, also those of its primary.
pub struct Monitor(BufReader<TcpStream>);

impl Monitor {
    pub fn of(server: &Server) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "+OK\r\n");
        Self(reader)
    }

    /// The commands up to one that holds `end`, without it, PINGs and what clients asked.
    pub fn until(&mut self, end: &str) -> Vec<String> {
        let mut commands = vec![];
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let (_, command) = line.trim_end().split_once("] ").unwrap();
            if command.contains(end) {
                return commands;
            }
            let noise = ["\"PING\"", "\"ping\"", "\"REPLCONF\"", "\"replconf\""];
            if !noise.iter().any(|word| command.starts_with(word)) {
                commands.push(command.to_owned());
            }
        }
    }
}

/// A connection without a client library: RESP as bytes.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn to(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).unwrap();
    }

    /// What came, up to and with `end`.
    pub fn until(&mut self, end: &str) -> String {
        let mut text = vec![];
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            text.extend(byte);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Sends a line and reads up to a PONG.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\nPING\r\n"));
        self.until("+PONG\r\n")
    }
}
