//! What is done for a resolver at one time: an order, or the question when to renew.

use std::path::PathBuf;
use std::sync::Arc;

use instant_acme::{Account, CertificateIdentifier};

use super::certificate::Certificate;
use super::challenges::Challenges;
use super::client::Client;
use super::due::Order;
use super::failure::{Failure, Kind};
use super::order::{Issued, obtain};
use super::storage;
use super::{Resolver, account, now, random, trial};

/// An authority is asked when to renew no more often than this, and no less.
const SOONEST: i64 = 3600;
const LATEST: i64 = 24 * 3600;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The order; without names where it is the question when to renew.
    pub(super) order: Order,
    /// Its resolver.
    pub(super) resolver: Resolver,
    /// Path of the resolver's storage.
    pub(super) storage: PathBuf,
    /// The certificate that it is about, in DER.
    pub(super) replaced: Option<Vec<u8>>,
    /// How an authority calls that certificate (RFC 9773 section 4.1), where it is to be told.
    pub(super) identifier: Option<CertificateIdentifier<'static>>,
    /// What it is.
    pub(super) task: Task,
}

/// Kinds of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// An order.
    Order {
        /// Directory of the test system that it is tried at first.
        trial: Option<String>,
    },
    /// The question when to renew.
    Question,
}

/// What is kept of an authority between jobs.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) account: Option<Account>,
    /// That at the test system, with its URL; it is not stored.
    pub(super) trial: Option<(String, Account)>,
}

/// What an authority says of a certificate's renewal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suggestion {
    /// When to renew it; none where the authority has no opinion.
    pub(super) at: Option<i64>,
    /// When to ask again.
    pub(super) ask_at: i64,
    /// Whether an order may name the certificate that it replaces.
    pub(super) replaces: bool,
}

/// What came of a job.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) session: Option<Session>,
    /// An account that was made.
    pub(super) account: Option<storage::Account>,
}

/// What came of it.
pub(super) enum Outcome {
    Issued(Result<(Issued, Certificate), Failure>),
    Suggestion(Suggestion),
}

impl Job {
    /// Does it.
    pub(super) async fn run(
        self,
        session: Option<Session>,
        stored: Option<storage::Account>,
        challenges: Arc<Challenges>,
    ) -> Done {
        let mut session = match session {
            Some(session) => session,
            None => match client(&self.resolver).await {
                Ok(client) => Session { client, account: None, trial: None },
                Err(failure) => return Done { outcome: self.failed(failure), session: None, account: None },
            },
        };
        let mut made = None;
        let Task::Order { trial } = &self.task else {
            let asked = self.ask(&mut session, stored.as_ref()).await;
            return Done { outcome: Outcome::Suggestion(asked), session: Some(session), account: None };
        };
        let tried = match trial {
            Some(server) => self.try_out(&mut session, server, &challenges).await,
            None => Ok(()),
        };
        let outcome = match tried {
            Err(failure) => Err(failure),
            Ok(()) => match self.order(&mut session, stored.as_ref(), &mut made, &challenges).await {
                Err(failure) if failure.kind == Kind::NoAccount => {
                    session.account = None;
                    self.order(&mut session, None, &mut made, &challenges).await
                }
                other => other,
            },
        };
        let outcome = Outcome::Issued(outcome);
        Done { outcome, session: Some(session), account: made }
    }

    fn failed(&self, failure: Failure) -> Outcome {
        if self.task != Task::Question {
            Outcome::Issued(Err(failure))
        } else {
            Outcome::Suggestion(Suggestion { at: None, ask_at: now() + LATEST, replaces: false })
        }
    }

    async fn order(
        &self,
        session: &mut Session,
        stored: Option<&storage::Account>,
        made: &mut Option<storage::Account>,
        challenges: &Arc<Challenges>,
    ) -> Result<(Issued, Certificate), Failure> {
        let options = &self.resolver.options;
        let known = match (&session.account, stored) {
            (Some(account), _) => Some(account.clone()),
            (None, Some(stored)) => account::stored(options, &session.client, stored).await?,
            (None, None) => None,
        };
        let account = match known {
            Some(account) => account,
            None => {
                let (account, stored) = account::new(options, &session.client).await?;
                *made = Some(stored);
                account
            }
        };
        session.account = Some(account.clone());
        let names = &self.order.names;
        let issued =
            obtain(&account, &session.client, &self.resolver, names, self.identifier.clone(), challenges).await?;
        let unusable = |reason: String| {
            Failure::refused(format!("the authority's certificate cannot be used: {reason}"), "tell the authority")
        };
        let certificate = Certificate::parse(issued.chain.as_bytes(), issued.key.as_bytes()).map_err(unusable)?;
        match names.iter().find(|name| !certificate.names.contains(name)) {
            Some(name) => Err(unusable(format!("it is not for `{name}`"))),
            None => Ok((issued, certificate)),
        }
    }

    /// Gets a certificate from the test system, which is of no use but that it can be had.
    async fn try_out(&self, session: &mut Session, server: &str, challenges: &Arc<Challenges>) -> Result<(), Failure> {
        let said = |failure: Failure| Failure {
            reason: format!("tried at the test system {server}, the authority was not asked: {}", failure.reason),
            ..failure
        };
        let options = trial::options(&self.resolver.options, server.to_owned());
        let known = session.trial.take().filter(|(known, _)| known == server).map(|(_, account)| account);
        let account = match known {
            Some(account) => account,
            None => account::new(&options, &session.client).await.map_err(said)?.0,
        };
        let resolver = Resolver { options, ..self.resolver.clone() };
        let tried = obtain(&account, &session.client, &resolver, &self.order.names, None, challenges).await;
        if !tried.as_ref().is_err_and(|failure| failure.kind == Kind::NoAccount) {
            session.trial = Some((server.to_owned(), account));
        }
        tried.map(|_| ()).map_err(said)
    }

    /// Asks when to renew. Whatever goes wrong, it is asked again later.
    async fn ask(&self, session: &mut Session, stored: Option<&storage::Account>) -> Suggestion {
        let mut suggestion = Suggestion { at: None, ask_at: now() + LATEST, replaces: false };
        if session.account.is_none()
            && let Some(stored) = stored
        {
            session.account = account::stored(&self.resolver.options, &session.client, stored).await.ok().flatten();
        }
        if let (Some(account), Some(identifier)) = (&session.account, &self.identifier)
            && let Ok((info, pause)) = account.renewal_info(identifier).await
        {
            let pause = i64::try_from(pause.as_secs()).unwrap_or(LATEST).clamp(SOONEST, LATEST);
            let window = info.suggested_window;
            let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
            suggestion = Suggestion { at: Some(within(start, end, random())), ask_at: now() + pause, replaces: true };
        }
        suggestion
    }
}

/// A time in a window; `random` is between -1 and 1.
fn within(start: i64, end: i64, random: f64) -> i64 {
    let length = i32::try_from(end.saturating_sub(start)).unwrap_or(i32::MAX).max(0);
    #[expect(clippy::cast_possible_truncation, reason = "at most the length, which is an i32")]
    let part = (f64::from(length) * (random + 1.0) / 2.0) as i64;
    start.saturating_add(part)
}

async fn client(resolver: &Resolver) -> Result<Client, Failure> {
    let options = resolver.options.clone();
    let made = tokio::task::spawn_blocking(move || Client::new(&options)).await;
    made.map_err(|error| error.to_string())
        .and_then(|made| made)
        .map_err(|reason| Failure::refused(reason, "correct the resolver's options"))
}

#[cfg(test)]
mod tests;
