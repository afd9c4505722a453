//! What is heard: that it can be said, and that it may be.

use super::Problem;
use super::names::escaped;
use crate::caller::{self, FACTS, Part};
use crate::config::Config;
use crate::menu::{Action, Menu, Otherwise, Prompt};
use crate::xml;

/// The longest text that both carriers speak, in characters.
const MOST: usize = 3000;

pub(super) fn check(menu: &Menu, config: &Config, found: &mut Vec<Problem>) {
    for (path, text) in prompts(menu) {
        prompt(&path, text, &config.prohibited_phrases, found);
    }
}

/// What is wrong with one prompt.
pub(crate) fn prompt(at: &str, prompt: &Prompt, prohibited: &[String], found: &mut Vec<Problem>) {
    match (&prompt.say, &prompt.play, &prompt.blob) {
        (None, None, None) => found.push(Problem::new(at, "something to be heard: say, play or blob")),
        (_, Some(_), Some(_)) => found.push(Problem::new(at, "play or blob, not both")),
        (None, None, Some(_)) => {
            found.push(Problem::new(format!("{at}/say"), "what is spoken where the recording cannot be had"));
        }
        _ => {}
    }
    if let Some(url) = &prompt.play
        && !is_https(url)
    {
        found.push(Problem::new(format!("{at}/play"), "an https URL"));
    }
    if let Some(text) = &prompt.say {
        let at = format!("{at}/say");
        can_be_said(&at, text, found);
        may_be_said(&at, text, prohibited, found);
    }
    if let Some(text) = &prompt.known {
        greeting(&format!("{at}/known"), text, prohibited, found);
    }
}

/// A text for callers who are known. What is prohibited is looked for once more when the names are in it.
fn greeting(at: &str, text: &str, prohibited: &[String], found: &mut Vec<Problem>) {
    can_be_said(at, text, found);
    match caller::parts(text) {
        Err(place) => found.push(Problem::new(at, format!("in braces only {FACTS}; this has {place:?}"))),
        Ok(parts) => {
            for part in &parts {
                if let Part::Text(text) = part {
                    may_be_said(at, text, prohibited, found);
                }
            }
            if !parts.iter().any(|part| matches!(part, Part::Fact(_))) {
                found.push(Problem::new(at, format!("a text with {FACTS}: what everybody hears is `say`")));
            }
        }
    }
}

fn can_be_said(at: &str, text: &str, found: &mut Vec<Problem>) {
    if text.trim().is_empty() || text.chars().count() > MOST {
        found.push(Problem::new(at, format!("1 to {MOST} characters")));
    }
    if text.chars().any(|it| !xml::is_speakable(it)) {
        found.push(Problem::new(at, "text without control characters"));
    }
}

fn may_be_said(at: &str, text: &str, prohibited: &[String], found: &mut Vec<Problem>) {
    let said = words(text);
    for phrase in prohibited {
        let phrase = words(phrase);
        // of a phrase without words there is nothing to find
        if phrase.len() > 1 && said.contains(&phrase) {
            found.push(Problem::new(at, format!("no prohibited phrase; this has {:?}", phrase.trim())));
        }
    }
}

/// The words, in small letters, each with one blank before and after it: so that a phrase is found whatever is between its
/// words, and no part of a word is taken for a word.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |all, word| all + word + " ")
}

fn is_https(url: &str) -> bool {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && url.chars().all(|it| it.is_ascii_graphic())
}

/// Every prompt of a menu, with its place.
pub(super) fn prompts(menu: &Menu) -> Vec<(String, &Prompt)> {
    let mut all = Prompts(Vec::new());
    for (name, level) in &menu.menus {
        let at = format!("/menus/{}", escaped(name));
        all.0.push((format!("{at}/greeting"), &level.greeting));
        all.add(format!("{at}/no_input"), level.no_input.as_ref());
        all.add(format!("{at}/invalid"), level.invalid.as_ref());
        for (key, action) in &level.options {
            all.action(&format!("{at}/options/{}", escaped(key)), action);
        }
        if let Some(action) = &level.fallback {
            all.action(&format!("{at}/fallback"), action);
        }
    }
    for (name, survey) in &menu.surveys {
        let at = format!("/surveys/{}", escaped(name));
        for (index, question) in survey.questions.iter().enumerate() {
            all.0.push((format!("{at}/questions/{index}/ask"), &question.ask));
        }
        all.add(format!("{at}/thanks"), survey.thanks.as_ref());
        all.otherwise(&format!("{at}/then"), survey.then.as_ref());
    }
    if let Some(hours) = &menu.hours {
        for (index, holiday) in hours.holidays.iter().enumerate() {
            all.add(format!("/hours/holidays/{index}/say"), holiday.say.as_ref());
        }
        all.add("/hours/outside/say".to_owned(), hours.outside.say.as_ref());
        all.action("/hours/outside/then", &hours.outside.then);
    }
    all.0
}

struct Prompts<'a>(Vec<(String, &'a Prompt)>);

impl<'a> Prompts<'a> {
    fn add(&mut self, at: String, prompt: Option<&'a Prompt>) {
        self.0.extend(prompt.map(|prompt| (at, prompt)));
    }

    fn action(&mut self, at: &str, action: &'a Action) {
        match action {
            Action::Transfer { announce, otherwise, .. } => {
                self.add(format!("{at}/announce"), announce.as_ref());
                self.otherwise(&format!("{at}/otherwise"), otherwise.as_ref());
            }
            Action::Voicemail { greeting, .. } => self.add(format!("{at}/greeting"), greeting.as_ref()),
            Action::Hangup { say } => self.add(format!("{at}/say"), say.as_ref()),
            Action::Submenu { .. } | Action::Survey { .. } | Action::Repeat {} => {}
        }
    }

    fn otherwise(&mut self, at: &str, otherwise: Option<&'a Otherwise>) {
        match otherwise {
            Some(Otherwise::Voicemail { greeting, .. }) => self.add(format!("{at}/greeting"), greeting.as_ref()),
            Some(Otherwise::Hangup { say }) => self.add(format!("{at}/say"), say.as_ref()),
            Some(Otherwise::Submenu { .. }) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, prohibited: &[&str]) -> Vec<String> {
        let prohibited: Vec<String> = prohibited.iter().map(|phrase| (*phrase).to_owned()).collect();
        let mut found = Vec::new();
        prompt("/x", &Prompt::say(text), &prohibited, &mut found);
        found.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn a_prohibited_phrase_is_found_by_its_words() {
        let prohibited = ["you have won", "IRS", "  "];
        for text in ["You have won!", "Today you HAVE -- won a car", "you\nhave  won", "The I.R.S. or the irs, calling"]
        {
            assert_eq!(found(text, &prohibited), ["/x/say"], "{text}");
        }
        for text in ["You have wonderful taste", "You won", "First things first", "have you won"] {
            assert_eq!(found(text, &prohibited), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for text in ["", "  ", "a\u{0}b", "bell\u{7}", "\u{fffe}", "x\r\ny"] {
            assert_eq!(found(text, &[]), ["/x/say"], "{text:?}");
        }
        assert_eq!(found(&"a".repeat(3001), &[]), ["/x/say"]);
        assert_eq!(found(&"é".repeat(3000), &[]), Vec::<String>::new());
        assert_eq!(found("one\ntwo\tthree & <four>", &[]), Vec::<String>::new());
    }

    #[test]
    fn a_text_for_known_callers_names_them_and_has_words_for_all_others() {
        let of = |known: &str, say: Option<&str>| {
            let prohibited = ["you have won".to_owned(), "first name".to_owned()];
            let heard = Prompt { say: say.map(str::to_owned), known: Some(known.to_owned()), ..Prompt::default() };
            let mut found = Vec::new();
            prompt("/x", &heard, &prohibited, &mut found);
            found.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
        };
        assert_eq!(of("Hello {caller.first_name} of {caller.company}.", Some("Hello.")), Vec::<String>::new());
        assert_eq!(of("Hello {caller.name}.", None), ["/x"], "and who is not known hears nothing?");
        for known in [
            "",
            "Hello.",
            "Hello {caller.email}",
            "Hello {caller.name",
            "Hello }",
            "{caller.name}, you HAVE won",
            "{caller.name}\u{7}",
        ] {
            let wrong = of(known, Some("Hello."));
            assert!(!wrong.is_empty() && wrong.iter().all(|path| path == "/x/known"), "{known:?}: {wrong:?}");
        }
        assert_eq!(of(&format!("{{caller.name}}{}", "a".repeat(3000)), Some("Hello.")), ["/x/known"]);
    }

    #[test]
    fn a_recording_is_one_and_has_words_in_its_place() {
        let of = |say: Option<&str>, play: Option<&str>, blob: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let mut found = Vec::new();
            let heard = Prompt { say: owned(say), play: owned(play), blob: owned(blob), known: None };
            prompt("/x", &heard, &[], &mut found);
            found.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
        };
        assert_eq!(of(None, None, None), ["/x"]);
        assert_eq!(of(None, Some("https://a.example/x.mp3"), Some("blob_1")), ["/x"]);
        assert_eq!(of(None, None, Some("blob_1")), ["/x/say"]);
        for url in ["http://a.example/x.mp3", "https://", "https:///x", "https://a.example/a b", "ftp://a"] {
            assert_eq!(of(None, Some(url), None), ["/x/play"], "{url}");
        }
        assert_eq!(of(None, Some("https://a.example/x.mp3"), None), Vec::<String>::new());
        assert_eq!(of(Some("hello"), None, Some("blob_1")), Vec::<String>::new());
    }
}
