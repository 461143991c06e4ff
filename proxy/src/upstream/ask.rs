//! Requests of the gateway's own to helper servers, such as those that decide who may pass.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Response, request};

use crate::http::body::RequestBody;

use super::call::Call;
use super::dial::Versions;
use super::failure::Failure;
use super::pool::{Answer, Pool, Reuse, UnderWay, UpstreamBody};

/// What Traefik calls itself where it asks on its own; such servers have seen nothing else.
pub(crate) const AGENT: HeaderValue = HeaderValue::from_static("Go-http-client/1.1");

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
    let mut reuse = Reuse::Allowed;
    loop {
        let lease = pool.lease(reuse, Versions::All).await?;
        let reused = lease.is_reused();
        let mut call = Call {
            method: head.method.clone(),
            target: target.clone(),
            host: pool.server.host_header.clone(),
            spelling: None,
            headers: head.headers.clone(),
            body: RequestBody::held(body.clone()),
        };
        match lease.send(UnderWay::new(pool), &mut call, &mut |_| ()).await {
            Ok(Answer::Response(response)) => return Ok(response),
            Ok(Answer::Switched(..)) => return Err(Failure::BadUpgrade),
            Err(_) if reused => reuse = Reuse::Forbidden,
            Err(unanswered) => return Err(unanswered.failure),
        }
    }
}
