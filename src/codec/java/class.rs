//! Class descriptors: which fields an object of the class has in the stream, in which order.

use std::rc::Rc;

use super::Reason;
use super::stream::{Object, TC_CLASSDESC, TC_NULL, TC_PROXYCLASSDESC, TC_REFERENCE, Walk};

/// How many ancestors a class may have; without it, empty classes would make the walk quadratic.
pub(super) const MAX_ANCESTORS: u8 = 64;

pub(super) const SC_WRITE_METHOD: u8 = 0x01;
pub(super) const SC_SERIALIZABLE: u8 = 0x02;
pub(super) const SC_EXTERNALIZABLE: u8 = 0x04;
pub(super) const SC_BLOCK_DATA: u8 = 0x08;

const REQUEST_PARAMETER: &[u8] = b"org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter";

pub(super) struct Class {
    pub(super) flags: u8,
    /// What one element is, if this is the class of an array.
    pub(super) element: Option<Field>,
    pub(super) fields: Vec<Field>,
    pub(super) parent: Option<Rc<Class>>,
    pub(super) ancestors: u8,
}

/// How a field or an array element is stored.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Field {
    /// A primitive of so many bytes.
    Primitive(u8),
    Object,
    /// The `name` of a request parameter.
    Name,
    /// The `value` of a request parameter.
    Value,
}

impl Field {
    pub(super) fn from_type(code: u8) -> Result<Self, Reason> {
        Ok(match code {
            b'B' | b'Z' => Self::Primitive(1),
            b'C' | b'S' => Self::Primitive(2),
            b'F' | b'I' => Self::Primitive(4),
            b'D' | b'J' => Self::Primitive(8),
            b'L' | b'[' => Self::Object,
            _ => return Err(Reason::Java("a field has an unknown type")),
        })
    }
}

impl Walk<'_> {
    /// The class descriptor of an object, which must not be null.
    pub(super) fn class(&mut self) -> Result<Rc<Class>, Reason> {
        self.class_or_null()?.ok_or(Reason::Java("an object has no class"))
    }

    fn class_or_null(&mut self) -> Result<Option<Rc<Class>>, Reason> {
        let at = self.input.at;
        match self.input.u8()? {
            TC_NULL => Ok(None),
            TC_REFERENCE => {
                let handle = self.reference(at)?;
                match self.objects.get(handle as usize) {
                    Some(Object::Class(class)) => Ok(Some(Rc::clone(class))),
                    Some(Object::Unfinished) => {
                        Err(Reason::Java("a class descriptor is used before its end"))
                    }
                    _ => Err(Reason::Java("a reference to a class leads to something else")),
                }
            }
            tag @ (TC_CLASSDESC | TC_PROXYCLASSDESC) => self.nested(|walk| walk.new_class(tag)).map(Some),
            _ => Err(Reason::Java("a class descriptor is expected, something else found")),
        }
    }

    pub(super) fn new_class(&mut self, tag: u8) -> Result<Rc<Class>, Reason> {
        let (handle, flags, element, fields) = if tag == TC_CLASSDESC {
            let name = self.input.utf()?;
            let _serial_version_uid: [u8; 8] = self.input.array()?;
            let handle = self.assign(Object::Unfinished)?;
            let flags = self.input.u8()?;
            let element = match name {
                [b'[', code, ..] => Some(Field::from_type(*code)?),
                _ => None,
            };
            (handle, flags, element, self.fields(name == REQUEST_PARAMETER)?)
        } else {
            let handle = self.assign(Object::Unfinished)?;
            let interfaces = u32::from_be_bytes(self.input.array()?);
            (0..interfaces).try_for_each(|_| self.input.utf().map(drop))?;
            (handle, SC_SERIALIZABLE, None, Vec::new())
        };
        self.annotation()?;
        let parent = self.class_or_null()?;
        let ancestors = parent.as_ref().map_or(0, |parent| parent.ancestors + 1);
        if ancestors > MAX_ANCESTORS {
            return Err(Reason::Java("a class has too many ancestors"));
        }
        let class = Rc::new(Class { flags, element, fields, parent, ancestors });
        if let Some(object) = self.objects.get_mut(handle as usize) {
            *object = Object::Class(Rc::clone(&class));
        }
        Ok(class)
    }

    fn fields(&mut self, of_parameter: bool) -> Result<Vec<Field>, Reason> {
        let count = u16::from_be_bytes(self.input.array()?);
        let mut fields = Vec::new();
        for _ in 0..count {
            let field = Field::from_type(self.input.u8()?)?;
            let name = self.input.utf()?;
            if field == Field::Object {
                self.expect_string()?;
            }
            fields.push(match (field, name) {
                (Field::Object, b"name") if of_parameter => Field::Name,
                (Field::Object, b"value") if of_parameter => Field::Value,
                _ => field,
            });
        }
        let once = |wanted| fields.iter().filter(|field| **field == wanted).count() == 1;
        if of_parameter && !(once(Field::Name) && once(Field::Value)) {
            return Err(Reason::Java("the class RequestParameter has no fields name and value"));
        }
        Ok(fields)
    }
}
