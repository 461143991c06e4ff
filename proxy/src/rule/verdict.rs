//! What each matcher of a rule says about a request, for people who ask why a router takes it or not.

use serde::{Deserialize, Serialize};

use super::matcher::Matcher;
use super::{Candidate, Rule, query};

/// One matcher's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The matcher as it is written, ``PathPrefix(`/api`)``, with its `!` where it is negated.
    pub matcher: String,
    /// Whether it says yes, negation included.
    pub fits: bool,
    /// What of the request it looked at, as a person reads it; empty where it looks at nothing.
    pub asked: String,
}

impl Rule {
    /// What each matcher says, in the order of the text.
    pub fn verdicts(&self, request: &Candidate<'_>) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        self.expression.leaves(&mut |matcher, negated, text| {
            let fits = matcher.matches(request) != negated;
            verdicts.push(Verdict { matcher: text.to_owned(), fits, asked: asked(matcher, request) });
        });
        verdicts
    }

    /// The matchers of which each alone keeps a request out: would it say yes, the rule would. None where the rule fits, or
    /// where more than one thing is different.
    pub fn to_blame(&self, request: &Candidate<'_>) -> Vec<Verdict> {
        let verdicts = self.verdicts(request);
        let holds = |with: Option<usize>| {
            let answers = verdicts.iter().enumerate().map(|(index, verdict)| verdict.fits || Some(index) == with);
            self.expression.answer(&mut answers.into_iter())
        };
        if holds(None) {
            return Vec::new();
        }
        let alone: Vec<bool> = (0..verdicts.len()).map(|index| holds(Some(index))).collect();
        verdicts.into_iter().zip(alone).filter_map(|(verdict, alone)| alone.then_some(verdict)).collect()
    }
}

/// What a matcher looks at.
fn asked(matcher: &Matcher, request: &Candidate<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match matcher {
        Matcher::Anything => String::new(),
        Matcher::Nothing => "a header that rules do not see".to_owned(),
        Matcher::Host(_) | Matcher::HostRegexp(_) if request.host.is_empty() => "no host".to_owned(),
        Matcher::Host(_) | Matcher::HostRegexp(_) => request.host.to_owned(),
        Matcher::Path(_) | Matcher::PathPrefix(_) | Matcher::PathRegexp(_) => text(request.path),
        Matcher::Method(_) => request.method.to_owned(),
        Matcher::Header(name, _) | Matcher::HeaderRegexp(name, _) => {
            let values: Vec<String> =
                request.headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
            if values.is_empty() { format!("no header `{name}`") } else { values.join(", ") }
        }
        Matcher::Query(key, _) | Matcher::QueryRegexp(key, _) | Matcher::FirstQueryRegexp(key, _) => {
            let found = query::pairs(request.query).filter(|(found, _)| query::is(found, key));
            let values: Vec<String> = found.map(|(_, value)| text(&query::decode(value))).collect();
            if values.is_empty() { format!("no `{}` in the query", text(key)) } else { values.join(", ") }
        }
        Matcher::ClientIp(_) => request.client.to_string(),
        Matcher::AnyOf(matchers) | Matcher::AllOf(matchers) => {
            matchers.first().map(|first| asked(first, request)).unwrap_or_default()
        }
    }
}
