//! `geoip(ip=, db=)`: what a MaxMind database knows of an address.

use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::Reader;
use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::Value;

use crate::accessor::{self, Facts, Target};
use crate::text::read_bounded;
use crate::yaml::Yaml;

const IP: usize = 0;
const DB: usize = 1;

/// The largest database that is read into memory.
const MAX_DATABASE: usize = 2 << 30;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "geoip",
        doc: "Looks an address up in a MaxMind database file; NULL when it is not there.",
        category: Category::Network,
        args: &[
            Arg::required("ip", Type::Str, "The address."),
            Arg::required("db", Type::Str, "The path of the database."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 1,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// The databases read, and what their files were like then.
#[derive(Default)]
struct Databases(Mutex<Vec<(Text, Facts, Arc<Reader<Vec<u8>>>)>>);

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let address: IpAddr = args.string(IP)?.trim().parse().map_err(|_| "ip should be an address")?;
    let database = open(args, &args.text(DB)?)?;
    let failed = |e: maxminddb::MaxMindDbError| Error::new(e.to_string());
    let record: Option<Yaml> = database.lookup(address).map_err(failed)?.decode().map_err(failed)?;
    Ok(record.map_or(Value::Null, |r| r.0))
}

/// The database of that path, read once while its file stays the same.
fn open(args: &Args<'_>, path: &Text) -> Result<Arc<Reader<Vec<u8>>>, Error> {
    let file = accessor::find(args.scope, "file")?;
    let target = Target { accessor: file, path: file.parse(path).into() };
    let facts = file.stat_target(args.scope, &target.path).map_err(|e| target.failure(&e))?;
    let kept = args.scope.kept::<Databases>();
    let mut databases = kept.0.lock();
    let same =
        |known: &Facts| known.mtime == facts.mtime && known.size == facts.size && known.inode == facts.inode;
    if let Some((_, _, reader)) = databases.iter().find(|(p, known, _)| p == path && same(known)) {
        return Ok(reader.clone());
    }
    let bytes = read_bounded(args, &target, MAX_DATABASE)?;
    let reader = Arc::new(Reader::from_source(bytes).map_err(|e| Error::new(e.to_string()))?);
    databases.retain(|(p, ..)| p != path);
    databases.push((path.clone(), facts, reader.clone()));
    Ok(reader)
}
