//! The shape of a service.

use super::build::BUILD;
use super::common::{
    COMMAND, DEVICE_REQUEST, EXTRA_HOSTS, FILE_REFERENCES, FLAG, FLAG_TEXT, HOOK, INTEGER_TEXT, LIST_OR_MAP,
    LOG_OPTIONS, NULL, NUMBER, NUMBER_TEXT, NUMBER_TEXT_SET, OPTIONS, PROVIDER_OPTIONS, TEXT, TEXT_OR_SET, TEXT_SET,
    TEXTS, ULIMITS,
};
use super::deploy::DEPLOY;
use super::shape::{Form, Kinds, NameForm, Names, Object, Others, Shape, object};
use super::volumes::VOLUMES;

pub(super) static SERVICE: Object = object!(&[
    ("annotations", LIST_OR_MAP),
    ("attach", FLAG_TEXT),
    ("blkio_config", Shape::Object(&BLKIO)),
    ("build", BUILD),
    ("cap_add", TEXT_SET),
    ("cap_drop", TEXT_SET),
    ("cgroup", Shape::OneOf(&["host", "private"])),
    ("cgroup_parent", TEXT),
    ("command", COMMAND),
    ("configs", FILE_REFERENCES),
    ("container_name", Shape::Form(&CONTAINER_NAME)),
    ("cpu_count", Shape::Either(&[TEXT, Shape::Range(0, i64::MAX)])),
    ("cpu_percent", Shape::Either(&[TEXT, Shape::Range(0, 100)])),
    ("cpu_period", NUMBER_TEXT),
    ("cpu_quota", NUMBER_TEXT),
    ("cpu_rt_period", NUMBER_TEXT),
    ("cpu_rt_runtime", NUMBER_TEXT),
    ("cpu_shares", NUMBER_TEXT),
    ("cpus", NUMBER_TEXT),
    ("cpuset", TEXT),
    ("credential_spec", Shape::Object(&CREDENTIAL_SPEC)),
    ("depends_on", DEPENDS_ON),
    ("deploy", DEPLOY),
    ("develop", Shape::Either(&[NULL, Shape::Object(&DEVELOP)])),
    ("device_cgroup_rules", TEXT_SET),
    ("devices", Shape::List(&Shape::Either(&[TEXT, Shape::Object(&DEVICE)]))),
    ("dns", TEXT_OR_SET),
    ("dns_opt", TEXT_SET),
    ("dns_search", TEXT_OR_SET),
    ("domainname", TEXT),
    ("entrypoint", COMMAND),
    ("env_file", ENV_FILE),
    ("environment", LIST_OR_MAP),
    ("expose", NUMBER_TEXT_SET),
    ("extends", Shape::Either(&[TEXT, Shape::Object(&EXTENDS)])),
    ("external_links", TEXT_SET),
    ("extra_hosts", EXTRA_HOSTS),
    ("gpus", GPUS),
    ("group_add", NUMBER_TEXT_SET),
    ("healthcheck", Shape::Object(&HEALTHCHECK)),
    ("hostname", TEXT),
    ("image", TEXT),
    ("init", FLAG_TEXT),
    ("ipc", TEXT),
    ("isolation", TEXT),
    ("label_file", Shape::Either(&[TEXT, TEXTS])),
    ("labels", LIST_OR_MAP),
    ("links", TEXT_SET),
    ("logging", Shape::Object(&LOGGING)),
    ("mac_address", TEXT),
    ("mem_limit", NUMBER_TEXT),
    ("mem_reservation", INTEGER_TEXT),
    ("mem_swappiness", INTEGER_TEXT),
    ("memswap_limit", NUMBER_TEXT),
    ("models", MODELS),
    ("network_mode", TEXT),
    ("networks", NETWORKS),
    ("oom_kill_disable", FLAG_TEXT),
    ("oom_score_adj", Shape::Either(&[TEXT, Shape::Range(-1000, 1000)])),
    ("pid", Shape::Scalar(Kinds::STRING.or(Kinds::NULL))),
    ("pids_limit", NUMBER_TEXT),
    ("platform", TEXT),
    ("ports", Shape::Set(&Shape::Either(&[NUMBER_TEXT, Shape::Object(&PORT)]))),
    ("post_start", Shape::List(&HOOK)),
    ("pre_stop", Shape::List(&HOOK)),
    ("privileged", FLAG_TEXT),
    ("profiles", TEXT_SET),
    ("provider", Shape::Object(&PROVIDER)),
    ("pull_policy", Shape::Form(&PULL_POLICY)),
    ("pull_refresh_after", TEXT),
    ("read_only", FLAG_TEXT),
    ("restart", TEXT),
    ("runtime", TEXT),
    ("scale", INTEGER_TEXT),
    ("secrets", FILE_REFERENCES),
    ("security_opt", TEXT_SET),
    ("shm_size", NUMBER_TEXT),
    ("stdin_open", FLAG_TEXT),
    ("stop_grace_period", TEXT),
    ("stop_signal", TEXT),
    ("storage_opt", Shape::Names(&Names { names: NameForm::NotEmpty, only: false, values: Shape::Any })),
    ("sysctls", LIST_OR_MAP),
    ("tmpfs", TEXT_OR_SET),
    ("tty", FLAG_TEXT),
    ("ulimits", ULIMITS),
    ("use_api_socket", FLAG),
    ("user", TEXT),
    ("userns_mode", TEXT),
    ("uts", TEXT),
    ("volumes", VOLUMES),
    ("volumes_from", TEXT_SET),
    ("working_dir", TEXT),
]);

static BLKIO: Object = Object {
    fields: &[
        ("device_read_bps", RATES),
        ("device_read_iops", RATES),
        ("device_write_bps", RATES),
        ("device_write_iops", RATES),
        ("weight", INTEGER_TEXT),
        (
            "weight_device",
            Shape::List(&Shape::Object(&Object {
                fields: &[("path", TEXT), ("weight", INTEGER_TEXT)],
                required: &[],
                others: Others::None,
            })),
        ),
    ],
    required: &[],
    others: Others::None,
};

const RATES: Shape = Shape::List(&Shape::Object(&Object {
    fields: &[("path", TEXT), ("rate", INTEGER_TEXT)],
    required: &[],
    others: Others::None,
}));

static CONTAINER_NAME: Form = Form {
    accepts: |name| {
        let word = |byte: u8| byte.is_ascii_alphanumeric();
        let more = |byte: u8| word(byte) || b"_.-".contains(&byte);
        name.as_bytes().windows(2).any(|pair| matches!(pair, [first, second] if word(*first) && more(*second)))
    },
    words: "a name of two or more letters, digits, `_`, `.` or `-`",
};

static PULL_POLICY: Form = Form {
    accepts: |policy| {
        let words = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
        let every = |rest: &str| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest.as_bytes().get(digits).is_some_and(|unit| b"wdhms".contains(unit))
        };
        words.iter().any(|word| policy.contains(word)) || policy.split("every_").skip(1).any(every)
    },
    words: "one of `always`, `never`, `build`, `if_not_present`, `missing`, `refresh`, `daily`, `weekly`, `every_<duration>`",
};

static CREDENTIAL_SPEC: Object = object!(&[("config", TEXT), ("file", TEXT), ("registry", TEXT)]);

const DEPENDS_ON: Shape = Shape::Either(&[
    TEXT_SET,
    Shape::Names(&Names {
        names: NameForm::Identifier,
        only: true,
        values: Shape::Object(&object!(
            &[
                ("restart", FLAG_TEXT),
                ("required", FLAG),
                ("condition", Shape::OneOf(&["service_started", "service_healthy", "service_completed_successfully"])),
            ], required: &["condition"])),
    }),
]);

static DEVELOP: Object = object!(&[(
    "watch",
    Shape::List(&Shape::Object(&object!(
            &[
                ("path", TEXT),
                ("action", Shape::OneOf(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
                ("target", TEXT),
                ("ignore", TEXT_OR_SET),
                ("include", TEXT_OR_SET),
                ("exec", HOOK),
                ("initial_sync", FLAG),
            ], required: &["path", "action"]))),
)]);

static DEVICE: Object = object!(&[("source", TEXT), ("target", TEXT), ("permissions", TEXT)], required: &["source"]);

const ENV_FILE: Shape = Shape::Either(&[
    TEXT,
    Shape::List(&Shape::Either(&[
        TEXT,
        Shape::Object(&Object {
            fields: &[("path", TEXT), ("format", TEXT), ("required", FLAG_TEXT)],
            required: &["path"],
            others: Others::None,
        }),
    ])),
]);

static EXTENDS: Object =
    Object { fields: &[("service", TEXT), ("file", TEXT)], required: &["service"], others: Others::None };

const GPUS: Shape = Shape::Either(&[
    Shape::OneOf(&["all"]),
    Shape::List(&Shape::Object(&Object { fields: DEVICE_REQUEST, required: &[], others: Others::Any })),
]);

static HEALTHCHECK: Object = object!(&[
    ("disable", FLAG_TEXT),
    ("interval", TEXT),
    ("retries", NUMBER_TEXT),
    ("test", Shape::Either(&[TEXT, TEXTS])),
    ("timeout", TEXT),
    ("start_period", TEXT),
    ("start_interval", TEXT),
]);

static LOGGING: Object = object!(&[("driver", TEXT), ("options", LOG_OPTIONS)]);

const MODELS: Shape = Shape::Either(&[
    TEXT_SET,
    Shape::Names(&Names {
        names: NameForm::Identifier,
        only: false,
        values: Shape::Either(&[NULL, Shape::Object(&object!(&[("endpoint_var", TEXT), ("model_var", TEXT)]))]),
    }),
]);

const NETWORKS: Shape = Shape::Either(&[
    TEXT_SET,
    Shape::Names(&Names {
        names: NameForm::Identifier,
        only: true,
        values: Shape::Either(&[NULL, Shape::Object(&ATTACHMENT)]),
    }),
]);

static ATTACHMENT: Object = object!(&[
    ("aliases", TEXT_SET),
    ("interface_name", TEXT),
    ("ipv4_address", TEXT),
    ("ipv6_address", TEXT),
    ("link_local_ips", TEXT_SET),
    ("mac_address", TEXT),
    ("driver_opts", OPTIONS),
    ("priority", NUMBER),
    ("gw_priority", NUMBER),
]);

static PORT: Object = object!(&[
    ("name", TEXT),
    ("mode", TEXT),
    ("host_ip", TEXT),
    ("target", INTEGER_TEXT),
    ("published", INTEGER_TEXT),
    ("protocol", TEXT),
    ("app_protocol", TEXT),
]);

static PROVIDER: Object = object!(&[("type", TEXT), ("options", PROVIDER_OPTIONS)], required: &["type"]);
