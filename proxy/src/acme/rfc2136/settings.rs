//! What the environment says about the name server (lego documentation, "RFC2136").

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::acme::propagation::Timing;
use crate::acme::variables::{Variables, text};
use crate::dns::tsig::Key;

/// What holds where nothing else is said.
const ALGORITHM: &str = "hmac-sha1";
const TTL: u32 = 120;
const TIMEOUT: u64 = 10;
const PROPAGATION: u64 = 60;
const POLLING: u64 = 2;

/// How the name server is told.
#[derive(Clone, Debug)]
pub(in crate::acme) struct Settings {
    /// Host and port, as written.
    pub(super) nameserver: String,
    /// What updates are signed with.
    pub(super) key: Option<Key>,
    /// How long records are good for, in seconds.
    pub(super) ttl: u32,
    /// How the record is waited for.
    pub(super) timing: Timing,
    /// The record is where an alias (CNAME) of its name leads to.
    pub(super) follows_aliases: bool,
}

impl Settings {
    /// From `RFC2136_*` variables. Each may stand in a file, which the same name with `_FILE` names. Reads files.
    ///
    /// # Errors
    /// What is missing or makes no sense, by the name of its variable.
    pub(in crate::acme) fn read(environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let variables = Variables(environment);
        let nameserver = variables.value("RFC2136_NAMESERVER")?;
        let settings = Self {
            nameserver: nameserver.ok_or("the DNS challenge has no name server: set `RFC2136_NAMESERVER`")?,
            key: key(variables)?,
            ttl: u32::try_from(variables.seconds("RFC2136_TTL", u64::from(TTL))?).unwrap_or(TTL),
            timing: Timing {
                question: Duration::from_secs(variables.seconds("RFC2136_DNS_TIMEOUT", TIMEOUT)?.max(1)),
                ..Timing::read(variables, "RFC2136", PROPAGATION, POLLING)?
            },
            follows_aliases: variables.follows_aliases(),
        };
        // Records of one order stand beside each other, so that none waits for another; only a mistake is told.
        variables.seconds("RFC2136_SEQUENCE_INTERVAL", 0)?;
        Ok(settings)
    }
}

/// Seconds that a record may take to be seen.
pub(in crate::acme) fn propagation_seconds(environment: &BTreeMap<String, String>) -> u64 {
    Variables(environment).roughly("RFC2136_PROPAGATION_TIMEOUT", PROPAGATION)
}

/// The key: in a file as `tsig-keygen` writes it, or in variables; none where either name or secret is missing.
fn key(variables: Variables<'_>) -> Result<Option<Key>, String> {
    let value = |name: &str| variables.value(name);
    let decoded = |secret: &str, place: &str| {
        STANDARD.decode(secret).map_err(|error| format!("{place}: the secret is no base64: {error}"))
    };
    if let Some(path) = value("RFC2136_TSIG_FILE")? {
        let place = format!("`RFC2136_TSIG_FILE`: `{path}`");
        let text = text(Path::new(&path)).map_err(|reason| format!("{place}: {reason}"))?;
        let (name, algorithm, secret) = parse(&text).ok_or_else(|| {
            format!("{place}: there is no `key \"NAME\" {{ algorithm ALGORITHM; secret \"SECRET\"; }};`")
        })?;
        return Key::new(&name, &algorithm, &decoded(&secret, &place)?)
            .map(Some)
            .map_err(|reason| format!("{place}: {reason}"));
    }
    let (Some(name), Some(secret)) = (value("RFC2136_TSIG_KEY")?, value("RFC2136_TSIG_SECRET")?) else {
        return Ok(None);
    };
    let algorithm = value("RFC2136_TSIG_ALGORITHM")?.unwrap_or_else(|| ALGORITHM.to_owned());
    Key::new(&name, &algorithm, &decoded(&secret, "`RFC2136_TSIG_SECRET`")?).map(Some)
}

/// Name, algorithm and secret of the first key in a file of BIND's form.
fn parse(text: &str) -> Option<(String, String, String)> {
    let is_comment = |line: &&str| !["#", "//"].iter().any(|sign| line.trim_start().starts_with(sign));
    let text: String = text.lines().filter(is_comment).collect::<Vec<_>>().join(" ");
    let text: String =
        text.chars().flat_map(|sign| if "{};".contains(sign) { vec![' ', sign, ' '] } else { vec![sign] }).collect();
    let mut words =
        text.split_whitespace().map(|word| word.trim_matches('"')).skip_while(|word| *word != "key").skip(1);
    let name = words.next()?.to_owned();
    let (mut algorithm, mut secret) = (None, None);
    while let Some(word) = words.next().filter(|word| *word != "}") {
        match word {
            "algorithm" => algorithm = Some(words.next()?.to_owned()),
            "secret" => secret = Some(words.next()?.to_owned()),
            _ => {}
        }
    }
    Some((name, algorithm?, secret?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let all = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(&all)
    }

    #[test]
    fn variables_are_those_of_lego() {
        let server = ("RFC2136_NAMESERVER", "ns.example:53");
        let usual = read(&[server]).unwrap();
        assert_eq!((usual.ttl, usual.timing.question.as_secs(), usual.timing.propagation.as_secs()), (120, 10, 60));
        assert!(usual.key.is_none() && usual.follows_aliases && usual.timing.polling.as_secs() == 2);
        let signed = read(&[server, ("RFC2136_TSIG_KEY", "K"), ("RFC2136_TSIG_SECRET", "c2VjcmV0")]).unwrap();
        assert_eq!(format!("{:?}", signed.key.unwrap()), "Key(k. hmac-sha1.)", "a secret is never shown");
        let all = read(&[
            server,
            ("RFC2136_TTL", "60"),
            ("RFC2136_DNS_TIMEOUT", "3"),
            ("RFC2136_PROPAGATION_TIMEOUT", "7"),
            ("RFC2136_POLLING_INTERVAL", "1"),
            ("RFC2136_SEQUENCE_INTERVAL", "1"),
            ("LEGO_DISABLE_CNAME_SUPPORT", "true"),
        ])
        .unwrap();
        let seconds = [all.timing.question, all.timing.propagation, all.timing.polling].map(|time| time.as_secs());
        assert_eq!((all.ttl, seconds), (60, [3, 7, 1]));
        assert!(!all.follows_aliases);
    }

    #[test]
    fn mistakes_are_named() {
        let server = ("RFC2136_NAMESERVER", "ns.example");
        let key = [server, ("RFC2136_TSIG_KEY", "k"), ("RFC2136_TSIG_SECRET", "c2VjcmV0")];
        for (variables, part) in [
            (vec![], "set `RFC2136_NAMESERVER`"),
            (vec![server, ("RFC2136_TTL", "1m")], "`RFC2136_TTL` takes a number of seconds, not `1m`"),
            (vec![server, ("RFC2136_SEQUENCE_INTERVAL", "x")], "`RFC2136_SEQUENCE_INTERVAL`"),
            (vec![server, key[1], ("RFC2136_TSIG_SECRET", "?")], "`RFC2136_TSIG_SECRET`: the secret is no base64"),
            ([&key[..], &[("RFC2136_TSIG_ALGORITHM", "hmac-md5")]].concat(), "TSIG algorithm `hmac-md5`"),
            (vec![server, ("RFC2136_TSIG_FILE", "/none")], "`RFC2136_TSIG_FILE`: `/none`: there is no such file"),
        ] {
            let wrong = read(&variables).unwrap_err();
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn secrets_may_stand_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("secret"), "c2VjcmV0\n").unwrap();
        std::fs::write(
            path("key"),
            "# made by tsig-keygen\nkey \"Acme.example\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\n",
        )
        .unwrap();
        let server = ("RFC2136_NAMESERVER", "ns.example");
        let secret = read(&[server, ("RFC2136_TSIG_KEY", "k"), ("RFC2136_TSIG_SECRET_FILE", &path("secret"))]).unwrap();
        assert_eq!(format!("{:?}", secret.key.unwrap()), "Key(k. hmac-sha1.)");
        let file = read(&[server, ("RFC2136_TSIG_FILE", &path("key"))]).unwrap();
        assert_eq!(format!("{:?}", file.key.unwrap()), "Key(acme.example. hmac-sha512.)");
    }
}
