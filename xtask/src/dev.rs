//! From a fresh clone to a call that works, in one command.
//!
//! It takes the steps that a script would take (`patchbay init`, `patchbay serve`, three requests), so that
//! what a newcomer sees first is what an operator automates later. A key that the hub makes up only for
//! development was rejected: it would be one more way in.

mod children;
mod config;
mod identity;

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use self::{children::Children, config::Settings, identity::Identity};
use crate::{http, plugins, process, toolchain::Toolchain, workspace::Workspace};

/// What the OpenAI simulator takes for a key.
const SIMULATOR_KEY: &str = "sk-simulator";

/// The simulator's to listen, and the hub's to compile every plugin for the first time.
const START_LIMIT: Duration = Duration::from_secs(180);

/// How often a server that starts is asked.
const POLL: Duration = Duration::from_millis(50);

/// Flags of `dev`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the hub listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the OpenAI simulator listens; it runs unless OPENAI_API_KEY is set.
    #[arg(long, default_value = "127.0.0.1:9100")]
    simulator_listen: SocketAddr,
    /// The hub's database, blobs, keys and configuration.
    #[arg(long, default_value = "data")]
    data_dir: PathBuf,
}

/// Builds, starts, switches on, prints, and serves until it is told to stop.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let vendor_key = env::var("OPENAI_API_KEY").ok().filter(|key| !key.is_empty());
    let simulator = vendor_key.is_none().then_some(options.simulator_listen);
    let data = workspace.root().join(&options.data_dir);
    require_free(options.listen, "--listen")?;
    if let Some(simulator) = simulator {
        require_free(simulator, "--simulator-listen")?;
    }

    let toolchain = Toolchain::ensure()?;
    println!("{toolchain}");
    build(workspace)?;
    plugins::build(workspace, &toolchain)?;

    fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
    let settings = Settings { listen: options.listen, data: &data, plugins: &workspace.packed_plugins(), simulator };
    let config = config::write(&settings)?;
    let patchbay = workspace.program("patchbay");
    let identity = Identity::load_or_make(&patchbay, &config, &data)?;

    let mut children = Children::new()?;
    if let Some(simulator) = simulator {
        let mut command = Command::new(workspace.program("openai-simulator"));
        children.start("the OpenAI simulator", command.args(["--listen", &simulator.to_string()]))?;
        wait(&mut children, "the OpenAI simulator", || TcpStream::connect(simulator).is_ok())?;
    }
    children.start("the hub", Command::new(&patchbay).args(["serve", "--config"]).arg(&config))?;
    wait(&mut children, "the hub", || {
        http::send(options.listen, "GET", "/readyz", None, None).is_ok_and(|answer| answer.status == 200)
    })?;
    switch_on(options.listen, &identity, vendor_key.as_deref().unwrap_or(SIMULATOR_KEY), &data)?;
    println!("{}", welcome(options.listen, &identity, simulator));
    children.wait_for_the_end()
}

/// The hub and the simulator.
fn build(workspace: &Workspace) -> Result<()> {
    println!("building the hub");
    let mut cargo = process::cargo();
    cargo.current_dir(workspace.root()).args(["build", "--package", "patchbay", "--package", "patchbay-tests"]);
    process::run(cargo.args(["--bin", "patchbay", "--bin", "openai-simulator"]))
}

fn require_free(address: SocketAddr, flag: &str) -> Result<()> {
    TcpListener::bind(address)
        .with_context(|| format!("{address} cannot be listened on; choose another with {flag}"))?;
    Ok(())
}

fn wait(children: &mut Children, what: &str, ready: impl Fn() -> bool) -> Result<()> {
    let end = Instant::now() + START_LIMIT;
    while !ready() {
        children.require_all_alive()?;
        if Instant::now() >= end {
            bail!("{what} was not ready within {} s", START_LIMIT.as_secs());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// The plugin and its connection, for the org that `identity` is of.
fn switch_on(hub: SocketAddr, identity: &Identity, vendor_key: &str, data: &Path) -> Result<()> {
    let put = |path: &str, body: serde_json::Value| {
        let answer = http::send(hub, "PUT", path, Some(&identity.api_key), Some(&body.to_string()))?;
        if answer.status == 401 {
            bail!("the hub does not know the key in {}; remove {0} to start anew", data.display());
        }
        answer.success().with_context(|| format!("PUT {path}"))
    };
    put("/v1/installations/openai", serde_json::json!({ "config": {} }))?;
    put("/v1/connections/openai", serde_json::json!({ "credentials": { "secret_key": vendor_key } }))?;
    Ok(())
}

fn welcome(listen: SocketAddr, identity: &Identity, simulator: Option<SocketAddr>) -> String {
    let vendor = match simulator {
        Some(address) => format!("a simulator at http://{address} (set OPENAI_API_KEY for the real one)"),
        None => "https://api.openai.com, with your OPENAI_API_KEY".to_owned(),
    };
    let Identity { org, api_key } = identity;
    format!(
        r#"
Patchbay serves on http://{listen}
  organization  {org}
  API key       {api_key}
  OpenAI        {vendor}
  API           http://{listen}/docs

Try:

curl -s http://{listen}/v1/actions/openai/create-chat-completion \
  -H "authorization: Bearer {api_key}" \
  -H 'content-type: application/json' \
  -d '{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"Hello"}}]}}'

curl -s http://{listen}/v1/runs -H "authorization: Bearer {api_key}"
curl -s http://{listen}/v1/usage -H "authorization: Bearer {api_key}"

Ctrl-C stops it.
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_call_is_one_that_a_shell_can_run() {
        let identity = Identity { org: "org_1".to_owned(), api_key: "pb_secret".to_owned() };
        let text = welcome("127.0.0.1:8080".parse().unwrap(), &identity, Some("127.0.0.1:9100".parse().unwrap()));
        let call = text.split("Try:\n\n").nth(1).unwrap().split("\n\n").next().unwrap();
        assert_eq!(
            call,
            r#"curl -s http://127.0.0.1:8080/v1/actions/openai/create-chat-completion \
  -H "authorization: Bearer pb_secret" \
  -H 'content-type: application/json' \
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'"#
        );
    }

    #[test]
    fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = require_free(address, "--listen").unwrap_err();
        assert_eq!(error.to_string(), format!("{address} cannot be listened on; choose another with --listen"));
    }
}
