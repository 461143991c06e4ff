//! What goes beside answers and bodies: informational answers, `100-continue`, trailers.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{get, options, origin, read_message, rest, routed, run};

/// A server that sends `pieces` after each head, with a pause between them.
async fn scripted(pieces: &'static [&'static str]) -> String {
    origin(move |mut stream| async move {
        stream.set_nodelay(true).unwrap();
        while read_message(&mut stream).await.is_some() {
            for piece in pieces {
                if stream.write_all(piece.as_bytes()).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await
}

/// Everything that comes until the text ends with `end`.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn informational_answers_are_passed_on_before_the_answer() {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nContent-Length: 9\r\n\r\n";
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    let together = scripted(&["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"]).await;
    for server in [scripted(&[HINTS, ANSWER]).await, together] {
        let running = run(options(), routed("a", &[server])).await;
        let mut client = TcpStream::connect(running.web).await.unwrap();
        for _ in 0..3 {
            client.write_all(get("a.test", "/").as_bytes()).await.unwrap();
            let text = until(&mut client, "\r\n\r\nbody").await;
            let (informed, answer) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(informed, "HTTP/1.1 103 Early Hints\r\nLink: </a>");
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn http_1_0_clients_are_told_nothing_beforehand() {
    let server = scripted(&["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"]).await;
    let running = run(options(), routed("a", &[server])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") || answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_reach_clients_that_did_not_ask_for_them() {
    for pieces in [
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", "0\r\nx-t: 1\r\nHost: evil\r\n\r\n"][..],
        &["HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-t: 1\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n"],
    ] {
        let running = run(options(), routed("a", &[scripted(pieces).await])).await;
        let mut client = TcpStream::connect(running.web).await.unwrap();
        for _ in 0..3 {
            client.write_all(get("a.test", "/").as_bytes()).await.unwrap();
            let text = until(&mut client, "0\r\nX-T: 1\r\n\r\n").await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_chunked_body_that_breaks_off_is_told_from_no_answer() {
    let server = origin(|mut stream| async move {
        read_message(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").await.unwrap();
    })
    .await;
    let running = run(options(), routed("a", &[server])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    let text = rest(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && !text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_body_is_asked_for_only_when_the_server_wants_it() {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let server = origin(|mut stream| async move {
        until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    });
    let running = run(options(), routed("a", &[server.await])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(head.as_bytes()).await.unwrap();
    let text = rest(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("\r\nConnection: close\r\n"), "{text}");

    // One that says nothing gets the body after a second, one that asks gets it at once.
    for (asks, least) in [(false, Duration::from_millis(900)), (true, Duration::ZERO)] {
        let server = origin(move |mut stream| async move {
            until(&mut stream, "\r\n\r\n").await;
            if asks {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            }
            until(&mut stream, "hello").await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        });
        let running = run(options(), routed("a", &[server.await])).await;
        let mut client = TcpStream::connect(running.web).await.unwrap();
        let begun = Instant::now();
        client.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(until(&mut client, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(begun.elapsed() >= least);
        client.write_all(b"hello").await.unwrap();
        assert!(until(&mut client, "\r\n\r\nok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}
