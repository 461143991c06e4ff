//! Watching over a connection of HTTP: its time limits, its idle times, and its end when the gateway asks for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::http::http1::Channel;
use crate::http::http2::Http2;
use crate::http::meter::{Exceeded, Meter, Metered};
use crate::tcp::hello::Replay;
use crate::upstream::failure::chain;

use super::Connection;

/// How long a connection without a request under way goes on after it is asked to end.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// After this time without a request an HTTP/1.1 connection is put aside.
const IDLE: Duration = Duration::from_secs(1);

/// How the requests of a connection follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// One after the other.
    Http1,
    /// Many at once.
    Http2,
}

/// Waits until a connection without a request under way has to end: a client may just have sent one, and should not find
/// the connection closed.
pub(super) async fn lingered(drain: &CancellationToken) {
    drain.cancelled().await;
    tokio::time::sleep(LINGER).await;
}

impl Connection {
    /// Waits until the client of an idle connection says something; false when it has had its time.
    pub(super) async fn wait_for_data<S: ReadReadiness>(&self, channel: &Channel<S>, meter: &Meter) -> bool {
        let mut ended = std::pin::pin!(lingered(&self.drain));
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| channel.with_stream(|stream| stream.poll_readable(cx))) => return true,
                () = alarm.as_mut() => match meter.check(&self.entry.limits, false) {
                    Ok(next) => alarm.as_mut().reset(next),
                    Err(_) => return false,
                },
                () = ended.as_mut() => return false,
            }
        }
    }

    /// Drives a connection to its end, or until it has been idle for a while, within its limits; on `drain` it finishes what
    /// is under way and closes.
    pub(super) async fn watch<C: Graceful>(
        &self,
        mut served: Pin<&mut C>,
        meter: &Meter,
        protocol: Protocol,
    ) -> Watched {
        let limits = &self.entry.limits;
        let multiplexed = protocol == Protocol::Http2;
        let look = || {
            let next = meter.check(limits, multiplexed)?;
            Ok(if multiplexed { next } else { next.min(tokio::time::Instant::now() + IDLE) })
        };
        let first = look().unwrap_or_else(|_: Exceeded| tokio::time::Instant::now());
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(first));
        let mut drained = std::pin::pin!(self.drain.cancelled());
        let (mut leaving, mut draining) = (false, false);
        loop {
            tokio::select! {
                biased;
                result = served.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(client = %self.peer, error = %chain(&error), "client connection failed");
                    }
                    return Watched::Over;
                }
                () = alarm.as_mut() => match look() {
                    _ if leaving && !draining => {
                        draining = true;
                        served.as_mut().graceful();
                        alarm.as_mut().reset(tokio::time::Instant::now());
                    }
                    Ok(_) if !multiplexed && !leaving && !draining && meter.is_idle_for(IDLE) => return Watched::Idle,
                    Ok(next) => alarm.as_mut().reset(next),
                    Err(Exceeded::KeepAlive) if !draining => {
                        draining = true;
                        served.as_mut().graceful();
                        alarm.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(1));
                    }
                    Err(exceeded) => {
                        tracing::debug!(client = %self.peer, ?exceeded, "client connection closed: too slow");
                        return Watched::Over;
                    }
                },
                () = drained.as_mut(), if !leaving => {
                    leaving = true;
                    if multiplexed {
                        // GOAWAY, after which requests that were on their way are still taken.
                        draining = true;
                        served.as_mut().graceful();
                    } else {
                        // HTTP/1.1 has no such word: it goes with the next answer.
                        meter.leave();
                        alarm.as_mut().reset(tokio::time::Instant::now() + LINGER);
                    }
                }
            }
        }
    }
}

/// Why a connection is no longer watched.
pub(super) enum Watched {
    /// It has ended.
    Over,
    /// Nothing is under way.
    Idle,
}

/// A stream of which can be known, without reading from it, that there may be something to read.
pub(super) trait ReadReadiness: AsyncRead + AsyncWrite {
    /// Ready when there may be.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl ReadReadiness for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(cx).map(drop)
    }
}

impl<S: ReadReadiness + Unpin> ReadReadiness for Box<TlsStream<S>> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What was deciphered was read, too: whoever reads goes on until there is no more.
        self.get_ref().0.poll_readable(cx)
    }
}

impl<S: ReadReadiness + Unpin> ReadReadiness for Replay<S> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_replaying() { Poll::Ready(()) } else { self.get_ref().poll_readable(cx) }
    }
}

/// A connection that can be asked to end.
pub(super) trait Graceful: Future<Output = Result<(), Self::Error>> {
    /// Why it may break.
    type Error: std::error::Error + 'static;

    /// Finishes the requests under way, takes no more, then ends.
    fn graceful(self: Pin<&mut Self>);
}

/// A connection of HTTP/1.1 that is served.
pub(super) struct Http1<F> {
    pub(super) served: Pin<Box<F>>,
    pub(super) meter: Arc<Meter>,
}

impl<F: Future> Future for Http1<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.served.as_mut().poll(cx)
    }
}

impl<F: Future<Output = io::Result<()>>> Graceful for Http1<F> {
    type Error = io::Error;

    fn graceful(self: Pin<&mut Self>) {
        self.meter.stop();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Graceful for Http2<Metered<S>> {
    type Error = h2::Error;

    fn graceful(self: Pin<&mut Self>) {
        self.get_mut().end_gracefully();
    }
}
