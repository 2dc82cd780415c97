//! The agent in a guest, as of Cuckoo 2 (the sandbox reference, section 7.1).

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::form::Form;
use super::http::{Body, Fault, Line, call};
use crate::processing::shown;

/// Small calls, as long as the guest is busy.
const CALL: Duration = Duration::from_secs(30);
/// Whether anybody is there, and how far it is.
const GLANCE: Duration = Duration::from_secs(5);
/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Uploads.
const UPLOAD: Duration = Duration::from_secs(600);
/// Of texts that an agent answers, and of paths.
const MAX_MESSAGE: usize = 2000;
const MAX_PATH: usize = 1024;

/// An agent: where it is.
#[derive(Clone, Debug)]
pub struct Agent {
    line: Line,
}

/// What it says of itself.
#[derive(Debug, Deserialize)]
pub struct Greeting {
    pub version: String,
    #[serde(default)]
    pub features: Vec<String>,
}

/// How far the analyzer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub status: Option<String>,
    pub description: Option<String>,
}

#[derive(Deserialize)]
struct Environ {
    environ: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
struct Folder {
    dirpath: String,
}

#[derive(Deserialize)]
struct System {
    system: String,
}

impl Agent {
    pub fn new(line: Line) -> Self {
        Self { line }
    }

    /// Whether anybody listens there at all.
    pub async fn greet(&self) -> Result<Greeting, Fault> {
        let mut greeting: Greeting = match self.get("/", GLANCE).await {
            Err(Fault::Refused { status: StatusCode::NOT_IMPLEMENTED, .. }) => return Err(Fault::Old),
            answer => read(&answer?)?,
        };
        greeting.version = brief(&greeting.version);
        Ok(greeting)
    }

    /// Asks until somebody answers there, at most so long; `ended` says why nobody will any more. Errors are for people.
    pub async fn awaited(
        &self,
        limit: Duration,
        ended: impl Fn() -> Option<String>,
    ) -> Result<Greeting, String> {
        let until = Instant::now() + limit;
        loop {
            let fault = match self.greet().await {
                Ok(greeting) => return Ok(greeting),
                Err(fault) => fault,
            };
            if let Some(end) = ended() {
                return Err(format!("the machine ended before its agent answered: {end}"));
            }
            let address = self.line.address();
            if !matches!(fault, Fault::Unreachable(_) | Fault::Silent(_) | Fault::Closed) {
                return Err(format!("the agent at {address} cannot be used: {fault}"));
            }
            if Instant::now() + EVERY >= until {
                return Err(format!("no agent answered at {address} within {} s: {fault}", limit.as_secs()));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// From now on it answers nobody else.
    pub async fn pin(&self) -> Result<(), Fault> {
        self.get("/pinning", CALL).await.map(drop)
    }

    /// `Windows`, `Linux`, `Darwin`.
    pub async fn system(&self) -> Result<String, Fault> {
        let system: System = read(&self.get("/system", CALL).await?)?;
        Ok(brief(&system.system))
    }

    /// The variables of its environment.
    pub async fn environ(&self) -> Result<BTreeMap<String, String>, Fault> {
        let Environ { environ } = read(&self.get("/environ", CALL).await?)?;
        Ok(environ.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
    }

    /// A new folder in this one.
    pub async fn mkdtemp(&self, dir: &str) -> Result<String, Fault> {
        let folder: Folder = read(&self.post("/mkdtemp", Form::fields(&[("dirpath", dir)]), CALL).await?)?;
        let is_plain = !folder.dirpath.is_empty()
            && folder.dirpath.len() <= MAX_PATH
            && !folder.dirpath.contains(char::is_control);
        if is_plain { Ok(folder.dirpath) } else { Err(Fault::Answer("the path of a folder is none")) }
    }

    /// This folder; one that is there is an error.
    pub async fn mkdir(&self, dir: &str) -> Result<(), Fault> {
        self.post("/mkdir", Form::fields(&[("dirpath", dir)]), CALL).await.map(drop)
    }

    /// Unpacks a zip archive there.
    pub async fn extract(&self, dir: &str, archive: File) -> Result<(), Fault> {
        self.post("/extract", Form::with_file(("dirpath", dir), "zipfile", archive)?, UPLOAD).await.map(drop)
    }

    /// Puts a file there.
    pub async fn store(&self, path: &str, content: File) -> Result<(), Fault> {
        self.post("/store", Form::with_file(("filepath", path), "file", content)?, UPLOAD).await.map(drop)
    }

    /// Starts a program in Python, and does not wait for it.
    pub async fn execpy(&self, path: &str, cwd: &str) -> Result<(), Fault> {
        let fields = [("filepath", path), ("async", "yes"), ("cwd", cwd)];
        self.post("/execpy", Form::fields(&fields), CALL).await.map(drop)
    }

    /// Says in the analyzer's place how far it is.
    pub async fn set_status(&self, status: &str) -> Result<(), Fault> {
        self.post("/status", Form::fields(&[("status", status)]), CALL).await.map(drop)
    }

    /// How far the analyzer says that it is.
    pub async fn status(&self) -> Result<Status, Fault> {
        let status: Status = read(&self.get("/status", GLANCE).await?)?;
        let brief = |text: Option<String>| text.map(|text| brief(&text));
        Ok(Status { status: brief(status.status), description: brief(status.description) })
    }

    async fn get(&self, path: &str, limit: Duration) -> Result<Bytes, Fault> {
        let nothing: Body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = self.request(Method::GET, path);
        self.call(request.body(nothing), limit).await
    }

    async fn post(&self, path: &str, form: Form, limit: Duration) -> Result<Bytes, Fault> {
        let request = self.request(Method::POST, path);
        let request = request
            .header(header::CONTENT_TYPE, form.content_type)
            .header(header::CONTENT_LENGTH, form.length);
        self.call(request.body(form.body), limit).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        request.header(header::HOST, self.line.address().to_string()).header(header::CONNECTION, "close")
    }

    async fn call(&self, request: http::Result<Request<Body>>, limit: Duration) -> Result<Bytes, Fault> {
        let request = request.map_err(|_| Fault::Answer("a request cannot be written"))?;
        let (status, body) = call(&self.line, request, limit).await?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let message = serde_json::from_slice::<Json>(&body).ok();
        let message = message.as_ref().and_then(|answer| answer["message"].as_str()).unwrap_or_default();
        Err(Fault::Refused { status, message: brief(message) })
    }
}

fn read<'b, T: Deserialize<'b>>(answer: &'b [u8]) -> Result<T, Fault> {
    serde_json::from_slice(answer).map_err(|_| Fault::Answer("it lacks what was asked for, or is no JSON"))
}

/// A text of a guest on one line, and not too long.
fn brief(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    shown(&text.as_bytes()[..text.len().min(MAX_MESSAGE)])
}
