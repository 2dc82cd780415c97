//! The channel against a guest that misbehaves, over a socket.

use guest_protocol::window::cost;
use guest_protocol::{Failure, FailureKind, Stream};
use tokio::net::UnixStream;

use super::*;

/// A guest's end: reads requests, sends what a test wants.
struct Guest {
    socket: UnixStream,
    decoder: Decoder,
}

fn pair() -> (Agent, Guest) {
    let (host, guest) = UnixStream::pair().unwrap();
    (Agent::new(host, None).unwrap(), Guest { socket: guest, decoder: Decoder::default() })
}

impl Guest {
    async fn request(&mut self) -> (u32, ToGuest) {
        loop {
            if let Some(found) = self.decoder.next() {
                return (found.session, frame::decode(found.payload).unwrap());
            }
            let mut buffer = vec![0; 4096];
            let length = self.socket.read(&mut buffer).await.unwrap();
            assert!(length > 0, "the host hung up");
            self.decoder.push(&buffer[..length]);
        }
    }

    /// The host may hang up while something is sent.
    async fn send(&mut self, session: u32, call: u32, reply: Reply) -> bool {
        self.socket.write_all(&frame::encode(session, &ToHost { call, reply }).unwrap()).await.is_ok()
    }
}

fn run() -> Run {
    Run::shell("true")
}

fn output(bytes: usize) -> Reply {
    Reply::Output { stream: Stream::Stdout, bytes: vec![7; bytes].into() }
}

#[tokio::test]
async fn stale_replies_of_another_session_are_dropped() {
    let (agent, mut guest) = pair();
    let task = tokio::spawn(async move { agent.ping().await });
    let (session, ping) = guest.request().await;
    let failure = Failure { kind: FailureKind::Other, text: "stale".into() };
    guest.send(session ^ 1, ping.call, Reply::Failed(failure)).await;
    guest.send(session, ping.call, Reply::Done).await;
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_guest_may_not_send_more_than_it_was_granted() {
    let (agent, mut guest) = pair();
    let mut events = agent.run(run()).await.unwrap();
    let (session, begun) = guest.request().await;
    // Nobody takes events: one window fits, and not one reply more.
    let mut sent = 0;
    while guest.send(session, begun.call, output(CHUNK)).await {
        sent += cost(CHUNK);
        if sent > 4 * WINDOW {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut taken = 0;
    let error = loop {
        match events.next().await {
            Ok(Some(Event::Output { bytes, .. })) => taken += bytes.len() as u64,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(taken <= WINDOW, "{taken}");
    assert!(matches!(error, Error::Ended(End::Hostile(_))), "{error}");
    assert!(matches!(agent.ping().await, Err(Error::Ended(End::Hostile(_)))), "the channel stays closed");
}

#[tokio::test]
async fn a_reader_that_takes_events_gives_credit() {
    let (agent, mut guest) = pair();
    let mut events = agent.run(run()).await.unwrap();
    let (session, begun) = guest.request().await;
    let wanted = 8 * WINDOW;
    let sender = tokio::spawn(async move {
        let (mut window, mut sent) = (guest_protocol::window::Window::new(WINDOW), 0);
        while sent < wanted {
            let bytes = frame::encode(session, &ToHost { call: begun.call, reply: output(CHUNK) }).unwrap();
            while !window.take(cost(bytes.len() - frame::HEADER)) {
                let Request::Credit { bytes } = guest.request().await.1.request else { panic!("no credit") };
                window.give(bytes);
            }
            guest.socket.write_all(&bytes).await.unwrap();
            sent += CHUNK as u64;
        }
        guest.send(session, begun.call, Reply::Finished(guest_protocol::Counts::default())).await;
    });
    let mut taken = 0;
    while let Some(event) = events.next().await.unwrap() {
        if let Event::Output { bytes, .. } = event {
            taken += bytes.len() as u64;
        }
    }
    sender.await.unwrap();
    assert_eq!(taken, wanted);
}

#[tokio::test]
async fn replies_that_no_call_allows_close_the_channel() {
    let (agent, mut guest) = pair();
    let task = tokio::spawn(async move { agent.ping().await });
    let (session, ping) = guest.request().await;
    guest.send(session, ping.call, output(1)).await;
    assert!(matches!(task.await.unwrap(), Err(Error::Ended(End::Hostile(_)))));
}

#[tokio::test]
async fn noise_without_end_closes_the_channel() {
    let (agent, mut guest) = pair();
    let task = tokio::spawn(async move { agent.ping().await });
    // Beginnings of frames, which are the dearest noise there is.
    let noise = b"HgA1\0\0\0\0\xff\xff\0\0".repeat(4096);
    while guest.socket.write_all(&noise).await.is_ok() {}
    assert!(matches!(task.await.unwrap(), Err(Error::Ended(End::Hostile(_)))));
}

#[tokio::test]
async fn a_worker_that_was_started_again_ends_all_calls_with_the_reason() {
    let (agent, mut guest) = pair();
    let mut events = agent.run(run()).await.unwrap();
    guest.request().await;
    guest.send(NO_SESSION, 0, Reply::Born { times: 2, why: "was killed by signal 9".into() }).await;
    let error = events.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the virtual machine ended: the guest's agent was killed by signal 9");
    assert_eq!(events.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_guest_that_is_silent_costs_the_limit_and_no_more() {
    let (agent, _guest) = pair();
    let error = agent.hello(Duration::from_millis(600)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn lines_of_the_log_are_few_and_short() {
    let (agent, mut guest) = pair();
    let other = agent.clone();
    let task = tokio::spawn(async move { other.ping().await });
    let (session, ping) = guest.request().await;
    for _ in 0..1000 {
        guest.send(session, 0, Reply::Log("é".repeat(5000).into())).await;
    }
    guest.send(session, ping.call, Reply::Done).await;
    task.await.unwrap().unwrap();
    let log = agent.take_log();
    assert_eq!(log.len(), 100);
    assert!(log.iter().all(|line| line.chars().count() == 1024));
}
