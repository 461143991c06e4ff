//! Hetzner (Cloud API documentation, "Zone RRSet Actions"): records are added and removed one by one, and an action tells
//! when that is done.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Client, Credentials, Txt, Variables, Zone, base, bearer, missing, ttl};

const BASE: &str = "https://api.hetzner.cloud/v1";
/// Time between two looks at an action, and how many there are.
const PAUSE: Duration = Duration::from_secs(1);
const MOST_LOOKS: u32 = 60;

/// A project.
#[derive(Clone, Debug)]
pub(super) struct Hetzner {
    pub(super) base: String,
    token: Credentials,
    ttl: u64,
}

#[derive(Deserialize)]
struct Started {
    action: Action,
}

#[derive(Deserialize)]
struct Action {
    id: u64,
    status: String,
    #[serde(default)]
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
}

impl Hetzner {
    /// From `HETZNER_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let Some(token) = variables.value("HETZNER_API_TOKEN")? else {
            return Err(match variables.value("HETZNER_API_KEY")? {
                Some(_) => {
                    "`HETZNER_API_KEY` is of the DNS console that Hetzner has switched off: move the zone to its \
                            Cloud console, and set `HETZNER_API_TOKEN` to a token made there"
                        .to_owned()
                }
                None => missing(&["HETZNER_API_TOKEN"]),
            });
        };
        Ok(Self {
            base: base(variables, "HETZNER_BASE_URL", BASE)?,
            token: bearer("HETZNER_API_TOKEN", &token)?,
            ttl: ttl(variables, "HETZNER_TTL", 120, 60)?,
        })
    }

    pub(super) async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        let url = format!("{}/zones/{zone}", self.base);
        Ok(client.has(&url, &self.token).await?.then(|| zone.to_owned()))
    }

    pub(super) async fn add(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let records = json!([{ "value": format!("\"{}\"", txt.value) }]);
        self.tell(client, zone, txt, "add_records", &json!({ "ttl": self.ttl, "records": records })).await
    }

    pub(super) async fn remove(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let records = json!([{ "value": format!("\"{}\"", txt.value) }]);
        self.tell(client, zone, txt, "remove_records", &json!({ "records": records })).await
    }

    async fn tell(
        &self,
        client: &Client,
        zone: &Zone,
        txt: &Txt,
        action: &str,
        body: &serde_json::Value,
    ) -> Result<(), String> {
        let host = zone.host(&txt.name);
        let url = format!("{}/zones/{}/rrsets/{host}/TXT/actions/{action}", self.base, zone.id);
        let answer = client.send(Method::POST, &url, &self.token, Some(body)).await?;
        if action == "remove_records" && answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let mut started: Started = answer.read()?;
        for _ in 0..MOST_LOOKS {
            match started.action.status.as_str() {
                "running" => tokio::time::sleep(PAUSE).await,
                "error" => {
                    let message = started.action.error.map(|error| error.message).unwrap_or_default();
                    return Err(format!("its action `{action}` failed: {message}"));
                }
                _ => return Ok(()),
            }
            let url = format!("{}/actions/{}", self.base, started.action.id);
            started = client.send(Method::GET, &url, &self.token, None).await?.read()?;
        }
        Err(format!("its action `{action}` takes longer than {} s", (PAUSE * MOST_LOOKS).as_secs()))
    }
}
