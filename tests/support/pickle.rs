//! Checkpoints of PyTorch written by hand: zip archives with pickles of our choice.

/// A zip of stored entries; `declared` is what the directory says of an entry's unpacked size.
pub fn zip(entries: &[(&str, &[u8], Option<u32>, u16)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data, declared, method) in entries {
        let start = file.len() as u32;
        let mut common = Vec::new();
        common.extend([20u16, 0, *method, 0, 0].iter().flat_map(|v| v.to_le_bytes()));
        common.extend(crc32fast::hash(data).to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend(declared.unwrap_or(data.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend([0, 0]);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 12]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

pub fn checkpoint(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle, None, 0), ("a/data/0", storage, None, 0)])
}

pub fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

pub fn numbers(values: &[i64]) -> Vec<u8> {
    let each = values.iter().flat_map(|v| [&[0x8a, 8][..], &v.to_le_bytes()].concat());
    [b"(".to_vec(), each.collect(), b"t".to_vec()].concat()
}

/// `{key: tensor}` with a float storage of `elements`.
pub fn state_dict(key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let mut p = b"\x80\x02}".to_vec();
    p.extend(text(key));
    p.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    p.extend(text("storage"));
    p.extend(b"ctorch\nFloatStorage\n");
    p.extend(text("0"));
    p.extend(text("cpu"));
    p.extend([&[0x8a, 8][..], &elements.to_le_bytes()].concat());
    p.extend(b"tQ");
    p.extend([&[0x8a, 8][..], &offset.to_le_bytes()].concat());
    p.extend(numbers(shape));
    p.extend(numbers(strides));
    p.extend(b"\x89NtRs.");
    p
}

pub fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// An object of a class with attributes, each a name and its pickled value.
pub fn object(class: &str, attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (module, name) = class.rsplit_once('.').unwrap();
    [format!("c{module}\n{name}\n)").into_bytes(), vec![0x81], dict(attributes), b"b".to_vec()].concat()
}

pub fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
    [b"}(".to_vec(), entries.collect(), b"u".to_vec()].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](".to_vec(), items.concat(), b"e".to_vec()].concat()
}

/// A tensor of the float storage of 4 elements.
pub fn tensor(offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let whole = state_dict("", 4, offset, shape, strides);
    whole.strip_prefix(b"\x80\x02}X\0\0\0\0").unwrap().strip_suffix(b"s.").unwrap().to_vec()
}

/// A file of PyTorch before 1.6: the checkpoint's pickle, then storages: key, elements, bytes.
pub fn legacy(pickle: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let whole = |value: Vec<u8>| [b"\x80\x02".to_vec(), value, b".".to_vec()].concat();
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    file.extend(whole(dict(&[("protocol_version", b"M\xe9\x03".to_vec()), ("little_endian", b"\x88".to_vec())])));
    file.extend(pickle);
    file.extend(whole(list(&storages.iter().map(|(key, ..)| text(key)).collect::<Vec<_>>())));
    for (_, elements, bytes) in storages {
        file.extend(elements.to_le_bytes());
        file.extend(*bytes);
    }
    file
}
