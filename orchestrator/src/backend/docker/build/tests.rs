#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use compose_schema::model::{Build, Bytes, FileReference};

use super::{Builder, asked_for, choose, needs_store, why_classic};
use crate::backend::BuildSpec;

fn spec(change: impl FnOnce(&mut BuildSpec)) -> BuildSpec {
    let mut spec =
        BuildSpec { build: Build { context: "/app".to_owned(), ..Build::default() }, ..BuildSpec::default() };
    change(&mut spec);
    spec
}

#[test]
fn the_builder_is_the_one_that_can_do_it() {
    let (old, new) = ((1, 41), (1, 51));
    let plain = spec(|_| {});
    assert_eq!(choose(&plain, None, true, old), Ok(Builder::BuildKit));
    assert_eq!(choose(&plain, None, false, old), Ok(Builder::Classic));
    assert_eq!(choose(&plain, Some(Builder::Classic), true, new), Ok(Builder::Classic));
    assert_eq!(
        choose(&plain, Some(Builder::BuildKit), false, new).unwrap_err(),
        "`DOCKER_BUILDKIT` asks for BuildKit, and this engine has none"
    );

    let memory = spec(|spec| spec.memory = 1 << 20);
    assert_eq!(choose(&memory, None, true, new), Ok(Builder::Classic));
    assert_eq!(
        choose(&memory, Some(Builder::BuildKit), true, new).unwrap_err(),
        "`--memory` needs the classic builder (`DOCKER_BUILDKIT=0`): BuildKit knows no limit of memory"
    );

    let shared = spec(|spec| spec.build.shm_size = Bytes(1 << 20));
    assert_eq!(choose(&shared, None, true, old), Ok(Builder::Classic));
    assert_eq!(choose(&shared, None, true, new), Ok(Builder::BuildKit));

    let secret = spec(|spec| spec.build.secrets.push(FileReference::default()));
    assert_eq!(choose(&secret, None, true, old), Ok(Builder::BuildKit));
    assert_eq!(
        choose(&secret, None, false, old).unwrap_err(),
        "`build.secrets` needs BuildKit, and this engine has none"
    );
    assert_eq!(
        choose(&secret, Some(Builder::Classic), true, old).unwrap_err(),
        "`build.secrets` needs BuildKit, and `DOCKER_BUILDKIT` asks for the classic builder"
    );

    let both = spec(|spec| {
        spec.build.secrets.push(FileReference::default());
        spec.build.shm_size = Bytes(1 << 20);
    });
    assert_eq!(
        choose(&both, None, true, old).unwrap_err(),
        "`build.shm_size` and `build.secrets` do not go together: BuildKit takes it from Docker 23.0 (API 1.42) on"
    );
    assert_eq!(choose(&both, None, true, new), Ok(Builder::BuildKit));

    let named = spec(|spec| {
        spec.build.additional_contexts.insert("base".to_owned(), "/base".to_owned());
    });
    assert_eq!(
        choose(&named, None, true, old).unwrap_err(),
        "`build.additional_contexts` needs Docker 23.0 (API 1.42) or newer"
    );
}

#[test]
fn the_classic_builder_says_why_it_is_the_one() {
    let (old, new) = ((1, 41), (1, 51));
    let plain = spec(|_| {});
    let shared = spec(|spec| spec.build.shm_size = Bytes(1 << 20));
    assert_eq!(
        why_classic(&shared, None, true, old),
        "`build.shm_size` needs the classic builder: BuildKit takes it from Docker 23.0 (API 1.42) on"
    );
    let memory = spec(|spec| spec.memory = 1 << 20);
    assert_eq!(
        why_classic(&memory, None, true, new),
        "`--memory` needs the classic builder: BuildKit knows no limit of memory"
    );
    assert_eq!(why_classic(&plain, None, false, old), "this engine has none");
    let asked = why_classic(&shared, Some(Builder::Classic), true, old);
    assert_eq!(asked, "`DOCKER_BUILDKIT` asks for the classic builder");
}

#[test]
fn caches_that_only_containerd_writes_are_named() {
    let needs = |cache: &str| {
        let mut spec = spec(|spec| spec.build.cache_to.push(cache.to_owned()));
        spec.places.cache_to = Some("compose.yaml:7".to_owned());
        needs_store(&spec, &BTreeMap::new())
    };
    let local = "`build.cache_to` (compose.yaml:7) of the type `local`";
    assert_eq!(needs("type=local,dest=x").as_deref(), Some(local));
    assert_eq!(needs("cache/x").unwrap(), local.replace("local", "registry"));
    assert_eq!(needs("type=inline,mode=max"), None);
    assert_eq!(needs("type=gha"), None, "away from its runners it is left out");
}

#[test]
fn the_variable_is_read_as_docker_reads_it() {
    assert_eq!(asked_for(None), Ok(None));
    assert_eq!(asked_for(Some("")), Ok(None));
    assert_eq!(asked_for(Some("1")), Ok(Some(Builder::BuildKit)));
    assert_eq!(asked_for(Some("False")), Ok(Some(Builder::Classic)));
    assert_eq!(asked_for(Some("yes")).unwrap_err(), "`DOCKER_BUILDKIT` is `yes`; it takes `1` or `0`");
}
