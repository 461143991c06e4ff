//! Trials: after a failure a name is proved to the authority's test system first, and only then to the authority itself,
//! so that a mistake that stays costs none of what the authority counts.

use std::collections::BTreeMap;

use crate::config::statics::Acme;

/// Name of the variable that says where orders are tried: `off`, or the URL of a directory.
pub(super) const VARIABLE: &str = "STACK_ACME_TRIAL";

/// Authorities with their test systems.
const KNOWN: [(&str, &str); 1] =
    [("https://acme-v02.api.letsencrypt.org/directory", "https://acme-staging-v02.api.letsencrypt.org/directory")];

/// Where an order is tried after `failures` in a row; none where it is not.
pub(super) fn server(options: &Acme, environment: &BTreeMap<String, String>, failures: u32) -> Option<String> {
    if failures == 0 {
        return None;
    }
    let written = environment.get(VARIABLE).map(|text| text.trim()).filter(|text| !text.is_empty());
    match written {
        Some(text) if text.eq_ignore_ascii_case("off") => None,
        Some(url) => Some(url.to_owned()),
        None => {
            let is_asked = |known: &str| options.ca_server.trim_end_matches('/') == known;
            KNOWN.iter().find(|(known, _)| is_asked(known)).map(|(_, test)| (*test).to_owned())
        }
    }
}

/// What is wrong with the variable; none where it can be used.
pub(super) fn obstacle(environment: &BTreeMap<String, String>) -> Option<String> {
    let text = environment.get(VARIABLE)?.trim();
    let is_usable = text.is_empty() || text.eq_ignore_ascii_case("off") || text.starts_with("https://");
    (!is_usable).then(|| format!("`{VARIABLE}` takes `off` or a URL that starts with `https://`, not `{text}`"))
}

/// The options of a resolver as its trials have them: a test system has accounts and profiles of its own.
pub(super) fn options(options: &Acme, server: String) -> Acme {
    Acme { ca_server: server, eab: None, preferred_chain: String::new(), ..options.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_is_tried_where_a_test_system_is_known() {
        let variable = |text: &str| BTreeMap::from([(VARIABLE.to_owned(), text.to_owned())]);
        let (usual, own) = (Acme::default(), Acme { ca_server: "https://ca.internal".to_owned(), ..Acme::default() });
        let none = BTreeMap::new();
        assert_eq!(server(&usual, &none, 0), None);
        assert!(server(&usual, &none, 1).is_some_and(|url| url.contains("staging")));
        assert_eq!(server(&own, &none, 1), None);
        assert_eq!(server(&usual, &variable("off"), 1), None);
        assert_eq!(server(&own, &variable("https://test.internal"), 2).as_deref(), Some("https://test.internal"));
        assert!(obstacle(&variable("http://test.internal")).is_some() && obstacle(&variable("OFF")).is_none());
    }
}
