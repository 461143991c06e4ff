//! Services chosen by weight in turns, or by the client's address; a cookie can keep a client with its service.

use std::sync::Arc;

use http::HeaderValue;

use crate::http::exchange::Exchange;
use crate::upstream::balance::{Rendezvous, Turns};
use crate::upstream::sticky::{self, Pins, Sticky};

use super::Service;

#[derive(Debug)]
enum Order {
    Turns(Turns),
    Rendezvous(Rendezvous),
}

/// Services that take turns.
#[derive(Debug)]
pub(crate) struct Weighted {
    order: Order,
    members: Vec<Arc<Service>>,
    /// Whether services that are not up are passed over, and services that consist of this one know whether one is.
    tells: bool,
    sticky: Option<Stickiness>,
}

#[derive(Debug)]
struct Stickiness {
    cookie: Sticky,
    pins: Pins,
    /// The cookie's value for each member.
    values: Vec<String>,
}

/// A service, its name as it is configured, and its weight.
pub(super) type Member<'a> = (&'a str, u64, Arc<Service>);

impl Weighted {
    /// Services in proportion to their weights.
    pub(super) fn in_turns(members: Vec<Member<'_>>, sticky: Option<Sticky>, tells: bool) -> Self {
        let weights: Vec<u64> = members.iter().map(|(_, weight, _)| *weight).collect();
        let sticky = sticky.map(|cookie| Stickiness {
            cookie,
            pins: Pins::new(members.iter().map(|(name, weight, _)| (*weight > 0).then_some(*name))),
            values: members.iter().map(|(name, ..)| sticky::value(name)).collect(),
        });
        Self { order: Order::Turns(Turns::new(&weights)), members: services(members), tells, sticky }
    }

    /// Services by the client's address.
    pub(super) fn by_client(members: Vec<Member<'_>>, tells: bool) -> Self {
        let order = Rendezvous::new(members.iter().map(|(name, weight, _)| (*name, *weight)));
        Self { order: Order::Rendezvous(order), members: services(members), tells, sticky: None }
    }

    /// The service that a request goes to; the cookie that is to be set, if one is, is put last in `cookies`.
    pub(super) fn choose(&self, exchange: &Exchange, cookies: &mut Vec<HeaderValue>) -> Option<&Service> {
        let sent = self.sticky.as_ref().and_then(|sticky| sticky.cookie.sent(&exchange.parts.headers));
        let pinned = self.sticky.as_ref().zip(sent).and_then(|(sticky, sent)| sticky.pins.find(sent));
        let index = match pinned.filter(|index| self.is_usable(*index)) {
            Some(index) => index,
            None => match &self.order {
                Order::Turns(turns) => turns.next(|index| self.is_usable(index))?,
                Order::Rendezvous(order) => order.choose(exchange.client.ip(), |index| self.is_usable(index))?,
            },
        };
        if let Some(sticky) = &self.sticky
            && let Some(value) = sticky.values.get(index)
            && sent != Some(value.as_str())
        {
            cookies.extend(sticky.cookie.set(value));
        }
        self.members.get(index).map(Arc::as_ref)
    }

    fn is_usable(&self, index: usize) -> bool {
        self.members.get(index).is_some_and(|member| !self.tells || member.is_up())
    }

    /// Whether some service is up.
    pub(super) fn is_up(&self) -> bool {
        (0..self.members.len()).any(|index| self.is_usable(index))
    }

    /// Whether that is known.
    pub(super) fn tells(&self) -> bool {
        self.tells
    }

    /// How Traefik's messages call such a service.
    pub(super) fn title(&self) -> &'static str {
        match self.order {
            Order::Turns(_) => "WRR",
            Order::Rendezvous(_) => "HRW",
        }
    }
}

fn services(members: Vec<Member<'_>>) -> Vec<Arc<Service>> {
    members.into_iter().map(|(.., service)| service).collect()
}
