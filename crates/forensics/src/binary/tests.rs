//! Structures of well-known formats, their bytes written by hand from the formats' descriptions.

use std::io::Cursor;
use std::sync::Arc;

use super::*;

/// Lambdas of the forms `x=>x.Field`, `x=>x.Field+5`, `x=>x` and `x=>x=0` for tests.
struct Simple;

impl Lambdas for Simple {
    type Value = i64;

    fn call(&self, lambda: &str, argument: Item<Self>) -> i64 {
        let body = lambda.strip_prefix("x=>").expect("a lambda");
        if let Some(equal) = body.strip_prefix("x=") {
            return i64::from(argument.number(self) == equal.parse().ok());
        }
        let Item::Struct(this) = argument else { return 0 };
        let (path, plus) = body.split_once('+').unwrap_or((body, "0"));
        let mut item = Item::Struct(this);
        for name in path.split('.').skip(1) {
            item = match &item {
                Item::Struct(s) if name == "EndOf" => Item::UInt(s.end()),
                Item::Struct(s) => s.field(name).unwrap_or(Item::Null),
                _ => Item::Null,
            };
        }
        item.number(self).unwrap_or(0) + plus.parse::<i64>().expect("a number")
    }

    fn number(&self, value: &i64) -> Option<i64> {
        Some(*value)
    }

    fn text(&self, value: &i64) -> String {
        value.to_string()
    }

    fn truth(&self, value: &i64) -> bool {
        *value != 0
    }
}

fn parse(profile: &str, name: &str, bytes: &[u8]) -> Arc<Struct<Simple>> {
    let profile = Profile::parse(profile).unwrap();
    Machine::new(profile.into(), Image::new(Cursor::new(bytes.to_vec())), Simple).parse(name, 0).unwrap()
}

fn shown(item: &Item<Simple>) -> String {
    match item {
        Item::Null => "null".into(),
        Item::Int(i) => i.to_string(),
        Item::UInt(u) => u.to_string(),
        Item::Float(f) => f.to_string(),
        Item::Text(t) => format!("{:?}", String::from_utf8_lossy(t)),
        Item::Time(s, n) => format!("@{s}.{n:09}"),
        Item::Names(names) => names.join("|"),
        Item::List(list) => format!("[{}]", list.items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Item::Struct(s) => {
            let fields: Vec<String> =
                s.field_names().map(|n| format!("{n}={}", shown(&s.field(n).unwrap()))).collect();
            format!("{{{}}}", fields.join(" "))
        }
        Item::Other(i) => format!("={i}"),
    }
}

fn whole(profile: &str, name: &str, bytes: &[u8]) -> String {
    shown(&Item::Struct(parse(profile, name, bytes)))
}

#[test]
fn elf_header() {
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend([3, 0, 0x3e, 0, 1, 0, 0, 0]);
    elf.extend(0x6d30_u64.to_le_bytes());
    elf.extend(64_u64.to_le_bytes());
    let profile = r#"[["Elf", 64, [
        ["magic", 1, "Signature", {"value": "ELF"}],
        ["class", 4, "Enumeration", {"type": "uint8", "choices": {"1": "32-bit", "2": "64-bit"}}],
        ["type", 16, "Enumeration", {"type": "uint16", "map": {"EXEC": 2, "DYN": 3}}],
        ["machine", 18, "Enumeration", {"type": "uint16", "map": {"ARM": 40}}],
        ["entry", 24, "uint64"],
        ["sections", 40, "uint64"]]]]"#;
    let wanted = r#"{magic="ELF" class="64-bit" type="DYN" machine="0x3e" entry=27952 sections=null}"#;
    assert_eq!(whole(profile, "Elf", &elf), wanted);
}

#[test]
fn png_chunks() {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in
        [(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0][..]), (b"tEXt", b"a\0b"), (b"IEND", b"")]
    {
        png.extend((data.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(data);
        png.extend([0xaa; 4]);
    }
    let profile = r#"[
        ["Png", 0, [["chunks", 8, "Array", {"type": "Chunk", "max_count": 100}]]],
        ["Chunk", "x=>x.length+12", [
            ["length", 0, "uint32b"], ["kind", 4, "String", {"length": 4}],
            ["data", 8, "Union", {"selector": "x=>x.length", "choices": {"13": "Header"}}]]],
        ["Header", 13, [["width", 0, "uint32b"], ["height", 4, "uint32b"], ["depth", 8, "uint8"]]]]"#;
    let wanted = r#"{chunks=[{length=13 kind="IHDR" data={width=2 height=3 depth=8}} {length=3 kind="tEXt" data=null} {length=0 kind="IEND" data=null}]}"#;
    assert_eq!(whole(profile, "Png", &png), wanted);
    let parsed = parse(profile, "Png", &png);
    let Some(Item::List(chunks)) = parsed.field("chunks") else { panic!() };
    assert_eq!((chunks.start(), chunks.end()), (8, png.len() as u64));
    let Item::Struct(text) = &chunks.items[1] else { panic!() };
    assert_eq!((text.start(), text.size(), text.parent().unwrap().name()), (33, 15, "Png"));
}

#[test]
fn zip_end_of_directory() {
    let mut zip = b"PK\x05\x06\0\0\0\0\x02\0\x02\0\x60\0\0\0\x10\0\0\0\x05\0hello".to_vec();
    zip.extend(b"rest");
    let profile = r#"[["End", "x=>x.comment_length+22", [
        ["entries", 10, "uint16"], ["directory", 16, "uint32"], ["comment_length", 20, "uint16"],
        ["comment", 22, "String", {"length": "x=>x.comment_length"}],
        ["after", "x=>x.EndOf", "String", {"term": ""}]]]]"#;
    let wanted = r#"{entries=2 directory=16 comment_length=5 comment="hello" after="rest"}"#;
    assert_eq!(whole(profile, "End", &zip), wanted);
}

#[test]
fn bits_of_a_register() {
    // 0x8a5 is 1000 1010 0101 in bits.
    let profile = r#"[["Register", 2, [
        ["low", 0, "BitField", {"type": "uint16", "start_bit": 0, "end_bit": 4}],
        ["middle", 0, "BitField", {"type": "uint16", "start_bit": 4, "end_bit": 9}],
        ["all", 0, "BitField", {"type": "uint16"}],
        ["flags", 0, "Flags", {"type": "uint16", "bitmap": {"READY": 0, "BUSY": 1, "ERROR": 11, "LOCK": 7}}]]]]"#;
    assert_eq!(
        whole(profile, "Register", &[0xa5, 0x08]),
        "{low=5 middle=10 all=2213 flags=READY|LOCK|ERROR}"
    );
}

#[test]
fn text_times_and_numbers() {
    let mut bytes = b"one\0two;\xffa\0b\0\0\0".to_vec();
    assert_eq!(bytes.len(), 15);
    bytes.push(0);
    bytes.extend(133_590_312_000_000_000_u64.to_le_bytes());
    bytes.extend(1_714_557_600_u32.to_le_bytes());
    bytes.extend(0x5000_58a1_u32.to_le_bytes());
    bytes.extend(1.5_f32.to_le_bytes());
    bytes.extend((-2.5_f64).to_be_bytes());
    bytes.extend([0xe5, 0x8e, 0x26]);
    let profile = r#"[["T", 0, [
        ["c", 0, "CString"], ["short", 0, "String", {"max_length": 2}],
        ["to", 4, "String", {"term": ";"}], ["hex", 0, "String", {"term_hex": "6f3b"}],
        ["wide", 9, "String", {"encoding": "utf16"}],
        ["list", 0, "Array", {"type": "String", "count": 2}],
        ["win", 16, "WinFileTime"], ["unix", 24, "EpochTime"], ["fat", 28, "FatTimestamp"],
        ["milli", 16, "EpochTime", {"type": "uint64", "factor": 1000000000}],
        ["f", 32, "float"], ["d", 36, "doubleb"], ["n", 44, "leb128"], ["nothing", 0, "Null"],
        ["sum", 0, "Value", {"value": "x=>x.n+1"}],
        ["until", 0, "Array", {"type": "uint8", "sentinel": "x=>x=0"}],
        ["pointed", 6, "Pointer", {"pointer_type": "uint8", "type": "uint8"}],
        ["there", 0, "Profile", {"type": "uint8", "offset": 8}],
        ["unknown", 0, "NoSuchStruct"], ["beyond", 1000, "uint32"], ["before", -1, "uint8"]]]]"#;
    let wanted = "{c=\"one\" short=\"on\" to=\"two\" hex=\"one\\0tw\" wide=\"ab\" list=[\"one\" \"two;\u{fffd}a\"] \
        win=@1714557600.000000000 unix=@1714557600.000000000 fat=@1714557600.000000000 \
        milli=@133590312.000000000 f=1.5 d=-2.5 n=624485 nothing=null sum==624486 until=[111 110 101] \
        pointed=null there=255 unknown=null beyond=null before=null}";
    assert_eq!(whole(profile, "T", &bytes), wanted);
}

#[test]
fn hostile_profiles_end() {
    for (profile, wanted) in [
        (r#"[["A", 0, [["a", "x=>x.a", "uint8"]]]]"#, "{a=2}"),
        (r#"[["A", "x=>x.EndOf", [["a", 0, "uint8"]]]]"#, "{a=1}"),
        (r#"[["A", 0, [["a", 0, "Value", {"value": "x=>x.a"}]]]]"#, "{a==0}"),
        (r#"[["A", 0, [["a", 0, "Array", {"type": "B", "count": 999999999}]]], ["B", 0, []]]"#, "{a=[{}]}"),
        (r#"[["A", 0, [["a", 0, "Array", {"type": "uint8", "count": 999999999999}]]]]"#, "{a=[1 2]}"),
        (r#"[["A", 0, [["a", 0, "String", {"length": 999999999999}]]]]"#, "{a=\"\\u{1}\\u{2}\"}"),
        (r#"[["A", 0, [["a", 0, "String", {"length": -1}]]]]"#, "{a=null}"),
    ] {
        assert_eq!(whole(profile, "A", &[1, 2]), wanted, "{profile}");
    }
    let deep = format!(
        r#"[["A", 0, [["a", 0, "Array", {}]]]]"#,
        r#"{"type": "Array", "type_options": "#.repeat(50) + "{}" + &"}".repeat(50)
    );
    for profile in [
        "",
        "{}",
        "[1]",
        r#"[["A"]]"#,
        r#"[["A", {}, []]]"#,
        r#"[["A", 0, [["a"]]]]"#,
        r#"[["A", 0, [["a", 0, "Array"]]]]"#,
        r#"[["A", 0, [["a", 0, "BitField", {"start_bit": 5, "end_bit": 2}]]]]"#,
        &deep,
    ] {
        assert!(Profile::parse(profile).is_err(), "{profile}");
    }
}

#[test]
fn a_structure_in_itself_is_walked_as_far_as_asked() {
    let profile = r#"[["A", 1, [["next", 0, "A"]]]]"#;
    let mut at = parse(profile, "A", &[0]);
    for _ in 0..900 {
        let Some(Item::Struct(next)) = at.field("next") else { panic!() };
        at = next;
    }
    for _ in 0..99 {
        let Some(Item::Struct(next)) = at.field("next") else { panic!() };
        at = next;
    }
    assert!(matches!(at.field("next"), Some(Item::Null)));
}
