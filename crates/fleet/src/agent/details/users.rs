//! The users of the host that can log in.

use store::fleet::host::HostUser;

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, number, text};

pub const DETAIL: Detail = Detail {
    name: "users",
    platforms: EVERYWHERE,
    sql: "SELECT u.uid, u.username, u.type, g.groupname, u.shell FROM users u LEFT JOIN groups g ON u.gid = g.gid \
        WHERE u.type <> 'special' AND u.shell NOT LIKE '%/false' AND u.shell NOT LIKE '%/nologin' \
        AND u.shell NOT LIKE '%/shutdown' AND u.shell NOT LIKE '%/halt' AND u.username NOT LIKE '%$' \
        AND u.username NOT LIKE '\\_%' ESCAPE '\\' AND NOT (u.username = 'sync' AND u.shell = '/bin/sync')",
    discovery: ALWAYS,
    wanted: |work| work.users,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let user = |row: Row| {
        let text = |column| text(&row, column).to_owned();
        let username = text("username");
        (!username.is_empty()).then(|| HostUser {
            uid: number(&row, "uid").unwrap_or_default(),
            username,
            kind: text("type"),
            groupname: text("groupname"),
            shell: text("shell"),
        })
    };
    into.more.users = Some(rows.into_iter().filter_map(user).collect());
}
