//! Accounts of the guest.

use std::fs;

use guest_protocol::Owner;

/// The user that the image builder made for samples.
const NAME: &str = "guest";
/// Used when there is no such user: the machine is not one of ours, and nobody is better than root.
const NOBODY: u32 = 65534;

pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

pub fn account(owner: Owner) -> Account {
    let name = match owner {
        Owner::Guest => NAME,
        Owner::Root => "root",
    };
    // Static programs cannot ask the name service; the file is all there is in our images.
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts.lines().find_map(|line| parse(line, name)).unwrap_or_else(|| match owner {
        Owner::Root => Account { name: name.into(), uid: 0, gid: 0, home: "/root".into() },
        Owner::Guest => Account { name: name.into(), uid: NOBODY, gid: NOBODY, home: "/tmp".into() },
    })
}

fn parse(line: &str, wanted: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| *name == wanted)?;
    let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Account { name: name.into(), uid, gid, home: fields.nth(1)?.into() })
}

pub fn environment(account: &Account) -> [(&'static str, String); 6] {
    let path = match account.uid {
        0 => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        _ => "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
    };
    [
        ("HOME", account.home.clone()),
        ("USER", account.name.clone()),
        ("LOGNAME", account.name.clone()),
        ("SHELL", "/bin/bash".into()),
        ("PATH", path.into()),
        ("LANG", "C.UTF-8".into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_of_passwd_are_read() {
        let account = parse("guest:x:1000:1001:,,,:/home/guest:/bin/bash", "guest").unwrap();
        assert_eq!((account.uid, account.gid, account.home.as_str()), (1000, 1001, "/home/guest"));
        for line in ["", "guest", "guest:x:one:1::/:", "guests:x:1:1::/:", "guest:x:1"] {
            assert!(parse(line, "guest").is_none(), "{line}");
        }
    }
}
