//! JSON documents: the strings at given paths, byte for byte.
//!
//! Invariants: only the bytes between the quotes of a string are replaced, everything else stays as it was, white space
//! and the order of members too; of members with the same name all are looked at; a path that leads to an object or a
//! list is refused, since what stands in it would be passed over.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Reason, Slot, splice_slots};

/// Where values stand in a document: a part of JSONPath (RFC 9535), `$.name`, `$['name']`, `[0]`, `[*]` and `.*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path {
    text: Arc<str>,
    steps: Arc<[Step]>,
}

/// The paths of one codec. Cloning it copies none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Path>", into = "Vec<Path>")]
pub struct Paths(Arc<[Path]>);

impl Paths {
    /// Each of them.
    pub fn each(&self) -> &[Path] {
        &self.0
    }
}

impl From<Vec<Path>> for Paths {
    fn from(paths: Vec<Path>) -> Self {
        Self(paths.into())
    }
}

impl From<Paths> for Vec<Path> {
    fn from(paths: Paths) -> Self {
        paths.0.to_vec()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    /// The member of this name.
    Member(String),
    /// The element with this number.
    Element(usize),
    /// Every member or element.
    Each,
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| {
            format!(
                "`{}` is no path: write it as `$.name`, `$['name']`, `$.list[0]` or `$.list[*].name`",
                text.escape_debug()
            )
        })
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        (*path.text).to_owned()
    }
}

impl Path {
    /// Reads a path; none if it is not one.
    pub fn new(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, behind) = Step::read(rest)?;
            steps.push(step);
            rest = behind;
        }
        Some(Self { text: text.into(), steps: steps.into() })
    }

    /// Whether it leads to a text in this document, or it is not known.
    pub fn leads(&self, stored: &[u8]) -> bool {
        slots(stored, &vec![self.clone()].into()).map_or(true, |found| !found.is_empty())
    }
}

impl Step {
    fn read(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix('.') {
            if let Some(rest) = rest.strip_prefix('*') {
                return Some((Self::Each, rest));
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let is_name = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '_';
            let is_whole = name.chars().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit());
            return (is_whole && !name.is_empty()).then(|| (Self::Member(name.to_owned()), rest));
        }
        let inner = text.strip_prefix('[')?;
        for quote in ['\'', '"'] {
            if let Some(inner) = inner.strip_prefix(quote) {
                let (name, rest) = inner.split_once(quote)?;
                let rest = rest.strip_prefix(']')?;
                return (!name.contains('\\')).then(|| (Self::Member(name.to_owned()), rest));
            }
        }
        let (inner, rest) = inner.split_once(']')?;
        let step = if inner == "*" { Self::Each } else { Self::Element(inner.parse().ok()?) };
        Some((step, rest))
    }
}

/// Finds the strings at the paths, in the order in which they stand.
pub fn slots(stored: &[u8], paths: &Paths) -> Result<Vec<Slot>, Reason> {
    let text = std::str::from_utf8(stored).map_err(|_| Reason::NotText)?;
    let document = Place { text, at: 0 }.inner(text).ok_or(Reason::Json("not well-formed"))?;
    let mut found = Vec::new();
    for path in &*paths.0 {
        document.follow(&path.steps, &mut found)?;
    }
    found.sort_by_key(|slot| slot.range.start);
    found.dedup(); // two paths may lead to one place
    Ok(found)
}

/// The document with new texts in some of the slots.
pub fn splice(stored: &[u8], replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    let is_harmless = |text: &str| !text.contains(|c: char| c == '"' || c == '\\' || c.is_control());
    if !replacements.iter().all(|(_, text)| is_harmless(text)) {
        return Err(Reason::Json("the new value is not base64"));
    }
    Ok(splice_slots(stored, replacements))
}

/// A value within a document, and where it begins there.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Place<'a> {
    /// The value in a part of this text that is one value with white space around it.
    fn inner(self, part: &'a str) -> Option<Self> {
        let value: &RawValue = serde_json::from_str(part).ok()?;
        self.part(value)
    }

    /// Where a value stands that was read from this text.
    fn part(self, value: &'a RawValue) -> Option<Self> {
        let text = value.get();
        let offset = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (self.text.get(offset..offset + text.len()) == Some(text))
            .then_some(Self { text, at: self.at + offset })
    }

    fn follow(self, steps: &[Step], found: &mut Vec<Slot>) -> Result<(), Reason> {
        let Some((step, rest)) = steps.split_first() else { return self.take(found) };
        let parts = match self.text.as_bytes().first() {
            Some(b'{') => {
                let members: Members<'_> = self.read()?;
                let named = |name: &str| match step {
                    Step::Member(wanted) => name == wanted,
                    Step::Each => true,
                    Step::Element(_) => false,
                };
                members.0.into_iter().filter(|(name, _)| named(name)).map(|(_, value)| value).collect()
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = self.read()?;
                match step {
                    Step::Element(at) => elements.get(*at).copied().into_iter().collect(),
                    Step::Each => elements,
                    Step::Member(_) => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        for part in parts {
            self.part(part).ok_or(Reason::Json("not well-formed"))?.follow(rest, found)?;
        }
        Ok(())
    }

    fn read<T: Deserialize<'a>>(self) -> Result<T, Reason> {
        serde_json::from_str(self.text).map_err(|_| Reason::Json("not well-formed"))
    }

    /// The string that stands here; numbers, `true`, `false` and `null` are no values under a key.
    fn take(self, found: &mut Vec<Slot>) -> Result<(), Reason> {
        match self.text.as_bytes().first() {
            Some(b'"') => {
                let range = self.at + 1..self.at + self.text.len() - 1;
                found.push(Slot { range, text: self.read()? });
                Ok(())
            }
            Some(b'{' | b'[') => {
                Err(Reason::Json("a path leads to an object or a list, and not to a string"))
            }
            _ => Ok(()),
        }
    }
}

/// The members of an object, those of one name all.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(paths: &[&str]) -> Paths {
        paths.iter().map(|path| Path::new(path).unwrap()).collect::<Vec<_>>().into()
    }

    fn found(text: &str, paths: &[&str]) -> Vec<String> {
        slots(text.as_bytes(), &these(paths)).unwrap().into_iter().map(|slot| slot.text).collect()
    }

    #[test]
    fn strings_are_found_at_their_paths() {
        let text =
            r#" { "a" : {"b":"1", "b":"2", "n":7} , "l":[{"s":"3"},{"s":null},"x",{"s":"4"}], "a b":"5" } "#;
        assert_eq!(found(text, &["$.a.b"]), ["1", "2"]);
        assert_eq!(found(text, &["$.l[*].s", "$.a.b"]), ["1", "2", "3", "4"]);
        assert_eq!(found(text, &["$.l[3].s", "$.l[2]", "$['a b']", "$['a b']"]), ["x", "4", "5"]);
        assert_eq!(found(text, &["$.nothing.at.all", "$.a[0]", "$.a.n"]), [""; 0]);
        assert_eq!(found(r#""only""#, &["$"]), ["only"]);
        assert_eq!(found(text, &["$.a.*"]), ["1", "2"]);
        let leads = |path: &str, text: &str| Path::new(path).unwrap().leads(text.as_bytes());
        assert!(leads("$.a.b", text) && !leads("$.a.c", text) && !leads("$.a.n", text) && leads("$.a", text));
    }

    #[test]
    fn only_the_bytes_of_a_string_are_replaced() {
        let text = "{ \"k\" : \"A\\u003d\",\n\t\"o\": \"\u{e4}\" }";
        let path = these(&["$.k"]);
        let slots = slots(text.as_bytes(), &path).unwrap();
        assert_eq!(slots[0].text, "A=");
        let new = splice(text.as_bytes(), &[(&slots[0], "B==")]).unwrap();
        assert_eq!(String::from_utf8(new).unwrap(), "{ \"k\" : \"B==\",\n\t\"o\": \"\u{e4}\" }");
        assert!(splice(text.as_bytes(), &[(&slots[0], "\"")]).is_err());
    }

    #[test]
    fn what_would_be_passed_over_is_refused() {
        let path = these(&["$.a"]);
        for odd in [r#"{"a":{"b":"1"}}"#, r#"{"a":["1"]}"#, r#"{"a":"1"#, "", "\u{feff}{}", r#"{"a":"1"} x"#]
        {
            assert!(slots(odd.as_bytes(), &path).is_err(), "{odd}");
        }
    }

    #[test]
    fn paths_are_read_strictly() {
        for text in ["$", "$.a", "$.a_1.b", "$['a.b']", "$[\"x y\"]", "$[0][*].*", "$.ä"] {
            assert_eq!(String::from(Path::new(text).unwrap()), text);
        }
        for odd in
            ["", "a", "$a", "$.", "$..a", "$.1", "$[", "$[]", "$[-1]", "$['a", "$['a'", "$.a b", "$[?(@.a)]"]
        {
            assert_eq!(Path::new(odd), None, "{odd}");
        }
    }
}
