//! `buffering`: whole requests and whole answers, within limits; and another try where an expression says so.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};

use crate::config::dynamic::Buffering as Config;
use crate::http::body::{Body, RequestBody};
use crate::http::buffer::{self, Unbuffered};
use crate::http::error_response::{status_text, text};
use crate::http::exchange::Exchange;

use super::expression::{Call, Expression, Value};
use super::{After, Next};

/// Tries at most, whatever the expression says.
const MOST_ATTEMPTS: u32 = 10;

/// The limits.
#[derive(Debug)]
pub(crate) struct Buffering {
    request: usize,
    response: usize,
    again: Option<Expression>,
}

impl Buffering {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let size = |name: &str, size: i64| match usize::try_from(size) {
            Ok(0) => Ok(buffer::MOST),
            Ok(size) => Ok(size),
            Err(_) => Err(format!("{name} should be >= 0, not {size}")),
        };
        size("memRequestBodyBytes", config.mem_request_body_bytes)?;
        size("memResponseBodyBytes", config.mem_response_body_bytes)?;
        let known = |call: &Call| {
            matches!(call.name.as_str(), "IsNetworkError" | "Attempts" | "ResponseCode" | "RequestMethod")
                && call.args.is_empty()
        };
        let again = match config.retry_expression.as_str() {
            "" => None,
            text => Some(Expression::parse(text, &known)?),
        };
        Ok(Self {
            request: size("maxRequestBodyBytes", config.max_request_body_bytes)?,
            response: size("maxResponseBodyBytes", config.max_response_body_bytes)?,
            again,
        })
    }

    pub(crate) async fn run(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After) -> Response<Body> {
        if exchange.upgrade.is_some() {
            return next.run(exchange, after).await;
        }
        let had_body = !exchange.body.is_empty();
        let body = match buffer::whole(&mut exchange.body, self.request).await {
            Ok(body) => body,
            Err(Unbuffered::TooLarge(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(Unbuffered::Broken(_)) => return status_text(StatusCode::BAD_REQUEST),
        };
        if had_body {
            exchange.parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut attempt = 1;
        loop {
            let head = exchange.head();
            exchange.body = RequestBody::held(body.clone());
            let response = next.run(exchange, after).await;
            // As in Traefik, only requests with a body are tried again.
            let again = had_body
                && attempt < MOST_ATTEMPTS
                && self.again.as_ref().is_some_and(|again| {
                    again.holds(&|call| match call.name.as_str() {
                        "IsNetworkError" => Value::Flag(matches!(
                            response.status(),
                            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                        )),
                        "Attempts" => Value::Number(f64::from(attempt)),
                        "ResponseCode" => Value::Number(f64::from(response.status().as_u16())),
                        _ => Value::Text(exchange.parts.method.as_str().to_owned()),
                    })
                });
            if !again {
                return self.whole(response).await;
            }
            drop(response);
            exchange.again(head, Bytes::new());
            attempt += 1;
        }
    }

    async fn whole(&self, response: Response<Body>) -> Response<Body> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let (mut parts, mut body) = response.into_parts();
        match buffer::whole(&mut body, self.response).await {
            Ok(bytes) => {
                if !bytes.is_empty() {
                    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                }
                Response::from_parts(parts, Body::from_bytes(bytes))
            }
            Err(error) => {
                tracing::warn!(%error, "an answer cannot be buffered");
                status_text(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
