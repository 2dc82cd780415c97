//! The kernel's package: its image and the drivers that the first moments take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{make_folder, output, root};
use crate::error::{Error, Result};

/// Drivers in the order in which they need each other. One that is missing is built in.
const DRIVERS: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
    "failover",
    "net_failover",
    "virtio_net",
    "virtio_console",
    "virtio-rng",
];

/// Makes `vmlinuz` and `modules/` (with `order`) in the folder; gives the kernel's version.
pub fn take(folder: &Path) -> Result<String> {
    let unpacked = folder.join("kernel/unpacked");
    let missing =
        |what: &str| Error::Program { call: "kernel".into(), text: format!("its package has no {what}") };
    let package = root::kernel_package(folder)?.ok_or_else(|| missing("file"))?;
    output(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&unpacked))?;
    let boot = unpacked.join("boot");
    let version = names(&boot)?
        .into_iter()
        .find_map(|name| name.strip_prefix("vmlinuz-").map(String::from))
        .ok_or_else(|| missing("image"))?;
    let (image, target) = (boot.join(format!("vmlinuz-{version}")), folder.join("vmlinuz"));
    fs::copy(&image, &target).map_err(Error::io("copy", &image))?;
    let mut drivers = Vec::new();
    for place in ["lib/modules", "usr/lib/modules"] {
        let place = unpacked.join(place).join(&version).join("kernel");
        if place.exists() {
            find(&place, &mut drivers)?;
        }
    }
    let modules = folder.join("modules");
    make_folder(&modules, 0o700)?;
    let mut order = String::new();
    for driver in DRIVERS {
        let file = format!("{driver}.ko");
        if let Some(path) = drivers.iter().find(|path| path.ends_with(&file)) {
            fs::copy(path, modules.join(&file)).map_err(Error::io("copy", path))?;
            order.push_str(&file);
            order.push('\n');
        }
    }
    super::write_synced(&modules.join("order"), order.as_bytes())?;
    Ok(version)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::io("list", folder))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}
