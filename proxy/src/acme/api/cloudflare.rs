//! Cloudflare (API documentation, "DNS Records for a Zone", version 4).

use http::Method;
use http::header::HeaderName;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Client, Credentials, Txt, Variables, Zone, base, bearer, missing, secret, ttl};

const BASE: &str = "https://api.cloudflare.com/client/v4";
/// The shortest time, in seconds, that records made by challenges are good for.
const LEAST_TTL: u64 = 120;
/// "An identical record already exists."
const IDENTICAL: u64 = 81_058;

/// An account, or what tokens may do in it.
#[derive(Clone, Debug)]
pub(super) struct Cloudflare {
    pub(super) base: String,
    /// For changing records.
    records: Credentials,
    /// For finding zones.
    zones: Credentials,
    ttl: u64,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    result: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    content: String,
}

impl Cloudflare {
    /// From `CLOUDFLARE_*` or `CF_*` variables: e-mail address and key of an account, else tokens.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let email = variables.first(&["CLOUDFLARE_EMAIL", "CF_API_EMAIL"])?;
        let key = variables.first(&["CLOUDFLARE_API_KEY", "CF_API_KEY"])?;
        let (records, zones) = if let (Some((address, email)), Some((name, key))) = (email, key) {
            let own = vec![
                secret(HeaderName::from_static("x-auth-email"), address, &email)?,
                secret(HeaderName::from_static("x-auth-key"), name, &key)?,
            ];
            (own.clone(), own)
        } else {
            const TOKENS: [&str; 2] = ["CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN"];
            let (name, token) = variables.first(&TOKENS)?.ok_or_else(|| missing(&TOKENS))?;
            let records = bearer(name, &token)?;
            let zones = variables.first(&["CLOUDFLARE_ZONE_API_TOKEN", "CF_ZONE_API_TOKEN"])?;
            let zones = zones.map_or_else(|| Ok(records.clone()), |(name, token)| bearer(name, &token))?;
            (records, zones)
        };
        let base = base(variables, "CLOUDFLARE_BASE_URL", BASE)?;
        let ttl = ttl(variables, "CLOUDFLARE_TTL", LEAST_TTL, LEAST_TTL)?;
        Ok(Self { base, records, zones, ttl })
    }

    pub(super) async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        let url = format!("{}/zones?name={zone}", self.base);
        let found: Found = client.send(Method::GET, &url, &self.zones, None).await?.read()?;
        Ok(found.result.into_iter().find(|one| one.name.eq_ignore_ascii_case(zone)).map(|one| one.id))
    }

    pub(super) async fn add(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let content = format!("\"{}\"", txt.value);
        let body = json!({ "type": "TXT", "name": txt.name, "content": content, "ttl": self.ttl });
        let url = format!("{}/zones/{}/dns_records", self.base, zone.id);
        let answer = client.send(Method::POST, &url, &self.records, Some(&body)).await?;
        if is_identical(&answer) { Ok(()) } else { answer.good() }
    }

    pub(super) async fn remove(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let records = format!("{}/zones/{}/dns_records", self.base, zone.id);
        let url = format!("{records}?type=TXT&name={}&per_page=100", txt.name);
        let found: Found = client.send(Method::GET, &url, &self.records, None).await?.read()?;
        let own = found.result.into_iter().filter(|one| one.content.trim_matches('"') == txt.value);
        for record in own {
            let url = format!("{records}/{}", record.id);
            client.send(Method::DELETE, &url, &self.records, None).await?.good()?;
        }
        Ok(())
    }
}

fn is_identical(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<Code>,
    }
    #[derive(Deserialize)]
    struct Code {
        code: u64,
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer.body);
    refusal.is_ok_and(|refusal| refusal.errors.iter().any(|error| error.code == IDENTICAL))
}
