//! The hub's configuration for development.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::files;

/// The first line of a file that is ours to write again.
const MARK: &str = "# Made by `cargo xtask dev`, anew each time. Remove this line to keep changes of your own.\n";

/// What it is made from.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Where the hub listens.
    pub listen: SocketAddr,
    /// Its folder.
    pub data: &'a Path,
    /// The packed plugins.
    pub plugins: &'a Path,
    /// What stands in for OpenAI, if something does.
    pub simulator: Option<SocketAddr>,
}

/// Writes `patchbay.toml` into the data folder, unless there is one that someone has made their own; gives
/// its path.
pub fn write(settings: &Settings<'_>) -> Result<PathBuf> {
    let path = settings.data.join("patchbay.toml");
    if path.exists() {
        let present = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        if !present.starts_with(MARK) {
            println!("{} is your own: it stays as it is, whatever the flags say", path.display());
            return Ok(path);
        }
    }
    files::write_if_changed(&path, render(settings)?.as_bytes())?;
    Ok(path)
}

fn render(settings: &Settings<'_>) -> Result<String> {
    let config = Config {
        server: Server { listen: settings.listen, public_url: format!("http://{}", settings.listen) },
        data: Data { dir: settings.data, database: format!("sqlite:{}", settings.data.join("patchbay.db").display()) },
        plugins: Plugins { dir: settings.plugins, allow_unsigned: true },
        upstreams: settings
            .simulator
            .map(|address| ("api.openai.com", format!("http://{address}")))
            .into_iter()
            .collect(),
    };
    Ok(format!("{MARK}\n{}", toml::to_string(&config).context("writing the configuration")?))
}

#[derive(Serialize)]
struct Config<'a> {
    server: Server,
    data: Data<'a>,
    plugins: Plugins<'a>,
    upstreams: std::collections::BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Server {
    listen: SocketAddr,
    public_url: String,
}

#[derive(Serialize)]
struct Data<'a> {
    dir: &'a Path,
    /// Said, because `DATABASE_URL` in a developer's shell may be another project's.
    database: String,
}

#[derive(Serialize)]
struct Plugins<'a> {
    dir: &'a Path,
    allow_unsigned: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(data: &Path, simulator: Option<SocketAddr>) -> Settings<'_> {
        Settings {
            listen: "127.0.0.1:8080".parse().unwrap(),
            data,
            plugins: Path::new("/clone/target/plugins"),
            simulator,
        }
    }

    #[test]
    fn the_vendor_is_mapped_to_the_simulator_only_while_there_is_one() {
        let data = tempfile::tempdir().unwrap();
        let path = write(&settings(data.path(), Some("127.0.0.1:9100".parse().unwrap()))).unwrap();
        let config: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        assert_eq!(config["server"]["public_url"].as_str(), Some("http://127.0.0.1:8080"));
        assert_eq!(config["plugins"]["dir"].as_str(), Some("/clone/target/plugins"));
        assert_eq!(config["upstreams"]["api.openai.com"].as_str(), Some("http://127.0.0.1:9100"));

        write(&settings(data.path(), None)).unwrap();
        let config: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        assert!(config["upstreams"].as_table().unwrap().is_empty());
    }

    #[test]
    fn a_configuration_of_ones_own_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let own = "[server]\nlisten = \"0.0.0.0:80\"\n";
        fs::write(data.path().join("patchbay.toml"), own).unwrap();
        let path = write(&settings(data.path(), None)).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), own);
    }
}
