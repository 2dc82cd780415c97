//! `dist`: the archive that is handed to people.

use std::fs;

use super::{Task, guest_agent, setup};
use crate::shell::{Result, cargo, command, root, run, target};

pub const TASK: Task = Task {
    name: "dist",
    usage: "dist",
    summary: "Build the small, stripped binary and pack it with the guest agent, its licence and documents.",
    help: "
Builds with the `dist` profile (thin LTO, one codegen unit, stripped) and writes
target/distribution/harrier-VERSION-ARCH-linux.tar.gz.",
    run: |_| pack(),
};

const DOCUMENTS: &[&str] = &["LICENSE", "README.md", "CHANGELOG.md", "COMPAT.md", "SECURITY.md"];

fn pack() -> Result {
    setup::compiler()?;
    run(&mut cargo(&["build", "--profile", "dist", "--locked", "--package", "harrier"]))?;
    let name = format!("harrier-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let out = target().join("distribution");
    let folder = out.join(&name);
    let say = |error: std::io::Error| format!("cannot fill {}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(say)?;
    fs::copy(target().join("dist/harrier"), folder.join("harrier")).map_err(say)?;
    guest_agent::put_into(&folder)?;
    for document in DOCUMENTS {
        fs::copy(root().join(document), folder.join(document)).map_err(say)?;
    }
    let archive = out.join(format!("{name}.tar.gz"));
    let (archive_text, out_text) = (archive.display().to_string(), out.display().to_string());
    run(&mut command(
        "tar",
        &["--create", "--gzip", "--file", &archive_text, "--directory", &out_text, &name],
    ))?;
    let size = fs::metadata(&archive).map_err(say)?.len();
    println!("{archive_text}: {:.1} MB", size as f64 / 1e6);
    Ok(())
}
