//! What changes while the gateway runs, and how it ends.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::{ask, echo, entry, get, options, origin, read_message, rest, routed, run};

/// A server that says when it has a request and answers when it is told to.
async fn held() -> (String, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let ((arrived, arrival), (go, gone)) = (oneshot::channel(), oneshot::channel());
    let parts = std::sync::Mutex::new(Some((arrived, gone)));
    let url = origin(move |mut stream| {
        let (arrived, gone) = parts.lock().unwrap().take().unwrap();
        async move {
            read_message(&mut stream).await;
            arrived.send(()).unwrap();
            gone.await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").await.unwrap();
        }
    })
    .await;
    (url, arrival, go)
}

#[tokio::test]
async fn a_request_under_way_outlives_its_route() {
    let (url, arrival, go) = held().await;
    let running = run(options(), routed("a", &[url])).await;
    let web = running.web;
    let asked = tokio::spawn(async move { ask(web, &get("a.test", "/")).await });
    arrival.await.unwrap();
    running.apply(routed("b", &[echo().await])).await;
    assert!(ask(web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 404"));
    assert!(ask(web, &get("b.test", "/")).await.0.starts_with("HTTP/1.1 200"));
    go.send(()).unwrap();
    assert_eq!(asked.await.unwrap().1, "late");
}

#[tokio::test]
async fn a_server_that_leaves_is_named_until_its_last_request_is_answered() {
    let (url, arrival, go) = held().await;
    let address = url.trim_start_matches("http://").to_owned();
    let running = run(options(), routed("a", &[url])).await;
    let web = running.web;
    let mut status = running.gateway.subscribe();
    let asked = tokio::spawn(async move { ask(web, &get("a.test", "/")).await });
    arrival.await.unwrap();
    let revision = running.apply(routed("a", &[echo().await])).await.revision;
    let shown = status.wait_for(|status| status.revision >= revision).await.unwrap().clone();
    assert_eq!(shown.leaving, [address].into());
    assert!(ask(web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 200"), "new requests go to the new server");
    go.send(()).unwrap();
    assert_eq!(asked.await.unwrap().1, "late");
    status.wait_for(|status| status.leaving.is_empty()).await.unwrap();
}

#[tokio::test]
async fn a_new_server_is_named_until_it_takes_a_connection() {
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let running =
        run(proxy::gateway::Options { reach_servers: true, ..options() }, routed("a", &[format!("http://{address}")]))
            .await;
    let mut status = running.gateway.subscribe();
    assert_eq!(status.borrow_and_update().unreached, [address.to_string()].into());
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    status.wait_for(|status| status.unreached.is_empty()).await.unwrap();
    drop(listener);
    running.apply(routed("a", &[format!("http://{address}")])).await;
    assert!(running.gateway.status().unreached.is_empty(), "what was reached once is known");
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_closes_idle_connections() {
    let (url, arrival, go) = held().await;
    let running = run(options(), routed("a", &[url])).await;
    let web = running.web;
    let mut busy = TcpStream::connect(web).await.unwrap();
    busy.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    arrival.await.unwrap();
    let mut idle = TcpStream::connect(web).await.unwrap();
    idle.write_all(get("unknown.test", "/").as_bytes()).await.unwrap();
    assert!(read_message(&mut idle).await.unwrap().0.starts_with("HTTP/1.1 404"));
    let ending = tokio::spawn(running.gateway.shutdown(Duration::ZERO, Duration::from_secs(30)));
    assert_eq!(rest(&mut idle).await, "");
    go.send(()).unwrap();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("late"), "{answer}");
    ending.await.unwrap();
    assert!(TcpStream::connect(web).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (url, arrival, _go) = held().await;
    let running = run(options(), routed("a", &[url])).await;
    let mut busy = TcpStream::connect(running.web).await.unwrap();
    busy.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    arrival.await.unwrap();
    running.gateway.shutdown(Duration::ZERO, Duration::from_millis(50)).await;
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn entry_points_come_and_go() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let mut kept = entry("websecure");
    kept.address = "127.0.0.1:0".to_owned();
    running.gateway.set_entry_points(vec![kept, entry("more")]).await.unwrap();
    let listeners = running.gateway.status().listeners;
    assert_eq!(listeners.keys().collect::<Vec<_>>(), ["more", "websecure"]);
    assert_eq!(listeners["websecure"], proxy::gateway::Listener::Bound(running.websecure));
    while TcpStream::connect(running.web).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_counted_is_told_to_prometheus() {
    use proxy::config::dynamic::Router;
    let running = run(options(), routed("a", &[echo().await])).await;
    let flags =
        ["--metrics.prometheus.addrouterslabels", "--metrics.prometheus.headerlabels.who=X-Who"].map(str::to_owned);
    let sources = proxy::config::statics::Sources { flags: &flags, ..Default::default() };
    let metrics = proxy::config::statics::StaticConfig::read(&sources).unwrap().0.metrics;
    running.gateway.set_metrics(&metrics);
    let mut configuration = routed("a", &[echo().await]);
    let router = Router {
        entry_points: vec!["web".to_owned()],
        service: "prometheus@internal".to_owned(),
        rule: "Path(`/metrics`)".to_owned(),
        ..Router::default()
    };
    configuration.http.routers.insert("m@file".to_owned(), router);
    assert_eq!(running.apply(configuration).await.problems, []);
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nX-Who: me\r\nContent-Length: 2\r\n\r\nhi";
    for request in [post.to_owned(), post.to_owned(), get("a.test", "/"), get("nobody.test", "/")] {
        ask(running.web, &request).await;
    }
    let wanted = [
        r#"traefik_entrypoint_requests_total{code="404",entrypoint="web",method="GET",protocol="http",who=""} 1"#,
        r#"traefik_router_requests_total{code="200",method="POST",protocol="http",router="a@file",service="a@file",who="me"} 2"#,
        r#"traefik_service_requests_bytes_total{code="200",method="POST",protocol="http",service="a@file"} 4"#,
        r#"traefik_service_request_duration_seconds_count{code="200",method="GET",protocol="http",service="a@file"} 1"#,
        "traefik_config_reloads_total 2",
    ];
    // A request is counted when its connection has let go of it, which is after the client has the answer.
    let mut text = String::new();
    for _ in 0..200 {
        text = ask(running.web, &get("m.test", "/metrics")).await.1;
        if wanted.iter().all(|line| text.contains(line)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for line in wanted {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("m@file") && !text.contains("@internal"), "{text}");
    running.apply(routed("b", &[])).await;
    running.gateway.set_metrics(&metrics);
    assert!(ask(running.web, &get("m.test", "/metrics")).await.0.starts_with("HTTP/1.1 404"));
}
