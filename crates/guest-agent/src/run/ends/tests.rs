//! Real processes that end, watched in both ways.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::mpsc::sync_channel;

use guest_protocol::ToHost;
use guest_protocol::frame::{self, Decoder};

use super::*;
use crate::run::stops;

const CALL: u32 = 5;

/// Sees processes end.
enum Way {
    Listener,
    Stops,
}

/// What was sent of a run: whose memory, what, and whether it was cut.
struct Kept {
    memories: Vec<(u32, Vec<u8>, bool)>,
    out: u32,
    cut: u32,
}

/// The memory that is kept of a shell that runs this line.
#[allow(unsafe_code)]
fn kept(way: &Way, line: &'static str, limits: &Limits) -> Kept {
    let dir =
        std::env::temp_dir().join(format!("ends-{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::create_dir_all(&dir).unwrap();
    let (sent, path) = (dir.join("sent"), dir.join("socket"));
    let channel = Arc::new(Channel::new(File::create(&sent).unwrap()));
    channel.open(CALL, u64::MAX);
    let keeper = Keeper::new(&channel, CALL, limits, Arc::default());
    let left = keeper.left();
    let begin = |command: &mut Command| panic!("{}", command.args(["-c", line]).exec());
    match way {
        Way::Listener => {
            let watch = Watch::start(path.clone(), keeper).unwrap();
            // SAFETY: the child becomes another program, or panics.
            let child = unsafe { libc::fork() };
            if child == 0 {
                hand_over(&path).unwrap();
                begin(&mut Command::new("/bin/sh"));
            }
            let mut status = 0;
            // SAFETY: writes one number, to ours.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            watch.finish();
        }
        Way::Stops => {
            let (calls, _queue) = sync_channel(10_000);
            stops::tests::traced_with(line, calls, keeper);
        }
    }
    let mut decoder = Decoder::default();
    decoder.push(&fs::read(&sent).unwrap());
    fs::remove_dir_all(dir).unwrap();
    let mut memories = Vec::new();
    while let Some(found) = decoder.next() {
        match frame::decode::<ToHost>(found.payload).unwrap().reply {
            Reply::Memory { pid } => memories.push((pid, Vec::new(), true)),
            Reply::MemoryData(bytes) => memories.last_mut().unwrap().1.extend_from_slice(&bytes),
            Reply::MemoryEnd { cut } => memories.last_mut().unwrap().2 = cut,
            other => panic!("{other:?}"),
        }
    }
    Kept { memories, out: left.out.load(Ordering::Relaxed), cut: left.cut.load(Ordering::Relaxed) }
}

fn limits(memories: u32) -> Limits {
    Limits { memories, ..Limits::default() }
}

impl Kept {
    /// How many of them hold this.
    fn with(&self, text: &str) -> usize {
        let holds = |memory: &[u8]| memory.windows(text.len()).any(|part| part == text.as_bytes());
        self.memories.iter().filter(|(_, memory, _)| holds(memory)).count()
    }
}

#[test]
fn who_ends_leaves_its_memory() {
    for way in [Way::Listener, Way::Stops] {
        let run = kept(&way, "a=made; b=$a-in-memory; ( c=$b-too; exit 3 ); exit 0", &limits(10));
        assert_eq!((run.memories.len(), run.out, run.cut), (2, 0, 0));
        assert_eq!((run.with("made-in-memory"), run.with("made-in-memory-too")), (2, 1));
        let whole = |(_, memory, cut): &(u32, Vec<u8>, bool)| memory.starts_with(b"\x7fELF") && !cut;
        assert!(run.memories.iter().all(whole));
        assert_ne!(run.memories[0].0, run.memories[1].0);
    }
}

#[test]
fn who_becomes_another_program_leaves_it_too_but_no_copy_of_its_parents() {
    for way in [Way::Listener, Way::Stops] {
        // The one that is forked for the first `sleep` is a shell until then.
        let run = kept(&way, "a=made; b=$a-in-memory; sleep 0; exec sleep 0", &limits(10));
        assert_eq!((run.memories.len(), run.with("made-in-memory")), (3, 1));
        assert_eq!(run.memories[1].0, run.memories[2].0, "the shell, and what it became");
        // It fails twice, and ends.
        let line =
            "perl -e '$a = q(in); $b = qq($a-memory); exec q(/none/x); exec q(/none/y)' 2>/dev/null; exit";
        assert_eq!(kept(&way, line, &limits(10)).with("in-memory"), 2);
    }
}

#[test]
fn many_that_end_at_once_end_and_are_counted() {
    for way in [Way::Listener, Way::Stops] {
        let line = "i=0; while [ $i -lt 100 ]; do ( : ) & i=$((i+1)); done; wait";
        let run = kept(&way, line, &limits(4));
        assert_eq!((run.memories.len(), run.out), (4, 97));
        let small = Limits { memory_of_one_bytes: 100_000, memory_total_bytes: 250_000, ..limits(10) };
        let run = kept(&way, "( : ); ( : ); ( : ); ( : ); :", &small);
        let sizes: Vec<usize> = run.memories.iter().map(|(_, memory, _)| memory.len()).collect();
        assert_eq!((&sizes[..], run.cut, run.out), (&[100_000, 100_000, 50_000][..], 3, 2));
    }
}

#[test]
fn no_timer_keeps_a_process_from_its_end() {
    for way in [Way::Listener, Way::Stops] {
        let line = "perl -e 'use POSIX; $SIG{ALRM} = sub {}; $a = q(made); $b = qq($a-late); \
            syscall(38, 0, pack(q(q4), 0, 50, 0, 50), 0); POSIX::_exit(0)'; :";
        assert_eq!(kept(&way, line, &limits(20)).with("made-late"), 1);
    }
}

#[test]
fn who_is_killed_leaves_it_to_a_tracer_only() {
    let line = "a=made; ( b=$a-in-memory; c=$(sh -c 'kill -9 $PPID') ); ( b=$a-in-crash; kill -SEGV $(exec sh -c 'echo $PPID') ); :";
    let run = kept(&Way::Stops, line, &limits(10));
    assert_eq!((run.with("made-in-memory"), run.with("made-in-crash")), (1, 1));
    let run = kept(&Way::Listener, line, &limits(10));
    assert_eq!((run.with("made-in-memory"), run.with("made-in-crash"), run.out), (0, 0, 0));
}
