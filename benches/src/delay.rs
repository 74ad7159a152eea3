//! A TCP proxy that makes the way longer but not narrower: every byte leaves half a round trip after it came, each way.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const READ: usize = 256 << 10;
/// A sleep ends late by about this much, so the rest of the wait is spent looking at the clock.
const SLEEP_ENDS_LATE: Duration = Duration::from_micros(120);

/// Takes connections for ever and hands each on to `to`, with `one_way` of delay in each direction.
///
/// # Errors
/// No connection can be taken any more. A connection that breaks, or a `to` that does not answer, ends that connection alone.
pub fn serve(listener: &TcpListener, to: &str, one_way: Duration) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept()?;
        let Ok(server) = TcpStream::connect(to) else { continue };
        // A connection that has ended meanwhile is no reason to end.
        let _ = join(client, server, one_way);
    }
}

fn join(client: TcpStream, server: TcpStream, one_way: Duration) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(client.try_clone()?, server.try_clone()?, one_way);
    carry(server, client, one_way);
    Ok(())
}

/// Two threads: one reads and notes when, one writes when it is due. What waits between them has no limit, as on a long line.
fn carry(mut from: TcpStream, to: TcpStream, one_way: Duration) {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || write_when_due(take, to));
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if give.send((Instant::now() + one_way, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
        // The client has gone: the other direction ends through this too.
        let _ = from.shutdown(Shutdown::Read);
    });
}

fn write_when_due(chunks: Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (due, bytes) in chunks {
        wait_until(due);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // The reader has seen the end: so shall the other side.
    let _ = to.shutdown(Shutdown::Both);
}

fn wait_until(due: Instant) {
    let ahead = due.saturating_duration_since(Instant::now());
    if ahead > SLEEP_ENDS_LATE {
        std::thread::sleep(ahead - SLEEP_ENDS_LATE);
    }
    while Instant::now() < due {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_whole_and_not_before_a_round_trip() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, at) = (echo.local_addr().unwrap().to_string(), proxy.local_addr().unwrap());
        std::thread::spawn(move || serve(&proxy, &to, Duration::from_millis(10)));
        std::thread::spawn(move || {
            let (mut stream, _) = echo.accept().unwrap();
            let mut reader = stream.try_clone().unwrap();
            io::copy(&mut reader, &mut stream).unwrap();
        });
        let mut stream = TcpStream::connect(at).unwrap();
        let started = Instant::now();
        stream.write_all(b"there and back").unwrap();
        let mut back = [0; 14];
        stream.read_exact(&mut back).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(20), "{:?}", started.elapsed());
        assert_eq!(&back, b"there and back");
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut back).unwrap(), 0, "the end is handed on");
    }
}
