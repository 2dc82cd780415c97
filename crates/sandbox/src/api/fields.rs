//! What the fields of a submission mean (the Cuckoo reference, section 1.7).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use store::sandbox::{Category, NewTask, Stamp};

use super::error::{Error, Result};
use super::form::Form;
use super::options;
use crate::settings::Settings;

const MAX_CUSTOM: usize = 64 << 10;
const MAX_NAME: usize = 64;
const MAX_TAGS: usize = 64;
/// The most bytes of a file's name.
const MAX_FILE_NAME: usize = 200;
const MAX_URL: usize = 64 << 10;
const CLOCK: &str = "%m-%d-%Y %H:%M:%S";

/// What a submission asks for, without its target.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub task: NewTask,
    /// What was not understood and is done otherwise.
    pub warnings: Vec<String>,
    /// Only what was never submitted before.
    pub unique: bool,
}

impl Wanted {
    pub fn of(form: &Form, settings: &Settings) -> Result<Self> {
        let mut warnings = Vec::new();
        let clock = form.get("clock").and_then(|text| {
            let clock = clock(text);
            if clock.is_none() {
                warnings.push(format!(
                    "the clock {text:?} is not MM-DD-YYYY HH:MM:SS: the time of submission is used"
                ));
            }
            clock
        });
        let task = NewTask {
            category: Category::File,
            target: String::new(),
            sample_id: None,
            submit_id: None,
            machine: short(form, "machine")?,
            package: package(form)?,
            options: form
                .get("options")
                .map(|text| options::check(text, &settings.proxies).map(|()| plain(text)))
                .transpose()?,
            timeout: timeout(form, settings.max_timeout)?,
            priority: number(form, "priority", "a whole number")?.unwrap_or(1),
            custom: custom(form)?,
            owner: short(form, "owner")?.unwrap_or_default(),
            platform: short(form, "platform")?,
            tags: tags(form)?,
            memory: switch(form, "memory")?,
            enforce_timeout: switch(form, "enforce_timeout")?,
            clock,
        };
        Ok(Self { task, warnings, unique: switch(form, "unique")? })
    }

    /// The same for a file.
    pub fn for_file(&self, name: &str, sha256: &str, sample_id: u32) -> NewTask {
        let target = file_name(name, sha256);
        NewTask { category: Category::File, target, sample_id: Some(sample_id), ..self.task.clone() }
    }

    /// The same for a member of an archive, which the options name.
    pub fn for_member(&self, name: &str, sha256: &str, sample_id: u32, member: &str) -> NewTask {
        // What was asked for all of them cannot be the member of each.
        let is_member = |pair: &&str| {
            matches!(pair.split_once('=').map(|(name, _)| name.trim()), Some("file" | "filename"))
        };
        let given = self.task.options.as_deref().unwrap_or_default().split(',');
        let given = given.filter(|pair| !is_member(pair)).collect::<Vec<_>>().join(",");
        let comma = if given.is_empty() { "" } else { "," };
        let options = Some(format!("{given}{comma}filename={}", plain(member)));
        NewTask { category: Category::Archive, options, ..self.for_file(name, sha256, sample_id) }
    }

    /// The same for a URL.
    pub fn for_url(&self, url: &str) -> Result<NewTask> {
        if url.len() > MAX_URL {
            return Err(Error::bad(format!("url: at most {MAX_URL} bytes")));
        }
        Ok(NewTask { category: Category::Url, target: plain(url), sample_id: None, ..self.task.clone() })
    }
}

/// Databases keep no NUL in texts.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn number<T: std::str::FromStr>(form: &Form, name: &str, what: &str) -> Result<Option<T>> {
    let parse =
        |text: &str| text.trim().parse().map_err(|_| Error::bad(format!("{name}: {text:?} is not {what}")));
    form.get(name).map(parse).transpose()
}

fn timeout(form: &Form, max: u32) -> Result<u32> {
    let seconds = number(form, "timeout", "a number of seconds")?.unwrap_or(0);
    if seconds > max {
        return Err(Error::bad(format!("timeout: at most {max} seconds")));
    }
    Ok(seconds)
}

/// Any way in which clients write truth.
fn switch(form: &Form, name: &str) -> Result<bool> {
    let Some(text) = form.get(name) else { return Ok(false) };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "none" | "no" | "off" => Ok(false),
        _ => text.trim().parse::<i64>().map(|number| number != 0).map_err(|_| {
            Error::bad(format!("{name}: {text:?} is neither 1, true, yes, on nor 0, false, no, off"))
        }),
    }
}

fn short(form: &Form, name: &str) -> Result<Option<String>> {
    let Some(text) = form.get(name) else { return Ok(None) };
    if text.chars().count() > MAX_NAME {
        return Err(Error::bad(format!("{name}: at most {MAX_NAME} characters")));
    }
    Ok(Some(plain(text)))
}

fn custom(form: &Form) -> Result<Option<String>> {
    match form.get("custom") {
        Some(text) if text.len() > MAX_CUSTOM => {
            Err(Error::bad(format!("custom: at most {MAX_CUSTOM} bytes")))
        }
        text => Ok(text.map(plain)),
    }
}

fn package(form: &Form) -> Result<Option<String>> {
    let package = short(form, "package")?;
    let is_word = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match package {
        Some(package) if !is_word(&package) => {
            Err(Error::bad("package: letters, digits and underscores are allowed"))
        }
        package => Ok(package),
    }
}

/// Each once, in the order given.
fn tags(form: &Form) -> Result<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    for tag in form.get("tags").unwrap_or_default().split(',') {
        let tag = plain(tag.trim());
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    match tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.chars().count() > MAX_NAME) {
        true => Err(Error::bad(format!("tags: at most {MAX_TAGS}, of at most {MAX_NAME} characters"))),
        false => Ok(tags),
    }
}

fn clock(text: &str) -> Option<Stamp> {
    let time = DateTime::strptime(CLOCK, text.trim()).ok()?;
    Some(Stamp(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond()))
}

/// The last part of a name, on whatever system it was made, cut before its extension. The hash, when nothing is left.
pub fn file_name(name: &str, sha256: &str) -> String {
    let last = plain(name.rsplit(['/', '\\']).next().unwrap_or_default());
    if last.is_empty() || last == "." || last == ".." {
        return sha256.to_owned();
    }
    if last.len() <= MAX_FILE_NAME {
        return last;
    }
    let extension =
        last.rfind('.').map(|dot| &last[dot..]).filter(|extension| extension.len() <= 32).unwrap_or("");
    let end = last.floor_char_boundary(MAX_FILE_NAME - extension.len());
    format!("{}{extension}", &last[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;

    async fn wanted(body: &'static str) -> Result<Wanted> {
        let dir = tempfile::tempdir().unwrap();
        let request = axum::extract::Request::new(axum::body::Body::from(body));
        let form = Form::read(request, &Samples::open(dir.path()).unwrap(), 0).await.unwrap();
        Wanted::of(&form, &Settings::in_dir(dir.path().to_owned()))
    }

    #[tokio::test]
    async fn what_is_not_given_has_its_default() {
        let task = wanted("").await.unwrap().task;
        assert_eq!((task.timeout, task.priority, &*task.owner, task.memory), (0, 1, "", false));
        assert_eq!((task.machine, task.package, task.options, task.custom), (None, None, None, None));
        assert!(task.tags.is_empty() && task.clock.is_none());
    }

    #[tokio::test]
    async fn fields_are_read_as_clients_write_them() {
        let wanted = wanted(
            "timeout=60&priority=-2&tags=32bit,+acrobat_6,,32bit&memory=False&enforce_timeout=1&clock=04-07-2031+16:20:05\
            &options=a=b&owner=ada&unique=yes",
        );
        let wanted = wanted.await.unwrap();
        let task = &wanted.task;
        assert_eq!((task.timeout, task.priority), (60, -2));
        assert_eq!(task.tags, ["32bit", "acrobat_6"]);
        assert!(!task.memory && task.enforce_timeout && wanted.unique);
        assert_eq!(task.clock.unwrap().to_string(), "2031-04-07 16:20:05");
        assert!(wanted.warnings.is_empty());
    }

    #[tokio::test]
    async fn a_clock_that_cannot_be_read_is_told_and_left() {
        let wanted = wanted("clock=yesterday").await.unwrap();
        assert!(wanted.task.clock.is_none() && wanted.warnings[0].contains("MM-DD-YYYY"));
    }

    #[tokio::test]
    async fn nonsense_is_refused_in_words() {
        for (body, expected) in [
            ("timeout=abc", "timeout"),
            ("timeout=-1", "timeout"),
            ("timeout=90000", "86400"),
            ("priority=high", "priority"),
            ("memory=perhaps", "memory"),
            ("package=../x", "package"),
            ("options=route=tor", "route"),
        ] {
            let error = wanted(body).await.unwrap_err();
            assert!(error.message.contains(expected), "{body}: {}", error.message);
        }
    }

    #[test]
    fn names_of_files_are_their_last_part() {
        assert_eq!(file_name("C:\\Users\\ada\\bill.docm", "h"), "bill.docm");
        assert_eq!(file_name("../../etc/passwd", "h"), "passwd");
        for nothing in ["", "..", ".", "a/"] {
            assert_eq!(file_name(nothing, "h"), "h", "{nothing}");
        }
        let long = file_name(&format!("{}.exe", "é".repeat(300)), "h");
        assert!(long.len() <= 200 && long.ends_with("é.exe"));
        assert_eq!(file_name("a\u{202e}fdp.exe", "h"), "a\u{202e}fdp.exe");
    }
}
