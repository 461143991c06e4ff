//! Codes about the shape of a compose file and the values of its attributes.

crate::codes::codes! {
    UNKNOWN_ATTRIBUTE = "E0501", "unknown attribute",
        "The compose language has no attribute of this name at this place. A slip of the keyboard is the usual reason; an \
         attribute that belongs one level up or down is the next. Attributes of your own are welcome where their names start \
         with `x-`.";
    WRONG_TYPE = "E0502", "value of the wrong type",
        "The attribute takes another type of value: a list, a mapping, a number, a string. Numbers, `true`, `false` and dates \
         become strings when they are put in quotes.";
    MISSING_ATTRIBUTE = "E0503", "missing attribute",
        "The mapping cannot do without this attribute.";
    NOT_ALLOWED = "E0504", "value not allowed",
        "The attribute takes only certain values, which the message lists.";
    EQUAL_ITEMS = "E0505", "the same item twice",
        "The list is a set: each item may stand in it once. When files are merged, lists are appended to each other; an item \
         that is in both is there twice. Use `!override` on the list to replace it.";
    BAD_NAME = "E0506", "name not allowed",
        "Names of services, networks, volumes, secrets and configs are made of letters, digits, `.`, `_` and `-`.";
    PORT = "E0507", "port that cannot be read",
        "The short form is `[[IP:]HOST:]CONTAINER[/PROTOCOL]`. HOST and CONTAINER may be ranges (`8000-8010`); two ranges have \
         the same length. IPv6 addresses stand in brackets.";
    VOLUME = "E0508", "volume that cannot be read",
        "The short form is `[SOURCE:]TARGET[:OPTION,...]`. A SOURCE that starts with `.`, `/` or `~` is a path of the host, \
         any other is the name of a volume.";
    DEVICE = "E0509", "device that cannot be read",
        "The short form is `HOST[:CONTAINER[:PERMISSIONS]]`. For names with colons use the long form with `source`, `target` \
         and `permissions`.";
    KEY_VALUE = "E0510", "item without `=`",
        "In the list form of this attribute each item is `KEY=VALUE`.";
    SSH_KEY = "E0511", "SSH key without a path",
        "Only the key `default`, the user's agent, goes without a path; others are `ID=PATH`.";
    TWO_NAMES = "E0512", "two names",
        "`external.name` is the old way to write `name`; the two differ here.";
    BAD_VALUE = "E0513", "value that cannot be read",
        "The value has the right type, but is not a number, size, duration, address or count that the attribute can take. Sizes \
         are numbers with `b`, `k`, `m`, `g`, `t` or `p` (`64m`); durations numbers with units (`1m30s`).";
    COMMAND_LINE = "E0514", "command line that cannot be read",
        "A command that is one string is split into words as a shell would. A quote or parenthesis is left open here, or stands \
         where none can be. Write the command as a list instead.";
    EXTERNAL_NAME = "W0501", "deprecated `external.name`",
        "Write `external: true` and `name:` beside it.";
}
