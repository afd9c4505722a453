//! As much HTTP as it takes to ask our own hub something over loopback. A client library would bring a
//! hundred crates into the one program that everyone compiles first.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// For a server on this machine that may have a component to compile first.
const LIMIT: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: String,
}

impl Answer {
    /// Fails unless the status is 2xx; the error shows the body.
    pub fn success(self) -> Result<Self> {
        if !(200..300).contains(&self.status) {
            bail!("the hub answered {}: {}", self.status, self.body);
        }
        Ok(self)
    }
}

/// Sends one request with a JSON body (or none) and reads the whole answer.
pub fn send(server: SocketAddr, method: &str, path: &str, key: Option<&str>, json: Option<&str>) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT).with_context(|| format!("connecting to {server}"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    // HTTP/1.0, so that the body ends where the connection does and is never chunked.
    let mut head = format!("{method} {path} HTTP/1.0\r\nhost: {server}\r\naccept: application/json\r\n");
    if let Some(key) = key {
        head.push_str(&format!("authorization: Bearer {key}\r\n"));
    }
    let body = json.unwrap_or("");
    if json.is_some() {
        head.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).with_context(|| format!("writing to {server}"))?;
    let mut text = String::new();
    stream.read_to_string(&mut text).with_context(|| format!("reading from {server}"))?;
    parse(&text).with_context(|| format!("{server} gave no HTTP answer to {method} {path}"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    #[test]
    fn a_request_is_sent_whole_and_its_answer_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let mut length = 0;
            while !request[..length].ends_with(b"{\"config\":{}}") {
                length += stream.read(&mut request[length..]).unwrap();
            }
            stream
                .write_all(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n{\"enabled\":true}")
                .unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let answer = send(address, "PUT", "/v1/installations/openai", Some("pb_x"), Some("{\"config\":{}}")).unwrap();
        assert_eq!(answer, Answer { status: 201, body: "{\"enabled\":true}".to_owned() });
        let request = server.join().unwrap();
        assert!(request.starts_with("PUT /v1/installations/openai HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("\r\nauthorization: Bearer pb_x\r\n"), "{request}");
        assert!(request.contains("\r\ncontent-length: 13\r\n"), "{request}");
    }

    #[test]
    fn a_refusal_is_an_error_that_shows_why() {
        let answer = Answer { status: 404, body: "no such plugin".to_owned() };
        assert_eq!(answer.success().unwrap_err().to_string(), "the hub answered 404: no such plugin");
    }
}
