//! One order (RFC 8555 section 7.4): names in, a certificate with its key out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, Authorizations, CertificateIdentifier, ChallengeType, Error,
    Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};

use super::Resolver;
use super::chain;
use super::challenges::{ChallengeGuard, Challenges};
use super::client::Client;
use super::dns::{Proof, Record};
use super::failure::{Failure, Kind};
use crate::config::statics::{Acme, KeyType};
use crate::tls::local;

/// Pauses between looks at an order: from a quarter of a second up, for three minutes in all.
const POLLS: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(180));

/// Pauses between looks at an authorization, from the first to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// For proving all names of an order, DNS records not counted.
const LIMIT: Duration = Duration::from_secs(600);

/// What an order brings.
#[derive(Debug)]
pub(super) struct Issued {
    /// PEM chain, the certificate first.
    pub(super) chain: String,
    /// PEM key.
    pub(super) key: String,
}

/// What stands in the way of proving a name with these options, whatever an authority says.
pub(super) fn obstacle(options: &Acme, name: &str) -> Option<Failure> {
    const HINT: &str = "give the router another resolver, or the resolver another challenge";
    if local::is_local(name) && is_public(options) {
        return Some(Failure::refused(
            format!("no public authority gives a certificate for `{name}`"),
            "it has one of the gateway's local authority, which `stack trust` makes this machine trust",
        ));
    }
    if name.starts_with("*.") && options.dns_challenge.is_none() {
        return Some(Failure::refused(format!("a certificate for `{name}` needs a DNS challenge"), HINT));
    }
    let is_address = name.parse::<IpAddr>().is_ok();
    (is_address && options.http_challenge.is_none())
        .then(|| Failure::refused(format!("a certificate for the address `{name}` needs an HTTP challenge"), HINT))
}

/// Whether the authority is one that only gives certificates for names of the public internet.
fn is_public(options: &Acme) -> bool {
    const PUBLIC: [&str; 5] = ["letsencrypt.org", "zerossl.com", "pki.goog", "buypass.com", "ssl.com"];
    let host = options.ca_server.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    host.is_some_and(|host| {
        PUBLIC.iter().any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    })
}

/// Asks for a certificate for `names`; `replaces` is the one that it takes the place of (RFC 9773 section 5).
///
/// # Errors
/// Why there is none.
pub(super) async fn obtain(
    account: &Account,
    client: &Client,
    resolver: &Resolver,
    names: &[String],
    replaces: Option<CertificateIdentifier<'_>>,
    challenges: &Arc<Challenges>,
) -> Result<Issued, Failure> {
    let identifiers: Vec<Identifier> =
        names.iter().map(|name| name.parse().map_or_else(|_| Identifier::Dns(name.clone()), Identifier::Ip)).collect();
    let mut wish = NewOrder::new(&identifiers);
    if !resolver.options.profile.is_empty() {
        wish = wish.profile(&resolver.options.profile);
    }
    if let Some(replaced) = replaces {
        wish = wish.replaces(replaced);
    }
    let mut order = account.new_order(&wish).await?;
    let mut proofs = Proofs::default();
    let records = u64::try_from(names.len()).unwrap_or(u64::MAX).saturating_mul(resolver.propagation_seconds());
    let limit = LIMIT.saturating_add(Duration::from_secs(records));
    let proving = async {
        for place in 0.. {
            let mut authorizations = order.authorizations();
            let Some(authorization) = at(&mut authorizations, place).await else { break };
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => prove(&mut authorization, resolver, challenges, &mut proofs).await?,
                _ => return Err(refused(&mut authorization).await),
            }
            if proofs.records.last().is_some_and(Record::stands_alone) {
                decided(&mut order, place).await?;
                proofs.remove().await;
            }
        }
        match order.poll_ready(&POLLS).await {
            Ok(OrderStatus::Ready) => Ok(()),
            Ok(_) => Err(reason(&mut order).await),
            Err(error) => match Failure::from(error) {
                failure if failure.kind == Kind::Refused => Err(reason(&mut order).await),
                failure => Err(failure),
            },
        }
    };
    let proved = tokio::time::timeout(limit, proving).await;
    // Whatever came of it, and however long it took.
    proofs.remove().await;
    drop(proofs);
    proved.unwrap_or_else(|_| Err(Failure::late()))?;

    let key_type = resolver.options.key().map_err(|reason| Failure::refused(reason, "set another `keyType`"))?;
    let (all, addresses) = (names.to_vec(), resolver.options.email_addresses.clone());
    let made = tokio::task::spawn_blocking(move || request(key_type, all, &addresses)).await;
    let (csr, key) =
        made.map_err(|error| error.to_string())
            .and_then(|made| made.map_err(|error| error.to_string()))
            .map_err(|error| Failure::refused(format!("no key could be made: {error}"), "set another `keyType`"))?;
    order.finalize_csr(&csr).await?;
    let chain = order.poll_certificate(&POLLS).await?;
    let chain = chain::choose(account, client, chain, &resolver.options.preferred_chain).await;
    Ok(Issued { chain, key })
}

/// A request for a certificate (DER), and its key (PEM). Takes seconds for large RSA keys.
fn request(key_type: KeyType, names: Vec<String>, addresses: &[String]) -> Result<(Vec<u8>, String), rcgen::Error> {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize};
    let key = match key_type {
        KeyType::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyType::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        KeyType::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        KeyType::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
    }?;
    let mut params = rcgen::CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    for address in addresses {
        params.subject_alt_names.push(rcgen::SanType::Rfc822Name(address.as_str().try_into()?));
    }
    Ok((params.serialize_request(&key)?.der().to_vec(), key.serialize_pem()))
}

/// What proves names while an order is under way.
#[derive(Debug, Default)]
struct Proofs {
    shown: Vec<ChallengeGuard>,
    records: Vec<Record>,
}

impl Proofs {
    async fn remove(&mut self) {
        for record in std::mem::take(&mut self.records) {
            record.cleanup().await;
        }
    }
}

/// Gets ready for one challenge of a name, and says so.
async fn prove<'a>(
    authorization: &'a mut AuthorizationHandle<'a>,
    resolver: &Resolver,
    challenges: &Arc<Challenges>,
    proofs: &mut Proofs,
) -> Result<(), Failure> {
    let options = &resolver.options;
    let shown = authorization.identifier().to_string();
    let name = shown.trim_start_matches("*.").to_owned();
    let is_address = name.parse::<IpAddr>().is_ok();
    let (http, tls, dns) = (
        options.http_challenge.as_ref().filter(|_| !authorization.wildcard),
        options.tls_challenge.as_ref().filter(|_| !authorization.wildcard && !is_address),
        options.dns_challenge.as_ref().filter(|_| !is_address),
    );
    let offered = |kind: &ChallengeType| authorization.challenges.iter().any(|one| one.r#type == *kind);
    let (kind, delay) = if let Some(http) = http.filter(|_| offered(&ChallengeType::Http01)) {
        (ChallengeType::Http01, http.delay)
    } else if let Some(tls) = tls.filter(|_| offered(&ChallengeType::TlsAlpn01)) {
        (ChallengeType::TlsAlpn01, tls.delay)
    } else if let Some(dns) = dns.filter(|_| offered(&ChallengeType::Dns01)) {
        (ChallengeType::Dns01, dns.propagation.delay_before_checks.max(dns.delay_before_check))
    } else {
        return Err(Failure::refused(
            format!("the authority offers no challenge for `{shown}` that the resolver has"),
            "set `httpChallenge`, `tlsChallenge` or `dnsChallenge` of the resolver",
        ));
    };
    let missing = || Failure::refused("the challenge is gone", "nothing is to be done: it is tried again");
    let mut challenge = authorization.challenge(kind.clone()).ok_or_else(missing)?;
    let answer = challenge.key_authorization();
    match kind {
        ChallengeType::Http01 => proofs.shown.push(challenges.http(&name, &challenge.token, answer.as_str())),
        ChallengeType::TlsAlpn01 => {
            let certificate = challenges.alpn(&name, answer.digest().as_ref());
            proofs.shown.push(certificate.map_err(|error| {
                Failure::refused(
                    format!("`{name}` cannot stand in a certificate: {error}"),
                    "write it in ASCII (punycode)",
                )
            })?);
        }
        _ => {
            let proof = Proof {
                domain: name.clone(),
                token: challenge.token.clone(),
                key_authorization: answer.as_str().to_owned(),
                value: answer.dns_value(),
            };
            let record = Record::new(resolver, proof).await?;
            // A record that was made in part is to be removed too.
            proofs.records.push(record.clone());
            record.present().await?;
        }
    }
    tokio::time::sleep(delay.to_std()).await;
    challenge.set_ready().await?;
    Ok(())
}

/// One authorization of an order, by its place; asked for where that has not been done yet.
async fn at<'a>(
    authorizations: &'a mut Authorizations<'_>,
    place: usize,
) -> Option<Result<AuthorizationHandle<'a>, Error>> {
    for _ in 0..place {
        authorizations.next().await?.ok();
    }
    authorizations.next().await
}

/// Waits until the authority has decided on a name of an order.
async fn decided(order: &mut Order, place: usize) -> Result<(), Failure> {
    let mut authorizations = order.authorizations();
    let Some(authorization) = at(&mut authorizations, place).await else { return Ok(()) };
    let mut authorization = authorization?;
    let mut pause = FIRST_LOOK;
    while authorization.refresh().await?.status == AuthorizationStatus::Pending {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
    if authorization.status == AuthorizationStatus::Valid { Ok(()) } else { Err(refused(&mut authorization).await) }
}

/// Why an order is not ready: what its authorizations say.
async fn reason(order: &mut Order) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_ok_and(|state| state.status == AuthorizationStatus::Invalid) {
            return refused(&mut authorization).await;
        }
    }
    Failure::refused("the authority refuses the order without a reason", "it is tried again")
}

async fn refused(authorization: &mut AuthorizationHandle<'_>) -> Failure {
    let name = authorization.identifier().to_string();
    match authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
        Some(problem) => {
            let failure = Failure::of(problem);
            Failure { reason: format!("`{name}`: {}", failure.reason), ..failure }
        }
        None => Failure::refused(format!("`{name}` was not proved"), "it is tried again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::statics::{DnsChallenge, HttpChallenge, TlsChallenge};

    #[test]
    fn some_names_need_some_challenges() {
        let is_possible = |options: &Acme, name: &str| obstacle(options, name).is_none();
        let http = Acme { http_challenge: Some(HttpChallenge::default()), ..Acme::default() };
        let tls = Acme { tls_challenge: Some(TlsChallenge::default()), ..Acme::default() };
        let dns = Acme { dns_challenge: Some(DnsChallenge::default()), ..Acme::default() };
        assert!(is_possible(&http, "a.example") && is_possible(&http, "192.0.2.1") && !is_possible(&http, "*.example"));
        assert!(is_possible(&tls, "a.example") && !is_possible(&tls, "192.0.2.1"));
        assert!(!is_possible(&http, "app.localhost") && !is_possible(&tls, "x.internal"));
        let private = Acme { ca_server: "https://ca.internal/dir".to_owned(), ..tls.clone() };
        assert!(is_possible(&private, "x.internal") && !is_possible(&private, "10.0.0.1"));
        assert!(is_possible(&dns, "*.example") && !is_possible(&dns, "2001:db8::1"));
    }

    #[test]
    fn requests_have_the_key_that_is_asked_for() -> Result<(), rcgen::Error> {
        for key_type in [KeyType::P256, KeyType::P384, KeyType::Rsa2048] {
            let (csr, key) =
                request(key_type, vec!["a.example".to_owned(), "192.0.2.1".to_owned()], &["me@a.example".to_owned()])?;
            assert!(!csr.is_empty() && key.starts_with("-----BEGIN PRIVATE KEY-----"));
        }
        Ok(())
    }
}
