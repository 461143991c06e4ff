//! Which encoding a client takes best (RFC 9110 section 12.5.3).

use super::Wanted;
use super::encoder::Encoding;

/// The choice among `offered`, the first of which wins between equals; `usual` is what a client that takes anything gets. `None` where
/// the client wants no encoding.
pub(super) fn choose(accepted: &str, offered: &[Encoding], usual: Option<Encoding>) -> Option<Wanted> {
    let mut best: Option<(f32, usize, Option<Wanted>)> = None;
    let mut takes_gzip = false;
    for element in accepted.split(',') {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let weight = weight(parameters);
        if weight <= 0.0 {
            continue;
        }
        let candidate = match name.trim() {
            "identity" => (weight, offered.len() + 1, None),
            "*" => (weight, 0, Some(usual.or(offered.first().copied()).map_or(Wanted::Anything, Wanted::Encoding))),
            name => match offered.iter().position(|encoding| encoding.name() == name) {
                Some(rank) => (weight, rank + 1, offered.get(rank).copied().map(Wanted::Encoding)),
                None => continue,
            },
        };
        takes_gzip |= name.trim() == Encoding::Gzip.name();
        let better = best.as_ref().is_none_or(|(most, rank, _)| {
            candidate.0 > *most || ((candidate.0 - *most).abs() < f32::EPSILON && candidate.1 < *rank)
        });
        if better {
            best = Some(candidate);
        }
    }
    // As in Traefik, whose gzip wants to be named.
    let named =
        |wanted| if wanted == Wanted::Encoding(Encoding::Gzip) && !takes_gzip { Wanted::Anything } else { wanted };
    best.and_then(|(_, _, wanted)| wanted).map(named)
}

fn weight(parameters: &str) -> f32 {
    let mut q = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("q="));
    q.next_back().map_or(1.0, |text| text.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_weights_then_our_order() {
        let offered = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];
        for (accepted, wanted) in [
            ("zstd, br, gzip", Some(Wanted::Encoding(Encoding::Gzip))),
            ("gzip;q=0.5, br;q=0.8", Some(Wanted::Encoding(Encoding::Brotli))),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Wanted::Encoding(Encoding::Gzip))),
            ("identity;q=0.5, gzip;q=0.1", None),
            ("gzip;q=0, *", Some(Wanted::Anything)),
            ("GZIP", None),
            ("", None),
            ("*", Some(Wanted::Anything)),
            ("br, *", Some(Wanted::Anything)),
            ("identity, *", Some(Wanted::Anything)),
            ("gzip;q=0.1, *", Some(Wanted::Encoding(Encoding::Gzip))),
            ("identity, br", Some(Wanted::Encoding(Encoding::Brotli))),
        ] {
            assert_eq!(choose(accepted, &offered, None), wanted, "{accepted}");
        }
        let offered = [Encoding::Zstd, Encoding::Gzip, Encoding::Brotli];
        assert_eq!(choose("*", &offered, None), Some(Wanted::Encoding(Encoding::Zstd)));
        assert_eq!(choose("gzip, *", &offered, Some(Encoding::Brotli)), Some(Wanted::Encoding(Encoding::Brotli)));
    }
}
