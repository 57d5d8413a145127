//! Files and names as they really come, through the commands: what is looked at, what is named, what is left behind.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Folder(tempfile::TempDir);

/// Exit code, stdout, stderr.
type Said = (Option<i32>, String, String);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    fn picture(&self, name: &str) -> &Self {
        self.write(name, std::fs::read(root().join("tests/samples/cat.jpg")).unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output =
            Command::new(env!("CARGO_BIN_EXE_ghostdet")).args(arguments).current_dir(self.0.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a command that must exit with 0.
    fn good(&self, arguments: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        (out, err)
    }
}

fn says(text: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(text.contains(word), "{word:?} in {text:?}"));
}

#[test]
fn brackets_are_taken_by_the_letter_where_they_exist() {
    let folder = Folder::new();
    folder.picture("[lab] fire/a [1].jpg").picture("[lab] fire/b{2}.jpg").picture("\u{706b} \u{1f525}/c.jpg");
    for (source, count) in [
        ("[lab] fire", 2),
        ("[lab] fire/a [1].jpg", 1),
        ("[lab] fire/*.jpg", 2),
        ("[lab] fire/a [1]*", 1),
        ("[lab] fire/[ab]*.jpg", 2),
        ("\u{706b} \u{1f525}/*.jpg", 1),
    ] {
        let (out, _) = folder.good(&["detect", source, "--imgsz", "64"]);
        assert_eq!(out.lines().count(), count, "{source}: {out}");
    }
}

#[test]
fn hidden_files_are_no_pictures() {
    let folder = Folder::new();
    folder
        .picture("shots/a.jpg")
        .write("shots/._a.jpg", "x")
        .write("shots/.hidden.png", "x")
        .write("shots/Thumbs.db", "x");
    for source in ["shots", "shots/*", "shots/*.jpg"] {
        let source = [&["detect", source, "--imgsz", "64"][..]].concat();
        let (code, out, err) = folder.run(&source);
        // A pattern takes what it matches, but nothing hidden.
        assert!(!err.contains("._a") && !err.contains(".hidden"), "{err}");
        assert_eq!(out.lines().count(), 1, "{code:?} {out}{err}");
    }
}

#[test]
fn patterns_give_pictures() {
    let folder = Folder::new();
    folder.picture("shots/a.jpg").picture("shots/b/c.JPG").picture("shots/@eaDir/a.jpg").picture("__MACOSX/d.jpg");
    folder.write("shots/notes.txt", "x").write("shots/Thumbs.db", "x").write("shots/b/e.heic", "x");
    // A folder that leads back, as backups have it.
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", folder.path("shots/loop")).unwrap();
    for (pattern, count) in [
        ("shots/*", 1),
        ("**/*.jpg", 2),
        ("shots/**/*", 2),
        ("shots/?.jpg", 1),
        ("SHOTS/A.jpg", 1),
        ("shots\\a.jpg", 1),
        ("*/*/*.jpg", 1),
    ] {
        let (out, _) = folder.good(&["detect", pattern, "--imgsz", "64"]);
        assert_eq!(out.lines().count(), count, "{pattern}: {out}");
    }
    // As a shell hands over `shots/*`.
    let (out, err) = folder.good(&["detect", "shots/a.jpg", "shots/Thumbs.db", "--imgsz", "64"]);
    assert_eq!(out.lines().count(), 1);
    says(&err, &["Thumbs.db", "left out"]);
    for (pattern, words) in [
        ("shots/*.png", "no file matches"),
        ("shots/*.txt", "1 file matches, but it is no picture"),
        ("shots/[", "no file matches"),
        ("", "empty"),
        ("shots/b/*.heic", "of other kinds"),
        ("shots/Thumbs.db", "no picture to look at"),
    ] {
        let (code, _, err) = folder.run(&["detect", pattern, "--imgsz", "64"]);
        assert_eq!(code, Some(1), "{pattern}");
        says(&err, &[words]);
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_unicode_are_read() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
    std::fs::copy(root().join("tests/samples/cat.jpg"), folder.path("").join(name)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ghostdet"))
        .args(["detect".as_ref(), name, "--imgsz".as_ref(), "64".as_ref()])
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.good(&["detect", ".", "--imgsz", "64", "--save-dir", "out", "--save-txt"]);
}

#[test]
fn pictures_that_are_not_read_are_named() {
    let folder = Folder::new();
    folder.picture("shots/a.jpg").write("shots/notes.txt", "no picture");
    let kinds: [(&str, &[u8], &str); 5] = [
        ("b.psd", b"8BPS\0\x01", "Photoshop"),
        ("c.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        ("d.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        ("e.avif", b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        ("f.jpg", b"\0\0\0\x18ftypisom\0\0\0\0", "MP4"),
    ];
    for (name, bytes, kind) in &kinds {
        folder.write(&format!("shots/{name}"), bytes);
        let (code, _, err) = folder.run(&["detect", &format!("shots/{name}"), "--imgsz", "64"]);
        assert_eq!(code, Some(1));
        says(&err, &[name, kind, "JPEG, PNG, WebP, BMP, GIF and TIFF"]);
    }
    std::fs::remove_file(folder.path("shots/f.jpg")).unwrap();
    let (out, err) = folder.good(&["detect", "shots", "--imgsz", "64"]);
    assert_eq!(out.lines().count(), 1);
    kinds[..4].iter().for_each(|(name, _, kind)| says(&err, &[name, kind, "not read"]));
    std::fs::remove_file(folder.path("shots/a.jpg")).unwrap();
    let (code, _, err) = folder.run(&["detect", "shots", "--imgsz", "64"]);
    assert_eq!(code, Some(1));
    says(&err, &["all 4 are of other kinds"]);
}

#[test]
fn results_are_traced_to_their_pictures() {
    let folder = Folder::new();
    folder.picture("1/IMG_1.jpg").picture("2/IMG_1.jpg").picture("2/img_1.JPG").picture("IMG_1-2.jpg");
    let sources = ["detect", "1", "2", "IMG_1-2.jpg", "--imgsz", "64", "--save-dir", "out", "--save-txt", "--json"];
    for _ in 0..2 {
        let (out, _) = folder.good(&sources);
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let saved: BTreeSet<&str> = lines.iter().map(|line| line["saved"].as_str().unwrap()).collect();
        assert_eq!(saved.len(), 4, "{saved:?}");
        for (line, saved) in lines.iter().map(|line| (line, line["saved"].as_str().unwrap())) {
            let labels = Path::new(saved).with_extension("txt");
            let labels = folder.path("out/labels").join(labels.file_name().unwrap());
            let count = std::fs::read_to_string(labels).unwrap().lines().count();
            assert_eq!(count, line["detections"].as_array().unwrap().len());
        }
    }
    let (out, _) = folder.good(&["detect", "1", "2", "--imgsz", "64", "--save-dir", "out"]);
    says(&out, &["out/IMG_1-2.jpg", "2/IMG_1.jpg"]);
}

#[test]
fn configurations_in_other_encodings() {
    let folder = Folder::new();
    let (yaml, _) = folder.good(&["summary", "yolov5n-ghost", "--json"]);
    assert!(yaml.contains("parameters"));
    let text = std::fs::read_to_string(root().join("configs/yolov5-ghost.yaml")).unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("bom.yaml", format!("\u{feff}{}", text.replace('\n', "\r\n")));
    folder.write("utf16.yaml", [b"\xff\xfe".to_vec(), utf16].concat());
    folder.write("gbk.yaml", [b"# \xc3\xa8\xb9\xb7\n".as_slice(), text.as_bytes()].concat());
    folder.write("plain.yaml", &text);
    let (plain, _) = folder.good(&["summary", "plain.yaml"]);
    for name in ["bom.yaml", "utf16.yaml", "gbk.yaml"] {
        let last = |text: &str| text.lines().last().unwrap().split_once(':').unwrap().1.to_owned();
        assert_eq!(last(&folder.good(&["summary", name]).0), last(&plain), "{name}");
    }
    folder.write("binary.yaml", b"nc: 80\n\0\x01\x02");
    let (code, _, err) = folder.run(&["summary", "binary.yaml"]);
    assert_eq!(code, Some(1));
    says(&err, &["binary.yaml", "line 2", "no text"]);
}

#[test]
fn validation_tells_what_contradicts_itself() {
    let folder = Folder::new();
    folder.picture("images/a.jpg").write("labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
    let val = |yaml: &str| folder.write("data.yaml", yaml).good(&["val", "data.yaml", "--imgsz", "64", "--json"]).1;
    says(&val("val: images\nnc: 3\nnames: [person, car]\n"), &["nc is 3", "2 names"]);
    says(&val("val: images\nnames: {0: person, 2: car}\n"), &["class 1 has no name"]);
    says(&val("train: images\nval: images\nnames: [person]\n"), &["train and val are the same"]);
    folder.write("labels/a.txt", "");
    says(&val("val: images\nnames: [person]\n"), &["nothing to find"]);
    folder.write(
        "a.json",
        r#"{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}, {"image_id": 1, "category_id": 1}]}"#,
    );
    let (_, err) = folder.good(&["val", "a.json", "--images", "images", "--imgsz", "64", "--json"]);
    says(&err, &["annotations[1]", "1 label was left out"]);
}

#[test]
fn pictures_are_not_written_over() {
    let folder = Folder::new();
    folder.picture("photos/a.jpg").picture("photos/b.jpeg");
    let before = std::fs::read(folder.path("photos/a.jpg")).unwrap();
    let (out, _) = folder.good(&["detect", "photos", "--imgsz", "64", "--save-dir", "photos"]);
    says(&out, &["a-2.jpg"]);
    assert_eq!(std::fs::read(folder.path("photos/a.jpg")).unwrap(), before);
    assert!(folder.path("photos/a-2.jpg").exists() && folder.path("photos/b.jpg").exists());
}

#[test]
fn a_missing_absolute_path_is_no_other_picture() {
    let folder = Folder::new();
    folder.picture("a.jpg");
    for source in [folder.path("gone/a.jpg").display().to_string(), "C:\\photos\\a.jpg".to_owned()] {
        let (code, out, err) = folder.run(&["detect", &source, "--imgsz", "64"]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{source}");
        says(&err, &["a.jpg"]);
    }
    folder.good(&["detect", "A.JPG", "--imgsz", "64"]);
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    let folder = Folder::new();
    folder.picture("images/a.jpg").write("labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
    folder.write("data.yaml", "val: images\nnames: [person]\n");
    let (code, _, err) = folder.run(&["val", "data.yaml", "--images", "images", "--imgsz", "64"]);
    assert_eq!(code, Some(1));
    says(&err, &["data.yaml", "--images is for COCO"]);
}

#[test]
fn coco_without_categories_is_measured() {
    let folder = Folder::new();
    folder.picture("images/a.jpg").write(
        "a.json",
        r#"{"images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 17, "bbox": [100, 50, 300, 350]}]}"#,
    );
    let (out, err) = folder.good(&["val", "a.json", "--images", "images", "--json"]);
    says(&err, &["COCO's own, from 1 (person)"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    says(&report.to_string(), &["\"cat\""]);
}
