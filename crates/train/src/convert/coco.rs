//! COCO's JSON as YOLO folders.

use std::path::Path;

use ghostdet::Result;
use ghostdet::data::{Dataset, Item};
use ghostdet::image::Image as Pixels;

use super::folders::{Boxed, Folders, Picture};
use super::{Report, Target};

/// Converts COCO annotations with their folder of pictures. Classes are numbered by their COCO ids, rising; crowds are
/// left out.
///
/// # Errors
/// A JSON that can't be read, a folder that can't be written to, no picture with a box.
pub fn coco(json: &Path, images: &Path, target: &Target) -> Result<Report> {
    let data = Dataset::open(json, Some(images))?;
    let mut folders = Folders::new(&target.out, target.copy, target.force, data.names())?;
    folders.report.left_out = data.left_out();
    data.warnings().into_iter().for_each(|text| folders.warn(text));
    let below = |i: usize| match data.file(i).and_then(|file| file.strip_prefix(images).ok()) {
        Some(path) => path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"),
        None => String::new(),
    };
    let names: Vec<String> = (0..data.len()).map(below).collect();
    let splits = target.validation.assign(&names, &mut folders.report.warnings)?;
    let (mut crowds, mut all) = (0, 0);
    for (i, val) in splits.iter().enumerate() {
        let Some(val) = *val else { continue };
        match measured(&data, i) {
            Ok((item, size)) => {
                data.other_size(i, size[0], size[1]).into_iter().for_each(|text| folders.warn(text));
                all += item.labels.len();
                crowds += item.labels.iter().filter(|label| label.crowd).count();
                let boxes = boxes(&item, size);
                let picture = Picture { name: &item.name, file: data.file(i), bytes: &item.bytes, size };
                folders.add(&picture, &boxes, val)?;
            }
            Err(error) => folders.warn(format!("{error}; left out")),
        }
    }
    let none = splits.iter().filter(|val| val.is_none()).count();
    if none > 0 {
        folders.warn(format!("{none} pictures are in no list; left out"));
    }
    if crowds > 0 {
        folders.report.left_out += crowds;
        let what = match crowds == all {
            true => format!("all boxes ({crowds} of {all}) are crowds"),
            false => format!("{crowds} of {all} boxes are crowds"),
        };
        folders.warn(format!("{}: {what}; left out", json.display()));
    }
    folders.finish()
}

/// A picture and its `[width, height]`.
pub(super) fn measured(data: &Dataset, i: usize) -> Result<(Item, [usize; 2])> {
    let item = data.item(i)?;
    let size = Pixels::measure(&item.bytes).map_err(|error| error.at(&item.name))?;
    Ok((item, size))
}

fn boxes(item: &Item, [width, height]: [usize; 2]) -> Vec<Boxed> {
    let single = item.labels.iter().filter(|label| !label.crowd);
    single.map(|label| (label.class, label.corners(width, height))).collect()
}
