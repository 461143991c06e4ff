//! Codes about merging files, `extends` and `include`.

crate::codes::codes! {
    KINDS_DIFFER = "E0301", "values of different kinds cannot be merged",
        "Two files (or a service and the one it extends) give an attribute as different kinds of value, such as a list and a \
         mapping. Write both the same way, or put `!override` before the later one to replace the earlier.";
    NO_IDENTITY = "E0302", "a list entry cannot be told from others",
        "Entries of this list are matched by a part of them (the target of a mount, the name of a variable), and this one lacks \
         it or is of another type.";
    EXTENDS = "E0303", "`extends` names nothing that exists",
        "`extends` takes a service of the same file (`extends: base` or `extends: {service: base}`) or of another file \
         (`extends: {file: common.yaml, service: base}`).";
    EXTENDS_CYCLE = "E0304", "services extend each other in a circle",
        "Each of the marked services extends the next, and the last the first. Move what they share into a service that extends \
         nothing.";
    INCLUDE = "E0305", "`include` is written wrong",
        "`include` is a list of paths, or of mappings with `path` (one or several), `project_directory` and `env_file`.";
    INCLUDE_CYCLE = "E0306", "files include each other in a circle",
        "Each of the marked files includes the next, and the last the first. Move what they share into a file that includes nothing.";
    INCLUDE_CONFLICT = "E0307", "an included resource is defined twice",
        "An included file defines a service, network, volume, secret or config that is defined differently elsewhere. Rename \
         one; to change an included service, name an override file in the entry: `path: [included.yaml, override.yaml]`.";
    REMOTE = "E0308", "compose files are not fetched from elsewhere",
        "Files of Git repositories and OCI registries are not read: a command that only looks at a project must not run what \
         somebody else can change. Clone the repository and name the local file.";
    TOO_MANY_FILES = "E0309", "too many files",
        "A project may consist of 1000 files.";
    IGNORED_KEY = "W0301", "a key is ignored",
        "This key or its value means nothing here, and Docker Compose ignores it silently. Remove it, or correct it.";
    VALUE_AS_TEXT = "W0302", "a list or mapping where a text belongs",
        "Where a later file adds to variables, labels and the like, Docker Compose puts Go's text of a value that is no \
         text there (`map[a:true]`). Write the text that is meant.";
}
