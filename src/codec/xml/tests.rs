//! Tests of the XML codec: each trap of real files, and bytes that are no file at all.

use proptest::prelude::*;

use super::*;
use crate::Codec;

fn texts(file: &[u8]) -> Vec<String> {
    slots(file).expect("readable").into_iter().map(|slot| slot.text).collect()
}

/// Replaces every slot by `new` and checks that nothing but `old` (as written) made way for it.
fn swap(file: &str, old: &str, new: &str) -> String {
    let slots = slots(file.as_bytes()).expect("readable");
    let edits: Vec<_> = slots.iter().map(|slot| (slot, new)).collect();
    let out = Codec::Xml.splice(file.as_bytes(), &edits).expect("spliced");
    let out = String::from_utf8(out).expect("still UTF-8");
    assert_eq!(out, file.replace(old, new));
    assert!(super::slots(out.as_bytes()).expect("still readable").iter().all(|slot| slot.text == new));
    out
}

fn why(file: impl AsRef<[u8]>) -> String {
    slots(file.as_ref()).expect_err("must be refused").to_string()
}

fn property(inner: &str) -> String {
    format!("<r>\n <Property encrypted=\"true\" name=\"p\">{inner}</Property>\n</r>")
}

#[test]
fn every_encrypted_property_is_found_whatever_its_name() {
    let file = br#"<?xml version="1.0" encoding="UTF-8"?>
<UserStoreManager class="x">
  <Property encrypted="true" name="ConnectionPassword">b25l</Property>
  <Property name="ConnectionName">uid=admin</Property>
  <Property name="password" encrypted='TRUE'>dHdv</Property>
  <Property encrypted="false" name="password">no</Property>
  <Property encrypted=" true" name="password">no</Property>
  <Property name="encrypted">no</Property>
  <Description encrypted="true">no</Description>
  <Property name="Description"/>
</UserStoreManager>"#;
    assert_eq!(texts(file), ["b25l", "dHdv"]);
    assert_eq!(root(file).unwrap(), "UserStoreManager");
}

#[test]
fn namespaces_and_prefixes_do_not_matter() {
    let file = br#"<e:eventPublisher xmlns:e="http://wso2.org/carbon/eventpublisher" xmlns:x="urn:x">
  <e:to eventAdapterType="http"><e:property x:encrypted="true" name="http.password">b25l</e:property></e:to>
</e:eventPublisher>"#;
    assert_eq!(texts(file), ["b25l"]);
    assert_eq!(root(file).unwrap(), "eventPublisher");
}

#[test]
fn a_namespace_prefix_named_encrypted_marks_nothing() {
    assert!(texts(br#"<r><Property xmlns:encrypted="true">b25l</Property></r>"#).is_empty());
}

#[test]
fn references_in_the_mark_are_resolved_or_refused() {
    assert_eq!(texts(b"<r><Property encrypted='&#116;rue'>b25l</Property></r>"), ["b25l"]);
    assert!(why("<r><Property encrypted='&t;'>b25l</Property></r>").contains("line 1"));
}

#[test]
fn values_of_the_secure_vault_are_left_to_it() {
    let file = br#"<r xmlns:svns="http://org.wso2.securevault/configuration">
  <Property encrypted="true">$secret{store_password}</Property>
  <Property encrypted="true" svns:secretAlias="a">b25l</Property>
</r>"#;
    assert!(texts(file).is_empty());
}

#[test]
fn properties_without_a_value_have_no_slot() {
    for empty in ["", " \n\t", "<!-- nothing -->", "<![CDATA[]]>", "<![CDATA[ ]]> ", "&#32;", "<?pi x?>"] {
        assert!(texts(property(empty).as_bytes()).is_empty(), "{empty}");
    }
    assert!(texts(b"<r><Property encrypted='true'/><property encrypted='true' /></r>").is_empty());
}

#[test]
fn only_the_ciphertext_changes() {
    let file = "\u{feff}<?xml version='1.0' encoding='utf-8' standalone=\"yes\"?>\r\n\
        <!DOCTYPE r [\r\n <!ENTITY gt2 \"]>\">\r\n <!-- ]> -->\r\n <!ATTLIST r a CDATA '>'>\r\n]>\r\n\
        <!-- <Property encrypted=\"true\">b2xk-not</Property> --><?php x ?>\r\n\
        <r a='\"' b=\"'\"  >\r\n\
        \t<Property  name = 'a'\r\n  encrypted=\"true\" >\r\n\t\tb2xk\r\n\t</Property >\r\n\
        <Property encrypted=\"true\"><!-- before --> b2xk <!-- after --></Property>\r\n\
        <Property encrypted=\"true\"> <![CDATA[ b2xk ]]> </Property>\r\n\
        <Property encrypted='true'><?pi?>b2xk<?pi?></Property>\
        <Property name=\"url\">a&amp;b&gt2;<![CDATA[<x>]]></Property><x/></r >\r\n<!-- end -->\r\n"
        .replace("b2xk-not", "never");
    let out = swap(&file, "b2xk", "bmV3+/==");
    assert_eq!(out.matches("bmV3+/==").count(), 4);
}

#[test]
fn references_in_a_value_are_resolved_and_go_with_it() {
    let file = property(" b2x&#x6B;&#61;&#x3D; ");
    assert_eq!(texts(file.as_bytes()), ["b2xk=="]);
    swap(&file, "b2x&#x6B;&#61;&#x3D;", "bmV3");
    assert_eq!(texts(property("&lt;&amp;&gt;&quot;&apos;").as_bytes()), ["<&>\"'"]);
}

#[test]
fn a_reference_to_a_space_counts_as_space() {
    swap(&property("&#10; b2xk&#x20;"), "b2xk", "bmV3");
}

#[test]
fn a_value_in_pieces_goes_to_the_first_and_the_markup_stays() {
    for (before, after) in [
        ("b2x<!-- c -->k==", "bmV3<!-- c -->"),
        (" b2 <!-- c --> x<?pi?>k ", " bmV3 <!-- c --> <?pi?> "),
        ("b2x<![CDATA[k==]]>", "bmV3<![CDATA[]]>"),
        ("<![CDATA[b2]]>xk", "<![CDATA[bmV3]]>"),
        ("<![CDATA[b2]]><![CDATA[<!--]]>", "<![CDATA[bmV3]]><![CDATA[]]>"),
    ] {
        let (before, after) = (property(before), property(after));
        let found = slots(before.as_bytes()).unwrap();
        let out = splice(before.as_bytes(), &[(&found[0], "bmV3")]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), after);
        assert_eq!(texts(after.as_bytes()), ["bmV3"]);
    }
    assert_eq!(texts(property("b2x<!-- c -->k==").as_bytes()), ["b2xk=="]);
}

#[test]
fn one_of_several_values_can_be_replaced() {
    let file = b"<r><property encrypted='true'>b25l</property><property encrypted='true'>dHdv</property></r>";
    let found = slots(file).unwrap();
    let out = splice(file, &[(&found[1], "bmV3")]).unwrap();
    assert_eq!(texts(&out), ["b25l", "bmV3"]);
    assert_eq!(splice(file, &[]).unwrap(), file);
}

#[test]
fn splice_refuses_what_would_break_the_file() {
    let file = property("b2xk");
    let found = slots(file.as_bytes()).unwrap();
    assert!(splice(file.as_bytes(), &[(&found[0], "a<b")]).is_err());
    assert!(splice(property("bmV3").as_bytes(), &[(&found[0], "bmV3")]).is_err(), "a slot of another file");
}

#[test]
fn what_hides_a_value_is_refused_but_the_root_is_known() {
    for hidden in [
        property("<b>b2xk</b>"),
        property("b2xk<x/>"),
        property("&pw;"),
        format!("<!DOCTYPE r [<!ENTITY p \"<Property encrypted='true'>b2xk</Property>\">]>{}", property("x")),
        "<!DOCTYPE r [<!ATTLIST Property encrypted CDATA 'true'>]><r><Property>b2xk</Property></r>"
            .to_owned(),
    ] {
        assert!(why(&hidden).starts_with("XML not understood: line "), "{hidden}");
        assert_eq!(root(hidden.as_bytes()).unwrap(), "r", "{hidden}");
    }
}

#[test]
fn no_external_entity_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "b2xk").unwrap();
    let file = format!("<!DOCTYPE r [<!ENTITY e SYSTEM '{}'>]>{}", secret.display(), property("&e;"));
    assert!(why(&file).contains("never expanded"));
    let elsewhere = file.replace("encrypted=\"true\" ", "");
    assert!(texts(elsewhere.as_bytes()).is_empty());
}

#[test]
fn malformed_files_are_refused_with_the_line_and_without_their_content() {
    for (file, line, what) in [
        ("", 1, "no root element"),
        ("\n<!-- only -->\n", 3, "no root element"),
        ("<r>\n<a>", 2, "ends inside"),
        ("<r>\n<sEcReT></other></r>", 2, "does not match"),
        ("<r/>\n</sEcReT>", 2, "without a start tag"),
        ("<r/>\n<sEcReT/>", 2, "second root"),
        ("<r/>\nsEcReT", 2, "outside the root"),
        ("sEcReT<r/>", 1, "outside the root"),
        ("<r/>&amp;", 1, "outside the root"),
        ("<r/><![CDATA[x]]>", 1, "outside the root"),
        ("<r>\n<a sEcReT></a></r>", 2, "attribute"),
        ("<r a='1' a='2'/>", 1, "attribute"),
        ("<r a='<'/>", 1, "attribute"),
        ("<r a=sEcReT/>", 1, "attribute"),
        ("<r>\n\n<a", 3, "does not end"),
        ("<r><!-- sEcReT</r>", 1, "does not end"),
        ("<r><!-- a -- b --></r>", 1, "hyphens"),
        ("<r><!--></r>", 1, "does not end"),
        ("<r><![CDATA[x</r>", 1, "does not end"),
        ("<r>\n\n]]></r>", 3, "CDATA"),
        ("<r>a & sEcReT</r>", 1, "ampersand"),
        ("<r>&#0;</r>", 1, "reference"),
        ("<r>&#xZZ;</r>", 1, "reference"),
        ("<r>\u{1}</r>", 1, "forbids"),
        ("<r><></></r>", 1, "name"),
        ("<r><1a/></r>", 1, "name"),
        ("<r/><!DOCTYPE r>", 1, "DOCTYPE"),
        ("<!DOCTYPE r><!DOCTYPE r><r/>", 1, "DOCTYPE"),
        (" <?xml version='1.0'?><r/>", 1, "declaration"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><r/>", 1, "another encoding"),
    ] {
        let message = why(file);
        assert!(message.contains(&format!("line {line}: ")) && message.contains(what), "{file}: {message}");
        assert!(!message.contains("sEcReT"), "{message}");
        assert_eq!(root(file.as_bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn other_encodings_are_refused() {
    let utf16 = |file: &str| file.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    assert_eq!(slots(&utf16("\u{feff}<r/>")).unwrap_err(), Reason::NotText);
    assert!(why(utf16("<r/>")).contains("UTF-16"));
    assert_eq!(slots(b"<r>\xE9</r>").unwrap_err(), Reason::NotText);
    assert!(texts("<?xml version='1.0' encoding='UTF-8'?><r>é</r>".as_bytes()).is_empty());
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(slots(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(why(nested(MAX_DEPTH + 1)).contains("too many"));
}

#[test]
fn large_and_hostile_files_take_linear_time() {
    let many = |part: &str| part.repeat(4_000_000 / part.len());
    let attributes: String = (0..300_000).fold(String::new(), |all, n| all + &format!(" a{n}=''"));
    for file in [
        format!("<r{attributes}/>"),
        property(&many("a<!---->")),
        property(&many("&#x41;")),
        property(&many("b2xk\n")),
        format!("<r>{}</r>", many("<x/>")),
        many("<a>"),
        format!("<!DOCTYPE r [{}]><r/>", many("<!ENTITY a 'b'>")),
    ] {
        let start = std::time::Instant::now();
        let _ = slots(file.as_bytes());
        assert!(start.elapsed().as_secs() < 10, "{}…", &file[..20]);
    }
}

const SAMPLE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!DOCTYPE r [<!ENTITY e 'x'>]>\r\n\
    <r xmlns:s='u'>é<!-- c --><Property encrypted='TRUE' name=\"é\"> b2&#x78;k <!-- ü --></Property>\r\n\
    <s:property s:encrypted=\"true\"><![CDATA[dHdv]]>é</s:property><?pi?>&amp;&e;</r>\r\n";

#[test]
fn a_file_cut_anywhere_is_refused() {
    assert_eq!(texts(SAMPLE.as_bytes()), ["b2xk", "dHdvé"]);
    for cut in 0..SAMPLE.trim_end().len() {
        assert!(slots(&SAMPLE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    for at in 0..SAMPLE.len() {
        for bit in 0..8 {
            let mut file = SAMPLE.as_bytes().to_vec();
            file[at] ^= 1 << bit;
            survive(&file);
        }
    }
}

/// Whatever the bytes are: no panic, slots in order and apart, and replacing them works.
fn survive(file: &[u8]) {
    let Ok(found) = slots(file) else { return };
    let mut end = 0;
    for slot in &found {
        assert!(end <= slot.range.start && slot.range.start < slot.range.end && slot.range.end <= file.len());
        end = slot.range.end;
    }
    let edits: Vec<_> = found.iter().map(|slot| (slot, "bmV3")).collect();
    let out = splice(file, &edits).unwrap();
    assert_eq!(texts(&out), vec!["bmV3"; found.len()]);
}

/// Pieces of markup that, put together at random, come close to real files.
fn markup() -> impl Strategy<Value = String> {
    let pieces = [
        "<r>",
        "</r>",
        "<Property encrypted='true'>",
        "</Property>",
        "<p:property p:encrypted=\"TRUE\">",
        "</p:property>",
        "<x/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?p",
        "?>",
        "&amp;",
        "&#65;",
        "&e;",
        "&",
        "<",
        ">",
        "b2xk",
        " ",
        "\r\n",
        "é",
        "'",
        "\"",
        "<!DOCTYPE r [",
        "]>",
        "\u{feff}",
        "$secret{a}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|all| all.concat())
}

/// The inside of a property: white space, comments and a value in one to three pieces.
fn inside() -> impl Strategy<Value = String> {
    let filler = prop::sample::select(vec!["", " ", "\r\n\t", "<!-- a > b -->", "<?pi x?>", "<![CDATA[]]>"]);
    let value = prop_oneof![
        "[A-Za-z0-9+/]{1,40}={0,2}",
        "[A-Za-z0-9+/]{1,40}".prop_map(|text| format!("<![CDATA[{text}]]>")),
        "[A-Za-z0-9+/]{1,40}".prop_map(|text| format!("{text}&#x3d;&#61;")),
    ];
    prop::collection::vec((filler.clone(), value, filler), 1..=3)
        .prop_map(|parts| parts.into_iter().map(|(a, b, c)| a.to_owned() + &b + c).collect())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&file);
    }

    #[test]
    fn arbitrary_markup_never_panics(file in markup()) {
        survive(file.as_bytes());
        survive(format!("<r>{file}</r>").as_bytes());
        survive(property(&file).as_bytes());
    }

    #[test]
    fn a_spliced_text_reads_back_and_moves_nothing_else(
        before in inside(), after in inside(), new in "[A-Za-z0-9+/]{1,60}={0,2}"
    ) {
        let file = format!("<r>\r\n{}{}</r>", property(&before), property(&after));
        let found = slots(file.as_bytes()).unwrap();
        let out = splice(file.as_bytes(), &[(&found[1], &new)]).unwrap();
        let start = found[1].range.start;
        prop_assert_eq!(&out[..start], &file.as_bytes()[..start]);
        prop_assert!(out[start..].starts_with(new.as_bytes()));
        prop_assert!(out.ends_with(&file.as_bytes()[found[1].range.end..]));
        prop_assert_eq!(texts(&out), [found[0].text.clone(), new.clone()]);
        let back = slots(&out).unwrap();
        let again = splice(&out, &[(&back[1], &new)]).unwrap();
        prop_assert_eq!(again, out);
    }
}

#[test]
fn of_any_document_every_encrypted_element_counts() {
    let text = r#"<a><password encrypted="true">S1</password><b c="1">x</b><Property encrypted="TRUE"> S2 </Property></a>"#;
    let all = slots_of_any(text.as_bytes()).unwrap();
    assert_eq!(all.iter().map(|slot| slot.text.as_str()).collect::<Vec<_>>(), ["S1", "S2"]);
    assert_eq!(slots(text.as_bytes()).unwrap(), all[1..]);
    let new = splice_any(text.as_bytes(), &[(&all[0], "NEW=")]).unwrap();
    assert_eq!(String::from_utf8(new).unwrap(), text.replace("S1", "NEW="));
}
