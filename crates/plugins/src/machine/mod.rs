//! What the machine tells about itself, mostly through `/proc`.

pub mod facts;
pub mod memory;
pub mod mounts;
pub mod passwd;
pub mod process;
pub mod sockets;

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest file of facts that is read.
const MAX_FILE: u64 = 1 << 20;

/// A small file as bytes; empty when it cannot be read.
pub fn read_bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(MAX_FILE).read_to_end(&mut bytes);
    }
    bytes
}

/// A small file as text, white space around it removed; empty when it cannot be read.
pub fn read_text(path: impl AsRef<Path>) -> String {
    String::from_utf8_lossy(&read_bytes(path)).trim().to_owned()
}
