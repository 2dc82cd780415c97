//! Samples: one record for each content (the Cuckoo reference, section 3.3).

use serde::Serialize;

use crate::db::{DbError, DbResult, Row, Tx};
use crate::params;

/// A sample as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub id: u32,
    #[serde(flatten)]
    pub digests: Digests,
}

/// What is known of a content. Hashes in lower case, `crc32` in upper case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Digests {
    /// Bytes.
    pub file_size: u64,
    pub file_type: String,
    pub md5: String,
    pub sha1: String,
    pub sha256: String,
    pub sha512: String,
    pub crc32: String,
    pub ssdeep: Option<String>,
}

/// The columns of `samples s`, as [`Sample`] reads them.
pub(super) const COLUMNS: &str =
    "s.id, s.file_size, s.file_type, s.md5, s.sha1, s.sha256, s.sha512, s.crc32, s.ssdeep";

fn from_row(row: &mut Row) -> DbResult<Sample> {
    let id = row.take()?;
    Ok(Sample { id, digests: digests(row)? })
}

fn digests(row: &mut Row) -> DbResult<Digests> {
    Ok(Digests {
        file_size: row.take()?,
        file_type: row.take()?,
        md5: row.take()?,
        sha1: row.take()?,
        sha256: row.take()?,
        sha512: row.take()?,
        crc32: row.take()?,
        ssdeep: row.take()?,
    })
}

/// The same of columns that are all NULL for tasks without a sample.
pub(super) fn joined(row: &mut Row) -> DbResult<Option<Sample>> {
    match row.take::<Option<u32>>()? {
        Some(id) => Ok(Some(Sample { id, digests: digests(row)? })),
        None => {
            for _ in 0..8 {
                row.take::<Option<String>>()?;
            }
            Ok(None)
        }
    }
}

/// The id of this content; it is stored when it is new.
pub fn keep(tx: &mut Tx<'_>, of: &Digests) -> DbResult<u32> {
    let sql = "INSERT INTO samples (file_size, file_type, md5, sha1, sha256, sha512, crc32, ssdeep) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (sha256) DO NOTHING";
    let size = i64::try_from(of.file_size).unwrap_or(i64::MAX);
    let values = params![size, of.file_type, of.md5, of.sha1, of.sha256, of.sha512, of.crc32, of.ssdeep];
    tx.execute(sql, values)?;
    let id = tx.value("SELECT id FROM samples WHERE sha256 = $1", params![of.sha256])?;
    id.ok_or(DbError::Closed)
}

/// How samples can be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Id(u32),
    Md5(String),
    Sha1(String),
    Sha256(String),
}

/// A sample, when there is one.
pub fn find(tx: &mut Tx<'_>, by: &By) -> DbResult<Option<Sample>> {
    let sql = |column: &str| format!("SELECT {COLUMNS} FROM samples s WHERE s.{column} = $1 ORDER BY s.id");
    match by {
        By::Id(id) => tx.first(&sql("id"), params![id], from_row),
        By::Md5(hash) => tx.first(&sql("md5"), params![hash], from_row),
        By::Sha1(hash) => tx.first(&sql("sha1"), params![hash], from_row),
        By::Sha256(hash) => tx.first(&sql("sha256"), params![hash], from_row),
    }
}

/// Whether somebody asked before for this content to be analysed.
pub fn is_known(tx: &mut Tx<'_>, sha256: &str) -> DbResult<bool> {
    let sql = "SELECT s.id FROM samples s JOIN tasks t ON t.sample_id = s.id WHERE s.sha256 = $1 LIMIT 1";
    Ok(tx.value::<u32>(sql, params![sha256])?.is_some())
}

/// The tasks of a sample, oldest first.
pub fn tasks(tx: &mut Tx<'_>, id: u32) -> DbResult<Vec<u32>> {
    tx.values("SELECT id FROM tasks WHERE sample_id = $1 ORDER BY id", params![id])
}
