//! Requests that use a managed secret (builtins page, section 3.9).

use regex::Regex;
use reqwest::header::HeaderName;
use vql::args::Args;
use vql::call::Error;

use super::target::Target;
use crate::net::secrets::{self, Fields};

/// A secret in use.
pub struct Secret {
    pub fields: Fields,
    rule: Option<Regex>,
}

impl Secret {
    /// The secret that the call names by argument or as a URL; what then is missing in `urls` is added.
    pub fn named(args: &Args<'_>, argument: &str, urls: &mut Vec<String>) -> Result<Option<Self>, Error> {
        let in_url = urls.iter().find_map(|url| url.strip_prefix("secret://"));
        let in_url = in_url.map(|rest| rest.split(['?', '/', '#']).next().unwrap_or_default().to_owned());
        let name = match (argument, in_url) {
            ("", None) => return Ok(None),
            ("", Some(name)) => name,
            (name, _) => name.to_owned(),
        };
        let secret = Secret::load(args, &name)?;
        if urls.is_empty() && secret.url().is_some() {
            urls.push(format!("secret://{name}"));
        }
        Ok(Some(secret))
    }

    fn load(args: &Args<'_>, name: &str) -> Result<Self, Error> {
        let fields = secrets::fields(args.scope, secrets::HTTP, name)?;
        let rule = fields.get("url_regex").filter(|rule| !rule.is_empty());
        let rule = rule.map(|rule| Regex::new(rule)).transpose();
        let rule = rule.map_err(|_| Error::new(format!("the url_regex of secret {name} is no regex")))?;
        Ok(Secret { fields, rule })
    }

    /// The URL that the secret fixes.
    pub fn url(&self) -> Option<&str> {
        self.fields.get("url").map(|url| url.trim()).filter(|url| !url.is_empty())
    }

    /// A field that says yes or no.
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.fields.get(name).filter(|v| !v.trim().is_empty()).map(|_| secrets::truth(&self.fields, name))
    }

    /// The pairs of a field.
    pub fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        secrets::lines(&self.fields, name)
    }

    /// The headers that it adds.
    pub fn header_names(&self) -> Vec<HeaderName> {
        let names = self.lines("extra_headers").filter_map(|(name, _)| name.parse().ok());
        names.chain([reqwest::header::COOKIE]).collect()
    }

    /// Whether the secret may be used there.
    pub fn check(&self, target: &Target) -> Result<(), Error> {
        let Some(url) = target.url() else { return Err("secrets are for HTTP only".into()) };
        match &self.rule {
            // A fixed URL needs no rule.
            _ if self.url().is_some() => Ok(()),
            Some(rule) if rule.is_match(url.as_str()) => Ok(()),
            Some(rule) => {
                let rule = rule.as_str();
                Err(Error::new(format!("HTTP Secret URL regex {rule} forbids connection to {url}")))
            }
            None => Err("the secret names neither a url nor a url_regex".into()),
        }
    }

    /// A message without what the secret says about the place.
    pub fn hide(&self, message: &str, shown: &str) -> String {
        let Some(url) = self.url() else { return message.to_owned() };
        let host = reqwest::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned));
        let message = message.replace(url, shown);
        match host.filter(|host| !host.is_empty()) {
            Some(host) => message.replace(&host, shown),
            None => message,
        }
    }
}
