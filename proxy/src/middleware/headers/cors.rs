//! Cross-origin requests (Fetch standard, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use regex::bytes::Regex;

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::error_response::text;
use crate::http::exchange::Exchange;
use crate::rule::pattern;

/// Who may ask from elsewhere, and for what.
#[derive(Debug)]
pub(super) struct Cors {
    credentials: bool,
    headers: Option<HeaderValue>,
    methods: Option<HeaderValue>,
    origins: Vec<String>,
    patterns: Vec<Regex>,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    vary: bool,
}

impl Cors {
    /// `None` where nothing of it is configured.
    ///
    /// # Errors
    /// A pattern that is none.
    pub(super) fn new(config: &dynamic::Headers) -> Result<Option<Self>, String> {
        let list =
            |values: &[String]| (!values.is_empty()).then(|| HeaderValue::from_str(&values.join(",")).ok()).flatten();
        let patterns = config.access_control_allow_origin_list_regex.iter().map(|text| {
            pattern::compile(text)
                .map_err(|error| format!("error occurred during origin parsing: compiling regex: {error}"))
        });
        let cors = Self {
            credentials: config.access_control_allow_credentials,
            headers: list(&config.access_control_allow_headers),
            methods: list(&config.access_control_allow_methods),
            origins: config.access_control_allow_origin_list.clone(),
            patterns: patterns.collect::<Result<_, _>>()?,
            expose: list(&config.access_control_expose_headers),
            max_age: config.access_control_max_age.map(HeaderValue::from),
            vary: config.add_vary_header,
        };
        let used = cors.credentials
            || cors.headers.is_some()
            || cors.methods.is_some()
            || !cors.origins.is_empty()
            || !cors.patterns.is_empty()
            || cors.expose.is_some()
            || config.access_control_max_age.is_some_and(|age| age != 0)
            || cors.vary;
        Ok(used.then_some(cors))
    }

    /// The answer to a browser that asks before it asks.
    pub(super) fn preflight(&self, exchange: &Exchange) -> Option<Response<Body>> {
        let request = &exchange.parts.headers;
        let origin = request.get(ORIGIN).filter(|origin| !origin.is_empty())?;
        let asks = request.get(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| !method.is_empty());
        if exchange.parts.method != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = text(StatusCode::OK, "");
        let headers = response.headers_mut();
        self.credentials(headers);
        if let Some(allowed) = &self.headers {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
        }
        if let Some(methods) = &self.methods {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        }
        if let Some(allowed) = self.allowed(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        if let Some(age) = &self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        if let Some(expose) = &self.expose {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        Some(response)
    }

    /// Headers of an ordinary answer.
    pub(super) fn add(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        // A request that names no origin has an empty one.
        if let Some(allowed) = self.allowed(origin.unwrap_or(&HeaderValue::from_static(""))) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        self.credentials(headers);
        if let Some(expose) = &self.expose {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        if !self.vary {
            return;
        }
        let vary = headers.get(VARY).and_then(|vary| vary.to_str().ok()).unwrap_or_default();
        if vary != "Origin"
            && let Ok(value) =
                HeaderValue::from_str(&if vary.is_empty() { "Origin".to_owned() } else { format!("{vary},Origin") })
        {
            headers.insert(VARY, value);
        }
    }

    fn credentials(&self, headers: &mut HeaderMap) {
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        for listed in &self.origins {
            if listed == "*" && !self.credentials {
                return Some(HeaderValue::from_static("*"));
            }
            if listed == "*" || listed.as_bytes() == origin.as_bytes() {
                return Some(origin.clone());
            }
        }
        self.patterns.iter().any(|pattern| pattern.is_match(origin.as_bytes())).then(|| origin.clone())
    }
}
