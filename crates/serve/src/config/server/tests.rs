//! Promises of the server's configuration file.

use super::*;

fn keys(text: &str) -> Vec<&str> {
    let top = text.lines().filter(|line| !line.starts_with([' ', '-']));
    top.filter_map(|line| line.split(':').next()).collect()
}

#[test]
fn a_generated_file_has_the_published_order_and_comes_back() {
    let config = ServerConfig::generate().unwrap();
    let text = config.to_yaml();
    let order = [
        "version",
        "Client",
        "API",
        "GUI",
        "CA",
        "Frontend",
        "Datastore",
        "Logging",
        "Monitoring",
        "api_config",
        "obfuscation_nonce",
        "defaults",
    ];
    assert_eq!(keys(&text), order);
    assert!(text.contains("API:\n  bind_address: 127.0.0.1\n  bind_port: 8001\n"));
    assert!(text.contains("  private_key: |\n    -----BEGIN RSA PRIVATE KEY-----\n"));
    let parsed = ServerConfig::parse(&text).unwrap();
    assert_eq!(parsed.config, config);
    assert!(parsed.unknown.is_empty());
    parsed.config.validate().unwrap();
    assert!(!format!("{config:?}").contains("RSA PRIVATE"));
    assert!(parsed.config.authority().is_ok());
}

const SHORT: &str = "API:\n  bind_address: 127.0.0.1\n  bind_port: 8001\nClient:\n  ca_certificate: x\n  nonce: 12\n\
    Frontend:\n  certificate: x\n  private_key: x\nDatastore:\n  location: /data\n";

#[test]
fn a_redacted_and_shortened_file_serves_but_cannot_issue() {
    for ca in ["", "CA:\n", "CA: {}\n", "CA:\n  private_key: ''\n"] {
        let config = ServerConfig::parse(&format!("{SHORT}{ca}")).unwrap().config;
        config.validate().unwrap();
        assert_eq!(config.client.as_ref().unwrap().nonce, "12");
        assert_eq!(config.authority().unwrap_err().to_string(), "Config with valid CA is required");
        assert_eq!(config.certificate_days(), 365);
    }
}

#[test]
fn unknown_keys_are_told_and_missing_ones_refused() {
    let parsed = ServerConfig::parse(&format!("{SHORT}  more: {{a: 1}}\nMail:\n  from: x\n")).unwrap();
    assert_eq!(parsed.unknown, ["Datastore.more", "Mail"]);
    let without = |section: &str| {
        let text = SHORT.replace(section, "Other:");
        ServerConfig::parse(&text).unwrap().config.validate().unwrap_err().to_string()
    };
    assert_eq!(without("API:"), "No API config");
    assert_eq!(without("Client:"), "No Client config");
    let text = SHORT.replace("  nonce: 12\n", "");
    let refused = ServerConfig::parse(&text).unwrap().config.validate().unwrap_err();
    assert_eq!(refused.to_string(), "No Client.nonce configured");
}

#[test]
fn errors_do_not_show_the_file() {
    let text = "CA:\n  private_key: TOPSECRET\nAPI:\n  bind_port: TOPSECRET\n";
    let error = ServerConfig::parse(text).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(!source.contains("private_key: TOP"), "{source}");
    assert!(source.contains("line 4"), "{source}");
}

#[test]
fn clients_are_told_a_name_they_can_reach() {
    let string = |api: &str, hostname: &str| {
        let text = format!("API: {api}\nFrontend: {{hostname: {hostname:?}}}\n");
        ServerConfig::parse(&text).unwrap().config.connection_string()
    };
    assert_eq!(string("{bind_address: 127.0.0.1, hostname: api.x}", "x"), "127.0.0.1:8001");
    assert_eq!(string("{bind_address: 0.0.0.0, bind_port: 9, hostname: api.x}", "x"), "api.x:9");
    assert_eq!(string("{bind_address: 0.0.0.0}", "x"), "x:8001");
    assert_eq!(string("{bind_address: 10.0.0.1}", ""), "10.0.0.1:8001");
    assert_eq!(string("{bind_address: '::'}", ""), "[::]:8001");
    assert_eq!(string("{bind_scheme: unix, bind_address: /run/api.sock}", "x"), "unix:///run/api.sock");
}

#[test]
fn addresses_are_checked() {
    let address = |api: &str| ServerConfig::parse(&format!("API: {api}\n")).unwrap().config.api_address();
    assert_eq!(address("{}").unwrap().to_string(), "127.0.0.1:8001");
    assert_eq!(address("{bind_address: '::1', bind_port: 1}").unwrap().to_string(), "[::1]:1");
    assert!(address("{bind_address: example.com}").is_err());
    assert!(address("{bind_scheme: unix}").is_err());
}

#[test]
fn what_agents_log_is_kept_and_handed_on_as_told() {
    let fleet = |text: &str| {
        let parsed = ServerConfig::parse(&format!("{SHORT}{text}")).unwrap();
        assert!(parsed.unknown.is_empty(), "{:?}", parsed.unknown);
        parsed.config.fleet
    };
    assert_eq!(fleet(""), None);
    let told = fleet("Fleet:\n  destinations:\n  results: {max_age_days: 7}\n").unwrap();
    assert_eq!((told.destinations, told.results.max_age_days, told.results.max_bytes), (None, Some(7), None));
    let told = fleet("Fleet: {destinations: [{name: a, kind: stdout}], max_carve_bytes: 10}\n").unwrap();
    assert_eq!((told.destinations.unwrap()[0]["kind"].as_str(), told.max_carve_bytes), (Some("stdout"), 10));
}

#[test]
fn events_are_kept_for_ever_unless_told() {
    let events = |text: &str| {
        let parsed = ServerConfig::parse(&format!("{SHORT}{text}")).unwrap();
        assert!(parsed.unknown.is_empty());
        parsed.config.events
    };
    assert_eq!(events(""), None);
    let limits = events("Events:\n  max_age_days: 365\n");
    assert_eq!(limits, Some(Events { max_age_days: 365, max_bytes: 0 }));
    assert_eq!(events("Events: {max_bytes: 10000000000}\n").unwrap().max_bytes, 10_000_000_000);
}
