//! `basicAuth`: a name and a password (RFC 7617).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Response;
use http::header::AUTHORIZATION;
use tokio::sync::Semaphore;

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::exchange::Exchange;

use super::{Passed, lines, note, password, unauthorized};

/// How long a password that fitted is remembered (a keyed sum of it, not itself): hashes are slow on purpose, and
/// browsers send the password with every request.
const REMEMBERED: Duration = Duration::from_mins(5);
/// Passwords that are remembered at once.
const MOST_REMEMBERED: usize = 1024;

/// Hashes that are made at a time, of all users and routers: whoever tries passwords has half of the processors at most.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Semaphore::new((processors / 2).max(1))
});

/// Who may pass.
#[derive(Debug)]
pub(crate) struct BasicAuth {
    users: HashMap<String, String>,
    /// Hash that an unknown user is measured against, so that the time taken does not tell who exists.
    decoy: String,
    challenge: String,
    passed: Passed,
    key: hmac::Key,
    known: Mutex<HashMap<Vec<u8>, Instant>>,
}

impl BasicAuth {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &dynamic::Auth) -> Result<Self, String> {
        let mut users = HashMap::new();
        let lines = lines(config)?;
        if lines.is_empty() {
            return Err(format!("no users found in {}", config.users_file));
        }
        for line in lines {
            // What the line holds is not told, though Traefik does: it may be a password.
            let parts = line.split_once(':').filter(|(_, hash)| !hash.contains(':'));
            let (user, hash) = parts.ok_or("error parsing BasicUser: a line is `name:hash`")?;
            users.insert(user.to_owned(), hash.to_owned());
        }
        let realm = if config.realm.is_empty() { "traefik" } else { &config.realm };
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| "there is no randomness".to_owned())?;
        Ok(Self {
            decoy: users.values().max_by_key(|hash| hash.len()).cloned().unwrap_or_default(),
            users,
            challenge: format!("Basic realm=\"{realm}\""),
            passed: Passed::new(config)?,
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            known: Mutex::default(),
        })
    }

    /// Lets a user pass, or asks for who they are.
    pub(crate) async fn request(self: &Arc<Self>, exchange: &mut Exchange) -> Option<Response<Body>> {
        let Some((user, password)) = credentials(exchange) else {
            note(exchange, "");
            return Some(unauthorized(&self.challenge));
        };
        note(exchange, &user);
        if !self.fits(&user, password).await {
            return Some(unauthorized(&self.challenge));
        }
        self.passed.apply(exchange, &user);
        None
    }

    async fn fits(self: &Arc<Self>, user: &str, password: Vec<u8>) -> bool {
        let hash = self.users.get(user);
        let sum = self.sum(user, &password, hash.map_or("", String::as_str));
        if hash.is_some() && self.remembers(&sum) {
            return true;
        }
        let wanted = hash.unwrap_or(&self.decoy).clone();
        // Never closed. It goes with the work, which goes on when the client is gone.
        let turn = TURNS.acquire().await;
        let fits = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            password::fits(&password, &wanted)
        })
        .await
        .unwrap_or(false);
        if fits && hash.is_some() {
            self.remember(sum);
        }
        fits && hash.is_some()
    }

    /// A sum of who, what and the hash that it was measured against; lengths keep the parts apart.
    fn sum(&self, user: &str, password: &[u8], hash: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), password, hash.as_bytes()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    fn remembers(&self, sum: &[u8]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(sum).is_some_and(|since| since.elapsed() < REMEMBERED)
    }

    fn remember(&self, sum: Vec<u8>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.retain(|_, since| since.elapsed() < REMEMBERED);
            if known.len() >= MOST_REMEMBERED {
                known.clear();
            }
        }
        known.insert(sum, Instant::now());
    }
}

/// Name and password of the first `Authorization` header.
fn credentials(exchange: &Exchange) -> Option<(String, Vec<u8>)> {
    let value = exchange.parts.headers.get(AUTHORIZATION)?.as_bytes();
    let scheme = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case(b"Basic "))?;
    let decoded = STANDARD.decode(value.get(scheme.len()..)?).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8_lossy(decoded.get(..colon)?).into_owned();
    Some((user, decoded.get(colon + 1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn auth() -> Arc<BasicAuth> {
        let users = vec!["anna:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".to_owned()];
        Arc::new(BasicAuth::new(&dynamic::Auth { users, ..dynamic::Auth::default() }).unwrap())
    }

    #[tokio::test]
    async fn a_password_is_remembered_for_its_user_only() {
        let auth = auth();
        assert!(!auth.fits("anna", b"wrong".to_vec()).await);
        assert!(!auth.fits("bert", b"open sesame".to_vec()).await);
        assert!(auth.fits("anna", b"open sesame".to_vec()).await);
        assert_eq!(auth.known.lock().unwrap().len(), 1);
        assert!(auth.fits("anna", b"open sesame".to_vec()).await);
        assert_ne!(auth.sum("a", b"bc", ""), auth.sum("ab", b"c", ""));
    }

    #[tokio::test]
    async fn the_time_does_not_tell_who_exists() {
        let hash = bcrypt::hash("open sesame", 8).unwrap();
        let users = vec![format!("anna:{hash}"), "bert:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".to_owned()];
        let auth = Arc::new(BasicAuth::new(&dynamic::Auth { users, ..dynamic::Auth::default() }).unwrap());
        // The quickest of several: a machine that is busy only adds.
        let mut quickest = [Duration::MAX; 2];
        for round in 0..100 {
            for (least, user) in quickest.iter_mut().zip(["anna", "nobody"]) {
                let began = Instant::now();
                assert!(!auth.fits(user, b"wrong".to_vec()).await);
                *least = began.elapsed().min(*least);
            }
            let [known, unknown] = quickest;
            if round > 8 && unknown * 3 > known && known * 3 > unknown {
                return;
            }
        }
        panic!("the times differ: {quickest:?}");
    }

    #[test]
    fn nobody_is_a_mistake() {
        assert!(BasicAuth::new(&dynamic::Auth::default()).is_err());
        let broken = dynamic::Auth { users: vec!["anna".to_owned()], ..dynamic::Auth::default() };
        assert!(BasicAuth::new(&broken).is_err());
    }
}
