//! Files of a collection: copied into the file store once, with their digests.

use std::io::{self, Read, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};
use store::file_store::component;
use store::flow::{UploadedFile, components};
use vql::call::Error;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::convert;

use super::Collection;
use crate::accessor::Target;
use crate::server::failed;

const BLOCK: usize = 1 << 20;

/// What `upload()` gives.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Uploaded {
    #[serde(rename = "Path")]
    pub path: String,
    #[serde(rename = "Size")]
    pub size: u64,
    #[serde(rename = "StoredSize")]
    pub stored_size: u64,
    #[serde(rename = "Error")]
    pub error: String,
    pub sha256: String,
    pub md5: String,
    #[serde(rename = "StoredName")]
    pub stored_name: String,
    #[serde(rename = "Reference")]
    pub reference: String,
    #[serde(rename = "Components")]
    pub components: Vec<String>,
    #[serde(rename = "Accessor")]
    pub accessor: String,
    #[serde(rename = "ID")]
    pub id: u64,
}

/// A line of the list of files, with the columns of `uploads()`.
#[derive(Serialize)]
struct Listed<'a> {
    started: String,
    vfs_path: String,
    client_path: &'a str,
    #[serde(rename = "_Components")]
    components: &'a [String],
    #[serde(rename = "_accessor")]
    accessor: &'a str,
    file_size: u64,
    uploaded_size: u64,
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(rename = "Upload")]
    upload: &'a Uploaded,
}

impl Collection {
    /// Copies a file into the collection. `name` is what to call it there, its own path by default.
    pub fn upload(
        &self,
        scope: &Scope<'_>,
        target: &Target,
        name: Option<&[Text]>,
    ) -> Result<Uploaded, Error> {
        let path = convert::to_text(&target.title()).to_str_lossy().into_owned();
        let parts: Vec<&Text> = match name {
            Some(parts) => parts.iter().collect(),
            None => target.path.components.iter().collect(),
        };
        let accessor = target.accessor.name();
        let mut place = components(&self.client_id, &self.flow_id, &["uploads", accessor]).map_err(failed)?;
        // What has no path of its own, such as text held in a variable, is named by its content's place in line.
        place.extend(parts.iter().filter(|p| !p.is_empty()).map(|p| component(&p.to_str_lossy())));
        let key = place.join("/");
        if let Some((_, known)) = self.state.lock().uploaded.iter().find(|(k, _)| *k == key) {
            return Ok(known.clone());
        }
        let mut file = target.open(scope).map_err(|e| target.failure(&e))?;
        let mut stored = self.server.files.create(&place).map_err(failed)?;
        let copied = self.copy(scope, &mut *file, &mut stored).and_then(|c| stored.sync_all().map(|()| c));
        let (size, sha256, md5) = copied.map_err(|e| target.failure(&e))?;
        let uploaded = Uploaded {
            stored_name: path.clone(),
            path,
            size,
            stored_size: size,
            sha256,
            md5,
            components: place,
            accessor: accessor.to_owned(),
            ..Uploaded::default()
        };
        self.list(key, uploaded)
    }

    /// Copies within the limit of the collection: size and digests.
    fn copy(
        &self,
        scope: &Scope<'_>,
        from: &mut dyn Read,
        to: &mut dyn Write,
    ) -> io::Result<(u64, String, String)> {
        let (mut sha256, mut md5) = (Sha256::new(), md5::Md5::new());
        let mut block = vec![0; BLOCK];
        let mut size = 0;
        loop {
            let count = crate::accessor::read_full(from, &mut block)?;
            if !self.charge_bytes(count as u64) {
                return Err(io::Error::other(format!("more than {} bytes were uploaded", self.limits.bytes)));
            }
            to.write_all(&block[..count])?;
            sha256.update(&block[..count]);
            md5.update(&block[..count]);
            size += count as u64;
            if count < block.len() {
                return Ok((size, hex(&sha256.finalize()), hex(&md5.finalize())));
            }
            if scope.cancel().is_cancelled() {
                return Err(io::Error::other("cancelled"));
            }
        }
    }

    /// Counts bytes against the limit; stops the collection beyond it.
    fn charge_bytes(&self, count: u64) -> bool {
        let mut state = self.state.lock();
        state.flow.total_uploaded_bytes += count;
        let fits = state.flow.total_uploaded_bytes <= self.limits.bytes;
        drop(state);
        if !fits {
            self.stop(format!("Upload limit of {} bytes exceeded", self.limits.bytes));
        }
        fits
    }

    fn list(&self, key: String, mut uploaded: Uploaded) -> Result<Uploaded, Error> {
        let mut state = self.state.lock();
        state.flow.total_uploaded_files += 1;
        state.flow.total_expected_uploaded_bytes += uploaded.size;
        uploaded.id = state.flow.total_uploaded_files;
        state.flow.uploaded_files.push(UploadedFile {
            name: uploaded.path.clone(),
            vfs_path: uploaded.components.join("/"),
            size: uploaded.size,
            stored_size: uploaded.stored_size,
            components: uploaded.components.clone(),
            kind: String::new(),
        });
        let row = Listed {
            started: jiff::Timestamp::now().to_string(),
            vfs_path: uploaded.components.join("/"),
            client_path: &uploaded.path,
            components: &uploaded.components,
            accessor: &uploaded.accessor,
            file_size: uploaded.size,
            uploaded_size: uploaded.stored_size,
            kind: "",
            upload: &uploaded,
        };
        let text = serde_json::to_vec(&row).map_err(|e| Error::new(e.to_string()))?;
        if state.uploads.is_none() {
            let writer = self.server.flows.uploads_writer(&self.client_id, &self.flow_id);
            state.uploads = Some(writer.map_err(failed)?);
        }
        if let Some(writer) = &mut state.uploads {
            writer.push(&text).and_then(|()| writer.flush()).map_err(failed)?;
        }
        state.uploaded.push((key, uploaded.clone()));
        Ok(uploaded)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
