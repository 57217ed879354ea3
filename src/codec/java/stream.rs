//! Walks one stream of the Java Object Serialization Stream Protocol, version 5.
//!
//! The walk understands the grammar, not the classes: it steps over every object, known or not, and
//! remembers only what a replacement needs: which strings are credentials, where the references are
//! and which handles they name. Invariants, whatever the bytes:
//!
//! - It ends, in time linear in the input: every step but a bounded number consumes input.
//! - Memory is at most a small multiple of the input: nothing is allocated by a claimed length.
//! - The stack is bounded by [`MAX_DEPTH`].
//! - It succeeds only if the bytes are one whole object with nothing before or after it.
//!
//! One thing the protocol leaves open: a class whose `writeObject` breaks the specification and does
//! not write its declared fields first cannot be told from one that does. Its stream does not parse.

use std::iter;
use std::rc::Rc;

use super::Reason;
use super::class::{Class, Field, SC_BLOCK_DATA, SC_EXTERNALIZABLE, SC_SERIALIZABLE, SC_WRITE_METHOD};
use super::input::{Input, TC_LONGSTRING, TC_STRING, Text};

/// How deep objects and class descriptors may nest. Requests seen in the wild nest 4 deep.
pub(super) const MAX_DEPTH: usize = 128;
/// The number that the stream writes for the first handle.
pub(super) const BASE_HANDLE: u32 = 0x7E_0000;
const MAX_HANDLES: u32 = 0x7000_0000;

const HEADER: [u8; 4] = [0xAC, 0xED, 0x00, 0x05];
pub(super) const TC_NULL: u8 = 0x70;
pub(super) const TC_REFERENCE: u8 = 0x71;
pub(super) const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_ARRAY: u8 = 0x75;
const TC_CLASS: u8 = 0x76;
const TC_BLOCKDATA: u8 = 0x77;
const TC_ENDBLOCKDATA: u8 = 0x78;
const TC_RESET: u8 = 0x79;
const TC_BLOCKDATALONG: u8 = 0x7A;
const TC_EXCEPTION: u8 = 0x7B;
pub(super) const TC_PROXYCLASSDESC: u8 = 0x7D;
const TC_ENUM: u8 = 0x7E;

const CREDENTIAL: &[u8] = b"Credential";

/// What a walk found.
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    objects: Vec<Object>,
    /// Every reference, in the order in which they stand.
    pub(super) references: Vec<Reference>,
    /// The `value` of each parameter named `Credential` that is a string, in the order in which the
    /// values stand. Several may be the same string.
    pub(super) credentials: Vec<Credential>,
}

/// A reference to an earlier object: a type byte and a handle of four bytes.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    /// Where its type byte stands.
    pub(super) at: usize,
    /// The object that it names, counted from 0.
    pub(super) handle: u32,
    /// How many handles were taken before it.
    pub(super) taken: u32,
}

/// A credential: where the field's value stands (a string or a reference to one), and which string.
#[derive(Clone, Copy)]
pub(super) struct Credential {
    pub(super) at: usize,
    pub(super) handle: u32,
}

impl<'a> Stream<'a> {
    /// Walks a whole stream.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Reason> {
        let mut walk = Walk {
            input: Input { bytes, at: 0 },
            depth: 0,
            objects: Vec::new(),
            references: Vec::new(),
            credentials: Vec::new(),
        };
        walk.document()?;
        let Walk { objects, references, mut credentials, .. } = walk;
        credentials.sort_unstable_by_key(|credential| credential.at);
        Ok(Self { bytes, objects, references, credentials })
    }

    /// The string that a handle names.
    pub(super) fn text(&self, handle: u32) -> Result<Text<'a>, Reason> {
        match self.objects.get(handle as usize) {
            Some(Object::Text(at)) => Input { bytes: self.bytes, at: *at }.text(),
            _ => Err(Reason::Java("a handle does not name a string")),
        }
    }

    /// Whether a credential's value stands at this offset.
    pub(super) fn is_credential(&self, at: usize) -> bool {
        self.credentials.binary_search_by_key(&at, |credential| credential.at).is_ok()
    }
}

/// What a handle names, as far as the walk needs to know.
pub(super) enum Object {
    /// A string, and where its element begins.
    Text(usize),
    Class(Rc<Class>),
    /// A class descriptor that is still being read: nothing may use it yet.
    Unfinished,
    Other,
}

/// What stands where an object is expected.
enum Value {
    Null,
    Text(u32),
    Other,
}

pub(super) struct Walk<'a> {
    pub(super) input: Input<'a>,
    depth: usize,
    pub(super) objects: Vec<Object>,
    references: Vec<Reference>,
    credentials: Vec<Credential>,
}

impl Walk<'_> {
    fn document(&mut self) -> Result<(), Reason> {
        if self.input.array()? != HEADER {
            return Err(Reason::Java("it does not begin like a serialized object (AC ED 00 05)"));
        }
        // A reset is legal between objects only, and there is nothing to forget on either side.
        while self.input.next_if(TC_RESET) {}
        self.value()?;
        while self.input.next_if(TC_RESET) {}
        if self.input.at < self.input.bytes.len() {
            return Err(Reason::Java("bytes follow the object"));
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Reason> {
        let at = self.input.at;
        match self.input.u8()? {
            TC_NULL => Ok(Value::Null),
            TC_REFERENCE => {
                let handle = self.reference(at)?;
                match self.objects.get(handle as usize) {
                    Some(Object::Text(_)) => Ok(Value::Text(handle)),
                    Some(Object::Unfinished) => {
                        Err(Reason::Java("a class descriptor is used before its end"))
                    }
                    _ => Ok(Value::Other),
                }
            }
            TC_STRING | TC_LONGSTRING => Ok(Value::Text(self.string(at)?)),
            tag @ (TC_OBJECT | TC_ARRAY | TC_CLASS | TC_ENUM | TC_CLASSDESC | TC_PROXYCLASSDESC) => {
                self.nested(|walk| walk.composite(tag))?;
                Ok(Value::Other)
            }
            TC_EXCEPTION => Err(Reason::Java("it records an exception of its writer")),
            TC_RESET => Err(Reason::Java("a reset stands inside an object")),
            _ => Err(Reason::Java("an object is expected, something else found")),
        }
    }

    fn composite(&mut self, tag: u8) -> Result<(), Reason> {
        match tag {
            TC_OBJECT => self.object(),
            TC_ARRAY => self.array(),
            TC_CLASS => {
                self.class()?;
                self.assign(Object::Other).map(drop)
            }
            TC_ENUM => {
                self.class()?;
                self.assign(Object::Other)?;
                self.expect_string()
            }
            _ => self.new_class(tag).map(drop),
        }
    }

    fn object(&mut self) -> Result<(), Reason> {
        let class = self.class()?;
        self.assign(Object::Other)?;
        match class.flags & (SC_SERIALIZABLE | SC_EXTERNALIZABLE) {
            SC_EXTERNALIZABLE if class.flags & SC_BLOCK_DATA != 0 => self.annotation(),
            SC_EXTERNALIZABLE => Err(Reason::Java(
                "an Externalizable class wrote itself without block data (protocol version 1)",
            )),
            SC_SERIALIZABLE => {
                let lineage: Vec<&Class> =
                    iter::successors(Some(&*class), |class| class.parent.as_deref()).collect();
                lineage.into_iter().rev().try_for_each(|class| self.class_data(class))
            }
            _ => Err(Reason::Java("an object's class has impossible flags")),
        }
    }

    fn class_data(&mut self, class: &Class) -> Result<(), Reason> {
        if class.flags & SC_SERIALIZABLE == 0 {
            return Err(Reason::Java("an object has an ancestor that is not serializable"));
        }
        let mut name = Value::Null;
        let mut credential = None;
        let mut is_text = true;
        for field in &class.fields {
            let at = self.input.at;
            match field {
                Field::Primitive(width) => self.input.skip(u64::from(*width))?,
                Field::Object => {
                    self.value()?;
                }
                Field::Name => name = self.value()?,
                Field::Value => match self.value()? {
                    Value::Text(handle) => credential = Some(Credential { at, handle }),
                    Value::Null => {}
                    Value::Other => is_text = false,
                },
            }
        }
        match name {
            Value::Text(handle) if self.is_text(handle, CREDENTIAL)? => {
                if !is_text {
                    return Err(Reason::Java("a credential that is not a string"));
                }
                self.credentials.extend(credential);
            }
            Value::Text(_) | Value::Null => {}
            Value::Other => return Err(Reason::Java("a parameter's name is not a string")),
        }
        if class.flags & SC_WRITE_METHOD != 0 {
            self.annotation()?;
        }
        Ok(())
    }

    fn array(&mut self) -> Result<(), Reason> {
        let class = self.class()?;
        self.assign(Object::Other)?;
        let length = u32::from_be_bytes(self.input.array()?);
        if length > i32::MAX.unsigned_abs() {
            return Err(Reason::Java("an array has a negative length"));
        }
        match class.element {
            Some(Field::Primitive(width)) => self.input.skip(u64::from(length) * u64::from(width)),
            Some(_) => (0..length).try_for_each(|_| self.value().map(drop)),
            None => Err(Reason::Java("an array's class is not an array class")),
        }
    }

    /// Block data and objects up to the end mark: what a class or `writeObject` adds by itself.
    pub(super) fn annotation(&mut self) -> Result<(), Reason> {
        loop {
            if self.input.next_if(TC_ENDBLOCKDATA) {
                return Ok(());
            } else if self.input.next_if(TC_BLOCKDATA) {
                let length = self.input.u8()?;
                self.input.skip(u64::from(length))?;
            } else if self.input.next_if(TC_BLOCKDATALONG) {
                // A negative length is a huge one here: the input does not hold that many.
                let length = u32::from_be_bytes(self.input.array()?);
                self.input.skip(u64::from(length))?;
            } else {
                self.value()?;
            }
        }
    }

    /// A string where the grammar wants nothing else: a field's type, an enum constant's name.
    pub(super) fn expect_string(&mut self) -> Result<(), Reason> {
        let at = self.input.at;
        match self.input.u8()? {
            TC_STRING | TC_LONGSTRING => self.string(at).map(drop),
            TC_REFERENCE => {
                let handle = self.reference(at)?;
                match self.objects.get(handle as usize) {
                    Some(Object::Text(_)) => Ok(()),
                    _ => Err(Reason::Java("a reference to a string leads to something else")),
                }
            }
            _ => Err(Reason::Java("a string is expected, something else found")),
        }
    }

    /// The rest of a string whose type byte, at `at`, has been read.
    fn string(&mut self, at: usize) -> Result<u32, Reason> {
        self.input.at = at;
        self.input.text()?;
        self.assign(Object::Text(at))
    }

    /// The rest of a reference whose type byte, at `at`, has been read.
    pub(super) fn reference(&mut self, at: usize) -> Result<u32, Reason> {
        let taken = self.taken()?;
        let handle = u32::from_be_bytes(self.input.array()?)
            .checked_sub(BASE_HANDLE)
            .filter(|handle| *handle < taken)
            .ok_or(Reason::Java("a reference leads to nothing before it"))?;
        self.references.push(Reference { at, handle, taken });
        Ok(handle)
    }

    fn is_text(&self, handle: u32, wanted: &[u8]) -> Result<bool, Reason> {
        match self.objects.get(handle as usize) {
            Some(Object::Text(at)) => {
                Ok(Input { bytes: self.input.bytes, at: *at }.text()?.content == wanted)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn assign(&mut self, object: Object) -> Result<u32, Reason> {
        let handle = self.taken()?;
        self.objects.push(object);
        Ok(handle)
    }

    fn taken(&self) -> Result<u32, Reason> {
        let taken = u32::try_from(self.objects.len()).ok().filter(|taken| *taken < MAX_HANDLES);
        taken.ok_or(Reason::Java("it has too many objects"))
    }

    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        if self.depth == MAX_DEPTH {
            return Err(Reason::Java("its objects nest too deep"));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }
}
