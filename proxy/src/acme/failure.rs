//! Why no certificate was obtained, and what to do about it.

use std::borrow::Cow;

use instant_acme::{Error, Problem};

/// Why no certificate was obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What kind of failure it is.
    pub(super) kind: Kind,
    /// What went wrong.
    pub(super) reason: String,
    /// The way out.
    pub(super) hint: Cow<'static, str>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The authority was out of reach, or in trouble of its own.
    Unreached,
    /// The authority does not know the account.
    NoAccount,
    /// A name was not proved, or the authority refuses.
    Refused,
    /// The authority has been asked too often.
    TooOften,
}

impl Failure {
    /// A failure that the authority counts.
    pub(super) fn refused(reason: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Refused, reason: reason.into(), hint: hint.into() }
    }

    /// An order that took longer than it may.
    pub(super) fn late() -> Self {
        Self::refused("the authority took too long", "nothing is to be done: it is tried again")
    }

    /// What an authority says.
    pub(super) fn of(problem: &Problem) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
        let mut reason = problem.detail.clone().unwrap_or_else(|| "the authority gives no reason".to_owned());
        for one in &problem.subproblems {
            reason.push_str(&format!("; {one}"));
        }
        if !kind.is_empty() {
            reason.push_str(&format!(" ({kind})"));
        }
        let (class, hint) = match kind {
            "connection" => (
                Kind::Refused,
                "the name must lead to this host, and its port 80 (HTTP challenge) or 443 (TLS challenge) must be reachable from the internet",
            ),
            "dns" => (Kind::Refused, "the name needs a DNS record (A or AAAA) that leads to this host"),
            "unauthorized" | "incorrectResponse" | "tls" => (
                Kind::Refused,
                "something else than this gateway answers for the name: look at its DNS records, AAAA too, and at what stands before this host",
            ),
            "caa" => (Kind::Refused, "a CAA record of the domain forbids this authority"),
            "rejectedIdentifier" | "unsupportedIdentifier" => {
                (Kind::Refused, "this authority gives no certificate for such a name")
            }
            "externalAccountRequired" => {
                (Kind::Refused, "set `eab.kid` and `eab.hmacEncoded` as the authority gave them")
            }
            "rateLimited" => (Kind::TooOften, "nothing is to be done: it is tried again when the authority allows it"),
            "accountDoesNotExist" => (Kind::NoAccount, "a new account is made"),
            "badNonce" | "serverInternal" => (Kind::Unreached, "nothing is to be done: it is tried again"),
            _ => (Kind::Refused, "the authority's answer says why"),
        };
        Self { kind: class, reason, hint: hint.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Api(problem) => Self::of(problem),
            Error::Timeout(_) => Self::late(),
            other => Self {
                kind: Kind::Unreached,
                reason: format!("the authority cannot be asked: {}", crate::upstream::failure::chain(other)),
                hint: "this host must reach the authority over HTTPS; look at its DNS, firewall and clock, and at `caServer`".into(),
            },
        }
    }
}
