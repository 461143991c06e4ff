//! WebSocket, over HTTP/1.1 (RFC 6455), TLS and HTTP/2 (RFC 8441): messages get through whole, in order, both ways.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use h2::ext::Protocol;
use proxy::config::dynamic::Configuration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use super::super::encrypted::{connect, made};
use super::super::support::{options, origin, read_message, route, routed, run};

/// Sends back what comes, until the client closes.
async fn echo() -> String {
    origin(|stream| async move {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Texts and bytes of all sizes at which lengths are written differently, pings, and a close with its code.
async fn suite<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>) {
    tokio::time::timeout(std::time::Duration::from_secs(30), talk(socket)).await.expect("a message is missing");
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    for size in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20] {
        let text = Message::text("\u{20ac}".repeat(size / 3));
        let bytes = Message::binary((0..size).map(|byte| u8::try_from(byte % 251).unwrap()).collect::<Vec<_>>());
        for message in [text, bytes] {
            socket.send(message.clone()).await.unwrap();
            assert!(socket.next().await.unwrap().unwrap() == message, "{size}");
        }
    }
    for number in 0..200 {
        socket.feed(Message::text(number.to_string())).await.unwrap();
    }
    socket.send(Message::Ping("are you?".into())).await.unwrap();
    for number in 0..200 {
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(number.to_string()));
    }
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you?".into()));
    let close = CloseFrame { code: CloseCode::Library(4321), reason: "enough".into() };
    socket.send(Message::Close(Some(close.clone()))).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(Some(close)));
    assert!(socket.next().await.is_none_or(|end| end.is_err()));
}

#[tokio::test]
async fn websocket_over_tcp_and_tls() {
    let mut configuration = Configuration::default();
    let url = echo().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&url));
    route(&mut configuration, "b", false, &[url]);
    let (root, pair) = made(&["a.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), configuration).await;
    let plain = TcpStream::connect(running.web).await.unwrap();
    suite(tokio_tungstenite::client_async("ws://b.test/", plain).await.unwrap().0).await;
    let encrypted = connect(running.websecure, "a.test", &[root], "http/1.1").await.unwrap();
    suite(tokio_tungstenite::client_async("ws://a.test/", encrypted).await.unwrap().0).await;
}

/// A stream of an extended CONNECT, or the status that refuses it.
async fn extended(
    address: SocketAddr,
    protocol: &'static str,
) -> Result<(u16, impl AsyncRead + AsyncWrite + Unpin), h2::Error> {
    let (sender, connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await?;
    tokio::spawn(connection);
    let mut sender = sender.ready().await?;
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let mut request =
        http::Request::connect("http://a.test/chat?x").header("sec-websocket-version", "13").body(()).unwrap();
    request.extensions_mut().insert(Protocol::from_static(protocol));
    let (response, mut to_server) = sender.send_request(request, false)?;
    let response = response.await?;
    let status = response.status().as_u16();
    assert!(!response.headers().contains_key("sec-websocket-accept") && !response.headers().contains_key("upgrade"));
    let mut from_server = response.into_body();
    // The client's end as bytes.
    let (near, far) = tokio::io::duplex(1 << 16);
    let (mut reader, mut writer) = tokio::io::split(far);
    tokio::spawn(async move {
        let mut buffer = vec![0; 10_000];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            to_server.reserve_capacity(count);
            while to_server.capacity() < count {
                if !matches!(std::future::poll_fn(|cx| to_server.poll_capacity(cx)).await, Some(Ok(_))) {
                    return;
                }
            }
            to_server.send_data(bytes::Bytes::copy_from_slice(&buffer[..count]), false).unwrap();
        }
        to_server.send_data(bytes::Bytes::new(), true).unwrap();
    });
    tokio::spawn(async move {
        while let Some(Ok(data)) = from_server.data().await {
            from_server.flow_control().release_capacity(data.len()).unwrap();
            if writer.write_all(&data).await.is_err() {
                return;
            }
        }
        writer.shutdown().await.unwrap();
    });
    Ok((status, near))
}

#[tokio::test]
async fn websocket_over_http_2() {
    let mut options = options();
    options.entry_points[0].limits.keep_alive = std::time::Duration::from_millis(200);
    let running = run(options, routed("a", &[echo().await])).await;
    let (status, stream) = extended(running.web, "websocket").await.unwrap();
    assert_eq!(status, 200);
    // A tunnel is a request under way: its connection is not idle.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    suite(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
}

#[tokio::test]
async fn websocket_over_http_2_that_is_refused() {
    let answers = [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
    ];
    for (answer, status) in answers.into_iter().zip([403, 502]) {
        let url = origin(move |mut stream| async move {
            let (head, _) = read_message(&mut stream).await.unwrap();
            assert!(
                head.starts_with("GET /chat?x HTTP/1.1\r\n") && head.contains("Sec-Websocket-Key: ")
                    || head.contains("Sec-WebSocket-Key: "),
                "{head}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let running = run(options(), routed("a", &[url])).await;
        assert_eq!(extended(running.web, "websocket").await.map(|(status, _)| status).unwrap(), status);
    }
    let running = run(options(), routed("a", &[echo().await])).await;
    assert_eq!(extended(running.web, "connect-udp").await.map(|(status, _)| status).unwrap(), 501);
}
