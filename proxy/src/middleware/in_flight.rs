//! `inFlightReq`: so many requests at a time from each source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Response, StatusCode};

use crate::config::dynamic::InFlightReq as Config;
use crate::http::body::Body;
use crate::http::exchange::Exchange;
use crate::response_guard::{BoxedGuard, ResponseGuard};

use super::source::Criterion;

/// The limit and who is under way.
#[derive(Debug)]
pub(crate) struct InFlight {
    most: i64,
    criterion: Criterion,
    counts: Mutex<HashMap<String, i64>>,
}

/// A place, given up when dropped.
#[derive(Debug)]
struct Place {
    of: Arc<InFlight>,
    source: String,
}

impl ResponseGuard for Place {}

impl InFlight {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let criterion = Criterion::new(config.source_criterion.as_ref(), Criterion::Host)
            .map_err(|error| format!("error creating requests limiter: {error}"))?;
        Ok(Self { most: config.amount, criterion, counts: Mutex::default() })
    }

    /// A place for the request, or the answer that there is none.
    pub(crate) fn request(self: &Arc<Self>, exchange: &Exchange) -> Result<BoxedGuard, Box<Response<Body>>> {
        match self.admit(self.criterion.of(exchange)) {
            Some(place) => Ok(Box::new(place)),
            None => {
                let text = format!("max connections reached: {}", self.most);
                let mut response = Response::new(Body::from_bytes(text.into()));
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                Err(Box::new(response))
            }
        }
    }

    /// Only what is let in is counted: a client chooses its source, and only what ends is forgotten.
    fn admit(self: &Arc<Self>, source: String) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&source).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(source.clone(), count + 1);
        drop(counts);
        Some(Place { of: Arc::clone(self), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.of.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count <= 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_under_way_is_kept() {
        let kept = |limit: &InFlight| limit.counts.lock().unwrap().len();
        let none = Arc::new(InFlight::new(&Config::default()).unwrap());
        assert!(none.admit("a".to_owned()).is_none());
        assert_eq!(kept(&none), 0);
        let one = Arc::new(InFlight::new(&Config { amount: 1, ..Config::default() }).unwrap());
        let place = one.admit("a".to_owned()).unwrap();
        assert!(one.admit("a".to_owned()).is_none());
        let other = one.admit("b".to_owned()).unwrap();
        assert_eq!(kept(&one), 2);
        drop((place, other));
        assert_eq!(kept(&one), 0);
        assert!(one.admit("a".to_owned()).is_some());
    }
}
