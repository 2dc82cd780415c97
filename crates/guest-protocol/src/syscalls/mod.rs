//! System calls: their numbers and names, and, for those that are recorded one by one, what their arguments are. The agent takes
//! from it what it has to read of a sample's memory, the host how to show it.

mod table;

use std::sync::OnceLock;

pub use table::TABLE;

/// Numbers of one kind of caller are below this. The highest that is given is 450 (Linux 6.1).
pub const NUMBERS: u32 = 512;

/// Bytes that there is room for in a record, by the order of what is copied. Texts end with a zero there.
pub const PLACES: [usize; 3] = [256, 512, 128];
/// Words of a list that are copied, and bytes of one; no further word begins behind as many.
pub const MOST_WORDS: usize = 16;
pub const LONGEST_WORD: usize = 256;

/// A call that is recorded. The others are counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is called for x86-64, then other names of the same call for i386.
    pub names: &'static [&'static str],
    /// The group in a report.
    pub category: &'static str,
    /// Names as a report gives them, in the order of the call.
    pub arguments: &'static [(&'static str, Kind)],
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path; relative ones count from the `Folder` before it, or from the current folder.
    Path,
    /// A descriptor of a folder for the path that follows. Not shown.
    Folder,
    /// A descriptor; the file that it stands for is shown as `filepath`.
    Descriptor,
    /// A text in memory.
    Text,
    /// The words of a program, shown as `command_line`.
    Words,
    /// Bytes, as many as the next argument says; the first are shown.
    Bytes,
    /// A socket's address, as long as the next argument says; shown as `ip` and `port`, or as `filepath`.
    Address,
    /// `struct msghdr`, or the first of several; the first bytes of its content are shown.
    Message,
    /// Two descriptors that the call gives.
    Pair,
    /// `struct clone_args` and `struct open_how`: their first number is that of flags.
    FlagsIn(&'static str),
    /// `struct timespec` or `struct timeval`, shown in seconds; its second number is of so many a second. Not read of a caller of 32 bits, which may mean either size.
    Time(u32),
    Number,
    /// Shown in hexadecimal.
    Pointer,
    /// A number with a name, or several bits, out of the host's list of that name.
    Word(&'static str),
    /// Not shown.
    Skip,
}

/// What is copied from memory when a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    Text,
    Words,
    /// As many bytes as this argument says.
    Sized(usize),
    Fixed(u8),
    Message,
    /// So many bytes, once the call is done.
    Written(u8),
}

/// Whose numbers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    X86_64,
    I386,
}

impl Abi {
    pub fn of(is_32_bit: bool) -> Self {
        if is_32_bit { Self::I386 } else { Self::X86_64 }
    }

    fn names(self) -> &'static [&'static str] {
        static X86_64: OnceLock<Vec<&str>> = OnceLock::new();
        static I386: OnceLock<Vec<&str>> = OnceLock::new();
        match self {
            Self::X86_64 => X86_64.get_or_init(|| numbered(include_str!("x86_64.txt"))),
            Self::I386 => I386.get_or_init(|| numbered(include_str!("i386.txt"))),
        }
    }
}

/// Names at their numbers, from the kernel's own list (`asm/unistd_64.h`, `asm/unistd_32.h`).
fn numbered(list: &'static str) -> Vec<&'static str> {
    let mut names = vec![""; NUMBERS as usize];
    for line in list.lines() {
        if let Some((number, name)) = line.split_once(' ')
            && let Some(place) = number.parse().ok().and_then(|number: usize| names.get_mut(number))
        {
            *place = name;
        }
    }
    names
}

/// The name of a call.
pub fn name(abi: Abi, number: u32) -> Option<&'static str> {
    abi.names().get(number as usize).copied().filter(|name| !name.is_empty())
}

/// The description of a call that is recorded.
pub fn row(abi: Abi, number: u32) -> Option<&'static Row> {
    let name = name(abi, number)?;
    // There it takes one pointer to all six.
    if abi == Abi::I386 && name == "mmap" {
        return None;
    }
    TABLE.iter().find(|row| row.names.contains(&name))
}

impl Row {
    /// What is read of a sample's memory: which argument leads there, and how it is read. At most three.
    pub fn copies(&self, abi: Abi) -> impl Iterator<Item = (usize, Copy)> {
        self.arguments.iter().enumerate().filter_map(move |(at, (_, kind))| {
            let copy = match kind {
                Kind::Path | Kind::Text => Copy::Text,
                Kind::Bytes | Kind::Address => Copy::Sized(at + 1),
                Kind::Pair => Copy::Written(8),
                Kind::FlagsIn(_) => Copy::Fixed(8),
                Kind::Time(_) if abi == Abi::X86_64 => Copy::Fixed(16),
                // Full of pointers, which are shorter there.
                Kind::Words if abi == Abi::X86_64 => Copy::Words,
                Kind::Message if abi == Abi::X86_64 => Copy::Message,
                _ => return None,
            };
            Some((at, copy))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_call_and_is_there_once() {
        let mut seen = std::collections::HashSet::new();
        for row in TABLE {
            assert!(row.arguments.len() <= 6);
            for name in row.names {
                assert!(seen.insert(name), "{name} is there twice");
                assert!(
                    [Abi::X86_64, Abi::I386].iter().any(|abi| abi.names().contains(name)),
                    "{name} is no call"
                );
            }
            for abi in [Abi::X86_64, Abi::I386] {
                let copies: Vec<_> = row.copies(abi).collect();
                assert!(copies.len() <= 3, "{:?}", row.names);
                for (place, (_, copy)) in copies.iter().enumerate() {
                    assert!(*copy != Copy::Words || place == 1, "words lie in the longest place");
                    if let Copy::Sized(at) = copy {
                        assert!(*at < row.arguments.len());
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_are_those_of_the_caller() {
        let find = |abi, number| row(abi, number).map(|row| row.names[0]);
        assert_eq!(find(Abi::X86_64, 257), Some("openat"));
        assert_eq!(find(Abi::I386, 295), Some("openat"));
        assert_eq!((find(Abi::X86_64, 9), find(Abi::I386, 90)), (Some("mmap"), None));
        assert_eq!(find(Abi::I386, 192), Some("mmap"));
        assert_eq!((name(Abi::X86_64, 202), find(Abi::X86_64, 202)), (Some("futex"), None));
        assert_eq!((name(Abi::X86_64, 400), name(Abi::I386, u32::MAX)), (None, None));
    }
}
