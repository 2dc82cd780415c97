//! `FROM olevba(file=, accessor=, max_size=)`: the macros of Office documents, old and new.

use std::io::{Cursor, Read};

use forensics::ole::{Ole, macros};
use forensics::{Error, bytes};
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};
use zip::ZipArchive;

use crate::evidence;

const FILE: usize = 0;
const ACCESSOR: usize = 1;
const MAX_SIZE: usize = 2;

/// The largest document unless told.
const DEFAULT_MAX_SIZE: i64 = 64 << 20;
/// Members of a document that may hold macros.
const MAX_MEMBERS: usize = 1000;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "olevba",
        doc: "The VBA macros of Office documents, a row for each module.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::PathList, "The documents."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("max_size", Type::Int, "Larger documents are not read.").with_default("67108864"),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &["Code", "ModuleName", "StreamName", "Type", "filename"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = match args.int(MAX_SIZE, 0)? {
        n if n > 0 => n,
        _ => DEFAULT_MAX_SIZE,
    };
    evidence::each(args, FILE, ACCESSOR, |target, file| {
        let content = bytes::read_all(file, limit as u64)?;
        for compound in compounds(content, limit as u64)? {
            for module in macros(&mut Ole::parse(compound)?) {
                let cells = vec![
                    Value::from(module.code),
                    Value::from(module.name),
                    Value::from(module.stream.join("/")),
                    Value::from(module.kind),
                    target.title(),
                ];
                sink.row(&mut Row { schema: args.columns(), cells })?;
            }
        }
        Ok(())
    })
}

/// The compound files of a document: itself, or the members of a newer one.
fn compounds(content: Vec<u8>, limit: u64) -> Result<Vec<Vec<u8>>, Error> {
    if !content.starts_with(b"PK") {
        return Ok(vec![content]);
    }
    let broken = |e: zip::result::ZipError| Error::broken("document", e.to_string());
    let mut archive = ZipArchive::new(Cursor::new(content)).map_err(broken)?;
    let mut found = Vec::new();
    for i in 0..archive.len().min(MAX_MEMBERS) {
        let member = archive.by_index(i).map_err(broken)?;
        if !member.name().map_err(broken)?.to_ascii_lowercase().ends_with(".bin") {
            continue;
        }
        let mut bytes = Vec::new();
        member.take(limit).read_to_end(&mut bytes)?;
        // Other parts have this extension as well.
        if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            found.push(bytes);
        }
    }
    Ok(found)
}
