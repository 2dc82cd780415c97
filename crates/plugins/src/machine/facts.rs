//! The row of `info()`.

use std::sync::Arc;

use jiff::tz::TimeZone;
use vql::schema::Schema;
use vql::value::{Row, Time, Value};

use super::{read_bytes, read_text};
use crate::world::World;

pub const COLUMNS: &[&str] = &[
    "Hostname",
    "Uptime",
    "BootTime",
    "OS",
    "Platform",
    "PlatformFamily",
    "PlatformVersion",
    "KernelVersion",
    "VirtualizationSystem",
    "VirtualizationRole",
    "CompilerVersion",
    "HostID",
    "Exe",
    "CWD",
    "IsAdmin",
    "ClientStart",
    "LocalTZ",
    "LocalTZOffset",
    "Fqdn",
    "Architecture",
];

/// The cells of [`COLUMNS`].
pub fn row(world: &World, now: Time, columns: Arc<Schema>) -> Row {
    let uptime = read_text("/proc/uptime").split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0);
    let release = read_text("/etc/os-release");
    let platform = release_field(&release, "ID");
    let (virtualization, role) = virtualization();
    let hostname = hostname();
    let fqdn = fqdn(&hostname, &read_text("/etc/hosts"));
    let (zone, offset) = local_zone(now);
    let path = |p: std::io::Result<std::path::PathBuf>| {
        p.map(|p| p.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let cells = vec![
        Value::from(hostname),
        Value::Int(uptime),
        Value::Int(boot_time(now, uptime)),
        Value::from("linux"),
        Value::from(platform.as_str()),
        Value::from(family(&platform, &release_field(&release, "ID_LIKE"))),
        Value::from(release_field(&release, "VERSION_ID")),
        Value::from(read_text("/proc/sys/kernel/osrelease")),
        Value::from(virtualization),
        Value::from(role),
        Value::from(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))),
        Value::from(host_id()),
        Value::from(path(std::env::current_exe())),
        Value::from(path(std::env::current_dir())),
        Value::Bool(rustix::process::geteuid().is_root()),
        world.started.map_or(Value::Null, Value::Time),
        Value::from(zone),
        Value::Int(offset),
        Value::from(fqdn),
        Value::from(architecture()),
    ];
    Row { schema: columns, cells }
}

fn hostname() -> String {
    read_text("/proc/sys/kernel/hostname")
}

/// The longest name that the hosts file gives a host.
fn fqdn(hostname: &str, hosts: &str) -> String {
    if hostname.contains('.') {
        return hostname.to_owned();
    }
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = lines.filter_map(|line| {
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        let prefix = format!("{hostname}.");
        let full = names.iter().find(|n| n.starts_with(&prefix)).copied();
        full.filter(|_| names.contains(&hostname))
    });
    names.next().unwrap_or(hostname).to_owned()
}

fn boot_time(now: Time, uptime: i64) -> i64 {
    let stat = read_bytes("/proc/stat");
    let stat = String::from_utf8_lossy(&stat);
    let told = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    told.unwrap_or(now.as_second() - uptime)
}

/// A field of `os-release`, quotes removed.
fn release_field(release: &str, name: &str) -> String {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

/// The distribution that a platform derives from.
fn family(platform: &str, like: &str) -> String {
    let known = |name: &str| match name {
        "debian" | "ubuntu" | "linuxmint" | "raspbian" => Some("debian"),
        "rhel" | "fedora" | "centos" | "rocky" | "almalinux" | "ol" | "amzn" => Some("rhel"),
        "suse" | "opensuse" | "sles" | "opensuse-leap" | "opensuse-tumbleweed" => Some("suse"),
        "arch" | "manjaro" => Some("arch"),
        _ => None,
    };
    let mut names = std::iter::once(platform).chain(like.split_whitespace());
    names.find_map(known).unwrap_or(platform).to_owned()
}

/// What the machine runs in, and that it is a guest there; empty on bare metal.
fn virtualization() -> (&'static str, &'static str) {
    let found = container().or_else(hypervisor);
    (found.unwrap_or_default(), if found.is_some() { "guest" } else { "" })
}

fn container() -> Option<&'static str> {
    let environ = read_bytes("/proc/1/environ");
    let named = environ.split(|b| *b == 0).find_map(|v| v.strip_prefix(b"container="));
    match named {
        Some(b"lxc" | b"lxc-libvirt") => return Some("lxc"),
        Some(b"podman") => return Some("podman"),
        Some(b"systemd-nspawn") => return Some("systemd-nspawn"),
        Some(b"docker") => return Some("docker"),
        _ => {}
    }
    let exists = |path: &str| std::path::Path::new(path).exists();
    if exists("/.dockerenv") {
        return Some("docker");
    }
    exists("/run/.containerenv").then_some("podman")
}

fn hypervisor() -> Option<&'static str> {
    let dmi = ["sys_vendor", "product_name"].map(|n| read_text(format!("/sys/class/dmi/id/{n}"))).join(" ");
    const SIGNS: [(&str, &str); 8] = [
        ("KVM", "kvm"),
        ("QEMU", "kvm"),
        ("Amazon EC2", "kvm"),
        ("Google", "kvm"),
        ("VMware", "vmware"),
        ("VirtualBox", "vbox"),
        ("Xen", "xen"),
        ("Microsoft Corporation Virtual", "hyperv"),
    ];
    if let Some((_, name)) = SIGNS.iter().find(|(sign, _)| dmi.contains(sign)) {
        return Some(name);
    }
    let cpu = read_bytes("/proc/cpuinfo");
    let has_flag =
        String::from_utf8_lossy(&cpu).lines().any(|l| l.starts_with("flags") && l.contains(" hypervisor"));
    has_flag.then_some("kvm")
}

fn host_id() -> String {
    ["/sys/class/dmi/id/product_uuid", "/etc/machine-id", "/proc/sys/kernel/random/boot_id"]
        .into_iter()
        .map(read_text)
        .find(|id| !id.is_empty())
        .unwrap_or_default()
        .to_lowercase()
}

fn local_zone(now: Time) -> (String, i64) {
    let zone = TimeZone::system();
    let info = zone.to_offset_info(now);
    (info.abbreviation().to_owned(), i64::from(info.offset().seconds()))
}

/// The processor, by the names that artifacts compare with.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        let hosts = "127.0.0.1 localhost\n10.0.0.5 web.example.org web # the web\n";
        assert_eq!(fqdn("web", hosts), "web.example.org");
        assert_eq!(fqdn("db", hosts), "db");
        assert_eq!(fqdn("a.b", hosts), "a.b");
    }

    #[test]
    fn releases() {
        let text = "NAME=\"X\"\nID=ubuntu\nID_LIKE=\"debian\"\nVERSION_ID='24.04'\n";
        assert_eq!(release_field(text, "ID"), "ubuntu");
        assert_eq!(release_field(text, "VERSION_ID"), "24.04");
        assert_eq!(family("ubuntu", "debian"), "debian");
        assert_eq!(family("nixos", ""), "nixos");
        assert_eq!(family("new", "x fedora"), "rhel");
    }
}
