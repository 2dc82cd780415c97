//! `upload_s3(file=, bucket=, …)`: a file for S3 and what speaks its language.

use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::net::exchange::{Call, set_header};
use crate::net::secrets::Given;
use crate::net::sigv4::{Signer, UNSIGNED, stamp};
use crate::net::store::{File, url_path};
use crate::net::tls::Trust;

const FILE: usize = 0;
const NAME: usize = 1;
const ACCESSOR: usize = 2;
const BUCKET: usize = 3;
const REGION: usize = 4;
const CREDENTIALS_KEY: usize = 5;
const CREDENTIALS_SECRET: usize = 6;
const CREDENTIALS_TOKEN: usize = 7;
const ENDPOINT: usize = 8;
const SERVERSIDE_ENCRYPTION: usize = 9;
const KMS_ENCRYPTION_KEY: usize = 10;
const S3UPLOAD_ROOT: usize = 11;
const SKIP_VERIFY: usize = 12;
const PATH_STYLE: usize = 13;
const SECRET: usize = 14;

/// The largest object that one request may bring.
const MAX_OBJECT: u64 = 5 << 30;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upload_s3",
        doc: "Puts a file into a bucket of S3, or of a server that is like it; gives where it is and its size.",
        category: Category::Network,
        args: &[
            Arg::required("file", Type::Path, "The file, of 5 GiB at most."),
            Arg::optional("name", Type::Str, "What to call it there; its path by default."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("bucket", Type::Str, "The bucket."),
            Arg::optional("region", Type::Str, "The region.").with_default("\"us-east-1\""),
            Arg::optional("credentials_key", Type::Str, "The key's name."),
            Arg::optional("credentials_secret", Type::Str, "The key."),
            Arg::optional("credentials_token", Type::Str, "The token of a session."),
            Arg::optional("endpoint", Type::Str, "The server's URL, if it is not Amazon's."),
            Arg::optional(
                "serverside_encryption",
                Type::Str,
                "How it is encrypted there: AES256 or aws:kms.",
            ),
            Arg::optional("kms_encryption_key", Type::Str, "With which key."),
            Arg::optional("s3upload_root", Type::Str, "What its name there begins with."),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional(
                "path_style",
                Type::Bool,
                "The bucket is part of the path; always so with an endpoint.",
            ),
            Arg::optional("secret", Type::Str, "The managed secret, of type 'AWS S3 Creds', to use."),
        ],
        permissions: &[Permission::Network, Permission::FilesystemRead],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let given = Given::read(args, "AWS S3 Creds", SECRET)?;
    let file = File::open(args, FILE, NAME, ACCESSOR)?;
    if file.size() > MAX_OBJECT {
        return Err(Error::new(format!("the file is longer than {MAX_OBJECT} bytes")));
    }
    let region = match given.text(REGION)? {
        region if region.is_empty() => "us-east-1".to_owned(),
        region => region,
    };
    let url = place(args, &given, &region, &file.name)?;
    let mut call = Call::new(Method::PUT, url);
    call.trust = Trust { skip_verify: given.bool(SKIP_VERIFY), ..Trust::default() };
    sign(args, &given, &region, &mut call)?;
    file.put(args, call)
}

fn place(args: &Args<'_>, given: &Given<'_>, region: &str, name: &str) -> Result<Url, Error> {
    let bucket = args.string(BUCKET)?;
    if bucket.is_empty() || !bucket.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) {
        return Err(Error::new(format!("{bucket:?} is no name of a bucket")));
    }
    let key = url_path(&format!("{}/{name}", args.string(S3UPLOAD_ROOT)?));
    let endpoint = given.text(ENDPOINT)?;
    let text = match (endpoint.is_empty(), args.bool(PATH_STYLE)) {
        (false, _) => {
            let scheme = if endpoint.contains("://") { "" } else { "https://" };
            format!("{scheme}{}/{bucket}/{key}", endpoint.trim_end_matches('/'))
        }
        (true, true) => format!("https://s3.{region}.amazonaws.com/{bucket}/{key}"),
        (true, false) => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
    };
    text.parse().map_err(|e| Error::new(format!("cannot read the endpoint: {e}")))
}

fn sign(args: &Args<'_>, given: &Given<'_>, region: &str, call: &mut Call) -> Result<(), Error> {
    let (key, secret) = (given.text(CREDENTIALS_KEY)?, given.text(CREDENTIALS_SECRET)?);
    let stamp = stamp(args.scope.host().now());
    let mut headers = vec![
        ("x-amz-content-sha256".to_owned(), UNSIGNED.to_owned()),
        ("x-amz-date".to_owned(), stamp.clone()),
    ];
    for (name, value) in [
        ("x-amz-security-token", given.text(CREDENTIALS_TOKEN)?),
        ("x-amz-server-side-encryption", given.text(SERVERSIDE_ENCRYPTION)?),
        ("x-amz-server-side-encryption-aws-kms-key-id", given.text(KMS_ENCRYPTION_KEY)?),
    ] {
        if !value.is_empty() {
            headers.push((name.to_owned(), value));
        }
    }
    for (name, value) in &headers {
        set_header(&mut call.headers, name, value)?;
    }
    if key.is_empty() {
        // A bucket that everybody may write to.
        return Ok(());
    }
    let host = call.url.host_str().unwrap_or_default();
    let host = call.url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    headers.push(("host".to_owned(), host));
    headers.sort();
    let signer = Signer { key: &key, secret: &secret, region };
    let authorization = signer.authorization("PUT", &call.url, &headers, &stamp);
    set_header(&mut call.headers, "Authorization", authorization)
}
