//! `harrier user …`: rights of users, and certificates that lost trust.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serve::identity::PeerIdentity;
use store::DataDir;
use store::revocation::Revoked;
use store::rights::Grant;
use store::user::{User, Users};
use vql::permission::{Permission, Permissions};

use super::Outcome;
use crate::{config, database};

/// Show and change what users may do over gRPC. A running server knows at the next call.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    database: database::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Grant roles or single permissions to a user, creating the user when missing.
    Grant(GrantArgs),
    /// Show a user's rights, or all users.
    Show {
        name: Option<String>,
        /// List every permission that follows from the roles.
        #[arg(long)]
        effective: bool,
    },
    /// Remove a user with all rights, roles and sessions.
    Remove { name: String },
    /// Refuse a certificate from now on: give its serial number, or a file that holds it.
    RevokeCert {
        /// A serial number in hexadecimal, or a path to a PEM file or api_client.yaml.
        certificate: String,
        /// Why, for the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

#[derive(clap::Args)]
struct GrantArgs {
    name: String,
    /// Permissions as JSON: '{"any_query":true}'.
    policy: Option<String>,
    #[arg(long, value_delimiter = ',', value_name = "ROLE[,ROLE]")]
    role: Vec<String>,
    /// Single permissions, such as FILESYSTEM_READ.
    #[arg(long, value_delimiter = ',', value_name = "PERMISSION[,PERMISSION]")]
    permission: Vec<String>,
}

pub fn run(args: Args, config: Option<PathBuf>) -> Outcome {
    let loaded = config::given(config)?;
    let users = || args.database.users(&loaded);
    match &args.command {
        Command::Grant(args) => grant(args, &users()?)?,
        Command::Show { name, effective } => show(&users()?, name.as_deref(), *effective)?,
        Command::Remove { name } => {
            if !users()?.remove(name)? {
                bail!("there is no user {name}");
            }
            config::data_dir(&loaded)?.profiles()?.remove(name)?;
            println!("{name} removed");
        }
        Command::RevokeCert { certificate, reason } => {
            revoke(&config::data_dir(&loaded)?, certificate, reason)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn grant(args: &GrantArgs, users: &Users) -> anyhow::Result<()> {
    let mut names = args.permission.clone();
    if let Some(policy) = &args.policy {
        let policy: std::collections::BTreeMap<String, bool> =
            serde_json::from_str(policy).context("the policy should be JSON such as {\"any_query\":true}")?;
        names.extend(policy.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name));
    }
    let known = |name: &String| {
        Permission::from_name(name)
            .with_context(|| format!("{name} is no permission; see harrier user show --help"))
    };
    let permissions: Permissions = names.iter().map(known).collect::<anyhow::Result<_>>()?;
    if args.role.is_empty() && permissions == Permissions::NONE {
        bail!("nothing to grant: name a --role, a --permission or a policy");
    }
    let roles: Vec<&str> = args.role.iter().map(String::as_str).collect();
    let user = users.grant(&args.name, &Grant { roles: &roles, permissions })?;
    println!("{}", describe(&user, true)?);
    Ok(())
}

fn show(users: &Users, name: Option<&str>, effective: bool) -> anyhow::Result<()> {
    let shown = match name {
        Some(name) => vec![(*users.get(name)?).clone()],
        None => users.list()?,
    };
    for user in shown {
        println!("{}", describe(&user, effective)?);
    }
    Ok(())
}

fn describe(user: &User, effective: bool) -> anyhow::Result<String> {
    let mut text = serde_json::to_value(user)?;
    if effective {
        let names: Vec<&str> = user.effective().iter().map(|p| p.name()).collect();
        text["effective"] = names.into();
    }
    Ok(serde_json::to_string_pretty(&text)?)
}

fn revoke(dir: &DataDir, certificate: &str, reason: &str) -> anyhow::Result<()> {
    let entry = match std::fs::read_to_string(certificate) {
        Ok(text) => {
            let pem = serve::config::ApiClient::parse(&text).map(|client| client.client_cert).unwrap_or(text);
            let identity =
                PeerIdentity::of_pem(&pem).with_context(|| format!("{certificate} holds no certificate"))?;
            Revoked {
                serial: identity.serial,
                fingerprint: identity.fingerprint,
                reason: if reason.is_empty() {
                    format!("certificate of {}", identity.name)
                } else {
                    reason.into()
                },
                ..Revoked::default()
            }
        }
        Err(_) => Revoked { serial: certificate.into(), reason: reason.into(), ..Revoked::default() },
    };
    let serial = entry.serial.clone();
    dir.revocations().revoke(entry)?;
    println!("the certificate with serial {serial} is refused from now on");
    Ok(())
}
