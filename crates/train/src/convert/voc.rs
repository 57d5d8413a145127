//! Pascal VOC's XML as YOLO folders.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use ghostdet::data::{Finder, PictureKind, is_passed_over, picture_endings, picture_kind};
use ghostdet::image::Image as Pixels;
use ghostdet::{Error, ErrorKind, Result, text};
use roxmltree::{Document, Node, ParsingOptions};

use super::folders::{Boxed, Folders, Picture, fractions};
use super::{Report, Target};

/// Larger annotation files are refused.
const MAX_XML: u64 = 16 << 20;
/// Larger pictures are refused.
const MAX_PICTURE: u64 = 256 << 20;

/// A VOC data set.
#[derive(Clone, Debug)]
pub struct Voc {
    /// Folder of XML files (`Annotations`).
    pub annotations: PathBuf,
    /// Folder of pictures (`JPEGImages`).
    pub images: PathBuf,
    /// Class names in their order; empty for all that occur, by alphabet.
    pub names: Vec<String>,
    /// Keeps objects that are marked as difficult.
    pub difficult: bool,
}

impl Voc {
    /// The usual layout below `root`: `Annotations` and `JPEGImages`; pictures beside the XML files if there are no
    /// such folders.
    pub fn at(root: &Path) -> Self {
        let folder = |name: &str| Some(root.join(name)).filter(|f| f.is_dir()).unwrap_or_else(|| root.to_owned());
        Self { annotations: folder("Annotations"), images: folder("JPEGImages"), names: Vec::new(), difficult: false }
    }
}

/// One XML file.
struct Annotated {
    file: PathBuf,
    picture: PathBuf,
    /// `[width, height]` as the file says.
    size: Option<[f64; 2]>,
    objects: Vec<Object>,
}

struct Object {
    line: u32,
    name: String,
    bounds: [f64; 4],
}

/// Converts a VOC data set. Its coordinates count pixels from 1, both ends included.
///
/// # Errors
/// A folder without XML files, or one that can't be written to.
pub fn voc(source: &Voc, target: &Target) -> Result<Report> {
    let folder = &source.annotations;
    let listing = fs::read_dir(folder).map_err(|e| unread(folder, e))?;
    let mut files: Vec<PathBuf> = listing.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml")) && !is_passed_over(f));
    files.sort();
    if files.is_empty() {
        return Err(Error::new(ErrorKind::Data, "no XML files in this folder").at(folder.display()).hint(
            "a VOC data set has its XML files in Annotations and its pictures in JPEGImages, or both in one folder",
        ));
    }
    let (mut warnings, mut all, mut left_out) = (Vec::new(), Vec::new(), 0);
    let mut finder = Finder::default();
    for file in files {
        match annotated(&file, source, &mut finder, &mut warnings, &mut left_out) {
            Ok(one) => all.push(one),
            Err(error) => warnings.push(format!("{error}; left out")),
        }
    }
    let mut seen: HashMap<&Path, &Path> = HashMap::new();
    for one in &all {
        if let Some(first) = seen.insert(&one.picture, &one.file) {
            let (file, picture) = (one.file.display(), one.picture.display());
            warnings.push(format!("{file}: names {picture}, as {} does; both are taken", first.display()));
        }
    }
    let names: Vec<String> = if source.names.is_empty() {
        let found: BTreeSet<&str> = all.iter().flat_map(|one| &one.objects).map(|o| o.name.as_str()).collect();
        found.into_iter().map(str::to_owned).collect()
    } else {
        source.names.clone()
    };
    let mut folders = Folders::new(&target.out, target.copy, target.force, &names)?;
    (folders.report.warnings, folders.report.left_out) = (warnings, left_out);
    let below = |one: &Annotated| {
        let path = one.picture.strip_prefix(&source.images).unwrap_or(&one.picture);
        path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    };
    let places: Vec<String> = all.iter().map(below).collect();
    let splits = target.validation.assign(&places, &mut folders.report.warnings)?;
    for (one, val) in all.iter().zip(&splits) {
        let Some(val) = *val else { continue };
        write(one, &names, val, &mut folders)?;
    }
    let none = splits.iter().filter(|val| val.is_none()).count();
    if none > 0 {
        folders.warn(format!("{none} pictures are in no list; left out"));
    }
    folders.finish()
}

fn write(one: &Annotated, names: &[String], val: bool, folders: &mut Folders) -> Result<()> {
    let measured = read(&one.picture, MAX_PICTURE).and_then(|bytes| {
        let size = Pixels::measure(&bytes).map_err(|error| error.at(one.picture.display()))?;
        Ok((bytes, size))
    });
    let (bytes, size) = match measured {
        Ok(measured) => measured,
        Err(error) => {
            folders.warn(format!("{}: {error}; left out", one.file.display()));
            return Ok(());
        }
    };
    if let Some([w, h]) = one.size.filter(|said| *said != size.map(|side| side as f64) && said[0] * said[1] > 0.0) {
        let (file, [width, height]) = (one.file.display(), size);
        folders.warn(format!("{file}: says {w}x{h}, but the picture has {width}x{height}, which counts"));
    }
    let mut boxes: Vec<Boxed> = Vec::new();
    for object in &one.objects {
        match names.iter().position(|name| *name == object.name) {
            Some(class) if fractions(object.bounds, size).is_some() => boxes.push((class, object.bounds)),
            Some(_) => {
                let ([w, h], place) = (size, format!("{}: line {}", one.file.display(), object.line));
                folders.leave_out(format!("{place}: {} has no area in the {w}x{h} picture", object.name));
            }
            None => {
                let place = format!("{}: line {}", one.file.display(), object.line);
                folders.leave_out(format!("{place}: {:?} is none of the classes", object.name));
            }
        }
    }
    let name = one.picture.to_string_lossy();
    folders.add(&Picture { name: &name, file: Some(&one.picture), bytes: &bytes, size }, &boxes, val)
}

/// Reads an XML file; objects that are no good are named and counted.
fn annotated(
    file: &Path,
    source: &Voc,
    finder: &mut Finder,
    warnings: &mut Vec<String>,
    left_out: &mut usize,
) -> Result<Annotated> {
    let bad = |text: String| Error::new(ErrorKind::Data, text).at(file.display());
    let text = text::decode_xml(read(file, MAX_XML)?).map_err(|error| error.at(file.display()))?;
    // A document type is read over; the reader bounds what its entities may grow to.
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim_start(), options)
        .map_err(|e| bad(e.to_string()).hint("is it a VOC annotation?"))?;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        let name = root.tag_name().name();
        let hint = match name {
            "annotations" => "this looks like CVAT's format: export it as Pascal VOC or COCO",
            "net" => "this looks like an OpenVINO network",
            _ => "is it a VOC annotation?",
        };
        return Err(bad(format!("<{name}> where <annotation> is wanted")).hint(hint));
    }
    let line = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row;
    let side = |size: Node<'_, '_>, name: &str| number(child(size, name)?);
    let size = child(root, "size").and_then(|size| Some([side(size, "width")?, side(size, "height")?]));
    let picture =
        picture(file, &source.images, finder, child(root, "filename").and_then(|node| node.text())).map_err(bad)?;
    let mut objects = Vec::new();
    for node in root.children().filter(|node| node.has_tag_name("object")) {
        match object(node, source.difficult) {
            Ok((name, bounds)) => objects.push(Object { line: line(node), name, bounds }),
            Err((at, what)) => {
                warnings.push(format!("{}: line {}: {what}; left out", file.display(), line(at)));
                *left_out += 1;
            }
        }
    }
    Ok(Annotated { file: file.to_owned(), picture, size, objects })
}

/// Name and bounds of an object; what is wrong with it, and at which element.
fn object<'a, 'b>(
    node: Node<'a, 'b>,
    difficult: bool,
) -> std::result::Result<(String, [f64; 4]), (Node<'a, 'b>, String)> {
    let name = child(node, "name").and_then(|name| name.text()).map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| (node, "an object without a name".to_owned()))?;
    let word = child(node, "difficult").and_then(|node| node.text()).map(str::trim).unwrap_or_default();
    if !difficult && (word.eq_ignore_ascii_case("true") || word.parse() == Ok(1.0)) {
        return Err((node, format!("{name} is marked as difficult")));
    }
    let around = child(node, "bndbox").ok_or_else(|| (node, format!("{name} has no bndbox")))?;
    let side = |key: &str| {
        let side = child(around, key).ok_or_else(|| (around, format!("the bndbox of {name} has no {key}")))?;
        number(side).ok_or_else(|| (side, format!("{key} of {name} is {:?}, not a number", side.text().unwrap_or(""))))
    };
    let [x1, y1, x2, y2] = [side("xmin")?, side("ymin")?, side("xmax")?, side("ymax")?];
    if x2 < x1 || y2 < y1 {
        return Err((around, format!("the bndbox of {name} ends before it begins")));
    }
    Ok((name.to_owned(), [x1 - 1.0, y1 - 1.0, x2, y2]))
}

/// The picture of an annotation file: the one it names, or the one of its own name. Case of letters counts only where
/// names differ in it.
fn picture(
    file: &Path,
    images: &Path,
    finder: &mut Finder,
    named: Option<&str>,
) -> std::result::Result<PathBuf, String> {
    let named = named.map(str::trim).filter(|name| !name.is_empty());
    let mut unread = None;
    if let Some(name) = named {
        match finder.find_below(images, name).filter(|found| found.is_file()) {
            Some(found) => match picture_kind(&found) {
                PictureKind::Unread(kind) => unread = Some((found, kind)),
                _ => return Ok(found),
            },
            None if leads_out(name) => return Err(format!("{name:?} is not below the folder of pictures")),
            None => {}
        }
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let mut candidates = picture_endings().iter().map(|ending| finder.find(images, &format!("{stem}.{ending}")));
    match candidates.find_map(|found| found.filter(|path| path.is_file())) {
        Some(found) => Ok(found),
        None => Err(match (unread, named) {
            (Some((found, kind)), _) => format!("its picture {} is {kind}, which is not read", found.display()),
            (None, Some(name)) => format!("its picture {name} is not in {}", images.display()),
            (None, None) => format!("names no picture, and there is none of its name in {}", images.display()),
        }),
    }
}

fn leads_out(name: &str) -> bool {
    let slashed = name.replace('\\', "/");
    Path::new(&slashed).components().any(|part| matches!(part, Component::ParentDir | Component::RootDir))
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn number(node: Node<'_, '_>) -> Option<f64> {
    node.text()?.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

fn unread(path: &Path, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("can't be read: {e}")).at(path.display())
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = fs::File::open(path).map_err(|e| unread(path, e))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| unread(path, e))?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::Data, format!("larger than {} MiB", most >> 20)).at(path.display()));
    }
    Ok(bytes)
}
