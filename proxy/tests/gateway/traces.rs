//! Traces: what servers are told, and what a collector gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxy::config::dynamic::{ForwardAuth, Middleware, RouterObservability};
use proxy::config::statics::{Otlp, OtlpHttp, Tracing};
use proxy::gateway::Update;
use proxy::observe::trace::Tracer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Running, ask, echo, get, options, origin, routed, run};

/// Heads, in lower case, and bodies.
pub(crate) type Kept = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that keeps what it is sent, and answers 200.
pub(crate) async fn keeper() -> (String, Kept) {
    let kept = Kept::default();
    let own = Arc::clone(&kept);
    let url = origin(move |mut stream| {
        let own = Arc::clone(&own);
        async move {
            let mut head = Vec::new();
            loop {
                head.clear();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let text = String::from_utf8(head.clone()).unwrap().to_ascii_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).await.unwrap();
                own.lock().unwrap().push((text, body));
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    (url, kept)
}

fn tracing(collector: &str) -> Tracing {
    let http = OtlpHttp { endpoint: collector.to_owned(), ..OtlpHttp::default() };
    let captured_request_headers = vec!["X-Seen".to_owned()];
    Tracing { captured_request_headers, otlp: Otlp { http }, ..Tracing::default() }
}

fn has(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// The parts of the `traceparent` that a request had.
fn parent(head: &str) -> Vec<String> {
    let line = head.lines().find_map(|line| line.strip_prefix("traceparent: "));
    line.unwrap_or_default().split('-').map(str::to_owned).collect()
}

async fn traced(running: &Running, head: &str) -> Vec<String> {
    parent(&ask(running.web, head).await.1.to_ascii_lowercase())
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_trace_goes_through_the_gateway_to_the_collector() {
    let ((collector, sent), (auth, asked)) = (keeper().await, keeper().await);
    let mut configuration = routed("a", &[echo().await]);
    let forward = ForwardAuth { address: format!("{auth}/auth"), ..ForwardAuth::default() };
    configuration
        .http
        .middlewares
        .insert("f@file".to_owned(), Middleware { forward_auth: Some(forward), ..Middleware::default() });
    configuration.http.routers.get_mut("a@file").unwrap().middlewares = vec!["f".to_owned()];
    let running = run(options(), configuration).await;
    assert_eq!(traced(&running, &get("a.test", "/")).await, [""], "nothing is done while traces are off");

    running.gateway.set_tracer(Some(Tracer::start(&tracing(&collector), "this-host").unwrap()));
    let request = format!(
        "GET /x?token=secret HTTP/1.1\r\nHost: a.test\r\nX-Seen: yes\r\ntraceparent: 00-{TRACE}-{SPAN}-01\r\n\r\n"
    );
    let to_server = traced(&running, &request).await;
    assert_eq!((to_server[1].as_str(), to_server[3].as_str()), (TRACE, "01"));
    assert_ne!(to_server[2], SPAN, "the server's parent is the gateway's span");
    let to_auth = parent(&asked.lock().unwrap().last().unwrap().0);
    assert_eq!(to_auth[1], TRACE);
    assert_ne!(to_auth[2], to_server[2]);
    // A client that decided against is heard, and one without a trace gets a new one.
    let against = request.replace("-01\r\n", "-00\r\n").replace(TRACE, "1af7651916cd43dd8448eb211c80319c");
    assert_eq!(traced(&running, &against).await[3], "00");
    let fresh = traced(&running, &get("a.test", "/fresh")).await;
    assert_eq!((fresh[1].len(), fresh[3].as_str()), (32, "01"));

    running.gateway.shutdown(Duration::ZERO, Duration::from_secs(1)).await;
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 1, "all at once");
    let (head, body) = &sent[0];
    assert!(head.starts_with("post /v1/traces http/1.1") && head.contains("content-type: application/x-protobuf"));
    for part in [&bytes(TRACE), &bytes(SPAN), &bytes(&to_server[2]), &bytes(&to_auth[2]), &bytes(&fresh[1])] {
        assert!(has(body, part), "{part:?}");
    }
    for part in [
        "ReverseProxy",
        "AuthRequest",
        "entry_point",
        "token=REDACTED",
        "/fresh",
        "this-host",
        "traefik",
        "GET",
        "http.request.header.x-seen",
        "yes",
    ] {
        assert!(has(body, part.as_bytes()), "{part}");
    }
    assert!(!has(body, b"secret") && !has(body, &bytes("1af7651916cd43dd8448eb211c80319c")));
}

#[tokio::test]
async fn entry_points_and_routers_say_what_has_traces() {
    let observed = |tracing| RouterObservability { tracing: Some(tracing), ..RouterObservability::default() };
    let (collector, _) = keeper().await;
    let mut configuration = routed("a", &[echo().await]);
    let running = run(options(), configuration.clone()).await;
    running.gateway.set_tracer(Some(Tracer::start(&tracing(&collector), "host").unwrap()));
    for (entry_point, router, expected) in
        [(None, None, true), (Some(false), None, false), (Some(false), Some(true), true), (None, Some(false), false)]
    {
        configuration.http.routers.get_mut("a@file").unwrap().observability = router.map(observed);
        let mut models = crate::support::models();
        models.iter_mut().for_each(|model| model.observability = entry_point.map(observed));
        let update = Update { configuration: configuration.clone(), models, ..Update::default() };
        running.gateway.apply(update).await.unwrap();
        let told = traced(&running, &get("a.test", "/")).await;
        assert_eq!(told.len() == 4, expected, "{entry_point:?} {router:?}");
    }
}

#[tokio::test]
async fn a_collector_that_is_out_of_reach_harms_nobody() {
    let running = run(options(), routed("a", &[echo().await])).await;
    running.gateway.set_tracer(Some(Tracer::start(&tracing("http://127.0.0.1:1"), "host").unwrap()));
    for _ in 0..20 {
        assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 200"));
    }
    running.gateway.shutdown(Duration::ZERO, Duration::from_secs(1)).await;
}

#[test]
fn options_that_make_no_sense_are_named() {
    let wrong = |tracing: Tracing| Tracer::start(&tracing, "host").unwrap_err();
    assert!(wrong(tracing("ftp://x")).contains("tracing.otlp.http.endpoint"));
    assert!(wrong(Tracing { sample_rate: "2".to_owned(), ..tracing("http://x") }).contains("tracing.sampleRate"));
    let headers = vec!["a b".to_owned()];
    assert!(wrong(Tracing { captured_request_headers: headers, ..tracing("http://x") }).contains("`a b`"));
}
