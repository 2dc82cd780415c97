//! Which proxy a request goes through: the one of the configuration, or those of the environment
//! (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, also in small letters).

use std::net::IpAddr;

use reqwest::Url;

use super::Network;
use super::policy::Rule;
use crate::world::World;

/// The proxy for a URL, if any.
pub fn choose(world: &World, network: &Network, url: &Url) -> Option<String> {
    let variable = |name: &str| {
        let value = world.variable(name).or_else(|| world.variable(&name.to_ascii_lowercase()));
        value.filter(|v| !v.is_empty()).map(str::to_owned)
    };
    let exempt = variable("NO_PROXY").is_some_and(|list| is_exempt(&list, url));
    let named = match &network.proxy {
        Some(proxy) if !proxy.is_empty() => Some(proxy.clone()),
        _ if is_local(url) => None,
        _ if url.scheme() == "https" => variable("HTTPS_PROXY"),
        _ => variable("HTTP_PROXY"),
    };
    let named = named.filter(|_| !exempt)?;
    Some(if named.contains("://") { named } else { format!("http://{named}") })
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

/// This machine is never reached through a proxy of the environment.
fn is_local(url: &Url) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// Whether `NO_PROXY` names the host: `*`, a name (and all below it), `.name` or `*.name` (what is below it), an
/// address or a range; each perhaps with a port.
fn is_exempt(list: &str, url: &Url) -> bool {
    let (host, port) = (host(url), url.port_or_known_default());
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|e| !e.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                (name, digits.parse::<u16>().ok())
            }
            _ => (entry.as_str(), None),
        };
        if wanted.is_some() && wanted != port {
            return false;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return name.parse::<Rule>().is_ok_and(|rule| rule.matches_address(address));
        }
        let below = name.strip_prefix('*').unwrap_or(name);
        match below.strip_prefix('.') {
            Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
            None => host == below || host.strip_suffix(below).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(environment: &[(&str, &str)], proxy: Option<&str>, url: &str) -> Option<String> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let world = World { environment, ..World::default() };
        let network = Network { proxy: proxy.map(str::to_owned), ..Network::default() };
        choose(&world, &network, &url.parse().unwrap())
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let env = [("HTTP_PROXY", "p:3128"), ("https_proxy", "http://q:1"), ("NO_PROXY", "")];
        assert_eq!(chosen(&env, None, "http://a.test/").as_deref(), Some("http://p:3128"));
        assert_eq!(chosen(&env, None, "https://a.test/").as_deref(), Some("http://q:1"));
        assert_eq!(chosen(&env, None, "http://localhost:80/"), None);
        assert_eq!(chosen(&env, None, "http://127.0.0.2/"), None);
        assert_eq!(chosen(&env, None, "http://[::1]/"), None);
        assert_eq!(chosen(&[], None, "http://a.test/"), None);
        assert_eq!(chosen(&env, Some("http://own:1"), "https://a.test/").as_deref(), Some("http://own:1"));
    }

    #[test]
    fn exempt_hosts_are_reached_directly() {
        let cases = [
            ("a.test", "http://a.test/", true),
            ("a.test", "http://b.a.test/", true),
            ("a.test", "http://ba.test/", false),
            (".a.test", "http://a.test/", false),
            ("*.a.test", "http://b.a.test/", true),
            ("x, a.test:81", "http://a.test/", false),
            ("x, a.test:80", "http://a.test/", true),
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("10.1.2.3", "http://10.1.2.3/", true),
            ("*", "http://anything/", true),
        ];
        for (list, url, direct) in cases {
            let env = [("HTTP_PROXY", "p:1"), ("NO_PROXY", list)];
            assert_eq!(chosen(&env, None, url).is_none(), direct, "{list} {url}");
        }
    }
}
