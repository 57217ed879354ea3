//! What must hold of a codec's slots, whatever the input.

use keyrotation_codec::{Codec, Slot};

/// Puts one of `texts` into all slots of `input`, and the old texts back.
pub(crate) fn splices_hold(codec: &Codec, input: &[u8], slots: &[Slot], texts: &[&str]) {
    for slot in slots {
        assert!(slot.range.start < slot.range.end && slot.range.end <= input.len(), "{:?}", slot.range);
    }
    assert!(slots.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start), "slots overlap");
    let splice = |stored: &[u8], slots: &[Slot], texts: &[&str]| {
        let replacements: Vec<(&Slot, &str)> = slots.iter().zip(texts.iter().copied()).collect();
        let spliced = codec.splice(stored, &replacements).expect("what can be read can be spliced");
        let again = codec.slots(&spliced).expect("what was spliced can be read");
        let read: Vec<&str> = again.iter().map(|slot| slot.text.as_str()).collect();
        assert!(read == texts, "other texts are read than were put in");
        (spliced, again)
    };
    // One new text in all slots, a different one for each input.
    let new = texts[input.len() % texts.len()];
    let (spliced, new_slots) = splice(input, slots, &vec![new; slots.len()]);
    if *codec != Codec::Java {
        return; // the old texts may need escapes that nothing which is put in does
    }
    // With the old texts back, nothing is left of it; what a first splice split stays split.
    let old: Vec<&str> = slots.iter().map(|slot| slot.text.as_str()).collect();
    let (restored, _) = splice(&spliced, &new_slots, &old);
    let (split, split_slots) = splice(input, slots, &old);
    assert!(restored == split, "the old texts do not undo the new ones");
    assert!(splice(&split, &split_slots, &old).0 == split, "a second splice finds something to split");
}
