//! The same application on tokio, on smol, on bare threads and without any executor: kp needs no more of them than a waker.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kp_producer::{AckStream, OwnedRecord, Producer, ProducerConfig, ProducerRecord, blocking};
use kp_sim::MockBroker;

fn config() -> ProducerConfig {
    ProducerConfig::default().bootstrap_servers("mock:9092").linger(Duration::from_millis(1))
}

fn setting() -> (MockBroker, Producer, AckStream) {
    let broker = MockBroker::automatic();
    broker.create_topic("orders", 3).expect("a new topic");
    let (builder, acks) = Producer::builder(config()).client(broker.client()).acks(1000);
    (broker, builder.build().expect("a good configuration"), acks)
}

/// Every way to send, once; answers what the broker has to have then.
async fn application(producer: Producer, mut acks: AckStream) -> usize {
    let record = || ProducerRecord::to("orders").value("v");
    let delivery = producer.send(record()).await.expect("accepted");
    let all = producer.send_all((0..100).map(|_| record())).await.expect("accepted");
    producer.send_wait(record()).await.expect("written");
    delivery.await.expect("written");
    assert_eq!(all.await.into_result().expect("written").len(), 100);
    for token in 0..10 {
        producer.send_tagged(record(), token).await.expect("accepted");
    }
    producer.sink().send(OwnedRecord::to("orders").value("v")).await.expect("written");
    producer.flush().await.expect("not on the network thread");
    let first = acks.recv().await.expect("flushed").token();
    let closed = producer.close(Duration::from_secs(30)).await.expect("not on the network thread");
    assert_eq!(closed.undelivered, 0);
    let mut tokens: Vec<_> = acks.map(|ack| ack.token()).collect().await;
    tokens.push(first);
    tokens.sort_unstable();
    assert_eq!(tokens, Vec::from_iter(0..10));
    113
}

fn check(run: impl FnOnce(Producer, AckStream) -> usize) {
    let (broker, producer, acks) = setting();
    let sent = run(producer, acks);
    assert_eq!(broker.history("orders").len(), sent);
}

#[test]
fn on_tokio_with_one_thread_and_with_many() {
    check(|producer, acks| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(application(producer, acks))
    });
    check(|producer, acks| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        let task = runtime.spawn(application(producer, acks));
        runtime.block_on(task).expect("it ends well")
    });
}

#[test]
fn on_smol() {
    check(|producer, acks| smol::block_on(smol::spawn(application(producer, acks))));
}

#[test]
fn on_a_thread_that_parks() {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    check(|producer, acks| {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut future = pin!(application(producer, acks));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(sent) => return sent,
                Poll::Pending => std::thread::park(),
            }
        }
    });
}

#[test]
fn without_a_future() {
    check(|producer, mut acks| {
        let producer = blocking::Producer::from(producer);
        let record = || ProducerRecord::to("orders").value("v");
        let delivery = producer.send(record()).expect("accepted");
        let all = producer.send_all((0..100).map(|_| record())).expect("accepted");
        producer.send_wait(record()).expect("written");
        delivery.wait().expect("written");
        assert_eq!(all.wait().into_result().expect("written").len(), 100);
        (0..10).for_each(|token| producer.send_tagged(record(), token).expect("accepted"));
        producer.flush().expect("not on the network thread");
        let closed = producer.close(Duration::from_secs(30)).expect("not on the network thread");
        assert_eq!(closed.undelivered, 0);
        assert_eq!(std::iter::from_fn(|| acks.recv_blocking().expect("it may wait here")).count(), 10);
        112
    });
}

/// A caller that waits for a place is always woken: a wake-up that is lost shows as a record that is refused after `max.block.ms`.
#[test]
fn many_threads_that_wait_for_one_consumer_lose_no_outcome() {
    const THREADS: u64 = 4;
    const EACH: u64 = 800;
    let broker = MockBroker::automatic();
    broker.create_topic("orders", 3).expect("a new topic");
    let (builder, mut acks) = blocking::Producer::builder(config()).client(broker.client()).acks(8);
    let producer = builder.build().expect("a good configuration");
    let mut tokens: Vec<_> = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let producer = &producer;
            scope.spawn(move || {
                for token in thread * EACH..(thread + 1) * EACH {
                    let record = ProducerRecord::to("orders").value("v");
                    producer.send_tagged(record, token).expect("the consumer takes outcomes all the time");
                }
            });
        }
        (0..THREADS * EACH)
            .filter_map(|_| acks.recv_blocking().expect("it may wait here"))
            .map(|ack| ack.token())
            .collect()
    });
    tokens.sort_unstable();
    assert_eq!(tokens, Vec::from_iter(0..THREADS * EACH));
    let closed = producer.close(Duration::from_secs(30)).expect("not on the network thread");
    assert_eq!((closed.undelivered, matches!(acks.recv_blocking(), Ok(None))), (0, true));
}
