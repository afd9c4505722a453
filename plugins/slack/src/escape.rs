//! Slack's mrkdwn: three characters mean something (`<!channel>`, `<@U…>`, `&amp;`), so text that anybody could have written
//! is escaped, or it could call a whole channel.

use std::fmt;

/// Writes text so that Slack shows it as it is.
///
/// # Errors
/// The writer's own.
pub(crate) fn write(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

/// The text, escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // a String takes every write
    let _ = write(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_slack_would_interpret_is_left() {
        assert_eq!(escaped("<!channel> & <@U1|x>"), "&lt;!channel&gt; &amp; &lt;@U1|x&gt;");
        assert_eq!(escaped("*bold* `code` \"ü\""), "*bold* `code` \"ü\"");
    }
}
