//! `setup`: what the machine must have, installed only when it is missing.

use std::fs;
use std::path::PathBuf;

use super::Task;
use crate::postgres;
use crate::shell::{Result, command, output, root, run, target, works};

pub const TASK: Task = Task {
    name: "setup",
    usage: "setup",
    summary: "Install what building and testing need; instant when nothing is missing.",
    help: "
Installs, when missing:
  - Debian packages: a C compiler (gcc, libc6-dev), Python 3.11 or newer with venv (python3, python3-venv),
    a PostgreSQL server (postgresql) and a NATS server (nats-server), which only run while tests do,
    virtual machines and what builds their images (qemu-system-x86, qemu-utils, mmdebstrap, bubblewrap, e2fsprogs, p7zip-full, ovmf, mtools),
    nginx (nginx-light), behind which the sandbox is tested, and two proxies (tinyproxy-bin, microsocks), through which its
    guests are let out in tests
  - in target/venv: the Python clients of the tests, at the versions of tests/clients/requirements.txt
  - in target/node: the Node client of the tests, if the machine has Node and npm; without them its test is skipped
  - a browser (chromium), if the machine has Node 20 or newer: the tests of streams drive it

`up` and `test` call this themselves. Rust is not installed here: this task already needs it.
Packages are installed with apt-get, through sudo for anyone but root; on another system the task names
what to install and stops.",
    run: |_| {
        compiler()?;
        clients()?;
        node()?;
        database()?;
        machines()?;
        nats()?;
        browser()?;
        eprintln!("set-up is complete");
        Ok(())
    },
};

/// Something that must work on the machine, and the packages that bring it.
struct Need {
    what: &'static str,
    probe: (&'static str, &'static [&'static str]),
    packages: &'static [&'static str],
}

const COMPILER: Need =
    Need { what: "a C compiler", probe: ("cc", &["--version"]), packages: &["gcc", "libc6-dev"] };

const PYTHON: Need = Need {
    what: "Python 3.11 or newer with venv",
    probe: ("python3", &["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"]),
    packages: &["python3", "python3-venv"],
};

/// The database server that tests start; nothing of it runs otherwise.
pub fn database() -> Result {
    if postgres::is_installed() {
        return Ok(());
    }
    let packages = ["postgresql"];
    eprintln!("PostgreSQL is missing: installing {}", packages.join(" "));
    install(&packages)?;
    if postgres::is_installed() {
        Ok(())
    } else {
        Err("PostgreSQL is still missing after installing it".into())
    }
}

/// Virtual machines, and what builds their images.
const MACHINES: &[Need] = &[
    Need { what: "a disk image tool", probe: ("qemu-img", &["--version"]), packages: &["qemu-utils"] },
    Need {
        what: "a machine emulator",
        probe: ("qemu-system-x86_64", &["--version"]),
        packages: &["qemu-system-x86"],
    },
    Need { what: "mmdebstrap", probe: ("mmdebstrap", &["--version"]), packages: &["mmdebstrap"] },
    Need { what: "bubblewrap", probe: ("bwrap", &["--version"]), packages: &["bubblewrap"] },
    Need { what: "a web server", probe: ("/usr/sbin/nginx", &["-v"]), packages: &["nginx-light"] },
    Need { what: "a proxy", probe: ("tinyproxy", &["-v"]), packages: &["tinyproxy-bin"] },
    Need {
        what: "a SOCKS proxy",
        probe: ("sh", &["-c", "command -v microsocks"]),
        packages: &["microsocks"],
    },
    Need { what: "a file system maker", probe: ("mke2fs", &["-V"]), packages: &["e2fsprogs"] },
    Need {
        what: "firmware of machines",
        probe: ("sh", &["-c", "ls /usr/share/OVMF/OVMF_CODE*.fd"]),
        packages: &["ovmf"],
    },
    Need { what: "a writer of FAT", probe: ("mformat", &["--version"]), packages: &["mtools"] },
    Need { what: "a packer of archives", probe: ("7z", &["i"]), packages: &["p7zip-full"] },
];

/// What the sandbox's tests need: without it they skip themselves.
pub fn machines() -> Result {
    let missing: Vec<_> = MACHINES.iter().filter(|need| !works(need.probe.0, need.probe.1)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !works("apt-get", &["--version"]) {
        return provide(missing[0]);
    }
    let mut packages: Vec<String> =
        missing.iter().flat_map(|need| need.packages).map(|name| (*name).into()).collect();
    eprintln!("installing {}", packages.join(" "));
    apt(&["update", "--quiet"])?;
    // The emulator and its tools come from one source package and refuse to be mixed. Tools from elsewhere
    // (backports) would block the emulator, so both are asked for at the version that the sources offer.
    if packages.iter().any(|name| name == "qemu-system-x86") {
        let version = offered("qemu-system-x86")?;
        packages.retain(|name| !name.starts_with("qemu-"));
        packages.extend(["qemu-system-x86", "qemu-utils"].map(|name| format!("{name}={version}")));
    }
    let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends", "--allow-downgrades"];
    args.extend(packages.iter().map(String::as_str));
    apt(&args)?;
    MACHINES.iter().try_for_each(provide)
}

/// The version of a package that would be installed.
fn offered(package: &str) -> Result<String> {
    let policy = output(&mut command("apt-cache", &["policy", package]))?;
    let line = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    match line {
        Some(version) if version != "(none)" => Ok(version.into()),
        _ => Err(format!("the package sources of this machine do not offer {package}")),
    }
}

/// The program of the NATS server that tests start.
pub fn nats() -> Result<&'static str> {
    // Debian's place for it is not in everybody's PATH.
    let programs = ["nats-server", "/usr/sbin/nats-server"];
    let found = || programs.into_iter().find(|program| works(program, &["--version"]));
    if let Some(program) = found() {
        return Ok(program);
    }
    eprintln!("a NATS server is missing: installing nats-server");
    install(&["nats-server"])?;
    found().ok_or_else(|| "nats-server is still missing after installing it".into())
}

/// What a build needs.
pub fn compiler() -> Result {
    provide(&COMPILER)
}

/// What the client tests need; gives the Python that has the clients.
pub fn clients() -> Result<PathBuf> {
    provide(&PYTHON)?;
    let venv = target().join("venv");
    let python = venv.join("bin/python");
    let requirements = root().join("tests/clients/requirements.txt");
    let wanted = fs::read(&requirements)
        .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    let version = output(&mut command("python3", &["--version"]))?;
    let stamp = format!("{:016x} {}", fingerprint(&wanted), version.trim());
    let stamp_file = venv.join("stamp");
    if python.exists() && fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return Ok(python);
    }
    eprintln!("installing the Python clients into {}", venv.display());
    let venv_text = venv.display().to_string();
    run(&mut command("python3", &["-m", "venv", "--clear", &venv_text]))?;
    let requirements = requirements.display().to_string();
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", &requirements];
    run(&mut command(&python, &pip))?;
    // Written last: an installation that broke off is done again.
    fs::write(&stamp_file, stamp)
        .map_err(|error| format!("cannot write {}: {error}", stamp_file.display()))?;
    Ok(python)
}

/// Where the modules of the Node client are, on a machine that has Node.
pub fn node() -> Result<Option<PathBuf>> {
    if !works("node", &["--version"]) || !works("npm", &["--version"]) {
        return Ok(None);
    }
    let (source, folder) = (root().join("tests/clients/node"), target().join("node"));
    let (modules, stamp_file) = (folder.join("node_modules"), folder.join("stamp"));
    let say = |error: std::io::Error| format!("cannot fill {}: {error}", folder.display());
    let stamp = format!("{:016x}", fingerprint(&fs::read(source.join("package-lock.json")).map_err(say)?));
    if modules.exists() && fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return Ok(Some(modules));
    }
    eprintln!("installing the Node client into {}", folder.display());
    fs::create_dir_all(&folder).map_err(say)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), folder.join(file)).map_err(say)?;
    }
    run(command("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder))?;
    fs::write(&stamp_file, stamp).map_err(say)?;
    Ok(Some(modules))
}

/// The browser that tests drive by way of Node, on a machine that has that.
pub fn browser() -> Result<Option<&'static str>> {
    const BROWSER: Need =
        Need { what: "a browser", probe: ("chromium", &["--version"]), packages: &["chromium"] };
    // What drives it asks for that.
    let is_new = ("node", &["-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"]);
    if node()?.is_none() || !works(is_new.0, is_new.1) {
        return Ok(None);
    }
    provide(&BROWSER)?;
    Ok(Some("/usr/bin/chromium"))
}

fn provide(need: &Need) -> Result {
    if works(need.probe.0, need.probe.1) {
        return Ok(());
    }
    let packages = need.packages.join(" ");
    if !works("apt-get", &["--version"]) {
        return Err(format!(
            "{} is missing; install it (Debian calls it {packages}) and run this again",
            need.what
        ));
    }
    eprintln!("{} is missing: installing {packages}", need.what);
    install(need.packages)?;
    if works(need.probe.0, need.probe.1) {
        return Ok(());
    }
    Err(format!(
        "{} still does not work after installing {packages}; an older one may come first in PATH",
        need.what
    ))
}

fn install(packages: &[&str]) -> Result {
    apt(&["update", "--quiet"])?;
    let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)
}

fn apt(args: &[&str]) -> Result {
    let is_root = output(&mut command("id", &["--user"]))?.trim() == "0";
    let mut call = if is_root { command("apt-get", args) } else { command("sudo", &["apt-get"]) };
    if !is_root {
        call.args(args);
    }
    // Servers that are installed for tests are started by them alone.
    run(call.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
}

/// FNV-1a: tells one version of a file from another, nothing more.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
