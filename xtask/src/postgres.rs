//! A PostgreSQL server for the time of the tests, in a folder of its own, reachable over a socket there and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Result, command, output, run};

/// A running server; stopped and removed when dropped.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    /// PostgreSQL refuses to run as root.
    as_user: Option<&'static str>,
}

impl Postgres {
    /// Starts a server from the newest programs that Debian's packages have put there.
    pub fn start() -> Result<Self> {
        let programs = programs().ok_or("PostgreSQL is not installed below /usr/lib/postgresql")?;
        let folder = std::env::temp_dir().join(format!("harrier-postgres-{}", std::process::id()));
        let is_root = output(&mut command("id", &["--user"]))?.trim() == "0";
        let server = Self { folder, programs, as_user: is_root.then_some("postgres") };
        server.prepare()?;
        let data = server.text("data");
        run(&mut server.call("initdb", &["--pgdata", &data, "--auth", "trust", "--username", "postgres"]))?;
        let socket = format!("-k {} -h ''", server.folder.display());
        let log = server.text("log");
        run(&mut server
            .call("pg_ctl", &["--pgdata", &data, "--options", &socket, "--log", &log, "--wait", "start"]))?;
        Ok(server)
    }

    /// How to connect.
    pub fn address(&self) -> String {
        format!("host={} user=postgres", self.folder.display())
    }

    fn prepare(&self) -> Result {
        let folder = self.folder.display().to_string();
        fs::create_dir_all(&self.folder).map_err(|error| format!("cannot make {folder}: {error}"))?;
        match self.as_user {
            Some(user) => run(&mut command("chown", &[user, &folder])),
            None => Ok(()),
        }
    }

    fn text(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn call(&self, program: &str, args: &[&str]) -> Command {
        let program = self.programs.join(program);
        let mut call = match self.as_user {
            Some(user) => {
                let mut call = command("runuser", &["-u", user, "--"]);
                call.arg(program);
                call
            }
            None => command(program, &[]),
        };
        // The server's user cannot enter every folder that ours can.
        call.args(args).current_dir("/");
        call.stdout(std::process::Stdio::null());
        call
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.text("data");
        let _ = self.call("pg_ctl", &["--pgdata", &data, "--mode", "immediate", "stop"]).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions =
        fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .map(|version| version.join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max_by_key(|bin| bin.parent().and_then(number))
}

/// Whether the programs are there.
pub fn is_installed() -> bool {
    programs().is_some()
}
