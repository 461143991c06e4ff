//! One service that answers, and others that get copies of a part of the requests.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::BytesMut;
use http::Response;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http_body::Body as HttpBody;

use crate::http::body::{Body, RequestBody};
use crate::http::error_response::{Reason, status_text};
use crate::http::exchange::Exchange;
use crate::http::forward::NoAnswer;
use crate::http::spool::{Spooled, Unspooled};
use crate::middleware::After;
use crate::upstream::failure::chain;
use crate::worker::Worker;

use super::{Service, View};

/// Bytes of a body of unlimited size that are kept in memory; the rest goes to a file.
const MEMORY: usize = 1 << 20;
/// Copies of one worker that may be under way at once; requests beyond go without.
const MOST_COPIES: usize = 1024;

/// A service and those that get copies.
#[derive(Debug)]
pub(crate) struct Mirroring {
    main: Arc<Service>,
    mirrors: Vec<Mirror>,
    requests: AtomicU64,
    /// Whether copies have the body.
    with_body: bool,
    /// The largest body that is copied.
    most: Option<usize>,
    tells: bool,
}

#[derive(Debug)]
struct Mirror {
    service: Arc<Service>,
    per_cent: u64,
    copies: AtomicU64,
}

impl Mirroring {
    /// `mirrors` with the per cent of requests that each gets a copy of; `most` is the largest body that is copied in bytes.
    pub(super) fn new(
        main: Arc<Service>,
        mirrors: Vec<(Arc<Service>, u64)>,
        with_body: bool,
        most: Option<usize>,
        tells: bool,
    ) -> Self {
        let mirrors = mirrors
            .into_iter()
            .map(|(service, per_cent)| Mirror { service, per_cent, copies: AtomicU64::new(0) })
            .collect();
        Self { main, mirrors, requests: AtomicU64::new(0), with_body, most, tells }
    }

    /// The service that answers.
    pub(super) fn main(&self) -> &Service {
        &self.main
    }

    /// Whether it is known whether that is up.
    pub(super) fn tells(&self) -> bool {
        self.tells
    }

    /// Who gets a copy of this request. A connection that is to leave HTTP has none.
    pub(super) fn due(&self, exchange: &Exchange) -> Vec<Arc<Service>> {
        let requests = self.requests.fetch_add(1, Relaxed) + 1;
        if exchange.upgrade.is_some() {
            return Vec::new();
        }
        let due = |mirror: &&Mirror| {
            let another = |copies: u64| (copies * 100 < requests * mirror.per_cent).then_some(copies + 1);
            mirror.copies.fetch_update(Relaxed, Relaxed, another).is_ok()
        };
        self.mirrors.iter().filter(due).map(|mirror| Arc::clone(&mirror.service)).collect()
    }

    /// Lets the main service answer; the copies are on their way after that.
    pub(super) async fn answer(
        &self,
        exchange: &mut Exchange,
        view: &Arc<View>,
        after: &mut After,
        due: Vec<Arc<Service>>,
    ) -> Result<Response<Body>, NoAnswer> {
        let copied = if !self.with_body {
            Some(Spooled::default())
        } else {
            match self.body(&mut exchange.body).await {
                Ok(copied) => copied,
                Err(Unspooled::Disk(error)) => {
                    tracing::error!(error = chain(&error), "a request cannot be copied");
                    return Ok(exchange.client.worker.refusal(Reason::Disk));
                }
                Err(_) => return Ok(status_text(http::StatusCode::BAD_REQUEST)),
            }
        };
        let Some(body) = copied else {
            tracing::debug!(path = exchange.target.path(), "a request is not copied: its body is too large");
            return self.main.answer_nested(exchange, view, after).await;
        };
        let mut copy = exchange.copy();
        if self.with_body {
            exchange.body = RequestBody::spooled(body.reader());
        } else if !exchange.body.is_empty() {
            copy.parts.headers.remove(CONTENT_LENGTH);
            copy.parts.headers.remove(TRANSFER_ENCODING);
        }
        // Nobody waits to be asked for the body of a copy.
        copy.parts.headers.remove(EXPECT);
        let answer = self.main.answer_nested(exchange, view, after).await;
        if !answer.as_ref().is_err_and(NoAnswer::may_pass) {
            send(copy, body, Arc::clone(view), due);
        }
        answer
    }

    /// The whole body, if it is small enough; otherwise it is left as it was.
    async fn body(&self, body: &mut RequestBody) -> Result<Option<Spooled>, Unspooled> {
        let Some(most) = self.most else { return Spooled::read(body, MEMORY, u64::MAX).await.map(Some) };
        if body.size_hint().lower() > most as u64 {
            return Ok(None);
        }
        let mut read = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            read.extend_from_slice(&data);
            if read.len() > most {
                body.put_back(read.freeze());
                return Ok(None);
            }
        }
        Ok(Some(Spooled::of(read.freeze())))
    }
}

/// One more copy under way, until dropped.
struct Copying(Arc<Worker>);

impl Copying {
    fn begin(worker: &Arc<Worker>) -> Option<Self> {
        let copying = Self(Arc::clone(worker));
        (worker.copying.fetch_add(1, Relaxed) < MOST_COPIES).then_some(copying)
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.0.copying.fetch_sub(1, Relaxed);
    }
}

/// Sends a request to others, one after another; what they answer interests nobody.
fn send(copy: Exchange, body: Spooled, view: Arc<View>, due: Vec<Arc<Service>>) {
    let Some(copying) = Copying::begin(&copy.client.worker) else {
        tracing::debug!(path = copy.target.path(), "a request is not copied: too many copies are under way");
        return;
    };
    tokio::spawn(async move {
        for service in due {
            let mut exchange = copy.copy();
            exchange.body = RequestBody::spooled(body.reader());
            let mut after = After::default();
            match service.answer_nested(&mut exchange, &view, &mut after).await {
                Ok(response) => drain(response.into_body()).await,
                Err(no_answer) => tracing::debug!(error = no_answer.explain(), "no answer to a copy of a request"),
            }
        }
        drop(copying);
    });
}

async fn drain(mut body: Body) {
    while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
}
