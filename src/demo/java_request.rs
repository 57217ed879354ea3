//! Writes workflow requests as Java's `ObjectOutputStream` does, for the demo's WF_REQUEST rows.
//!
//! Handles are given in the order in which things appear, as a reader gives them. Texts that Java
//! code has as constants (names, value types, type signatures) are written once and then
//! referred to; values are written each time.

use crate::error::{Error, Id, Result};

const STRING: &str = "Ljava/lang/String;";

const REFERENCE: u8 = 0x71;
const NULL: u8 = 0x70;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const TEXT: u8 = 0x74;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;
const END: u8 = 0x78;

const SERIALIZABLE: u8 = 2;
const WITH_WRITE_METHOD: u8 = 3;

/// A class as its descriptor has it: name, serial version, flags and fields. Fields that are no
/// primitives end in their type.
struct Class {
    name: &'static str,
    serial: u64,
    flags: u8,
    fields: &'static [(u8, &'static str, &'static str)],
}

const REQUEST: Class = Class {
    name: "org.wso2.carbon.identity.workflow.mgt.dto.WorkflowRequest",
    serial: 0x0806_e543_b8a4_11fc,
    flags: SERIALIZABLE,
    fields: &[
        (b'I', "tenantId", ""),
        (b'L', "eventType", STRING),
        (b'L', "requestParameters", "Ljava/util/List;"),
        (b'L', "uuid", STRING),
    ],
};

const PARAMETER: Class = Class {
    name: "org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter",
    serial: 0x8925_f490_9d39_55e0,
    flags: SERIALIZABLE,
    fields: &[
        (b'Z', "requiredInWorkflow", ""),
        (b'L', "name", STRING),
        (b'L', "value", "Ljava/lang/Object;"),
        (b'L', "valueType", STRING),
    ],
};

const ARRAY_LIST: Class = Class {
    name: "java.util.ArrayList",
    serial: 0x7881_d21d_99c7_619d,
    flags: WITH_WRITE_METHOD,
    fields: &[(b'I', "size", "")],
};

const HASH_MAP: Class = Class {
    name: "java.util.HashMap",
    serial: 0x0507_dac1_c316_60d1,
    flags: WITH_WRITE_METHOD,
    fields: &[(b'F', "loadFactor", ""), (b'I', "threshold", "")],
};

/// What `Arrays.asList` returns.
const FIXED_LIST: Class = Class {
    name: "java.util.Arrays$ArrayList",
    serial: 0xd9a4_3cbe_cd88_06d2,
    flags: SERIALIZABLE,
    fields: &[(b'[', "a", "[Ljava/lang/Object;")],
};

const STRING_ARRAY: Class =
    Class { name: "[Ljava.lang.String;", serial: 0xadd2_56e7_e91d_7b47, flags: SERIALIZABLE, fields: &[] };

/// The value of a parameter.
pub(super) enum Value<'a> {
    Null,
    Text(&'a str),
    Map(&'a [(&'a str, &'a str)]),
    List(&'a [&'a str]),
}

/// One parameter of a request.
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) value: Value<'a>,
    pub(super) value_type: &'a str,
    pub(super) required: bool,
}

/// A workflow request.
pub(super) struct Request<'a> {
    pub(super) tenant: i32,
    pub(super) event: &'a str,
    pub(super) uuid: &'a str,
    pub(super) parameters: &'a [Parameter<'a>],
}

impl Request<'_> {
    /// The request as a stream of serialized objects.
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let mut out = Writer { bytes: vec![0xac, 0xed, 0, 5], handles: Vec::new() };
        out.object(&REQUEST)?;
        out.bytes.extend(self.tenant.to_be_bytes());
        out.constant(self.event)?;
        out.object(&ARRAY_LIST)?;
        let size = length(self.parameters.len())?;
        out.bytes.extend(size);
        out.bytes.extend([BLOCK, 4]);
        out.bytes.extend(size);
        for parameter in self.parameters {
            out.parameter(parameter)?;
        }
        out.bytes.push(END);
        out.text(self.uuid)?;
        Ok(out.bytes)
    }
}

struct Writer {
    bytes: Vec<u8>,
    /// What each handle stands for: a class or a constant by its text, anything else by none.
    handles: Vec<Option<String>>,
}

impl Writer {
    fn parameter(&mut self, parameter: &Parameter<'_>) -> Result<()> {
        self.object(&PARAMETER)?;
        self.bytes.push(u8::from(parameter.required));
        self.constant(parameter.name)?;
        match &parameter.value {
            Value::Null => self.bytes.push(NULL),
            Value::Text(text) => self.text(text)?,
            Value::Map(entries) => self.map(entries)?,
            Value::List(items) => self.list(items)?,
        }
        self.constant(parameter.value_type)
    }

    fn map(&mut self, entries: &[(&str, &str)]) -> Result<()> {
        self.object(&HASH_MAP)?;
        self.bytes.extend(0.75_f32.to_be_bytes());
        self.bytes.extend(12_u32.to_be_bytes());
        self.bytes.extend([BLOCK, 8]);
        self.bytes.extend(16_u32.to_be_bytes());
        self.bytes.extend(length(entries.len())?);
        for (key, value) in entries {
            self.text(key)?;
            self.text(value)?;
        }
        self.bytes.push(END);
        Ok(())
    }

    fn list(&mut self, items: &[&str]) -> Result<()> {
        self.object(&FIXED_LIST)?;
        self.bytes.push(ARRAY);
        self.class(&STRING_ARRAY)?;
        self.handles.push(None);
        self.bytes.extend(length(items.len())?);
        items.iter().try_for_each(|item| self.text(item))
    }

    fn object(&mut self, class: &Class) -> Result<()> {
        self.bytes.push(OBJECT);
        self.class(class)?;
        self.handles.push(None);
        Ok(())
    }

    fn class(&mut self, class: &Class) -> Result<()> {
        if self.refer(class.name)? {
            return Ok(());
        }
        self.bytes.push(CLASS);
        self.utf(class.name)?;
        self.bytes.extend(class.serial.to_be_bytes());
        self.handles.push(Some(class.name.to_owned()));
        self.bytes.push(class.flags);
        self.bytes.extend(short(class.fields.len())?);
        for (kind, name, signature) in class.fields {
            self.bytes.push(*kind);
            self.utf(name)?;
            if !signature.is_empty() {
                self.constant(signature)?;
            }
        }
        self.bytes.extend([END, NULL]); // no annotations, no superclass
        Ok(())
    }

    fn constant(&mut self, text: &str) -> Result<()> {
        if self.refer(text)? {
            return Ok(());
        }
        self.text(text)?;
        if let Some(last) = self.handles.last_mut() {
            *last = Some(text.to_owned());
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.bytes.push(TEXT);
        self.handles.push(None);
        self.utf(text)
    }

    /// Refers to what was written under this name, if it was.
    fn refer(&mut self, name: &str) -> Result<bool> {
        let Some(at) = self.handles.iter().position(|handle| handle.as_deref() == Some(name)) else {
            return Ok(false);
        };
        self.bytes.extend([REFERENCE, 0, 0x7e]);
        self.bytes.extend(short(at)?);
        Ok(true)
    }

    /// Java's modified UTF-8: NUL takes two bytes, and what lies beyond 16 bits is written as
    /// two surrogates of three bytes each.
    fn utf(&mut self, text: &str) -> Result<()> {
        let mut bytes = Vec::with_capacity(text.len());
        for c in text.chars() {
            if c == '\0' {
                bytes.extend([0xc0, 0x80]);
            } else if c.len_utf8() < 4 {
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    bytes.extend([
                        0xe0 | (high >> 4),
                        0x80 | ((high & 15) << 2) | (low >> 6),
                        0x80 | (low & 63),
                    ]);
                }
            }
        }
        self.bytes.extend(short(bytes.len())?);
        self.bytes.extend(bytes);
        Ok(())
    }
}

fn short(length: usize) -> Result<[u8; 2]> {
    u16::try_from(length).map(u16::to_be_bytes).map_err(|_| too_long())
}

fn length(length: usize) -> Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_be_bytes).map_err(|_| too_long())
}

fn too_long() -> Error {
    Error::new(Id::DemoWrite, "a workflow request of the demo is too long to be serialized")
}
