//! `errors`: pages of another service in the place of error answers.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderMap, Method, Response, StatusCode};

use crate::config::dynamic::ErrorPage as Config;
use crate::http::body::Body;
use crate::http::exchange::{Exchange, Head, Target};
use crate::http::raw_path::{RawPath, rooted};
use crate::snapshot::{Service, View};

use super::After;
use super::status::{Statuses, range};

/// Which answers are replaced, and by what.
#[derive(Debug)]
pub(crate) struct ErrorPages {
    statuses: Statuses,
    rewrites: Vec<((u16, u16), StatusCode)>,
    service: Arc<Service>,
    query: String,
    headers: Vec<HeaderName>,
}

impl ErrorPages {
    /// From the configuration; `service` has the pages.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config, service: Arc<Service>) -> Result<Self, String> {
        let rewrites = config.status_rewrites.iter().map(|(from, to)| {
            let to = u16::try_from(*to).ok().and_then(|code| StatusCode::from_u16(code).ok());
            Ok((range(from)?, to.ok_or_else(|| format!("`{from}` is rewritten to what is no status code"))?))
        });
        let headers =
            config.error_request_headers.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        Ok(Self {
            statuses: Statuses::new(&config.status)?,
            rewrites: rewrites.collect::<Result<_, String>>()?,
            service,
            query: config.query.clone(),
            headers: headers.collect(),
        })
    }

    /// The answer itself, or the page in its place. `head` is what the request was before it was sent.
    pub(crate) async fn response(
        &self,
        response: Response<Body>,
        head: Head,
        exchange: &mut Exchange,
        view: &Arc<View>,
    ) -> Response<Body> {
        let original = response.status();
        // There is no way back from another protocol.
        if original == StatusCode::SWITCHING_PROTOCOLS || !self.statuses.contains(original) {
            return response;
        }
        let code = original.as_u16();
        let rewritten = self.rewrites.iter().find(|((low, high), _)| (*low..=*high).contains(&code));
        let status = rewritten.map_or(original, |(_, to)| *to);
        let query = exchange.target.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path_and_query = format!("{}{query}", exchange.target.inner_path());
        exchange.again(head, Bytes::new());
        let host = exchange.host.value.to_str().unwrap_or_default();
        let url = format!("{}://{host}{path_and_query}", exchange.told_scheme());
        self.prepare(exchange, original, status, &url);
        let mut page = match self.service.answer(exchange, view, &mut After::default()).await {
            Ok(page) => page,
            Err(no_answer) => exchange.client.worker.refusal(no_answer.reason()),
        };
        *page.status_mut() = status;
        if let Some(record) = &mut exchange.record {
            // The page's own status is of no concern to who reads the log.
            record.origin_status = record.origin_status.map(|_| status);
        }
        page
    }

    fn prepare(&self, exchange: &mut Exchange, original: StatusCode, status: StatusCode, url: &str) {
        let query = self
            .query
            .replace("{status}", status.as_str())
            .replace("{originalStatus}", original.as_str())
            .replace("{url}", &query_escape(url));
        let (path, query) = place(&query);
        exchange.target = Target::Made { path, query, sent_query: None };
        exchange.parts.method = Method::GET;
        exchange.upgrade = None;
        // The page is asked for by the gateway, not by the client.
        exchange.forwarded_for = true;
        let headers = &mut exchange.parts.headers;
        headers.remove(CONTENT_LENGTH);
        if !self.headers.is_empty() {
            let all = std::mem::take(headers);
            for name in &self.headers {
                copy(&all, headers, name);
            }
        }
    }
}

/// Path and query of a page; a fragment is nothing for servers.
fn place(page: &str) -> (String, Option<String>) {
    let page = page.split('#').next().unwrap_or_default();
    let (path, query) = page.split_once('?').map_or((page, None), |(path, query)| (path, Some(query.to_owned())));
    (RawPath::new(&rooted(path)).escaped(), query)
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, name: &HeaderName) {
    for value in from.get_all(name) {
        to.append(name, value.clone());
    }
}

/// Text as a value in a query.
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_page_has_a_path_that_can_be_sent() {
        for (page, path, query) in [
            ("/\u{e9}/404?a=b", "/%C3%A9/404", Some("a=b")),
            ("404.html#top", "/404.html", None),
            ("/a%2Fb", "/a%2Fb", None),
        ] {
            assert_eq!(place(page), (path.to_owned(), query.map(str::to_owned)), "{page}");
        }
    }
}
