//! What answers a router's requests: servers, the gateway itself, and services made of services.

pub(crate) mod build;
mod failover;
mod mirroring;
mod weighted;

use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderValue, Response};

use crate::http::body::Body;
use crate::http::exchange::Exchange;
use crate::http::forward::{NoAnswer, forward};
use crate::middleware::{After, Middleware, Next};
use crate::upstream::balance::{Balance, Kind};
use crate::upstream::sticky::{Sticky, put_first};

use super::View;
use super::internal::Internal;

pub(crate) use build::{Builder, qualified};
use failover::{Choice, Failover};
use mirroring::Mirroring;
use weighted::Weighted;

/// What answers a router's requests.
#[derive(Debug)]
pub(crate) enum Service {
    /// Servers.
    LoadBalancer(LoadBalancer),
    /// Other services, in proportion to their weights or by the client's address.
    Weighted(Weighted),
    /// A service, and another where that one fails.
    Failover(Failover),
    /// A service, and others that get copies of requests.
    Mirroring(Mirroring),
    /// A service behind middlewares of its own.
    Guarded { middlewares: Vec<Middleware>, service: Arc<Service> },
    /// The gateway itself.
    Internal(Internal),
}

/// Servers that take turns.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    /// The service's qualified name.
    pub(crate) name: Arc<str>,
    /// Whose turn it is.
    pub(crate) balance: Balance,
    /// The slot of each server.
    pub(crate) slots: Vec<usize>,
    /// Whether the client's `Host` is passed on.
    pub(crate) pass_host_header: bool,
    /// The cookie that keeps a client with its server.
    pub(crate) sticky: Option<Sticky>,
    kind: Kind,
    /// Whether an active health check tells how the servers are.
    checked: bool,
}

impl Service {
    /// Answers a request.
    ///
    /// # Errors
    /// No server has answered.
    pub(crate) async fn answer(
        &self,
        exchange: &mut Exchange,
        view: &Arc<View>,
        after: &mut After,
    ) -> Result<Response<Body>, NoAnswer> {
        let mut cookies: Vec<HeaderValue> = Vec::new();
        let mut service = self;
        let mut response = loop {
            service = match service {
                Self::LoadBalancer(balancer) => {
                    break forward(exchange, view, balancer, after).await?;
                }
                Self::Internal(internal) => break Box::pin(internal.answer(exchange)).await,
                Self::Weighted(weighted) => weighted.choose(exchange, &mut cookies).ok_or(NoAnswer::NoServer)?,
                Self::Failover(failover) => match failover.choose() {
                    Choice::One(service) => service,
                    Choice::Nobody => break failover::nobody(),
                    Choice::Both => break Box::pin(failover.answer(exchange, view, after)).await?,
                },
                Self::Mirroring(mirroring) => {
                    let due = mirroring.due(exchange);
                    if due.is_empty() {
                        mirroring.main()
                    } else {
                        break Box::pin(mirroring.answer(exchange, view, after, due)).await?;
                    }
                }
                Self::Guarded { middlewares, service } => {
                    break Next::to_service(middlewares, service, view).run(exchange, after).await;
                }
            };
        };
        put_first(response.headers_mut(), cookies);
        Ok(response)
    }

    /// [`Service::answer`] for services in services.
    fn answer_nested<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        view: &'a Arc<View>,
        after: &'a mut After,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, NoAnswer>> + Send + 'a>> {
        Box::pin(self.answer(exchange, view, after))
    }

    /// [`Service::answer`], with the gateway's own answer where there is none.
    pub(crate) async fn respond(&self, exchange: &mut Exchange, view: &Arc<View>, after: &mut After) -> Response<Body> {
        match self.answer_nested(exchange, view, after).await {
            Ok(response) => response,
            Err(no_answer) => {
                tracing::warn!(error = no_answer.explain(), path = exchange.target.path(), "no answer from a service");
                exchange.client.worker.refusal(no_answer.reason())
            }
        }
    }

    /// Whether it answers requests as far as is known. Only for services that tell ([`Service::tells`]).
    fn is_up(&self) -> bool {
        match self {
            Self::LoadBalancer(balancer) => balancer.balance.is_up(),
            Self::Weighted(weighted) => weighted.is_up(),
            Self::Failover(failover) => failover.is_up(),
            Self::Mirroring(mirroring) => mirroring.main().is_up(),
            Self::Guarded { service, .. } => service.is_up(),
            Self::Internal(_) => true,
        }
    }

    /// Whether services that consist of it can know whether it is up.
    fn tells(&self) -> Result<(), Untold> {
        let enabled = |told: bool, kind: &'static str| if told { Ok(()) } else { Err(Untold::NotEnabled(kind)) };
        match self {
            Self::LoadBalancer(balancer) => enabled(balancer.checked, balancer.kind.title()),
            Self::Weighted(weighted) => enabled(weighted.tells(), weighted.title()),
            Self::Failover(failover) => enabled(failover.tells(), "failover"),
            Self::Mirroring(mirroring) => {
                enabled(mirroring.tells(), "mirroring")?;
                mirroring.main().tells().map_err(|untold| Untold::Mirrored(Box::new(untold)))
            }
            Self::Guarded { service, .. } => service.tells(),
            Self::Internal(_) => Err(Untold::Never),
        }
    }
}

/// Why nobody is told whether a service is up, in Traefik's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Untold {
    #[error("healthCheck not enabled in config for this {0} service")]
    NotEnabled(&'static str),
    #[error("cannot register service of mirroring as updater: {0}")]
    Mirrored(Box<Untold>),
    #[error("not a healthcheck.StatusUpdater (http.HandlerFunc)")]
    Never,
}
