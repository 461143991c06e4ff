#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::acme::certificate::{Certificate, tests::made};
use crate::acme::wanted::Want;
use crate::config::statics::{Acme, TlsChallenge};
use crate::tls::store::{Store, self_made};

const DAY: i64 = 86_400;
const NOW: i64 = 1_700_000_000;

fn certificate(names: &[&str], from: i64) -> Certificate {
    let (chain, key) = made(names, from, 90 * DAY);
    Certificate::parse(chain.as_bytes(), key.as_bytes()).unwrap()
}

fn kept(resolver: &str, names: &[&str], from: i64) -> StoredCertificate {
    let domain = Domain {
        main: (*names.first().unwrap()).to_owned(),
        sans: names.iter().skip(1).map(|name| (*name).to_owned()).collect(),
    };
    StoredCertificate {
        storage: "acme.json".into(),
        resolver: resolver.to_owned(),
        domain,
        authority: None,
        certificate: certificate(names, from),
    }
}

fn wanted(wants: &[(&str, &[&str])], configured: &[&str]) -> Wanted {
    let resolver = |name: &str| Resolver {
        name: name.to_owned(),
        storage: "acme.json".into(),
        options: Acme { tls_challenge: Some(TlsChallenge::default()), ..Acme::default() },
        ..Resolver::default()
    };
    let configured: Vec<_> = configured.iter().map(|name| certificate(&[name], NOW).key).collect();
    Wanted {
        resolvers: BTreeMap::from(["le", "other"].map(|name| (name.to_owned(), resolver(name)))),
        wants: wants
            .iter()
            .map(|(resolver, names)| Want {
                resolver: (*resolver).to_owned(),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            })
            .collect(),
        store: Arc::new(Store::new(configured, self_made().unwrap())),
    }
}

/// `RESOLVER: NAMES`, with `(again)` where a certificate is replaced, and when to look again.
fn orders(wanted: &Wanted, kept: &[StoredCertificate], earliest: i64) -> (Vec<String>, i64) {
    let view = View {
        wanted,
        kept: &kept.iter().collect::<Vec<_>>(),
        busy: &BTreeSet::from(["busy.example".to_owned()]),
        earliest: &|_, _| earliest,
        renew_at: &|one| one.certificate.renew_at(0),
        planned: &|one| one.certificate.renew_at(0),
    };
    let (orders, wake) = due(&view, NOW);
    let shown = |order: &Order| {
        let again = if order.replaces.is_some() { " (again)" } else { "" };
        format!("{}: {}{again}", order.resolver, order.names.join(" "))
    };
    (orders.iter().map(shown).collect(), wake)
}

#[test]
fn what_is_missing_is_asked_for_once() {
    let wanted = wanted(
        &[
            ("le", &["a.example", "b.example"]),
            ("le", &["a.example"]),
            ("other", &["b.example"]),
            ("le", &["c.example"]),
            ("le", &["busy.example"]),
        ],
        &["c.example"],
    );
    assert_eq!(orders(&wanted, &[], 0).0, ["le: a.example b.example"]);
    let fresh = kept("le", &["a.example", "b.example"], NOW);
    assert_eq!(orders(&wanted, std::slice::from_ref(&fresh), 0), (vec![], fresh.certificate.renew_at(0)));
}

#[test]
fn a_wildcard_is_used_again() {
    let wanted = wanted(&[("le", &["a.w.example"]), ("le", &["w.example"]), ("le", &["*.w.example"])], &[]);
    assert_eq!(orders(&wanted, &[kept("other", &["*.w.example"], NOW)], 0).0, ["le: w.example"]);
    let single = wanted_single();
    assert_eq!(
        orders(&single, &[kept("le", &["a.w.example"], NOW)], 0).0,
        ["le: *.w.example"],
        "not the other way round"
    );
}

fn wanted_single() -> Wanted {
    wanted(&[("le", &["*.w.example"])], &[])
}

#[test]
fn what_is_old_is_renewed_by_who_got_it() {
    let old = kept("other", &["b.example", "a.example", "gone.example"], NOW - 80 * DAY);
    let wanted = wanted(&[("le", &["a.example"]), ("le", &["b.example"])], &[]);
    assert_eq!(orders(&wanted, std::slice::from_ref(&old), 0).0, ["other: b.example a.example (again)"]);
    let orphan = StoredCertificate { resolver: "removed".to_owned(), ..old };
    assert_eq!(orders(&wanted, &[orphan], 0).0, ["le: a.example", "le: b.example"]);
    let unused = kept("le", &["unused.example"], NOW - 80 * DAY);
    let all = [unused, kept("le", &["a.example", "b.example"], NOW)];
    assert_eq!(orders(&wanted, &all, 0).0, Vec::<String>::new());
}

#[test]
fn a_suggestion_to_renew_at_once_counts_as_an_order_like_others() {
    let wanted = wanted(&[("le", &["a.example"])], &[]);
    for (age, renewal) in [(0, false), (80 * DAY, true)] {
        let one = kept("le", &["a.example"], NOW - age);
        let view = View {
            wanted: &wanted,
            kept: &[&one],
            busy: &BTreeSet::new(),
            earliest: &|_, _| 0,
            renew_at: &|_| NOW,
            planned: &|one| one.certificate.renew_at(0),
        };
        let orders = due(&view, NOW).0;
        assert_eq!(orders.iter().map(|order| order.renewal).collect::<Vec<_>>(), [renewal]);
    }
}

#[test]
fn another_authority_is_asked_anew() {
    let wanted = wanted(&[("le", &["a.example"])], &[]);
    let from = |authority: &str| StoredCertificate {
        authority: Some(authority.to_owned()),
        ..kept("le", &["a.example"], NOW)
    };
    assert_eq!(orders(&wanted, &[from(&Acme::default().ca_server)], 0).0, Vec::<String>::new());
    assert_eq!(orders(&wanted, &[from("https://staging.example/dir")], 0).0, ["le: a.example (again)"]);
}

#[test]
fn a_newer_certificate_stands_for_an_old_one() {
    let wanted = wanted(&[("le", &["a.example"])], &[]);
    let both = [kept("le", &["a.example"], NOW - 85 * DAY), kept("other", &["a.example"], NOW)];
    assert_eq!(orders(&wanted, &both, 0).0, Vec::<String>::new());
}

#[test]
fn what_may_not_be_asked_for_yet_waits() {
    let wanted = wanted(&[("le", &["a.example"])], &[]);
    assert_eq!(orders(&wanted, &[], NOW + 300), (vec![], NOW + 300));
}
