//! Words for numbers: names of values and of bits, as the kernel's headers give them.

/// How a number is spelled.
enum List {
    /// One value.
    Values(&'static [(u64, &'static str)]),
    /// Values within a mask, then bits.
    Bits(u64, &'static [(u64, &'static str)], &'static [(u64, &'static str)]),
    /// Rights of a file.
    Octal,
}

use List::{Bits, Octal, Values};

fn list(name: &str) -> Option<&'static List> {
    LISTS.iter().find(|(known, _)| *known == name).map(|(_, list)| list)
}

/// The word for a number of a list. Nothing when no part of it has one.
pub fn word(name: &str, number: u64) -> Option<String> {
    let find = |values: &[(u64, &'static str)], value: u64| {
        values.iter().find(|(known, _)| *known == value).map(|(_, word)| (*word).to_owned())
    };
    match list(name)? {
        Octal => Some(format!("0{:o}", number & 0o177_777)),
        // Numbers of 32 bits may come with anything above them.
        Values(values) => find(values, number & 0xffff_ffff),
        Bits(mask, values, bits) => {
            let mut words: Vec<String> = find(values, number & mask).into_iter().collect();
            let mut left = number & 0xffff_ffff & !mask;
            for (bit, word) in *bits {
                if left & bit == *bit {
                    left &= !bit;
                    words.push((*word).to_owned());
                }
            }
            if left != 0 {
                words.push(format!("{left:#x}"));
            }
            Some(words.join("|")).filter(|text| !text.is_empty())
        }
    }
}

#[rustfmt::skip]
const LISTS: &[(&str, List)] = &[
    ("open", Bits(3, &[(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")], &[
        (0o100, "O_CREAT"), (0o200, "O_EXCL"), (0o400, "O_NOCTTY"), (0o1000, "O_TRUNC"), (0o2000, "O_APPEND"),
        (0o4000, "O_NONBLOCK"), (0o4_010_000, "O_SYNC"), (0o10000, "O_DSYNC"), (0o40000, "O_DIRECT"), (0o100_000, "O_LARGEFILE"),
        (0o20_200_000, "O_TMPFILE"), (0o200_000, "O_DIRECTORY"), (0o400_000, "O_NOFOLLOW"), (0o1_000_000, "O_NOATIME"),
        (0o2_000_000, "O_CLOEXEC"), (0o10_000_000, "O_PATH"),
    ])),
    ("clock", Values(&[
        (0, "CLOCK_REALTIME"), (1, "CLOCK_MONOTONIC"), (2, "CLOCK_PROCESS_CPUTIME_ID"), (3, "CLOCK_THREAD_CPUTIME_ID"), (7, "CLOCK_BOOTTIME"),
        (8, "CLOCK_REALTIME_ALARM"), (9, "CLOCK_BOOTTIME_ALARM"), (11, "CLOCK_TAI"),
    ])),
    ("mode", Octal),
    ("access", Bits(7, &[(0, "F_OK"), (1, "X_OK"), (2, "W_OK"), (3, "W_OK|X_OK"), (4, "R_OK"), (5, "R_OK|X_OK"), (6, "R_OK|W_OK"), (7, "R_OK|W_OK|X_OK")], &[])),
    ("at", Bits(0, &[], &[
        (0x100, "AT_SYMLINK_NOFOLLOW"), (0x200, "AT_REMOVEDIR"), (0x400, "AT_SYMLINK_FOLLOW"), (0x800, "AT_NO_AUTOMOUNT"),
        (0x1000, "AT_EMPTY_PATH"), (0x2000, "AT_STATX_FORCE_SYNC"), (0x4000, "AT_STATX_DONT_SYNC"),
    ])),
    ("rename", Bits(0, &[], &[(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")])),
    ("memfd", Bits(0, &[], &[(1, "MFD_CLOEXEC"), (2, "MFD_ALLOW_SEALING"), (4, "MFD_HUGETLB")])),
    ("flock", Bits(0, &[], &[(1, "LOCK_SH"), (2, "LOCK_EX"), (4, "LOCK_NB"), (8, "LOCK_UN")])),
    ("fcntl", Values(&[
        (0, "F_DUPFD"), (1, "F_GETFD"), (2, "F_SETFD"), (3, "F_GETFL"), (4, "F_SETFL"), (5, "F_GETLK"), (6, "F_SETLK"), (7, "F_SETLKW"),
        (8, "F_SETOWN"), (9, "F_GETOWN"), (36, "F_OFD_GETLK"), (37, "F_OFD_SETLK"), (38, "F_OFD_SETLKW"), (1024, "F_SETLEASE"),
        (1026, "F_NOTIFY"), (1030, "F_DUPFD_CLOEXEC"), (1031, "F_SETPIPE_SZ"), (1033, "F_ADD_SEALS"), (1034, "F_GET_SEALS"),
    ])),
    ("family", Values(&[
        (0, "AF_UNSPEC"), (1, "AF_UNIX"), (2, "AF_INET"), (10, "AF_INET6"), (15, "AF_KEY"), (16, "AF_NETLINK"), (17, "AF_PACKET"),
        (31, "AF_BLUETOOTH"), (38, "AF_ALG"), (40, "AF_VSOCK"), (44, "AF_XDP"),
    ])),
    ("socket", Bits(0xf, &[(1, "SOCK_STREAM"), (2, "SOCK_DGRAM"), (3, "SOCK_RAW"), (5, "SOCK_SEQPACKET"), (10, "SOCK_PACKET")],
        &[(0o4000, "SOCK_NONBLOCK"), (0o2_000_000, "SOCK_CLOEXEC")])),
    ("signal", Values(&[
        (0, "0"), (1, "SIGHUP"), (2, "SIGINT"), (3, "SIGQUIT"), (4, "SIGILL"), (5, "SIGTRAP"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"),
        (9, "SIGKILL"), (10, "SIGUSR1"), (11, "SIGSEGV"), (12, "SIGUSR2"), (13, "SIGPIPE"), (14, "SIGALRM"), (15, "SIGTERM"), (17, "SIGCHLD"),
        (18, "SIGCONT"), (19, "SIGSTOP"), (20, "SIGTSTP"), (23, "SIGURG"), (24, "SIGXCPU"), (25, "SIGXFSZ"), (28, "SIGWINCH"), (31, "SIGSYS"),
    ])),
    ("clone", Bits(0xff, &[(17, "SIGCHLD")], &[
        (0x100, "CLONE_VM"), (0x200, "CLONE_FS"), (0x400, "CLONE_FILES"), (0x800, "CLONE_SIGHAND"), (0x1000, "CLONE_PIDFD"),
        (0x2000, "CLONE_PTRACE"), (0x4000, "CLONE_VFORK"), (0x8000, "CLONE_PARENT"), (0x10000, "CLONE_THREAD"), (0x20000, "CLONE_NEWNS"),
        (0x40000, "CLONE_SYSVSEM"), (0x80000, "CLONE_SETTLS"), (0x10_0000, "CLONE_PARENT_SETTID"), (0x20_0000, "CLONE_CHILD_CLEARTID"),
        (0x80_0000, "CLONE_UNTRACED"), (0x100_0000, "CLONE_CHILD_SETTID"), (0x200_0000, "CLONE_NEWCGROUP"), (0x400_0000, "CLONE_NEWUTS"),
        (0x800_0000, "CLONE_NEWIPC"), (0x1000_0000, "CLONE_NEWUSER"), (0x2000_0000, "CLONE_NEWPID"), (0x4000_0000, "CLONE_NEWNET"),
    ])),
    ("protection", Bits(0, &[], &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")])),
    ("map", Bits(3, &[(1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (3, "MAP_SHARED_VALIDATE")], &[
        (0x10, "MAP_FIXED"), (0x20, "MAP_ANONYMOUS"), (0x800, "MAP_DENYWRITE"), (0x2000, "MAP_LOCKED"), (0x4000, "MAP_NORESERVE"),
        (0x8000, "MAP_POPULATE"), (0x20000, "MAP_STACK"), (0x40000, "MAP_HUGETLB"), (0x10_0000, "MAP_FIXED_NOREPLACE"),
    ])),
    ("ptrace", Values(&[
        (0, "PTRACE_TRACEME"), (1, "PTRACE_PEEKTEXT"), (2, "PTRACE_PEEKDATA"), (3, "PTRACE_PEEKUSER"), (4, "PTRACE_POKETEXT"),
        (5, "PTRACE_POKEDATA"), (6, "PTRACE_POKEUSER"), (7, "PTRACE_CONT"), (8, "PTRACE_KILL"), (9, "PTRACE_SINGLESTEP"), (12, "PTRACE_GETREGS"),
        (13, "PTRACE_SETREGS"), (16, "PTRACE_ATTACH"), (17, "PTRACE_DETACH"), (24, "PTRACE_SYSCALL"), (0x4200, "PTRACE_SETOPTIONS"),
        (0x4201, "PTRACE_GETEVENTMSG"), (0x4204, "PTRACE_GETREGSET"), (0x4205, "PTRACE_SETREGSET"), (0x4206, "PTRACE_SEIZE"),
        (0x4207, "PTRACE_INTERRUPT"),
    ])),
    ("prctl", Values(&[
        (1, "PR_SET_PDEATHSIG"), (3, "PR_GET_DUMPABLE"), (4, "PR_SET_DUMPABLE"), (8, "PR_SET_KEEPCAPS"), (15, "PR_SET_NAME"), (16, "PR_GET_NAME"),
        (21, "PR_GET_SECCOMP"), (22, "PR_SET_SECCOMP"), (23, "PR_CAPBSET_READ"), (24, "PR_CAPBSET_DROP"), (25, "PR_GET_TSC"), (26, "PR_SET_TSC"),
        (28, "PR_SET_SECUREBITS"), (35, "PR_SET_MM"), (36, "PR_SET_CHILD_SUBREAPER"), (38, "PR_SET_NO_NEW_PRIVS"), (39, "PR_GET_NO_NEW_PRIVS"),
        (47, "PR_CAP_AMBIENT"), (0x5961_6d61, "PR_SET_PTRACER"), (0x5356_4d41, "PR_SET_VMA"),
    ])),
    ("bpf", Values(&[
        (0, "BPF_MAP_CREATE"), (1, "BPF_MAP_LOOKUP_ELEM"), (2, "BPF_MAP_UPDATE_ELEM"), (5, "BPF_PROG_LOAD"), (8, "BPF_PROG_ATTACH"),
        (11, "BPF_PROG_GET_NEXT_ID"), (12, "BPF_MAP_GET_NEXT_ID"), (13, "BPF_PROG_GET_FD_BY_ID"), (14, "BPF_MAP_GET_FD_BY_ID"),
        (15, "BPF_OBJ_GET_INFO_BY_FD"), (16, "BPF_PROG_QUERY"), (17, "BPF_RAW_TRACEPOINT_OPEN"), (28, "BPF_LINK_CREATE"),
    ])),
];

#[cfg(test)]
mod tests {
    use super::*;
    use guest_protocol::syscalls::{Kind, TABLE};

    #[test]
    fn numbers_become_words() {
        let text = |list, number| word(list, number).unwrap_or_default();
        assert_eq!(text("open", 0o101 | 0o2_000_000), "O_WRONLY|O_CREAT|O_CLOEXEC");
        assert_eq!(text("open", 0), "O_RDONLY");
        assert_eq!(text("mode", 0o755), "0755");
        assert_eq!(text("socket", 0o4001), "SOCK_STREAM|SOCK_NONBLOCK");
        assert_eq!(text("protection", 5), "PROT_READ|PROT_EXEC");
        assert_eq!((text("at", 0), text("ptrace", 0)), (String::new(), "PTRACE_TRACEME".into()));
        assert_eq!(text("flock", 6 | 0x100), "LOCK_EX|LOCK_NB|0x100");
        assert_eq!(word("ptrace", 999), None);
    }

    #[test]
    fn every_list_that_the_table_names_is_here() {
        for (_, kind) in TABLE.iter().flat_map(|row| row.arguments) {
            if let Kind::Word(name) | Kind::FlagsIn(name) = kind {
                assert!(list(name).is_some(), "{name}");
            }
        }
    }
}
