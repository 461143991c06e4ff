//! From the configuration of middlewares to middlewares that run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::dynamic::{self, Named};
use crate::entry_point::DeniedEncodings;
use crate::snapshot::services;

use super::{
    Middleware, add_prefix, auth, buffering, circuit_breaker, client_cert, compress, error_pages, forward_auth,
    grpc_web, headers, in_flight, ip_allow_list, rate_limit, redirect_regex, redirect_scheme, replace_path, retry,
    strip_prefix, strip_prefix_regex,
};

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
    /// Several kinds are configured.
    #[error(
        "cannot create middleware: multi-types middleware not supported, consider declaring two different pieces of middleware instead"
    )]
    SeveralKinds,
    /// No kind is configured.
    #[error("invalid middleware {0:?} configuration: invalid middleware type or middleware does not exist")]
    NoKind(String),
    /// An option is wrong.
    #[error("{0}")]
    Option(String),
}

/// Middlewares by router and name, with what they were built from: what they count and remember lasts as long as their
/// configuration does.
pub(crate) type Kept = HashMap<(String, String), (dynamic::Middleware, Middleware)>;

/// Builds middlewares by name.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    configured: &'a Named<dynamic::Middleware>,
    before: Option<&'a Kept>,
    /// What was built.
    pub(crate) kept: Kept,
    /// What could not be, by name, with the reason.
    pub(crate) failed: BTreeMap<String, String>,
}

impl<'a> Builder<'a> {
    /// A builder over the configured middlewares (qualified names) that knows those of the configuration before.
    pub(crate) fn new(configured: &'a Named<dynamic::Middleware>, before: Option<&'a Kept>) -> Self {
        Self { configured, before, kept: Kept::new(), failed: BTreeMap::new() }
    }

    /// The middlewares that `names` stand for on a router, chains resolved, in order.
    ///
    /// # Errors
    /// The first that cannot be built.
    pub(crate) fn build(
        &mut self,
        router: &str,
        names: &[String],
        services: &mut services::Builder<'_>,
    ) -> Result<Vec<Middleware>, Unbuildable> {
        let mut built = Vec::new();
        for name in names {
            self.add(name, &mut vec![router.to_owned()], &mut built, services)?;
        }
        Ok(built)
    }

    fn add(
        &mut self,
        name: &str,
        path: &mut Vec<String>,
        built: &mut Vec<Middleware>,
        services: &mut services::Builder<'_>,
    ) -> Result<(), Unbuildable> {
        let config = self.configured.get(name).ok_or_else(|| Unbuildable::Missing(name.to_owned()))?;
        self.add_configured(name, config, path, built, services).inspect_err(|error| {
            self.failed.entry(name.to_owned()).or_insert_with(|| error.to_string());
        })
    }

    fn add_configured(
        &mut self,
        name: &str,
        config: &dynamic::Middleware,
        path: &mut Vec<String>,
        built: &mut Vec<Middleware>,
        services: &mut services::Builder<'_>,
    ) -> Result<(), Unbuildable> {
        if kinds_of(config) > 1 {
            return Err(Unbuildable::SeveralKinds);
        }
        path.push(name.to_owned());
        let chain = path.get(1..).unwrap_or_default();
        if chain.iter().filter(|seen| *seen == name).count() > 1 {
            return Err(Unbuildable::Recursion { name: name.to_owned(), path: chain.to_vec() });
        }
        if let Some(chain) = &config.chain {
            let provider = name.rsplit_once('@').map(|(_, provider)| provider);
            for member in &chain.middlewares {
                let qualified = match provider {
                    Some(provider) if !member.contains('@') => format!("{member}@{provider}"),
                    _ => member.clone(),
                };
                self.add(&qualified, path, built, services)?;
            }
        } else {
            let key = (path.first().cloned().unwrap_or_default(), name.to_owned());
            let known = self.before.and_then(|before| before.get(&key)).filter(|(old, _)| old == config);
            let middleware = match known {
                Some((_, middleware)) if middleware.remembers() && !reads_files(config) => Some(middleware.clone()),
                _ => self.single(name, config, services)?,
            };
            if let Some(middleware) = &middleware
                && middleware.remembers()
            {
                self.kept.insert(key, (config.clone(), middleware.clone()));
            }
            built.extend(middleware);
        }
        path.pop();
        Ok(())
    }

    /// One middleware, whatever its kind; `Ok(None)` where it changes nothing.
    fn single(
        &mut self,
        name: &str,
        config: &dynamic::Middleware,
        services: &mut services::Builder<'_>,
    ) -> Result<Option<Middleware>, Unbuildable> {
        let option = Unbuildable::Option;
        if let Some(kind) = unsupported(config) {
            return Err(Unbuildable::Unsupported { name: name.to_owned(), kind });
        }
        let kinds = [path, traffic, access, answers];
        for kind in kinds {
            if let Some(built) = kind(config) {
                return built.map_err(option);
            }
        }
        if let Some(errors) = &config.errors {
            let service = services::qualified(&errors.service, name);
            let service = services.service(&service, self).map_err(|error| option(error.to_string()))?;
            let pages = error_pages::ErrorPages::new(errors, service).map_err(option)?;
            return Ok(Some(Middleware::ErrorPages(Arc::new(pages))));
        }
        if let Some(auth) = &config.forward_auth {
            let slot = match services.helper(name, &auth.address, auth.tls.as_ref()) {
                Ok(slot) => Some(slot),
                Err(services::build::Unbuildable::Server(_)) => None,
                Err(error) => return Err(option(error.to_string())),
            };
            let auth = forward_auth::ForwardAuth::new(auth, slot).map_err(option)?;
            return Ok(Some(Middleware::ForwardAuth(Arc::new(auth))));
        }
        Err(Unbuildable::NoKind(name.to_owned()))
    }
}

/// Whether a file may say something else than last time.
fn reads_files(config: &dynamic::Middleware) -> bool {
    [&config.basic_auth, &config.digest_auth].into_iter().flatten().any(|auth| !auth.users_file.is_empty())
}

/// What a kind's builder gives: nothing where the middleware is of another kind.
type Built = Option<Result<Option<Middleware>, String>>;

fn made<E: ToString>(built: Result<Middleware, E>) -> Built {
    Some(built.map(Some).map_err(|error| error.to_string()))
}

/// Those about the path, and redirections.
fn path(config: &dynamic::Middleware) -> Built {
    if let Some(add) = &config.add_prefix {
        return made(
            add_prefix::AddPrefix::new(&add.prefix).map(Middleware::AddPrefix).ok_or("prefix cannot be empty"),
        );
    }
    if let Some(strip) = &config.strip_prefix {
        return made::<String>(Ok(Middleware::StripPrefix(strip_prefix::StripPrefix::new(
            &strip.prefixes,
            strip.force_slash == Some(true),
        ))));
    }
    if let Some(strip) = &config.strip_prefix_regex {
        return made(strip_prefix_regex::StripPrefixRegex::new(&strip.regex).map(Middleware::StripPrefixRegex));
    }
    if let Some(replace) = &config.replace_path {
        return made::<String>(Ok(Middleware::ReplacePath(replace_path::ReplacePath::new(&replace.path))));
    }
    if let Some(replace) = &config.replace_path_regex {
        let built = replace_path::ReplacePathRegex::new(&replace.regex, &replace.replacement);
        let named = |error| format!("error compiling regular expression {}: {error}", replace.regex);
        return made(built.map(|replace| Middleware::ReplacePathRegex(Arc::new(replace))).map_err(named));
    }
    if let Some(redirect) = &config.redirect_scheme {
        let built = redirect_scheme::RedirectScheme::new(&redirect.scheme, &redirect.port, redirect.permanent);
        return made(built.map(Middleware::RedirectScheme).ok_or("you must provide a target scheme"));
    }
    let redirect = config.redirect_regex.as_ref()?;
    let built = redirect_regex::RedirectRegex::new(&redirect.regex, &redirect.replacement, redirect.permanent);
    made(built.map(|redirect| Middleware::RedirectRegex(Arc::new(redirect))))
}

/// Those that limit traffic or try again.
fn traffic(config: &dynamic::Middleware) -> Built {
    if let Some(retry) = &config.retry {
        return made(retry::Retry::new(retry).map(|retry| Middleware::Retry(Arc::new(retry))));
    }
    if let Some(limit) = &config.rate_limit {
        let built = rate_limit::RateLimit::new(limit);
        return Some(built.map(|limit| limit.map(|limit| Middleware::RateLimit(Arc::new(limit)))));
    }
    if let Some(limit) = &config.in_flight_req {
        return made(in_flight::InFlight::new(limit).map(|limit| Middleware::InFlight(Arc::new(limit))));
    }
    if let Some(buffering) = &config.buffering {
        return made(buffering::Buffering::new(buffering).map(|limits| Middleware::Buffering(Arc::new(limits))));
    }
    let breaker = config.circuit_breaker.as_ref()?;
    made(circuit_breaker::CircuitBreaker::new(breaker).map(|breaker| Middleware::CircuitBreaker(Arc::new(breaker))))
}

/// Those that decide who may pass.
fn access(config: &dynamic::Middleware) -> Built {
    if let Some(auth) = &config.basic_auth {
        return made(auth::basic::BasicAuth::new(auth).map(|auth| Middleware::BasicAuth(Arc::new(auth))));
    }
    if let Some(auth) = &config.digest_auth {
        return made(auth::digest::DigestAuth::new(auth).map(|auth| Middleware::DigestAuth(Arc::new(auth))));
    }
    if let Some(list) = config.ip_allow_list.as_ref().or(config.ip_white_list.as_ref()) {
        return made(ip_allow_list::IpAllowList::new(list).map(|list| Middleware::IpAllowList(Arc::new(list))));
    }
    if let Some(allowed) = &config.encoded_characters {
        return made::<String>(Ok(Middleware::EncodedCharacters(DeniedEncodings {
            slash: !allowed.allow_encoded_slash,
            backslash: !allowed.allow_encoded_back_slash,
            null: !allowed.allow_encoded_null_character,
            semicolon: !allowed.allow_encoded_semicolon,
            percent: !allowed.allow_encoded_percent,
            question_mark: !allowed.allow_encoded_question_mark,
            hash: !allowed.allow_encoded_hash,
        })));
    }
    let cert = config.pass_tls_client_cert.as_ref()?;
    made::<String>(Ok(Middleware::ClientCert(Arc::new(client_cert::ClientCert::new(cert)))))
}

/// Those that change headers and answers.
fn answers(config: &dynamic::Middleware) -> Built {
    if let Some(headers) = &config.headers {
        return made(headers::Headers::new(headers).map(|headers| Middleware::Headers(Arc::new(headers))));
    }
    if let Some(compress) = &config.compress {
        return made(compress::Compress::new(compress).map(|compress| Middleware::Compress(Arc::new(compress))));
    }
    if let Some(web) = &config.grpc_web {
        return made::<String>(Ok(Middleware::GrpcWeb(Arc::new(grpc_web::GrpcWeb::new(web)))));
    }
    match config.content_type.as_ref()?.auto_detect {
        // What answers have without this middleware.
        Some(false) => Some(Ok(None)),
        _ => made::<String>(Ok(Middleware::ContentType)),
    }
}

/// How many kinds of middleware are configured under one name.
fn kinds_of(config: &dynamic::Middleware) -> usize {
    [
        config.add_prefix.is_some(),
        config.strip_prefix.is_some(),
        config.strip_prefix_regex.is_some(),
        config.replace_path.is_some(),
        config.replace_path_regex.is_some(),
        config.chain.is_some(),
        config.ip_white_list.is_some(),
        config.ip_allow_list.is_some(),
        config.headers.is_some(),
        config.encoded_characters.is_some(),
        config.errors.is_some(),
        config.rate_limit.is_some(),
        config.redirect_regex.is_some(),
        config.redirect_scheme.is_some(),
        config.basic_auth.is_some(),
        config.digest_auth.is_some(),
        config.forward_auth.is_some(),
        config.in_flight_req.is_some(),
        config.buffering.is_some(),
        config.circuit_breaker.is_some(),
        config.compress.is_some(),
        config.pass_tls_client_cert.is_some(),
        config.retry.is_some(),
        config.content_type.is_some(),
        config.grpc_web.is_some(),
        !config.plugin.is_empty(),
    ]
    .into_iter()
    .filter(|set| *set)
    .count()
}

/// The kind of a middleware that this gateway does not have.
fn unsupported(config: &dynamic::Middleware) -> Option<String> {
    config.plugin.keys().next().map(|plugin| format!("plugin.{plugin}"))
}
