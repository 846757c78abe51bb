//! What the server says of itself, from `INFO`.

/// A server and how it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Server {
    /// `Redis` or `Valkey`, and the version.
    pub name: String,
    /// Seconds since it started.
    pub uptime_s: Option<u64>,
    /// `master` or `slave`, as it says.
    pub role: Option<String>,
    /// Bytes in use.
    pub memory: Option<u64>,
    /// The limit of bytes; `None` also where there is none.
    pub memory_max: Option<u64>,
    /// Bytes that the index of the module takes, and what it may take where there is a limit.
    pub index_memory: [Option<u64>; 2],
    /// Connected clients.
    pub clients: Option<u64>,
    /// Commands per second, as the server measures it.
    pub commands: Option<u64>,
    /// The server's clock, in milliseconds since 1970.
    pub now_ms: Option<u64>,
    /// Changes when the server starts anew.
    pub run_id: Option<String>,
}

impl Server {
    /// Reads the text of `INFO`.
    pub fn of(info: &str) -> Self {
        let text = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.trim_end().split_once(':'));
            lines.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned())
        };
        let count = |name| text(name)?.parse::<u64>().ok();
        let name = match (text("valkey_version"), text("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => String::new(),
        };
        Self {
            name: super::words::printable(name.as_bytes()),
            uptime_s: count("uptime_in_seconds"),
            role: text("role"),
            memory: count("used_memory"),
            memory_max: count("maxmemory").filter(|max| *max > 0),
            index_memory: [
                count("inval_index_bytes"),
                count("inval_index_max_bytes").filter(|max| *max > 0),
            ],
            clients: count("connected_clients"),
            commands: count("instantaneous_ops_per_sec"),
            now_ms: count("server_time_usec").map(|micros| micros / 1000),
            run_id: text("run_id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_line_by_line() {
        let info = "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\nserver_time_usec:1500\r\n\
            uptime_in_seconds:7\r\nmaxmemory:0\r\nrole:master\r\n";
        let server = Server::of(info);
        assert_eq!(server.name, "Valkey 8.0.1");
        assert_eq!((server.uptime_s, server.now_ms, server.memory_max), (Some(7), Some(1), None));
        assert_eq!(Server::of("redis_version:7.0.15\r\n").name, "Redis 7.0.15");
        assert_eq!(Server::of("nonsense"), Server::default());
    }
}
