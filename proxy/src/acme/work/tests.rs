#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::statics::Acme;
use crate::tls::provider;

#[test]
fn a_suggestion_lies_in_its_window() {
    assert_eq!(within(1000, 2000, -1.0), 1000);
    assert_eq!(within(1000, 2000, 1.0), 2000);
    assert_eq!(within(2000, 1000, 1.0), 2000, "a window that makes no sense");
    assert_eq!(within(0, i64::MAX, 1.0), i64::from(i32::MAX));
}

/// An authority that answers every question for a renewal with the same text. Its URL, the PEM to trust it by, and what it
/// was asked for.
async fn authority(answer: &'static str) -> (String, String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (seen, asked) = tokio::sync::mpsc::unbounded_channel();
    let base = url.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let body = if path == "/dir" {
                format!(
                    r#"{{"newNonce":"{base}/n","newAccount":"{base}/a","newOrder":"{base}/o","renewalInfo":"{base}/renewal"}}"#
                )
            } else {
                seen.send(path).unwrap();
                answer.to_owned()
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nRetry-After: 7200\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (format!("{url}/dir"), made.cert.pem(), asked)
}

/// An account as it is stored.
fn account(uri: &str) -> storage::Account {
    use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use base64::Engine as _;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
    storage::Account {
        private_key: base64::engine::general_purpose::STANDARD.encode(der.as_ref()),
        registration: Some(storage::Registration { body: serde_json::Value::Null, uri: uri.to_owned() }),
        ..storage::Account::default()
    }
}

async fn asked_of(answer: &'static str) -> (Suggestion, Option<String>) {
    let (directory, pem, mut asked) = authority(answer).await;
    let options = Acme { ca_server: directory.clone(), ca_certificates: vec![pem], ..Acme::default() };
    // The example of RFC 9773 section 4.1.
    let identifier = CertificateIdentifier::new(
        vec![
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01,
            0xc8, 0xd4,
        ]
        .into(),
        vec![0x00, 0x87, 0x65, 0x43, 0x21].into(),
    );
    let job = Job {
        order: Order { resolver: "le".to_owned(), names: Vec::new(), replaces: None, renewal: false },
        resolver: Resolver { options, ..Resolver::default() },
        storage: PathBuf::new(),
        replaced: None,
        identifier: Some(identifier),
        task: Task::Question,
    };
    let stored = account(&directory.replace("/dir", "/account/1"));
    let done = job.run(None, Some(stored), Arc::default()).await;
    let Outcome::Suggestion(suggestion) = done.outcome else { panic!("a question is no order") };
    (suggestion, asked.recv().await)
}

#[tokio::test]
async fn the_authority_says_when_to_renew() {
    let answer = r#"{"suggestedWindow":{"start":"2026-01-02T00:00:00Z","end":"2026-01-03T00:00:00Z"}}"#;
    let before = now();
    let (suggestion, asked) = asked_of(answer).await;
    assert_eq!(asked.as_deref(), Some("/renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
    let at = suggestion.at.unwrap();
    assert!((1_767_312_000..=1_767_398_400).contains(&at), "{at}");
    assert!(suggestion.replaces, "the next order names the certificate that it replaces");
    assert!((before + 7100..=now() + 7200).contains(&suggestion.ask_at), "as often as the authority wants to be asked");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_changes_nothing() {
    let before = now();
    let (suggestion, _) = asked_of(r#"{"suggestedWindow":{"start":"soon"}}"#).await;
    assert_eq!((suggestion.at, suggestion.replaces), (None, false));
    assert!(suggestion.ask_at >= before + LATEST);
}
