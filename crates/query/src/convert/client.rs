//! Clients.

use proto::{AgentInformation, ApiClient, Uname};
use store::client::Client;

pub fn client(client: &Client) -> ApiClient {
    let client = client.clone();
    let (agent, os) = (client.agent_information, client.os_info);
    ApiClient {
        client_id: client.client_id,
        agent_information: Some(AgentInformation {
            version: agent.version,
            name: agent.name,
            build_time: agent.build_time,
            build_url: agent.build_url,
        }),
        os_info: Some(Uname {
            system: os.system,
            hostname: os.hostname,
            release: os.release,
            machine: os.machine,
            fqdn: os.fqdn,
            mac_addresses: os.mac_addresses,
        }),
        first_seen_at: client.first_seen_at,
        last_seen_at: client.last_seen_at,
        last_ip: client.last_ip,
        last_interrogate_flow_id: client.last_interrogate_flow_id,
        last_interrogate_artifact_name: client.last_interrogate_artifact_name,
        labels: client.labels,
        last_hunt_timestamp: client.last_hunt_timestamp,
        last_event_table_version: client.last_event_table_version,
        last_label_timestamp: client.last_label_timestamp,
        in_flight_flows: client.in_flight_flows.into_iter().collect(),
    }
}
