//! `build.extra_hosts`: names that `RUN` finds addresses under.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::ListWorkersResponse;
use compose_schema::model::Build;

/// The frontend's attribute.
const ATTRIBUTE: &str = "add-hosts";
/// The word for the host's address. The frontend knows addresses only.
const GATEWAY: &str = "host-gateway";
/// Under which the engine's builder tells what it is there.
const LABEL: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/// Adds the names to what the frontend is told.
pub(super) fn tell(build: &Build, attributes: &mut BTreeMap<String, String>) {
    let hosts: Vec<String> = build
        .extra_hosts
        .iter()
        .flat_map(|(host, addresses)| addresses.iter().map(move |address| format!("{host}={address}")))
        .collect();
    if !hosts.is_empty() {
        attributes.insert(ATTRIBUTE.to_owned(), hosts.join(","));
    }
}

/// Puts the host's address, as the builder gives it, where the word for it stands.
///
/// # Errors
/// A builder that does not tell it: what to say of it.
pub(super) fn resolve(attributes: &mut HashMap<String, String>, workers: &ListWorkersResponse) -> Result<(), String> {
    let Some(hosts) = attributes.get_mut(ATTRIBUTE) else { return Ok(()) };
    let gateway = workers.record.iter().find_map(|worker| worker.labels.get(LABEL)).map(String::as_str);
    let resolved: Result<Vec<String>, String> = hosts.split(',').map(|entry| resolved(entry, gateway)).collect();
    *hosts = resolved?.join(",");
    Ok(())
}

fn resolved(entry: &str, gateway: Option<&str>) -> Result<String, String> {
    let Some((host, GATEWAY)) = entry.split_once('=') else { return Ok(entry.to_owned()) };
    // Engines with two such addresses give both.
    let address = gateway.and_then(|all| all.split(',').next()).filter(|address| !address.is_empty());
    let address = address.ok_or_else(|| {
        format!("`build.extra_hosts`: the engine's builder does not tell what `{GATEWAY}` is; give `{host}` an address")
    })?;
    Ok(format!("{host}={address}"))
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;

    use super::*;

    fn asked(gateway: Option<&str>) -> Result<String, String> {
        let mut build = Build::default();
        build.extra_hosts.insert("a".to_owned(), vec!["1.2.3.4".to_owned(), "fd00::1".to_owned()]);
        build.extra_hosts.insert("gate".to_owned(), vec![GATEWAY.to_owned()]);
        let mut attributes = BTreeMap::new();
        tell(&build, &mut attributes);
        let labels = gateway.map(|address| (LABEL.to_owned(), address.to_owned())).into_iter().collect();
        let workers = ListWorkersResponse { record: vec![WorkerRecord { labels, ..WorkerRecord::default() }] };
        let mut attributes = attributes.into_iter().collect();
        resolve(&mut attributes, &workers)?;
        Ok(attributes.remove(ATTRIBUTE).unwrap_or_default())
    }

    #[test]
    fn the_hosts_address_comes_from_the_builder() {
        assert_eq!(asked(Some("172.17.0.1")).as_deref(), Ok("a=1.2.3.4,a=fd00::1,gate=172.17.0.1"));
        assert_eq!(asked(Some("172.17.0.1,fd00::9")).as_deref(), Ok("a=1.2.3.4,a=fd00::1,gate=172.17.0.1"));
        let refused = asked(None).err().unwrap_or_default();
        assert!(refused.contains("`host-gateway`") && refused.contains("give `gate` an address"), "{refused}");
    }

    #[test]
    fn a_build_without_names_asks_for_nothing() {
        assert_eq!(resolve(&mut HashMap::new(), &ListWorkersResponse::default()), Ok(()));
    }
}
