//! Decoding of a compressed body, step by step, so that the caps hold on decoded bytes while they flow.
//!
//! The HTTP client's own decompression was rejected: it has no caps, and a hundred bytes of brotli can
//! become gigabytes. Here at most one buffer of [`STEP`] bytes is decoded before the counters are read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use async_compression::{
    tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder},
    zstd::DParameter,
};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Decoded at a time, in bytes.
const STEP: usize = 32 << 10;
/// The largest window of a zstd frame, as RFC 9659 sets it for HTTP: 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What one step gave.
pub(crate) enum Step {
    /// Decoded bytes; there may be more.
    Decoded(Bytes),
    /// Nothing more until more input is given.
    Hungry,
    /// The body is complete.
    Done,
}

/// Decodes one body. Give it input when it is [`Step::Hungry`].
pub(crate) struct Decoder {
    codec: Codec,
    buffer: BytesMut,
}

enum Codec {
    Gzip(Box<GzipDecoder<Input>>),
    /// Its kind is seen only at the first byte: RFC 9110 says zlib, some servers send bare deflate.
    Deflate(Input),
    Zlib(Box<ZlibDecoder<Input>>),
    Bare(Box<DeflateDecoder<Input>>),
    Brotli(Box<BrotliDecoder<Input>>),
    Zstd(Box<ZstdDecoder<Input>>),
    /// An empty body is fine in any encoding; another would pass with what is in it unseen.
    Unknown(Input),
}

/// What the hub says that it decodes.
pub(crate) const ACCEPTED: &str = "gzip, br, zstd, deflate";

impl Decoder {
    /// A decoder for the values of `content-encoding`; none if the body is as it is. An encoding that the hub
    /// did not ask for, or several on top of each other, fails at the body's first byte.
    pub(crate) fn new<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let names: Vec<_> = values
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity")
            .collect();
        let codec = match names.join(",").as_str() {
            "" => return None,
            "gzip" | "x-gzip" => {
                let mut decoder = GzipDecoder::new(Input::default());
                decoder.multiple_members(true);
                Codec::Gzip(Box::new(decoder))
            }
            "deflate" => Codec::Deflate(Input::default()),
            "br" => Codec::Brotli(Box::new(BrotliDecoder::new(Input::default()))),
            "zstd" => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(Input::default(), &[window]);
                decoder.multiple_members(true);
                Codec::Zstd(Box::new(decoder))
            }
            _ => Codec::Unknown(Input::default()),
        };
        Some(Self { codec, buffer: BytesMut::new() })
    }

    /// Adds input; an empty chunk is ignored.
    pub(crate) fn feed(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        if let Codec::Deflate(input) = &self.codec {
            let first = input.chunk.first().or(chunk.first()).copied().unwrap_or_default();
            let zlib = first & 0x0f == 8 && first >> 4 <= 7;
            self.codec = if zlib {
                Codec::Zlib(Box::new(ZlibDecoder::new(Input::default())))
            } else {
                Codec::Bare(Box::new(DeflateDecoder::new(Input::default())))
            };
        }
        let input = self.input();
        input.started = true;
        input.chunk = chunk;
    }

    /// Says that no more input comes.
    pub(crate) fn end(&mut self) {
        self.input().ended = true;
    }

    /// Decodes at most [`STEP`] bytes.
    ///
    /// # Errors
    /// If the input is not what its encoding says, or is cut short.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let input = self.input();
        if !input.started {
            // An answer to HEAD, or an empty body, has the header but nothing to decode.
            return Ok(if input.ended { Step::Done } else { Step::Hungry });
        }
        self.buffer.resize(STEP, 0);
        let mut output = ReadBuf::new(&mut self.buffer);
        // The input never waits for anything, so no one needs to be woken.
        let context = &mut Context::from_waker(Waker::noop());
        let polled = match &mut self.codec {
            Codec::Gzip(decoder) => Pin::new(decoder.as_mut()).poll_read(context, &mut output),
            Codec::Zlib(decoder) => Pin::new(decoder.as_mut()).poll_read(context, &mut output),
            Codec::Bare(decoder) => Pin::new(decoder.as_mut()).poll_read(context, &mut output),
            Codec::Brotli(decoder) => Pin::new(decoder.as_mut()).poll_read(context, &mut output),
            Codec::Zstd(decoder) => Pin::new(decoder.as_mut()).poll_read(context, &mut output),
            Codec::Deflate(_) => return Ok(Step::Hungry),
            Codec::Unknown(_) => {
                let text = format!("it is in an encoding that was not asked for: not one of {ACCEPTED}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        };
        let length = output.filled().len();
        match polled {
            Poll::Ready(Ok(())) if length == 0 => Ok(Step::Done),
            Poll::Ready(Ok(())) => Ok(Step::Decoded(self.buffer.split_to(length).freeze())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Step::Hungry),
        }
    }

    fn input(&mut self) -> &mut Input {
        match &mut self.codec {
            Codec::Gzip(decoder) => decoder.get_mut(),
            Codec::Deflate(input) | Codec::Unknown(input) => input,
            Codec::Zlib(decoder) => decoder.get_mut(),
            Codec::Bare(decoder) => decoder.get_mut(),
            Codec::Brotli(decoder) => decoder.get_mut(),
            Codec::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

/// The chunk at hand, as what the codecs read from.
#[derive(Default)]
struct Input {
    chunk: Bytes,
    started: bool,
    ended: bool,
}

impl AsyncBufRead for Input {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let input = self.get_mut();
        if input.chunk.is_empty() && !input.ended {
            return Poll::Pending;
        }
        Poll::Ready(Ok(&input.chunk))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.chunk.advance(amount);
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        output: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = std::task::ready!(self.as_mut().poll_fill_buf(context))?;
        let amount = available.len().min(output.remaining());
        output.put_slice(available.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn encoded(encoding: &str, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            "gzip" => GzipEncoder::new(plain).read_to_end(&mut out).await,
            "deflate" => ZlibEncoder::new(plain).read_to_end(&mut out).await,
            "bare" => DeflateEncoder::new(plain).read_to_end(&mut out).await,
            "br" => BrotliEncoder::new(plain).read_to_end(&mut out).await,
            _ => ZstdEncoder::new(plain).read_to_end(&mut out).await,
        }
        .unwrap();
        out
    }

    fn decoded(encoding: &str, input: &[u8], chunk: usize) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new([encoding.as_bytes()].into_iter()).unwrap();
        let mut chunks = input.chunks(chunk);
        let mut out = Vec::new();
        loop {
            match decoder.step()? {
                Step::Decoded(bytes) => {
                    assert!(bytes.len() <= STEP);
                    out.extend(bytes);
                }
                Step::Hungry => match chunks.next() {
                    Some(chunk) => decoder.feed(Bytes::copy_from_slice(chunk)),
                    None => decoder.end(),
                },
                Step::Done => return Ok(out),
            }
        }
    }

    #[tokio::test]
    async fn each_encoding_is_decoded_however_it_is_cut() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|number| (number % 997).to_string().into_bytes()).collect();
        for encoding in ["gzip", "deflate", "bare", "br", "zstd"] {
            let body = encoded(encoding, &plain).await;
            let name = if encoding == "bare" { "deflate" } else { encoding };
            for chunk in [1, 7, 1000, body.len()] {
                assert!(decoded(name, &body, chunk).unwrap() == plain, "{encoding} in chunks of {chunk}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cut_short_or_broken_is_an_error() {
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            let body = encoded(encoding, &vec![b'x'; 100_000]).await;
            assert!(decoded(encoding, &body[..body.len() - 5], 16).is_err(), "{encoding}");
            assert!(decoded(encoding, b"\x18this is not compressed at all", 16).is_err(), "{encoding}");
        }
    }

    #[test]
    fn an_empty_body_is_empty_in_any_encoding() {
        for encoding in ["gzip", "deflate", "own", "gzip, gzip"] {
            assert!(decoded(encoding, b"", 1).unwrap().is_empty(), "{encoding}");
        }
    }

    #[test]
    fn what_was_not_asked_for_is_not_passed_on() {
        for encoding in ["own", "compress", "gzip, gzip", "gzip,br", "\u{e9}"] {
            assert!(decoded(encoding, b"bytes", 1).is_err(), "{encoding}");
        }
        let new = |values: &[&str]| Decoder::new(values.iter().map(|value| value.as_bytes()));
        assert!(new(&[]).is_none());
        assert!(new(&["identity", " , IDENTITY"]).is_none());
        assert!(matches!(new(&["identity", "GZIP"]).unwrap().codec, Codec::Gzip(_)));
        assert!(matches!(new(&["gzip", "gzip"]).unwrap().codec, Codec::Unknown(_)));
    }

    #[tokio::test]
    async fn what_is_decodable_comes_before_more_input() {
        use tokio::io::AsyncWriteExt;
        let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
        encoder.write_all(b"data: first\n\n").await.unwrap();
        encoder.flush().await.unwrap();
        let mut decoder = Decoder::new([&b"gzip"[..]].into_iter()).unwrap();
        decoder.feed(Bytes::from(encoder.get_ref().clone()));
        let Step::Decoded(first) = decoder.step().unwrap() else { panic!("nothing decoded") };
        assert_eq!(first, "data: first\n\n");
        assert!(matches!(decoder.step().unwrap(), Step::Hungry));
    }
}
