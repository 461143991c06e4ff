//! A tree of names and texts, and its decoding into typed configuration as Traefik's labels are decoded: names without regard to case,
//! lists split at commas, numbers and booleans from text.

use std::fmt;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::near::nearest;

/// One element of a path with what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) children: Vec<Node>,
    pub(crate) shape: Shape,
}

/// How a tree was written: labels have no lists, and name a struct by one of its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A label, or a text of a file.
    #[default]
    Plain,
    /// A mapping of a file.
    Mapping,
    /// A list of a file.
    List,
}

/// Options that are switched on by naming them, and off by any value but `true`: type and field.
const SWITCHES: [(&str, &str); 15] = [
    ("Router", "tls"),
    ("TcpRouter", "tls"),
    ("LoadBalancer", "sticky"),
    ("WeightedRoundRobin", "sticky"),
    ("WeightedRoundRobin", "healthCheck"),
    ("HighestRandomWeight", "healthCheck"),
    ("Mirroring", "healthCheck"),
    ("Failover", "healthCheck"),
    ("Sticky", "cookie"),
    ("Middleware", "compress"),
    ("Middleware", "contentType"),
    ("IpAllowList", "ipStrategy"),
    ("TcpLoadBalancer", "proxyProtocol"),
    ("TcpLoadBalancer", "healthCheck"),
    ("TcpServersTransport", "proxyProtocol"),
];

/// Lists of structs that labels have: type and field. Each child is an element, whatever its name, and a text is none.
const STRUCT_LISTS: [(&str, &str); 2] = [("RouterTls", "domains"), ("TcpRouterTls", "domains")];

/// Mappings to texts, whose names may hold dots: type and field.
const TEXT_MAPPINGS: [(&str, &str); 4] = [
    ("Headers", "customRequestHeaders"),
    ("Headers", "customResponseHeaders"),
    ("Headers", "sslProxyHeaders"),
    ("ServerHealthCheck", "headers"),
];

/// Why a tree cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), hint: None }
    }
}

impl Node {
    /// The child of that name, without regard to case; made if it is not there.
    pub(crate) fn child_mut(&mut self, name: &str) -> &mut Self {
        let found = self.children.iter().position(|child| child.name.eq_ignore_ascii_case(name));
        let position = found.unwrap_or_else(|| {
            self.children.push(Self { name: name.to_owned(), ..Self::default() });
            self.children.len() - 1
        });
        // The position is that of an element just found or pushed.
        #[expect(clippy::indexing_slicing, reason = "the position was just found or made")]
        &mut self.children[position]
    }

    /// The child of that name, if there is one.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name.eq_ignore_ascii_case(name))
    }

    /// Decodes the tree.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        T::deserialize(Decoder::from(self))
    }

    fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// The texts below this one, each with the names on the way to it.
    fn texts(&self, path: &str, all: &mut Vec<(String, String)>) {
        for child in &self.children {
            let path = if path.is_empty() { child.name.clone() } else { format!("{path}.{}", child.name) };
            child.texts(&path, all);
            if let Some(value) = &child.value {
                all.push((path, value.clone()));
            }
        }
    }
}

/// As Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, DecodeError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(DecodeError::custom(format!("`{text}` is no boolean, write `true` or `false`"))),
    }
}

struct Decoder<'a> {
    node: &'a Node,
    /// Whether a struct may be named without any of its fields.
    standalone: bool,
    /// Whether it is one of [`STRUCT_LISTS`].
    structs: bool,
    /// Whether it is one of [`TEXT_MAPPINGS`].
    texts: bool,
}

impl<'a> From<&'a Node> for Decoder<'a> {
    fn from(node: &'a Node) -> Self {
        Self { node, standalone: true, structs: false, texts: false }
    }
}

impl Decoder<'_> {
    /// A struct or a mapping is there by something of its own.
    fn check_standalone(&self) -> Result<(), DecodeError> {
        if self.node.children.is_empty() && !self.standalone && self.node.shape != Shape::List {
            let name = &self.node.name;
            return Err(DecodeError::custom(format!("{name} cannot be a standalone element: set one of its options")));
        }
        Ok(())
    }

    fn number(&self) -> Result<i64, DecodeError> {
        let text = self.node.text();
        text.parse().map_err(|_| DecodeError::custom(format!("`{}`: `{text}` is no whole number", self.node.name)))
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let children = &self.node.children;
        if children.is_empty() && self.node.shape == Shape::Plain {
            visitor.visit_str(self.node.text())
        } else if self.node.shape == Shape::List || children.iter().all(|child| child.name.starts_with('[')) {
            visitor.visit_seq(Elements { nodes: children.iter() })
        } else {
            visitor.visit_map(Entries { nodes: children.iter(), value: None })
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let name = &self.node.name;
        visitor.visit_bool(
            parse_bool(self.node.text()).map_err(|error| DecodeError::custom(format!("`{name}`: {error}")))?,
        )
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_i64(self.number()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.node.shape == Shape::List {
            return visitor.visit_seq(Elements { nodes: self.node.children.iter() });
        }
        // Indexed elements are for structs only; a list of texts is one text with commas.
        if self.structs || self.node.children.iter().any(|child| !child.children.is_empty()) {
            visitor.visit_seq(Elements { nodes: self.node.children.iter() })
        } else {
            let text = self.node.text();
            let parts: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() };
            visitor.visit_seq(Parts { parts: parts.into_iter() })
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.check_standalone()?;
        if self.texts {
            let mut texts = Vec::new();
            self.node.texts("", &mut texts);
            return visitor.visit_map(MapDeserializer::new(texts.into_iter()));
        }
        visitor.visit_map(Entries { nodes: self.node.children.iter(), value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.check_standalone()?;
        if self.node.shape == Shape::List {
            return Err(DecodeError::custom(format!("`{}` is no list: it has options", self.node.name)));
        }
        visitor.visit_map(Fields { nodes: self.node.children.iter(), name, fields, value: None })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

struct Elements<'a> {
    nodes: std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.nodes.next().map(|node| seed.deserialize(Decoder::from(node))).transpose()
    }
}

struct Parts<'a> {
    parts: std::vec::IntoIter<&'a str>,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.parts.next().map(|part| seed.deserialize(StrDeserializer::new(part))).transpose()
    }
}

struct Entries<'a> {
    nodes: std::slice::Iter<'a, Node>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.value = self.nodes.next();
        self.value.map(|node| seed.deserialize(StrDeserializer::new(&node.name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let node = self.value.ok_or_else(|| DecodeError::custom("value without key"))?;
        seed.deserialize(Decoder::from(node))
    }
}

struct Fields<'a> {
    nodes: std::slice::Iter<'a, Node>,
    name: &'static str,
    fields: &'static [&'static str],
    /// The field, with its own name.
    value: Option<(&'a Node, &'static str)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        for node in self.nodes.by_ref() {
            let Some(field) = self.fields.iter().find(|field| field.eq_ignore_ascii_case(&node.name)) else {
                let hint = nearest(&node.name, self.fields.iter().copied());
                return Err(DecodeError {
                    message: format!("field not found, node: {}", node.name),
                    hint: hint.map(|near| format!("did you mean `{}`?", near.to_ascii_lowercase())),
                });
            };
            // As by Traefik, also where options of it are set beside.
            if SWITCHES.contains(&(self.name, field))
                && !node.text().is_empty()
                && !node.text().eq_ignore_ascii_case("true")
            {
                continue;
            }
            self.value = Some((node, field));
            return seed.deserialize(StrDeserializer::new(field)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let (node, field) = self.value.ok_or_else(|| DecodeError::custom("value without key"))?;
        let is_one_of = |all: &[(&str, &str)]| all.contains(&(self.name, field));
        seed.deserialize(Decoder {
            node,
            standalone: is_one_of(&SWITCHES),
            structs: is_one_of(&STRUCT_LISTS),
            texts: is_one_of(&TEXT_MAPPINGS),
        })
    }
}
