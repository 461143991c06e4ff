//! The heads of requests as they are written to servers (RFC 9112 section 3).

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};

use crate::http::headers::{write_field, write_named};
use crate::upstream::call::{Call, Spelling};
use crate::wire::output::{Framing, Output};

/// Puts a request's head, whose body is framed as returned; `None` without one.
pub(super) fn head(output: &mut Output, call: &Call) -> Option<Framing> {
    let out = output.begin();
    out.extend_from_slice(call.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(call.target.as_str().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(call.host.as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut length = None;
    for (name, value) in &call.headers {
        if *name == HOST || *name == TRANSFER_ENCODING {
            continue;
        }
        if *name == CONTENT_LENGTH {
            length = value.to_str().ok().and_then(|text| text.parse().ok());
        }
        match &call.spelling {
            Some(Spelling(spelled)) if spelled.eq_ignore_ascii_case(name.as_str()) => {
                write_named(out, spelled.bytes(), value);
            }
            _ => write_field(out, name, value),
        }
    }
    let framing = (!call.body.is_empty()).then(|| length.map_or(Framing::Chunked, Framing::Length));
    if framing == Some(Framing::Chunked) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    framing
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::uri::PathAndQuery;
    use http::{HeaderName, HeaderValue, Method};

    use super::*;
    use crate::http::body::RequestBody;

    fn call(method: Method, headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Call {
        Call {
            method,
            target: PathAndQuery::from_static("/a?b"),
            host: HeaderValue::from_static("app.example"),
            spelling: None,
            headers: headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect(),
            body: RequestBody::held(Bytes::from_static(body)),
        }
    }

    fn written(output: &mut Output) -> String {
        String::from_utf8_lossy(&std::mem::take(output.begin())).into_owned()
    }

    #[test]
    fn a_head_names_its_host_first_and_frames_its_body() {
        let mut output = Output::default();
        let get = call(Method::GET, &[("x-a-bc", "1"), ("host", "other"), ("te", "trailers")], b"");
        assert_eq!(head(&mut output, &get), None);
        let text = "GET /a?b HTTP/1.1\r\nHost: app.example\r\nX-A-Bc: 1\r\nTe: trailers\r\n\r\n";
        assert_eq!(written(&mut output), text);
        let known = call(Method::POST, &[("content-length", "3")], b"abc");
        assert_eq!(head(&mut output, &known), Some(Framing::Length(3)));
        assert!(written(&mut output).ends_with("\r\nContent-Length: 3\r\n\r\n"));
        let spelled = call(Method::GET, &[("x-webauth-user", "a"), ("x-b", "c")], b"");
        head(&mut output, &Call { spelling: Some(Spelling("X-webAUTH-user".into())), ..spelled });
        assert!(written(&mut output).ends_with("\r\nX-webAUTH-user: a\r\nX-B: c\r\n\r\n"));
        let unknown = call(Method::POST, &[], b"abc");
        assert_eq!(head(&mut output, &unknown), Some(Framing::Chunked));
        assert!(written(&mut output).ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }
}
