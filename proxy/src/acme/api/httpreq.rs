//! A server that takes lego's own requests (lego documentation, "HTTP request"): `POST /present` and `POST /cleanup`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::{Client, Credentials, Txt, Variables, base, missing, secret};

/// Such a server.
#[derive(Clone, Debug)]
pub(super) struct HttpReq {
    pub(super) base: String,
    /// It is told token and key instead of the record.
    is_raw: bool,
    credentials: Credentials,
}

impl HttpReq {
    /// From `HTTPREQ_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let base = base(variables, "HTTPREQ_ENDPOINT", "")?;
        if base.is_empty() {
            return Err(missing(&["HTTPREQ_ENDPOINT"]));
        }
        let is_raw = variables.value("HTTPREQ_MODE")?.is_some_and(|mode| mode == "RAW");
        let name = variables.value("HTTPREQ_USERNAME")?.unwrap_or_default();
        let password = variables.value("HTTPREQ_PASSWORD")?.unwrap_or_default();
        let credentials = if name.is_empty() && password.is_empty() {
            Vec::new()
        } else {
            let pair = STANDARD.encode(format!("{name}:{password}"));
            vec![secret(AUTHORIZATION, "HTTPREQ_PASSWORD", &format!("Basic {pair}"))?]
        };
        Ok(Self { base, is_raw, credentials })
    }

    pub(super) async fn add(&self, client: &Client, txt: &Txt) -> Result<(), String> {
        self.tell(client, txt, "present").await
    }

    pub(super) async fn remove(&self, client: &Client, txt: &Txt) -> Result<(), String> {
        self.tell(client, txt, "cleanup").await
    }

    async fn tell(&self, client: &Client, txt: &Txt, action: &str) -> Result<(), String> {
        let body = if self.is_raw {
            json!({ "domain": txt.proof.domain, "token": txt.proof.token, "keyAuth": txt.proof.key_authorization })
        } else {
            json!({ "fqdn": format!("{}.", txt.name), "value": txt.value })
        };
        let url = format!("{}/{action}", self.base);
        client.send(Method::POST, &url, &self.credentials, Some(&body)).await?.good()
    }
}
