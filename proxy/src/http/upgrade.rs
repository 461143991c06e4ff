//! Connections that leave HTTP: WebSocket and whatever else a client and a server agree on.

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Response};
use tokio::io::AsyncWriteExt;

use crate::response_guard::BoxedGuard;
use crate::upstream::dial::UpstreamStream;
use crate::upstream::failure::Failure;
use crate::upstream::pool::UnderWay;

use super::body::Body;
use super::exchange::{Client, Upgrade};
use super::headers;

/// The client's 101 answer; once it is sent, bytes flow both ways until either side ends. `early` is what the server
/// sent right behind its own 101.
///
/// # Errors
/// The server switches to a protocol that the client did not ask for.
pub(crate) fn switch(
    client: &Client,
    upgrade: Option<Upgrade>,
    head: Response<()>,
    mut server: UpstreamStream,
    early: Bytes,
    held: (Vec<BoxedGuard>, UnderWay),
) -> Result<Response<Body>, Failure> {
    let upgrade = upgrade.ok_or(Failure::BadUpgrade)?;
    let agreed = head.headers().get(UPGRADE).cloned().ok_or(Failure::BadUpgrade)?;
    if !agreed.as_bytes().eq_ignore_ascii_case(upgrade.protocol.as_bytes()) {
        return Err(Failure::BadUpgrade);
    }
    let mut response = head.map(|()| Body::empty());
    headers::strip_response(response.headers_mut(), headers::HopByHop::Named);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, agreed);
    client.worker.tasks.spawn(async move {
        // Places among requests in flight and the like are kept as long as the tunnel is.
        let _held = held;
        let Some(mut client) = upgrade.connection.open().await else { return };
        if !early.is_empty() && client.write_all(&early).await.is_err() {
            return;
        }
        // Either side may end or break at any time: that is how tunnels end.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    Ok(response)
}
