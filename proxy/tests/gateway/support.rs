//! A gateway to ask and servers behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use proxy::config::dynamic::{Configuration, LoadBalancer, Router, RouterTls, Server, Service};
use proxy::entry_point::EntryPoint;
use proxy::gateway::{Applied, Gateway, Listener, Options, Update};
use proxy::route::EntryPointModel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A gateway with the entry points `web` and `websecure`.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) web: SocketAddr,
    pub(crate) websecure: SocketAddr,
}

pub(crate) fn models() -> Vec<EntryPointModel> {
    ["web", "websecure"].map(|name| EntryPointModel { name: name.to_owned(), ..EntryPointModel::default() }).to_vec()
}

pub(crate) fn entry(name: &str) -> EntryPoint {
    EntryPoint::new(name, "127.0.0.1:0")
}

pub(crate) fn options() -> Options {
    Options {
        entry_points: vec![entry("web"), entry("websecure")],
        workers: std::num::NonZeroUsize::new(2),
        hostname: "gw".to_owned(),
        ..Options::default()
    }
}

pub(crate) async fn run(options: Options, configuration: Configuration) -> Running {
    let gateway = Gateway::start(options).await.unwrap();
    let status = gateway.status();
    let address = |name: &str| match &status.listeners[name] {
        Listener::Bound(address) => *address,
        Listener::Failed(reason) => panic!("{reason}"),
    };
    let (web, websecure) = (address("web"), address("websecure"));
    let running = Running { gateway, web, websecure };
    let applied = running.apply(configuration).await;
    assert_eq!(applied.problems, []);
    running
}

impl Running {
    pub(crate) async fn apply(&self, configuration: Configuration) -> Applied {
        self.gateway.apply(Update { configuration, models: models(), ..Update::default() }).await.unwrap()
    }
}

/// Adds a router `name` for ``Host(`name.test`)`` to servers.
pub(crate) fn route(configuration: &mut Configuration, name: &str, secure: bool, urls: &[String]) {
    let router = Router {
        entry_points: vec![if secure { "websecure" } else { "web" }.to_owned()],
        service: format!("{name}@file"),
        rule: format!("Host(`{name}.test`)"),
        tls: secure.then(RouterTls::default),
        ..Router::default()
    };
    let servers = urls.iter().map(|url| Server { url: url.clone(), ..Server::default() }).collect();
    let service =
        Service { load_balancer: Some(LoadBalancer { servers, ..LoadBalancer::default() }), ..Service::default() };
    configuration.http.routers.insert(format!("{name}@file"), router);
    configuration.http.services.insert(format!("{name}@file"), service);
}

pub(crate) fn routed(name: &str, urls: &[String]) -> Configuration {
    let mut configuration = Configuration::default();
    route(&mut configuration, name, false, urls);
    configuration
}

/// A server that answers every connection with `talk`.
pub(crate) async fn origin<F, T>(talk: F) -> String
where
    F: Fn(TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    url
}

/// A server that answers each request with the request itself, and keeps its connections.
pub(crate) async fn echo() -> String {
    origin(|mut stream| async move {
        while let Some((head, body)) = read_message(&mut stream).await {
            let text = format!("{head}{body}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Reads a head and the body that it announces; chunked bodies come back as they were sent.
pub(crate) async fn read_message(stream: &mut TcpStream) -> Option<(String, String)> {
    let head = read_until(stream, "\r\n\r\n").await?;
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let mut body = String::new();
        // The last chunk may have trailers behind it.
        while !(body == "0\r\n\r\n" || body.contains("\r\n0\r\n")) {
            body += &read_until(stream, "\r\n\r\n").await?;
        }
        return Some((head, body));
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

async fn read_until(stream: &mut TcpStream, end: &str) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Sends `request` on a connection of its own and reads one answer.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_message(&mut stream).await.unwrap_or_default()
}

/// A GET request for a host.
pub(crate) fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// Everything until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // An abort ends it just as well.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

/// A log in memory.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The first line, once it is there.
    pub(crate) async fn first(&self) -> String {
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            if let Some((line, _)) = text.split_once('\n') {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Whether nothing has been written.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}
