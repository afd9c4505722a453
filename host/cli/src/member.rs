//! `patchbay member`: people in organizations, from the command line.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use patchbay_hub::{Caller, Hub, NewMember};
use patchbay_model::{OrgId, UserId, identity};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{cli::ConfigOption, config::Config, open, secret};

/// What to do with members.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List an organization's members
    List(List),
    /// Make a link that makes whoever opens it a member; it is shown once
    Invite(Invite),
    /// Make somebody a member at once
    Add(Add),
    /// Give a member another role
    Role(ChangeRole),
    /// Remove a member, which ends their sessions
    Remove(Remove),
    /// Put a new password in the place of a member's, which ends their sessions
    ResetPassword(ResetPassword),
}

/// The configuration and the organization.
#[derive(Debug, Args)]
struct Where {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    #[arg(long, default_value = "default")]
    org: String,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

/// Flags of `member list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: Where,
}

/// Flags of `member invite`.
#[derive(Debug, Args)]
pub struct Invite {
    #[command(flatten)]
    place: Where,
    /// The e-mail address
    email: String,
    /// What they shall be
    #[arg(long, value_enum, default_value = "member")]
    role: Role,
}

/// Flags of `member add`.
#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    place: Where,
    /// The e-mail address
    email: String,
    /// What they shall be
    #[arg(long, value_enum, default_value = "member")]
    role: Role,
    /// What people call them
    #[arg(long)]
    name: Option<String>,
    /// Read a password for a new account from standard input. Without it they sign in by the identity provider, or get one
    /// by `reset-password`
    #[arg(long)]
    password_stdin: bool,
}

/// Flags of `member role`.
#[derive(Debug, Args)]
pub struct ChangeRole {
    #[command(flatten)]
    place: Where,
    /// The member's e-mail address or id
    member: String,
    /// What they shall be
    #[arg(value_enum)]
    role: Role,
}

/// Flags of `member remove`.
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    place: Where,
    /// The member's e-mail address or id
    member: String,
}

/// Flags of `member reset-password`.
#[derive(Debug, Args)]
pub struct ResetPassword {
    #[command(flatten)]
    place: Where,
    /// The member's e-mail address or id
    member: String,
    /// Make a password and print it, once
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// A role on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Everything, billing too
    Owner,
    /// Plugins, connections, members, keys
    Admin,
    /// Calls actions, reads
    Member,
    /// Reads
    Viewer,
}

impl From<Role> for identity::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
            Role::Viewer => Self::Viewer,
        }
    }
}

/// Does it.
pub async fn run(command: MemberCommand) -> Result<()> {
    match command {
        MemberCommand::List(options) => list(options).await,
        MemberCommand::Invite(options) => invite(options).await,
        MemberCommand::Add(options) => add(options).await,
        MemberCommand::Role(options) => change_role(options).await,
        MemberCommand::Remove(options) => remove(options).await,
        MemberCommand::ResetPassword(options) => reset_password(options).await,
    }
}

/// The hub, and the operator acting for the organization.
async fn enter(place: &Where) -> Result<(Hub, Caller)> {
    let hub = open::hub(&Config::load(&place.config.file)?).await?;
    let org: OrgId = open::org(&hub, &place.org).await?;
    let caller = Caller::operator(org);
    hub.org(&caller).await.with_context(|| format!("there is no organization {:?}", place.org))?;
    Ok((hub, caller))
}

/// The member of this e-mail address or id.
async fn find(hub: &Hub, caller: &Caller, member: &str) -> Result<identity::Member> {
    let found = match member.parse::<UserId>() {
        Ok(id) => hub.member(caller, id).await,
        Err(_) => hub.member_by_email(caller, member).await,
    };
    found.with_context(|| format!("cannot find the member {member:?}"))
}

async fn list(options: List) -> Result<()> {
    let (hub, caller) = enter(&options.place).await?;
    let mut after = None;
    loop {
        let page = hub.members(&caller, after, Some(200)).await.context("cannot list the members")?;
        for member in &page.items {
            print(member, options.place.json)?;
        }
        after = page.items.last().map(|member| member.user);
        if page.next.is_none() {
            break;
        }
    }
    hub.shutdown().await;
    Ok(())
}

async fn invite(options: Invite) -> Result<()> {
    let (hub, caller) = enter(&options.place).await?;
    let made = hub.invite(&caller, &options.email, options.role.into()).await.context("cannot invite them");
    hub.shutdown().await;
    let made = made?;
    let (token, url) = (made.token.expose_secret(), made.url.expose_secret());
    if options.place.json {
        println!("{}", json!({ "invitation": made.invitation, "token": token, "url": url }));
    } else {
        let until = made.invitation.expires_at.format("%F");
        println!("{url}\n\nPass it on to {} alone: it counts once, until {until}.", made.invitation.email);
    }
    Ok(())
}

async fn add(options: Add) -> Result<()> {
    let password = if options.password_stdin { Some(secret::from_stdin()?) } else { None };
    let (hub, caller) = enter(&options.place).await?;
    let Add { email, role, name, .. } = options;
    let added = hub.add_member(&caller, NewMember { email, name, role: role.into(), password }).await;
    hub.shutdown().await;
    print(&added.context("cannot add them")?, options.place.json)
}

async fn change_role(options: ChangeRole) -> Result<()> {
    let (hub, caller) = enter(&options.place).await?;
    let member = find(&hub, &caller, &options.member).await?;
    let changed = hub.set_role(&caller, member.user, options.role.into()).await.context("cannot change the role");
    hub.shutdown().await;
    print(&changed?, options.place.json)
}

async fn remove(options: Remove) -> Result<()> {
    let (hub, caller) = enter(&options.place).await?;
    let member = find(&hub, &caller, &options.member).await?;
    let removed = hub.remove_member(&caller, member.user).await.context("cannot remove them");
    hub.shutdown().await;
    removed?;
    if options.place.json {
        println!("{}", json!({ "removed": member.user }));
    } else {
        println!("{} is no member any more", member.email);
    }
    Ok(())
}

async fn reset_password(options: ResetPassword) -> Result<()> {
    let (hub, caller) = enter(&options.place).await?;
    let member = find(&hub, &caller, &options.member).await?;
    let password = if options.generate {
        secret::generate()
    } else if options.password_stdin {
        secret::from_stdin()?
    } else {
        secret::ask_twice(&format!("new password of {}: ", member.email))?
    };
    let reset = hub.reset_password(&caller, member.user, password.clone()).await;
    hub.shutdown().await;
    if let Err(failure) = reset {
        bail!("cannot reset the password: {failure}");
    }
    let shown = options.generate.then(|| password.expose_secret());
    if options.place.json {
        println!("{}", json!({ "user": member.user, "password": shown }));
    } else if let Some(shown) = shown {
        println!("password  {shown}\n\nIt is shown only now. {} is signed out everywhere.", member.email);
    } else {
        println!("{} has a new password and is signed out everywhere", member.email);
    }
    Ok(())
}

fn print(member: &identity::Member, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(member)?);
    } else {
        println!("{}  {:<6}  {}  {}", member.user, member.role.as_str(), member.email, member.name);
    }
    Ok(())
}
