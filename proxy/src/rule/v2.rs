//! Rules in the syntax of Traefik v2 (`ruleSyntax: v2`): a matcher takes several values, of which one must fit, and hosts,
//! paths and queries are templates in which `{name}` and `{name:pattern}` stand for what varies.
//!
//! Specification: Traefik v2 documentation, "Routers: rule"; Traefik v3 documentation, "Migration: new syntax".

use regex::bytes::Regex;

use super::matcher::{HostName, Matcher, client_range, header, regex, text};

/// The names of the matchers in the spelling of the documentation.
pub(super) const NAMES: [&str; 10] = [
    "Host",
    "HostHeader",
    "HostRegexp",
    "Path",
    "PathPrefix",
    "Method",
    "Headers",
    "HeadersRegexp",
    "Query",
    "ClientIP",
];

/// Builds a matcher; `Err` holds the reason without the matcher's name.
pub(super) fn build(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    let any = |one: &dyn Fn(&[u8]) -> Result<Matcher, String>| {
        args.iter().map(|arg| one(arg)).collect::<Result<_, _>>().map(Matcher::AnyOf)
    };
    match name {
        "Host" | "HostHeader" => any(&|host| {
            let host = ascii(host, "Host")?;
            Ok(Matcher::Host(HostName { name: host.to_ascii_lowercase(), wildcard: false }))
        }),
        "HostRegexp" => any(&|host| Ok(Matcher::HostRegexp(host_template(ascii(host, name)?)?))),
        "Path" => any(&|path| Ok(Matcher::PathRegexp(template(rooted(path)?, "[^/]+", true)?))),
        "PathPrefix" => any(&|path| Ok(Matcher::PathRegexp(template(rooted(path)?, "[^/]+", false)?))),
        "Method" => any(&|method| Ok(Matcher::Method(text(method)?.to_uppercase()))),
        "ClientIP" => any(&|range| Ok(Matcher::ClientIp(client_range(range)?))),
        "Headers" => pairs(args, |key, value| {
            Ok(header(key).map_or(Matcher::Nothing, |name| Matcher::Header(name, value.to_vec())))
        }),
        "HeadersRegexp" => pairs(args, |key, value| {
            let expression = regex(value, "HeadersRegexp")?;
            Ok(header(key).map_or(Matcher::Nothing, |name| Matcher::HeaderRegexp(name, expression)))
        }),
        // As in Traefik: `key=template`, or the two one after the other.
        "Query" => {
            let parts: Vec<Vec<u8>> =
                args.iter().flat_map(|arg| arg.splitn(2, |byte| *byte == b'=')).map(<[u8]>::to_vec).collect();
            distinct(&parts)?;
            pairs(&parts, query)
        }
        other => Err(format!("unsupported function: {other}")),
    }
}

pub(super) fn ascii<'a>(host: &'a [u8], matcher: &str) -> Result<&'a str, String> {
    let host = text(host)?;
    if host.is_ascii() {
        Ok(host)
    } else {
        Err(format!("invalid value \"{host}\" for \"{matcher}\" matcher, non-ASCII characters are not allowed"))
    }
}

fn rooted(path: &[u8]) -> Result<&str, String> {
    let path = text(path)?;
    if path.starts_with('/') { Ok(path) } else { Err(format!("mux: path must start with a slash, got \"{path}\"")) }
}

fn pairs(args: &[Vec<u8>], one: impl Fn(&[u8], &[u8]) -> Result<Matcher, String>) -> Result<Matcher, String> {
    let matchers = args.chunks(2).map(|pair| match pair {
        [key, value] => one(key, value),
        _ => {
            let all: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
            Err(format!("mux: number of parameters must be multiple of 2, got [{}]", all.join(" ")))
        }
    });
    matchers.collect::<Result<_, _>>().map(Matcher::AllOf)
}

/// The value of a key by a template; an empty one asks only whether the key is there.
fn query(key: &[u8], value: &[u8]) -> Result<Matcher, String> {
    let value = text(value)?;
    let value = if value.is_empty() { regex(b"", "Query")? } else { template(value, ".*", true)? };
    Ok(Matcher::FirstQueryRegexp(key.to_vec(), value))
}

/// A host by a template; letters are alike whether small or large.
fn host_template(host: &str) -> Result<Regex, String> {
    regex(format!("(?i){}", pattern(host, "[^.]+", true)?).as_bytes(), "template")
}

/// Refuses keys and values, one after the other, of which two values call what varies by one name.
fn distinct(parts: &[Vec<u8>]) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for value in parts.iter().skip(1).step_by(2) {
        let names = names(text(value)?);
        if let Some(twice) = names.iter().find(|name| seen.contains(name)) {
            return Err(format!("mux: duplicated route variable \"{twice}\""));
        }
        seen.extend(names);
    }
    Ok(())
}

/// What the braces of a template call what varies; braces within patterns are repetitions.
fn names(template: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), template);
    while let Some((_, after)) = rest.find('{').map(|at| rest.split_at(at)) {
        // What is not closed is refused by whoever reads the pattern.
        let Some(end) = closing(after) else { break };
        names.extend(after.get(1..end).and_then(|inner| inner.split(':').next()));
        rest = after.get(end + 1..).unwrap_or_default();
    }
    names
}

/// The pattern of a template: what stands in braces is a pattern (`otherwise` where none is given), the rest is text.
fn template(template: &str, otherwise: &str, whole: bool) -> Result<Regex, String> {
    regex(pattern(template, otherwise, whole)?.as_bytes(), "template")
}

/// As [`template`], not compiled.
pub(super) fn pattern(template: &str, otherwise: &str, whole: bool) -> Result<String, String> {
    let mut pattern = String::from("^");
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        pattern.push_str(&::regex::escape(before));
        let end = closing(after).ok_or_else(|| format!("mux: unbalanced braces in \"{template}\""))?;
        let inner = after.get(1..end).unwrap_or_default();
        let (name, wanted) = inner.split_once(':').unwrap_or((inner, otherwise));
        if name.is_empty() || wanted.is_empty() {
            return Err(format!("mux: missing name or pattern in \"{{{inner}}}\""));
        }
        // It has to be a pattern by itself: `a)(b` would be one between parentheses.
        regex(format!("^{wanted}$").as_bytes(), "template")?;
        pattern.push_str("(?:");
        pattern.push_str(wanted);
        pattern.push(')');
        rest = after.get(end + 1..).unwrap_or_default();
    }
    pattern.push_str(&::regex::escape(rest));
    if whole {
        pattern.push('$');
    }
    Ok(pattern)
}

/// Where the brace that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::template;

    #[test]
    fn templates() {
        let host = template("{sub:[a-z]{2,}}.example.com", "[^.]+", true).unwrap();
        assert!(
            host.is_match(b"ab.example.com") && !host.is_match(b"a.example.com") && !host.is_match(b"abXexample.com")
        );
        let path = template("/{id}/x", "[^/]+", false).unwrap();
        assert!(path.is_match(b"/1/xyz") && !path.is_match(b"/1/2/x"));
        for bad in ["{a", "a}", "{:x}", "{a:}", "{a:b)(c}"] {
            assert!(template(bad, ".*", true).is_err(), "{bad}");
        }
    }
}
