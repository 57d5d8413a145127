//! Text in the encodings that people's editors write.

use ghostdet::ErrorKind;
use ghostdet::text::{decode, decode_xml};

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn unicode_with_and_without_byte_order_marks() {
    let text = "names: [caf\u{e9}, \u{706b}]\n";
    let read = |bytes: Vec<u8>| decode(bytes).unwrap();
    assert_eq!(read(text.into()), text);
    assert_eq!(read([b"\xef\xbb\xbf", text.as_bytes()].concat()), text);
    assert_eq!(read([b"\xff\xfe".to_vec(), utf16(text, u16::to_le_bytes)].concat()), text);
    assert_eq!(read([b"\xfe\xff".to_vec(), utf16(text, u16::to_be_bytes)].concat()), text);
    let plain = "0 0.5 0.5 0.25 0.25\r\n";
    assert_eq!(read(utf16(plain, u16::to_le_bytes)), plain);
    assert_eq!(read(utf16(plain, u16::to_be_bytes)), plain);
    assert_eq!(read(b"a\rb\rc".to_vec()), "a\nb\nc");
    assert_eq!(read(Vec::new()), "");
}

#[test]
fn encodings_are_told_by_their_bytes() {
    // "names: [fire, smoke]" in Chinese, GBK; one word alone; a French and a German list in Latin-1.
    let chinese = b"names: [\xbb\xf0\xd1\xe6, \xd1\xcc\xce\xed]\n".to_vec();
    assert_eq!(decode(chinese).unwrap(), "names: [\u{706b}\u{7130}, \u{70df}\u{96fe}]\n");
    assert_eq!(decode(b"\xc3\xa8\n\xb9\xb7\n".to_vec()).unwrap(), "\u{732b}\n\u{72d7}\n");
    // A character that only GB18030 has: four bytes.
    let rare = encoding_rs::GB18030.encode("\u{732b}\u{72d7}\u{9ea6}\u{3400}").0.into_owned();
    assert_eq!(decode(rare).unwrap(), "\u{732b}\u{72d7}\u{9ea6}\u{3400}");
    let french = "d\u{e9}tecteur, fum\u{e9}e, caf\u{e9}\n";
    assert_eq!(decode(encoding_rs::WINDOWS_1252.encode(french).0.into_owned()).unwrap(), french);
    let german = "names: [M\u{e4}dchen, T\u{fc}r, Stra\u{df}e]\n";
    assert_eq!(decode(encoding_rs::WINDOWS_1252.encode(german).0.into_owned()).unwrap(), german);
}

#[test]
fn xml_says_its_encoding() {
    let read = |bytes: &[u8]| decode_xml(bytes.to_vec()).unwrap();
    assert!(read(b"<?xml version='1.0' encoding='GB2312'?><a>\xc3\xa8</a>").contains("<a>\u{732b}</a>"));
    assert!(read(b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xc3\xa8</a>").contains("<a>\u{c3}\u{a8}</a>"));
    // Declared wrongly: what the bytes are counts.
    assert!(read("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>\u{732b}</a>".as_bytes()).contains("\u{732b}"));
    assert!(read(b"<?xml version=\"1.0\" encoding=\"utf-8\"?><a>\xc3\xa8\xb9\xb7</a>").contains("\u{732b}\u{72d7}"));
    assert!(read(b"<a>plain</a>").contains("plain"));
}

#[test]
fn what_is_no_text_is_named_with_its_line() {
    let refused = |bytes: &[u8]| {
        let error = decode(bytes.to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.to_string()
    };
    let binary = refused(b"0 0.5\n\0\0\0\x07\x01");
    assert!(binary.contains("line 2") && binary.contains("zero bytes") && binary.contains("UTF-8"), "{binary}");
    let control = refused(b"0 0.5\n1\n\x89\x01\x02\xff");
    assert!(control.contains("line 3") && control.contains("no text"), "{control}");
    assert!(refused(b"\xff\xfe\0\0a\0\0\0").contains("UTF-32"));
    assert!(refused(b"\xff\xfea\0b").contains("UTF-16"));
}
