//! The address that the host is best known by.

use std::net::IpAddr;

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, text};

pub const DETAIL: Detail = Detail {
    name: "network_interface",
    platforms: EVERYWHERE,
    sql: "SELECT ia.address, id.mac, id.interface FROM interface_details id \
        JOIN interface_addresses ia ON ia.interface = id.interface \
        WHERE length(id.mac) > 0 ORDER BY (id.ibytes + id.obytes) DESC",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    // Of equals the first counts: it carried most.
    let Some(best) = rows.iter().min_by_key(|row| rank(row)) else { return };
    into.facts.text("primary_ip", text(best, "address"));
    into.facts.text("primary_mac", text(best, "mac"));
}

/// IPv4 before IPv6, before what is reachable from nowhere else.
fn rank(row: &Row) -> u8 {
    let address = text(row, "address").split('%').next().unwrap_or_default().parse::<IpAddr>();
    if text(row, "interface").starts_with("docker") {
        return 2;
    }
    match address {
        Ok(IpAddr::V4(v4)) if !v4.is_loopback() && !v4.is_link_local() => 0,
        Ok(IpAddr::V6(v6)) if !v6.is_loopback() && !v6.is_unicast_link_local() => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(interface: &str, address: &str) -> Row {
        let pairs = [("interface", interface), ("address", address), ("mac", "02:00:00:00:00:01")];
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn the_first_good_ipv4_address_is_the_one() {
        let rows = [
            row("eth0", "fe80::1%eth0"),
            row("docker0", "172.17.0.1"),
            row("eth0", "2001:db8::1"),
            row("eth0", "10.0.0.5"),
            row("eth1", "10.0.0.6"),
        ];
        let best = rows.iter().min_by_key(|row| rank(row)).unwrap();
        assert_eq!(text(best, "address"), "10.0.0.5");
    }
}
