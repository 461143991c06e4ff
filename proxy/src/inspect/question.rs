//! A request that somebody asks about.

use std::net::IpAddr;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::http::host::{compared, split_port};

/// A request that is not made, only asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Question {
    /// Over TLS.
    pub tls: bool,
    /// Host, lower case, without port and brackets.
    pub host: String,
    /// Port that is connected to.
    pub port: u16,
    /// Path as the client sends it.
    pub path: String,
    /// Query without `?`.
    pub query: String,
    /// Method.
    pub method: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Address of the client; this machine's own where it is not given.
    pub client: Option<IpAddr>,
}

impl Question {
    /// A request for a URL with GET; `https` where it names no scheme.
    ///
    /// # Errors
    /// Why it is no URL that is served.
    pub fn of(url: &str) -> Result<Self, String> {
        let url = url.split('#').next().unwrap_or_default();
        let whole = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        let uri: Uri = whole.parse().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            other => {
                return Err(format!("the scheme `{}` is not served: use `https` or `http`", other.unwrap_or_default()));
            }
        };
        let authority = uri.authority().ok_or_else(|| format!("`{url}` names no host"))?.as_str();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (_, port) = split_port(authority);
        Ok(Self {
            tls,
            host: compared(authority),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            method: "GET".to_owned(),
            ..Self::default()
        })
    }

    /// The URL, without a port that the scheme implies.
    pub fn url(&self) -> String {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port == usual { String::new() } else { format!(":{}", self.port) };
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        format!("{scheme}://{host}{port}{}{query}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Question;

    #[test]
    fn urls_become_questions_and_back() {
        for (url, expected) in [
            ("https://App.Test/x?y=1#z", "https://app.test/x?y=1"),
            ("app.test", "https://app.test/"),
            ("http://user@app.test:8080/", "http://app.test:8080/"),
            ("http://[::1]:80/a", "http://[::1]/a"),
            ("wss://app.test:443/ws", "https://app.test/ws"),
        ] {
            assert_eq!(Question::of(url).map(|question| question.url()).as_deref(), Ok(expected));
        }
        for wrong in ["ftp://app.test/", "https://", "https://a b/", "http://ä.test/"] {
            assert!(Question::of(wrong).is_err(), "{wrong}");
        }
    }
}
