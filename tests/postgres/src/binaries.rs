//! Where the server's programs are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is said if there are none.
pub(crate) const MISSING: &str = "tests on PostgreSQL need initdb, pg_ctl and postgres, and found them neither in PATH nor by pg_config nor in \
     /usr/lib/postgresql: install PostgreSQL 14 or newer (Debian: apt-get install postgresql)";

/// The folder of `initdb`, `pg_ctl` and `postgres`; of several, the first in `PATH`, else the newest.
pub(crate) fn find() -> Option<PathBuf> {
    in_path().or_else(by_pg_config).or_else(on_debian)
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| is_complete(folder))
}

fn by_pg_config() -> Option<PathBuf> {
    let asked = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    is_complete(&folder).then_some(folder)
}

/// Debian keeps several versions beside each other, outside of `PATH`.
fn on_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let folder = version.path().join("bin");
            is_complete(&folder).then_some((number, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}
