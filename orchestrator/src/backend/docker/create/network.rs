//! Networks and ports of a container.

use std::collections::HashMap;

use bollard::models::{EndpointIpamConfig, EndpointSettings, NetworkingConfig, PortBinding, PortMap};
use compose_schema::model::Service;

use super::{Outcome, TranslateError, Translator, list, map, number, text};
use crate::backend::{Attachment, ContainerSpec};

/// From this version on, a container can be made with several networks, and each endpoint has its hardware address.
const MANY_ENDPOINTS: (u32, u32) = (1, 44);
/// From this version on, a network can be preferred for the way out.
const GATEWAY_PRIORITY: (u32, u32) = (1, 48);
/// Driver option that names the interface in the container.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// The network mode: the file's own, else the primary network.
pub(in crate::backend::docker) fn mode(spec: &ContainerSpec) -> String {
    if !spec.service.network_mode.is_empty() {
        return spec.service.network_mode.clone();
    }
    spec.networks.first().map_or("none", |primary| primary.network.as_str()).to_owned()
}

/// Endpoints for the creation, and the attachments that have to follow by calls of their own.
pub(super) fn networking(
    translator: &mut Translator,
    spec: &ContainerSpec,
) -> Outcome<(Option<NetworkingConfig>, Vec<Attachment>)> {
    let (now, later) = match spec.networks.split_first() {
        None => return Ok((None, Vec::new())),
        Some((primary, others)) if translator.api < MANY_ENDPOINTS => (std::slice::from_ref(primary), others.to_vec()),
        Some(_) => (spec.networks.as_slice(), Vec::new()),
    };
    let mut endpoints = HashMap::new();
    for (position, attachment) in now.iter().enumerate() {
        let mut settings = endpoint(translator.api, attachment)?;
        settings.links = list(&links(&spec.service));
        if position == 0 && translator.api >= MANY_ENDPOINTS && settings.mac_address.is_none() {
            settings.mac_address = text(&spec.service.mac_address);
        }
        endpoints.insert(attachment.network.clone(), settings);
    }
    // Later ones are checked now: nothing is made that cannot be finished.
    for attachment in &later {
        endpoint(translator.api, attachment)?;
    }
    let prior = spec.networks.iter().any(|attachment| attachment.options.gw_priority != 0);
    translator.if_known(prior.then_some(()), GATEWAY_PRIORITY, "28.0", "networks: gw_priority");
    Ok((Some(NetworkingConfig { endpoints_config: Some(endpoints) }), later))
}

/// Links to containers: `container` or `container:alias`.
pub(super) fn links(service: &Service) -> Vec<String> {
    service
        .links
        .iter()
        .chain(&service.external_links)
        .map(|link| if link.contains(':') { link.clone() } else { format!("{link}:{link}") })
        .collect()
}

/// How a container stands in one network.
pub(in super::super) fn endpoint(api: (u32, u32), attachment: &Attachment) -> Outcome<EndpointSettings> {
    let options = &attachment.options;
    let translator = Translator { api, warnings: Vec::new() };
    let mut driver_options = options.driver_opts.clone();
    if !options.interface_name.is_empty() {
        translator.need((1, 49), "28.1", "networks: interface_name")?;
        driver_options.insert(INTERFACE_NAME.to_owned(), options.interface_name.clone());
    }
    let addresses = EndpointIpamConfig {
        ipv4_address: text(&options.ipv4_address),
        ipv6_address: text(&options.ipv6_address),
        link_local_ips: list(&options.link_local_ips),
    };
    Ok(EndpointSettings {
        ipam_config: (addresses != EndpointIpamConfig::default()).then_some(addresses),
        mac_address: text(&options.mac_address).filter(|_| api >= MANY_ENDPOINTS),
        aliases: list(&attachment.aliases),
        driver_opts: map(&driver_options),
        gw_priority: number(options.gw_priority).filter(|_| api >= GATEWAY_PRIORITY),
        ..EndpointSettings::default()
    })
}

/// The container's own hardware address, for engines that know no other.
pub(super) fn container_mac_address(translator: &Translator, spec: &ContainerSpec) -> Option<String> {
    if translator.api >= MANY_ENDPOINTS {
        return None;
    }
    let of_network = spec.networks.first().and_then(|primary| text(&primary.options.mac_address));
    of_network.or_else(|| text(&spec.service.mac_address))
}

/// Exposed ports, and their bindings on the host.
pub(super) fn ports(service: &Service) -> Outcome<(Option<Vec<String>>, Option<PortMap>)> {
    let mut exposed = Vec::new();
    for entry in &service.expose {
        let (range, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            return Err(TranslateError::Invalid(format!("`expose: {entry}` is not a port or a range of ports")));
        };
        exposed.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    let mut bindings = PortMap::new();
    for port in &service.ports {
        let protocol = if port.protocol.is_empty() { "tcp" } else { &port.protocol };
        let target = format!("{}/{protocol}", port.target);
        exposed.push(target.clone());
        let binding = PortBinding { host_ip: text(&port.host_ip), host_port: Some(port.published.clone()) };
        bindings.entry(target).or_default().get_or_insert_default().push(binding);
    }
    exposed.sort();
    exposed.dedup();
    Ok((list(&exposed), (!bindings.is_empty()).then_some(bindings)))
}
