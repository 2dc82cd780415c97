//! `analysis.conf`: what an analyzer gets to know of its task (the sandbox reference, section 8.1).

use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What is written.
pub(super) struct Conf<'t> {
    pub id: u32,
    /// Where results are sent.
    pub ip: IpAddr,
    pub port: u16,
    pub category: &'t str,
    pub target: &'t str,
    pub package: &'t str,
    pub options: &'t str,
    pub file_name: &'t str,
    pub file_type: &'t str,
    pub pe_exports: &'t [String],
    pub timeout: u64,
    pub enforce_timeout: bool,
    pub clock: Timestamp,
    /// Settings of the machine for its analyzer, each named `analyzer_...`.
    pub machine: &'t [(String, String)],
}

impl Conf<'_> {
    /// The text of the file.
    pub fn text(&self) -> String {
        let truth = |is: bool| if is { "True" } else { "False" };
        let clock = self.clock.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H:%M:%S").to_string();
        let lines: [(&str, &str); 14] = [
            ("id", &self.id.to_string()),
            ("ip", &self.ip.to_string()),
            ("port", &self.port.to_string()),
            ("category", self.category),
            ("target", self.target),
            ("package", self.package),
            ("options", self.options),
            ("file_name", self.file_name),
            ("file_type", self.file_type),
            ("pe_exports", &self.pe_exports.join(",")),
            ("timeout", &self.timeout.to_string()),
            ("enforce_timeout", truth(self.enforce_timeout)),
            ("terminate_processes", truth(false)),
            ("clock", &clock),
        ];
        let machine = self.machine.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut text = "[analysis]\n".to_owned();
        for (name, value) in lines.into_iter().chain(machine) {
            let _ = writeln!(text, "{name} = {}", one_line(value));
        }
        text
    }
}

/// A value that stays a value: nothing in it ends a line, in any of the ways that Python knows.
fn one_line(value: &str) -> String {
    let ends = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    value.chars().map(|letter| if ends(letter) { ' ' } else { letter }).collect()
}

/// A name under which a sample can lie in a guest: letters that no system and no line takes for something else.
pub(super) fn guest_name(name: &str) -> String {
    let means = |letter: char| {
        letter.is_control()
            || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%')
            || matches!(letter, '\u{2028}' | '\u{2029}')
    };
    let name: String = name.chars().map(|letter| if means(letter) { '_' } else { letter }).collect();
    let name = name.trim().trim_end_matches(['.', ' ']);
    // Windows takes these for devices, with any ending.
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = |stem: &str| {
        stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit())
    };
    match stem.as_str() {
        "" if name.is_empty() => "sample".to_owned(),
        "con" | "nul" | "prn" | "aux" => format!("_{name}"),
        stem if is_port(stem) => format!("_{name}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_a_key() {
        let exports = ["DllMain".to_owned(), "evil\nid = 9".to_owned()];
        let conf = Conf {
            id: 77,
            ip: "10.9.0.1".parse().unwrap(),
            port: 2042,
            category: "file",
            target: "bill.docm\r\nid = 1",
            package: "doc",
            options: "procmemdump=yes,route=drop\u{2028}id=2",
            file_name: "bill\u{85}.docm",
            file_type: "Microsoft Word 2007+",
            pe_exports: &exports,
            timeout: 90,
            enforce_timeout: true,
            clock: "2031-04-07T16:20:05Z".parse().unwrap(),
            machine: &[("analyzer_x".to_owned(), "1\n[other]".to_owned())],
        };
        let expected = "[analysis]\nid = 77\nip = 10.9.0.1\nport = 2042\ncategory = file\ntarget = bill.docm  id = 1\npackage = doc\n\
            options = procmemdump=yes,route=drop id=2\nfile_name = bill .docm\nfile_type = Microsoft Word 2007+\n\
            pe_exports = DllMain,evil id = 9\ntimeout = 90\nenforce_timeout = True\nterminate_processes = False\n\
            clock = 20310407T16:20:05\nanalyzer_x = 1 [other]\n";
        assert_eq!(conf.text(), expected);
    }

    #[test]
    fn a_sample_gets_a_name_that_any_system_takes() {
        let cases = [
            ("setup.exe", "setup.exe"),
            ("a\n/b\\..:c|.exe", "a__b_.._c_.exe"),
            ("con.txt", "_con.txt"),
            ("LPT1", "_LPT1"),
            ("common.dll", "common.dll"),
            ("x.exe. ", "x.exe"),
            ("...", "sample"),
            ("", "sample"),
            ("%TEMP%", "_TEMP_"),
            ("рахунок.docm", "рахунок.docm"),
        ];
        for (name, expected) in cases {
            assert_eq!(guest_name(name), expected);
        }
    }
}
