//! Where a file of a guest may lie: which folders there are, and which names (the sandbox reference, section 9.2).

use thiserror::Error;

/// The folders into which guests may write.
pub const FOLDERS: [&str; 10] = [
    "files",
    "shots",
    "buffer",
    "extracted",
    "memory",
    "package_files",
    "logs",
    "curtain",
    "sysmon",
    "network",
];
/// The most bytes of a name, as file systems have it.
const MAX_NAME: usize = 255;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the path is not a folder and a name")]
    Shape,
    #[error("guests may not write into that folder")]
    Folder,
    #[error("the name is empty or nothing but dots and blanks")]
    Name,
    #[error("the name is longer than {MAX_NAME} bytes")]
    Long,
    #[error("in logs only all.stap, syscalls.log and <pid>.bson may be written")]
    Log,
}

/// The path in the folder of an analysis that stands for what the guest sent: one of the folders and a name that means nothing
/// to any system. What else a name holds becomes `X`, as it always did.
pub fn member(sent: &[u8]) -> Result<String, Refusal> {
    let slashed: Vec<u8> = sent.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    let mut parts = slashed.split(|byte| *byte == b'/');
    let (Some(folder), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Shape);
    };
    let folder = FOLDERS.into_iter().find(|known| known.as_bytes() == folder).ok_or(Refusal::Folder)?;
    let name = plain(name)?;
    if folder == "logs" && !is_log(&name) {
        return Err(Refusal::Log);
    }
    Ok(format!("{folder}/{name}"))
}

fn plain(name: &[u8]) -> Result<String, Refusal> {
    if name.len() > MAX_NAME {
        return Err(Refusal::Long);
    }
    let mut plain = String::new();
    for chunk in name.utf8_chunks() {
        plain.extend(chunk.valid().chars().map(|letter| match letter {
            ':' => 'X',
            letter if letter.is_control() => 'X',
            letter => letter,
        }));
        plain.extend(chunk.invalid().iter().map(|_| 'X'));
    }
    // Windows leaves out dots and blanks at the end: unpacked there, `.. ` would be the folder above.
    let kept = plain.trim_end_matches(['.', ' ']);
    if kept.is_empty() {
        return Err(Refusal::Name);
    }
    let ends = plain.len() - kept.len();
    Ok(format!("{kept}{}", "X".repeat(ends)))
}

fn is_log(name: &str) -> bool {
    let is_pid =
        |pid: &str| !pid.is_empty() && pid.len() <= 10 && pid.bytes().all(|byte| byte.is_ascii_digit());
    matches!(name, "all.stap" | "syscalls.log") || name.strip_suffix(".bson").is_some_and(is_pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_analyzers_send_keeps_its_name() {
        for path in [
            "files/0f1e2d3c4b5a6978_setup.tmp",
            "shots/0001.jpg",
            "memory/1908-1.dmp",
            "package_files/rechnung_ü.docm",
            "logs/2044.bson",
            "logs/all.stap",
        ] {
            assert_eq!(member(path.as_bytes()).as_deref(), Ok(path));
        }
        assert_eq!(member(b"files\\a.exe").as_deref(), Ok("files/a.exe"));
        // What hides: it is a name like any other.
        assert_eq!(member("files/\u{202e}gpj.exe".as_bytes()).as_deref(), Ok("files/\u{202e}gpj.exe"));
        assert_eq!(member(b"files/con").as_deref(), Ok("files/con"));
    }

    #[test]
    fn names_become_harmless() {
        assert_eq!(member(b"files/a\0b:c\x1b\n").as_deref(), Ok("files/aXbXcXX"));
        assert_eq!(member(b"files/\xff\xfe.exe").as_deref(), Ok("files/XX.exe"));
        assert_eq!(member(b"files/a.exe. .").as_deref(), Ok("files/a.exeXXX"));
        assert_eq!(member(b"files/..a").as_deref(), Ok("files/..a"));
    }

    #[test]
    fn ways_out_are_refused_and_named() {
        for path in ["", "files", "a.exe", "files/a/b", "/files/a", "../files/a", "files//a", "files/../x"] {
            assert_eq!(member(path.as_bytes()), Err(Refusal::Shape), "{path}");
        }
        for path in ["/a", "./a", "../a", "reports/report.json", "Files/a", "files /a", "files\0/a", "C:/a"] {
            assert_eq!(member(path.as_bytes()), Err(Refusal::Folder), "{path}");
        }
        for path in ["files/", "files/.", "files/..", "files\\..", "files/... ", "files/ "] {
            assert_eq!(member(path.as_bytes()), Err(Refusal::Name), "{path}");
        }
        assert_eq!(member(&[b"files/".to_vec(), vec![b'a'; 256]].concat()), Err(Refusal::Long));
        assert_eq!(member(&[b"files/".to_vec(), vec![b'a'; 4000]].concat()), Err(Refusal::Long));
        for path in
            ["logs/x.log", "logs/a.bson", "logs/.bson", "logs/12345678901.bson", "logs/behavior.jsonl"]
        {
            assert_eq!(member(path.as_bytes()), Err(Refusal::Log), "{path}");
        }
    }
}
