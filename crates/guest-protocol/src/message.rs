//! The messages. The order of fields and variants is the wire: a change needs a new [`crate::VERSION`].

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// Host to guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToGuest {
    /// The call that begins, or, for the requests that say so, the one they are about.
    pub call: u32,
    pub request: Request,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Begins a session. The answer is `Greeting`.
    Hello {
        version: u16,
    },
    /// The answer is `Done`, as for all that name no other.
    Ping,
    /// Mixes in randomness of the host and reseeds: clones of a snapshot would draw the same numbers.
    Reseed(Entropy),
    /// The guest's clock, since 1970 in UTC.
    SetClock {
        seconds: i64,
        nanoseconds: u32,
    },
    /// Address, gateway and name server of the first network interface.
    SetNetwork(Network),
    /// Begins a file; `PutData` and `PutEnd` of the same call follow. `Done` when all is in place.
    Put(Put),
    PutData(Bytes),
    /// Ends a file: whole, or given up by the host.
    PutEnd {
        whole: bool,
    },
    /// Runs a program. `Started`, then what happens, `Exited`, then `Finished`.
    Run(Box<Run>),
    /// Reads a file: `File`, `Data`…, then `End`.
    Get {
        path: Bytes,
        read: Read,
    },
    /// Reads the memory of a process: `Data`… (an ELF core file), then `End`.
    DumpProcess {
        pid: u32,
        read: Read,
    },
    /// Kills all processes of the run with this call's number. No answer but the run's.
    Kill,
    /// Gives up this call, which reads.
    Cancel,
    /// Adds to the window of this call. No answer.
    Credit {
        bytes: u64,
    },
    /// Writes everything to disk and switches off. `Done` comes first.
    Shutdown,
}

/// Random bytes of the host. Not shown by `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entropy(pub [u8; 32]);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// IPv4, static: no DHCP in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub address: [u8; 4],
    pub prefix: u8,
    pub gateway: [u8; 4],
    pub name_server: [u8; 4],
}

impl Default for Network {
    fn default() -> Self {
        Self { address: [10, 0, 2, 15], prefix: 24, gateway: [10, 0, 2, 2], name_server: [10, 0, 2, 2] }
    }
}

/// Whose a file or a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The unprivileged user `guest`.
    #[default]
    Guest,
    Root,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// Absolute. Folders that are missing are made; an existing file is replaced.
    pub path: Bytes,
    pub mode: u32,
    pub owner: Owner,
    pub length: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// A program and its arguments. A name without a slash is looked up in `PATH` of the environment below.
    pub command: Vec<Bytes>,
    /// In addition to HOME, USER, LOGNAME, SHELL, PATH and LANG, which have usual values.
    pub environment: Vec<(Bytes, Bytes)>,
    /// Empty: the user's home folder.
    pub folder: Bytes,
    pub user: Owner,
    /// Below which folders files that the run made or changed are sent when it ends. What was put there before is not.
    pub watch: Vec<Bytes>,
    pub limits: Limits,
    pub trace: Tracing,
    /// The first window, in bytes.
    pub window: u64,
    /// Nobody writes to it, but a shell reads from it.
    pub stdin: Bytes,
}

impl Run {
    /// A command of the shell, as the unprivileged user, with the usual limits.
    pub fn shell(line: impl Into<Bytes>) -> Self {
        Self {
            command: vec!["sh".into(), "-c".into(), line.into()],
            environment: Vec::new(),
            folder: Bytes::default(),
            user: Owner::Guest,
            watch: Vec::new(),
            limits: Limits::default(),
            trace: Tracing::Off,
            window: 0,
            stdin: Bytes::default(),
        }
    }
}

/// How system calls are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tracing {
    #[default]
    Off,
    /// By programs in the kernel, of which a sample sees nothing. By stops where the kernel refuses them.
    Kernel,
    /// By stopping at each (`ptrace`).
    Stops,
}

/// What a run may use. What goes beyond is stopped or cut, and counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// After so many milliseconds everything is killed; 0 for never.
    pub milliseconds: u64,
    /// Of standard output and error, each. The rest is read and counted.
    pub output_bytes: u64,
    pub processes: u32,
    /// Memory of all processes.
    pub memory_bytes: u64,
    /// The longest file that a process may write.
    pub file_bytes: u64,
    /// How many dropped files are sent, the longest one, and all together.
    pub dropped_files: u32,
    pub dropped_file_bytes: u64,
    pub dropped_total_bytes: u64,
    /// Of how many processes that end during the run the memory is sent, at most how much of one, and of all together.
    pub memories: u32,
    pub memory_of_one_bytes: u64,
    pub memory_total_bytes: u64,
    /// Whether the run lasts until all processes it began have ended, not just the first.
    pub wait_for_all: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            milliseconds: 0,
            output_bytes: 16 << 20,
            processes: 512,
            memory_bytes: u64::MAX,
            file_bytes: 1 << 30,
            dropped_files: 500,
            dropped_file_bytes: 64 << 20,
            dropped_total_bytes: 256 << 20,
            memories: 0,
            memory_of_one_bytes: 64 << 20,
            memory_total_bytes: 256 << 20,
            wait_for_all: true,
        }
    }
}

/// How a file or memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Stop after so many bytes.
    pub most: u64,
    /// The first window, in bytes.
    pub window: u64,
}

/// Guest to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToHost {
    pub call: u32,
    pub reply: Reply,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Greeting(Greeting),
    Done,
    Failed(Failure),
    /// Of call 0: the agent was started, again if `times` is above 1. All calls before it are lost.
    Born {
        times: u32,
        why: Bytes,
    },
    /// Of call 0: a line that the agent has to say.
    Log(Bytes),
    /// The first process of a run.
    Started {
        pid: u32,
    },
    Output {
        stream: Stream,
        bytes: Bytes,
    },
    /// How the first process of a run ended.
    Exited {
        exit: Exit,
    },
    /// A file begins; the `Data` that follows is its content, up to `FileEnd`.
    File(FileFacts),
    Data(Bytes),
    /// `cut`: the file was longer or could not be read to its end.
    FileEnd {
        cut: bool,
    },
    /// The last of a call that reads.
    End {
        cut: bool,
    },
    /// The last of a run.
    Finished(Counts),
    Process(ProcessEvent),
    Syscalls(Vec<Syscall>),
    /// The memory of a process that ends, or becomes another program, begins: `MemoryData` up to `MemoryEnd`, an ELF core file.
    Memory {
        pid: u32,
    },
    MemoryData(Bytes),
    /// `cut`: there was more, or the process was killed meanwhile.
    MemoryEnd {
        cut: bool,
    },
}

impl Reply {
    /// Whether this ends its call. Last replies need no credit: there is one for each call.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Greeting(_) | Self::Done | Self::Failed(_) | Self::End { .. } | Self::Finished(_)
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    pub version: u16,
    /// The agent's own version.
    pub agent: Bytes,
    /// As `uname` gives it.
    pub kernel: Bytes,
    /// How often the agent was started since the guest booted.
    pub times: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What a process of a run did. Times are nanoseconds since 1970 by the guest's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessEvent {
    Forked {
        pid: u32,
        parent: u32,
        time: i64,
    },
    /// It became another program. Path and command are empty when it ended before they could be read.
    Executed {
        pid: u32,
        program: Bytes,
        command: Vec<Bytes>,
        time: i64,
    },
    Ended {
        pid: u32,
        exit: Exit,
        time: i64,
    },
}

/// A system call that returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syscall {
    /// Nanoseconds since 1970 by the guest's clock.
    pub time: i64,
    pub pid: u32,
    pub thread: u32,
    /// As x86-64 numbers them, or i386 when `is_32_bit`: see [`crate::syscalls`].
    pub number: u32,
    /// The caller used the gate for code of 32 bits.
    pub is_32_bit: bool,
    pub arguments: [u64; 6],
    pub result: i64,
    /// How often it was made in a row with these arguments, not counting addresses of buffers, and this result.
    pub times: u32,
    /// What [`crate::syscalls::Row::copies`] names, in that order. None: there was nothing at that address.
    pub memory: Vec<Option<Bytes>>,
}

/// How often a call was made that is not recorded one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub number: u32,
    pub is_32_bit: bool,
    pub times: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// What a guest says about a file. Paths are the guest's: never use one on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    pub path: Bytes,
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Nanoseconds since 1970 by the guest's clock.
    pub modified: i64,
    /// Processes of the run that wrote it, as far as they are known.
    pub writers: Vec<u32>,
}

/// What was left out of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The run was ended by its time limit, or by `Kill`.
    pub timed_out: bool,
    pub killed: bool,
    /// Processes that were still there when the run ended.
    pub left_over: u32,
    /// Bytes of output that were not sent.
    pub stdout_cut: u64,
    pub stderr_cut: u64,
    /// Dropped files that were not sent, and those sent in part.
    pub files_left_out: u32,
    pub files_cut: u32,
    /// The same of memory of processes that ended.
    pub memories_left_out: u32,
    pub memories_cut: u32,
    /// Times the limit of processes refused a new one, and that of memory killed one.
    pub processes_refused: u64,
    pub memory_kills: u64,
    /// Events of processes, and system calls, that came too fast.
    pub events_lost: u64,
    pub syscalls_lost: u64,
    /// System calls that are only counted.
    pub syscalls_counted: Vec<Counted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One line, of at most a kilobyte.
    pub text: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    NotFound,
    Denied,
    NoSpace,
    /// The request makes no sense as it is.
    Invalid,
    /// A limit of the agent, such as that of calls side by side.
    TooMany,
    /// This guest cannot do it.
    Unsupported,
    /// Given up on request.
    Cancelled,
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    #[test]
    fn messages_survive_the_wire() {
        let run = Run { command: vec!["sh".into(), (&[0xff, 0]).into()], ..Run::shell("") };
        let message = ToGuest { call: 9, request: Request::Run(Box::new(run)) };
        let bytes = frame::encode(1, &message).unwrap();
        assert_eq!(frame::decode::<ToGuest>(&bytes[frame::HEADER..]), Some(message));
    }

    #[test]
    fn a_length_in_a_message_is_not_believed() {
        // ToHost { call: 1, reply: Log } whose text claims 2^63 bytes.
        let lie = [1, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(frame::decode::<ToHost>(&lie), None);
    }

    #[test]
    fn a_chunk_fits_a_frame() {
        let chunk = ToHost { call: u32::MAX, reply: Reply::Data(vec![0; crate::CHUNK].into()) };
        assert!(frame::encode(1, &chunk).is_ok());
    }

    #[test]
    fn randomness_is_not_shown() {
        assert_eq!(format!("{:?}", Request::Reseed(Entropy([7; 32]))), "Reseed(Entropy(..))");
    }
}
