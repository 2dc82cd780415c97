//! Files into the guest and out of it.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use guest_protocol::{Bytes, CHUNK, FailureKind, FileFacts, Owner, Put, Reply};

use crate::channel::Channel;
use crate::failure::{failed, failed_io};
use crate::run::user;

/// A file that the host is sending.
pub struct Incoming {
    path: PathBuf,
    file: File,
    left: u64,
    mode: u32,
}

impl Incoming {
    pub fn begin(put: &Put) -> io::Result<Self> {
        let path = PathBuf::from(OsStr::from_bytes(&put.path));
        if !path.is_absolute() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a path in the guest begins with a slash",
            ));
        }
        if let Some(folder) = path.parent() {
            make_folders(folder, put.owner)?;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        if let Err(error) = reserve(&file, put.length) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let account = user::account(put.owner);
        chown(&path, Some(account.uid), Some(account.gid))?;
        Ok(Self { path, file, left: put.length, mode: put.mode })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "more bytes than were announced"))?;
        self.file.write_all(bytes)
    }

    pub fn finish(self) -> io::Result<()> {
        if self.left != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "fewer bytes than were announced"));
        }
        self.file.set_permissions(Permissions::from_mode(self.mode & 0o7777))
    }
}

/// Room for all of it, so that what does not fit is refused before it is sent.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    use rustix::io::Errno;
    if length == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, length) {
        Err(error @ (Errno::NOSPC | Errno::FBIG)) => Err(error.into()),
        // Not all file systems can say.
        _ => Ok(()),
    }
}

/// Folders that we make belong to whom the file will.
fn make_folders(folder: &Path, owner: Owner) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folders(above, owner)?;
    }
    fs::create_dir(folder)?;
    let account = user::account(owner);
    chown(folder, Some(account.uid), Some(account.gid))
}

/// Sends a file to the host.
pub fn get(channel: &Channel, call: u32, path: &Bytes, most: u64) {
    let reply = match open_regular(OsStr::from_bytes(path)) {
        Err(error) => failed_io(path.to_text(), &error),
        Ok((mut file, facts)) => {
            if !channel.send(call, Reply::File(FileFacts { path: path.clone(), ..facts })) {
                return;
            }
            match content(channel, call, &mut file, most) {
                Ok(Some(cut)) => Reply::End { cut },
                Ok(None) => return,
                Err(error) => failed_io(path.to_text(), &error),
            }
        }
    };
    channel.finish(call, reply);
}

/// Opens what is a file and nothing that could block or act.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<(File, FileFacts)> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path.as_ref())?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let path = path.as_ref().as_os_str().as_bytes().into();
    Ok((file, FileFacts { path, ..facts(&about) }))
}

/// All but the path.
pub fn facts(about: &Metadata) -> FileFacts {
    FileFacts {
        path: Bytes::default(),
        size: about.size(),
        mode: about.mode(),
        uid: about.uid(),
        gid: about.gid(),
        modified: about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec()),
        writers: Vec::new(),
    }
}

/// Sends what a reader gives, and whether that was cut; `None` when nobody wants it any more.
pub fn content(
    channel: &Channel,
    call: u32,
    reader: &mut impl io::Read,
    most: u64,
) -> io::Result<Option<bool>> {
    pieces(reader, most, |bytes| channel.send(call, Reply::Data(bytes)))
}

/// Hands on what a reader gives, as [`content`] does, to what says whether it wants more.
pub fn pieces(
    reader: &mut impl io::Read,
    most: u64,
    mut send: impl FnMut(Bytes) -> bool,
) -> io::Result<Option<bool>> {
    let mut buffer = vec![0; CHUNK];
    let mut left = most;
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if length == 0 {
            return Ok(Some(false));
        }
        let sent = length.min(usize::try_from(left).unwrap_or(usize::MAX));
        if sent > 0 && !send(buffer[..sent].into()) {
            return Ok(None);
        }
        left -= sent as u64;
        if sent < length {
            return Ok(Some(true));
        }
    }
}

/// Reads a small file of the kernel.
pub fn read_small(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(1 << 20).read_to_end(&mut bytes)?;
    // Names of files, which samples choose, are among it.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Refuses a call that names a process which is not there.
pub fn no_process(pid: u32) -> Reply {
    failed(FailureKind::NotFound, format_args!("there is no process {pid}"))
}
