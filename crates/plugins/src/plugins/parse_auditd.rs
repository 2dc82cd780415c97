//! `FROM parse_auditd(filename=, accessor=, buffer_size=)`: the events of the Linux audit log.

use std::io::{BufRead, BufReader, Read};

use forensics::auditd::{Event, Events, Record};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Platforms, Plugin, Signature, Sink, Type};
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Row, Time, Value};

use crate::accessor::{self, Target};
use crate::text::buffer_size;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const BUFFER_SIZE: usize = 2;

const DEFAULT_BUFFER: usize = 1 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_auditd",
        doc: "The events of the Linux audit log, a row for each: its records are put together.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("buffer_size", Type::Int, "The longest line in bytes; longer ones are left out.")
                .with_default("1048576"),
        ],
        platforms: Platforms::Linux,
        examples: &[Example::new(
            "Two records of one event",
            r#"SELECT * FROM parse_auditd(accessor="data", filename="type=SYSCALL msg=audit(1714557600.500:7): syscall=2 comm=\"cat\"\ntype=CWD msg=audit(1714557600.500:7): cwd=\"/root\"")"#,
            r#"[{"Timestamp":"2024-05-01T10:00:00.5Z","Sequence":7,"Types":["SYSCALL","CWD"],"SYSCALL":{"syscall":"2","comm":"cat"},"CWD":{"cwd":"/root"}}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = buffer_size(args, BUFFER_SIZE, DEFAULT_BUFFER)?;
    for target in accessor::resolve_all(args, FILENAME, ACCESSOR)? {
        emit(args, &target, limit, sink)?;
    }
    Ok(())
}

fn emit(args: &Args<'_>, target: &Target, limit: usize, sink: &mut dyn Sink) -> Flow {
    let Some(file) = target.open_or_log(args) else { return Ok(()) };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let (mut events, mut line) = (Events::default(), Vec::new());
    loop {
        args.scope.tick()?;
        match next_line(&mut reader, &mut line, limit) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                target.report(args, &e);
                break;
            }
        }
        if let Some(event) = Record::parse(&line).and_then(|record| events.push(record)) {
            sink.row(&mut row(event)?)?;
        }
    }
    events.finish().try_for_each(|event| sink.row(&mut row(event)?))
}

/// Reads a line; of one that is too long, nothing but that it was there.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> std::io::Result<bool> {
    line.clear();
    let count = reader.by_ref().take(limit as u64).read_until(b'\n', line)?;
    if count == limit && !line.ends_with(b"\n") {
        line.clear();
        loop {
            let (used, found) = {
                let buffer = reader.fill_buf()?;
                match buffer.iter().position(|c| *c == b'\n') {
                    Some(at) => (at + 1, true),
                    None => (buffer.len(), buffer.is_empty()),
                }
            };
            reader.consume(used);
            if found {
                break;
            }
        }
    }
    Ok(count > 0)
}

/// An event as a row: a dict for each type of record; of several of one type, a list of dicts.
pub fn row(event: Event) -> Result<Row, Error> {
    let mut row = Row::default();
    let time = Time::from_millisecond(event.millis).map_err(|e| Error::new(e.to_string()))?;
    row.set(&Name::new("Timestamp"), Value::Time(time));
    row.set(&Name::new("Sequence"), Value::UInt(event.sequence));
    let types = event.records.iter().map(|r| Value::from(r.kind.as_str())).collect();
    row.set(&Name::new("Types"), Value::list(types));
    for record in event.records {
        let name = Name::new(&record.kind);
        let fields = record.fields.iter().map(|(n, v)| (n.as_str(), Value::Text(Text::from(v.as_slice()))));
        let fields = Value::dict(fields);
        let value = match row.get(&name) {
            None => fields,
            Some(Value::List(items)) => Value::list(items.iter().cloned().chain([fields]).collect()),
            Some(one) => Value::list(vec![one.clone(), fields]),
        };
        row.replace(&name, value);
    }
    Ok(row)
}
