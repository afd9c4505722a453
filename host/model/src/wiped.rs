//! Secrets as JSON, on their way into a seal, without copies left in memory.
//!
//! A vector that grows moves, and what it leaves behind is not wiped; `serde_json::to_vec` grows a few times. Here the old
//! room is wiped each time. What a parser, an HTTP library or TLS copies is beyond this: they keep no such promise.

use std::io;

use serde::Serialize;
use zeroize::Zeroizing;

struct Growing(Zeroizing<Vec<u8>>);

impl io::Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2))));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as JSON, in memory that is wiped.
///
/// # Errors
/// The value does not serialize, as a map whose keys are no texts.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut json = Growing(Zeroizing::new(Vec::with_capacity(512)));
    serde_json::to_writer(&mut json, value)?;
    Ok(json.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_json_that_serde_writes_also_when_it_grows() {
        let value: Vec<String> = (0..400).map(|number| format!("\"{number}\n")).collect();
        assert_eq!(*to_json(&value).unwrap(), serde_json::to_vec(&value).unwrap());
        assert_eq!(*to_json("").unwrap(), b"\"\"");
    }
}
