//! gRPC through the gateway: HTTP/2 on both sides, trailers, streams that are not held back, cancellations that arrive.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::{Running, options, routed, run};

/// A message with its prefix.
fn message(content: &[u8]) -> Bytes {
    [&[0][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat().into()
}

fn status(code: &'static str) -> HeaderMap {
    [(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static(code))].into_iter().collect()
}

/// Sends as much as there is room for, until all is sent.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        while stream.capacity() == 0 {
            std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.transpose()?;
        }
        stream.send_data(data.split_to(stream.capacity().min(data.len())), false)?;
    }
    Ok(())
}

async fn next(stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let data = stream.data().await?;
    if let Ok(data) = &data {
        stream.flow_control().release_capacity(data.len()).unwrap();
    }
    Some(data)
}

async fn all(stream: &mut RecvStream) -> Result<(usize, Option<HeaderMap>), h2::Error> {
    let mut size = 0;
    while let Some(data) = next(stream).await {
        size += data?.len();
    }
    Ok((size, stream.trailers().await?))
}

/// One call, as the server sees it; what it has to tell goes to `told`.
async fn serve(
    request: Request<RecvStream>,
    mut answer: h2::server::SendResponse<Bytes>,
    told: UnboundedSender<String>,
) -> Result<(), h2::Error> {
    let (parts, mut body) = request.into_parts();
    assert_eq!(
        (parts.method.as_str(), &parts.headers["te"], &parts.headers["content-type"]),
        ("POST", &HeaderValue::from_static("trailers"), &HeaderValue::from_static("application/grpc"))
    );
    let mut head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    for (name, value) in &parts.headers {
        if name.as_str().starts_with("x-meta") || name.as_str().starts_with("grpc-") {
            head.headers_mut().append(name, value.clone());
        }
    }
    match parts.uri.path() {
        "/error" => {
            head.headers_mut().extend(status("5"));
            head.headers_mut().insert("grpc-message", HeaderValue::from_static("no%20such thing"));
            answer.send_response(head, true)?;
        }
        "/bidi" => {
            let mut stream = answer.send_response(head, false)?;
            while let Some(data) = next(&mut body).await {
                send(&mut stream, data?).await?;
            }
            stream.send_trailers(status("0"))?;
        }
        "/stream" => {
            let mut stream = answer.send_response(head, false)?;
            for number in 0..5 {
                send(&mut stream, message(&[number])).await?;
            }
            stream.send_trailers(status("0"))?;
        }
        "/large" => {
            let mut stream = answer.send_response(head, false)?;
            send(&mut stream, vec![0; 16 << 20].into()).await?;
            stream.send_trailers(status("0"))?;
        }
        "/early" => {
            let mut stream = answer.send_response(head, false)?;
            stream.send_trailers(status("8"))?;
            let _ = all(&mut body).await;
        }
        "/hang" => {
            let mut stream = answer.send_response(head, false)?;
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await?;
            told.send(format!("reset: {reason:?}")).unwrap();
        }
        "/break" => {
            let mut stream = answer.send_response(head, false)?;
            send(&mut stream, message(b"half")).await?;
            // The client has it when it says no more.
            all(&mut body).await?;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        _ => {
            let (size, trailers) = all(&mut body).await?;
            told.send(format!("{size} bytes, {:?}", trailers.unwrap_or_default().get("x-end"))).unwrap();
            let mut stream = answer.send_response(head, false)?;
            send(&mut stream, message(size.to_string().as_bytes())).await?;
            let mut trailers = status("0");
            trailers.extend(
                parts
                    .headers
                    .get("x-meta-bin")
                    .map(|value| (http::HeaderName::from_static("x-back-bin"), value.clone())),
            );
            stream.send_trailers(trailers)?;
        }
    }
    Ok(())
}

/// A gateway before a gRPC server, and a client's connection to it.
struct Calls {
    sender: SendRequest<Bytes>,
    told: UnboundedReceiver<String>,
    _running: Running,
}

async fn calls() -> Calls {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, answer))) = connection.accept().await {
                    tokio::spawn(serve(request, answer, tell.clone()));
                }
            });
        }
    });
    let running = run(options(), routed("a", &[url])).await;
    let (sender, connection) = h2::client::handshake(TcpStream::connect(running.web).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    Calls { sender, told, _running: running }
}

impl Calls {
    async fn begin(&self, path: &str, headers: &[(&'static str, &'static str)]) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::post(format!("http://a.test{path}"))
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = self.sender.clone().ready().await.unwrap();
        sender.send_request(request.body(()).unwrap(), false).unwrap()
    }

    /// A whole call: the size of the answer, its head and trailers.
    async fn call(
        &self,
        path: &str,
        content: Bytes,
        headers: &[(&'static str, &'static str)],
    ) -> (usize, HeaderMap, HeaderMap) {
        let (response, mut stream) = self.begin(path, headers).await;
        send(&mut stream, content).await.unwrap();
        stream.send_data(Bytes::new(), true).unwrap();
        let (parts, mut body) = response.await.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        let (size, trailers) = all(&mut body).await.unwrap();
        (size, parts.headers, trailers.unwrap_or_default())
    }
}

#[tokio::test]
async fn grpc_unary() {
    let (size, head, trailers) = calls().await.call("/unary", message(b"hello"), &[]).await;
    assert_eq!(
        (size, &head["content-type"], &trailers["grpc-status"]),
        (7, &HeaderValue::from_static("application/grpc"), &HeaderValue::from_static("0"))
    );
}

#[tokio::test]
async fn grpc_an_empty_request() {
    let (size, _, trailers) = calls().await.call("/unary", Bytes::new(), &[]).await;
    assert_eq!((size, &trailers["grpc-status"]), (6, &HeaderValue::from_static("0")));
}

#[tokio::test]
async fn grpc_stream_of_the_server() {
    let (size, _, trailers) = calls().await.call("/stream", message(b"go"), &[]).await;
    assert_eq!((size, &trailers["grpc-status"]), (30, &HeaderValue::from_static("0")));
}

#[tokio::test]
async fn grpc_stream_of_the_client() {
    let mut calls = calls().await;
    calls.call("/unary", [message(b"a"), message(b"bc"), message(b"")].concat().into(), &[]).await;
    assert_eq!(calls.told.recv().await.unwrap(), "18 bytes, None");
}

#[tokio::test]
async fn grpc_streams_both_ways_are_not_held_back() {
    let calls = calls().await;
    let (response, mut stream) = calls.begin("/bidi", &[]).await;
    let mut body = response.await.unwrap().into_body();
    for number in 0..50 {
        // Each waits for the answer to the one before.
        send(&mut stream, message(&[number])).await.unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), message(&[number]));
    }
    stream.send_data(Bytes::new(), true).unwrap();
    let (size, trailers) = all(&mut body).await.unwrap();
    assert_eq!((size, &trailers.unwrap()["grpc-status"]), (0, &HeaderValue::from_static("0")));
}

#[tokio::test]
async fn grpc_an_error_in_trailers_alone() {
    let (size, head, trailers) = calls().await.call("/error", message(b""), &[]).await;
    assert_eq!(
        (size, &head["grpc-status"], &head["grpc-message"]),
        (0, &HeaderValue::from_static("5"), &HeaderValue::from_static("no%20such thing"))
    );
    assert!(trailers.is_empty());
}

#[tokio::test]
async fn grpc_metadata_text_and_binary() {
    let sent = [("x-meta-text", "a, b"), ("x-meta-bin", "AAEC/w=="), ("x-meta-bin", "Zm9v")];
    let (_, head, trailers) = calls().await.call("/unary", message(b""), &sent).await;
    assert_eq!(head["x-meta-text"], "a, b");
    assert_eq!(head.get_all("x-meta-bin").iter().collect::<Vec<_>>(), ["AAEC/w==", "Zm9v"]);
    assert_eq!(trailers["x-back-bin"], "AAEC/w==");
}

#[tokio::test]
async fn grpc_deadline_and_encoding_reach_the_server() {
    let sent = [("grpc-timeout", "250m"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")];
    let (_, head, _) = calls().await.call("/unary", message(b""), &sent).await;
    assert_eq!(
        (&head["grpc-timeout"], &head["grpc-encoding"]),
        (&HeaderValue::from_static("250m"), &HeaderValue::from_static("gzip"))
    );
}

#[tokio::test]
async fn grpc_a_cancelled_call_is_cancelled_for_the_server() {
    let mut calls = calls().await;
    let (response, mut stream) = calls.begin("/hang", &[]).await;
    let body = response.await.unwrap().into_body();
    stream.send_reset(Reason::CANCEL);
    drop(body);
    assert_eq!(calls.told.recv().await.unwrap(), "reset: CANCEL");
}

#[tokio::test]
async fn grpc_a_call_past_its_deadline_is_cancelled_for_the_server() {
    let mut calls = calls().await;
    let (response, mut stream) = calls.begin("/hang", &[("grpc-timeout", "20m")]).await;
    let mut body = response.await.unwrap().into_body();
    // It is the client who gives up.
    let waited = tokio::time::timeout(std::time::Duration::from_millis(20), next(&mut body)).await;
    assert!(waited.is_err());
    stream.send_reset(Reason::CANCEL);
    assert_eq!(calls.told.recv().await.unwrap(), "reset: CANCEL");
}

#[tokio::test]
async fn grpc_large_messages_of_the_client() {
    let mut calls = calls().await;
    calls.call("/unary", vec![7; 16 << 20].into(), &[]).await;
    assert_eq!(calls.told.recv().await.unwrap(), format!("{} bytes, None", 16 << 20));
}

#[tokio::test]
async fn grpc_large_messages_of_the_server() {
    let (size, _, trailers) = calls().await.call("/large", Bytes::new(), &[]).await;
    assert_eq!((size, &trailers["grpc-status"]), (16 << 20, &HeaderValue::from_static("0")));
}

#[tokio::test]
async fn grpc_an_answer_before_the_request_is_complete() {
    let calls = calls().await;
    let (response, _stream) = calls.begin("/early", &[]).await;
    let (size, trailers) = all(&mut response.await.unwrap().into_body()).await.unwrap();
    assert_eq!((size, &trailers.unwrap()["grpc-status"]), (0, &HeaderValue::from_static("8")));
}

#[tokio::test]
async fn grpc_a_broken_answer_does_not_look_complete() {
    let calls = calls().await;
    let (response, mut stream) = calls.begin("/break", &[]).await;
    let mut body = response.await.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), message(b"half"));
    stream.send_data(Bytes::new(), true).unwrap();
    assert!(all(&mut body).await.is_err());
}

#[tokio::test]
async fn grpc_many_calls_at_once_on_one_connection() {
    let calls = Arc::new(calls().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let calls = Arc::clone(&calls);
        tasks.spawn(async move { calls.call("/unary", message(b"hello"), &[]).await.2["grpc-status"].clone() });
    }
    assert!(tasks.join_all().await.iter().all(|status| status == "0"));
}

#[tokio::test]
async fn trailers_of_requests_reach_servers_of_http_2() {
    let mut calls = calls().await;
    let (response, mut stream) = calls.begin("/unary", &[]).await;
    send(&mut stream, message(b"hello")).await.unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", HeaderValue::from_static("1"));
    trailers.insert("x-real-ip", HeaderValue::from_static("6.6.6.6"));
    stream.send_trailers(trailers).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    assert_eq!(calls.told.recv().await.unwrap(), "10 bytes, Some(\"1\")");
}
