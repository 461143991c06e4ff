//! Where an answer to a health check sends on to (RFC 9110 section 10.2.2).

use http::header::{HeaderMap, LOCATION};
use http::{StatusCode, Uri};

/// Redirects in a row that are followed.
pub(super) const MOST: usize = 10;

/// The URL that an answer to `base` (an absolute URL) leads on to; none where it is no redirect that can be followed.
pub(super) fn target(base: &Uri, status: StatusCode, headers: &HeaderMap) -> Option<Uri> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, authority, path) = (base.scheme_str()?, base.authority()?, base.path());
    let text = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{path}{location}")
    } else {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    text.parse().ok().filter(|uri: &Uri| uri.host().is_some() && uri.scheme().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() -> Result<(), Box<dyn std::error::Error>> {
        let base = Uri::from_static("http://10.0.0.1:8080/health/live?x=1");
        for (location, expected) in [
            ("/ok", "http://10.0.0.1:8080/ok"),
            ("ok?y=2#part", "http://10.0.0.1:8080/health/ok?y=2"),
            ("?y=2", "http://10.0.0.1:8080/health/live?y=2"),
            ("//other/ok", "http://other/ok"),
            ("https://other:1/ok", "https://other:1/ok"),
        ] {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse()?)]);
            assert_eq!(target(&base, StatusCode::FOUND, &headers), Some(expected.parse()?), "{location}");
            assert_eq!(target(&base, StatusCode::NOT_MODIFIED, &headers), None);
        }
        assert_eq!(target(&base, StatusCode::FOUND, &HeaderMap::new()), None);
        Ok(())
    }
}
