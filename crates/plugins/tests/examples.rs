//! Every example of every function and plugin, run.

mod common;

use common::run;
use vql::call::{Example, Signature};

/// Callables whose results depend on the world so much that no example can be exact; each is tested elsewhere.
const WITHOUT_EXAMPLE: &[&str] = &[
    "diff",             // never ends: tests/events.rs
    "fifo",             // needs time to pass: tests/events.rs
    "glob",             // finds files of the host: tests/glob.rs
    "http_client",      // needs a server: tests/http_client.rs
    "logging",          // needs a server: tests/events.rs
    "mail",             // needs a server: tests/network.rs
    "parallelize",      // needs a server: tests/server.rs
    "netcat",           // needs a server: tests/network.rs
    "rsyslog",          // needs a server: tests/network.rs
    "secret_add",       // needs a server: tests/clients
    "secret_modify",    // needs a server: tests/clients
    "secrets",          // needs a server: tests/clients
    "geoip",            // needs a database: tests/parsers.rs
    "parse_journald",   // needs a journal: tests/journald.rs
    "parse_pkcs7",      // needs signed data: tests/parsers.rs
    "parse_x509",       // needs a certificate: tests/parsers.rs
    "sql",              // needs a database: tests/sqlite.rs, tests/postgres.rs
    "sqlite",           // needs a database: tests/sqlite.rs
    "elastic_upload",   // needs a server: tests/uploads.rs
    "logscale_upload",  // needs a server: tests/uploads.rs
    "splunk_upload",    // needs a server: tests/uploads.rs
    "upload_azure",     // needs a server: tests/uploads.rs
    "upload_s3",        // needs a server: tests/uploads.rs
    "upload_webdav",    // needs a server: tests/uploads.rs
    "watch_monitoring", // needs a server
    "xattr",            // needs a file with attributes: tests/files.rs
    // These need the event queues of a server: tests/events.rs.
    // These need the event queues of a server: tests/event_queues.rs.
    "delete_events",
    "monitoring",
    "audit",                   // never ends: tests/audit.rs
    "watch_auditd",            // never ends: tests/watching.rs
    "watch_csv",               // never ends: tests/watching.rs
    "watch_journald",          // never ends: tests/journald.rs
    "watch_jsonl",             // never ends: tests/watching.rs
    "watch_syslog",            // never ends: tests/watching.rs
    "process_tracker_updates", // never ends: tests/processes.rs
    // These read files of Windows, or the memory of a process: tests/evidence.rs.
    "olevba",
    "parse_evtx",
    "parse_mft",
    "parse_usn",
    "prefetch",
    "proc_yara",
    "read_reg_key",
    // These change or show the state of a server: tests/server.rs.
    "monitoring_logs",
    "create_flow_download",
    "add_server_monitoring",
    "get_server_monitoring",
    "rm_server_monitoring",
    "set_server_monitoring",
    "artifact_delete",
    "artifact_set",
    "artifact_set_metadata",
    "cancel_flow",
    "collect_client",
    "delete_flow",
    "enumerate_flow",
    "flow_logs",
    "flow_results",
    "flows",
    "get_flow",
    "send_event",
    "source",
    "upload",
    "uploads",
    // Clients and their metadata: tests/clients.rs.
    "client_create",
    "client_delete",
    "client_info",
    "client_metadata",
    "client_set_metadata",
    "clients",
    "label",
    "server_metadata",
    "server_set_metadata",
    // tests/hunts.rs.
    "hunt",
    "hunt_add",
    "hunt_delete",
    "hunt_flows",
    "hunt_info",
    "hunt_results",
    "hunt_update",
    "hunts",
    // tests/user_records.rs.
    "favorites_delete",
    "favorites_list",
    "favorites_save",
    "gui_users",
    "org",
    "orgs",
    "user",
    "user_create",
    "user_delete",
    "user_grant",
    "user_message",
    "user_messages",
    "user_options",
];

fn check(signature: &Signature, example: &Example, query: &str, wanted: &str, failures: &mut Vec<String>) {
    let outcome = run(query);
    if outcome.rows != wanted {
        let (name, title) = (signature.name, example.title);
        failures.push(format!(
            "{name} ({title}):\n  wanted {wanted}\n  got    {}\n  log {:?}",
            outcome.rows, outcome.log
        ));
    }
}

#[test]
fn examples_give_what_they_say() {
    let mut failures = Vec::new();
    let registry = plugins::registry();
    for function in registry.functions() {
        for example in function.signature.examples {
            let query = format!("SELECT {} AS X FROM scope()", example.vql);
            let wanted = format!(r#"[{{"X":{}}}]"#, example.result);
            check(&function.signature, example, &query, &wanted, &mut failures);
        }
    }
    for plugin in registry.plugins() {
        for example in plugin.signature.examples {
            check(&plugin.signature, example, example.vql, example.result, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn everything_has_an_example() {
    let registry = plugins::registry();
    let functions = registry.functions().into_iter().map(|f| ("function", f.signature));
    let plugins = registry.plugins().into_iter().map(|p| ("plugin", p.signature));
    let lacking: Vec<String> = functions
        .chain(plugins)
        .filter(|(_, s)| s.examples.is_empty() && !WITHOUT_EXAMPLE.contains(&s.name))
        .map(|(kind, s)| format!("{kind} {}", s.name))
        .collect();
    assert!(lacking.is_empty(), "without an example: {}", lacking.join(", "));
}

#[test]
fn everything_is_documented() {
    let registry = plugins::registry();
    let functions = registry.functions().into_iter().map(|f| f.signature);
    let signatures = functions.chain(registry.plugins().into_iter().map(|p| p.signature));
    for signature in signatures {
        assert!(signature.doc.ends_with('.'), "{}: {:?}", signature.name, signature.doc);
        for arg in signature.args {
            assert!(!arg.doc.is_empty(), "{}({}=)", signature.name, arg.name);
        }
    }
}
