//! Which server of a load balancer a request goes to. Nothing here is locked: choices are made from counters.
//!
//! Specification: Traefik v3 documentation, "Load balancing strategies".

pub(crate) mod load;
mod passive;
mod rendezvous;
mod tried;
mod turns;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::config::dynamic::PassiveHealthCheck;
use crate::response_guard::BoxedGuard;

use super::server::Server;
use super::sticky::Pins;

use load::Load;
pub(crate) use passive::Passive;
pub(crate) use rendezvous::Rendezvous;
pub(crate) use tried::Tried;
pub(crate) use turns::Turns;

/// A server, as a load balancer is told of it.
#[derive(Debug)]
pub(crate) struct Member {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// Its share of requests.
    pub(crate) weight: u64,
    /// Whether it serves only clients that stick to it.
    pub(crate) fenced: bool,
}

/// How servers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Weighted round robin.
    RoundRobin,
    /// Of two at random, the one with fewer requests under way.
    TwoChoices,
    /// By the client's address.
    Rendezvous,
    /// The one that answers soonest with what it has to do already.
    LeastTime,
}

impl Kind {
    /// From its name in configurations.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "wrr" | "" => Some(Self::RoundRobin),
            "p2c" => Some(Self::TwoChoices),
            "hrw" => Some(Self::Rendezvous),
            "leasttime" => Some(Self::LeastTime),
            _ => None,
        }
    }

    /// How Traefik's messages call such a service.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::RoundRobin => "WRR",
            Self::TwoChoices => "P2C",
            Self::Rendezvous => "HRW",
            Self::LeastTime => "LeastTime",
        }
    }
}

#[derive(Debug)]
enum Strategy {
    RoundRobin(Turns),
    /// With a source of random numbers.
    TwoChoices(AtomicU64),
    Rendezvous(Rendezvous),
    /// With the turns of those that are equal.
    LeastTime(Turns),
}

/// The servers of a load balancer and whose turn it is.
#[derive(Debug)]
pub(crate) struct Balance {
    /// The servers, in configured order.
    pub(crate) servers: Vec<Arc<Server>>,
    /// Their weights; 0 for those that are not to be chosen.
    weights: Vec<u64>,
    strategy: Strategy,
    pins: Pins,
    passive: Option<Passive>,
}

impl Balance {
    /// A balance over `members`.
    pub(crate) fn new(kind: Kind, members: Vec<Member>) -> Self {
        let serves = |member: &Member| kind == Kind::TwoChoices || member.weight > 0;
        let weights: Vec<u64> = members
            .iter()
            .map(|member| match kind {
                _ if member.fenced => 0,
                Kind::TwoChoices => 1,
                _ => member.weight,
            })
            .collect();
        let strategy = match kind {
            Kind::RoundRobin => Strategy::RoundRobin(Turns::new(&weights)),
            Kind::TwoChoices => Strategy::TwoChoices(AtomicU64::new(0)),
            Kind::LeastTime => Strategy::LeastTime(Turns::new(&weights)),
            Kind::Rendezvous => {
                let urls = members.iter().map(|member| member.server.url.as_str());
                Strategy::Rendezvous(Rendezvous::new(urls.zip(weights.iter().copied())))
            }
        };
        let pins = Pins::new(members.iter().map(|member| serves(member).then_some(member.server.url.as_str())));
        let servers = members.into_iter().map(|member| member.server).collect();
        Self { servers, weights, strategy, pins, passive: None }
    }

    /// Leaves servers alone for a while that fail requests; `checked` is whether they have an active health check, too.
    pub(crate) fn watched(mut self, config: Option<&PassiveHealthCheck>, checked: bool) -> Self {
        self.passive = config.map(|config| Passive::new(config, self.servers.len(), checked));
        self
    }

    /// The index of the server that a request of `client` goes to: healthy, not in `tried`, and, while there is another, not
    /// one that could lately not be reached.
    pub(crate) fn pick(&self, tried: &Tried, client: IpAddr) -> Option<usize> {
        self.choose(client, |index, server| !tried.contains(index) && !server.is_suspect())
            .or_else(|| self.choose(client, |index, _| !tried.contains(index)))
    }

    /// Whether some healthy server is not in `tried`.
    pub(crate) fn has_other(&self, tried: &Tried) -> bool {
        let servers = self.servers.iter().zip(&self.weights).enumerate();
        servers.into_iter().any(|(i, (server, weight))| *weight > 0 && !tried.contains(i) && server.is_healthy())
    }

    /// Whether some server takes requests.
    pub(crate) fn is_up(&self) -> bool {
        self.has_other(&Tried::default())
    }

    /// The healthy server that a sticky cookie names.
    pub(crate) fn by_cookie(&self, value: &str) -> Option<usize> {
        self.pins.find(value).filter(|index| self.servers.get(*index).is_some_and(|server| server.is_healthy()))
    }

    /// Counts a request as under way to a server, where that matters to choices.
    pub(crate) fn begin(&self, index: usize) -> Option<BoxedGuard> {
        match self.strategy {
            Strategy::TwoChoices(_) | Strategy::LeastTime(_) => {
                self.servers.get(index).map(|server| Box::new(Load::begin(server)) as BoxedGuard)
            }
            _ => None,
        }
    }

    /// Whether choices depend on how long answers take.
    pub(crate) fn is_timed(&self) -> bool {
        matches!(self.strategy, Strategy::LeastTime(_))
    }

    /// Notes how a request to a server went: `took` until the answer's first byte, `fine` unless there was none or an error of
    /// the server's own. True when the server is left alone from now on.
    pub(crate) fn note(&self, index: usize, took: Option<Duration>, fine: bool) -> bool {
        let Some(server) = self.servers.get(index) else { return false };
        if let Some(took) = took {
            server.times().note(took);
        }
        match &self.passive {
            Some(passive) if fine => {
                passive.succeeded(index);
                false
            }
            Some(passive) => passive.failed(index, server),
            None => false,
        }
    }

    fn choose(&self, client: IpAddr, wanted: impl Fn(usize, &Server) -> bool) -> Option<usize> {
        let usable =
            |index: usize| self.servers.get(index).is_some_and(|server| server.is_healthy() && wanted(index, server));
        match &self.strategy {
            Strategy::RoundRobin(turns) => turns.next(usable),
            Strategy::Rendezvous(rendezvous) => rendezvous.choose(client, usable),
            Strategy::TwoChoices(random) => self.idler_of_two(random, usable),
            Strategy::LeastTime(turns) => self.soonest(turns, usable),
        }
    }

    fn idler_of_two(&self, random: &AtomicU64, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let open = || (0..self.servers.len()).filter(|i| self.weights.get(*i) != Some(&0) && usable(*i));
        let count = open().count();
        if count < 2 {
            return open().next();
        }
        let number = scramble(random.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed));
        let below = |number: u64, limit: usize| usize::try_from(number % limit as u64).unwrap_or(0);
        let (first, second) = (below(number >> 32, count), below(number & 0xffff_ffff, count - 1));
        // Never the same twice.
        let second = if second >= first { second + 1 } else { second };
        let flights = |index: usize| self.servers.get(index).map_or(0, |server| server.in_flight.load(Relaxed));
        match (open().nth(first), open().nth(second)) {
            (Some(one), Some(other)) => Some(if flights(other) < flights(one) { other } else { one }),
            (one, other) => one.or(other),
        }
    }

    fn soonest(&self, turns: &Turns, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let score = |index: usize| {
            let (server, weight) = (self.servers.get(index)?, self.weights.get(index)?);
            if *weight == 0 || !usable(index) {
                return None;
            }
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (busy, weight) = (server.in_flight.load(Relaxed) as f64, *weight as f64);
            Some(server.times().average() * (1.0 + busy) / weight)
        };
        let scores = (0..self.servers.len()).filter_map(|index| Some((index, score(index)?)));
        let (best, least) = scores.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        // Those that are equal take turns; others may have become busier meanwhile.
        turns.next(|index| score(index).is_some_and(|score| score <= least)).or(Some(best))
    }
}

/// SplitMix64: counted numbers become random ones.
fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
