//! From a model to a [`Value`].

use serde::ser::{self, Serialize};

use super::value::{Fields, Value};
use crate::model::Ulimit;

/// The tag of a point in time below an `x-` key.
pub(crate) const TIMESTAMP: &str = "!timestamp";

/// The name of the field that holds `x-` keys.
const EXTENSIONS: &str = "#extensions";

/// The tree of a model.
pub(crate) fn value_of<T: Serialize + ?Sized>(model: &T) -> Value {
    model.serialize(Writer).unwrap_or(Value::Null)
}

/// No model can fail to serialize; serde asks for a type nevertheless.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Impossible(String);

impl ser::Error for Impossible {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Writer;

/// Writes a list, a map or a struct.
struct Compound {
    list: Vec<Value>,
    key: String,
    map: Vec<(String, Value)>,
    fields: Fields,
}

impl Compound {
    fn new() -> Self {
        Self { list: Vec::new(), key: String::new(), map: Vec::new(), fields: Fields::default() }
    }
}

type Outcome = Result<Value, Impossible>;

impl ser::Serializer for Writer {
    type Ok = Value;
    type Error = Impossible;
    type SerializeSeq = Compound;
    type SerializeTuple = Compound;
    type SerializeTupleStruct = Compound;
    type SerializeTupleVariant = ser::Impossible<Value, Impossible>;
    type SerializeMap = Compound;
    type SerializeStruct = Compound;
    type SerializeStructVariant = ser::Impossible<Value, Impossible>;

    fn serialize_bool(self, value: bool) -> Outcome {
        Ok(Value::Bool(value))
    }
    fn serialize_i8(self, value: i8) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i16(self, value: i16) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i32(self, value: i32) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i64(self, value: i64) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u8(self, value: u8) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u16(self, value: u16) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u32(self, value: u32) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u64(self, value: u64) -> Outcome {
        Ok(Value::Int(value.into()))
    }
    fn serialize_f32(self, value: f32) -> Outcome {
        // The shortest text that is this number stays the shortest: 0.1, not 0.10000000149.
        Ok(Value::Float(value.to_string().parse().unwrap_or_else(|_| f64::from(value))))
    }
    fn serialize_f64(self, value: f64) -> Outcome {
        Ok(Value::Float(value))
    }
    fn serialize_char(self, value: char) -> Outcome {
        Ok(Value::Text(value.to_string()))
    }
    fn serialize_str(self, value: &str) -> Outcome {
        Ok(Value::Text(value.to_owned()))
    }
    fn serialize_bytes(self, value: &[u8]) -> Outcome {
        Ok(Value::List(value.iter().map(|byte| Value::Int((*byte).into())).collect()))
    }
    fn serialize_none(self) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        let mut value = value.serialize(Self)?;
        if let Value::Struct(fields) = &mut value {
            fields.optional = true;
        }
        Ok(value)
    }
    fn serialize_unit(self) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        Ok(Value::Text(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        Ok(Value::Map(vec![(variant.to_owned(), value.serialize(self)?)]))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Compound, Impossible> {
        Ok(Compound::new())
    }
    fn serialize_tuple(self, _: usize) -> Result<Compound, Impossible> {
        Ok(Compound::new())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound, Impossible> {
        Ok(Compound::new())
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Impossible> {
        Err(Impossible(format!("no model has a tuple variant like {name}")))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Compound, Impossible> {
        Ok(Compound::new())
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound, Impossible> {
        let fields = Fields { zeros_in_yaml_only: name == Ulimit::NAME, ..Fields::default() };
        Ok(Compound { fields, ..Compound::new() })
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Impossible> {
        Err(Impossible(format!("no model has a struct variant like {name}")))
    }
}

impl ser::SerializeSeq for Compound {
    type Ok = Value;
    type Error = Impossible;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Impossible> {
        self.list.push(value.serialize(Writer)?);
        Ok(())
    }
    fn end(self) -> Outcome {
        Ok(Value::List(self.list))
    }
}

impl ser::SerializeTuple for Compound {
    type Ok = Value;
    type Error = Impossible;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Impossible> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Outcome {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Compound {
    type Ok = Value;
    type Error = Impossible;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Impossible> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Outcome {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeMap for Compound {
    type Ok = Value;
    type Error = Impossible;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Impossible> {
        self.key = match key.serialize(Writer)? {
            Value::Text(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => String::new(),
        };
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Impossible> {
        let key = std::mem::take(&mut self.key);
        self.map.push((key, value.serialize(Writer)?));
        Ok(())
    }
    fn end(mut self) -> Outcome {
        // What has a tag is serialized as a map of the tag to the value.
        match self.map.as_mut_slice() {
            [(key, Value::Text(text))] if key == TIMESTAMP => Ok(Value::Timestamp(std::mem::take(text))),
            _ => Ok(Value::Map(self.map)),
        }
    }
}

impl ser::SerializeStruct for Compound {
    type Ok = Value;
    type Error = Impossible;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Impossible> {
        let value = value.serialize(Writer)?;
        match value {
            Value::Map(entries) if key == EXTENSIONS => self.fields.extensions = entries,
            value => self.fields.fields.push((key, value)),
        }
        Ok(())
    }
    fn end(self) -> Outcome {
        Ok(Value::Struct(self.fields))
    }
}
