//! The exit code of an attached `up`, as containers give it.

use futures_util::future::join_all;

use crate::backend::{Engine, State};
use crate::error::Result;
use crate::reconcile::observed::{is_oneoff, of_project, service_of};

/// A container's exit code as ours.
pub(super) fn exit_code(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The code that the containers of a service have ended with: that of the first which failed. None unless all have ended:
/// one that runs has the code 0 and says nothing by it.
///
/// # Errors
/// An engine that cannot be asked.
pub(super) async fn code_of(engine: &Engine, project: &str, service: &str) -> Result<Option<u8>> {
    let found = engine.containers(&of_project(project)).await?;
    let of_service = found.iter().filter(|container| service_of(container) == service && !is_oneoff(container));
    let mut code = None;
    for container in join_all(of_service.map(|container| engine.container(&container.id))).await {
        let container = container?;
        if !matches!(container.summary.state, State::Exited | State::Dead) {
            return Ok(None);
        }
        code = code.filter(|code| *code != 0).or(Some(exit_code(container.exit_code)));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::backend::memory::Memory;
    use crate::backend::{Backend as _, ContainerSpec};
    use crate::labels;

    #[tokio::test]
    async fn only_containers_that_have_ended_give_a_code() {
        let memory = Memory::new();
        memory.add_image_named("app");
        let engine: Engine = memory.clone();
        assert_eq!(code_of(&engine, "p", "db").await.unwrap(), None, "there is none");
        for name in ["db-1", "db-2", "db-3"] {
            let labels = [(labels::PROJECT, "p"), (labels::SERVICE, "db"), (labels::ONEOFF, "False")];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let (name, image) = (name.to_owned(), "app".to_owned());
            memory.create_container(&ContainerSpec { name, image, labels, ..ContainerSpec::default() }).await.unwrap();
        }
        for (name, code, expected) in [("db-1", 0, None), ("db-2", 5, None), ("db-3", 0, Some(5))] {
            memory.start_container(name).await.unwrap();
            assert_eq!(code_of(&engine, "p", "db").await.unwrap(), None, "{name} runs");
            memory.exit(name, code);
            assert_eq!(code_of(&engine, "p", "db").await.unwrap(), expected, "{name} has ended");
        }
    }
}
