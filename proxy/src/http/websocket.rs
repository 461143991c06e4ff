//! WebSocket over HTTP/2 (RFC 8441): an extended CONNECT becomes the upgrade of HTTP/1.1 that servers know, their 101 becomes a 200.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::SendResponse;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Method, Response, StatusCode, request};
use tokio::sync::oneshot;

use super::body::Body;
use super::http2::strip;
use super::tunnel::{ClientTunnel, StreamTunnel};

/// What a server adds to a key to show that it knows the protocol (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WEBSOCKET: &str = "websocket";

/// A client that waits for its WebSocket.
pub(super) struct Asked {
    /// What the server has to say.
    accept: String,
    from_client: RecvStream,
    opened: oneshot::Sender<StreamTunnel>,
}

/// Whether a request asks for a WebSocket by the extended CONNECT.
pub(super) fn is_asked(parts: &request::Parts) -> bool {
    parts.method == Method::CONNECT
        && parts.extensions.get::<Protocol>().is_some_and(|protocol| protocol.as_str() == WEBSOCKET)
}

/// Makes such a request an upgrade of HTTP/1.1, with a key of our own, since the client's has none. `None` if there is no randomness.
pub(super) fn translate(parts: &mut request::Parts, from_client: RecvStream) -> Option<(Asked, ClientTunnel)> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    let key = STANDARD.encode(random);
    parts.method = Method::GET;
    parts.extensions.remove::<Protocol>();
    parts.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    parts.headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    parts.headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).ok()?);
    let (opened, tunnel) = oneshot::channel();
    Some((Asked { accept: accept(&key), from_client, opened }, ClientTunnel::Http2(tunnel)))
}

/// The proof for a key.
fn accept(key: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes()))
}

impl Asked {
    /// Tells the client that the server has switched, and lets the bytes flow. The client cannot check the server's proof any more, so that is
    /// done here.
    pub(super) fn open(self, response: Response<Body>, answer: &mut SendResponse<Bytes>) {
        let (mut parts, body) = response.into_parts();
        let proof = parts.headers.remove(SEC_WEBSOCKET_ACCEPT);
        if proof.is_none_or(|proof| proof.as_bytes() != self.accept.as_bytes()) {
            tracing::debug!("the server switches to something that is no WebSocket");
            let mut refused = Response::new(());
            *refused.status_mut() = StatusCode::BAD_GATEWAY;
            // A client that is gone needs no answer.
            drop(answer.send_response(refused, true));
            return;
        }
        parts.status = StatusCode::OK;
        strip(&mut parts.headers);
        if let Ok(to_client) = answer.send_response(Response::from_parts(parts, ()), false) {
            // Nobody may wait any more: the gateway is about to end.
            drop(self.opened.send(StreamTunnel::new(to_client, self.from_client, body)));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_proof_of_the_specification() {
        // RFC 6455 section 1.3.
        assert_eq!(super::accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
