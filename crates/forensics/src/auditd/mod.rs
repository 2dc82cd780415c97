//! The log of the Linux audit daemon: `type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 …`.
//!
//! Several lines, its records, make up one event: they share the time and the number in `msg`. The kernel hands out the same
//! records through a socket, with a number instead of the name of their type.

mod names;

use std::collections::VecDeque;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: String,
    /// Milliseconds since 1970.
    pub millis: i64,
    pub sequence: u64,
    /// Names and values in their order; values of quoted and hexadecimal fields are decoded.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// What an event is known by.
type Key = (i64, u64);

/// The records of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub millis: i64,
    pub sequence: u64,
    pub records: Vec<Record>,
}

/// How many fields one line, and records one event may have.
const MAX_FIELDS: usize = 1000;
const MAX_RECORDS: usize = 1000;

/// Events that may be open at a time: records of different events are mixed.
const MAX_OPEN: usize = 64;

/// Bytes of the header of a message, and the least number of a record type: those below are about the socket.
const NETLINK_HEADER: usize = 16;
const FIRST_RECORD: u16 = 1005;

/// Fields whose value is text, written as hexadecimal digits when it holds spaces or quotes.
const ENCODED: &[&str] = &[
    "acct",
    "cgroup",
    "cmd",
    "comm",
    "cwd",
    "data",
    "exe",
    "grp",
    "key",
    "name",
    "new-chardev",
    "old-chardev",
    "path",
    "proctitle",
    "vm",
    "watch",
];

impl Record {
    /// Reads a line; `None` if it is no record.
    pub fn parse(line: &[u8]) -> Option<Record> {
        let line = line.trim_ascii();
        let start = line.windows(5).position(|w| w == b"type=")?;
        let line = &line[start..];
        let (kind, rest) = split_once(&line[5..], b' ')?;
        Record::with_kind(String::from_utf8_lossy(kind).into_owned(), rest.strip_prefix(b"msg=")?)
    }

    /// Reads a message of the kernel's audit socket; `None` if it is no record.
    pub fn from_netlink(message: &[u8]) -> Option<Record> {
        let (head, text) = message.split_first_chunk::<NETLINK_HEADER>()?;
        // The length in the header does not count the header on some kernels; a datagram is one message.
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        let end = text.iter().rposition(|c| !matches!(c, 0 | b'\n')).map_or(0, |at| at + 1);
        (kind >= FIRST_RECORD).then(|| Record::with_kind(names::name(kind), &text[..end]))?
    }

    fn with_kind(kind: String, text: &[u8]) -> Option<Record> {
        let stamp = text.strip_prefix(b"audit(")?;
        let (stamp, rest) = split_once(stamp, b')')?;
        let stamp = str::from_utf8(stamp).ok()?;
        let (time, sequence) = stamp.rsplit_once(':')?;
        let (seconds, millis) = time.split_once('.').unwrap_or((time, "0"));
        let millis = seconds.parse::<i64>().ok()?.checked_mul(1000)?.checked_add(millis.parse().ok()?)?;
        let mut record = Record { kind, millis, sequence: sequence.parse().ok()?, fields: Vec::new() };
        record.read_fields(rest.strip_prefix(b":").unwrap_or(rest));
        Some(record)
    }

    fn read_fields(&mut self, mut rest: &[u8]) {
        while self.fields.len() < MAX_FIELDS {
            // The names that the daemon adds stand after a mark of their own.
            rest = trim_start(rest, |c| c.is_ascii_whitespace() || c == 0x1d || c == b',');
            let Some((name, after)) = split_once(rest, b'=') else { break };
            // Words without a value stand before some fields.
            let name = name.rsplit(|c| c.is_ascii_whitespace()).next().unwrap_or(name);
            let (value, after, is_quoted) = value(after);
            let name = String::from_utf8_lossy(name).into_owned();
            // What a user program said: fields of its own, between single quotes.
            if name == "msg" && after.len() < rest.len() && is_quoted == Some(b'\'') {
                self.read_fields(value);
            } else {
                let value = decoded(&name, value, is_quoted.is_some());
                self.fields.push((name, value));
            }
            rest = after;
        }
    }
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|c| *c == at)?;
    Some((&text[..place], &text[place + 1..]))
}

fn trim_start(text: &[u8], is: impl Fn(u8) -> bool) -> &[u8] {
    &text[text.iter().position(|c| !is(*c)).unwrap_or(text.len())..]
}

/// A value, what follows it, and its quotes.
fn value(text: &[u8]) -> (&[u8], &[u8], Option<u8>) {
    if let [quote @ (b'"' | b'\''), rest @ ..] = text
        && let Some((inside, after)) = split_once(rest, *quote)
    {
        return (inside, after, Some(*quote));
    }
    let end = text.iter().position(|c| c.is_ascii_whitespace() || *c == 0x1d).unwrap_or(text.len());
    (&text[..end], &text[end..], None)
}

fn decoded(name: &str, value: &[u8], is_quoted: bool) -> Vec<u8> {
    let is_argument =
        name.strip_prefix('a').is_some_and(|n| n.bytes().all(|c| c.is_ascii_digit()) && !n.is_empty());
    // The arguments of a system call are numbers; only those of a program are text, which has quotes or is long.
    let may_be_text = ENCODED.contains(&name) || is_argument && value.len() >= 8 && looks_like_text(value);
    if is_quoted || !may_be_text {
        return value.to_vec();
    }
    unhex(value)
        .map_or_else(|| value.to_vec(), |text| text.iter().map(|c| if *c == 0 { b' ' } else { *c }).collect())
}

/// Whether digits decode to something that can be printed.
fn looks_like_text(value: &[u8]) -> bool {
    unhex(value)
        .is_some_and(|text| text.iter().all(|c| (b' '..0x7f).contains(c) || matches!(c, b'\t' | b'\n')))
}

fn unhex(value: &[u8]) -> Option<Vec<u8>> {
    if value.is_empty() || !value.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    value.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Puts records together.
#[derive(Default)]
pub struct Events {
    open: VecDeque<Event>,
}

impl Events {
    /// Takes a record; gives an event that is complete.
    pub fn push(&mut self, record: Record) -> Option<Event> {
        let key: Key = (record.millis, record.sequence);
        let is_end = record.kind == "EOE";
        let at = self.open.iter().position(|e| (e.millis, e.sequence) == key);
        let at = at.unwrap_or_else(|| {
            self.open.push_back(Event { millis: key.0, sequence: key.1, records: Vec::new() });
            self.open.len() - 1
        });
        let event = &mut self.open[at];
        if !is_end && event.records.len() < MAX_RECORDS {
            event.records.push(record);
        }
        match (is_end, self.open.len() > MAX_OPEN) {
            (true, _) => self.open.remove(at),
            (_, true) => self.open.pop_front(),
            _ => None,
        }
        .filter(|event| !event.records.is_empty())
    }

    /// Whether records wait for more of their event.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The events that no record ended.
    pub fn finish(self) -> impl Iterator<Item = Event> {
        self.open.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<(String, String)> {
        let record = Record::parse(line.as_bytes()).unwrap();
        record.fields.into_iter().map(|(n, v)| (n, String::from_utf8(v).unwrap())).collect()
    }

    #[test]
    fn lines() {
        // The example of the audit daemon's documentation.
        let line = r#"type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no exit=-13 a0=7fffd19c5592 a1=0 comm="cat" exe="/bin/cat" key="sshd_config""#;
        let record = Record::parse(line.as_bytes()).unwrap();
        assert_eq!(
            (record.kind.as_str(), record.millis, record.sequence),
            ("SYSCALL", 1_364_481_363_243, 24_287)
        );
        let wanted = [
            ("arch", "c000003e"),
            ("syscall", "2"),
            ("success", "no"),
            ("exit", "-13"),
            ("a0", "7fffd19c5592"),
            ("a1", "0"),
            ("comm", "cat"),
            ("exe", "/bin/cat"),
            ("key", "sshd_config"),
        ];
        let wanted: Vec<(String, String)> = wanted.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(fields(line), wanted);
        let line = "type=PROCTITLE msg=audit(1.5:2): proctitle=636174002F6574632F706173737764";
        assert_eq!(fields(line), [("proctitle".into(), "cat /etc/passwd".into())]);
        let line = "node=h type=USER_LOGIN msg=audit(1.500:3): pid=1 uid=0 msg='op=login acct=\"root\" res=failed'\x1dUID=\"root\"";
        let wanted = [
            ("pid", "1"),
            ("uid", "0"),
            ("op", "login"),
            ("acct", "root"),
            ("res", "failed"),
            ("UID", "root"),
        ];
        let wanted: Vec<(String, String)> = wanted.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(fields(line), wanted);
        for line in ["", "type=", "type=X", "type=X msg=audit(", "type=X msg=audit(a:b): x=1", "nonsense"] {
            assert_eq!(Record::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn messages_of_the_kernel() {
        // What Linux 6.18 sent to a reader when another program said something (audit_log_user_avc_message).
        let text = "audit(1795346418.071:2): pid=29255 uid=0 auid=4294967295 ses=4294967295 \
                    msg='harrier test op=login acct=\"root\" res=success'";
        let head = [(text.len() as u32).to_ne_bytes(), 1107_u32.to_ne_bytes(), [0; 4], [0; 4]].concat();
        let message = [&head, text.as_bytes()].concat();
        let record = Record::from_netlink(&message).unwrap();
        let line = format!("type=USER_AVC msg={}", text);
        assert_eq!(record, Record::parse(line.as_bytes()).unwrap());
        assert_eq!(record.fields.last().unwrap(), &("res".to_owned(), b"success".to_vec()));
        // An acknowledgement, and what is too short.
        let reply = [&36_u32.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[0; 30]].concat();
        for message in [&reply[..], &message[..15], &message[..20], &[]] {
            assert_eq!(Record::from_netlink(message), None);
        }
    }

    #[test]
    fn records_of_an_event_are_put_together() {
        let mut events = Events::default();
        let mut done = Vec::new();
        for line in [
            "type=A msg=audit(1.0:1): x=1",
            "type=B msg=audit(1.0:2): x=2",
            "type=C msg=audit(1.0:1): x=3",
            "type=EOE msg=audit(1.0:1):",
        ] {
            done.extend(events.push(Record::parse(line.as_bytes()).unwrap()));
        }
        done.extend(events.finish());
        let kinds: Vec<Vec<&str>> =
            done.iter().map(|e| e.records.iter().map(|r| r.kind.as_str()).collect()).collect();
        assert_eq!(kinds, [vec!["A", "C"], vec!["B"]]);
    }
}
