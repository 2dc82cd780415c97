//! A PostgreSQL server for the time of the tests, in a folder of its own, reachable over a socket there, and with TLS and a
//! password on a port of this machine.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Result, command, output, run};

/// A running server; stopped and removed when dropped.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    /// PostgreSQL refuses to run as root.
    as_user: Option<&'static str>,
    port: u16,
}

/// Of the server's user, where the socket does not show who calls.
const PASSWORD: &str = "for tests only";

impl Postgres {
    /// Starts a server from the newest programs that Debian's packages have put there.
    pub fn start() -> Result<Self> {
        let programs = programs().ok_or("PostgreSQL is not installed below /usr/lib/postgresql")?;
        let folder = std::env::temp_dir().join(format!("harrier-postgres-{}", std::process::id()));
        let is_root = output(&mut command("id", &["--user"]))?.trim() == "0";
        let server = Self { folder, programs, as_user: is_root.then_some("postgres"), port: free_port()? };
        server.prepare()?;
        let data = server.text("data");
        let password = server.text("password");
        run(&mut server.call(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--auth-local",
                "trust",
                "--auth-host",
                "scram-sha-256",
                "--pwfile",
                &password,
                "--username",
                "postgres",
            ],
        ))?;
        let socket = format!(
            "-k {} -h localhost -p {} -c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
            server.folder.display(),
            server.port,
            server.text("tls.pem"),
            server.text("tls.key")
        );
        let log = server.text("log");
        run(&mut server
            .call("pg_ctl", &["--pgdata", &data, "--options", &socket, "--log", &log, "--wait", "start"]))?;
        Ok(server)
    }

    /// How to connect.
    pub fn address(&self) -> String {
        format!("host={} port={} user=postgres", self.folder.display(), self.port)
    }

    /// How to connect with TLS, to whom the certificate was issued; `sslmode` is to be added.
    pub fn tls_address(&self) -> String {
        let root = self.text("tls.pem");
        format!("host=localhost port={} user=postgres password='{PASSWORD}' sslrootcert={root}", self.port)
    }

    fn prepare(&self) -> Result {
        let folder = self.folder.display().to_string();
        let wrong = |error| format!("cannot make {folder}: {error}");
        fs::create_dir_all(&self.folder).map_err(wrong)?;
        fs::write(self.folder.join("password"), PASSWORD).map_err(wrong)?;
        let (key, certificate) = (self.text("tls.key"), self.text("tls.pem"));
        // Debian's servers bring openssl along.
        let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"];
        let mut made = command(
            "openssl",
            &["req", "-x509", "-nodes", "-days", "2", "-keyout", &key, "-out", &certificate],
        );
        made.args(ec).args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:false",
        ]);
        output(&mut made)?;
        match self.as_user {
            Some(user) => run(&mut command("chown", &["--recursive", user, &folder])),
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

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("localhost:0").map_err(|error| format!("no port is free: {error}"))?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
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
