//! What is copied of a call from its caller's memory: the same as the programs in the kernel copy (`trace/program.rs`).

use guest_protocol::Bytes;
use guest_protocol::syscalls::{Abi, Copy, LONGEST_WORD, MOST_WORDS, PLACES, Row};

use crate::run::trace::BUFFER;

/// Reads a caller's memory from an address on, as far as there is some.
pub trait Memory {
    fn read(&self, from: u64, into: &mut [u8]) -> usize;
}

/// At the beginning of a call, before another thread or the call itself changes it.
pub fn before(memory: &impl Memory, row: &Row, abi: Abi, arguments: &[u64; 6]) -> Vec<Option<Bytes>> {
    copies(memory, row, abi, arguments, |copy| !matches!(copy, Copy::Written(_)))
}

/// At its end: what was not there before.
pub fn after(memory: &impl Memory, row: &Row, abi: Abi, arguments: &[u64; 6], before: &mut [Option<Bytes>]) {
    if before.iter().all(Option::is_some) {
        return;
    }
    for (known, now) in before.iter_mut().zip(copies(memory, row, abi, arguments, |_| true)) {
        if known.is_none() {
            *known = now;
        }
    }
}

fn copies(
    memory: &impl Memory,
    row: &Row,
    abi: Abi,
    arguments: &[u64; 6],
    is_wanted: impl Fn(Copy) -> bool,
) -> Vec<Option<Bytes>> {
    let all = row.copies(abi).zip(PLACES);
    all.map(|((at, copy), size)| {
        let from = arguments[at];
        is_wanted(copy).then(|| match copy {
            Copy::Text => text(memory, from, size),
            Copy::Sized(length) => bytes(memory, from, arguments[length]),
            Copy::Fixed(length) | Copy::Written(length) => bytes(memory, from, u64::from(length)),
            Copy::Words => Some(words(memory, from)),
            Copy::Message => message(memory, from),
        })?
    })
    .collect()
}

/// A text without the zero that ends it. One that is longer than its place is cut.
fn text(memory: &impl Memory, from: u64, size: usize) -> Option<Bytes> {
    let mut place = [0; 512];
    let place = &mut place[..size];
    let length = memory.read(from, place);
    match place[..length].iter().position(|byte| *byte == 0) {
        Some(end) => Some(Bytes::from(&place[..end])),
        None => (length == size).then(|| Bytes::from(&place[..size - 1])),
    }
}

/// All or nothing.
fn bytes(memory: &impl Memory, from: u64, length: u64) -> Option<Bytes> {
    let mut place = [0; BUFFER as usize];
    let wanted = &mut place[..length.min(BUFFER as u64) as usize];
    (memory.read(from, wanted) == wanted.len()).then(|| Bytes::from(&*wanted))
}

fn number(memory: &impl Memory, from: u64) -> Option<u64> {
    let mut word = [0; 8];
    (memory.read(from, &mut word) == word.len()).then(|| u64::from_ne_bytes(word))
}

/// The first buffer of a `struct msghdr` (name, length of name, buffers).
fn message(memory: &impl Memory, from: u64) -> Option<Bytes> {
    let buffers = number(memory, from.wrapping_add(16))?;
    bytes(memory, number(memory, buffers)?, number(memory, buffers.wrapping_add(8))?)
}

/// A list of texts, one behind the other with their zeros.
fn words(memory: &impl Memory, from: u64) -> Bytes {
    let mut all = Vec::new();
    for at in 0..MOST_WORDS as u64 {
        let word = number(memory, from.wrapping_add(8 * at)).filter(|word| *word != 0);
        let Some(word) = word.filter(|_| all.len() <= LONGEST_WORD) else { break };
        let Some(word) = text(memory, word, LONGEST_WORD) else { break };
        all.extend_from_slice(&word);
        all.push(0);
    }
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest_protocol::syscalls::row;

    /// Memory from 4096 on.
    struct Bytes4096(Vec<u8>);

    impl Memory for Bytes4096 {
        fn read(&self, from: u64, into: &mut [u8]) -> usize {
            let Some(rest) = from.checked_sub(4096).and_then(|at| self.0.get(at as usize..)) else {
                return 0;
            };
            let length = rest.len().min(into.len());
            into[..length].copy_from_slice(&rest[..length]);
            length
        }
    }

    fn copied(memory: &[u8], number: libc::c_long, arguments: [u64; 6]) -> Vec<Option<Bytes>> {
        let row = row(Abi::X86_64, number as u32).unwrap();
        before(&Bytes4096(memory.to_vec()), row, Abi::X86_64, &arguments)
    }

    #[test]
    fn what_is_there_is_copied_up_to_its_place() {
        let path = |memory: &[u8], from| copied(memory, libc::SYS_openat, [0, from, 0, 0, 0, 0]);
        assert_eq!(path(b"/x\0/y", 4096), [Some("/x".into())]);
        assert_eq!(path(b"/x\0/y", 4099), [None], "it has no end");
        assert_eq!(path(b"/x", 0), [None]);
        assert_eq!(path(&[b'a'; 4000], 4096), [Some(vec![b'a'; 255].into())]);
        let write = |length| copied(b"hello", libc::SYS_write, [1, 4096, length, 0, 0, 0]);
        assert_eq!(
            (write(5), write(6), write(0)),
            (vec![Some("hello".into())], vec![None], vec![Some("".into())])
        );
        let long = copied(&[7; 200], libc::SYS_write, [1, 4096, u64::MAX, 0, 0, 0]);
        assert_eq!(long, [Some(vec![7; 128].into())]);
    }

    #[test]
    fn lists_of_words_end_and_are_cut() {
        let list = |words: &[u64], texts: &[u8]| {
            let mut memory: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            memory.resize(512, 0);
            memory.extend_from_slice(texts);
            copied(&memory, libc::SYS_execve, [4096 + 512, 4096, 0, 0, 0, 0])[1].clone()
        };
        let text = 4096 + 512;
        assert_eq!(list(&[text, text + 3, 0], b"ab\0c\0"), Some("ab\0c\0".into()));
        assert_eq!(list(&[text, 1, text], b"ab\0"), Some("ab\0".into()), "one leads nowhere");
        assert_eq!(list(&[text; 60], b"ab\0").unwrap().len(), 3 * 16);
        let long = list(&[text; 60], &[[b'x'; 300].as_slice(), b"\0"].concat()).unwrap();
        assert_eq!(long.len(), 512, "two of the longest");
    }

    #[test]
    fn what_the_call_wrote_is_copied_at_its_end() {
        let row = row(Abi::X86_64, libc::SYS_pipe2 as u32).unwrap();
        let (memory, arguments) = (Bytes4096(vec![3, 0, 0, 0, 4, 0, 0, 0]), [4096, 0, 0, 0, 0, 0]);
        let mut copied = before(&memory, row, Abi::X86_64, &arguments);
        assert_eq!(copied, [None]);
        after(&memory, row, Abi::X86_64, &arguments, &mut copied);
        assert_eq!(copied, [Some(vec![3, 0, 0, 0, 4, 0, 0, 0].into())]);
    }
}
