//! System calls as SystemTap wrote them for Cuckoo's Linux guests: `logs/all.stap` (the sandbox reference, section 10.2).
//!
//! ```text
//! Mon Apr  7 16:20:11 2031.004512 busybox@7f12ab34cd56[2044] openat(AT_FDCWD, "/etc/nosuch", O_RDONLY) = -2 (ENOENT)
//! ```

use std::collections::HashSet;
use std::io::{self, BufRead, Read as _};

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Call, Event};
use crate::processing::shown;

const MAX_LINE: u64 = 256 << 10;
/// Of one call.
const MAX_ARGUMENTS: usize = 32;
/// Processes that are announced; what others do is told nevertheless.
const MAX_PROCESSES: usize = 10_000;
/// How long the time is: seconds without a fraction, then six digits of it.
const SECONDS: usize = 24;
const TIME: usize = 31;

/// A line in its parts.
struct Line<'l> {
    time: f64,
    process: &'l str,
    pid: u32,
    call: &'l str,
    arguments: Vec<&'l str>,
    result: i64,
    error: &'l str,
}

/// Reads the log and gives what it tells, in its order. Times are taken for UTC, since the log names no zone.
pub fn read(mut log: impl BufRead, tell: &mut dyn FnMut(Event)) -> io::Result<()> {
    let (mut line, mut known, mut is_rest) = (Vec::new(), HashSet::new(), false);
    loop {
        line.clear();
        if log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let was_rest = std::mem::replace(&mut is_rest, !line.ends_with(b"\n"));
        if was_rest {
            continue;
        }
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
        match parse(&text) {
            Some(line) => take(&line, &mut known, tell),
            None => tell(Event::Cut { calls: 1 }),
        }
    }
}

fn take(line: &Line<'_>, known: &mut HashSet<u32>, tell: &mut dyn FnMut(Event)) {
    let is_clone = matches!(line.call, "clone" | "clone3" | "fork" | "vfork");
    if known.len() < MAX_PROCESSES && known.insert(line.pid) {
        tell(process(line, line.pid, 0, line.process.to_owned(), line.process.to_owned()));
    }
    tell(Event::Call(Box::new(call(line))));
    match u32::try_from(line.result) {
        Ok(child) if is_clone && child > 0 && known.len() < MAX_PROCESSES && known.insert(child) => {
            tell(process(line, child, line.pid, line.process.to_owned(), line.process.to_owned()));
        }
        Ok(0) if line.call == "execve" => {
            let path = line.arguments.first().map(|path| unquoted(path)).unwrap_or_default();
            let words = line
                .arguments
                .get(1)
                .map(|words| elements(words.trim_matches(['[', ']'])))
                .unwrap_or_default();
            let words: Vec<String> = words.into_iter().map(unquoted).collect();
            tell(process(line, line.pid, 0, path, words.join(" ")));
        }
        _ => {}
    }
}

fn process(line: &Line<'_>, pid: u32, ppid: u32, path: String, command_line: String) -> Event {
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    Event::Process { time: line.time, pid, ppid, name, path, command_line }
}

fn call(line: &Line<'_>) -> Call {
    let arguments = line.arguments.iter().enumerate();
    Call {
        time: line.time,
        pid: line.pid,
        tid: line.pid,
        category: "system".into(),
        api: shown(line.call.as_bytes()),
        arguments: arguments
            .map(|(at, text)| (format!("p{at}"), json!(shown(unquoted(text).as_bytes()))))
            .collect(),
        return_value: line.result,
        errno: line.error.into(),
        ..Call::default()
    }
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (when, rest) = line.split_at_checked(TIME)?;
    let (seconds, fraction) = when.split_at_checked(SECONDS)?;
    let seconds: DateTime = strtime::parse("%a %b %e %H:%M:%S %Y", seconds).ok()?.to_datetime().ok()?;
    let micros: u32 = fraction.strip_prefix('.')?.parse().ok()?;
    let time = seconds.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second() as f64 + f64::from(micros) / 1e6;
    // The name of a process may hold anything but what follows it.
    let (head, rest) = rest.strip_prefix(' ')?.split_once('(')?;
    let (who, call) = head.rsplit_once(' ')?;
    let (process, place) = who.rsplit_once('@')?;
    let pid = place.strip_suffix(']')?.split_once('[')?.1.parse().ok()?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    let (result, error) = match result.split_once(" (") {
        Some((result, error)) => (result, error.strip_suffix(')')?),
        None => (result, ""),
    };
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok().map(u64::cast_signed);
    let result = result.strip_prefix("0x").map_or_else(|| result.parse().ok(), hex)?;
    Some(Line { time, process, pid, call, arguments: elements(arguments), result, error })
}

/// What is between commas that are in no quotes and no brackets.
fn elements(text: &str) -> Vec<&str> {
    let (mut elements, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && elements.len() + 1 < MAX_ARGUMENTS => {
                elements.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        elements.push(last);
    }
    elements
}

/// Without quotes, when it has some.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(log: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        read(log, &mut |event| events.push(event)).unwrap();
        events
    }

    #[test]
    fn calls_have_their_arguments_and_errors() {
        let line = b"Mon Apr  7 16:20:11 2031.004512 my (sh@x@7f12ab34cd56[2044] openat(AT_FDCWD, \"/etc/a, \\\"b\\\")\", {x=[1, 2]}, O_RDONLY) = -2 (ENOENT)\n";
        // A parenthesis in a name is one too many.
        assert_eq!(all(line), [Event::Cut { calls: 1 }]);
        let line = String::from_utf8(line.to_vec()).unwrap().replace("my (sh", "my sh");
        let events = all(line.as_bytes());
        let Event::Call(call) = &events[1] else { panic!("{events:?}") };
        assert_eq!((&*call.api, call.pid, call.return_value, &*call.errno), ("openat", 2044, -2, "ENOENT"));
        assert!((call.time - 1_933_345_211.004_512).abs() < 1e-6, "{}", call.time);
        let expected =
            json!({"p0": "AT_FDCWD", "p1": "/etc/a, \"b\")", "p2": "{x=[1, 2]}", "p3": "O_RDONLY"});
        assert_eq!(json!(call.arguments), expected);
        assert!(matches!(&events[0], Event::Process { name, pid: 2044, .. } if name == "my sh@x"));
    }

    #[test]
    fn children_have_their_parents_and_programs() {
        let log = b"Mon Apr  7 16:20:11 2031.000000 sh@7f[10] clone(0x0, 0) = 11\n\
            Mon Apr  7 16:20:11 2031.100000 sh@7f[11] execve(\"/bin/ls\", [\"ls\", \"-l a\"], [/* 9 vars */]) = 0\n\
            Mon Apr  7 16:20:11 2031.200000 ls@7f[11] mmap(0x0, 4096) = 0x7fffffffe000\n";
        let processes: Vec<_> = all(log)
            .into_iter()
            .filter_map(|event| match event {
                Event::Process { pid, ppid, name, command_line, .. } => Some((pid, ppid, name, command_line)),
                _ => None,
            })
            .collect();
        let expected = [(10, 0, "sh", "sh"), (11, 10, "sh", "sh"), (11, 0, "ls", "ls -l a")];
        assert_eq!(
            processes,
            expected.map(|(pid, ppid, name, line)| (pid, ppid, name.to_owned(), line.to_owned()))
        );
    }

    #[test]
    fn nonsense_is_counted() {
        let long = [vec![b'x'; 600 << 10], b"\n".to_vec()].concat();
        let log = [
            b"\n".as_slice(),
            b"\xff\xfe\n",
            &long,
            "ж".repeat(40).as_bytes(),
            b"\nMon Apr  7 16:20:11 2031.00451x a@0[1] b() = 0\n",
        ]
        .concat();
        assert_eq!(all(&log), vec![Event::Cut { calls: 1 }; 5]);
    }
}
