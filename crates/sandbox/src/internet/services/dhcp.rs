//! DHCP (RFC 2131): there is one lease, the guest's address.

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, Ipv4Address};

use crate::internet::event::Event;
use crate::internet::settings::Addresses;
use crate::internet::world::World;

pub const PORT: u16 = 67;
pub const CLIENT: u16 = 68;

const LEASE: u32 = 86_400;
/// Of a message, options included; shorter ones were dropped by old clients (RFC 1542, section 2.1).
const SHORTEST: usize = 300;

const HOST_NAME: u8 = 12;
const MAX_HOST_NAME: usize = 63;

pub fn answer(message: &[u8], world: &mut World) -> Option<Vec<u8>> {
    let packet = DhcpPacket::new_checked(message).ok()?;
    let asked = DhcpRepr::parse(&packet).ok()?;
    let addresses = world.settings.addresses;
    let Addresses { guest, gateway, .. } = addresses;
    let message_type = match asked.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        DhcpMessageType::Request => verdict(&asked, &world.settings.addresses)?,
        DhcpMessageType::Inform => DhcpMessageType::Ack,
        _ => return None,
    };
    tell(&packet, &asked, world);
    let is_lease = message_type != DhcpMessageType::Nak && asked.message_type != DhcpMessageType::Inform;
    let reply = DhcpRepr {
        message_type,
        your_ip: if is_lease { guest } else { Ipv4Address::UNSPECIFIED },
        client_ip: Ipv4Address::UNSPECIFIED,
        server_ip: gateway,
        server_identifier: Some(gateway),
        router: Some(gateway),
        subnet_mask: Some(addresses.mask()),
        dns_servers: Some([gateway].into_iter().collect()),
        lease_duration: is_lease.then_some(LEASE),
        requested_ip: None,
        client_identifier: None,
        parameter_request_list: None,
        max_size: None,
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
        ..asked
    };
    let mut bytes = vec![0; reply.buffer_len().max(SHORTEST)];
    reply.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).ok()?;
    Some(bytes)
}

/// Whether the address that a client wants is the one there is. Silence when it means another server.
fn verdict(asked: &DhcpRepr<'_>, addresses: &Addresses) -> Option<DhcpMessageType> {
    if asked.server_identifier.is_some_and(|server| server != addresses.gateway) {
        return None;
    }
    let wanted = asked.requested_ip.unwrap_or(asked.client_ip);
    Some(if wanted == addresses.guest { DhcpMessageType::Ack } else { DhcpMessageType::Nak })
}

fn tell(packet: &DhcpPacket<&[u8]>, asked: &DhcpRepr<'_>, world: &mut World) {
    let host_name = packet.options().find(|option| option.kind == HOST_NAME);
    let host_name = host_name.map(|option| {
        String::from_utf8_lossy(&option.data[..option.data.len().min(MAX_HOST_NAME)]).into_owned()
    });
    let EthernetAddress(client) = asked.client_hardware_address;
    let client: Vec<String> = client.iter().map(|byte| format!("{byte:02x}")).collect();
    let message = format!("{:?}", asked.message_type).to_lowercase();
    world.tell(Event::Dhcp { message, client: client.join(":"), host_name });
}
