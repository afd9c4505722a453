//! The servers that `dev` has started: they end when it does, and it ends when one of them does.

use std::{
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::process;

/// How long a server may take to finish what it is doing.
const GRACE: Duration = Duration::from_secs(10);

/// How often the servers are looked at.
const POLL: Duration = Duration::from_millis(200);

/// Started servers.
#[derive(Debug)]
pub struct Children {
    running: Vec<(&'static str, Child)>,
    stop: Receiver<()>,
}

impl Children {
    /// None yet. From here on a signal does not end this process at once: what was started is stopped first.
    pub fn new() -> Result<Self> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("listening for signals")?;
        let (sender, stop) = mpsc::channel();
        thread::spawn(move || {
            for _ in signals.forever() {
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { running: Vec::new(), stop })
    }

    /// Starts one.
    pub fn start(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        let child =
            command.stdin(Stdio::null()).spawn().with_context(|| format!("starting {}", process::name(command)))?;
        self.running.push((name, child));
        Ok(())
    }

    /// Fails if one has ended, or if a signal asks for the end.
    pub fn require_all_alive(&mut self) -> Result<()> {
        if self.stop.try_recv().is_ok() {
            bail!("stopped before it was ready");
        }
        for (name, child) in &mut self.running {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended with {status}");
            }
        }
        Ok(())
    }

    /// Until a signal comes, or one of them ends by itself, which is an error.
    pub fn wait_for_the_end(mut self) -> Result<()> {
        loop {
            match self.stop.recv_timeout(POLL) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => self.require_all_alive()?,
            }
        }
    }

    /// Asks each to end, the last started first, and kills what does not.
    fn stop(&mut self) -> Result<()> {
        for (name, mut child) in self.running.drain(..).rev() {
            if child.try_wait()?.is_some() {
                continue;
            }
            kill_process(Pid::from_child(&child), Signal::TERM).with_context(|| format!("stopping {name}"))?;
            let end = Instant::now() + GRACE;
            while child.try_wait()?.is_none() {
                if Instant::now() >= end {
                    println!("{name} does not stop, so it is killed");
                    process::kill(&mut child)?;
                    break;
                }
                thread::sleep(POLL / 10);
            }
        }
        Ok(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            println!("{error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_by_itself_is_named() {
        let mut children = Children::new().unwrap();
        children.start("the other", Command::new("sleep").arg("600")).unwrap();
        children.start("the hub", Command::new("sh").args(["-c", "exit 7"])).unwrap();
        let error = children.wait_for_the_end().unwrap_err();
        assert_eq!(error.to_string(), "the hub ended with exit status: 7");
    }

    #[test]
    fn what_was_started_ends_with_us() {
        let mut children = Children::new().unwrap();
        children.start("the hub", Command::new("sleep").arg("600")).unwrap();
        let id = Pid::from_child(&children.running[0].1);
        drop(children);
        assert!(rustix::process::test_kill_process(id).is_err());
    }
}
