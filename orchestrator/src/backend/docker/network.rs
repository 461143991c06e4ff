//! Networks.

use std::collections::BTreeMap;

use bollard::models::{Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest};

use super::create::{self, TranslateError};
use super::transport::encode;
use super::{Docker, answers, change, filters, gone, parse, read, translate_error};
use crate::backend::{Attachment, Error, LabelFilter, NetworkInfo, NetworkSpec, Result};

fn map(pairs: &BTreeMap<String, String>) -> Option<std::collections::HashMap<String, String>> {
    (!pairs.is_empty()).then(|| pairs.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Body of `POST /networks/create`.
fn request(spec: &NetworkSpec, api: (u32, u32)) -> std::result::Result<NetworkCreateRequest, TranslateError> {
    let network = &spec.network;
    if network.enable_ipv4 == Some(false) && api < (1, 47) {
        let message =
            format!("`enable_ipv4: false` needs Docker 28.0 (API 1.47); this engine has API {}.{}", api.0, api.1);
        return Err(TranslateError::Unsupported(message));
    }
    let pools: Vec<IpamConfig> = network
        .ipam
        .config
        .iter()
        .map(|pool| IpamConfig {
            subnet: text(&pool.subnet),
            ip_range: text(&pool.ip_range),
            gateway: text(&pool.gateway),
            auxiliary_addresses: map(&pool.aux_addresses),
        })
        .collect();
    let ipam = Ipam { driver: text(&network.ipam.driver), config: (!pools.is_empty()).then_some(pools), options: None };
    Ok(NetworkCreateRequest {
        name: network.name.clone(),
        driver: text(&network.driver),
        internal: Some(network.internal),
        attachable: Some(network.attachable),
        ipam: (ipam != Ipam::default()).then_some(ipam),
        enable_ipv4: network.enable_ipv4.filter(|_| api >= (1, 47)),
        enable_ipv6: network.enable_ipv6,
        options: map(&network.driver_opts),
        labels: map(&spec.labels),
        ..NetworkCreateRequest::default()
    })
}

impl Docker {
    /// By exact name: the engine's own lookup takes beginnings of ids as well.
    pub(super) async fn find_network(&self, name: &str) -> Result<Option<NetworkInfo>> {
        let query = [("filters", &*filters(&LabelFilter::default(), &[("name", name)]))];
        let found: Vec<answers::NetworkAnswer> = self.get(read("inspect network", name), "/networks", &query).await?;
        Ok(found.into_iter().find(|network| network.name == name).map(Into::into))
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<String> {
        let call = change("create network", &spec.network.name);
        let api = self.api().await?;
        let body = request(spec, api).map_err(|error| translate_error(call, error))?;
        let mut body = serde_json::to_value(body)
            .map_err(|error| call.error(crate::backend::ErrorKind::Invalid, error.to_string()))?;
        // Engines before API 1.44 make a second network of the same name unless asked not to.
        if let Some(fields) = body.as_object_mut().filter(|_| api < (1, 44)) {
            fields.insert("CheckDuplicate".to_owned(), serde_json::Value::Bool(true));
        }
        let created: answers::Created = parse(call, &self.post(call, "/networks/create", &[], &body).await?)?;
        // The engine checks the name before it begins and is not alone: two requests at once make two networks.
        let kept = self.settle_twins(&spec.network.name).await?;
        Ok(kept.unwrap_or(created.id))
    }

    /// Of several networks that a project has under one name, the oldest stays; its id. They come from requests that
    /// overlapped, one of them left behind by a `stack` that was killed. Networks of others are left alone.
    pub(super) async fn settle_twins(&self, name: &str) -> Result<Option<String>> {
        let query = [("filters", &*filters(&LabelFilter::default(), &[("name", name)]))];
        let mut found: Vec<answers::NetworkAnswer> = self.get(read("list networks", name), "/networks", &query).await?;
        found.retain(|network| network.name == name);
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        let Some((kept, twins)) = found.split_first() else { return Ok(None) };
        let owner = |network: &answers::NetworkAnswer| network.labels.get(crate::labels::PROJECT).cloned();
        let ours = owner(kept).is_some() && twins.iter().all(|twin| owner(twin) == owner(kept));
        for twin in twins.iter().filter(|_| ours) {
            self.drop_network(&twin.id).await?;
        }
        Ok(Some(kept.id.clone()))
    }

    pub(super) async fn drop_network(&self, id: &str) -> Result<()> {
        let path = encode(id);
        let removed = self.client().await?.remove_network(&path);
        gone(self.transport.typed(change("remove network", id), removed).await)
    }

    /// The name in the engine's complaint about a network that exists twice.
    pub(super) fn ambiguous(error: &Error) -> Option<&str> {
        let (before, _) = error.message.split_once(" is ambiguous")?;
        before.rsplit_once("network ").map(|(_, name)| name)
    }

    pub(super) async fn join_network(&self, container: &str, attachment: &Attachment) -> Result<()> {
        let call = change("connect network", &attachment.network);
        let endpoint = create::endpoint(self.api().await?, attachment).map_err(|error| translate_error(call, error))?;
        let request = NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(endpoint) };
        let path = encode(&attachment.network);
        let joined = self.client().await?.connect_network(&path, request);
        unless_so(self.transport.typed(call, joined).await, &["already exists in network", "is already attached"])
    }

    pub(super) async fn leave_network(&self, container: &str, network: &str) -> Result<()> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        let path = encode(network);
        let left = self.client().await?.disconnect_network(&path, request);
        let left = self.transport.typed(change("disconnect network", network), left).await;
        gone(unless_so(left, &["is not connected to"]))
    }
}

/// Takes a refusal for success where the engine says that it is so already: engines answer 403, 409 or 500 to that, as to
/// other things.
fn unless_so(outcome: Result<()>, words: &[&str]) -> Result<()> {
    match outcome {
        Err(error) if words.iter().any(|words| error.message.contains(words)) => Ok(()),
        other => other,
    }
}
