#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Both ends of a connection.
async fn pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_nodelay(true).unwrap();
    (Connection::new(UpstreamStream::Plain(client)), server)
}

fn call(method: Method, body: &[u8]) -> Call {
    Call {
        method,
        target: PathAndQuery::from_static("/"),
        host: HeaderValue::from_static("app"),
        spelling: None,
        headers: HeaderMap::new(),
        body: RequestBody::held(Bytes::copy_from_slice(body)),
    }
}

/// Reads from the server's end until the text ends so.
async fn until(server: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(server.read_u8().await.unwrap()));
    }
    text
}

/// The answer's body, and what broke it.
async fn body(connection: &mut Connection) -> (String, Option<HeaderMap>, Result<(), String>) {
    let (mut text, mut trailers) = (String::new(), None);
    loop {
        match std::future::poll_fn(|cx| connection.poll_frame(cx)).await {
            None => return (text, trailers, Ok(())),
            Some(Err(error)) => return (text, trailers, Err(error.to_string())),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => text.push_str(std::str::from_utf8(&data).unwrap()),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
        }
    }
}

fn unlimited() -> HeadTimeout {
    HeadTimeout::new(Duration::ZERO)
}

#[tokio::test]
async fn one_exchange_follows_another() {
    let (mut connection, mut server) = pair().await;
    let serving = tokio::spawn(async move {
        assert_eq!(until(&mut server, "\r\n\r\n").await, "GET / HTTP/1.1\r\nHost: app\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        until(&mut server, "3\r\nabc\r\n0\r\n\r\n").await;
        for piece in ["HTTP/1.1 200 OK\r\nTransfer-Enc", "oding: chunked\r\n\r\n3\r\nxy", "z\r\n0\r\nX-Sum: 1\r\n\r\n"]
        {
            server.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        until(&mut server, "\r\n\r\n").await;
        server.write_all(b"HTTP/1.0 200 OK\r\n\r\nto the end").await.unwrap();
    });
    let mut nothing = |_| ();
    let head = connection.exchange(&mut call(Method::GET, b""), &mut nothing, unlimited()).await.unwrap();
    assert_eq!((head.status.as_u16(), connection.left()), (200, Some(5)));
    assert_eq!(body(&mut connection).await, ("hello".to_owned(), None, Ok(())));
    assert!(connection.is_over() && connection.rest() && connection.is_open());
    connection.exchange(&mut call(Method::POST, b"abc"), &mut nothing, unlimited()).await.unwrap();
    let (text, trailers, end) = body(&mut connection).await;
    assert_eq!((text.as_str(), trailers.map(|trailers| trailers.len()), end), ("xyz", Some(1), Ok(())));
    assert!(connection.rest());
    connection.exchange(&mut call(Method::GET, b""), &mut nothing, unlimited()).await.unwrap();
    assert_eq!(body(&mut connection).await.0, "to the end");
    assert!(!connection.rest(), "the server has closed it");
    serving.await.unwrap();
}

#[tokio::test]
async fn informational_answers_are_told_and_a_switch_leaves_the_rest() {
    let (mut connection, mut server) = pair().await;
    let answers = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: </a>\r\nLink: </b>\r\n\r\n";
    server.write_all(answers.as_bytes()).await.unwrap();
    server.write_all(b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nraw").await.unwrap();
    let mut told = Vec::new();
    let mut inform = |interim: Interim| told.push((interim.status.as_u16(), interim.headers.len()));
    let head = connection.exchange(&mut call(Method::GET, b""), &mut inform, unlimited()).await.unwrap();
    assert_eq!((head.status.as_u16(), told), (101, vec![(100, 0), (103, 2)]));
    assert_eq!(connection.into_switched().1, "raw");
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_sent() {
    let (mut connection, mut server) = pair().await;
    // More than the sockets hold.
    let large = vec![b'x'; 8 << 20];
    let serving = tokio::spawn(async move {
        until(&mut server, "\r\n\r\n").await;
        server.write_all(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
        server
    });
    let mut call = call(Method::POST, &large);
    let head = connection.exchange(&mut call, &mut |_| (), unlimited()).await.unwrap();
    assert_eq!((head.status.as_u16(), body(&mut connection).await.0.as_str()), (413, "no"));
    assert!(!connection.rest(), "the rest of the request has no place in another exchange");
    drop(serving.await);
}

#[tokio::test]
async fn a_server_has_its_time_from_when_the_request_is_sent() {
    // Much for what is left to be read when all is sent, even on a busy machine.
    const LIMIT: Duration = Duration::from_secs(1);
    let (mut connection, mut server) = pair().await;
    // More than the sockets hold: the server takes its time to read it.
    let large = vec![b'x'; 8 << 20];
    let mut left = large.len();
    let serving = tokio::spawn(async move {
        tokio::time::sleep(LIMIT + LIMIT / 2).await;
        let mut buffer = vec![0; 1 << 20];
        until(&mut server, "\r\n\r\n").await;
        while left > 0 {
            left = left.saturating_sub(server.read(&mut buffer).await.unwrap());
        }
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        server
    });
    let mut upload = call(Method::POST, &large);
    let head = connection.exchange(&mut upload, &mut |_| (), HeadTimeout::new(LIMIT)).await.unwrap();
    assert_eq!(head.status.as_u16(), 200);
    let asked = connection.exchange(&mut call(Method::GET, b""), &mut |_| (), HeadTimeout::new(LIMIT)).await;
    assert!(matches!(asked.unwrap_err().failure, Failure::HeaderTimeout(LIMIT)));
    drop(serving.await);
}

#[tokio::test]
async fn a_request_of_which_nothing_was_sent_is_given_back() {
    let (connection, mut server) = pair().await;
    // The other end refuses every byte.
    let mut connection = {
        let UpstreamStream::Plain(mut stream) = connection.stream else { unreachable!() };
        stream.shutdown().await.unwrap();
        Connection::new(UpstreamStream::Plain(stream))
    };
    let mut sent = call(Method::POST, b"abc");
    let unanswered = connection.exchange(&mut sent, &mut |_| (), unlimited()).await.unwrap_err();
    assert!(unanswered.untouched && matches!(unanswered.failure, Failure::HungUp(_)));
    assert!(!sent.body.is_empty());
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);

    let (mut connection, mut server) = pair().await;
    let serving = tokio::spawn(async move { until(&mut server, "abc\r\n0\r\n\r\n").await });
    let unanswered = connection.exchange(&mut sent, &mut |_| (), unlimited()).await.unwrap_err();
    assert!(!unanswered.untouched && matches!(unanswered.failure, Failure::HungUp(_)));
    assert!(
        serving.await.unwrap().starts_with("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n")
    );
}

#[tokio::test]
async fn what_is_no_answer_is_told_from_what_breaks_off() {
    for (sent, failure) in [
        ("SSH-2.0-x\r\n", "the server's answer is not valid HTTP"),
        ("HTTP/1.1 099 Low\r\n\r\n", "the server answered with a status below 100"),
        ("HTTP/1.1 200 OK\r\nContent-", "the server closed the connection before it answered"),
        ("", "the server closed the connection before it answered"),
    ] {
        let (mut connection, mut server) = pair().await;
        server.write_all(sent.as_bytes()).await.unwrap();
        server.shutdown().await.unwrap();
        let unanswered = connection.exchange(&mut call(Method::GET, b""), &mut |_| (), unlimited()).await.unwrap_err();
        assert_eq!(unanswered.failure.to_string(), failure, "{sent:?}");
    }
    for sent in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
    ] {
        let (mut connection, mut server) = pair().await;
        server.write_all(sent.as_bytes()).await.unwrap();
        server.shutdown().await.unwrap();
        connection.exchange(&mut call(Method::GET, b""), &mut |_| (), unlimited()).await.unwrap();
        assert!(body(&mut connection).await.2.is_err(), "{sent:?}");
    }
}

/// What the other end did is seen once the runtime has looked at the socket.
async fn until_not_open(connection: &mut Connection) {
    let closed = async {
        while connection.is_open() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_that_says_something_is_not_used_again() {
    let (mut connection, mut server) = pair().await;
    assert!(connection.is_open());
    server.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
    until_not_open(&mut connection).await;
    let (mut connection, server) = pair().await;
    drop(server);
    until_not_open(&mut connection).await;
}
