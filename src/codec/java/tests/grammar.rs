//! Every element of the grammar, and every limit.

use std::time::{Duration, Instant};

use super::super::class::MAX_ANCESTORS;
use super::super::stream::MAX_DEPTH;
use super::build::{Builder, SERIALIZABLE};
use super::{refused, slots, texts};

/// A stream of an array that holds what `fill` writes (`count` elements), then one credential.
fn among(count: u32, fill: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut stream = Builder::new();
    stream.array(count + 1);
    fill(&mut stream);
    stream.parameter(&mut None);
    stream.string("Credential");
    stream.string("found");
    stream.null();
    stream.bytes
}

#[track_caller]
fn understood(count: u32, fill: impl FnOnce(&mut Builder)) {
    let stored = among(count, fill);
    assert_eq!(texts(&stored), ["found"]);
    for end in 0..stored.len() {
        assert!(slots(&stored[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn primitive_arrays_and_fields_of_every_width() {
    for (code, width) in [('B', 1), ('Z', 1), ('C', 2), ('S', 2), ('F', 4), ('I', 4), ('D', 8), ('J', 8)] {
        understood(2, |stream| {
            stream.raw(&[0x75]).class(&format!("[{code}"), SERIALIZABLE, &[]);
            stream.null().take_handle();
            stream.raw(&3_u32.to_be_bytes()).raw(&vec![0x7B; 3 * width]);
            stream.raw(&[0x73]).class("com.example.Box", SERIALIZABLE, &[(code, "it")]);
            stream.null().take_handle();
            stream.raw(&vec![0x7B; width]);
        });
    }
}

#[test]
fn arrays_of_arrays() {
    understood(1, |stream| {
        stream.raw(&[0x75]).class("[[I", SERIALIZABLE, &[]);
        stream.null().take_handle();
        stream.raw(&2_u32.to_be_bytes()).null();
        stream.raw(&[0x75]).class("[I", SERIALIZABLE, &[]);
        stream.null().take_handle();
        stream.raw(&1_u32.to_be_bytes()).raw(&[9; 4]);
    });
}

#[test]
fn ancestors_are_stored_from_the_topmost_down_each_with_its_annotation() {
    understood(1, |stream| {
        stream.raw(&[0x73]).class("Child", 0x03, &[('B', "b")]);
        stream.class("Parent", 0x03, &[('I', "i")]);
        stream.class("Grandparent", SERIALIZABLE, &[('J', "j")]);
        stream.null().take_handle();
        stream.raw(&[1; 8]); // grandparent
        stream.raw(&[2; 4]).raw(&[0x77, 2, 0x78, 0x78]).end(); // parent, then block data
        stream.raw(&[3; 1]);
        stream.string("written by hand");
        stream.raw(&[0x7A, 0, 0, 0, 3, 9, 9, 9]).null().end(); // child, object, long block
    });
}

#[test]
fn class_annotations_are_stepped_over() {
    understood(1, |stream| {
        stream.raw(&[0x73]).class("Annotated", SERIALIZABLE, &[]);
        stream.bytes.pop();
        stream.string("file:/codebase.jar");
        stream.raw(&[0x77, 1, 0x70]).end().null().take_handle();
    });
}

#[test]
fn enums_share_their_class_and_take_their_handle_before_their_name() {
    understood(2, |stream| {
        stream.raw(&[0x7E]);
        let class = stream.class("com.example.Colour", 0x12, &[]);
        stream.class("java.lang.Enum", 0x12, &[]);
        stream.null().take_handle();
        let name = stream.string("RED");
        stream.raw(&[0x7E]).reference(class).take_handle();
        stream.reference(name);
    });
}

#[test]
fn proxies_classes_and_bare_descriptors() {
    understood(3, |stream| {
        stream.raw(&[0x73, 0x7D]).take_handle();
        stream.raw(&2_u32.to_be_bytes()).utf("java.util.List").utf("java.lang.Runnable").end();
        stream.class("java.lang.reflect.Proxy", SERIALIZABLE, &[('L', "h")]);
        stream.null().take_handle();
        stream.null(); // the handler
        stream.raw(&[0x76]);
        let class = stream.class("java.lang.Thing", 0, &[]);
        stream.null().take_handle();
        stream.reference(class);
    });
}

#[test]
fn externalizable_with_block_data_is_stepped_over_without_it_refused() {
    let external = |flags: u8| {
        among(1, |stream| {
            // Its ancestor's fields are not in the stream: the class writes everything itself.
            stream.raw(&[0x73]).class("External", flags, &[]);
            stream.class("Parent", SERIALIZABLE, &[('I', "i")]);
            stream.null().take_handle();
            stream.raw(&[0x77, 2, 0x73, 0x73]);
            stream.string("more");
            stream.end();
        })
    };
    assert_eq!(texts(&external(0x0C)), ["found"]);
    refused(&external(0x04), "an Externalizable class wrote itself without block data (protocol version 1)");
    refused(&external(0x0E), "an object's class has impossible flags");
}

#[test]
fn resets_are_legal_around_the_object_only() {
    let object = among(0, |_| {});
    let around = [&object[..4], &[0x79, 0x79], &object[4..], &[0x79]].concat();
    assert_eq!(texts(&around), ["found"]);
    refused(
        &among(1, |stream| {
            stream.raw(&[0x79]);
        }),
        "a reset stands inside an object",
    );
}

#[test]
fn bytes_after_the_object_are_refused() {
    let mut stored = among(0, |_| {});
    stored.push(0x70);
    refused(&stored, "bytes follow the object");
}

#[test]
fn a_stream_without_a_request_has_no_slots() {
    for only in [&b"\x70"[..], b"\x74\0\0"] {
        assert_eq!(slots(&[b"\xAC\xED\0\x05", only].concat()), Ok(vec![]));
    }
}

#[test]
fn other_beginnings_are_refused() {
    refused(b"", "it ends too early");
    refused(b"\xAC\xED\0\x04\x70", "it does not begin like a serialized object (AC ED 00 05)");
    refused(b"{\"a\":1}", "it does not begin like a serialized object (AC ED 00 05)");
    refused(b"\xAC\xED\0\x05\x77\x01\x00", "an object is expected, something else found");
    refused(b"\xAC\xED\0\x05\x7B", "it records an exception of its writer");
}

#[test]
fn references_must_lead_back() {
    for number in [0, 0x7D_FFFF, 0x7E_0002, 0x7E_0003, 0x7FFF_FFFF, u32::MAX] {
        let stored = among(1, |stream| {
            stream.raw(&[0x71]).raw(&number.to_be_bytes());
        });
        refused(&stored, "a reference leads to nothing before it");
    }
}

#[test]
fn references_must_lead_to_the_right_kind_of_thing() {
    refused(
        &among(1, |stream| {
            stream.raw(&[0x73]).reference(1);
        }),
        "a reference to a class leads to something else",
    );
    let enum_named_by_its_class = among(1, |stream| {
        stream.raw(&[0x7E]);
        let class = stream.class("com.example.Colour", 0x12, &[]);
        stream.null().take_handle();
        stream.reference(class);
    });
    refused(&enum_named_by_its_class, "a reference to a string leads to something else");
    refused(
        &among(1, |stream| {
            stream.raw(&[0x73, 0x70]);
        }),
        "an object has no class",
    );
    refused(
        &among(1, |stream| {
            stream.raw(&[0x73, 0x74]);
        }),
        "a class descriptor is expected, something else found",
    );
    refused(
        &among(1, |stream| {
            stream.raw(&[0x72]).utf("C").raw(&[0; 8]).raw(&[2, 0, 1]).raw(b"L\0\x01x\x70");
        }),
        "a string is expected, something else found",
    );
}

#[test]
fn a_class_cannot_be_its_own_ancestor_nor_be_used_before_its_end() {
    let own_parent = among(1, |stream| {
        stream.raw(&[0x73]);
        let class = stream.class("Ouroboros", SERIALIZABLE, &[]);
        stream.reference(class);
    });
    refused(&own_parent, "a class descriptor is used before its end");
    let in_its_annotation = among(1, |stream| {
        stream.raw(&[0x73]);
        let class = stream.class("Ouroboros", SERIALIZABLE, &[]);
        stream.bytes.pop();
        stream.reference(class).end().null();
    });
    refused(&in_its_annotation, "a class descriptor is used before its end");
}

#[test]
fn impossible_classes_are_refused() {
    let object_of = |name: &'static str, flags, fields: &'static [(char, &'static str)]| {
        among(1, |stream| {
            stream.raw(&[0x73]).class(name, flags, fields);
            stream.null();
        })
    };
    refused(&object_of("NotSerializable", 0, &[]), "an object's class has impossible flags");
    refused(&object_of("Odd", SERIALIZABLE, &[('V', "void")]), "a field has an unknown type");
    for fields in [&[('L', "name")][..], &[('I', "name"), ('L', "value")]] {
        refused(
            &object_of(super::build::PARAMETER, SERIALIZABLE, fields),
            "the class RequestParameter has no fields name and value",
        );
    }
    let plain_parent = among(1, |stream| {
        stream.raw(&[0x73]).class("Child", SERIALIZABLE, &[]);
        stream.class("Parent", 0, &[]);
        stream.null();
    });
    refused(&plain_parent, "an object has an ancestor that is not serializable");
    let array_of_no_array = among(1, |stream| {
        stream.raw(&[0x75]).class("Thing", SERIALIZABLE, &[]);
        stream.null().raw(&[0; 4]);
    });
    refused(&array_of_no_array, "an array's class is not an array class");
}

#[test]
fn claimed_sizes_run_out_of_input_instead_of_memory() {
    let array = |class: &str, length: u32| {
        let mut stream = Builder::new();
        stream.raw(&[0x75]).class(class, SERIALIZABLE, &[]);
        stream.null().raw(&length.to_be_bytes()).raw(&[0x70; 64]);
        stream.bytes
    };
    for class in ["[J", "[Ljava.lang.Object;"] {
        refused(&array(class, i32::MAX.unsigned_abs()), "it ends too early");
        refused(&array(class, u32::MAX), "an array has a negative length");
    }
    let long_block = among(1, |stream| {
        stream.raw(&[0x73]).class("C", 0x03, &[]);
        stream.null().raw(&[0x7A]).raw(&u32::MAX.to_be_bytes());
    });
    refused(&long_block, "it ends too early");
    refused(&[b"\xAC\xED\0\x05\x73\x7D", &u32::MAX.to_be_bytes()[..]].concat(), "it ends too early");
}

#[test]
fn nesting_is_limited_long_before_the_stack_is() {
    // Arrays in arrays; each level of a real graph costs at most as much stack as this one.
    let nested = |levels: usize| {
        let mut stream = Builder::new();
        stream.raw(&[0x75]);
        let class = stream.class("[Ljava.lang.Object;", SERIALIZABLE, &[]);
        stream.null().raw(&1_u32.to_be_bytes());
        for _ in 1..levels {
            stream.raw(&[0x75]).reference(class).raw(&1_u32.to_be_bytes());
        }
        stream.null().bytes.clone()
    };
    // An ancestor chain within the class of an object, all levels in one element.
    let ancestors = |levels: usize| {
        let mut stream = Builder::new();
        stream.raw(&[0x73]);
        for _ in 0..levels {
            stream.class("C", SERIALIZABLE, &[]);
        }
        stream.null().bytes.clone()
    };
    let small_stack = std::thread::Builder::new().stack_size(512 * 1024);
    let walks = move || {
        assert_eq!(slots(&nested(MAX_DEPTH)), Ok(vec![]));
        refused(&nested(MAX_DEPTH + 1), "its objects nest too deep");
        refused(&nested(100_000), "its objects nest too deep");
        assert_eq!(slots(&ancestors(usize::from(MAX_ANCESTORS))), Ok(vec![]));
        refused(&ancestors(usize::from(MAX_ANCESTORS) + 2), "a class has too many ancestors");
        refused(&ancestors(100_000), "its objects nest too deep");
    };
    small_stack.spawn(walks).unwrap().join().unwrap();
}

#[test]
fn many_objects_of_a_long_lineage_and_many_references_take_linear_time() {
    // A chain of classes, each one a reference to the one before: no nesting, longest lineage.
    let objects = 200_000;
    let stored = among(objects + u32::from(MAX_ANCESTORS) + 1, |stream| {
        let mut class = stream.class("C", SERIALIZABLE, &[]);
        stream.null();
        for _ in 0..MAX_ANCESTORS {
            let parent = class;
            class = stream.class("C", SERIALIZABLE, &[]);
            stream.reference(parent);
        }
        for _ in 0..objects {
            stream.raw(&[0x73]).reference(class).take_handle();
        }
    });
    let begin = Instant::now();
    assert_eq!(texts(&stored), ["found"]);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}
