//! What kind of file some content is, in the words of Debian 12's `file`.
//!
//! Programs, documents, archives and scripts are described here, since others choose by these words how to treat a file; each form is
//! compared with the real `file` in a golden table. The rest is named by its family by the crate `file-format`.

mod archives;
mod elf;
mod office;
mod programs;
mod text;

use std::io::Cursor;

use file_format::FileFormat;

/// What is known of some content.
#[derive(Clone, Debug, PartialEq)]
pub struct FileType {
    pub description: String,
    pub mime: String,
    /// Without a dot; empty when there is none.
    pub extension: String,
}

impl FileType {
    fn new(description: impl Into<String>, mime: &str, extension: &str) -> Self {
        FileType { description: description.into(), mime: mime.to_owned(), extension: extension.to_owned() }
    }
}

/// Bytes of a file that are enough to tell.
pub const ENOUGH: usize = 8 << 20;

/// Tells by the start of a file.
pub fn of(content: &[u8]) -> FileType {
    if content.is_empty() {
        return FileType::new("empty", "inode/x-empty", "");
    }
    programs::of(content)
        .or_else(|| elf::of(content))
        .or_else(|| office::of(content))
        .or_else(|| archives::of(content))
        .or_else(|| text::of(content))
        .unwrap_or_else(|| family(content))
}

fn family(content: &[u8]) -> FileType {
    let format = FileFormat::from_reader(Cursor::new(content)).unwrap_or(FileFormat::ArbitraryBinaryData);
    match format {
        FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty => {
            FileType::new("data", "application/octet-stream", "")
        }
        format => FileType::new(format.name(), format.media_type(), format.extension()),
    }
}

#[cfg(test)]
mod tests;
