//! Where queries may write, and how they do it: every callable that changes files goes through a [`WritePolicy`].
//!
//! With directories configured, the kernel is told to stay beneath them, so that neither `..` nor a symbolic link leads
//! outside, even while somebody renames directories.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use store::beneath::Links;
use vql::call::Error;
use vql::scope::Scope;
use vql::text::Text;

use crate::accessor;

/// The mode of files that queries make, unless they ask for another.
pub const DEFAULT_MODE: u32 = 0o600;

/// The mode of directories that queries make.
const DIRECTORY_MODE: u32 = 0o700;

/// The deepest path below an allowed directory.
const MAX_COMPONENTS: usize = 256;

/// The mode that an argument asks for: `x`, it may be run; `r`, it may only be read.
pub fn mode_of(permissions: &str) -> u32 {
    match (permissions.contains('x'), permissions.contains('r')) {
        (true, _) => 0o700,
        (false, true) => 0o400,
        (false, false) => DEFAULT_MODE,
    }
}

/// The file that text names, read as the accessor `file` reads it.
pub fn destination(scope: &Scope<'_>, name: &Text) -> Result<PathBuf, Error> {
    if name.is_empty() {
        return Err("the file has no name".into());
    }
    Ok(accessor::host_path(&accessor::find(scope, "file")?.parse(name)))
}

/// Where queries may write: everywhere, or beneath some directories.
#[derive(Clone, Debug, Default)]
pub struct WritePolicy {
    within: Option<Vec<PathBuf>>,
}

/// What happens to a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Truncate,
    Append,
}

impl WritePolicy {
    /// No restriction but that of the operating system.
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// Only beneath these directories; they are looked at when something is written.
    pub fn within<P: Into<PathBuf>>(directories: impl IntoIterator<Item = P>) -> Self {
        WritePolicy { within: Some(directories.into_iter().map(Into::into).collect()) }
    }

    /// Whether there is a restriction.
    pub fn is_restricted(&self) -> bool {
        self.within.is_some()
    }

    /// Opens a file for writing in place, making it when missing.
    pub fn open(&self, path: &Path, existing: Existing, mode: u32) -> io::Result<File> {
        let place = self.place(path)?;
        let how = match existing {
            Existing::Truncate => OFlags::TRUNC,
            Existing::Append => OFlags::APPEND,
        };
        place.open(how | OFlags::CREATE, mode)
    }

    /// Starts a new version of a file, which takes the place of the old one when it is [finished](Replacement::finish).
    /// Without a mode, that of the old version is kept. Devices and links are written in place instead.
    pub fn replace(&self, path: &Path, mode: Option<u32>) -> io::Result<Replacement> {
        let place = self.place(path)?;
        let old = match place.stat() {
            Ok(old) => Some(old),
            Err(Errno::NOENT) => None,
            Err(e) => return Err(e.into()),
        };
        let old_mode = match &old {
            Some(old) if FileType::from_raw_mode(old.st_mode) != FileType::RegularFile => {
                let file = place.open(OFlags::TRUNC | OFlags::CREATE, mode.unwrap_or(DEFAULT_MODE))?;
                return Ok(Replacement { file, temporary: None });
            }
            Some(old) => Some(old.st_mode & 0o7777),
            None => None,
        };
        let mode = mode.or(old_mode).unwrap_or(DEFAULT_MODE);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!(".harrier-{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&place.parent, &*name, flags, Mode::from_raw_mode(0o600))?;
        let file = File::from(fd);
        let temporary = Temporary { place, name, is_final: false };
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(Replacement { file, temporary: Some(temporary) })
    }

    /// Removes a file, a link or an empty directory.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        match rustix::fs::unlinkat(&place.parent, &*place.name, AtFlags::empty()) {
            Err(Errno::ISDIR) => rustix::fs::unlinkat(&place.parent, &*place.name, AtFlags::REMOVEDIR)?,
            result => result?,
        }
        Ok(())
    }

    /// Makes a directory and those above it that are missing.
    pub fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if self.within.is_none() {
            return fs::DirBuilder::new().recursive(true).create(path);
        }
        let (root, rest) = self.split(path)?;
        let mut at = PathBuf::new();
        let root = open_directory(root)?;
        for name in &rest {
            let parent = beneath(&root, &at, OFlags::PATH | OFlags::DIRECTORY)?;
            match rustix::fs::mkdirat(&parent, *name, Mode::from_raw_mode(DIRECTORY_MODE)) {
                Ok(()) | Err(Errno::EXIST) => at.push(name),
                Err(e) => return Err(e.into()),
            }
        }
        beneath(&root, &at, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(())
    }

    /// The directory of a file, opened, and its name in it.
    fn place(&self, path: &Path) -> io::Result<Place> {
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.to_owned();
        if self.within.is_none() {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Ok(Place { parent: open_directory(parent)?, name, follow: true });
        }
        let (root, rest) = self.split(path)?;
        let Some((_, above)) = rest.split_last() else { return Err(outside()) };
        let above: PathBuf = above.iter().collect();
        let parent = beneath(&open_directory(root)?, &above, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(Place { parent, name, follow: false })
    }

    /// The allowed directory that a path is in, and the names from there on.
    fn split<'p>(&self, path: &'p Path) -> io::Result<(&Path, Vec<&'p OsStr>)> {
        let roots = self.within.as_deref().unwrap_or_default();
        let inside = roots.iter().find_map(|root| Some((&**root, path.strip_prefix(root).ok()?)));
        let (root, rest) = inside.ok_or_else(outside)?;
        let name = |part: Component<'p>| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(outside()),
        };
        let names: Vec<&OsStr> = rest.components().map(name).collect::<io::Result<_>>()?;
        if names.len() > MAX_COMPONENTS { Err(outside()) } else { Ok((root, names)) }
    }
}

fn outside() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "not in a directory that the configuration allows to write in",
    )
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens what lies below a directory; links that lead outside are refused.
fn beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    match store::beneath::open(root, path, flags, Mode::empty(), Links::Inside) {
        Err(Errno::XDEV | Errno::LOOP) => Err(outside()),
        result => Ok(result?),
    }
}

/// A name in an open directory.
#[derive(Debug)]
struct Place {
    parent: OwnedFd,
    name: OsString,
    /// Whether a link of that name is followed.
    follow: bool,
}

impl Place {
    fn stat(&self) -> rustix::io::Result<rustix::fs::Stat> {
        rustix::fs::statat(self.parent.as_fd(), &*self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn open(&self, how: OFlags, mode: u32) -> io::Result<File> {
        let links = if self.follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        // A pipe without a reader must not hold the query up.
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | links | how;
        match rustix::fs::openat(&self.parent, &*self.name, flags, Mode::from_raw_mode(mode)) {
            Err(Errno::LOOP) if !self.follow => Err(outside()),
            Err(Errno::NXIO) => Err(io::Error::new(io::ErrorKind::InvalidInput, "is a pipe")),
            result => Ok(File::from(result?)),
        }
    }
}

/// A file that is not there yet under its own name; dropping it unfinished leaves the old version.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    temporary: Option<Temporary>,
}

impl Replacement {
    /// Puts the new version in its place.
    pub fn finish(self) -> io::Result<()> {
        let Some(mut temporary) = self.temporary else { return Ok(()) };
        let Place { parent, name, .. } = &temporary.place;
        rustix::fs::renameat(parent, &*temporary.name, parent, &**name)?;
        temporary.is_final = true;
        Ok(())
    }
}

impl Seek for Replacement {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for Replacement {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[derive(Debug)]
struct Temporary {
    place: Place,
    name: String,
    is_final: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_final {
            let _ = rustix::fs::unlinkat(&self.place.parent, &*self.name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(policy: &WritePolicy, path: &Path) -> io::Result<()> {
        let mut file = policy.replace(path, None)?;
        file.write_all(b"new")?;
        file.finish()
    }

    #[test]
    fn writing_stays_beneath_the_allowed_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "old").unwrap();
        symlink(&outside, inside.join("link")).unwrap();
        symlink(outside.join("kept"), inside.join("file")).unwrap();
        symlink("sub", inside.join("near")).unwrap();
        let policy = WritePolicy::within([&inside]);
        policy.create_dir_all(&inside.join("sub/deep")).unwrap();
        write(&policy, &inside.join("sub/deep/a")).unwrap();
        write(&policy, &inside.join("near/b")).unwrap();
        assert_eq!(fs::read(inside.join("sub/b")).unwrap(), b"new");
        for bad in ["link/new", "file", "../out/kept", "sub/../../out/kept", ""] {
            let path = inside.join(bad);
            assert!(write(&policy, &path).is_err(), "{bad}");
            assert!(policy.open(&path, Existing::Append, 0o600).is_err(), "{bad}");
        }
        assert!(write(&policy, &outside.join("kept")).is_err());
        assert!(policy.create_dir_all(&inside.join("link/made")).is_err());
        assert!(policy.remove(&inside.join("link/kept")).is_err());
        assert!(policy.remove(&outside.join("kept")).is_err());
        // The link itself may go, what it leads to stays.
        policy.remove(&inside.join("file")).unwrap();
        assert_eq!(fs::read(outside.join("kept")).unwrap(), b"old");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[test]
    fn a_replacement_shows_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let policy = WritePolicy::anywhere();
        let mut dropped = policy.replace(&path, None).unwrap();
        dropped.write_all(b"half").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(dropped);
        assert_eq!(
            (fs::read(&path).unwrap(), fs::read_dir(dir.path()).unwrap().count()),
            (b"old".to_vec(), 1)
        );
        write(&policy, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        write(&policy, Path::new("/dev/null")).unwrap();
    }
}
