//! `test`: every test there is.

use super::{Task, guest_agent, setup};
use crate::postgres::Postgres;
use crate::shell::{Result, cargo, command, root, run, target};

pub const TASK: Task = Task {
    name: "test",
    usage: "test [rust|clients|browser] [ARGUMENT…]",
    summary: "Run every test: the Rust ones, then real clients against the built server.",
    help: "
Without arguments: sets up, then `cargo test --workspace`, then the fleet server's tests on PostgreSQL, then the client
tests of tests/clients.

  cargo xtask test rust ARG…      only the Rust tests; ARG… goes to `cargo test --workspace`
  cargo xtask test browser        a page in the Chromium of a guest, which `test` leaves out: it builds that guest
                                  (once) and takes minutes
  cargo xtask test clients WORD…  only the client tests whose name contains one of the words
                                  (HARRIER_BIN=FILE tests that binary instead of building one)",
    run: |args| match args {
        [] => all(),
        [part, rest @ ..] if part == "rust" => {
            setup::compiler()?;
            setup::database()?;
            setup::machines()?;
            setup::nats()?;
            rust(rest)
        }
        [part, rest @ ..] if part == "clients" => {
            setup::compiler()?;
            clients(rest)
        }
        [part] if part == "browser" => {
            setup::compiler()?;
            setup::machines()?;
            browser()
        }
        [other, ..] => Err(format!("`{other}` is none of `rust`, `clients` and `browser`")),
    },
};

/// What `test` and `ci` run.
pub fn all() -> Result {
    setup::compiler()?;
    // Before the long part, so that a missing package shows at once.
    setup::clients()?;
    setup::node()?;
    setup::database()?;
    setup::machines()?;
    setup::nats()?;
    setup::browser()?;
    rust(&[])?;
    clients(&[])
}

fn rust(args: &[String]) -> Result {
    let postgres = Postgres::start()?;
    let (address, nats) = (postgres.address(), setup::nats()?);
    let agent = guest_agent::build()?;
    let mut all = cargo(&["test", "--workspace"]);
    let all = all.args(args).env("HARRIER_TEST_POSTGRES", &address).env("HARRIER_TEST_NATS", nats);
    all.env("HARRIER_TEST_POSTGRES_TLS", postgres.tls_address());
    run(all.env("HARRIER_GUEST_AGENT", agent))?;
    if !args.is_empty() {
        return Ok(());
    }
    // Everything that the API promises holds on either database.
    let mut again = cargo(&["test", "--package", "fleet", "--tests"]);
    run(again.env("HARRIER_TEST_POSTGRES", &address).env("HARRIER_TEST_BACKEND", "postgres"))
}

/// What takes minutes, and says what it took.
fn browser() -> Result {
    let agent = guest_agent::build()?;
    let test =
        ["test", "--package", "sandbox", "--test", "browser", "--", "--ignored", "--nocapture", "a_page"];
    run(cargo(&test).env("HARRIER_GUEST_AGENT", agent))
}

fn clients(words: &[String]) -> Result {
    let python = setup::clients()?;
    let binary = match std::env::var_os("HARRIER_BIN") {
        Some(file) => root().join(file),
        None => {
            run(&mut cargo(&["build", "--package", "harrier"]))?;
            target().join("debug/harrier")
        }
    };
    setup::database()?;
    setup::machines()?;
    let postgres = Postgres::start()?;
    let agent = guest_agent::build()?;
    let mut call = command(python, &["tests/clients/run.py"]);
    call.args(words).env("HARRIER_BIN", binary).env("HARRIER_TEST_POSTGRES", postgres.address());
    call.env("HARRIER_GUEST_AGENT", agent);
    if let Some(modules) = setup::node()? {
        call.env("HARRIER_NODE_MODULES", modules);
    }
    if let Some(browser) = setup::browser()? {
        call.env("HARRIER_CHROMIUM", browser);
    }
    run(&mut call)
}
