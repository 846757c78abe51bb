//! The server's protocol, version 2, as far as a history needs it: many commands in one write,
//! and errors that are replies like any other.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A reply. Maps are flat lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Nil,
    Int(i64),
    Text(Vec<u8>),
    Error(String),
    List(Vec<Reply>),
}

impl Reply {
    /// As text; numbers too.
    pub fn text(&self) -> String {
        match self {
            Self::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Int(number) => number.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// The items of a list; none of what is no list.
    pub fn texts(&self) -> Vec<String> {
        let Self::List(items) = self else { return vec![] };
        items.iter().map(Self::text).collect()
    }

    /// The items of a list, sorted.
    pub fn sorted(&self) -> Vec<String> {
        let Self::List(items) = self else { return vec![self.text()] };
        let mut texts: Vec<String> = items.iter().map(Self::text).collect();
        texts.sort_unstable();
        texts
    }

    /// A field of a map.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::List(items) = self else { return None };
        items.chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1])
    }

    /// Whether the server did what was asked: `OK`, or 1.
    pub fn is_done(&self) -> bool {
        *self == Self::Int(1) || *self == Self::Text(b"OK".to_vec())
    }
}

/// A connection, and what waits to be sent on it.
pub struct Wire {
    stream: BufReader<TcpStream>,
    waiting: Vec<u8>,
    count: usize,
}

impl Wire {
    pub fn to(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream), waiting: vec![], count: 0 })
    }

    /// Adds a command to those that wait.
    pub fn add<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.count += 1;
        let _ = write!(self.waiting, "*{}\r\n", words.len());
        for word in words {
            let word = word.as_ref();
            let _ = write!(self.waiting, "${}\r\n", word.len());
            self.waiting.extend_from_slice(word);
            self.waiting.extend_from_slice(b"\r\n");
        }
    }

    /// Adds a command of plain words.
    pub fn line(&mut self, line: &str) {
        self.add(&line.split(' ').collect::<Vec<_>>());
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(&std::mem::take(&mut self.waiting))
    }

    /// Sends what waits; gives a reply for each command that has none.
    pub fn send(&mut self) -> Result<Vec<Reply>> {
        self.flush()?;
        (0..std::mem::take(&mut self.count)).map(|_| self.read()).collect()
    }

    fn read(&mut self) -> Result<Reply> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().unwrap();
        Ok(match kind {
            "+" => Reply::Text(rest.into()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Int(number()),
            "$" | "*" if number() < 0 => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; number() as usize + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Text(bytes)
            }
            "*" => Reply::List((0..number()).map(|_| self.read()).collect::<Result<_>>()?),
            other => panic!("a reply of kind {other:?}"),
        })
    }
}
