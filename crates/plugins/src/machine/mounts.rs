//! Mounted file systems.

use std::collections::HashSet;

use vql::text::Text;
use vql::value::Value;

use super::{read_bytes, read_text};

pub const COLUMNS: &[&str] = &["device", "mountpoint", "fstype", "opts"];

/// What is mounted: the cells of [`COLUMNS`] each.
pub fn mounts() -> Vec<Vec<Value>> {
    parse(&read_bytes("/proc/self/mounts"))
}

/// The kinds of file systems that live on a device.
pub fn device_kinds() -> HashSet<String> {
    let all = read_text("/proc/filesystems");
    // The others are marked in the first column.
    let mut kinds: HashSet<String> =
        all.lines().filter(|l| !l.starts_with("nodev")).map(|l| l.trim().to_owned()).collect();
    // ZFS has devices of its own.
    kinds.insert("zfs".to_owned());
    kinds
}

fn parse(table: &[u8]) -> Vec<Vec<Value>> {
    table.split(|c| *c == b'\n').filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Vec<Value>> {
    let mut fields = line.split(|c| *c == b' ').map(unescape);
    let (device, point, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let options = options.split(|c| *c == b',').map(|o| Value::text(Text::from(o))).collect();
    Some(vec![Value::text(device), Value::text(point), Value::text(kind), Value::list(options)])
}

/// `\040` is a space.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mounts = parse(b"/dev/sda1 /mnt/my\\040disk ext4 rw,noatime 0 0\nbroken\n");
        assert_eq!(mounts.len(), 1);
        let shown = format!("{:?}", mounts[0]);
        let wanted =
            r#"[Text("/dev/sda1"), Text("/mnt/my disk"), Text("ext4"), List([Text("rw"), Text("noatime")])]"#;
        assert_eq!(shown, wanted);
        assert_eq!(unescape(b"a\\b\\04"), b"a\\b\\04");
    }
}
