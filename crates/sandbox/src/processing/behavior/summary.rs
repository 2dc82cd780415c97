//! Calls, grouped by what they are about (the report reference, section 4.3).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

use super::Call;

mod windows;

/// The most entries of one group.
const MAX_ENTRIES: usize = 10_000;
/// Of all groups of a report together, those of each process among them: they are held in memory.
const MAX_ENTRIES_OF_ALL: usize = 200_000;

/// What is told of a call: a group, and the argument that goes into it.
struct Rule {
    apis: &'static [&'static str],
    /// Whether the call must have done what it was for.
    when: When,
    group: &'static str,
    argument: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Succeeded,
    Failed,
    Always,
    /// After success, when the file was made by it.
    Created,
    /// After success, when the file may be written.
    Writable,
    /// After success, when the file was not made by it.
    Existed,
    /// After success, when there was something.
    Moved,
    /// After success, of a file or of a folder.
    File,
    Folder,
    /// After success, when memory is mapped as code.
    Executable,
}

const OPENS: &[&str] = &["open", "openat", "openat2", "creat"];

const RULES: &[Rule] = &[
    Rule { apis: OPENS, when: When::Succeeded, group: "file_opened", argument: "filepath" },
    Rule { apis: OPENS, when: When::Failed, group: "file_failed", argument: "filepath" },
    Rule { apis: OPENS, when: When::Created, group: "file_created", argument: "filepath" },
    Rule { apis: OPENS, when: When::Writable, group: "file_written", argument: "filepath" },
    Rule {
        apis: &["symlink", "symlinkat", "mknod", "mknodat"],
        when: When::Succeeded,
        group: "file_created",
        argument: "filepath",
    },
    Rule { apis: &["link", "linkat"], when: When::Succeeded, group: "file_created", argument: "newfilepath" },
    Rule { apis: BETWEEN, when: When::Moved, group: "file_read", argument: "oldfilepath" },
    Rule { apis: BETWEEN, when: When::Moved, group: "file_written", argument: "newfilepath" },
    Rule {
        apis: &["read", "pread64", "readv", "preadv", "preadv2"],
        when: When::Succeeded,
        group: "file_read",
        argument: "filepath",
    },
    Rule {
        apis: &[
            "write",
            "pwrite64",
            "writev",
            "pwritev",
            "pwritev2",
            "vmsplice",
            "truncate",
            "ftruncate",
            "fallocate",
        ],
        when: When::Succeeded,
        group: "file_written",
        argument: "filepath",
    },
    Rule { apis: &["unlink", "unlinkat"], when: When::File, group: "file_deleted", argument: "filepath" },
    Rule {
        apis: &["stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"],
        when: When::Succeeded,
        group: "file_exists",
        argument: "filepath",
    },
    Rule {
        apis: &["mkdir", "mkdirat"],
        when: When::Succeeded,
        group: "directory_created",
        argument: "filepath",
    },
    Rule { apis: &["unlinkat"], when: When::Folder, group: "directory_removed", argument: "filepath" },
    Rule { apis: &["rmdir"], when: When::Succeeded, group: "directory_removed", argument: "filepath" },
    Rule {
        apis: &["getdents", "getdents64"],
        when: When::Succeeded,
        group: "directory_enumerated",
        argument: "filepath",
    },
    Rule {
        apis: &["execve", "execveat"],
        when: When::Always,
        group: "command_line",
        argument: "command_line",
    },
    Rule { apis: SENDS, when: When::Always, group: "resolves_host", argument: "hostname" },
    Rule { apis: &["connect", "sendto"], when: When::Always, group: "connects_ip", argument: "ip" },
    Rule {
        apis: &["init_module", "finit_module"],
        when: When::Always,
        group: "dll_loaded",
        argument: "filepath",
    },
    Rule { apis: &["mmap"], when: When::Executable, group: "dll_loaded", argument: "filepath" },
    Rule { apis: MUTANTS, when: When::Always, group: "mutex", argument: "mutant_name" },
];

const SENDS: &[&str] = &["sendto", "sendmsg", "sendmmsg", "write"];
const MUTANTS: &[&str] =
    &["flock", "fcntl", "open", "openat", "link", "linkat", "semget", "shmget", "msgget", "mq_open", "bind"];
/// What copies from one descriptor to another.
const BETWEEN: &[&str] = &["sendfile", "copy_file_range", "splice"];

/// What takes two paths, and the group of such pairs.
const PAIRS: &[(&[&str], &str)] = &[
    (&["rename", "renameat", "renameat2", "MoveFileWithProgressW"], "file_moved"),
    (
        &["sendfile", "copy_file_range", "link", "linkat", "CopyFileA", "CopyFileW", "CopyFileExW"],
        "file_copied",
    ),
];
/// Windows' words for opening a file that is made when it is missing.
const MAKES: [&str; 4] = ["FILE_CREATE", "FILE_OVERWRITE_IF", "FILE_SUPERSEDE", "FILE_OPEN_IF"];

/// Only groups with entries appear; every entry once, in the order in which it came.
#[derive(Default)]
pub struct Groups {
    groups: Map<String, Json>,
    known: HashMap<&'static str, HashSet<String>>,
    cut: u64,
}

impl Groups {
    pub fn report(&self) -> Json {
        Json::Object(self.groups.clone())
    }

    /// How often there was something to enter into a group that was full.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// `entered` counts the entries of all groups of a report.
    pub fn add(&mut self, call: &Call, entered: &mut usize) {
        for rule in RULES
            .iter()
            .chain(windows::RULES)
            .filter(|rule| rule.apis.contains(&call.api.as_str()) && applies(rule.when, call))
        {
            if let Some(text) = call.text(rule.argument) {
                self.enter(rule.group, text, entered, || text.into());
            }
        }
        let pairs = PAIRS.iter().find(|(apis, _)| apis.contains(&call.api.as_str()));
        if let (Some((_, group)), true, Some(from), Some(to)) =
            (pairs, call.succeeded(), call.text("oldfilepath"), call.text("newfilepath"))
        {
            self.enter(group, &format!("{from}\0{to}"), entered, || json!([from, to]));
        }
    }

    fn enter(&mut self, group: &'static str, key: &str, entered: &mut usize, entry: impl FnOnce() -> Json) {
        let known = self.known.entry(group).or_default();
        if known.contains(key) {
            return;
        }
        if known.len() == MAX_ENTRIES || *entered >= MAX_ENTRIES_OF_ALL {
            self.cut += 1;
            return;
        }
        *entered += 1;
        known.insert(key.to_owned());
        let list = self.groups.entry(group).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(entry());
        }
    }
}

fn applies(when: When, call: &Call) -> bool {
    let has = |argument: &str, word: &str| {
        let flags = call.flags.get(argument).and_then(Json::as_str).unwrap_or_default();
        flags.split('|').any(|flag| flag == word)
    };
    let opened_with = |word: &str| has("flags", word);
    match when {
        When::Always => true,
        When::Succeeded => call.succeeded(),
        When::Failed => !call.succeeded(),
        When::Created => {
            call.succeeded()
                && (opened_with("O_CREAT") || call.api == "creat" || makes(call))
                && !call.text("filepath").is_some_and(is_the_kernels)
        }
        When::Moved => call.succeeded() && call.return_value > 0,
        When::Existed => call.succeeded() && !makes(call),
        When::File => call.succeeded() && !opened_with("AT_REMOVEDIR"),
        When::Folder => call.succeeded() && opened_with("AT_REMOVEDIR"),
        When::Executable => call.succeeded() && has("protection", "PROT_EXEC"),
        When::Writable => {
            call.succeeded()
                && (opened_with("O_WRONLY") || opened_with("O_RDWR") || call.api == "creat")
                // It names a folder for a file without a name.
                && !opened_with("O_TMPFILE")
        }
    }
}

/// What nobody makes by opening it, though shells ask for that: `> /dev/null`.
fn is_the_kernels(path: &str) -> bool {
    let is_device = path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
    is_device || path.starts_with("/proc/") || path.starts_with("/sys/")
}

/// Whether a function of Windows made the file: it says so, or it was asked to.
fn makes(call: &Call) -> bool {
    let word = |flag: &str| call.flags.get(flag).and_then(Json::as_str);
    match word("status_info") {
        Some(done) => matches!(done, "FILE_CREATED" | "FILE_OVERWRITTEN" | "FILE_SUPERSEDED"),
        None => word("create_disposition").is_some_and(|asked| MAKES.contains(&asked)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'c>(calls: impl Iterator<Item = &'c Call>) -> Json {
        let mut groups = Groups::default();
        calls.for_each(|call| groups.add(call, &mut 0));
        groups.report()
    }

    #[test]
    fn files_are_created_written_moved_and_deleted() {
        let call = |api: &str, arguments: Json, flags: &str, errno: &str| Call {
            api: api.into(),
            arguments: arguments.as_object().unwrap().clone(),
            flags: json!({"flags": flags}).as_object().unwrap().clone(),
            errno: errno.into(),
            ..Call::default()
        };
        let file = |name: &str| json!({"filepath": name});
        let calls = [
            call("openat", file("/tmp/a"), "O_WRONLY|O_CREAT", ""),
            call("openat", file("/tmp/a"), "O_RDONLY", ""),
            call("openat", file("/root/b"), "O_RDWR|O_CREAT", "EACCES"),
            call("renameat2", json!({"oldfilepath": "/tmp/a", "newfilepath": "/tmp/c"}), "", ""),
            call("unlinkat", file("/tmp/c"), "", ""),
            call("unlinkat", file("/tmp/d"), "", "ENOENT"),
            call("connect", json!({"ip": "198.18.0.7", "port": 80}), "", "EINPROGRESS"),
        ];
        assert_eq!(
            of(calls.iter()),
            json!({
                "file_opened": ["/tmp/a"], "file_created": ["/tmp/a"], "file_written": ["/tmp/a"],
                "file_failed": ["/root/b"], "file_moved": [["/tmp/a", "/tmp/c"]], "file_deleted": ["/tmp/c"],
                "connects_ip": ["198.18.0.7"]
            })
        );
    }

    #[test]
    fn folders_copies_locks_and_names() {
        let call = |api: &str, arguments: Json, flags: Json| Call {
            api: api.into(),
            arguments: arguments.as_object().unwrap().clone(),
            flags: flags.as_object().unwrap().clone(),
            ..Call::default()
        };
        let pair = json!({"oldfilepath": "/bin/sh", "newfilepath": "/tmp/.x"});
        let copied = Call { return_value: 9, ..call("copy_file_range", pair, json!({})) };
        let calls = [
            call("unlinkat", json!({"filepath": "/tmp/d"}), json!({"flags": "AT_REMOVEDIR"})),
            copied.clone(),
            copied,
            call("sendto", json!({"hostname": "c2.example"}), json!({})),
            call("bind", json!({"mutant_name": "@one"}), json!({})),
            call("mmap", json!({"filepath": "/lib/a.so"}), json!({"protection": "PROT_READ|PROT_EXEC"})),
            call("mmap", json!({"filepath": "/lib/b.so"}), json!({"protection": "PROT_READ"})),
        ];
        assert_eq!(
            of(calls.iter()),
            json!({
                "directory_removed": ["/tmp/d"], "file_copied": [["/bin/sh", "/tmp/.x"]],
                "file_read": ["/bin/sh"], "file_written": ["/tmp/.x"],
                "resolves_host": ["c2.example"], "mutex": ["@one"], "dll_loaded": ["/lib/a.so"]
            })
        );
    }

    #[test]
    fn what_is_made_without_being_opened_and_what_only_seems_to_be_made() {
        let call = |api: &str, arguments: Json, flags: &str| Call {
            api: api.into(),
            arguments: arguments.as_object().unwrap().clone(),
            flags: json!({"flags": flags}).as_object().unwrap().clone(),
            return_value: 5,
            ..Call::default()
        };
        let file = |name: &str| json!({"filepath": name});
        let calls = [
            call("openat", file("/dev/null"), "O_WRONLY|O_CREAT|O_TRUNC"),
            call("openat", file("/tmp"), "O_RDWR|O_TMPFILE"),
            call("linkat", json!({"oldfilepath": "/proc/self/fd/3", "newfilepath": "/tmp/a"}), ""),
            call("symlink", json!({"target": "/tmp/a", "filepath": "/tmp/b"}), ""),
            call("mknodat", file("/tmp/pipe"), ""),
            call("splice", json!({"newfilepath": "/tmp/c"}), ""),
            call("pwritev2", file("/tmp/d"), ""),
            call("truncate", file("/tmp/e"), ""),
        ];
        assert_eq!(
            of(calls.iter()),
            json!({
                "file_opened": ["/dev/null", "/tmp"], "file_written": ["/dev/null", "/tmp/c", "/tmp/d", "/tmp/e"],
                "file_copied": [["/proc/self/fd/3", "/tmp/a"]], "file_created": ["/tmp/a", "/tmp/b", "/tmp/pipe"]
            })
        );
    }

    #[test]
    fn a_full_group_says_how_much_it_lacks() {
        let mut groups = Groups::default();
        for number in 0..MAX_ENTRIES + 3 {
            let arguments = json!({"filepath": format!("/{number}")}).as_object().unwrap().clone();
            groups.add(&Call { api: "unlink".into(), arguments, ..Call::default() }, &mut 0);
        }
        assert_eq!(
            (groups.report()["file_deleted"].as_array().unwrap().len(), groups.cut()),
            (MAX_ENTRIES, 3)
        );
    }

    #[test]
    fn all_groups_together_have_a_limit() {
        let (mut entered, mut cut, mut kept) = (0, 0, 0);
        for process in 0..30 {
            let mut groups = Groups::default();
            for number in 0..MAX_ENTRIES {
                let arguments =
                    json!({"filepath": format!("/{process}/{number}")}).as_object().unwrap().clone();
                groups.add(&Call { api: "unlink".into(), arguments, ..Call::default() }, &mut entered);
            }
            cut += groups.cut();
            kept += groups.report().get("file_deleted").and_then(Json::as_array).map_or(0, Vec::len);
        }
        assert_eq!((kept, cut), (MAX_ENTRIES_OF_ALL, (30 * MAX_ENTRIES - MAX_ENTRIES_OF_ALL) as u64));
    }
}
