//! Data sets as people have them: other letter case, Windows paths, hidden files, odd values, contradictions.

use std::fs;
use std::path::PathBuf;

use ghostdet::Result;
use ghostdet::data::{Bounds, Dataset, Finder, PictureKind, Split, parse_labels, picture_kind};

struct Set(tempfile::TempDir);

impl Set {
    fn new(files: &[(&str, &str)]) -> Self {
        let set = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| set.write(name, text.as_bytes()));
        set
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn yolo(&self) -> Dataset {
        Dataset::open_split(&self.path("data.yaml"), None, Split::Val).unwrap()
    }

    fn coco(&self) -> Result<Dataset> {
        Dataset::open(&self.path("a.json"), Some(&self.path("pics")))
    }
}

/// Whether a sentence of `all` has all the words.
fn says(all: &[String], words: &[&str]) -> bool {
    let found = all.iter().any(|text| words.iter().all(|word| text.contains(word)));
    found || panic!("{words:?} in {all:#?}")
}

const LABEL: &str = "0 0.5 0.5 0.25 0.25\n";

#[test]
fn labels_and_lists_in_other_encodings() {
    let set = Set::new(&[("images/a.jpg", "a"), ("images/b.jpg", "b"), ("images/\u{72d7}.jpg", "c")]);
    set.write("data.yaml", b"\xef\xbb\xbfval: list.txt\r\nnames: [\xe7\x8c\xab, \xe7\x8b\x97]\r\n");
    set.write("list.txt", b"images/a.jpg \r\nimages/b.jpg\r\n\r\n./images/\xb9\xb7.jpg\r\n");
    set.write("labels/a.txt", b"\xef\xbb\xbf0 0.5 0.5 0.2 0.2\r\n1 0.5 0.5 0.2 0.2 \r\n");
    let utf16: Vec<u8> = "1 0.5 0.5 0.2 0.2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    set.write("labels/b.txt", &[b"\xff\xfe".to_vec(), utf16].concat());
    let data = set.yolo();
    assert_eq!(data.names(), ["\u{732b}", "\u{72d7}"]);
    assert_eq!(data.warnings(), Vec::<String>::new());
    assert_eq!((0..3).map(|i| data.labels(i).len()).collect::<Vec<_>>(), [2, 1, 0]);
}

#[test]
fn labels_that_are_wrong_say_what_is_wanted() {
    let set =
        Set::new(&[("data.yaml", "val: images\nnames: [a]\n"), ("images/good.jpg", ""), ("labels/good.txt", LABEL)]);
    let lines = [
        ("comma", "0,0.5,0.5,0.2,0.2\n", "not commas"),
        ("decimal", "0 0,5 0,5 0,2 0,2\n", "points"),
        ("name", "fire 0.5 0.5 0.2 0.2\n", "class number, not a name"),
        ("pixels", "0 120 80 40 40\n", "pixels"),
        ("coco", "90 0.5 0.5 0.2 0.2\n", "only class 0 has a name"),
    ];
    for (name, text, _) in lines {
        set.write(&format!("images/{name}.jpg"), b"");
        set.write(&format!("labels/{name}.txt"), text.as_bytes());
    }
    set.write("images/binary.jpg", b"");
    set.write("labels/binary.txt", b"\0\x01\x02\x03");
    let data = set.yolo();
    assert_eq!(data.len(), 1);
    for (name, _, why) in lines {
        says(&data.warnings(), &[&format!("{name}.txt: line 1"), why]);
    }
    says(&data.warnings(), &["binary.txt", "line 1", "no text"]);
}

#[test]
fn files_are_found_by_the_names_of_other_systems() {
    let set = Set::new(&[
        ("set/Images/Val/A.JPG", ""),
        ("set/Labels/Val/A.TXT", LABEL),
        ("set/Images/Val/[b] c.jpg", ""),
        ("data.yaml", "path: Set\nval: .\\images\\val\nnames: [a]\n"),
    ]);
    let data = set.yolo();
    assert_eq!((data.len(), data.labels(0).len(), data.warnings()), (2, 1, Vec::new()));
    set.write("set/list.txt", b"C:\\Users\\me\\set\\Images\\Val\\a.jpg\n.\\images\\val\\[b] c.jpg\nD:\\nowhere.jpg\n");
    set.write("data.yaml", b"path: set\nval: list.txt\nnames: [a]\n");
    let data = set.yolo();
    assert_eq!(data.len(), 2);
    says(&data.warnings(), &["list.txt: line 3", "nowhere.jpg", "Windows"]);
    let mut finder = Finder::default();
    set.write("x/same.jpg", b"");
    set.write("x/SAME.JPG", b"");
    assert_eq!(finder.find(&set.path("x"), "Same.jpg"), None, "two fit");
    assert_eq!(finder.find(&set.path("x"), "same.jpg"), Some(set.path("x/same.jpg")));
}

#[test]
fn hidden_files_are_passed_over_and_unread_pictures_named() {
    let set = Set::new(&[("data.yaml", "val: images\nnames: [a]\n"), ("images/a.jpg", ""), ("labels/a.txt", LABEL)]);
    for name in ["._a.jpg", ".ipynb_checkpoints/a.jpg", "__MACOSX/a.jpg", "@eaDir/a.jpg", "Thumbs.db"] {
        set.write(&format!("images/{name}"), b"");
    }
    assert_eq!((set.yolo().len(), set.yolo().warnings()), (1, Vec::new()));
    for (name, kind) in
        [("b.svg", "SVG"), ("c.HEIC", "HEIC"), ("d.jp2", "JPEG 2000"), ("e.avif", "AVIF"), ("f.CR2", "raw")]
    {
        set.write(&format!("images/{name}"), b"");
        says(&set.yolo().warnings(), &[name, kind, "not read"]);
    }
    assert_eq!(picture_kind("a.JFIF".as_ref()), PictureKind::Read);
}

#[test]
fn contradictions_are_told() {
    let open = |yaml: &str| {
        let set = Set::new(&[("data.yaml", yaml), ("images/a.jpg", ""), ("labels/a.txt", LABEL)]);
        set.yolo()
    };
    says(&open("val: images\nnc: 3\nnames: [a, b]\n").warnings(), &["nc is 3", "2 names"]);
    says(&open("val: images\nnames: {0: a, 2: b}\n").warnings(), &["class 1 has no name"]);
    says(&open("val: images\nnames: {0: a, 5: b}\n").warnings(), &["classes 1, 2, 3, 4 have no names"]);
    says(&open("val: images\nnames: [a, b, a]\n").warnings(), &["a occurs twice"]);
    says(&open("train: images\nval: images\nnames: [a]\n").warnings(), &["train and val are the same"]);
    says(&open("val: images\nnames: [a, b]\n").contradictions(), &["1 of 2 classes never occur", "b"]);
    assert!(open("val: images\nnc: 1\nnames: [a]\n").contradictions().is_empty());
    let none = Set::new(&[("data.yaml", "val: images\nnames: [a]\n"), ("images/a.jpg", "")]);
    says(&none.yolo().contradictions(), &["nothing to find"]);

    let twice = Set::new(&[
        ("data.yaml", "train: images/train\nval: images/val\nnames: [a]\n"),
        ("images/train/1.jpg", "one"),
        ("images/train/2.jpg", "two"),
        ("images/val/3.jpg", "two"),
        ("images/val/4.jpg", "six"),
    ]);
    let train = Dataset::open_split(&twice.path("data.yaml"), None, Split::Train).unwrap();
    let (count, shown) = twice.yolo().pictures_shared_with(&train);
    assert_eq!((count, shown.len()), (1, 1));
    assert!(shown[0].contains("3.jpg") && shown[0].contains("2.jpg"), "{shown:?}");
}

#[test]
fn coco_values_are_taken_by_their_meaning() {
    let set = Set::new(&[("pics/1.jpg", ""), ("pics/b/2.JPG", "")]);
    set.write(
        "a.json",
        br#"{"images": [{"id": "1", "file_name": "1.jpg", "width": "64", "height": 64.0},
                {"id": 2, "file_name": "B\\2.jpg"}, {"id": 3, "file_name": "3.jpg"}, {"file_name": "1.jpg"}, null],
            "categories": [{"id": "18", "name": "dog"}, {"id": 1.0, "name": "person"}, {"id": 18, "name": "cat"}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": "1", "bbox": ["8", 8, "16.0", 24], "iscrowd": false, "area": "384"},
                {"id": 2, "image_id": "2", "category_id": 18, "bbox": [0, 0, 9, 9], "iscrowd": true, "area": null},
                {"id": 3, "image_id": 1, "category_id": 1, "bbox": [8, 8, NaN, 24]},
                {"id": 4, "image_id": 1, "category_id": 1, "bbox": [70, 8, 4, 4]},
                {"id": 5, "image_id": 1, "category_id": 1, "bbox": [30, 30, -4, 4]},
                {"id": 6, "image_id": 1, "category_id": 1, "bbox": [30, 30, 0, 4]},
                {"id": 7, "image_id": 9, "category_id": 1, "bbox": [1, 1, 4, 4]},
                {"id": 8, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]},
                {"id": 9, "image_id": 3, "category_id": 1, "bbox": [1, 1, 4, 4]},
                {"id": 1, "image_id": 1, "category_id": "1", "bbox": [8, 8, 16, 24], "area": 384}, null]}"#,
    );
    let data = set.coco().unwrap();
    assert_eq!(data.names(), ["person", "dog"]);
    assert_eq!((data.len(), data.left_out()), (2, 8), "{:#?}", data.warnings());
    let label = data.labels(0)[0];
    assert_eq!((label.bounds, label.area, label.crowd), (Bounds::Pixels([8.0, 8.0, 24.0, 32.0]), Some(384.0), false));
    assert!(data.labels(1)[0].crowd && data.labels(1)[0].area.is_none());
    let warnings = data.warnings();
    for (at, why) in
        [(2, "bbox"), (3, "outside"), (4, "negative"), (5, "no area"), (6, "image 9"), (7, "missing"), (9, "twice")]
    {
        says(&warnings, &[&format!("annotations[{at}]"), why, "left out"]);
    }
    says(&warnings, &["categories[2]", "id 18 is dog already"]);
    says(&warnings, &["images[3]", "no id"]);
    says(&warnings, &["images[2]", "3.jpg is not there"]);
}

#[test]
fn crowds_and_other_json_are_told() {
    let set = Set::new(&[("pics/1.jpg", "")]);
    set.write(
        "a.json",
        br#"{"images": [{"id": 1, "file_name": "1.jpg"}], "categories": [{"id": 1, "name": "a"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "iscrowd": 1}]}"#,
    );
    says(&set.coco().unwrap().contradictions(), &["all boxes (1 of 1) are crowds"]);
    let refused = |json: &str, words: &[&str]| {
        set.write("a.json", json.as_bytes());
        says(&[set.coco().unwrap_err().to_string()], words);
    };
    refused(r#"[{"image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "score": 0.5}]"#, &["a.json", "COCO results"]);
    refused(r#"{"version": "5.0", "shapes": [], "imagePath": "1.jpg"}"#, &["LabelMe"]);
    refused(r#"{"images": [], "annotations": []}"#, &["`categories` is missing"]);
    refused("{\"images\": [", &["not valid JSON", "line 1"]);
    // A byte order mark, and a file name with the path of another computer.
    set.write(
        "a.json",
        b"\xef\xbb\xbf{\"images\": [{\"id\": 1, \"file_name\": \"C:\\\\data\\\\1.jpg\"}], \"categories\": []}",
    );
    assert_eq!(set.coco().unwrap().len(), 1);
    set.write("a.json", br#"{"images": [{"id": 1, "file_name": "..\\a.json"}], "categories": []}"#);
    assert!(set.coco().unwrap_err().to_string().contains("not below the folder"));
}

#[test]
fn coco_without_categories_goes_by_its_ids() {
    let mut coco: Vec<String> = (0..80).map(|class| format!("class {class}")).collect();
    (coco[0], coco[79]) = ("person".to_owned(), "toothbrush".to_owned());
    let own = ["cat", "dog", "bird"].map(str::to_owned);
    let aligned = |ids: [u32; 2], names: &[String], categories: &str| {
        let set = Set::new(&[("pics/1.jpg", "")]);
        let boxes = ids.map(|id| format!(r#"{{"image_id": 1, "category_id": {id}, "bbox": [1, 1, 4, 4]}}"#)).join(", ");
        let json =
            format!(r#"{{"images": [{{"id": 1, "file_name": "1.jpg"}}], {categories} "annotations": [{boxes}]}}"#);
        set.write("a.json", json.as_bytes());
        let mut data = set.coco().unwrap();
        data.align(names).unwrap();
        assert_eq!(data.names(), names);
        (data.labels(0).iter().map(|label| label.class).collect::<Vec<_>>(), data.warnings().join("\n"))
    };
    let (classes, told) = aligned([90, 18], &coco, "");
    assert_eq!(classes, [79, 16]);
    says(&[told], &["no categories", "COCO's own"]);
    let (classes, told) = aligned([79, 12], &coco, r#""categories": [],"#);
    assert_eq!(classes, [78, 11], "COCO has no id 12: class numbers");
    says(&[told], &["counted from 1 (person)"]);
    assert_eq!(aligned([0, 79], &coco, "").0, [0, 79]);
    assert_eq!(aligned([3, 1], &own, "").0, [2, 0]);
    let (classes, told) = aligned([2, 0], &own, "");
    assert_eq!(classes, [2, 0]);
    says(&[told], &["counted from 0 (cat)"]);
    let set = Set::new(&[("pics/1.jpg", "")]);
    set.write(
        "a.json",
        br#"{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 1, 4, 4]}]}"#,
    );
    let error = set.coco().unwrap().align(&own).unwrap_err().to_string();
    says(&[error], &["(7) are none of the network's"]);
}

#[test]
fn names_and_numbers_by_what_they_mean() {
    let open = |yaml: &str| {
        let set = Set::new(&[("data.yaml", yaml), ("images/a.jpg", ""), ("labels/a.txt", LABEL)]);
        Dataset::open(&set.path("data.yaml"), None)
    };
    assert_eq!(open("val: images\nnames: person\n").unwrap().names(), ["person"]);
    assert_eq!(open("val: images\nnames: cat, dog,\n").unwrap().names(), ["cat", "dog"]);
    assert_eq!(open("val: images/a.jpg\nnames: [a]\n").unwrap().len(), 1);
    says(&open("val: images\nnc: two\nnames: [a]\n").unwrap().warnings(), &["nc is \"two\"", "passed over"]);
    says(&open("train: ./images/\nval: images\nnames: [a]\n").unwrap().warnings(), &["train and val are the same"]);
    let refused = |yaml: &str, words: &[&str]| says(&[open(yaml).unwrap_err().to_string()], words);
    refused("val: images\nnames: []\n", &["names is empty", "[cat, dog]"]);
    refused("val: images\n", &["neither names nor nc", "[cat, dog]"]);
    refused("val: images\nnames: {cat: 0}\n", &["cat is not a class number", "0: cat"]);
    refused("val: https://example.com/set.zip\nnames: [a]\n", &["address", "download"]);
}

#[test]
fn labels_with_scores_and_without_size() {
    let set = Set::new(&[
        ("data.yaml", "val: list.txt\nnames: [a]\n"),
        ("list.txt", "\"images/a.jpg\"\nimages/b.jpg\n"),
        ("images/a.jpg", ""),
        ("images/b.jpg", ""),
        ("labels/a.txt", "0 0.5 0.5 0 0.25\n\u{feff}0 0.5 0.5 0.25 0.25\n\u{1a}"),
        ("labels/b.txt", "0 0.5 0.5 0.25 0.25 0.87\n"),
    ]);
    let data = set.yolo();
    assert_eq!((data.len(), data.labels(0).len()), (1, 2));
    says(&data.warnings(), &["b.txt: line 1", "6 values", "a score"]);
    says(&data.contradictions(), &["1 of 2 boxes have no width or no height"]);
}

#[test]
fn sizes_that_differ_and_all_that_is_missing_are_told() {
    let set = Set::new(&[("pics/1.jpg", "")]);
    set.write(
        "a.json",
        br#"{"images": [{"id": 1, "file_name": "1.jpg", "width": "640", "height": 480}], "categories": []}"#,
    );
    let data = set.coco().unwrap();
    assert_eq!(data.other_size(0, 640, 480), None);
    says(&[data.other_size(0, 480, 640).unwrap()], &["1.jpg", "640x480", "480x640"]);
    set.write(
        "a.json",
        br#"{"images": [{"id": 1, "file_name": "x.jpg"}, {"id": 2, "file_name": "y.jpg"}, {"id": 3}], "categories": []}"#,
    );
    says(&[set.coco().unwrap_err().to_string()], &["no usable pictures", "x.jpg is not there", "y.jpg", "images[2]"]);
}

#[test]
fn labels_are_read_from_text_alone() {
    let labels = parse_labels("0 0.5 0.5 0.2 0.4\n\n0 0.5 0.5 0.2 0.4\r\n1 0.1 0.1 0.3 0.1 0.3 0.5\n", 2).unwrap();
    assert_eq!(labels.len(), 2);
    assert_eq!(labels[1].class, 1);
    assert_eq!(parse_labels("0 .5 .5 .1 .1\n2 .5 .5 .1 .1", 2).unwrap_err().place(), Some("line 2"));
}

#[test]
fn labels_beside_pictures_below_a_folder_called_images() {
    let set = Set::new(&[
        ("Images/set/a.jpg", ""),
        ("Images/set/a.txt", LABEL),
        ("data.yaml", "val: Images/set\nnames: [a]\n"),
    ]);
    assert_eq!(set.yolo().labels(0).len(), 1);
    set.write("Labels/set/a.txt", b"0 0.2 0.2 0.1 0.1\n0 0.5 0.5 0.2 0.2\n");
    assert_eq!(set.yolo().labels(0).len(), 2, "a folder of labels goes first");
}
