//! One HTTP request over a connection of its own, towards an authority or whoever holds a zone.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::tls::provider;
use crate::upstream::reach::connect;

/// Most bytes of an answer.
const LARGEST: usize = 1 << 20;

/// Why there is no answer.
pub(super) type Problem = Box<dyn Error + Send + Sync>;

/// What connections are made with that trust these authorities.
///
/// # Errors
/// The cryptography at hand speaks no version of TLS that is safe.
pub(super) fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let tls = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(Arc::new(tls.with_root_certificates(roots).with_no_client_auth()))
}

/// Sends a request to where its URL says; `server_name` is what the certificate must be for, if not the URL's host.
///
/// # Errors
/// A URL that is none of HTTP, a host that cannot be reached or trusted, an answer that breaks off or is too large. There
/// is no limit of time.
pub(super) async fn exchange<B>(
    tls: &Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    request: Request<B>,
) -> Result<Response<Bytes>, Problem>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Problem>,
{
    let (mut parts, body) = request.into_parts();
    let uri = std::mem::replace(&mut parts.uri, Uri::from_static("/"));
    let host = uri.host().ok_or("the URL has no host")?;
    let is_https = uri.scheme() == Some(&Scheme::HTTPS);
    if !is_https && uri.scheme() != Some(&Scheme::HTTP) {
        return Err("the URL does not start with `https://` or `http://`".into());
    }
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let value = HeaderValue::from_str(authority).map_err(|_| "the URL's host cannot be sent")?;
    parts.headers.insert(HOST, value);
    parts.uri = Uri::from(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    let bare = host.trim_matches(['[', ']']);
    let stream = connect((bare, uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }))).await?;
    let request = Request::from_parts(parts, body);
    if !is_https {
        return over(stream, request).await;
    }
    let name = match server_name {
        Some(name) => name,
        None => ServerName::try_from(bare.to_owned()).map_err(|_| "the URL's host is no name")?,
    };
    over(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?, request).await
}

async fn over<S, B>(stream: S, request: Request<B>) -> Result<Response<Bytes>, Problem>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Problem>,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}
