//! The program that the kernel runs at the end of each system call, in its own byte code: few enough instructions to be written by
//! hand, and no compiler is needed in the guest.
//!
//! It looks the caller's cgroup up in a map of runs; for a member it writes one [`RECORD`] into a ring. At the *end* of a call its
//! arguments are still in the registers, its texts are in memory for certain, and its result is known.

/// Bytes of a record.
pub const RECORD: usize = 472;
/// Where its parts are. Lengths are those of the kernel's copy, negative when there is no text at that address.
pub const CALL: usize = 0;
pub const THREAD: usize = 8;
pub const TIME: usize = 16;
pub const RESULT: usize = 24;
pub const REGISTERS: usize = 32;
pub const FIRST_LENGTH: usize = 200;
pub const FIRST: usize = 208;
pub const SECOND_LENGTH: usize = 336;
pub const SECOND: usize = 344;
/// The longest text.
pub const TEXT: usize = 128;

/// Offsets in the kernel's `pt_regs`.
pub const ARGUMENTS: [usize; 6] = [112, 104, 96, 56, 72, 64];
pub const NUMBER: usize = 120;
pub const CODE_SEGMENT: usize = 136;
const ALL_REGISTERS: i32 = 168;

const CONNECT: i32 = 42;
const BIND: i32 = 49;
/// An IPv6 address with its port.
const ADDRESS: i32 = 28;

// Functions of the kernel.
const LOOK_UP: i32 = 1;
const NOW: i32 = 5;
const PID: i32 = 14;
const CGROUP: i32 = 80;
const READ_USER: i32 = 112;
const READ_KERNEL: i32 = 113;
const READ_USER_TEXT: i32 = 114;
const RESERVE: i32 = 131;
const SUBMIT: i32 = 132;

/// Descriptors of the maps that it uses.
pub struct Maps {
    /// From cgroup to call.
    pub runs: i32,
    pub ring: i32,
    /// One number: records for which there was no room.
    pub lost: i32,
}

/// Where a jump leads.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    Out,
    Lost,
    Address,
    Store,
}

#[derive(Default)]
struct Code {
    words: Vec<u64>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

impl Code {
    fn add(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = u64::from(to | from << 4);
        let offset = u64::from(offset as u16);
        self.words.push(u64::from(code) | registers << 8 | offset << 16 | u64::from(value as u32) << 32);
    }
    fn copy(&mut self, to: u8, from: u8) {
        self.add(0xbf, to, from, 0, 0);
    }
    fn set(&mut self, to: u8, value: i32) {
        self.add(0xb7, to, 0, 0, value);
    }
    /// A register that points somewhere into what another points to.
    fn point(&mut self, to: u8, from: u8, offset: i32) {
        self.copy(to, from);
        self.add(0x07, to, 0, 0, offset);
    }
    fn load(&mut self, to: u8, from: u8, offset: usize) {
        self.add(0x79, to, from, offset as i16, 0);
    }
    fn store(&mut self, to: u8, offset: i16, from: u8) {
        self.add(0x7b, to, from, offset, 0);
    }
    fn map(&mut self, to: u8, descriptor: i32) {
        self.add(0x18, to, 1, 0, descriptor);
        self.add(0, 0, 0, 0, 0);
    }
    fn call(&mut self, function: i32) {
        self.add(0x85, 0, 0, 0, function);
    }
    fn jump(&mut self, label: Label) {
        self.jumps.push((self.words.len(), label));
        self.add(0x05, 0, 0, 0, 0);
    }
    fn jump_if(&mut self, register: u8, value: i32, label: Label) {
        self.jumps.push((self.words.len(), label));
        self.add(0x15, register, 0, 0, value);
    }
    fn here(&mut self, label: Label) {
        self.labels.push((label, self.words.len()));
    }
    fn finish(mut self) -> Vec<u64> {
        for (at, label) in self.jumps {
            let target =
                self.labels.iter().find(|(found, _)| *found == label).map_or(at, |(_, place)| *place);
            // From the instruction after the jump.
            let offset = (target as i64 - at as i64 - 1) as i16;
            self.words[at] |= u64::from(offset as u16) << 16;
        }
        self.words
    }
}

/// The program's instructions.
pub fn assemble(maps: &Maps) -> Vec<u64> {
    const STACK: u8 = 10;
    const CONTEXT: u8 = 6;
    const RUN: u8 = 7;
    const OUR: u8 = 8;
    let mut code = Code::default();
    code.copy(CONTEXT, 1);
    code.call(CGROUP);
    code.store(STACK, -8, 0);
    code.map(1, maps.runs);
    code.point(2, STACK, -8);
    code.call(LOOK_UP);
    code.jump_if(0, 0, Label::Out);
    code.load(RUN, 0, 0);
    code.map(1, maps.ring);
    code.set(2, RECORD as i32);
    code.set(3, 0);
    code.call(RESERVE);
    code.jump_if(0, 0, Label::Lost);
    code.copy(OUR, 0);
    code.store(OUR, CALL as i16, RUN);
    code.call(PID);
    code.store(OUR, THREAD as i16, 0);
    code.call(NOW);
    code.store(OUR, TIME as i16, 0);
    code.load(1, CONTEXT, 8);
    code.store(OUR, RESULT as i16, 1);
    code.point(1, OUR, REGISTERS as i32);
    code.set(2, ALL_REGISTERS);
    code.load(3, CONTEXT, 0);
    code.call(READ_KERNEL);
    code.point(1, OUR, FIRST as i32);
    code.set(2, TEXT as i32);
    code.load(3, OUR, REGISTERS + ARGUMENTS[0]);
    code.call(READ_USER_TEXT);
    code.store(OUR, FIRST_LENGTH as i16, 0);
    code.load(9, OUR, REGISTERS + NUMBER);
    code.point(1, OUR, SECOND as i32);
    code.load(3, OUR, REGISTERS + ARGUMENTS[1]);
    code.jump_if(9, CONNECT, Label::Address);
    code.jump_if(9, BIND, Label::Address);
    code.set(2, TEXT as i32);
    code.call(READ_USER_TEXT);
    code.jump(Label::Store);
    code.here(Label::Address);
    // Not a text: a zero byte is no end.
    code.set(2, ADDRESS);
    code.call(READ_USER);
    code.add(0x07, 0, 0, 0, ADDRESS);
    code.here(Label::Store);
    code.store(OUR, SECOND_LENGTH as i16, 0);
    code.copy(1, OUR);
    code.set(2, 0);
    code.call(SUBMIT);
    code.here(Label::Out);
    code.set(0, 0);
    code.add(0x95, 0, 0, 0, 0);
    code.here(Label::Lost);
    code.add(0x62, STACK, 0, -16, 0);
    code.map(1, maps.lost);
    code.point(2, STACK, -16);
    code.call(LOOK_UP);
    code.jump_if(0, 0, Label::Out);
    code.set(1, 1);
    // Added in one step: other processors count too.
    code.add(0xdb, 0, 1, 0, 0);
    code.jump(Label::Out);
    code.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_stay_inside_and_lead_to_instructions() {
        let words = assemble(&Maps { runs: 1, ring: 2, lost: 3 });
        for (at, word) in words.iter().enumerate() {
            if matches!(word & 0xff, 0x05 | 0x15) {
                let target = at as i64 + 1 + i64::from((word >> 16) as u16 as i16);
                let target = usize::try_from(target).unwrap();
                assert!(target < words.len() && target != at + 1, "from {at} to {target}");
                // The second half of a map's address is no instruction.
                assert_ne!(words[target] & 0xff, 0);
            }
        }
    }
}
