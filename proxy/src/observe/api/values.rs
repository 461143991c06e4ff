//! Values as Traefik shows them: names in full, what was made up for what is not named, nothing for zero.

use serde_json::{Value, json};

use super::put;
use crate::config::dynamic::Cookie;
use crate::route::{provider_of, qualify};
use crate::upstream::sticky::Sticky;

/// What is left out where it is zero or empty.
const OPTIONAL: [&str; 11] = [
    "/circuitBreaker/checkPeriod",
    "/circuitBreaker/fallbackDuration",
    "/circuitBreaker/recoveryDuration",
    "/rateLimit/burst",
    "/rateLimit/period",
    "/loadBalancer/healthCheck/interval",
    "/loadBalancer/healthCheck/timeout",
    "/loadBalancer/responseForwarding/flushInterval",
    "/loadBalancer/passiveHealthCheck/failureWindow",
    "/loadBalancer/healthCheck/mode",
    "/loadBalancer/strategy",
];

/// Where services have sticky cookies.
const COOKIES: [&str; 2] = ["/loadBalancer/sticky/cookie", "/weighted/sticky/cookie"];

/// Completes a service that some router has.
pub(super) fn complete(service: &mut Value, name: &str) {
    if let Some(balancer) = service.get_mut("loadBalancer")
        && let Some(transport) = balancer.get("serversTransport").and_then(Value::as_str)
    {
        let transport = qualify(transport, provider_of(name));
        put(balancer, "serversTransport", json!(transport));
    }
    for place in COOKIES {
        if let Some(cookie) = service.pointer_mut(place) {
            let named = cookie.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let sticky = Sticky::new(name, &Cookie { name: named, ..Cookie::default() });
            put(cookie, "name", json!(sticky.name));
        }
    }
}

/// Takes away what is zero.
pub(super) fn without_zero(object: &mut Value) {
    for place in OPTIONAL {
        let Some((parent, field)) = place.rsplit_once('/') else { continue };
        let Some(fields) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        if fields.get(field).is_some_and(|value| value == "0s" || value == 0 || value == "") {
            fields.remove(field);
        }
    }
    // Traefik never tells it.
    for place in COOKIES {
        if let Some(cookie) = object.pointer_mut(place).and_then(Value::as_object_mut) {
            cookie.remove("expires");
        }
    }
}

/// A server's URL, as one writes it who has read it.
pub(super) fn url(text: &str) -> String {
    match text.split_once("://") {
        Some(("http", "")) => String::new(),
        Some((scheme, rest)) => format!("{}://{}", scheme.to_ascii_lowercase(), rest.replace(' ', "%20")),
        None => text.to_owned(),
    }
}
