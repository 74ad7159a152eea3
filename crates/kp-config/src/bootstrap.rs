//! `bootstrap.servers`: text to hosts and ports.
//! Pure; names are resolved by the network, when it connects.

use crate::ConfigError;

/// Splits entries of `host:port`; an IPv6 host loses its brackets, a repeated entry is taken once.
///
/// # Errors
/// [`ConfigError::InvalidValue`] for an entry without a host or a port (V1).
pub(crate) fn parse(key: &'static str, entries: &[String]) -> Result<Vec<(String, u16)>, ConfigError> {
    let mut servers = Vec::with_capacity(entries.len());
    for entry in entries {
        let server = split(entry).map_err(|problem| ConfigError::InvalidValue {
            key,
            value: entry.clone(),
            allowed: format!("host:port, IPv6 as [address]:port; {problem}"),
        })?;
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    Ok(servers)
}

fn split(entry: &str) -> Result<(String, u16), &'static str> {
    // Java takes `PLAINTEXT://host:port` as well: the listener's name before it says nothing to a client.
    let address = match entry.split_once("://") {
        Some((listener, _)) if !listener.bytes().all(may_stand_in_a_host) => {
            return Err("what stands before :// is no name of a listener");
        }
        Some((_, address)) => address,
        None => entry,
    };
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("the bracket is not closed")?;
            (host, port.strip_prefix(':').ok_or("the port is missing")?)
        }
        None => {
            let (host, port) = address.rsplit_once(':').ok_or("the port is missing")?;
            if host.contains(':') {
                return Err("an IPv6 address stands in brackets");
            }
            (host, port)
        }
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    if !host.bytes().all(|byte| may_stand_in_a_host(byte) || byte == b':') {
        return Err("a host has letters, digits, dots, hyphens and underscores");
    }
    if port.is_empty() {
        return Err("the port is missing");
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0);
    Ok((host.to_owned(), port.ok_or("a port is a number from 1 to 65535")?))
}

/// The characters that Java takes in a host name or in the scope of an IPv6 address. A name in other letters has an ASCII form
/// (`xn--…`), which is what DNS knows.
fn may_stand_in_a_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_come_apart() {
        assert_eq!(split("kafka-1.example.com:9092"), Ok(("kafka-1.example.com".to_owned(), 9092)));
        assert_eq!(split("127.0.0.1:1"), Ok(("127.0.0.1".to_owned(), 1)));
        assert_eq!(split("[2001:db8::1]:9092"), Ok(("2001:db8::1".to_owned(), 9092)));
        assert_eq!(split("[fe80::1%eth0]:9092"), Ok(("fe80::1%eth0".to_owned(), 9092)));
        assert_eq!(split("local_host:09092"), Ok(("local_host".to_owned(), 9092)));
        assert_eq!(split("PLAINTEXT://h:9092"), Ok(("h".to_owned(), 9092)));
    }

    // V1
    #[test]
    fn an_entry_without_host_or_port_is_refused() {
        for (entry, problem) in [
            ("h", "port is missing"),
            ("h:", "port is missing"),
            (":9092", "host is missing"),
            ("h:0", "1 to 65535"),
            ("h:65536", "1 to 65535"),
            ("h:x", "1 to 65535"),
            ("h:+9092", "1 to 65535"),
            ("h: 9092", "1 to 65535"),
            ("a b:9092", "a host has"),
            ("lo*st:9092", "a host has"),
            ("h :9092", "a host has"),
            ("h\0:9092", "a host has"),
            ("[a b]:9092", "a host has"),
            ("a b://h:9092", "before ://"),
            ("::1", "brackets"),
            ("[::1]", "port is missing"),
            ("[::1:9", "not closed"),
        ] {
            let answer = split(entry).unwrap_err();
            assert!(answer.contains(problem), "{entry}: {answer}");
        }
    }
}
