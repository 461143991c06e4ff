//! The dashboard: one page that holds all that it needs, fed by the API beside it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::snapshot::internal::InternalAnswer;

const PAGE: &str = include_str!("dashboard/page.html");

/// Only what is in the page itself is run and shown (Content Security Policy Level 3, section 6.7.3: hashes).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let inside =
            PAGE.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(inside, _)| inside);
        BASE64_STANDARD.encode(Sha256::digest(inside))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
});

/// The page for the folder `/dashboard/` and for `/`, a redirect for `/dashboard`, nothing for other paths.
pub(super) fn answer(method: &Method, path: &str) -> InternalAnswer {
    let is_there = matches!(path, "" | "/" | "/dashboard" | "/dashboard/" | "/dashboard/index.html");
    if is_there && method != Method::GET && method != Method::HEAD {
        return with(StatusCode::METHOD_NOT_ALLOWED, "", "text/plain; charset=utf-8");
    }
    match path {
        "" | "/" | "/dashboard/" | "/dashboard/index.html" => {
            let mut response = with(StatusCode::OK, PAGE, "text/html; charset=utf-8");
            let headers = response.headers_mut();
            if let Ok(policy) = HeaderValue::from_str(&POLICY) {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            headers
                .insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
            response
        }
        "/dashboard" => {
            let mut response = with(StatusCode::FOUND, "", "text/plain; charset=utf-8");
            // Relative: whatever stands before it in the client's URL stays.
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("dashboard/"));
            response
        }
        _ => with(StatusCode::NOT_FOUND, "404 page not found\n", "text/plain; charset=utf-8"),
    }
}

fn with(status: StatusCode, text: &'static str, kind: &'static str) -> InternalAnswer {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_allowed_what_it_holds_and_nothing_else() {
        let response = answer(&Method::GET, "/dashboard/");
        let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
        let policy = policy.unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for outside in ["http://", "https://", "src=", "@import", "url(", "style=\"", "onclick", "innerHTML"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        assert_eq!(PAGE.matches("<script>").count(), 1);
        assert_eq!(PAGE.matches("<style>").count(), 1);
    }

    #[test]
    fn paths_of_the_dashboard() {
        let status = |path: &str| answer(&Method::GET, path).status().as_u16();
        assert_eq!(["/", "/dashboard", "/dashboard/", "/x"].map(status), [200, 302, 200, 404]);
        assert_eq!(answer(&Method::POST, "/").status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer(&Method::POST, "/x").status(), StatusCode::NOT_FOUND);
    }
}
