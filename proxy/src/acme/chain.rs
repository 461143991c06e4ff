//! Which of several chains for a certificate is taken (RFC 8555 section 7.4.2).

use instant_acme::Account;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::client::Client;

/// The chain whose last certificate was issued by `preferred` (a common name), else the usual one, as Traefik chooses.
pub(super) async fn choose(account: &Account, client: &Client, usual: String, preferred: &str) -> String {
    let alternates = client.take_chain().alternates;
    if preferred.is_empty() || ends_with(&usual, preferred) {
        return usual;
    }
    for url in &alternates {
        // There is no call for other chains: one for an order sends what has to be sent. That the answer is no order is
        // known; what it is the client has kept.
        let _ = account.order(url.clone()).await;
        let chain = String::from_utf8(client.take_chain().pem.to_vec()).unwrap_or_default();
        if ends_with(&chain, preferred) {
            return chain;
        }
    }
    tracing::warn!(
        preferred,
        offered = alternates.len() + 1,
        "no chain of the authority ends with the issuer that `preferredChain` names; its usual one is taken"
    );
    usual
}

/// Whether the last certificate of a chain (PEM) was issued by a name.
fn ends_with(chain: &str, issuer: &str) -> bool {
    let last = CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok).last();
    last.is_some_and(|last| {
        x509_parser::parse_x509_certificate(&last).is_ok_and(|(_, parsed)| {
            parsed.issuer().iter_common_name().any(|name| name.as_str().is_ok_and(|name| name == issuer))
        })
    })
}
