//! Errors in the host's words.

use std::fmt::Display;
use std::io::{self, ErrorKind};

use guest_protocol::{Failure, FailureKind, Reply};

/// The longest text of a failure.
const LONGEST: usize = 1024;

pub fn failed(kind: FailureKind, text: impl Display) -> Reply {
    let mut text = text.to_string();
    while text.len() > LONGEST {
        text.pop();
    }
    Reply::Failed(Failure { kind, text: text.into() })
}

/// A failure with what it happened to.
pub fn failed_io(what: impl Display, error: &io::Error) -> Reply {
    let kind = match error.kind() {
        ErrorKind::NotFound => FailureKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FailureKind::NoSpace,
        ErrorKind::InvalidInput | ErrorKind::IsADirectory | ErrorKind::NotADirectory => FailureKind::Invalid,
        ErrorKind::Unsupported => FailureKind::Unsupported,
        _ => FailureKind::Other,
    };
    failed(kind, format_args!("{what}: {error}"))
}
