//! The class names of a `data.yaml`, and what contradicts itself in them.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

const MAX_CLASSES: usize = 100_000;

/// Class names. What contradicts itself goes to `odd`.
pub(super) fn class_names(config: &Value, odd: &mut Vec<String>) -> Result<Vec<String>, String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |name| name.trim().to_owned());
    let given = config.get("nc").filter(|nc| !nc.is_null());
    let nc = given.and_then(|nc| nc.as_u64().or_else(|| nc.as_str()?.trim().parse().ok()));
    let nc = nc.filter(|n| *n <= MAX_CLASSES as u64);
    if let (Some(given), None) = (given, nc) {
        odd.push(format!("nc is {given}, which is no number of classes (1 to {MAX_CLASSES}); it is passed over"));
    }
    let names: Vec<String> = match config.get("names") {
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(Value::Object(map)) => {
            let mut names = BTreeMap::new();
            for (key, value) in map {
                let class = key
                    .trim()
                    .parse::<usize>()
                    .map_err(|_| format!("names: {key} is not a class number (names: {{0: cat, 1: dog}})"))?;
                names.insert(class, text(value));
            }
            let count = names.last_key_value().map_or(0, |(last, _)| last + 1);
            if count > MAX_CLASSES {
                return Err(format!("names: more than {MAX_CLASSES} classes"));
            }
            let gaps: Vec<String> = (0..count).filter(|i| !names.contains_key(i)).map(|i| i.to_string()).collect();
            match gaps.as_slice() {
                [] => {}
                [one] => odd.push(format!("names: class {one} has no name; it is called class{one}")),
                [first, ..] => {
                    let listed = gaps.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
                    odd.push(format!("names: classes {listed} have no names; they are called class{first} and so on"));
                }
            }
            (0..count).map(|i| names.remove(&i).unwrap_or_else(|| format!("class{i}"))).collect()
        }
        Some(Value::String(words)) if !words.trim().is_empty() => {
            words.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        }
        _ => match nc {
            Some(nc) => (0..nc).map(|i| format!("class{i}")).collect(),
            None => return Err("neither names nor nc: the classes are not told (names: [cat, dog])".to_owned()),
        },
    };
    if names.is_empty() {
        return Err("names is empty: at least one class is needed (names: [cat, dog])".to_owned());
    }
    if let Some(nc) = nc.filter(|nc| *nc != names.len() as u64) {
        let count = if names.len() == 1 { "is 1 name" } else { &format!("are {} names", names.len()) };
        odd.push(format!("nc is {nc}, but there {count}; the names count"));
    }
    let mut seen = HashSet::new();
    for name in names.iter().filter(|name| !seen.insert(name.as_str())) {
        odd.push(format!("names: {name} occurs twice"));
    }
    Ok(names)
}
