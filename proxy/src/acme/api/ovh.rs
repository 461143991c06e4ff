//! OVH (API documentation, "Domain name DNS zone", version 1): each request is signed, and a zone is served anew once that
//! is asked for.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use http::header::HeaderName;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Client, Credentials, Secret, Txt, Variables, Zone, base, bearer, missing, secret, ttl};

/// Where the APIs are, by the names that `OVH_ENDPOINT` takes.
const ENDPOINTS: [(&str, &str); 7] = [
    ("ovh-eu", "https://eu.api.ovh.com/1.0"),
    ("ovh-ca", "https://ca.api.ovh.com/1.0"),
    ("ovh-us", "https://api.us.ovhcloud.com/1.0"),
    ("kimsufi-eu", "https://eu.api.kimsufi.com/1.0"),
    ("kimsufi-ca", "https://ca.api.kimsufi.com/1.0"),
    ("soyoustart-eu", "https://eu.api.soyoustart.com/1.0"),
    ("soyoustart-ca", "https://ca.api.soyoustart.com/1.0"),
];

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Ovh {
    pub(super) base: String,
    access: Access,
    ttl: u64,
}

/// How requests are told to be the account's.
#[derive(Clone, Debug)]
enum Access {
    /// By a token.
    Token(Credentials),
    /// By a signature.
    Keys(Box<Keys>),
}

#[derive(Clone, Debug)]
struct Keys {
    application: Secret,
    secret: Secret,
    consumer: Secret,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    target: String,
}

impl Ovh {
    /// From `OVH_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let name = variables.value("OVH_ENDPOINT")?.unwrap_or_else(|| "ovh-eu".to_owned());
        let endpoint = match ENDPOINTS.iter().find(|(known, _)| *known == name) {
            Some((_, url)) => (*url).to_owned(),
            None => base(variables, "OVH_ENDPOINT", "")?,
        };
        let access = if let Some(token) = variables.value("OVH_ACCESS_TOKEN")? {
            Access::Token(bearer("OVH_ACCESS_TOKEN", &token)?)
        } else {
            let key =
                |name: &str| variables.value(name)?.map(Secret).ok_or_else(|| missing(&[name, "OVH_ACCESS_TOKEN"]));
            Access::Keys(Box::new(Keys {
                application: key("OVH_APPLICATION_KEY")?,
                secret: key("OVH_APPLICATION_SECRET")?,
                consumer: key("OVH_CONSUMER_KEY")?,
            }))
        };
        let base = base(variables, "OVH_BASE_URL", &endpoint)?;
        Ok(Self { base, access, ttl: ttl(variables, "OVH_TTL", 120, 60)? })
    }

    pub(super) async fn zone_id(&self, client: &Client, zone: &str) -> Result<Option<String>, String> {
        let answer = self.send(client, Method::GET, &format!("/domain/zone/{zone}"), None).await?;
        // Keys are granted zone by zone.
        if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
            return Ok(None);
        }
        answer.good().map(|()| Some(zone.to_owned()))
    }

    pub(super) async fn add(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let body =
            json!({ "fieldType": "TXT", "subDomain": subdomain(zone, txt), "target": txt.value, "ttl": self.ttl });
        self.send(client, Method::POST, &format!("/domain/zone/{}/record", zone.id), Some(&body)).await?.good()?;
        self.refresh(client, zone).await
    }

    pub(super) async fn remove(&self, client: &Client, zone: &Zone, txt: &Txt) -> Result<(), String> {
        let records = format!("/domain/zone/{}/record", zone.id);
        let found = format!("{records}?fieldType=TXT&subDomain={}", subdomain(zone, txt));
        let ids: Vec<u64> = self.send(client, Method::GET, &found, None).await?.read()?;
        for id in ids {
            let one = format!("{records}/{id}");
            let record: Record = self.send(client, Method::GET, &one, None).await?.read()?;
            if record.target.trim_matches('"') == txt.value {
                self.send(client, Method::DELETE, &one, None).await?.good()?;
            }
        }
        self.refresh(client, zone).await
    }

    async fn refresh(&self, client: &Client, zone: &Zone) -> Result<(), String> {
        self.send(client, Method::POST, &format!("/domain/zone/{}/refresh", zone.id), None).await?.good()
    }

    async fn send(&self, client: &Client, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let url = format!("{}{path}", self.base);
        let credentials = match &self.access {
            Access::Token(token) => token.clone(),
            Access::Keys(keys) => {
                // Signatures are good for a while by the clock of the API.
                let time = client.send(Method::GET, &format!("{}/auth/time", self.base), &Vec::new(), None).await?;
                let seconds: u64 = time.read()?;
                keys.sign(&method, &url, body, seconds)?
            }
        };
        client.send(method, &url, &credentials, body).await
    }
}

impl Keys {
    /// The headers of a request at a time, in seconds since 1970.
    fn sign(&self, method: &Method, url: &str, body: Option<&Value>, seconds: u64) -> Result<Credentials, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let signed = format!("{}+{}+{method}+{url}+{body}+{seconds}", self.secret.0, self.consumer.0);
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(vec![
            secret(HeaderName::from_static("x-ovh-application"), "OVH_APPLICATION_KEY", &self.application.0)?,
            secret(HeaderName::from_static("x-ovh-consumer"), "OVH_CONSUMER_KEY", &self.consumer.0)?,
            secret(HeaderName::from_static("x-ovh-timestamp"), "OVH_APPLICATION_KEY", &seconds.to_string())?,
            secret(HeaderName::from_static("x-ovh-signature"), "OVH_APPLICATION_SECRET", &format!("$1${hash}"))?,
        ])
    }
}

/// The part of a name before the zone's; nothing for the zone itself.
fn subdomain<'a>(zone: &Zone, txt: &'a Txt) -> &'a str {
    Some(zone.host(&txt.name)).filter(|host| *host != "@").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector was made with `printf ... | sha1sum`.
    #[test]
    fn requests_are_signed() {
        let text = |text: &str| Secret(text.to_owned());
        let keys = Keys { application: text("app"), secret: text("secret"), consumer: text("consumer") };
        let body = json!({ "ttl": 60 });
        let signed = keys.sign(&Method::POST, "https://eu.api.ovh.com/1.0/x", Some(&body), 1_700_000_000);
        let signed = signed.unwrap_or_default();
        let values: Vec<&[u8]> = signed.iter().map(|(_, value)| value.as_bytes()).collect();
        assert_eq!(values, [&b"app"[..], b"consumer", b"1700000000", b"$1$f089a426db1e431cdf7cf093a83b5a2b7bf89a90"]);
    }
}
