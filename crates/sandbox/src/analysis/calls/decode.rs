//! One system call in words: arguments by name, paths from the root, addresses, and what the bits of a number mean.

use guest_protocol::Syscall;
use guest_protocol::syscalls::{Abi, Kind, LONGEST_WORD, MOST_WORDS, PLACES, Row};
use serde_json::{Map, Value as Json};

use super::address::{self, Address};
use super::open::{Open, Opened};
use super::{errno, words};
use crate::processing::behavior::Call;
use crate::processing::{CUT, shown};

const NAME_SERVICE: u16 = 53;
const SEMAPHORES: &str = "/dev/shm/sem.";

/// What a process did, given what its descriptors stand for.
pub fn call(row: &'static Row, syscall: &Syscall, opened: &Opened) -> Call {
    let mut saying =
        Saying { syscall, opened, arguments: Map::new(), flags: Map::new(), peer: None, is_cut: [false; 6] };
    let mut memory = [None; 6];
    for (((at, _), place), bytes) in row.copies(Abi::of(syscall.is_32_bit)).zip(PLACES).zip(&syscall.memory) {
        memory[at] = bytes.as_deref();
        saying.is_cut[at] = bytes.as_deref().is_some_and(|bytes| bytes.len() + 1 >= place);
    }
    let mut folder = None;
    for (at, (name, kind)) in row.arguments.iter().enumerate() {
        match kind {
            Kind::Folder => folder = Some(syscall.arguments[at] as i32),
            Kind::Path => saying.path(name, folder.take(), memory[at], saying.is_cut[at]),
            kind => saying.argument(name, *kind, syscall.arguments[at], memory[at]),
        }
    }
    saying.question(row, &memory);
    saying.mutant(row.names[0]);
    if syscall.is_32_bit {
        saying.flags.insert("abi".into(), "i386".into());
    }
    let errno = errno::name(syscall.result);
    Call {
        time: syscall.time as f64 / 1e9,
        pid: syscall.pid,
        tid: syscall.thread,
        category: row.category.into(),
        api: row.names[0].into(),
        arguments: saying.arguments,
        flags: saying.flags,
        return_value: if errno.is_some() { -1 } else { syscall.result },
        errno: errno.unwrap_or_default(),
        repeated: u64::from(syscall.times.saturating_sub(1)),
        ..Call::default()
    }
}

struct Saying<'s> {
    syscall: &'s Syscall,
    opened: &'s Opened,
    arguments: Map<String, Json>,
    flags: Map<String, Json>,
    /// Where a socket among the arguments leads.
    peer: Option<Address>,
    /// Which texts filled their place.
    is_cut: [bool; 6],
}

impl Saying<'_> {
    fn say(&mut self, name: &str, value: impl Into<Json>) {
        self.arguments.insert(name.to_owned(), value.into());
    }

    /// A path that could not be read is null; one that counts from an unknown folder stays as it is.
    fn path(&mut self, name: &str, folder: Option<i32>, memory: Option<&[u8]>, is_cut: bool) {
        let path = memory.map(shown);
        let path = path.map(|path| self.opened.resolve(folder, &path).unwrap_or(path));
        let path = path.map(|path| if is_cut { path + CUT } else { path });
        self.say(name, path.map_or(Json::Null, Json::String));
    }

    fn argument(&mut self, name: &'static str, kind: Kind, value: u64, memory: Option<&[u8]>) {
        match kind {
            Kind::Skip | Kind::Folder | Kind::Path => {}
            Kind::Descriptor => self.descriptor(name, value as i32),
            Kind::Text | Kind::Bytes | Kind::Message => {
                self.say(name, memory.map_or(Json::Null, |bytes| shown(bytes).into()))
            }
            Kind::Words => {
                let words = memory.map(|bytes| bytes.strip_suffix(&[0]).unwrap_or(bytes));
                if let Some(words) = words.filter(|words| !words.is_empty()) {
                    let mut all: Vec<String> = words.split(|byte| *byte == 0).map(shown).collect();
                    let last = words.rsplit(|byte| *byte == 0).next().map_or(0, <[u8]>::len);
                    if all.len() == MOST_WORDS || words.len() >= LONGEST_WORD || last + 1 == LONGEST_WORD {
                        all.push(CUT.into());
                    }
                    self.say(name, all.join(" "));
                }
            }
            Kind::Address => {
                if let Some(address) = memory.and_then(address::parse) {
                    self.address(address);
                }
            }
            Kind::Pair => {
                let pair: Vec<i32> = pair(memory).into_iter().flatten().collect();
                self.say(name, pair);
            }
            Kind::FlagsIn(list) => {
                let number =
                    memory.and_then(|bytes| Some(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)));
                if let Some(number) = number {
                    self.word(name, list, number);
                }
            }
            Kind::Time(parts) => {
                if let Some(seconds) = memory.and_then(|bytes| seconds(bytes, parts)) {
                    self.say(name, seconds);
                }
            }
            Kind::Word(list) => self.word(name, list, value),
            Kind::Number if self.syscall.is_32_bit => self.say(name, value as i32),
            Kind::Number => self.say(name, value as i64),
            Kind::Pointer if self.syscall.is_32_bit => self.say(name, format!("0x{value:08x}")),
            Kind::Pointer => self.say(name, format!("0x{value:016x}")),
        }
    }

    fn word(&mut self, name: &str, list: &str, number: u64) {
        self.say(name, number as u32);
        if let Some(word) = words::word(list, number) {
            self.flags.insert(name.to_owned(), word.into());
        }
    }

    fn descriptor(&mut self, name: &'static str, descriptor: i32) {
        self.say(name, descriptor);
        match self.opened.get(descriptor).cloned() {
            Some(Open::File(path)) => {
                let shown_as = match name {
                    "in_fd" => "oldfilepath",
                    "out_fd" => "newfilepath",
                    _ => "filepath",
                };
                self.say(shown_as, path);
            }
            Some(Open::Socket(Some(address))) => self.address(address),
            Some(Open::Socket(None) | Open::Pipe) | None => {}
        }
    }

    fn address(&mut self, address: Address) {
        match &address {
            Address::Ip(ip, port) => {
                self.say("ip", ip.to_string());
                self.say("port", *port);
            }
            Address::Local(path) => self.say("address", path.clone()),
            Address::Other(family) => self.word("family", "family", u64::from(*family)),
        }
        self.peer = Some(address);
    }

    /// The name that is asked for at a name server.
    fn question(&mut self, row: &Row, memory: &[Option<&[u8]>; 6]) {
        let Some(Address::Ip(_, NAME_SERVICE)) = self.peer else { return };
        let sent = row
            .arguments
            .iter()
            .zip(memory)
            .find(|((_, kind), _)| matches!(kind, Kind::Bytes | Kind::Message));
        if let Some(name) = sent.and_then(|(_, bytes)| address::question((*bytes)?)) {
            self.say("hostname", name);
        }
    }

    /// What keeps two of a kind from running at once, as mutexes do elsewhere: locks of files, semaphores and shared memory by
    /// name, abstract sockets.
    fn mutant(&mut self, api: &str) {
        let text = |name: &str| self.arguments.get(name).and_then(Json::as_str).map(String::from);
        let is = |name: &str, bit: u64| {
            self.arguments.get(name).and_then(Json::as_u64).is_some_and(|value| value & bit != 0)
        };
        const LOCK_EX: u64 = 2;
        const O_CREAT: u64 = 0o100;
        let name = match api {
            "flock" if is("operation", LOCK_EX) => text("filepath"),
            "fcntl"
                if ["F_SETLK", "F_SETLKW", "F_OFD_SETLK"]
                    .contains(&self.flags.get("command").and_then(Json::as_str).unwrap_or_default()) =>
            {
                text("filepath")
            }
            // Libraries make a semaphore under a name by chance and link it to its own; one that is there they just open.
            "open" | "openat" => text("filepath").filter(|path| match path.starts_with(SEMAPHORES) {
                true => !is("flags", O_CREAT),
                false => path.starts_with("/dev/shm/") && is("flags", O_CREAT),
            }),
            "link" | "linkat" => text("newfilepath").filter(|path| path.starts_with(SEMAPHORES)),
            "semget" | "shmget" | "msgget" => text("key").map(|key| format!("{api} {key}")),
            "mq_open" => text("name"),
            "bind" => text("address").filter(|name| name.starts_with('@')),
            _ => None,
        };
        if let Some(name) = name {
            self.say("mutant_name", name);
        }
    }
}

/// Seconds, and as many of the next number as make one.
fn seconds(bytes: &[u8], parts: u32) -> Option<f64> {
    let (whole, rest) = bytes.split_first_chunk::<8>()?;
    let part = i64::from_le_bytes(*rest.first_chunk::<8>()?);
    Some(i64::from_le_bytes(*whole) as f64 + part as f64 / f64::from(parts))
}

/// Two descriptors.
pub fn pair(memory: Option<&[u8]>) -> Option<[i32; 2]> {
    let at = |from: usize| Some(i32::from_le_bytes(memory?.get(from..from + 4)?.try_into().ok()?));
    Some([at(0)?, at(4)?])
}
