//! Proves that the committed code is what the `.proto` files say; `UPDATE_GENERATED=1` rewrites it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use protox::prost::Message as _;

const FILES: [&str; 2] = ["api.proto", "artifact.proto"];

/// Asked at run time: worktrees that share a target directory share this program as well.
fn crate_dir() -> Result<PathBuf, std::env::VarError> {
    std::env::var("CARGO_MANIFEST_DIR").map(PathBuf::from)
}

fn generate(out: &Path) -> Result<(), Box<dyn Error>> {
    let contracts = crate_dir()?.join("../../proto");
    let mut set = protox::compile(FILES, [contracts])?;
    tonic_prost_build::configure().out_dir(out).build_transport(false).compile_fds(set.clone())?;
    // Comments and positions are of no use to reflection and would more than double the set.
    for file in &mut set.file {
        file.source_code_info = None;
    }
    fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;
    Ok(())
}

#[test]
fn committed_code_is_fresh() -> Result<(), Box<dyn Error>> {
    let committed = crate_dir()?.join("src/generated");
    let fresh = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&fresh)?;
    generate(&fresh)?;
    let update = std::env::var_os("UPDATE_GENERATED").is_some_and(|v| v == "1");
    for name in ["proto.rs", "descriptors.bin"] {
        let wanted = fs::read(fresh.join(name))?;
        if fs::read(committed.join(name)).ok().as_ref() == Some(&wanted) {
            continue;
        }
        assert!(update, "{name} is stale, run: UPDATE_GENERATED=1 cargo test -p proto");
        fs::write(committed.join(name), &wanted)?;
    }
    Ok(())
}
