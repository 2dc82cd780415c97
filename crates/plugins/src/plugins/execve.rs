//! `execve(argv=, sep=, length=10240, env=, cwd=, secret=)`: runs a program (builtins page, section 4.3).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use memchr::memmem;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::value::{Row, Value, convert};

use crate::accessor::reason;
use crate::command::{Call, Channel};
use crate::world::World;

const ARGV: usize = 0;
const SEP: usize = 1;
const LENGTH: usize = 2;
const ENV: usize = 3;
const CWD: usize = 4;
const SECRET: usize = 5;

const DEFAULT_LENGTH: i64 = 10_240;
const MAX_LENGTH: i64 = 64 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "execve",
        doc: "Runs a program. Its output comes in the last row, and in rows before when there is much of it; with a separator \
              each piece is a row. The program is killed when the query ends before it.",
        category: Category::Host,
        args: &[
            Arg::required("argv", Type::StrList, "The program and its arguments."),
            Arg::optional("sep", Type::Str, "What separates pieces of output."),
            Arg::optional("length", Type::Int, "The most bytes of output in one row.").with_default("10240"),
            Arg::optional("env", Type::Dict, "Replaces the environment."),
            Arg::optional("cwd", Type::Str, "The directory to run in."),
            Arg::optional("secret", Type::Str, "The name of a secret that holds the arguments."),
        ],
        permissions: &[Permission::Execve],
        version: 2,
        examples: &[
            Example::new(
                "Output and exit code",
                "SELECT Stdout, Stderr, ReturnCode, Complete FROM execve(argv=['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'])",
                r#"[{"Stdout":"out\n","Stderr":"err\n","ReturnCode":3,"Complete":true}]"#,
            ),
            Example::new(
                "A row a line",
                r#"SELECT Stdout, Complete FROM execve(argv=['/bin/echo', "a\n\nb"], sep="\n")"#,
                r#"[{"Stdout":"a","Complete":false},{"Stdout":"b","Complete":false},{"Stdout":"","Complete":true}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &["Stdin", "Stdout", "Stderr", "ReturnCode", "Complete"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let call = call(args)?;
    let sep = args.text(SEP)?;
    let length = match args.int(LENGTH, DEFAULT_LENGTH)? {
        length if length > 0 => length.min(MAX_LENGTH) as usize,
        _ => DEFAULT_LENGTH as usize,
    };
    let shown: Vec<_> = call.argv.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
    args.scope.log(Level::Default, format!("execve: Running external command [{}]", shown.join(" ")));
    let mut rows = Rows { args, sink, length, sep: &sep, out: Vec::new(), err: Vec::new() };
    let mut running = match call.start() {
        Ok(running) => running,
        Err(e) => return rows.emit(Vec::new(), reason(&e).into_bytes(), 1, true),
    };
    let code = running.output(args.scope.cancel(), &mut |channel, bytes| rows.add(channel, bytes))?;
    match code {
        Some(code) => rows.finish(code),
        None => Err(Stop::Done),
    }
}

fn call(args: &Args<'_>) -> Result<Call, Error> {
    if args.optional_text(SECRET)?.is_some_and(|secret| !secret.is_empty()) {
        return Err("there are no secrets for programs: give argv, env and cwd".into());
    }
    let argv: Vec<Vec<u8>> = args.text_list(ARGV)?.iter().map(|arg| arg.to_vec()).collect();
    if argv.is_empty() {
        return Err("no argv to run".into());
    }
    let environment = match args.dict(ENV)? {
        None => World::of(args.scope)?
            .environment
            .iter()
            .map(|(k, v)| (k.clone().into(), v.clone().into()))
            .collect(),
        Some(dict) => {
            let text = |value: &Value| OsString::from_vec(convert::to_text(value).to_vec());
            dict.snapshot().iter().map(|(name, value)| (name.as_str().into(), text(value))).collect()
        }
    };
    let directory = args.optional_text(CWD)?.filter(|cwd| !cwd.is_empty());
    let directory = directory.map(|cwd| PathBuf::from(OsString::from_vec(cwd.to_vec())));
    Ok(Call { argv, environment, directory })
}

/// Output on its way to rows.
struct Rows<'a> {
    args: &'a Args<'a>,
    sink: &'a mut dyn Sink,
    length: usize,
    sep: &'a [u8],
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Rows<'_> {
    fn add(&mut self, channel: Channel, bytes: &[u8]) -> Flow {
        self.waiting(channel).extend_from_slice(bytes);
        if !self.sep.is_empty() {
            return self.split(channel);
        }
        let (out, err) = (std::mem::take(&mut self.out), std::mem::take(&mut self.err));
        let (mut out, mut err) = (&out[..], &err[..]);
        while out.len() > self.length || err.len() > self.length {
            let (out_piece, err_piece) = (cut(&mut out, self.length), cut(&mut err, self.length));
            self.emit(out_piece, err_piece, 0, false)?;
        }
        (self.out, self.err) = (out.to_vec(), err.to_vec());
        Ok(())
    }

    /// Emits the pieces that are complete, and what is too long to be one.
    fn split(&mut self, channel: Channel) -> Flow {
        let waiting = std::mem::take(self.waiting(channel));
        let mut rest = &waiting[..];
        loop {
            let (length, used) = match memmem::find(rest, self.sep) {
                Some(at) if at <= self.length => (at, at + self.sep.len()),
                _ if rest.len() >= self.length + self.sep.len() => (self.length, self.length),
                _ => break,
            };
            let mut piece = cut(&mut rest, used);
            piece.truncate(length);
            self.piece(piece)?;
        }
        *self.waiting(channel) = rest.to_vec();
        Ok(())
    }

    fn waiting(&mut self, channel: Channel) -> &mut Vec<u8> {
        match channel {
            Channel::Out => &mut self.out,
            Channel::Err => &mut self.err,
        }
    }

    fn piece(&mut self, piece: Vec<u8>) -> Flow {
        if piece.is_empty() { Ok(()) } else { self.emit(piece, Vec::new(), 0, false) }
    }

    /// The rest, and the end.
    fn finish(mut self, code: i32) -> Flow {
        let (out, err) = (std::mem::take(&mut self.out), std::mem::take(&mut self.err));
        if self.sep.is_empty() {
            return self.emit(out, err, code, true);
        }
        self.piece(out)?;
        self.piece(err)?;
        self.emit(Vec::new(), Vec::new(), code, true)
    }

    fn emit(&mut self, out: Vec<u8>, err: Vec<u8>, code: i32, is_complete: bool) -> Flow {
        let cells = vec![
            Value::from(""),
            Value::text(out),
            Value::text(err),
            Value::Int(i64::from(code)),
            Value::Bool(is_complete),
        ];
        self.sink.row(&mut Row { schema: self.args.columns(), cells })
    }
}

/// Takes so many bytes from the start.
fn cut(bytes: &mut &[u8], count: usize) -> Vec<u8> {
    let (piece, rest) = bytes.split_at(count.min(bytes.len()));
    *bytes = rest;
    piece.to_vec()
}
