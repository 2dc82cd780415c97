//! The options of a task, `k=v,k=v` (the sandbox reference, sections 8.3 and 18).

use std::collections::BTreeMap;

use super::error::{Error, Result};
use crate::internet::{Proxy, Route};

/// The most bytes of all of them.
const MAX_BYTES: usize = 64 << 10;

/// What `route` may be, besides a proxy: the network that the machine is given.
pub const ROUTES: [&str; 4] = ["none", "drop", "fake", "inetsim"];

/// Options that are switches.
const SWITCHES: [&str; 6] = ["free", "procmemdump", "human", "screenshots", "root", "json.calls"];
/// The one way to record system calls that can be asked for.
pub const TRACE: &str = "ptrace";
const ON: [&str; 4] = ["1", "yes", "true", "on"];
const OFF: [&str; 4] = ["0", "no", "false", "off"];

/// Names and values; what has no `=` is left out, as it always was.
pub fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.trim(), value.trim()))
}

/// Refuses what would not be done as asked. Options that are not known are for the package.
pub fn check(text: &str, proxies: &BTreeMap<String, Proxy>) -> Result<()> {
    if text.len() > MAX_BYTES {
        return Err(Error::bad(format!("options: at most {MAX_BYTES} bytes")));
    }
    // They go into a file of lines in the machine.
    if text.contains(['\n', '\r', '\0']) {
        return Err(Error::bad("options: line breaks are not allowed"));
    }
    pairs(text).try_for_each(|(name, value)| one(name, value, proxies))
}

/// Whether a switch is on.
pub fn is_on(value: &str) -> bool {
    ON.iter().any(|on| value.eq_ignore_ascii_case(on))
}

/// Whether a switch is off.
pub fn is_off(value: &str) -> bool {
    OFF.iter().any(|off| value.eq_ignore_ascii_case(off))
}

fn one(name: &str, value: &str, proxies: &BTreeMap<String, Proxy>) -> Result<()> {
    let refuse = |allowed: &str| Err(Error::bad(format!("options: {name}={value}: allowed are {allowed}")));
    let is_proxy = Route::proxy_name(value).is_some_and(|name| proxies.contains_key(name));
    if name == "route" && !ROUTES.contains(&value) && !is_proxy {
        let proxies = proxies.keys().map(|name| format!("proxy:{name}"));
        return refuse(
            &ROUTES.iter().map(|route| (*route).to_owned()).chain(proxies).collect::<Vec<_>>().join(", "),
        );
    }
    if SWITCHES.contains(&name) && !is_on(value) && !is_off(value) {
        return refuse(&[ON.join(", "), OFF.join(", ")].join(", "));
    }
    if name == "trace" && value != TRACE {
        return refuse(TRACE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_equals_sign_splits() {
        let all: Vec<_> = pairs("arguments=-a=b, route = none,nonsense,,=x").collect();
        assert_eq!(all, [("arguments", "-a=b"), ("route", "none"), ("", "x")]);
    }

    #[test]
    fn refusals_say_what_is_allowed() {
        assert!(check("route=none,procmemdump=yes,whatever=1,arguments=--x", &BTreeMap::new()).is_ok());
        let one = serde_json::json!({"url": "socks5://127.0.0.1:1", "allow": []});
        let proxies = BTreeMap::from([("lab".to_owned(), serde_json::from_value(one).unwrap())]);
        assert!(check("route=proxy:lab", &proxies).is_ok());
        let unknown = check("route=proxy:other", &proxies).unwrap_err().message;
        assert_eq!(unknown, "options: route=proxy:other: allowed are none, drop, fake, inetsim, proxy:lab");
        let text = |options: &str| check(options, &BTreeMap::new()).unwrap_err().message.into_owned();
        assert_eq!(text("route=internet"), "options: route=internet: allowed are none, drop, fake, inetsim");
        assert!(text("free=maybe").contains("yes") && text("a=b, json.calls=few").contains("no"));
        assert_eq!(text("trace=strace"), "options: trace=strace: allowed are ptrace");
        assert!(text("a=b\nid=7").contains("line breaks"));
    }
}
