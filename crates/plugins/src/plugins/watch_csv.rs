//! `watch_csv(filename=, accessor=, …)`: new rows of CSV files, for ever.

use std::io::BufReader;

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::accessor::{self, Target};
use crate::tail::{Event, Start, Tail, follow};
use crate::text::csv::CsvReader;
use crate::text::csv_header::{Header, character, declared};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const AUTO_HEADERS: usize = 2;
const SEPARATOR: usize = 3;
const COMMENT: usize = 4;
const COLUMNS: usize = 5;

/// The longest line, and the longest record.
const MAX_LINE: usize = 1 << 20;
const MAX_RECORD: usize = 4 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_csv",
        doc: "The records that are added to CSV files from now on as rows, for ever; columns are named by the start of the file.",
        category: Category::Events,
        args: &[
            Arg::required("filename", Type::PathList, "The files to watch."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("auto_headers", Type::Bool, "The first record is data: columns are Col0, Col1…"),
            Arg::optional("separator", Type::Str, "The character between cells.").with_default("\",\""),
            Arg::optional("comment", Type::Str, "Lines that start with this character are skipped."),
            Arg::optional("columns", Type::StrList, "The names of the columns; the first record is data."),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// How the files are written.
#[derive(Clone)]
struct Format {
    separator: u8,
    comment: Option<u8>,
    header: Option<Header>,
}

/// What is known of one file.
struct Reading {
    header: Option<Header>,
    /// Lines of a record that is not complete: a quote is open.
    waiting: Vec<u8>,
    quotes: usize,
}

/// A file, and the one that had its name before.
struct Files {
    present: Reading,
    before: Reading,
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let format = Format {
        separator: character(args, SEPARATOR)?.unwrap_or(b','),
        comment: character(args, COMMENT)?,
        header: declared(args, AUTO_HEADERS, COLUMNS)?,
    };
    let targets = accessor::resolve_all(args, FILENAME, ACCESSOR)?;
    let mut files: Vec<Files> = targets
        .iter()
        .map(|target| Files { present: Reading::start(args, target, &format), before: Reading::new(&format) })
        .collect();
    let tails = targets.into_iter().map(|target| Tail::new(target, Start::End, MAX_LINE)).collect();
    follow(args, tails, MAX_LINE, None, &mut |place, event| match event {
        Event::Line(line) => files[place].present.line(line, &format, sink),
        Event::Late(line) => files[place].before.line(line, &format, sink),
        Event::Idle => Ok(()),
        Event::Restart => {
            let file = &mut files[place];
            file.before = std::mem::replace(&mut file.present, Reading::new(&format));
            Ok(())
        }
    })
}

impl Reading {
    /// The columns of a file that is there: its first record names them.
    fn start(args: &Args<'_>, target: &Target, format: &Format) -> Self {
        let mut header = format.header.clone();
        if header.is_none()
            && let Ok(file) = target.open(args.scope)
        {
            let mut reader = CsvReader::new(BufReader::new(file), format.separator, format.comment);
            if matches!(reader.next(), Ok(true)) {
                header = Some(Header::of_record(reader.fields()));
            }
        }
        Reading { header, ..Reading::new(format) }
    }

    fn new(format: &Format) -> Self {
        Reading { header: format.header.clone(), waiting: Vec::new(), quotes: 0 }
    }

    fn line(&mut self, line: &[u8], format: &Format, sink: &mut dyn Sink) -> Flow {
        if self.waiting.is_empty() && format.comment.is_some() && line.first() == format.comment.as_ref() {
            return Ok(());
        }
        self.quotes += memchr::memchr_iter(b'"', line).count();
        self.waiting.extend_from_slice(line);
        self.waiting.push(b'\n');
        if self.quotes % 2 == 1 && self.waiting.len() < MAX_RECORD {
            return Ok(());
        }
        self.quotes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let mut reader = CsvReader::new(&waiting[..], format.separator, format.comment);
        while matches!(reader.next(), Ok(true)) {
            match &mut self.header {
                Some(header) => sink.row(&mut header.row(reader.fields()))?,
                None => self.header = Some(Header::of_record(reader.fields())),
            }
        }
        Ok(())
    }
}
