//! Which functions of Windows are about what.

use super::{Rule, When};

const CREATES: &[&str] = &["NtCreateFile", "NtOpenFile"];
const OPENS_KEY: &[&str] = &[
    "NtOpenKey",
    "NtOpenKeyEx",
    "NtCreateKey",
    "RegOpenKeyExA",
    "RegOpenKeyExW",
    "RegCreateKeyExA",
    "RegCreateKeyExW",
];
const READS_KEY: &[&str] = &["NtQueryValueKey", "RegQueryValueExA", "RegQueryValueExW"];
const WRITES_KEY: &[&str] = &["NtSetValueKey", "RegSetValueExA", "RegSetValueExW"];
const DELETES_KEY: &[&str] = &[
    "NtDeleteKey",
    "NtDeleteValueKey",
    "RegDeleteKeyA",
    "RegDeleteKeyW",
    "RegDeleteValueA",
    "RegDeleteValueW",
];
const ATTRIBUTES: &[&str] = &["GetFileAttributesW", "GetFileAttributesExW", "NtQueryAttributesFile"];

const fn rule(
    apis: &'static [&'static str],
    when: When,
    group: &'static str,
    argument: &'static str,
) -> Rule {
    Rule { apis, when, group, argument }
}

pub(super) const RULES: &[Rule] = &[
    rule(CREATES, When::Created, "file_created", "filepath"),
    rule(CREATES, When::Existed, "file_opened", "filepath"),
    rule(CREATES, When::Failed, "file_failed", "filepath"),
    rule(&["NtReadFile"], When::Succeeded, "file_read", "filepath"),
    rule(&["NtWriteFile"], When::Succeeded, "file_written", "filepath"),
    rule(&["DeleteFileW", "NtDeleteFile"], When::Succeeded, "file_deleted", "filepath"),
    rule(ATTRIBUTES, When::Succeeded, "file_exists", "filepath"),
    rule(&["CreateDirectoryW", "CreateDirectoryExW"], When::Succeeded, "directory_created", "dirpath"),
    rule(&["RemoveDirectoryA", "RemoveDirectoryW"], When::Succeeded, "directory_removed", "dirpath"),
    rule(&["FindFirstFileExA", "FindFirstFileExW"], When::Succeeded, "directory_enumerated", "filepath"),
    rule(OPENS_KEY, When::Succeeded, "regkey_opened", "regkey"),
    rule(READS_KEY, When::Succeeded, "regkey_read", "regkey"),
    rule(WRITES_KEY, When::Succeeded, "regkey_written", "regkey"),
    rule(DELETES_KEY, When::Succeeded, "regkey_deleted", "regkey"),
    rule(&["LdrLoadDll"], When::Succeeded, "dll_loaded", "module_name"),
    rule(&["NtCreateMutant"], When::Always, "mutex", "mutant_name"),
    rule(&["CreateProcessInternalW"], When::Always, "command_line", "command_line"),
    rule(&["CoCreateInstance"], When::Always, "guid", "clsid"),
    rule(
        &["getaddrinfo", "GetAddrInfoW", "gethostbyname", "DnsQuery_A", "DnsQuery_W"],
        When::Always,
        "resolves_host",
        "hostname",
    ),
    rule(&["InternetConnectA", "InternetConnectW"], When::Always, "connects_host", "hostname"),
    rule(&["connect", "ConnectEx"], When::Always, "connects_ip", "ip_address"),
    rule(&["InternetOpenUrlA", "InternetOpenUrlW"], When::Always, "fetches_url", "url"),
    rule(&["URLDownloadToFileW"], When::Always, "downloads_file", "url"),
];
