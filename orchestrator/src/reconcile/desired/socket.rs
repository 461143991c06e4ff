//! `use_api_socket`: the engine's socket, and the user's credentials for registries, as Docker Compose gives them to a
//! service.

use compose_schema::model::{FileObject, FileReference, Mount, Project};

/// Where the socket is, on the engine's host and in the container.
const SOCKET: &str = "/var/run/docker.sock";
/// Where `docker` finds its configuration.
const VARIABLE: &str = "DOCKER_CONFIG";
const FOLDER: &str = "/run/secrets/docker";
/// Key of the config that stands for the credentials. No file can define one of that name.
const KEY: &str = "#apisocket";
/// Marks that config.
pub(super) const DRIVER: &str = "#registry-credentials";

/// The project with what its services get by `use_api_socket`; none where none asks for it.
pub(super) fn granted(project: &Project) -> Option<Project> {
    if !project.services.values().any(|service| service.use_api_socket) {
        return None;
    }
    let mut project = project.clone();
    let credentials = FileObject { name: KEY.to_owned(), driver: DRIVER.to_owned(), ..FileObject::default() };
    project.configs.insert(KEY.to_owned(), credentials);
    for service in project.services.values_mut().filter(|service| service.use_api_socket) {
        service.volumes.push(Mount {
            kind: "bind".to_owned(),
            source: SOCKET.to_owned(),
            target: SOCKET.to_owned(),
            ..Mount::default()
        });
        // Whoever sets the variable brings a configuration of his own.
        if !service.environment.contains_key(VARIABLE) {
            service.environment.insert(VARIABLE.to_owned(), Some(FOLDER.to_owned()));
            service.configs.push(FileReference {
                source: KEY.to_owned(),
                target: format!("{FOLDER}/config.json"),
                ..FileReference::default()
            });
        }
    }
    Some(project)
}
