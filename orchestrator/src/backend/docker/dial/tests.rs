#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use super::super::Docker;
use super::super::address::{Address, TlsFiles};
use super::Ssh;
use crate::backend::{Backend as _, ErrorKind, LabelFilter, Result};

/// An authority's certificate, and a certificate with its key that it has signed.
struct Signed {
    authority: String,
    certificate: String,
    key: String,
}

fn signed(name: &str, usage: ExtendedKeyUsagePurpose) -> Signed {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    Signed { authority, certificate, key: key.serialize_pem() }
}

/// An engine that answers `/_ping` and lists no containers, to whom the authority of `client` vouches for; its port.
async fn engine(server: &Signed, client: &Signed) -> u16 {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(client.authority.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut said = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    said.push(byte);
                    if said.ends_with(b"\r\n\r\n") {
                        said.clear();
                        let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n[]";
                        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    port
}

async fn ask(host: String, folder: &Path, own: bool, verify: bool) -> Result<usize> {
    let own = own.then(|| (folder.join("cert.pem"), folder.join("key.pem")));
    let files = TlsFiles { authority: Some(folder.join("ca.pem")), own, verify };
    let docker = Docker::new(Address::Tls { host, files }, Default::default())?;
    docker.containers(&LabelFilter::default()).await.map(|found| found.len())
}

#[tokio::test]
async fn an_engine_behind_tls_is_reached_and_verified() {
    let server = signed("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let client = signed("me", ExtendedKeyUsagePurpose::ClientAuth);
    let port = engine(&server, &client).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &server.authority);
    write("cert.pem", &client.certificate);
    write("key.pem", &client.key);
    let reach =
        async |name: &str, own: bool, verify: bool| ask(format!("{name}:{port}"), folder.path(), own, verify).await;
    assert_eq!(reach("localhost", true, true).await.unwrap(), 0);

    let error = reach("127.0.0.1", true, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("the engine's certificate is for other names"), "{error}");
    assert_eq!(reach("127.0.0.1", true, false).await.unwrap(), 0, "without verification the name does not matter");
    let error = reach("localhost", false, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("the engine wants a certificate of ours, and there is no `cert.pem`"), "{error}");
    write("cert.pem", &server.certificate);
    write("key.pem", &server.key);
    let error = reach("localhost", true, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("the engine does not accept our certificate (`cert.pem`)"), "{error}");
    write("cert.pem", &client.certificate);
    write("key.pem", &client.key);

    write("ca.pem", &client.authority);
    let error = reach("localhost", true, true).await.unwrap_err();
    assert!(error.message.contains("no authority in `ca.pem`"), "{error}");
    write("ca.pem", "nonsense");
    let error = reach("localhost", true, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.starts_with("there is no usable certificate of an authority"), "{error}");
    write("key.pem", "nonsense");
    write("ca.pem", &server.authority);
    let error = reach("localhost", true, true).await.unwrap_err();
    assert!(error.message.starts_with("the client certificate cannot be used"), "{error}");
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    let error = reach("localhost", true, true).await.unwrap_err();
    assert!(error.message.contains("key.pem: No such file"), "{error}");
}

#[tokio::test]
async fn what_does_not_speak_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let files = TlsFiles { authority: None, own: None, verify: true };
    let address = Address::Tls { host: format!("localhost:{port}"), files };
    let error = Docker::new(address, Default::default()).unwrap().info().await.unwrap_err();
    assert!(error.message.contains("what answers there does not speak TLS"), "{error}");
}

#[tokio::test]
async fn the_last_words_of_ssh_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ssh");
    std::fs::write(&program, "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let child = tokio::process::Command::new(&program)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut wire = Ssh::of(child).unwrap();
    let _ = wire.write_all(b"GET /_ping HTTP/1.1\r\n\r\n").await;
    let error = wire.read_u8().await.unwrap_err();
    assert_eq!(error.to_string(), "`ssh` ended: Host key verification failed.");
}
