use compose_schema::model::{Project, Service};

use crate::backend::Attachment;

/// The networks a service joins, highest priority first, then by key; and their keys in the same order.
pub(super) fn attachments(project: &Project, name: &str, service: &Service) -> (Vec<Attachment>, Vec<String>) {
    if !service.network_mode.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut joined: Vec<_> = service.networks.iter().collect();
    joined.sort_by_key(|(_, options)| std::cmp::Reverse(options.as_ref().map_or(0, |options| options.priority)));
    joined
        .into_iter()
        .map(|(key, options)| {
            let options = options.clone().unwrap_or_default();
            let mut aliases = vec![name.to_owned()];
            aliases.extend(options.aliases.iter().filter(|alias| *alias != name).cloned());
            let network = project.networks.get(key).map_or_else(|| key.clone(), |network| network.name.clone());
            (Attachment { network, aliases, options }, key.clone())
        })
        .unzip()
}
