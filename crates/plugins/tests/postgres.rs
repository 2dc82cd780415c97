//! `sql(driver="postgres")` on a real server, started from the programs of a Debian package. Without them nothing is tested, and
//! that is said.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Outcome, run_in};
use plugins::net::Network;
use plugins::net::policy::Policy;
use plugins::world::World;
use tempfile::TempDir;
use vql::cancel::Cancel;
use vql::permission::Permissions;

/// Servers refuse to run as root; this is `nobody`.
const NOBODY: u32 = 65_534;

struct Server {
    process: Child,
    port: u16,
    dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the programs are.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions.filter_map(|v| Some(v.ok()?.path().join("bin"))).find(|bin| bin.join("postgres").exists())
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

impl Server {
    fn start() -> Option<Server> {
        let Some(bin) = programs() else {
            eprintln!("skipped: there is no PostgreSQL server in /usr/lib/postgresql");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let own = |path: &Path| {
            if rustix::process::getuid().is_root() {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        };
        own(dir.path());
        let (data, password) = (dir.path().join("data"), dir.path().join("password"));
        fs::write(&password, "p@ss word\n").unwrap();
        own(&password);
        let made = command(&bin.join("initdb"))
            .args(["--auth=scram-sha-256", "--username=fred", "--encoding=UTF8", "--no-sync", "--locale=C"])
            .arg(format!("--pwfile={}", password.display()))
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        for (name, text) in
            [("server.crt", certificate.cert.pem()), ("server.key", certificate.signing_key.serialize_pem())]
        {
            fs::write(data.join(name), text).unwrap();
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            own(&data.join(name));
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = command(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-c", "ssl=on", "-c", "fsync=off", "-p", &port.to_string(), "-k"])
            .arg(dir.path())
            .spawn()
            .unwrap();
        let server = Server { process, port, dir };
        let since = Instant::now();
        while server.query(World::of_process(), "disable", "SELECT 1", "").rows != r#"[{"?column?":1}]"# {
            assert!(since.elapsed() < Duration::from_secs(60), "the server does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(server)
    }

    fn place(&self, mode: &str) -> String {
        format!("postgres://fred:p%40ss%20word@127.0.0.1:{}/postgres?sslmode={mode}", self.port)
    }

    fn query(&self, world: World, mode: &str, sql: &str, args: &str) -> Outcome {
        self.query_until(world, &self.place(mode), sql, args, Cancel::new())
    }

    fn query_until(&self, world: World, place: &str, sql: &str, args: &str, cancel: Cancel) -> Outcome {
        let source = format!("SELECT * FROM sql(driver='postgres', connstring=Place, query=Sql{args})");
        run_in(world, &source, &[("Place", place), ("Sql", sql)], Permissions::all(), cancel)
    }

    fn rows(&self, sql: &str, args: &str) -> String {
        let outcome = self.query(World::of_process(), "disable", sql, args);
        assert_eq!(outcome.log, [""; 0], "{sql}");
        outcome.rows
    }
}

/// One server for all: starting one takes seconds.
#[test]
fn postgresql() {
    let Some(server) = Server::start() else { return };
    values_have_types(&server);
    parameters_are_given(&server);
    connections_are_protected(&server);
    errors_are_told(&server);
    many_rows_come_one_by_one(&server);
    what_is_cancelled_ends_on_the_server_as_well(&server);
}

fn values_have_types(server: &Server) {
    // What each should be is what psql shows for the same expressions.
    for (sql, wanted) in [
        ("true", "true"),
        ("1::int2", "1"),
        ("-2147483648", "-2147483648"),
        ("9223372036854775807", "9223372036854775807"),
        ("1.5::float4", "1.5"),
        ("-0.1::float8", "-0.1"),
        ("12345678901234567890123::numeric", "\"12345678901234567890123\""),
        ("120000::numeric", "120000"),
        ("-1234.50::numeric(10,2)", "-1234.5"),
        ("0.00012::numeric", "0.00012"),
        ("3.14159265358979323846::numeric", "\"3.14159265358979323846\""),
        ("'grüße'", "\"grüße\""),
        ("'a'::char(3)", "\"a  \""),
        ("'hé'::bytea", r#""hé""#),
        ("NULL", "null"),
        (r#"'{"a":[1,2.5,null]}'::json"#, r#"{"a":[1,2.5,null]}"#),
        (r#"'{"b":{"c":true}}'::jsonb"#, r#"{"b":{"c":true}}"#),
        ("'2024-05-01 10:00:00.25'::timestamp", "\"2024-05-01T10:00:00.25Z\""),
        ("'2024-05-01 12:00:00+02'::timestamptz", "\"2024-05-01T10:00:00Z\""),
        ("'1969-12-31'::date", "\"1969-12-31T00:00:00Z\""),
        ("'infinity'::timestamp", "\"infinity\""),
        ("'10:00:00.5'::time", "\"10:00:00.5\""),
        ("'1 year 2 months 3 days 04:05:06'::interval", "\"14 mons 3 days 04:05:06\""),
        ("'123e4567-e89b-12d3-a456-426614174000'::uuid", "\"123e4567-e89b-12d3-a456-426614174000\""),
        ("'192.0.2.1'::inet", "\"192.0.2.1\""),
        ("'2001:db8::/32'::cidr", "\"2001:db8::/32\""),
        ("ARRAY[1,NULL,3]", "[1,null,3]"),
        ("ARRAY[['a','b'],['c','d']]", r#"[["a","b"],["c","d"]]"#),
        ("'{}'::int[]", "[]"),
        ("point(1,2)", r#""\\x3ff00000000000004000000000000000""#),
    ] {
        assert_eq!(server.rows(&format!("SELECT {sql} AS x"), ""), format!(r#"[{{"x":{wanted}}}]"#), "{sql}");
    }
    assert_eq!(server.rows("SELECT 1 AS a, 2 AS a", ""), r#"[{"a":1,"a_":2}]"#);
    assert_eq!(server.rows("SELECT 1 WHERE false", ""), "[]");
}

fn parameters_are_given(server: &Server) {
    let sql = "SELECT $1::int + 1 AS n, $2::text AS t, $3::bytea AS b, $4::timestamptz AS at, $5::int IS NULL AS none, \
               3 = ANY($6::int[]) AS found, $7::float8 AS f, $8::jsonb AS j";
    let args = ", args=[41, 'it', 'x\\\\y', timestamp(epoch=1714557600), NULL, (1, 3), 0.5, dict(a=1)]";
    let wanted = r#"[{"n":42,"t":"it","b":"x\\y","at":"2024-05-01T10:00:00Z","none":true,"found":true,"f":0.5,"j":{"a":1}}]"#;
    assert_eq!(server.rows(sql, args), wanted);
    assert_eq!(
        server.rows("SELECT $1::text[] AS a", r#", args=[("a\"b", "c,d", NULL), ]"#),
        r#"[{"a":["a\"b","c,d",null]}]"#
    );
    assert_eq!(server.rows("SELECT $1::int AS n", ", args=7"), r#"[{"n":7}]"#);
    let outcome = server.query(World::of_process(), "disable", "SELECT $1, $2", ", args=[1]");
    assert_eq!(outcome.log, ["sql: the query has 2 parameters, but args 1"]);
}

fn connections_are_protected(server: &Server) {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (mode, wanted) in [("disable", "false"), ("prefer", "true"), ("require", "true")] {
        let outcome = server.query(World::of_process(), mode, sql, "");
        assert_eq!(outcome.rows, format!(r#"[{{"ssl":{wanted}}}]"#), "{mode} {:?}", outcome.log);
    }
    // Nobody vouches for the certificate.
    let outcome = server.query(World::of_process(), "verify-full", sql, "");
    assert!(outcome.rows == "[]" && outcome.log[0].contains("certificate"), "{:?}", outcome.log);
    let strict = || World {
        network: Arc::new(Network { always_verify: true, ..Network::default() }),
        ..World::of_process()
    };
    let outcome = server.query(strict(), "require", sql, "");
    assert!(outcome.rows == "[]" && outcome.log[0].contains("certificate"), "{:?}", outcome.log);
    // The socket in the file system.
    let socket = format!(
        "host={} port={} user=fred password='p@ss word' dbname=postgres",
        server.dir.path().display(),
        server.port
    );
    let outcome = server.query_until(World::of_process(), &socket, "SELECT 1 AS n", "", Cancel::new());
    assert_eq!(outcome.rows, r#"[{"n":1}]"#, "{:?}", outcome.log);
    // The owner's word holds for both.
    let closed = |rule: &str| {
        let policy = Policy { allow: Vec::new(), deny: vec![rule.parse().unwrap()] };
        World { network: Arc::new(Network { policy, ..Network::default() }), ..World::of_process() }
    };
    for (rule, place) in [("127.0.0.0/8", server.place("disable")), ("unix", socket)] {
        let outcome = server.query_until(closed(rule), &place, "SELECT 1 AS n", "", Cancel::new());
        assert!(outcome.rows == "[]" && outcome.log.len() == 1, "{outcome:?}");
    }
}

fn errors_are_told(server: &Server) {
    let outcome = server.query(World::of_process(), "disable", "SELECT * FROM missing", "");
    assert_eq!(outcome.log, ["sql: relation \"missing\" does not exist (42P01)"]);
    let wrong = server.place("disable").replace("p%40ss", "wrong");
    let outcome = server.query_until(World::of_process(), &wrong, "SELECT 1", "", Cancel::new());
    assert_eq!(outcome.log, ["sql: password authentication failed for user \"fred\" (28P01)"]);
    let outcome = server.query(
        World::of_process(),
        "disable",
        "SELECT 1 / (x - 3) AS n FROM generate_series(1, 9) x",
        "",
    );
    assert_eq!(outcome.log, ["sql: division by zero (22012)"]);
}

fn many_rows_come_one_by_one(server: &Server) {
    let sql = "SELECT x, repeat('a', 1000) AS t FROM generate_series(1, 200000) x";
    let source = "SELECT count() AS N, max(item=x) AS Last FROM sql(driver='postgres', connstring=Place, query=Sql) GROUP BY 1";
    let env = [("Place", &*server.place("disable")), ("Sql", sql)];
    let outcome = run_in(World::of_process(), source, &env, Permissions::all(), Cancel::new());
    assert_eq!(outcome.rows, r#"[{"N":200000,"Last":200000}]"#, "{:?}", outcome.log);
    // A query that wants no more ends, though there is more than could be held (and the server makes the rows as they are asked for).
    let source = "SELECT x FROM sql(driver='postgres', connstring=Place, query=Sql) LIMIT 2";
    let sql = "SELECT generate_series(1, 100000000000) AS x";
    let env = [("Place", &*server.place("disable")), ("Sql", sql)];
    let outcome = run_in(World::of_process(), source, &env, Permissions::all(), Cancel::new());
    assert_eq!(outcome.rows, r#"[{"x":1},{"x":2}]"#, "{:?}", outcome.log);
}

fn what_is_cancelled_ends_on_the_server_as_well(server: &Server) {
    let busy =
        "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'";
    let cancel = Cancel::new();
    let (stop, begun) = (cancel.clone(), Instant::now());
    let outcome = std::thread::scope(|scope| {
        let query = scope.spawn(|| {
            server.query_until(
                World::of_process(),
                &server.place("require"),
                "SELECT pg_sleep(600)",
                "",
                cancel.clone(),
            )
        });
        while server.rows(busy, "") != r#"[{"n":1}]"# {
            assert!(begun.elapsed() < Duration::from_secs(20), "the query does not begin");
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.cancel();
        query.join().unwrap()
    });
    assert_eq!(outcome.rows, "[]");
    while server.rows(busy, "") != r#"[{"n":0}]"# {
        assert!(begun.elapsed() < Duration::from_secs(40), "the server goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}
