//! Whether one rule takes all that another one takes, as far as that can be told from their texts.

use super::Rule;
use super::expression::Expression;
use super::matcher::{HostName, Matcher};

/// Comparisons after which two rules count as different: rules of labels may be long on purpose.
const MOST: usize = 4096;

impl Rule {
    /// Whether every request that `other` takes is one that this rule takes, too. A "no" may only mean that it cannot be told.
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.expression, &other.expression, &mut MOST.clone())
    }
}

fn covers(wide: &Expression<Matcher>, narrow: &Expression<Matcher>, left: &mut usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    *left = less;
    match (wide, narrow) {
        (_, Expression::Any(terms)) => terms.iter().all(|term| covers(wide, term, left)),
        (Expression::All(terms), _) => terms.iter().all(|term| covers(term, narrow, left)),
        (Expression::Any(wides), Expression::All(narrows)) => {
            wides.iter().any(|term| covers(term, narrow, left)) || narrows.iter().any(|term| covers(wide, term, left))
        }
        (Expression::Any(terms), Expression::Leaf { .. }) => terms.iter().any(|term| covers(term, narrow, left)),
        (Expression::Leaf { .. }, Expression::All(terms)) => terms.iter().any(|term| covers(wide, term, left)),
        (
            Expression::Leaf { matcher: wide, negated: no_wide, .. },
            Expression::Leaf { matcher: narrow, negated: no_narrow, .. },
        ) => match (no_wide, no_narrow) {
            (false, false) => includes(wide, narrow),
            (true, true) => includes(narrow, wide),
            _ => false,
        },
    }
}

/// Whether `narrow` never says yes where `wide` says no.
fn includes(wide: &Matcher, narrow: &Matcher) -> bool {
    match (wide, narrow) {
        (Matcher::Anything, _) | (_, Matcher::Nothing) => true,
        (Matcher::Host(wide), Matcher::Host(narrow)) => {
            wide == narrow || (!narrow.wildcard && wide.matches(&narrow.name))
        }
        (Matcher::HostRegexp(wide), Matcher::Host(HostName { name, wildcard: false })) => {
            // A host may end in a dot where the rule's does not.
            wide.is_match(name.as_bytes()) && wide.is_match(format!("{name}.").as_bytes())
        }
        (Matcher::PathPrefix(wide), Matcher::PathPrefix(narrow) | Matcher::Path(narrow)) => narrow.starts_with(wide),
        (Matcher::Path(wide), Matcher::Path(narrow)) => wide == narrow,
        (Matcher::Method(wide), Matcher::Method(narrow)) => wide == narrow,
        (Matcher::ClientIp(wide), Matcher::ClientIp(narrow)) => wide.contains(narrow),
        (Matcher::Header(one, wide), Matcher::Header(other, narrow)) => one == other && wide == narrow,
        (Matcher::Query(one, wide), Matcher::Query(other, narrow)) => one == other && wide == narrow,
        (Matcher::HostRegexp(wide), Matcher::HostRegexp(narrow))
        | (Matcher::PathRegexp(wide), Matcher::PathRegexp(narrow)) => wide.as_str() == narrow.as_str(),
        (Matcher::HeaderRegexp(one, wide), Matcher::HeaderRegexp(other, narrow)) => {
            one == other && wide.as_str() == narrow.as_str()
        }
        (Matcher::QueryRegexp(one, wide), Matcher::QueryRegexp(other, narrow)) => {
            one == other && wide.as_str() == narrow.as_str()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::Rule;

    fn covers(wide: &str, narrow: &str) -> bool {
        let parse = |rule: &str| Rule::parse(rule).ok();
        parse(wide).zip(parse(narrow)).is_some_and(|(wide, narrow)| wide.covers(&narrow))
    }

    #[test]
    fn a_wider_rule_covers_a_narrower_one() {
        for (wide, narrow) in [
            ("PathPrefix(`/`)", "Host(`a`) && PathPrefix(`/x`)"),
            ("Host(`a`)", "Host(`a`) && Path(`/x`)"),
            ("Host(`a`) || Host(`b`)", "Host(`b`)"),
            ("Host(`*.a`)", "Host(`x.a`)"),
            ("HostRegexp(`^.+$`)", "Host(`a`) || Host(`b`)"),
            ("Host(`a`) && PathPrefix(`/x`)", "PathPrefix(`/x/y`) && Host(`a`)"),
            ("!Path(`/x`)", "!PathPrefix(`/x`)"),
            ("ClientIP(`10.0.0.0/8`)", "ClientIP(`10.1.0.0/16`)"),
        ] {
            assert!(covers(wide, narrow), "{wide} / {narrow}");
            assert!(!covers(narrow, wide), "{narrow} / {wide}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_covered() {
        for (wide, narrow) in [
            ("Host(`a`)", "Host(`b`)"),
            ("Host(`a`)", "HostRegexp(`^a$`)"),
            ("HostRegexp(`^a$`)", "Host(`a`)"),
            ("Path(`/x`)", "PathPrefix(`/x`)"),
            ("!Path(`/x`)", "Path(`/y`)"),
            ("Method(`GET`)", "Path(`/`)"),
        ] {
            assert!(!covers(wide, narrow), "{wide} / {narrow}");
        }
    }

    #[test]
    fn comparing_ends_in_time() {
        let many = |op: &str, name: &str| {
            (0..60).map(|n| format!("(Host(`{name}{n}`) {op} Path(`/{n}`))")).collect::<Vec<_>>()
        };
        assert!(!covers(&many("&&", "a").join(" || "), &many("||", "b").join(" && ")));
    }
}
