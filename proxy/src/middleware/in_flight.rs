//! `inFlightReq`: so many requests at a time from each source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Response, StatusCode};

use crate::config::dynamic::InFlightReq as Config;
use crate::http::body::Body;
use crate::http::exchange::{Exchange, Held, Hold};

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

impl Hold for Place {}

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
    pub(crate) fn request(self: &Arc<Self>, exchange: &Exchange) -> Result<Held, Box<Response<Body>>> {
        let source = self.criterion.of(exchange);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(source.clone()).or_insert(0);
        if *count >= self.most {
            let mut response =
                Response::new(Body::from_bytes(format!("max connections reached: {}", self.most).into()));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            return Err(Box::new(response));
        }
        *count += 1;
        Ok(Box::new(Place { of: Arc::clone(self), source }))
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
