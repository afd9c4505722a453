use super::*;
use crate::bindings::reply::Condition as Asked;

fn observation(capture: &[&str], measure: &[&str], withhold: Vec<Asked>, strip: &[&str]) -> Plan {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Plan::new(Observation { capture: own(capture), measure: own(measure), withhold, strip: own(strip) }).unwrap()
}

fn usage_hidden() -> Plan {
    let withhold = vec![
        Asked { pointer: "/choices".into(), test: Test::Equals("[]".into()) },
        Asked { pointer: "/usage".into(), test: Test::Present },
    ];
    observation(&["/usage"], &["/choices/0/delta/content"], withhold, &["/usage"])
}

/// Everything that the client gets when `body` comes in pieces of `size` bytes, and the summary.
fn through(plan: Option<Plan>, kind: Body, body: &str, size: usize) -> (String, Summary) {
    let mut observer = Observer::new(plan, kind);
    let mut out = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        out.extend_from_slice(&observer.pass(Bytes::copy_from_slice(chunk)));
    }
    out.extend_from_slice(&observer.rest());
    (String::from_utf8(out).unwrap(), observer.finish(true))
}

const STREAM: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}],\"usage\":null}\n\n\
    : keep-alive\n\n\
    data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lö\"}}],\"usage\":null}\n\n\
    data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"total_tokens\":11}}\n\n\
    data: [DONE]\n\n";

#[test]
fn a_usage_event_is_captured_and_hidden_wherever_the_chunks_are_cut() {
    for size in 1..STREAM.len() {
        let (out, summary) = through(Some(usage_hidden()), Body::Events, STREAM, size);
        assert_eq!(
            out,
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n\
             : keep-alive\n\n\
             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lö\"}}]}\n\n\
             data: [DONE]\n\n",
            "in chunks of {size}"
        );
        assert_eq!(summary.captured, [("/usage".to_owned(), r#"{"prompt_tokens":9,"total_tokens":11}"#.to_owned())]);
        assert_eq!(summary.measured, [("/choices/0/delta/content".to_owned(), 5, 2)]);
        assert_eq!(summary.events, 5);
    }
}

#[test]
fn a_plan_that_changes_nothing_passes_the_chunks_as_they_came() {
    let mut observer = Observer::new(Some(observation(&["/usage"], &[], Vec::new(), &[])), Body::Events);
    let chunk = Bytes::from_static(b"data: {\"usage\"");
    assert_eq!(observer.pass(chunk.clone()), chunk);
    let chunk = Bytes::from_static(b":{\"n\":1}}\n\n");
    assert_eq!(observer.pass(chunk.clone()), chunk);
    assert!(observer.rest().is_empty());
    assert_eq!(observer.finish(true).captured, [("/usage".to_owned(), r#"{"n":1}"#.to_owned())]);
}

#[test]
fn events_may_end_with_crlf_or_without_a_blank_line() {
    let body = "event: response.completed\r\ndata: {\"response\":\r\ndata: {\"usage\":{\"n\":2}}}\r\n\r\ndata: {\"response\":{\"usage\":{\"n\":3}}}";
    for size in 1..body.len() {
        let plan = observation(&["/response/usage"], &[], Vec::new(), &[]);
        let (out, summary) = through(Some(plan), Body::Events, body, size);
        assert_eq!(out, body);
        assert_eq!(summary.captured, [("/response/usage".to_owned(), r#"{"n":3}"#.to_owned())], "in chunks of {size}");
        assert_eq!(summary.events, 2);
    }
}

#[test]
fn events_are_cut_whatever_ends_their_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = |with: &str| {
            format!(
                "event: a{end}data: {{\"n\":1{with}}}{end}id: 7{end}{end}data: {{\"n\":2{with}}}{end}{end}data: [DONE]{end}{end}"
            )
        };
        let body = stream(",\"usage\":null");
        for size in 1..body.len() {
            let plan = observation(&["/n"], &[], Vec::new(), &["/usage"]);
            let (out, summary) = through(Some(plan), Body::Events, &body, size);
            assert_eq!(out, stream(""), "{end:?} in chunks of {size}");
            assert_eq!((summary.events, &*summary.captured[0].1), (3, "2"), "{end:?} in chunks of {size}");
        }
    }
}

#[test]
fn a_blank_line_may_be_a_cr_after_an_lf() {
    let body = "data: {\"n\":1}\n\rdata: {\"n\":2}\n\r\ndata: {\"n\":3}\r\n\rdata: {\"n\":4}\r\r";
    for size in 1..body.len() {
        let plan = observation(&["/n"], &[], Vec::new(), &["/none"]);
        let (out, summary) = through(Some(plan), Body::Events, body, size);
        assert_eq!((&*out, summary.events), (body, 4), "in chunks of {size}");
    }
}

#[test]
fn an_event_that_is_too_large_does_not_hide_the_next() {
    let large = format!("data: {}\n", "x".repeat(4 << 20));
    for blank_apart in [true, false] {
        let (first, second) = if blank_apart { ("", "\n") } else { ("\n", "") };
        let mut observer = Observer::new(Some(usage_hidden()), Body::Events);
        let mut out = observer.pass(Bytes::from(format!("{large}{first}"))).to_vec();
        let usage = "data: {\"choices\":[],\"usage\":{\"n\":1}}\n\n";
        out.extend_from_slice(&observer.pass(Bytes::from(format!("{second}{usage}data: [DONE]\n\n"))));
        out.extend_from_slice(&observer.rest());
        assert!(String::from_utf8(out).unwrap() == format!("{large}\ndata: [DONE]\n\n"), "{blank_apart}");
        let summary = observer.finish(true);
        assert_eq!((summary.events, summary.captured.len()), (3, 1), "{blank_apart}");
    }
}

#[test]
fn a_json_body_is_searched_in_pieces_of_any_size() {
    let body = r#" {"a":[{"usage":1},{"b":null}],"text":"say \"usage\" \\","usage":{"in":3,"of":[1,{"x":"y"}]},"z":{"usage":4}} "#;
    for size in 1..body.len() {
        let plan = observation(&["/usage", "/a/1/b", "/z/usage", "/none"], &[], Vec::new(), &[]);
        let (out, summary) = through(Some(plan), Body::Json, body, size);
        assert_eq!(out, body);
        assert_eq!(
            summary.captured,
            [
                ("/usage".to_owned(), r#"{"in":3,"of":[1,{"x":"y"}]}"#.to_owned()),
                ("/z/usage".to_owned(), "4".to_owned()),
            ],
            "in chunks of {size}"
        );
    }
}

#[test]
fn a_body_that_is_not_what_it_says_passes_all_the_same() {
    for body in ["not json", "{\"usage\":", "[1,2", ""] {
        let (out, summary) = through(Some(observation(&["/usage"], &[], Vec::new(), &[])), Body::Json, body, 3);
        assert_eq!(out, body);
        assert!(summary.captured.is_empty());
    }
}

#[test]
fn a_pointer_that_is_none_is_refused() {
    let asked = Observation { capture: vec!["usage".into()], measure: vec![], withhold: vec![], strip: vec![] };
    assert_eq!(Plan::new(asked).unwrap_err().pointer, "/observe/capture");
}
