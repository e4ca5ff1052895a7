//! The values a step hands on. Most steps have one or none: a sorted list takes a tenth of the room of a map, which counts
//! when ten thousand are kept. Knows no step.

use std::fmt;
use std::ops::Index;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// The values a step hands on, by name, in the order of the names. A value is any JSON value; secrets never stand here.
#[derive(Clone, PartialEq, Default)]
pub struct Outputs(Vec<(String, Value)>);

impl Outputs {
    /// None.
    pub const fn new() -> Self {
        Outputs(Vec::new())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// Whether there is one of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Puts a value in; hands back the one that had the name.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                if self.0.capacity() == 0 {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The names.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<const N: usize> From<[(String, Value); N]> for Outputs {
    fn from(all: [(String, Value); N]) -> Self {
        all.into_iter().collect()
    }
}

impl FromIterator<(String, Value)> for Outputs {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(all: I) -> Self {
        let mut outputs = Outputs::new();
        outputs.extend(all);
        outputs
    }
}

impl Extend<(String, Value)> for Outputs {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, all: I) {
        for (name, value) in all {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Outputs {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

type Pair<'o> = fn(&'o (String, Value)) -> (&'o String, &'o Value);

impl<'o> IntoIterator for &'o Outputs {
    type Item = (&'o String, &'o Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'o, (String, Value)>, Pair<'o>>;

    fn into_iter(self) -> Self::IntoIter {
        let pair: Pair<'o> = |(name, value)| (name, value);
        self.0.iter().map(pair)
    }
}

impl Index<&str> for Outputs {
    type Output = Value;

    /// Panics where there is none of this name, as maps do.
    fn index(&self, name: &str) -> &Value {
        self.get(name).expect("an output of this name")
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Serialize for Outputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Outputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outputs by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outputs, A::Error> {
                let mut outputs = Outputs::new();
                while let Some((name, value)) = map.next_entry()? {
                    outputs.insert(name, value);
                }
                Ok(outputs)
            }
        }
        deserializer.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_the_last_value_of_a_name_stays() {
        let pair = |name: &str, value: i64| (name.to_owned(), Value::from(value));
        let mut outputs = Outputs::from([pair("b", 1), pair("a", 2), pair("b", 3)]);
        assert_eq!(outputs.insert("c".to_owned(), 4.into()), None);
        assert_eq!(serde_json::to_string(&outputs).expect("JSON"), r#"{"a":2,"b":3,"c":4}"#);
        assert_eq!(serde_json::from_str::<Outputs>(r#"{"c":4,"b":3,"a":2}"#).expect("a map"), outputs);
        assert_eq!((outputs.get("b"), outputs.get("d"), outputs.len()), (Some(&Value::from(3)), None, 3));
        assert_eq!(format!("{outputs:?}"), r#"{"a": Number(2), "b": Number(3), "c": Number(4)}"#);
    }
}
