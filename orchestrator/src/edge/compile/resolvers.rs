//! Certificate resolvers of all projects, as the gateway has them.
//!
//! A name that only one project defines stays what it is, so that projects can use each other's resolvers. Where several
//! define it, each gets its own (`le-PROJECT`), and its routers mean it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proxy::config::dynamic::Configuration;
use proxy::{Resolver, assemble};

use super::entrances::{Entrances, Listener};
use super::files::Copies;
use super::{Adopted, Files};
use crate::edge::state;

/// Who defines which name.
#[derive(Debug)]
pub(super) struct Resolvers {
    definers: BTreeMap<String, BTreeSet<String>>,
}

impl Resolvers {
    /// Those of the adopted services.
    pub(super) fn of(adopted: &BTreeMap<&str, Adopted<'_>>) -> Self {
        let mut definers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (project, own) in adopted {
            for name in own.config.certificates_resolvers.keys() {
                definers.entry(name.clone()).or_default().insert((*project).to_owned());
            }
        }
        Self { definers }
    }

    /// What a name means in a project: its own resolver, else that of the first project that has one.
    fn global(&self, project: &str, name: &str) -> String {
        match self.definers.get(name) {
            Some(projects) if projects.len() > 1 => {
                let owner =
                    if projects.contains(project) { Some(project) } else { projects.first().map(String::as_str) };
                format!("{name}-{}", owner.unwrap_or(project))
            }
            _ => name.to_owned(),
        }
    }

    /// Makes routers of a project name resolvers as the gateway does.
    pub(super) fn refer(&self, project: &str, configuration: &mut Configuration) {
        let http = configuration.http.routers.values_mut().filter_map(|router| router.tls.as_mut());
        let tcp = configuration.tcp.routers.values_mut().filter_map(|router| router.tls.as_mut());
        let stores = configuration.tls.stores.values_mut().filter_map(|store| store.default_generated_cert.as_mut());
        let names = http.map(|tls| &mut tls.cert_resolver).chain(tcp.map(|tls| &mut tls.cert_resolver));
        let names = names.chain(stores.map(|generated| &mut generated.resolver));
        names.filter(|name| !name.is_empty()).for_each(|name| *name = self.global(project, name));
    }

    /// The resolvers of one project. They keep their files in the gateway's own volume, from where the agent copies them
    /// to where Traefik would have kept them; what lies there already is taken over.
    pub(super) fn defined(
        &self,
        project: &str,
        own: &Adopted<'_>,
        entrances: &Entrances,
        files: &Files,
        said: &mut Vec<String>,
    ) -> BTreeMap<String, Resolver> {
        let mirror = files.mirror(project);
        let copies = Copies { mirror: &mirror, mounts: &own.traefik.mounts };
        let environment = own.traefik.environment.iter().map(|(name, value)| {
            let mut value = value.clone();
            if name.ends_with("_FILE") {
                copies.rename(&mut value);
            }
            (name.clone(), value)
        });
        let found = assemble::resolvers(&own.config, &environment.collect());
        let found = found.into_iter().map(|(name, mut resolver)| {
            if resolver.options.dns_challenge.take_if(|challenge| challenge.provider == "exec").is_some() {
                said.push(format!(
                    "certificate resolver `{name}`: DNS challenges by `exec` are not in force: there is nothing but `stack` where the \
                     gateway runs, so that no hook program can; use another provider (`httpreq` hands records to a server), `httpChallenge` or \
                     `tlsChallenge`, or run the gateway by hand (`stack gateway`)"
                ));
            }
            let inside = Path::new("/").join(&resolver.options.storage);
            let is_mounted = own.traefik.mounts.iter().any(|mount| inside.starts_with(&mount.container));
            resolver.import = is_mounted.then(|| copies.of(&inside.to_string_lossy()));
            resolver.storage = state::certificates(project, &inside);
            resolver.reserved = resolver
                .reserved
                .iter()
                .flat_map(|entry_point| entrances.listeners_of(entry_point).iter().map(Listener::name))
                .collect();
            resolver.options.ca_certificates.iter_mut().for_each(|file| copies.rename(file));
            (self.global(project, &name), resolver)
        });
        found.collect()
    }
}
