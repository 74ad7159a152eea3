//! Places of KDCs, and KDCs on loopback that answer right and wrong.

use super::*;
use std::net::TcpListener;

fn kdcs(lines: &str) -> KdcSockets {
    KdcSockets(Arc::new(Krb5Conf::parse(&format!("[realms]\nR = {{\n{lines}\n}}\n")).expect("a krb5.conf")))
}

#[test]
fn the_places_of_kdcs_are_read() {
    let place = |text: &str| Place::parse(text).map(|place| (place.host, place.port, place.only)).ok();
    let is = |host: &str, port, only| Some((host.to_owned(), port, only));
    assert_eq!(place("kdc"), is("kdc", 88, None));
    assert_eq!(place("kdc:750"), is("kdc", 750, None));
    assert_eq!(place("tcp/kdc:750"), is("kdc", 750, Some(Transport::Tcp)));
    assert_eq!(place("[::1]:89"), is("::1", 89, None));
    assert_eq!(place("::1"), is("::1", 88, None));
    for text in ["", "https://kdc/KdcProxy", "kdc:port", ":88", "kdc:70000"] {
        assert_eq!(place(text), None, "{text}");
    }
}

#[test]
fn a_realm_without_a_kdc_is_named_with_what_is_missing() {
    let failure = kdcs("").ask("OTHER", b"x").expect_err("there is none");
    assert!(failure.to_string().starts_with("krb5.conf names no kdc of the realm OTHER"), "{failure}");
}

/// One connection: reads a request, and answers with these bytes.
fn answering(answer: Vec<u8>) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its port").port();
    #[expect(clippy::disallowed_methods, reason = "the other end of a socket")]
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let mut request = vec![0; 7];
        socket.read_exact(&mut request).expect("a request");
        socket.write_all(&answer).expect("taken");
        request
    });
    (port, thread)
}

#[test]
fn a_kdc_that_is_not_there_is_passed_over_and_the_next_one_asked() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its port").port();
    let (port, thread) = answering(b"\0\0\0\x02hi".to_vec());
    let answer = kdcs(&format!("kdc = tcp/127.0.0.1:{gone}\nkdc = 127.0.0.1:{port}")).ask("R", b"ask");
    assert_eq!(answer, Ok(b"hi".to_vec()));
    assert_eq!(thread.join().expect("no panic"), b"\0\0\0\x03ask");
}

// H62
#[test]
fn an_answer_that_is_too_long_or_cut_off_is_refused_before_it_is_kept() {
    for (answer, words) in [
        (b"\x7f\xff\xff\xff".to_vec(), "no KDC?"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "no KDC?"),
        (b"\0\0\0\x09short".to_vec(), "closed before its answer was whole"),
    ] {
        let (port, thread) = answering(answer);
        let failure = kdcs(&format!("kdc = 127.0.0.1:{port}")).ask("R", b"ask").expect_err("no answer");
        assert!(failure.to_string().contains(words) && failure.is_retriable(), "{failure}");
        thread.join().expect("no panic");
    }
}

#[test]
fn a_question_goes_by_udp_where_the_file_says_so() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its port").port();
    #[expect(clippy::disallowed_methods, reason = "the other end of a socket")]
    let thread = std::thread::spawn(move || {
        let mut packet = [0; 100];
        let (length, from) = socket.recv_from(&mut packet).expect("a packet");
        socket.send_to(&packet[..length], from).expect("sent");
    });
    assert_eq!(kdcs(&format!("kdc = udp/127.0.0.1:{port}")).ask("R", b"ask"), Ok(b"ask".to_vec()));
    thread.join().expect("no panic");
}
