//! Requests of the gateway's own to helper servers, such as those that decide who may pass.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, Version, request};

use crate::http::body::RequestBody;

use super::failure::Failure;
use super::pool::{Answer, Lease, Pool, UpstreamBody};
use super::server::Scheme;

/// Sends a request and returns the answer. A kept connection may have been closed by the server just now; then a new one
/// is used.
///
/// # Errors
/// There is no answer.
pub(crate) async fn ask(
    pool: &Arc<Pool>,
    head: &request::Parts,
    target: &PathAndQuery,
    body: &Bytes,
) -> Result<Response<UpstreamBody>, Failure> {
    let mut fresh = false;
    loop {
        let lease = pool.lease(fresh, false).await?;
        let reused = lease.is_reused();
        let request = prepare(pool, head.clone(), target.clone(), body.clone(), &lease);
        match lease.send(pool, request, &mut |_| ()).await {
            Ok(Answer::Response(response)) => return Ok(response),
            Ok(Answer::Switched(..)) => return Err(Failure::BadUpgrade),
            Err(_) if reused => fresh = true,
            Err(unanswered) => return Err(unanswered.failure),
        }
    }
}

fn prepare(
    pool: &Pool,
    mut head: request::Parts,
    target: PathAndQuery,
    body: Bytes,
    lease: &Lease,
) -> Request<RequestBody> {
    let server = &pool.server;
    if lease.is_http2() {
        let mut uri = http::uri::Parts::default();
        uri.scheme = if server.scheme == Scheme::Https { "https" } else { "http" }.parse().ok();
        uri.authority = server.host_header.to_str().ok().and_then(|host| host.parse().ok());
        uri.path_and_query = Some(target);
        head.uri = Uri::from_parts(uri).unwrap_or_default();
        head.version = Version::HTTP_2;
        head.headers.remove(HOST);
    } else {
        head.uri = Uri::from(target);
        head.version = Version::HTTP_11;
        head.headers.insert(HOST, server.host_header.clone());
    }
    Request::from_parts(head, RequestBody::held(body))
}
