//! `upload_webdav(file=, url=, …)`: a file for a WebDAV server.

use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::net::exchange::{Call, basic, set_header};
use crate::net::store::{File, url_path};
use crate::net::tls::Trust;

const FILE: usize = 0;
const NAME: usize = 1;
const ACCESSOR: usize = 2;
const URL: usize = 3;
const BASIC_AUTH_USER: usize = 4;
const BASIC_AUTH_PASSWORD: usize = 5;
const NOVERIFYCERT: usize = 6;
const SKIP_VERIFY: usize = 7;
const USER_AGENT: usize = 8;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upload_webdav",
        doc: "Puts a file on a WebDAV server; gives where it is and its size.",
        category: Category::Network,
        args: &[
            Arg::required("file", Type::Path, "The file."),
            Arg::optional("name", Type::Str, "What to call it there; its path by default."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("url", Type::Str, "The folder there."),
            Arg::optional("basic_auth_user", Type::Str, "Who to log in as."),
            Arg::optional("basic_auth_password", Type::Str, "The password."),
            Arg::optional("noverifycert", Type::Bool, "The old name of skip_verify."),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional("user_agent", Type::Str, "What the client calls itself.")
                .with_default("\"Velociraptor\""),
        ],
        permissions: &[Permission::FilesystemRead, Permission::Network],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let file = File::open(args, FILE, NAME, ACCESSOR)?;
    let base = args.string(URL)?;
    let mut url: Url = base.parse().map_err(|e| Error::new(format!("cannot read the url: {e}")))?;
    url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), url_path(&file.name)));
    let mut call = Call::new(Method::PUT, url);
    let agent = args.string(USER_AGENT)?;
    set_header(&mut call.headers, "User-Agent", if agent.is_empty() { "Velociraptor" } else { &agent })?;
    let user = args.string(BASIC_AUTH_USER)?;
    if !user.is_empty() {
        set_header(&mut call.headers, "Authorization", basic(&user, &args.string(BASIC_AUTH_PASSWORD)?))?;
    }
    call.trust = Trust { skip_verify: args.bool(SKIP_VERIFY) || args.bool(NOVERIFYCERT), ..Trust::default() };
    file.put(args, call)
}
