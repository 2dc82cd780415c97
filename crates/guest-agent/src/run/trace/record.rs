//! What the kernel's programs write for each call, and the plans that tell them what to copy.

use guest_protocol::syscalls::{self, Abi, Copy, NUMBERS, PLACES as SIZES};
use guest_protocol::{Bytes, Syscall};

/// Where the parts of a record are.
pub const RUN: i16 = 0;
pub const THREAD: i16 = 8;
pub const TIME: i16 = 16;
pub const RESULT: i16 = 24;
pub const PLAN: i16 = 32;
/// A number of a call, with [`NUMBERS`] added for i386.
pub const PLACE: i16 = 40;
pub const REGISTERS: i16 = 48;
/// The kernel's `pt_regs`.
pub const ALL_REGISTERS: i32 = 168;
/// How much was copied for each place, or a negative error.
pub const LENGTHS: i16 = 216;
/// Offsets and sizes of what was copied.
pub const PLACES: [(i16, i32); 3] = [(240, SIZES[0] as i32), (496, SIZES[1] as i32), (1008, SIZES[2] as i32)];
/// The longest record.
pub const RECORD: usize = 1136;
/// Plans: one for each number of either kind.
pub const PLANS: u32 = 2 * NUMBERS;

/// Offsets in `pt_regs`.
pub const NUMBER: i16 = 120;
const ARGUMENTS: [u8; 6] = [112, 104, 96, 56, 72, 64];
const ARGUMENTS_32: [u8; 6] = [40, 88, 96, 104, 112, 32];

// A plan: three places of 20 bits (3 for the kind, 8 for the register, 8 for a length or the register of one), how many there are,
// whether the record is sent at the beginning of the call, whether it is sent at all.
pub const PLACE_BITS: i32 = 20;
pub const COUNT_SHIFT: i32 = 60;
pub const AT_ONCE: i32 = 62;
pub const WANTED: i32 = 63;

pub const TEXT: i32 = 1;
pub const SIZED: i32 = 2;
pub const FIXED: i32 = 3;
pub const WORDS: i32 = 4;
pub const MESSAGE: i32 = 5;
pub const WRITTEN: i32 = 6;

/// What is copied for a call; 0 for those that are only counted.
pub fn plan(place: u32) -> u64 {
    let abi = Abi::of(place >= NUMBERS);
    let Some(row) = syscalls::row(abi, place % NUMBERS) else { return 0 };
    let registers = if abi == Abi::I386 { &ARGUMENTS_32 } else { &ARGUMENTS };
    let mut plan = 1 << WANTED;
    for (count, (argument, copy)) in (0_u64..).zip(row.copies(abi)) {
        let (kind, parameter) = match copy {
            Copy::Text => (TEXT, 0),
            Copy::Sized(length) => (SIZED, registers[length]),
            Copy::Fixed(length) => (FIXED, length),
            Copy::Words => (WORDS, 0),
            Copy::Message => (MESSAGE, 0),
            Copy::Written(length) => (WRITTEN, length),
        };
        let bits = kind as u64 | u64::from(registers[argument]) << 3 | u64::from(parameter) << 11;
        plan |= bits << (PLACE_BITS as u64 * count);
        plan = plan & !(3 << COUNT_SHIFT) | (count + 1) << COUNT_SHIFT;
    }
    if row.names.iter().any(|name| name.starts_with("exit")) {
        plan |= 1 << AT_ONCE;
    }
    plan
}

/// The run that a record belongs to, and what it says. `boot` is the time at which the kernel's clock began.
pub fn parse(record: &[u8], boot: i64) -> Option<(u32, Syscall)> {
    let word = |at: usize| Some(u64::from_ne_bytes(record.get(at..at + 8)?.try_into().ok()?));
    let register = |at: u8| word(REGISTERS as usize + usize::from(at));
    let (thread, place, plan) = (word(THREAD as usize)?, word(PLACE as usize)? as u32, word(PLAN as usize)?);
    let is_32_bit = place >= NUMBERS;
    let registers = if is_32_bit { ARGUMENTS_32 } else { ARGUMENTS };
    let mut arguments = [0; 6];
    for (argument, at) in arguments.iter_mut().zip(registers) {
        *argument = register(at)?;
        if is_32_bit {
            *argument &= 0xffff_ffff;
        }
    }
    let mut memory = Vec::new();
    for at in 0..(plan >> COUNT_SHIFT & 3) as usize {
        let kind = (plan >> (PLACE_BITS as usize * at) & 7) as i32;
        let (from, size) = (PLACES.get(at)?.0 as usize, PLACES.get(at)?.1 as usize);
        let copied = usize::try_from(word(LENGTHS as usize + 8 * at)? as i64).ok();
        memory.push(copied.and_then(|length| {
            let bytes = record.get(from..from + length.min(size))?;
            let bytes = if kind == TEXT { bytes.strip_suffix(&[0]).unwrap_or(bytes) } else { bytes };
            Some(Bytes::from(bytes))
        }));
    }
    let syscall = Syscall {
        time: boot.saturating_add(word(TIME as usize)? as i64),
        pid: (thread >> 32) as u32,
        thread: thread as u32,
        number: place % NUMBERS,
        is_32_bit,
        arguments,
        result: word(RESULT as usize)? as i64,
        times: 1,
        memory,
    };
    Some((word(RUN as usize)? as u32, syscall))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_name_the_registers_of_the_caller() {
        let openat = plan(libc::SYS_openat as u32);
        assert_eq!(openat & 0xfffff, TEXT as u64 | 104 << 3);
        assert_eq!(openat >> COUNT_SHIFT, 0b1001);
        let of_32_bits = plan(NUMBERS + 295);
        assert_eq!(of_32_bits & 0xfffff, TEXT as u64 | 88 << 3);
        let connect = plan(libc::SYS_connect as u32);
        assert_eq!(connect & 0xfffff, SIZED as u64 | 104 << 3 | 96 << 11);
        assert_eq!(plan(libc::SYS_futex as u32), 0);
        assert_eq!(plan(libc::SYS_exit_group as u32) >> COUNT_SHIFT, 0b1100);
    }

    #[test]
    fn a_record_is_read_and_one_that_is_short_is_none() {
        let mut record = vec![0; 496];
        let mut set = |at: i16, value: u64| record[at as usize..][..8].copy_from_slice(&value.to_ne_bytes());
        set(RUN, 7);
        set(THREAD, 5 << 32 | 6);
        set(TIME, 100);
        set(RESULT, -2_i64 as u64);
        set(PLAN, plan(libc::SYS_openat as u32));
        set(PLACE, libc::SYS_openat as u64);
        set(REGISTERS + 96, 0o101);
        set(LENGTHS, 5);
        record[240..245].copy_from_slice(b"/x/y\0");
        let (run, syscall) = parse(&record, 1000).unwrap();
        assert_eq!((run, syscall.pid, syscall.thread, syscall.time), (7, 5, 6, 1100));
        assert_eq!((syscall.result, syscall.arguments[2]), (-2, 0o101));
        assert_eq!(syscall.memory, [Some("/x/y".into())]);
        assert!(parse(&record[..300], 0).is_some(), "the text is shorter than its place");
        assert!(parse(&record[..200], 0).is_none());
    }
}
