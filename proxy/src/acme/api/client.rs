//! Requests to providers, and what of an answer is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use rustls::ClientConfig;
use serde::de::DeserializeOwned;

use crate::acme::https::exchange;
use crate::upstream::failure::chain;

/// As much of an answer is told where it is not understood.
const LONGEST: usize = 300;

/// Sends requests to providers.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) limit: Duration,
}

/// What a provider answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Credentials of a request.
pub(super) type Credentials = Vec<(HeaderName, HeaderValue)>;

impl Client {
    /// Sends one request, with JSON in it where there is any.
    ///
    /// # Errors
    /// There is no answer. Neither URL nor credentials stand in the error.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        credentials: &Credentials,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, String> {
        let is_post = method == Method::POST;
        let mut request = Request::builder().method(method).uri(url).header(ACCEPT, "application/json");
        request = request.header(USER_AGENT, concat!("stack/", env!("CARGO_PKG_VERSION")));
        for (name, value) in credentials {
            request = request.header(name, value);
        }
        let bytes = body.map(serde_json::Value::to_string).unwrap_or_default();
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        } else if is_post {
            // Where a body is expected, that there is none is said (RFC 9110 section 8.6).
            request = request.header(CONTENT_LENGTH, "0");
        }
        let request = request.body(Full::new(Bytes::from(bytes))).map_err(|_| "its URL is invalid".to_owned())?;
        let answer = tokio::time::timeout(self.limit, exchange(&self.tls, None, request)).await;
        let answer = answer.map_err(|_| format!("no answer within {} s", self.limit.as_secs()))?;
        let (parts, body) = answer.map_err(|error| chain(&*error))?.into_parts();
        Ok(Answer { status: parts.status, body })
    }
}

impl Client {
    /// Whether there is what a URL means; it is not where the answer is 404.
    ///
    /// # Errors
    /// As [`Self::send`]; any other answer that is no good one.
    pub(super) async fn has(&self, url: &str, credentials: &Credentials) -> Result<bool, String> {
        let answer = self.send(Method::GET, url, credentials, None).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(false) } else { answer.good().map(|()| true) }
    }
}

impl Answer {
    /// What the answer says, where it is a good one.
    ///
    /// # Errors
    /// Another status, with what the provider says; a body that is not the JSON that is expected.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        self.good()?;
        serde_json::from_slice(&self.body).map_err(|error| format!("its answer is not understood: {error}"))
    }

    /// Whether the answer is a good one.
    ///
    /// # Errors
    /// Another status, with what the provider says.
    pub(super) fn good(&self) -> Result<(), String> {
        if self.status.is_success() { Ok(()) } else { Err(self.told()) }
    }

    /// Status, and as much of the body as is of use.
    pub(super) fn told(&self) -> String {
        let message = serde_json::from_slice(&self.body).ok().and_then(|body: serde_json::Value| message(&body));
        let text = message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        let text: String = text.trim().chars().filter(|sign| !sign.is_control()).take(LONGEST).collect();
        let separator = if text.is_empty() { "" } else { ": " };
        format!("it answers {}{separator}{text}", self.status)
    }
}

/// The messages in an error, wherever providers put them.
fn message(body: &serde_json::Value) -> Option<String> {
    let one = |error: &serde_json::Value| {
        let text = error.get("message")?.as_str()?;
        let code = error.get("code").map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
        Some(code.map_or_else(|| text.to_owned(), |code| format!("{text} ({code})")))
    };
    let nested = |error: &serde_json::Value| {
        let chain = error.get("error_chain").and_then(serde_json::Value::as_array);
        let all = std::iter::once(error).chain(chain.into_iter().flatten());
        all.filter_map(one).collect::<Vec<_>>().join(": ")
    };
    if let Some(errors) = body.get("errors").and_then(serde_json::Value::as_array) {
        return Some(errors.iter().map(nested).collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty());
    }
    body.get("error").and_then(one).or_else(|| one(body))
}

/// A header with a secret in it, which no log shows.
///
/// # Errors
/// A secret that cannot be sent, by the name of its variable.
pub(super) fn secret(name: HeaderName, variable: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let mut header = HeaderValue::from_str(value).map_err(|_| format!("`{variable}` cannot be sent in a header"))?;
    header.set_sensitive(true);
    Ok((name, header))
}

/// `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
///
/// # Errors
/// As [`secret`].
pub(super) fn bearer(variable: &str, token: &str) -> Result<Credentials, String> {
    Ok(vec![secret(AUTHORIZATION, variable, &format!("Bearer {token}"))?])
}
