//! An assembler for the few instructions of the kernel's byte code that are used here.

/// Where a jump leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// When a jump is taken: what the register is, compared with the value.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum If {
    Equal = 0x15,
    NotEqual = 0x55,
    Above = 0x25,
    LessSigned = 0xc5,
    AtMostSigned = 0xd5,
}

#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Do {
    Add = 0x07,
    And = 0x57,
    ShiftRight = 0x77,
    ShiftLeft = 0x67,
}

#[derive(Default)]
pub struct Code {
    words: Vec<u64>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<Option<usize>>,
}

impl Code {
    fn add(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = u64::from(to | from << 4);
        let offset = u64::from(offset as u16);
        self.words.push(u64::from(code) | registers << 8 | offset << 16 | u64::from(value as u32) << 32);
    }

    pub fn copy(&mut self, to: u8, from: u8) {
        self.add(0xbf, to, from, 0, 0);
    }

    pub fn set(&mut self, to: u8, value: i32) {
        self.add(0xb7, to, 0, 0, value);
    }

    pub fn compute(&mut self, what: Do, to: u8, value: i32) {
        self.add(what as u8, to, 0, 0, value);
    }

    pub fn add_register(&mut self, to: u8, from: u8) {
        self.add(0x0f, to, from, 0, 0);
    }

    /// A register that points somewhere into what another points to.
    pub fn point(&mut self, to: u8, from: u8, offset: i32) {
        self.copy(to, from);
        self.compute(Do::Add, to, offset);
    }

    pub fn load(&mut self, to: u8, from: u8, offset: i16) {
        self.add(0x79, to, from, offset, 0);
    }

    /// 32 bits.
    pub fn load_half(&mut self, to: u8, from: u8, offset: i16) {
        self.add(0x61, to, from, offset, 0);
    }

    pub fn store(&mut self, to: u8, offset: i16, from: u8) {
        self.add(0x7b, to, from, offset, 0);
    }

    pub fn store_half(&mut self, to: u8, offset: i16, from: u8) {
        self.add(0x63, to, from, offset, 0);
    }

    pub fn store_value(&mut self, to: u8, offset: i16, value: i32) {
        self.add(0x7a, to, 0, offset, value);
    }

    /// Adds in one step: other processors count too.
    pub fn add_shared(&mut self, to: u8, offset: i16, from: u8) {
        self.add(0xdb, to, from, offset, 0);
    }

    pub fn map(&mut self, to: u8, descriptor: i32) {
        self.add(0x18, to, 1, 0, descriptor);
        self.add(0, 0, 0, 0, 0);
    }

    pub fn call(&mut self, function: i32) {
        self.add(0x85, 0, 0, 0, function);
    }

    pub fn end(&mut self) {
        self.set(0, 0);
        self.add(0x95, 0, 0, 0, 0);
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub fn here(&mut self, label: Label) {
        self.labels[label.0] = Some(self.words.len());
    }

    pub fn jump(&mut self, label: Label) {
        self.jumps.push((self.words.len(), label));
        self.add(0x05, 0, 0, 0, 0);
    }

    pub fn jump_if(&mut self, register: u8, when: If, value: i32, label: Label) {
        self.jumps.push((self.words.len(), label));
        self.add(when as u8, register, 0, 0, value);
    }

    pub fn finish(mut self) -> Vec<u64> {
        for (at, label) in self.jumps {
            // A label that was never placed leads to itself, which the kernel refuses.
            let target = self.labels[label.0].unwrap_or(at);
            // From the instruction after the jump.
            let offset = (target as i64 - at as i64 - 1) as i16;
            self.words[at] |= u64::from(offset as u16) << 16;
        }
        self.words
    }
}
