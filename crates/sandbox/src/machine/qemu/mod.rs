//! Machines of QEMU.

mod arguments;
mod brought;
mod cgroup;
mod guest;
mod hardware;
pub(crate) mod jail;
mod orphans;
mod process;
mod qmp;
mod restore;
mod template;
mod vm;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

pub use brought::{Brought, Start};
pub(crate) use cgroup::Groups;
pub use guest::Guest;
pub use hardware::Hardware;
pub use jail::Account;
pub(crate) use process::family;
pub use restore::Timings;
pub use template::Template;
pub use vm::Vm;

use super::{Accelerator, Choice};
use crate::error::{Error, Result};
use crate::guest::Lock;
use crate::guest::build::{make_folder, output};
use crate::guest::{Guests, Image};

pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// How machines are run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub accelerator: Choice,
    /// Who QEMU runs as when this process is root's. A name of `/etc/passwd`.
    pub user: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { accelerator: Choice::Auto, user: "nobody".into() }
    }
}

/// What a guest is started with.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The image's name.
    pub guest: String,
    /// The guest's clock; that of the host when none is given.
    pub clock: Option<jiff::Timestamp>,
    /// Whether all frames of its network card are written to a file.
    pub capture: bool,
}

impl Spec {
    pub fn new(guest: &str) -> Self {
        Self { guest: guest.into(), clock: None, capture: true }
    }
}

/// Starts guests of a data directory. One process at a time may: it ends what another left running.
#[derive(Clone)]
pub struct Qemu {
    inner: Arc<Inner>,
}

struct Inner {
    guests: Guests,
    /// One folder for each machine that runs.
    machines: PathBuf,
    /// Saved states of machines that the owner brings.
    snapshots: PathBuf,
    accelerator: Mutex<Accelerator>,
    /// Whether emulation may take the place of hardware that turns out not to work.
    may_fall_back: bool,
    version: String,
    account: Option<jail::Account>,
    is_hidden: bool,
    _lock: Lock,
}

impl Inner {
    fn accelerator(&self) -> Accelerator {
        *self.accelerator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives hardware up for the life of this process. False when that is not allowed, or done already.
    fn fall_back(&self) -> bool {
        let mut accelerator = self.accelerator.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = self.may_fall_back && *accelerator == Accelerator::Kvm;
        if is_news {
            *accelerator = Accelerator::Tcg;
        }
        is_news
    }
}

impl Qemu {
    /// Finds out what this host can do, and ends machines that a killed process left.
    pub fn open(data_dir: &Path, settings: &Settings) -> Result<Self> {
        let guests = Guests::open(data_dir)?;
        let missing = |program, package| move |_| Error::Missing { program, package };
        let version =
            output(Command::new(PROGRAM).arg("--version")).map_err(missing(PROGRAM, "qemu-system-x86"))?;
        output(Command::new("bwrap").arg("--version")).map_err(missing("bwrap", "bubblewrap"))?;
        output(Command::new("qemu-img").arg("--version")).map_err(missing("qemu-img", "qemu-utils"))?;
        let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_string();
        let machines = data_dir.join("machines");
        make_folder(&machines, 0o711)?;
        let machines = machines.canonicalize().map_err(Error::io("find", &machines))?;
        let snapshots = data_dir.canonicalize().map_err(Error::io("find", data_dir))?.join("snapshots");
        let lock = Lock::take(&machines.join(".lock"))?;
        orphans::end_all(&machines)?;
        let account = jail::account(&settings.user)?;
        let reach = account.as_ref().map_or(Ok(()), |account| jail::check_reachable(account, &machines));
        let is_hidden = reach.is_err() && jail::can_mount();
        if !is_hidden {
            reach?;
        }
        let accelerator = Mutex::new(settings.accelerator.settle()?);
        let may_fall_back = settings.accelerator == Choice::Auto;
        Ok(Self {
            inner: Arc::new(Inner {
                guests,
                machines,
                snapshots,
                accelerator,
                may_fall_back,
                version,
                account,
                is_hidden,
                _lock: lock,
            }),
        })
    }

    pub fn guests(&self) -> &Guests {
        &self.inner.guests
    }

    pub fn accelerator(&self) -> Accelerator {
        self.inner.accelerator()
    }

    /// Such as `QEMU emulator version 7.2.22 (Debian …)`.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// Whom machines run as; none when that is who this process is.
    pub fn account(&self) -> Option<&Account> {
        self.inner.account.as_ref()
    }

    /// The template of an image, made when it is missing or does not fit this host any more.
    pub async fn template(&self, guest: &str) -> Result<Template> {
        let image = self.inner.guests.get(guest)?;
        template::ensure(self, &image).await
    }

    /// Makes the template of an image anew.
    pub async fn rebuild_template(&self, guest: &str) -> Result<Template> {
        let image = self.inner.guests.get(guest)?;
        template::rebuild(self, &image).await
    }

    /// A guest in the state of its template.
    pub async fn restore(&self, spec: &Spec) -> Result<Guest> {
        restore::restore(self, spec).await
    }

    /// A guest that boots, for when a template cannot be made.
    pub async fn boot(&self, spec: &Spec) -> Result<Guest> {
        let image: Image = self.inner.guests.get(&spec.guest)?;
        restore::boot(self, &image, spec).await
    }
}
