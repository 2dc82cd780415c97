//! The programs that the kernel runs at the beginning and at the end of each system call, in its own byte code: few enough
//! instructions to be written by hand, and no compiler is needed in the guest.
//!
//! Both look the caller's cgroup up in a map of runs: the one below the root, since a sample may make more below its own. At the beginning, what the plan of a call names is copied from the caller's
//! memory, before another thread or the call itself changes it. At the end the result is added, what was not in memory before is
//! copied now, and the record goes into a ring. A call that a seccomp filter refuses has only
//! an end. Calls that are only counted are counted at their beginning.

use super::code::{Code, Do, If, Label};
use super::record::{
    ALL_REGISTERS, AT_ONCE, COUNT_SHIFT, FIXED, LENGTHS, MESSAGE, NUMBER, PLACE, PLACE_BITS, PLACES, PLAN,
    RECORD, REGISTERS, RESULT, RUN, SIZED, TEXT, THREAD, TIME, WANTED, WORDS, WRITTEN,
};
use guest_protocol::syscalls::{self, MOST_WORDS, NUMBERS};

// Functions of the kernel.
const LOOK_UP: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;
const NOW: i32 = 5;
const PID: i32 = 14;
const TASK: i32 = 35;
const ANCESTOR: i32 = 123;
const READ_USER: i32 = 112;
const READ_KERNEL: i32 = 113;
const READ_USER_TEXT: i32 = 114;
const OUTPUT: i32 = 130;

/// Of `thread_info`, with which a task begins: where its status is, and the bit for calls by the gate for 32 bits.
const STATUS: i32 = 16;
const COMPAT: i32 = 2;

/// Descriptors of the maps that they use.
pub struct Maps {
    /// From cgroup to run.
    pub runs: i32,
    pub ring: i32,
    /// One number: records for which there was no room.
    pub lost: i32,
    /// One record for each processor.
    pub scratch: i32,
    /// From thread to the record of the call that it makes.
    pub pending: i32,
    pub plans: i32,
    /// From run and call to how often it was made.
    pub counts: i32,
}

// Registers that outlive calls.
const STACK: u8 = 10;
/// The program's argument; later how many bytes of words there are.
const CONTEXT: u8 = 6;
const OUR_RUN: u8 = 7;
const OUR: u8 = 8;
const OUR_PLAN: u8 = 9;

// On the stack.
const KEY: i16 = -8;
const INDEX: i16 = -16;
const LENGTH: i16 = -24;
const ONE: i16 = -32;
const WORD_LIST: i16 = -40;
const WORD: i16 = -48;
const HEADER: i16 = -96;
const CONTENT: i16 = -64;

/// The most bytes copied of a buffer.
pub const BUFFER: i32 = 128;
const LONGEST_WORD: i32 = syscalls::LONGEST_WORD as i32;
const FAULT: i32 = -14;
const NO_WAKEUP: i32 = 1;
/// How far below the root the cgroups of runs are.
const RUN_LEVEL: i32 = 1;

/// At the beginning of a call.
pub fn enter(maps: &Maps) -> Vec<u64> {
    let mut code = Code::default();
    let out = code.label();
    let soon = code.label();
    run(&mut code, maps, out);
    begin(&mut code, maps, out, Phase::Beginning);
    for at in 0..PLACES.len() {
        place(&mut code, at, Phase::Beginning);
    }
    test_bit(&mut code, AT_ONCE);
    code.jump_if(1, If::NotEqual, 0, soon);
    thread_key(&mut code);
    code.map(1, maps.pending);
    code.point(2, STACK, i32::from(KEY));
    code.copy(3, OUR);
    code.set(4, 0);
    code.call(UPDATE);
    code.jump(out);
    code.here(soon);
    emit(&mut code, maps, out);
    code.here(out);
    code.end();
    code.finish()
}

/// At the end of a call.
pub fn exit(maps: &Maps) -> Vec<u64> {
    let mut code = Code::default();
    let (out, known, complete) = (code.label(), code.label(), code.label());
    run(&mut code, maps, out);
    thread_key(&mut code);
    code.map(1, maps.pending);
    code.point(2, STACK, i32::from(KEY));
    code.call(LOOK_UP);
    code.jump_if(0, If::NotEqual, 0, known);
    begin(&mut code, maps, out, Phase::End);
    for at in 0..PLACES.len() {
        length(&mut code, at, FAULT);
    }
    code.jump(complete);
    code.here(known);
    code.copy(OUR, 0);
    code.load(OUR_PLAN, OUR, PLAN);
    code.here(complete);
    code.load(1, CONTEXT, 8);
    code.store(OUR, RESULT, 1);
    for at in 0..PLACES.len() {
        let whole = code.label();
        code.load(1, OUR, LENGTHS + 8 * at as i16);
        code.jump_if(1, If::LessSigned, 0, whole);
        let next = code.label();
        code.jump(next);
        code.here(whole);
        place(&mut code, at, Phase::End);
        code.here(next);
    }
    let sent = code.label();
    emit(&mut code, maps, sent);
    code.here(sent);
    thread_key(&mut code);
    code.map(1, maps.pending);
    code.point(2, STACK, i32::from(KEY));
    code.call(DELETE);
    code.here(out);
    code.end();
    code.finish()
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Beginning,
    End,
}

/// Leaves unless the caller belongs to a run.
fn run(code: &mut Code, maps: &Maps, out: Label) {
    code.copy(CONTEXT, 1);
    code.set(1, RUN_LEVEL);
    code.call(ANCESTOR);
    code.store(STACK, KEY, 0);
    code.map(1, maps.runs);
    code.point(2, STACK, i32::from(KEY));
    code.call(LOOK_UP);
    code.jump_if(0, If::Equal, 0, out);
    code.load(OUR_RUN, 0, 0);
}

fn thread_key(code: &mut Code) {
    code.call(PID);
    code.store(STACK, KEY, 0);
}

/// Whether a bit of the plan is set, into the first register.
fn test_bit(code: &mut Code, bit: i32) {
    code.copy(1, OUR_PLAN);
    code.compute(Do::ShiftRight, 1, bit);
    code.compute(Do::And, 1, 1);
}

/// A new record, and its plan. Leaves when the call is only counted.
fn begin(code: &mut Code, maps: &Maps, out: Label, phase: Phase) {
    let wanted = code.label();
    code.store_value(STACK, INDEX, 0);
    code.map(1, maps.scratch);
    code.point(2, STACK, i32::from(INDEX));
    code.call(LOOK_UP);
    code.jump_if(0, If::Equal, 0, out);
    code.copy(OUR, 0);
    code.store(OUR, RUN, OUR_RUN);
    code.call(PID);
    code.store(OUR, THREAD, 0);
    code.call(NOW);
    code.store(OUR, TIME, 0);
    code.store_value(OUR, RESULT, 0);
    code.point(1, OUR, i32::from(REGISTERS));
    code.set(2, ALL_REGISTERS);
    code.load(3, CONTEXT, 0);
    code.call(READ_KERNEL);
    code.call(TASK);
    code.point(3, 0, STATUS);
    code.point(1, OUR, i32::from(PLACE));
    code.set(2, 8);
    code.call(READ_KERNEL);
    code.load(1, OUR, PLACE);
    code.compute(Do::And, 1, COMPAT);
    code.compute(Do::ShiftLeft, 1, (NUMBERS as i32 / COMPAT).ilog2() as i32);
    code.load(2, OUR, REGISTERS + NUMBER);
    code.jump_if(2, If::Above, NUMBERS as i32 - 1, out);
    code.add_register(2, 1);
    code.store(OUR, PLACE, 2);
    code.store_half(STACK, INDEX, 2);
    code.map(1, maps.plans);
    code.point(2, STACK, i32::from(INDEX));
    code.call(LOOK_UP);
    code.jump_if(0, If::Equal, 0, out);
    code.load(OUR_PLAN, 0, 0);
    code.store(OUR, PLAN, OUR_PLAN);
    test_bit(code, WANTED);
    code.jump_if(1, If::NotEqual, 0, wanted);
    if phase == Phase::Beginning {
        count(code, maps);
    }
    code.jump(out);
    code.here(wanted);
}

/// One more of a call that is only counted.
fn count(code: &mut Code, maps: &Maps) {
    let (new, done) = (code.label(), code.label());
    code.copy(1, OUR_RUN);
    code.compute(Do::ShiftLeft, 1, 32);
    code.load_half(2, STACK, INDEX);
    code.add_register(1, 2);
    code.store(STACK, LENGTH, 1);
    code.map(1, maps.counts);
    code.point(2, STACK, i32::from(LENGTH));
    code.call(LOOK_UP);
    code.jump_if(0, If::Equal, 0, new);
    code.set(1, 1);
    code.add_shared(0, 0, 1);
    code.jump(done);
    code.here(new);
    code.store_value(STACK, ONE, 1);
    code.map(1, maps.counts);
    code.point(2, STACK, i32::from(LENGTH));
    code.point(3, STACK, i32::from(ONE));
    code.set(4, 0);
    code.call(UPDATE);
    code.here(done);
}

fn length(code: &mut Code, at: usize, value: i32) {
    code.store_value(OUR, LENGTHS + 8 * at as i16, value);
}

/// Copies what the plan names for one place.
fn place(code: &mut Code, at: usize, phase: Phase) {
    let (offset, size) = (i32::from(PLACES[at].0), PLACES[at].1);
    let lengths = LENGTHS + 8 * at as i16;
    let bits = PLACE_BITS * at as i32;
    let [done, stored, text, sized, fixed, words, message] = std::array::from_fn(|_| code.label());
    length(code, at, FAULT);
    // The address, out of the register that the plan names.
    field(code, 2, bits + 3, 0xff);
    register(code, 3, 2);
    field(code, 1, bits, 7);
    code.jump_if(1, If::Equal, TEXT, text);
    code.jump_if(1, If::Equal, SIZED, sized);
    code.jump_if(1, If::Equal, FIXED, fixed);
    if at == 0 {
        code.jump_if(1, If::Equal, MESSAGE, message);
    }
    if at == 1 {
        code.jump_if(1, If::Equal, WORDS, words);
    }
    if phase == Phase::End {
        code.jump_if(1, If::Equal, WRITTEN, fixed);
    }
    code.jump(done);

    code.here(text);
    code.point(1, OUR, offset);
    code.set(2, size);
    code.call(READ_USER_TEXT);
    code.store(OUR, lengths, 0);
    code.jump(done);

    code.here(sized);
    field(code, 1, bits + 11, 0xff);
    register(code, 2, 1);
    limit(code, 2, BUFFER);
    code.jump(stored);
    code.here(fixed);
    field(code, 2, bits + 11, 0x7f);
    code.here(stored);
    copy_user(code, offset, lengths, done);
    code.jump(done);

    if at == 0 {
        code.here(message);
        copy_message(code, offset, lengths, done);
        code.jump(done);
    }
    if at == 1 {
        code.here(words);
        copy_words(code, offset, lengths);
    }
    code.here(done);
}

/// Some bits of the plan.
fn field(code: &mut Code, to: u8, shift: i32, mask: i32) {
    code.copy(to, OUR_PLAN);
    code.compute(Do::ShiftRight, to, shift);
    code.compute(Do::And, to, mask);
}

/// The caller's register at an offset that another register has.
fn register(code: &mut Code, to: u8, offset: u8) {
    code.copy(0, OUR);
    code.add_register(0, offset);
    code.load(to, 0, REGISTERS);
}

fn limit(code: &mut Code, register: u8, most: i32) {
    let below = code.label();
    let above = code.label();
    code.jump_if(register, If::Above, most, above);
    code.jump(below);
    code.here(above);
    code.set(register, most);
    code.here(below);
}

/// As many bytes as the second register says, from where the third points.
fn copy_user(code: &mut Code, offset: i32, lengths: i16, done: Label) {
    let good = code.label();
    code.store(STACK, LENGTH, 2);
    code.point(1, OUR, offset);
    code.call(READ_USER);
    code.jump_if(0, If::Equal, 0, good);
    code.jump(done);
    code.here(good);
    code.load(1, STACK, LENGTH);
    code.store(OUR, lengths, 1);
}

/// The first buffer of a `struct msghdr` (name, length of name, buffers).
fn copy_message(code: &mut Code, offset: i32, lengths: i16, done: Label) {
    code.point(1, STACK, i32::from(HEADER));
    code.set(2, 24);
    code.call(READ_USER);
    code.jump_if(0, If::NotEqual, 0, done);
    code.load(3, STACK, HEADER + 16);
    code.point(1, STACK, i32::from(CONTENT));
    code.set(2, 16);
    code.call(READ_USER);
    code.jump_if(0, If::NotEqual, 0, done);
    code.load(3, STACK, CONTENT);
    code.load(2, STACK, CONTENT + 8);
    limit(code, 2, BUFFER);
    copy_user(code, offset, lengths, done);
}

/// A list of texts, one behind the other with their zeros.
fn copy_words(code: &mut Code, offset: i32, lengths: i16) {
    let end = code.label();
    // At the end of a call there is nothing left that needs the argument.
    code.store(STACK, WORD_LIST, 3);
    code.store_value(STACK, ONE, 0);
    for _ in 0..MOST_WORDS {
        code.point(1, STACK, i32::from(WORD));
        code.set(2, 8);
        code.load(3, STACK, WORD_LIST);
        code.call(READ_USER);
        code.jump_if(0, If::NotEqual, 0, end);
        code.load(3, STACK, WORD);
        code.jump_if(3, If::Equal, 0, end);
        code.load(1, STACK, WORD_LIST);
        code.compute(Do::Add, 1, 8);
        code.store(STACK, WORD_LIST, 1);
        code.load(4, STACK, ONE);
        code.jump_if(4, If::Above, LONGEST_WORD, end);
        code.copy(1, OUR);
        code.add_register(1, 4);
        code.compute(Do::Add, 1, offset);
        code.set(2, LONGEST_WORD);
        code.call(READ_USER_TEXT);
        code.jump_if(0, If::AtMostSigned, 0, end);
        code.compute(Do::And, 0, 2 * LONGEST_WORD - 1);
        code.load(4, STACK, ONE);
        code.add_register(4, 0);
        code.store(STACK, ONE, 4);
    }
    code.here(end);
    code.load(1, STACK, ONE);
    code.store(OUR, lengths, 1);
}

/// Sends the record, as far as it is filled.
fn emit(code: &mut Code, maps: &Maps, out: Label) {
    let send = code.label();
    field(code, 1, COUNT_SHIFT, 3);
    for (at, (offset, _)) in (0..).zip(PLACES) {
        code.set(3, i32::from(offset));
        code.jump_if(1, If::Equal, at, send);
    }
    code.set(3, RECORD as i32);
    code.here(send);
    code.map(1, maps.ring);
    code.copy(2, OUR);
    // Without waking the agent each time: it looks by itself.
    code.set(4, NO_WAKEUP);
    code.call(OUTPUT);
    code.jump_if(0, If::Equal, 0, out);
    code.store_value(STACK, INDEX, 0);
    code.map(1, maps.lost);
    code.point(2, STACK, i32::from(INDEX));
    code.call(LOOK_UP);
    code.jump_if(0, If::Equal, 0, out);
    code.set(1, 1);
    code.add_shared(0, 0, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_stay_inside_and_lead_to_instructions() {
        let maps = Maps { runs: 1, ring: 2, lost: 3, scratch: 4, pending: 5, plans: 6, counts: 7 };
        for words in [enter(&maps), exit(&maps)] {
            for (at, word) in words.iter().enumerate() {
                if matches!(word & 0xff, 0x05 | 0x15 | 0x55 | 0x25 | 0xc5 | 0xd5) {
                    let target = at as i64 + 1 + i64::from((word >> 16) as u16 as i16);
                    let target = usize::try_from(target).unwrap();
                    assert!(target < words.len() && target > at, "from {at} to {target}: no loops");
                    // The second half of a map's address is no instruction.
                    assert_ne!(words[target] & 0xff, 0);
                }
            }
        }
    }
}
