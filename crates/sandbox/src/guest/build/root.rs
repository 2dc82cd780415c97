//! The root file system: packages by mmdebstrap, the disk by mke2fs and qemu-img.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Plan, output};
use crate::error::{Error, Result};

/// What every guest has. With the base system about 210 MiB on disk; `default-jre-headless` adds about 190 MiB, `nodejs` about 110.
pub const PACKAGES: &[&str] = &[
    "bash",
    "bzip2",
    "ca-certificates",
    "curl",
    "file",
    "gpgv",
    "iproute2",
    "netcat-openbsd",
    "openssl",
    "p7zip-full",
    "perl",
    "procps",
    "python3",
    "unzip",
    "wget",
    "xz-utils",
];

/// Not installed but unpacked beside the guest: installed, it would bring a boot loader's tools, and samples would find it.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Left out of the file system.
const EXCLUDED: &[&str] =
    &["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"];

/// All packages that are asked for.
pub fn requested(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> =
        PACKAGES.iter().map(|name| (*name).into()).chain(plan.packages.iter().cloned()).collect();
    all.sort();
    all.dedup();
    all
}

/// Makes `root` (the file system) and `kernel` (the kernel's package) in the folder.
pub fn unpack(folder: &Path, plan: &Plan) -> Result<()> {
    let (root, kernel) = (folder.join("root"), folder.join("kernel"));
    super::make_folder(&kernel, 0o700)?;
    let mut call = Command::new("mmdebstrap");
    call.args(["--quiet", "--variant=minbase", "--format=directory"])
        .arg(format!("--include={}", requested(plan).join(",")))
        .arg("--aptopt=Acquire::Languages \"none\"")
        .arg("--aptopt=APT::Install-Recommends \"false\"");
    for path in EXCLUDED {
        call.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    // Java's package links manuals of its own, which are left out, and fails without their folder.
    call.arg("--essential-hook=mkdir -p \"$1/usr/share/man/man1\"");
    // The words of hooks are ours or quoted by being in the environment.
    call.env("HARRIER_KERNEL", &kernel).env("HARRIER_CA", folder.join("ca.pem"));
    for hook in HOOKS {
        call.arg(format!("--customize-hook={hook}"));
    }
    call.arg(&plan.suite).arg(&root);
    if !plan.mirror.is_empty() {
        call.arg(&plan.mirror);
    }
    output(&mut call).map(drop)
}

/// Run by a shell with the new root as `$1`.
const HOOKS: &[&str] = &[
    // Fetched by the package manager's own rules, so that its signature is checked.
    concat!(
        "set -e; export APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\"; cd \"$HARRIER_KERNEL\"; ",
        "image=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n 's/^ *Depends: *//p' | head -n1); ",
        "apt-get -qq -o APT::Sandbox::User=root download \"$image\""
    ),
    "chroot \"$1\" useradd --create-home --shell /bin/bash --uid 1000 guest",
    "install -m 0644 \"$HARRIER_CA\" \"$1/usr/local/share/ca-certificates/root-r1.crt\"; chroot \"$1\" update-ca-certificates",
    "echo workstation >\"$1/etc/hostname\"; printf '127.0.0.1 localhost workstation\\n::1 localhost\\n' >\"$1/etc/hosts\"",
    "rm -f \"$1/etc/resolv.conf\"; : >\"$1/etc/resolv.conf\"; : >\"$1/etc/machine-id\"",
    "rm -rf \"$1\"/var/cache/apt/*.bin \"$1\"/var/log/*.log \"$1\"/var/log/apt",
];

/// Names and versions of all that is installed, and of the kernel.
pub fn versions(folder: &Path) -> Result<BTreeMap<String, String>> {
    let admin = format!("--admindir={}", folder.join("root/var/lib/dpkg").display());
    let text =
        output(Command::new("dpkg-query").args([&admin, "--show", "--showformat=${Package} ${Version}\\n"]))?;
    let mut versions: BTreeMap<String, String> = String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.split_once(' ').map(|(name, version)| (name.into(), version.into())))
        .collect();
    if let Some(package) = kernel_package(folder)? {
        let call = &mut Command::new("dpkg-deb");
        let text = output(call.arg("--show").arg("--showformat=${Version}").arg(package))?;
        versions.insert(KERNEL.into(), String::from_utf8_lossy(&text).into_owned());
    }
    Ok(versions)
}

/// The file that the hook fetched.
pub fn kernel_package(folder: &Path) -> Result<Option<std::path::PathBuf>> {
    let kernel = folder.join("kernel");
    let entries = fs::read_dir(&kernel).map_err(Error::io("list", &kernel))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb")))
}

/// Makes `root.qcow2` of `root`, which is removed.
pub fn make_disk(folder: &Path, bytes: u64) -> Result<()> {
    let (root, raw, disk) = (folder.join("root"), folder.join("root.ext4"), folder.join("root.qcow2"));
    // mke2fs would copy them, and the guest's kernel brings its own.
    for inside in ["dev", "run", "tmp"] {
        empty(&root.join(inside))?;
    }
    // Each run's disk is thrown away: a journal would only be written.
    output(
        Command::new("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-L", "root", "-m", "0", "-O", "^has_journal", "-d"])
            .arg(&root)
            .arg(&raw)
            .arg(format!("{}k", bytes / 1024)),
    )?;
    output(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).arg(&raw).arg(&disk))?;
    fs::remove_file(&raw).map_err(Error::io("remove", &raw))?;
    for gone in [root, folder.join("kernel")] {
        fs::remove_dir_all(&gone).map_err(Error::io("remove", &gone))?;
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))?.flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let gone = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.map_err(Error::io("remove", &path))?;
    }
    Ok(())
}
