//! Mails as Outlook keeps them (MS-OXMSG, sections 2.2.2 and 2.4): compound files with a storage for each attachment. A mail that is attached
//! lies in such a storage, with storages of its own.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use forensics::ole::Ole;

use super::mail::Names;
use super::{MAX_MAIL, Walk};

/// What every message has.
const PROPERTIES: &str = "__properties_version1.0";
const ATTACHMENT: &str = "__attach_version1.0_#";
/// PidTagAttachDataBinary (MS-OXPROPS, section 2.589).
const CONTENT: &str = "__substg1.0_37010102";
/// The long name before the short one, in UTF-16 before the code page of the sender.
const NAMES: [&str; 4] =
    ["__substg1.0_3707001F", "__substg1.0_3707001E", "__substg1.0_3704001F", "__substg1.0_3704001E"];
/// The most bytes of a name.
const MAX_NAME: u64 = 4096;

pub fn walk(file: impl Read, walk: &mut Walk<'_>) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.take(MAX_MAIL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MAIL {
        return Ok(false);
    }
    let Ok(mut message) = Ole::parse(bytes) else { return Ok(false) };
    if !message.root_names().iter().any(|name| name == PROPERTIES) {
        return Ok(false);
    }
    let mut names = Names::default();
    for (folder, streams) in attachments(&message) {
        let Some(size) = streams.get(CONTENT) else { continue };
        let stream = |name: &str| [&folder[..], &[name.to_owned()]].concat();
        let given = NAMES.iter().filter(|name| streams.contains_key(**name)).find_map(|name| {
            let bytes = message.stream_of(&stream(name), MAX_NAME).ok()?;
            Some(if name.ends_with('F') {
                utf16(&bytes)
            } else {
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let name = names.of(given.unwrap_or_default().trim_end_matches('\0'));
        if !walk.may_unpack(*size) {
            break;
        }
        let Ok(content) = message.stream_of(&stream(CONTENT), MAX_MAIL) else {
            walk.notes.push(format!("{}: it cannot be read", super::shown(&name)));
            continue;
        };
        if walk.attachment(&name, &content)?.is_break() {
            break;
        }
    }
    Ok(true)
}

/// Storages of attachments at any depth, with the sizes of their streams.
fn attachments(message: &Ole) -> BTreeMap<Vec<String>, HashMap<String, u64>> {
    let mut all: BTreeMap<Vec<String>, HashMap<String, u64>> = BTreeMap::new();
    for mut entry in message.entries().into_iter().filter(|entry| !entry.is_storage) {
        let Some(name) = entry.path.pop() else { continue };
        if entry.path.last().is_some_and(|folder| folder.starts_with(ATTACHMENT)) {
            all.entry(entry.path).or_default().insert(name, entry.size);
        }
    }
    all
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::super::tests::{SCRIPT, found, names, taken};

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A message with these streams beside those of every message.
    fn message(streams: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        let subject = ("__substg1.0_0037001F".to_owned(), utf16("invoice"));
        for (path, content) in
            [("__properties_version1.0".to_owned(), vec![0; 32]), subject].iter().chain(streams)
        {
            let path = std::path::Path::new("/").join(path);
            file.create_storage_all(path.parent().unwrap()).unwrap();
            file.create_stream(path).unwrap().write_all(content).unwrap();
        }
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    fn attached(folder: &str, name: (&str, &[u8]), content: &[u8]) -> [(String, Vec<u8>); 2] {
        let stream = |tag: &str| format!("{folder}__substg1.0_{tag}");
        [(stream(name.0), name.1.to_vec()), (stream("37010102"), content.to_vec())]
    }

    #[test]
    fn attachments_are_found_also_in_mails_that_are_attached() {
        let inner = "__attach_version1.0_#00000002/__substg1.0_3701000D/__attach_version1.0_#00000000/";
        let streams = [
            attached(
                "__attach_version1.0_#00000000/",
                ("3707001F", &utf16("räksmörgås, extra.sh\0")),
                SCRIPT,
            ),
            attached(
                "__attach_version1.0_#00000001/",
                ("3704001E", b"SHORT~1.SH"),
                &[SCRIPT, &[b'#'; 9000]].concat(),
            ),
            attached(inner, ("3707001F", &utf16("..\\deep.sh")), SCRIPT),
            attached("__attach_version1.0_#00000003/", ("3707001F", &utf16("notes.txt")), b"words"),
        ];
        let bytes = message(&streams.concat());
        assert_eq!(names(&bytes, None).unwrap(), ["räksmörgås_ extra.sh", "SHORT~1.SH", "deep.sh"]);
        assert_eq!(taken(&bytes, None, "räksmörgås_ extra.sh").unwrap(), SCRIPT);
        assert_eq!(taken(&bytes, None, "SHORT~1.SH").unwrap().len(), SCRIPT.len() + 9000);
        assert_eq!(taken(&bytes, None, "deep.sh").unwrap(), SCRIPT);
    }

    #[test]
    fn other_compound_files_and_mails_without_members_are_looked_at_whole() {
        assert_eq!(names(&message(&[]), None), None);
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_stream("/WordDocument").unwrap().write_all(SCRIPT).unwrap();
        file.flush().unwrap();
        assert_eq!(names(&file.into_inner().into_inner(), None), None);
    }

    #[test]
    fn hostile_ones_end() {
        let many: Vec<_> = (0..1200)
            .flat_map(|at| {
                attached(&format!("__attach_version1.0_#{at:08X}/"), ("3707001F", &utf16("x.sh")), SCRIPT)
            })
            .collect();
        let bytes = message(&many);
        let all = found(&bytes, None).unwrap();
        assert_eq!((all.names.len(), all.left_out.len()), (64, 101));
        let bytes =
            message(&attached("__attach_version1.0_#00000000/", ("3707001F", &utf16("x.sh")), SCRIPT));
        for at in (8..bytes.len()).step_by(3) {
            let mut broken = bytes.clone();
            broken[at] ^= 0xff;
            found(&broken, None);
        }
        for length in (0..bytes.len()).step_by(100) {
            found(&bytes[..length], None);
        }
    }
}
