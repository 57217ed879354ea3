//! Writes streams piece by piece and keeps count of the handles.

/// A stream under construction. What takes a handle returns it.
#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) bytes: Vec<u8>,
    next: u32,
}

pub(crate) const SERIALIZABLE: u8 = 0x02;
pub(crate) const PARAMETER: &str = "org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter";

impl Builder {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0xAC, 0xED, 0, 5], next: 0 }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn take_handle(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.raw(&[0x70])
    }

    pub(crate) fn end(&mut self) -> &mut Self {
        self.raw(&[0x78])
    }

    pub(crate) fn utf(&mut self, text: &str) -> &mut Self {
        let length = u16::try_from(text.len()).unwrap();
        self.raw(&length.to_be_bytes()).raw(text.as_bytes())
    }

    /// TC_STRING or TC_LONGSTRING, as the length demands.
    pub(crate) fn string(&mut self, text: &str) -> u32 {
        match u16::try_from(text.len()) {
            Ok(_) => self.raw(&[0x74]).utf(text),
            Err(_) => self.raw(&[0x7C]).raw(&(text.len() as u64).to_be_bytes()).raw(text.as_bytes()),
        };
        self.take_handle()
    }

    pub(crate) fn reference(&mut self, handle: u32) -> &mut Self {
        self.raw(&[0x71]).raw(&(0x7E_0000 + handle).to_be_bytes())
    }

    /// A class descriptor up to its superclass, which the caller writes. Fields of type `L` and `[`
    /// get the type string `Ljava/lang/Object;`.
    pub(crate) fn class(&mut self, name: &str, flags: u8, fields: &[(char, &str)]) -> u32 {
        self.raw(&[0x72]).utf(name).raw(&[7; 8]);
        let handle = self.take_handle();
        self.raw(&[flags]).raw(&u16::try_from(fields.len()).unwrap().to_be_bytes());
        for (kind, name) in fields {
            self.raw(&[u8::try_from(*kind).unwrap()]).utf(name);
            if matches!(kind, 'L' | '[') {
                self.string("Ljava/lang/Object;");
            }
        }
        self.end();
        handle
    }

    /// An array of objects, up to its elements.
    pub(crate) fn array(&mut self, length: u32) -> &mut Self {
        self.raw(&[0x75]).class("[Ljava.lang.Object;", SERIALIZABLE, &[]);
        self.null();
        self.take_handle();
        self.raw(&length.to_be_bytes())
    }

    /// The descriptor of `RequestParameter`.
    pub(crate) fn parameter_class(&mut self) -> u32 {
        let fields = [('Z', "requiredInWorkflow"), ('L', "name"), ('L', "value"), ('L', "valueType")];
        let class = self.class(PARAMETER, SERIALIZABLE, &fields);
        self.null();
        class
    }

    /// A parameter up to its name; its class is described by the first one. The caller writes name and
    /// value, then [`Builder::null`] as its type.
    pub(crate) fn parameter(&mut self, class: &mut Option<u32>) -> u32 {
        self.raw(&[0x73]);
        match *class {
            Some(class) => {
                self.reference(class);
            }
            None => *class = Some(self.parameter_class()),
        }
        let handle = self.take_handle();
        self.raw(&[1]);
        handle
    }
}
