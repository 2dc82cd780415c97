//! Which package is chosen, and what its command is.

use store::sandbox::Sample;

use super::*;

fn task(name: &str, file_type: &str, package: Option<&str>, options: &str) -> Task {
    Task {
        category: Category::File,
        target: format!("/uploads/1/{name}"),
        package: package.map(String::from),
        options: Some(options.into()),
        sample_id: Some(1),
        sample: Some(Sample { id: 1, digests: crate::example::digests(file_type) }),
        ..crate::example::task()
    }
}

fn chosen(name: &str, file_type: &str, package: Option<&str>) -> &'static str {
    Plan::of(&task(name, file_type, package, ""), None).package
}

#[test]
fn the_real_type_goes_before_the_name_and_the_wish_before_both() {
    let elf = "ELF 64-bit LSB pie executable, x86-64, version 1 (SYSV)";
    assert_eq!(chosen("invoice.pdf", elf, None), "elf");
    assert_eq!(chosen("x", "Bourne-Again shell script, ASCII text executable", None), "shell");
    assert_eq!(chosen("x", "Python script, ASCII text executable", None), "python");
    assert_eq!(chosen("x.pl", "ASCII text", None), "perl");
    assert_eq!(chosen("x.js", "ASCII text", None), "js");
    assert_eq!(chosen("x.jar", "Zip archive data, at least v2.0 to extract", None), "jar");
    assert_eq!(chosen("x.deb", "Debian binary package (format 2.0)", None), "deb");
    assert_eq!(chosen("x.bin", "Zip archive data, at least v2.0 to extract", None), "archive");
    assert_eq!(chosen("x.bin", "POSIX tar archive (GNU)", None), "archive");
    assert_eq!(chosen("bill.docx", "Microsoft Word 2007+", None), "generic");
    assert_eq!(chosen("x", elf, Some("bash")), "shell");
    assert_eq!(chosen("x", elf, Some("nonsense")), "elf");
}

#[test]
fn a_package_that_is_not_there_is_told() {
    let said = |task: &Task| Plan::of(task, None).not_as_asked(task);
    let file = |package| task("x.py", "Python script, ASCII text executable", package, "");
    for known in [None, Some("python"), Some("py"), Some("generic")] {
        assert_eq!(said(&file(known)), None, "{known:?}");
    }
    let text = said(&file(Some("dll"))).unwrap();
    assert!(text.starts_with("the package dll is not known: python is used, of deb, elf, jar"), "{text}");
    let url = |package: &'static str| Task { category: Category::Url, ..file(Some(package)) };
    assert_eq!((said(&url("ie")), said(&url("url"))), (None, None));
    assert_eq!(said(&url("python")).unwrap(), "the package python is not known: url is used, of url");
}

#[test]
fn options_shape_the_command() {
    let options =
        r#"arguments=-x "two words" 'a\b' c\ d "",environment=A=1 B="x y",curdir=/var/tmp,root=yes"#;
    let plan = Plan::of(&task("a b.sh", "x", Some("sh"), options), None);
    assert_eq!(plan.command, ["/bin/bash", "/tmp/a b.sh", "-x", "two words", "a\\b", "c d", ""]);
    assert_eq!(plan.environment, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x y".to_owned())]);
    assert_eq!((&*plan.folder, plan.as_root, &*plan.path), ("/var/tmp", true, "/tmp/a b.sh"));
}

#[test]
fn an_attachment_is_opened_as_what_it_is() {
    let member = Chosen {
        name: "invoice.pdf".into(),
        file: tempfile::tempfile().unwrap(),
        length: 0,
        file_type: "Python script, ASCII text executable".into(),
    };
    let plan = Plan::of(&task("mail.eml", "ASCII text", None, "filename=invoice.pdf"), Some(&member));
    assert_eq!((plan.package, &*plan.path), ("python", "/tmp/invoice.pdf"));
}
