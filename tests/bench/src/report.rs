//! The report: a section for each part that was measured, with what the machine did meanwhile.
//!
//! A report that is written to a file that is there already takes the place of the sections that it has and leaves the others:
//! one part can be measured again without an hour for all. So each section names the commit that it is of.

use std::{fs, path::Path, time::Instant};

use anyhow::Context as _;

use crate::facts;

const TITLE: &str = "# Benchmarks\n\n";
/// How the last line of a section begins, and how that of a report did that names its commit at the top alone.
const FOOTER: &str = "*commit ";
const OLD_FOOTER: &str = "*fsync ";

/// Sections in the order in which they were measured.
pub(crate) struct Report {
    facts: String,
    commit: String,
    sections: Vec<Section>,
    failed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    title: String,
    /// With its end of line.
    text: String,
}

impl Report {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { facts: facts::machine()?, commit: facts::commit(), sections: Vec::new(), failed: Vec::new() })
    }

    /// Measures one part. One that fails takes nothing from the others: it is said at the end.
    pub(crate) async fn measure(
        &mut self,
        title: &str,
        part: impl Future<Output = anyhow::Result<String>>,
    ) -> anyhow::Result<()> {
        eprintln!("measuring: {title}");
        let (begun, stolen) = (Instant::now(), facts::stolen()?);
        let text = match part.await {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{title}: {error:#}");
                self.failed.push(title.to_owned());
                return Ok(());
            }
        };
        let stolen = facts::stolen()?.saturating_sub(stolen);
        let text = format!(
            "{}\n\n{FOOTER}{}; fsync {}; {:.1} s of processor time stolen in {:.0} s*\n",
            text.trim_end(),
            self.commit,
            facts::fsync()?,
            stolen.as_secs_f64(),
            begun.elapsed().as_secs_f64(),
        );
        eprintln!("## {title}\n\n{text}");
        self.sections.push(Section { title: title.to_owned(), text });
        Ok(())
    }

    /// Prints it, and puts it into a file if one is named.
    pub(crate) fn finish(self, write: Option<&Path>) -> anyhow::Result<()> {
        println!("{TITLE}{}{}", self.facts, printed(&self.sections));
        if let Some(path) = write {
            let before = fs::read_to_string(path).unwrap_or_default();
            let sections = merged(&before, &self.sections);
            fs::write(path, format!("{TITLE}{}{}", self.facts, printed(&sections)))
                .with_context(|| format!("writing {}", path.display()))?;
        }
        anyhow::ensure!(self.failed.is_empty(), "not measured: {}", self.failed.join(", "));
        Ok(())
    }
}

fn printed(sections: &[Section]) -> String {
    let all: Vec<_> = sections.iter().map(|section| format!("## {}\n\n{}", section.title, section.text)).collect();
    all.join("\n")
}

/// The sections of a report, with those that were measured anew in their places and new ones at the end.
fn merged(before: &str, new: &[Section]) -> Vec<Section> {
    let mut all = sections_of(before);
    for section in new {
        match all.iter_mut().find(|one| one.title == section.title) {
            Some(old) => old.text.clone_from(&section.text),
            None => all.push(section.clone()),
        }
    }
    all
}

fn sections_of(report: &str) -> Vec<Section> {
    let mut parts = report.split("\n## ");
    let commit = parts.next().and_then(commit_of).unwrap_or_else(|| "unknown".to_owned());
    let section = |part: &str| {
        let (title, text) = part.split_once('\n').unwrap_or((part, ""));
        let text = text.trim().replace(OLD_FOOTER, &format!("{FOOTER}{commit}; fsync "));
        Section { title: title.trim().to_owned(), text: format!("{text}\n") }
    };
    parts.map(section).collect()
}

/// The commit that the table at the top names.
fn commit_of(head: &str) -> Option<String> {
    let line = head.lines().find_map(|line| line.strip_prefix("| commit |"))?;
    Some(line.trim_end_matches('|').trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# Benchmarks\n\n| | |\n|---|---|\n| commit | abc |\n\n## One\n\nfirst\n\n*fsync p50 1 µs*\n\n## Two\n\nsecond\n";

    #[test]
    fn a_part_that_is_measured_again_takes_its_place_and_leaves_the_others() {
        let new = |title: &str| Section { title: title.to_owned(), text: "new\n".to_owned() };
        let all = merged(BEFORE, &[new("Two"), new("Three")]);
        let titles: Vec<_> = all.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["One", "Two", "Three"]);
        assert_eq!(all.iter().map(|section| section.text.as_str()).collect::<Vec<_>>()[1..], ["new\n", "new\n"]);
    }

    #[test]
    fn what_is_kept_says_of_which_commit_it_is() {
        assert_eq!(merged(BEFORE, &[])[0].text, "first\n\n*commit abc; fsync p50 1 µs*\n");
    }

    #[test]
    fn nothing_before_is_nothing_kept() {
        assert!(merged("", &[]).is_empty());
    }
}
