//! Codes about files, YAML, variables and the choice of the project.

crate::codes::codes! {
    UNREADABLE = "E0101", "a file cannot be read",
        "The file is missing, is not a regular file, may not be read, or is larger than 16 MiB. Pipes and devices are refused \
         because reading them might never end; give `-f -` to read standard input.";
    ENCODING = "E0102", "a file is not text",
        "Compose files are UTF-8 (UTF-16 with a byte order mark is read too) without control characters. Save the file as UTF-8.";
    SYNTAX = "E0103", "the YAML is not well formed",
        "The file breaks YAML's grammar at the marked place; the cause is often in the line before: a missing quote, colon or \
         bracket, a tab used as indentation, or a line indented by another number of spaces than its neighbours.";
    DUPLICATE_KEY = "E0104", "a key is given twice",
        "A mapping may hold a key only once; YAML readers disagree about which of two would count. Remove one, or merge the two.";
    KEY_NOT_TEXT = "E0105", "a key is not text",
        "Keys of compose files are text. YAML reads an unquoted `1`, `true` or `null` as a number, a boolean or nothing: put \
         quotes around it.";
    ALIAS = "E0106", "an alias stands for nothing, or for too much",
        "An alias (`*name`) must follow its anchor (`&name`) in the same document and may not be part of the value it names. \
         What all aliases of a file stand for together is limited, so that a short file cannot fill the memory.";
    TOO_DEEP = "E0107", "values are nested too deep",
        "More than 100 levels of lists and mappings are refused: no compose file needs them.";
    TAG = "E0108", "a value is not what its tag says",
        "A tag such as `!!int` asks for a type that the value does not have. Remove the tag, or correct the value.";
    MERGE_KEY = "E0109", "a merge key has no mapping",
        "`<<` takes over the entries of a mapping, or of a list of mappings, usually aliases: `<<: *defaults` or \
         `<<: [*defaults, *more]`. Entries written beside it win; of a list, the first wins.";
    NOT_COMPOSE = "E0110", "this is not a compose file",
        "The top level of a compose file is a mapping with `services:` and the like. Nothing of this file is shown, because it \
         may be something else that should not be printed.";
    EMPTY = "E0111", "the compose file is empty",
        "There is nothing in the file but comments and white space, or an empty mapping.";
    TEMPLATE = "E0201", "a variable is written wrong",
        "Variables are written `$NAME` or `${NAME}`, where a name is made of letters, digits and `_` and does not start with a \
         digit. `${NAME:-default}` and `${NAME-default}` give a default, `${NAME:?message}` and `${NAME?message}` make it \
         required, `${NAME:+other}` and `${NAME+other}` replace it where it is set; with `:` an empty value counts as unset. \
         A dollar sign that shall stay one is written `$$`.";
    REQUIRED = "E0202", "a required variable is not set",
        "The file asks for a variable with `${NAME:?message}`. Set it in the environment, in `.env`, or in a file given with \
         `--env-file`.";
    CAST = "E0203", "a variable's value does not fit its attribute",
        "After variables are put in, numbers and booleans must be such: whole numbers in decimal digits, `true` or `false`.";
    TOO_LARGE = "E0204", "variables produce too much text",
        "One value may grow to 1 MiB and all values of a project to 64 MiB; `${...}` may be nested 100 deep.";
    ENV_SYNTAX = "E0205", "an env file is written wrong",
        "Each line is `NAME=value`, `NAME: value` or `NAME` alone, with `export ` before it if you like; values may be quoted with \
         ' or \". The text of env files is never shown, as it may be secret.";
    ENV_MISSING = "E0206", "an env file cannot be read",
        "The env file does not exist, or is not a regular file. Create it, correct its path (which starts from the folder of \
         the compose file that names it), or write `required: false` beside `path:` if it is optional.";
    NO_FILE = "E0401", "no compose file was found",
        "Without `-f` and `COMPOSE_FILE`, `compose.yaml`, `compose.yml`, `docker-compose.yml` or `docker-compose.yaml` is looked \
         for in the current folder and its parents.";
    PROJECT_NAME = "E0402", "the project name is not valid",
        "A project name consists of lowercase letters, digits, `-` and `_`, and starts with a letter or a digit. It comes from \
         `-p`, `COMPOSE_PROJECT_NAME`, the top-level `name:` or the folder's name, in this order.";
    OBSOLETE_VERSION = "W0101", "`version` has no meaning any more",
        "The top-level `version` was needed by old tools. It is ignored; remove it.";
    UNSET = "W0201", "a variable is not set",
        "An unset variable becomes empty text. Set it in the environment or in `.env`, give it a default with \
         `${NAME:-default}`, or write `$$` where a dollar sign is meant.";
    BOOLEAN_WORD = "W0202", "a boolean is written in an old way",
        "`yes`, `no`, `on`, `off`, `y` and `n` are not booleans in YAML 1.2; write `true` or `false`.";
    SEVERAL_FILES = "W0401", "several compose files could be meant",
        "More than one of the names that are looked for exist. The first in order of preference is used; name the one you \
         mean with `-f`, or remove the others.";
}
