//! DigitalOcean (API documentation, "Domain Records", version 2).

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Client, Credentials, Txt, Variables, Zone, base, bearer, missing, ttl};

const BASE: &str = "https://api.digitalocean.com";

/// An account.
#[derive(Clone, Debug)]
pub(super) struct DigitalOcean {
    pub(super) base: String,
    token: Credentials,
    ttl: u64,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    domain_records: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    #[serde(default)]
    data: String,
}

impl DigitalOcean {
    /// From `DO_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let token = variables.value("DO_AUTH_TOKEN")?.ok_or_else(|| missing(&["DO_AUTH_TOKEN"]))?;
        Ok(Self {
            base: base(variables, "DO_API_URL", BASE)?,
            token: bearer("DO_AUTH_TOKEN", &token)?,
            ttl: ttl(variables, "DO_TTL", 30, 30)?,
        })
    }

    pub(super) async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        let url = format!("{}/v2/domains/{zone}", self.base);
        Ok(client.has(&url, &self.token).await?.then(|| zone.to_owned()))
    }

    pub(super) async fn add(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let body = json!({ "type": "TXT", "name": zone.host(&txt.name), "data": txt.value, "ttl": self.ttl });
        let url = format!("{}/v2/domains/{}/records", self.base, zone.id);
        client.send(Method::POST, &url, &self.token, Some(&body)).await?.good()
    }

    pub(super) async fn remove(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let records = format!("{}/v2/domains/{}/records", self.base, zone.id);
        let url = format!("{records}?type=TXT&name={}&per_page=200", txt.name);
        let found: Found = client.send(Method::GET, &url, &self.token, None).await?.read()?;
        for record in found.domain_records.iter().filter(|one| one.data.trim_matches('"') == txt.value) {
            let url = format!("{records}/{}", record.id);
            client.send(Method::DELETE, &url, &self.token, None).await?.good()?;
        }
        Ok(())
    }
}
