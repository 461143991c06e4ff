//! Gandi LiveDNS (API documentation, "LiveDNS API", version 5): records of one name and type are told as a whole.

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Client, Credentials, Txt, Variables, Zone, base, bearer, missing, secret, ttl};

const BASE: &str = "https://api.gandi.net/v5/livedns";
/// The shortest time, in seconds, that records are good for.
const LEAST_TTL: u64 = 300;

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Gandi {
    pub(super) base: String,
    token: Credentials,
    ttl: u64,
}

#[derive(Default, Deserialize)]
struct Found {
    #[serde(default)]
    rrset_values: Vec<String>,
}

impl Gandi {
    /// From `GANDIV5_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        const TOKEN: &str = "GANDIV5_PERSONAL_ACCESS_TOKEN";
        const KEY: &str = "GANDIV5_API_KEY";
        let token = match (variables.value(TOKEN)?, variables.value(KEY)?) {
            (Some(token), _) => bearer(TOKEN, &token)?,
            (None, Some(key)) => vec![secret(AUTHORIZATION, KEY, &format!("Apikey {key}"))?],
            (None, None) => return Err(missing(&[TOKEN])),
        };
        Ok(Self {
            base: base(variables, "GANDIV5_BASE_URL", BASE)?,
            token,
            ttl: ttl(variables, "GANDIV5_TTL", LEAST_TTL, LEAST_TTL)?,
        })
    }

    pub(super) async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        let url = format!("{}/domains/{zone}", self.base);
        Ok(client.has(&url, &self.token).await?.then(|| zone.to_owned()))
    }

    pub(super) async fn add(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let mut values = self.values(client, zone, txt).await?;
        values.push(format!("\"{}\"", txt.value));
        self.set(client, zone, txt, &values).await
    }

    pub(super) async fn remove(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let values = self.values(client, zone, txt).await?;
        if !values.is_empty() {
            return self.set(client, zone, txt, &values).await;
        }
        let answer = client.send(Method::DELETE, &self.url(zone, txt), &self.token, None).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(()) } else { answer.good() }
    }

    /// What others have put there.
    async fn values(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<Vec<String>, String> {
        let answer = client.send(Method::GET, &self.url(zone, txt), &self.token, None).await?;
        let found: Found = if answer.status == StatusCode::NOT_FOUND { Found::default() } else { answer.read()? };
        Ok(found.rrset_values.into_iter().filter(|value| value.trim_matches('"') != txt.value).collect())
    }

    async fn set(&self, client: &Client, zone: &Zone, txt: &Txt, values: &[String]) -> Result<(), String> {
        let body = json!({ "rrset_ttl": self.ttl, "rrset_values": values });
        client.send(Method::PUT, &self.url(zone, txt), &self.token, Some(&body)).await?.good()
    }

    fn url(&self, zone: &Zone, txt: &Txt) -> String {
        format!("{}/domains/{}/records/{}/TXT", self.base, zone.id, zone.host(&txt.name))
    }
}
