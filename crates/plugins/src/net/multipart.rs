//! Forms with files: `multipart/form-data`, streamed.

use reqwest::header::HeaderValue;
use vql::args::Args;
use vql::call::Error;
use vql::host::Level;
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Value, convert};

use super::upload::{Body, Bytes, Part};
use crate::accessor::{Target, reason, target_of};

/// A field of the form that is no file.
pub struct Field {
    pub name: String,
    pub value: Text,
}

/// The body of a form and its content type. Files that cannot be read are left out, with a line in the log.
pub fn body(args: &Args<'_>, fields: Vec<Field>, files: &[Value]) -> Result<(HeaderValue, Body), Error> {
    let boundary = boundary()?;
    let mut parts = Vec::new();
    for field in fields {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n",
            escape(&field.name)
        );
        parts.push(held([head.as_bytes(), &field.value, b"\r\n"].concat()));
    }
    for file in files {
        let Some((head, part)) = file_part(args, file, &boundary)? else { continue };
        parts.extend([held(head.into_bytes()), part, held(b"\r\n".to_vec())]);
    }
    parts.push(held(format!("--{boundary}--\r\n").into_bytes()));
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    Ok((content_type.map_err(|e| Error::new(e.to_string()))?, Body::parts(parts)))
}

fn held(bytes: Vec<u8>) -> Part {
    Part::Held(Bytes::from(bytes))
}

/// So long that no file holds it by chance.
fn boundary() -> Result<String, Error> {
    let mut random = [0; 30];
    getrandom::fill(&mut random).map_err(|e| Error::new(e.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn escape(text: &str) -> String {
    // A line break would begin another header.
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "%0D").replace('\n', "%0A")
}

fn file_part(args: &Args<'_>, file: &Value, boundary: &str) -> Result<Option<(String, Part)>, Error> {
    let Value::Dict(dict) = file else {
        return Err(Error::new(format!("files should be dicts not {}.", file.type_name())));
    };
    let text = |name: &str| match dict.get_str(name) {
        None | Some(Value::Null) => String::new(),
        Some(value) => convert::to_text(&value).to_str_lossy().into_owned(),
    };
    let accessor = text("accessor");
    let path = dict.get_str("path").unwrap_or_default();
    let target = target_of(args.scope, &path, &accessor)?;
    let Some(target) = target else {
        return Err(Error::new(format!("the path of a file should be an OSPath not {}.", path.type_name())));
    };
    let part = match open(args, &target) {
        Ok(part) => part,
        Err(why) => {
            let path = convert::to_text(&target.title());
            let line = format!("http_client: When uploading {}: {why}", path.to_str_lossy());
            args.scope.log(Level::Default, line);
            return Ok(None);
        }
    };
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        escape(&text("key")),
        escape(&text("file"))
    );
    Ok(Some((head, part)))
}

/// Opens a file, if the caller may read files. Text that the query has itself is no file.
fn open(args: &Args<'_>, target: &Target) -> Result<Part, String> {
    let is_text = matches!(target.accessor.name(), "data" | "scope");
    if !is_text && !args.scope.context().permissions.has(Permission::FilesystemRead) {
        return Err("PermissionDenied: Permission denied: [FILESYSTEM_READ]".into());
    }
    target.open(args.scope).and_then(Part::file).map_err(|e| reason(&e))
}
