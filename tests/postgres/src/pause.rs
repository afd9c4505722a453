//! A server that stands still: it has its connections, answers nothing, and goes on later as if nothing had been.

use std::{fs, path::Path, process::Command};

use crate::TestDatabase;

/// A server that stands still until this is dropped.
#[derive(Debug)]
#[must_use = "the server goes on when this is dropped"]
pub struct Paused {
    /// The one that starts the others first.
    processes: Vec<u32>,
}

impl TestDatabase {
    /// Has all of the server's processes stand still (`SIGSTOP`): a machine that does not get on, or a disk that does not answer.
    /// For one of a server of its own ([`crate::database_alone`]), because others on it would stand still as well. On Linux.
    ///
    /// # Panics
    /// If its processes are not found.
    pub fn pause(&self) -> Paused {
        let file = self.cluster.folder().join("data/postmaster.pid");
        let text = fs::read_to_string(&file).expect("a server that runs has a file that says its process");
        let first = text.lines().next().and_then(|line| line.trim().parse().ok()).expect("the file begins with its id");
        // once it stands still no other ones are started
        signal("STOP", &[first]);
        let mut processes = vec![first];
        processes.extend(children_of(first));
        let paused = Paused { processes };
        signal("STOP", &paused.processes);
        paused
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        signal("CONT", &self.processes);
    }
}

fn signal(name: &str, processes: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(processes.iter().map(u32::to_string));
    // One that has ended meanwhile needs no signal.
    let _ = kill.status().expect("the program kill");
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// The second field after the name, which is in parentheses and may have more of them in it.
fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_paused_server_answers_nothing_and_goes_on_afterwards() {
        let Some(database) = crate::database_alone().await else { return };
        let mut connection = database.connect("postgres").await;
        let paused = database.pause();
        let asking = sqlx::query_as::<_, (i32,)>("SELECT 1").fetch_one(&mut connection);
        let mut asking = std::pin::pin!(asking);
        assert!(tokio::time::timeout(Duration::from_millis(200), asking.as_mut()).await.is_err());
        drop(paused);
        assert_eq!(asking.await.expect("it goes on").0, 1);
    }
}
