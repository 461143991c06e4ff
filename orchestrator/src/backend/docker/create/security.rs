//! Security options. `seccomp=FILE` has been replaced by the file's content before this.

use bollard::models::HostConfig;
use compose_schema::model::Service;

use super::{Outcome, TranslateError, Translator};

/// Names of capabilities as the engine shows them: `CAP_NET_ADMIN` for `net_admin`.
pub(super) fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| {
        let name = name.trim().to_uppercase();
        if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
    };
    names.iter().map(full).collect()
}

pub(super) fn apply(translator: &Translator, service: &Service, host: &mut HostConfig) -> Outcome<()> {
    let mut options = Vec::new();
    for option in &service.security_opt {
        // Both `name=value` and the older `name:value` are understood.
        let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
        match (name, value) {
            ("systempaths", "unconfined") => {
                host.masked_paths = Some(Vec::new());
                host.readonly_paths = Some(Vec::new());
            }
            _ => options.push(option.clone()),
        }
    }
    if let Some(credentials) = &service.credential_spec {
        options.push(match (&credentials.file, &credentials.registry) {
            (file, _) if !file.is_empty() => format!("credentialspec=file://{file}"),
            (_, registry) if !registry.is_empty() => format!("credentialspec=registry://{registry}"),
            _ => {
                return Err(TranslateError::Unsupported(
                    "`credential_spec.config` needs Swarm; use `credential_spec.file`".to_owned(),
                ));
            }
        });
        // Only Windows engines read it; others answer with their own words.
        translator.need((1, 25), "1.13", "credential_spec")?;
    }
    host.security_opt = super::list(&options);
    Ok(())
}
