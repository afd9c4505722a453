//! What machine the figures are from.

use std::{
    fmt::Write as _,
    fs,
    io::{Seek, Write as _},
    process::Command,
    time::{Duration, Instant},
};

use crate::stats::{Samples, us};

fn line_of(file: &str, starts: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(starts)).unwrap_or_default();
    line.split_once(':').map_or(line, |(_, value)| value).trim().to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Processor, cores, memory, kernel, compiler, commit.
pub(crate) fn machine() -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "| | |\n|---|---|")?;
    writeln!(text, "| processor | {} |", line_of("/proc/cpuinfo", "model name"))?;
    writeln!(text, "| cores | {} |", std::thread::available_parallelism()?)?;
    writeln!(text, "| memory | {} |", line_of("/proc/meminfo", "MemTotal"))?;
    writeln!(text, "| kernel | {} |", output("uname", &["-r"]))?;
    writeln!(text, "| compiler | {} |", output("rustc", &["--version"]))?;
    writeln!(text, "| commit | {} |", commit())?;
    writeln!(text, "| fsync before | {} |", fsync()?)?;
    text.push('\n');
    Ok(text)
}

/// The commit that is checked out.
pub(crate) fn commit() -> String {
    output("git", &["rev-parse", "--short=12", "HEAD"])
}

/// How long the disk takes to make 4 KiB durable: median and 99th percentile of 300.
pub(crate) fn fsync() -> anyhow::Result<String> {
    let mut file = tempfile::NamedTempFile::new_in("target")?;
    let mut samples = Samples::default();
    let block = [7; 4096];
    for _ in 0..300 {
        let begun = Instant::now();
        file.rewind()?;
        file.write_all(&block)?;
        file.as_file().sync_data()?;
        samples.push(begun.elapsed());
    }
    Ok(format!("p50 {}, p99 {}", us(samples.percentile(50.0)), us(samples.percentile(99.0))))
}

/// CPU time that the hypervisor gave to others since the machine started.
pub(crate) fn stolen() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let ticks: u64 = stat.split_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
    // a hundred a second, whatever the kernel's own clock is
    Ok(Duration::from_millis(ticks * 10))
}
