//! Any bytes are taken for what a guest sends to its network: frames, or what it says on one connection.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sandbox::internet::event::Flow;
use sandbox::internet::{Conversation, Route, Settings, Stack, World};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    if kind % 2 == 0 { frames(rest) } else { connection(rest) }
});

fn world() -> World {
    let settings = Settings { log_bytes: 1 << 20, ..Settings::new(Route::Fake) };
    World::new(settings, Box::new(std::io::sink())).expect("there is no authority to be wrong")
}

fn frames(mut bytes: &[u8]) {
    let start = Instant::now();
    let mut stack = Stack::new(world(), 7, start);
    let mut now = start;
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        stack.receive(frame, now);
        stack.poll(now);
        while stack.take_frame().is_some() {}
        now += Duration::from_secs(1);
        bytes = rest;
    }
    stack.end();
}

fn connection(bytes: &[u8]) {
    let Some((port, rest)) = bytes.split_first_chunk::<2>() else { return };
    let Some((piece, rest)) = rest.split_first() else { return };
    let (src, dst) = ([10, 0, 2, 15].into(), [203, 0, 113, 9].into());
    let flow = Flow { src, sport: 4000, dst, dport: u16::from_be_bytes(*port) };
    let (mut world, now) = (world(), Instant::now());
    let mut conversation = Conversation::open(flow, &mut world, now);
    for part in rest.chunks(usize::from(*piece).max(1)) {
        if conversation.has_room() {
            conversation.receive(part, &mut world);
        }
        // One answer more than the limit, and that of a body.
        assert!(conversation.out.len() < 2 << 20);
        conversation.out.clear();
        conversation.tick(&mut world, now);
    }
    conversation.tick(&mut world, now + Duration::from_secs(3));
    conversation.end(&mut world);
}
