//! What is to be done now, and when to look again.

use std::collections::BTreeSet;
use std::path::Path;

use super::Resolver;
use super::certificate_store::StoredCertificate;
use super::storage::Domain;
use super::wanted::Wanted;
use crate::tls::store::ByName;

/// One order that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    /// Name of the resolver, as routers use it.
    pub(super) resolver: String,
    /// Names of the certificate.
    pub(super) names: Vec<String>,
    /// The certificate whose place it takes.
    pub(super) replaces: Option<Domain>,
    /// That one is about to expire.
    pub(super) renewal: bool,
}

/// What is known.
pub(super) struct View<'a> {
    /// What is asked for.
    pub(super) wanted: &'a Wanted,
    /// All certificates that are kept.
    pub(super) kept: &'a [&'a StoredCertificate],
    /// Names that are being asked for.
    pub(super) busy: &'a BTreeSet<String>,
    /// The earliest time at which a resolver may make an order.
    pub(super) earliest: &'a dyn Fn(&Resolver, &Order) -> i64,
    /// When a certificate is to be renewed.
    pub(super) renew_at: &'a dyn Fn(&StoredCertificate) -> i64,
    /// When it would be if its authority had suggested nothing.
    pub(super) planned: &'a dyn Fn(&StoredCertificate) -> i64,
}

/// The orders that are to be made now, and the time at which there may be others.
pub(super) fn due(view: &View<'_>, now: i64) -> (Vec<Order>, i64) {
    let mut kept: Vec<&StoredCertificate> = view.kept.to_vec();
    kept.sort_by_key(|one| std::cmp::Reverse(one.certificate.not_after));
    let is_fresh = |one: &&StoredCertificate| now < (view.renew_at)(one) && !is_of_another_authority(view.wanted, one);
    let (fresh, old): (Vec<&StoredCertificate>, Vec<&StoredCertificate>) = kept.into_iter().partition(is_fresh);
    let mut good = ByName::default();
    fresh.iter().for_each(|one| good.add(&one.certificate.key));

    let mut wake = i64::MAX;
    let mut orders: Vec<Order> = Vec::new();
    let mut planned = view.busy.clone();
    for want in &view.wanted.wants {
        let configured = |name: &String| view.wanted.store.by_name.covering(name).is_some();
        let covered = |name: &String| configured(name) || good.covering(name).is_some();
        let Some(missing) = want.names.iter().find(|name| !covered(name)) else {
            let ends = want.names.iter().filter_map(|name| good.covering(name)).filter_map(|key| {
                fresh
                    .iter()
                    .find(|one| std::sync::Arc::ptr_eq(&one.certificate.key, key))
                    .map(|one| (view.renew_at)(one))
            });
            wake = ends.fold(wake, i64::min);
            continue;
        };
        let renewal = old.iter().find(|one| covers(one, missing) && owner(view.wanted, one).is_some());
        let order = match renewal.and_then(|one| Some((one, owner(view.wanted, one)?))) {
            Some((one, resolver)) => Order {
                resolver: resolver.to_owned(),
                names: still_wanted(view.wanted, one),
                replaces: Some(one.domain.clone()),
                // Who is always told to renew at once would do so without end.
                renewal: now >= (view.planned)(one),
            },
            None => Order {
                resolver: want.resolver.clone(),
                names: want.names.iter().filter(|name| !configured(name)).cloned().collect(),
                replaces: None,
                renewal: false,
            },
        };
        if order.names.iter().any(|name| planned.contains(name)) {
            continue;
        }
        let Some(resolver) = view.wanted.resolvers.get(&order.resolver) else { continue };
        match (view.earliest)(resolver, &order) {
            time if time > now => wake = wake.min(time),
            _ => {
                planned.extend(order.names.iter().cloned());
                orders.push(order);
            }
        }
    }
    (orders, wake)
}

/// Whether a certificate is for a name, which may be a wildcard.
fn covers(kept: &StoredCertificate, name: &str) -> bool {
    let names = &kept.certificate.names;
    let parent = (!name.starts_with("*.")).then(|| name.split_once('.')).flatten();
    names.iter().any(|one| {
        one == name || parent.is_some_and(|(_, parent)| one.strip_prefix("*.").is_some_and(|rest| rest == parent))
    })
}

/// Whether a certificate's resolver has another authority by now: whoever goes from a test authority to a real one wants
/// certificates of that.
fn is_of_another_authority(wanted: &Wanted, kept: &StoredCertificate) -> bool {
    let resolver = owner(wanted, kept).and_then(|name| wanted.resolvers.get(name));
    let now = resolver.map(|resolver| &resolver.options.ca_server);
    now.zip(kept.authority.as_ref()).is_some_and(|(now, then)| now != then)
}

/// The resolver that a certificate came from, by the name that routers use.
fn owner<'a>(wanted: &'a Wanted, kept: &StoredCertificate) -> Option<&'a str> {
    let is_it = |resolver: &Resolver| {
        resolver.storage == *Path::new(&kept.storage)
            && resolver.name == kept.resolver
            && resolver.options.obstacle().is_none()
    };
    wanted.resolvers.iter().find(|(_, resolver)| is_it(resolver)).map(|(name, _)| name.as_str())
}

/// The names of a certificate that are still of use, the main one first: what nobody asks for any more often cannot be
/// proved any more.
fn still_wanted(wanted: &Wanted, kept: &StoredCertificate) -> Vec<String> {
    let of_use = |name: &&String| {
        wanted.wants.iter().flat_map(|want| &want.names).any(|asked| {
            asked == *name
                || name
                    .strip_prefix("*.")
                    .is_some_and(|parent| asked.split_once('.').is_some_and(|(_, rest)| rest == parent))
        })
    };
    let mut names: Vec<String> = kept.certificate.names.iter().filter(of_use).cloned().collect();
    if let Some(main) = names.iter().position(|name| *name == kept.domain.main) {
        names.swap(0, main);
    }
    names
}

#[cfg(test)]
mod tests;
