//! One project on its way into the configuration of all: its labels, its dynamic files, and what its adopted Traefik service
//! asks of the gateway as a whole.

use std::collections::BTreeSet;

use proxy::assemble::{internal, use_default_syntax, use_default_transport};
use proxy::config::dynamic::Configuration;
use proxy::config::statics::StaticConfig;

use super::entrances::{Entrances, apply};
use super::names::Part;
use super::resolvers::Resolvers;
use super::{Adopted, Files, ObservedContainer, containers, files, hosts, redirect};
use crate::edge::containers::GATEWAY;
use crate::edge::state::{EdgeConfiguration, ProjectFile};

/// A project, and what it is compiled with.
pub(super) struct ProjectCompiler<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// What it asks for; none where only its containers are known.
    pub(super) file: Option<&'a ProjectFile>,
    /// Its Traefik service.
    pub(super) adopted: Option<&'a Adopted<'a>>,
    /// Its entry points, as listeners of this host.
    pub(super) entrances: Entrances,
    /// Resolvers of all projects.
    pub(super) resolvers: &'a Resolvers,
    /// Containers of all projects.
    pub(super) seen: &'a [ObservedContainer],
}

impl ProjectCompiler<'_> {
    /// What its labels say.
    pub(super) fn labels(
        &self,
        files: Option<&Files>,
        problems: &mut Vec<String>,
        urls: &mut BTreeSet<String>,
    ) -> Part {
        let mut labels = containers::configuration(self.name, self.file, self.adopted, self.seen, problems);
        if let (Some(own), Some(files)) = (self.adopted, files) {
            files::redirect(own, &files.mirror(self.name), &mut labels);
        }
        self.part("docker", self.complete(labels, problems, urls))
    }

    /// What the dynamic files of its Traefik service say.
    pub(super) fn files(
        &self,
        own: &Adopted<'_>,
        files: &mut Files,
        problems: &mut Vec<String>,
        urls: &mut BTreeSet<String>,
    ) -> Part {
        let found = files.configuration(self.name, own, problems);
        self.part("file", self.complete(found, problems, urls))
    }

    /// What its static options make routes for (API, ping, metrics).
    pub(super) fn internal(&self, own: &Adopted<'_>, problems: &mut Vec<String>) -> Part {
        let routes = redirect::without(internal(&own.config));
        let routes = apply(routes, &self.entrances, problems, &mut BTreeSet::new());
        self.part("internal", bare(routes))
    }

    /// Static options that are not in force.
    pub(super) fn note_options(&self, own: &Adopted<'_>, problems: &mut Vec<String>) {
        if own.config.api.as_ref().is_some_and(|api| !api.base_path.trim_matches('/').is_empty()) {
            problems
                .push("`api.basepath` is not in force: the built-in gateway serves its API below `/api`".to_owned());
        }
        problems.extend(self.entrances.without_http3());
        problems.extend(without_effect(&own.config));
    }

    /// Static options of the gateway as a whole: the first project that asks for one decides.
    pub(super) fn share_options(
        &self,
        own: &Adopted<'_>,
        files: Option<&Files>,
        problems: &mut Vec<String>,
        edge: &mut EdgeConfiguration,
    ) {
        if edge.metrics.prometheus.is_none() {
            edge.metrics = own.config.metrics.clone();
        }
        if edge.tracing.is_none()
            && let Some(mut tracing) = own.config.tracing.clone()
        {
            let http = &mut tracing.otlp.http;
            hosts::resolve_url(self.name, self.seen, &mut http.endpoint);
            if let Some(files) = files {
                let tls = &mut http.tls;
                files::rename(own, &files.mirror(self.name), [&mut tls.ca, &mut tls.cert, &mut tls.key]);
            }
            edge.tracing = Some(tracing);
        }
        if edge.access_log.is_none()
            && let Some(log) = own.config.access_log.clone()
        {
            if !log.file_path.is_empty() {
                problems.push(format!(
                    "`accesslog.filepath`: the access log of the built-in gateway is what `docker logs {GATEWAY}` shows; \
                     `{}` is not written",
                    log.file_path
                ));
            }
            edge.access_log = Some(log);
        }
    }

    /// Completes what labels or files say by what the Traefik service has for all routers.
    fn complete(
        &self,
        mut configuration: Configuration,
        problems: &mut Vec<String>,
        urls: &mut BTreeSet<String>,
    ) -> Configuration {
        hosts::resolve(self.name, self.seen, &mut configuration);
        if let Some(own) = self.adopted {
            use_default_syntax(&own.config, &mut configuration);
            use_default_transport(&own.config, &format!("default-{}", self.name), &mut configuration);
        }
        let mut configuration = apply(configuration, &self.entrances, problems, urls);
        self.resolvers.refer(self.name, &mut configuration);
        configuration
    }

    fn part(&self, provider: &'static str, configuration: Configuration) -> Part {
        Part { project: self.name.to_owned(), provider, configuration }
    }
}

/// Options that say how one process behaves: the gateway is shared by all projects.
fn without_effect(config: &StaticConfig) -> Vec<String> {
    let status = config.ping.as_ref().is_some_and(|ping| ping.terminating_status_code != 503);
    let json = config.log.format.eq_ignore_ascii_case("json");
    let options = [("ping.terminatingstatuscode", status), ("log.format", json)];
    let written = options.into_iter().filter(|(_, is_written)| *is_written);
    written.map(|(name, _)| format!("`{name}` is not in force: all projects share the built-in gateway")).collect()
}

/// Names without their provider, as the other parts have them.
fn bare(mut configuration: Configuration) -> Configuration {
    let name = |name: String| name.rsplit_once('@').map_or_else(|| name.clone(), |(bare, _)| bare.to_owned());
    let routers = std::mem::take(&mut configuration.http.routers);
    configuration.http.routers = routers.into_iter().map(|(full, router)| (name(full), router)).collect();
    let middlewares = std::mem::take(&mut configuration.http.middlewares);
    configuration.http.middlewares = middlewares.into_iter().map(|(full, one)| (name(full), one)).collect();
    configuration
}
