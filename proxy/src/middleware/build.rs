//! From the configuration of middlewares to middlewares that run.

use crate::config::dynamic::{self, Named};
use crate::http::forward::Retry;

use super::{Middleware, add_prefix, redirect_scheme, strip_prefix};

/// Why a middleware cannot be built. The texts of the common ones are Traefik's, as its API shows them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unbuildable {
    /// There is no middleware of that name.
    #[error("middleware {0:?} does not exist")]
    Missing(String),
    /// A chain that contains itself.
    #[error("could not instantiate middleware {name}: recursion detected in middleware:{}", .path.join("->middleware:"))]
    Recursion {
        /// The middleware at which it was noticed.
        name: String,
        /// From the first to the one that is met again.
        path: Vec<String>,
    },
    /// A kind that the gateway does not have.
    #[error("middleware {name:?}: `{kind}` is not supported by this gateway")]
    Unsupported {
        /// The middleware.
        name: String,
        /// Its kind, as written in the configuration.
        kind: String,
    },
    /// No kind is configured, or several.
    #[error("invalid middleware {0:?} configuration: invalid middleware type or middleware does not exist")]
    NoKind(String),
    /// An option is wrong.
    #[error("{0}")]
    Option(String),
}

/// Builds middlewares by name.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    configured: &'a Named<dynamic::Middleware>,
}

impl<'a> Builder<'a> {
    /// A builder over the configured middlewares (qualified names).
    pub(crate) fn new(configured: &'a Named<dynamic::Middleware>) -> Self {
        Self { configured }
    }

    /// The middlewares that `names` stand for, chains resolved, in order.
    ///
    /// # Errors
    /// The first that cannot be built.
    pub(crate) fn build(&self, names: &[String]) -> Result<Vec<Middleware>, Unbuildable> {
        let mut built = Vec::new();
        for name in names {
            self.add(name, &mut Vec::new(), &mut built)?;
        }
        Ok(built)
    }

    fn add(&self, name: &str, path: &mut Vec<String>, built: &mut Vec<Middleware>) -> Result<(), Unbuildable> {
        let config = self.configured.get(name).ok_or_else(|| Unbuildable::Missing(name.to_owned()))?;
        path.push(name.to_owned());
        if path.iter().filter(|seen| *seen == name).count() > 1 {
            return Err(Unbuildable::Recursion { name: name.to_owned(), path: path.clone() });
        }
        if let Some(chain) = &config.chain {
            let provider = name.rsplit_once('@').map(|(_, provider)| provider);
            for member in &chain.middlewares {
                let qualified = match provider {
                    Some(provider) if !member.contains('@') => format!("{member}@{provider}"),
                    _ => member.clone(),
                };
                self.add(&qualified, path, built)?;
            }
        } else {
            built.push(single(name, config)?);
        }
        path.pop();
        Ok(())
    }
}

fn single(name: &str, config: &dynamic::Middleware) -> Result<Middleware, Unbuildable> {
    let option = |text: &str| Unbuildable::Option(text.to_owned());
    if let Some(kind) = unsupported(config) {
        return Err(Unbuildable::Unsupported { name: name.to_owned(), kind });
    }
    if let Some(add) = &config.add_prefix {
        let prefix = add_prefix::AddPrefix::new(&add.prefix).ok_or_else(|| option("prefix cannot be empty"))?;
        return Ok(Middleware::AddPrefix(prefix));
    }
    if let Some(strip) = &config.strip_prefix {
        return Ok(Middleware::StripPrefix(strip_prefix::StripPrefix::new(&strip.prefixes)));
    }
    if let Some(redirect) = &config.redirect_scheme {
        let redirect = redirect_scheme::RedirectScheme::new(&redirect.scheme, &redirect.port, redirect.permanent);
        return redirect.map(Middleware::RedirectScheme).ok_or_else(|| option("you must provide a target scheme"));
    }
    if let Some(retry) = &config.retry {
        let attempts = u32::try_from(retry.attempts).unwrap_or(0);
        if attempts == 0 {
            return Err(option("incorrect (or empty) value for attempt (0)"));
        }
        return Ok(Middleware::Retry(Retry { attempts, initial_interval: retry.initial_interval.to_std() }));
    }
    Err(Unbuildable::NoKind(name.to_owned()))
}

/// The kind of a middleware that this gateway does not have.
fn unsupported(config: &dynamic::Middleware) -> Option<String> {
    let kinds = [
        ("stripPrefixRegex", config.strip_prefix_regex.is_some()),
        ("replacePath", config.replace_path.is_some()),
        ("replacePathRegex", config.replace_path_regex.is_some()),
        ("ipWhiteList", config.ip_white_list.is_some()),
        ("ipAllowList", config.ip_allow_list.is_some()),
        ("headers", config.headers.is_some()),
        ("encodedCharacters", config.encoded_characters.is_some()),
        ("errors", config.errors.is_some()),
        ("rateLimit", config.rate_limit.is_some()),
        ("redirectRegex", config.redirect_regex.is_some()),
        ("basicAuth", config.basic_auth.is_some()),
        ("digestAuth", config.digest_auth.is_some()),
        ("forwardAuth", config.forward_auth.is_some()),
        ("inFlightReq", config.in_flight_req.is_some()),
        ("buffering", config.buffering.is_some()),
        ("circuitBreaker", config.circuit_breaker.is_some()),
        ("compress", config.compress.is_some()),
        ("passTLSClientCert", config.pass_tls_client_cert.is_some()),
        ("grpcWeb", config.grpc_web.is_some()),
    ];
    let plugin = config.plugin.keys().next().map(|plugin| format!("plugin.{plugin}"));
    kinds.into_iter().find(|(_, present)| *present).map(|(kind, _)| kind.to_owned()).or(plugin)
}
