//! The account at an authority: the one in the storage where it can be used, else a new one.

use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Uri;
use instant_acme::{Account, ExternalAccountKey, NewAccount};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Map, json};

use super::client::Client;
use super::failure::Failure;
use super::storage;
use crate::config::statics::Acme;

/// Traefik's name for keys on P-256.
const KEY_TYPE: &str = "P256";

/// The stored account, if this authority gave it and its key can sign here. Accounts with RSA keys, Traefik's usual
/// ones, cannot be used: a new one costs nothing, and certificates do not depend on it.
///
/// # Errors
/// The authority cannot be asked.
pub(super) async fn stored(
    options: &Acme,
    client: &Client,
    stored: &storage::Account,
) -> Result<Option<Account>, Failure> {
    let host = |url: &str| url.parse::<Uri>().ok().and_then(|url| url.authority().cloned());
    let Some(registration) = &stored.registration else { return Ok(None) };
    if host(&registration.uri).is_none() || host(&registration.uri) != host(&options.ca_server) {
        return Ok(None);
    }
    let Some(key) = key(stored) else { return Ok(None) };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    Ok(Some(builder.from_parts(registration.uri.clone(), key, options.ca_server.clone()).await?))
}

fn key(stored: &storage::Account) -> Option<PrivatePkcs8KeyDer<'static>> {
    let der = STANDARD.decode(stored.private_key.trim()).ok()?;
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?;
    Some(pair.to_pkcs8v1().ok()?.as_ref().to_vec().into())
}

/// A new account, and how it is stored.
///
/// # Errors
/// The authority cannot be asked, or refuses.
pub(super) async fn new(options: &Acme, client: &Client) -> Result<(Account, storage::Account), Failure> {
    const EAB: &str = "set `eab.kid` and `eab.hmacEncoded` as the authority gave them";
    let external = match &options.eab {
        None => None,
        Some(eab) => {
            let key = URL_SAFE_NO_PAD
                .decode(eab.hmac_encoded.trim_end_matches('='))
                .map_err(|error| Failure::refused(format!("`eab.hmacEncoded` is no base64url: {error}"), EAB))?;
            Some(ExternalAccountKey::new(eab.kid.clone(), &key))
        }
    };
    let contact = format!("mailto:{}", options.email);
    let contacts: &[&str] = if options.email.is_empty() { &[] } else { &[&contact] };
    let wish = NewAccount { contact: contacts, terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let (account, credentials) = builder.create(&wish, options.ca_server.clone(), external.as_ref()).await?;
    let unusable = |_| Failure::refused("the account's key cannot be kept", "nothing is to be done: it is tried again");
    let pair = EcdsaKeyPair::from_private_key_der(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        credentials.private_key().secret_pkcs8_der(),
    )
    .map_err(|error| unusable(error.to_string()))?;
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().map_err(|error| unusable(error.to_string()))?;
    let stored = storage::Account {
        email: options.email.clone(),
        registration: Some(storage::Registration {
            body: json!({ "status": "valid", "contact": contacts }),
            uri: account.id().to_owned(),
        }),
        private_key: STANDARD.encode(der.as_ref()),
        key_type: KEY_TYPE.to_owned(),
        rest: Map::new(),
    };
    Ok((account, stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stored_as_traefik_stores_it_and_read_back() -> Result<(), Box<dyn std::error::Error>> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der()?;
        let mut account =
            storage::Account { private_key: STANDARD.encode(der.as_ref()), ..storage::Account::default() };
        let read = key(&account).ok_or("the key is not read")?;
        assert_eq!(read.secret_pkcs8_der(), pair.to_pkcs8v1()?.as_ref());
        account.private_key = "MIIJKAIBAAKCAgEA".to_owned();
        assert!(key(&account).is_none(), "an RSA key");
        Ok(())
    }
}
