//! Codes about what a project means as a whole.

crate::codes::codes! {
    UNDEFINED_SERVICE = "E0601", "undefined service",
        "The service is named as a dependency, a link or the owner of a namespace, but no active service has this name. It may \
         be one that only a profile switches on: use `--profile`, or `required: false` in `depends_on`.";
    UNDEFINED_RESOURCE = "E0602", "undefined network, volume, secret, config or model",
        "A service uses it, but no top-level section declares it. A source that is meant as a path of the host starts with \
         `./`, `/` or `~`.";
    NO_IMAGE = "E0603", "neither image nor build",
        "A service needs an `image` to run, a `build` to make one, or a `provider`.";
    CYCLE = "E0604", "services that depend on each other",
        "None of the services could start first. Links, shared namespaces and `volumes_from` are dependencies too.";
    EXCLUSIVE = "E0605", "attributes that exclude each other",
        "Only one of the attributes can be obeyed.";
    DISTINCT = "E0606", "two values for one thing",
        "An attribute of the service and one of `deploy` say the same thing; where both are there they have to agree.";
    CONTAINER_NAME = "E0607", "container name used twice",
        "Names of containers are unique: a service with `container_name` has one container, and no two services share a name.";
    SAME_TARGET = "E0608", "two mounts at one path",
        "Only one mount can be seen at a path of the container.";
    NO_SOURCE = "E0609", "source of a secret, config or mount",
        "A secret has exactly one of `file` and `environment`, a config one of `file`, `environment` and `content`; a bind \
         mount has a `source`.";
    WATCH_TARGET = "E0610", "watch rule that cannot work",
        "Rules that copy files need a `path` and a `target` in the container.";
    HEALTHCHECK_TEST = "E0611", "health check without a form",
        "A test that is a list starts with `CMD` (a program and its arguments), `CMD-SHELL` (a line for the shell) or `NONE`.";
    BAD_ADDRESS = "E0612", "not an IP address",
        "A port is published at an address of the host, not at a name.";
    EXTERNAL_CONFLICT = "E0613", "external volume with attributes",
        "An external volume exists already; only its `name` can be given.";
    NEGATIVE = "E0614", "negative number of containers",
        "`scale` and `replicas` are 0 or more.";
    COMMAND_CUT = "W0601", "command cut off",
        "A command that is one string is split into words, but no shell runs it: everything from the first `;`, `&`, `|`, `<` \
         or `>` is dropped. Docker Compose does the same and says nothing. Write `sh -c '...'` for a shell.";
    DRIVE_LETTER = "W0602", "volume name of one letter",
        "A name of one letter before a colon is read as a Windows drive, so that the whole entry becomes the path of an \
         anonymous volume. Docker Compose does the same. Use a longer name.";
    HOST_PORT = "W0603", "host port published twice",
        "Only one container can listen at a port of the host; the second will fail to start.";
    ALLOW = "W0604", "a code that cannot be allowed",
        "`--allow`, `STACK_ALLOW` and the top-level `x-stack: {allow: [...]}` name the codes of warnings that are not to be \
         shown. Errors cannot be allowed. `stack explain` lists all codes.";
    OWN = "W0605", "unknown attribute of `x-stack`",
        "`x-stack`, at the top level and in services, holds what only `stack` reads: `allow` at the top level, `drain` and \
         `restart-unhealthy` in a service. What it does not know, or cannot read, has no effect.";
    FILE_OWNER = "W0606", "owner or mode of a mounted file",
        "A secret or config that is a file of the host is mounted as it is there: `uid`, `gid` and `mode` have no effect. Docker \
         Compose does the same. One whose content comes from `environment` or `content` is copied in, and has them.";
}
