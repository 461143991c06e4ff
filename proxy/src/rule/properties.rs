//! What must hold of any text as a rule.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use http::header::{HOST, USER_AGENT};

use crate::template::quoted;

use super::parser::{self, Tree};
use super::*;

/// A text as a rule of each kind. A mistake lies inside of it, and what is written of a rule reads as the same.
pub(crate) fn rule(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let inside = |error: &RuleError| {
        assert!(text.is_char_boundary(error.offset), "{error:?}");
        let _ = error.hint();
    };
    for parsed in [Rule::parse(text), Rule::parse_v2(text)] {
        match parsed {
            Ok(rule) => is_asked(&rule),
            Err(error) => inside(&error),
        }
    }
    for parsed in [TcpRule::parse(text), TcpRule::parse_v2(text)] {
        match parsed {
            Ok(rule) => {
                let client = Ipv4Addr::LOCALHOST.into();
                let _ = rule.matches(&TcpCandidate { server_name: "a.example", client, alpn: &[b"h2"] });
                let _ = rule.hosts();
            }
            Err(error) => inside(&error),
        }
    }
    match Constraint::parse(text) {
        Ok(constraint) => drop(constraint.matches(&BTreeMap::new())),
        Err(error) => inside(&error),
    }
    if let Ok(tree) = parser::parse(text, &|_| true) {
        let written = written(&tree);
        // Bytes that are no text cannot be written.
        if !written.contains(char::REPLACEMENT_CHARACTER) {
            let again = parser::parse(&written, &|_| true).map(|again| self::written(&again));
            assert_eq!(again.as_ref(), Ok(&written));
        }
    }
}

fn is_asked(rule: &Rule) {
    let headers = HeaderMap::from_iter([
        (HOST, HeaderValue::from_static("a.example")),
        (USER_AGENT, HeaderValue::from_static("x")),
    ]);
    let candidate = Candidate {
        host: "a.example",
        path: b"/api/v1",
        method: "GET",
        headers: &headers,
        upgrade: None,
        query: b"a=b&c",
        client: Ipv4Addr::LOCALHOST.into(),
    };
    let matches = rule.matches(&candidate);
    assert!(!matches || rule.to_blame(&candidate).is_empty(), "nothing keeps out what is let in");
    let keys = rule.host_keys();
    let is_found = |key: &HostKey<'_>| match key {
        HostKey::Exact(name) => *name == candidate.host,
        HostKey::Suffix(suffix) => candidate.host.ends_with(suffix),
    };
    assert!(!matches || keys.is_none_or(|keys| keys.iter().any(is_found)), "what matches is found by its host");
    let _ = rule.hosts();
    for verdict in rule.verdicts(&candidate) {
        assert!(!verdict.matcher.is_empty());
    }
}

/// A tree as a rule that means it.
fn written(tree: &Tree) -> String {
    let joined =
        |trees: &[Tree], operator: &str| format!("({})", trees.iter().map(written).collect::<Vec<_>>().join(operator));
    match tree {
        Tree::All(trees) => joined(trees, " && "),
        Tree::Any(trees) => joined(trees, " || "),
        Tree::Call(call) => {
            let args: Vec<String> = call.args.iter().map(|arg| quoted(&String::from_utf8_lossy(arg))).collect();
            format!("{}{}({})", if call.negated { "!" } else { "" }, call.name, args.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::rule::parser::Call;

    fn tree() -> impl Strategy<Value = Tree> {
        let call = ("[A-Z][a-z]{0,5}", vec("[^\u{fffd}]{0,8}".prop_map(String::into_bytes), 0..3), any::<bool>());
        let leaf = call.prop_map(|(name, args, negated)| Tree::Call(Call { name, args, negated, offset: 0 }));
        leaf.prop_recursive(5, 30, 4, |inner| {
            prop_oneof![vec(inner.clone(), 2..4).prop_map(Tree::All), vec(inner, 2..4).prop_map(Tree::Any)]
        })
    }

    /// Without the places of its matchers.
    fn placeless(tree: Tree) -> Tree {
        let all = |trees: Vec<Tree>| trees.into_iter().map(placeless).collect();
        match tree {
            Tree::All(trees) => Tree::All(all(trees)),
            Tree::Any(trees) => Tree::Any(all(trees)),
            Tree::Call(call) => Tree::Call(Call { offset: 0, ..call }),
        }
    }

    proptest! {
        #[test]
        fn a_rule_that_is_written_reads_as_the_same(tree in tree()) {
            let again = parser::parse(&written(&tree), &|_| true).map(placeless);
            prop_assert_eq!(again, Ok(tree));
        }
    }
}
