//! Opens what lies below a directory. No name leads outside, by `..`, from the root, or through a symbolic link, even while somebody
//! renames directories.
//!
//! The kernel sees to it with `openat2`. Where that call is not there or refused (old kernels, and filters such as systemd's
//! `RestrictSUIDSGID=`), one directory after the other is opened, and no link is followed at all.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::{Errno, Result};

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Those that stay inside.
    Inside,
    None,
}

/// Opens `path`, which is relative; an empty one is the directory itself. What leads outside is `EXDEV` or `ELOOP`, a link where none is
/// followed `ELOOP`.
pub fn open(dir: impl AsFd, path: &Path, flags: OFlags, mode: Mode, links: Links) -> Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if links == Links::None {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    // The kernel asks to try again when something was renamed during the walk.
    for _ in 0..8 {
        match openat2(&dir, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) => return stepwise(dir, path, flags, mode),
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

fn stepwise(dir: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            _ => return Err(Errno::XDEV),
        }
    }
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let own = || openat(&dir, ".", flags | OFlags::CLOEXEC, mode);
    let Some((last, folders)) = names.split_last() else { return own() };
    let mut at: Option<OwnedFd> = None;
    for name in folders {
        let next = openat(at.as_ref().map_or(dir.as_fd(), AsFd::as_fd), *name, step, Mode::empty());
        // A link is no directory here.
        at = Some(next?);
    }
    let at = at.as_ref().map_or(dir.as_fd(), AsFd::as_fd);
    openat(at, *last, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_outside_is_opened_with_and_without_the_kernels_help() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::write(inside.join("a/b/file"), "x").unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        symlink("../secret", inside.join("up")).unwrap();
        symlink(dir.path(), inside.join("out")).unwrap();
        symlink("/etc/passwd", inside.join("abs")).unwrap();
        symlink("a", inside.join("near")).unwrap();
        let root = fs::File::open(&inside).unwrap();
        let by_kernel = |path: &str, links| open(&root, path.as_ref(), OFlags::RDONLY, Mode::empty(), links);
        let by_steps = |path: &str| stepwise(&root, path.as_ref(), OFlags::RDONLY, Mode::empty());
        for path in ["a/b/file", "a/./b/file", "a", ".", "a/b/"] {
            assert!(by_kernel(path, Links::None).is_ok() && by_steps(path).is_ok(), "{path}");
        }
        assert!(by_kernel("", Links::None).is_ok());
        for path in ["../secret", "a/../../secret", "/etc/passwd", "up", "out/secret", "abs", "nothing"] {
            for links in [Links::Inside, Links::None] {
                assert!(by_kernel(path, links).is_err(), "{path}");
            }
            assert!(by_steps(path).is_err(), "{path}");
        }
        assert!(by_kernel("near/b/file", Links::Inside).is_ok());
        assert!(by_kernel("near/b/file", Links::None).is_err() && by_steps("near/b/file").is_err());
        let made =
            stepwise(&root, "a/new".as_ref(), OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, Mode::RUSR);
        assert!(made.is_ok() && inside.join("a/new").exists());
    }
}
