//! What the command line says about data sets, conversions and hyperparameters that are odd or wrong, collected in
//! `messages.txt` for people to read. `tests/messages.rs` of the core does the same for weights, pictures and models.
//!
//! `GHOSTDET_WRITE_MESSAGES=1` writes the file anew; read the difference before committing it.
#![cfg(feature = "train")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Files by name, and the command.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const LABEL: &str = "0 0.5 0.5 0.25 0.25\n";
const YAML: &str = "train: images\nval: images\nnames: [cat]\n";
const VAL: &str = "val data.yaml --imgsz 64 --json";
const COCO: &str = "val a.json --images images --imgsz 64 --json";
const CONVERT: &str = "data convert a.json --images images --out out --val 0.5";
const VOC: &str = "data convert set --out out --val 0.5";
const TRAIN: &str = "train --data data.yaml --epochs 1 --imgsz 64 --batch 1 --workers 1 --out out";

const DATA_YAML: &[Case] = &[
    ("empty", &[("data.yaml", "")], VAL),
    ("a list", &[("data.yaml", "- cat\n- dog\n")], VAL),
    ("a tab", &[("data.yaml", "val: images\n\tnames: [cat]\n")], VAL),
    ("a bracket that is not closed", &[("data.yaml", "val: images\nnames: [cat\n")], VAL),
    (
        "backslashes in quotation marks",
        &[("data.yaml", "path: \"C:\\Users\\me\\set\"\nval: images\nnames: [cat]\n")],
        VAL,
    ),
    ("no val", &[("data.yaml", "train: images\nnames: [cat]\n")], VAL),
    ("a folder that is not there", &[("data.yaml", "val: pictures\nnames: [cat]\n")], VAL),
    ("a folder of Windows that is not there", &[("data.yaml", "val: D:\\set\\pictures\nnames: [cat]\n")], VAL),
    ("an address", &[("data.yaml", "val: https://example.com/set.zip\nnames: [cat]\n")], VAL),
    ("no names", &[("data.yaml", "val: images\n")], VAL),
    ("names without a name", &[("data.yaml", "val: images\nnames: []\n")], VAL),
    ("names the wrong way round", &[("data.yaml", "val: images\nnames: {cat: 0, dog: 1}\n")], VAL),
    (
        "other classes than the network's",
        &[("data.yaml", "val: images\nnames: [fire, smoke]\n"), ("images/a.jpg", "@"), ("labels/a.txt", LABEL)],
        VAL,
    ),
    ("a model's YAML", &[("data.yaml", "nc: 80\nbackbone: []\nhead: []\n")], VAL),
    ("no data set", &[("notes.txt", "hello")], "val notes.txt"),
    ("a folder", &[], "val images"),
    (
        "contradictions",
        &[
            (
                "data.yaml",
                "path: /home/me/set\ntrain: ./images\nval: images\nnc: two\nnames: {0: cat, 2: dog, 3: dog}\n",
            ),
            ("images/a.jpg", "@"),
            ("labels/a.txt", LABEL),
        ],
        VAL,
    ),
    ("no labels", &[("data.yaml", YAML), ("images/a.jpg", "@")], VAL),
    ("boxes without size", &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", "0 0.5 0.5 0 0.1\n")], VAL),
    ("pictures of unread kinds", &[("data.yaml", YAML), ("images/a.heic", "x"), ("images/b.psd", "x")], VAL),
];

const LISTS: &[Case] = &[
    (
        "a list with all kinds of lines",
        &[
            ("data.yaml", "val: list.txt\nnames: [cat]\n"),
            ("list.txt", "images/a.jpg\nD:\\set\\b.jpg\nimages/c.jpg\n# comment\nlabels/a.txt\nimages/d.tga\n"),
            ("images/a.jpg", "@"),
            ("images/d.tga", "x"),
            ("labels/a.txt", LABEL),
        ],
        VAL,
    ),
    (
        "a list of nothing that is there",
        &[("data.yaml", "val: list.txt\nnames: [cat]\n"), ("list.txt", "x/a.jpg\nx/b.jpg\n")],
        VAL,
    ),
    (
        "a list to convert by",
        &[
            ("a.json", "@coco"),
            ("images/a.jpg", "@"),
            ("images/b.jpg", "@"),
            ("images/x/a.jpg", "@"),
            ("val.txt", "b\nnone.jpg\n"),
        ],
        "data convert a.json --images images --out out --val-list val.txt",
    ),
];

const LABELS: &[Case] = &[(
    "lines that are wrong",
    &[
        ("data.yaml", YAML),
        ("images/good.jpg", "@"),
        ("labels/good.txt", LABEL),
        ("images/comma.jpg", "@"),
        ("labels/comma.txt", "0,0.5,0.5,0.2,0.2\n"),
        ("images/decimal.jpg", "@"),
        ("labels/decimal.txt", "0 0,5 0,5 0,2 0,2\n"),
        ("images/name.jpg", "@"),
        ("labels/name.txt", "fire 0.5 0.5 0.2 0.2\n"),
        ("images/pixels.jpg", "@"),
        ("labels/pixels.txt", "0 120 80 40 40\n"),
        ("images/class.jpg", "@"),
        ("labels/class.txt", "0 0.5 0.5 0.2 0.2\n7 0.5 0.5 0.2 0.2\n"),
        ("images/minus.jpg", "@"),
        ("labels/minus.txt", "-1 0.5 0.5 0.2 0.2\n"),
        ("images/short.jpg", "@"),
        ("labels/short.txt", "0 0.5 0.5 0.2\n"),
        ("images/score.jpg", "@"),
        ("labels/score.txt", "0 0.5 0.5 0.2 0.2 0.9\n"),
        ("images/nan.jpg", "@"),
        ("labels/nan.txt", "0 0.5 0.5 0.2 nan\n"),
        ("images/json.jpg", "@"),
        ("labels/json.txt", "{\"shapes\": []}\n"),
        ("images/binary.jpg", "@"),
        ("labels/binary.txt", "0 0.5\0\x01\x02\n"),
    ],
    VAL,
)];

const JSON: &[Case] = &[
    ("without --images", &[("a.json", "@coco")], "val a.json"),
    ("cut off", &[("a.json", "{\"images\": [{\"id\": 1")], COCO),
    ("a list of results", &[("a.json", "[{\"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]}]")], COCO),
    ("another list", &[("a.json", "[1, 2]")], COCO),
    ("LabelMe", &[("a.json", "{\"shapes\": [], \"imagePath\": \"a.jpg\"}")], COCO),
    ("no categories", &[("a.json", "{\"images\": [], \"annotations\": []}")], COCO),
    ("no pictures there", &[("a.json", "@coco")], COCO),
    (
        "odd values",
        &[
            (
                "a.json",
                r#"{"images": [{"id": 1, "file_name": "a.jpg", "width": 999, "height": 600},
                {"id": 2, "file_name": "gone.jpg"}, {"id": 3}, {"file_name": "b.jpg"}, {"id": 4, "file_name": "../x.jpg"},
                {"id": 5, "file_name": "c.heic"}],
                "categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}, {"id": 2}, {"name": "cow"}],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 90, 90]},
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 90, 90]},
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 90, 99]},
                {"id": 2, "image_id": 1, "category_id": 91, "bbox": [9, 9, 90, 90]},
                {"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 90, 90]},
                {"id": 4, "image_id": 1, "category_id": 1},
                {"id": 5, "image_id": 1, "category_id": 1, "bbox": [9, 9, "wide", 90]},
                {"id": 6, "image_id": 1, "category_id": 1, "bbox": [99, 99, -9, 9]},
                {"id": 7, "image_id": 1, "category_id": 1, "bbox": [9, 9, 0, 9]},
                {"id": 8, "image_id": 1, "category_id": 1, "bbox": [2000, 9, 9, 9]}, 5]}"#,
            ),
            ("images/a.jpg", "@"),
            ("images/b.jpg", "@"),
            ("images/c.heic", "x"),
        ],
        COCO,
    ),
    (
        "crowds only",
        &[
            (
                "a.json",
                r#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
                "categories": [{"id": 1, "name": "cat"}], "annotations": [{"image_id": 1, "category_id": 1, "iscrowd": 1,
                "bbox": [9, 9, 90, 90]}]}"#,
            ),
            ("images/a.jpg", "@"),
            ("images/b.jpg", "@"),
        ],
        CONVERT,
    ),
];

const XML: &[Case] = &[
    ("no XML", &[("set/a.jpg", "@")], VOC),
    ("a folder that is not there", &[], VOC),
    (
        "odd files",
        &[
            ("set/a.jpg", "@"),
            (
                "set/a.xml",
                "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size>
<object><name>cat</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>90</xmax><ymax>90</ymax></bndbox></object>
<object><bndbox/></object>
<object><name>cat</name></object>
<object><name>cat</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>90</xmax></bndbox></object>
<object><name>cat</name><bndbox><xmin>9,5</xmin><ymin>9</ymin><xmax>90</xmax><ymax>90</ymax></bndbox></object>
<object><name>cat</name><bndbox><xmin>90</xmin><ymin>9</ymin><xmax>9</xmax><ymax>90</ymax></bndbox></object>
<object><name>cat</name><bndbox><xmin>9000</xmin><ymin>9</ymin><xmax>9001</xmax><ymax>90</ymax></bndbox></object>
<object><name>cat</name><difficult>1</difficult></object></annotation>",
            ),
            ("set/b.jpg", "@"),
            ("set/b.xml", "<annotation><filename>a.jpg</filename></annotation>"),
            ("set/c.xml", "<annotation><filename>c.jpg</filename></annotation>"),
            ("set/d.xml", "<annotation><filename>/etc/d.jpg</filename></annotation>"),
            ("set/e.xml", "<annotations/>"),
            ("set/f.xml", "<annotation>"),
            ("set/g.xml", "hello"),
            ("set/h.xml", "<annotation/>"),
            ("set/i.xml", "<annotation><filename>i.heic</filename></annotation>"),
            ("set/i.heic", "x"),
        ],
        VOC,
    ),
];

const TARGETS: &[Case] = &[
    (
        "a folder with something else in it",
        &[("a.json", "@coco"), ("images/a.jpg", "@"), ("images/b.jpg", "@"), ("out/thesis.txt", "x")],
        "data convert a.json --images images --out out --force",
    ),
    (
        "an older conversion",
        &[("a.json", "@coco"), ("images/a.jpg", "@"), ("images/b.jpg", "@"), ("out/data.yaml", "x")],
        CONVERT,
    ),
    ("a file", &[("a.json", "@coco"), ("images/a.jpg", "@"), ("images/b.jpg", "@"), ("out", "x")], CONVERT),
    (
        "the source's own folder",
        &[("a.json", "@coco"), ("images/a.jpg", "@"), ("images/b.jpg", "@")],
        "data convert a.json --images images --out .",
    ),
    (
        "a share of nothing",
        &[("a.json", "@coco"), ("images/a.jpg", "@"), ("images/b.jpg", "@")],
        "data convert a.json --images images --out out --val 0",
    ),
    ("one picture", &[("a.json", "@coco"), ("images/a.jpg", "@")], CONVERT),
    (
        "a class that is not there",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL)],
        "data subset data.yaml --classes dog --out out",
    ),
];

const TRAINING: &[Case] = &[
    (
        "hyperparameters: empty",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL), ("hyp.yaml", "")],
        HYP,
    ),
    (
        "hyperparameters: a list",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL), ("hyp.yaml", "- 1\n")],
        HYP,
    ),
    (
        "hyperparameters: a word for a number",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL), ("hyp.yaml", "lr0: fast\n")],
        HYP,
    ),
    (
        "hyperparameters: out of range",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL), ("hyp.yaml", "momentum: 1.5\n")],
        HYP,
    ),
    (
        "hyperparameters: augmentation out of range",
        &[("data.yaml", YAML), ("images/a.jpg", "@"), ("labels/a.txt", LABEL), ("hyp.yaml", "fliplr: 2\n")],
        HYP,
    ),
    (
        "hyperparameters: a name that is not known",
        &[
            ("data.yaml", YAML),
            ("images/a.jpg", "@"),
            ("labels/a.txt", LABEL),
            ("hyp.yaml", "lr_0: 0.1\ncopy_paste: 0.1\n"),
        ],
        HYP,
    ),
    ("a recipe with a name that is not known", &[("recipe.yaml", "datas: [a.yaml]\n")], "train --recipe recipe.yaml"),
    ("nothing to learn", &[("data.yaml", YAML), ("images/a.jpg", "@")], TRAIN),
    ("no pictures", &[("data.yaml", YAML), ("images/notes.txt", "x")], TRAIN),
];
const HYP: &str = "train --data data.yaml --hyp hyp.yaml --epochs 1 --imgsz 64 --batch 1 --workers 1 --out out";

const SOURCES: &[Case] = &[
    ("a file that is not there", &[], "detect none.jpg"),
    ("an empty folder", &[("shots/notes.txt", "x")], "detect shots"),
    ("a folder of other kinds", &[("shots/a.heic", "x"), ("shots/b.psd", "x")], "detect shots"),
    ("a pattern that matches nothing", &[], "detect shots/*.jpg"),
    ("a pattern that matches no picture", &[("shots/notes.txt", "x"), ("shots/a.heic", "x")], "detect shots/n*.txt"),
    ("what Windows leaves behind", &[("Thumbs.db", "x")], "detect Thumbs.db"),
    ("no picture", &[("notes.txt", "hello")], "detect notes.txt"),
    ("a class that is not there", &[("a.jpg", "@")], "detect a.jpg --classes unicorn"),
];

const COCO_JSON: &str = r#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [9, 9, 90, 90]}]}"#;

/// Exit code and stderr of a case, without the folder's own place.
fn said((_, files, command): &Case) -> String {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    std::fs::create_dir(folder.path().join("images")).unwrap();
    for (name, content) in *files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = match *content {
            "@" => std::fs::read(samples.join("cat.jpg")).unwrap(),
            "@coco" => COCO_JSON.into(),
            text => text.into(),
        };
        std::fs::write(path, content).unwrap();
    }
    let mut run = Command::new(env!("CARGO_BIN_EXE_ghostdet"));
    let output = run.args(command.split(' ')).current_dir(folder.path()).output().unwrap();
    let place = folder.path().canonicalize().unwrap().display().to_string();
    let mut text = String::from_utf8_lossy(&output.stderr).replace(&format!("{place}/"), "").replace(&place, ".");
    // What a conversion tells at its end is for people, too.
    if command.starts_with("data") {
        text += &String::from_utf8_lossy(&output.stdout).replace(&format!("{place}/"), "");
    }
    let lines = text.lines().filter(|line| !line.starts_with("epoch ")).map(|line| format!("    {line}\n"));
    format!("    exit {}\n{}", output.status.code().unwrap_or(-1), lines.collect::<String>())
}

#[test]
fn messages_are_those_that_were_read() {
    let chapters = [
        ("data.yaml", DATA_YAML),
        ("Lists", LISTS),
        ("Labels", LABELS),
        ("COCO", JSON),
        ("Pascal VOC", XML),
        ("Conversions", TARGETS),
        ("Training", TRAINING),
        ("Pictures named to detect", SOURCES),
    ];
    let mut all = String::from("What the command line says about odd and wrong data. Written by messages.rs.\n");
    for (title, cases) in chapters {
        let _ = write!(all, "\n== {title}\n");
        for case in cases {
            let _ = write!(all, "\n{}: ghostdet {}\n{}", case.0, case.2, said(case));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    if std::env::var_os("GHOSTDET_WRITE_MESSAGES").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == all,
        "messages have changed: GHOSTDET_WRITE_MESSAGES=1 writes tests/messages.txt; read what differs"
    );
}
