//! Programs are read as pefile reads them, and broken ones do no harm.

use serde_json::{Value, json};

use super::*;

const SAMPLE: &[u8] = include_bytes!("testdata/sample.dll");

fn sample() -> Pe {
    Pe::parse(SAMPLE.to_vec()).unwrap()
}

fn golden() -> Value {
    serde_json::from_str(include_str!("testdata/sample.json")).unwrap()
}

#[test]
fn a_program_is_what_pefile_says() {
    let (pe, golden) = (sample(), golden());
    let sections: Vec<_> = pe.sections.iter().map(|s| json!([s.name, s.rva, s.offset, s.size])).collect();
    assert_eq!(json!(sections), golden["sections"]);
    let imports: Vec<String> = pe.imports().iter().map(Import::to_string).collect();
    assert_eq!(json!(imports), golden["imports"]);
    assert_eq!(json!(pe.exports().names), golden["exports"]);
    assert_eq!(json!(pe.exports().forwards), golden["forwards"]);
    assert_eq!(json!(pe.imphash()), golden["imphash"]);
    assert_eq!(json!(pe.version_info()), golden["version"]);
    let resources: Vec<_> = pe.resources().iter().map(|r| json!([r.type_id, r.size])).collect();
    assert_eq!(json!(resources), golden["resources"]);
    assert_eq!(json!(pe.timestamp), golden["timestamp"]);
    let debug = pe.debug().unwrap();
    assert_eq!(json!([debug.guid_age, debug.pdb]), golden["debug"]);
}

#[test]
fn what_is_known_from_the_build_is_told() {
    let pe = sample();
    assert!(pe.is_dll() && pe.is_wide && !pe.is_dotnet());
    assert_eq!(pe.machine_name(), "IMAGE_FILE_MACHINE_AMD64");
    assert_eq!(pe.exports().library, "SAMPLE.dll");
    assert_eq!(pe.sections[0].rights(), "xr-");
    assert_eq!(pe.resources().iter().map(|r| &*r.type_name).collect::<Vec<_>>(), ["RT_RCDATA", "RT_VERSION"]);
    // Without certificates everything is covered but the two gaps of 4 and 8 bytes.
    let covered: usize = pe.signed_parts().unwrap().iter().map(|part| part.len()).sum();
    assert_eq!(covered, SAMPLE.len() - 12);
}

#[test]
fn other_files_are_no_programs() {
    for bytes in [&b""[..], b"MZ", b"\x7fELF", &[b"MZ", &[0xff; 100][..]].concat()] {
        assert!(Pe::parse(bytes.to_vec()).is_err());
    }
}

#[test]
fn broken_programs_do_no_harm() {
    for at in 0..SAMPLE.len() {
        let mut bytes = SAMPLE.to_vec();
        bytes[at] ^= 0xff;
        let Ok(pe) = Pe::parse(bytes) else { continue };
        let _ = (pe.imports(), pe.exports(), pe.version_info(), pe.debug(), pe.signed_parts());
    }
    for length in (0..SAMPLE.len()).step_by(13) {
        if let Ok(pe) = Pe::parse(SAMPLE[..length].to_vec()) {
            let _ = (
                pe.imphash(),
                pe.exports(),
                pe.resources(),
                pe.version_info(),
                pe.debug(),
                pe.signed_parts(),
            );
        }
    }
}
