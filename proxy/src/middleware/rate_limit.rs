//! `rateLimit`: a token bucket for each source of requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Response, StatusCode, header::RETRY_AFTER};

use crate::config::duration::GoDuration;
use crate::config::dynamic::RateLimit as Config;
use crate::http::body::Body;
use crate::http::error_response::{status_text, text};
use crate::http::exchange::Exchange;

use super::source::{Address, Criterion};

/// Sources that are remembered, in two halves.
const MOST_SOURCES: usize = 65_536;
const X_RETRY_IN: HeaderName = HeaderName::from_static("x-retry-in");

/// The limit and the buckets.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Tokens per second.
    rate: f64,
    burst: f64,
    longest_wait: Duration,
    criterion: Criterion,
    buckets: Mutex<Buckets>,
}

/// Buckets by source: those that were asked of late, and those that were before. Whoever makes up sources without end drives out
/// who asks seldom, but not who asks often, and it costs the same for each.
#[derive(Debug, Default)]
struct Buckets {
    recent: HashMap<String, Bucket>,
    earlier: HashMap<String, Bucket>,
}

impl Buckets {
    /// The bucket of a source; a full one, by `full`, for one that is not known.
    fn of(&mut self, source: String, full: Bucket) -> &mut Bucket {
        if self.recent.len() >= MOST_SOURCES / 2 && !self.recent.contains_key(&source) {
            self.earlier = std::mem::take(&mut self.recent);
        }
        let earlier = &mut self.earlier;
        self.recent.entry(source).or_insert_with_key(|source| earlier.remove(source).unwrap_or(full))
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a bucket says to one request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Pass,
    Wait(Duration),
    Refuse(Duration),
}

impl RateLimit {
    /// `None` where there is no limit.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, String> {
        if config.redis.is_some() {
            return Err("`redis` is not supported by this gateway: without it each gateway counts by itself".to_owned());
        }
        let criterion = Criterion::new(config.source_criterion.as_ref(), Criterion::Address(Address::new(None)?))
            .map_err(|error| format!("getting source extractor: {error}"))?;
        if config.average <= 0 {
            return Ok(None);
        }
        if config.period.is_negative() {
            return Err(format!("negative value not valid for period: {}", config.period));
        }
        let period = if config.period == GoDuration::ZERO { 1.0 } else { config.period.to_std().as_secs_f64() };
        #[expect(clippy::cast_precision_loss, reason = "rates are small")]
        let (average, burst) = (config.average as f64, config.burst.max(1) as f64);
        let rate = average / period;
        let longest_wait = if rate < 1.0 { Duration::from_millis(500) } else { Duration::from_secs_f64(0.5 / rate) };
        Ok(Some(Self { rate, burst, longest_wait, criterion, buckets: Mutex::default() }))
    }

    pub(crate) async fn request(&self, exchange: &Exchange) -> Option<Response<Body>> {
        match self.ask(self.criterion.of(exchange), Instant::now()) {
            Verdict::Pass => None,
            Verdict::Wait(time) => {
                tokio::time::sleep(time).await;
                None
            }
            Verdict::Refuse(Duration::MAX) => Some(text(StatusCode::TOO_MANY_REQUESTS, "No bursty traffic allowed")),
            Verdict::Refuse(time) => {
                let mut response = status_text(StatusCode::TOO_MANY_REQUESTS);
                let headers = response.headers_mut();
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
                let exact = GoDuration::from_nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
                if let Ok(value) = HeaderValue::from_str(&exact.to_string()) {
                    headers.insert(X_RETRY_IN, value);
                }
                Some(response)
            }
        }
    }

    fn ask(&self, source: String, now: Instant) -> Verdict {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.of(source, Bucket { tokens: self.burst, at: now });
        let tokens =
            (bucket.tokens + now.saturating_duration_since(bucket.at).as_secs_f64() * self.rate).min(self.burst);
        let left = tokens - 1.0;
        if left >= 0.0 {
            *bucket = Bucket { tokens: left, at: now };
            return Verdict::Pass;
        }
        let wait = Duration::try_from_secs_f64(-left / self.rate).unwrap_or(Duration::MAX);
        if wait > self.longest_wait {
            return Verdict::Refuse(wait);
        }
        *bucket = Bucket { tokens: left, at: now };
        Verdict::Wait(wait)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_burst_then_a_short_wait_then_no() {
        let config = Config { average: 10, burst: 2, ..Config::default() };
        let limit = RateLimit::new(&config).unwrap().unwrap();
        let now = Instant::now();
        let ask = |source: &str, after: u64| limit.ask(source.to_owned(), now + Duration::from_millis(after));
        assert_eq!([ask("a", 0), ask("a", 0)], [Verdict::Pass; 2]);
        assert!(matches!(ask("a", 0), Verdict::Refuse(_)));
        assert!(matches!(ask("a", 60), Verdict::Wait(time) if time < Duration::from_millis(50)));
        assert_eq!(ask("b", 0), Verdict::Pass);
        assert_eq!(ask("a", 1000), Verdict::Pass);
    }

    #[test]
    fn made_up_sources_do_not_free_who_asks_often() {
        let config =
            Config { average: 1, period: GoDuration::from_nanos(3_600_000_000_000), burst: 1, ..Config::default() };
        let limit = RateLimit::new(&config).unwrap().unwrap();
        let now = Instant::now();
        assert_eq!(limit.ask("often".to_owned(), now), Verdict::Pass);
        for number in 0..3 * MOST_SOURCES {
            assert_eq!(limit.ask(number.to_string(), now), Verdict::Pass);
            if number % 1000 == 0 {
                assert!(matches!(limit.ask("often".to_owned(), now), Verdict::Refuse(_)), "{number}");
            }
        }
        let buckets = limit.buckets.lock().unwrap();
        assert!(buckets.recent.len() + buckets.earlier.len() <= MOST_SOURCES);
    }

    #[test]
    fn no_average_is_no_limit() {
        assert!(RateLimit::new(&Config { average: 0, ..Config::default() }).unwrap().is_none());
    }
}
