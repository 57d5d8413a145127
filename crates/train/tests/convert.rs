//! Conversion: what comes out is read again as a data set.

use std::fs;
use std::path::{Path, PathBuf};

use ghostdet::data::{Dataset, Split};
use ghostdet_train::convert::{Cut, Report, Target, Validation, Voc, coco, subset, voc};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn target(&self, validation: Validation) -> Target {
        Target { out: self.path("out"), validation, copy: false, force: false }
    }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn lists(folder: &Folder, train: Option<&str>, val: &str) -> Validation {
    Validation::Lists { train: train.map(|name| folder.path(name)), val: folder.path(val) }
}

/// Both splits of what was written, without a single warning.
fn read(report: &Report) -> [Dataset; 2] {
    [Split::Train, Split::Val].map(|split| {
        let data = Dataset::open_split(&report.yaml, None, split).unwrap();
        assert!(data.warnings().is_empty(), "{:?}", data.warnings());
        assert_eq!(data.names(), report.names);
        data
    })
}

fn boxes(data: &Dataset, name: &str, size: [usize; 2]) -> Vec<(String, [i64; 4])> {
    let i = (0..data.len()).find(|i| data.file(*i).unwrap().ends_with(name)).unwrap_or_else(|| panic!("{name}"));
    let one = |label: &ghostdet::data::Label| {
        (data.names()[label.class].clone(), label.corners(size[0], size[1]).map(|v| v.round() as i64))
    };
    data.labels(i).iter().map(one).collect()
}

fn files(folder: &Path) -> usize {
    let list = |path: &Path| fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    list(folder).iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
}

#[test]
fn coco_becomes_yolo() {
    let folder = Folder::new();
    for name in ["p/a.png", "p/sub/a.png", "p/b c.png"] {
        folder.write(name, png(100, 50));
    }
    folder.write("p/broken.png", &png(100, 50)[..20]);
    folder.write("outside.png", png(100, 50));
    folder.write(
        "a.json",
        r#"{"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "sub/a.png"}, {"id": 3, "file_name": "b c.png"},
          {"id": 4, "file_name": "../outside.png"}, {"id": 5, "file_name": "broken.png"}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "a: \"person\" # \u00e9"}],
        "annotations": [{"image_id": 1, "category_id": 18, "bbox": [10, 5, 20, 30]},
          {"image_id": 1, "category_id": 1, "bbox": [90, 40, 30, 30]}, {"image_id": 1, "category_id": 1, "bbox": [100, 40, 30, 30]},
          {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3]}, {"image_id": 2, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1}]}"#,
    );
    folder.write("val.txt", "./sub/a.png\nnowhere\n\na\n");
    let report =
        coco(&folder.path("a.json"), &folder.path("p"), &folder.target(lists(&folder, None, "val.txt"))).unwrap();
    assert_eq!((report.train, report.val, report.boxes, report.left_out), (2, 1, 2, 3));
    let [train, val] = read(&report);
    let person = r#"a: "person" # é"#.to_owned();
    let expected = [("dog".to_owned(), [10, 5, 30, 35]), (person, [90, 40, 100, 50])];
    assert_eq!(boxes(&train, "a.png", [100, 50]), expected);
    assert_eq!((boxes(&train, "b_c.png", [100, 50]).len(), boxes(&val, "a-2.png", [100, 50]).len()), (0, 0));
    for text in [
        "../outside.png",
        "broken.png",
        "annotations[3]",
        "no area",
        "crowds",
        "val.txt: line 2",
        "val.txt: line 4: a could",
    ] {
        assert!(report.warnings.iter().any(|w| w.contains(text)), "{text} in {:?}", report.warnings);
    }
    // Pictures are linked, not copied.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(folder.path("p/a.png")).unwrap().nlink(), 2);
    }
    let again = coco(&folder.path("a.json"), &folder.path("p"), &folder.target(Validation::default()));
    assert!(again.unwrap_err().to_string().contains("not empty"));
}

#[test]
fn hostile_names_stay_in_the_folder() {
    let folder = Folder::new();
    let names = [
        "..\\..\\evil.png",
        ".hidden.png",
        "-rf.png",
        "A.png",
        "a.png",
        "x\n0 0 0 1 1.png",
        "images.png",
        &"n".repeat(200),
    ];
    for name in names {
        folder.write(&format!("p/images/{name}"), png(20, 20));
    }
    let images: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(i, name)| serde_json::json!({"id": i, "file_name": format!("images/{name}")}))
        .collect();
    let json = serde_json::json!({"images": images, "annotations": [], "categories": [{"id": 0, "name": "x"}]});
    folder.write("a.json", json.to_string());
    let before = files(folder.0.path());
    let target = folder.target(Validation::Share { share: 0.25, seed: 1 });
    let report = coco(&folder.path("a.json"), &folder.path("p"), &target).unwrap();
    assert_eq!((report.train, report.val), (6, 2));
    let [train, val] = read(&report);
    assert_eq!((train.len(), val.len()), (6, 2));
    assert_eq!(files(&folder.path("out")), 2 * names.len() + 1);
    assert_eq!(files(folder.0.path()), before + 2 * names.len() + 1);
}

fn xml(file: &str, objects: &str) -> String {
    format!(
        "<annotation>\n<filename>{file}</filename>\n<size><width>100</width><height>50</height></size>\n{objects}</annotation>"
    )
}

fn object(name: &str, bounds: [&str; 4], more: &str) -> String {
    let [a, b, c, d] = bounds;
    format!(
        "<object>\n<name>{name}</name>{more}\n<bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>\n</object>\n"
    )
}

#[test]
fn voc_becomes_yolo() {
    let folder = Folder::new();
    for name in ["one", "two", "three", "four"] {
        folder.write(&format!("v/JPEGImages/{name}.png"), png(100, 50));
    }
    folder.write("secret.png", png(100, 50));
    let good = object("dog", ["11", "6", "30", "35"], "<part><bndbox><xmin>1</xmin></bndbox></part>");
    let bad = [
        object("cat", ["1", "x", "30", "35"], ""),
        object("cat", ["30", "1", "10", "35"], ""),
        object("cat", ["201", "1", "230", "35"], ""),
        object("cat", ["1", "1", "9", "9"], "<difficult>1</difficult>"),
        "<object><name>cat</name></object>\n".to_owned(),
        "<object><bndbox/></object>\n".to_owned(),
    ];
    folder.write("v/Annotations/1.xml", xml("one.png", &(good.clone() + &bad.concat())));
    folder.write("v/Annotations/two.xml", xml("gone.jpg", &object("cat &amp; co", ["1", "1", "100", "50"], "")));
    folder.write("v/Annotations/three.xml", xml("three.png", "").replace("100", "200"));
    folder.write("v/Annotations/4.xml", xml("../../secret.png", &good));
    folder.write("v/Annotations/5.xml", xml("gone.png", &good));
    folder.write("v/Annotations/6.xml", "<annotation>\n<object>");
    folder.write("v/Annotations/7.xml", "<!DOCTYPE a [<!ENTITY x \"y\">]><annotation>&x;</annotation>");
    folder.write("v/Annotations/8.xml", "<html/>");
    folder.write("val.txt", "two  1\nthree -1\n");
    folder.write("train.txt", "one\ntwo\n");
    let target = folder.target(lists(&folder, Some("train.txt"), "val.txt"));
    let report = voc(&Voc::at(&folder.path("v")), &target).unwrap();
    assert_eq!(report.names, ["cat", "cat & co", "dog"]);
    assert_eq!((report.train, report.val, report.boxes, report.left_out), (1, 2, 2, 6));
    let [train, val] = read(&report);
    assert_eq!(boxes(&train, "one.png", [100, 50]), [("dog".to_owned(), [10, 5, 30, 35])]);
    assert_eq!(boxes(&val, "two.png", [100, 50]), [("cat & co".to_owned(), [0, 0, 100, 50])]);
    for text in [
        "1.xml: line 10: ymin of cat is \"x\"",
        "1.xml: line 14: the bndbox of cat ends",
        "1.xml: line 16: cat has no area in the 100x50 picture",
        "difficult",
        "1.xml: line 24: cat has no bndbox",
        "1.xml: line 25: an object without a name",
        "three.xml: says 200x50",
        "4.xml: \"../../secret.png\" is not below",
        "5.xml: its picture gone.png is not in",
        "6.xml",
        "7.xml",
        "8.xml: <html>",
        "val.txt: line 1: two.png is in the list to train on too",
    ] {
        assert!(report.warnings.iter().any(|w| w.contains(text)), "{text} in {:#?}", report.warnings);
    }
    let source = Voc { names: vec!["dog".into()], difficult: true, ..Voc::at(&folder.path("v")) };
    let target = Target {
        out: folder.path("dogs"),
        validation: Validation::Share { share: 0.4, seed: 0 },
        copy: true,
        force: false,
    };
    let report = voc(&source, &target).unwrap();
    assert_eq!((report.train, report.val, report.boxes), (2, 1, 1));
    assert!(
        report.warnings.iter().any(|w| w.contains("two.xml: line 4: \"cat & co\" is none")),
        "{:#?}",
        report.warnings
    );
}

#[test]
fn shares_are_drawn_by_seed() {
    let folder = Folder::new();
    for i in 0..20 {
        folder.write(&format!("v/{i}.png"), png(20, 20));
        folder.write(&format!("v/{i}.xml"), xml(&format!("{i}.png"), ""));
    }
    let mut seen = Vec::new();
    for (i, seed) in [3, 3, 4].into_iter().enumerate() {
        let out = folder.path(&format!("out{i}"));
        let target = Target { out, validation: Validation::Share { share: 0.3, seed }, copy: false, force: false };
        let source = Voc { names: vec!["x".into()], ..Voc::at(&folder.path("v")) };
        let report = voc(&source, &target).unwrap();
        assert_eq!((report.train, report.val), (14, 6));
        let [_, val] = read(&report);
        seen.push((0..6).map(|i| val.file(i).unwrap().file_name().unwrap().to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    let target = folder.target(Validation::Share { share: 1.0, seed: 0 });
    assert!(voc(&Voc::at(&folder.path("v")), &target).is_err());
}

#[test]
fn a_few_classes_of_a_pack() {
    let folder = Folder::new();
    let (mut bin, mut lines) = (Vec::new(), String::new());
    for i in 0..40 {
        let bytes = if i == 7 { b"broken".to_vec() } else { png(40, 20) };
        // Everywhere a person; in every tenth a cat, surely or not; a dog that nobody asked for.
        let cat = match i % 10 {
            7 => "[15, 0.25, 0.5, 0.5, 1.0, 1.0],",
            8 => "[15, 0.25, 0.5, 0.5, 1.0, 0.3],",
            _ => "",
        };
        lines += &format!(
            "{{\"offset\": {}, \"bytes\": {}, \"width\": 40, \"height\": 20, \"boxes\": [{cat} [0, 0.5, 0.5, 0.5, 0.5, 0.9], [16, 0.5, 0.5, 0.5, 0.5, 0.9]]}}\n",
            bin.len(),
            bytes.len()
        );
        bin.extend(bytes);
    }
    folder.write("p.bin", bin);
    folder.write("p.jsonl", lines);
    let data = Dataset::open_split(&folder.path("p.bin"), None, Split::Train).unwrap();
    let cut = Cut { classes: vec!["person".into(), "cat".into()], limit: 12, limit_val: 4, seed: 0 };
    let report = subset(&data, None, &cut, &folder.path("out"), false).unwrap();
    assert_eq!((report.train, report.val, report.boxes, report.left_out), (12, 4, 12 + 4 + 3, 0));
    assert!(report.warnings.len() == 1 && report.warnings[0].contains("p.bin#7"), "{:?}", report.warnings);
    let [train, val] = read(&report);
    assert_eq!((train.len(), val.len()), (12, 4));
    let both = [("cat".to_owned(), [0, 0, 20, 20]), ("person".to_owned(), [10, 5, 30, 15])];
    let with_cat = ["p-17.png", "p-27.png", "p-37.png"].map(|name| {
        let split = if (0..val.len()).any(|i| val.file(i).unwrap().ends_with(name)) { &val } else { &train };
        boxes(split, name, [40, 20])
    });
    assert_eq!(with_cat, [both.to_vec(), both.to_vec(), both.to_vec()]);
    let report = subset(&data, Some(&data), &cut, &folder.path("again"), false).unwrap();
    assert_eq!((report.train, report.val), (12, 4));
    let wrong = Cut { classes: vec!["unicorn".into()], ..cut };
    let error = subset(&data, None, &wrong, &folder.path("wrong"), false).unwrap_err().to_string();
    assert!(error.contains("unicorn") && error.contains("person"), "{error}");
}

/// A VOC data set of three pictures whose files and XML differ in the case of letters.
fn odd_voc(folder: &Folder) -> Voc {
    let object = |name: &str| {
        format!(
            "<object><name>{name}</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>24</xmax><ymax>32</ymax></bndbox></object>"
        )
    };
    for (xml, picture, named) in [
        ("IMG_1.xml", "IMG_1.JPG", "IMG_1.jpg"),
        ("IMG_2.xml", "img_2.Png", "C:\\data\\IMG_2.png"),
        ("IMG_3.XML", "IMG_3.jpeg", ""),
    ] {
        folder.write(&format!("v/JPEGImages/{picture}"), png(64, 64));
        let text = format!("<annotation><filename>{named}</filename>{}</annotation>", object("helmet"));
        folder.write(&format!("v/Annotations/{xml}"), text);
    }
    folder.write("v/Annotations/._IMG_1.xml", "not XML");
    // "cat" in Chinese, GBK, with a document type.
    let mut gbk = b"<?xml version='1.0' encoding='GBK'?><!DOCTYPE annotation><annotation>".to_vec();
    gbk.extend(object("\0").into_bytes().split(|b| *b == 0).collect::<Vec<_>>().join(&b"\xc3\xa8"[..]));
    gbk.extend(b"</annotation>");
    folder.write("v/Annotations/four.xml", gbk);
    folder.write("v/JPEGImages/four.png", png(64, 64));
    Voc::at(&folder.path("v"))
}

#[test]
fn voc_with_other_letter_case_and_encodings() {
    let folder = Folder::new();
    let source = odd_voc(&folder);
    let report = voc(&source, &folder.target(Validation::Share { share: 0.5, seed: 0 })).unwrap();
    assert_eq!((report.train, report.val, report.boxes, report.warnings.len()), (2, 2, 4, 0), "{:?}", report.warnings);
    assert_eq!(report.names, ["helmet", "\u{732b}"]);
    let [train, val] = read(&report);
    let label = |data: &Dataset, i: usize| data.labels(i)[0].corners(64, 64);
    assert_eq!([label(&train, 0), label(&val, 1)], [[8.0, 8.0, 24.0, 32.0]; 2]);
}

#[test]
fn failed_conversions_leave_nothing_and_show_all_problems() {
    let folder = Folder::new();
    let source = odd_voc(&folder);
    for name in ["IMG_1.JPG", "img_2.Png", "IMG_3.jpeg"] {
        fs::remove_file(folder.path("v/JPEGImages").join(name)).unwrap();
    }
    let target = folder.target(Validation::Share { share: 0.5, seed: 0 });
    let error = voc(&source, &target).unwrap_err().to_string();
    for problem in ["IMG_1.xml", "IMG_2.xml", "IMG_3.XML", "both are needed"] {
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let left = || fs::read_dir(folder.path("")).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(left(), ["v"]);
    // Nor the folders around the new one.
    voc(&source, &Target { out: folder.path("a/b/out"), ..target.clone() }).unwrap_err();
    assert_eq!(left(), ["v"]);

    // Then all is well, and is done again: an older conversion is replaced if that is wanted, and nothing else ever.
    let source = odd_voc(&folder);
    voc(&source, &target).unwrap();
    let again = voc(&source, &target).unwrap_err().to_string();
    assert!(again.contains("--force"), "{again}");
    folder.write("out/images/train/old.jpg", "old");
    let forced = Target { force: true, ..target.clone() };
    let report = voc(&source, &forced).unwrap();
    assert!(report.yaml.is_file() && !folder.path("out/images/train/old.jpg").exists());
    assert_eq!(left().len(), 2, "{:?}", left());
    folder.write("out/thesis.docx", "dear");
    let refused = voc(&source, &forced).unwrap_err().to_string();
    assert!(refused.contains("thesis.docx") && folder.path("out/thesis.docx").exists(), "{refused}");
}

#[test]
fn xml_files_that_name_one_picture_are_told() {
    let folder = Folder::new();
    let source = odd_voc(&folder);
    let same = "<annotation><filename>four.png</filename></annotation>";
    // With what editors put in front of a declaration.
    folder.write("v/Annotations/five.xml", format!("\n <?xml version='1.0'?>{same}"));
    let report = voc(&source, &folder.target(Validation::Share { share: 0.5, seed: 0 })).unwrap();
    assert_eq!((report.train + report.val, report.warnings.len()), (5, 1), "{:?}", report.warnings);
    for word in ["four.xml", "five.xml", "four.png", "both are taken"] {
        assert!(report.warnings[0].contains(word), "{word}: {:?}", report.warnings);
    }
}

#[test]
fn sources_in_the_folder_are_not_replaced() {
    let folder = Folder::new();
    let mut all = (Vec::new(), Vec::new());
    for i in 0..4 {
        folder.write(&format!("out/images/{i}.png"), png(40, 20));
        all.0.push(format!(r#"{{"id": {i}, "file_name": "{i}.png"}}"#));
        all.1.push(format!(r#"{{"image_id": {i}, "category_id": 1, "bbox": [1, 1, 9, 9]}}"#));
    }
    let (images, annotations) = (all.0.join(", "), all.1.join(", "));
    let text = format!(
        r#"{{"images": [{images}], "annotations": [{annotations}], "categories": [{{"id": 1, "name": "a"}}]}}"#
    );
    folder.write("a.json", text);
    let target = Target { force: true, ..folder.target(Validation::Share { share: 0.5, seed: 0 }) };
    let error = coco(&folder.path("a.json"), &folder.path("out/images"), &target).unwrap_err().to_string();
    assert!(error.contains("would be replaced") && error.contains("--out"), "{error}");
    assert_eq!(files(&folder.path("out/images")), 4);
}

#[test]
fn a_crowd_is_no_picture_of_its_class() {
    let folder = Folder::new();
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for i in 0..8 {
        folder.write(&format!("pics/{i}.png"), png(40, 20));
        images.push(format!(r#"{{"id": {i}, "file_name": "{i}.png"}}"#));
        let crowd = i % 2;
        annotations.push(format!(r#"{{"image_id": {i}, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": {crowd}}}"#));
    }
    let (images, annotations) = (images.join(", "), annotations.join(", "));
    let text = format!(
        r#"{{"images": [{images}], "annotations": [{annotations}], "categories": [{{"id": 1, "name": "a"}}]}}"#
    );
    folder.write("a.json", text);
    let data = Dataset::open_split(&folder.path("a.json"), Some(&folder.path("pics")), Split::Train).unwrap();
    let cut = Cut { classes: vec!["a".into()], limit: 8, limit_val: 2, seed: 0 };
    let report = subset(&data, None, &cut, &folder.path("out"), false).unwrap();
    assert_eq!((report.train, report.val, report.boxes), (2, 2, 4));
}
