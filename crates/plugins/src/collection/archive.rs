//! A collection packed into a ZIP file.
//!
//! ```text
//! collection_context.json            the record
//! results/<Artifact>[%2F<Source>].json   rows, one JSON object a line; .csv as well when asked for
//! logs.json, uploads.json            log lines and the list of files
//! uploads/<accessor>/<path>          the files
//! ```

use std::io::{self, BufWriter, Seek, Write};

use store::file_store::component;
use store::flow::{Flow, components};
use store::rows::RowReader;
use vql::call::Error;
use vql::cancel::Cancel;
use vql::csv::{write_cell, write_field};
use vql::value::Value;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipWriter};

use crate::server::{Server, failed, stored_row};

/// How to pack.
#[derive(Clone, Debug, Default)]
pub struct Packing {
    /// Encrypts every member with AES-256 unless empty.
    pub password: String,
    /// Rows as CSV besides JSON lines.
    pub csv: bool,
}

/// Packs a collection into a file.
pub fn pack(
    server: &Server,
    flow: &Flow,
    packing: &Packing,
    cancel: &Cancel,
    file: impl Write + Seek,
) -> Result<(), Error> {
    let mut archive = Archive { zip: ZipWriter::new(BufWriter::new(file)), packing, cancel };
    let record = serde_json::to_vec_pretty(flow).map_err(|e| Error::new(e.to_string()))?;
    archive.member("collection_context.json", |out| out.write_all(&record))?;
    let (client, id) = (&flow.client_id, &flow.session_id);
    for source in &flow.artifacts_with_results {
        let name = format!("results/{}", component(source));
        let rows = || server.flows.results(client, id, source).map_err(failed);
        archive.rows(&format!("{name}.json"), rows()?)?;
        if packing.csv {
            archive.csv(&format!("{name}.csv"), rows()?)?;
        }
    }
    archive.rows("logs.json", server.flows.log(client, id).map_err(failed)?)?;
    archive.rows("uploads.json", server.flows.uploads(client, id).map_err(failed)?)?;
    let above = components(client, id, &[]).map_err(failed)?.len();
    for upload in &flow.uploaded_files {
        let mut content = server.files.open_beneath(&upload.components).map_err(failed)?;
        let name = upload.components.get(above..).unwrap_or_default().join("/");
        archive.member(&name, |out| io::copy(&mut content, out).map(drop))?;
    }
    let finished = archive.zip.finish().map_err(broken)?;
    finished.into_inner().map_err(|e| Error::new(e.to_string())).map(drop)
}

fn broken(error: ZipError) -> Error {
    Error::new(error.to_string())
}

struct Archive<'a, W: Write + Seek> {
    zip: ZipWriter<BufWriter<W>>,
    packing: &'a Packing,
    cancel: &'a Cancel,
}

impl<W: Write + Seek> Archive<'_, W> {
    fn member(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut ZipWriter<BufWriter<W>>) -> io::Result<()>,
    ) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            return Err("cancelled".into());
        }
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true)
            .unix_permissions(0o600);
        let started = match self.packing.password.as_str() {
            "" => self.zip.start_file(name, options),
            password => self.zip.start_file(name, options.with_aes_encryption(AesMode::Aes256, password)),
        };
        started.map_err(broken)?;
        write(&mut self.zip).map_err(|e| Error::new(e.to_string()))
    }

    fn rows(&mut self, name: &str, rows: RowReader) -> Result<(), Error> {
        self.member(name, |out| {
            for row in rows {
                out.write_all(&row.map_err(io::Error::other)?)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })
    }

    /// Rows as CSV, with the columns of the first.
    fn csv(&mut self, name: &str, rows: RowReader) -> Result<(), Error> {
        self.member(name, |out| {
            let mut header = None;
            for text in rows {
                let row = stored_row(&text.map_err(io::Error::other)?).map_err(io::Error::other)?;
                let mut line = Vec::new();
                let names = header.get_or_insert_with(|| {
                    join(&mut line, row.schema.names(), |n, out| write_field(n.as_str().as_bytes(), out));
                    row.schema.names().to_vec()
                });
                join(&mut line, names, |n, out| write_cell(row.get(n).unwrap_or(&Value::Null), out));
                out.write_all(&line)?;
            }
            Ok(())
        })
    }
}

fn join<T>(line: &mut Vec<u8>, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            line.push(b',');
        }
        write(item, line);
    }
    line.push(b'\n');
}
