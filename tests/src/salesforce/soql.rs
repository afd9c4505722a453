//! SOQL of the shapes that are sent here, parsed to the last character.

use super::store::Refusal;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) fields: Vec<String>,
    pub(super) object: String,
    pub(super) condition: Option<Condition>,
    /// By `SystemModstamp` and `Id`; else by `Id` alone.
    pub(super) by_stamp: bool,
    pub(super) limit: Option<usize>,
}

/// What records have to be like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compares(String, String, Literal),
    Like(String, String),
    In(String, Vec<String>),
}

/// A value in a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    /// A time or a number, bare.
    Bare(String),
    Null,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, Refusal> {
    let malformed = |why: String| Refusal::new(400, "MALFORMED_QUERY", why);
    let tokens = tokens(text).map_err(malformed)?;
    let mut parser = Parser { tokens, at: 0 };
    parser.query().map_err(malformed)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        if next.is_whitespace() {
            rest.next();
        } else if next == '\'' {
            rest.next();
            let mut own = String::new();
            loop {
                match rest.next() {
                    None => return Err("a text does not end".to_owned()),
                    Some('\'') => break,
                    Some('\\') => match rest.next() {
                        Some('n') => own.push('\n'),
                        Some('r') => own.push('\r'),
                        Some('t') => own.push('\t'),
                        Some(escaped @ ('\\' | '\'' | '"' | '%' | '_')) => own.push(escaped),
                        other => return Err(format!("no escape: {other:?}")),
                    },
                    Some('\n') => return Err("a text breaks its line".to_owned()),
                    Some(other) => own.push(other),
                }
            }
            all.push(Token::Text(own));
        } else if "(),".contains(next) {
            rest.next();
            all.push(Token::Sign(next.to_string()));
        } else if "<>=!".contains(next) {
            rest.next();
            let mut sign = next.to_string();
            if rest.peek() == Some(&'=') {
                rest.next();
                sign.push('=');
            }
            all.push(Token::Sign(sign));
        } else if next.is_ascii_alphanumeric() || next == '_' {
            let mut word = String::new();
            while let Some(&more) = rest.peek().filter(|more| more.is_ascii_alphanumeric() || "_.:+-".contains(**more))
            {
                word.push(more);
                rest.next();
            }
            all.push(Token::Word(word));
        } else {
            return Err(format!("unexpected token: {next}"));
        }
    }
    Ok(all)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek_word(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let is_next = self.peek_word().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_next = self.tokens.get(self.at) == Some(&Token::Sign(sign.to_owned()));
        self.at += usize::from(is_next);
        is_next
    }

    fn demand(&mut self, keyword: &str) -> Result<(), String> {
        if self.takes(keyword) { Ok(()) } else { Err(format!("{keyword} is missing at token {}", self.at)) }
    }

    fn word(&mut self) -> Result<String, String> {
        let word =
            self.peek_word().map(str::to_owned).ok_or_else(|| format!("a name is missing at token {}", self.at))?;
        self.at += 1;
        Ok(word)
    }

    fn query(&mut self) -> Result<Query, String> {
        self.demand("SELECT")?;
        let mut fields = vec![self.word()?];
        while self.takes_sign(",") {
            fields.push(self.word()?);
        }
        self.demand("FROM")?;
        let object = self.word()?;
        let condition = if self.takes("WHERE") { Some(self.any()?) } else { None };
        let mut by_stamp = false;
        if self.takes("ORDER") {
            self.demand("BY")?;
            let mut order = vec![self.word()?];
            while self.takes_sign(",") {
                order.push(self.word()?);
            }
            let order: Vec<String> = order.iter().map(|field| field.to_ascii_lowercase()).collect();
            by_stamp = match order.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["systemmodstamp", "id"] => true,
                ["id"] => false,
                other => return Err(format!("nobody orders by {other:?} here")),
            };
        }
        let limit = if self.takes("LIMIT") { Some(self.word()?.parse().map_err(|_| "no limit")?) } else { None };
        if self.at < self.tokens.len() {
            return Err(format!("unexpected token: {:?}", self.tokens.get(self.at)));
        }
        Ok(Query { fields, object, condition, by_stamp, limit })
    }

    /// As in SOQL, `AND` and `OR` do not stand beside each other without parentheses.
    fn any(&mut self) -> Result<Condition, String> {
        let first = self.one()?;
        let (mut all, mut any) = (Vec::new(), Vec::new());
        loop {
            if self.takes("AND") {
                all.push(self.one()?);
            } else if self.takes("OR") {
                any.push(self.one()?);
            } else {
                break;
            }
        }
        match (all.is_empty(), any.is_empty()) {
            (true, true) => Ok(first),
            (false, true) => Ok(Condition::All([vec![first], all].concat())),
            (true, false) => Ok(Condition::Any([vec![first], any].concat())),
            (false, false) => Err("AND and OR need parentheses".to_owned()),
        }
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.takes_sign("(") {
            let inner = self.any()?;
            return if self.takes_sign(")") { Ok(inner) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let field = self.word()?;
        if self.takes("LIKE") {
            return Ok(Condition::Like(field, self.text()?));
        }
        if self.takes("IN") {
            if !self.takes_sign("(") {
                return Err("IN wants a list".to_owned());
            }
            let mut values = vec![self.text()?];
            while self.takes_sign(",") {
                values.push(self.text()?);
            }
            return if self.takes_sign(")") {
                Ok(Condition::In(field, values))
            } else {
                Err("a list is not closed".to_owned())
            };
        }
        for sign in ["=", "!=", "<=", ">=", "<", ">"] {
            if self.takes_sign(sign) {
                let value = match self.tokens.get(self.at).cloned() {
                    Some(Token::Text(text)) => Literal::Text(text),
                    Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => Literal::Null,
                    Some(Token::Word(word)) => Literal::Bare(word),
                    other => return Err(format!("no value: {other:?}")),
                };
                self.at += 1;
                return Ok(Condition::Compares(field, sign.to_owned(), value));
            }
        }
        Err(format!("no comparison after {field}"))
    }

    fn text(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at).cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text)
            }
            other => Err(format!("no text: {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_and_nothing_else() {
        let query = parse(r"SELECT Id,Email FROM Contact WHERE (A = 2026-11-01T00:00:00Z AND Id > 'x\'y') OR A > 2026-11-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 5").unwrap();
        assert_eq!((query.fields.len(), query.by_stamp, query.limit), (2, true, Some(5)));
        assert!(matches!(query.condition, Some(Condition::Any(some)) if some.len() == 2));
        for text in [
            "SELECT FROM Contact",
            "SELECT Id FROM Contact WHERE Email = 'a",
            "SELECT Id FROM Contact WHERE A = 'a' AND B = 'b' OR C = 'c'",
            "SELECT Id FROM Contact ORDER BY Name",
            "SELECT Id FROM Contact; DROP",
            "SELECT Id FROM Contact WHERE Id IN ()",
            "SELECT * FROM Contact",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
