//! Which of several matching routers wins.

use super::TcpRule;

/// The highest priority that a user may give; those above are the gateway's own.
pub const MAX_USER_PRIORITY: i64 = i64::MAX - 1000;

/// The priority of an HTTP router: as given, or the length of the rule in bytes.
pub fn of(given: i64, rule: &str) -> i64 {
    if given == 0 { i64::try_from(rule.len()).unwrap_or(MAX_USER_PRIORITY) } else { given }
}

/// The priority of a TCP router: the same, but the catch-all ``HostSNI(`*`)`` ranks lowest.
pub fn of_tcp(given: i64, rule: &str) -> i64 {
    let is_catch_all = || rule.contains('*') && TcpRule::parse(rule).is_ok_and(|rule| rule.is_catch_all());
    if given == 0 && is_catch_all() { -1 } else { of(given, rule) }
}
