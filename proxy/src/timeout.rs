//! Time limits where zero means that there is none, as in Traefik's configuration.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Either;

/// What `future` gives, or `None` where it takes longer than `limit`; zero means no limit.
pub(crate) fn with_timeout<F: Future>(limit: Duration, future: F) -> impl Future<Output = Option<F::Output>> {
    if limit.is_zero() {
        Either::Left(future.map(Some))
    } else {
        Either::Right(tokio::time::timeout(limit, future).map(Result::ok))
    }
}
