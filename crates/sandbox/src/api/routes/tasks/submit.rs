//! Submitting many things at once (the Cuckoo reference, section 5.3).

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::routing::post;
use serde::Serialize;
use store::db::{DbResult, Tx};
use store::sandbox::sample::{self, By};
use store::sandbox::task;

use super::create::{keep, store_file, store_url, with_warnings};
use crate::analysis::package;
use crate::api::fields::Wanted;
use crate::api::form::{File, Form};
use crate::api::options;
use crate::api::reply::Reply;
use crate::api::{Error, Result};
use crate::remote;
use crate::samples::members::{self, Format, Members};
use crate::server::Sandbox;

/// URLs and hashes of one call.
const MAX_STRINGS: usize = 1000;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/tasks/create/submit", post(submit)).layer(DefaultBodyLimit::disable())
}

#[derive(Serialize)]
struct Submitted {
    submit_id: u32,
    task_ids: Vec<u32>,
    errors: Vec<String>,
}

async fn submit(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Result<Reply<Submitted>> {
    let mut form = Form::read(request, &sandbox.samples, sandbox.settings.max_sample).await?;
    let files = std::mem::take(&mut form.files);
    let strings: Vec<&str> = form.get("strings").unwrap_or_default().lines().map(str::trim).collect();
    let strings: Vec<&str> = strings.into_iter().filter(|line| !line.is_empty()).collect();
    if files.is_empty() && strings.is_empty() {
        return Err(Error::failed("No files or strings have been given!"));
    }
    if strings.len() > MAX_STRINGS {
        return Err(Error::bad(format!("strings: at most {MAX_STRINGS} lines")));
    }
    let mut wanted = Wanted::of(&form, &sandbox.settings)?;
    let options = wanted.task.options.take().unwrap_or_default();
    wanted.task.options = Some(with_default(&options, "procmemdump", "yes"));
    let submit_id = sandbox.db.write(task::new_submit).await.map_err(|error| {
        tracing::error!(target: "sandbox", %error, "a submission was not stored");
        Error::failed("Error creating Submit entry")
    })?;
    wanted.task.submit_id = Some(submit_id);
    let (mut task_ids, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.name.clone();
        match store_files(&sandbox, &wanted, file, &mut errors).await {
            Ok(ids) => task_ids.extend(ids),
            Err(error) => errors.push(format!("{name}: {}", error.message)),
        }
    }
    for text in strings {
        match one(&sandbox, &wanted, text).await {
            Ok(id) => task_ids.push(id),
            Err(error) => errors.push(error.message.into_owned()),
        }
    }
    sandbox.submitted.notify_one();
    Ok(Reply(Submitted { submit_id, task_ids, errors }))
}

/// A file is one task, and an archive one for each of its members that can be run or opened.
async fn store_files(
    sandbox: &Arc<Sandbox>,
    wanted: &Wanted,
    file: File,
    errors: &mut Vec<String>,
) -> Result<Vec<u32>> {
    let format = Format::of(&file.content.digests.file_type, &file.name);
    let found = match format {
        Some(format) => look(sandbox, wanted, &file, format).await?,
        None => None,
    };
    // What cannot be looked into here may open in the guest.
    let Some(found) = found else { return Ok(vec![store_file(sandbox, wanted.clone(), file).await?]) };
    errors.extend(found.left_out.iter().map(|left_out| format!("{}: {left_out}", file.name)));
    if found.names.is_empty() && format.is_some_and(Format::is_mail) {
        return Ok(vec![store_file(sandbox, wanted.clone(), file).await?]);
    }
    if found.names.is_empty() {
        return Err(Error::bad("nothing in this archive can be run or opened"));
    }
    let (name, digests, wanted) = (file.name, file.content.digests.clone(), wanted.clone());
    keep(sandbox, file.content).await?;
    let create = move |tx: &mut Tx<'_>| -> DbResult<Vec<u32>> {
        let sample_id = sample::keep(tx, &digests)?;
        let task = |member: &String| wanted.for_member(&name, &digests.sha256, sample_id, member);
        found.names.iter().map(|member| with_warnings(tx, &task(member), &wanted.warnings)).collect()
    };
    Ok(sandbox.db.write(create).await?)
}

/// The members of a file, when it can be opened.
async fn look(
    sandbox: &Arc<Sandbox>,
    wanted: &Wanted,
    file: &File,
    format: Format,
) -> Result<Option<Members>> {
    let archive = file.content.reopen()?;
    let options = wanted.task.options.clone().unwrap_or_default();
    // Decoders ask for memory, so that not all are looked into at once.
    let look = move || {
        let password = options::pairs(&options).find(|(name, _)| *name == "password");
        let is_sample =
            |kind: &str, name: &str| package::is_known(kind, name) || remote::is_known(kind, name);
        members::of(archive, format, password.map(|(_, password)| password), &is_sample)
    };
    Ok(sandbox.in_turn(look).await.unwrap_or_else(|error| {
        tracing::warn!(target: "sandbox", %error, name = file.name, "an archive was not looked into");
        None
    }))
}

/// A URL, or the hash of a sample that is here.
async fn one(sandbox: &Arc<Sandbox>, wanted: &Wanted, text: &str) -> Result<u32> {
    let Some(by) = hash(text) else {
        return match url(text) {
            Some(url) => store_url(sandbox, wanted, &url).await,
            None => Err(Error::bad(format!("'{text}' was neither a valid hash or url"))),
        };
    };
    let wanted = wanted.clone();
    let found = sandbox.db.write(move |tx| -> DbResult<_> {
        let Some(sample) = sample::find(tx, &by)? else { return Ok(None) };
        task::create(tx, &wanted.for_file("", &sample.digests.sha256, sample.id)).map(Some)
    });
    let missing =
        || Error::bad(format!("'{text}': no such sample is here, and no other source of samples is set up"));
    found.await?.ok_or_else(missing)
}

fn hash(text: &str) -> Option<By> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let text = text.to_lowercase();
    match text.len() {
        32 => Some(By::Md5(text)),
        40 => Some(By::Sha1(text)),
        64 => Some(By::Sha256(text)),
        _ => None,
    }
}

/// A URL as it is, or a host name as the address of a web site.
fn url(text: &str) -> Option<String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !scheme.is_empty();
        return (is_scheme && !rest.is_empty()).then(|| text.to_owned());
    }
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host.contains('.') && !host.starts_with('.') && !text.contains(char::is_whitespace);
    is_host.then(|| format!("http://{text}"))
}

fn with_default(options: &str, name: &str, value: &str) -> String {
    if crate::api::options::pairs(options).any(|(given, _)| given == name) {
        return options.to_owned();
    }
    let comma = if options.is_empty() { "" } else { "," };
    format!("{options}{comma}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_hashes_or_addresses_of_web_sites() {
        assert_eq!(hash(&"Ab".repeat(16)), Some(By::Md5("ab".repeat(16))));
        assert_eq!(hash("abc"), None);
        assert_eq!(url("example.org/x?y=1").as_deref(), Some("http://example.org/x?y=1"));
        assert_eq!(url("hxxp://example.org").as_deref(), Some("hxxp://example.org"));
        for nothing in ["qwerty", "two words.txt", "://x", ".hidden", ""] {
            assert_eq!(url(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_asked_for_goes_before_the_default() {
        assert_eq!(with_default("", "procmemdump", "yes"), "procmemdump=yes");
        assert_eq!(with_default("a=b", "procmemdump", "yes"), "a=b,procmemdump=yes");
        assert_eq!(with_default("procmemdump=no", "procmemdump", "yes"), "procmemdump=no");
    }
}
