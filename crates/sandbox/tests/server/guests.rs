//! With machines of the usual guest.

use sandbox::Settings;
use sandbox::analysis::Detonator;
use sandbox::pool::{Machine, Pool};
use serve::shutdown::CancellationToken;

use super::Server;
use crate::common::{GUEST, internet_program, qemu};

impl Server {
    /// A sandbox with so many machines of the usual guest; none when this host has no QEMU.
    pub async fn start(machines: u32) -> Option<Self> {
        Self::start_with(machines, GUEST).await
    }

    pub async fn start_with(machines: u32, image: &str) -> Option<Self> {
        let qemu = qemu()?;
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { free_space: 0, ..Settings::in_dir(dir.path().to_owned()) };
        let named = |number| Machine {
            label: image.into(),
            ..Machine::new(&format!("linux{number}"), "linux", &["x64"])
        };
        let pool = Pool::new((1..=machines).map(named).collect());
        let analyst = Detonator::with_internet(qemu, internet_program());
        Some(Self::open(dir, settings, pool, analyst, CancellationToken::new()).await)
    }
}
