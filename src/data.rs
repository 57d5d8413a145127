//! Data sets on disk, for validation and training: YOLO's `data.yaml`, COCO's JSON, and packs.
//!
//! ```no_run
//! use ghostdet::data::{Dataset, Split};
//!
//! let data = Dataset::open_split("pets/data.yaml".as_ref(), None, Split::Train)?;
//! for warning in data.warnings() {
//!     eprintln!("{warning}"); // file, line and what was left out
//! }
//! let first = data.item(0)?; // the encoded image and its labels
//! println!("{}: {} labels", first.name, first.labels.len());
//! # Ok::<(), ghostdet::Error>(())
//! ```
//!
//! What is wrong with a data set is named by file and line in [`Dataset::warnings`] and left out; only a data set that
//! can't be read at all is an error.

mod class_set;
mod classes;
mod coco;
mod contradictions;
mod find;
mod labels;
mod names;
mod pack;
mod pictures;
mod yolo;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::detection::metrics::GroundTruth;
use crate::{Error, ErrorKind, Result, text};

pub use class_set::ClassSet;
pub use find::Finder;
pub use labels::parse_labels;
pub use pictures::{PictureKind, is_litter, is_passed_over, picture_endings, picture_kind};

/// Pictures (encoded) larger than this are refused.
const MAX_PICTURE: u64 = 256 << 20;
/// Annotation files larger than this are refused.
const MAX_ANNOTATIONS: u64 = 2 << 30;
/// Label files and lists larger than this are refused.
const MAX_TEXT: u64 = 64 << 20;
/// Warnings beyond this are only counted.
const MAX_WARNINGS: usize = 1000;

/// Which pictures of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// To train on. Boxes that a network drew (packs) are kept down to a score of 0.1: [`Label::score`] says how
    /// little they weigh.
    Train,
    /// To validate on. Only boxes that are nearly certain.
    #[default]
    Val,
    /// To test on, at the very end.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        })
    }
}

/// Where a labelled object is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Centre and size `[x, y, w, h]` as fractions of the picture (after EXIF rotation).
    Fractions([f64; 4]),
    /// Corners `[x1, y1, x2, y2]` in pixels.
    Pixels([f64; 4]),
}

/// One labelled object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Class number, an index of [`Dataset::names`].
    pub class: usize,
    /// Where it is.
    pub bounds: Bounds,
    /// The object's own area in pixels where it is known.
    pub area: Option<f64>,
    /// A crowd: finding it is neither right nor wrong.
    pub crowd: bool,
    /// 1 if a person drew the box; else how sure the network was that drew it (0 to 1).
    pub score: f32,
}

impl Label {
    /// Corners `[x1, y1, x2, y2]` in pixels of a picture of this size.
    pub fn corners(&self, width: usize, height: usize) -> [f64; 4] {
        match self.bounds {
            Bounds::Pixels(bounds) => bounds,
            Bounds::Fractions([x, y, w, h]) => {
                let (pw, ph) = (width as f64, height as f64);
                [(x - w / 2.0) * pw, (y - h / 2.0) * ph, (x + w / 2.0) * pw, (y + h / 2.0) * ph]
            }
        }
    }

    fn has_area(&self) -> bool {
        match self.bounds {
            Bounds::Pixels([x1, y1, x2, y2]) => x2 > x1 && y2 > y1,
            Bounds::Fractions([_, _, w, h]) => w > 0.0 && h > 0.0,
        }
    }

    /// The label in pixels of its picture, for the metrics.
    pub fn truth(&self, width: usize, height: usize) -> GroundTruth {
        GroundTruth { class: self.class, bounds: self.corners(width, height), area: self.area, crowd: self.crowd }
    }
}

/// A picture with its labels.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its path or name.
    pub name: String,
    /// The picture file's bytes (JPEG, PNG, WebP ...).
    pub bytes: Vec<u8>,
    /// What is in it.
    pub labels: Vec<Label>,
    /// The exhaustively labelled classes: of these, what is not labelled is not there. `None` for all classes.
    pub exhaustive: Option<ClassSet>,
}

/// A data set, its labels in memory and its pictures on disk.
#[derive(Clone, Debug)]
pub struct Dataset {
    names: Vec<String>,
    /// The classes have no names: their ids stand for them.
    unnamed: bool,
    entries: Vec<Entry>,
    warnings: Warnings,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    file: PathBuf,
    /// Offset and bytes inside the file, for packs.
    part: Option<(u64, u64)>,
    labels: Vec<Label>,
    exhaustive: Option<ClassSet>,
    /// `[width, height]` as the annotations say.
    size: Option<[f64; 2]>,
}

impl Dataset {
    /// Opens a data set to validate on: [`Dataset::open_split`] with [`Split::Val`].
    ///
    /// # Errors
    /// As [`Dataset::open_split`].
    pub fn open(path: &Path, images: Option<&Path>) -> Result<Self> {
        Self::open_split(path, images, Split::Val)
    }

    /// Opens a YOLO `data.yaml` (the pictures of `split`), a COCO annotation JSON (pictures in `images`), or a pack
    /// `.bin` (with its `.jsonl` beside it). What it is, the file's ending tells. JSON and packs are one split each.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Data`] or [`ErrorKind::Io`]: a file that can't be read or has another format, a split that
    /// the file does not name, no picture at all.
    pub fn open_split(path: &Path, images: Option<&Path>, split: Split) -> Result<Self> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
        let set = match ending.as_str() {
            "yaml" | "yml" => yolo::open(path, split)?,
            "json" => coco::open(path, images)?,
            "bin" | "jsonl" => pack::open(path, split)?,
            _ => {
                return Err(Error::new(ErrorKind::Data, "not a known kind of data set")
                    .at(path.display())
                    .hint("a YOLO data.yaml, a COCO .json with its image folder, or a pack .bin"));
            }
        };
        if set.entries.is_empty() {
            let first = match set.warnings.list.is_empty() {
                true => "no pictures: the folders and lists that it names hold none",
                false => "no usable pictures",
            };
            let text = set.warnings().iter().fold(first.to_owned(), |text, w| format!("{text}\n  {w}"));
            return Err(Error::new(ErrorKind::Data, text).at(path.display()));
        }
        Ok(set)
    }

    /// Without pictures and classes.
    pub fn empty() -> Self {
        Self { names: Vec::new(), unnamed: false, entries: Vec::new(), warnings: Warnings::default() }
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Class names, by class number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Problems found, each with its file and line.
    pub fn warnings(&self) -> Vec<String> {
        let mut list = self.warnings.list.clone();
        if self.warnings.more > 0 {
            list.push(format!("and {} problems more", self.warnings.more));
        }
        list
    }

    /// Labels that were left out, each of them named in [`Dataset::warnings`].
    pub fn left_out(&self) -> usize {
        self.warnings.left_out
    }

    /// The labels of picture `i`; none if there is no such picture.
    pub fn labels(&self, i: usize) -> &[Label] {
        self.entries.get(i).map_or(&[], |e| &e.labels)
    }

    /// The exhaustively labelled classes of picture `i`; `None` if all classes are.
    pub fn exhaustive(&self, i: usize) -> Option<&ClassSet> {
        self.entries.get(i).and_then(|e| e.exhaustive.as_ref())
    }

    /// What contradicts itself if picture `i` has this size in pixels: its annotations may have been made for another
    /// picture, or for one before EXIF rotation.
    pub fn other_size(&self, i: usize, width: usize, height: usize) -> Option<String> {
        let entry = self.entries.get(i)?;
        let [w, h] = entry.size.filter(|said| *said != [width as f64, height as f64])?;
        Some(format!("{}: the annotations say {w}x{h}, but the picture has {width}x{height}, which counts", entry.name))
    }

    /// The file that is picture `i`; nothing in a pack, which has no files of their own for its pictures.
    pub fn file(&self, i: usize) -> Option<&Path> {
        self.entries.get(i).filter(|e| e.part.is_none()).map(|e| e.file.as_path())
    }

    /// Reads picture `i`.
    ///
    /// # Errors
    /// No picture has that number; its file can't be read or is larger than 256 MiB.
    pub fn item(&self, i: usize) -> Result<Item> {
        let entry = self.entries.get(i).ok_or_else(|| {
            let text = format!("picture {i} of {} asked for", self.entries.len());
            Error::new(ErrorKind::Argument, text)
        })?;
        let bytes = match entry.part {
            None => read(&entry.file, MAX_PICTURE)?,
            Some((offset, length)) => {
                let mut bytes = vec![0; length as usize];
                let mut file = File::open(&entry.file).map_err(|e| io(&entry.file, e))?;
                file.seek(SeekFrom::Start(offset))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|e| io(&entry.file, e))?;
                bytes
            }
        };
        Ok(Item { name: entry.name.clone(), bytes, labels: entry.labels.clone(), exhaustive: entry.exhaustive.clone() })
    }
}

#[derive(Clone, Debug, Default)]
struct Warnings {
    list: Vec<String>,
    more: usize,
    /// Labels that were left out.
    left_out: usize,
}

impl Warnings {
    /// A label that is left out, and why.
    fn leave_out(&mut self, text: String) {
        self.left_out += 1;
        self.push(format!("{text}; left out"));
    }

    fn push(&mut self, text: String) {
        if self.list.len() < MAX_WARNINGS {
            self.list.push(text);
        } else {
            self.more += 1;
        }
    }

    fn append(&mut self, others: Warnings) {
        self.more += others.more;
        self.left_out += others.left_out;
        others.list.into_iter().for_each(|text| self.push(text));
    }
}

fn io(path: &Path, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("can't be read: {e}")).at(path.display())
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| io(path, e))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| io(path, e))?;
    if bytes.len() as u64 > most {
        let text = format!("larger than {} MiB", most >> 20);
        return Err(Error::new(ErrorKind::Data, text).at(path.display()));
    }
    Ok(bytes)
}

fn read_text(path: &Path, most: u64) -> Result<String> {
    text::decode(read(path, most)?).map_err(|error| error.at(path.display()))
}

/// Decimal numbers only, finite.
fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|v| v.is_finite())
}
