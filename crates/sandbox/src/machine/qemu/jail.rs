//! What QEMU may see and use: a user without rights, namespaces with nothing in them, limits.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::arguments::{IMAGE, OWN, TEMPLATE};
use super::{PROGRAM, orphans};
use crate::error::{Error, Result};
use crate::machine::Accelerator;

/// Room for the disk, a capture and a dump of memory; more is a machine that fills the host's disk.
const FILE_BYTES: u64 = 16 << 30;
const OPEN_FILES: u32 = 256;

/// Whom QEMU runs as.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// The user's numbers; none when this process has no right to change users, and is that user itself.
pub fn account(name: &str) -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let path = Path::new("/etc/passwd");
    let mut text = String::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    file.take(1 << 20).read_to_string(&mut text).map_err(Error::io("read", path))?;
    let fields =
        text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
    let numbers =
        fields.and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)));
    match numbers {
        Some((uid, gid)) if uid != 0 => Ok(Some(Account { name: name.into(), uid, gid })),
        _ => Err(Error::Program {
            call: "user of machines".into(),
            text: format!("{name:?} is not an ordinary user of /etc/passwd"),
        }),
    }
}

/// That user must pass through all folders above, or QEMU starts and finds nothing.
pub fn check_reachable(account: &Account, path: &Path) -> Result<()> {
    for folder in path.ancestors() {
        let about = fs::metadata(folder).map_err(Error::io("look at", folder))?;
        let bit = match (about.uid() == account.uid, about.gid() == account.gid) {
            (true, _) => 0o100,
            (_, true) => 0o010,
            _ => 0o001,
        };
        if about.permissions().mode() & bit == 0 {
            return Err(Error::Unreachable {
                user: account.name.clone(),
                path: folder.to_path_buf(),
                fix: format!("chmod o+x {}", folder.display()),
            });
        }
    }
    Ok(())
}

/// Whether mounts of one process can be hidden from all others here, which takes more than being root in some containers.
pub fn can_mount() -> bool {
    let call =
        Command::new("unshare").args(["--mount", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    call.is_ok_and(|status| status.success())
}

/// What a machine sees of the file system.
pub struct View<'a> {
    pub image: &'a Path,
    /// Names of files in the image's folder, and their names inside.
    pub files: &'a [(&'a str, &'static str)],
    pub template: Option<&'a Path>,
    pub own: &'a Path,
    /// QEMU's user cannot pass through the folders above, as a data directory is for its owner alone: root mounts these where that user
    /// can, for this machine only.
    pub is_hidden: bool,
}

/// Puts `$2`, `$3` and `$4` below `$1`, where everybody can pass, and becomes the rest of its words. Nobody else sees these mounts.
const MOUNTS: &str = r#"
    mount -t tmpfs -o mode=755,size=64k tmpfs "$1" && mkdir "$1/guest" "$1/template" "$1/vm" &&
    mount --bind "$2" "$1/guest" && mount --bind "$3" "$1/template" && mount --bind "$4" "$1/vm" &&
    shift 4 && exec "$@""#;

/// Folders that every system has and no program here needs. The one that is used must not hold what is mounted.
const MOUNT_POINTS: [&str; 4] = ["/mnt", "/media", "/srv", "/opt"];

fn mount_point(places: &[&Path]) -> &'static str {
    let is_free =
        |point: &&&str| !places.iter().any(|place| place.starts_with(point)) && Path::new(point).is_dir();
    MOUNT_POINTS.iter().find(is_free).copied().unwrap_or("/opt")
}

impl View<'_> {
    /// The call's beginning, and where the folders are for what follows.
    fn enter(&self, account: Option<&Account>, accelerator: Accelerator) -> (Command, [PathBuf; 3]) {
        let places = [self.image, self.template.unwrap_or(self.own), self.own];
        let Some(account) = account else { return (Command::new("prlimit"), places.map(Path::to_path_buf)) };
        let (mut call, inside) = if self.is_hidden {
            let point = mount_point(&places);
            let mut call = Command::new("unshare");
            call.args(["--mount", "--propagation", "private", "--", "sh", "-c", MOUNTS, "sh", point])
                .args(places);
            call.arg("setpriv");
            (call, ["guest", "template", "vm"].map(|name| Path::new(point).join(name)))
        } else {
            (Command::new("setpriv"), places.map(Path::to_path_buf))
        };
        call.arg(format!("--reuid={}", account.uid)).arg(format!("--regid={}", account.gid));
        match accelerator {
            // The device is for members of its group.
            Accelerator::Kvm => {
                let group = fs::metadata("/dev/kvm").map_or(account.gid, |about| about.gid());
                call.arg(format!("--groups={group}"));
            }
            Accelerator::Tcg => {
                call.arg("--clear-groups");
            }
        }
        call.args(["--", "prlimit"]);
        (call, inside)
    }
}

/// The whole call: limits, namespaces, QEMU.
pub fn command(
    view: &View<'_>,
    account: Option<&Account>,
    accelerator: Accelerator,
    arguments: &[String],
) -> Command {
    let (call, [image, template, own]) = view.enter(account, accelerator);
    let mut call = enclose(call, FILE_BYTES);
    call.env(orphans::MARK, view.own);
    if accelerator == Accelerator::Kvm {
        call.args(["--dev-bind", "/dev/kvm", "/dev/kvm"]);
    }
    let mut bind = |kind: &str, from: PathBuf, to: String| {
        call.arg(kind).arg(from).arg(to);
    };
    for (file, inside) in view.files {
        bind("--ro-bind", image.join(file), format!("{IMAGE}/{inside}"));
    }
    if view.template.is_some() {
        bind("--ro-bind", template.join("disk.qcow2"), format!("{TEMPLATE}/disk.qcow2"));
        // Mapped copy on write, but opened for writing by QEMU before 8.2; `Template::is_untouched` watches it.
        bind("--bind", template.join("ram"), format!("{TEMPLATE}/ram"));
    }
    bind("--bind", own, OWN.into());
    call.arg(PROGRAM).args(arguments);
    call
}

/// Puts the program `$2` below `$1`, where everybody can pass, and becomes the rest of its words.
const MOUNT_PROGRAM: &str = r#"
    mount -t tmpfs -o mode=755,size=64k tmpfs "$1" && touch "$1/program" && mount --bind "$2" "$1/program" &&
    shift 2 && exec "$@""#;

/// A call of a program of ours, which is seen as `inside` and sees no other folder and no device. Its words follow as arguments.
pub fn confined(account: Option<&Account>, program: &Path, inside: &str, file_bytes: u64) -> Command {
    let mut seen = program.to_path_buf();
    let call = match account {
        None => Command::new("prlimit"),
        Some(account) => {
            let is_reachable = check_reachable(account, program.parent().unwrap_or(Path::new("/"))).is_ok();
            let mut call = if is_reachable {
                Command::new("setpriv")
            } else {
                let point = mount_point(&[program]);
                seen = Path::new(point).join("program");
                let mut call = Command::new("unshare");
                call.args([
                    "--mount",
                    "--propagation",
                    "private",
                    "--",
                    "sh",
                    "-c",
                    MOUNT_PROGRAM,
                    "sh",
                    point,
                ]);
                call.arg(program).arg("setpriv");
                call
            };
            call.arg(format!("--reuid={}", account.uid)).arg(format!("--regid={}", account.gid));
            call.args(["--clear-groups", "--", "prlimit"]);
            call
        }
    };
    let mut call = enclose(call, file_bytes);
    call.arg("--ro-bind").arg(seen).args([inside, inside]);
    call
}

/// Limits and namespaces, with the system's programs and libraries to see.
fn enclose(mut call: Command, file_bytes: u64) -> Command {
    call.arg("--core=0").arg(format!("--nofile={OPEN_FILES}")).arg(format!("--fsize={file_bytes}"));
    call.args(["--", "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    call.args([
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
    ]);
    call.args(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--chdir", "/"]);
    call.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
    call.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    call
}

type Job = (Command, Sender<io::Result<Child>>);

/// Starts it from a thread that lives as long as the process. "Die with the parent" means the thread that started the child,
/// and threads of a runtime come and go.
pub fn spawn(call: Command) -> Result<Child> {
    static JOBS: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut call, answer) in queue {
                let _ = answer.send(call.spawn());
            }
        });
        Mutex::new(jobs)
    });
    let (answer, started) = channel();
    let gone = || io::Error::other("the thread that starts machines is gone");
    let sent = jobs.lock().unwrap_or_else(PoisonError::into_inner).send((call, answer));
    let child = sent.map_err(|_| gone()).and_then(|()| started.recv().map_err(|_| gone()));
    child.and_then(|child| child).map_err(Error::io("start", Path::new("bwrap")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_key_of_a_guest_is_out_of_sight() {
        let view = View {
            image: Path::new("/g"),
            files: &[("root.qcow2", "root.qcow2")],
            template: Some(Path::new("/t")),
            own: Path::new("/v"),
            is_hidden: false,
        };
        let call = command(&view, None, Accelerator::Tcg, &[]);
        let words: Vec<_> = call.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(words.iter().all(|word| word != "/g" && word != "/t" && !word.contains("ca.key")));
        assert!(words.contains(&"--unshare-all".to_string()));
    }

    #[test]
    fn data_are_not_hidden_by_their_own_mount_point() {
        assert_eq!(mount_point(&[Path::new("/var/lib/harrier")]), "/mnt");
        assert_eq!(mount_point(&[Path::new("/mntx"), Path::new("/mnt/data/machines/1")]), "/media");
    }

    #[test]
    fn root_is_no_user_for_machines() {
        if rustix::process::geteuid().is_root() {
            assert!(account("root").is_err());
            assert!(account("no such user").is_err());
            assert_eq!(account("nobody").unwrap().unwrap().uid, 65534);
        }
    }

    #[test]
    fn a_closed_folder_above_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let account = Account { name: "nobody".into(), uid: 65534, gid: 65534 };
        let inside = dir.path().join("a");
        fs::create_dir(&inside).unwrap();
        let error = check_reachable(&account, &inside).unwrap_err();
        assert!(error.to_string().contains(&format!("chmod o+x {}", dir.path().display())), "{error}");
    }
}
