//! `compress`: answers in an encoding that the client takes.

mod encoder;
mod negotiate;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;

use crate::config::dynamic::Compress as Config;
use crate::http::body::Body;
use crate::http::exchange::Exchange;

use super::content_type;

use encoder::{Compressed, Encoding};

/// Answers below this many bytes gain nothing.
const LEAST: u64 = 1024;

/// What is compressed, and how.
#[derive(Debug)]
pub(crate) struct Compress {
    encodings: Vec<Encoding>,
    default: Option<Encoding>,
    least: u64,
    excluded: Vec<String>,
    included: Vec<String>,
}

/// What the client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// This encoding.
    Encoding(Encoding),
    /// Anything, which gives it the answer as it is.
    Anything,
}

impl Compress {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        if !config.excluded_content_types.is_empty() && !config.included_content_types.is_empty() {
            return Err("excludedContentTypes and includedContentTypes options are mutually exclusive".to_owned());
        }
        let encoding = |name: &String| Encoding::named(name).ok_or_else(|| format!("unsupported encoding: {name}"));
        let usual = Config::default().encodings;
        let names = if config.encodings.is_empty() { &usual } else { &config.encodings };
        let encodings = names.iter().map(encoding).collect::<Result<Vec<_>, _>>()?;
        let default = match config.default_encoding.as_str() {
            "" => None,
            name => Some(
                Encoding::named(name)
                    .filter(|encoding| encodings.contains(encoding))
                    .ok_or_else(|| format!("unsupported default encoding: {name}"))?,
            ),
        };
        let types = |which: &str, texts: &[String]| {
            let checked = texts.iter().map(|text| check_media_type(text).map(|()| media_type(text)));
            checked.collect::<Result<_, _>>().map_err(|error| format!("parsing {which} media type: mime: {error}"))
        };
        Ok(Self {
            encodings,
            default,
            least: u64::try_from(config.min_response_body_bytes).ok().filter(|size| *size > 0).unwrap_or(LEAST),
            excluded: types("excluded", &config.excluded_content_types)?,
            included: types("included", &config.included_content_types)?,
        })
    }

    /// What the answer to this request may be encoded in; `None` leaves it alone.
    pub(crate) fn request(&self, exchange: &Exchange) -> Option<Wanted> {
        let headers = &exchange.parts.headers;
        let kind = type_of(headers);
        // gRPC compresses its messages itself, and says in its questions already that it is gRPC.
        let excluded = kind == "application/grpc" || self.excluded.contains(&kind);
        if exchange.parts.method == Method::HEAD || excluded || exchange.upgrade.is_some() {
            return None;
        }
        let lines: Vec<&str> = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok()).collect();
        if lines.is_empty() {
            // As in Traefik, whose gzip wants to be asked for.
            let unasked =
                |encoding| if encoding == Encoding::Gzip { Wanted::Anything } else { Wanted::Encoding(encoding) };
            return self.default.map(unasked);
        }
        negotiate::choose(&lines.join(","), &self.encodings, self.default)
    }

    /// Whether answers of a type are encoded.
    fn is_for(&self, kind: &String) -> bool {
        if self.included.is_empty() { !self.excluded.contains(kind) } else { self.included.contains(kind) }
    }

    /// Encodes the answer, unless it is better left alone.
    pub(crate) async fn response(&self, mut response: Response<Body>, wanted: Wanted) -> Response<Body> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        let Wanted::Encoding(encoding) = wanted else { return response };
        let kind = type_of(headers);
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let left_alone = !(kind.is_empty() || self.is_for(&kind))
            || kind == "application/grpc"
            || headers.contains_key(CONTENT_ENCODING)
            || headers.contains_key(CONTENT_RANGE)
            || response.body().is_end_stream()
            || length.or(response.body().size_hint().exact()).is_some_and(|length| length < self.least);
        if left_alone {
            return response;
        }
        // As in Traefik, whose gzip alone looks for the type where none is given.
        if kind.is_empty() && encoding == Encoding::Gzip && !(self.included.is_empty() && self.excluded.is_empty()) {
            let (looked_at, found) = content_type::look(response).await;
            response = looked_at;
            if !found.is_some_and(|found| self.is_for(&media_type(found))) {
                return response;
            }
        }
        let Some(encoder) = encoder::Encoder::new(encoding) else { return response };
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.remove(ACCEPT_RANGES);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        response.map(|body| Body::changed(Compressed::new(body, encoder)))
    }
}

fn type_of(headers: &HeaderMap) -> String {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(media_type).unwrap_or_default()
}

/// Whether a text is a media type with its parameters (RFC 9110 section 8.3.1), as Go's package `mime` reads it.
fn check_media_type(text: &str) -> Result<(), &'static str> {
    let token = |text: &str| !text.is_empty() && text.bytes().all(is_token);
    let mut parts = text.split(';');
    let kind = parts.next().unwrap_or_default().trim();
    let (main, sub) = kind.split_once('/').map_or((kind, None), |(main, sub)| (main, Some(sub)));
    if main.is_empty() || !main.bytes().next().is_some_and(is_token) {
        return Err("no media type");
    }
    if !token(main) {
        return Err("expected slash after first token");
    }
    if sub.is_some_and(|sub| !sub.bytes().next().is_some_and(is_token)) {
        return Err("expected token after slash");
    }
    if sub.is_some_and(|sub| !token(sub)) {
        return Err("unexpected content after media subtype");
    }
    let mut seen = Vec::new();
    let mut parameters = parts.map(str::trim).peekable();
    while let Some(parameter) = parameters.next() {
        if parameter.is_empty() && parameters.peek().is_none() {
            return Ok(());
        }
        let (name, value) = parameter.split_once('=').ok_or("invalid media parameter")?;
        let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        if !token(name) || !(quoted || token(value)) {
            return Err("invalid media parameter");
        }
        if seen.contains(&name.to_ascii_lowercase()) {
            return Err("duplicate parameter name");
        }
        seen.push(name.to_ascii_lowercase());
    }
    Ok(())
}

/// Whether a token may hold this byte (RFC 9110 section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// A content type without its parameters.
fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn types_that_are_not_given() {
        let names = |name: &str| vec![name.to_owned()];
        let but_text = Config { excluded_content_types: names("text/plain"), ..Config::default() };
        let text_only = Config { included_content_types: names("text/plain"), ..Config::default() };
        let page_only = Config { included_content_types: names("text/html"), ..Config::default() };
        let (text, page) = ("a".repeat(2000), format!("<html>{}", "a".repeat(2000)));
        for (config, content, encoding, encoded) in [
            (&but_text, &text, Encoding::Gzip, false),
            (&but_text, &page, Encoding::Gzip, true),
            (&but_text, &text, Encoding::Brotli, true),
            (&text_only, &text, Encoding::Gzip, true),
            (&text_only, &page, Encoding::Gzip, false),
            (&text_only, &page, Encoding::Brotli, true),
            (&page_only, &page, Encoding::Gzip, true),
            (&Config::default(), &page, Encoding::Gzip, true),
        ] {
            let answer = Response::new(Body::from_bytes(content.clone().into()));
            let answer = Compress::new(config).unwrap().response(answer, Wanted::Encoding(encoding)).await;
            assert_eq!(answer.headers().contains_key(CONTENT_ENCODING), encoded, "{config:?} {encoding:?}");
            assert!(!answer.headers().contains_key(CONTENT_TYPE));
        }
    }

    #[test]
    fn media_types() {
        for text in ["text/html", "text", "TEXT/HTML; charset=utf-8", "text/html;", "*/*", "a/b; c=\"d e\"; f=g"] {
            assert_eq!(check_media_type(text), Ok(()), "{text}");
        }
        for (text, error) in [
            ("", "no media type"),
            ("/x", "no media type"),
            ("; a=b", "no media type"),
            ("text html", "expected slash after first token"),
            ("text/", "expected token after slash"),
            ("text/html; charset", "invalid media parameter"),
            ("text/html; charset=", "invalid media parameter"),
            ("text/html; q=\"a", "invalid media parameter"),
            ("text/html; a=b; A=c", "duplicate parameter name"),
        ] {
            assert_eq!(check_media_type(text), Err(error), "{text}");
        }
    }
}
