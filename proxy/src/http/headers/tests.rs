#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap()))
        .collect()
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn who_it_is_for_is_told_as_it_came() {
    let told = |lines: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        forwarded_for(&headers).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(told(&[]), None);
    assert_eq!(told(&[("x-forwarded-for", "")]), None);
    assert_eq!(told(&[("x-forwarded-for", "1.2.3.4")]).as_deref(), Some("1.2.3.4"));
    let two = [("x-forwarded-for", "1.2.3.4"), ("x-real-ip", "9.9.9.9"), ("x-forwarded-for", "::1, x")];
    assert_eq!(told(&two).as_deref(), Some("1.2.3.4, ::1, x"));
}

#[test]
fn untrusted_clients_cannot_speak_for_others_in_any_spelling() {
    let lines = [
        ("x-forwarded-for", "1"),
        ("x_forwarded_for", "1"),
        ("x-forwarded_proto", "1"),
        ("x_real_ip", "1"),
        ("x-forwarded-user", "u"),
        ("x_own", "1"),
    ];
    let mut entry = EntryPoint::new("web", ":0");
    let mut headers = map(&lines);
    admit(&mut headers, false, &entry).unwrap();
    assert_eq!(names(&headers), ["x-forwarded-user", "x_own"]);
    let mut headers = map(&lines);
    admit(&mut headers, true, &entry).unwrap();
    assert_eq!(headers.len(), lines.len());
    entry.underscores = Underscores::Delete;
    admit(&mut headers, true, &entry).unwrap();
    assert_eq!(names(&headers), ["x-forwarded-for", "x-forwarded-user"]);
    entry.underscores = Underscores::Reject;
    assert_eq!(admit(&mut map(&lines), true, &entry), Err(UnderscoreRefused));
}

#[test]
fn aliases_are_names_with_anything_but_letters_digits_and_hyphens() {
    let aliases = [("q_one", "1"), ("q.one", "1"), ("q~one", "1"), ("q!one", "1"), ("q'one", "1"), ("_q", "1")];
    let mut entry = EntryPoint::new("web", ":0");
    let mut headers = map(&aliases);
    admit(&mut headers, false, &entry).unwrap();
    assert_eq!(headers.len(), aliases.len());
    entry.aliases = Underscores::Delete;
    headers.extend(map(&[("q-one", "2"), ("q--1", "2")]));
    admit(&mut headers, false, &entry).unwrap();
    assert_eq!(names(&headers), ["q--1", "q-one"]);
    entry.aliases = Underscores::Reject;
    assert_eq!(admit(&mut headers, false, &entry), Ok(()));
    for alias in aliases {
        assert_eq!(admit(&mut map(&[alias]), true, &entry), Err(UnderscoreRefused), "{alias:?}");
    }
}

#[test]
fn hop_by_hop_headers_of_a_request_go() {
    let mut headers = map(&[
        ("connection", "keep-alive, X-Drop"),
        ("connection", "X-Forwarded-For, host, Authorization"),
        ("x-drop", "1"),
        ("x-forwarded-for", "1"),
        ("host", "a.test"),
        ("authorization", "x"),
        ("keep-alive", "1"),
        ("proxy-connection", "1"),
        ("proxy-authorization", "1"),
        ("te", "gzip, trailers"),
        ("trailer", "x-t"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
    ]);
    assert_eq!(strip_request(&mut headers, false, &[]), None);
    assert_eq!(names(&headers), ["host", "te", "x-forwarded-for"]);
    assert_eq!(headers["te"], "trailers");
}

#[test]
fn what_an_entry_point_lets_stay_is_for_middlewares_only() {
    let kept = [HeaderName::from_static("x-keep"), HeaderName::from_static("x-other")];
    let mut headers =
        map(&[("connection", "close, X-Keep, X-Drop"), ("x-keep", "1"), ("x-drop", "2"), ("x-other", "3")]);
    assert_eq!(strip_request(&mut headers, false, &kept), None);
    assert_eq!(
        (names(&headers), &headers["connection"]),
        (vec!["connection", "x-keep", "x-other"], &"x-keep".parse().unwrap())
    );
    strip_kept(&mut headers);
    assert_eq!(names(&headers), ["x-other"]);
}

#[test]
fn an_upgrade_needs_both_headers() {
    let upgrade = |lines: &[(&str, &str)]| strip_request(&mut map(lines), false, &[]);
    assert_eq!(upgrade(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]).unwrap(), "WebSocket");
    assert_eq!(upgrade(&[("upgrade", "websocket")]), None);
    assert_eq!(upgrade(&[("connection", "upgrade")]), None);
    assert!(is_websocket(Some(&HeaderValue::from_static("WebSocket"))));
}

#[test]
fn an_answers_framing_is_not_passed_on() {
    let mut headers = map(&[
        ("connection", "x-drop, keep-alive"),
        ("x-drop", "1"),
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("keep-alive", "1"),
        ("trailer", "x-t"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]);
    strip_response(&mut headers, HopByHop::Named);
    assert_eq!(names(&headers), ["set-cookie", "trailer"]);
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
}

#[test]
fn a_connection_that_ends_says_nothing_of_other_headers() {
    let mut headers = map(&[("connection", "x-kept, close"), ("x-kept", "1")]);
    strip_response(&mut headers, HopByHop::Named);
    assert_eq!(names(&headers), ["x-kept"]);
}

#[test]
fn cookies_of_http2_become_one_line() {
    let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
    join_cookies(&mut headers);
    assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
}
