//! `upload_azure(file=, sas_url=, …)`: a file for Azure's blob storage.

use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::net::exchange::{Call, set_header};
use crate::net::store::{File, url_path};

const FILE: usize = 0;
const NAME: usize = 1;
const ACCESSOR: usize = 2;
const SAS_URL: usize = 3;

/// The largest blob that one request may bring.
const MAX_BLOB: u64 = 5000 << 20;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upload_azure",
        doc: "Puts a file into a container of Azure's blob storage; gives where it is and its size.",
        category: Category::Network,
        args: &[
            Arg::required("file", Type::Path, "The file."),
            Arg::optional("name", Type::Str, "What to call it there; its path by default."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("sas_url", Type::Str, "The container's URL with its signature."),
        ],
        permissions: &[Permission::FilesystemRead, Permission::Network],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let file = File::open(args, FILE, NAME, ACCESSOR)?;
    if file.size() > MAX_BLOB {
        return Err(Error::new(format!("the file is longer than {MAX_BLOB} bytes")));
    }
    // The text is not shown when it cannot be read: it holds a signature.
    let mut url: Url = args.string(SAS_URL)?.parse().map_err(|_| Error::from("cannot read the sas_url"))?;
    url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), url_path(&file.name)));
    let mut call = Call::new(Method::PUT, url);
    set_header(&mut call.headers, "x-ms-blob-type", "BlockBlob")?;
    set_header(&mut call.headers, "x-ms-version", "2021-08-06")?;
    file.put(args, call)
}
