//! A WebSocket client that goes through the gateway.

use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;

/// Connects to `wss://HOST:PORT/ws`, trusting only `certificate`, and expects every message back.
pub(crate) fn echoes(host: &str, port: u16, certificate: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limit = std::time::Duration::from_secs(20);
    runtime
        .block_on(async { tokio::time::timeout(limit, echo(host, port, certificate)).await })
        .expect("an echo in time");
}

async fn echo(host: &str, port: u16, certificate: &Path) {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificate).unwrap() {
        let _ = roots.add(certificate.unwrap());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let (mut socket, answer) = tokio_tungstenite::client_async(format!("wss://{host}/ws"), tls).await.unwrap();
    assert_eq!(answer.status(), 101);
    let long = "x".repeat(200_000);
    for message in [Message::text("hello"), Message::text(long), Message::binary(vec![0, 159, 146, 150])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close(), "{message:?}");
    }
}
