//! The three architectures, compiled in, in five sizes each.

use super::Config;

const FILES: [(&str, &str); 3] = [
    ("yolov5", include_str!("../../configs/yolov5.yaml")),
    ("yolov5-ghost", include_str!("../../configs/yolov5-ghost.yaml")),
    ("yolov5-ghost-backbone", include_str!("../../configs/yolov5-ghost-backbone.yaml")),
];

const SIZES: [(char, f64, f64); 5] =
    [('n', 0.33, 0.25), ('s', 0.33, 0.50), ('m', 0.67, 0.75), ('l', 1.0, 1.0), ('x', 1.33, 1.25)];

/// Depth and width multiple of a size letter (`n`, `s`, `m`, `l`, `x`).
pub fn size_multiples(letter: char) -> Option<(f64, f64)> {
    SIZES.iter().find(|(size, ..)| *size == letter).map(|&(_, depth, width)| (depth, width))
}

/// Takes the size letter out of a name: `yolov5n-ghost.yaml` gives `yolov5-ghost.yaml` and `n`.
pub fn size_of_name(name: &str) -> Option<(String, char)> {
    let at = name.rfind("yolov5")? + "yolov5".len();
    let letter = name[at..].chars().next().filter(|&letter| size_multiples(letter).is_some())?;
    let rest = &name[at + 1..];
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric());
    ends.then(|| (format!("{}{rest}", &name[..at]), letter))
}

/// A built-in configuration by name: `yolov5s`, `yolov5n-ghost.yaml`, `configs/yolov5x-ghost-backbone.yaml`;
/// without a size letter it is the s one.
pub fn builtin(name: &str) -> Option<Config> {
    let stem = name.rsplit(['/', '\\']).next()?;
    let stem = stem.strip_suffix(".yaml").or_else(|| stem.strip_suffix(".yml")).unwrap_or(stem);
    let (base, multiples) = match size_of_name(stem) {
        Some((base, letter)) => (base, size_multiples(letter)),
        None => (stem.to_owned(), None),
    };
    let (_, text) = FILES.iter().find(|(file, _)| *file == base)?;
    let config = Config::parse(text).ok()?;
    match multiples {
        Some((depth, width)) => config.with_multiples(depth, width).ok(),
        None => Some(config),
    }
}

/// The names [`builtin`] knows, with size letters.
pub fn builtin_names() -> Vec<String> {
    let name = |file: &str, size| format!("yolov5{size}{}", file.trim_start_matches("yolov5"));
    FILES.iter().flat_map(|(file, _)| SIZES.iter().map(move |(size, ..)| name(file, size))).collect()
}
