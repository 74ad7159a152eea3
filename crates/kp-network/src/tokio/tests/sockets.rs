//! The selector alone: its sockets' options, and what it costs to wait.

use super::*;
use crate::{Dial, Selectable, SelectorEvent, TokioSelector, Wait};
use bytes::BytesMut;
use std::task::Poll;

#[test]
fn sockets_get_the_options_of_the_settings() {
    // NC28
    let address = broker(Duration::ZERO);
    let mut selector = TokioSelector::new(Some(50_000), Some(60_000));
    let number = ConnectionNumber(1);
    selector.connect(Dial::new(number, address, "localhost"));
    let mut events = Vec::new();
    while events.is_empty() {
        selector.poll(Wait::Until(Instant::now() + MS(1000)), &mut events);
    }
    assert!(matches!(events[..], [SelectorEvent::Connected { .. }]), "{events:?}");
    let options = selector.options_of(number).expect("connected");
    assert!(options.tcp_nodelay().unwrap());
    assert!(options.keepalive().unwrap());
    // Linux doubles what it is told, for its own bookkeeping.
    assert!([50_000, 100_000].contains(&options.send_buffer_size().unwrap()));
    assert!([60_000, 120_000].contains(&options.recv_buffer_size().unwrap()));
}

// NC28
#[test]
fn buffers_that_are_not_set_are_left_to_the_system() {
    let address = broker(Duration::ZERO);
    let plain = TcpStream::connect(address).unwrap();
    let plain = socket2::SockRef::from(&plain);
    let mut selector = TokioSelector::new(None, None);
    let number = ConnectionNumber(1);
    selector.connect(Dial::new(number, address, "localhost"));
    let mut events = Vec::new();
    while events.is_empty() {
        selector.poll(Wait::Until(Instant::now() + MS(1000)), &mut events);
    }
    let options = selector.options_of(number).expect("connected");
    assert_eq!(options.send_buffer_size().unwrap(), plain.send_buffer_size().unwrap());
    assert_eq!(options.recv_buffer_size().unwrap(), plain.recv_buffer_size().unwrap());
}

// NC28
#[test]
fn the_client_gives_each_of_its_sockets_the_options_of_its_settings() {
    let buffers = [(Some(50_000), Some(60_000)), (Some(70_000), None)];
    for (send_buffer, receive_buffer) in buffers {
        let settings = NetworkSettings { send_buffer, receive_buffer, ..NetworkSettings::default() };
        let mut client = TokioClient::new(settings, Arc::new(SystemClock));
        let connection = connect(&mut client, at(broker(Duration::ZERO), "127.0.0.1"));
        let options = client.selectable().options_of(connection).expect("connected");
        assert!(options.tcp_nodelay().unwrap() && options.keepalive().unwrap());
        // Linux doubles what it is told, for its own bookkeeping.
        let is = |asked: usize, has: usize| [asked, 2 * asked].contains(&has);
        assert!(is(send_buffer.unwrap(), options.send_buffer_size().unwrap()));
        assert!(receive_buffer.is_none_or(|asked| is(asked, options.recv_buffer_size().unwrap())));
    }
}

#[test]
fn reads_and_writes_of_a_closed_socket_are_errors_not_panics() {
    let mut selector = TokioSelector::new(None, None);
    let number = ConnectionNumber(1);
    assert!(matches!(selector.read(number, &mut BytesMut::new()), Poll::Ready(Err(_))));
    selector.poll(Wait::Turn, &mut Vec::new());
    assert!(matches!(selector.write(number, &[]), Poll::Ready(Err(_))));
    selector.close(number);
}

#[test]
fn the_waiting_future_is_looked_at_no_more_often_than_something_happens() {
    let mut selector = TokioSelector::new(None, None);
    selector.poll(Wait::Turn, &mut Vec::new());
    for _ in 0..20 {
        selector.poll(Wait::Until(Instant::now() + MS(5)), &mut Vec::new());
    }
    assert!((20..=60).contains(&selector.looks()), "{} looks at 20 waits", selector.looks());
}

// SE30
#[test]
fn a_selector_says_that_it_has_a_way_past_its_encryption_only_if_it_brings_one() {
    assert!(!TokioSelector::new(None, None).can_connect_plainly());
}
