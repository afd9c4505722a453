//! One server, and who sees to its end.
//!
//! A process that ends runs no destructors of statics, and one that is killed runs nothing. So the server is started
//! and stopped by a shell that waits for the end of a pipe, whose other end the test process holds and never writes
//! to: the kernel closes it, whatever the process died of.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use sqlx::postgres::PgConnectOptions;

use crate::OWNER;

/// `$1`: the programs' folder; `$2`: ours; `$3`: settings.
const KEEPER: &str = r#"
"$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$2/log" 2>&1 &&
"$1/pg_ctl" -D "$2/data" -w -l "$2/log" -o "-c listen_addresses='' -c unix_socket_directories='$2' \
  -c max_connections=300 $3" start >>"$2/log" 2>&1 &&
echo ready || { cat "$2/log"; echo failed; }
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1
rm -rf "$2"
"#;

/// What a server promises of its data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keeps {
    /// Nothing once it ends: data that nobody needs later needs no fsync.
    Nothing,
    /// What it committed, as installed: for measurements.
    Commits,
}

impl Keeps {
    const fn settings(self) -> &'static str {
        match self {
            Self::Nothing => {
                "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=32MB \
                 -c deadlock_timeout=100ms"
            }
            Self::Commits => "",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    /// The closing of its standard input is its sign to end.
    keeper: Child,
}

impl Cluster {
    /// Starts one, which runs until this is dropped or the process ends.
    pub(crate) fn start(binaries: &Path, keeps: Keeps) -> Self {
        // A socket's path may have 107 bytes, and TMPDIR is long on some systems.
        let folder = tempfile::Builder::new().prefix("patchbay-postgres-").tempdir_in("/tmp");
        let folder = folder.expect("a folder in /tmp").keep();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(binaries).arg(&folder).arg(keeps.settings()).current_dir(&folder);
        // A group of its own: an interrupt from the keyboard is for the tests, and ends the keeper by the pipe.
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        if id(&["-u"]) == Some(0) {
            // The server refuses to run as root.
            let user =
                ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
            let (user, group) = user.expect("root needs a user postgres or nobody to run PostgreSQL as");
            chown(&folder, Some(user), Some(group)).expect("root may give its folder away");
            keeper.uid(user).gid(group);
        }
        let mut keeper = keeper.spawn().expect("a shell");
        let mut said = String::new();
        for line in BufReader::new(keeper.stdout.take().expect("a pipe was asked for")).lines() {
            match line.expect("the keeper speaks UTF-8").as_str() {
                "ready" => {
                    let cluster = Self { folder, keeper };
                    cluster.make_owner();
                    return cluster;
                }
                "failed" => break,
                line => said = said + line + "\n",
            }
        }
        panic!("PostgreSQL of {} did not start:\n{said}", binaries.display());
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().socket(&self.folder).username(user).database(database)
    }

    fn make_owner(&self) {
        let options = self.options("postgres", "postgres");
        let make = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let sql = format!("CREATE ROLE {OWNER} LOGIN CREATEROLE");
            runtime.expect("a runtime").block_on(crate::execute(&options, &sql));
        });
        make.join().expect("the owner's role is made");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It does what it does whether somebody waits or not; waiting leaves no zombie.
        let _ = self.keeper.wait();
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let asked = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(asked.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_leaves_nothing_behind() {
        let Some(binaries) = crate::binaries::find() else { return };
        let cluster = Cluster::start(&binaries, Keeps::Nothing);
        let folder = cluster.folder().to_owned();
        assert!(folder.join("data/PG_VERSION").exists());
        drop(cluster);
        assert!(!folder.exists());
    }
}
