//! Where names lead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use futures_util::future::join_all;

use super::facts::Resolved;

/// What a name server may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Names that are looked up; nobody reads more.
const MOST: usize = 50;

/// Hosts of addresses (`https://a.test/x` is `a.test`); patterns lead nowhere.
pub(super) fn hosts(urls: &[String]) -> BTreeSet<String> {
    let host = |url: &String| {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next()?,
            None => authority.split(':').next()?,
        };
        (!host.is_empty() && !host.contains(['*', '{', '^'])).then(|| host.to_owned())
    };
    urls.iter().filter_map(host).take(MOST).collect()
}

/// Looks them up, all at once.
pub(super) async fn resolve(hosts: BTreeSet<String>) -> BTreeMap<String, Resolved> {
    let one = |host: String| async move {
        let found = match tokio::time::timeout(LIMIT, tokio::net::lookup_host((host.as_str(), 0))).await {
            Err(_) => Resolved::Late(LIMIT),
            Ok(Err(error)) => Resolved::Failed(error.to_string().replace("failed to lookup address information: ", "")),
            Ok(Ok(found)) => {
                let addresses: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
                Resolved::To(addresses.into_iter().map(|ip| (ip, is_own(ip))).collect())
            }
        };
        (host, found)
    };
    join_all(hosts.into_iter().map(one)).await.into_iter().collect()
}

/// Whether an address is one of this host: nobody else's can be bound to.
fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_addresses() {
        let urls = ["https://a.test/x", "http://b.test:8080", "https://[::1]/", "http://*.c.test", "https://a.test"];
        let found = hosts(&urls.map(str::to_owned));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["::1", "a.test", "b.test"]);
    }

    #[tokio::test]
    async fn this_host_knows_itself() {
        let found = resolve(["127.0.0.1".to_owned(), "192.0.2.1".to_owned()].into()).await;
        let to = |ip: &str| found.get(ip).cloned();
        assert_eq!(to("127.0.0.1"), Some(Resolved::To(vec![(IpAddr::from([127, 0, 0, 1]), true)])));
        assert_eq!(to("192.0.2.1"), Some(Resolved::To(vec![(IpAddr::from([192, 0, 2, 1]), false)])));
    }
}
