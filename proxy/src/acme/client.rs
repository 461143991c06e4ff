//! HTTPS towards an authority: one connection a request, each with a time limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LINK, RETRY_AFTER};
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::https::{exchange, trusting};
use super::now;
use crate::config::statics::Acme;
use crate::tls::client::usual_roots;
use crate::upstream::transport::pem_or_path;

/// For a whole request.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest time that an authority may ask to be left alone for.
const LONGEST_PAUSE: i64 = 24 * 3600;

/// How chains of certificates are called.
const CHAIN_TYPE: &[u8] = b"application/pem-certificate-chain";
/// Other chains that are looked at.
const MOST_ALTERNATES: usize = 8;

/// Speaks to one authority.
#[derive(Clone, Debug)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    /// Name to verify, if not the URL's.
    server_name: Option<ServerName<'static>>,
    /// The authority wants to be left alone until then, in seconds since 1970.
    retry_at: Arc<AtomicI64>,
    /// The chain that came last, with where its alternatives are.
    last_chain: Arc<Mutex<Chain>>,
}

/// A chain of certificates as an authority sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// PEM.
    pub(super) pem: Bytes,
    /// URLs of other chains for the same certificate (RFC 8555 section 7.4.2).
    pub(super) alternates: Vec<String>,
}

impl Client {
    /// A client that trusts whom the options say. Reads files.
    ///
    /// # Errors
    /// Certificates that cannot be read, a name that is none.
    pub(super) fn new(options: &Acme) -> Result<Self, String> {
        let mut roots = if options.ca_certificates.is_empty() || options.ca_system_cert_pool {
            usual_roots()
        } else {
            rustls::RootCertStore::empty()
        };
        for file in &options.ca_certificates {
            let text = pem_or_path(file).map_err(|error| format!("`caCertificates`: cannot read `{file}`: {error}"))?;
            let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).flatten());
            if added == 0 {
                return Err(format!("`caCertificates`: there is no certificate in `{file}`"));
            }
        }
        let server_name = match options.ca_server_name.as_str() {
            "" => None,
            name => Some(
                ServerName::try_from(name.to_owned()).map_err(|_| format!("`caServerName`: `{name}` is no name"))?,
            ),
        };
        let tls = trusting(roots).map_err(|error| error.to_string())?;
        Ok(Self { tls, server_name, retry_at: Arc::default(), last_chain: Arc::default() })
    }

    /// Until when the authority wants to be left alone, in seconds since 1970; in the past if it does not.
    pub(super) fn retry_at(&self) -> i64 {
        self.retry_at.load(Relaxed)
    }

    /// The chain that came since this was asked for the last time.
    pub(super) fn take_chain(&self) -> Chain {
        std::mem::take(&mut *self.last_chain.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let uri = request.uri().clone();
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(Error::Other("the URL does not start with `https://`".into()));
        }
        let answer = exchange(&self.tls, self.server_name, request).await.map_err(Error::Other)?;
        let (parts, body) = answer.into_parts();
        if matches!(parts.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            && let Some(pause) = parts.headers.get(RETRY_AFTER).and_then(retry_after)
        {
            self.retry_at.fetch_max(now().saturating_add(pause.clamp(0, LONGEST_PAUSE)), Relaxed);
        }
        if parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(CHAIN_TYPE)) {
            let chain = Chain { pem: body.clone(), alternates: alternates(&uri, &parts.headers) };
            *self.last_chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            match tokio::time::timeout(LIMIT, client.send(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::Other(format!("no answer within {} s", LIMIT.as_secs()).into())),
            }
        })
    }
}

/// Seconds that `Retry-After` (RFC 9110 section 10.2.3) means.
fn retry_after(value: &HeaderValue) -> Option<i64> {
    let text = value.to_str().ok()?.trim();
    text.parse().ok().or_else(|| {
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(date.timestamp().as_second() - now())
    })
}

/// Where the other chains are, by `Link` fields (RFC 8288) of an answer from `base`.
fn alternates(base: &Uri, headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let links = lines.flat_map(|line| line.split(',')).filter_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = parameters.split(';').map(|one| one.trim().replace('"', ""));
        parameters.any(|one| one.eq_ignore_ascii_case("rel=alternate")).then_some(target)
    });
    let absolute = |target: &str| match target.strip_prefix('/') {
        Some(_) => format!("https://{}{target}", base.authority().map_or("", |authority| authority.as_str())),
        None => target.to_owned(),
    };
    links.map(absolute).take(MOST_ALTERNATES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_are_links() {
        let base = Uri::from_static("https://ca.example/cert/1");
        let mut headers = HeaderMap::new();
        for line in [
            "<https://ca.example/dir>;rel=\"index\"",
            "<https://ca.example/cert/1/1>; rel=\"alternate\", </cert/1/2>;title=x;rel=alternate",
            "nonsense; rel=alternate",
        ] {
            headers.append(LINK, HeaderValue::from_static(line));
        }
        assert_eq!(alternates(&base, &headers), ["https://ca.example/cert/1/1", "https://ca.example/cert/1/2"]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&HeaderValue::from_static("120")), Some(120));
        assert!(retry_after(&HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT")).is_some_and(|pause| pause < 0));
        assert_eq!(retry_after(&HeaderValue::from_static("soon")), None);
    }
}
