//! The files that a configuration names.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Certificate, Configuration};

impl Configuration {
    /// Calls `visit` with every value that may be the name of a file: certificates, keys, authorities, lists of users.
    /// Where PEM text may stand instead, the value may be that.
    pub fn for_each_file(&mut self, visit: &mut dyn FnMut(&mut String)) {
        let pair = |certificate: &mut Certificate, visit: &mut dyn FnMut(&mut String)| {
            visit(&mut certificate.cert_file);
            visit(&mut certificate.key_file);
        };
        for certificate in &mut self.tls.certificates {
            visit(&mut certificate.cert_file);
            visit(&mut certificate.key_file);
        }
        for options in self.tls.options.values_mut() {
            options.client_auth.ca_files.iter_mut().for_each(&mut *visit);
        }
        for store in self.tls.stores.values_mut() {
            store.default_certificate.iter_mut().for_each(|certificate| pair(certificate, visit));
        }
        for transport in self.http.servers_transports.values_mut() {
            transport.root_cas.iter_mut().for_each(&mut *visit);
            transport.certificates.iter_mut().for_each(|certificate| pair(certificate, visit));
        }
        for middleware in self.http.middlewares.values_mut() {
            for auth in [&mut middleware.basic_auth, &mut middleware.digest_auth].into_iter().flatten() {
                visit(&mut auth.users_file);
            }
            if let Some(tls) = middleware.forward_auth.as_mut().and_then(|auth| auth.tls.as_mut()) {
                [&mut tls.ca, &mut tls.cert, &mut tls.key].into_iter().for_each(&mut *visit);
            }
        }
    }

    /// The files it names, as it names them.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        self.clone().for_each_file(&mut |value| {
            // PEM text has several lines.
            if !value.is_empty() && !value.contains('\n') {
                files.insert(PathBuf::from(value.as_str()));
            }
        });
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_wherever_they_are_named() {
        let configuration: Configuration = serde_json::from_value(serde_json::json!({
            "tls": {
                "certificates": [{ "certFile": "/a.cert", "keyFile": "-----BEGIN PRIVATE KEY-----\n" }],
                "stores": { "default": { "defaultCertificate": { "certFile": "/b", "keyFile": "/c" } } },
            },
            "http": { "middlewares": { "auth": { "basicAuth": { "usersFile": "/users" } } } },
        }))
        .unwrap_or_default();
        let expected = ["/a.cert", "/b", "/c", "/users"].map(PathBuf::from);
        assert_eq!(configuration.files(), BTreeSet::from(expected));
    }
}
