//! A vendor that answers at once: its own cost must not hide the hub's.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Frames of a stream, and how far apart.
pub(crate) const FRAMES: usize = 64;
pub(crate) const GAP: Duration = Duration::from_millis(20);
/// Pieces of audio, and how far apart.
pub(crate) const AUDIO_PIECES: usize = 16;
pub(crate) const AUDIO_GAP: Duration = Duration::from_millis(5);
/// One of them.
static AUDIO: [u8; 4096] = [0x55; 4096];

const COMPLETION: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1793491200,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello! How can I help you today?","refusal":null},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}"#;

type Body = Either<Full<Bytes>, StreamBody<futures::stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

fn frame(number: usize) -> Frame<Bytes> {
    let text = match number {
        FRAMES => "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":64,\"total_tokens\":73}}\n\ndata: [DONE]\n\n".to_owned(),
        _ => format!("data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"#{number:04}\"}},\"finish_reason\":null}}],\"usage\":null}}\n\n"),
    };
    Frame::data(text.into())
}

const CUSTOMERS: &str = r#"{"object":"list","data":[{"id":"cus_1","object":"customer","balance":0,"created":1793491200,"currency":"usd","delinquent":false,"email":"ada@example.com","livemode":false,"metadata":{},"name":"Ada"}],"has_more":false,"url":"/v1/customers"}"#;

const VOICES: &str = r#"{"voices":[{"voice_id":"21m00Tcm4TlvDq8ikWAM","name":"Rachel","category":"premade","labels":{"accent":"american"},"settings":null}]}"#;

const TRANSCRIPT: &str = r#"{"id":"9ea68fd3-f953-42c1-9742-976c447fb463","status":"completed","audio_url":"https://example.com/a.mp3","audio_duration":91,"text":"Very good. Not so.","confidence":0.93,"language_code":"en_us"}"#;

/// What Stripe would answer to a question for customers, and ElevenLabs to one for voices.
fn answer_with_a_list(path: &str) -> Option<&'static str> {
    match path {
        "/v1/customers" => Some(CUSTOMERS),
        "/v1/voices" => Some(VOICES),
        _ => None,
    }
}

/// What the other vendors would answer, if it is they that are asked. An upload is not kept.
async fn answer_as_asked(request: &mut Request<Incoming>) -> Result<Option<&'static str>, hyper::Error> {
    let path = request.uri().path();
    if let Some(list) = answer_with_a_list(path) {
        return Ok(Some(list));
    }
    if path.starts_with("/v2/transcript") {
        return Ok(Some(TRANSCRIPT));
    }
    if path != "/v2/upload" {
        return Ok(None);
    }
    while let Some(frame) = request.body_mut().frame().await {
        drop(frame?);
    }
    Ok(Some(r#"{"upload_url":"https://cdn.assemblyai.com/upload/1"}"#))
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    if let Some(text) = answer_as_asked(&mut request).await? {
        let mut response = Response::new(Either::Left(Full::new(Bytes::from_static(text.as_bytes()))));
        response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
        return Ok(response);
    }
    let is_speech = request.uri().path().starts_with("/v1/text-to-speech/");
    let body = request.into_body().collect().await?.to_bytes();
    if is_speech {
        return Ok(speech());
    }
    let streamed = body.windows(13).any(|window| window == b"\"stream\":true");
    let (media_type, body) = if streamed {
        let frames = futures::stream::unfold(0, |number| async move {
            if number > FRAMES {
                return None;
            }
            if number > 0 {
                tokio::time::sleep(GAP).await;
            }
            Some((Ok(frame(number)), number + 1))
        });
        ("text/event-stream", Either::Right(StreamBody::new(frames.boxed())))
    } else {
        ("application/json", Either::Left(Full::new(Bytes::from_static(COMPLETION.as_bytes()))))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(media_type));
    Ok(response)
}

/// Audio as it is made, at a price.
fn speech() -> Response<Body> {
    let pieces = futures::stream::unfold(0, |number| async move {
        if number == AUDIO_PIECES {
            return None;
        }
        if number > 0 {
            tokio::time::sleep(AUDIO_GAP).await;
        }
        Some((Ok(Frame::data(Bytes::from_static(&AUDIO))), number + 1))
    });
    let mut response: Response<Body> = Response::new(Either::Right(StreamBody::new(pieces.boxed())));
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("audio/mpeg"));
    headers.insert("character-cost", hyper::header::HeaderValue::from_static("20"));
    response
}

/// Serves until it is killed.
pub(crate) async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // a connection that breaks off is the client's affair
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}
