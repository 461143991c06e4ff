//! UDP routers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proxy::config::dynamic::{
    Configuration, UdpLoadBalancer, UdpRouter, UdpServer, UdpService, UdpWeightedRoundRobin, WeightedService,
};
use proxy::entry_point::EntryPoint;
use proxy::gateway::{Gateway, Inherited, Listener, Options, Update};
use tokio::net::UdpSocket;

use crate::support::{Running, models, options, run};

/// A server that answers each datagram with its name and the datagram.
async fn server(name: &'static str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            let answer = [name.as_bytes(), b" ", &buffer[..length]].concat();
            socket.send_to(&answer, client).await.unwrap();
        }
    });
    address
}

fn service(configuration: &mut Configuration, name: &str, addresses: &[&str]) {
    let servers = addresses.iter().map(|address| UdpServer { address: (*address).to_owned() }).collect();
    let service = UdpService { load_balancer: Some(UdpLoadBalancer { servers }), ..UdpService::default() };
    configuration.udp.services.insert(format!("{name}@file"), service);
}

fn routed(addresses: &[&str]) -> Configuration {
    let mut configuration = Configuration::default();
    service(&mut configuration, "s", addresses);
    let router = UdpRouter { service: "s".to_owned(), ..UdpRouter::default() };
    configuration.udp.routers.insert("u@file".to_owned(), router);
    configuration
}

async fn apply(running: &Running, configuration: Configuration) -> Vec<String> {
    let udp_entry_points = vec!["dns".to_owned()];
    let update = Update { configuration, models: models(), udp_entry_points, ..Update::default() };
    running.gateway.apply(update).await.unwrap().problems.iter().map(ToString::to_string).collect()
}

/// A gateway with an entry point for datagrams, whose sessions last for `silence`.
async fn serving(silence: Duration, configuration: Configuration) -> (Running, SocketAddr) {
    let mut options = options();
    options.entry_points.push(EntryPoint { udp: Some(silence), ..EntryPoint::new("dns", "127.0.0.1:0/udp") });
    let running = run(options, Configuration::default()).await;
    assert_eq!(apply(&running, configuration).await, [""; 0]);
    let Listener::Bound(address) = running.gateway.status().listeners["dns"] else { panic!("not bound") };
    (running, address)
}

async fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

/// The server's name in the answer to a datagram, `None` if none comes.
async fn ask(client: &UdpSocket, text: &[u8]) -> Option<String> {
    client.send(text).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = tokio::time::timeout(Duration::from_secs(2), client.recv(&mut buffer)).await.ok()?.ok()?;
    let (name, rest) = buffer[..length].split_at(1);
    assert_eq!(&rest[1..], text);
    Some(String::from_utf8_lossy(name).into_owned())
}

#[tokio::test]
async fn clients_have_sessions_and_sessions_take_turns() {
    let (one, two) = (server("1").await, server("2").await);
    let (_running, address) = serving(Duration::from_secs(3), routed(&[&one, &two])).await;
    let mut heard = Vec::new();
    for _ in 0..6 {
        let client = client(address).await;
        let first = ask(&client, b"x").await.unwrap();
        assert_eq!(ask(&client, &[b'y'; 9_000]).await.as_ref(), Some(&first));
        assert_eq!(ask(&client, b"").await.as_ref(), Some(&first));
        heard.push(first);
    }
    heard.sort_unstable();
    assert_eq!(heard, ["1", "1", "1", "2", "2", "2"]);
}

#[tokio::test]
async fn a_silent_session_ends_and_the_next_has_its_own_turn() {
    let (one, two) = (server("1").await, server("2").await);
    let silence = Duration::from_millis(1500);
    let (_running, address) = serving(silence, routed(&[&one, &two])).await;
    let client = client(address).await;
    let first = ask(&client, b"x").await.unwrap();
    let began = Instant::now();
    while began.elapsed() < silence * 3 / 2 {
        tokio::time::sleep(silence / 15).await;
        assert_eq!(ask(&client, b"x").await.as_ref(), Some(&first), "it is not silent");
    }
    // A busy machine may be late to end it; then it has not been silent once more.
    for _ in 0..10 {
        tokio::time::sleep(silence * 3 / 2).await;
        if ask(&client, b"x").await.unwrap() != first {
            return;
        }
    }
    panic!("a silent session never ends");
}

#[tokio::test]
async fn a_reload_keeps_sessions_whose_server_stays() {
    let (one, two) = (server("1").await, server("2").await);
    let (running, address) = serving(Duration::from_secs(60), routed(&[&one, &two])).await;
    let (a, b) = (client(address).await, client(address).await);
    assert_eq!(ask(&a, b"x").await.as_deref(), Some("1"));
    assert_eq!(ask(&b, b"x").await.as_deref(), Some("2"));
    let three = server("3").await;
    assert_eq!(apply(&running, routed(&[&two, &three])).await, [""; 0]);
    assert_eq!(ask(&b, b"x").await.as_deref(), Some("2"));
    let moved = ask(&a, b"x").await.unwrap();
    assert_ne!(moved, "1");
    assert_eq!(apply(&running, Configuration::default()).await, [""; 0]);
    assert_eq!(ask(&b, b"x").await, None);
}

#[tokio::test]
async fn weights_names_and_mistakes() {
    let (one, two) = (server("1").await, server("2").await);
    let port = one.rsplit_once(':').unwrap().1.to_owned();
    let mut configuration = routed(&[]);
    service(&mut configuration, "one", &[&format!("localhost:{port}")]);
    service(&mut configuration, "two", &[&two]);
    let member = |name: &str, weight| WeightedService { name: name.to_owned(), weight };
    let weighted = UdpWeightedRoundRobin { services: vec![member("one", 3), member("two", 1)] };
    configuration
        .udp
        .services
        .insert("s@file".to_owned(), UdpService { weighted: Some(weighted), ..UdpService::default() });
    let (running, address) = serving(Duration::from_secs(3), configuration.clone()).await;
    let mut ones = 0;
    for _ in 0..8 {
        ones += usize::from(ask(&client(address).await, b"x").await.as_deref() == Some("1"));
    }
    assert_eq!(ones, 6);

    let router =
        |entry: &str, service: &str| UdpRouter { entry_points: vec![entry.to_owned()], service: service.to_owned() };
    configuration.udp.routers.insert("lost@file".to_owned(), router("dns", "nowhere"));
    configuration.udp.routers.insert("off@file".to_owned(), router("web", "s"));
    configuration.udp.routers.insert("second@file".to_owned(), router("dns", "two"));
    assert_eq!(
        apply(&running, configuration).await,
        [
            "UDP router `second@file`: on the entry point dns the router `u@file` gets every datagram",
            "UDP router `off@file`: entryPoint \"web\" doesn't exist",
            "UDP router `off@file`: no valid entryPoint for this router",
            "UDP router `lost@file`: the UDP service \"nowhere@file\" does not exist",
        ]
    );
}

#[tokio::test]
async fn a_successor_has_new_datagrams_and_the_predecessor_what_is_still_answered() {
    // Answers late.
    let slow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let slow_address = slow.local_addr().unwrap().to_string();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = [0; 16];
        while let Ok((length, client)) = slow.recv_from(&mut buffer).await {
            let _ = heard.send(());
            tokio::time::sleep(Duration::from_millis(400)).await;
            slow.send_to(&[b"1 ", &buffer[..length]].concat(), client).await.unwrap();
        }
    });
    let (first, address) = serving(Duration::from_secs(1), routed(&[&slow_address])).await;
    let early = client(address).await;
    drop(first.gateway.bequests().await.unwrap());
    let waiting = tokio::spawn(async move { ask(&early, b"x").await });
    hears.recv().await.unwrap();

    let point = EntryPoint { udp: Some(Duration::from_secs(3)), ..EntryPoint::new("dns", format!("{address}/udp")) };
    let second = Gateway::start(Options { entry_points: Vec::new(), ..options() }).await.unwrap();
    let configuration = routed(&[&server("2").await]);
    let udp_entry_points = vec!["dns".to_owned()];
    second.apply(Update { configuration, udp_entry_points, ..Update::default() }).await.unwrap();
    let inherited = Inherited { datagrams: first.gateway.bequests().await.unwrap(), ..Inherited::default() };
    second.take_over(vec![point], inherited).await.unwrap();
    first.gateway.retire().await.unwrap();
    let ending = tokio::spawn(first.gateway.shutdown(Duration::ZERO, Duration::from_secs(20)));
    assert_eq!(ask(&client(address).await, b"x").await.as_deref(), Some("2"));
    assert_eq!(waiting.await.unwrap().as_deref(), Some("1"));
    ending.await.unwrap();
    assert_eq!(ask(&client(address).await, b"x").await.as_deref(), Some("2"));
}
