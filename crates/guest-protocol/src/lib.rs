//! What the sandbox's host and the agent in a guest say to each other, over a virtio-serial port.
//!
//! ```text
//! frame    "HgA1" | session u32 | length u32 | CRC-32 of session, length and payload | payload (postcard)
//! payload  ToGuest { call, request }     host -> guest
//!          ToHost  { call, reply }       guest -> host
//! ```
//!
//! **Calls.** The host numbers its requests; every reply names the call it belongs to, and a call ends with
//! exactly one *last* reply ([`Reply::is_last`]). Calls run side by side. Call 0 is nobody's: the agent's own log lines and
//! its birth notice come with it.
//!
//! **Sessions.** The host draws a number for each connection; frames of another session are stale (a snapshot was
//! taken while they were on their way) and are dropped on both sides. The agent takes its session from
//! [`Request::Hello`]. Session 0 is only for the notice [`Reply::Born`].
//!
//! **Credit.** A guest is hostile. A call that gives many replies (a run, a file) has a window of bytes, counted by
//! [`window::cost`]; the agent stops when it is used up and the host adds to it with [`Request::Credit`] as its reader
//! takes replies. A guest that sends more than it was granted is cut off, so that what the host holds for a call never exceeds
//! the window that it chose.
//!
//! **Codec.** Postcard: a few bytes for a message, no text parsing under emulation, a decoder of a few kilobytes in the agent,
//! and it reads from a slice without believing any length in it. A frame is at most [`frame::MAX_PAYLOAD`] long, so neither
//! side ever holds more than that for a message.

mod bytes;
pub mod frame;
mod message;
pub mod syscalls;
pub mod window;

pub use bytes::Bytes;
pub use message::{
    Counted, Counts, Entropy, Exit, Failure, FailureKind, FileFacts, Greeting, Limits, Network, Owner,
    ProcessEvent, Put, Read, Reply, Request, Run, Stream, Syscall, ToGuest, ToHost, Tracing,
};

/// The name of the virtio-serial port, as `/sys/class/virtio-ports/*/name` gives it.
pub const PORT_NAME: &str = "harrier.agent.0";

/// Changes when a side could misunderstand the other; both must be of the same version.
pub const VERSION: u16 = 4;

/// Bytes of content in one message: files and output travel in pieces of at most this size.
pub const CHUNK: usize = 32 * 1024;
