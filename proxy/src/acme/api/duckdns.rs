//! Duck DNS (<https://www.duckdns.org/spec.jsp>): one TXT record for a name and all below it.

use http::Method;

use super::{Client, Secret, Txt, Variables, base, missing};

const BASE: &str = "https://www.duckdns.org/update";
/// Where all names are.
const PARENT: &str = "duckdns.org";

/// An account.
#[derive(Clone, Debug)]
pub(super) struct DuckDns {
    pub(super) base: String,
    token: Secret,
}

impl DuckDns {
    /// From `DUCKDNS_*` variables.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, String> {
        let token = variables.value("DUCKDNS_TOKEN")?.ok_or_else(|| missing(&["DUCKDNS_TOKEN"]))?;
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("`DUCKDNS_TOKEN` takes a token of letters, digits and `-`".to_owned());
        }
        Ok(Self { base: base(variables, "DUCKDNS_BASE_URL", BASE)?, token: Secret(token) })
    }

    pub(super) async fn add(&self, client: &Client, txt: &Txt) -> Result<(), String> {
        self.tell(client, txt, &format!("clear=false&txt={}", txt.value)).await
    }

    pub(super) async fn remove(&self, client: &Client, txt: &Txt) -> Result<(), String> {
        self.tell(client, txt, "clear=true&txt=").await
    }

    async fn tell(&self, client: &Client, txt: &Txt, what: &str) -> Result<(), String> {
        let name = own_name(&txt.name).ok_or_else(|| format!("`{}` is not below `{PARENT}`", txt.name))?;
        let url = format!("{}?domains={name}&token={}&{what}", self.base, self.token.0);
        let answer = client.send(Method::GET, &url, &Vec::new(), None).await?;
        answer.good()?;
        match answer.body.trim_ascii() {
            b"OK" => Ok(()),
            b"KO" => Err(format!("it answers KO: the account of `DUCKDNS_TOKEN` has no name `{name}`")),
            _ => Err(answer.told()),
        }
    }
}

/// The part of a name that an account has.
fn own_name(name: &str) -> Option<&str> {
    let below = name.strip_suffix(PARENT)?.strip_suffix('.')?;
    let own = below.rsplit('.').next().unwrap_or(below);
    name.get(below.len() - own.len()..).filter(|_| !own.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_names_of_three_labels() {
        assert_eq!(own_name("_acme-challenge.x.me.duckdns.org"), Some("me.duckdns.org"));
        assert_eq!(own_name("me.duckdns.org"), Some("me.duckdns.org"));
        for none in ["duckdns.org", ".duckdns.org", "meduckdns.org", "a.example"] {
            assert_eq!(own_name(none), None, "{none}");
        }
    }
}
