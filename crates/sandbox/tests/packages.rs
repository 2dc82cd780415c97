//! A benign program for each package, in real machines: what it did has to be in the report, all of it.
//!
//! The programs lie in `programs/` and all do the same: tell the date, leave a file, write another and delete it, start a process,
//! resolve two names, and ask one over HTTP and one over HTTPS.

#[allow(dead_code)] // Of the tests of guests.
mod common;
mod server;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use server::Server;

/// Not a test of its own: what answers the machines of the tests below, in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

const SHELL: &str = include_str!("programs/sample.sh");
const PYTHON: &str = include_str!("programs/sample.py");
const PERL: &str = include_str!("programs/sample.pl");
const JAVASCRIPT: &str = include_str!("programs/sample.js");
/// `Sample.java` beside it, by `javac --release 11`.
const CLASS: &[u8] = include_bytes!("programs/Sample.class");
const CLOCK: (&str, &str) = ("clock", "04-07-2031 16:20:05");

/// A sample, the package that has to be chosen for it, and options.
struct Case {
    name: &'static str,
    content: Vec<u8>,
    package: &'static str,
    options: &'static str,
    /// A word of a command line that only this package brings.
    command: &'static str,
}

impl Case {
    fn new(
        name: &'static str,
        content: impl Into<Vec<u8>>,
        package: &'static str,
        command: &'static str,
    ) -> Self {
        Self { name, content: content.into(), package, options: "", command }
    }
}

/// Runs all samples on two machines and checks that each did what the programs do.
async fn all_behave(server: &Server, cases: Vec<Case>) {
    let mut tasks = Vec::new();
    for case in &cases {
        let fields = [CLOCK, ("options", case.options), ("timeout", "150")];
        tasks.push(server.submit(case.name, &case.content, &fields).await);
    }
    for (task, case) in tasks.into_iter().zip(cases) {
        behaved(server, task, &case).await;
    }
}

async fn behaved(server: &Server, task: u64, case: &Case) {
    let shown = server.ended(task).await;
    let log = server.file(task, "analysis.log");
    let output = server.file(task, "logs/stdout.txt");
    let all = || format!("{}: {log}\n{output}\n{}", case.name, server.file(task, "logs/stderr.txt"));
    assert_eq!(shown["errors"], json!([]), "{}", all());
    assert!(log.contains(&format!("the package is {}\n", case.package)), "{}", all());
    assert!(output.contains("clock 2031-04-07\n"), "{}", all());
    let report = server.report(task).await;
    let behavior = &report["behavior"];
    let summary = |group: &str, entry: &str| {
        behavior["summary"][group].as_array().is_some_and(|list| list.iter().any(|one| one == entry))
    };
    for (group, entry) in [
        ("file_created", "/tmp/kept.txt"),
        ("file_written", "/tmp/kept.txt"),
        ("file_written", "/tmp/deleted.txt"),
        ("file_deleted", "/tmp/deleted.txt"),
        ("resolves_host", "plain.example"),
        ("resolves_host", "secret.example"),
        ("connects_host", "plain.example"),
        ("connects_host", "secret.example"),
    ] {
        assert!(summary(group, entry), "{group} {entry}: {:#}\n{}", behavior["summary"], all());
    }
    let processes = behavior["processes"].as_array().unwrap();
    let commands: Vec<&str> =
        processes.iter().map(|process| process["command_line"].as_str().unwrap()).collect();
    assert!(commands.iter().any(|command| command.contains(case.command)), "{commands:?}");
    assert!(processes.len() >= 2 && behavior["processtree"][0]["children"] != json!([]), "{commands:?}");
    let dropped = report["dropped"].as_array().unwrap();
    for (path, size) in [("/tmp/kept.txt", 5), ("/tmp/deleted.txt", 8)] {
        let found = dropped.iter().find(|file| file["filepath"] == path);
        let found = found.unwrap_or_else(|| panic!("{path} of {}: {dropped:#?}", case.name));
        assert_eq!((&found["size"], found["pids"] != json!([])), (&json!(size), true), "{found:#}");
    }
    let network = &report["network"];
    let asked = |name: &str| network["dns"].as_array().unwrap().iter().any(|dns| dns["request"] == name);
    assert!(asked("plain.example") && asked("secret.example"), "{:#}", network["dns"]);
    for (list, host) in [("http_ex", "plain.example"), ("https_ex", "secret.example")] {
        let entries = network[list].as_array().unwrap();
        let request = entries.iter().find(|entry| entry["host"] == host && entry["uri"] == "/request");
        assert_eq!(request.unwrap_or_else(|| panic!("{list}: {network:#}\n{}", all()))["status"], 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_scripts_are_reported_whole() {
    let Some(server) = Server::start(2).await else { return };
    let cases = vec![
        Case::new("sample.sh", SHELL, "shell", "/bin/bash /tmp/sample.sh"),
        Case::new("sample.py", PYTHON, "python", "/usr/bin/python3 /tmp/sample.py"),
        Case::new("sample.pl", PERL, "perl", "/usr/bin/perl /tmp/sample.pl"),
        Case::new("sample", program(), "elf", "/tmp/sample"),
        Case::new("sample.deb", debian_package(), "deb", "dpkg --install -- /tmp/sample.deb"),
        // Opened as what it is, though nothing says so.
        Case { options: "package=generic", ..Case::new("unknown.bin", SHELL, "shell", "/tmp/unknown.bin") },
    ];
    all_behave(&server, cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_archives_and_mails_are_reported_whole() {
    let Some(server) = Server::start(2).await else { return };
    let tar = tar("inner/sample.sh", SHELL);
    let cases = vec![
        Case::new("sample.tar", tar.clone(), "archive", "tar -xf /tmp/sample.tar"),
        Case::new("sample.tgz", gz(&tar), "archive", "tar -xf /tmp/sample.tgz"),
        Case::new("sample.sh.gz", gz(SHELL.as_bytes()), "archive", "7z x -y -p -o"),
        Case::new("sample.zip", zip("sample.py", PYTHON, "infected"), "archive", "-pinfected"),
        Case {
            options: "password=rare,file=b.sh",
            ..Case::new(
                "rare.7z",
                seven_zip(&[("a.sh", "touch /tmp/wrong"), ("b.sh", SHELL)]),
                "archive",
                "-prare",
            )
        },
        Case::new("invoice.eml", mail("invoice.sh", SHELL), "archive", "/tmp/invoice.eml"),
    ];
    all_behave(&server, cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_of_a_submission_runs_by_itself() {
    let Some(server) = Server::start(2).await else { return };
    // What lies beside a program in an archive is there; an attachment is opened alone, under its name.
    let (first, second) = ("cat räk.txt; echo 1 $0", "#!/bin/sh\necho 2 $0");
    let archive = seven_zip(&[("first.sh", first), ("räk.txt", "beside\n"), ("zwei ä.sh", second)]);
    let script = "#!/bin/sh\necho attached as $0; ls /tmp\n";
    let cases = [
        ("both.7z", archive, "password=rare", vec!["beside\n1 ./first.sh\n", "2 ./zwei ä.sh\n"]),
        ("bill.eml", mail("bill.sh", script), "", vec!["attached as /tmp/bill.sh\nbill.sh\n"]),
        (
            "bill.msg",
            message("..\\räk, neu.sh", script),
            "",
            vec!["attached as /tmp/räk_ neu.sh\nräk_ neu.sh\n"],
        ),
    ];
    let mut all = Vec::new();
    for (name, content, options, outputs) in cases {
        let tasks = server.submit_members(name, content, options).await;
        assert_eq!(tasks.len(), outputs.len(), "{name}");
        all.extend(tasks.into_iter().zip(outputs).map(|(task, output)| (name, task, output)));
    }
    for (name, task, expected) in all {
        let shown = server.ended(task).await;
        let log = server.file(task, "analysis.log");
        assert_eq!((&shown["errors"], &shown["category"]), (&json!([]), &json!("archive")), "{name}: {log}");
        let output = server.file(task, "logs/stdout.txt");
        assert!(output.ends_with(expected), "{name}: {output}\n{log}");
        assert_eq!(server.report(task).await["target"]["file"]["name"], name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_for_interpreters_of_larger_images_are_reported_whole() {
    let packages = ["nodejs", "openjdk-17-jre-headless"];
    if common::guest("languages", &packages).is_none() {
        return;
    }
    let Some(server) = Server::start_with(2, "languages").await else { return };
    let jar = jar();
    let cases = vec![
        Case::new("sample.js", JAVASCRIPT, "js", "/usr/bin/node /tmp/sample.js"),
        Case::new("sample.jar", jar.clone(), "jar", "/usr/bin/java -jar /tmp/sample.jar"),
        Case {
            options: "class=Sample",
            ..Case::new("other.jar", jar, "jar", "java -cp /tmp/other.jar Sample")
        },
    ];
    all_behave(&server, cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_fetched_and_a_document_is_opened() {
    let Some(server) = Server::start(2).await else { return };
    let page = server.submit_url("https://secret.example/landing.html", &[CLOCK]).await;
    let document = server.submit("notes.txt", "nothing but words\n", &[CLOCK]).await;
    let script = server.submit("sample.js", JAVASCRIPT, &[]).await;
    let shown = server.ended(page).await;
    assert_eq!((&shown["errors"], &shown["category"]), (&json!([]), &json!("url")), "{shown:#}");
    let report = server.report(page).await;
    let requests = report["network"]["https_ex"].as_array().unwrap();
    assert!(requests.iter().any(|one| one["host"] == "secret.example" && one["uri"] == "/landing.html"));
    let dropped = report["dropped"].as_array().unwrap();
    let file =
        |path: &str| dropped.iter().find(|file| file["filepath"] == path).unwrap_or_else(|| panic!("{path}"));
    assert!(
        file("/tmp/page.html")["size"].as_u64().unwrap() > 0 && file("/tmp/headers.txt")["pids"] != json!([])
    );
    let summary = &report["behavior"]["summary"];
    assert_eq!(summary["fetches_url"], json!(["https://secret.example/landing.html"]));
    assert_eq!(summary["downloads_file"], json!(["https://secret.example/landing.html"]));
    let shown = server.ended(document).await;
    assert_eq!(shown["errors"], json!([]));
    assert!(server.file(document, "analysis.log").contains("the package is generic"));
    assert!(server.file(document, "logs/stderr.txt").contains("read, not opened"));
    let read = server.report(document).await["behavior"]["summary"]["file_read"].clone();
    assert!(read.as_array().unwrap().contains(&json!("/tmp/notes.txt")), "{read}");
    // This image has no Node.
    let shown = server.ended(script).await;
    let errors = shown["errors"].to_string();
    assert!(errors.contains("/usr/bin/node") && errors.contains("--package nodejs"), "{errors}");
}

const STAYS: &str = "#!/bin/sh
printf '#!/bin/sh\\necho started > /root/proof\\n' > /usr/local/bin/stays
chmod 755 /usr/local/bin/stays
echo '@reboot root /usr/local/bin/stays' > /etc/cron.d/stays
echo 'echo logged in > /home/guest/proof' > /home/guest/.profile
chown guest /home/guest/.profile
echo '@reboot root touch /root/wrong' > /etc/cron.d/removed
rm /etc/cron.d/removed
";

#[tokio::test(flavor = "multi_thread")]
async fn what_installs_itself_starts_after_a_reboot() {
    let Some(server) = Server::start(1).await else { return };
    let first = server.submit("stays.sh", STAYS, &[("options", "root=yes")]).await;
    assert_eq!(server.ended(first).await["errors"], json!([]));
    let answer = server.json(&format!("tasks/reboot/{first}")).await;
    assert_eq!((&answer["task_id"], &answer["reboot_id"]), (&json!(first), &json!(first + 1)));
    let second = server.ended(first + 1).await;
    let told = || format!("{second:#}\n{}", server.file(first + 1, "logs/stdout.txt"));
    assert_eq!((&second["package"], &second["custom"]), (&json!("reboot"), &json!(first.to_string())));
    assert_eq!(second["errors"], json!([]), "{}", told());
    let report = server.report(first + 1).await;
    let dropped = report["dropped"].as_array().unwrap();
    let content = |path: &str| {
        let file = dropped.iter().find(|file| file["filepath"] == path);
        let file = file.unwrap_or_else(|| panic!("{path}: {dropped:#?}\n{}", told()));
        server.file(first + 1, &format!("files/{}", file["name"].as_str().unwrap()))
    };
    assert_eq!((&*content("/root/proof"), &*content("/home/guest/proof")), ("started\n", "logged in\n"));
    assert!(dropped.iter().all(|file| file["filepath"] != "/root/wrong"), "{dropped:#?}");
    // Once is all that its files tell of.
    assert_eq!(server.get(&format!("tasks/reboot/{}", first + 1)).await.status(), 404);
}

fn program() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (source, program) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/sample.c"), dir.path().join("sample"));
    // The guest's C library is older than some hosts'.
    let status = Command::new("cc").arg("-static").arg("-o").arg(&program).arg(source).status().unwrap();
    assert!(status.success());
    std::fs::read(program).unwrap()
}

fn debian_package() -> Vec<u8> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str, mode| {
        let path = dir.path().join("tree").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    put(
        "DEBIAN/control",
        "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: A sample\n",
        0o644,
    );
    put("DEBIAN/postinst", "#!/bin/sh\ntouch /opt/installed\n", 0o755);
    put("usr/bin/sample", SHELL, 0o755);
    let target = dir.path().join("sample.deb");
    let built = Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .arg(dir.path().join("tree"))
        .arg(&target)
        .output();
    assert!(built.unwrap().status.success());
    std::fs::read(target).unwrap()
}

fn tar(name: &str, content: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    archive.into_inner().unwrap()
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn jar() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let manifest = "Manifest-Version: 1.0\nMain-Class: Sample\n".as_bytes();
    for (name, content) in [("META-INF/MANIFEST.MF", manifest), ("Sample.class", CLASS)] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// By the only program that writes them.
fn seven_zip(members: &[(&str, &str)]) -> Vec<u8> {
    packed("sample.7z", &["-prare", "-mhe=on"], members)
}

fn zip(name: &str, content: &str, password: &str) -> Vec<u8> {
    packed("sample.zip", &["-tzip", &format!("-p{password}")], &[(name, content)])
}

fn packed(name: &str, options: &[&str], members: &[(&str, &str)]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut call = Command::new("7z");
    call.current_dir(dir.path()).arg("a").args(options).arg(name);
    for (member, content) in members {
        std::fs::write(dir.path().join(member), content).unwrap();
        call.arg(member);
    }
    let made = call.output().expect("7z, which `cargo xtask setup` installs");
    assert!(made.status.success(), "{made:?}");
    std::fs::read(dir.path().join(name)).unwrap()
}

fn mail(name: &str, content: &str) -> Vec<u8> {
    use base64::Engine as _;
    let attached = base64::engine::general_purpose::STANDARD.encode(content);
    let head = "From: a@example.org\r\nTo: b@example.org\r\nSubject: invoice\r\nMIME-Version: 1.0\r\n";
    format!(
        "{head}Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\nplease pay\r\n\
         --part\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{attached}\r\n--part--\r\n"
    )
    .into_bytes()
}

/// A mail as Outlook keeps it.
fn message(name: &str, content: &str) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    file.create_stream("/__properties_version1.0").unwrap().write_all(&[0; 32]).unwrap();
    let folder = "/__attach_version1.0_#00000000";
    file.create_storage(folder).unwrap();
    for (stream, content) in [("3707001F", &name[..]), ("37010102", content.as_bytes())] {
        let path = format!("{folder}/__substg1.0_{stream}");
        file.create_stream(path).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}
