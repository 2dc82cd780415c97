//! How long it takes to look a user up, which every gRPC call does: `cargo run --release -p store --example user_speed [DATABASE]`.
//! DATABASE is a `postgres://` address; the default is a new SQLite file.

use std::time::Instant;

use store::db::Location;
use store::rights::DEFAULT_CLIENT_GRANT;
use store::user::Users;

const USERS: usize = 1_000;
const LOOK_UPS: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let location = match std::env::args().nth(1) {
        Some(address) => Location::Postgres(address),
        None => Location::Sqlite(dir.path().join("harrier.db")),
    };
    let users = Users::open(&location)?;
    for n in 0..USERS {
        users.grant(&format!("user-{n}@example.org"), &DEFAULT_CLIENT_GRANT)?;
    }
    let begun = Instant::now();
    for n in 0..LOOK_UPS {
        users.effective(&format!("USER-{}@example.org", n % USERS))?;
    }
    let each = begun.elapsed() / u32::try_from(LOOK_UPS)?;
    println!("one look-up on a thread: {each:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let each = runtime.block_on(async {
        // A pool belongs to the runtime that opened it.
        let users = Users::new(store::db::Db::open(&location).await?);
        let begun = Instant::now();
        for n in 0..LOOK_UPS {
            users.fetch(&format!("USER-{}@example.org", n % USERS)).await?;
        }
        Ok::<_, Box<dyn std::error::Error>>(begun.elapsed() / u32::try_from(LOOK_UPS)?)
    })?;
    println!("one look-up in async code: {each:?}");
    Ok(())
}
