//! What many tests begin with.

use store::sandbox::{Category, Digests, Stamp, Status, Task};

/// A URL that nothing else is asked for, and that nobody began with.
pub fn task() -> Task {
    Task {
        id: 1,
        category: Category::Url,
        target: "http://x.example/".into(),
        machine: None,
        package: None,
        options: None,
        timeout: 0,
        priority: 1,
        custom: None,
        owner: String::new(),
        platform: None,
        tags: Vec::new(),
        memory: false,
        enforce_timeout: false,
        clock: Stamp(0),
        added_on: Stamp(0),
        started_on: None,
        completed_on: None,
        status: Status::Pending,
        sample_id: None,
        sample: None,
        guest: None,
        errors: Vec::new(),
        processing: None,
        route: None,
        duration: -1,
        submit_id: None,
    }
}

/// Of a file of this type; its hashes are empty.
pub fn digests(file_type: &str) -> Digests {
    Digests {
        file_size: 1,
        file_type: file_type.into(),
        md5: String::new(),
        sha1: String::new(),
        sha256: String::new(),
        sha512: String::new(),
        crc32: String::new(),
        ssdeep: None,
    }
}
