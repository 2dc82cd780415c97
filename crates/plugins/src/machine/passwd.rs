//! The accounts of the machine: `/etc/passwd`.

use std::collections::HashMap;

use super::read_bytes;

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub description: String,
    pub home: String,
    pub shell: String,
}

/// Every account of the machine.
pub fn accounts() -> Vec<Account> {
    parse(&String::from_utf8_lossy(&read_bytes("/etc/passwd")))
}

/// The names of the accounts, by number; the first of several counts.
pub fn names() -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for account in accounts() {
        names.entry(account.uid).or_insert(account.name);
    }
    names
}

/// Lines that are no accounts are left out.
fn parse(text: &str) -> Vec<Account> {
    text.lines().filter_map(account).collect()
}

fn account(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let mut next = || fields.next().map(str::to_owned);
    let (name, _password) = (next()?, next()?);
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    Some(Account {
        name,
        uid: next()?.parse().ok()?,
        gid: next()?.parse().ok()?,
        description: next()?,
        home: next()?,
        shell: next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_accounts_are_left_out() {
        let text =
            "root:x:0:0:The root,,,:/root:/bin/sh\n# comment\nbad:x:y:0::/:\n+::::::\nshort:x\nu:x:5:6::/h\n";
        let accounts = parse(text);
        assert_eq!(accounts.len(), 2);
        assert_eq!((&*accounts[0].description, &*accounts[0].shell), ("The root,,,", "/bin/sh"));
        assert_eq!((&*accounts[1].home, accounts[1].gid), ("/h", 6));
    }
}
