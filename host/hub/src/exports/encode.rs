//! Rows as bytes of a file.
//!
//! CSV is opened in spreadsheets, which take a cell that begins with `=` for a formula and run it. So text that a spreadsheet
//! could take so gets an apostrophe in front, which shows it as text. What is a number in JSON stays one. JSON Lines keep
//! everything to the letter.

use std::borrow::Cow;

use patchbay_model::{Failure, export::ExportFormat};
use serde_json::Value;

use super::columns::Column;

/// Writes rows into memory until they are taken.
pub(super) struct Encoder {
    columns: Vec<Column>,
    written: Written,
}

enum Written {
    Csv(Box<csv::Writer<Vec<u8>>>),
    Jsonl(Vec<u8>),
}

impl Encoder {
    pub(super) fn new(format: ExportFormat, columns: Vec<Column>) -> Self {
        let written = match format {
            ExportFormat::Csv => Written::Csv(Box::new(writer())),
            ExportFormat::Jsonl => Written::Jsonl(Vec::new()),
        };
        Self { columns, written }
    }

    /// What stands before the first row.
    pub(super) fn header(&mut self) -> Result<(), Failure> {
        match &mut self.written {
            Written::Csv(csv) => {
                csv.write_record(self.columns.iter().map(|column| column.name.as_str())).map_err(Failure::internal)
            }
            Written::Jsonl(_) => Ok(()),
        }
    }

    /// A row, given as its document. Gives about how many bytes it has.
    pub(super) fn row(&mut self, document: &Value) -> Result<usize, Failure> {
        match &mut self.written {
            Written::Csv(csv) => {
                let mut length = 0;
                for column in &self.columns {
                    let cell = cell(column.cell(document));
                    length += cell.len() + 1;
                    csv.write_field(cell.as_bytes()).map_err(Failure::internal)?;
                }
                csv.write_record(None::<&[u8]>).map_err(Failure::internal)?;
                Ok(length)
            }
            Written::Jsonl(bytes) => {
                let before = bytes.len();
                serde_json::to_writer(&mut *bytes, document).map_err(Failure::internal)?;
                bytes.push(b'\n');
                Ok(bytes.len() - before)
            }
        }
    }

    /// All that was written since the last time.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, Failure> {
        match &mut self.written {
            Written::Csv(csv) => std::mem::replace(&mut **csv, writer())
                .into_inner()
                .map_err(|error| Failure::internal(error.to_string())),
            Written::Jsonl(bytes) => Ok(std::mem::take(bytes)),
        }
    }
}

fn writer() -> csv::Writer<Vec<u8>> {
    // RFC 4180: lines end with CR LF; cells are quoted that need it
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new())
}

/// A value as the text of a cell.
fn cell(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::Bool(flag)) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Some(Value::Number(number)) => Cow::Owned(number.to_string()),
        Some(Value::String(text)) => guarded(text),
        Some(nested @ (Value::Array(_) | Value::Object(_))) => {
            Cow::Owned(guarded_within(&nested.to_string()).into_owned())
        }
    }
}

/// Text that no spreadsheet takes for a formula: those look behind spaces, and some take the wide forms of the signs as well.
fn guarded(text: &str) -> Cow<'_, str> {
    let begins_badly = text.starts_with(['\t', '\r', '\n']);
    let first = text.trim_start_matches(is_passed_over).chars().next();
    let inner = guarded_within(text);
    if begins_badly || first.is_some_and(begins_a_formula) { Cow::Owned(format!("'{inner}")) } else { inner }
}

/// Where the habits of a language are that commas are in numbers, spreadsheets split lines at semicolons, and quotes in the
/// middle of what they take for a cell mean nothing to them: the end of a text begins a cell of its own there.
fn guarded_within(text: &str) -> Cow<'_, str> {
    let (mut guarded, mut copied, mut begins_at) = (String::new(), 0, None);
    for (at, c) in text.char_indices() {
        match begins_at {
            _ if matches!(c, ';' | '\t' | '\r' | '\n') => begins_at = Some(at + c.len_utf8()),
            Some(begin) if begins_a_formula(c) => {
                guarded.push_str(text.get(copied..begin).unwrap_or_default());
                guarded.push('\'');
                (copied, begins_at) = (begin, None);
            }
            Some(_) if is_passed_over(c) => {}
            _ => begins_at = None,
        }
    }
    if guarded.is_empty() {
        return Cow::Borrowed(text);
    }
    guarded.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(guarded)
}

const fn begins_a_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
}

fn is_passed_over(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoder(format: ExportFormat) -> Encoder {
        let column = |name: &str| Column { name: name.to_owned(), pointer: format!("/{name}") };
        Encoder::new(format, vec![column("a"), column("b")])
    }

    #[test]
    fn text_that_a_spreadsheet_would_run_is_shown_as_text() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            " =1",
            "\u{feff}=1",
            "\tplain",
            "\rplain",
            "\u{0}=1",
            "＝1",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(guarded(text), format!("'{text}"), "{text:?}");
        }
    }

    #[test]
    fn text_that_would_be_a_cell_of_its_own_elsewhere_is_shown_as_text_too() {
        for (text, expected) in [
            ("a;=1", "a;'=1"),
            ("a; =1;b;+2", "a;' =1;b;'+2"),
            ("two\nlines\n=1", "two\nlines\n'=1"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("\n\u{a0} =1", "'\n'\u{a0} =1"),
            ("é;＝1", "é;'＝1"),
            (";;;-", ";;;'-"),
        ] {
            assert_eq!(guarded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["", "a", "1", "a=b", "a-b", "'=1", " a", "é", "1-1", "{\"a\":1}", "a; b", "a;b=1", "a;", "x;'=1"]
        {
            assert_eq!(guarded(text), text);
        }
    }

    #[test]
    fn numbers_stay_numbers_and_what_is_nested_is_json() {
        for (value, expected) in [
            (json!(-5), "-5"),
            (json!(-1.5), "-1.5"),
            (json!("-5"), "'-5"),
            (json!(true), "true"),
            (json!(null), ""),
            (json!(["=1"]), r#"["=1"]"#),
            (json!({"b": "=1", "a": 1}), r#"{"b":"=1","a":1}"#),
            (json!(["a;=1"]), r#"["a;'=1"]"#),
        ] {
            assert_eq!(cell(Some(&value)), expected);
        }
        assert_eq!(cell(None), "");
    }

    #[test]
    fn csv_is_as_rfc_4180_wants_it() {
        let mut encoder = encoder(ExportFormat::Csv);
        encoder.header().unwrap();
        let _ = encoder.row(&json!({"a": "say \"hi\", you", "b": "two\nlines"})).unwrap();
        let first = encoder.take().unwrap();
        let _ = encoder.row(&json!({"b": 1, "c": "not a column"})).unwrap();
        let text = String::from_utf8([first, encoder.take().unwrap()].concat()).unwrap();
        assert_eq!(text, "a,b\r\n\"say \"\"hi\"\", you\",\"two\nlines\"\r\n,1\r\n");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert_eq!(rows, [["say \"hi\", you", "two\nlines"], ["", "1"]]);
    }

    #[test]
    fn a_row_of_one_empty_cell_is_still_a_row() {
        let column = Column { name: "a".to_owned(), pointer: "/a".to_owned() };
        let mut encoder = Encoder::new(ExportFormat::Csv, vec![column]);
        let _ = encoder.row(&json!({})).unwrap();
        assert_eq!(encoder.take().unwrap(), b"\"\"\r\n");
    }

    #[test]
    fn json_lines_are_documents_to_the_letter() {
        let mut encoder = encoder(ExportFormat::Jsonl);
        encoder.header().unwrap();
        let _ = encoder.row(&json!({"b": "=1\n", "a": 1})).unwrap();
        let _ = encoder.row(&json!({})).unwrap();
        assert_eq!(encoder.take().unwrap(), b"{\"b\":\"=1\\n\",\"a\":1}\n{}\n");
        assert!(encoder.take().unwrap().is_empty());
    }
}
