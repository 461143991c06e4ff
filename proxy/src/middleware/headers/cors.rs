//! Cross-origin requests (Fetch standard, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
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
    headers: List,
    methods: List,
    origins: Vec<String>,
    patterns: Vec<Regex>,
    expose: List,
    max_age: Option<HeaderValue>,
    vary: bool,
}

/// A list of names in an answer.
#[derive(Debug)]
enum List {
    /// Not sent.
    None,
    /// As configured.
    These(HeaderValue),
    /// Whatever is asked for: with credentials `*` would be a name like any other.
    Any,
}

impl List {
    fn new(values: &[String], credentials: bool) -> Self {
        if credentials && values.iter().any(|value| value == "*") {
            return Self::Any;
        }
        let text = (!values.is_empty()).then(|| HeaderValue::from_str(&values.join(",")).ok());
        text.flatten().map_or(Self::None, Self::These)
    }

    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The list for who asks for `asked`.
    fn value(&self, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::These(value) => Some(value.clone()),
            Self::Any => asked.cloned(),
        }
    }
}

impl Cors {
    /// `None` where nothing of it is configured.
    ///
    /// # Errors
    /// A pattern that is none.
    pub(super) fn new(config: &dynamic::Headers) -> Result<Option<Self>, String> {
        let list = |values: &[String]| List::new(values, config.access_control_allow_credentials);
        let patterns = config.access_control_allow_origin_list_regex.iter().map(|text| {
            pattern::compile(text).map_err(|error| format!("error occurred during origin parsing: {error}"))
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
            || !cors.headers.is_none()
            || !cors.methods.is_none()
            || !cors.origins.is_empty()
            || !cors.patterns.is_empty()
            || !cors.expose.is_none()
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
        if let Some(allowed) = self.headers.value(request.get(ACCESS_CONTROL_REQUEST_HEADERS)) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        if let Some(methods) = self.methods.value(request.get(ACCESS_CONTROL_REQUEST_METHOD)) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        if let Some(allowed) = self.allowed(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        if let Some(age) = &self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        if let Some(expose) = self.expose.value(None) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose);
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
        if let Some(expose) = self.expose.value(None) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_credentials_a_star_is_what_is_asked_for() {
        let asked = HeaderValue::from_static("x-a, y");
        let list = |values: &[&str], credentials: bool| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            let value = List::new(&values, credentials).value(Some(&asked));
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        assert_eq!(list(&["A", "*"], false).as_deref(), Some("A,*"));
        assert_eq!(list(&["A", "*"], true).as_deref(), Some("x-a, y"));
        assert_eq!(list(&["A"], true).as_deref(), Some("A"));
        assert_eq!(list(&[], true), None);
        assert_eq!(List::new(&["*".to_owned()], true).value(None), None);
    }
}
