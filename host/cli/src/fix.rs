//! Errors for people: what went wrong, and what to do about it.

use std::fmt;

use anyhow::Error;

/// What to do about an error. Travels in the error's chain as a context.
#[derive(Debug)]
struct Fix(String);

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds to an error what to do about it.
pub trait OrFix<T> {
    /// `fix` is an imperative: "choose another address with `server.listen`".
    fn or_fix(self, fix: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> OrFix<T> for Result<T, E> {
    fn or_fix(self, fix: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(Fix(fix.into())))
    }
}

/// The lines that a failed command prints.
pub fn for_people(error: &Error) -> String {
    let fix = error.downcast_ref::<Fix>().map(ToString::to_string);
    let causes = error.chain().map(ToString::to_string).filter(|cause| Some(cause) != fix.as_ref());
    let mut text = String::from("error: ");
    let mut last = String::new();
    for cause in causes {
        // Many errors say their cause in their own text.
        if !last.is_empty() && !last.contains(&cause) {
            text.push_str(": ");
        }
        if last.is_empty() || !last.contains(&cause) {
            text.push_str(&cause);
            last = cause;
        }
    }
    text.push('\n');
    if let Some(fix) = fix {
        text.push_str(&format!("fix: {fix}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn an_error_is_one_line_and_its_fix_another() {
        let failed: Result<(), _> = Err(anyhow!("address in use"));
        let error = failed.context("cannot listen on 127.0.0.1:80").or_fix("choose another address").unwrap_err();
        assert_eq!(
            for_people(&error),
            "error: cannot listen on 127.0.0.1:80: address in use\nfix: choose another address\n"
        );
    }

    #[test]
    fn a_fix_is_found_below_a_later_context() {
        let failed: Result<(), _> = Err(anyhow!("no such file"));
        let error = failed.or_fix("make it").context("reading the configuration").unwrap_err();
        assert_eq!(for_people(&error), "error: reading the configuration: no such file\nfix: make it\n");
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let error = anyhow!("no such file").context("cannot open x: no such file");
        assert_eq!(for_people(&error), "error: cannot open x: no such file\n");
    }
}
