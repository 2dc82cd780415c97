//! `parse_pe(file=, accessor=, base_offset=)`: what a Windows program says of itself.

use forensics::pe::{DIRECTORIES, Pe};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::evidence::{count, failure, texts, time};

const FILE: usize = 0;
const ACCESSOR: usize = 1;
const BASE_OFFSET: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_pe",
        doc: "Headers, sections, imports, exports, resources and version of a Windows program; NULL for other files.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::Path, "The program."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional("base_offset", Type::Int, "Where in the file the program starts.")
                .with_default("0"),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[Example::new("Other files", "parse_pe(file='hello', accessor='data')", "null")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    let base = args.int(BASE_OFFSET, 0)?.max(0) as u64;
    let mut file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let pe = Pe::read(&mut file, base).map_err(|e| failure(&target, &e))?;
    let (exports, debug) = (pe.exports(), pe.debug());
    let version = pe.version_info();
    Ok(Value::dict([
        ("FileHeader", header(&pe)),
        ("GUIDAge", debug.as_ref().map_or(Value::from(""), |d| Value::from(d.guid_age.as_str()))),
        ("PDB", debug.map_or(Value::from(""), |d| Value::from(d.pdb))),
        ("Directories", directories(&pe)),
        ("Sections", sections(&pe)),
        ("Resources", resources(&pe)),
        (
            "VersionInformation",
            Value::dict(version.iter().map(|(k, v)| (k.as_str(), Value::from(v.as_str())))),
        ),
        ("Imports", texts(pe.imports().iter().map(ToString::to_string))),
        ("Exports", texts(exports.names)),
        ("Forwards", texts(exports.forwards)),
        ("ImpHash", Value::from(pe.imphash().unwrap_or_default())),
        ("AuthenticodeHash", authenticode_hash(&pe)),
    ]))
}

fn header(pe: &Pe) -> Value {
    Value::dict([
        ("Machine", Value::from(pe.machine_name())),
        ("TimeDateStamp", time(pe.time())),
        ("TimeDateStampRaw", count(pe.timestamp)),
        ("Characteristics", count(pe.characteristics)),
        ("ImageBase", count(pe.image_base)),
        ("EntryPoint", count(pe.entry_point)),
        ("Subsystem", count(pe.subsystem)),
    ])
}

fn directories(pe: &Pe) -> Value {
    let present = DIRECTORIES.iter().enumerate().filter_map(|(i, name)| {
        let directory = pe.directory(i)?;
        let section = pe.section_of(directory.rva).map_or("", |s| &s.name);
        let offset = pe.offset_of(directory.rva).map_or(Value::Null, count);
        Some((
            *name,
            Value::dict([
                ("RVA", count(directory.rva)),
                ("Size", count(directory.size)),
                ("FileAddress", offset),
                ("SectionName", Value::from(section)),
            ]),
        ))
    });
    Value::dict(present)
}

fn sections(pe: &Pe) -> Value {
    let section = |s: &forensics::pe::Section| {
        Value::dict([
            ("Perm", Value::from(s.rights())),
            ("Name", Value::from(s.name.as_str())),
            ("FileOffset", count(s.offset)),
            ("VMA", count(pe.image_base.saturating_add(u64::from(s.rva)))),
            ("RVA", count(s.rva)),
            ("Size", count(s.size)),
        ])
    };
    Value::list(pe.sections.iter().map(section).collect())
}

fn resources(pe: &Pe) -> Value {
    let resource = |r: forensics::pe::Resource| {
        Value::dict([
            ("Type", Value::from(r.type_name)),
            ("TypeId", count(r.type_id)),
            ("FileOffset", r.offset.map_or(Value::Null, count)),
            ("DataSize", count(r.size)),
            ("CodePage", count(r.code_page)),
        ])
    };
    Value::list(pe.resources().into_iter().map(resource).collect())
}

/// The digests that a signature would be about.
fn authenticode_hash(pe: &Pe) -> Value {
    let Some(parts) = pe.signed_parts() else { return Value::Null };
    let (mut md5, mut sha1, mut sha256) = (Md5::new(), Sha1::new(), Sha256::new());
    for part in parts {
        md5.update(part);
        sha1.update(part);
        sha256.update(part);
    }
    let hex = |bytes: &[u8]| Value::from(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    Value::dict([
        ("MD5", hex(&md5.finalize())),
        ("SHA1", hex(&sha1.finalize())),
        ("SHA256", hex(&sha256.finalize())),
    ])
}
