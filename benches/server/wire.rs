//! One connection, written and read as plain RESP2: the generator must cost less than the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Commands sent before their replies are read: enough to keep the server busy, and few enough
/// that neither side's socket buffer fills up while nobody reads.
pub const BATCH: usize = 1_000;

/// A reply.
#[derive(Debug, PartialEq)]
pub enum Reply {
    Int(i64),
    Text(Vec<u8>),
    List(Vec<Reply>),
    Nil,
    Error(String),
}

impl Reply {
    /// The text of it; empty where it is none.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Int(value) => value.to_string(),
            _ => String::new(),
        }
    }

    /// A value of a map, which RESP2 shows as a flat list.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::List(items) = self else { return None };
        items.chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1])
    }

    /// A number of a map.
    pub fn field(&self, name: &str) -> Option<i64> {
        self.get(name)?.text().parse().ok()
    }
}

/// Appends a command to `out`.
pub fn write(out: &mut Vec<u8>, words: &[&[u8]]) {
    write!(out, "*{}\r\n", words.len()).unwrap();
    for word in words {
        write!(out, "${}\r\n", word.len()).unwrap();
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A command of many words, as one buffer.
pub fn command<'a>(head: &[&'a [u8]], rest: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let words: Vec<&[u8]> =
        head.iter().copied().chain(rest.into_iter().map(Vec::as_slice)).collect();
    let mut out = vec![];
    write(&mut out, &words);
    out
}

/// A connection.
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::with_capacity(1 << 16, stream) })
    }

    /// A second hold on the connection, for another thread to send by.
    pub fn sender(&self) -> TcpStream {
        self.reader.get_ref().try_clone().unwrap()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// Reads one reply.
    pub fn read(&mut self) -> Reply {
        let mut line = vec![];
        self.reader.read_until(b'\n', &mut line).unwrap();
        let rest = line.get(1..line.len().saturating_sub(2)).unwrap_or_default();
        let text = String::from_utf8_lossy(rest).into_owned();
        let number = || text.parse::<i64>().unwrap_or_else(|_| panic!("no number: {text}"));
        match line.first() {
            Some(b'+') => Reply::Text(rest.to_vec()),
            Some(b'-') => Reply::Error(text),
            Some(b':') => Reply::Int(number()),
            Some(b'$') => match usize::try_from(number()) {
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.reader.read_exact(&mut bytes).unwrap();
                    bytes.truncate(length);
                    Reply::Text(bytes)
                }
                Err(_) => Reply::Nil,
            },
            Some(b'*') => match usize::try_from(number()) {
                Ok(length) => Reply::List((0..length).map(|_| self.read()).collect()),
                Err(_) => Reply::Nil,
            },
            _ => panic!("the server closed the connection"),
        }
    }

    /// Reads `count` replies, none of which may be an error, and keeps none of them.
    pub fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.skip_one();
        }
    }

    /// Reads without a copy what is one line long, as the reply to most commands is.
    fn skip_one(&mut self) {
        let buffer = self.reader.fill_buf().unwrap();
        if matches!(buffer.first(), Some(b'+' | b':'))
            && let Some(end) = buffer.iter().position(|byte| *byte == b'\n')
        {
            self.reader.consume(end + 1);
        } else if let Reply::Error(error) = self.read() {
            panic!("{error}");
        }
    }

    /// Sends a command and reads its reply.
    pub fn ask(&mut self, bytes: &[u8]) -> Reply {
        self.send(bytes);
        self.read()
    }

    /// Runs a command of words without spaces, which must succeed.
    pub fn run(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.call(&words)
    }

    /// Runs a command, which must succeed.
    pub fn call(&mut self, words: &[&[u8]]) -> Reply {
        let mut out = vec![];
        write(&mut out, words);
        match self.ask(&out) {
            Reply::Error(error) => panic!("{}: {error}", String::from_utf8_lossy(words[0])),
            reply => reply,
        }
    }

    /// Sends commands made by `make`, pipelined; each makes `replies` replies.
    pub fn pipeline(&mut self, count: usize, replies: usize, make: impl Fn(usize, &mut Vec<u8>)) {
        let mut out = vec![];
        for start in (0..count).step_by(BATCH) {
            let batch = start..count.min(start + BATCH);
            out.clear();
            batch.clone().for_each(|at| make(at, &mut out));
            self.send(&out);
            self.skip(batch.len() * replies);
        }
    }
}

/// Buffers of `depth` commands each, made before the clock runs.
pub struct Prepared {
    buffers: Vec<(Vec<u8>, usize)>,
}

impl Prepared {
    /// `make` appends the commands of one step and tells how many they are.
    pub fn new(steps: usize, depth: usize, make: impl Fn(usize, &mut Vec<u8>) -> usize) -> Self {
        let buffers = (0..steps)
            .step_by(depth)
            .map(|start| {
                let mut out = vec![];
                let replies = (start..steps.min(start + depth)).map(|at| make(at, &mut out)).sum();
                (out, replies)
            })
            .collect();
        Self { buffers }
    }

    /// Sends each buffer when the replies of the one before are there.
    pub fn play(&self, connection: &mut Connection) {
        for (buffer, replies) in &self.buffers {
            connection.send(buffer);
            connection.skip(*replies);
        }
    }
}
