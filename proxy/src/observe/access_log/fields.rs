//! What of a request stands in its line: every field unless it is dropped, no header unless it is kept.

use std::collections::HashMap;

use http::HeaderMap;
use http::header::HOST;

use crate::config::statics;
use crate::http::headers::{X_FORWARDED_FOR, title_case};

/// Which fields and headers a line has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    drops: bool,
    /// Names in lower case.
    names: HashMap<String, bool>,
    /// Whether paths are without their queries.
    drops_queries: bool,
    headers: Mode,
    /// Names in lower case.
    header_names: HashMap<String, Mode>,
}

/// What becomes of a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    Keep,
    #[default]
    Drop,
    Redact,
}

impl Mode {
    fn of(text: &str) -> Option<Self> {
        match text {
            "keep" => Some(Self::Keep),
            "drop" => Some(Self::Drop),
            "redact" => Some(Self::Redact),
            _ => None,
        }
    }
}

impl From<&statics::AccessLogFields> for Fields {
    /// Words that are no mode mean what they mean to Traefik: those of a name nothing, those for all others `keep`.
    fn from(options: &statics::AccessLogFields) -> Self {
        let names = options.names.iter().filter_map(|(name, mode)| {
            let keep = match mode.as_str() {
                "keep" => true,
                "drop" => false,
                _ => return None,
            };
            Some((name.to_ascii_lowercase(), keep))
        });
        let headers = options.headers.names.iter();
        Self {
            drops: options.default_mode == "drop",
            drops_queries: options.query_parameters.default_mode == "drop",
            names: names.collect(),
            headers: Mode::of(&options.headers.default_mode).unwrap_or(Mode::Keep),
            header_names: headers
                .filter_map(|(name, mode)| Some((name.to_ascii_lowercase(), Mode::of(mode)?)))
                .collect(),
        }
    }
}

impl Fields {
    /// Whether a field stands in the line.
    pub(super) fn keeps(&self, name: &str) -> bool {
        if self.names.is_empty() {
            return !self.drops;
        }
        self.names.get(&name.to_ascii_lowercase()).copied().unwrap_or(!self.drops)
    }

    /// Whether any header may stand in a line.
    pub(super) fn has_headers(&self) -> bool {
        self.headers != Mode::Drop || self.header_names.values().any(|mode| *mode != Mode::Drop)
    }

    /// A header's values as they stand in a line; `None` where it does not.
    pub(super) fn header(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        match self.mode(name) {
            Mode::Drop => None,
            Mode::Redact => headers.contains_key(name).then(|| "REDACTED".to_owned()),
            Mode::Keep => {
                // As the server is told it.
                let between = if X_FORWARDED_FOR == name { ", " } else { "," };
                let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
                headers.contains_key(name).then(|| values.collect::<Vec<_>>().join(between))
            }
        }
    }

    /// A path as it stands in a line.
    pub(super) fn path<'a>(&self, path: &'a str) -> &'a str {
        match path.split_once('?') {
            Some((path, _)) if self.drops_queries => path,
            _ => path,
        }
    }

    /// What stands in a line for a header of an answer that has none: Traefik counts `Content-Type` among all answers' headers.
    pub(super) fn absent(&self, name: &str) -> Option<&'static str> {
        match self.mode(name) {
            Mode::Drop => None,
            Mode::Redact => Some("REDACTED"),
            Mode::Keep => Some(""),
        }
    }

    fn mode(&self, name: &str) -> Mode {
        self.header_names.get(name).copied().unwrap_or(self.headers)
    }

    /// All headers that stand in a line, with names as Traefik writes them.
    pub(super) fn pick(&self, headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
        let names = headers.keys().filter(|name| *name != HOST);
        names.filter_map(|name| {
            Some((title_case(name.as_str()).map(char::from).collect(), self.header(headers, name.as_str())?))
        })
    }
}
