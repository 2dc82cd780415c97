//! Limits by control groups, where this process may set them: version 2, then version 1, else none.

use std::fs;
use std::path::{Path, PathBuf};

/// QEMU's own memory beside the guest's.
const OVERHEAD: u64 = 320 << 20;
/// QEMU's threads.
const TASKS: u32 = 128;

const ROOT: &str = "/sys/fs/cgroup";
const OURS: &str = "harrier";

/// The groups of one machine, removed when dropped.
#[derive(Debug, Default)]
pub struct Groups(Vec<PathBuf>);

impl Groups {
    /// Limits processes that are there already, and whatever they start.
    pub fn limit(name: &str, processes: &[u32], memory_mib: u32) -> Self {
        let memory = (u64::from(memory_mib) << 20) + OVERHEAD;
        let root = Path::new(ROOT);
        let mut groups = Self::default();
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        if controllers.split_whitespace().any(|name| name == "memory") {
            let above = root.join(OURS);
            let _ = fs::create_dir(&above);
            for folder in [root, &above] {
                let _ = fs::write(folder.join("cgroup.subtree_control"), "+memory +pids");
            }
            groups.add(
                above.join(name),
                &[("memory.max", memory), ("pids.max", u64::from(TASKS))],
                processes,
            );
        } else {
            let settings =
                [("memory", "memory.limit_in_bytes", memory), ("pids", "pids.max", u64::from(TASKS))];
            for (controller, file, value) in settings {
                let above = root.join(controller).join(OURS);
                let _ = fs::create_dir(&above);
                groups.add(above.join(name), &[(file, value)], processes);
            }
        }
        groups
    }

    /// The groups of a machine that another process started.
    pub fn of_orphan(name: &str) -> Self {
        let root = Path::new(ROOT);
        let places = [root.join(OURS), root.join("memory").join(OURS), root.join("pids").join(OURS)];
        Self(places.iter().map(|place| place.join(name)).filter(|path| path.exists()).collect())
    }

    fn add(&mut self, path: PathBuf, settings: &[(&str, u64)], processes: &[u32]) {
        let fill = || {
            fs::create_dir(&path)?;
            settings.iter().try_for_each(|(file, value)| fs::write(path.join(file), value.to_string()))?;
            processes.iter().try_for_each(|pid| fs::write(path.join("cgroup.procs"), pid.to_string()))
        };
        match fill() {
            Ok(()) => self.0.push(path),
            Err(error) => {
                tracing::debug!(group = %path.display(), %error, "no limits by this group");
                let _ = fs::remove_dir(&path);
            }
        }
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for path in &self.0 {
            // Processes that were killed a moment ago may still count.
            for _ in 0..400 {
                match fs::remove_dir(path) {
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                    _ => break,
                }
            }
        }
    }
}
