//! The table as a JSON Schema, so that editors complete and check while people type.

use serde_json::{Map, Value, json};

use super::shape::{Kinds, NameForm, Names, Object, Others, Shape};
use super::top;
use crate::codes;
use crate::diagnostic::Level;

/// A JSON Schema (draft 7, which editors know best) of the compose files that are accepted: what stands in a file before
/// variables are put in, so a text with a `$` may stand for any scalar.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = object(&top::FILE);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        root.insert("title".to_owned(), json!("Compose file"));
        root.insert("description".to_owned(), json!("What `stack` accepts as docker-compose.yml"));
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("x-stack".to_owned(), own());
        }
    }
    schema
}

/// The top-level `x-stack`.
fn own() -> Value {
    let warnings = codes::all().filter(|explanation| explanation.code.level() == Level::Warning);
    let codes: Vec<Value> =
        warnings.map(|explanation| json!({ "const": explanation.code.0, "description": explanation.title })).collect();
    json!({
        "type": "object",
        "description": "What only `stack` reads",
        "properties": {
            "allow": {
                "type": "array",
                "description": "Warnings that are not shown for this project",
                "items": { "anyOf": codes },
            },
        },
        "additionalProperties": false,
    })
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Scalar(kinds) => scalar(*kinds),
        Shape::Range(least, most) => {
            let mut range = json!({ "type": "integer", "minimum": least });
            if *most != i64::MAX
                && let Some(range) = range.as_object_mut()
            {
                range.insert("maximum".to_owned(), json!(most));
            }
            or_variable(&range)
        }
        Shape::OneOf(words) => or_variable(&json!({ "enum": words })),
        Shape::Form(form) => json!({ "type": "string", "description": form.words }),
        // An item that is in a file twice may be one after merging.
        Shape::List(item) | Shape::Set(item) => json!({ "type": "array", "items": of(item) }),
        Shape::Object(fields) => object(fields),
        Shape::Names(names) => map(names),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
    }
}

fn scalar(kinds: Kinds) -> Value {
    let names = [
        (Kinds::STRING, "string"),
        (Kinds::BOOLEAN, "boolean"),
        (Kinds::NUMBER, "number"),
        (Kinds::INTEGER, "integer"),
        (Kinds::NULL, "null"),
    ];
    let found = names.iter().filter(|(kind, _)| kinds.has(*kind));
    // Whole numbers are numbers.
    let found: Vec<_> =
        found.filter(|(kind, _)| *kind != Kinds::INTEGER || !kinds.has(Kinds::NUMBER)).map(|(_, name)| *name).collect();
    let schema = match found.as_slice() {
        [one] => json!({ "type": one }),
        several => json!({ "type": several }),
    };
    if kinds.has(Kinds::STRING) || kinds == Kinds::NULL { schema } else { or_variable(&schema) }
}

/// Before variables are put in, a text may stand for what is none.
fn or_variable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": "\\$" }] })
}

fn object(object: &Object) -> Value {
    let properties: Map<String, Value> =
        object.fields.iter().map(|(name, shape)| ((*name).to_owned(), of(shape))).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    let Some(fields) = schema.as_object_mut() else { return schema };
    if !object.required.is_empty() {
        fields.insert("required".to_owned(), json!(object.required));
    }
    if object.others != Others::Any {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    if object.others == Others::Extensions {
        fields.insert("patternProperties".to_owned(), json!({ "^x-": {} }));
    }
    schema
}

fn map(names: &Names) -> Value {
    let form = match names.names {
        NameForm::Identifier => "^[a-zA-Z0-9._-]+$",
        NameForm::Lowercase => "^[a-z]+$",
        NameForm::NotEmpty => ".",
    };
    let mut schema = json!({ "type": "object", "patternProperties": { form: of(&names.values) } });
    if names.only
        && let Some(fields) = schema.as_object_mut()
    {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_need_is_in_it() {
        let schema = json_schema();
        let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
        let service = "/properties/services/patternProperties/^[a-zA-Z0-9._-]+$";
        assert_eq!(at(&format!("{service}/properties/image")), json!({ "type": "string" }));
        assert_eq!(at(&format!("{service}/additionalProperties")), json!(false), "slips of the keyboard are marked");
        assert_eq!(at(&format!("{service}/properties/init")), json!({ "type": ["string", "boolean"] }));
        let cgroup = json!({ "anyOf": [{ "enum": ["host", "private"] }, { "type": "string", "pattern": "\\$" }] });
        assert_eq!(at(&format!("{service}/properties/cgroup")), cgroup, "a variable may stand for it");
        assert!(at("/properties/x-stack/properties/allow/items/anyOf").as_array().is_some_and(|codes| codes.len() > 5));
    }
}
