//! Servers of HTTP/2 without TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderValue, Request, Response, StatusCode};
use proxy::config::duration::GoDuration;
use proxy::config::dynamic::{Configuration, ForwardingTimeouts, HttpServersTransport};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{ask, entry, get, options, origin, rest, routed, run};

type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// A server that takes so many streams at once on a connection and has `answer` answer each.
async fn server<F, T>(most: u32, answer: F) -> String
where
    F: Fn(Asked) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let talk = move |stream| {
        let answer = answer.clone();
        async move {
            let mut builder = h2::server::Builder::new();
            let mut connection: Connection<TcpStream, Bytes> =
                builder.max_concurrent_streams(most).handshake(stream).await.unwrap();
            while let Some(Ok(asked)) = connection.accept().await {
                tokio::spawn(answer(asked));
            }
        }
    };
    origin(talk).await.replace("http://", "h2c://")
}

fn say(answer: &mut SendResponse<Bytes>, text: &'static str) {
    let mut head = Response::new(());
    head.headers_mut().insert("content-length", text.len().into());
    // Whoever asked may be gone.
    if let Ok(mut stream) = answer.send_response(head, false) {
        let _ = stream.send_data(text.into(), true);
    }
}

/// A request after whose answer the connection ends.
fn last() -> String {
    get("a.test", "/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn informational_answers_come_from_servers_of_http_2_too() {
    let url = server(100, |(_, mut answer)| async move {
        for link in ["</a>", "</b>"] {
            let mut hints = Response::new(());
            *hints.status_mut() = StatusCode::EARLY_HINTS;
            hints.headers_mut().insert("link", HeaderValue::from_static(link));
            answer.send_informational(hints).unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        say(&mut answer, "body");
    });
    let running = run(options(), routed("a", &[url.await])).await;
    for _ in 0..3 {
        let mut client = TcpStream::connect(running.web).await.unwrap();
        client.write_all(last().as_bytes()).await.unwrap();
        let text = rest(&mut client).await;
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\n";
        assert!(text.starts_with(hints) && text.ends_with("\r\n\r\nbody"), "{text}");
    }
}

#[tokio::test]
async fn a_flood_of_informational_answers_is_given_up() {
    let url = server(100, |(_, mut answer)| async move {
        for _ in 0..100 {
            let mut hints = Response::new(());
            *hints.status_mut() = StatusCode::PROCESSING;
            if answer.send_informational(hints).is_err() {
                return;
            }
        }
        say(&mut answer, "body");
    });
    let running = run(options(), routed("a", &[url.await])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(last().as_bytes()).await.unwrap();
    let text = rest(&mut client).await;
    assert!(text.contains("HTTP/1.1 502 ") && text.matches("102 Processing").count() <= 64, "{text}");
}

#[tokio::test]
async fn what_a_server_did_not_begin_is_asked_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let url = server(100, move |(request, mut answer)| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(request.headers()["x-kept"], "1");
            // The first is answered, so that the second comes over a connection that is known to work.
            if number == 1 {
                return answer.send_reset(Reason::REFUSED_STREAM);
            }
            say(&mut answer, "body");
        }
    });
    let running = run(options(), routed("a", &[url.await])).await;
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n";
    for _ in 0..2 {
        let (head, body) = ask(running.web, request).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && body == "body", "{head}{body}");
    }
    assert!(count.load(Ordering::SeqCst) >= 3);
}

#[tokio::test]
async fn a_server_may_say_farewell_at_any_time() {
    // Each connection takes three requests, then says that it ends.
    let talk = |stream| async move {
        let mut connection: Connection<TcpStream, Bytes> = h2::server::handshake(stream).await.unwrap();
        let mut number = 0;
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            number += 1;
            say(&mut answer, "body");
            if number == 3 {
                connection.graceful_shutdown();
            }
        }
    };
    let running = run(options(), routed("a", &[origin(talk).await.replace("http://", "h2c://")])).await;
    let asking = (0..8).map(|_| async {
        for _ in 0..10 {
            let (head, body) = ask(running.web, &get("a.test", "/")).await;
            assert!(head.starts_with("HTTP/1.1 200 ") && body == "body", "{head}{body}");
        }
    });
    futures_util::future::join_all(asking).await;
}

#[tokio::test]
async fn a_connection_without_room_is_not_waited_for() {
    // Each request is answered once two are there, of which a connection takes one.
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let url = server(1, move |(_, mut answer)| {
        let both = Arc::clone(&both);
        async move {
            both.wait().await;
            say(&mut answer, "body");
        }
    });
    let running = run(options(), routed("a", &[url.await])).await;
    for _ in 0..3 {
        let request = get("a.test", "/");
        let (one, two) = tokio::join!(ask(running.web, &request), ask(running.web, &request));
        assert!(one.0.starts_with("HTTP/1.1 200 ") && two.0.starts_with("HTTP/1.1 200 "), "{one:?} {two:?}");
    }
}

#[tokio::test]
async fn a_connection_whose_room_is_not_known_yet_carries_one_request() {
    // Nobody is told how many streams there may be until two connections are there.
    let (both, (tell, mut told)) = (Arc::new(tokio::sync::Barrier::new(2)), mpsc::unbounded_channel());
    let talk = move |stream: TcpStream| {
        let (both, tell) = (Arc::clone(&both), tell.clone());
        async move {
            // More than the preface: the gateway is done with opening it.
            while stream.peek(&mut [0; 64]).await.unwrap() <= 24 {
                tokio::task::yield_now().await;
            }
            tell.send(()).unwrap();
            both.wait().await;
            let mut connection: Connection<TcpStream, Bytes> =
                h2::server::Builder::new().max_concurrent_streams(1).handshake(stream).await.unwrap();
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                say(&mut answer, "body");
            }
        }
    };
    let running = run(options(), routed("a", &[origin(talk).await.replace("http://", "h2c://")])).await;
    let request = get("a.test", "/");
    let later = async {
        told.recv().await.unwrap();
        ask(running.web, &request).await
    };
    let asking = async { tokio::join!(ask(running.web, &request), later) };
    let (one, two) = tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
    assert!(one.0.starts_with("HTTP/1.1 200 ") && two.0.starts_with("HTTP/1.1 200 "), "{one:?} {two:?}");
}

#[tokio::test]
async fn an_upload_ends_with_its_answer() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let url = server(100, move |(request, mut answer)| {
        let tell = tell.clone();
        async move {
            let mut body = request.into_body();
            body.data().await.unwrap().unwrap();
            say(&mut answer, "enough");
            let end = loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error.reason(),
                    None => break None,
                }
            };
            tell.send(end).unwrap();
        }
    });
    let running = run(options(), routed("a", &[url.await])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nsome").await.unwrap();
    let text = rest(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("enough"), "{text}");
    assert_eq!(told.recv().await.unwrap(), Some(Reason::CANCEL));
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so() {
    let url = server(100, |(request, mut answer)| async move {
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.data().await {}
        // It was cut off: nobody hears this.
        let _ = answer.send_response(Response::new(()), true);
    });
    let mut options = options();
    let mut web = entry("web");
    web.limits.body_idle = Duration::from_millis(50);
    options.entry_points = vec![web, entry("websecure")];
    let running = run(options, routed("a", &[url.await])).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nsome").await.unwrap();
    let text = rest(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

/// A transport that gives a silent connection up soon.
fn impatient(url: String) -> Configuration {
    limited(
        url,
        ForwardingTimeouts {
            read_idle_timeout: GoDuration::from_millis(100),
            ping_timeout: GoDuration::from_millis(1000),
            ..ForwardingTimeouts::default()
        },
    )
}

/// A transport with these limits.
fn limited(url: String, timeouts: ForwardingTimeouts) -> Configuration {
    let mut configuration = routed("a", &[url]);
    let transport = HttpServersTransport { forwarding_timeouts: Some(timeouts), ..HttpServersTransport::default() };
    configuration.http.servers_transports.insert("t@file".to_owned(), transport);
    let service = configuration.http.services.get_mut("a@file").unwrap();
    service.load_balancer.as_mut().unwrap().servers_transport = "t@file".to_owned();
    configuration
}

#[tokio::test]
async fn a_silent_connection_is_probed_when_asked_for() {
    // It takes the request and then moves no frame any more.
    let frozen = origin(|stream| async move {
        let mut connection: Connection<TcpStream, Bytes> = h2::server::handshake(stream).await.unwrap();
        let _asked = connection.accept().await;
        std::future::pending::<()>().await;
    });
    let running = run(options(), impatient(frozen.await.replace("http://", "h2c://"))).await;
    let began = Instant::now();
    let (head, _) = ask(running.web, &get("a.test", "/")).await;
    assert!(head.starts_with("HTTP/1.1 502 ") && began.elapsed() < Duration::from_secs(10), "{head}");

    // One that is only slow answers the probes.
    let slow = server(100, |(_, mut answer)| async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        say(&mut answer, "body");
    });
    let running = run(options(), impatient(slow.await)).await;
    let (head, body) = ask(running.web, &get("a.test", "/")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "body", "{head}{body}");
}

#[tokio::test]
async fn a_server_has_its_time_from_when_the_request_is_sent() {
    let url = server(100, |(request, mut answer)| async move {
        if request.method() == http::Method::GET {
            std::future::pending::<()>().await;
        }
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.data().await {}
        say(&mut answer, "body");
    });
    let timeouts =
        ForwardingTimeouts { response_header_timeout: GoDuration::from_millis(1000), ..ForwardingTimeouts::default() };
    let running = run(options(), limited(url.await, timeouts)).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    client.write_all(head).await.unwrap();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.write_all(b"x").await.unwrap();
    }
    let text = rest(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("body"), "{text}");
    let (head, _) = ask(running.web, &get("a.test", "/")).await;
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
}

#[tokio::test]
async fn both_sides_may_speak_at_once() {
    let url = server(100, |(request, mut answer)| async move {
        let mut stream = answer.send_response(Response::new(()), false).unwrap();
        let mut body = request.into_body();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            stream.send_data(data, false).unwrap();
        }
        stream.send_data("end".into(), true).unwrap();
    });
    let running = run(options(), routed("a", &[url.await])).await;
    let stream = TcpStream::connect(running.web).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = Request::builder().method("POST").uri("http://a.test/").body(()).unwrap();
    let (response, mut upload) = sender.send_request(request, false).unwrap();
    upload.send_data("0".into(), false).unwrap();
    let mut download = response.await.unwrap().into_body();
    for text in ["0", "1", "2"] {
        assert_eq!(download.data().await.unwrap().unwrap(), text);
        let next = if text == "0" { "1" } else { "2" };
        upload.send_data(next.into(), text == "2").unwrap();
    }
    let mut left = Vec::new();
    while let Some(data) = download.data().await {
        left.extend_from_slice(&data.unwrap());
    }
    assert_eq!(left, b"2end");
}
