//! `FROM http_client(url=, …)`: one HTTP exchange, its body in pieces (builtins page, section 3).

use reqwest::Method;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;

use crate::world::World;

mod answer;
mod request;
mod secret;
mod target;

use answer::Answer;
use request::Request;
use target::Target;

const URL: usize = 0;
const PARAMS: usize = 1;
const HEADERS: usize = 2;
const METHOD: usize = 3;
const DATA: usize = 4;
const CHUNK_SIZE: usize = 5;
const DISABLE_SSL_SECURITY: usize = 6;
const SKIP_VERIFY: usize = 7;
const TEMPFILE_EXTENSION: usize = 8;
const REMOVE_LAST: usize = 9;
const ROOT_CA: usize = 10;
const COOKIE_JAR: usize = 11;
const USER_AGENT: usize = 12;
const SECRET: usize = 13;
const FILES: usize = 14;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "http_client",
        doc: "Makes an HTTP request; each piece of the answer's body is a row.",
        category: Category::Network,
        args: &[
            Arg::optional(
                "url",
                Type::StrList,
                "The URL to fetch; of several, each is tried until one answers 2xx. Also file:///path, /socket:unix/path and secret://name.",
            ),
            Arg::optional("params", Type::Dict, "Parameters, for the query of a GET and the body of others."),
            Arg::optional("headers", Type::Dict, "Headers to send; values that are not text are left out."),
            Arg::optional("method", Type::Str, "GET, POST, PUT, PATCH or DELETE.").with_default("\"GET\""),
            Arg::optional("data", Type::Str, "The body as it is, instead of params."),
            Arg::optional("chunk_size", Type::Int, "The length of a piece in bytes.").with_default("4194304"),
            Arg::optional("disable_ssl_security", Type::Bool, "The old name of skip_verify."),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional(
                "tempfile_extension",
                Type::Str,
                "Write the body to a temporary file whose name ends so; Content is its path.",
            ),
            Arg::optional("remove_last", Type::Bool, "Remove that file when the whole program ends."),
            Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
            Arg::optional(
                "cookie_jar",
                Type::Dict,
                "Cookies to send; those that answers set are added to it.",
            ),
            Arg::optional("user_agent", Type::Str, "What the client calls itself.")
                .with_default("\"Velociraptor\""),
            Arg::optional("secret", Type::Str, "The managed secret, of type 'HTTP Secrets', to use."),
            Arg::optional(
                "files",
                Type::DictList,
                "Files to send as a form: dicts of file (its name there), key (of the form), path and accessor.",
            ),
        ],
        permissions_any: &[Permission::CollectServer, Permission::Network],
        version: 3,
        ..Signature::NEW
    },
    columns: &["Url", "Content", "Response", "Headers"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let Some(request) = read(args)? else { return Ok(()) };
    let last = request.urls.len() - 1;
    for (i, url) in request.urls.iter().enumerate() {
        args.scope.tick()?;
        let outcome = fetch(args, &request, url);
        if i == last {
            return match outcome {
                Ok(answer) => answer.emit(args, &request, url, sink),
                Err(Trouble::Unusable(e)) => Err(e.into()),
                Err(Trouble::Left) => Err(vql::call::Stop::Done),
                Err(Trouble::Failed(e)) => answer::failed(args, url, &e, sink),
            };
        }
        let why = match outcome {
            Ok(answer) if (200..300).contains(&answer.status()) => {
                return answer.emit(args, &request, url, sink);
            }
            Ok(answer) => format!("Failed {url}: status {} - trying next URL", answer.status()),
            Err(Trouble::Left) => return Err(vql::call::Stop::Done),
            Err(Trouble::Unusable(e)) => format!("Failed {url}: {e} - trying next Url"),
            Err(Trouble::Failed(e)) => format!("Failed {url}: {e} - trying next Url"),
        };
        args.scope.log(Level::Default, why);
    }
    Ok(())
}

/// Why there is no answer.
enum Trouble {
    /// The request makes no sense: a log line, no row.
    Unusable(Error),
    /// The query is over.
    Left,
    /// The exchange failed: a row says so.
    Failed(String),
}

/// The request that the arguments describe; `None` when they forbid one, which has been logged.
fn read(args: &Args<'_>) -> Result<Option<Request>, Error> {
    let request = Request::read(args)?;
    let network = &World::of(args.scope)?.network;
    if network.must_use_secrets && request.secret.is_none() {
        return Err("requests must use a secret on this server".into());
    }
    if network.always_verify && request.trust.skip_verify {
        args.scope.log(Level::Error, "http_client: skip_verify is forbidden on this server");
        return Ok(None);
    }
    if request.urls.is_empty() {
        return Err("Field url is required".into());
    }
    Ok(Some(request))
}

fn fetch(args: &Args<'_>, request: &Request, url: &str) -> Result<Answer, Trouble> {
    args.scope.log(Level::Default, format!("Fetching {url}"));
    let target = Target::parse(request.place(url)).map_err(Trouble::Unusable)?;
    if let Some(secret) = &request.secret {
        secret.check(&target).map_err(Trouble::Unusable)?;
    }
    match target {
        Target::File(path) if request.method == Method::GET => answer::file(args, &path),
        Target::File(_) => Err(Trouble::Failed("files can be fetched with GET only".into())),
        target => answer::network(args, request, url, target),
    }
}
