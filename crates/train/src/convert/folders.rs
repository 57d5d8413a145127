//! Writing a YOLO folder.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ghostdet::{Error, ErrorKind, Result};

use super::Report;

/// Problems that the error of a failed conversion shows.
const MOST_PROBLEMS: usize = 1000;
/// Names are cut to this many letters.
const LONGEST_NAME: usize = 100;

/// A picture that is about to be written.
pub(super) struct Picture<'a> {
    /// Where it comes from: only its last part becomes the name.
    pub name: &'a str,
    /// The file, if it has one of its own.
    pub file: Option<&'a Path>,
    /// The file's bytes.
    pub bytes: &'a [u8],
    /// `[width, height]` in pixels.
    pub size: [usize; 2],
}

/// A box: class, `[x1, y1, x2, y2]` in pixels.
pub(super) type Boxed = (usize, [f64; 4]);

/// A YOLO folder that is being written, under another name until it is complete.
pub(super) struct Folders {
    out: PathBuf,
    work: PathBuf,
    copy: bool,
    taken: HashSet<String>,
    complete: bool,
    /// Folders around the target that were not there before, the innermost first.
    made: Vec<PathBuf>,
    pub report: Report,
}

impl Folders {
    /// Makes the folders. A target that has something in it is an error, except with `force` an older conversion.
    pub fn new(out: &Path, copy: bool, force: bool, names: &[String]) -> Result<Self> {
        check_target(out, force)?;
        let out = out.canonicalize().unwrap_or_else(|_| out.to_owned());
        let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let work = out.with_file_name(format!(".{name}.part"));
        let made: Vec<PathBuf> =
            out.ancestors().skip(1).take_while(|folder| !is_there(folder)).map(Path::to_owned).collect();
        // Left by a run that was killed.
        let _ = fs::remove_dir_all(&work);
        for folder in ["images/train", "images/val", "labels/train", "labels/val"] {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, e))?;
        }
        let report = Report {
            train: 0,
            val: 0,
            boxes: 0,
            left_out: 0,
            names: names.to_vec(),
            yaml: out.join("data.yaml"),
            warnings: Vec::new(),
        };
        Ok(Self { out, work, copy, taken: HashSet::new(), complete: false, made, report })
    }

    /// Notes what is wrong.
    pub fn warn(&mut self, text: String) {
        self.report.warnings.push(text);
    }

    /// Notes a box that is left out, and why.
    pub fn leave_out(&mut self, text: String) {
        self.report.left_out += 1;
        self.warn(format!("{text}; left out"));
    }

    /// Writes a picture with its boxes, cut to the picture; those that lie outside of it are left out.
    pub fn add(&mut self, picture: &Picture<'_>, boxes: &[Boxed], val: bool) -> Result<()> {
        let is_replaced = |file: &Path| file.canonicalize().is_ok_and(|file| file.starts_with(&self.out));
        if picture.file.is_some_and(is_replaced) {
            return Err(Error::new(ErrorKind::Argument, "the pictures lie in the folder that would be replaced")
                .at(self.out.display())
                .hint("name another folder with --out"));
        }
        let split = if val { "val" } else { "train" };
        let stem = self.unused_name(picture.name);
        let image = self.work.join("images").join(split).join(format!("{stem}.{}", ending(picture.bytes)));
        let linked = !self.copy
            && picture.file.and_then(|file| file.canonicalize().ok()).is_some_and(|f| fs::hard_link(f, &image).is_ok());
        if !linked {
            fs::write(&image, picture.bytes).map_err(|e| unwritten(&image, e))?;
        }
        let mut text = String::new();
        for (class, bounds) in boxes {
            match fractions(*bounds, picture.size) {
                Some([x, y, w, h]) => {
                    let _ = writeln!(text, "{class} {x:.6} {y:.6} {w:.6} {h:.6}");
                    self.report.boxes += 1;
                }
                None => {
                    let [x1, y1, x2, y2] = bounds;
                    let [w, h] = picture.size;
                    let name = picture.name;
                    self.leave_out(format!(
                        "{name}: the box {x1}, {y1} to {x2}, {y2} has no area in the {w}x{h} picture"
                    ));
                }
            }
        }
        let labels = self.work.join("labels").join(split).join(format!("{stem}.txt"));
        fs::write(&labels, text).map_err(|e| unwritten(&labels, e))?;
        match val {
            true => self.report.val += 1,
            false => self.report.train += 1,
        }
        Ok(())
    }

    /// Writes `data.yaml` and puts the folder in its place.
    pub fn finish(mut self) -> Result<Report> {
        let Report { train, val, names, warnings, .. } = &self.report;
        if *train == 0 || *val == 0 {
            let mut text = format!("{train} pictures to train on, {val} to validate on: both are needed");
            let shown = warnings.iter().take(MOST_PROBLEMS).map(|problem| format!("\n  {problem}"));
            text.extend(shown);
            if warnings.len() > MOST_PROBLEMS {
                text.push_str(&format!("\n  and {} problems more", warnings.len() - MOST_PROBLEMS));
            }
            return Err(Error::new(ErrorKind::Data, text).at(self.out.display()));
        }
        let mut text = String::from("train: images/train\nval: images/val\nnames:\n");
        for (class, name) in names.iter().enumerate() {
            // A JSON string is a YAML string, whatever is in it.
            let _ = writeln!(text, "  {class}: {}", serde_json::Value::from(name.as_str()));
        }
        let yaml = self.work.join("data.yaml");
        fs::write(&yaml, text).map_err(|e| unwritten(&yaml, e))?;
        self.put_in_place().map_err(|e| unwritten(&self.out, e))?;
        self.complete = true;
        Ok(self.report.clone())
    }

    fn put_in_place(&self) -> std::io::Result<()> {
        if !self.out.exists() {
            return fs::rename(&self.work, &self.out);
        }
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let old = self.out.with_file_name(format!(".{name}.old"));
        let _ = fs::remove_dir_all(&old);
        fs::rename(&self.out, &old)?;
        if let Err(error) = fs::rename(&self.work, &self.out) {
            fs::rename(&old, &self.out)?;
            return Err(error);
        }
        fs::remove_dir_all(&old)
    }

    /// A name of harmless letters that no other picture has.
    fn unused_name(&mut self, name: &str) -> String {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        // Pictures of a pack have no ending but a number: "train.bin#7".
        let stem = match last.rsplit_once('.') {
            Some((stem, rest)) => {
                rest.split_once('#').map_or(stem.to_owned(), |(_, number)| format!("{stem}-{number}"))
            }
            None => last.to_owned(),
        };
        let harmless = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let stem: String = stem.chars().map(harmless).take(LONGEST_NAME).collect();
        let stem = stem.trim_start_matches(['.', '-']);
        let stem = if stem.is_empty() { "picture" } else { stem };
        let mut unused = stem.to_owned();
        let mut number = 2;
        // Some file systems don't tell "a" from "A".
        while !self.taken.insert(unused.to_lowercase()) {
            unused = format!("{stem}-{number}");
            number += 1;
        }
        unused
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        if !self.complete {
            let _ = fs::remove_dir_all(&self.work);
            // Only empty ones go.
            self.made.iter().for_each(|folder| fs::remove_dir(folder).unwrap_or_default());
        }
    }
}

fn is_there(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

/// Fails if the target has something in it that must not be replaced.
fn check_target(out: &Path, force: bool) -> Result<()> {
    let refuse = |what: &str, hint: &str| Err(Error::new(ErrorKind::Argument, what).at(out.display()).hint(hint));
    if out.exists() && !out.is_dir() {
        return refuse("this is a file, not a folder", "name a new folder");
    }
    let Ok(found) = fs::read_dir(out) else { return Ok(()) };
    let names: Vec<String> = found.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    let own = |name: &String| matches!(name.as_str(), "data.yaml" | "images" | "labels");
    match names.iter().find(|name| !own(name)) {
        _ if names.is_empty() => Ok(()),
        _ if !force => refuse("the folder is not empty", "name a new one, or replace an older conversion with --force"),
        Some(other) => {
            let text = format!("the folder holds {other}, which no conversion wrote: it is not replaced");
            refuse(&text, "name a new one")
        }
        None => Ok(()),
    }
}

/// Centre and size as fractions, cut to the picture; nothing without an area.
pub(super) fn fractions(bounds: [f64; 4], [width, height]: [usize; 2]) -> Option<[f64; 4]> {
    let (w, h) = (width as f64, height as f64);
    let [x1, y1, x2, y2] = bounds;
    let (x1, x2, y1, y2) = (x1.clamp(0.0, w), x2.clamp(0.0, w), y1.clamp(0.0, h), y2.clamp(0.0, h));
    // Less than a hundredth of a pixel is rounding; NaN fails too.
    let area = x2 - x1 > 0.01 && y2 - y1 > 0.01;
    area.then(|| [(x1 + x2) / 2.0 / w, (y1 + y2) / 2.0 / h, (x2 - x1) / w, (y2 - y1) / h])
}

/// The file ending that fits the contents.
fn ending(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, ..] => "jpg",
        [0x89, b'P', ..] => "png",
        [b'R', b'I', b'F', b'F', ..] => "webp",
        [b'G', b'I', ..] => "gif",
        [b'I', b'I', b'*', ..] | [b'M', b'M', 0, b'*', ..] => "tif",
        _ => "bmp",
    }
}

pub(super) fn unwritten(path: &Path, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("can't be written: {e}")).at(path.display())
}
