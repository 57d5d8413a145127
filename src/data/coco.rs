//! COCO's annotation JSON with a folder of pictures.

use std::collections::HashMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::{Bounds, Dataset, Entry, Label, MAX_ANNOTATIONS, Warnings, read};
use crate::{Error, ErrorKind, Result};

#[derive(Deserialize)]
struct Annotations {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: Option<Vec<f64>>,
    area: Option<f64>,
    iscrowd: Option<u8>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Dataset> {
    let folder = images.ok_or_else(|| {
        Error::new(ErrorKind::Data, "COCO annotations without their pictures")
            .at(path.display())
            .hint("name the folder of pictures: --images DIR")
    })?;
    let mut all: Annotations = serde_json::from_slice(&read(path, MAX_ANNOTATIONS)?).map_err(|e| {
        Error::new(ErrorKind::Data, e.to_string())
            .at(path.display())
            .hint("COCO annotations have images, annotations and categories")
    })?;
    all.categories.sort_by_key(|c| c.id);
    let classes: HashMap<i64, usize> = all.categories.iter().enumerate().map(|(i, c)| (c.id, i)).collect();
    let names = all.categories.into_iter().map(|c| c.name).collect();

    let mut warnings = Warnings::default();
    let mut entries = Vec::new();
    let mut by_id = HashMap::new();
    for (i, image) in all.images.into_iter().enumerate() {
        let place = format!("{}: images[{i}]", path.display());
        let name = Path::new(&image.file_name);
        if !name.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
            warnings.push(format!("{place}: {} is not below the folder; left out", image.file_name));
            continue;
        }
        let file = folder.join(name);
        if !file.is_file() {
            warnings.push(format!("{place}: {} is not there; left out", file.display()));
            continue;
        }
        if by_id.insert(image.id, entries.len()).is_some() {
            warnings.push(format!("{place}: id {} occurs twice; the later one has the labels", image.id));
        }
        entries.push(Entry {
            name: file.display().to_string(),
            file,
            part: None,
            labels: Vec::new(),
            exhaustive: None,
        });
    }
    for (i, annotation) in all.annotations.iter().enumerate() {
        // Pictures that are missing were named above.
        let Some(&entry) = by_id.get(&annotation.image_id) else { continue };
        match label(annotation, &classes) {
            Ok(label) => entries[entry].labels.push(label),
            Err(what) => warnings.push(format!("{}: annotations[{i}]: {what}; left out", path.display())),
        }
    }
    Ok(Dataset { names, entries, warnings })
}

fn label(annotation: &Annotation, classes: &HashMap<i64, usize>) -> Result<Label, String> {
    let Some(&class) = classes.get(&annotation.category_id) else {
        return Err(format!("category {} is not in categories", annotation.category_id));
    };
    let Some(&[x, y, w, h]) = annotation.bbox.as_deref().and_then(|b| b.first_chunk()).filter(|_| boxed(annotation))
    else {
        return Err("bbox is not [x, y, width, height]".to_owned());
    };
    if w < 0.0 || h < 0.0 {
        return Err(format!("bbox has a negative size ({w} x {h})"));
    }
    let bounds = Bounds::Pixels([x, y, x + w, y + h]);
    Ok(Label { class, bounds, area: annotation.area, crowd: annotation.iscrowd.unwrap_or(0) != 0, score: 1.0 })
}

fn boxed(annotation: &Annotation) -> bool {
    annotation.bbox.as_ref().is_some_and(|b| b.len() == 4)
}
