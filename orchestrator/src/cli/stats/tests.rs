#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::row::Look;
use super::{once, runs};
use crate::backend::memory::{Behaviour, Memory};
use crate::backend::{Backend as _, Container, ContainerSpec, Engine, LabelFilter, Usage};
use crate::cli::format::Format;

const SAMPLE: Usage = Usage {
    cpu: 12.345,
    memory: 5_242_880,
    memory_limit: 25_276_502_016,
    received: 1_320,
    sent: 0,
    read: 4_096_000,
    written: 999,
    pids: 7,
};

/// A container that runs and one that has ended.
async fn engine() -> (Engine, Vec<Container>) {
    let memory = Memory::new();
    memory.add_image_named("app");
    memory.behave("off", Behaviour::Exit(0));
    for name in ["web", "off"] {
        let labels = BTreeMap::from([("com.docker.compose.service".to_owned(), name.to_owned())]);
        let spec = ContainerSpec { name: name.to_owned(), image: "app".to_owned(), labels, ..ContainerSpec::default() };
        let (id, _) = memory.create_container(&spec).await.unwrap();
        memory.start_container(&id).await.unwrap();
    }
    memory.set_usage("web", SAMPLE);
    let mut containers = memory.containers(&LabelFilter::default()).await.unwrap();
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    for (container, letter) in containers.iter_mut().zip(["0", "f"]) {
        // Ids of the engine in memory are what they are; these are for the eye.
        if !runs(container) {
            container.id = letter.repeat(64);
        }
    }
    (memory, containers)
}

#[tokio::test]
async fn a_table_as_docker_prints_it() {
    let (engine, mut containers) = engine().await;
    let samples = once(&engine, &containers).await.unwrap();
    let usages: Vec<Option<Usage>> = samples.into_iter().map(|(_, usage)| usage).collect();
    containers[1].id = "f".repeat(64);
    let mut samples: Vec<_> = containers.iter().zip(usages).collect();
    let unknown = Container { id: "e".repeat(64), name: "young".to_owned(), ..Container::default() };
    samples.push((&unknown, None));
    let text = Look { format: Format::Table, no_trunc: false }.text(&samples).unwrap();
    assert_eq!(
        text,
        "\
CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       BLOCK I/O      PIDS
000000000000   off       0.00%     0B / 0B             0.00%     0B / 0B       0B / 0B        0
ffffffffffff   web       12.35%    5MiB / 23.54GiB     0.02%     1.32kB / 0B   4.1MB / 999B   7
eeeeeeeeeeee   young     --        -- / --             --        -- / --       -- / --        --
"
    );
    let json = Look { format: Format::Json, no_trunc: false }.text(samples.get(1..2).unwrap()).unwrap();
    assert_eq!(
        json,
        format!(
            "{{\"BlockIO\":\"4.1MB / 999B\",\"CPUPerc\":\"12.35%\",\"Container\":\"{}\",\"ID\":\"ffffffffffff\",\
             \"MemPerc\":\"0.02%\",\"MemUsage\":\"5MiB / 23.54GiB\",\"Name\":\"web\",\"NetIO\":\"1.32kB / 0B\",\
             \"PIDs\":\"7\"}}\n",
            "f".repeat(64)
        )
    );
}
