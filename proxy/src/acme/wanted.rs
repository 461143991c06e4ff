//! Which certificates a configuration asks for (Traefik documentation, "ACME: domain definition").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Resolver, order};
use crate::config::dynamic::{Configuration, Domain};
use crate::route::RoutingTable;
use crate::rule::TcpRule;
use crate::snapshot::compile::Problem;
use crate::tls::store::Store;

/// One certificate that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Want {
    /// Name of the resolver.
    pub(crate) resolver: String,
    /// Its names in lower case, the main one first; never empty.
    pub(crate) names: Vec<String>,
}

/// All that is asked for, and what is there already.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The resolvers by the names that routers use.
    pub(crate) resolvers: BTreeMap<String, Resolver>,
    /// The certificates.
    pub(crate) wants: Vec<Want>,
    /// Those that are configured.
    pub(crate) store: Arc<Store>,
}

/// What the routers of a configuration ask for: the names in `tls.domains`, one certificate for each entry, else every
/// name in the rule in one certificate. With it, what cannot be had.
pub(crate) fn wants(
    configuration: &Configuration,
    table: &RoutingTable,
    resolvers: &BTreeMap<String, Resolver>,
) -> (Vec<Want>, Vec<Problem>) {
    let http = table.routes().iter().filter_map(|route| {
        let tls = route.tls.as_ref().filter(|tls| !tls.cert_resolver.is_empty())?;
        Some((&route.name, &tls.cert_resolver, &tls.domains, route.hosts()))
    });
    let tcp = configuration.tcp.routers.iter().filter_map(|(name, router)| {
        let tls = router.tls.as_ref().filter(|tls| !tls.cert_resolver.is_empty() && !tls.passthrough)?;
        let hosts = TcpRule::parse(&router.rule).map(|rule| rule.hosts()).unwrap_or_default();
        Some((name, &tls.cert_resolver, &tls.domains, hosts))
    });
    let stores = configuration.tls.stores.iter().filter_map(|(name, store)| {
        let generated = store.default_generated_cert.as_ref()?;
        Some((format!("TLS store `{name}`"), &generated.resolver, generated.domain.as_slice(), Vec::new()))
    });
    let routers = http
        .chain(tcp)
        .map(|(name, resolver, domains, hosts)| (format!("router `{name}`"), resolver, domains.as_slice(), hosts));
    let (mut wants, mut problems) = (BTreeSet::new(), Vec::new());
    for (object, name, domains, hosts) in routers.chain(stores) {
        let mut problem = |reason: String| problems.push(Problem { object: object.clone(), reason });
        let Some(resolver) = resolvers.get(name) else {
            problem(format!("there is no certificate resolver `{name}`; its certificate is the default one"));
            continue;
        };
        if resolver.options.obstacle().is_some() {
            continue;
        }
        if let Some(reason) = resolver.lacks() {
            problem(format!("certificate resolver `{name}`: {reason}"));
            continue;
        }
        let sets: Vec<Vec<String>> = if domains.is_empty() {
            vec![distinct(hosts)]
        } else {
            domains.iter().map(|Domain { main, sans }| distinct(std::iter::once(main).chain(sans).cloned())).collect()
        };
        for set in sets {
            let (mut names, mut impossible) = (Vec::new(), Vec::new());
            for name in without_covered(set) {
                match order::obstacle(&resolver.options, &name) {
                    None => names.push(name),
                    Some(failure) => impossible.push(failure),
                }
            }
            impossible.into_iter().for_each(|failure| problem(format!("{}: {}", failure.reason, failure.hint)));
            if !names.is_empty() {
                wants.insert(Want { resolver: name.clone(), names });
            }
        }
    }
    // Large sets first: they often cover the small ones.
    let mut wants: Vec<Want> = wants.into_iter().collect();
    wants.sort_by_key(|want| std::cmp::Reverse(want.names.len()));
    (wants, problems)
}

/// Why a resolver gets no certificate for a name; none where it may.
pub(crate) fn obstacle(resolver: &Resolver, name: &str) -> Option<String> {
    let lacking = || resolver.options.obstacle().or_else(|| resolver.lacks());
    lacking().or_else(|| order::obstacle(&resolver.options, name).map(|failure| failure.reason))
}

/// Names as they are compared, each once; what is no name is left out.
fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names
        .into_iter()
        .map(|name| name.trim().trim_end_matches('.').to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "*" && name.is_ascii())
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

/// Without names that a wildcard of the same set covers: authorities refuse both in one certificate.
fn without_covered(names: Vec<String>) -> Vec<String> {
    let wildcards: BTreeSet<String> =
        names.iter().filter_map(|name| name.strip_prefix("*.")).map(str::to_owned).collect();
    let covered =
        |name: &String| name.split_once('.').is_some_and(|(label, rest)| label != "*" && wildcards.contains(rest));
    names.into_iter().filter(|name| !covered(name)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::statics::{Acme, DnsChallenge, HttpChallenge};
    use crate::route::EntryPointModel;

    fn resolver(options: Acme) -> Resolver {
        Resolver { options, ..Resolver::default() }
    }

    #[test]
    fn names_come_from_domains_or_rules() {
        let text = r"
http:
  routers:
    two: { rule: 'Host(`B.example`) || Host(`a.example`) && !Host(`c.example`)', service: s, tls: { certResolver: le } }
    same: { rule: 'Host(`b.example`) || Host(`a.example`) || Host(`c.example`)', service: s, tls: { certResolver: le } }
    regexp: { rule: 'HostRegexp(`^x$`)', service: s, tls: { certResolver: le } }
    wild: { rule: 'Host(`*.w.example`) || Host(`w.example`)', service: s, tls: { certResolver: le } }
    domains:
      rule: 'Host(`d.example`)'
      service: s
      tls: { certResolver: dns, domains: [{ main: e.example, sans: ['*.e.example', 'x.e.example'] }, { main: f.example }] }
    none: { rule: 'Host(`g.example`)', service: s, tls: {} }
    lost: { rule: 'Host(`h.example`)', service: s, tls: { certResolver: nobody } }
  services:
    s: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:1' }] } }
tcp:
  routers:
    t: { rule: 'HostSNI(`t.example`)', service: s, tls: { certResolver: le } }
    p: { rule: 'HostSNI(`p.example`)', service: s, tls: { certResolver: le, passthrough: true } }
tls:
  stores:
    default: { defaultGeneratedCert: { resolver: le, domain: { main: default.example } } }
";
        let found: Configuration = serde_yaml::from_str(text).unwrap();
        let configuration = crate::assemble::merge(&Default::default(), [("file", found)]);
        let model = EntryPointModel { name: "web".to_owned(), ..EntryPointModel::default() };
        let table = RoutingTable::compile(&configuration, &[model]);
        let http = HttpChallenge { entry_point: "web".to_owned(), ..HttpChallenge::default() };
        let dns = DnsChallenge { provider: "exec".to_owned(), ..DnsChallenge::default() };
        let with_hook = Resolver {
            environment: BTreeMap::from([("EXEC_PATH".to_owned(), "/hook".to_owned())]),
            ..resolver(Acme { dns_challenge: Some(dns), ..Acme::default() })
        };
        let resolvers = BTreeMap::from([
            ("le".to_owned(), resolver(Acme { http_challenge: Some(http), ..Acme::default() })),
            ("dns".to_owned(), with_hook),
        ]);
        let (wants, problems) = wants(&configuration, &table, &resolvers);
        let wants: Vec<String> =
            wants.iter().map(|want| format!("{} {}", want.resolver, want.names.join(" "))).collect();
        assert_eq!(
            wants,
            [
                "le b.example a.example c.example",
                "dns e.example *.e.example",
                "le b.example a.example",
                "dns f.example",
                "le default.example",
                "le t.example",
                "le w.example"
            ]
        );
        let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        problems.sort();
        assert_eq!(
            problems,
            [
                "router `lost@file`: there is no certificate resolver `nobody`; its certificate is the default one",
                "router `wild@file`: a certificate for `*.w.example` needs a DNS challenge: give the router another resolver, or the resolver another challenge",
            ]
        );
    }

    #[test]
    fn an_entry_point_gives_its_resolver_to_routers_without_tls() {
        let text = r"
http:
  routers:
    a: { rule: 'Host(`a.example`)', service: s }
    b: { rule: 'Host(`b.example`)', service: s, tls: {} }
  services:
    s: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:1' }] } }
";
        let found: Configuration = serde_yaml::from_str(text).unwrap();
        let configuration = crate::assemble::merge(&Default::default(), [("file", found)]);
        let tls = crate::config::dynamic::RouterTls { cert_resolver: "le".to_owned(), ..Default::default() };
        let model = EntryPointModel { name: "web".to_owned(), tls: Some(tls), ..EntryPointModel::default() };
        let table = RoutingTable::compile(&configuration, &[model]);
        let http = HttpChallenge { entry_point: "web".to_owned(), ..HttpChallenge::default() };
        let options = Acme { http_challenge: Some(http), ..Acme::default() };
        let (wants, problems) = wants(&configuration, &table, &[("le".to_owned(), resolver(options))].into());
        assert_eq!(wants, [Want { resolver: "le".to_owned(), names: vec!["a.example".to_owned()] }]);
        assert_eq!(problems, []);
    }
}
