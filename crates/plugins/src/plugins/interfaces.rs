//! `FROM interfaces()`: the network interfaces of the host.

use std::collections::BTreeMap;

use nix::ifaddrs::InterfaceAddress;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use vql::args::Args;
use vql::call::{Category, Error, Example, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::machine::read_text;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "interfaces",
        doc: "The network interfaces of the host, their flags and their addresses with the length of the prefix.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "The host itself",
            "SELECT Name, HardwareAddr FROM interfaces() WHERE Name = 'lo'",
            r#"[{"Name":"lo","HardwareAddr":"00:00:00:00:00:00"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Index", "MTU", "Name", "HardwareAddr", "Flags", "Addrs"],
    run,
};

#[derive(Default)]
struct Interface {
    flags: Vec<Value>,
    addresses: Vec<Value>,
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let found = nix::ifaddrs::getifaddrs().map_err(|e| Error::new(e.desc()))?;
    let mut interfaces: BTreeMap<(i64, String), Interface> = BTreeMap::new();
    for entry in found {
        let index = fact(&entry.interface_name, "ifindex").parse().unwrap_or(0);
        let address = address(&entry).map(Value::from);
        let interface = interfaces.entry((index, entry.interface_name)).or_default();
        interface.flags = flags(entry.flags);
        interface.addresses.extend(address);
    }
    for ((index, name), interface) in interfaces {
        let cells = vec![
            Value::Int(index),
            Value::Int(fact(&name, "mtu").parse().unwrap_or(0)),
            Value::from(name.as_str()),
            Value::from(fact(&name, "address")),
            Value::list(interface.flags),
            Value::list(interface.addresses),
        ];
        sink.row(&mut Row { schema: args.columns(), cells })?;
    }
    Ok(())
}

/// What the kernel tells about an interface; names are those of the kernel, without slashes.
fn fact(name: &str, fact: &str) -> String {
    read_text(format!("/sys/class/net/{name}/{fact}"))
}

fn flags(flags: InterfaceFlags) -> Vec<Value> {
    const NAMES: [(InterfaceFlags, &str); 6] = [
        (InterfaceFlags::IFF_UP, "up"),
        (InterfaceFlags::IFF_BROADCAST, "broadcast"),
        (InterfaceFlags::IFF_LOOPBACK, "loopback"),
        (InterfaceFlags::IFF_POINTOPOINT, "pointtopoint"),
        (InterfaceFlags::IFF_MULTICAST, "multicast"),
        (InterfaceFlags::IFF_RUNNING, "running"),
    ];
    NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| Value::from(*name)).collect()
}

/// `192.0.2.1/24`; `None` for an address that is not of the internet.
fn address(entry: &InterfaceAddress) -> Option<String> {
    let address = entry.address.as_ref()?;
    let mask = |of: fn(&SockaddrStorage) -> Option<u32>| entry.netmask.as_ref().and_then(of);
    if let Some(v4) = address.as_sockaddr_in() {
        let bits = mask(|m| Some(u32::from(m.as_sockaddr_in()?.ip()).count_ones())).unwrap_or(32);
        return Some(format!("{}/{bits}", v4.ip()));
    }
    let v6 = address.as_sockaddr_in6()?;
    let bits = mask(|m| Some(u128::from(m.as_sockaddr_in6()?.ip()).count_ones())).unwrap_or(128);
    Some(format!("{}/{bits}", v6.ip()))
}
