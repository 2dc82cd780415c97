//! Building a guest from Debian's packages, with the distribution's own tools.

pub(crate) mod authority;
mod initial;
mod kernel;
mod program;
mod root;

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::guest::store::Lock;
use crate::guest::{FORMAT, Guests, Image, Manifest};
use program::needed;
pub(crate) use program::output;
pub use root::requested;

/// Programs that a build calls, and the packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("qemu-img", "qemu-utils"),
    ("dpkg-deb", "dpkg"),
    ("dpkg-query", "dpkg"),
];

/// What a guest is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: String,
    /// Debian's release.
    pub suite: String,
    /// Where packages come from; empty for Debian's own servers.
    pub mirror: String,
    /// In addition to [`root::PACKAGES`], such as `default-jre-headless` or `nodejs`.
    pub packages: Vec<String>,
    pub disk_bytes: u64,
    pub memory_mib: u32,
    /// The agent's file, see [`crate::guest::find_agent_file`].
    pub agent: PathBuf,
}

impl Plan {
    pub fn new(name: &str, agent: PathBuf) -> Self {
        Self {
            name: name.into(),
            suite: "bookworm".into(),
            mirror: String::new(),
            packages: Vec::new(),
            disk_bytes: 4 << 30,
            memory_mib: 256,
            agent,
        }
    }
}

/// Builds a guest, telling each step in a line. One that is there is replaced at the very end: a build that breaks off, in
/// whatever way, leaves everything as it was.
pub fn build(guests: &Guests, plan: &Plan, mut say: impl FnMut(&str)) -> Result<Image> {
    let target = guests.path(&plan.name)?;
    for (program, package) in PROGRAMS {
        needed(program, package)?;
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let _lock = Lock::take(&guests.folder().join(".build.lock"))?;
    sweep(guests.folder())?;
    let folder = guests.folder().join(format!(".build-{}", plan.name));
    make_folder(&folder, 0o700)?;
    say("making a certificate authority for this guest");
    authority::make(&folder, &plan.name)?;
    say("fetching and unpacking packages (this takes a minute or more)");
    root::unpack(&folder, plan)?;
    let packages = root::versions(&folder)?;
    say("taking the kernel apart");
    let kernel = kernel::take(&folder)?;
    say("packing the initial file system");
    initial::pack(&folder, &plan.agent)?;
    say("making the disk");
    root::make_disk(&folder, plan.disk_bytes)?;
    let manifest = Manifest {
        format: FORMAT,
        name: plan.name.clone(),
        platform: "linux".into(),
        system: format!("Debian {} {}", plan.suite, std::env::consts::ARCH),
        kernel,
        built_on: jiff::Timestamp::now().to_string(),
        built_by: env!("CARGO_PKG_VERSION").into(),
        requested: root::requested(plan),
        packages,
        files: sums(&folder, &plan.agent)?,
        disk_bytes: plan.disk_bytes,
        memory_mib: plan.memory_mib,
        protocol: Some(guest_protocol::VERSION),
    };
    write_synced(&folder.join("manifest.json"), &serde_json::to_vec_pretty(&manifest).unwrap_or_default())?;
    fs::set_permissions(&folder, Permissions::from_mode(0o711)).map_err(Error::io("open", &folder))?;
    say("putting it in place");
    replace(guests.folder(), &folder, &target)?;
    Ok(Image { folder: target, manifest })
}

/// Puts another agent into a guest that is there, which takes a moment instead of a build.
pub fn renew_agent(guests: &Guests, name: &str, agent: &Path) -> Result<Image> {
    let _lock = Lock::take(&guests.folder().join(".build.lock"))?;
    let mut image = guests.get(name)?;
    let initial = initial::with_agent(&image.folder, agent)?;
    // In this order: a manifest never tells of an agent that is not there yet.
    put(&image.file("initramfs.gz"), &initial)?;
    image.manifest.files.insert("initramfs.gz".into(), sum(&image.file("initramfs.gz"))?);
    image.manifest.files.insert(AGENT.into(), sum(agent)?);
    image.manifest.protocol = Some(guest_protocol::VERSION);
    put(&image.file("manifest.json"), &serde_json::to_vec_pretty(&image.manifest).unwrap_or_default())?;
    Ok(image)
}

/// Replaces a file in one step.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    write_synced(&new, bytes)?;
    fs::set_permissions(&new, Permissions::from_mode(0o644)).map_err(Error::io("open", &new))?;
    fs::rename(&new, path).map_err(Error::io("replace", path))
}

/// The agent among the files of a manifest.
pub const AGENT: &str = "harrier-guest-agent";

/// Files of a finished guest.
const FILES: &[&str] = &["root.qcow2", "vmlinuz", "initramfs.gz", "ca.pem"];

fn sums(folder: &Path, agent: &Path) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for name in FILES {
        let path = folder.join(name);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).map_err(Error::io("open", &path))?;
        sums.insert((*name).into(), sum(&path)?);
    }
    sums.insert(AGENT.into(), sum(agent)?);
    Ok(sums)
}

/// The SHA-256 of a file.
pub fn sum(path: &Path) -> Result<String> {
    struct Sum(Sha256);
    impl io::Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(Sha256::new());
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    io::copy(&mut file, &mut sum).map_err(Error::io("read", path))?;
    Ok(sum.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes what broken-off builds left.
fn sweep(guests: &Path) -> Result<()> {
    for entry in fs::read_dir(guests).map_err(Error::io("list", guests))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".build-") || name.starts_with(".old-") {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// There is a moment without the guest if one was there before, never one with half of it.
fn replace(guests: &Path, new: &Path, target: &Path) -> Result<()> {
    let old = guests.join(format!(".old-{}", target.file_name().unwrap_or_default().to_string_lossy()));
    match fs::rename(target, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("replace", target)(error));
        }
        _ => {}
    }
    fs::rename(new, target).map_err(Error::io("make", target))?;
    File::open(guests).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", guests))?;
    match fs::remove_dir_all(&old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &old)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::io("make", path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("open", path))
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io("write", path))?;
    io::Write::write_all(&mut file, bytes).map_err(Error::io("write", path))?;
    file.sync_all().map_err(Error::io("write", path))
}
