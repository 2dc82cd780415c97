//! Samples of hundreds of megabytes and more, as whole tasks: one that fits runs, one that does not is refused before it is sent. Alone
//! in their file, and one after the other: the memory of a process is measured. What it takes to receive such a sample is
//! measured in `upload.rs`; here it lies in its place already, with room where nothing was written.

#[allow(dead_code)] // Of the tests of guests.
mod common;
mod server;

use std::fs::File;
use std::io::Write as _;

use serde_json::json;
use server::Server;
use store::sandbox::{Category, Digests, NewTask, sample, task};

/// Not a test of its own: what answers the machines of the tests below, in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

/// How much more memory the whole process may take for a sample ten times as large.
const MOST: u64 = 64 << 20;
/// What it may have read of one that is refused, for a report of its beginning too.
const MOST_READ: u64 = 512 << 20;

const SCRIPT: &str = "#!/bin/sh\necho \"I am $(stat -c %s \"$0\") bytes and run\"\nexit 0\n";

/// A script of this length, the rest of which nobody reads.
async fn submit(server: &Server, length: u64) -> u64 {
    let sha256 = format!("{length:064x}");
    let mut file = File::create(server.dir.path().join("binaries").join(&sha256)).unwrap();
    file.write_all(SCRIPT.as_bytes()).unwrap();
    file.set_len(length).unwrap();
    let digests = Digests {
        file_size: length,
        file_type: "POSIX shell script, ASCII text executable".into(),
        md5: sha256[32..].into(),
        sha1: sha256[24..].into(),
        sha512: [&*sha256, &*sha256].concat(),
        crc32: sha256[56..].into(),
        sha256,
        ssdeep: None,
    };
    let made = server.sandbox.db.write(move |tx| {
        let new = NewTask {
            category: Category::File,
            sample_id: Some(sample::keep(tx, &digests)?),
            timeout: 60,
            ..NewTask::of_url("large.sh")
        };
        task::create(tx, &new)
    });
    let id = made.await.unwrap();
    server.sandbox.submitted.notify_one();
    u64::from(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sample_runs_and_one_that_does_not_fit_is_refused_before_it_is_sent() {
    let Some(server) = Server::start(1).await else { return };
    // More than any part of the report looks at.
    let first = submit(&server, 30 << 20).await;
    assert_eq!(server.ended(first).await["errors"], json!([]));

    let (before, begun) = (number("status", "VmHWM:") << 10, std::time::Instant::now());
    let large = submit(&server, 300 << 20).await;
    let shown = server.ended(large).await;
    assert_eq!(shown["errors"], json!([]), "{}", server.file(large, "analysis.log"));
    let grown = (number("status", "VmHWM:") << 10).saturating_sub(before);
    eprintln!("300 MiB: {:?}, the peak of memory grew by {} KiB", begun.elapsed(), grown >> 10);
    assert!(grown < MOST, "{grown} bytes");
    assert_eq!(server.file(large, "logs/stdout.txt"), format!("I am {} bytes and run\n", 300 << 20));
    assert_eq!(server.report(large).await["target"]["file"]["size"], json!(300 << 20));

    let (read, begun) = (number("io", "rchar:"), std::time::Instant::now());
    let too_large = submit(&server, 4 << 30).await;
    let shown = server.ended(too_large).await;
    assert_eq!(shown["status"], "reported");
    let errors = shown["errors"].to_string();
    assert!(
        errors.contains("the sample did not reach the machine: ")
            && errors.contains("No space left on device"),
        "{errors}"
    );
    let read = number("io", "rchar:") - read;
    eprintln!("4 GiB: {:?}, {} KiB read", begun.elapsed(), read >> 10);
    assert!(read < MOST_READ, "{read} bytes");
    let report = server.report(too_large).await;
    assert_eq!(
        (&report["target"]["file"]["size"], &report["behavior"]["processes"]),
        (&json!(4_u64 << 30), &json!([]))
    );
    // The next one has a machine.
    let next = server.submit("next.sh", "echo next", &[]).await;
    assert_eq!(server.ended(next).await["errors"], json!([]));
}

/// A figure of this process.
fn number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
