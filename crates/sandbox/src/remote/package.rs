//! Which package of an analyzer runs a sample (the sandbox reference, section 12.3).

use super::machine::Platform;

/// What a DLL must export to be a COM server.
const COM: [&str; 5] =
    ["DllInstall", "DllCanUnloadNow", "DllGetClassObject", "DllRegisterServer", "DllUnregisterServer"];

/// What is known of a sample.
pub(super) struct Facts<'s> {
    pub is_url: bool,
    pub file_type: &'s str,
    pub file_name: &'s str,
    pub exports: &'s [String],
}

/// A row: parts of the type, endings of the name, and what both stand for.
type Row = (&'static [&'static str], &'static [&'static str], &'static str);

const ROWS: &[Row] = &[
    (&["PE32", "MS-DOS"], &[], "exe"),
    (&["PDF"], &[".pdf"], "pdf"),
    (&[], &[".pub"], "pub"),
    (&["Hangul"], &[".hwp"], "hwp"),
    (
        &["Rich Text Format", "Microsoft Word", "Microsoft Office Word"],
        &[".doc", ".docx", ".rtf", ".docm"],
        "doc",
    ),
    (
        &["Microsoft Excel", "Microsoft Office Excel"],
        &[".xls", ".xlsx", ".xlt", ".xlsm", ".iqy", ".slk"],
        "xls",
    ),
    (
        &["Microsoft PowerPoint", "Microsoft Office PowerPoint"],
        &[".ppt", ".pptx", ".pps", ".ppsx", ".pptm", ".potm", ".potx", ".ppsm"],
        "ppt",
    ),
    (&[], &[".jar"], "jar"),
    (&[], &[".hta"], "hta"),
    (&["Zip"], &[], "zip"),
    (&["Python script"], &[".py", ".pyc"], "python"),
    (&[], &[".vbs"], "vbs"),
    (&[], &[".js"], "js"),
    (&[], &[".jse"], "jse"),
    (&[], &[".msi"], "msi"),
    (&[], &[".ps1"], "ps1"),
    (&[], &[".wsf", ".wsc"], "wsf"),
    (&["HTML"], &[".htm", ".html", ".mht", ".mhtml", ".url"], "ie"),
];

/// The package; the first that fits. Only on Windows there is more than one.
pub(super) fn choose(platform: Platform, facts: &Facts<'_>) -> &'static str {
    if platform != Platform::Windows {
        return "generic";
    }
    if facts.is_url {
        return "ie";
    }
    let name = facts.file_name.to_ascii_lowercase();
    if facts.file_type.contains("DLL") {
        let is_com = COM.iter().all(|wanted| facts.exports.iter().any(|export| export == wanted));
        return if name.ends_with(".cpl") {
            "cpl"
        } else if is_com {
            "com"
        } else {
            "dll"
        };
    }
    let fits = |(types, endings, _): &&Row| {
        types.iter().any(|part| facts.file_type.contains(part))
            || endings.iter().any(|ending| name.ends_with(ending))
    };
    ROWS.iter().find(fits).map_or("generic", |row| row.2)
}

/// Whether a file of this type and name is one that analyzers of Windows run or open in a way of its own.
pub fn is_known(file_type: &str, name: &str) -> bool {
    let facts = Facts { is_url: false, file_type, file_name: name, exports: &[] };
    !["generic", "zip"].contains(&choose(Platform::Windows, &facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_that_fits_wins() {
        let com: Vec<String> = COM.iter().map(|name| (*name).to_owned()).collect();
        let cases: [(&str, &str, &[String], &str); 12] = [
            ("PE32 executable (DLL) (GUI) Intel 80386", "a.cpl", &com, "cpl"),
            ("PE32 executable (DLL) (GUI) Intel 80386", "a.dll", &com, "com"),
            ("PE32 executable (DLL) (GUI) Intel 80386", "a.dll", &com[1..], "dll"),
            ("PE32+ executable (GUI) x86-64", "a.pdf", &[], "exe"),
            ("data", "A.PDF", &[], "pdf"),
            ("Zip archive data", "a.docx", &[], "doc"),
            ("Zip archive data", "a.bin", &[], "zip"),
            ("Microsoft Excel 2007+", "a", &[], "xls"),
            ("ASCII text", "a.wsc", &[], "wsf"),
            ("ASCII text", "a.jse", &[], "jse"),
            ("HTML document", "a", &[], "ie"),
            ("data", "a", &[], "generic"),
        ];
        for (file_type, file_name, exports, expected) in cases {
            let facts = Facts { is_url: false, file_type, file_name, exports };
            assert_eq!(choose(Platform::Windows, &facts), expected, "{file_type} {file_name}");
            assert_eq!(choose(Platform::Linux, &facts), "generic");
        }
        let url = Facts { is_url: true, file_type: "", file_name: "http://x/a.exe", exports: &[] };
        assert_eq!(choose(Platform::Windows, &url), "ie");
    }
}
