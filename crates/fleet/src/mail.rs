//! Mails to users, through the mail server of the settings (the Fleet reference, section 3.1, `smtp_settings`).

use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde_json::Value as Json;

use crate::error::Error;

/// How long the server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The port whose connections are encrypted from the start.
const IMPLICIT_TLS: u16 = 465;

/// A mail server that was chosen, and who sends.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail: to whom, about what, the text.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: &'static str,
    pub text: String,
}

/// Why a mail was not sent, for those who administer the server.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotSent(String);

impl From<NotSent> for Error {
    fn from(error: NotSent) -> Self {
        Self::base(StatusCode::INTERNAL_SERVER_ERROR, "Mail Error", error.0)
    }
}

impl Mailer {
    /// The mail server of the settings; `None` while mail is switched off.
    pub fn of(config: &Json) -> Result<Option<Self>, NotSent> {
        let smtp = &config["smtp_settings"];
        if smtp["enable_smtp"] != true {
            return Ok(None);
        }
        let text = |name: &str| smtp[name].as_str().unwrap_or_default().trim().to_owned();
        let server = text("server");
        if server.is_empty() {
            return Err(NotSent("smtp_settings.server is empty".into()));
        }
        let from = mailbox(&text("sender_address"), "smtp_settings.sender_address")?;
        let port = smtp["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(587);
        let login = login(smtp)?;
        let tls = encryption(smtp, &server, port, login.is_some())?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server)
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((credentials, mechanism)) = login {
            builder = builder.credentials(credentials).authentication(vec![mechanism]);
        }
        Ok(Some(Self { transport: builder.build(), from }))
    }

    /// Sends a mail; it was taken by the server when this returns.
    pub async fn send(&self, mail: &Mail) -> Result<(), NotSent> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mailbox(&mail.to, "the address")?)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| NotSent(error.to_string()))?;
        let sent = tokio::time::timeout(3 * PATIENCE, self.transport.send(message)).await;
        let sent = sent.map_err(|_| NotSent("the mail server takes too long".into()))?;
        sent.map(drop).map_err(|error| NotSent(format!("the mail server did not take the mail: {error}")))
    }
}

fn mailbox(text: &str, what: &str) -> Result<Mailbox, NotSent> {
    text.parse().map_err(|error| NotSent(format!("{what} is not a mail address: {error}")))
}

fn login(smtp: &Json) -> Result<Option<(Credentials, Mechanism)>, NotSent> {
    let text = |name: &str| smtp[name].as_str().unwrap_or_default().to_owned();
    if text("authentication_type") == "authtype_none" || text("user_name").is_empty() {
        return Ok(None);
    }
    let mechanism = match &*text("authentication_method") {
        "" | "authmethod_plain" => Mechanism::Plain,
        "authmethod_login" => Mechanism::Login,
        other => {
            let text = format!(
                "authentication_method {other} is not built, use authmethod_plain or authmethod_login"
            );
            return Err(NotSent(text));
        }
    };
    Ok(Some((Credentials::new(text("user_name"), text("password")), mechanism)))
}

/// Encrypted from the start, or once the server offers it. Passwords go out in the clear to this machine only.
fn encryption(smtp: &Json, server: &str, port: u16, has_password: bool) -> Result<Tls, NotSent> {
    let (from_start, later) = (smtp["enable_ssl_tls"] == true, smtp["enable_start_tls"] == true);
    let parameters = || {
        TlsParameters::builder(server.to_owned())
            .dangerous_accept_invalid_certs(smtp["verify_ssl_certs"] == false)
            .build_rustls()
            .map_err(|error| NotSent(error.to_string()))
    };
    let is_here = server == "localhost" || server.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if port == IMPLICIT_TLS || (from_start && !later) {
        Ok(Tls::Wrapper(parameters()?))
    } else if later && has_password && !is_here {
        Ok(Tls::Required(parameters()?))
    } else if later {
        Ok(Tls::Opportunistic(parameters()?))
    } else if has_password && !is_here {
        Err(NotSent("the password would be sent in the clear: set enable_start_tls or enable_ssl_tls".into()))
    } else {
        Ok(Tls::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn smtp(tls: bool, start_tls: bool) -> Json {
        json!({"enable_ssl_tls": tls, "enable_start_tls": start_tls, "verify_ssl_certs": true})
    }

    #[test]
    fn passwords_are_never_sent_in_the_clear_to_other_machines() {
        assert!(encryption(&smtp(false, false), "mail.example.org", 25, true).is_err());
        assert!(matches!(encryption(&smtp(false, false), "127.0.0.1", 25, true), Ok(Tls::None)));
        assert!(matches!(
            encryption(&smtp(false, true), "mail.example.org", 587, true),
            Ok(Tls::Required(_))
        ));
        assert!(matches!(
            encryption(&smtp(false, true), "mail.example.org", 587, false),
            Ok(Tls::Opportunistic(_))
        ));
        assert!(matches!(encryption(&smtp(true, false), "mail.example.org", 587, true), Ok(Tls::Wrapper(_))));
        assert!(matches!(encryption(&smtp(false, true), "mail.example.org", 465, true), Ok(Tls::Wrapper(_))));
    }

    #[test]
    fn nothing_is_sent_while_mail_is_off_and_bad_settings_say_what_is_wrong() {
        assert!(Mailer::of(&json!({"smtp_settings": {"enable_smtp": false}})).unwrap().is_none());
        let refused = |smtp: Json| Mailer::of(&json!({"smtp_settings": smtp})).err().unwrap().to_string();
        assert_eq!(refused(json!({"enable_smtp": true})), "smtp_settings.server is empty");
        let address = refused(json!({"enable_smtp": true, "server": "x", "sender_address": "a\nb"}));
        assert!(address.starts_with("smtp_settings.sender_address is not a mail address"), "{address}");
        let method = refused(json!({"enable_smtp": true, "server": "x", "sender_address": "a@b.c",
            "user_name": "u", "authentication_method": "authmethod_cram_md5"}));
        assert!(method.contains("authmethod_cram_md5 is not built"), "{method}");
    }
}
