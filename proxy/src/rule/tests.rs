//! Rules: the grammar, each matcher, and what Traefik answered for the same rules and requests.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Candidate, HostKey, Rule, TcpCandidate, TcpRule, priority};

fn error(rule: &str) -> String {
    let text = Rule::parse(rule).unwrap_err().message;
    let rest = text.strip_prefix(&format!("error while parsing rule {rule}: ")).unwrap();
    let rest = rest.strip_prefix("parsing rule ").or_else(|| rest.strip_prefix("adding rule ")).unwrap();
    rest.strip_prefix(&format!("{rule}: ")).unwrap().to_owned()
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (rule, expected) in [
        ("", "1:1: expected operand, found 'EOF'"),
        (" ", "1:2: expected operand, found 'EOF'"),
        ("Host('ab')", "1:6: illegal rune literal"),
        (r#"Host("a\.b")"#, "1:9: unknown escape sequence"),
        ("Host(`a", "1:6: raw string literal not terminated"),
        ("Host(`a`", "1:9: missing ',' before newline in argument list"),
        ("(Host(`a`)", "1:11: expected ')', found newline"),
        ("Host(`a`) and Path(`/`)", "1:11: expected 'EOF', found and"),
        ("Host(`a`)\n&& Path(`/`)", "2:1: expected 'EOF', found '&&'"),
        ("Host(`a`) && || Path(`/`)", "1:14: expected operand, found '||'"),
        ("Host(`a`) @ Host(`b`)", "1:11: illegal character U+0040 '@'"),
        ("Host(`a`) & Path(`/`)", "& is not supported"),
        ("Host(`a` + `b`)", "*ast.BinaryExpr is not supported"),
        ("-Host(`a`)", "- is not supported"),
        ("Host(`a`)(`b`)", "expected identifier, got: *ast.CallExpr"),
        ("pathPrefix(`/`)", "unsupported function: pathPrefix"),
        ("true", "true is not defined"),
        ("Header(`a`, 1)", "reflect: cannot use int as type string in Call"),
        ("Host()", "error while checking rule Host: no args for matcher Host"),
        ("Query(``, `1`)", "error while checking rule Query: empty args for matcher Query, [ 1]"),
        (
            "Path(`/a`, `/b`)",
            "error while adding rule Path: unexpected number of parameters; got 2, expected one of [1]",
        ),
        ("Path(`a`)", "error while adding rule Path: path \"a\" does not start with a '/'"),
    ] {
        assert_eq!(error(rule), expected, "{rule}");
    }
}

#[test]
fn slips_come_with_a_hint() {
    let hint = |rule: &str| Rule::parse(rule).unwrap_err().hint();
    assert_eq!(hint("PathPrefx(`/`)").as_deref(), Some("did you mean `PathPrefix`?"));
    assert_eq!(hint("Headers(`a`, `b`)").as_deref(), Some("in v3 rules it is called `Header`"));
    assert_eq!(
        hint("Host(`a`, `b`)").as_deref(),
        Some("in v3 rules a matcher takes one value: join several matchers by `||`")
    );
    assert_eq!(hint("Host("), None);
}

#[test]
fn deep_and_long_rules_do_not_exhaust_the_stack() {
    let deep = format!("{}Host(`a`){}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Rule::parse(&deep).unwrap_err().message.contains("nested deeper"));
    assert!(Rule::parse(&"!".repeat(100_000)).is_err());
    let long = vec!["Host(`a`)"; 50_000].join(" || ");
    assert!(Rule::parse(&long).is_ok());
}

#[test]
fn knows_the_hosts_of_a_rule() {
    let rule = Rule::parse("Host(`A.example`) || !Host(`b.example`) && (Host(`*.c.example`) || Host(`*`))").unwrap();
    assert_eq!(rule.hosts(), ["a.example", "*.c.example"], "who is excluded is not one of them");
    assert_eq!(rule.host_keys(), None);
    let rule = Rule::parse("(Host(`a`) || Host(`*.b`)) && PathPrefix(`/x`) && !Host(`c`)").unwrap();
    assert_eq!(rule.host_keys(), Some(vec![HostKey::Exact("a"), HostKey::Suffix(".b")]));
    let rule = Rule::parse("!(Host(`a`) || Path(`/x`))").unwrap();
    assert_eq!(rule.host_keys(), None);
    let rule = Rule::parse("!(!Host(`a`) || !Path(`/x`))").unwrap();
    assert_eq!(rule.host_keys(), Some(vec![HostKey::Exact("a")]));
}

#[test]
fn tcp_rules_match_names_addresses_and_protocols() {
    let ask = |rule: &str, server_name: &str| {
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        TcpRule::parse(rule).unwrap().matches(&TcpCandidate { server_name, client, alpn: &[b"h2"] })
    };
    assert!(ask("HostSNI(`*`)", ""));
    assert!(ask("HostSNI(`A.example`)", "a.example"));
    assert!(ask("HostSNI(`*.example`)", "a.example"));
    assert!(!ask("HostSNI(`*.example`)", "b.a.example"));
    assert!(ask("HostSNIRegexp(`^a`) && ClientIP(`10.0.0.0/8`) && ALPN(`h2`)", "a.example"));
    let wrong = |rule: &str| TcpRule::parse(rule).unwrap_err().message;
    assert_eq!(wrong("Host(`a`)"), "invalid rule: \"Host(`a`)\" , unsupported function: Host");
    assert_eq!(
        wrong("ALPN(`acme-tls/1`)"),
        "error while adding rule ALPN(`acme-tls/1`): invalid protocol value for ALPN matcher, \"acme-tls/1\" is not allowed"
    );
    for host in ["*.*.t", "a*.t", "a b", "*.", "[::1]"] {
        let rule = format!("HostSNI(`{host}`)");
        let reason = format!("invalid value for HostSNI matcher, \"{host}\" is not a valid hostname");
        assert_eq!(wrong(&rule), format!("error while adding rule {rule}: {reason}"));
    }
    for host in ["-a.t", "a_b.t", "a.t.", ".t", "a:b", "1.2.3.4"] {
        assert!(TcpRule::parse(&format!("HostSNI(`{host}`)")).is_ok(), "{host}");
    }
    for catch_all in ["HostSNI(`*`)", "HostSNI(\"*\")", "(hostsni( `*` ))", "!HostSNI(`*`)"] {
        assert_eq!(priority::of_tcp(0, catch_all), -1, "{catch_all}");
    }
    assert_eq!(priority::of_tcp(0, "HostSNI(`*`) && ALPN(`h2`)"), 26);
}

#[test]
fn tcp_rules_of_v2_have_several_values() {
    let ask = |rule: &str, server_name: &str| {
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        TcpRule::parse_v2(rule).unwrap().matches(&TcpCandidate { server_name, client, alpn: &[b"h2"] })
    };
    assert!(ask("HostSNI(`*`)", "") && ask("HostSNI(`a.example`, `B.example`)", "b.example"));
    assert!(!ask("HostSNI(`a.example`, `b.example`)", "c.example"));
    assert!(ask("HostSNIRegexp(`{sub:[a-z]+}.example`)", "a.example"));
    assert!(ask("HostSNIRegexp(`{sub:[A-Z]+}.Example`)", "a.example"));
    assert!(!ask("HostSNIRegexp(`{sub:[a-z]+}.example`)", "1.example"));
    assert!(ask("ClientIP(`192.0.2.0/24`, `10.0.0.0/8`) && ALPN(`h2`, `foo`)", ""));
    assert_eq!(TcpRule::parse_v2("HostSNI(`a`, `*`)").unwrap().hosts(), ["a", "*"]);
    assert!(TcpRule::parse_v2("HostSNI(`*`)").unwrap().is_catch_all());
    for never in ["HostSNI(`*.example`)", "HostSNI(`{a:.+}.example`)"] {
        assert!(TcpRule::parse_v2(never).is_err(), "{never}");
    }
    assert!(TcpRule::parse("HostSNI(`a`, `b`)").is_err() && TcpRule::parse_v2("HostSNIRegexp(`{a`)").is_err());
}

/// What Traefik answered; lies beside the repository where the project is developed.
fn oracle(part: &str) -> Option<Vec<(Value, Value)>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/gateway-cases").join(part);
    let lines = |name: &str| -> Option<Vec<Value>> {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    Some(lines("cases.jsonl")?.into_iter().zip(lines("expected.jsonl")?).collect())
}

/// A path that routes as it is written.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.'))
        && !path.contains("//")
        && !path.contains("/.")
        && path.starts_with('/')
}

#[test]
fn agrees_with_traefik() {
    let Some(cases) = oracle("rules") else {
        return;
    };
    let mut wrong = Vec::new();
    for (case, expected) in cases {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if case.get("ruleSyntax").is_some_and(|syntax| syntax == "v2") {
            continue;
        }
        let (id, rule) = (text(&case, "id").unwrap(), text(&case, "rule").unwrap());
        let accepted = expected["accepted"].as_bool().unwrap();
        let parsed = match Rule::parse(&rule) {
            Ok(parsed) if accepted => parsed,
            Err(error) if !accepted => {
                // The regular expression engines word their complaints differently; a number is no matcher in either.
                let told = expected["error"][0].as_str().unwrap();
                if told != error.message && !told.contains("parsing regexp") && !told.contains("obtaining build tree") {
                    wrong.push(format!("{id}: {told}\n  but {error}"));
                }
                continue;
            }
            other => {
                wrong.push(format!("{id}: {rule}: accepted={accepted} but {other:?}"));
                continue;
            }
        };
        if expected.get("priority").and_then(Value::as_i64) != Some(priority::of(0, &rule)) {
            wrong.push(format!("{id}: priority"));
        }
        for (request, matches) in
            case["requests"].as_array().unwrap().iter().zip(expected["matches"].as_array().unwrap())
        {
            let target = text(request, "path").unwrap_or_else(|| "/".to_owned());
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            if request.get("raw").is_some() || !is_plain(path) || matches.as_i64().is_none_or(|m| m > 1) {
                continue;
            }
            let query = query.replace(';', "&").into_bytes();
            let mut headers = HeaderMap::new();
            for header in request["headers"].as_array().into_iter().flatten() {
                let value: Vec<u8> =
                    header[1].as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
                let name = HeaderName::from_bytes(header[0].as_str().unwrap().as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_bytes(value.trim_ascii()).unwrap());
            }
            let host = text(request, "host").unwrap_or_else(|| "example.com".to_owned()).to_ascii_lowercase();
            let host = match host.strip_prefix('[') {
                Some(rest) => rest.split(']').next().unwrap(),
                None => host.split(':').next().unwrap(),
            };
            let candidate = Candidate {
                host: if request.get("no_host").is_some() { "" } else { host },
                path: path.as_bytes(),
                method: &text(request, "method").unwrap_or_else(|| "GET".to_owned()),
                headers: &headers,
                upgrade: None,
                query: &query,
                client: text(request, "source").unwrap_or_else(|| "127.0.0.1".to_owned()).parse().unwrap(),
            };
            if parsed.matches(&candidate) != (matches == 1) {
                wrong.push(format!("{id}: {rule}: {request} expected {matches}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_switch_of_protocols_is_seen() {
    let (headers, websocket) = (HeaderMap::new(), HeaderValue::from_static("websocket"));
    let asks = |rule: &str, upgrade| {
        Rule::parse(rule).unwrap().matches(&Candidate {
            host: "a.test",
            path: b"/",
            method: "GET",
            headers: &headers,
            upgrade,
            query: b"",
            client: "127.0.0.1".parse().unwrap(),
        })
    };
    for rule in ["Header(`Upgrade`, `websocket`)", "HeaderRegexp(`Connection`, `(?i)upgrade`)"] {
        assert!(asks(rule, Some(&websocket)) && !asks(rule, None), "{rule}");
    }
}

#[test]
fn hosts_are_alike_in_small_and_large_letters() {
    for (rule, host, expected) in [
        ("HostRegexp(`{sub:A.*}.Example.com`)", "ab.example.com", true),
        ("HostRegexp(`Example.com`)", "example.org", false),
    ] {
        let candidate = Candidate {
            host,
            path: b"/",
            method: "GET",
            headers: &HeaderMap::new(),
            upgrade: None,
            query: b"",
            client: "127.0.0.1".parse().unwrap(),
        };
        assert_eq!(Rule::parse_v2(rule).unwrap().matches(&candidate), expected, "{rule}");
    }
}

#[test]
fn queries_of_v2_are_pairs() {
    for (rule, query, expected) in [
        ("Query(`x=1`)", "x=1", true),
        ("Query(`x`, `1`)", "x=1", true),
        ("Query(`x=1`, `y`, `2`)", "x=1&y=3", false),
        ("Query(`x=`)", "x=7", true),
        ("Query(`x=2`)", "x=1&x=2", false),
    ] {
        let candidate = Candidate {
            host: "a.test",
            path: b"/",
            method: "GET",
            headers: &HeaderMap::new(),
            upgrade: None,
            query: query.as_bytes(),
            client: "127.0.0.1".parse().unwrap(),
        };
        assert_eq!(Rule::parse_v2(rule).unwrap().matches(&candidate), expected, "{rule}");
    }
    assert!(Rule::parse_v2("Query(`x`)").unwrap_err().message.contains("multiple of 2"));
    assert!(Rule::parse_v2("Query(`x={n}`, `y={n}`)").unwrap_err().message.contains("duplicated route variable"));
    assert!(Rule::parse_v2("Query(`x={n:[0-9]{2}}`, `y={m:[a-z]{2}}`)").is_ok(), "repetitions are no names");
}

#[test]
fn a_matcher_is_shown_as_it_would_be_written() {
    for (rule, shown) in [
        ("Host(\"a.test\")", "Host(`a.test`)"),
        ("!Header(`x`, \"`\\x07\")", "!Header(`x`, \"`\\a\")"),
        ("Header(`x`, \"\\r\")", "Header(`x`, \"\\r\")"),
    ] {
        let mut all = Vec::new();
        Rule::parse(rule).unwrap().expression.leaves(&mut |_, _, text| all.push(text.to_owned()));
        assert_eq!(all, [shown]);
        assert!(Rule::parse(shown).is_ok());
    }
}
