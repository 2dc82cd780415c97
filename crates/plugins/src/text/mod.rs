//! Reading text files piece by piece, within limits.

pub mod csv;
pub mod csv_header;
pub mod records;
pub mod window;

use std::io::Read;

use vql::args::Args;
use vql::call::Error;
use vql::value::convert;

use crate::accessor::Target;

/// The largest piece that any reader holds at a time.
pub const MAX_PIECE: usize = convert::MAX_TEXT;

/// A buffer size given as an argument, within bounds.
pub fn buffer_size(args: &Args<'_>, slot: usize, default: usize) -> Result<usize, Error> {
    Ok(match usize::try_from(args.int(slot, 0)?) {
        Ok(size) if size > 0 => size.min(MAX_PIECE),
        _ => default,
    })
}

/// The whole of a file that has to be parsed at once; larger ones are refused.
pub fn read_whole(args: &Args<'_>, target: &Target) -> Result<Vec<u8>, Error> {
    read_bounded(args, target, MAX_PIECE)
}

/// As [`read_whole`], with a limit of its own.
pub fn read_bounded(args: &Args<'_>, target: &Target, limit: usize) -> Result<Vec<u8>, Error> {
    let file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let mut text = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut text).map_err(|e| target.failure(&e))?;
    if text.len() > limit {
        return Err(Error::new(format!("the file is larger than {limit} bytes")));
    }
    Ok(text)
}
